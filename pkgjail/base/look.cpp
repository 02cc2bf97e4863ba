#include "pkgjail/base/look.hpp"

#include <string_view>

#include "pkgjail/base/error.hpp"

namespace pkgjail::base {

namespace {

template <class Call>
auto checked(const HostPath& path, std::string_view doing, Call&& call) {
    std::error_code error;
    auto result = call(error);
    if (error)
        throw system_error(error.value(), path.string(), doing);
    return result;
}

std::filesystem::file_status status_of(const HostPath& path) {
    std::error_code error;
    const auto status = std::filesystem::status(path, error);
    // What is not there has an error as well, and a type that says so.
    if (status.type() == std::filesystem::file_type::none)
        throw system_error(error.value(), path.string(), "stat");
    return status;
}

} // namespace

bool exists(const HostPath& path) {
    return std::filesystem::exists(status_of(path));
}

bool is_directory(const HostPath& path) {
    return std::filesystem::is_directory(status_of(path));
}

bool remove_entry(const HostPath& path) {
    return checked(path, "remove",
                   [&](std::error_code& error) { return std::filesystem::remove(path, error); });
}

void remove_directory(const HostPath& path) {
    checked(path, "remove", [&](std::error_code& error) { return std::filesystem::remove_all(path, error); });
}

HostPath real_path(const HostPath& path) {
    return checked(path, "find the real path of",
                   [&](std::error_code& error) { return std::filesystem::weakly_canonical(path, error); });
}

} // namespace pkgjail::base

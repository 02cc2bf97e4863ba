#include "pkgjail/jail/search.hpp"

#include <set>

#include <fmt/ranges.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/jail/name.hpp"
#include "pkgjail/jail/suggest.hpp"

namespace pkgjail::jail {

std::optional<base::HostPath> find_named(const std::vector<base::HostPath>& directories,
                                         const std::string& name, std::string_view suffix) {
    for (const base::HostPath& directory : directories) {
        const base::HostPath file = directory / (name + std::string(suffix));
        std::error_code error;
        const bool there = std::filesystem::exists(file, error);
        if (error)
            throw base::system_error(error.value(), file.string(), "stat");
        if (there)
            return file;
    }
    return std::nullopt;
}

std::vector<std::string> list_named(const std::vector<base::HostPath>& directories, std::string_view suffix) {
    std::set<std::string> names;
    for (const base::HostPath& directory : directories) {
        std::error_code error;
        std::filesystem::directory_iterator entry(directory, error);
        if (error == std::errc::no_such_file_or_directory)
            continue;
        for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
            const std::string file = entry->path().filename().string();
            if (!file.ends_with(suffix))
                continue;
            const std::string name = file.substr(0, file.size() - suffix.size());
            if (is_valid_name(name))
                names.insert(name);
        }
        if (error)
            throw base::system_error(error.value(), directory.string(), "readdir");
    }
    return {names.begin(), names.end()};
}

std::string no_such(std::string_view kind, const std::vector<std::string>& names,
                    const std::vector<base::HostPath>& directories) {
    if (!names.empty())
        return fmt::format("no such {}, there are: {}", kind, enumerate(names));
    std::vector<std::string> looked_in;
    for (const base::HostPath& directory : directories)
        looked_in.push_back(directory.string());
    return fmt::format("no such {}, and there is none at all in {}", kind, fmt::join(looked_in, ", "));
}

} // namespace pkgjail::jail

#include "pkgjail/store/account_databases.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <vector>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/host.hpp"
#include "pkgjail/base/process.hpp"
#include "pkgjail/store/owner.hpp"

namespace pkgjail::store {

using base::Error;
using base::ErrorKind;
using base::HostPath;
using base::RootPath;
using base::Tree;

namespace {

constexpr off_t largest = 4 << 20;
constexpr std::size_t longest_line = 1000; ///< the program's own bound is about twice that
constexpr auto patience = std::chrono::minutes(1);

std::vector<std::string_view> fields_of(std::string_view line) {
    std::vector<std::string_view> fields;
    for (;;) {
        const std::size_t colon = line.find(':');
        fields.push_back(line.substr(0, colon));
        if (colon == line.npos)
            return fields;
        line.remove_prefix(colon + 1);
    }
}

bool is_number(std::string_view text) {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size() &&
           value <= std::uint32_t{std::numeric_limits<std::int32_t>::max()};
}

/// name:password:uid:gid:class:change:expire:gecos:home:shell
bool is_plain(std::string_view line) {
    const auto is_printable = [](char c) { return c >= ' ' && c <= '~'; };
    if (line.size() > longest_line || !std::all_of(line.begin(), line.end(), is_printable))
        return false;
    const std::vector<std::string_view> fields = fields_of(line);
    if (fields.size() != 10)
        return false;
    const std::string_view name = fields[0];
    const bool is_name =
        !name.empty() && name.size() <= 32 && std::string_view("+-.").find(name[0]) == name.npos &&
        name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") ==
            name.npos;
    const auto is_time = [](std::string_view text) { return text.empty() || is_number(text); };
    return is_name && is_number(fields[2]) && is_number(fields[3]) && is_time(fields[5]) &&
           is_time(fields[6]);
}

/// Of this process alone, and gone with this object.
class PrivateDirectory {
  public:
    PrivateDirectory() : path_("/tmp/pkgjail-" + std::string(6, 'X')) {
        if (::mkdtemp(path_.data()) == nullptr)
            throw base::system_error(errno, path_, "mkdtemp");
    }
    PrivateDirectory(const PrivateDirectory&) = delete;
    PrivateDirectory& operator=(const PrivateDirectory&) = delete;
    ~PrivateDirectory() {
        try {
            const HostPath path = path_;
            Tree::open(path.parent_path()).remove_all(RootPath().entry(path.filename().string()));
        } catch (const std::exception&) {
            return; // it is in the way of nobody, and readable by nobody
        }
    }
    HostPath path() const { return path_; }

  private:
    std::string path_;
};

} // namespace

bool needs_account_databases() {
    return base::host_opsys() == "NetBSD";
}

std::string database_entries(std::string_view text) {
    std::string result;
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        if (is_plain(line))
            result.append(line).append("\n");
    }
    return result;
}

void make_account_databases(const Tree& config, const HostPath& program) {
    const RootPath etc = RootPath::parse("/etc");
    const auto directory = config.stat(etc);
    if (!directory || !directory->is_directory())
        return;
    const auto master = config.stat(etc / "master.passwd");
    if (!master || !master->is_file() || master->status.st_size > largest)
        return;
    const PrivateDirectory scratch;
    base::make_directories(scratch.path() / "etc", 0700);
    const HostPath source = scratch.path() / "etc/master.passwd";
    base::write_new_file_atomically(source, database_entries(config.read(etc / "master.passwd", largest)),
                                    0600);

    base::Command command;
    command.argv = {program.string(), "-d", scratch.path().string(), source.string()};
    command.environment = {"PATH=/sbin:/bin:/usr/sbin:/usr/bin", "LC_ALL=C"};
    const base::Output output = base::run(command, patience);
    if (output.timed_out || !output.exit.success())
        throw Error(ErrorKind::system, program.string(),
                    (output.timed_out ? "did not end" : output.exit.describe()) +
                        (output.err.empty() ? "" : ": " + output.err.substr(0, output.err.find('\n'))));
    for (const char* name : account_databases) {
        const auto there = config.stat(etc / name);
        if (there && there->is_directory())
            config.remove_all(etc / name);
        const bool is_secret = std::string_view(name) == "spwd.db"; // has the passwords in it
        config.write(etc / name, base::read_file(scratch.path() / "etc" / name, 64u << 20),
                     is_secret ? 0600 : 0644, permitted_owner());
    }
}

} // namespace pkgjail::store

#include "pkgjail/jail/search.hpp"

#include <algorithm>
#include <set>

#include <fmt/ranges.h>

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

namespace {

/// Calls `see` with each file that has the suffix, and with its name without.
template <class See>
void each_named(const std::vector<base::HostPath>& directories, std::string_view suffix, See&& see) {
    for (const base::HostPath& directory : directories) {
        std::error_code error;
        std::filesystem::directory_iterator entry(directory, error);
        if (error == std::errc::no_such_file_or_directory)
            continue;
        for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
            const std::string file = entry->path().filename().string();
            if (file.ends_with(suffix) && !file.starts_with('.'))
                see(entry->path(), file.substr(0, file.size() - suffix.size()));
        }
        if (error)
            throw base::system_error(error.value(), directory.string(), "readdir");
    }
}

} // namespace

std::vector<std::string> list_named(const std::vector<base::HostPath>& directories, std::string_view suffix) {
    std::set<std::string> names;
    each_named(directories, suffix, [&](const base::HostPath&, const std::string& name) {
        if (is_valid_name(name))
            names.insert(name);
    });
    return {names.begin(), names.end()};
}

std::vector<base::Error> list_misnamed(const std::vector<base::HostPath>& directories,
                                       std::string_view suffix) {
    std::vector<base::Error> all;
    each_named(directories, suffix, [&](const base::HostPath& file, const std::string& name) {
        if (!is_valid_name(name))
            all.push_back(misnamed(file, suffix));
    });
    std::sort(all.begin(), all.end(),
              [](const base::Error& a, const base::Error& b) { return a.object() < b.object(); });
    return all;
}

base::Error misnamed(const base::HostPath& file, std::string_view suffix) {
    return base::Error(base::ErrorKind::configuration, file.string(),
                       fmt::format("found \"{}\", allowed: NAME{}, where NAME is {}",
                                   file.filename().string(), suffix, name_rule),
                       "rename the file; a name that begins with a dot is passed over");
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

#include "pkgjail/jail/mounts.hpp"

#include <fmt/format.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/jail/config_file.hpp"
#include "pkgjail/jail/name.hpp"

namespace pkgjail::jail {

namespace {

/// At most three: what, where, how. A path with a colon in it cannot be written.
std::vector<std::string> split(std::string_view text, char at) {
    std::vector<std::string> parts;
    for (;;) {
        const std::size_t end = text.find(at);
        parts.emplace_back(text.substr(0, end));
        if (end == std::string_view::npos)
            return parts;
        text.remove_prefix(end + 1);
    }
}

} // namespace

std::string VolumeUse::str() const {
    return fmt::format("{}:{}{}", volume, path.str(), writable ? "" : ":ro");
}

std::string HostMount::str() const {
    return fmt::format("{}:{}:{}{}", source, path.str(), writable ? "rw" : "ro", executable ? ",exec" : "");
}

VolumeUse parse_volume_use(const Setting& setting) {
    const std::vector<std::string> parts = split(setting.value, ':');
    const auto path = parts.size() >= 2 ? absolute_path(parts[1]) : std::nullopt;
    if (parts.size() > 3 || !path || path->is_root() || !is_valid_name(parts[0]) ||
        !is_plain_text(setting.value) || (parts.size() == 3 && parts[2] != "ro" && parts[2] != "rw"))
        throw wrong_value(setting,
                          fmt::format("VOLUME:/path or VOLUME:/path:ro, where VOLUME is {}", name_rule));
    return {parts[0], *path, parts.size() < 3 || parts[2] == "rw"};
}

HostMount parse_host_mount(const Setting& setting) {
    const std::vector<std::string> parts = split(setting.value, ':');
    const auto source = absolute_path(parts[0]);
    const auto path = parts.size() >= 2 ? absolute_path(parts[1]) : std::nullopt;
    const auto refuse = [&] {
        return wrong_value(setting, "/host/path:/path, with :ro or :rw behind it, and with ,exec behind that "
                                    "where programs in it may be run");
    };
    if (parts.size() > 3 || !source || !path || path->is_root() || !is_plain_text(setting.value))
        throw refuse();
    HostMount mount{source->str(), *path, false, false};
    if (parts.size() == 3) {
        const std::vector<std::string> words = split(parts[2], ',');
        if ((words[0] != "ro" && words[0] != "rw") || words.size() > 2 ||
            (words.size() == 2 && words[1] != "exec"))
            throw refuse();
        mount.writable = words[0] == "rw";
        mount.executable = words.size() == 2;
    }
    return mount;
}

namespace {

/// What was typed is at fault, not a file.
template <class Parse>
auto typed(std::string_view where, const std::string& text, Parse&& parse) {
    try {
        return parse(Setting{std::string(where), text, {std::string(where), 0, ""}});
    } catch (const base::Error& error) {
        throw base::Error(base::ErrorKind::usage, std::string(where), error.cause(), error.hint());
    }
}

} // namespace

void add_volume_word(std::string_view where, const std::string& text, MountWords& words) {
    words.volumes.push_back(typed(where, text, parse_volume_use));
}

void add_mount_word(std::string_view where, const std::string& text, MountWords& words) {
    words.mounts.push_back(typed(where, text, parse_host_mount));
}

} // namespace pkgjail::jail

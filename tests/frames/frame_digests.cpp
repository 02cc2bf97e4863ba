// Says how pkgjail knows the sections of an install script, for format/install_frame_sections.cpp.
//
//     frame_digests FILE…
//
// A file is a whole +INSTALL, or a template of the pkginstall framework (mk/pkginstall/dirs, …; usergroup
// with the platform's functions put in); templates get values like those of a build. For each section: its
// digest, whether it is known, its mark.
#include <cctype>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include "pkgjail/format/install_frame.hpp"

namespace {

std::string value_of(const std::string& name) {
    const std::map<std::string, std::string> values = {{"SH", "/bin/sh"},
                                                       {"MKDIR", "/bin/mkdir -p"},
                                                       {"PWD_CMD", "/bin/pwd"},
                                                       {"PREFIX", "/usr/pkg"},
                                                       {"SETENV", "/usr/bin/env"}};
    if (const auto found = values.find(name); found != values.end())
        return found->second;
    if (name.starts_with("PKG_USER_"))
        return "/nonexistent";
    if (name.starts_with("PKG_") || name.ends_with("_VERBOSE"))
        return "YES";
    std::string tool = "/usr/bin/";
    for (const char byte : name)
        tool += static_cast<char>(std::tolower(static_cast<unsigned char>(byte)));
    return tool;
}

/// "@NAME@" replaced.
std::string filled_in(std::string text) {
    for (std::size_t at = 0; (at = text.find('@', at)) != std::string::npos;) {
        const std::size_t end = text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_", at + 1);
        if (end == std::string::npos || end == at + 1 || text[end] != '@') {
            ++at;
            continue;
        }
        text.replace(at, end + 1 - at, value_of(text.substr(at + 1, end - at - 1)));
    }
    return text;
}

} // namespace

int main(int argc, char** argv) {
    for (int i = 1; i < argc; ++i) {
        std::ifstream file(argv[i]);
        if (!file) {
            std::fprintf(stderr, "%s: cannot be read\n", argv[i]);
            return 1;
        }
        const std::string text{std::istreambuf_iterator<char>(file), {}};
        for (const auto& section : pkgjail::format::script_sections(filled_in(text)))
            if (!section.digest.empty())
                std::printf("%s %s %s\n", section.digest.c_str(),
                            pkgjail::format::known_section(section.digest) ? "known" : "unknown",
                            section.mark.c_str());
    }
    return 0;
}

// Whether a +INSTALL script holds nothing but the text of pkgsrc's pkginstall framework. What such a script
// does follows from its data lines alone, so that pkgjail can do it itself instead of running some hundred
// programs.
//
// The framework puts a script together from templates, each with a mark as its first line ("# $NetBSD: dirs,v
// …$"): header, for each kind of data an unpacker that holds a helper script as a here-document, the stages,
// the end, and after "exit 0" the data lines. When a package is built the templates get the paths of tools,
// the prefix and the defaults of a few switches. So a section's text is known when, without comments and with
// those values taken out, its digest is one of those in install_frame_sections.cpp. Anything else that a
// package brings (a template of its own, a newer framework, a tool of a strange name) makes the script an
// unknown one, to be run.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pkgjail::format {

enum class FrameSection {
    header,
    usergroup, ///< up to the functions of the platform, which have a mark of their own
    accounts,  ///< those functions and the rest of the helper
    dirs,
    files,
    perms,
    shell,
    stages,
    end,
};

struct InstallFrame {
    struct Helper {
        std::string name; ///< "+DIRS"
        std::string text; ///< the file that the script's UNPACK stage writes, data lines and all
    };
    std::vector<Helper> helpers; ///< in the order in which they are written

    /// nullopt: not known, has to be run. Never throws for what a package may hold.
    static std::optional<InstallFrame> recognise(std::string_view script);
};

/// One section of a script, from its mark to the next one's.
struct ScriptSection {
    std::string mark;   ///< "# $NetBSD: dirs,v …$"; empty for what stands before the first one
    std::string text;   ///< with the mark
    std::string digest; ///< SHA-256 of what is left of the text; empty when nothing is
};
std::vector<ScriptSection> script_sections(std::string_view script);

/// What the section with this digest is, nullopt: not known.
std::optional<FrameSection> known_section(std::string_view digest);

} // namespace pkgjail::format

// What pkgsrc's pkginstall framework declares at the end of a +INSTALL script, in comment lines: "# USER:",
// "# GROUP:", "# DIR:", "# FILE:", "# PERMS:", "# SHELL:". pkgjail reads the lines to know which accounts a
// package asks for before any of its code runs; where the script holds nothing else (format/install_frame),
// store/pkginstall does what they say.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pkgjail::format {

struct DeclaredUser {
    std::string name;
    std::string group;
    std::optional<std::uint32_t> uid; ///< wanted number
    std::string gecos;
    std::string home;  ///< "/nonexistent" when not given
    std::string shell; ///< empty when not given: the platform's nologin
};
struct DeclaredGroup {
    std::string name;
    std::optional<std::uint32_t> gid;
};
struct DeclaredPermissions {
    std::string path; ///< relative to the prefix, or absolute
    unsigned mode = 0;
    std::string user;
    std::string group;
    std::string line; ///< as it stands, without "# PERMS: "; the helpers go through them sorted, each once
};
/// A file that the script copies from an example of the package's when it is not there yet.
struct DeclaredFile {
    std::string path;    ///< relative to the prefix, or absolute
    std::string example; ///< idem
    std::string flags;
    bool is_rc_script = false; ///< only where rc.d scripts are wanted
    std::optional<unsigned> mode;
    std::string mode_text; ///< as it was written
    std::string user;      ///< empty when not given: the installer's
    std::string group;
    std::string line;
};
/// A directory that the script makes when it is not there yet.
struct DeclaredDirectory {
    std::string path; ///< relative to the prefix, or absolute
    std::string flags;
    std::optional<unsigned> mode;
    std::string mode_text;
    std::string user;
    std::string group;
    std::string line;
};

struct InstallDeclarations {
    std::vector<DeclaredUser> users;
    std::vector<DeclaredGroup> groups;
    std::vector<DeclaredPermissions> permissions;
    std::vector<DeclaredFile> files;
    std::vector<DeclaredDirectory> directories;
    std::vector<std::string> shells; ///< for /etc/shells; relative to the prefix, or absolute

    /// Throws Error{corrupt} with the line number for data lines of the wrong form; account names must match
    /// [a-z_][a-z0-9_.-]* and be at most 32 bytes (case-insensitively), fields must be free of control
    /// characters, modes are octal. In paths a backslash quotes the byte after it. Paths are not checked
    /// further: what they name, the script does inside its build jail. Lines of other kinds (INFO, FONTS, …)
    /// are passed over.
    static InstallDeclarations parse(std::string_view script);
};

} // namespace pkgjail::format

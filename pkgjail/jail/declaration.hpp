// A declared jail: jails.d/NAME.jail says what a jail of that name should be. pkgjail-jail(5) is the
// reference of the keys. Reading one executes and changes nothing; comparing it with what there is is
// ops/declared.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pkgjail/base/path.hpp"
#include "pkgjail/jail/config_file.hpp"
#include "pkgjail/jail/mounts.hpp"
#include "pkgjail/jail/network.hpp"

namespace pkgjail::jail {

struct Declaration {
    std::string name; ///< the jail's: that of the file, without ".jail"
    base::HostPath file;
    std::string recipe;                                 ///< empty: a jail without a service
    std::vector<std::string> packages;                  ///< patterns, beside those of the recipe
    std::string limits;                                 ///< template; empty: the recipe's
    std::map<std::string, std::string> limit_overrides; ///< name (or "require") to value as written
    std::map<std::string, std::string> set;             ///< values of the recipe
    NetworkChoice network;                              ///< over the recipe's
    std::vector<VolumeUse> volumes;
    std::vector<HostMount> mounts;
    std::vector<std::string> secrets;          ///< names, beside those of the recipe
    std::vector<std::string> requires_;        ///< jails, beside those that the recipe requires
    std::optional<bool> autostart;             ///< whether it is started with the host; unset: when
                                               ///< it is meant to run
    std::map<std::string, std::string> labels; ///< for people and their programs
    bool running = true;                       ///< meaningless without a recipe
    std::vector<Section> sections;             ///< as read, for refuse()
};

/// Throws Error{configuration} with file, line, key, found, allowed for everything that the text alone shows
/// to be wrong. Whether recipe, template and packages exist is not looked at.
Declaration parse_declaration(std::string_view text, const base::HostPath& file);
/// `directory`/`name`.jail; nullopt when there is none.
std::optional<Declaration> find_declaration(const base::HostPath& directory, const std::string& name);
/// The declared names, sorted. Error{configuration} for a file NAME.jail whose NAME is no jail's; files that
/// begin with a dot are an editor's. A directory that does not exist declares nothing.
std::vector<std::string> list_declarations(const base::HostPath& directory);
/// CONFIG/jails.d.
base::HostPath declaration_directory(const base::HostPath& etc);

/// Error{configuration} at a key of `[section]`, or at the section where it has no such key: "PROBLEM,
/// allowed: ALLOWED".
[[noreturn]] void refuse(const Declaration& declaration, std::string_view section, const std::string& key,
                         std::string_view problem, std::string_view allowed = {}, std::string hint = {});

/// The text that is read as this declaration. Error{conflict} where a value cannot be written in a file of
/// this syntax.
std::string declaration_text(const Declaration& declaration);

} // namespace pkgjail::jail

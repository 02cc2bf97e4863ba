// The one syntax of configuration, recipes, limit templates and declared jails: sections and `key = value`.
// Each line is read by Boost.Program_options' rules for such files; nothing in them is ever executed, and
// nothing is expanded while it is read.
//
//     # comment (a "#" at the start of a line or after white space)
//     [section optional name]
//     key = value          repeat a key for a list
//
// Every failure is Error{configuration} whose object is "FILE:LINE: KEY" and whose cause is "found VALUE,
// allowed: …".
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/path.hpp"

namespace pkgjail::jail {

/// Where something was written, for messages: "recipes.d/nginx.recipe:12: command".
struct Position {
    std::string file;  ///< or what stands in for one: "command line"
    unsigned line = 0; ///< from 1; 0: the file as a whole
    std::string key{}; ///< empty: a section, or the line as a whole
    std::string str() const;
};

/// One `key = value`.
struct Setting {
    std::string key;
    std::string value; ///< trimmed
    Position where;
    std::string written{}; ///< what stands in the file where `value` was made from it by expand()
};

/// One `[kind name]` with its settings, in order.
struct Section {
    std::string kind; ///< "file" in "[file /etc/x]"; empty for what stands before the first section
    std::string name; ///< "/etc/x"; may be empty
    std::vector<Setting> settings;
    Position where;
    std::string title() const; ///< "[file /etc/x]"
};

/// Reads the whole text; a section without a kind is there only if something stands before the first header.
/// Throws for a line that is neither header nor setting, a key with characters other than [a-z0-9._-], a
/// header that does not close, control characters (tabs are white space), invisible characters, and bytes
/// that are not UTF-8.
std::vector<Section> parse_sections(std::string_view text, std::string_view file);
/// parse_sections of a file of at most 1 MiB.
std::vector<Section> read_sections(const base::HostPath& file);
/// Throws unless the section's kind is one of `kinds`, and, where a kind stands in `named`, it has a name or
/// not as that says: a section of another kind must have none.
void check_kind(const Section& section, const std::vector<std::string>& kinds,
                const std::vector<std::string>& named = {});

/// Takes typed values out of one section and then insists that nothing unknown is left. The section must
/// outlive it.
class SectionReader {
  public:
    using Milliseconds = std::chrono::milliseconds;
    explicit SectionReader(const Section& section);

    std::optional<std::string> text(const std::string& key);
    std::string required(const std::string& key);       ///< throws when missing or empty
    std::vector<Setting> list(const std::string& key);  ///< a repeated key, in order
    std::optional<bool> yes_no(const std::string& key); ///< yes no true false on off
    std::optional<std::uint64_t> number(const std::string& key, std::uint64_t low, std::uint64_t high);
    /// 500ms 10s 5m 2h 1d, within the bounds.
    std::optional<Milliseconds> duration(const std::string& key, Milliseconds low = Milliseconds(0),
                                         Milliseconds high = std::chrono::hours(24 * 365));
    /// Bytes: 4096 64K 256M 2G, within the bounds.
    std::optional<std::uint64_t> size(const std::string& key, std::uint64_t low = 0,
                                      std::uint64_t high = std::uint64_t(1) << 62);
    /// One of the words given.
    std::optional<std::string> word(const std::string& key, const std::vector<std::string>& allowed);
    /// A command line, see split_command; at least one word.
    std::optional<std::vector<std::string>> command(const std::string& key);

    /// Throws for a key that was never asked for, with the nearest allowed one as hint, and for a repeated
    /// key that is no list. Called after all keys were asked for, and before anything is believed.
    void finish();
    const Section& section() const { return section_; }
    /// Error for a value that was taken but is wrong for a reason of the caller's: "found VALUE, allowed:
    /// ALLOWED".
    [[noreturn]] void refuse(const std::string& key, std::string_view allowed, std::string hint = {}) const;
    /// Error at a key, or at the section where it has no such key; `problem` is in place of "found VALUE".
    [[noreturn]] void fail(const std::string& key, std::string_view problem, std::string_view allowed = {},
                           std::string hint = {}) const;

  private:
    const Setting* take(const std::string& key, bool is_list = false);
    const Section& section_;
    std::map<std::string, bool> known_; // key → is a list
};

/// `found "VALUE"`, with what was written where that is something else.
std::string found(const Setting& setting);
/// Error{configuration} "found VALUE, allowed: …" at the setting.
base::Error wrong_value(const Setting& setting, std::string_view allowed, std::string hint = {});

/// "/a/b", without "..", doubled slashes and the like; nullopt for what base::RootPath refuses, and for a
/// relative path.
std::optional<base::RootPath> absolute_path(std::string_view text);

/// Whether it is UTF-8 without control characters (so without line ends) and invisible characters.
bool is_plain_text(std::string_view text);

/// A command line split into words as a POSIX shell splits them, with nothing expanded: blanks separate; '…'
/// keeps everything; "…" keeps everything but \" and \\; elsewhere a backslash takes the next character as it
/// is. nullopt for a quote that is not closed and for a backslash at the end. (Boost's split_unix drops empty
/// words, lets one kind of quote close the other and takes an open quote as closed.)
std::optional<std::vector<std::string>> split_command(std::string_view text);

/// `${name}` replaced by its value, `$${` by a literal "${"; every other "$" stays. Values are not expanded
/// again. Throws for an unknown name (with the known ones) and for an open brace; in a text of several lines,
/// the line is counted on from where.line.
std::string expand(std::string_view text, const std::map<std::string, std::string>& values,
                   const Position& where);

} // namespace pkgjail::jail

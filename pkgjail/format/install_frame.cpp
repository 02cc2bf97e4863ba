#include "pkgjail/format/install_frame.hpp"

#include <algorithm>
#include <array>
#include <map>

#include "pkgjail/base/digest.hpp"
#include "pkgjail/format/text_lines.hpp"

namespace pkgjail::format {
namespace {

constexpr std::string_view blanks = " \t";
constexpr std::string_view upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
constexpr std::string_view word_bytes = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
constexpr std::string_view path_bytes =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./+:@%,-";

bool only(std::string_view text, std::string_view bytes) {
    return text.find_first_not_of(bytes) == std::string_view::npos;
}

bool is_mark(std::string_view line) {
    return line.size() > 4 && line.starts_with("# $") && line.ends_with('$');
}

/// The programs that the framework calls by a variable, and what they may be: the last component of the path,
/// also with a "g" (GNU's) or "nb" (NetBSD's) in front.
constexpr std::pair<std::string_view, std::string_view> tools[] = {{"AWK", "awk gawk nawk mawk"},
                                                                   {"CAT", "cat"},
                                                                   {"CHGRP", "chgrp"},
                                                                   {"CHMOD", "chmod"},
                                                                   {"CHOWN", "chown"},
                                                                   {"CMP", "cmp"},
                                                                   {"CP", "cp"},
                                                                   {"ECHO", "echo"},
                                                                   {"EGREP", "egrep grep"},
                                                                   {"FALSE", "false"},
                                                                   {"FIND", "find"},
                                                                   {"GREP", "grep"},
                                                                   {"LS", "ls"},
                                                                   {"MKDIR", "mkdir"},
                                                                   {"MV", "mv"},
                                                                   {"PWD_CMD", "pwd"},
                                                                   {"RM", "rm"},
                                                                   {"RMDIR", "rmdir"},
                                                                   {"SED", "sed"},
                                                                   {"SETENV", "env"},
                                                                   {"SH", "sh bash dash ksh mksh"},
                                                                   {"SORT", "sort"},
                                                                   {"TEST", "test ["},
                                                                   {"TOUCH", "touch"},
                                                                   {"TRUE", "true :"}};
/// What the framework sets and a script of nothing but its text does not use.
constexpr std::array unused = {std::string_view("BASENAME"),
                               std::string_view("CONF_DEPENDS"),
                               std::string_view("DIRNAME"),
                               std::string_view("ECHO_N"),
                               std::string_view("EXPR"),
                               std::string_view("GROUPADD"),
                               std::string_view("GTAR"),
                               std::string_view("HEAD"),
                               std::string_view("ID"),
                               std::string_view("LINKFARM"),
                               std::string_view("LN"),
                               std::string_view("LOCALBASE"),
                               std::string_view("PERL5"),
                               std::string_view("PKGBASE"),
                               std::string_view("PKG_ADMIN"),
                               std::string_view("PKG_INFO"),
                               std::string_view("PKG_SYSCONFBASE"),
                               std::string_view("PKG_SYSCONFBASEDIR"),
                               std::string_view("PKG_SYSCONFDIR"),
                               std::string_view("PREFIX"),
                               std::string_view("SU"),
                               std::string_view("TR"),
                               std::string_view("USERADD"),
                               std::string_view("VARBASE"),
                               std::string_view("X11BASE"),
                               std::string_view("XARGS")};

bool is_program(std::string_view word, std::string_view names) {
    if (!only(word, "[:") && !only(word, path_bytes))
        return false;
    word.remove_prefix(word.rfind('/') + 1);
    for (const std::string_view prefix : {"", "g", "nb"}) {
        if (!word.starts_with(prefix))
            continue;
        const std::string_view bare = word.substr(prefix.size());
        for (std::size_t at = 0; at < names.size();) {
            const std::size_t end = std::min(names.find(' ', at), names.size());
            if (bare == names.substr(at, end - at))
                return true;
            at = end + 1;
        }
    }
    return false;
}

/// NAME="VALUE": whether the value is one that the framework may have got on the machine that built the
/// package.
bool is_value_of(std::string_view name, std::string_view value) {
    if (value.find_first_of("\"$`\\") != std::string_view::npos || has_control_characters(value))
        return false;
    if (std::find(unused.begin(), unused.end(), name) != unused.end())
        return true;
    const auto tool =
        std::find_if(std::begin(tools), std::end(tools), [&](const auto& t) { return t.first == name; });
    if (tool == std::end(tools))
        return false;
    const std::size_t blank = std::min(value.find(' '), value.size());
    const std::string_view arguments = value.substr(blank);
    return is_program(value.substr(0, blank), tool->second) && arguments == (name == "MKDIR" ? " -p" : "");
}

/// Replaces what stands between `before` and `after` in the line, when it is of these bytes only.
bool blank_out(std::string& line, std::string_view before, std::string_view after, std::string_view bytes) {
    const std::size_t begin = line.find(before);
    if (begin == std::string::npos)
        return false;
    const std::size_t value = begin + before.size();
    const std::size_t end = line.find(after, value);
    if (end == std::string::npos || !only(std::string_view(line).substr(value, end - value), bytes))
        return false;
    line.replace(value, end - value, "*");
    return true;
}

/// The line without what differs from package to package.
std::string normal(std::string_view text) {
    std::string line(text);
    const std::size_t begin = std::min(line.find_first_not_of(blanks), line.size());
    const std::size_t equals = line.find("=\"", begin);
    if (equals != std::string::npos && line.size() > equals + 2 && line.back() == '"') {
        const std::string_view name = std::string_view(line).substr(begin, equals - begin);
        const std::string_view value = std::string_view(line).substr(equals + 2, line.size() - equals - 3);
        if (is_value_of(name, value))
            return line.substr(0, equals + 2) + "*\"";
        return line;
    }
    // Set in the environment that the script gets, so the defaults never count.
    if (blank_out(line, "${PKG_PREFIX=", "}", path_bytes))
        return line;
    if (line.starts_with("case \"${PKG_") && line.ends_with("}\" in") &&
        blank_out(line, ":-", "}", word_bytes))
        return line;
    // Accounts are there before any script runs; these two are for making them.
    for (const char* default_value : {": ${home:=\"", ": ${shell:=\""})
        if (std::string_view(line).substr(begin).starts_with(default_value) &&
            blank_out(line, default_value, "\"}", path_bytes))
            return line;
    return line;
}

/// What the text does: no comments, no empty lines, no values of the machine that built the package.
std::string essence(std::string_view text) {
    std::string result;
    TextLines lines(text);
    for (std::string_view line; lines.next(line);) {
        line = trim_right(line);
        if (line.empty() || trim_left(line).starts_with('#'))
            continue;
        result += normal(line);
        result += '\n';
    }
    return result;
}

bool is_shell_line(std::string_view line) {
    constexpr std::string_view shells = "sh bash dash ksh mksh";
    return line.starts_with("#!/") && is_program(trim_right(line.substr(2)), shells);
}

/// "# KIND: …", what helpers look for, whatever the kind.
bool is_data_line(std::string_view line) {
    if (!line.starts_with("# "))
        return false;
    line.remove_prefix(2);
    const std::size_t end = line.find_first_not_of(upper);
    return end != 0 && end != std::string_view::npos && line.substr(end).starts_with(": ");
}

constexpr std::pair<FrameSection, std::string_view> unpackers[] = {{FrameSection::usergroup, "GROUP USER"},
                                                                   {FrameSection::dirs, "DIR"},
                                                                   {FrameSection::files, "FILE"},
                                                                   {FrameSection::perms, "PERMS"},
                                                                   {FrameSection::shell, "SHELL"}};

/// The here-document of an unpacker, and the name of the file that it goes to. The section is a known one, so
/// that both are there; nullopt all the same if not.
std::optional<InstallFrame::Helper> here_document(std::string_view section) {
    constexpr std::string_view command = "${CAT} > ./", marker = " << 'EOF'\n", end_marker = "\nEOF\n";
    std::size_t start = section.find(command);
    while (
        start != std::string_view::npos &&
        !only(section.substr(section.rfind('\n', start) + 1, start - section.rfind('\n', start) - 1), blanks))
        start = section.find(command, start + 1); // in a comment
    if (start == std::string_view::npos)
        return std::nullopt;
    const std::size_t name = start + command.size();
    const std::size_t name_end = section.find(marker, name);
    if (name_end == std::string_view::npos)
        return std::nullopt;
    const std::size_t body = name_end + marker.size();
    const std::size_t end = section.find(end_marker, body);
    if (end == std::string_view::npos)
        return std::nullopt;
    InstallFrame::Helper helper{std::string(section.substr(name, name_end - name)),
                                std::string(section.substr(body, end + 1 - body))};
    if (!helper.name.starts_with('+') ||
        !only(std::string_view(helper.name).substr(1), std::string(upper) + "_"))
        return std::nullopt;
    return helper;
}

/// Goes through a script's sections, each of which may come where the framework puts it.
class Recognition {
  public:
    std::optional<InstallFrame> run(std::string_view script) {
        if (!script.ends_with('\n') || script.find('\0') != std::string_view::npos ||
            !is_shell_line(script.substr(0, script.find('\n'))))
            return std::nullopt;
        const std::vector<ScriptSection> sections = script_sections(script);
        if (sections.size() < 4 || !sections.front().digest.empty())
            return std::nullopt;
        for (std::size_t i = 1; i < sections.size(); ++i) {
            const auto known = known_section(sections[i].digest);
            if (!known || !take(*known, sections[i].text))
                return std::nullopt;
            const bool is_last = i + 1 == sections.size();
            if (is_last != (*known == FrameSection::end) || (!is_last && has_data(sections[i].text)))
                return std::nullopt;
        }
        if (has_data(sections.front().text))
            return std::nullopt;
        read_data(sections.back().text);
        if (has_data_of_nobody())
            return std::nullopt;
        for (InstallFrame::Helper& helper : frame_.helpers)
            for (const std::string_view kind : kinds_of_.at(helper.name))
                helper.text += data_[std::string(kind)];
        return std::move(frame_);
    }

  private:
    bool take(FrameSection section, const std::string& text) {
        const FrameSection before = last_;
        last_ = section;
        switch (section) {
        case FrameSection::header:
            return before == FrameSection::end; // nothing yet
        case FrameSection::usergroup:
            usergroup_ = text;
            return before != FrameSection::end && before != FrameSection::stages;
        case FrameSection::accounts:
            return before == FrameSection::usergroup && unpack(FrameSection::usergroup, usergroup_ + text);
        case FrameSection::stages:
        case FrameSection::dirs:
        case FrameSection::files:
        case FrameSection::perms:
        case FrameSection::shell:
            return before != FrameSection::end && before != FrameSection::usergroup &&
                   before != FrameSection::stages &&
                   (section == FrameSection::stages || unpack(section, text));
        case FrameSection::end:
            return before == FrameSection::stages;
        }
        return false;
    }

    bool unpack(FrameSection section, std::string_view text) {
        auto helper = here_document(text);
        if (!helper)
            return false;
        const auto unpacker = std::find_if(std::begin(unpackers), std::end(unpackers),
                                           [&](const auto& u) { return u.first == section; });
        std::vector<std::string_view> kinds;
        for (std::size_t at = 0; at < unpacker->second.size();) {
            const std::size_t end = std::min(unpacker->second.find(' ', at), unpacker->second.size());
            kinds.push_back(unpacker->second.substr(at, end - at));
            at = end + 1;
        }
        if (!kinds_of_.emplace(helper->name, kinds).second)
            return false; // twice
        frame_.helpers.push_back(std::move(*helper));
        return true;
    }

    static bool has_data(std::string_view text) {
        TextLines lines(text);
        for (std::string_view line; lines.next(line);)
            if (is_data_line(line))
                return true;
        return false;
    }

    /// Data of a helper that this script does not bring: running it would do nothing about them.
    bool has_data_of_nobody() const {
        return std::any_of(data_.begin(), data_.end(), [&](const auto& data) {
            const auto is_kind = [&](std::string_view kind) { return kind == data.first; };
            const bool is_ours =
                std::any_of(std::begin(unpackers), std::end(unpackers), [&](const auto& unpacker) {
                    return (" " + std::string(unpacker.second) + " ").find(" " + data.first + " ") !=
                           std::string::npos;
                });
            return is_ours && std::none_of(kinds_of_.begin(), kinds_of_.end(), [&](const auto& helper) {
                       return std::any_of(helper.second.begin(), helper.second.end(), is_kind);
                   });
        });
    }

    void read_data(std::string_view text) {
        TextLines lines(text);
        for (std::string_view line; lines.next(line);)
            if (is_data_line(line))
                (data_[std::string(line.substr(2, line.find(':') - 2))] += line) += '\n';
    }

    InstallFrame frame_;
    FrameSection last_ = FrameSection::end;
    std::string usergroup_;
    std::map<std::string, std::vector<std::string_view>> kinds_of_; ///< helper → kinds of its data lines
    std::map<std::string, std::string> data_;                       ///< kind → its lines
};

} // namespace

std::vector<ScriptSection> script_sections(std::string_view script) {
    std::vector<ScriptSection> sections(1);
    TextLines lines(script);
    for (std::string_view line; lines.next(line);) {
        if (is_mark(line))
            sections.push_back({std::string(line), {}, {}});
        sections.back().text += line;
        sections.back().text += '\n';
    }
    for (ScriptSection& section : sections)
        if (const std::string text = essence(section.text); !text.empty())
            section.digest = base::sha256(text);
    return sections;
}

std::optional<InstallFrame> InstallFrame::recognise(std::string_view script) {
    return Recognition().run(script);
}

} // namespace pkgjail::format

#include "pkgjail/format/plist.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/core.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/path.hpp"
#include "pkgjail/format/pattern.hpp"
#include "pkgjail/format/pkgname.hpp"
#include "pkgjail/format/text_lines.hpp"

namespace pkgjail::format {
namespace {

constexpr std::size_t max_command = 4096;

enum class Word {
    cwd,
    src,
    exec,
    unexec,
    mode,
    owner,
    group,
    comment,
    ignore,
    name,
    display,
    pkgdep,
    pkgcfl,
    pkgdir,
    dirrm,
    option,
    blddep,
};
constexpr std::array<std::pair<std::string_view, Word>, 17> words = {{
    {"@cwd", Word::cwd},
    {"@src", Word::src},
    {"@exec", Word::exec},
    {"@unexec", Word::unexec},
    {"@mode", Word::mode},
    {"@owner", Word::owner},
    {"@group", Word::group},
    {"@comment", Word::comment},
    {"@ignore", Word::ignore},
    {"@name", Word::name},
    {"@display", Word::display},
    {"@pkgdep", Word::pkgdep},
    {"@pkgcfl", Word::pkgcfl},
    {"@pkgdir", Word::pkgdir},
    {"@dirrm", Word::dirrm},
    {"@option", Word::option},
    {"@blddep", Word::blddep},
}};

const std::pair<std::string_view, Word>* word_of(std::string_view line) {
    const auto found = std::find_if(words.begin(), words.end(),
                                    [&](const auto& word) { return line.starts_with(word.first); });
    return found == words.end() ? nullptr : &*found;
}

bool is_md5(std::string_view text) {
    return text.size() == 32 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string_view without_trailing_slashes(std::string_view path) {
    while (path.size() > 1 && path.back() == '/')
        path.remove_suffix(1);
    return path;
}

std::string shell_quoted(std::string_view text) {
    std::string quoted = "'";
    for (const char byte : text) {
        if (byte == '\'')
            quoted += "'\\''";
        else
            quoted += byte;
    }
    return quoted + "'";
}

class Parser {
  public:
    explicit Parser(std::string_view text) : lines_(text) {}

    Plist parse() {
        std::string_view line;
        while (lines_.next(line)) {
            if (line.find('\0') != std::string_view::npos)
                fail("a NUL byte");
            line = trim_right(line);
            if (!line.empty())
                take_line(line);
        }
        require("@name", !plist_.pkgname.empty());
        require("@cwd", !plist_.prefix.empty());
        expand_commands(exec_, plist_.exec);
        expand_commands(unexec_, plist_.unexec);
        check_tree();
        return std::move(plist_);
    }

  private:
    struct RawCommand {
        std::size_t line;
        std::string text;
        std::size_t after_files;
    };
    struct Listed {
        std::string path;
        std::size_t line;
        bool is_directory;
    };

    [[noreturn]] void fail_at(std::size_t line, std::string cause) const {
        throw base::Error(base::ErrorKind::corrupt, fmt::format("+CONTENTS line {}", line), std::move(cause));
    }
    [[noreturn]] void fail(std::string cause) const { fail_at(lines_.number(), std::move(cause)); }
    void require(std::string_view command, bool is_there) const {
        if (!is_there)
            throw base::Error(base::ErrorKind::corrupt, "+CONTENTS",
                              fmt::format("it has no {} line", command));
    }

    void take_line(std::string_view line) {
        if (line.front() != '@') {
            if (!std::exchange(ignore_next_, false))
                take_file(line);
            return;
        }
        const auto* word = word_of(line);
        if (word == nullptr) {
            plist_.warnings.push_back(
                fmt::format("+CONTENTS line {}: unknown command {}", lines_.number(), line));
            return;
        }
        if (std::exchange(ignore_next_, false))
            return;
        const bool after_file = std::exchange(after_file_, false);
        take_command(word->second, trim_left(line.substr(word->first.size())), after_file);
    }

    void take_file(std::string_view line) {
        check_path(line);
        plist_.files.push_back({std::string(line), std::nullopt, std::nullopt});
        listed_.push_back({std::string(line), lines_.number(), false});
        after_file_ = true;
    }

    void take_command(Word word, std::string_view argument, bool after_file) {
        switch (word) {
        case Word::cwd:
            if (plist_.prefix.empty())
                plist_.prefix = prefix(argument);
            return;
        case Word::exec:
            exec_.push_back({lines_.number(), std::string(argument), plist_.files.size()});
            return;
        case Word::unexec:
            unexec_.push_back({lines_.number(), std::string(argument), plist_.files.size()});
            return;
        case Word::comment:
            if (after_file)
                take_promise(argument);
            return;
        case Word::ignore:
            ignore_next_ = true;
            return;
        case Word::name:
            take_name(argument);
            return;
        case Word::pkgdep:
            plist_.depends.push_back(pattern(argument));
            return;
        case Word::pkgcfl:
            plist_.conflicts.push_back(pattern(argument));
            return;
        case Word::pkgdir:
            argument = without_trailing_slashes(argument);
            check_path(argument);
            plist_.directories.push_back({std::string(argument)});
            listed_.push_back({std::string(argument), lines_.number(), true});
            return;
        case Word::blddep:
            plist_.build_depends.emplace_back(argument);
            return;
        case Word::src:
        case Word::mode:
        case Word::owner:
        case Word::group:
        case Word::display:
        case Word::dirrm:
        case Word::option:
            return;
        }
    }

    // What the comment directly after a file says of it.
    void take_promise(std::string_view comment) {
        constexpr std::string_view md5 = "MD5:";
        constexpr std::string_view link = "Symlink:";
        if (comment.starts_with(md5)) {
            comment.remove_prefix(md5.size());
            if (!is_md5(comment))
                fail("an MD5 that is not 32 lower-case hexadecimal digits");
            plist_.files.back().md5 = std::string(comment);
        } else if (comment.starts_with(link)) {
            comment.remove_prefix(link.size());
            if (comment.empty())
                fail("a symbolic link without a target");
            plist_.files.back().link_target = std::string(comment);
        }
    }

    void take_name(std::string_view name) {
        if (!plist_.pkgname.empty() && plist_.pkgname != name)
            fail(fmt::format("a second @name, {}; the first is {}", name, plist_.pkgname));
        with_line([&] { plist_.pkgname = Pkgname::parse(name).str(); });
    }

    std::string prefix(std::string_view argument) const {
        if (!argument.starts_with('/'))
            fail(fmt::format("the prefix {} is not absolute", argument));
        std::string path;
        with_line([&] { path = base::RootPath::parse(without_trailing_slashes(argument)).str(); });
        return path;
    }

    std::string pattern(std::string_view argument) const {
        if (argument.empty())
            fail("an empty pattern");
        with_line([&] { Pattern::parse(argument); });
        return std::string(argument);
    }

    void check_path(std::string_view path) const {
        if (path.empty())
            fail("an empty path");
        if (path.starts_with('/'))
            fail(fmt::format("{} is absolute; paths are relative to the prefix", path));
        with_line([&] { base::RootPath::parse(path); });
    }

    // An error of a part becomes an error of this line.
    template <class Work>
    void with_line(Work&& work) const {
        try {
            work();
        } catch (const base::Error& error) {
            fail(fmt::format("{}: {}", error.object(), error.cause()));
        }
    }

    // The prefix may stand below the first @exec, so this comes last.
    void expand_commands(const std::vector<RawCommand>& raw, std::vector<PlistCommand>& commands) const {
        for (const RawCommand& command : raw)
            commands.push_back({expand(command), command.after_files});
    }

    std::string expand(const RawCommand& command) const {
        std::string expanded;
        for (std::size_t i = 0; i < command.text.size(); ++i) {
            const bool is_token = command.text[i] == '%' && i + 1 < command.text.size();
            if (!is_token) {
                expanded += command.text[i];
            } else if (const char token = command.text[++i];
                       std::string_view("DFBf").find(token) == std::string_view::npos) {
                expanded.append("%").push_back(token);
            } else {
                expanded += shell_quoted(value_of(token, command));
            }
            if (expanded.size() > max_command)
                fail_at(command.line, fmt::format("a command of more than {} bytes", max_command));
        }
        return expanded;
    }

    std::string value_of(char token, const RawCommand& command) const {
        if (token == 'D')
            return plist_.prefix;
        if (command.after_files == 0)
            fail_at(command.line,
                    fmt::format("%{} stands for the last file, and none is listed before it", token));
        const std::string& file = plist_.files[command.after_files - 1].path;
        if (token == 'F')
            return file;
        const base::RootPath whole = base::RootPath::parse(plist_.prefix) / file;
        return token == 'f' ? whole.name() : whole.parent().str();
    }

    // No path may be listed twice, or be a file for one line and a directory for another.
    void check_tree() {
        // With "/" before all other bytes, what lies below a path follows directly after it.
        const auto rank = [](char byte) { return byte == '/' ? 0 : static_cast<unsigned char>(byte) + 1; };
        const auto byte_before = [&](char a, char b) { return rank(a) < rank(b); };
        std::stable_sort(listed_.begin(), listed_.end(), [&](const Listed& a, const Listed& b) {
            return std::lexicographical_compare(a.path.begin(), a.path.end(), b.path.begin(), b.path.end(),
                                                byte_before);
        });
        for (std::size_t i = 1; i < listed_.size(); ++i) {
            const Listed& above = listed_[i - 1];
            const Listed& present = listed_[i];
            if (above.path == present.path && !(above.is_directory && present.is_directory))
                fail_at(present.line,
                        above.is_directory == present.is_directory
                            ? fmt::format("{} is listed twice", present.path)
                            : fmt::format("{} is listed as a file and as a directory", present.path));
            if (!above.is_directory && present.path.starts_with(above.path + "/"))
                fail_at(present.line, fmt::format("{} lies below {}, which is a file of the list",
                                                  present.path, above.path));
        }
    }

    TextLines lines_;
    Plist plist_;
    std::vector<Listed> listed_; ///< every file and @pkgdir
    std::vector<RawCommand> exec_;
    std::vector<RawCommand> unexec_;
    bool ignore_next_ = false;
    bool after_file_ = false;
};

} // namespace

Plist Plist::parse(std::string_view text) {
    return Parser(text).parse();
}

} // namespace pkgjail::format

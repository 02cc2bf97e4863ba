#include "pkgjail/jail/sailor.hpp"

#include <algorithm>
#include <map>
#include <optional>

#include <fmt/core.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/printable.hpp"
#include "pkgjail/jail/shell_line.hpp"

namespace pkgjail::jail {

using base::Error;
using base::ErrorKind;

namespace {

bool is_name_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/// What packages and rc.d scripts are called. Nothing else has to get anywhere.
bool is_plain_word(std::string_view word) {
    return !word.empty() && word.front() != '-' && word.front() != '.' && word.size() <= 200 &&
           std::all_of(word.begin(), word.end(),
                       [](char c) { return is_name_character(c) || c == '-' || c == '.' || c == '+'; });
}

std::vector<std::string> words_of(const std::string& text) {
    std::vector<std::string> words;
    for (std::size_t at = 0; (at = text.find_first_not_of(" \t\n", at)) != std::string::npos;) {
        const std::size_t end = std::min(text.find_first_of(" \t\n", at), text.size());
        words.push_back(text.substr(at, end - at));
        at = end;
    }
    return words;
}

/// One value as it stands, with what was known put in.
struct Value {
    std::string text;
    bool needs_shell = false; ///< it has a command, or a name without a value, in it
};

class Reader {
  public:
    Reader(std::string_view text, const std::string& file) : text_(text), file_(file) {}

    SailorShip read() {
        while (at_ < text_.size()) {
            skip_blanks();
            if (at_ >= text_.size())
                break;
            if (text_[at_] == '\n' || text_[at_] == ';')
                next();
            else if (text_[at_] == '#')
                take_line();
            else
                read_statement();
        }
        return std::move(ship_);
    }

  private:
    char next() {
        if (text_[at_] == '\n')
            ++line_;
        return text_[at_++];
    }
    void skip_blanks() {
        while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\r'))
            ++at_;
    }
    std::string take_line() {
        const std::size_t end = std::min(text_.find('\n', at_), text_.size());
        std::string line(text_.substr(at_, end - at_));
        at_ = end;
        return line;
    }
    [[noreturn]] void fail(std::size_t line, const std::string& cause, const std::string& hint) const {
        throw Error(ErrorKind::corrupt, fmt::format("{}:{}", file_, line), cause, hint);
    }

    void read_statement() {
        const std::size_t begin = at_;
        const std::size_t line = line_;
        std::size_t end = at_;
        while (end < text_.size() && is_name_character(text_[end]))
            ++end;
        const bool assigns =
            end > at_ && end < text_.size() && text_[end] == '=' && (text_[at_] < '0' || text_[at_] > '9');
        if (!assigns) {
            pass_over(line, "is no assignment");
            return;
        }
        const std::string name(text_.substr(at_, end - at_));
        at_ = end + 1;
        const Value value = read_value(line);
        skip_blanks();
        if (at_ < text_.size() && text_[at_] != '\n' && text_[at_] != ';' && text_[at_] != '#') {
            // NAME=VALUE COMMAND: a value for that command only.
            at_ = begin;
            line_ = line;
            pass_over(line, "is a command");
            return;
        }
        assign(line, name, value);
    }

    void pass_over(std::size_t line, const std::string& what) {
        const std::string text = take_line();
        if (shell_line_ == 0 && decides_on_more(text))
            shell_line_ = line;
        note(line, base::printable(text),
             what + " and was not run; do what it does in a recipe, or by pkgjail exec");
    }

    Value read_value(std::size_t line) {
        Value value;
        while (at_ < text_.size()) {
            const char c = text_[at_];
            if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ';')
                break;
            if (c == '\'')
                read_quoted(line, value);
            else if (c == '"')
                read_double_quoted(line, value);
            else
                read_piece(value, false);
        }
        return value;
    }

    void read_quoted(std::size_t line, Value& value) {
        next();
        while (at_ < text_.size() && text_[at_] != '\'')
            add(value, std::string(1, next()));
        if (at_ >= text_.size())
            fail(line, "a ' without an end", "close the quote");
        next();
    }

    void read_double_quoted(std::size_t line, Value& value) {
        next();
        while (at_ < text_.size() && text_[at_] != '"')
            read_piece(value, true);
        if (at_ >= text_.size())
            fail(line, "a \" without an end", "close the quote");
        next();
    }

    /// A character, what is behind a "\", or what stands for a "$".
    void read_piece(Value& value, bool quoted) {
        const char c = next();
        if (c == '\\' && at_ < text_.size()) {
            const char escaped = next();
            if (escaped == '\n')
                return;
            if (quoted && escaped != '"' && escaped != '\\' && escaped != '$' && escaped != '`')
                add(value, std::string(1, c));
            add(value, std::string(1, escaped));
            return;
        }
        if (c == '$' && at_ < text_.size() && (is_name_character(text_[at_]) || text_[at_] == '{')) {
            read_reference(value);
            return;
        }
        value.needs_shell = value.needs_shell || c == '`' || c == '$';
        add(value, std::string(1, c));
    }

    void read_reference(Value& value) {
        const bool braces = text_[at_] == '{';
        const std::size_t begin = at_ + (braces ? 1 : 0);
        std::size_t end = begin;
        while (end < text_.size() && is_name_character(text_[end]))
            ++end;
        const bool whole = !braces || (end < text_.size() && text_[end] == '}');
        const auto known = known_.find(std::string(text_.substr(begin, end - begin)));
        if (!whole || known == known_.end()) {
            value.needs_shell = true;
            add(value, "$");
            return;
        }
        at_ = end + (braces ? 1 : 0);
        add(value, known->second.text);
        value.needs_shell = value.needs_shell || known->second.needs_shell;
    }

    /// Values that grow by others without end are no ship's. Counted where they grow, and also those that
    /// nothing comes of.
    void add(Value& value, const std::string& text) {
        total_ += text.size();
        if (total_ > 1u << 20)
            fail(line_, "all values together are longer than 1 MiB", "name the ship's configuration file");
        value.text += text;
    }

    void assign(std::size_t line, const std::string& name, const Value& value) {
        known_[name] = value;
        if (name == "shipname")
            ship_.name = plain(line, name, value, 1).front();
        else if (name == "packages")
            ship_.packages = plain(line, name, value, 0);
        else if (name == "services")
            ship_.services = plain(line, name, value, 0);
        else if (name == "shippath")
            take_path(line, value);
        else if (!value.text.empty())
            note(line, fmt::format("{}={}", name, base::printable(value.text)), remedy(name, value));
    }

    /// Words that are names. `exactly` 0: any number.
    std::vector<std::string> plain(std::size_t line, const std::string& name, const Value& value,
                                   std::size_t exactly) const {
        if (shell_line_ != 0)
            fail(line,
                 fmt::format("{} stands behind line {}, which only a shell can follow", name, shell_line_),
                 "write the value itself into a copy of the file, before that line");
        if (value.needs_shell)
            fail(line, fmt::format("only a shell knows what {} is: {}", name, base::printable(value.text)),
                 "write the value itself into a copy of the file");
        std::vector<std::string> words = words_of(value.text);
        for (const std::string& word : words)
            if (!is_plain_word(word))
                fail(line,
                     fmt::format("{}: found \"{}\", allowed: letters, digits, \"_\", \"-\", \".\" and \"+\"",
                                 name, base::printable(word)),
                     "");
        if (exactly != 0 && words.size() != exactly)
            fail(line, fmt::format("{}: found {} words, allowed: {}", name, words.size(), exactly), "");
        return words;
    }

    void take_path(std::size_t line, const Value& value) {
        note(line, "shippath=" + base::printable(value.text),
             "the files of the ship stay; to take configuration and data over: pkgjail import --from dir " +
                 (value.needs_shell ? std::string("DIRECTORY") : base::printable(value.text)) + " JAIL");
    }

    static std::string remedy(const std::string& name, const Value& value) {
        const std::vector<std::string> words = words_of(value.text);
        const auto each = [&](const std::string& options) {
            std::string text;
            for (const std::string& word : words)
                text += fmt::format("{}{}:{}{}", text.empty() ? "" : " ", base::printable(word),
                                    base::printable(word), options);
            return text;
        };
        if (name == "shipbins")
            return "a jail has the programs of its base, /bin to /usr/share; see base in pkgjail.conf(5)";
        if (name == "ro_mounts")
            return "allow the directories in pkgjail.conf(5), then: pkgjail volume attach JAIL " + each("");
        if (name == "rw_mounts")
            return "allow the directories in pkgjail.conf(5), then: pkgjail volume attach JAIL " +
                   each(":rw");
        if (name == "sync_dirs")
            return "copy the files into the jail's data, or make a volume of them; see pkgjail-volume(8)";
        if (name.starts_with("ip_"))
            return "give the jail a network of its own with --network private --publish PORT, or have the "
                   "service "
                   "listen on one address; see pkgjail-recipe(5)";
        if (name == "run_at_build")
            return "what a jail begins with is a recipe's [prepare]; see pkgjail-recipe(5)";
        if (name == "run_at_start" || name == "run_at_stop")
            return "what runs is a recipe's [service], one for each program; see pkgjail-recipe(5)";
        if (name == "run_at_status")
            return "whether a service is well is asked by a recipe's [health]; see pkgjail-recipe(5)";
        if (name == "run_at_destroy")
            return "run it before pkgjail destroy";
        return "is no setting that pkgjail knows; it is used where the file names it";
    }

    void note(std::size_t line, const std::string& what, const std::string& remedy) {
        ship_.notes.push_back({line, what, remedy});
    }

    std::string_view text_;
    const std::string& file_;
    std::size_t at_ = 0;
    std::size_t line_ = 1;
    std::size_t total_ = 0;      ///< bytes of all values
    std::size_t shell_line_ = 0; ///< the first that decides on more; 0: none
    std::map<std::string, Value> known_;
    SailorShip ship_;
};

} // namespace

SailorShip read_sailor(std::string_view text, const std::string& file) {
    if (text.find('\0') != std::string_view::npos)
        throw Error(ErrorKind::corrupt, file, "holds a zero byte, so it is no text",
                    "name the ship's configuration file");
    return Reader(text, file).read();
}

} // namespace pkgjail::jail

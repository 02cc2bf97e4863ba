#include "pkgjail/format/rc_script.hpp"

#include <algorithm>
#include <cctype>
#include <optional>
#include <set>

namespace pkgjail::format {

namespace {

bool is_name_start(char c) {
    return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_';
}
bool is_name(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}
std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
        text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r'))
        text.remove_suffix(1);
    return text;
}
std::string_view name_at(std::string_view text) {
    std::size_t end = 0;
    while (end < text.size() && (end == 0 ? is_name_start(text[end]) : is_name(text[end])))
        ++end;
    return text.substr(0, end);
}
std::vector<std::string> words_of(std::string_view text) {
    std::vector<std::string> words;
    std::size_t at = 0;
    while ((at = text.find_first_not_of(" \t", at)) != std::string_view::npos) {
        const std::size_t end = std::min(text.find_first_of(" \t", at), text.size());
        words.emplace_back(text.substr(at, end - at));
        at = end;
    }
    return words;
}

// What a script that wants to be understood never has more of. It is a stranger's: a value may double with
// each line, and a default may stand in a default.
constexpr std::size_t longest_value = std::size_t{16} << 10;
constexpr std::size_t most_names = 2000;
constexpr int deepest_default = 16;

/// Lines without comments of their own, continued ones joined.
std::vector<std::string> lines_of(std::string_view text) {
    std::vector<std::string> lines;
    std::string line;
    std::size_t at = 0;
    while (at < text.size()) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        line += text.substr(at, end - at);
        at = end + 1;
        if (line.ends_with('\\')) {
            line.pop_back();
            continue;
        }
        const std::string_view bare = trimmed(line);
        if (!bare.empty() && bare.front() != '#')
            lines.emplace_back(bare);
        line.clear();
    }
    if (!line.empty())
        lines.emplace_back(trimmed(line));
    return lines;
}

class Reader {
  public:
    void read(std::string_view text) {
        for (const std::string& line : lines_of(text))
            read_line(line);
    }
    std::string value(const std::string& name) const {
        const auto found = values_.find(name);
        return found == values_.end() ? "" : found->second;
    }
    bool is_unknown(const std::string& name) const { return unknown_.contains(name); }

  private:
    void read_line(std::string_view line) {
        if (in_function_) {
            in_function_ = line != "}";
            return;
        }
        std::string_view name = name_at(line);
        std::string_view rest = line.substr(name.size());
        while (skipping_from_ == 0 && (name == "export" || name == "readonly")) {
            line = trimmed(rest);
            name = name_at(line);
            rest = line.substr(name.size());
        }
        if (name == "if" || name == "case") {
            ++depth_;
            if (!line.ends_with("fi") && !line.ends_with("esac"))
                return;
            --depth_;
            return;
        }
        if (name == "else" || name == "elif") {
            if (skipping_from_ == 0)
                skipping_from_ = depth_;
            return;
        }
        if (name == "fi" || name == "esac") {
            if (skipping_from_ == depth_)
                skipping_from_ = 0;
            depth_ = depth_ > 0 ? depth_ - 1 : 0;
            return;
        }
        if (skipping_from_ != 0)
            return;
        if (!name.empty() && trimmed(rest).starts_with("()")) {
            in_function_ = !line.ends_with('}');
            return;
        }
        if (line.starts_with(": ${")) { // a default: : ${name:=value} or : ${name=value}
            set_default(line.substr(4));
            return;
        }
        if (!name.empty() && rest.starts_with('='))
            assign(std::string(name), rest.substr(1));
    }

    void set_default(std::string_view text) {
        const std::string_view name = name_at(text);
        std::string_view rest = text.substr(name.size());
        if (rest.starts_with(':'))
            rest.remove_prefix(1);
        const std::size_t close = rest.rfind('}');
        if (name.empty() || !rest.starts_with('=') || close == std::string_view::npos ||
            !value(std::string(name)).empty())
            return;
        assign(std::string(name), rest.substr(1, close - 1));
    }

    void assign(const std::string& name, std::string_view text) {
        if (values_.size() + unknown_.size() >= most_names && !values_.contains(name) && !is_unknown(name))
            return;
        if (std::optional<std::string> value = word(text, 0)) { // which may have its own old value in it
            unknown_.erase(name);
            values_[name] = std::move(*value);
            return;
        }
        values_.erase(name);
        unknown_.insert(name);
    }

    /// One word of a shell; nullopt where its value comes from running something, or is out of all
    /// proportion.
    std::optional<std::string> word(std::string_view text, int depth) const {
        if (depth > deepest_default)
            return std::nullopt;
        std::string result;
        char quote = 0;
        for (std::size_t at = 0; at < text.size(); ++at) {
            if (result.size() > longest_value)
                return std::nullopt;
            const char c = text[at];
            if (quote == '\'') {
                if (c == '\'')
                    quote = 0;
                else
                    result += c;
            } else if (c == '`') {
                return std::nullopt;
            } else if (c == '"' || (c == '\'' && quote == 0)) {
                quote = quote == 0 ? c : '\0';
            } else if (c == '\\' && at + 1 < text.size()) {
                const char next = text[++at];
                if (quote != 0 && next != '"' && next != '\\' && next != '$' && next != '`')
                    result += c;
                result += next;
            } else if (c == '$') {
                const std::optional<std::string> value = variable(text, at, depth);
                if (!value)
                    return std::nullopt;
                result += *value;
            } else if (quote == 0 && (c == ' ' || c == '\t' || c == ';' || c == '&' || c == '#')) {
                break;
            } else {
                result += c;
            }
        }
        return result;
    }

    /// What stands at text[at], a "$"; leaves `at` at its last character.
    std::optional<std::string> variable(std::string_view text, std::size_t& at, int depth) const {
        std::string_view rest = text.substr(at + 1);
        if (rest.starts_with('(') || rest.empty())
            return std::nullopt;
        if (!rest.starts_with('{')) {
            const std::string name(name_at(rest));
            if (name.empty())
                return std::nullopt; // $1, $$ and the like
            at += name.size();
            return known(name);
        }
        std::size_t close = 1;
        for (int braces = 1; close < rest.size(); ++close) {
            braces += rest[close] == '{' ? 1 : rest[close] == '}' ? -1 : 0;
            if (braces == 0)
                break;
        }
        if (close >= rest.size())
            return std::nullopt;
        const std::string_view inside = rest.substr(1, close - 1);
        at += close + 1;
        const std::string name(name_at(inside));
        std::string_view more = inside.substr(name.size());
        if (name.empty())
            return std::nullopt;
        const std::optional<std::string> have = known(name);
        if (more.empty())
            return have;
        if (more.starts_with(':'))
            more.remove_prefix(1);
        if (!more.starts_with('-') && !more.starts_with('='))
            return std::nullopt;
        if (have && !have->empty())
            return have;
        return word(quoted(more.substr(1)), depth + 1);
    }

    /// The whole of a default is one word, blanks and all, unless it has quotes of its own.
    static std::string quoted(std::string_view text) {
        if (text.find('"') != std::string_view::npos || text.find('\'') != std::string_view::npos)
            return std::string(text);
        return "\"" + std::string(text) + "\"";
    }

    std::optional<std::string> known(const std::string& name) const {
        if (is_unknown(name))
            return std::nullopt;
        return value(name);
    }

    std::map<std::string, std::string> values_;
    std::set<std::string> unknown_;
    bool in_function_ = false;
    int depth_ = 0;
    int skipping_from_ = 0; ///< depth of the `if` whose second branch we are in
};

} // namespace

RcScript read_rc_script(std::string_view text) {
    Reader reader;
    reader.read(text);
    RcScript script;
    script.name = reader.value("name");
    const auto own = [&](const char* what) { return reader.value(script.name + "_" + what); };
    script.command = reader.value("command");
    script.arguments = own("flags");
    if (const std::string arguments = reader.value("command_args"); !arguments.empty())
        script.arguments += (script.arguments.empty() ? "" : " ") + arguments;
    script.user = own("user");
    script.group = own("group");
    script.directory = own("chdir");
    script.pid_file = reader.value("pidfile");
    script.environment = words_of(own("env"));
    script.required_files = words_of(reader.value("required_files"));
    script.reload_signal = reader.value("sig_reload");
    script.has_own_steps = !reader.value("start_cmd").empty() || !reader.value("start_precmd").empty();
    for (const std::string& name : {std::string("command"), std::string("command_args"),
                                    script.name + "_flags", script.name + "_user", std::string("pidfile")})
        if (reader.is_unknown(name))
            script.unknown.push_back(name);
    return script;
}

RcArguments split_rc_arguments(std::string_view text) {
    RcArguments result;
    std::string word;
    bool in_word = false;
    bool drop_next = false; // the file of a redirection
    const auto finish = [&] {
        if (in_word && !drop_next)
            result.words.push_back(word);
        if (in_word)
            drop_next = false;
        word.clear();
        in_word = false;
    };
    char quote = 0;
    for (std::size_t at = 0; at < text.size(); ++at) {
        const char c = text[at];
        if (quote != 0) {
            if (c == quote)
                quote = 0;
            else
                word += c;
        } else if (c == '\'' || c == '"') {
            quote = c;
            in_word = true;
        } else if (c == ' ' || c == '\t') {
            finish();
        } else if (c == '<' || c == '>') {
            if (word.find_first_not_of("0123456789") == std::string::npos) { // 2>…
                word.clear();
                in_word = false;
            }
            finish();
            drop_next = true;
            while (at + 1 < text.size() && (text[at + 1] == '>' || text[at + 1] == '&'))
                ++at;
        } else if (c == '&') {
            finish();
            result.background = true;
            result.complete = text.find_first_not_of(" \t", at + 1) == std::string_view::npos;
            return result;
        } else if (c == '|' || c == ';' || c == '$' || c == '`' || c == '\\') {
            result.complete = false;
            return result;
        } else {
            word += c;
            in_word = true;
        }
    }
    result.complete = quote == 0;
    finish();
    return result;
}

} // namespace pkgjail::format

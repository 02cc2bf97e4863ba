#include "pkgjail/format/install_script.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/core.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/format/text_lines.hpp"

namespace pkgjail::format {
namespace {

constexpr std::size_t max_account_name = 32;

char to_lower(char byte) {
    return byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte - 'A' + 'a') : byte;
}

bool is_account_name(std::string_view name) {
    constexpr std::string_view first = "abcdefghijklmnopqrstuvwxyz_";
    constexpr std::string_view later = "abcdefghijklmnopqrstuvwxyz_0123456789.-";
    return !name.empty() && name.size() <= max_account_name &&
           first.find(to_lower(name.front())) != first.npos &&
           std::all_of(name.begin(), name.end(),
                       [&](char byte) { return later.find(to_lower(byte)) != later.npos; });
}

/// One data line: "# KIND: REST".
class DataLine {
  public:
    DataLine(std::size_t number, std::string_view kind, std::string_view rest)
        : number_(number), kind_(kind), rest_(rest) {}

    [[noreturn]] void fail(std::string_view cause) const {
        throw base::Error(base::ErrorKind::corrupt, fmt::format("+INSTALL line {}", number_),
                          fmt::format("# {}: {}", kind_, cause));
    }

    /// A tab is white space between fields and nothing else.
    void check_bytes() const {
        const bool blanks_separate = kind_ != "USER" && kind_ != "GROUP";
        for (const char byte : rest_)
            if (has_control_characters({&byte, 1}) && !(byte == '\t' && blanks_separate))
                fail("it holds control characters");
    }

    /// Separated by colons; between `least` and `most` of them, the missing ones empty.
    std::vector<std::string> colon_fields(std::size_t least, std::size_t most) const {
        std::vector<std::string> fields;
        std::string_view rest = rest_;
        for (std::size_t colon = 0; colon != std::string_view::npos;) {
            colon = rest.find(':');
            fields.emplace_back(rest.substr(0, colon));
            rest.remove_prefix(colon == std::string_view::npos ? rest.size() : colon + 1);
        }
        check_count(fields.size(), least, most);
        fields.resize(most);
        return fields;
    }

    /// Separated by blanks, a backslash quoting the byte after it.
    std::vector<std::string> blank_fields(std::size_t least, std::size_t most) const {
        std::vector<std::string> fields;
        bool in_field = false;
        for (std::size_t i = 0; i < rest_.size(); ++i) {
            if (rest_[i] == ' ' || rest_[i] == '\t') {
                in_field = false;
                continue;
            }
            if (rest_[i] == '\\' && i + 1 < rest_.size())
                ++i;
            if (!in_field)
                fields.emplace_back();
            in_field = true;
            fields.back() += rest_[i];
        }
        check_count(fields.size(), least, most);
        fields.resize(most);
        return fields;
    }

    std::string account(const std::string& name) const {
        if (!is_account_name(name))
            fail(fmt::format("{} is no account name (a letter or \"_\", then letters, digits, \"_\", \".\", "
                             "\"-\"; at most {})",
                             name, max_account_name));
        return name;
    }

    /// A name, a number, or nothing.
    std::string owner(const std::string& text) const {
        const bool is_number = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
        if (is_number)
            id(text);
        return text.empty() || is_number ? text : account(text);
    }

    std::optional<std::uint32_t> id(const std::string& text) const {
        if (text.empty())
            return std::nullopt;
        std::uint32_t value = 0;
        const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (fault != std::errc() || end != text.data() + text.size())
            fail(fmt::format("{} is no account number", text));
        return value;
    }

    std::string text() const { return std::string(rest_); }

    std::optional<unsigned> mode(const std::string& text) const {
        if (text.empty())
            return std::nullopt;
        unsigned value = 0;
        const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value, 8);
        if (fault != std::errc() || end != text.data() + text.size() || value > 07777)
            fail(fmt::format("{} is no octal mode of at most 7777", text));
        return value;
    }

  private:
    void check_count(std::size_t found, std::size_t least, std::size_t most) const {
        if (found < least || found > most)
            fail(fmt::format("{} fields; {} to {} are allowed", found, least, most));
    }

    std::size_t number_;
    std::string_view kind_;
    std::string_view rest_;
};

DeclaredUser user_of(const DataLine& line) {
    std::vector<std::string> fields = line.colon_fields(2, 6);
    DeclaredUser user;
    user.name = line.account(fields[0]);
    user.group = line.account(fields[1]);
    user.uid = line.id(fields[2]);
    user.gecos = std::move(fields[3]);
    user.home = fields[4].empty() ? "/nonexistent" : std::move(fields[4]);
    user.shell = std::move(fields[5]);
    return user;
}

DeclaredFile file_of(const DataLine& line) {
    std::vector<std::string> fields = line.blank_fields(3, 6);
    DeclaredFile file;
    file.path = std::move(fields[0]);
    file.flags = std::move(fields[1]);
    file.is_rc_script = file.flags.find('r') != std::string::npos;
    file.example = std::move(fields[2]);
    file.mode = line.mode(fields[3]);
    file.mode_text = std::move(fields[3]);
    file.user = line.owner(fields[4]);
    file.group = line.owner(fields[5]);
    file.line = line.text();
    return file;
}

DeclaredDirectory directory_of(const DataLine& line) {
    std::vector<std::string> fields = line.blank_fields(2, 5);
    DeclaredDirectory directory;
    directory.path = std::move(fields[0]);
    directory.flags = std::move(fields[1]);
    directory.mode = line.mode(fields[2]);
    directory.mode_text = std::move(fields[2]);
    directory.user = line.owner(fields[3]);
    directory.group = line.owner(fields[4]);
    directory.line = line.text();
    return directory;
}

void take(InstallDeclarations& all, std::string_view kind, const DataLine& line) {
    if (kind == "USER") {
        all.users.push_back(user_of(line));
    } else if (kind == "GROUP") {
        const std::vector<std::string> fields = line.colon_fields(1, 2);
        all.groups.push_back({line.account(fields[0]), line.id(fields[1])});
    } else if (kind == "PERMS") {
        const std::vector<std::string> fields = line.blank_fields(4, 4);
        all.permissions.push_back({fields[0], line.mode(fields[1]).value_or(0), line.owner(fields[2]),
                                   line.owner(fields[3]), line.text()});
    } else if (kind == "FILE") {
        all.files.push_back(file_of(line));
    } else if (kind == "DIR") {
        all.directories.push_back(directory_of(line));
    } else {
        all.shells.push_back(line.blank_fields(1, 1)[0]);
    }
}

} // namespace

InstallDeclarations InstallDeclarations::parse(std::string_view script) {
    InstallDeclarations all;
    TextLines lines(script);
    for (std::string_view text; lines.next(text);) {
        if (!text.starts_with("# "))
            continue;
        const std::size_t colon = text.find(": ");
        if (colon == std::string_view::npos)
            continue;
        const std::string_view kind = text.substr(2, colon - 2);
        constexpr std::string_view kinds[] = {"USER", "GROUP", "PERMS", "FILE", "DIR", "SHELL"};
        if (std::find(std::begin(kinds), std::end(kinds), kind) == std::end(kinds))
            continue;
        const std::string_view rest = trim_right(trim_left(text.substr(colon + 2)));
        const DataLine line(lines.number(), kind, rest);
        line.check_bytes();
        take(all, kind, line);
    }
    return all;
}

} // namespace pkgjail::format

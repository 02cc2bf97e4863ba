#include "pkgjail/format/signed_index.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/core.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/format/text_lines.hpp"

namespace pkgjail::format {
namespace {

constexpr std::string_view first_line = "pkgjail index 1";
constexpr std::string_view signature_key = "signature: ";

bool is_hex(std::string_view text, std::size_t length) {
    return text.size() == length && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

class IndexParser {
  public:
    explicit IndexParser(std::string_view text) : text_(text), lines_(text) {}

    SignedIndex parse() {
        if (text_.size() > SignedIndex::max_bytes)
            fail(fmt::format("more than {} bytes", SignedIndex::max_bytes));
        if (!text_.ends_with('\n'))
            fail("the text does not end in a newline");
        advance();
        if (line_ != first_line)
            fail(fmt::format("\"{}\" is expected here", first_line));
        advance();
        SignedIndex index;
        index.repository = value("repository: ");
        if (!is_repository_id(index.repository))
            fail("no name of a repository");
        advance();
        index.serial = number(value("serial: "));
        advance();
        index.made_at = time(value("made-at: "));
        advance();
        index.expires = time(value("expires: "));
        if (index.expires <= index.made_at)
            fail("it expires before it was made");
        advance();
        do
            index.files.push_back(file(value("file: ")));
        while (advance_to("file: "));
        if (at("revoked: "))
            do
                index.revoked.push_back(key_id(value("revoked: ")));
            while (advance_to("revoked: "));
        index.signed_text = text_.substr(0, ended_ ? text_.size() : line_begin());
        while (!ended_) {
            index.signatures.push_back(signature(value(signature_key)));
            advance();
        }
        return index;
    }

  private:
    [[noreturn]] void fail(std::string cause) const {
        throw base::Error(base::ErrorKind::corrupt,
                          fmt::format("{} line {}", SignedIndex::file_name, lines_.number()),
                          std::move(cause));
    }
    void advance() { ended_ = !lines_.next(line_); }
    bool at(std::string_view key) const { return !ended_ && line_.starts_with(key); }
    bool advance_to(std::string_view key) {
        advance();
        return at(key);
    }
    std::size_t line_begin() const { return static_cast<std::size_t>(line_.data() - text_.data()); }

    std::string_view value(std::string_view key) const {
        if (ended_)
            fail("the text ends too early");
        if (!line_.starts_with(key))
            fail(fmt::format("\"{}\" is expected here", key));
        return line_.substr(key.size());
    }
    std::uint64_t number(std::string_view digits) const {
        std::uint64_t result = 0;
        const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), result);
        // One text for one value, and one that the catalog can hold.
        if (fault != std::errc() || end != digits.data() + digits.size() || result > INT64_MAX ||
            std::to_string(result) != digits)
            fail("a whole number is expected here");
        return result;
    }
    base::WallTime time(std::string_view text) const {
        const auto parsed = base::parse_time(text);
        if (!parsed || base::format_time(*parsed) != text)
            fail("a time such as 2026-11-22T06:40:00Z is expected here");
        return *parsed;
    }
    SignedIndex::File file(std::string_view text) const {
        const std::size_t first = text.find(' ');
        const std::size_t second = text.find(' ', first == std::string_view::npos ? first : first + 1);
        if (second == std::string_view::npos || !text.substr(second + 1).starts_with("sha256:"))
            fail("\"NAME SIZE sha256:HEX\" is expected here");
        SignedIndex::File file;
        file.name = text.substr(0, first);
        file.size = number(text.substr(first + 1, second - first - 1));
        file.sha256 = text.substr(second + 8);
        if (!is_hex(file.sha256, 64))
            fail("64 lower-case hexadecimal digits are expected behind sha256:");
        if (file.name.empty() || file.name.front() == '.' || file.name.find('/') != std::string::npos ||
            has_control_characters(file.name))
            fail("no name of a file");
        return file;
    }
    std::string key_id(std::string_view text) const {
        if (!is_key_id(text))
            fail("the id of a key, 16 lower-case hexadecimal digits, is expected here");
        return std::string(text);
    }
    SignedIndex::Signature signature(std::string_view text) const {
        const std::size_t blank = text.find(' ');
        SignedIndex::Signature signature;
        signature.key_id = key_id(text.substr(0, blank));
        if (blank == std::string_view::npos || blank + 1 == text.size())
            fail("a signature is expected behind the id of its key");
        try {
            signature.bytes = from_base64(text.substr(blank + 1), "signature");
        } catch (const base::Error& error) {
            fail(fmt::format("the signature {}", error.cause()));
        }
        return signature;
    }

    std::string_view text_;
    TextLines lines_;
    std::string_view line_;
    bool ended_ = false;
};

} // namespace

bool is_repository_id(std::string_view text) {
    return !text.empty() && text.size() <= 64 && text.front() != '.' && text.front() != '-' &&
           text.front() != '_' &&
           text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789._-") == std::string_view::npos;
}

bool is_key_id(std::string_view text) {
    return is_hex(text, 16);
}

SignedIndex SignedIndex::parse(std::string_view text) {
    return IndexParser(text).parse();
}

void SignedIndex::sign(const std::vector<SecretKey>& keys) {
    signed_text = fmt::format("{}\nrepository: {}\nserial: {}\nmade-at: {}\nexpires: {}\n", first_line,
                              repository, serial, base::format_time(made_at), base::format_time(expires));
    for (const File& one : files)
        signed_text += fmt::format("file: {} {} sha256:{}\n", one.name, one.size, one.sha256);
    for (const std::string& id : revoked)
        signed_text += fmt::format("revoked: {}\n", id);
    signatures.clear();
    for (const SecretKey& key : keys)
        signatures.push_back({key.public_key().id(), key.sign(signed_text)});
}

std::string SignedIndex::text() const {
    std::string result = signed_text;
    for (const Signature& one : signatures)
        result += fmt::format("{}{} {}\n", signature_key, one.key_id, base64(one.bytes));
    return result;
}

const SignedIndex::File* SignedIndex::file(std::string_view name) const {
    const auto found =
        std::find_if(files.begin(), files.end(), [&](const File& one) { return one.name == name; });
    return found == files.end() ? nullptr : &*found;
}

} // namespace pkgjail::format

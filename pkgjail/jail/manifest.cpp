#include "pkgjail/jail/manifest.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/error.hpp"

namespace pkgjail::jail {

namespace {

constexpr std::string_view first_line = "pkgjail manifest 1";
constexpr std::string_view arrow = " -> ";

/// Blanks, backslashes, control and non-ASCII bytes as \xNN, so that a field ends at a blank and a line at
/// its end.
std::string escape(std::string_view text) {
    std::string result;
    result.reserve(text.size());
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte <= ' ' || byte >= 0x7f || c == '\\')
            result += fmt::format("\\x{:02x}", byte);
        else
            result += c;
    }
    return result;
}

std::optional<std::string> unescape(std::string_view text) {
    std::string result;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\\') {
            result += text[i];
            continue;
        }
        unsigned byte = 0;
        if (i + 3 >= text.size() || text[i + 1] != 'x')
            return std::nullopt;
        const char* const end = text.data() + i + 4;
        if (const auto [stop, error] = std::from_chars(end - 2, end, byte, 16);
            error != std::errc() || stop != end)
            return std::nullopt;
        result += static_cast<char>(byte);
        i += 3;
    }
    return result;
}

std::string line_of(const ManifestEntry& entry) {
    std::string line =
        fmt::format("{} {:04o} {} {} {} {} {} {}", static_cast<char>(entry.type), entry.mode, entry.uid,
                    entry.gid, entry.size, entry.sha256.empty() ? "-" : entry.sha256,
                    entry.package.empty() ? "-" : escape(entry.package), escape(entry.path.str()));
    if (entry.type == EntryType::symlink)
        line += std::string(arrow) + escape(entry.link_target);
    return line;
}

template <class Number>
bool read_number(std::string_view text, Number& value, int base = 10) {
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value, base);
    return !text.empty() && error == std::errc() && stop == end;
}

/// nullopt for what line_of would not write.
std::optional<ManifestEntry> entry_of(std::string_view line) {
    const std::string_view whole = line;
    const auto field = [&] {
        const std::size_t blank = std::min(line.find(' '), line.size());
        const std::string_view text = line.substr(0, blank);
        line.remove_prefix(std::min(blank + 1, line.size()));
        return text;
    };
    ManifestEntry entry;
    const std::string_view type = field();
    if (type != "f" && type != "d" && type != "l")
        return std::nullopt;
    entry.type = static_cast<EntryType>(type.front());
    if (!read_number(field(), entry.mode, 8) || entry.mode > 07777 || !read_number(field(), entry.uid) ||
        !read_number(field(), entry.gid) || !read_number(field(), entry.size))
        return std::nullopt;
    if (const std::string_view digest = field(); digest != "-")
        entry.sha256 = digest;
    const bool has_digest =
        entry.sha256.size() == 64 && entry.sha256.find_first_not_of("0123456789abcdef") == std::string::npos;
    if (entry.type == EntryType::directory ? !entry.sha256.empty() || entry.size != 0 : !has_digest)
        return std::nullopt;
    if (const std::string_view package = field(); package != "-") {
        const std::optional<std::string> name = unescape(package);
        if (!name)
            return std::nullopt;
        entry.package = *name;
    }
    const std::optional<std::string> path = unescape(field());
    if (!path)
        return std::nullopt;
    try {
        entry.path = base::RootPath::parse(*path);
    } catch (const base::Error&) { // parse() says it, with the line
        return std::nullopt;
    }
    if (entry.type == EntryType::symlink) {
        const std::optional<std::string> target =
            line.starts_with(arrow.substr(1)) ? unescape(line.substr(arrow.size() - 1)) : std::nullopt;
        if (!target || target->size() != entry.size)
            return std::nullopt;
        entry.link_target = *target;
    }
    // One entry has one spelling; otherwise two texts, and so two ids, could mean the same image.
    return line_of(entry) == whole ? std::optional(std::move(entry)) : std::nullopt;
}

} // namespace

std::string Manifest::text() const {
    std::vector<const ManifestEntry*> ordered;
    ordered.reserve(entries.size());
    for (const ManifestEntry& entry : entries)
        ordered.push_back(&entry);
    std::sort(ordered.begin(), ordered.end(),
              [](const ManifestEntry* a, const ManifestEntry* b) { return a->path < b->path; });
    std::string text = std::string(first_line) + "\n";
    for (const ManifestEntry* entry : ordered)
        text += line_of(*entry) + "\n";
    return text;
}

std::string Manifest::id() const {
    return base::sha256(text());
}

Manifest Manifest::parse(std::string_view text) {
    Manifest manifest;
    unsigned number = 1;
    const auto fail = [&](std::string_view cause) {
        throw base::Error(base::ErrorKind::corrupt, fmt::format("manifest:{}", number), std::string(cause));
    };
    for (; !text.empty(); ++number) {
        const std::size_t end = text.find('\n');
        if (end == std::string_view::npos)
            fail("the last line is cut short");
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(end + 1);
        if (number == 1) {
            if (line != first_line)
                fail(fmt::format("found \"{}\", allowed: \"{}\"", line, first_line));
            continue;
        }
        std::optional<ManifestEntry> entry = entry_of(line);
        if (!entry)
            fail(fmt::format("found \"{}\", allowed: TYPE MODE UID GID SIZE SHA256 PACKAGE PATH", line));
        if (!manifest.entries.empty() && entry->path <= manifest.entries.back().path)
            fail(fmt::format("{} is out of order", entry->path.str()));
        manifest.entries.push_back(std::move(*entry));
    }
    if (number == 1)
        fail("it is empty");
    return manifest;
}

std::uint64_t Manifest::total_bytes() const {
    std::uint64_t total = 0;
    for (const ManifestEntry& entry : entries)
        if (entry.type == EntryType::file)
            total += entry.size;
    return total;
}

} // namespace pkgjail::jail

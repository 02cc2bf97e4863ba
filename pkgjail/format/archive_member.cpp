#include "pkgjail/format/archive_member.hpp"

#include <fmt/format.h>

namespace pkgjail::format {

namespace {

std::string escaped(std::string_view text) {
    if (text.empty())
        return "-";
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

std::string digest_of_attributes(const std::map<std::string, std::string>& attributes) {
    if (attributes.empty())
        return "-";
    std::string text;
    for (const auto& [name, value] : attributes)
        text += fmt::format("{} {} {} ", name.size(), name, value.size()) + value;
    return base::sha256(text);
}

} // namespace

void ContentDigest::update(std::uint64_t offset, std::string_view bytes) {
    if (bytes.empty())
        return;
    if (offset != expected_)
        digest_.update(fmt::format("@{}\n", offset));
    digest_.update(bytes);
    expected_ = offset + bytes.size();
}

std::string ContentDigest::finish() {
    return digest_.finish();
}

std::string digest_line(const TreeMember& member, std::string_view content_sha256) {
    std::string line = fmt::format(
        "{} {:04o} {} {} {} {} {} {}.{:09} {} {} {}", static_cast<char>(member.type), member.mode, member.uid,
        member.gid, escaped(member.user), escaped(member.group), member.size, member.modified.tv_sec,
        member.modified.tv_nsec, content_sha256.empty() ? "-" : content_sha256,
        digest_of_attributes(member.attributes), escaped(member.path));
    if (!member.link_target.empty())
        line += " -> " + escaped(member.link_target);
    return line + "\n";
}

} // namespace pkgjail::format

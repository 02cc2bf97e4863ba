#include "pkgjail/format/archive_acl.hpp"

#include <algorithm>
#include <cstdint>
#include <tuple>
#include <vector>

#include "pkgjail/format/archive_library.hpp"

namespace pkgjail::format {

namespace {

constexpr std::string_view access_name = "system.posix_acl_access";
constexpr std::string_view default_name = "system.posix_acl_default";

// linux/posix_acl_xattr.h: version 2 in four bytes, then entries of eight: tag, permissions, number; all
// little-endian.
constexpr std::size_t header_size = 4;
constexpr std::size_t entry_size = 8;
constexpr unsigned version = 2;
constexpr std::uint32_t no_number = 0xffffffff;

struct Tag {
    unsigned kernel;
    int archive;
    bool has_number;
};
constexpr Tag tags[] = {
    {0x01, ARCHIVE_ENTRY_ACL_USER_OBJ, false},  {0x02, ARCHIVE_ENTRY_ACL_USER, true},
    {0x04, ARCHIVE_ENTRY_ACL_GROUP_OBJ, false}, {0x08, ARCHIVE_ENTRY_ACL_GROUP, true},
    {0x10, ARCHIVE_ENTRY_ACL_MASK, false},      {0x20, ARCHIVE_ENTRY_ACL_OTHER, false},
};

std::uint32_t number_at(std::string_view bytes, std::size_t at, std::size_t width) {
    std::uint32_t number = 0;
    for (std::size_t i = width; i-- > 0;)
        number = number << 8 | static_cast<unsigned char>(bytes[at + i]);
    return number;
}

void append(std::string& bytes, std::uint32_t number, std::size_t width) {
    for (std::size_t i = 0; i < width; ++i, number >>= 8)
        bytes += static_cast<char>(number & 0xff);
}

/// The entries of one type; nullopt-like empty text in `value` when there are none.
std::string take(struct archive_entry* entry, int type, std::string& value, unsigned& mask) {
    std::vector<std::tuple<unsigned, std::uint32_t, unsigned>> found; // in the kernel's order
    libarchive().entry_acl_reset(entry, type);
    int entry_type = 0, permissions = 0, tag = 0, number = 0;
    const char* name = nullptr;
    while (libarchive().entry_acl_next(entry, type, &entry_type, &permissions, &tag, &number, &name) ==
           ARCHIVE_OK) {
        const auto* known = std::find_if(std::begin(tags), std::end(tags),
                                         [&](const Tag& one) { return one.archive == tag; });
        if (known == std::end(tags) || (permissions & ~7) != 0 || (known->has_number && number < 0))
            return "an access list that is damaged, or names somebody without a number";
        found.emplace_back(known->kernel, known->has_number ? static_cast<std::uint32_t>(number) : no_number,
                           static_cast<unsigned>(permissions));
        if (known->archive == ARCHIVE_ENTRY_ACL_MASK)
            mask = static_cast<unsigned>(permissions);
    }
    if (found.empty())
        return {};
    std::sort(found.begin(), found.end());
    append(value, version, header_size);
    for (const auto& [kernel_tag, id, bits] : found) {
        append(value, kernel_tag, 2);
        append(value, bits, 2);
        append(value, id, 4);
    }
    return {};
}

} // namespace

bool is_access_list(std::string_view attribute) {
    return attribute == access_name || attribute == default_name;
}

bool add_access_list(struct archive_entry* entry, std::string_view attribute, std::string_view value) {
    const int type =
        attribute == access_name ? ARCHIVE_ENTRY_ACL_TYPE_ACCESS : ARCHIVE_ENTRY_ACL_TYPE_DEFAULT;
    if (value.size() < header_size || (value.size() - header_size) % entry_size != 0 ||
        number_at(value, 0, header_size) != version)
        return false;
    for (std::size_t at = header_size; at < value.size(); at += entry_size) {
        const std::uint32_t kernel_tag = number_at(value, at, 2);
        const auto* known = std::find_if(std::begin(tags), std::end(tags),
                                         [&](const Tag& one) { return one.kernel == kernel_tag; });
        if (known == std::end(tags))
            return false;
        const int number = known->has_number ? static_cast<int>(number_at(value, at + 4, 4)) : -1;
        if (libarchive().entry_acl_add_entry(entry, type, static_cast<int>(number_at(value, at + 2, 2)),
                                             known->archive, number, nullptr) != ARCHIVE_OK)
            return false;
    }
    return true;
}

std::string take_access_lists(struct archive_entry* entry, TreeMember& member) {
    if (libarchive().entry_acl_count(entry, ARCHIVE_ENTRY_ACL_TYPE_NFS4) > 0)
        return "an NFSv4 access list, which is not supported";
    for (const auto& [type, name] : {std::pair(ARCHIVE_ENTRY_ACL_TYPE_ACCESS, access_name),
                                     std::pair(ARCHIVE_ENTRY_ACL_TYPE_DEFAULT, default_name)}) {
        if (libarchive().entry_acl_count(entry, type) == 0)
            continue;
        std::string value;
        unsigned mask = 8;
        if (std::string fault = take(entry, type, value, mask); !fault.empty())
            return fault;
        if (!value.empty())
            member.attributes[std::string(name)] = value;
        if (type == ARCHIVE_ENTRY_ACL_TYPE_ACCESS && mask < 8)
            member.mode = (member.mode & ~070u) | mask << 3;
    }
    return {};
}

} // namespace pkgjail::format

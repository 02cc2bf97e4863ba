#include "pkgjail/format/archive.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <unordered_map>
#include <vector>

#include <fmt/core.h>

#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/format/confined_reading.hpp"
#include "pkgjail/format/package_members.hpp"
#include "pkgjail/format/text_lines.hpp"

namespace pkgjail::format {
namespace {

constexpr std::array<std::string_view, 4> required_metadata = {"+CONTENTS", "+COMMENT", "+DESC",
                                                               "+BUILD_INFO"};

std::optional<std::size_t> metadata_rank(std::string_view name) {
    const auto found = std::find(package_members.begin(), package_members.end(), name);
    if (found == package_members.end())
        return std::nullopt;
    return static_cast<std::size_t>(found - package_members.begin());
}

} // namespace

const std::string* PackageMetadata::member(const std::string& name) const {
    const auto found = members.find(name);
    return found == members.end() ? nullptr : &found->second;
}

struct ArchiveReader::State {
    State(const base::Fd& fd, std::string name_, ArchiveLimits limits_, bool metadata_only,
          base::Digest* file_digest)
        : name(std::move(name_)), limits(limits_), source(fd, name, file_digest),
          tar(source, name, limits.max_unpacked_bytes, limits.max_members, metadata_only) {}

    const std::string name;
    const ArchiveLimits limits;
    PackageSource source;
    ConfinedTarReader tar;
    PackageMetadata metadata;

    std::optional<ArchiveMember>
        ahead; ///< the first payload member: reading it is how the metadata's end is found
    bool ended = false;
    std::size_t next_file = 0; ///< in the packing list
    bool content_is_callers = false;
    std::uint64_t left = 0;             ///< of the present file's content
    std::optional<base::Digest> digest; ///< of the present file, when the list has one
    std::unordered_map<std::string_view, std::size_t>
        files_seen; ///< where in the list; regular files and hard links

    [[noreturn]] void fail(std::string cause) const {
        throw base::Error(base::ErrorKind::corrupt, name, std::move(cause));
    }
    [[noreturn]] void fail_member(std::string_view path, std::string_view cause) const {
        fail(fmt::format("member {}: {}", path, cause));
    }
    [[noreturn]] void distrust(std::string_view path, std::string_view cause) const {
        throw base::Error(base::ErrorKind::trust, name,
                          fmt::format("member {} does not match the packing list: {}", path, cause));
    }

    void read_metadata() {
        std::size_t least_rank = 0;
        std::string_view before;
        while ((ahead = tar.next())) {
            const std::optional<std::size_t> rank = metadata_rank(ahead->path);
            if (!rank)
                break;
            if (metadata.members.contains(ahead->path))
                fail_member(ahead->path, "it is there twice");
            if (*rank < least_rank)
                fail_member(ahead->path, fmt::format("it stands after {}; it must stand before", before));
            least_rank = *rank;
            before = package_members[*rank];
            metadata.members.emplace(ahead->path, metadata_text(*ahead));
        }
        ended = !ahead;
        interpret();
    }

    std::string metadata_text(const ArchiveMember& member) {
        if (member.type != MemberType::file)
            fail_member(member.path, "metadata must be a plain file");
        if (member.size > limits.max_metadata_bytes)
            fail_member(member.path, fmt::format("{} bytes; at most {} are allowed", member.size,
                                                 limits.max_metadata_bytes));
        std::string text(static_cast<std::size_t>(member.size), '\0');
        for (std::size_t at = 0; at < text.size();)
            at += tar.read(text.data() + at, text.size() - at);
        if (text.find('\0') != std::string::npos)
            fail_member(member.path, "it holds a NUL byte");
        return text;
    }

    void interpret() {
        for (const std::string_view required : required_metadata)
            if (metadata.member(std::string(required)) == nullptr)
                fail(fmt::format("not a package, or a damaged one: {} is missing", required));
        if (std::optional<PackageLists> lists = tar.take_lists()) {
            if (!lists->plist || !lists->build_info)
                fail("its reader did not take its packing list apart");
            metadata.plist = std::move(*lists->plist);
            metadata.build_info = std::move(*lists->build_info);
        } else {
            base::while_doing(name, [&] {
                metadata.plist = Plist::parse(metadata.members["+CONTENTS"]);
                metadata.build_info = BuildInfo::parse(metadata.members["+BUILD_INFO"]);
            });
        }
        metadata.comment = trim_right(metadata.members["+COMMENT"]);
        if (const std::string* size = metadata.member("+SIZE_PKG"))
            metadata.size_pkg = number_of("+SIZE_PKG", *size);
        metadata.signature = source.signature();
        if (metadata.signature && source.signed_pkgname() != metadata.plist.pkgname)
            throw base::Error(base::ErrorKind::trust, name,
                              fmt::format("{} was signed, and the packing list is that of {}",
                                          source.signed_pkgname(), metadata.plist.pkgname));
    }

    std::uint64_t number_of(std::string_view member, std::string_view text) const {
        text = trim_right(text);
        std::uint64_t value = 0;
        const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (fault != std::errc() || end != text.data() + text.size())
            fail_member(member, "not a number of bytes");
        return value;
    }

    std::optional<ArchiveMember> next() {
        if (ended && !ahead)
            return end_of_list();
        skip_rest();
        std::optional<ArchiveMember> member = std::move(ahead);
        ahead.reset();
        if (!member && !(member = tar.next())) {
            ended = true;
            return end_of_list();
        }
        check_listed(*member);
        const PlistFile& promise = metadata.plist.files[next_file];
        check_promise(*member, promise);
        if (member->type != MemberType::symlink)
            files_seen.emplace(promise.path, next_file);
        ++next_file;
        left = member->size;
        digest.reset();
        if (member->type == MemberType::file && promise.md5 && !content_is_callers) {
            digest.emplace(base::DigestAlgorithm::md5);
            if (left == 0)
                check_digest();
        }
        return member;
    }

    void skip_rest() {
        std::array<char, std::size_t{16} * 1024> buffer{};
        while (read(buffer.data(), buffer.size()) != 0) {
        }
    }

    std::optional<ArchiveMember> end_of_list() const {
        if (next_file < metadata.plist.files.size())
            fail(fmt::format("{} is in the packing list and not in the archive",
                             metadata.plist.files[next_file].path));
        return std::nullopt;
    }

    void check_listed(const ArchiveMember& member) const {
        const std::vector<PlistFile>& files = metadata.plist.files;
        if (next_file < files.size() && files[next_file].path == member.path)
            return;
        const auto listed = std::find_if(files.begin(), files.end(),
                                         [&](const PlistFile& file) { return file.path == member.path; });
        if (metadata_rank(member.path))
            fail_member(member.path, "metadata after the first file");
        if (listed == files.end())
            fail_member(member.path, "not in the packing list");
        if (static_cast<std::size_t>(listed - files.begin()) < next_file)
            fail_member(member.path, "it is there twice");
        fail_member(member.path, fmt::format("the packing list has {} in this place", files[next_file].path));
    }

    void check_promise(const ArchiveMember& member, const PlistFile& promise) const {
        switch (member.type) {
        case MemberType::symlink:
            if (member.link_target.empty())
                fail_member(member.path, "a symbolic link to nothing");
            if (promise.md5)
                distrust(member.path, "a symbolic link, and a file is promised");
            if (promise.link_target && *promise.link_target != member.link_target)
                distrust(member.path, fmt::format("a link to {}, and one to {} is promised",
                                                  member.link_target, *promise.link_target));
            return;
        case MemberType::hard_link:
            check_hard_link(member, promise);
            return;
        case MemberType::file:
            if (member.size > limits.max_unpacked_bytes)
                fail_member(member.path, fmt::format("its header says {} bytes; at most {} are allowed",
                                                     member.size, limits.max_unpacked_bytes));
            break;
        }
        if (promise.link_target)
            distrust(member.path, "a file, and a symbolic link is promised");
        if (!promise.md5 && limits.require_digests)
            distrust(member.path, "the list has no digest for it");
    }

    // A hard link has no content of its own; the digests of the list must say that it is the other's.
    void check_hard_link(const ArchiveMember& member, const PlistFile& promise) const {
        const auto target = files_seen.find(member.link_target);
        if (target == files_seen.end())
            fail_member(member.path, fmt::format("a hard link to {}, which is no earlier file of the package",
                                                 member.link_target));
        if (promise.link_target)
            distrust(member.path, "a hard link, and a symbolic link is promised");
        if (!promise.md5 && !limits.require_digests)
            return;
        if (promise.md5 != metadata.plist.files[target->second].md5)
            distrust(member.path,
                     fmt::format("a second name of {}, which has another digest", member.link_target));
    }

    std::size_t read(char* buffer, std::size_t capacity) {
        if (left == 0)
            return 0;
        const std::size_t got = tar.read(buffer, capacity);
        if (digest)
            digest->update(buffer, got);
        left -= got;
        if (left == 0 && digest)
            check_digest();
        return got;
    }

    void check_digest() {
        const PlistFile& file = metadata.plist.files[next_file - 1];
        const std::string found = digest->finish();
        digest.reset();
        if (found != *file.md5)
            throw wrong_content(name, file.path, found, *file.md5);
    }
};

ArchiveReader::ArchiveReader(const base::Fd& fd, std::string name, ArchiveLimits limits,
                             base::Digest* file_digest)
    : state_(new State(fd, std::move(name), limits, false, file_digest)) {
    state_->read_metadata();
}
ArchiveReader::ArchiveReader(ArchiveReader&&) noexcept = default;
ArchiveReader& ArchiveReader::operator=(ArchiveReader&&) noexcept = default;
ArchiveReader::~ArchiveReader() = default;

const PackageMetadata& ArchiveReader::metadata() const {
    return state_->metadata;
}

std::optional<ArchiveMember> ArchiveReader::next() {
    return state_->next();
}

std::size_t ArchiveReader::read(char* buffer, std::size_t capacity) {
    return state_->read(buffer, capacity);
}

void ArchiveReader::leave_content_to_caller() {
    state_->content_is_callers = true;
}

std::optional<std::string> ArchiveReader::promised_md5() const {
    return state_->next_file == 0 ? std::nullopt : state_->metadata.plist.files[state_->next_file - 1].md5;
}

base::Error wrong_content(const std::string& archive, const std::string& path, const std::string& found,
                          const std::string& promised) {
    return {base::ErrorKind::trust, archive,
            fmt::format("member {} does not match the packing list: its MD5 is {}, and {} is promised", path,
                        found, promised)};
}

void ArchiveReader::read_rest() {
    state_->source.read_rest();
}

PackageMetadata read_package_metadata(const base::Fd& fd, std::string name, ArchiveLimits limits) {
    auto state = std::make_unique<ArchiveReader::State>(fd, std::move(name), limits, true, nullptr);
    state->read_metadata();
    return std::move(state->metadata);
}

} // namespace pkgjail::format

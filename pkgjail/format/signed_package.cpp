#include "pkgjail/format/signed_package.hpp"

#include <cerrno>
#include <charconv>
#include <utility>

#include <unistd.h>

#include <fmt/core.h>

#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/error.hpp"

namespace pkgjail::format {
namespace {

constexpr std::string_view ar_magic = "!<arch>\n";
constexpr std::size_t header_size = 60;
constexpr std::uint64_t max_head_member = 16u << 20; ///< +PKG_HASH of a package of some GiB has a few MiB
constexpr std::size_t max_member_name = 1024;

std::string_view without_trailing_blanks(std::string_view text) {
    const std::size_t end = text.find_last_not_of(' ');
    return end == std::string_view::npos ? std::string_view() : text.substr(0, end + 1);
}

std::optional<std::uint64_t> decimal(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (fault != std::errc() || end != text.data() + text.size())
        return std::nullopt;
    return value;
}

} // namespace

PackageSource::PackageSource(const base::Fd& fd, std::string name, base::Digest* digest)
    : file_(fd, name, digest), name_(std::move(name)) {
    fill(ar_magic.size());
    if (pending_.starts_with(ar_magic))
        read_head();
}

void PackageSource::fail(std::string cause) const {
    throw base::Error(base::ErrorKind::corrupt, name_, std::move(cause));
}

// Makes pending_ at least `wanted` bytes long, or as long as the file has them.
void PackageSource::fill(std::size_t wanted) {
    while (pending_.size() < wanted) {
        const std::string_view piece = file_.next();
        if (piece.empty())
            return;
        pending_ += piece;
    }
}

std::string PackageSource::take(std::size_t count) {
    fill(count);
    if (pending_.size() < count)
        fail("a signed package that ends too early");
    std::string bytes = pending_.substr(0, count);
    pending_.erase(0, count);
    return bytes;
}

PackageSource::MemberHeader PackageSource::take_header() {
    const std::string header = take(header_size);
    MemberHeader member;
    std::optional<std::uint64_t> size =
        decimal(without_trailing_blanks(std::string_view(header).substr(48, 10)));
    if (!header.ends_with("`\n") || !size)
        fail("not the form of a signed package (a damaged ar header)");
    member.name = without_trailing_blanks(std::string_view(header).substr(0, 16));
    if (member.name.starts_with("#1/")) { // the name stands before the content and counts in the size
        const std::optional<std::uint64_t> length = decimal(std::string_view(member.name).substr(3));
        if (!length || *length > max_member_name || *length > *size)
            fail("not the form of a signed package (a damaged ar name)");
        member.name = take(static_cast<std::size_t>(*length));
        member.name.resize(std::string_view(member.name).find_last_not_of('\0') + 1);
        *size -= *length;
        // An odd name makes the content begin, and so end, at an odd place: keep the parity of both together.
        name_bytes_ = *length;
    } else {
        name_bytes_ = 0;
        if (member.name.size() > 1 && member.name.ends_with('/') && member.name != "//")
            member.name.pop_back();
    }
    member.size = *size;
    return member;
}

std::string PackageSource::take_member(std::uint64_t size) {
    if (size > max_head_member)
        fail(fmt::format("a signed package whose head has a member of {} bytes; at most {} are allowed", size,
                         max_head_member));
    std::string content = take(static_cast<std::size_t>(size));
    if ((size + name_bytes_) % 2 != 0)
        take(1);
    return content;
}

void PackageSource::read_head() {
    take(ar_magic.size());
    const auto next_member = [this] {
        MemberHeader member = take_header();
        while (member.name == "//") { // GNU's table of long names
            take_member(member.size);
            member = take_header();
        }
        return member;
    };

    MemberHeader member = next_member();
    if (member.name != "+PKG_HASH")
        fail(fmt::format("an ar archive that is no signed package: its first member is {} and not +PKG_HASH",
                         member.name));
    SignatureParts parts;
    parts.hash_text = take_member(member.size);
    base::while_doing(name_, [&] { hash_ = PackageHash::parse(parts.hash_text); });

    member = next_member();
    if (member.name == "+PKG_SIGNATURE")
        parts.kind = SignatureKind::x509;
    else if (member.name == "+PKG_GPG_SIGNATURE")
        parts.kind = SignatureKind::gpg;
    else
        fail(fmt::format("a signed package whose second member is {} and no signature", member.name));
    parts.signature = take_member(member.size);

    member = next_member();
    if (member.size != hash_.file_size)
        fail(fmt::format("the package in the wrapper has {} bytes; {} were signed", member.size,
                         hash_.file_size));
    signature_ = std::move(parts);
}

std::optional<PackageSignature> read_package_signature(const base::Fd& fd, const std::string& name) {
    const auto rewind = [&] {
        if (::lseek(fd.get(), 0, SEEK_SET) < 0)
            throw base::system_error(errno, name, "lseek");
    };
    rewind();
    const PackageSource source(fd, name);
    rewind();
    if (!source.signature())
        return std::nullopt;
    return PackageSignature{*source.signature(), source.signed_pkgname()};
}

std::string_view PackageSource::next() {
    if (ended_)
        return {};
    if (!signature_) {
        block_ = std::exchange(pending_, {});
        if (!block_.empty())
            return block_;
        const std::string_view piece = file_.next();
        ended_ = piece.empty();
        return piece;
    }
    if (next_block_ < hash_.sha512.size()) {
        block_ = take(static_cast<std::size_t>(hash_.block_length(next_block_)));
        if (base::digest_of(base::DigestAlgorithm::sha512, block_) != hash_.sha512[next_block_])
            throw base::Error(base::ErrorKind::trust, name_,
                              fmt::format("block {} is not the one that was signed", next_block_ + 1));
        ++next_block_;
        return block_;
    }
    ended_ = true;
    fill(2);
    const std::string_view padding = (hash_.file_size + name_bytes_) % 2 != 0 ? "\n" : "";
    if (pending_ != padding && !pending_.empty())
        fail("a signed package with something after its last member");
    return {};
}

void PackageSource::read_rest() {
    while (!file_.next().empty()) {
    }
}

} // namespace pkgjail::format

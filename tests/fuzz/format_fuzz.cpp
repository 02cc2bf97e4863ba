// pkgsrc's formats.
#include <algorithm>
#include <compare>

#include <fmt/format.h>

#include "fuzz/fuzz.hpp"
#include "pkgjail/base/digest.hpp"
#include "pkgjail/format/archive.hpp"
#include "pkgjail/format/build_info.hpp"
#include "pkgjail/format/confined_reading.hpp"
#include "pkgjail/format/glob.hpp"
#include "pkgjail/format/install_script.hpp"
#include "pkgjail/format/package_hash.hpp"
#include "pkgjail/format/pattern.hpp"
#include "pkgjail/format/pkgname.hpp"
#include "pkgjail/format/plist.hpp"
#include "pkgjail/format/signed_index.hpp"
#include "pkgjail/format/signed_package.hpp"
#include "pkgjail/format/summary.hpp"
#include "pkgjail/format/version.hpp"
#include "support/package_writer.hpp"

namespace pkgjail::fuzz {

namespace {

/// What a path of a package may never be, whatever its bytes.
bool stays_below(const std::string& path) {
    if (path.empty() || path.front() == '/')
        return false;
    std::size_t begin = 0;
    while (true) {
        const std::size_t end = std::min(path.find('/', begin), path.size());
        const std::string part = path.substr(begin, end - begin);
        if (part.empty() || part == "." || part == "..")
            return false;
        if (end == path.size())
            return path.find('\0') == std::string::npos;
        begin = end + 1;
    }
}

} // namespace

void plist(std::string_view bytes) {
    format::Plist list;
    if (!accepted([&] { list = format::Plist::parse(bytes); }))
        return;
    promise(format::Pkgname::is_valid(list.pkgname), "a list has a name");
    promise(!list.prefix.empty() && list.prefix.front() == '/', "the prefix is absolute");
    for (const format::PlistFile& file : list.files) {
        promise(stays_below(file.path), "a file of the list stays below the prefix");
        promise(!file.md5 || file.md5->size() == 32, "a digest is one");
    }
    for (const format::PlistDirectory& directory : list.directories)
        promise(stays_below(directory.path), "a directory of the list stays below the prefix");
    for (const format::PlistCommand& command : list.exec) {
        promise(command.command.size() <= 4096, "an expanded command has its bound");
        promise(command.after_files <= list.files.size(), "a command runs after files that there are");
    }
}

void summary(std::string_view bytes) {
    const format::ReadingHere where_the_fuzzer_sees_it;
    const base::Fd fd = file_of(bytes);
    accepted([&] {
        format::read_summary(
            fd, "index",
            [](format::SummaryRecord&& record) {
                promise(format::Pkgname::is_valid(record.pkgname), "a record has a name");
                promise(record.file_name.find('/') == std::string::npos && !record.file_name.empty(),
                        "a file name names a file of the repository");
            },
            1u << 20);
    });
}

void archive(std::string_view bytes) {
    const format::ReadingHere where_the_fuzzer_sees_it;
    const base::Fd fd = file_of(bytes);
    accepted([&] {
        if (const auto signature = format::read_package_signature(fd, "package"))
            promise(signature->parts.hash_text.find(signature->pkgname) != std::string::npos,
                    "what was signed names the package");
    });
    format::ArchiveLimits limits;
    limits.max_unpacked_bytes = 4u << 20;
    limits.max_members = 1000;
    accepted([&] {
        format::ArchiveReader reader(fd, "package", limits);
        std::size_t files = 0;
        char buffer[4096];
        while (const auto member = reader.next()) {
            promise(stays_below(member->path), "a member stays below the prefix");
            if (member->type == format::MemberType::hard_link)
                promise(stays_below(member->link_target), "a hard link stays below the prefix");
            std::uint64_t size = 0;
            while (const std::size_t count = reader.read(buffer, sizeof buffer))
                size += count;
            promise(member->type != format::MemberType::file || size == member->size,
                    "a file has the size that was said");
            ++files;
        }
        promise(files == reader.metadata().plist.files.size(), "an archive holds exactly what its list says");
    });
}

/// As pkgsrc's signer puts a package into a wrapper, in blocks of the least size.
std::string wrapped(const std::string& pkgname, const std::string& package,
                    const std::string& signature_name) {
    constexpr std::size_t block = format::PackageHash::min_block_size;
    std::string hash = fmt::format(
        "pkgsrc signature\n\nversion: 1\npkgname: {}\nalgorithm: SHA512\nblock size: {}\nfile size: {}\n\n",
        pkgname, block, package.size());
    for (std::size_t at = 0; at < package.size(); at += block)
        hash += base::digest_of(base::DigestAlgorithm::sha512, package.substr(at, block)) + "\n";
    hash += "end pkgsrc signature\n";
    std::string wrapper = "!<arch>\n";
    for (const auto& [name, content] : {std::pair<std::string, std::string>{"+PKG_HASH", hash},
                                        {signature_name, "-----BEGIN -----\n"},
                                        {pkgname + ".tgz", package}}) {
        const bool is_long = name.size() > 16; // which then stands before the content
        const std::string all = (is_long ? name : "") + content;
        wrapper +=
            fmt::format("{:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n",
                        is_long ? fmt::format("#1/{}", name.size()) : name, 0, 0, 0, "100644", all.size());
        wrapper += all;
        if (wrapper.size() % 2 != 0)
            wrapper += '\n';
    }
    return wrapper;
}

std::vector<std::string> archive_seeds() {
    test::PackageSpec spec;
    spec.pkgname = "seed-1.0nb1";
    spec.files = {{"bin/seed", "#!/bin/sh\n", 0755}, {"share/seed/data", std::string(700, 'x')}};
    spec.symlinks = {{"bin/link", "seed"}};
    spec.hardlinks = {{"bin/second", "bin/seed"}};
    spec.directories = {"share/seed/empty"};
    spec.exec = {"echo %D/%F"};
    spec.depends = {"other>=1<2"};
    spec.install_script = "#!/bin/sh\n";
    const std::string zipped = test::package_bytes(spec, test::Compression::gzip);
    return {test::package_bytes(spec, test::Compression::none),
            zipped,
            test::package_bytes(spec, test::Compression::xz),
            wrapped(spec.pkgname, zipped, "+PKG_SIGNATURE"),
            wrapped(spec.pkgname, test::package_bytes(spec, test::Compression::none), "+PKG_GPG_SIGNATURE"),
            "!<arch>\n+PKG_HASH       0           0     0     644     20        `\npkgsrc signature\n\n\n"};
}

void version(std::string_view bytes) {
    const std::string_view a = next_part(bytes), b = next_part(bytes), c = next_part(bytes);
    promise(accepted([&] { format::Version::parse(a); }), "every text is a version");
    const auto ab = format::compare_versions(a, b), ba = format::compare_versions(b, a);
    const auto bc = format::compare_versions(b, c), ac = format::compare_versions(a, c);
    promise(format::compare_versions(a, a) == 0, "a version is itself");
    promise((ab < 0) == (ba > 0) && (ab == 0) == (ba == 0), "order has two directions");
    promise(!(ab <= 0 && bc <= 0) || ac <= 0, "order is an order");
}

void pattern(std::string_view bytes) {
    const std::string_view text = next_part(bytes), first = next_part(bytes), second = next_part(bytes);
    format::Glob(text).matches(first);
    std::optional<format::Pattern> pattern;
    if (!accepted([&] { pattern = format::Pattern::parse(text); }))
        return;
    for (const std::string_view name : {first, second})
        promise(!pattern->selects(name) || pattern->matches(name), "what is chosen matches");
    if (const auto bases = pattern->bases())
        for (const std::string_view name : {first, second})
            if (format::Pkgname::is_valid(name) && pattern->selects(name))
                promise(std::find(bases->begin(), bases->end(), format::Pkgname::parse(name).base()) !=
                            bases->end(),
                        "bases() has the base of all that is chosen");
    const format::Choice one = format::choose_better(*pattern, first, second);
    const format::Choice other = format::choose_better(*pattern, second, first);
    if (first != second)
        promise((one == format::Choice::first) == (other == format::Choice::second),
                "the better one is better from either side");
}

void install_script(std::string_view bytes) {
    accepted([&] {
        const auto declared = format::InstallDeclarations::parse(bytes);
        for (const format::DeclaredUser& user : declared.users)
            promise(!user.name.empty() && user.name.size() <= 32 && user.name.find(':') == std::string::npos,
                    "an account has a name that a password file can hold");
    });
}

void build_info(std::string_view bytes) {
    accepted([&] {
        const auto info = format::BuildInfo::parse(bytes);
        format::check_platform(info, "NetBSD", "10.0", "x86_64");
    });
}

void signed_index(std::string_view bytes) {
    format::SignedIndex index;
    if (!accepted([&] { index = format::SignedIndex::parse(bytes); }))
        return;
    promise(index.text() == bytes, "a signed index has one form");
    promise(index.expires > index.made_at && !index.files.empty(), "a signed index has a time and a file");
    for (const format::SignedIndex::File& file : index.files)
        promise(stays_below(file.name), "a signed file lies beside its signature");
}

} // namespace pkgjail::fuzz

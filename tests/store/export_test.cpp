// Trees into archives and back, and archives that no honest program writes.
#include <fstream>
#include <map>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/tree_fixture.hpp"
#include "pkgjail/base/process.hpp"
#include "pkgjail/base/umask.hpp"
#include "pkgjail/format/archive_writer.hpp"
#include "pkgjail/format/byte_source.hpp"
#include "pkgjail/format/confined_reading.hpp"
#include "pkgjail/store/export_files.hpp"
#include "pkgjail/store/import_files.hpp"
#include "pkgjail/store/oci_layout.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using namespace pkgjail::test;
using base::HostPath;
using base::Tree;
using format::TreeMember;
using format::TreeMemberType;

namespace {

void write(const HostPath& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
}

bool set_attribute(const HostPath& path, const char* name, const std::string& value) {
    return ::lsetxattr(path.c_str(), name, value.data(), value.size(), 0) == 0;
}

std::string hex(std::string_view bytes) {
    std::string text;
    for (const char c : bytes) {
        text += "0123456789abcdef"[static_cast<unsigned char>(c) >> 4];
        text += "0123456789abcdef"[static_cast<unsigned char>(c) & 15];
    }
    return text;
}

/// u::rwx,u:20005:r--,g::r-x,m::rwx,o::---
std::string access_list() {
    return std::string("\2\0\0\0"
                       "\1\0\7\0\xff\xff\xff\xff"
                       "\2\0\4\0\x25\x4e\0\0"
                       "\4\0\5\0\xff\xff\xff\xff"
                       "\x10\0\7\0\xff\xff\xff\xff"
                       "\x20\0\0\0\xff\xff\xff\xff",
                       44);
}

/// Everything that an export must keep, an entry a line.
std::string everything(const HostPath& top) {
    std::string text;
    std::map<ino_t, std::string> first;
    const auto describe = [&](const HostPath& path, const std::string& name) {
        struct stat s {};
        REQUIRE(::lstat(path.c_str(), &s) == 0);
        text += name + " " + std::to_string(s.st_mode) + " " + std::to_string(s.st_uid) + ":" +
                std::to_string(s.st_gid) + " " + std::to_string(s.st_mtim.tv_sec) + "." +
                std::to_string(s.st_mtim.tv_nsec);
        for (const char* attribute :
             {"user.note", "system.posix_acl_access", "system.posix_acl_default", "security.capability"}) {
            char value[256];
            if (const ssize_t size = ::lgetxattr(path.c_str(), attribute, value, sizeof value); size > 0)
                text += std::string(" ") + attribute + "=" + hex({value, static_cast<std::size_t>(size)});
        }
        if (S_ISREG(s.st_mode)) {
            text += " " + std::to_string(s.st_size) + " " +
                    base::digest_of_file(base::DigestAlgorithm::sha256, base::open_file(path, O_RDONLY), "");
            if (static_cast<off_t>(s.st_blocks) * 512 < s.st_size)
                text += " sparse";
            if (s.st_nlink > 1)
                text += " same as " + first.try_emplace(s.st_ino, name).first->second;
        } else if (S_ISLNK(s.st_mode)) {
            text += " -> " + std::filesystem::read_symlink(path).string();
        }
        text += "\n";
    };
    describe(top, ".");
    Tree::open(top).walk([&](const base::Entry& entry) {
        describe(top / std::string(entry.path.relative()), entry.path.str());
        return true;
    });
    return text;
}

/// A bit of everything that data may hold.
void fill(const HostPath& top) {
    std::filesystem::create_directories(top / "var/db/svc");
    write(top / "var/db/svc/a", "first");
    std::filesystem::create_hard_link(top / "var/db/svc/a", top / "var/db/svc/b");
    std::filesystem::create_symlink("/somewhere/else", top / "var/link");
    write(top / "var/holes", "x");
    std::filesystem::resize_file(top / "var/holes", 8u << 20);
    {
        std::ofstream stream(top / "var/middle", std::ios::binary);
        stream.seekp(3 << 20);
        stream << "data behind a hole";
    }
    std::ofstream(top / "var/only-a-hole").close();
    std::filesystem::resize_file(top / "var/only-a-hole", 1u << 20);
    write(top / "var/odd\nname", "odd");
    write(top / "var/h\xc3\xb6hle", "UTF-8");
    write(top / "var/\xff\xfe", "neither");
    std::filesystem::create_symlink("\xff target", top / "var/odd link");
    write(top / ("var/" + std::string(255, 'n')), "long");
    write(top / "var/empty", "");
    REQUIRE(::mkfifo((top / "var/fifo").c_str(), 0620) == 0);
    set_attribute(top / "var/odd\nname", "user.note", std::string("kept\0too", 8));
    set_attribute(top / "var/db", "user.note", "of a directory");
    set_attribute(top / "var/empty", "system.posix_acl_access", access_list());
    set_attribute(top / "var/db", "system.posix_acl_default", access_list());
    if (::geteuid() == 0) {
        REQUIRE(::chown((top / "var/db/svc/a").c_str(), 20001, 20002) == 0);
        REQUIRE(::lchown((top / "var/link").c_str(), 20003, 20004) == 0);
        REQUIRE(::chown((top / "var/db/svc").c_str(), 20001, 20002) == 0);
    }
    REQUIRE(::chmod((top / "var/db/svc/a").c_str(), 0750) == 0);
    REQUIRE(::chmod((top / "var/db/svc").c_str(), 02700) == 0);
    const struct timespec times[2] = {{1000, 1}, {2000, 123456789}};
    for (const char* path : {"var/db/svc/a", "var/link", "var/fifo", "var/db", "var"})
        REQUIRE(::utimensat(AT_FDCWD, (top / path).c_str(), times, AT_SYMLINK_NOFOLLOW) == 0);
}

struct Archive {
    TempDir directory;
    HostPath file = directory / "a.tar.zst";
    std::uint64_t members = 0;
    std::uint64_t bytes = 0;
};

void export_to(Archive& archive, const HostPath& top) {
    const Tree tree = Tree::open(top);
    const store::ExportSize size = store::export_size(tree, store::Holes::keep);
    archive.members = size.members;
    archive.bytes = size.bytes;
    const base::Fd fd = base::open_file(archive.file, O_WRONLY | O_CREAT | O_TRUNC);
    format::TreeArchiveWriter writer(fd, "a", format::TarForm::exported);
    store::TreeExporter exporter(writer, {{{20001, "svc"}}, {}}, [](std::uint64_t) {});
    exporter.add_tree(tree, "data", store::Holes::keep);
    exporter.add_text(store::digests_name, store::digests_text(exporter.digests(), size.members), 1000);
    writer.finish();
}

/// Of a part "data" into `target`: "done", or what it threw.
std::string import_from(const HostPath& file, const HostPath& target, std::uint64_t members = 1000,
                        std::uint64_t bytes = 10u << 20, bool image = false) {
    try {
        const base::Fd fd = base::open_file(file, O_RDONLY);
        format::FdSource source(fd, "a");
        store::ImportReader reader(source, "a");
        reader.expect(members, bytes);
        std::vector<store::ImportPart> parts;
        parts.push_back({"data", Tree::create(target), image, {}});
        store::SetidList setid;
        reader.trees(parts, jail::SetidPolicy::strip, setid, [](std::uint64_t) {});
        std::string text = "done";
        for (const auto& [path, line] : setid)
            text += "; " + line;
        return text;
    } catch (const base::Error& error) {
        return std::string(error.kind() == base::ErrorKind::trust ? "trust: " : "") + error.cause();
    }
}

/// An archive of these members with the digests that belong to them.
std::string import_of(const std::vector<std::pair<TreeMember, std::string>>& members, bool image = false) {
    const TempDir directory;
    {
        const base::Fd fd = base::open_file(directory / "a", O_WRONLY | O_CREAT);
        format::TreeArchiveWriter writer(fd, "a", format::TarForm::exported);
        std::string lines;
        for (auto [member, text] : members) {
            member.size = text.size();
            writer.begin(member);
            writer.write(0, text);
            format::ContentDigest digest;
            digest.update(0, text);
            lines += format::digest_line(member, member.type == TreeMemberType::file ? digest.finish() : "");
        }
        TreeMember digests;
        digests.path = store::digests_name;
        const std::string text = store::digests_text(lines, members.size());
        digests.size = text.size();
        writer.begin(digests);
        writer.write(0, text);
        writer.finish();
    }
    return import_from(directory / "a", directory / "target", members.size(), 1000, image);
}

TreeMember member(const std::string& path, TreeMemberType type = TreeMemberType::file, unsigned mode = 0644) {
    TreeMember result;
    result.path = path;
    result.type = type;
    result.mode = mode;
    result.uid = ::geteuid();
    result.gid = ::getegid();
    return result;
}

TreeMember link_to(const std::string& path, TreeMemberType type, const std::string& target) {
    TreeMember result = member(path, type, 0777);
    result.link_target = target;
    return result;
}

const std::pair<TreeMember, std::string> top = {member("data", TreeMemberType::directory, 0755), ""};

} // namespace

TEST_CASE("who may look into an image layout that is a directory, the caller's umask says",
          "[store][export][umask]") {
    const TempDir dir;

    const int status = status_of_child([&] {
        ::umask(077);
        base::set_umask();
        store::OciLayout layout(dir / "oci", false);
        layout.add_blob("{}");
        layout.place("{}", 0);
        return 0;
    });

    REQUIRE(status == 0);
    struct stat made {};
    REQUIRE(::stat((dir / "oci").c_str(), &made) == 0);
    CHECK((made.st_mode & 07777) == 0700);
}

TEST_CASE("a tree comes back from an archive as it was", "[store][export]") {
    const TempDir from;
    const TempDir to;
    fill(from.path());
    Archive archive;

    export_to(archive, from.path());

    CHECK(import_from(archive.file, to / "data", archive.members, archive.bytes) == "done");
    CHECK(everything(to / "data") == everything(from.path()));
    CHECK(std::filesystem::file_size(archive.file) < 20'000); // the holes are not in it
}

TEST_CASE("ordinary tar programs unpack what an export holds", "[store][export]") {
    for (const std::vector<std::string>& unpack :
         {std::vector<std::string>{"tar", "--zstd", "--xattrs", "--acls", "-xpf"},
          std::vector<std::string>{"bsdtar", "--xattrs", "--acls", "-xpf"}}) {
        const auto program = base::find_program(unpack.front());
        if (!program || !base::find_program("zstd")) {
            WARN("skipped: no " << unpack.front() << ", or no zstd");
            continue;
        }
        const TempDir from;
        const TempDir to;
        fill(from.path());
        Archive archive;
        export_to(archive, from.path());
        base::Command command;
        command.argv = unpack;
        command.argv.front() = program->string();
        command.argv.insert(command.argv.end(), {archive.file.string(), "-C", to.path().string()});
        command.environment = {"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8"};

        const base::Output output = base::run(command, std::chrono::seconds(60));

        INFO(unpack.front() << ": " << output.out << output.err);
        CHECK(output.exit.success());
        if (::geteuid() == 0)
            CHECK(everything(to / "data") == everything(from.path()));
    }
}

TEST_CASE("every flipped bit and every cut of an archive is found", "[store][export]") {
    const format::ReadingHere thousands_of_readings;
    const TempDir from;
    std::filesystem::create_directories(from / "d");
    write(from / "d/file", "some content that is longer than nothing");
    std::filesystem::create_symlink("file", from / "d/link");
    Archive archive;
    export_to(archive, from.path());
    const std::string bytes = base::read_file(archive.file);
    const TempDir to;
    REQUIRE(import_from(archive.file, to / "whole", archive.members, archive.bytes) == "done");
    const std::string whole = everything(to / "whole");

    std::size_t number = 0;
    for (std::size_t at = 0; at < bytes.size(); at += 3) {
        std::string damaged = bytes;
        damaged[at] = static_cast<char>(damaged[at] ^ (1 << at % 8));
        write(to / "damaged", damaged);
        const HostPath target = to / ("t" + std::to_string(number++));
        const std::string outcome = import_from(to / "damaged", target, archive.members, archive.bytes);
        INFO("bit of byte " << at);
        // What says nothing, a flag of the compression for example, may differ: then nothing else does.
        CHECK((outcome != "done" || everything(target) == whole));
    }
    for (std::size_t length = 0; length + 16 < bytes.size(); length += 29) {
        write(to / "damaged", bytes.substr(0, length));
        INFO("cut to " << length << " of " << bytes.size());
        CHECK(import_from(to / "damaged", to / ("t" + std::to_string(number++)), archive.members,
                          archive.bytes) != "done");
    }
    for (const std::string& more : {std::string("x"), bytes, std::string(4096, 'y')}) {
        write(to / "damaged", bytes + more);
        CHECK(import_from(to / "damaged", to / ("t" + std::to_string(number++)), archive.members,
                          archive.bytes) != "done");
    }
}

TEST_CASE("hostile members are refused", "[store][export]") {
    const TreeMember directory = member("data/d", TreeMemberType::directory, 0755);
    CHECK(import_of({top, {directory, ""}, {member("data/d/f"), "x"}}) == "done");
    CHECK_THAT(import_of({top, {member("../f"), "x"}}), ContainsSubstring("\"..\""));
    CHECK_THAT(import_of({top, {member("data/../../f"), "x"}}), ContainsSubstring("\"..\""));
    CHECK_THAT(import_of({top, {member("/etc/f"), "x"}}), ContainsSubstring("absolute"));
    CHECK_THAT(import_of({top, {member("data//f"), "x"}}), ContainsSubstring("empty component"));
    CHECK_THAT(import_of({top, {member("data/" + std::string(256, 'n')), "x"}}),
               ContainsSubstring("256 bytes"));
    CHECK_THAT(import_of({top, {member("other/f"), "x"}}), ContainsSubstring("does not belong here"));
    CHECK_THAT(import_of({{member("data/f"), "x"}}), ContainsSubstring("does not belong here"));
    CHECK_THAT(import_of({{member("data"), "x"}}), ContainsSubstring("must be a directory"));
    CHECK_THAT(import_of({top, {member("data/d/f"), "x"}}), ContainsSubstring("its directory did not come"));
    CHECK_THAT(
        import_of({top, {link_to("data/d", TreeMemberType::symlink, "/etc"), ""}, {member("data/d/f"), "x"}}),
        ContainsSubstring("its directory did not come"));
    CHECK_THAT(import_of({top, {member("data/f"), "x"}, {member("data/f"), "y"}}),
               ContainsSubstring("twice"));
    CHECK_THAT(import_of({top, {member("data/g"), "x"}, {member("data/f"), "y"}}),
               ContainsSubstring("out of order"));
    CHECK_THAT(import_of({top, {link_to("data/h", TreeMemberType::hard_link, "etc/shadow"), ""}}),
               ContainsSubstring("lies elsewhere"));
    CHECK_THAT(import_of({top, {link_to("data/h", TreeMemberType::hard_link, "data/../x"), ""}}),
               ContainsSubstring("\"..\""));
    CHECK_THAT(import_of({top, {link_to("data/h", TreeMemberType::hard_link, "data/i"), ""}}),
               ContainsSubstring("no earlier file"));
    CHECK_THAT(import_of({top,
                          {link_to("data/g", TreeMemberType::symlink, "/etc/shadow"), ""},
                          {link_to("data/h", TreeMemberType::hard_link, "data/g"), ""}}),
               ContainsSubstring("no earlier file"));
    TreeMember labelled = member("data/f");
    labelled.attributes["security.ima"] = "x";
    CHECK_THAT(import_of({top, {labelled, ""}}), ContainsSubstring("security.ima"));
    CHECK_THAT(import_of({top, {member("data/f"), std::string(1u << 21, 'x')}}),
               ContainsSubstring("more data than"));
    CHECK_THAT(import_of({top, {member("data/fifo", TreeMemberType::fifo), ""}}, true),
               ContainsSubstring("FIFO"));
}

TEST_CASE("set-id bits of data follow the policy, and those of an image are refused", "[store][export]") {
    CHECK(import_of({top, {member("data/f", TreeMemberType::file, 04755), "x"}}) ==
          "done; /f 4755 the archive: stripped");
    CHECK_THAT(import_of({top, {member("data/f", TreeMemberType::file, 04755), "x"}}, true),
               ContainsSubstring("set-id"));
}

TEST_CASE("digests of other members are refused, and the first that differs is named", "[store][export]") {
    const TempDir directory;
    {
        const base::Fd fd = base::open_file(directory / "a", O_WRONLY | O_CREAT);
        format::TreeArchiveWriter writer(fd, "a", format::TarForm::exported);
        store::TreeExporter exporter(writer, {}, [](std::uint64_t) {});
        std::filesystem::create_directory(directory / "t");
        write(directory / "t/f", "x");
        exporter.add_tree(Tree::open(directory / "t"), "data", store::Holes::keep);
        std::string lines = exporter.digests();
        lines.replace(lines.find("f 0"), 6, "f 0600");
        exporter.add_text(store::digests_name, store::digests_text(lines, 2), 0);
        writer.finish();
    }

    const std::string outcome = import_from(directory / "a", directory / "target");

    CHECK_THAT(outcome, ContainsSubstring("trust: damaged: what was read is \"f 0644"));
    CHECK_THAT(outcome, ContainsSubstring("its digests say \"f 0600"));
}

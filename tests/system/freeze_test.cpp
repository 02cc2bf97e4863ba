// Frozen copies on real file systems, and btrfs's subvolumes.
#include <fstream>
#include <map>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/tree_fixture.hpp"
#include "pkgjail/base/subvolume.hpp"
#include "pkgjail/store/freeze.hpp"
#include "support/loop_mount.hpp"

using namespace pkgjail;
using namespace pkgjail::test;
using base::HostPath;
using base::Tree;
using store::FreezeMeans;

namespace {

void write(const HostPath& path, const std::string& text) {
    std::ofstream(path) << text;
}

/// Everything that a copy must keep, an entry a line: type and mode, owner, time, links, size, whether it has
/// holes, attributes, content or target.
std::string everything(const HostPath& top) {
    std::string text;
    std::map<ino_t, std::string> first;
    const auto describe = [&](const HostPath& path, const std::string& name) {
        struct stat s {};
        REQUIRE(::lstat(path.c_str(), &s) == 0);
        text += name + " " + std::to_string(s.st_mode) + " " + std::to_string(s.st_uid) + ":" +
                std::to_string(s.st_gid) + " " + std::to_string(s.st_mtim.tv_sec) + "." +
                std::to_string(s.st_mtim.tv_nsec);
        char value[64];
        if (const ssize_t size = ::lgetxattr(path.c_str(), "user.note", value, sizeof value); size > 0)
            text += " note=" + std::string(value, static_cast<std::size_t>(size));
        if (S_ISREG(s.st_mode)) {
            text += " " + std::to_string(s.st_size);
            if (static_cast<off_t>(s.st_blocks) * 512 < s.st_size)
                text += " sparse";
            if (s.st_nlink > 1)
                text += " same as " + first.try_emplace(s.st_ino, name).first->second;
            if (s.st_size < 1000)
                text += " " + base::read_file(path);
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
    write(top / "var/odd\nname", "odd");
    REQUIRE(::mkfifo((top / "var/fifo").c_str(), 0620) == 0);
    REQUIRE(::chown((top / "var/db/svc/a").c_str(), 20001, 20002) == 0);
    REQUIRE(::chmod((top / "var/db/svc/a").c_str(), 04750) == 0);
    REQUIRE(::lchown((top / "var/link").c_str(), 20003, 20004) == 0);
    REQUIRE(::chown((top / "var/db/svc").c_str(), 20001, 20002) == 0);
    REQUIRE(::chmod((top / "var/db/svc").c_str(), 0700) == 0);
    // Not every file system has them: tmpfs since Linux 6.6 only.
    if (::lsetxattr((top / "var/odd\nname").c_str(), "user.note", "kept", 4, 0) != 0)
        REQUIRE(errno == EOPNOTSUPP);
    const struct timespec times[2] = {{1000, 1}, {2000, 123456789}};
    REQUIRE(::utimensat(AT_FDCWD, (top / "var/db/svc/a").c_str(), times, 0) == 0);
    REQUIRE(::utimensat(AT_FDCWD, (top / "var/db").c_str(), times, 0) == 0);
    REQUIRE(::utimensat(AT_FDCWD, (top / "var/link").c_str(), times, AT_SYMLINK_NOFOLLOW) == 0);
}

} // namespace

TEST_CASE("a frozen copy is the cheapest that the file system has, and leaves nothing out",
          "[store][freeze][root]") {
    const auto [type, subvolume, expected] =
        GENERATE(table<std::string, bool, FreezeMeans>({{"btrfs", true, FreezeMeans::subvolume},
                                                        {"btrfs", false, FreezeMeans::reflink},
                                                        {"xfs", false, FreezeMeans::reflink},
                                                        {"ext4", false, FreezeMeans::copy},
                                                        {"tmpfs", false, FreezeMeans::copy}}));
    INFO(type << (subvolume ? ", subvolume" : ""));
    const auto mounted = LoopMount::make(type, 320); // xfs makes none below 300
    if (!mounted)
        return;
    const HostPath from = mounted->top() / "from";
    const HostPath to = mounted->top() / "to";
    if (subvolume)
        store::make_freezable_directory(Tree::open(mounted->top()), at("/from"));
    else
        std::filesystem::create_directory(from);
    fill(from);
    const std::string before = everything(from);

    const FreezeMeans means = store::freeze(from, to);

    CHECK(store::freeze_means_name(means) == store::freeze_means_name(expected));
    CHECK(everything(to) == before);
    // Each goes its own way from here.
    write(from / "var/db/svc/a", "changed");
    write(to / "var/new", "new");
    CHECK(base::read_file(to / "var/db/svc/b") == "first");
    CHECK_FALSE(std::filesystem::exists(from / "var/new"));
    CHECK(store::size_of(from) == 7 + 3 + (8u << 20));
    Tree::open(mounted->top()).remove_all(at("/from"));
    Tree::open(mounted->top()).remove_all(at("/to"));
    CHECK_FALSE(std::filesystem::exists(from));
    CHECK_FALSE(std::filesystem::exists(to));
}

TEST_CASE("subvolumes inside of data stop a frozen copy, which would lack them", "[store][freeze][root]") {
    const auto mounted = LoopMount::make("btrfs", 128);
    if (!mounted)
        return;
    store::make_freezable_directory(Tree::open(mounted->top()), at("/from"));
    std::filesystem::create_directory(mounted->top() / "from/var");
    store::make_freezable_directory(Tree::open(mounted->top()), at("/from/var/inner"));

    CHECK(outcome_of([&] { store::freeze(mounted->top() / "from", mounted->top() / "to"); }) ==
          "conflict: holds btrfs subvolumes of its own, which a copy of it would leave out");
    CHECK_FALSE(std::filesystem::exists(mounted->top() / "to"));
}

TEST_CASE("removing takes subvolumes in subvolumes along, and no mounted one", "[base][tree][root]") {
    const auto mounted = LoopMount::make("btrfs", 128);
    if (!mounted)
        return;
    const Tree top = Tree::open(mounted->top());
    top.make_directory(at("/jail"), 0755);
    std::string path = "/jail";
    for (int depth = 0; depth < 5; ++depth) {
        path += "/sub";
        store::make_freezable_directory(top, at(path));
        path += "/dir";
        top.make_directory(at(path), 0755);
        write(mounted->top() / path.substr(1) / "file", "x");
    }

    top.remove_all(at("/jail"));

    CHECK(shape(top).empty());
}

TEST_CASE("a full file system stops a frozen copy with an error", "[store][freeze][root]") {
    const auto mounted = LoopMount::make("tmpfs", 4);
    if (!mounted)
        return;
    std::filesystem::create_directory(mounted->top() / "from");
    write(mounted->top() / "from/file", std::string(3u << 20, 'x'));

    CHECK(outcome_of([&] { store::freeze(mounted->top() / "from", mounted->top() / "to"); }) ==
          "other: write the copy of: No space left on device");
}

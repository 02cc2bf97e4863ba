#include "support/catch.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#if defined(__linux__) || defined(__NetBSD__)
#include <sys/xattr.h>
#endif

#include "base/tree_fixture.hpp"

using namespace pkgjail::base;
using namespace pkgjail::test;

namespace {

class CopyFixture : public TreeFixture {
  public:
    explicit CopyFixture(bool own_walk = false)
        : TreeFixture(own_walk), target(Tree::create(top().string() + "-copy")) {}
    Tree target;
};

} // namespace

TEST_CASE("a copy has the same content, modes, times and links", "[base][tree][copy]") {
    CopyFixture at_work(GENERATE(false, true));
    Tree& tree = at_work.tree;
    tree.make_directories(at("/d/e"));
    tree.write(at("/d/f"), "content", 04711, me());
    tree.write(at("/empty"), "", 0444, me());
    tree.write(at("/big"), std::string(700001, 'b'), 0600, me());
    tree.make_symlink("../nowhere", at("/d/link"));
    tree.set_modification_time(at("/d/f"), {1000000000, 123000000});
    tree.set_modification_time(at("/d/link"), {1000000001, 0});
    tree.set_modification_time(at("/d/e"), {1000000002, 0});
    tree.set_permissions(at("/d"), 01555);
    tree.set_modification_time(at("/d"), {1000000003, 0});
    tree.set_permissions(at("/"), 0710);
    tree.set_modification_time(at("/"), {1000000004, 0});

    tree.copy_into(at_work.target);

    auto described = [](const Tree& of) {
        std::string text = std::to_string(of.stat(at("/"))->permissions()) + " " +
                           std::to_string(of.stat(at("/"))->status.st_mtime) + "\n";
        of.walk([&](const Entry& entry) {
            text += entry.path.str() + " " + std::to_string(entry.permissions()) + " " + entry.link_target +
                    " " + std::to_string(entry.is_directory() ? 0 : entry.status.st_size) + " " +
                    std::to_string(entry.status.st_mtime) + "\n";
            return true;
        });
        return text;
    };
    CHECK(described(at_work.target) == described(tree));
    CHECK(at_work.target.read(at("/d/f")) == "content");
    CHECK(at_work.target.read(at("/big")) == std::string(700001, 'b'));
    CHECK(at_work.target.stat(at("/d"))->status.st_mtime == 1000000003);
}

TEST_CASE("files that were one file are one file in the copy, and not the old one", "[base][tree][copy]") {
    CopyFixture at_work(GENERATE(false, true));
    at_work.tree.make_directory(at("/d"), 0755);
    at_work.tree.write(at("/a"), "same", 0640, me());
    at_work.tree.make_hard_link(at_work.tree, at("/a"), at("/d/b"));
    at_work.tree.write(at("/c"), "same", 0640, me());

    at_work.tree.copy_into(at_work.target);

    auto inode = [](const Tree& tree, const char* name) { return tree.stat(at(name))->status.st_ino; };
    CHECK(inode(at_work.target, "/a") == inode(at_work.target, "/d/b"));
    CHECK(inode(at_work.target, "/a") != inode(at_work.tree, "/a"));
    CHECK(inode(at_work.target, "/a") != inode(at_work.target, "/c"));
    CHECK(at_work.target.stat(at("/a"))->status.st_nlink == 2);
}

TEST_CASE("holes stay holes", "[base][tree][copy]") {
    CopyFixture at_work(GENERATE(false, true));
    {
        Fd file = at_work.tree.create_file(at("/sparse"));
        REQUIRE(::pwrite(file.get(), "begin", 5, 0) == 5);
        REQUIRE(::pwrite(file.get(), "middle", 6, off_t(1) << 32) == 6);
        REQUIRE(::ftruncate(file.get(), off_t(10) << 30) == 0);
    }
    at_work.tree.create_file(at("/all-hole"));
    REQUIRE(::truncate((at_work.top() / "all-hole").c_str(), 1 << 20) == 0);

    at_work.tree.copy_into(at_work.target);

    Entry copy = *at_work.target.stat(at("/sparse"));
    CHECK(copy.status.st_size == off_t(10) << 30);
    CHECK(copy.status.st_blocks * 512 < (1 << 20));
    char text[7] = {};
    Fd file = at_work.target.open_regular(at("/sparse"));
    CHECK(::pread(file.get(), text, 6, off_t(1) << 32) == 6);
    CHECK(std::string(text) == "middle");
    CHECK(::pread(file.get(), text, 5, 0) == 5);
    CHECK(std::string(text, 5) == "begin");
    CHECK(at_work.target.stat(at("/all-hole"))->status.st_size == 1 << 20);
}

TEST_CASE("extended attributes of files and directories are copied", "[base][tree][copy]") {
    CopyFixture at_work;
    at_work.tree.make_directory(at("/d"), 0755);
    at_work.tree.write(at("/d/f"), "x", 0400, me());
    Fd file = at_work.tree.open_regular(at("/d/f"));
    Tree directory = at_work.tree.open_tree(at("/d"));
    if (::fsetxattr(file.get(), "user.pkgjail.test", "a\0b", 3, 0) != 0) {
        WARN("the file system of temporary files has no extended attributes");
        return;
    }
    REQUIRE(::fsetxattr(directory.fd().get(), "user.pkgjail.empty", "", 0, 0) == 0);

    at_work.tree.copy_into(at_work.target);

    char value[8] = {};
    Fd copy = at_work.target.open_regular(at("/d/f"));
    CHECK(::fgetxattr(copy.get(), "user.pkgjail.test", value, sizeof value) == 3);
    CHECK(std::string(value, 3) == std::string("a\0b", 3));
    CHECK(::fgetxattr(at_work.target.open_tree(at("/d")).fd().get(), "user.pkgjail.empty", value,
                      sizeof value) == 0);
}

TEST_CASE("a copy replaces files of the same name and keeps the others", "[base][tree][copy]") {
    CopyFixture at_work(GENERATE(false, true));
    at_work.tree.write(at("/f"), "new", 0600, me());
    at_work.target.write(at("/f"), "old", 0444, me());
    at_work.target.write(at("/kept"), "kept", 0600, me());

    at_work.tree.copy_into(at_work.target);

    CHECK(at_work.target.read(at("/f")) == "new");
    CHECK(at_work.target.read(at("/kept")) == "kept");
    CHECK(at_work.tree.read(at("/f")) == "new");
}

TEST_CASE("a file and a directory of the same name are a conflict, either way", "[base][tree][copy]") {
    CopyFixture at_work(GENERATE(false, true));
    at_work.tree.write(at("/x"), "file", 0600, me());
    at_work.target.make_directory(at("/x"), 0755);
    CHECK(outcome_of([&] { at_work.tree.copy_into(at_work.target); }) ==
          "conflict: is a directory in the place of a file");

    at_work.tree.remove_file(at("/x"));
    at_work.tree.make_directory(at("/x"), 0755);
    at_work.target.remove_all(at("/x"));
    at_work.target.write(at("/x"), "file", 0600, me());
    CHECK(outcome_of([&] { at_work.tree.copy_into(at_work.target); }) ==
          "conflict: exists and is not a directory");
}

TEST_CASE("FIFOs are made again and sockets are left out", "[base][tree][copy]") {
    CopyFixture at_work(GENERATE(false, true));
    REQUIRE(::mkfifo((at_work.top() / "fifo").c_str(), 0600) == 0);
    REQUIRE(::chmod((at_work.top() / "fifo").c_str(), 0622) == 0);
    Fd socket(::socket(AF_UNIX, SOCK_STREAM, 0));
    struct sockaddr_un address {};
    address.sun_family = AF_UNIX;
    std::string name = (at_work.top() / "socket").string();
    REQUIRE(name.copy(address.sun_path, sizeof address.sun_path - 1) == name.size());
    REQUIRE(::bind(socket.get(), reinterpret_cast<struct sockaddr*>(&address), sizeof address) == 0);

    at_work.tree.copy_into(at_work.target);

    CHECK(shape(at_work.target) == "/fifo\n");
    CHECK(S_ISFIFO(at_work.target.stat(at("/fifo"))->status.st_mode));
    CHECK(at_work.target.stat(at("/fifo"))->permissions() == 0622u);
}

TEST_CASE("one entry is copied with what belongs to it and without what is in it", "[base][tree][copy]") {
    CopyFixture at_work(GENERATE(false, true));
    const Tree& tree = at_work.tree;
    const auto copy = [&](const char* path) {
        tree.copy_entry(*tree.stat(at(path)), at_work.target);
        return *at_work.target.stat(at(path));
    };
    tree.make_directories(at("/d"));
    tree.write(at("/d/f"), "content", 04711, me());
    tree.make_hard_link(tree, at("/d/f"), at("/g"));
    tree.make_symlink("nowhere", at("/link"));
    tree.set_modification_time(at("/d/f"), {1000000000, 0});
    tree.set_permissions(at("/d"), 01555);
    tree.set_modification_time(at("/d"), {1000000001, 0});
    REQUIRE(::mkfifo((at_work.top() / "fifo").c_str(), 0600) == 0);

    CHECK(copy("/d").permissions() == 01555u);
    CHECK(shape(at_work.target) == "/d/\n");
    CHECK(copy("/d/f").permissions() == 04711u);
    CHECK(copy("/g").status.st_mtime == 1000000000);
    CHECK(at_work.target.stat(at("/g"))->status.st_nlink == 1);
    CHECK(at_work.target.read(at("/g")) == "content");
    CHECK(copy("/link").link_target == "nowhere");
    CHECK(copy("/d").status.st_mtime == 1000000001); // again, over what stands there
    CHECK(outcome_of([&] { copy("/fifo"); }) ==
          "corrupt: is a FIFO, a socket or a device, which is not copied");
    CHECK_FALSE(at_work.target.exists(at("/fifo")));
}

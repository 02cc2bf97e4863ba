// The safe walker where only root can build the case: devices, mount points, foreign owners, full disks.
#include "support/catch.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/tree_fixture.hpp"

using namespace pkgjail::base;
using namespace pkgjail::test;

namespace {

/// A tmpfs of a megabyte, or a second view of a directory, for the length of a test.
class ScopedMount {
  public:
    static ScopedMount memory(const HostPath& where) {
        return ScopedMount("tmpfs", where, "tmpfs", 0, "size=1m");
    }
    static ScopedMount view(const HostPath& what, const HostPath& where) {
        return ScopedMount(what.string(), where, "none", MS_BIND, nullptr);
    }
    ScopedMount(const ScopedMount&) = delete;
    ScopedMount& operator=(const ScopedMount&) = delete;
    ~ScopedMount() { ::umount2(where_.c_str(), MNT_DETACH); }

  private:
    ScopedMount(const std::string& what, const HostPath& where, const char* type, unsigned long flags,
                const char* options)
        : where_(where) {
        if (::mount(what.c_str(), where.c_str(), type, flags, options) != 0)
            throw system_error(errno, where.string(), "mount");
    }
    HostPath where_;
};

} // namespace

TEST_CASE("a device is neither opened nor copied", "[base][tree][root]") {
    TreeFixture at_work(GENERATE(false, true));
    REQUIRE(::mknod((at_work.top() / "null").c_str(), S_IFCHR | 0666, makedev(1, 3)) == 0);
    Tree copy = Tree::create(at_work.top().string() + "-copy");

    CHECK(outcome_of([&] { at_work.tree.read(at("/null")); }) ==
          "corrupt: is neither a file nor a directory");
    CHECK(outcome_of([&] { at_work.tree.set_permissions(at("/null"), 0600); }) ==
          "corrupt: is neither a file nor a directory");
    CHECK(outcome_of([&] { at_work.tree.copy_into(copy); }) == "corrupt: is a device, which is not copied");
    CHECK(shape(copy).empty());
    at_work.tree.remove_file(at("/null"));
    CHECK(shape(at_work.tree).empty());
}

TEST_CASE("removing stops at a mounted file system and removes nothing of it", "[base][tree][root]") {
    TreeFixture at_work(GENERATE(false, true));
    at_work.tree.make_directories(at("/d/mounted"));
    ScopedMount mount = ScopedMount::memory(at_work.top() / "d" / "mounted");
    write_file_atomically(at_work.top() / "d" / "mounted" / "kept", "kept");

    CHECK(outcome_of([&] { at_work.tree.remove_all(at("/d")); }).starts_with("busy: "));
    CHECK(outcome_of([&] { at_work.tree.remove_all(at("/d/mounted")); }).starts_with("busy: "));
    CHECK(read_file(at_work.top() / "d" / "mounted" / "kept") == "kept");
}

TEST_CASE("removing stops at a second view of the same file system", "[base][tree][root]") {
    // The device number is the same on both sides, so it does not tell.
    TreeFixture at_work(GENERATE(false, true));
    at_work.tree.make_directories(at("/d/view"));
    ScopedMount mount = ScopedMount::view(at_work.canary(), at_work.top() / "d" / "view");

    CHECK(outcome_of([&] { at_work.tree.remove_all(at("/d")); }).starts_with("busy: "));
    CHECK(outcome_of([&] { at_work.tree.remove_all(at("/")); }).starts_with("busy: "));
    CHECK(at_work.canary_is_intact());
}

TEST_CASE("a file with another one mounted over it is busy", "[base][tree][root]") {
    TreeFixture at_work(GENERATE(false, true));
    at_work.tree.write(at("/resolv.conf"), "", 0644, me());
    ScopedMount mount = ScopedMount::view(at_work.canary() / "file", at_work.top() / "resolv.conf");

    CHECK(outcome_of([&] { at_work.tree.remove_all(at("/resolv.conf")); }).starts_with("busy: "));
    CHECK(at_work.canary_is_intact());
}

TEST_CASE("walking and copying report a mount point and stay out of it", "[base][tree][root]") {
    TreeFixture at_work(GENERATE(false, true));
    at_work.tree.make_directories(at("/d/memory"));
    at_work.tree.make_directories(at("/d/view"));
    ScopedMount memory = ScopedMount::memory(at_work.top() / "d" / "memory");
    ScopedMount view = ScopedMount::view(at_work.canary(), at_work.top() / "d" / "view");
    write_file_atomically(at_work.top() / "d" / "memory" / "kept", "kept");
    Tree copy = Tree::create(at_work.top().string() + "-copy");

    at_work.tree.copy_into(copy);

    CHECK(shape(at_work.tree) == "/d/\n/d/memory/\n/d/view/\n");
    CHECK(shape(copy) == "/d/\n/d/memory/\n/d/view/\n");
}

TEST_CASE("owners, set-id bits and capabilities survive a copy", "[base][tree][root]") {
    TreeFixture at_work(GENERATE(false, true));
    Tree& tree = at_work.tree;
    tree.make_directory(at("/d"), 0755);
    tree.write(at("/d/f"), "x", 06755, Owner{1234, 5678});
    tree.make_symlink("f", at("/d/link"));
    tree.set_owner(at("/d/link"), Owner{4321, 8765});
    tree.set_owner(at("/d"), Owner{99, 98});
    REQUIRE(::mkfifo((at_work.top() / "fifo").c_str(), 0600) == 0);
    tree.set_owner(at("/fifo"), Owner{7, 8});
    Tree copy = Tree::create(at_work.top().string() + "-copy");

    tree.copy_into(copy);

    auto owner = [&](const char* name) {
        Entry entry = *copy.stat(at(name));
        return std::to_string(entry.status.st_uid) + ":" + std::to_string(entry.status.st_gid) + " " +
               std::to_string(entry.is_symlink() ? 0 : entry.permissions());
    };
    CHECK(owner("/d/f") == "1234:5678 " + std::to_string(06755));
    CHECK(owner("/d/link") == "4321:8765 0");
    CHECK(owner("/d") == "99:98 " + std::to_string(0755));
    CHECK(owner("/fifo") == "7:8 " + std::to_string(0600));
}

TEST_CASE("directories that are made belong to root whatever their parent says", "[base][tree][root]") {
    TreeFixture at_work(GENERATE(false, true));
    at_work.tree.make_directory(at("/shared"), 0755);
    at_work.tree.set_owner(at("/shared"), Owner{1234, 5678});
    at_work.tree.set_permissions(at("/shared"), 02775);

    at_work.tree.make_directories(at("/shared/a/b"), 0750);

    Entry made = *at_work.tree.stat(at("/shared/a/b"));
    CHECK(made.status.st_uid == 0);
    CHECK(made.status.st_gid == 0);
    CHECK(made.permissions() == 0750u);
    CHECK(at_work.tree.stat(at("/shared"))->status.st_gid == 5678);
}

TEST_CASE("a full disk leaves the old content and no temporary file", "[base][file][root]") {
    TreeFixture at_work(GENERATE(false, true));
    at_work.tree.make_directory(at("/small"), 0755);
    ScopedMount mount = ScopedMount::memory(at_work.top() / "small");
    const HostPath file = at_work.top() / "small" / "file";
    write_file_atomically(file, "old");
    Tree small = Tree::open(at_work.top() / "small");
    const std::string too_much(2u << 20, 'x');

    CHECK(outcome_of([&] { write_file_atomically(file, too_much); }) ==
          "other: write: No space left on device");
    CHECK(outcome_of([&] { small.write(at("/file"), too_much, 0600, me()); }) ==
          "other: write: No space left on device");
    CHECK(read_file(file) == "old");
    CHECK(shape(small) == "/file\n");
}

TEST_CASE("a copy to another file system is complete", "[base][tree][root]") {
    TreeFixture at_work(GENERATE(false, true));
    at_work.tree.make_directories(at("/from/d"));
    at_work.tree.make_directory(at("/to"), 0755);
    at_work.tree.write(at("/from/d/f"), std::string(300000, 'x'), 0640, Owner{1, 2});
    ScopedMount mount = ScopedMount::memory(at_work.top() / "to");
    Tree from = at_work.tree.open_tree(at("/from")), to = at_work.tree.open_tree(at("/to"));

    from.copy_into(to);

    CHECK(to.read(at("/d/f")) == std::string(300000, 'x'));
    CHECK(
        outcome_of([&] { from.rename_into(at("/d/f"), to, at("/g")); }).starts_with("other: rename: not on"));
    CHECK(outcome_of([&] {
              to.make_hard_link(from, at("/d/f"), at("/g"));
          }).starts_with("other: link: not on"));
}

// Whether everything of a tree is waited for. fsync(2) of this program is the one below, which takes note.
#include <set>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/tree_fixture.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using namespace pkgjail::base;
using namespace pkgjail::test;

namespace {

std::set<ino_t>* synced = nullptr;

ino_t inode_of(const HostPath& path) {
    struct stat status {};
    REQUIRE(::lstat(path.c_str(), &status) == 0);
    return status.st_ino;
}

} // namespace

extern "C" int fsync(int fd) {
    struct stat status {};
    if (synced != nullptr && ::fstat(fd, &status) == 0)
        synced->insert(status.st_ino);
    return static_cast<int>(::syscall(SYS_fsync, fd));
}

TEST_CASE("a tree is on disk when each file and directory of it is, and nothing else is asked for",
          "[base][tree][sync]") {
    for (const bool own_walk : {false, true}) {
        TreeFixture files(own_walk);
        files.tree.make_directories(at("/a/b"));
        files.tree.write(at("/a/b/deep"), "deep", 0600, me());
        files.tree.write(at("/closed"), "closed", 0000, me());
        files.tree.make_symlink((files.canary() / "file").string(), at("/link"));
        files.tree.make_symlink(files.canary().string(), at("/directory-link"));
        REQUIRE(::mkfifo((files.top() / "fifo").c_str(), 0600) == 0);
        if (::geteuid() != 0)
            files.tree.remove_file(at("/closed"));
        std::set<ino_t> expected;
        for (const char* name : {"", "a", "a/b", "a/b/deep"})
            expected.insert(inode_of(files.top() / name));
        if (::geteuid() == 0)
            expected.insert(inode_of(files.top() / "closed"));

        std::set<ino_t> seen;
        synced = &seen;
        files.tree.sync();
        synced = nullptr;

        CHECK(seen == expected);
        CHECK(files.canary_is_intact());
    }
}

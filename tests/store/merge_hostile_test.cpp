// Jails whose root prepared its configuration for the day of the upgrade.
#include "support/catch.hpp"

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>
#include <unistd.h>
#if __has_include(<sys/sysmacros.h>)
#include <sys/sysmacros.h>
#endif

#include "store/merge_fixture.hpp"

using namespace pkgjail;
using namespace pkgjail::test;

TEST_CASE("a link in the place of a directory is kept and never followed", "[store][merge][hostile]") {
    const std::string target = GENERATE("..", "../old/etc", "/etc", "etc", "../result");
    MergeTrees trees("/etc/a: old\n/etc/d/b: old\n", "/etc/a: new\n/etc/d/b: new\n/etc/d/c: new\n", "");
    trees.mine.make_symlink(target, at("/etc"));

    CHECK(trees.merge() == "conflict /etc: is a symbolic link now, a directory in the new version\n");
    CHECK(show(trees.result) == "/etc -> " + target + "\n");
}

TEST_CASE("a link in the place of a file is kept and never followed", "[store][merge][hostile]") {
    MergeTrees trees("/etc/passwd: old\n", "/etc/passwd: new\n", "");
    const std::string canary = (trees.dir / "canary").string();
    make(trees.mine, "/etc/passwd -> " + canary + "\n/etc/group -> ../../canary\n");

    CHECK(trees.merge() == "kept /etc/group\n"
                           "conflict /etc/passwd: is a symbolic link now, a file in the new version\n");
    CHECK(show(trees.result) == "/etc/\n/etc/group -> ../../canary\n/etc/passwd -> " + canary + "\n");
}

TEST_CASE("FIFOs, sockets and devices are left out, and nothing waits for them", "[store][merge][hostile]") {
    MergeTrees trees("/a: old\n/b: same\n/d/e/f: old\n/gone/x: old\n/m: old\n",
                     "/a: new\n/b: same\n/d/e/f: new\n/m: new\n/new/x: new\n", "/own/dir/y: own\n");
    for (const char* name : {"a", "own/dir/fifo", "own/z", "new", "m"})
        REQUIRE(::mkfifo((trees.dir / "mine" / name).c_str(), 0666) == 0);
    make(trees.mine, "/gone/\n");
    REQUIRE(::mkfifo((trees.dir / "mine" / "gone/x").c_str(), 0666) == 0);
    base::Fd socket(::socket(AF_UNIX, SOCK_STREAM, 0));
    struct sockaddr_un address {};
    address.sun_family = AF_UNIX;
    const std::string name = (trees.dir / "mine" / "b").string();
    REQUIRE(name.copy(address.sun_path, sizeof address.sun_path - 1) == name.size());
    REQUIRE(::bind(socket.get(), reinterpret_cast<struct sockaddr*>(&address), sizeof address) == 0);
    const bool has_device =
        ::mknod((trees.dir / "mine" / "d").c_str(), S_IFCHR | 0666, ::makedev(1, 3)) == 0; // root only

    const std::string report = trees.merge({at("/m")});

    CHECK(report ==
          "removed /gone\nkept /own\n"
          "conflict /a: is a FIFO, which is not kept: the new version's takes its place\n"
          "conflict /b: is a socket, which is not kept: the new version's takes its place\n" +
              std::string(
                  has_device
                      ? "conflict /d: is a device, which is not kept: the new version's takes its place\n"
                      : "conflict /d: removed by you, changed by the new version\n") +
              "conflict /gone/x: is a FIFO, which is not kept\n"
              "conflict /new: is a FIFO, which is not kept: the new version's takes its place\n"
              "conflict /own/dir/fifo: is a FIFO, which is not kept\n"
              "conflict /own/z: is a FIFO, which is not kept\n");
    CHECK(show(trees.result) == "/a: new\n/b: same\n" +
                                    std::string(has_device ? "/d/\n/d/e/\n/d/e/f: new\n" : "") +
                                    "/new/\n/new/x: new\n/own/\n/own/dir/\n/own/dir/y: own\n");
}

TEST_CASE("a seed with a FIFO in it is damaged", "[store][merge][hostile]") {
    MergeTrees trees("/d/a: old\n", "/d/a: new\n", "/d/a: old\n");
    const std::string seed = GENERATE("old", "new");
    REQUIRE(::mkfifo((trees.dir / seed / "d/fifo").c_str(), 0666) == 0);

    CHECK(outcome_of([&] { trees.merge(); }) == "corrupt: is a FIFO, which no seed may hold");
}

TEST_CASE("names that no seed could have are kept", "[store][merge][hostile]") {
    MergeTrees trees("/d/a: old\n", "/d/a: new\n", "/d/a: old\n");
    const std::string odd[] = {"line\nbreak", "\x1b[31mred",        " ", "-rf", "\xff\xfe",
                               "...",         std::string(255, 'n')};
    for (const std::string& name : odd) {
        trees.mine.make_directory(base::RootPath().entry(name), 0755);
        trees.mine.write(base::RootPath().entry(name).entry(name), name, 0644, me());
        trees.mine.write(at("/d").entry(name), name, 0644, me());
    }

    trees.merge();

    CHECK(trees.report.conflicts.empty());
    CHECK(trees.report.kept.size() == 2 * std::size(odd));
    for (const std::string& name : odd) {
        CHECK(trees.result.read(base::RootPath().entry(name).entry(name)) == name);
        CHECK(trees.result.read(at("/d").entry(name)) == name);
    }
    CHECK(trees.result.read(at("/d/a")) == "new");
}

TEST_CASE("a tree of paths as long as they can be is merged", "[store][merge][hostile]") {
    MergeTrees trees;
    base::RootPath deep;
    while (deep.str().size() < 3990) {
        deep = deep.entry(std::string(60, 'd'));
        for (const base::Tree* tree : {&trees.old_seed, &trees.new_seed, &trees.mine})
            tree->make_directory(deep, 0755);
    }
    trees.old_seed.write(deep / "f", "old", 0644, me());
    trees.new_seed.write(deep / "f", "new", 0644, me());
    trees.mine.write(deep / "f", "old", 0644, me());
    trees.mine.make_directories(at("/own") / deep.relative());

    trees.merge();

    CHECK(trees.result.read(deep / "f") == "new");
    CHECK(trees.result.exists(at("/own") / deep.relative()));
    CHECK(trees.report.replaced.size() == 1);
    CHECK(trees.report.kept.size() == 1);
}

TEST_CASE("a tree deeper than a path can be is refused", "[store][merge][hostile]") {
    MergeTrees trees("/a: old\n", "/a: new\n", "/a: old\n");
    const bool is_in_seeds = GENERATE(false, true);
    const std::string name(200, 'd');
    base::RootPath half;
    for (int i = 0; i < 12; ++i)
        half = half.entry(name);
    trees.mine.make_directories(at("/x") / half.relative());
    trees.mine.make_directories(at("/y") / half.relative());
    trees.mine.rename_into(at("/x"), trees.mine, (at("/y") / half.relative()).entry("x"));
    if (is_in_seeds) {
        make(trees.old_seed, "/y/\n");
        make(trees.new_seed, "/y/\n");
    }

    const std::string outcome = outcome_of([&] { trees.merge(); });

    CHECK(outcome == "corrupt: is longer than 4095 bytes");
    trees.mine.rename_into((at("/y") / half.relative()).entry("x"), trees.mine, at("/x"));
}

TEST_CASE("a huge file with a hole is neither read through nor filled up", "[store][merge][hostile]") {
    MergeTrees trees("/f: old\n/etc/passwd: old\n", "/f: new\n/etc/passwd: new\n", "/f: x\n/etc/passwd: x\n");
    const off_t size = off_t{1} << 40;
    for (const char* name : {"f", "etc/passwd"})
        REQUIRE(::truncate((trees.dir / "mine" / name).c_str(), size) == 0);

    CHECK(trees.merge() == "conflict /etc/passwd: changed by you and by the new version\n"
                           "conflict /f: changed by you and by the new version\n");
    for (const char* name : {"/f", "/etc/passwd"}) {
        CHECK(trees.result.stat(at(name))->status.st_size == size);
        CHECK(trees.result.stat(at(name))->status.st_blocks < 1000);
    }
}

TEST_CASE("an account file of more than 4 MiB is a file like any other", "[store][merge][hostile]") {
    const std::string old_text = "root:*:0:\\n";
    MergeTrees trees("/etc/group: " + old_text + "\n", "/etc/group: " + old_text + "svc:*:5:\\n\n", "");
    const bool is_larger = GENERATE(false, true);
    std::string mine = "root:*:0:a\n";
    mine.resize((4u << 20) + (is_larger ? 1 : 0) - 1, '#');
    mine += "\n";
    trees.mine.make_directories(at("/etc"));
    trees.mine.write(at("/etc/group"), mine, 0644, me());

    CHECK(trees.merge() == (is_larger ? "conflict /etc/group: changed by you and by the new version\n"
                                      : "merged /etc/group\n"));
    CHECK(trees.result.read(at("/etc/group")) == mine + (is_larger ? "" : "svc:*:5:\n"));
}

TEST_CASE("modes that keep their owner out are kept", "[store][merge][hostile]") {
    MergeTrees trees("/d/a: old\n/e/a: old\n", "/d/a: new\n/e/a: old\n",
                     "/d/a: old\n/e/a: old\n/own/x/y: z\n");
    make(trees.mine, "/own/x/ 0500\n/own/ 0500\n/d/ 0500\n/e/ 02555\n");

    CHECK(trees.merge() == "replaced /d/a\nkept /d\nkept /e\nkept /own\n");
    CHECK(show(trees.result) == "/d/ 0500\n/d/a: new\n/e/ 2555\n/e/a: old\n/own/ 0500\n/own/x/ 0500\n"
                                "/own/x/y: z\n");
    for (const base::Tree* tree : {&trees.mine, &trees.result})
        for (const char* path : {"/d", "/e", "/own", "/own/x"})
            tree->set_permissions(at(path), 0755); // so that whoever runs the test can remove them
}

#include "support/catch.hpp"

#include <algorithm>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/tree_fixture.hpp"

using namespace pkgjail::base;
using namespace pkgjail::test;

TEST_CASE("what is written is read back, with its mode and no other file", "[base][tree]") {
    TreeFixture at_work(GENERATE(false, true));
    Tree& tree = at_work.tree;
    mode_t before = ::umask(077);

    tree.make_directories(at("/a/b"), 0755);
    tree.write(at("/a/b/f"), "one", 0644, me());
    tree.write(at("/a/b/f"), "two", 0751, me());
    ::umask(before);

    CHECK(tree.read(at("/a/b/f")) == "two");
    CHECK(tree.stat(at("/a/b/f"))->permissions() == 0751u);
    CHECK(tree.stat(at("/a"))->permissions() == 0755u);
    CHECK(shape(tree) == "/a/\n/a/b/\n/a/b/f\n");
}

TEST_CASE("what is missing is nullopt for stat and not found for others", "[base][tree]") {
    TreeFixture at_work(GENERATE(false, true));
    Tree& tree = at_work.tree;
    tree.write(at("/f"), "", 0600, me());

    CHECK_FALSE(tree.stat(at("/x")).has_value());
    CHECK_FALSE(tree.stat(at("/x/y/z")).has_value());
    CHECK_FALSE(tree.stat(at("/f/y")).has_value());
    CHECK(tree.stat(at("/")).has_value());
    CHECK(outcome_of([&] { tree.read(at("/x")); }).starts_with("not found"));
    CHECK(outcome_of([&] { tree.read(at("/x/y")); }).starts_with("not found"));
    CHECK(outcome_of([&] { tree.write(at("/x/y"), "", 0600, me()); }).starts_with("not found"));
    CHECK(outcome_of([&] { tree.remove_file(at("/x/y")); }) == "done");
    CHECK(outcome_of([&] { tree.remove_all(at("/x/y")); }) == "done");
}

TEST_CASE("messages name the tree and the path in it", "[base][tree]") {
    TreeFixture at_work;
    Tree below = [&] {
        at_work.tree.make_directory(at("/d"), 0755);
        return at_work.tree.open_tree(at("/d"));
    }();

    CHECK(at_work.tree.show(at("/a/b")) == at_work.top().string() + "/a/b");
    CHECK(below.show(at("/x")) == at_work.top().string() + "/d/x");
    CHECK(Tree(Fd(), "/").show(at("/x")) == "/x");
    CHECK_THROWS_WITH(below.read(at("/x")), ContainsSubstring(at_work.top().string() + "/d/x"));
}

TEST_CASE("opening a tree wants a real directory", "[base][tree]") {
    TreeFixture at_work;
    at_work.link(at_work.canary().string(), "link");
    at_work.tree.write(at("/f"), "", 0600, me());

    CHECK(outcome_of([&] { Tree::open(at_work.top() / "link"); }) ==
          "corrupt: is a symbolic link, not a directory");
    CHECK(outcome_of([&] { Tree::open((at_work.top() / "link").string() + "/"); }) ==
          "corrupt: is a symbolic link, not a directory");
    CHECK(outcome_of([&] { Tree::create(at_work.top() / "link"); }) ==
          "corrupt: is a symbolic link, not a directory");
    CHECK(outcome_of([&] { Tree::open(at_work.top() / "f"); }) == "corrupt: is not a directory");
    CHECK(outcome_of([&] { Tree::open(at_work.top() / "x"); }).starts_with("not found"));
    CHECK(outcome_of([&] { Tree::create(at_work.top() / "x" / "y"); }).starts_with("not found"));
}

TEST_CASE("a new file or link does not replace what is there", "[base][tree]") {
    TreeFixture at_work(GENERATE(false, true));
    Tree& tree = at_work.tree;
    tree.write(at("/f"), "old", 0600, me());
    tree.make_directory(at("/d"), 0755);
    at_work.link((at_work.canary() / "file").string(), "link");
    at_work.link((at_work.canary() / "new").string(), "dangling");

    for (const char* name : {"/f", "/d", "/link", "/dangling"}) {
        CAPTURE(name);
        CHECK(outcome_of([&] { tree.create_file(at(name)); }) == "conflict: exists already");
        CHECK(outcome_of([&] { tree.make_symlink("x", at(name)); }) == "conflict: exists already");
        CHECK(outcome_of([&] { tree.make_hard_link(tree, at("/f"), at(name)); }) ==
              "conflict: exists already");
    }
    CHECK(outcome_of([&] { tree.make_directory(at("/f"), 0755); }) ==
          "conflict: exists and is not a directory");
    CHECK(outcome_of([&] { tree.make_directory(at("/link"), 0755); }) ==
          "conflict: exists and is not a directory");
    CHECK(outcome_of([&] { tree.make_directory(at("/d"), 0755); }) == "done");
    CHECK(outcome_of([&] { tree.write(at("/d"), "", 0600, me()); }) == "conflict: is a directory");
    CHECK(outcome_of([&] { tree.write(at("/"), "", 0600, me()); }) == "conflict: is a directory");
    CHECK(outcome_of([&] { tree.remove_file(at("/d")); }) == "conflict: is a directory");
    CHECK(shape(tree) == "/d/\n/dangling -> " + (at_work.canary() / "new").string() + "\n/f\n/link -> " +
                             (at_work.canary() / "file").string() + "\n");
    CHECK(at_work.canary_is_intact());
}

TEST_CASE("hard links join regular files only", "[base][tree]") {
    TreeFixture at_work(GENERATE(false, true));
    Tree& tree = at_work.tree;
    tree.write(at("/f"), "x", 0600, me());
    tree.make_symlink("f", at("/link"));
    tree.make_directory(at("/d"), 0755);

    tree.make_hard_link(tree, at("/f"), at("/d/g"));

    CHECK(tree.stat(at("/d/g"))->status.st_ino == tree.stat(at("/f"))->status.st_ino);
    CHECK(outcome_of([&] { tree.make_hard_link(tree, at("/link"), at("/h")); }).starts_with("corrupt"));
    CHECK(outcome_of([&] { tree.make_hard_link(tree, at("/d"), at("/h")); }).starts_with("corrupt"));
    CHECK_FALSE(tree.exists(at("/h")));
}

TEST_CASE("renaming moves between trees and replaces files, links and empty directories", "[base][tree]") {
    TreeFixture at_work(GENERATE(false, true));
    Tree& tree = at_work.tree;
    tree.make_directories(at("/a/full"));
    tree.make_directory(at("/b"), 0755);
    tree.write(at("/a/f"), "f", 0600, me());
    tree.write(at("/a/full/x"), "x", 0600, me());
    at_work.link((at_work.canary() / "file").string(), "b/link");
    Tree b = tree.open_tree(at("/b"));

    tree.rename_into(at("/a/f"), b, at("/link"));

    CHECK(b.read(at("/link")) == "f");
    CHECK(outcome_of([&] { tree.rename_into(at("/b"), tree, at("/a/full")); }) ==
          "conflict: is a directory that is not empty");
    CHECK(outcome_of([&] { tree.rename_into(at("/b/link"), tree, at("/a")); }) == "conflict: is a directory");
    CHECK(outcome_of([&] { tree.rename_into(at("/a"), tree, at("/b/link")); }) ==
          "conflict: exists and is not a directory");
    CHECK(outcome_of([&] { tree.rename_into(at("/x"), tree, at("/y")); }).starts_with("not found"));
    CHECK(at_work.canary_is_intact());
}

TEST_CASE("owner, permissions and time are set on the entry itself", "[base][tree]") {
    TreeFixture at_work(GENERATE(false, true));
    Tree& tree = at_work.tree;
    tree.write(at("/f"), "x", 0600, me());
    at_work.link((at_work.canary() / "file").string(), "link");

    tree.set_owner(at("/f"), me());
    tree.set_owner(at("/link"), me());
    tree.set_permissions(at("/f"), 04755);
    tree.set_modification_time(at("/f"), {1000, 0});
    tree.set_modification_time(at("/link"), {2000, 0});
    tree.set_permissions(at("/"), 0711);

    CHECK(tree.stat(at("/f"))->permissions() == 04755u);
    CHECK(tree.stat(at("/f"))->status.st_mtime == 1000);
    CHECK(tree.stat(at("/link"))->status.st_mtime == 2000);
    CHECK(tree.stat(at("/"))->permissions() == 0711u);
    CHECK(outcome_of([&] { tree.set_permissions(at("/link"), 0777); }) ==
          "corrupt: passes through a symbolic link");
    CHECK(at_work.canary_is_intact());
}

TEST_CASE("a listing is in byte order and leaves dot names that are real", "[base][tree]") {
    TreeFixture at_work(GENERATE(false, true));
    for (const char* name : {"b", "B", "a", "...", "a-", "\xc3\xa4"})
        at_work.tree.write(at(name), "", 0600, me());

    CHECK(at_work.tree.list(at("/")) == std::vector<std::string>{"...", "B", "a", "a-", "b", "\xc3\xa4"});
}

TEST_CASE("a walk reports each directory before its entries, in byte order, and stays out where told",
          "[base][tree]") {
    TreeFixture at_work(GENERATE(false, true));
    Tree& tree = at_work.tree;
    tree.make_directories(at("/b/c"));
    tree.make_directories(at("/a/skip/deep"));
    tree.write(at("/b/c/f"), "", 0600, me());
    tree.write(at("/b.x"), "", 0600, me());
    tree.make_symlink("../a", at("/b/to-a"));
    std::string seen;

    tree.walk([&](const Entry& entry) {
        seen += entry.path.str() + "\n";
        return entry.path.name() != "skip";
    });

    CHECK(seen == "/a\n/a/skip\n/b\n/b/c\n/b/c/f\n/b/to-a\n/b.x\n");
    CHECK(shape(tree).find("/b/to-a -> ../a\n") != std::string::npos);
}

TEST_CASE("a walk reports every entry of a large directory, in byte order", "[base][tree]") {
    TreeFixture at_work(GENERATE(false, true));
    std::vector<std::string> names;
    for (int number = 0; number < 3000; ++number) // more than the kernel tells at once
        names.push_back(std::to_string(number) + std::string(40, 'n'));
    for (const std::string& name : names)
        at_work.tree.create_file(RootPath().entry(name));
    std::sort(names.begin(), names.end());
    std::vector<std::string> seen;

    at_work.tree.walk([&](const Entry& entry) {
        seen.push_back(entry.path.name());
        return true;
    });

    CHECK(seen == names);
    CHECK(at_work.tree.list(RootPath()) == names);
}

TEST_CASE("a directory that is removed while it is walked has no entries", "[base][tree]") {
    TreeFixture at_work(GENERATE(false, true));
    Tree& tree = at_work.tree;
    tree.make_directories(at("/a/b"));
    tree.make_directories(at("/c"));
    std::string seen;

    tree.walk([&](const Entry& entry) {
        seen += entry.path.str() + "\n";
        if (entry.path == at("/a"))
            tree.remove_all(at("/a"));
        return true;
    });

    CHECK(seen == "/a\n/c\n");
}

TEST_CASE("a walk goes deeper than it holds descriptors", "[base][tree]") {
    TreeFixture at_work(GENERATE(false, true));
    RootPath deep;
    for (int level = 0; level < 200; ++level) {
        deep = deep / "d";
        at_work.tree.make_directory(deep, 0755);
        at_work.tree.write(deep / "z", "", 0600, me());
    }

    int status = status_of_child([&] {
        struct rlimit limit {
            64, 64
        };
        if (::setrlimit(RLIMIT_NOFILE, &limit) != 0)
            return 2;
        int entries = 0;
        at_work.tree.walk([&](const Entry&) { return ++entries > 0; });
        if (entries != 400)
            return 3;
        Tree copy = Tree::create(at_work.top().string() + "-copy");
        at_work.tree.copy_into(copy);
        return copy.exists(deep / "z") ? 0 : 4;
    });

    CHECK(status == 0);
}

TEST_CASE("removing everything empties the tree and leaves its top", "[base][tree]") {
    TreeFixture at_work(GENERATE(false, true));
    Tree& tree = at_work.tree;
    tree.make_directories(at("/a/b/c"));
    tree.write(at("/a/b/f"), "x", 0000, me());
    at_work.link(at_work.canary().string(), "a/out");
    at_work.link((at_work.canary() / "file").string(), "out");
    REQUIRE(::mkfifo((at_work.top() / "fifo").c_str(), 0600) == 0);
    tree.make_directories(at("/keep/x"));

    tree.remove_all(at("/a"));
    CHECK(shape(tree) == "/fifo\n/keep/\n/keep/x/\n/out -> " + (at_work.canary() / "file").string() + "\n");

    tree.remove_all(at("/"));
    CHECK(shape(tree).empty());
    CHECK(std::filesystem::is_directory(at_work.top()));
    CHECK(at_work.canary_is_intact());
}

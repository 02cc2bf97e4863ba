// Frozen copies on real file systems, and btrfs's subvolumes.
#include <fstream>

#include "base/tree_fixture.hpp"
#include "pkgjail/base/subvolume.hpp"
#include "pkgjail/store/freeze.hpp"
#include "support/everything.hpp"
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
        store::make_freezable_directory(mounted->top() / "from");
    else
        std::filesystem::create_directory(from);
    fill_with_everything(from, type != "tmpfs"); // which has attributes since Linux 6.6 only
    const std::string before = everything(from);

    const FreezeMeans means = store::freeze(from, to);

    CHECK(store::freeze_means_name(means) == store::freeze_means_name(expected));
    CHECK(everything(to) == before);
    // Each goes its own way from here.
    write(from / "var/db/svc/a", "changed");
    write(to / "var/new", "new");
    CHECK(base::read_file(to / "var/db/svc/b") == "first");
    CHECK_FALSE(std::filesystem::exists(from / "var/new"));
    CHECK(store::size_of(from) == 7 + 3 + 10 + (8u << 20));
    Tree::open(mounted->top()).remove_all(at("/from"));
    Tree::open(mounted->top()).remove_all(at("/to"));
    CHECK_FALSE(std::filesystem::exists(from));
    CHECK_FALSE(std::filesystem::exists(to));
}

TEST_CASE("subvolumes inside of data stop a frozen copy, which would lack them", "[store][freeze][root]") {
    const auto mounted = LoopMount::make("btrfs", 128);
    if (!mounted)
        return;
    store::make_freezable_directory(mounted->top() / "from");
    std::filesystem::create_directory(mounted->top() / "from/var");
    store::make_freezable_directory(mounted->top() / "from/var/inner");

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
        store::make_freezable_directory(mounted->top() / path.substr(1));
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

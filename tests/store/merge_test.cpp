// Configuration trees merged three ways: what becomes of each entry, and what the report says of it. Trees
// made to do harm are in merge_hostile_test.cpp.
#include "support/catch.hpp"

#include <fstream>
#include <random>

#include "store/case_file.hpp"
#include "store/merge_fixture.hpp"

using namespace pkgjail;
using namespace pkgjail::test;

namespace {

std::set<base::RootPath> paths_of(const std::string& lines) {
    std::set<base::RootPath> paths;
    std::istringstream stream(lines);
    for (std::string line; std::getline(stream, line);)
        paths.insert(at(line));
    return paths;
}

/// A state of the matrix under this name.
void make_state(const base::Tree& tree, char state, const std::string& name) {
    switch (state) {
    case 'A':
        return make(tree, name + ": one\n");
    case 'B':
        return make(tree, name + ": two\n");
    case 'M':
        return make(tree, name + " 0600: one\n");
    case 'X':
        return make(tree, name + " -> x\n");
    case 'Y':
        return make(tree, name + " -> y\n");
    case 'D':
        return make(tree, name + "/in: one\n");
    default:
        return;
    }
}

char state_of(const base::Tree& tree, const base::RootPath& path) {
    const auto entry = tree.stat(path);
    if (!entry)
        return '-';
    if (entry->is_symlink())
        return entry->link_target == "x" ? 'X' : 'Y';
    if (entry->is_directory())
        return tree.list(path) == std::vector<std::string>{"in"} ? 'D' : '?';
    if (tree.read(path) == "two")
        return 'B';
    return entry->permissions() == 0600 ? 'M' : 'A';
}

/// The mark of the matrix for a path: in which list of the report it stands; '?' when in several.
char mark_of(const store::MergeReport& report, const base::RootPath& path) {
    std::string marks;
    const auto look = [&](char mark, const std::vector<base::RootPath>& paths) {
        marks.append(static_cast<std::size_t>(std::count(paths.begin(), paths.end(), path)), mark);
    };
    look('+', report.added);
    look('~', report.replaced);
    look('x', report.removed);
    look('k', report.kept);
    look('m', report.merged);
    for (const store::MergeConflict& conflict : report.conflicts)
        if (conflict.path == path)
            marks += '!';
    return marks.empty() ? '.' : marks.size() == 1 ? marks[0] : '?';
}

const std::string states = "-ABMXYD";

} // namespace

TEST_CASE("what becomes of an entry stands in a table", "[store][merge]") {
    std::ifstream stream(std::string(PKGJAIL_TEST_DATA) + "/store/merge-matrix.txt");
    const std::string expected((std::istreambuf_iterator<char>(stream)), {});
    const std::string comment = expected.substr(0, expected.find("\nold"));
    // In a directory of its own, because the top always exists on all three sides.
    const std::string top = GENERATE("", "/usr/pkg/etc");
    MergeTrees trees;
    for (const base::Tree* tree : {&trees.old_seed, &trees.new_seed, &trees.mine})
        make(*tree, top + "/\n");
    const auto name = [&](char o, char n, char m) { return fmt::format("{}/{}{}{}", top, o, n, m); };
    for (const char o : states)
        for (const char n : states)
            for (const char m : states) {
                make_state(trees.old_seed, o, name(o, n, m));
                make_state(trees.new_seed, n, name(o, n, m));
                make_state(trees.mine, m, name(o, n, m));
            }

    trees.merge();

    std::string text = comment;
    for (const char o : states) {
        text += fmt::format("\nold {}\n    -   A   B   M   X   Y   D\n", o);
        for (const char n : states) {
            text += n;
            text += " ";
            for (const char m : states) {
                const base::RootPath path = at(name(o, n, m));
                text += fmt::format("  {}{}", state_of(trees.result, path), mark_of(trees.report, path));
            }
            text += "\n";
        }
    }
    CHECK(text == expected);
}

TEST_CASE("each merge in tests/data/store/merge comes out as its file says", "[store][merge]") {
    for (const std::filesystem::path& file : CaseFile::all_in("merge")) {
        INFO(file.filename().string());
        const CaseFile expected(file);
        MergeTrees trees(expected["old"], expected["new"], expected["mine"]);

        const std::string report = trees.merge(paths_of(expected["managed"]));

        CHECK(report == expected["report"]);
        CHECK(show(trees.result) == expected["result"]);
    }
}

TEST_CASE("a merge into a directory that is not empty is refused", "[store][merge]") {
    MergeTrees trees("/a: one\n", "/a: two\n", "/a: one\n");
    make(trees.result, "/left: over\n");

    CHECK(outcome_of([&] { trees.merge(); }) ==
          "conflict: is not empty, which the result of a merge begins as");
    CHECK(show(trees.result) == "/left: over\n");
}

TEST_CASE("times are no change, and stay with the version that is taken", "[store][merge]") {
    MergeTrees trees("/same: s\n/new: o\n/own: o\n/d/f: f\n", "/same: s\n/new: n\n/own: o\n/d/f: f\n",
                     "/same: s\n/new: o\n/own: m\n/d/f: f\n");
    time_t time = 1000000000;
    for (const base::Tree* tree : {&trees.old_seed, &trees.new_seed, &trees.mine}) {
        for (const char* path : {"/same", "/new", "/own", "/d/f", "/d"})
            tree->set_modification_time(at(path), {time, 0});
        time += 1000;
    }

    CHECK(trees.merge() == "replaced /new\nkept /own\n");
    const auto time_of = [&](const char* path) { return trees.result.stat(at(path))->status.st_mtime; };
    CHECK(time_of("/same") == 1000002000);
    CHECK(time_of("/new") == 1000001000);
    CHECK(time_of("/own") == 1000002000);
    CHECK(time_of("/d/f") == 1000002000);
    CHECK(time_of("/d") == 1000002000);
}

TEST_CASE("files that differ in their last byte only are different", "[store][merge]") {
    const std::size_t size = GENERATE(std::size_t{1}, std::size_t{65535}, std::size_t{65536},
                                      std::size_t{65537}, std::size_t{300000});
    const std::string one(size, 'a');
    std::string two = one;
    two.back() = 'b';
    MergeTrees trees;
    trees.old_seed.write(at("/f"), one, 0644, me());
    trees.new_seed.write(at("/f"), two, 0644, me());
    trees.mine.write(at("/f"), one, 0644, me());
    trees.mine.write(at("/g"), two, 0644, me());

    CHECK(trees.merge() == "replaced /f\nkept /g\n");
    CHECK(trees.result.read(at("/f")) == two);
    CHECK(trees.result.read(at("/g")) == two);
}

TEST_CASE("hard links in a jail become files of their own", "[store][merge]") {
    MergeTrees trees("/a: one\n/b: one\n", "/a: two\n/b: one\n", "/a: one\n");
    trees.mine.make_hard_link(trees.mine, at("/a"), at("/b"));

    CHECK(trees.merge() == "replaced /a\n");
    CHECK(show(trees.result) == "/a: two\n/b: one\n");
    CHECK(trees.result.stat(at("/b"))->status.st_nlink == 1);
}

TEST_CASE("an owner is part of an entry", "[store][merge]") {
    if (::geteuid() != 0)
        return; // nobody else can give files away
    MergeTrees trees("/a: x\n/b: x\n/c: x\n/d/\n/e/\n/l -> x\n",
                     "/a @7:8: x\n/b: x\n/c @7:8: x\n/d/ @7:7\n/e/\n/l -> x\n",
                     "/a: x\n/b @9:0: x\n/c @7:9: x\n/d/\n/e/ @0:9\n/l -> x\n");
    trees.mine.set_owner(at("/l"), {4, 5});
    trees.new_seed.set_owner(at("/l"), {4, 6});

    CHECK(trees.merge() == "replaced /a\nreplaced /d\nkept /b\nkept /e\n"
                           "conflict /c: changed by you and by the new version\n"
                           "conflict /l: changed by you and by the new version\n");
    CHECK(show(trees.result) == "/a @7:8: x\n/b @9:0: x\n/c @7:9: x\n/d/ @7:7\n/e/ @0:9\n/l @4:5 -> x\n");
}

// The recipe's files in a merge: the old rendering, the new one, and what the operator made of it.
#include "pkgjail/store/recipe_merge.hpp"

#include <sys/stat.h>

#include "store/merge_fixture.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using namespace pkgjail::test;

namespace {

class RecipeTrees : public MergeTrees {
  public:
    RecipeTrees(const std::string& old_seed_text, const std::string& new_seed_text,
                const std::string& old_recipe, const std::string& new_recipe, const std::string& mine_text)
        : MergeTrees(old_seed_text, new_seed_text, mine_text),
          old_files(base::Tree::create(dir / "old files")), new_files(base::Tree::create(dir / "new files")) {
        make(old_files, old_recipe);
        make(new_files, new_recipe);
    }

    /// Report, and what the result has.
    std::string run() {
        const std::string before = outside();
        std::set<base::RootPath> paths = store::paths_of(old_files.open_tree(at("/")));
        paths.merge(store::paths_of(new_files.open_tree(at("/"))));
        report = store::merge_configuration(old_seed, new_seed, mine, result, paths);
        const store::Beginning old_state(old_seed.open_tree(at("/")), old_files.open_tree(at("/")));
        const store::Beginning new_state(new_seed.open_tree(at("/")), new_files.open_tree(at("/")));
        store::merge_recipe_files(old_state, new_state, mine, result, paths, report);
        return show(report) + "--\n" + show(result) +
               (outside() == before ? "" : "something outside the result was changed\n");
    }

    base::Tree old_files;
    base::Tree new_files;
};

} // namespace

TEST_CASE("a recipe's file follows the recipe where the operator left it alone", "[store][merge][config]") {
    CHECK(RecipeTrees("/etc/\n", "/etc/\n", "/etc/a: 1", "/etc/a 0600: 2", "/etc/a: 1").run() ==
          "replaced /etc/a\n--\n/etc/\n/etc/a 0600: 2\n");
    CHECK(RecipeTrees("/etc/\n", "/etc/\n", "/etc/a: 1", "/etc/a: 1", "/etc/a: 1").run() ==
          "--\n/etc/\n/etc/a: 1\n");
    CHECK(RecipeTrees("/etc/\n", "/etc/\n", "", "/etc/d/a: 2", "/etc/\n").run() ==
          "added /etc/d/a\n--\n/etc/\n/etc/d/\n/etc/d/a: 2\n");
    CHECK(RecipeTrees("/etc/\n", "/etc/\n", "/etc/a: 1", "", "/etc/a: 1").run() ==
          "removed /etc/a\n--\n/etc/\n");
}

TEST_CASE("what the operator made of a recipe's file stays, and is a conflict where the recipe changed",
          "[store][merge][config]") {
    CHECK(RecipeTrees("/etc/\n", "/etc/\n", "/etc/a: 1", "/etc/a: 1", "/etc/a: mine").run() ==
          "kept /etc/a\n--\n/etc/\n/etc/a: mine\n");
    CHECK(RecipeTrees("/etc/\n", "/etc/\n", "/etc/a: 1", "/etc/a: 2", "/etc/a: mine").run() ==
          "conflict /etc/a: changed by you and by the new version\n--\n/etc/\n/etc/a: mine\n");
    CHECK(RecipeTrees("/etc/\n", "/etc/\n", "/etc/a: 1", "/etc/a: 2", "/etc/a: 2").run() ==
          "--\n/etc/\n/etc/a: 2\n");
    CHECK(RecipeTrees("/etc/\n", "/etc/\n", "/etc/a: 1", "", "/etc/a: mine").run() ==
          "conflict /etc/a: changed by you, removed by the new version\n--\n/etc/\n/etc/a: mine\n");
    CHECK(RecipeTrees("/etc/\n", "/etc/\n", "/etc/a: 1", "/etc/a: 2", "/etc/\n").run() ==
          "conflict /etc/a: removed by you, changed by the new version\n--\n/etc/\n");
    CHECK(RecipeTrees("/etc/\n", "/etc/\n", "/etc/a: 1", "/etc/a: 1", "/etc/\n").run() ==
          "kept /etc/a\n--\n/etc/\n");
    CHECK(RecipeTrees("/etc/\n", "/etc/\n", "", "/etc/a: 2", "/etc/a: mine").run() ==
          "conflict /etc/a: added by you and by the new version\n--\n/etc/\n/etc/a: mine\n");
}

TEST_CASE("a file that only one rendering has is compared with the other one's image",
          "[store][merge][config]") {
    CHECK(RecipeTrees("/etc/a: seed", "/etc/a: seed", "", "/etc/a: 2", "/etc/a: seed").run() ==
          "replaced /etc/a\n--\n/etc/\n/etc/a: 2\n");
    CHECK(RecipeTrees("/etc/a: seed", "/etc/a: new seed", "/etc/a: 1", "", "/etc/a: 1").run() ==
          "replaced /etc/a\n--\n/etc/\n/etc/a: new seed\n");
    // What the packages have there is of no interest as long as the recipe has a file of its own.
    CHECK(RecipeTrees("/etc/a: seed", "/etc/a: new seed", "/etc/a: 1", "/etc/a: 1", "/etc/a: mine").run() ==
          "kept /etc/a\n--\n/etc/\n/etc/a: mine\n");
}

TEST_CASE("a link or a FIFO in the way of a recipe's file leads nowhere", "[store][merge][hostile][config]") {
    RecipeTrees linked("/etc/\n", "/etc/\n", "/etc/d/a: 1", "/etc/d/a: 2", "/etc/\n");
    linked.mine.make_symlink(linked.dir.path().string(), at("/etc/d"));
    CHECK(linked.run() ==
          "kept /etc/d\nconflict /etc/d/a: /etc/d is a symbolic link now\n--\n/etc/\n/etc/d -> " +
              linked.dir.path().string() + "\n");

    RecipeTrees fifo("/etc/\n", "/etc/\n", "/etc/a: 1", "/etc/a: 2", "/etc/\n");
    REQUIRE(::mkfifo((fifo.dir / "mine/etc/a").c_str(), 0600) == 0);
    CHECK(fifo.run() == "conflict /etc/a: is a FIFO, which is not kept: the new version's takes its place\n"
                        "--\n/etc/\n/etc/a: 2\n");

    CHECK(RecipeTrees("/etc/\n", "/etc/\n", "/etc/a: 1", "/etc/a: 2", "/etc/a/b: mine").run() ==
          "conflict /etc/a: is a directory now, a file in the new version\n--\n/etc/\n/etc/a/\n/etc/a/b: "
          "mine\n");
}

// Laws that hold for every merge, tried on small random trees.
#include "support/catch.hpp"

#include <random>

#include "pkgjail/store/compare.hpp"
#include "store/merge_fixture.hpp"

using namespace pkgjail;
using namespace pkgjail::test;

namespace {

/// Few names and few states, so that the three trees often meet.
class RandomTrees {
  public:
    explicit RandomTrees(unsigned seed) : random_(seed) {}

    /// Fills an empty tree.
    void fill(const base::Tree& tree) { fill(tree, base::RootPath(), 0); }
    /// `from` with some entries changed, removed, added.
    void vary(const base::Tree& from, const base::Tree& tree) {
        from.walk([&](const base::Entry& entry) {
            if (one_in(5) || tree.exists(entry.path))
                return false;
            if (one_in(5)) {
                make_one(tree, entry.path, static_cast<int>(entry.path.components().size()) - 1);
                return false;
            }
            from.copy_entry(entry, tree);
            if (entry.is_directory() && one_in(4))
                make_one(tree, entry.path.entry(name()), static_cast<int>(entry.path.components().size()));
            return true;
        });
    }

  private:
    bool one_in(unsigned chances) { return random_() % chances == 0; }
    std::string name() { return std::string(1, "abcd"[random_() % 4]); }

    void fill(const base::Tree& tree, const base::RootPath& directory, int depth) {
        for (const char* name : {"a", "b", "c", "d"})
            if (!one_in(3))
                make_one(tree, directory.entry(name), depth);
    }

    void make_one(const base::Tree& tree, const base::RootPath& path, int depth) {
        if (tree.exists(path))
            return;
        switch (random_() % (depth < 3 ? 7 : 4)) {
        case 0:
        case 1:
            return tree.write(path, "one", 0644, me());
        case 2:
            return tree.write(path, one_in(2) ? "two" : "three", one_in(2) ? 0644 : 0600, me());
        case 3:
            return tree.make_symlink(one_in(2) ? "x" : "a", path);
        default:
            tree.make_directory(path, one_in(4) ? 0700 : 0755);
            fill(tree, path, depth + 1);
        }
    }

    std::mt19937 random_;
};

bool is_same(const base::Tree& a, const base::Tree& b, const base::RootPath& path) {
    // Below a link or a file there is nothing.
    const auto find = [&](const base::Tree& tree) -> std::optional<base::Entry> {
        base::RootPath parent;
        for (const std::string& name : path.parent().components()) {
            parent = parent.entry(name);
            const auto entry = tree.stat(parent);
            if (!entry || !entry->is_directory())
                return std::nullopt;
        }
        return tree.stat(path);
    };
    const auto in_a = find(a), in_b = find(b);
    return in_a && in_b ? store::same_entry(a, *in_a, b, *in_b) : !in_a && !in_b;
}

bool are_all_directories(const base::Tree& tree, const base::RootPath& path) {
    base::RootPath place;
    for (const std::string& name : path.components()) {
        place = place.entry(name);
        const auto entry = tree.stat(place);
        if (!entry || !entry->is_directory())
            return false;
    }
    return true;
}

std::string difference(const base::Tree& a, const base::Tree& b) {
    const std::string text_a = show(a), text_b = show(b);
    return text_a == text_b ? "" : text_a + "instead of\n" + text_b;
}

} // namespace

TEST_CASE("every merge of random trees obeys the laws", "[store][merge]") {
    for (unsigned seed = 1; seed <= 40; ++seed) {
        MergeTrees trees;
        RandomTrees random(seed);
        random.fill(trees.old_seed);
        random.vary(trees.old_seed, trees.new_seed);
        random.vary(trees.old_seed, trees.mine);
        INFO("old:\n"
             << show(trees.old_seed) << "new:\n"
             << show(trees.new_seed) << "mine:\n"
             << show(trees.mine) << "random seed " << seed);

        const std::string report = trees.merge();
        INFO("result:\n" << show(trees.result) << report);

        CHECK(report.find("outside") == report.npos);
        // Nothing that the operator made or changed is lost.
        trees.mine.walk([&](const base::Entry& entry) {
            if (!is_same(trees.mine, trees.old_seed, entry.path)) {
                INFO(entry.path.str());
                CHECK(is_same(trees.mine, trees.result, entry.path));
            }
            return true;
        });
        // Whatever he left alone is the new version's, where the way to it is still a directory.
        trees.new_seed.walk([&](const base::Entry& entry) {
            const auto own = are_all_directories(trees.mine, entry.path.parent())
                                 ? trees.mine.stat(entry.path)
                                 : std::nullopt;
            if (are_all_directories(trees.mine, entry.path.parent()) &&
                is_same(trees.mine, trees.old_seed, entry.path) &&
                !(own && own->is_directory() && !entry.is_directory())) {
                INFO(entry.path.str());
                CHECK(is_same(trees.new_seed, trees.result, entry.path));
            }
            return true;
        });
        // Nothing comes from nowhere.
        trees.result.walk([&](const base::Entry& entry) {
            INFO(entry.path.str());
            CHECK((is_same(trees.mine, trees.result, entry.path) ||
                   is_same(trees.new_seed, trees.result, entry.path)));
            return true;
        });

        const auto again = [&](const base::Tree& before, const base::Tree& after, const base::Tree& mine) {
            MergeTrees other;
            const auto merged = store::merge_configuration(before, after, mine, other.result, {});
            return std::pair(difference(other.result, mine), merged);
        };
        // Merged again, the result stays as it is, and the same is in dispute.
        const auto [changed, repeated] = again(trees.old_seed, trees.new_seed, trees.result);
        CHECK(changed.empty());
        store::MergeReport conflicts_before, conflicts_again;
        conflicts_before.conflicts = trees.report.conflicts;
        conflicts_again.conflicts = repeated.conflicts;
        CHECK(show(conflicts_again) == show(conflicts_before));
        CHECK(repeated.added.size() + repeated.replaced.size() + repeated.removed.size() == 0);
        // Without a new version the jail's is the result.
        const auto [lost, unchanged] = again(trees.old_seed, trees.old_seed, trees.mine);
        CHECK(lost.empty());
        CHECK(unchanged.conflicts.empty());
        // Without changes of the operator's the new version is.
        MergeTrees fresh;
        const auto followed =
            store::merge_configuration(trees.old_seed, trees.new_seed, trees.old_seed, fresh.result, {});
        CHECK(difference(fresh.result, trees.new_seed).empty());
        CHECK(followed.conflicts.size() + followed.kept.size() == 0);
    }
}

// Comparing a configuration with what it began with, and putting that back; images against their manifests.
#include "pkgjail/store/take.hpp"

#include <atomic>
#include <thread>

#include <sys/stat.h>

#include <fmt/format.h>

#include "pkgjail/base/file.hpp"
#include "pkgjail/store/tree_diff.hpp"
#include "store/merge_fixture.hpp"
#include "support/catch.hpp"
#include "support/store_fixture.hpp"

using namespace pkgjail;
using namespace pkgjail::test;

namespace {

std::string show(const std::vector<store::Difference>& differences) {
    std::string text;
    for (const store::Difference& each : differences)
        text += fmt::format("{} {}: {}\n", static_cast<char>(each.change), with_escapes(each.path.str()),
                            fmt::join(each.what, "; "));
    return text;
}

/// What a configuration begins with, and what became of it.
class Config {
  public:
    Config(const std::string& seed_text, const std::string& recipe_text, const std::string& config_text)
        : seed(base::Tree::create(dir / "seed")), recipe(base::Tree::create(dir / "recipe")),
          config(base::Tree::create(dir / "config")), outside(base::Tree::create(dir / "outside")) {
        make(seed, seed_text);
        make(recipe, recipe_text);
        make(config, config_text);
        make(outside, "/etc/a: outside");
    }
    store::Beginning beginning() const { return {seed.open_tree(at("/")), recipe.open_tree(at("/"))}; }
    std::string differing() const {
        return show(store::differences(beginning(), store::TreeView(config.open_tree(at("/")))));
    }
    /// "taken" or the error's cause; then what differs.
    std::string take(const std::string& path) const {
        std::string outcome = "taken";
        try {
            store::take(beginning(), config, at(path));
        } catch (const base::Error& error) {
            outcome = error.cause();
        }
        return outcome + "\n" + differing() +
               (test::show(outside) == "/etc/\n/etc/a: outside\n" ? "" : "ESCAPED");
    }

    TempDir dir;
    base::Tree seed, recipe, config, outside;
};

} // namespace

TEST_CASE("a configuration differs from seed and recipe by type, mode, content, size and target",
          "[store][config]") {
    const Config trees("/etc/a: seed\n/etc/b: text\n/etc/c 0600: text\n/etc/d/e: text\n/etc/l -> a\n/etc/t: "
                       "file\n/etc/same: x",
                       "/etc/a: recipe\n/etc/new/r: recipe",
                       "/etc/a: mine\n/etc/b: tExt\n/etc/c 0644: text\n/etc/l -> b\n/etc/t/\n/etc/t/u: "
                       "x\n/etc/mine: x\n/etc/same: x\n/etc/new/r: recipe\n/.pkgjail/recipe/etc/z: x");
    CHECK(trees.differing() == "M /etc/a: size: 6, now 4\n"
                               "M /etc/b: content\n"
                               "M /etc/c: mode: 0600, now 0644\n"
                               "R /etc/d: directory\n"
                               "R /etc/d/e: file\n"
                               "M /etc/l: target: a, now b\n"
                               "A /etc/mine: file\n"
                               "M /etc/t: type: file, now a directory\n"
                               "A /etc/t/u: file\n");
}

TEST_CASE("taking a path brings back what it began with, whatever is there", "[store][config]") {
    const auto taken = [&](const std::string& mine, const std::string& path) {
        Config trees("/etc/a 0640: seed\n/etc/d/ 0750\n/etc/d/e: text\n/etc/d/l -> e\n/etc/l -> a",
                     "/etc/r: recipe", mine);
        const std::string outcome = trees.take(path);
        CHECK(trees.take(path) == outcome); // twice is once
        return outcome;
    };
    const std::string rest = "/etc/d/ 0750\n/etc/d/e: text\n/etc/d/l -> e\n/etc/l -> a\n/etc/r: recipe\n";

    CHECK(taken("/etc/a: mine\n" + rest, "/etc/a") == "taken\n");
    CHECK(taken("/etc/a/b/c: mine\n" + rest, "/etc/a") == "taken\n");
    CHECK(taken("/etc/a -> /etc/l\n" + rest, "/etc/a") == "taken\n");
    CHECK(taken(rest, "/etc/a") == "taken\n");
    CHECK(taken("/etc/a 0640: seed\n/etc/d: file\n/etc/l -> a\n/etc/r: recipe", "/etc/d") == "taken\n");
    CHECK(taken("/etc/a 0640: seed\n/etc/l -> a\n/etc/r: recipe", "/etc/d/l") == "taken\nR /etc/d/e: file\n");
    CHECK(taken("/etc/a 0640: seed\n/etc/mine/x: x\n" + rest, "/etc/mine") == "taken\n");
    CHECK(taken("/etc/a 0640: seed\n/etc/d/ 0700\n/etc/d/own: x\n/etc/d/e: text\n/etc/d/l -> e\n/etc/l -> "
                "a\n/etc/r: recipe",
                "/etc/d") == "taken\nA /etc/d/own: file\n");
    CHECK(taken("/etc/a 0640: seed\n/etc/d/ 0750\n/etc/d/e: text\n/etc/d/l -> e\n/etc/l -> a\n/etc/r: mine",
                "/etc/r") == "taken\n");
}

TEST_CASE("taking leads through no link and waits for no FIFO", "[store][config][hostile]") {
    Config linked("/etc/d/a: seed", "", "/etc/\n");
    linked.config.make_symlink((linked.dir / "outside/etc").string(), at("/etc/d"));
    CHECK(
        linked.take("/etc/d/a")
            .starts_with("passes through a symbolic link\nM /etc/d: type: directory, now a symbolic link\n"));

    Config fifo("/etc/a: seed", "", "/etc/\n");
    REQUIRE(::mkfifo((fifo.dir / "config/etc/a").c_str(), 0600) == 0);
    CHECK(fifo.differing() == "M /etc/a: type: file, now a FIFO\n");
    CHECK(fifo.take("/etc/a") == "taken\n");
}

TEST_CASE("a directory swapped for a link while it is taken and compared lets nothing out",
          "[store][config][hostile]") {
    Config trees("/etc/d/a: seed", "", "/etc/d/a: mine");
    const auto config = trees.dir / "config";
    std::filesystem::create_directory_symlink(trees.dir / "outside/etc", config / "link");
    std::atomic<bool> stop{false};
    std::thread swapper([&] {
        const auto place = config / "etc/d", directory = config / "real", link = config / "link";
        while (!stop) {
            ::rename(place.c_str(), directory.c_str());
            ::rename(link.c_str(), place.c_str());
            ::rename(place.c_str(), link.c_str());
            ::rename(directory.c_str(), place.c_str());
        }
    });
    int done = 0;
    for (int i = 0; i < 300; ++i) {
        try {
            store::take(trees.beginning(), trees.config, at("/etc/d/a"));
            trees.differing();
            ++done;
        } catch (const base::Error&) {
            // Which one depends on the moment.
        }
    }
    stop = true;
    swapper.join();
    CHECK(done > 0);
    CHECK(test::show(trees.outside) == "/etc/\n/etc/a: outside\n");
}

TEST_CASE("whatever was done to an image shows against its manifest", "[store][diff]") {
    StoreFixture fixture;
    PackageSpec spec = small_package("svc-1.0");
    spec.files.push_back({"share/svc/text", "original\n", 0644});
    spec.files.push_back({"share/svc/more", "more\n", 0644});
    spec.symlinks.push_back({"share/svc/link", "text"});
    const store::BuiltImage built = fixture.build({spec});
    const auto image = fixture.layout.image(built.id);
    const auto manifest = built.manifest;
    CHECK(show(store::image_damage(base::Tree::open(image), manifest)).empty());

    const auto place = image / "tree/share/svc";
    base::write_file_atomically(place / "text", "0riginal\n", 0644);
    std::filesystem::remove(place / "more");
    std::filesystem::remove(place / "link");
    std::filesystem::create_symlink("/etc/passwd", place / "link");
    std::filesystem::create_directory(place / "own");
    base::write_file_atomically(place / "own/file", "x", 0644);
    REQUIRE(::chmod((image / "tree/bin/svc").c_str(), 04755) == 0);

    CHECK(show(store::image_damage(base::Tree::open(image), manifest)) ==
          "M /tree/bin/svc: mode: 0755, now 4755\n"
          "M /tree/share/svc/link: target: text, now /etc/passwd\n"
          "R /tree/share/svc/more: file\n"
          "A /tree/share/svc/own: directory\n"
          "A /tree/share/svc/own/file: file\n"
          "M /tree/share/svc/text: content\n");
}

TEST_CASE("manifests differ below the directory that is asked for, under another name", "[store][diff]") {
    const auto entry = [](const std::string& path, const std::string& digest, unsigned mode) {
        jail::ManifestEntry result;
        result.path = at(path);
        result.sha256 = digest;
        result.mode = mode;
        return result;
    };
    const jail::Manifest before{{entry("/seed/x", "1", 0644), entry("/tree/a", "1", 0644),
                                 entry("/tree/b", "1", 0644), entry("/tree/c", "1", 0644)}};
    const jail::Manifest after{{entry("/seed/x", "2", 0644), entry("/tree/b", "2", 0600),
                                entry("/tree/c", "1", 0644), entry("/tree/d", "1", 0644)}};

    CHECK(show(store::differences(before, after, at("/tree"), at("/usr/pkg"))) ==
          "R /usr/pkg/a: file\nM /usr/pkg/b: mode: 0644, now 0600; content\nA /usr/pkg/d: file\n");
}

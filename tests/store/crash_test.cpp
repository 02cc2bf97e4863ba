// A command killed at every step leaves a store that the next one can clear: nothing half-made stays, nothing
// that the catalog knows goes.
#include "support/catch.hpp"

#include <csignal>
#include <set>

#include <sys/stat.h>

#include "pkgjail/base/file.hpp"
#include "pkgjail/store/committed.hpp"
#include "pkgjail/store/jail_files.hpp"
#include "pkgjail/store/sweep_snapshots.hpp"
#include "support/store_fixture.hpp"

using namespace pkgjail;
using namespace pkgjail::test;

namespace {

PackageSpec with_script(const std::string& pkgname) {
    PackageSpec spec = small_package(pkgname);
    spec.install_script = "#!/bin/sh\n";
    return spec;
}

store::Known knows(std::set<std::string> images, std::set<std::string> jails) {
    return {[images](const std::string& id) { return images.count(id) != 0; },
            [jails](const std::string& id) { return jails.count(id) != 0; }};
}

store::NewJail new_jail(const std::string& image) {
    store::NewJail jail;
    jail.id = "aa01";
    jail.name = "web";
    jail.image_id = image;
    jail.prefix = "/usr/pkg";
    jail.record = "{}\n";
    return jail;
}

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words)
        text += word + "\n";
    return text;
}

#ifdef PKGJAIL_FAILPOINTS

/// Names of the steps that `work` passes, each once, in order.
std::vector<std::string> steps_of(const std::function<void()>& work) {
    TempDir dir;
    {
        const ScopedVariable log("PKGJAIL_STEP_LOG", (dir / "steps").c_str());
        work();
    }
    std::vector<std::string> steps;
    const std::string text = base::read_file(dir / "steps");
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = text.find('\n', at);
        std::string step = text.substr(at, end - at);
        if (std::find(steps.begin(), steps.end(), step) == steps.end())
            steps.push_back(std::move(step));
        at = end + 1;
    }
    return steps;
}

/// Whether `work` in a process of its own was killed at the step.
bool dies_at(const std::string& step, const std::function<void()>& work) {
    const ScopedVariable stop("PKGJAIL_STOP_AT", step.c_str());
    return status_of_child([&] {
               work();
               return 0;
           }) == -SIGKILL;
}

#endif

} // namespace

#ifdef PKGJAIL_FAILPOINTS

TEST_CASE("a build that is killed at any step leaves nothing after a sweep", "[store][crash]") {
    const auto build = [](StoreFixture& at_work) {
        return at_work.build({with_script("foo-1.0"), small_package("bar-1.0")});
    };
    StoreFixture whole;
    const std::vector<std::string> steps = steps_of([&] { build(whole); });
    CHECK(joined(steps) == "build.begun\nbuild.unpacked\nbuild.pre_install\nbuild.post_install\n"
                           "build.installed\nbuild.assembled\nbuild.scanned\nbuild.synced\nbuild.sealed\n");

    for (const std::string& step : steps) {
        CAPTURE(step);
        StoreFixture at_work;
        REQUIRE(dies_at(step, [&] { build(at_work); }));
        CHECK_FALSE(at_work.left_in(at_work.layout.images()).empty());

        const store::Swept swept = store::sweep(at_work.layout, knows({}, {}));

        CHECK(swept.removed.size() == 1);
        CHECK(swept.failed.empty());
        CHECK(at_work.is_clean());
        CHECK(at_work.outcome([&] { build(at_work); }) == "built");
    }
}

TEST_CASE("a build that fails at any step leaves nothing, without a sweep", "[store][crash]") {
    for (const char* step : {"build.begun", "build.unpacked", "build.pre_install", "build.installed",
                             "build.assembled", "build.scanned", "build.synced"}) {
        CAPTURE(step);
        StoreFixture at_work;
        const ScopedVariable fail("PKGJAIL_FAIL_AT", step);

        CHECK(at_work.outcome([&] { at_work.build({with_script("foo-1.0")}); }).find("no space left") !=
              std::string::npos);
        CHECK(at_work.is_clean());
    }
}

TEST_CASE("a jail that is being made and is cut at any step is swept", "[store][crash]") {
    StoreFixture at_work;
    const std::string image = at_work.build({small_package("foo-1.0")}).id;
    const auto make = [&] { store::create_jail(at_work.layout, new_jail(image)); };
    const std::vector<std::string> steps = steps_of(make);
    CHECK(joined(steps) == "jail.filled\njail.synced\njail.placed\n");
    store::remove_jail(at_work.layout, "aa01");

    for (const std::string& step : steps) {
        CAPTURE(step);
        REQUIRE(dies_at(step, make));
        CHECK_FALSE(at_work.left_in(at_work.layout.jails()).empty());
        CHECK(store::sweep(at_work.layout, knows({image}, {})).removed.size() == 1);
        CHECK(at_work.left_in(at_work.layout.jails()).empty());
        CHECK(at_work.left_in(at_work.layout.images()) == image + "\n");
    }
}

TEST_CASE("a jail that is being removed with its data kept loses no data when it is cut at any step",
          "[store][crash]") {
    const auto prepare = [](StoreFixture& at_work) {
        const std::string image = at_work.build({small_package("foo-1.0")}).id;
        store::create_jail(at_work.layout, new_jail(image));
        base::write_file_atomically(at_work.layout.jail_data("aa01") / "var/db/precious", "data");
    };
    StoreFixture whole;
    prepare(whole);
    const std::vector<std::string> steps =
        steps_of([&] { store::remove_jail_but_data(whole.layout, "aa01", [] {}); });
    CHECK(joined(steps) == "jail.data_apart\njail.trashed\njail.data_kept\n");
    CHECK(whole.left_in(whole.layout.jails()) == "aa01\n");
    CHECK(whole.left_in(whole.layout.jail("aa01")) == "data\n");

    const bool still_known = GENERATE(true, false);
    for (const std::string& step : steps) {
        CAPTURE(step, still_known);
        StoreFixture at_work;
        prepare(at_work);
        REQUIRE(dies_at(step, [&] { store::remove_jail_but_data(at_work.layout, "aa01", [] {}); }));

        const auto known = still_known ? knows({}, {"aa01"}) : knows({}, {});
        CHECK(store::sweep(at_work.layout, known).failed.empty());

        CHECK(at_work.left_in(at_work.layout.jails()) == "aa01\n");
        CHECK(base::read_file(at_work.layout.jail_data("aa01") / "var/db/precious") == "data");
        const bool put_back = still_known && step != "jail.data_kept";
        CHECK(at_work.left_in(at_work.layout.jail("aa01")) ==
              (put_back ? "config\ndata\njail.json\nroot\n" : "data\n"));
        CHECK(store::sweep(at_work.layout, known).removed.empty());
        store::remove_jail_but_data(at_work.layout, "aa01", [] {});
        CHECK(at_work.left_in(at_work.layout.jail("aa01")) == "data\n");
    }
}

TEST_CASE("an image that is being removed is never seen half under its own name", "[store][crash]") {
    StoreFixture at_work;
    const std::string image = at_work.build({small_package("foo-1.0")}).id;
    REQUIRE(dies_at("image.trashed", [&] { store::remove_image(at_work.layout, image); }));

    CHECK(at_work.left_in(at_work.layout.images()).find("gone-") == 0);
    CHECK(at_work.build({small_package("foo-1.0")}).id == image);
    CHECK(store::sweep(at_work.layout, knows({image}, {})).removed.size() == 1);
    CHECK(at_work.left_in(at_work.layout.images()) == image + "\n");
}

#endif

TEST_CASE("sweep removes what was never recorded and keeps what was", "[store][sweep]") {
    StoreFixture at_work;
    const std::string known = at_work.build({small_package("foo-1.0")}).id;
    const std::string unknown = at_work.build({small_package("bar-1.0")}).id;
    for (const char* id : {"aa01", "bb02", "cc03", "dd04"}) {
        store::NewJail jail = new_jail(known);
        jail.id = id;
        store::create_jail(at_work.layout, jail);
    }
    store::remove_jail_but_data(at_work.layout, "cc03", [] {});
    base::write_file_atomically(at_work.layout.jails() / "stray", "a file");
    for (const char* id : {"aa01", "dd04"})
        store::mark_committed(at_work.layout.jail(id));
    const std::string before = state_of_tree(at_work.layout.jail("aa01"));

    const store::Swept swept = store::sweep(at_work.layout, knows({known}, {"aa01"}));

    CHECK(swept.removed == std::vector<std::string>{
                               "image " + unknown.substr(0, 12) + " that was never recorded",
                               "jail bb02 that was never recorded", "jail stray that was never recorded"});
    CHECK(swept.failed.empty());
    CHECK(at_work.left_in(at_work.layout.images()) == known + "\n");
    CHECK(at_work.left_in(at_work.layout.jails()) == "aa01\ncc03\ndd04\n"); // newer than the catalog
    CHECK(state_of_tree(at_work.layout.jail("aa01")) == before);
    CHECK(store::sweep(at_work.layout, knows({known}, {"aa01"})).removed.empty());
}

TEST_CASE("snapshots that nobody can say to be known stay, and the others are swept", "[store][sweep]") {
    StoreFixture at_work;
    for (const char* name : {"aa01", "bb02", "cc03", "new-dd04", "ee05"})
        base::make_directories(at_work.layout.snapshots() / name, 0755);
    store::mark_unwanted(at_work.layout.snapshot("cc03"));

    const store::Swept swept = store::sweep_snapshots(at_work.layout, [](const std::string& id) {
        if (id == "bb02")
            throw base::Error(base::ErrorKind::corrupt, "catalog.sqlite", "is damaged");
        return id == "aa01";
    });

    CHECK(joined(swept.removed) ==
          "snapshot cc03 that was never recorded\nhalf-made or half-removed snapshot new-dd04\n");
    CHECK(joined(swept.failed) == "snapshot bb02: catalog.sqlite: is damaged\n");
    CHECK(at_work.left_in(at_work.layout.snapshots()) == "aa01\nbb02\nee05\n"); // no mark: it is newer
}

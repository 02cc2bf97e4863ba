// A package that another image has as its archive has it is not unpacked again.
#include <deque>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/file.hpp"
#include "support/catch.hpp"
#include "support/framework_script.hpp"
#include "support/store_fixture.hpp"

using namespace pkgjail;
using namespace pkgjail::test;

namespace {

PackageSpec lib() {
    PackageSpec spec = small_package("lib-1.0");
    spec.files.push_back({"lib/a/one", "one\n", 0644});
    spec.files.push_back({"lib/a/two", "two\n", 0755});
    spec.files.push_back({"lib/b/empty", "", 0600});
    spec.symlinks.push_back({"lib/a/link", "../b/empty"});
    spec.hardlinks.push_back({"lib/b/two", "lib/a/two"});
    spec.depends = {"base>=1"};
    return spec;
}
PackageSpec app() {
    return small_package("app-1.0");
}

/// A store with an image of `lib` and another package, and what the catalog would say of it.
class Before {
  public:
    explicit Before(const PackageSpec& spec = lib(), const PackageSpec& other = small_package("old-1.0"))
        : first(at_work.build({other, spec})) {
        at_work.unpacked_before = [this](const store::BuildPackage& package) { return find(package); };
    }

    /// With the metadata that make_image has read from the archives.
    store::BuiltImage build(const std::vector<PackageSpec>& specs) {
        store::BuildRequest request = at_work.request_of(specs);
        for (store::BuildPackage& package : request.packages)
            package.metadata = &metadata_.emplace_back(format::read_package_metadata(
                base::Fd(::fcntl(package.archive, F_DUPFD_CLOEXEC, 3)), package.archive_name));
        return at_work.build(request);
    }
    struct stat stat_in(const store::BuiltImage& built, const char* path) const {
        return at_work.image(built).stat(at(path))->status;
    }
    bool share(const store::BuiltImage& second, const char* path) const {
        return stat_in(first, path).st_ino == stat_in(second, path).st_ino;
    }
    base::HostPath file_of_first(const char* path) const { return at_work.layout.image(first.id) / path; }

    StoreFixture at_work;
    store::BuiltImage first;
    std::int64_t made_at = base::to_unix(base::wall_now());
    std::function<void(store::UnpackedBefore&)> alter; ///< what the catalog says, before it says it

  private:
    std::optional<store::UnpackedBefore> find(const store::BuildPackage& package) const {
        if (!first.as_unpacked.contains(package.pkgname))
            return std::nullopt;
        store::UnpackedBefore before{first.id, made_at, {}};
        for (const jail::ManifestEntry& entry : first.manifest.entries)
            if (entry.package == package.pkgname)
                before.entries.push_back(entry);
        if (alter)
            alter(before);
        return before;
    }

    std::deque<format::PackageMetadata> metadata_;
};

/// The image as it is when everything is unpacked.
store::BuiltImage unpacked(const std::vector<PackageSpec>& specs) {
    StoreFixture at_work;
    return at_work.build(specs);
}

std::string names(const std::set<std::string>& packages) {
    std::string text;
    for (const std::string& each : packages)
        text += (text.empty() ? "" : " ") + each;
    return text;
}

void set_time_of_archives(const base::HostPath& file) {
    const std::array<struct timespec, 2> times = {{{1'760'000'000, 0}, {1'760'000'000, 0}}};
    REQUIRE(::utimensat(AT_FDCWD, file.c_str(), times.data(), 0) == 0);
}

/// Whether other images may have the package as this one has it.
bool is_offered(const PackageSpec& spec, const PackageSpec& other = small_package("old-1.0")) {
    return Before(spec, other).first.as_unpacked.contains(spec.pkgname);
}

PackageSpec with_script(const std::string& script) {
    PackageSpec spec = app();
    spec.install_script = script;
    return spec;
}

} // namespace

TEST_CASE("a package of another image is linked, and the image is the one that unpacking gives",
          "[store][link]") {
    Before before;

    const store::BuiltImage second = before.build({lib(), app()});

    CHECK(names(second.linked) == "lib-1.0");
    for (const char* path : {"/tree/bin/lib", "/tree/lib/a/one", "/tree/lib/a/two", "/tree/lib/b/empty"}) {
        INFO(path);
        CHECK(before.share(second, path));
    }
    CHECK(before.stat_in(second, "/tree/lib/b/two").st_ino ==
          before.stat_in(second, "/tree/lib/a/two").st_ino);
    CHECK_FALSE(before.share(second, "/tree/pkgdb/lib-1.0/+CONTENTS"));
    CHECK_FALSE(before.share(second, "/seed/config/etc/hosts"));
    const struct stat link = before.stat_in(second, "/tree/lib/a/link");
    CHECK(link.st_mtim.tv_sec == before.stat_in(before.first, "/tree/lib/a/link").st_mtim.tv_sec);
    CHECK(second.id == unpacked({lib(), app()}).id);
    CHECK(second.warnings.empty());
    CHECK(names(second.as_unpacked) == "app-1.0 lib-1.0");
    CHECK(before.at_work.left_in(before.at_work.layout.image(second.id)) ==
          "image.json\nmanifest\nseed\ntree\n");
}

TEST_CASE("the archive of a linked package is not read", "[store][link]") {
    Before before;
    store::BuildRequest request = before.at_work.request_of({lib()});
    const format::PackageMetadata metadata = format::read_package_metadata(
        base::Fd(::fcntl(request.packages[0].archive, F_DUPFD_CLOEXEC, 3)), "lib-1.0.tgz");
    const base::Fd nothing = base::open_file("/dev/null", O_RDONLY);
    request.packages[0].archive = nothing.get();

    CHECK(before.at_work.outcome([&] { before.at_work.build(request); }) != "built");
    request.packages[0].metadata = &metadata;
    CHECK(before.at_work.outcome([&] { before.at_work.build(request); }) == "built");
}

TEST_CASE("what is not as its archive has it is not offered to other images", "[store][link]") {
    PackageSpec spec = lib();
    CHECK(is_offered(spec));

    SECTION("a set-id file") {
        spec.files.push_back({"bin/su", "su", 04755});
    }
    SECTION("a file of an account that the image does not know") {
        spec.files.push_back({"lib/c", "c", 0644, "stranger", "stranger"});
    }
    SECTION("a file of the configuration") {
        spec.files.push_back({"etc/lib.conf", "c", 0644});
    }
    SECTION("a script of its own") {
        spec.install_script = "#!/bin/sh\nexit 0\n";
    }
    SECTION("a command") {
        spec.exec = {"true"};
    }
    SECTION("owner and mode by a data line") {
        spec.install_script = framework_script("PERMS: lib/a/one 0600 root wheel\n");
    }
    CHECK_FALSE(is_offered(spec));
}

TEST_CASE("what other packages do to a package counts as well", "[store][link]") {
    CHECK(is_offered(lib(), with_script(framework_script("DIR: /var/db/app m\n"))));
    CHECK_FALSE(is_offered(lib(), with_script("#!/bin/sh\nexit 0\n")));
    PackageSpec late = with_script(framework_script("PERMS: lib/a/one 0600 root wheel\n"));
    Before before(late, lib()); // which comes first
    CHECK(names(before.first.as_unpacked) == "app-1.0");
}

TEST_CASE("what is in the image no more as it was is unpacked", "[store][link]") {
    Before before;
    const base::HostPath one = before.file_of_first("tree/lib/a/one");
    SECTION("written to") {
        write_bytes(one, "ONE\n");
    }
    SECTION("shorter, with the old time") {
        REQUIRE(::truncate(one.c_str(), 1) == 0);
        set_time_of_archives(one);
    }
    SECTION("other content of the same size, with the old time, as a failing disk gives it") {
        write_bytes(one, "ONE\n");
        set_time_of_archives(one);
    }
    SECTION("the same on a host whose clock was ahead") {
        write_bytes(one, "ONE\n");
        before.made_at += 86'400;
    }
    SECTION("another mode") {
        REQUIRE(::chmod(one.c_str(), 0600) == 0);
    }
    SECTION("gone") {
        std::filesystem::remove(one);
    }
    SECTION("its directory gone") {
        std::filesystem::remove_all(one.parent_path());
    }
    SECTION("a link in its place") {
        std::filesystem::remove(one);
        std::filesystem::create_symlink(before.at_work.canary() / "file", one);
    }
    SECTION("a link in its directory's place") {
        std::filesystem::remove_all(one.parent_path());
        std::filesystem::create_symlink(before.at_work.canary(), one.parent_path());
    }
    SECTION("a link further up") {
        std::filesystem::rename(before.file_of_first("tree/lib"), before.file_of_first("tree/lib2"));
        std::filesystem::create_symlink("lib2", before.file_of_first("tree/lib"));
    }
    SECTION("a link that leads elsewhere") {
        const base::HostPath link = before.file_of_first("tree/lib/a/link");
        std::filesystem::remove(link);
        std::filesystem::create_symlink("../b/other", link);
    }
    SECTION("the image gone") {
        std::filesystem::remove_all(before.at_work.layout.image(before.first.id));
    }
    SECTION("an image younger than its files") {
        before.made_at = 1'760'000'000;
    }
    SECTION("a manifest that lacks a file") {
        before.alter = [](store::UnpackedBefore& said) { said.entries.erase(said.entries.begin()); };
    }
    SECTION("a manifest with a file too many") {
        before.alter = [](store::UnpackedBefore& said) { said.entries.push_back(said.entries.front()); };
    }
    SECTION("a manifest with a file elsewhere") {
        before.alter = [](store::UnpackedBefore& said) {
            said.entries[0].path = at("/seed/config/etc/hosts");
        };
    }

    const store::BuiltImage second = before.build({lib(), app()});

    CHECK(second.linked.empty());
    CHECK(second.id == unpacked({lib(), app()}).id);
    CHECK(before.at_work.image(second).read(at("/tree/lib/a/one")) == "one\n");
    CHECK(before.at_work.canary_is_intact());
}

TEST_CASE("where a script has to run nothing is shared with it", "[store][link]") {
    Before before;
    const std::string as_it_was = state_of_tree(before.file_of_first("tree"));
    PackageSpec spec = app();
    bool has_run = true;
    SECTION("text of its own") {
        spec.install_script = "#!/bin/sh\nexit 0\n";
    }
    SECTION("a command") {
        spec.exec = {"true"};
    }
    SECTION("a framework's text with a line that only the script can do") {
        spec.install_script = framework_script("DIR: /var/db/a*b m\n");
    }
    SECTION("owner and mode of another package's file, which we do ourselves when it is not shared") {
        has_run = false;
        spec.install_script = framework_script("PERMS: lib/a/one 0600 root wheel\n");
    }
    // As root in the tree: whatever is there can be written to.
    before.at_work.scripts.act = [](const store::ScriptRunner::Script&, const store::RootParts& parts) {
        write_bytes(parts.tree / "lib/a/one", "changed\n");
        return base::Exit{};
    };

    const store::BuiltImage second = before.build({lib(), spec});

    CHECK(second.linked.empty());
    CHECK(before.at_work.scripts.calls.empty() != has_run);
    CHECK_FALSE(before.share(second, "/tree/bin/lib"));
    CHECK(state_of_tree(before.file_of_first("tree")) == as_it_was);
}

TEST_CASE("who has all scripts run, or no scripts, gets the same image", "[store][link]") {
    const PackageSpec known = with_script(framework_script("DIR: /var/db/app m\n"));
    Before before;
    CHECK(names(before.build({lib(), known}).linked) == "lib-1.0");
    before.at_work.defaults.run_known_scripts = true;
    CHECK(before.build({lib(), known}).linked.empty());
    before.at_work.defaults.run_known_scripts = false;
    before.at_work.defaults.run_scripts = false;
    CHECK(names(before.build({lib(), known}).linked) == "lib-1.0");
}

TEST_CASE("owner and mode of a shared file that a data line changes need no script", "[store][link]") {
    Before before;
    const std::string as_it_was = state_of_tree(before.file_of_first("tree"));
    before.at_work.defaults.run_scripts = false;

    const store::BuiltImage second =
        before.build({lib(), with_script(framework_script("PERMS: lib/a/one 0600 root wheel\n"))});

    CHECK(second.linked.empty());
    CHECK((before.stat_in(second, "/tree/lib/a/one").st_mode & 0777) == 0600);
    CHECK(state_of_tree(before.file_of_first("tree")) == as_it_was);
}

TEST_CASE("nor do they of a file that its own package has under two names", "[store][link]") {
    StoreFixture at_work;
    PackageSpec spec = lib();
    spec.install_script = framework_script("PERMS: lib/a/two 0700 root wheel\n");

    const store::BuiltImage built = at_work.build({spec});

    CHECK(at_work.scripts.calls.empty());
    CHECK((at_work.image(built).stat(at("/tree/lib/b/two"))->status.st_mode & 0777) == 0700);
    CHECK(built.as_unpacked.empty());
}

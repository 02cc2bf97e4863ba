// Equal files of different images are one file on disk.
#include "support/catch.hpp"

#include <filesystem>

#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/xattr.h>
#endif

#include "pkgjail/store/seal.hpp"
#include "support/store_fixture.hpp"

using namespace pkgjail;
using namespace pkgjail::test;

namespace {

PackageSpec shared(const std::string& pkgname) {
    PackageSpec spec = small_package(pkgname);
    spec.files = {{"lib/big", "the same in both\n", 0644}, {"lib/empty", "", 0644}};
    return spec;
}

/// As the catalog does: by content, in the image that was built before.
store::EqualFileFinder by_content(const StoreFixture& at_work, const store::BuiltImage& other) {
    return [&](const jail::ManifestEntry& wanted) -> std::optional<base::HostPath> {
        for (const jail::ManifestEntry& entry : other.manifest.entries)
            if (entry.type == jail::EntryType::file && entry.sha256 == wanted.sha256)
                return at_work.layout.image(other.id) / entry.path.relative();
        return std::nullopt;
    };
}

ino_t inode(const StoreFixture& at_work, const store::BuiltImage& built, const char* path) {
    return at_work.image(built).stat(at(path))->status.st_ino;
}

} // namespace

TEST_CASE("equal files of two images are linked", "[store][link]") {
    StoreFixture at_work;
    const store::BuiltImage first = at_work.build({shared("a-1.0")});
    at_work.equal_file = by_content(at_work, first);

    const store::BuiltImage second = at_work.build({shared("b-1.0")});

    CHECK(inode(at_work, first, "/tree/lib/big") == inode(at_work, second, "/tree/lib/big"));
    CHECK(inode(at_work, first, "/tree/lib/empty") != inode(at_work, second, "/tree/lib/empty"));
    CHECK(inode(at_work, first, "/seed/config/etc/hosts") !=
          inode(at_work, second, "/seed/config/etc/hosts"));
    CHECK(at_work.image(second).read(at("/tree/lib/big")) == "the same in both\n");
    CHECK(at_work.left_in(at_work.layout.image(second.id)) == "image.json\nmanifest\nseed\ntree\n");
}

TEST_CASE("files that differ in mode or time are not linked", "[store][link]") {
    StoreFixture at_work;
    const store::BuiltImage first = at_work.build({shared("a-1.0")});
    at_work.equal_file = by_content(at_work, first);
    PackageSpec spec = shared("b-1.0");
    std::vector<TarMember> members = package_members(spec);

    SECTION("mode") {
        members[members.size() - 2].mode = 0444;
    }
    SECTION("time") {
        members[members.size() - 2].modified += 1;
    }

    const store::BuiltImage second = at_work.build_raw("b-1.0", members);
    CHECK(inode(at_work, first, "/tree/lib/big") != inode(at_work, second, "/tree/lib/big"));
}

TEST_CASE("a catalog that names files which are not there does no harm", "[store][link]") {
    StoreFixture at_work;
    const store::BuiltImage first = at_work.build({shared("a-1.0")});
    std::string said;
    SECTION("no such image") {
        said = "0123/tree/lib/big";
    }
    SECTION("no such file") {
        said = first.id + "/tree/lib/nothing";
    }
    SECTION("a directory") {
        said = first.id + "/tree/lib";
    }
    at_work.equal_file = [&](const jail::ManifestEntry&) { return at_work.layout.images() / said; };

    CHECK(at_work.outcome([&] { at_work.build({shared("b-1.0")}); }) == "built");
    at_work.equal_file = [&](const jail::ManifestEntry&) { return at_work.canary() / "file"; };
    CHECK(at_work.outcome([&] { at_work.build({shared("c-1.0")}); }) != "built");
    CHECK(at_work.canary_is_intact());
}

TEST_CASE("hard links of a package stay links of one file", "[store][link]") {
    StoreFixture at_work;
    PackageSpec spec = shared("a-1.0");
    spec.hardlinks.push_back({"lib/zz", "lib/big"});
    const store::BuiltImage first = at_work.build({spec});
    at_work.equal_file = by_content(at_work, first);
    spec.pkgname = "b-1.0";

    const store::BuiltImage second = at_work.build({spec});

    CHECK(inode(at_work, second, "/tree/lib/big") == inode(at_work, second, "/tree/lib/zz"));
    CHECK(at_work.image(second).stat(at("/tree/lib/zz"))->status.st_nlink == 4);
}

TEST_CASE("a file that is not what the catalog says of it is linked to nothing", "[store][link]") {
    StoreFixture at_work;
    const store::BuiltImage first = at_work.build({shared("a-1.0")});
    at_work.equal_file = by_content(at_work, first);
    const base::HostPath damaged = at_work.layout.image(first.id) / "tree/lib/big";
    const auto time = std::filesystem::last_write_time(damaged);
    write_bytes(damaged, "The same in both\n");
    std::filesystem::last_write_time(damaged, time);

    const store::BuiltImage second = at_work.build({shared("b-1.0")});

    CHECK(inode(at_work, first, "/tree/lib/big") != inode(at_work, second, "/tree/lib/big"));
    CHECK(at_work.image(second).read(at("/tree/lib/big")) == "the same in both\n");
}

#ifdef __linux__
TEST_CASE("a file with capabilities is one file with no other", "[store][link]") {
    if (::geteuid() != 0)
        return; // who is not root gives none
    StoreFixture at_work;
    const store::BuiltImage first = at_work.build({shared("a-1.0")});
    at_work.equal_file = by_content(at_work, first);
    const base::HostPath theirs = at_work.layout.image(first.id) / "tree/lib/big";
    const std::string net_raw("\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
    REQUIRE(::setxattr(theirs.c_str(), "security.capability", net_raw.data(), net_raw.size(), 0) == 0);

    const store::BuiltImage second = at_work.build({shared("b-1.0")});

    CHECK(inode(at_work, first, "/tree/lib/big") != inode(at_work, second, "/tree/lib/big"));
}
#endif

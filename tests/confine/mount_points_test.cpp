#include "pkgjail/confine/driver_oci.hpp"

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

using namespace pkgjail;
using confine::JailSpec;
using confine::Mount;
namespace fs = std::filesystem;

namespace {

struct Skeleton {
    test::TempDir dir;
    JailSpec spec;

    Skeleton() {
        for (const char* name :
             {"root/dev", "root/proc", "root/sys", "root/usr/pkg", "root/var", "tree/sbin", "data/db"})
            fs::create_directories(dir.path() / name);
        base::write_file_atomically(dir / "resolv.conf", "nameserver 127.0.0.1\n");
        base::write_file_atomically(dir / "root/file", "");
        spec.jail = "web";
        spec.root = dir / "root";
    }

    std::string check(std::vector<std::pair<std::string, std::string>> mounts) {
        spec.mounts.clear();
        for (const auto& [source, target] : mounts) {
            Mount mount;
            mount.kind = source == "tmpfs" ? Mount::Kind::tmpfs : Mount::Kind::bind;
            mount.source = dir / source;
            mount.target = base::RootPath::parse(target);
            spec.mounts.push_back(mount);
        }
        try {
            confine::check_mount_points(spec);
        } catch (const base::Error& error) {
            const std::string text = error.object() + ": " + error.cause();
            const std::string top = dir.path().string();
            const auto at = text.find(top);
            return at == std::string::npos ? text : std::string(text).erase(at, top.size() + 1);
        }
        return "good";
    }
};

} // namespace

TEST_CASE("mount points that exist and are of the right kind are taken", "[confine][mounts]") {
    Skeleton skeleton;
    CHECK(skeleton.check({{"tree", "/usr/pkg"}, {"data", "/var"}, {"resolv.conf", "/file"}}) == "good");
    CHECK(skeleton.check({{"data", "/var"}, {"tree", "/var/db"}}) == "good"); // made by the earlier mount
    CHECK(skeleton.check({{"tmpfs", "/var"}, {"tree", "/var/anything"}}) ==
          "good"); // made afresh in the tmpfs
    CHECK(skeleton.check({{"data", "/var"}, {"tree", "/var"}}) == "good");
}

TEST_CASE("a missing mount point is refused instead of being made on the host", "[confine][mounts]") {
    Skeleton skeleton;
    CHECK(skeleton.check({{"tree", "/opt"}}) == "root/opt: mount point of jail web is missing");
    CHECK(skeleton.check({{"data", "/var"}, {"tree", "/var/gone"}}) ==
          "data/gone: mount point of jail web is missing");
    CHECK_FALSE(fs::exists(skeleton.dir / "root/opt"));
}

TEST_CASE("a mount point of another kind is refused", "[confine][mounts]") {
    Skeleton skeleton;
    CHECK(skeleton.check({{"tree", "/file"}}) == "root/file: mount point of jail web must be a directory");
    CHECK(skeleton.check({{"resolv.conf", "/var"}}) == "root/var: mount point of jail web must be a file");
    CHECK(skeleton.check({{"tmpfs", "/file"}}) == "root/file: mount point of jail web must be a directory");
}

TEST_CASE("no link is followed on the way to a mount point", "[confine][mounts]") {
    Skeleton skeleton;
    fs::create_symlink("/etc", skeleton.dir / "data/evil");
    fs::create_symlink("/", skeleton.dir / "root/door");
    CHECK_THAT(skeleton.check({{"data", "/var"}, {"tree", "/var/evil"}}),
               ContainsSubstring("must be a directory"));
    CHECK_THAT(skeleton.check({{"tree", "/door/etc"}}), ContainsSubstring("symbolic link"));
}

TEST_CASE("a source that is a link, missing or a special file is refused", "[confine][mounts]") {
    Skeleton skeleton;
    fs::create_symlink("/etc", skeleton.dir / "link");
    CHECK(skeleton.check({{"link", "/var"}}) ==
          "link: is a symbolic link and cannot be mounted into jail web");
    CHECK_THAT(skeleton.check({{"gone", "/var"}}), ContainsSubstring("gone: "));
    skeleton.spec.mounts[0].source = "/dev/null";
    CHECK_THROWS_AS(confine::check_mount_points(skeleton.spec), base::Error);
}

TEST_CASE("a skeleton whose /dev is a link is refused", "[confine][mounts]") {
    Skeleton skeleton;
    fs::remove(skeleton.dir / "root/dev");
    fs::create_symlink("/dev", skeleton.dir / "root/dev");
    CHECK_THAT(skeleton.check({}), ContainsSubstring("root/dev: must be a directory"));
}

TEST_CASE("a working directory that does not exist is refused before the runtime makes it",
          "[confine][mounts]") {
    Skeleton skeleton;
    const auto with = [&](const std::string& directory) {
        skeleton.spec.working_directory = directory;
        return skeleton.check(
            {{"tree", "/usr/pkg"}, {"data", "/var"}, {"tmpfs", "/usr"}, {"tree", "/usr/pkg"}});
    };
    fs::create_directories(skeleton.dir / "root/usr/pkg");
    fs::create_symlink("db", skeleton.dir / "data/link");
    base::write_file_atomically(skeleton.dir / "data/file", "");

    for (const char* good : {"/", "/var", "/var/db", "/usr", "/usr/pkg/sbin", "/var/link"}) {
        INFO(good);
        CHECK(with(good) == "good");
    }
    CHECK(with("/gone") == "/gone: no such working directory in jail web");
    CHECK(with("/var/gone") == "/var/gone: no such working directory in jail web");
    CHECK(with("/usr/lib") == "/usr/lib: no such working directory in jail web");
    CHECK(with("/var/file") == "/var/file: cannot be the working directory in jail web");
    CHECK_FALSE(fs::exists(skeleton.dir / "root/gone"));
}

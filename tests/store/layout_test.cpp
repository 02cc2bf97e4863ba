// The state directory: what may hold one, and what root looks like in a jail.
#include "support/catch.hpp"

#include <filesystem>

#include <sys/stat.h>

#include "pkgjail/base/file.hpp"
#include "pkgjail/store/root.hpp"
#include "support/store_fixture.hpp"

using namespace pkgjail;
using namespace pkgjail::test;
namespace fs = std::filesystem;

TEST_CASE("a state directory is made with everything in it, for its owner only", "[store][layout]") {
    TempDir dir;
    const store::Layout layout(dir / "a" / "b" / "state");
    CHECK_FALSE(layout.check());

    layout.create();

    CHECK(layout.check());
    CHECK(shape(base::Tree::open(layout.state())) ==
          "/cache/\n/images/\n/jails/\n/lock/\n/log/\n/run/\n/secrets/\n/snapshots/\n/volumes/\n");
    for (const base::HostPath& path : {layout.state(), layout.images(), layout.jails(), layout.logs()}) {
        struct stat status {};
        REQUIRE(::stat(path.c_str(), &status) == 0);
        CHECK((status.st_mode & 07777) == 0700);
    }
    CHECK_NOTHROW(layout.create());
}

TEST_CASE("a directory that somebody else could change or replace is refused with its path",
          "[store][layout]") {
    TempDir dir;
    const store::Layout layout(dir / "state");
    layout.create();
    const auto outcomes = [&] {
        const std::string made = outcome_of([&] { layout.create(); });
        const std::string checked = outcome_of([&] { layout.check(); });
        CHECK(made == checked);
        return made;
    };
    const auto object = [&] {
        try {
            layout.check();
        } catch (const base::Error& error) {
            return error.object();
        }
        return std::string("none");
    };

    SECTION("the state directory can be written by everybody") {
        fs::permissions(layout.state(), fs::perms::others_write, fs::perm_options::add);
        CHECK(outcomes() == "conflict: can be written by group or others");
        CHECK(object() == layout.state());
    }
    SECTION("a directory in it can be written by the group") {
        fs::permissions(layout.images(), fs::perms::group_write, fs::perm_options::add);
        CHECK(outcomes() == "conflict: can be written by group or others");
        CHECK(object() == layout.images());
    }
    SECTION("the state directory is a link") {
        fs::rename(layout.state(), dir / "elsewhere");
        fs::create_directory_symlink(dir / "elsewhere", layout.state());
        CHECK(outcomes() ==
              "conflict: is a symbolic link where the state directory must be a real directory");
        CHECK(object() == layout.state());
    }
    SECTION("a directory in it is a link") {
        fs::remove(layout.jails());
        fs::create_directory_symlink(dir.path(), layout.jails());
        CHECK(outcomes() ==
              "conflict: is a symbolic link where the state directory must be a real directory");
        CHECK(object() == layout.jails());
    }
    SECTION("a directory in it is a file") {
        fs::remove(layout.logs());
        write_bytes(layout.logs(), "");
        CHECK(outcomes() == "conflict: is not a directory");
        CHECK(object() == layout.logs());
    }
    SECTION("everybody can write to the directory above") {
        fs::permissions(dir.path(), fs::perms::all);
        CHECK(outcomes() == "conflict: can be written by others, who could replace the state directory " +
                                layout.state().string());
        CHECK(object() == fs::canonical(dir.path()));
        // As /tmp is: others cannot rename what is not theirs.
        fs::permissions(dir.path(), fs::perms::all | fs::perms::sticky_bit);
        CHECK(outcomes() == "done");
    }
}

TEST_CASE("the host's base is system directories one by one, never /usr as a whole", "[store][root]") {
    const store::HostBase base = store::host_base();

    const auto has = [&](const char* path) {
        return std::find(base.directories.begin(), base.directories.end(), at(path)) !=
               base.directories.end();
    };
    CHECK(has("/usr/bin"));
    CHECK(has("/usr/share"));
    for (const char* path : {"/", "/usr", "/etc", "/var", "/home", "/root", "/usr/pkg", "/usr/local", "/tmp"})
        CHECK_FALSE(has(path));
    CHECK(base.id.starts_with("host-"));
    CHECK(store::host_base().id == base.id);
}

TEST_CASE("what is below /etc and PREFIX/etc is configuration, everything else is data", "[store][root]") {
    const auto is = [](const char* path) { return store::is_configuration(at(path), "/usr/pkg"); };

    CHECK(is("/etc"));
    CHECK(is("/etc/passwd"));
    CHECK(is("/usr/pkg/etc/nginx/nginx.conf"));
    CHECK_FALSE(is("/usr/pkg/etcetera"));
    CHECK_FALSE(is("/etcetera"));
    CHECK_FALSE(is("/usr/pkg/share/etc"));
    CHECK_FALSE(is("/var/etc"));
}

TEST_CASE("a root is mounted from the base up, and only the jail's own parts can be written",
          "[store][root]") {
    store::HostBase base;
    base.directories = {at("/usr/bin"), at("/etc/alternatives")};
    store::RootParts parts;
    parts.tree = "/s/tree";
    parts.config = "/s/config";
    parts.data = "/s/data";
    parts.data_paths = {at("/var/db/x"), at("/srv/www")};

    std::string text;
    for (const confine::Mount& mount : store::root_mounts(base, "/usr/pkg", parts))
        text += (mount.kind == confine::Mount::Kind::tmpfs ? "tmpfs" : mount.source.string()) + " on " +
                mount.target.str() + (mount.writable ? " rw" : " ro") + "\n";

    CHECK(text == "/usr/bin on /usr/bin ro\n"
                  "/s/tree on /usr/pkg ro\n"
                  "/s/config/etc on /etc rw\n"
                  "/s/config/usr/pkg/etc on /usr/pkg/etc rw\n"
                  "/etc/alternatives on /etc/alternatives ro\n"
                  "/s/data/var on /var rw\n"
                  "/s/data/home on /home rw\n"
                  "/s/data/root on /root rw\n"
                  "/s/data/srv/www on /srv/www rw\n"
                  "tmpfs on /tmp rw\n"
                  "tmpfs on /run rw\n"
                  "tmpfs on /var/run rw\n");
}

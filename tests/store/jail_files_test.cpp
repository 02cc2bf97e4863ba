// A jail's own files: made from the seed, written again by the host although its root may have shaped them,
// removed.
#include "support/catch.hpp"

#include <atomic>
#include <filesystem>
#include <thread>

#ifdef __linux__
#include <sys/mount.h>
#include <sys/syscall.h>
#endif
#include <sys/stat.h>
#include <unistd.h>

#include "pkgjail/base/file.hpp"
#include "pkgjail/store/jail_files.hpp"
#include "pkgjail/store/root.hpp"
#include "support/store_fixture.hpp"

using namespace pkgjail;
using namespace pkgjail::test;
namespace fs = std::filesystem;

namespace {

/// A jail aa01 on an image with a configuration file and a data directory.
class JailFixture : public StoreFixture {
  public:
    JailFixture() {
        PackageSpec spec = small_package("svc-1.0");
        spec.files.push_back({"etc/svc/svc.conf", "from the package\n", 0640});
        image_id = build({spec}).id;
        store::NewJail jail;
        jail.id = "aa01";
        jail.name = "web";
        jail.image_id = image_id;
        jail.prefix = "/usr/pkg";
        jail.base.directories = {at("/usr/bin"), at("/etc/alternatives")};
        jail.base.links = {{at("/bin"), "usr/bin"}};
        jail.data_paths = {at("/var/db/svc"), at("/srv/www")};
        jail.files = {recipe_file("/usr/pkg/etc/svc/svc.conf", "from the recipe\n")};
        jail.record = "{\"id\": \"aa01\"}\n";
        store::create_jail(layout, jail);
    }

    static jail::RenderedRecipe::File recipe_file(const std::string& path, const std::string& content) {
        jail::RenderedRecipe::File file;
        file.path = at(path);
        file.content = content;
        file.mode = 0644;
        file.owner = "root";
        file.group = "";
        return file;
    }
    void write(const std::string& path, const std::string& content) {
        store::write_recipe_files(layout, "aa01", 1, "/usr/pkg", {recipe_file(path, content)});
    }
    /// Generation 2, with the recipe as it is.
    store::MergeReport extend(const std::string& new_image) {
        return store::extend_generation(layout, "aa01",
                                        {1,
                                         2,
                                         image_id,
                                         new_image,
                                         "/usr/pkg",
                                         {recipe_file("/usr/pkg/etc/svc/svc.conf", "from the recipe\n")}});
    }
    fs::path config(int generation = 1) const { return layout.jail_config("aa01", generation); }
    fs::path data() const { return layout.jail_data("aa01"); }

    std::string image_id;
};

} // namespace

TEST_CASE("a new jail has the seed's files, the recipe's over them, and a skeleton", "[store][jail]") {
    JailFixture at_work;

    CHECK(at_work.left_in(at_work.layout.jails()) == "aa01\n");
    CHECK(at_work.left_in(at_work.layout.jail("aa01")) == "config\ndata\njail.json\nroot\nuncommitted\n");
    struct stat top {};
    REQUIRE(::stat(at_work.layout.jail("aa01").c_str(), &top) == 0);
    CHECK((top.st_mode & 07777) == 0700);
    CHECK(base::read_file(at_work.config() / "usr/pkg/etc/svc/svc.conf") == "from the recipe\n");
    CHECK(base::read_file(at_work.layout.jail_record("aa01")) == "{\"id\": \"aa01\"}\n");
    CHECK(fs::is_directory(at_work.data() / "srv/www"));
    CHECK(fs::is_directory(at_work.data() / "var/db/svc"));
    CHECK(shape(base::Tree::open(at_work.layout.jail_root("aa01"))) ==
          "/bin -> "
          "usr/bin\n/dev/\n/etc/\n/home/\n/proc/\n/root/\n/run/\n/srv/\n/srv/www/\n/sys/\n/tmp/\n/usr/\n"
          "/usr/bin/\n/usr/pkg/\n/var/\n");
    // The image's own seed is another file.
    CHECK(base::read_file(at_work.layout.image_seed(at_work.image_id) / "config/usr/pkg/etc/svc/svc.conf") ==
          "from the package\n");
}

TEST_CASE("the way to a mount point that a dead command made is opened to all", "[store][jail]") {
    const JailFixture jail;
    const fs::path srv = jail.layout.jail_root("aa01") / "srv";
    fs::create_directories(srv / "x");
    const auto opened = [&](unsigned mode) {
        REQUIRE(::chmod(srv.c_str(), mode) == 0);
        store::make_mount_point(jail.layout, "aa01", {}, at("/srv/x"), true);
        struct stat status {};
        REQUIRE(::stat(srv.c_str(), &status) == 0);
        return status.st_mode & 07777u;
    };

    CHECK(opened(0700) == 0755);
    CHECK(opened(0750) == 0755);
    CHECK(opened(0751) == 0755);
    CHECK(opened(01777) == 01777);
}

TEST_CASE("a jail whose files cannot be written is not made", "[store][jail]") {
    JailFixture at_work;
    store::NewJail jail;
    jail.id = "bb02";
    jail.image_id = at_work.image_id;
    jail.prefix = "/usr/pkg";
    jail.files = {JailFixture::recipe_file("/etc/x", "x")};
    jail.files[0].owner = "nosuchuser";

    CHECK(at_work.outcome([&] { store::create_jail(at_work.layout, jail); }) ==
          "configuration: nosuchuser: no such user in the jail's /etc/passwd");
    CHECK(at_work.left_in(at_work.layout.jails()) == "aa01\n");
}

TEST_CASE("what a jail's root puts in the way of the host's writes is never followed",
          "[store][jail][hostile]") {
    JailFixture at_work;
    const ScopedVariable walk("PKGJAIL_NO_OPENAT2", GENERATE(false, true) ? "1" : nullptr);
    const fs::path conf = at_work.config() / "usr/pkg/etc/svc/svc.conf";
    const std::string path = "/usr/pkg/etc/svc/svc.conf";

    SECTION("a link in the place of the file is replaced") {
        fs::remove(conf);
        fs::create_symlink(at_work.canary() / "file", conf);
        CHECK(at_work.outcome([&] { at_work.write(path, "new"); }) == "built");
        CHECK(fs::symlink_status(conf).type() == fs::file_type::regular);
    }
    SECTION("a FIFO in its place is replaced") {
        fs::remove(conf);
        REQUIRE(::mkfifo(conf.c_str(), 0666) == 0);
        CHECK(at_work.outcome([&] { at_work.write(path, "new"); }) == "built");
        CHECK(base::read_file(conf) == "new");
    }
    SECTION("a hard link in its place is replaced, not written through") {
        base::write_file_atomically(at_work.config() / "etc/other", "other");
        fs::remove(conf);
        fs::create_hard_link(at_work.config() / "etc/other", conf);
        at_work.write(path, "new");
        CHECK(base::read_file(at_work.config() / "etc/other") == "other");
    }
    SECTION("a directory in its place is refused") {
        fs::remove(conf);
        fs::create_directories(conf / "x");
        CHECK(at_work.outcome([&] { at_work.write(path, "new"); }) ==
              "conflict: " + conf.string() + ": is a directory");
    }
    SECTION("a link among its directories is refused") {
        fs::remove_all(conf.parent_path());
        fs::create_directory_symlink(at_work.canary(), conf.parent_path());
        CHECK(at_work.outcome([&] { at_work.write(path, "new"); }) ==
              "corrupt: " + conf.parent_path().string() + ": passes through a symbolic link");
    }
    SECTION("a FIFO among its directories is refused") {
        fs::remove_all(conf.parent_path());
        REQUIRE(::mkfifo(conf.parent_path().c_str(), 0666) == 0);
        CHECK(at_work.outcome([&] { at_work.write(path, "new"); }) ==
              "conflict: " + conf.parent_path().string() + ": exists and is not a directory");
    }
    SECTION("account files that are links, FIFOs or huge are refused") {
        const fs::path passwd = at_work.config() / "etc/passwd";
        fs::remove(passwd);
        const std::string how = GENERATE("link", "fifo", "huge", "directory");
        CAPTURE(how);
        if (how == "link")
            fs::create_symlink(at_work.canary() / "sub/passwd", passwd);
        else if (how == "fifo")
            REQUIRE(::mkfifo(passwd.c_str(), 0666) == 0);
        else if (how == "directory")
            fs::create_directory(passwd);
        else {
            base::write_file_atomically(passwd, "root:*:0:0::/:/bin/sh\n");
            fs::resize_file(passwd, std::uintmax_t{10} << 30);
        }
        const std::string outcome = at_work.outcome([&] { at_work.write(path, "new"); });
        CHECK(outcome.find("corrupt: " + passwd.string()) == 0);
        CHECK(base::read_file(conf) == "from the recipe\n");
    }
    CHECK(at_work.canary_is_intact());
}

TEST_CASE("an entry that is swapped all the time leads no write out of the jail", "[store][jail][hostile]") {
    JailFixture at_work;
    const ScopedVariable walk("PKGJAIL_NO_OPENAT2", GENERATE(false, true) ? "1" : nullptr);
    const fs::path place = at_work.config() / "usr/pkg/etc/svc";
    const fs::path directory = at_work.config() / "real", link = at_work.config() / "link";
    fs::rename(place, directory);
    fs::create_directory_symlink(at_work.canary(), link);
    std::atomic<bool> stop{false};
    std::thread swapper([&] {
        while (!stop) {
            ::rename(directory.c_str(), place.c_str());
            ::rename(place.c_str(), directory.c_str());
            ::rename(link.c_str(), place.c_str());
            ::rename(place.c_str(), link.c_str());
        }
    });

    std::map<std::string, int> outcomes;
    for (int i = 0; i < 400; ++i) {
        const std::string outcome = at_work.outcome([&] {
            at_work.write("/usr/pkg/etc/svc/file", "overwritten");
            if (i % 8 == 0)
                at_work.extend(at_work.image_id);
        });
        ++outcomes[outcome.substr(0, outcome.find(':'))];
    }
    stop = true;
    swapper.join();

    CAPTURE(outcomes);
    CHECK(outcomes["built"] > 0);
    CHECK(at_work.canary_is_intact());
    CHECK(fs::directory_iterator(at_work.canary() / "sub") != fs::directory_iterator());
    CHECK_FALSE(fs::exists(at_work.canary() / "svc.conf"));
}

TEST_CASE("a new generation has the old one's configuration and what the new seed has more",
          "[store][jail]") {
    JailFixture at_work;
    PackageSpec spec = small_package("svc-2.0");
    spec.files.push_back({"etc/svc/svc.conf", "new default\n", 0640});
    spec.files.push_back({"etc/svc/more.conf", "more\n", 0600});
    spec.symlinks.push_back({"etc/svc/link.conf", "more.conf"});
    spec.directories = {"etc/svc/conf.d"};
    spec.install_script = "#!/bin/sh\n";
    at_work.scripts.act = at_post_install("svc-2.0", [](const store::RootParts& parts) {
        for (const char* directory :
             {"var/lib/svc", "var/spool/svc"}) { // below what is no directory any more
            fs::create_directory(parts.data / directory);
            base::write_file_atomically(parts.data / directory / "file", "x");
        }
    });
    const std::string image = at_work.build({spec}).id;
    base::write_file_atomically(at_work.data() / "var/db/svc/mine", "mine");
    fs::remove_all(at_work.data() / "var/spool");
    fs::create_symlink(at_work.canary(), at_work.data() / "var/spool");
    fs::remove_all(at_work.data() / "var/lib");
    REQUIRE(::mkfifo((at_work.data() / "var/lib").c_str(), 0600) == 0);
    fs::remove_all(at_work.data() / "var/log");

    const std::string before = state_of_tree(at_work.config());
    at_work.extend(image);

    CHECK(state_of_tree(at_work.config()) == before);

    const base::Tree config = base::Tree::open(at_work.config(2));
    CHECK(config.read(at("/usr/pkg/etc/svc/svc.conf")) == "from the recipe\n");
    CHECK(config.read(at("/usr/pkg/etc/svc/more.conf")) == "more\n");
    CHECK(config.stat(at("/usr/pkg/etc/svc/more.conf"))->permissions() == 0600);
    CHECK(config.stat(at("/usr/pkg/etc/svc/more.conf"))->status.st_mtim.tv_sec == 1'760'000'000);
    CHECK(config.stat(at("/usr/pkg/etc/svc/link.conf"))->link_target == "more.conf");
    CHECK(config.stat(at("/usr/pkg/etc/svc/conf.d"))->permissions() == 0755);
    CHECK(base::read_file(at_work.data() / "var/db/svc/mine") == "mine");
    CHECK(fs::is_symlink(at_work.data() / "var/spool"));
    CHECK(fs::is_fifo(at_work.data() / "var/lib"));
    CHECK(fs::is_directory(at_work.data() / "var/log"));
    CHECK(at_work.canary_is_intact());
    CHECK(shape(config).find(".pkgjail-") == std::string::npos);
}

#ifdef __linux__

namespace {

/// Which file systems are synced while there is this file.
struct Watch {
    fs::path file;
    std::vector<dev_t> synced;
};
Watch* watch = nullptr;

} // namespace

/// In place of the C library's.
extern "C" int syncfs(int fd) noexcept {
    struct stat status {};
    if (watch != nullptr && ::access(watch->file.c_str(), F_OK) == 0 && ::fstat(fd, &status) == 0)
        watch->synced.push_back(status.st_dev);
    return static_cast<int>(::syscall(SYS_syncfs, fd));
}

TEST_CASE(
    "what a new generation adds to data is on disk before that is said, also on a file system of its own",
    "[store][jail]") {
    JailFixture at_work;
    const auto device = [](const fs::path& path) {
        struct stat status {};
        REQUIRE(::stat(path.c_str(), &status) == 0);
        return status.st_dev;
    };
    fs::remove_all(at_work.data() / "var/db");
    std::vector<dev_t> expected = {device(at_work.config())};
    bool is_mounted = false;
    SECTION("on the same one") {}
    SECTION("on another one, as with ZFS") {
        is_mounted = ::mount("tmpfs", at_work.data().c_str(), "tmpfs", 0, "mode=0755,size=1m") == 0;
        if (!is_mounted) {
            WARN("nothing can be mounted here");
            return;
        }
        expected.push_back(device(at_work.data()));
        REQUIRE(expected.front() != expected.back());
    }

    Watch seen{at_work.layout.jail_unplaced("aa01"), {}};
    watch = &seen;
    at_work.extend(at_work.image_id);
    watch = nullptr;

    CHECK(seen.synced == expected);
    CHECK_FALSE(fs::exists(seen.file));
    CHECK(fs::is_directory(at_work.data() / "var/db"));
    if (is_mounted)
        CHECK(::umount(at_work.data().c_str()) == 0);
}

#endif

TEST_CASE("a generation that a dead command left half made is made anew", "[store][jail]") {
    JailFixture at_work;
    fs::create_directories(at_work.config(2) / "etc");
    base::write_file_atomically(at_work.config(2) / "etc/left-over", "old");

    at_work.extend(at_work.image_id);

    CHECK_FALSE(fs::exists(at_work.config(2) / "etc/left-over"));
    CHECK(base::read_file(at_work.config(2) / "usr/pkg/etc/svc/svc.conf") == "from the recipe\n");
}

TEST_CASE("removing a jail follows nothing out of it", "[store][jail][hostile]") {
    JailFixture at_work;
    fs::create_directory_symlink(at_work.canary(), at_work.data() / "var/db/link");
    REQUIRE(::mkfifo((at_work.data() / "var/db/fifo").c_str(), 0600) == 0);
    fs::create_hard_link(at_work.config() / "etc/passwd", at_work.config() / "etc/again");

    store::remove_jail(at_work.layout, "aa01");

    CHECK(at_work.left_in(at_work.layout.jails()).empty());
    CHECK(at_work.canary_is_intact());
    CHECK_NOTHROW(store::remove_jail(at_work.layout, "aa01"));
    CHECK_NOTHROW(store::remove_jail_but_data(at_work.layout, "aa01", [] {}));
}

TEST_CASE("removing a jail can leave its data where they are", "[store][jail]") {
    JailFixture at_work;
    base::write_file_atomically(at_work.data() / "var/db/svc/mine", "mine");

    store::remove_jail_but_data(at_work.layout, "aa01", [] {});

    CHECK(at_work.left_in(at_work.layout.jails()) == "aa01\n");
    CHECK(at_work.left_in(at_work.layout.jail("aa01")) == "data\n");
    CHECK(base::read_file(at_work.data() / "var/db/svc/mine") == "mine");
    CHECK_NOTHROW(store::remove_jail_but_data(at_work.layout, "aa01", [] {}));
    CHECK(at_work.left_in(at_work.layout.jail("aa01")) == "data\n");
}

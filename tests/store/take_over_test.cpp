// What is taken over from a directory that somebody else may change meanwhile.
#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include <fcntl.h>
#include <grp.h>
#include <stdio.h> // renameat2
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/in_child.hpp"
#include "pkgjail/base/attributes.hpp"
#include "pkgjail/base/bare_copy.hpp"
#include "pkgjail/store/take_over.hpp"
#include "support/catch.hpp"
#include "support/loop_mount.hpp"
#include "support/package_writer.hpp"
#include "support/temp_dir.hpp"

using namespace pkgjail;
using base::RootPath;
using base::Tree;
namespace fs = std::filesystem;

namespace {

/// A root with one package, one file of configuration and one of data, and a jail's empty directories.
class Foreign {
  public:
    Foreign() {
        write("root/usr/pkg/pkgdb/web-1.0/+CONTENTS", "@name web-1.0\n@cwd /usr/pkg\n");
        write("root/usr/pkg/etc/web.conf", "level = 1\n");
        write("root/var/db/web/rows", "1 2 3\n");
        write("config/etc/passwd", "root:x:0:0::/:/bin/sh\nwww:x:80:80::/:/bin/sh\n");
        write("config/etc/group", "root:x:0:\nwww:x:80:\n");
        write("root/etc/passwd", "alias:x:1080:1080::/:/bin/sh\nwww:x:1080:1080::/:/bin/sh\n");
        write("root/etc/group", "alias:x:1080:\nwww:x:1080:\n");
        fs::create_directories(path("data"));
        what.prefix = "/usr/pkg";
        what.data = {{RootPath::parse("/var/db/web"), RootPath::parse("/var/db/web")}};
    }

    fs::path path(const std::string& below) const { return directory_ / below; }
    void write(const std::string& below, const std::string& text) const {
        fs::create_directories(path(below).parent_path());
        std::ofstream(path(below)) << text;
    }
    void take(const store::ForeignRoot& from) {
        taken = store::take_over(from, what, Tree::open(path("config")), Tree::open(path("data")), left);
    }

    store::TakeOver what;
    std::vector<store::Taken> taken;
    std::vector<store::LeftBehind> left;

  private:
    test::TempDir directory_;
};

std::string text_of(const fs::path& file) {
    std::ifstream stream(file);
    return {std::istreambuf_iterator<char>(stream), {}};
}

struct stat status_of(const fs::path& file) {
    struct stat status {};
    REQUIRE(::lstat(file.c_str(), &status) == 0);
    return status;
}

} // namespace

TEST_CASE("a file that was swapped since it was listed has its own owner and mode", "[store][migrate]") {
    Foreign foreign;
    const store::ForeignRoot from(foreign.path("root"), "/usr/pkg");
    foreign.what.configuration = from.own_configuration(foreign.left);
    REQUIRE(foreign.what.configuration.size() == 1);
    if (::geteuid() == 0)
        REQUIRE(::chown(foreign.path("root/usr/pkg/etc/web.conf").c_str(), 1080, 1080) == 0);
    // Somebody renames root's file, which he may not read, to the name of his own.
    foreign.write("root/usr/pkg/etc/secret", "secret");
    REQUIRE(::chmod(foreign.path("root/usr/pkg/etc/secret").c_str(), 04600) == 0);
    fs::rename(foreign.path("root/usr/pkg/etc/secret"), foreign.path("root/usr/pkg/etc/web.conf"));

    foreign.take(from);

    const struct stat copy = status_of(foreign.path("config/usr/pkg/etc/web.conf"));
    CHECK((copy.st_mode & 07777u) == 0600);
    if (::geteuid() == 0)
        CHECK(copy.st_uid == 0);
    REQUIRE(foreign.left.size() == 1);
    CHECK(foreign.left[0].why == "was set-id (mode 4600), and is not any more");
}

TEST_CASE("of several names of a number the one that the jail has counts", "[store][migrate]") {
    Foreign foreign;
    if (::geteuid() != 0) {
        WARN("only root can give files away");
        return;
    }
    REQUIRE(::chown(foreign.path("root/var/db/web/rows").c_str(), 1080, 1080) == 0);

    foreign.take(store::ForeignRoot(foreign.path("root"), "/usr/pkg"));

    CHECK(status_of(foreign.path("data/var/db/web/rows")).st_uid == 80);
    CHECK(status_of(foreign.path("data/var/db/web/rows")).st_gid == 80);
    CHECK(foreign.left.empty());
}

TEST_CASE("data that have no room are told beforehand", "[store][migrate]") {
    Foreign foreign;
    foreign.write("root/var/db/web/large", std::string(3u << 20, 'x'));
    const store::ForeignRoot from(foreign.path("root"), "/usr/pkg");
    const auto small = test::LoopMount::make("tmpfs", 1);
    if (!small)
        return;

    CHECK_THROWS_WITH(store::measure(from, foreign.what, small->top(), foreign.left),
                      ContainsSubstring("bytes are free, and the data to be taken over need"));
    CHECK(store::measure(from, foreign.what, foreign.path("data"), foreign.left).size() == 1);
}

TEST_CASE("directories that nobody may write to are taken by an ordinary user, with their times",
          "[store][migrate]") {
    Foreign foreign;
    const fs::path web = foreign.path("root/var/db/web"), etc = foreign.path("root/usr/pkg/etc");
    foreign.write("root/var/db/web/closed/deep/rows", "4 5 6\n");
    foreign.write("root/srv/pages/index", "page\n");
    foreign.write("root/usr/pkg/etc/conf.d/more.conf", "level = 2\n");
    // What others put into the closed directory comes when that was taken, or before.
    const store::DataMove inner{RootPath::parse("/srv/pages"), RootPath::parse("/var/db/web/closed/pages")};
    foreign.what.data.insert(GENERATE(true, false) ? foreign.what.data.begin() : foreign.what.data.end(),
                             inner);
    const std::vector<fs::path> closed = {web / "closed/deep", web / "closed", web, etc / "conf.d"};
    std::time_t time = 1'000'000'000;
    for (const fs::path& directory : closed) {
        const struct timespec times[2] = {{time, 0}, {time, 0}};
        REQUIRE(::utimensat(AT_FDCWD, directory.c_str(), times, 0) == 0);
        REQUIRE(::chmod(directory.c_str(), 0555) == 0);
        ++time;
    }
    if (::geteuid() == 0) { // whom no mode stops
        for (const auto& entry : fs::recursive_directory_iterator(foreign.path("")))
            REQUIRE(::lchown(entry.path().c_str(), 65534, 65534) == 0);
        REQUIRE(::chmod(foreign.path("").c_str(), 0755) == 0);
    }

    const int status = test::status_of_child([&] {
        if (::geteuid() == 0 &&
            (::setgroups(0, nullptr) != 0 || ::setgid(65534) != 0 || ::setuid(65534) != 0))
            return 251;
        const store::ForeignRoot from(foreign.path("root"), "/usr/pkg");
        foreign.what.configuration = from.own_configuration(foreign.left);
        foreign.take(from);
        return 0;
    });

    CHECK(status == 0);
    const fs::path there = foreign.path("data/var/db/web");
    std::string shown;
    for (const fs::path& directory :
         {there / "closed/deep", there / "closed", there, foreign.path("config/usr/pkg/etc/conf.d")}) {
        const struct stat status_there = status_of(directory);
        shown += fmt::format("{} {:o} {}\n", directory.filename().string(), status_there.st_mode & 07777u,
                             status_there.st_mtime);
        fs::permissions(directory, fs::perms(0755)); // so that it can be removed
    }
    CHECK(shown == "deep 555 1000000000\nclosed 555 1000000001\nweb 555 1000000002\nconf.d 555 1000000003\n");
    CHECK(text_of(there / "closed/deep/rows") == "4 5 6\n");
    CHECK(text_of(there / "closed/pages/index") == "page\n");
    CHECK(text_of(foreign.path("config/usr/pkg/etc/conf.d/more.conf")) == "level = 2\n");
    for (const fs::path& directory : closed)
        fs::permissions(directory, fs::perms(0755));
}

TEST_CASE("room is asked for what comes from another file system, and only for what is taken",
          "[store][migrate]") {
    Foreign foreign;
    const auto small = test::LoopMount::make("tmpfs", 6);
    if (!small)
        return;
    fs::copy(foreign.path("root"), small->top() / "root", fs::copy_options::recursive);
    std::ofstream(small->top() / "root/var/db/web/large") << std::string(4u << 20, 'x');
    foreign.write("root/var/db/web/pages/large", std::string(4u << 20, 'x'));
    const auto measured = [&](const fs::path& root) {
        return store::measure(store::ForeignRoot(root, "/usr/pkg"), foreign.what, small->top(), foreign.left)
            .size();
    };

    CHECK(measured(small->top() / "root") == 1); // a reflink may do
    CHECK_THROWS_WITH(measured(foreign.path("root")), ContainsSubstring("bytes are free"));
    // The large file gives way to what goes to its place.
    foreign.write("root/srv/pages/index", "page\n");
    foreign.what.data.push_back({RootPath::parse("/srv/pages"), RootPath::parse("/var/db/web/pages")});
    CHECK(measured(foreign.path("root")) == 2);
}

TEST_CASE("a bare copy has content, times and notes, and no rights", "[store][migrate]") {
    Foreign foreign;
    const Tree root = Tree::open(foreign.path("root")), data = Tree::open(foreign.path("data"));
    const fs::path file = foreign.path("root/file");
    foreign.write("root/file", "x");
    REQUIRE(::chmod(file.c_str(), 06755) == 0);
    fs::last_write_time(file, fs::file_time_type::clock::now() - std::chrono::hours(1000));
    const bool has_notes = ::setxattr(file.c_str(), "user.note", "n", 1, 0) == 0;
    // As setcap(8) writes "cap_net_raw+ep".
    const std::string capability("\1\0\0\2\0\40\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
    const bool has_capability =
        ::setxattr(file.c_str(), "security.capability", capability.data(), capability.size(), 0) == 0;

    const base::BareCopy copy = base::copy_bare(root, *root.stat(RootPath::parse("/file")), &data);

    CHECK((copy.status.st_mode & 07777u) == 06755);
    CHECK(copy.left_out.count("security.capability") == (has_capability ? 1 : 0));
    const struct stat there = status_of(foreign.path("data/file"));
    CHECK((there.st_mode & 07777u) == 0600);
    CHECK(there.st_mtime == status_of(file).st_mtime);
    const auto attributes = base::read_attributes(data.open_regular(RootPath::parse("/file")), "file");
    CHECK(attributes == (has_notes ? base::Attributes{{"user.note", "n"}} : base::Attributes{}));
    // A directory that is another one by now is not taken for the one that was listed.
    fs::create_directory(foreign.path("root/one"));
    const base::Entry listed = *root.stat(RootPath::parse("/one"));
    fs::create_directory(foreign.path("root/other"));
    fs::remove(foreign.path("root/one"));
    fs::rename(foreign.path("root/other"), foreign.path("root/one"));
    CHECK_THROWS_WITH(base::copy_bare(root, listed, &data),
                      ContainsSubstring("is another directory than a moment ago"));
}

TEST_CASE("whoever changes a directory while it is taken over gets nobody's file", "[store][migrate]") {
    Foreign foreign;
    const fs::path web = foreign.path("root/var/db/web"), aside = foreign.path("aside");
    foreign.write("outside/secret", "outside");
    foreign.write("aside/open", "open");
    foreign.write("aside/closed", "closed");
    REQUIRE(::chmod((aside / "closed").c_str(), 0600) == 0);
    fs::create_symlink(foreign.path("outside/secret"), aside / "link");
    REQUIRE(::mkfifo((aside / "fifo").c_str(), 0600) == 0);
    fs::create_directory_symlink(foreign.path("outside"), aside / "linked");
    fs::create_directory(aside / "directory");
    foreign.write("aside/directory/secret", "open");
    for (int i = 0; i < 40; ++i) {
        foreign.write("aside/private/secret" + std::to_string(i), "private");
        foreign.write("root/var/db/web/public/secret" + std::to_string(i), "open");
    }
    REQUIRE(::chmod((aside / "private").c_str(), 0700) == 0);
    std::atomic<bool> stop{false};
    std::atomic<int> swaps{0};
    std::thread hostile([&] {
        const auto pass = [&](const char* name) {
            ::rename((aside / name).c_str(), (web / "way").c_str());
            ::rename((web / "way").c_str(), (aside / name).c_str());
        };
        for (; !stop; ++swaps) {
            // There is always something of this name.
            for (const char* name : {"open", "closed", "open", "link", "closed", "fifo"}) {
                ::unlink((aside / "next").c_str());
                ::linkat(AT_FDCWD, (aside / name).c_str(), AT_FDCWD, (aside / "next").c_str(), 0);
                ::rename((aside / "next").c_str(), (web / "file").c_str());
            }
            pass("directory");
            pass("linked");
#ifdef RENAME_EXCHANGE
            for (int times = 0; times < 2; ++times) // in, and out again
                ::renameat2(AT_FDCWD, (aside / "private").c_str(), AT_FDCWD, (web / "public").c_str(),
                            RENAME_EXCHANGE);
#endif
        }
    });
    int whole = 0;
    int seen = 0;
    for (int i = 0; i < 400 || (swaps < 400 && i < 4000); ++i) {
        fs::remove_all(foreign.path("data"));
        fs::create_directories(foreign.path("data"));
        try {
            foreign.take(store::ForeignRoot(foreign.path("root"), "/usr/pkg"));
            ++whole;
        } catch (const base::Error& error) {
            CHECK((error.kind() == base::ErrorKind::corrupt || error.kind() == base::ErrorKind::busy ||
                   error.kind() == base::ErrorKind::not_found || error.kind() == base::ErrorKind::system));
        }
        const fs::path taken = foreign.path("data/var/db/web");
        if (!fs::exists(taken))
            continue;
        for (const auto& entry : fs::recursive_directory_iterator(taken)) {
            if (!fs::is_regular_file(entry.symlink_status()))
                continue;
            const std::string text = text_of(entry.path());
            CHECK(text != "outside");
            if (text == "private")
                CHECK((status_of(entry.path().parent_path()).st_mode & 077u) == 0);
            if (text == "closed")
                CHECK((status_of(entry.path()).st_mode & 077u) == 0);
            seen += entry.path().filename() == "file" ? 1 : 0;
        }
    }
    stop = true;
    hostile.join();
    INFO(swaps << " swaps, " << whole << " whole, " << seen << " times a file");
    CHECK(whole > 0);
    CHECK(text_of(foreign.path("outside/secret")) == "outside");
}

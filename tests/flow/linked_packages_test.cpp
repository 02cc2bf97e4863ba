// Packages that an image has already, in a new image with other ones: their files are the same files.
#include <algorithm>
#include <filesystem>

#include <sys/stat.h>

#include "flow/flow.hpp"
#include "pkgjail/base/file.hpp"
#include "support/catch.hpp"
#include "support/host_steps.hpp"

using namespace pkgjail;
using test::CommandResult;
using test::Host;
using test::package;
using test::Shop;

namespace {

std::string image_of(const Host& host, const std::string& jail) {
    return host.run({"status", jail, "--json"}).json()["jails"][0]["image"];
}

struct stat in_image(const Host& host, const std::string& jail, const std::string& path) {
    const auto file = host.state() / "images" / image_of(host, jail) / "tree" / path;
    struct stat status {};
    INFO(file);
    REQUIRE(::lstat(file.c_str(), &status) == 0);
    return status;
}

/// Runs the command; whether it took packages from other images, and not only equal files afterwards.
bool links(const Host& host, const std::vector<std::string>& command) {
    const std::vector<std::string> steps = test::steps_of(host, command);
    return std::find(steps.begin(), steps.end(), "build.linked") != steps.end();
}

/// One jail of web, which needs lib; `file` is a file of lib.
struct OneJail {
    Shop shop{{package("web-1.0", {"lib>=1"}), package("lib-1.2"), package("other-1.0")}};
    const Host& host = shop.host();
    const std::string file = "share/lib/README";
    OneJail() { test::well(host, {"install", "web", "-j", "one"}); }

    ino_t inode(const std::string& jail) const { return in_image(host, jail, file).st_ino; }
};

} // namespace

TEST_CASE("a new image takes from another one what both have", "[flow][install]") {
    const OneJail made;

    CHECK(links(made.host, {"install", "web", "other", "-j", "two"}));

    CHECK(image_of(made.host, "two") != image_of(made.host, "one"));
    CHECK(made.inode("two") == made.inode("one"));
    test::well(made.host, {"verify"});
    test::check_sound(made.host);

    test::well(made.host, {"destroy", "one", "--with-data", "--yes"});
    test::well(made.host, {"gc"});
    test::well(made.host, {"verify", "two"});
    CHECK(in_image(made.host, "two", made.file).st_nlink == 1);
}

TEST_CASE("an upgrade takes what stays from the image before", "[flow][upgrade]") {
    const OneJail made;
    const ino_t before = made.inode("one");
    made.shop.offer({package("web-1.1", {"lib>=1"}), package("lib-1.2")});
    test::well(made.host, {"update"});

    CHECK(links(made.host, {"upgrade", "one"}));

    CHECK(made.inode("one") == before);
    test::well(made.host, {"verify", "one"});
    test::well(made.host, {"rollback", "one"});
    test::well(made.host, {"verify", "one"});
}

TEST_CASE("what somebody changed in an image does not get into the next one", "[flow][install]") {
    const OneJail made;
    const auto file = made.host.state() / "images" / image_of(made.host, "one") / "tree" / made.file;
    test::write_bytes(file, "changed by hand");
    CHECK(made.host.run({"verify", "one"}).status == 2);

    CHECK(links(made.host, {"install", "web", "other", "-j", "two"})); // web, which nobody changed

    CHECK(made.inode("two") != made.inode("one"));
    test::well(made.host, {"verify", "two"});
}

TEST_CASE("after the catalog was made anew packages are unpacked", "[flow][catalog]") {
    const OneJail made;
    std::filesystem::remove(made.host.state() / "catalog.sqlite");
    test::well(made.host, {"catalog", "rebuild"});

    CHECK_FALSE(links(made.host, {"install", "web", "other", "-j", "two"}));
    CHECK(links(made.host, {"install", "lib", "other", "-j", "three"})); // from what was made since

    test::well(made.host, {"verify"});
    test::check_sound(made.host);
}

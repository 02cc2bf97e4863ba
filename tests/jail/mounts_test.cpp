// Volumes and host mounts as they are written.
#include "pkgjail/jail/mounts.hpp"

#include "pkgjail/base/error.hpp"
#include "support/catch.hpp"

using namespace pkgjail;

namespace {

std::string read_volume(const std::string& text) {
    try {
        return jail::parse_volume_use({"volume", text, {"f", 1, "volume"}}).str();
    } catch (const base::Error&) {
        return "refused";
    }
}

std::string read_mount(const std::string& text) {
    try {
        return jail::parse_host_mount({"mount", text, {"f", 1, "mount"}}).str();
    } catch (const base::Error&) {
        return "refused";
    }
}

} // namespace

TEST_CASE("a volume is written with a name, a path, and perhaps ro", "[jail][mounts]") {
    CHECK(read_volume("data:/srv") == "data:/srv");
    CHECK(read_volume("data:/srv:rw") == "data:/srv");
    CHECK(read_volume("my-data_2:/var/db/x:ro") == "my-data_2:/var/db/x:ro");
    for (const char* wrong :
         {"", "data", "data:", "data:srv", "data:/", "data:/srv/", "data:/srv:", "data:/srv:w",
          "data:/srv:ro:x", "Data:/srv", "/data:/srv", "data:/a/../b", ":/srv"}) {
        INFO(wrong);
        CHECK(read_volume(wrong) == "refused");
    }
}

TEST_CASE("a host mount is read-only and without programs unless it is written so", "[jail][mounts]") {
    CHECK(read_mount("/srv/www:/var/www") == "/srv/www:/var/www:ro");
    CHECK(read_mount("/srv/www:/var/www:rw") == "/srv/www:/var/www:rw");
    CHECK(read_mount("/srv/www:/var/www:rw,exec") == "/srv/www:/var/www:rw,exec");
    CHECK(read_mount("/srv/www:/var/www:ro,exec") == "/srv/www:/var/www:ro,exec");
    for (const char* wrong :
         {"", "/srv", "/srv:", "/srv:/", "srv:/srv", "/srv:srv", "/srv/../etc:/srv", "/srv:/srv:exec",
          "/srv:/srv:rw,suid", "/srv:/srv:rw,exec,dev", "/srv:/srv:ro:rw"}) {
        INFO(wrong);
        CHECK(read_mount(wrong) == "refused");
    }
}

TEST_CASE("what was typed wrong is a fault of the command line", "[jail][mounts]") {
    jail::MountWords words;
    try {
        jail::add_volume_word("--volume", "data", words);
        FAIL("taken");
    } catch (const base::Error& error) {
        CHECK(error.kind() == base::ErrorKind::usage);
        CHECK(std::string(error.what()).starts_with("--volume: found \"data\", allowed: VOLUME:/path"));
    }
    CHECK(words.volumes.empty());
}

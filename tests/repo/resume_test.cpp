#include "support/catch.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/fd.hpp"
#include "pkgjail/repo/fetch.hpp"
#include "repo/fetching.hpp"
#include "support/http_server.hpp"
#include "support/package_writer.hpp"
#include "support/temp_dir.hpp"

using namespace pkgjail;
using test::bytes_of;
using test::download_to;
using test::fetch_one;
using test::HttpServer;
using test::names_in;
using test::quick_network;
using test::read_bytes;
using test::show;
using test::TempDir;
using test::write_bytes;

namespace {

constexpr std::size_t whole = 100'000;
constexpr std::size_t half = 60'000;

/// Leaves x.part with the first 60000 bytes of served/x in `dir`, as a command does that is stopped.
void leave_part(HttpServer& server, const TempDir& dir) {
    server.behave("/x", {.silent_after = half});
    jail::NetworkConfig network = quick_network();
    network.total_timeout = std::chrono::milliseconds(700);
    const auto got = fetch_one(download_to(dir / "x", server.url() + "/x"), network);
    REQUIRE(got.error == "not complete after 700 ms");
    REQUIRE(names_in(dir.path()) == "x.part x.part.from");
    REQUIRE(std::filesystem::file_size(dir / "x.part") == half);
    server.behave("/x", {});
    server.forget_requests();
}

} // namespace

TEST_CASE("a download that was dropped goes on where it was", "[repo][resume]") {
    const TempDir served, dir;
    write_bytes(served / "x", bytes_of(whole));
    HttpServer server(served.path());
    server.behave("/x", {.drop_after = {half, 10'000}});

    CHECK(show(fetch_one(download_to(dir / "x", server.url() + "/x"))) == "complete 100000 bytes");
    CHECK(server.log() == "/x 200 60000\n/x 206 10000\n/x 206 30000\n");
    CHECK(read_bytes(dir / "x") == bytes_of(whole));
    CHECK(names_in(dir.path()) == "x");
}

TEST_CASE("a later command transfers only what is missing", "[repo][resume]") {
    const TempDir served, dir;
    write_bytes(served / "x", bytes_of(whole));
    HttpServer server(served.path());
    leave_part(server, dir);

    const auto got = fetch_one(download_to(dir / "x", server.url() + "/x"));

    CHECK(show(got) == "complete 40000 bytes");
    CHECK(got.etag.size() == 18);
    CHECK(server.log() == "/x 206 40000\n");
    CHECK(server.requests().front().headers.at("range") == "bytes=60000-");
    CHECK(server.requests().front().headers.at("if-range") == got.etag);
    CHECK(read_bytes(dir / "x") == bytes_of(whole));
    CHECK(names_in(dir.path()) == "x");
}

TEST_CASE("a file that was changed meanwhile is fetched from its beginning", "[repo][resume][hostile]") {
    const TempDir served, dir;
    write_bytes(served / "x", bytes_of(whole));
    HttpServer server(served.path());
    leave_part(server, dir);
    write_bytes(served / "x", bytes_of(whole, 2));

    SECTION("by a server that knows If-Range") {
        CHECK(show(fetch_one(download_to(dir / "x", server.url() + "/x"))) == "complete 100000 bytes");
        CHECK(server.log() == "/x 200 100000\n");
    }
    SECTION("by a server that does not") {
        server.behave("/x", {.any_range = true});
        CHECK_THAT(show(fetch_one(download_to(dir / "x", server.url() + "/x"))),
                   ContainsSubstring("complete"));
        CHECK(server.requests().size() == 2);
        CHECK(server.requests().back().status == 200);
    }
    SECTION("that is shorter now") {
        write_bytes(served / "x", bytes_of(1000, 2));
        server.behave("/x", {.any_range = true});
        CHECK(show(fetch_one(download_to(dir / "x", server.url() + "/x"))) == "complete 1000 bytes");
        CHECK(server.log() == "/x 416 0\n/x 200 1000\n");
    }
    const std::size_t length = std::filesystem::file_size(served / "x");
    CHECK(read_bytes(dir / "x") == bytes_of(length, 2));
}

TEST_CASE("a server that sends less than the rest is asked again", "[repo][resume]") {
    const TempDir served, dir;
    write_bytes(served / "x", bytes_of(whole));
    HttpServer server(served.path());
    leave_part(server, dir);
    server.behave("/x", {.range_at_most = 25'000});

    CHECK(show(fetch_one(download_to(dir / "x", server.url() + "/x"))) == "complete 40000 bytes");
    CHECK(server.log() == "/x 206 25000\n/x 206 15000\n");
    CHECK(read_bytes(dir / "x") == bytes_of(whole));
}

TEST_CASE("a server without ranges sends the whole, and that is taken as the whole", "[repo][resume]") {
    const TempDir served, dir;
    write_bytes(served / "x", bytes_of(whole));
    HttpServer server(served.path());
    leave_part(server, dir);
    server.behave("/x", {.no_range = true});

    CHECK(show(fetch_one(download_to(dir / "x", server.url() + "/x"))) == "complete 100000 bytes");
    CHECK(read_bytes(dir / "x") == bytes_of(whole));
}

TEST_CASE("without strong validators nothing is kept to go on with, except by date", "[repo][resume]") {
    const TempDir served, dir;
    write_bytes(served / "x", bytes_of(whole));
    HttpServer server(served.path());
    jail::NetworkConfig network = quick_network();
    network.total_timeout = std::chrono::milliseconds(700);

    server.behave("/x", {.silent_after = half, .no_validators = true});
    fetch_one(download_to(dir / "x", server.url() + "/x"), network);
    CHECK(names_in(dir.path()).empty());

    server.behave("/x", {.silent_after = half, .weak_etag = true});
    fetch_one(download_to(dir / "x", server.url() + "/x"), network);
    CHECK(names_in(dir.path()) == "x.part x.part.from");
    server.behave("/x", {.weak_etag = true});
    CHECK(show(fetch_one(download_to(dir / "x", server.url() + "/x"))) == "complete 40000 bytes");
    CHECK_THAT(server.requests().back().headers.at("if-range"), ContainsSubstring(" GMT"));
}

TEST_CASE("a part of another URL, or without notes, is not believed", "[repo][resume][hostile]") {
    const TempDir served, dir;
    write_bytes(served / "x", bytes_of(whole));
    write_bytes(served / "y", bytes_of(whole, 2));
    HttpServer server(served.path());
    leave_part(server, dir);

    SECTION("another URL, though the server calls both files the same") {
        std::filesystem::last_write_time(served / "y", std::filesystem::last_write_time(served / "x"));
        server.behave("/y",
                      {.any_range = true, .etag = "\"" + base::sha256(bytes_of(whole)).substr(0, 16) + "\""});
        auto download = download_to(dir / "x", server.url() + "/y");
        CHECK(show(fetch_one(download)) == "complete 100000 bytes");
        CHECK(read_bytes(dir / "x") == bytes_of(whole, 2));
    }
    SECTION("no notes") {
        std::filesystem::remove(dir / "x.part.from");
        CHECK(show(fetch_one(download_to(dir / "x", server.url() + "/x"))) == "complete 100000 bytes");
    }
    SECTION("a link in its place") {
        write_bytes(dir / "canary", "canary");
        std::filesystem::remove(dir / "x.part");
        std::filesystem::create_symlink(dir / "canary", dir / "x.part");
        CHECK(show(fetch_one(download_to(dir / "x", server.url() + "/x"))) == "complete 100000 bytes");
        CHECK(read_bytes(dir / "canary") == "canary");
    }
    SECTION("others may write to it") {
        std::filesystem::permissions(dir / "x.part", std::filesystem::perms(0666));
        CHECK(show(fetch_one(download_to(dir / "x", server.url() + "/x"))) == "complete 100000 bytes");
    }
}

TEST_CASE("a part that another process works on is left to it", "[repo][resume]") {
    const TempDir served, dir;
    write_bytes(served / "x", bytes_of(whole));
    HttpServer server(served.path());
    leave_part(server, dir);
    const base::Fd other(::open((dir / "x.part").c_str(), O_RDWR | O_CLOEXEC));
    REQUIRE(::flock(other.get(), LOCK_EX | LOCK_NB) == 0);

    CHECK(show(fetch_one(download_to(dir / "x", server.url() + "/x"))) == "complete 100000 bytes");
    CHECK(read_bytes(dir / "x") == bytes_of(whole));
    CHECK(std::filesystem::file_size(dir / "x.part") == half);
    CHECK(names_in(dir.path()) == "x x.part x.part.from");
}

#include "support/catch.hpp"

#include <cstdlib>

#include "pkgjail/base/error.hpp"
#include "pkgjail/repo/fetch.hpp"
#include "repo/fetching.hpp"
#include "support/http_server.hpp"
#include "support/package_writer.hpp"
#include "support/temp_dir.hpp"

using namespace pkgjail;
using test::Behaviour;
using test::download_to;
using test::fetch_one;
using test::HttpServer;
using test::names_in;
using test::quick_network;
using test::read_bytes;
using test::show;
using test::TempDir;
using test::write_bytes;

TEST_CASE("a download arrives whole, with its validators and nothing beside it", "[repo][fetch]") {
    const TempDir served, dir;
    const std::string content = test::bytes_of(300'000);
    write_bytes(served / "x.tgz", content);
    const HttpServer server(served.path());

    const auto got = fetch_one(download_to(dir / "x", server.url() + "/x.tgz"));

    CHECK(show(got) == "complete 300000 bytes");
    CHECK(got.http_status == 200);
    CHECK(got.etag.size() == 18);
    CHECK_THAT(got.last_modified, ContainsSubstring(" GMT"));
    CHECK(read_bytes(dir / "x") == content);
    CHECK(names_in(dir.path()) == "x");
    CHECK(server.requests().front().headers.at("user-agent") ==
          "pkgjail/" + read_bytes(std::filesystem::path(PKGJAIL_SOURCE_DIR) / "VERSION").substr(0, 5));
}

TEST_CASE("what is current already is not transferred again", "[repo][fetch]") {
    const TempDir served, dir;
    write_bytes(served / "x", "the content");
    const HttpServer server(served.path());
    auto download = download_to(dir / "x", server.url() + "/x");
    const auto first = fetch_one(download);

    download.etag = first.etag;
    CHECK(show(fetch_one(download)) == "not modified 0 bytes");
    download.etag.clear();
    download.last_modified = first.last_modified;
    CHECK(show(fetch_one(download)) == "not modified 0 bytes");
    CHECK(server.log() == "/x 200 11\n/x 304 0\n/x 304 0\n");

    write_bytes(served / "x", "other content");
    download.etag = first.etag;
    CHECK(show(fetch_one(download)) == "complete 13 bytes");
    CHECK(read_bytes(dir / "x") == "other content");
}

TEST_CASE("errors of a server are told in words, and only passing ones are tried again", "[repo][fetch]") {
    const TempDir served, dir;
    write_bytes(served / "x", "fine");
    HttpServer server(served.path());
    const auto status_gives = [&](int status) {
        server.behave("/x", {.status = status});
        server.forget_requests();
        const auto got = fetch_one(download_to(dir / "x", server.url() + "/x"));
        return show(got) + ", requests: " + std::to_string(server.requests().size());
    };

    CHECK(status_gives(403) == "failed 0 bytes: HTTP 403 Forbidden, requests: 1");
    CHECK(status_gives(404) == "missing 0 bytes: HTTP 404 Not Found, requests: 1");
    CHECK(status_gives(410) == "missing 0 bytes: HTTP 410 Gone, requests: 1");
    CHECK(status_gives(418) == "failed 0 bytes: HTTP 418 Said So, requests: 1");
    CHECK(status_gives(503) == "failed 0 bytes: HTTP 503 Service Unavailable, requests: 3");
    CHECK(names_in(dir.path()).empty());

    server.behave("/x", {.first_statuses = {503, 502}});
    CHECK(show(fetch_one(download_to(dir / "x", server.url() + "/x"))) == "complete 4 bytes");
}

TEST_CASE("a connection that cannot be made says why", "[repo][fetch]") {
    const TempDir dir;
    std::string closed;
    {
        const HttpServer server(dir.path());
        closed = server.url();
    }

    CHECK(show(fetch_one(download_to(dir / "x", closed + "/x"))) == "failed 0 bytes: connection refused");
    // Longer than a label can be: refused before any name server is asked.
    CHECK(show(fetch_one(download_to(dir / "x", "http://" + std::string(64, 'x') + "/x"))) ==
          "failed 0 bytes: no such host");
    CHECK(show(fetch_one(download_to(dir / "x", "ftp://127.0.0.1/x"))).substr(0, 16) == "failed 0 bytes: ");
    CHECK(names_in(dir.path()).empty());
}

TEST_CASE("a body never grows over its ceiling, with or without a length in front",
          "[repo][fetch][hostile]") {
    const TempDir served, dir;
    write_bytes(served / "long", std::string(5000, 'x'));
    write_bytes(served / "endless", "");
    HttpServer server(served.path());
    server.behave("/endless", {.endless = true});
    const auto fetch_at_most = [&](const std::string& path, std::uint64_t max_bytes) {
        auto download = download_to(dir / "x", server.url() + path);
        download.max_bytes = max_bytes;
        return fetch_one(download);
    };

    CHECK(show(fetch_at_most("/long", 4999)) ==
          "failed 0 bytes: is 5000 bytes long, more than the 4999 that are allowed here");
    CHECK(show(fetch_at_most("/long", 5000)) == "complete 5000 bytes");
    const auto endless = fetch_at_most("/endless", 1u << 20);
    CHECK(endless.error == "is longer than the 1048576 bytes that are allowed here");
    CHECK(endless.bytes < (2u << 20));
    CHECK(names_in(dir.path()) == "x");
}

TEST_CASE("headers without end are cut off", "[repo][fetch][hostile]") {
    const TempDir served, dir;
    HttpServer server(served.path());
    server.behave("/x", {.endless_headers = true});

    const auto got = fetch_one(download_to(dir / "x", server.url() + "/x"));

    CHECK(got.result == repo::Downloaded::Result::failed);
    CHECK(names_in(dir.path()).empty());
}

TEST_CASE("a size that was promised is the size that is taken", "[repo][fetch]") {
    const TempDir served, dir;
    write_bytes(served / "x", "twelve bytes");
    HttpServer server(served.path());
    const auto expect = [&](std::uint64_t bytes) {
        auto download = download_to(dir / "x", server.url() + "/x");
        download.expected_bytes = bytes;
        return show(fetch_one(download));
    };

    CHECK(expect(12) == "complete 12 bytes");
    CHECK(expect(900) == "wrong size 0 bytes: size is 12 instead of 900");
    server.behave("/x", {.no_length = true});
    CHECK(expect(900) == "wrong size 12 bytes: size is 12 instead of 900");
    CHECK(expect(11) == "wrong size 12 bytes: size is more than 11");
    CHECK(names_in(dir.path()) == "x");
}

TEST_CASE("silence ends a download, before the first byte and after it", "[repo][fetch][hostile]") {
    const TempDir served, dir;
    write_bytes(served / "x", "twelve bytes");
    HttpServer server(served.path());
    jail::NetworkConfig network = quick_network();
    network.stall_timeout = std::chrono::seconds(1);

    server.behave("/x", {.silent_after = 1});
    CHECK_THAT(show(fetch_one(download_to(dir / "x", server.url() + "/x"), network)),
               ContainsSubstring(": no byte for 1 s"));
    server.behave("/y", {.silent = true});
    CHECK(show(fetch_one(download_to(dir / "y", server.url() + "/y"), network)) ==
          "failed 0 bytes: no byte for 1 s");
    CHECK(server.requests().size() == 6);
}

TEST_CASE("the time for one download counts over all its tries", "[repo][fetch][hostile]") {
    const TempDir served, dir;
    HttpServer server(served.path());
    server.behave("/x", {.silent = true});
    jail::NetworkConfig network = quick_network();
    network.total_timeout = std::chrono::milliseconds(1500);

    CHECK(show(fetch_one(download_to(dir / "x", server.url() + "/x"), network)) ==
          "failed 0 bytes: not complete after 1500 ms");
    CHECK(server.requests().size() == 1);
}

TEST_CASE("a trickle, which is never silent, ends when the time for the download is over",
          "[repo][fetch][hostile]") {
    const TempDir served, dir;
    write_bytes(served / "x", std::string(1000, 'x'));
    HttpServer server(served.path());
    jail::NetworkConfig network = quick_network();
    network.stall_timeout = std::chrono::seconds(1);
    network.total_timeout = std::chrono::milliseconds(2500);

    server.behave("/x", {.trickle = std::chrono::milliseconds(100)});
    const auto trickled = fetch_one(download_to(dir / "x", server.url() + "/x"), network);
    CHECK(trickled.error == "not complete after 2500 ms");
    CHECK(trickled.bytes > 10); // it went on beyond what silence is allowed
    CHECK(trickled.bytes < 100);
    server.behave("/y", {.trickling_headers = std::chrono::milliseconds(100)});
    CHECK(show(fetch_one(download_to(dir / "y", server.url() + "/y"), network)) ==
          "failed 0 bytes: not complete after 2500 ms");
    CHECK(server.requests().size() == 2);
    CHECK_FALSE(std::filesystem::exists(dir / "x"));
    CHECK_FALSE(std::filesystem::exists(dir / "y"));
}

TEST_CASE("an announced length that the body does not reach is a lost connection", "[repo][fetch]") {
    const TempDir served, dir;
    write_bytes(served / "x", "twelve bytes");
    HttpServer server(served.path());
    server.behave("/x", {.claimed_length = 900, .no_validators = true});

    CHECK(show(fetch_one(download_to(dir / "x", server.url() + "/x"))) ==
          "failed 36 bytes: connection lost after 12 of 900 bytes");
    CHECK(names_in(dir.path()).empty());
}

TEST_CASE("redirects lead from http to http, and nowhere else without TLS", "[repo][fetch][hostile]") {
    const TempDir served, dir;
    write_bytes(served / "there", "fine");
    write_bytes(served / "secret", "secret");
    HttpServer server(served.path());
    server.behave("/a", {.redirect_to = "/b"});
    server.behave("/b", {.redirect_to = server.url() + "/there"});
    server.behave("/file", {.redirect_to = "file://" + (served / "secret").string()});
    server.behave("/ftp", {.redirect_to = "ftp://127.0.0.1/x"});
    server.behave("/loop", {.redirect_to = "/loop"});

    CHECK(show(fetch_one(download_to(dir / "a", server.url() + "/a"))) == "complete 4 bytes");
    CHECK(show(fetch_one(download_to(dir / "x", server.url() + "/file"))) ==
          "failed 0 bytes: redirects from http to file://" + (served / "secret").string() +
              ", which is not followed");
    CHECK(show(fetch_one(download_to(dir / "x", server.url() + "/ftp"))) ==
          "failed 0 bytes: redirects from http to ftp://127.0.0.1/x, which is not followed");
    CHECK(show(fetch_one(download_to(dir / "x", server.url() + "/loop"))) ==
          "failed 0 bytes: redirects more than 8 times");
    CHECK(names_in(dir.path()) == "a");
}

TEST_CASE("credentials go to the server they were given for and to no other", "[repo][fetch][hostile]") {
    const TempDir served, dir;
    write_bytes(served / "x", "fine");
    HttpServer server(served.path()), other(served.path());
    server.behave("/x", {.user_and_password = "me:p@ss"});
    server.behave("/moved", {.redirect_to = "/x"});
    server.behave("/away", {.redirect_to = other.url() + "/x"});
    const std::string base = "http://me:p%40ss@127.0.0.1:" + std::to_string(server.port());

    CHECK(show(fetch_one(download_to(dir / "x", server.url() + "/x"))) ==
          "failed 0 bytes: HTTP 401 Unauthorized");
    CHECK(show(fetch_one(download_to(dir / "x", base + "/x"))) == "complete 4 bytes");
    CHECK(show(fetch_one(download_to(dir / "x", base + "/moved"))) == "complete 4 bytes");
    CHECK(show(fetch_one(download_to(dir / "x", base + "/away"))) == "complete 4 bytes");
    CHECK(other.requests().front().headers.count("authorization") == 0);
}

TEST_CASE("a proxy comes from the configuration, never from the environment", "[repo][fetch][hostile]") {
    const TempDir served, dir;
    write_bytes(served / "x", "fine");
    HttpServer server(served.path()), proxy(served.path());
    ::setenv("http_proxy", proxy.url().c_str(), 1);
    ::setenv("all_proxy", proxy.url().c_str(), 1);
    const auto without = fetch_one(download_to(dir / "x", server.url() + "/x"));
    ::unsetenv("http_proxy");
    ::unsetenv("all_proxy");

    CHECK(show(without) == "complete 4 bytes");
    CHECK(proxy.log().empty());

    jail::NetworkConfig network = quick_network();
    network.proxy = proxy.url();
    ::setenv("no_proxy", "*", 1);
    const auto with = fetch_one(download_to(dir / "x", server.url() + "/x"), network);
    ::unsetenv("no_proxy");
    CHECK(with.http_status == 404); // this "proxy" looks for a file of that name
    CHECK(proxy.log() == server.url() + "/x 404 0\n");
}

TEST_CASE("downloads run side by side, and never more than allowed", "[repo][fetch]") {
    const TempDir served, dir;
    std::vector<repo::Download> downloads;
    HttpServer server(served.path());
    for (int i = 0; i < 9; ++i) {
        const std::string name = "f" + std::to_string(i);
        write_bytes(served / name, test::bytes_of(1000, static_cast<unsigned>(i)));
        downloads.push_back(download_to(dir / name, server.url() + "/" + name));
    }
    downloads.push_back(download_to(dir / "none", server.url() + "/none"));
    jail::NetworkConfig network = quick_network();
    network.parallel = 3;
    server.gather(3);
    repo::Progress last;

    const auto results =
        repo::fetch(downloads, network, [&](const repo::Progress& progress) { last = progress; });

    CHECK(server.most_at_once() == 3);
    for (std::size_t i = 0; i < 9; ++i) {
        CHECK(show(results.at(i)) == "complete 1000 bytes");
        CHECK(read_bytes(dir / ("f" + std::to_string(i))) == test::bytes_of(1000, static_cast<unsigned>(i)));
    }
    CHECK(show(results.at(9)) == "missing 0 bytes: HTTP 404 Not Found");
    CHECK(last.files_done == 10);
    CHECK(last.files_total == 10);
    CHECK(last.bytes_done == 9000);
}

TEST_CASE("a fetch that cannot write says so as an error of this host", "[repo][fetch]") {
    const TempDir served, dir;
    write_bytes(served / "x", "fine");
    const HttpServer server(served.path());

    try {
        fetch_one(download_to(dir / "missing/x", server.url() + "/x"));
        FAIL("it was written");
    } catch (const base::Error& error) {
        CHECK(error.object() == (dir / "missing/x.part").string());
    }
}

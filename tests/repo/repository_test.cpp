#include "support/catch.hpp"

#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/repo/repository.hpp"
#include "repo/fetching.hpp"
#include "support/http_server.hpp"
#include "support/package_writer.hpp"
#include "support/temp_dir.hpp"

using namespace pkgjail;
using repo::FreshIndex;
using repo::IndexState;
using test::HttpServer;
using test::names_in;
using test::read_bytes;
using test::TempDir;
using test::write_bytes;

namespace {

jail::RepositoryConfig repository_at(const std::string& url) {
    jail::RepositoryConfig repository;
    repository.name = "main";
    repository.url = url;
    return repository;
}

FreshIndex refresh(const std::string& url, const TempDir& dir, const IndexState& known = {},
                   jail::NetworkConfig network = test::quick_network()) {
    return repo::refresh_index(repository_at(url), known, dir.path(), network);
}

std::string refusal(const std::string& url, const TempDir& dir,
                    jail::NetworkConfig network = test::quick_network()) {
    try {
        refresh(url, dir, {}, network);
    } catch (const base::Error& error) {
        CHECK(error.kind() == base::ErrorKind::network);
        CHECK(names_in(dir.path()).empty());
        return error.what();
    }
    return "none";
}

} // namespace

TEST_CASE("the index is asked for from the best compression to none", "[repo][index]") {
    const TempDir served, dir;
    std::filesystem::create_directory(served / "All");
    write_bytes(served / "All/pkg_summary.gz", "gz");
    write_bytes(served / "All/pkg_summary", "plain");
    const HttpServer server(served.path());

    const FreshIndex fresh = refresh(server.url() + "/All", dir);

    CHECK(fresh.changed);
    CHECK(fresh.state.file == "pkg_summary.gz");
    CHECK(fresh.state.sha256 == base::sha256("gz"));
    CHECK(fresh.file.parent_path() == dir.path());
    CHECK(read_bytes(fresh.file) == "gz");
    CHECK(server.log() == "/All/pkg_summary.zst 404 0\n/All/pkg_summary.xz 404 0\n"
                          "/All/pkg_summary.bz2 404 0\n/All/pkg_summary.gz 200 2\n");
}

TEST_CASE("an index that we have is not transferred again", "[repo][index]") {
    const TempDir served, dir;
    write_bytes(served / "pkg_summary.xz", "index");
    HttpServer server(served.path());
    const std::string url = GENERATE(true, false) ? server.url() : "file://" + served.path().string();
    const FreshIndex first = refresh(url, dir);
    std::filesystem::remove(first.file);
    server.forget_requests();

    CHECK_FALSE(refresh(url, dir, first.state).changed);
    CHECK(names_in(dir.path()).empty());
    if (url == server.url())
        CHECK(server.log() == "/pkg_summary.zst 404 0\n/pkg_summary.xz 304 0\n");

    write_bytes(served / "pkg_summary.xz", "a newer index");
    CHECK(refresh(url, dir, first.state).changed);
}

TEST_CASE("a better compressed index that appears is taken", "[repo][index]") {
    const TempDir served, dir;
    write_bytes(served / "pkg_summary.gz", "the same bytes");
    const HttpServer server(served.path());
    const FreshIndex first = refresh(server.url(), dir);
    write_bytes(served / "pkg_summary.zst", "the same bytes"); // and so the same ETag

    const FreshIndex second = refresh(server.url(), dir, first.state);

    CHECK(second.changed);
    CHECK(second.state.file == "pkg_summary.zst");
}

TEST_CASE("the same bytes from a server without validators are no change", "[repo][index]") {
    const TempDir served, dir;
    write_bytes(served / "pkg_summary.zst", "index");
    HttpServer server(served.path());
    server.behave("/pkg_summary.zst", {.no_validators = true});
    const FreshIndex first = refresh(server.url(), dir);
    CHECK(first.changed);
    std::filesystem::remove(first.file);

    CHECK_FALSE(refresh(server.url(), dir, first.state).changed);
    CHECK(names_in(dir.path()).empty());
}

TEST_CASE("a repository that cannot be asked is named with its URL and the cause", "[repo][index]") {
    const TempDir served, dir;
    HttpServer server(served.path());
    const std::string port = std::to_string(server.port());

    CHECK(refusal(server.url(), dir) ==
          "repository main (" + server.url() +
              "): has no index: neither pkg_summary nor its .zst, .xz, .bz2 or .gz "
              "(HTTP 404 Not Found)");
    server.behave("/pkg_summary.zst", {.status = 403});
    CHECK(refusal("http://me:secret@127.0.0.1:" + port, dir) ==
          "repository main (" + server.url() + "): pkg_summary.zst: HTTP 403 Forbidden");
    const std::string nowhere =
        "http://" + std::string(64, 'x') + "/All"; // no name server is asked for such a label
    CHECK(refusal(nowhere, dir) == "repository main (" + nowhere + "): pkg_summary.zst: no such host");
    CHECK(refusal("file:///no/such/place", dir) ==
          "repository main (file:///no/such/place): no such directory");
}

TEST_CASE("nobody is sent to look at the network for a directory of this host", "[repo][index]") {
    const TempDir served, dir;
    const HttpServer server(served.path());
    const auto hint = [&](const std::string& url) {
        try {
            refresh(url, dir);
        } catch (const base::Error& error) {
            return error.hint();
        }
        return std::string("none");
    };

    CHECK(hint("file:///no/such/place") ==
          "check the directory, and `url` in [repository main] of repositories.conf");
    CHECK(hint(server.url()) == "check the network, and `url` in [repository main] of repositories.conf");
}

TEST_CASE("a server that forbids what it does not have is asked for the next name", "[repo][index]") {
    const TempDir served, dir;
    write_bytes(served / "pkg_summary.xz", "index");
    HttpServer server(served.path());
    server.behave("/pkg_summary.zst", {.status = 403});

    CHECK(refresh(server.url(), dir).state.file == "pkg_summary.xz");
}

TEST_CASE("an index that is too large or empty is refused", "[repo][index][hostile]") {
    const TempDir served, dir;
    HttpServer server(served.path());
    jail::NetworkConfig network = test::quick_network();
    network.max_index_bytes = 1u << 20;
    write_bytes(served / "pkg_summary.zst", "");

    CHECK_THAT(refusal(server.url(), dir), ContainsSubstring("pkg_summary.zst is empty"));
    server.behave("/pkg_summary.zst", {.endless = true});
    CHECK_THAT(refusal(server.url(), dir, network),
               ContainsSubstring("pkg_summary.zst: is longer than the 1048576 bytes that are allowed here"));
}

TEST_CASE("an archive's URL ends in one name, whatever the index says", "[repo][hostile]") {
    const auto repository = repository_at("https://host/All");

    CHECK(repo::archive_url(repository, "gtk+-2.0.tgz") == "https://host/All/gtk%2B-2.0.tgz");
    CHECK(repo::archive_url(repository, "x?y#z.tgz") == "https://host/All/x%3Fy%23z.tgz");
    for (const std::string wrong : {"", ".", "..", "../x.tgz", "a/b.tgz", "/etc/passwd", "a\nb"}) {
        CAPTURE(wrong);
        CHECK_THROWS_AS(repo::archive_url(repository, wrong), base::Error);
    }
}

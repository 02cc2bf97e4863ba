// Several archives at once, and what is said when some cannot be had.
#include "support/catch.hpp"

#include <thread>

#include <sys/wait.h>
#include <unistd.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "repo/caching.hpp"
#include "support/http_server.hpp"
#include "support/package_writer.hpp"
#include "support/temp_dir.hpp"

using namespace pkgjail;
using repo::Cache;
using repo::WantedArchive;
using test::failure;
using test::HttpServer;
using test::names_in;
using test::obtain_one;
using test::quick_network;
using test::TempDir;
using test::wanted;
using test::write_bytes;

TEST_CASE("archives come back in the order in which they were wanted, each fetched once", "[repo][cache]") {
    const TempDir served, state;
    HttpServer server(served.path());
    std::vector<WantedArchive> list;
    for (const std::string name : {"c-1.0", "a-1.0", "b-1.0", "a-1.0"}) {
        write_bytes(served / (name + ".tgz"), "archive of " + name);
        list.push_back(wanted(name, server.url(), "archive of " + name));
    }
    const Cache cache(state / "cache");
    obtain_one(cache, list[0]);

    std::string text;
    for (const auto& archive : cache.obtain(list, quick_network()))
        text += archive.pkgname + ": " + base::read_all(archive.fd, "archive") + "\n";

    CHECK(text == "c-1.0: archive of c-1.0\na-1.0: archive of a-1.0\n"
                  "b-1.0: archive of b-1.0\na-1.0: archive of a-1.0\n");
    CHECK(server.requests().size() == 3);
}

TEST_CASE("what fails is named, and what is fine is kept", "[repo][cache]") {
    const TempDir served, state;
    HttpServer server(served.path());
    write_bytes(served / "good-1.0.tgz", "good");
    const Cache cache(state / "cache");
    const auto good = wanted("good-1.0", server.url(), "good");
    const auto lost = wanted("lost-1.0", server.url(), "lost");
    const auto gone = wanted("gone-1.0", server.url(), "gone");
    const std::string where = "repository main (" + server.url() + "): ";

    CHECK(failure([&] {
              cache.obtain({lost, good, gone}, quick_network());
          }) == "network: lost-1.0, gone-1.0: " + where +
                    "does not have it: HTTP 404 Not Found\n"
                    "the repository may be in the middle of an update; try `pkgjail update`");
    CHECK(cache.find(good));

    write_bytes(served / "lost-1.0.tgz", "evil");
    CHECK_THAT(
        failure([&] {
            cache.obtain({gone, lost, good}, quick_network());
        }),
        ContainsSubstring("trust: 2 archives: gone-1.0: " + where +
                          "does not have it: HTTP 404 Not Found; "
                          "lost-1.0: " +
                          where + "lost-1.0.tgz: the archive has sha512 ") &&
            ContainsSubstring(" and 4 bytes, the index promises sha512 " + lost.digest + " and 4 bytes") &&
            ContainsSubstring("\nrun `pkgjail update`; if it stays"));
    CHECK_FALSE(cache.find(lost));
}

TEST_CASE("a size that differs is called an update in progress", "[repo][cache]") {
    const TempDir served, state;
    write_bytes(served / "foo-1.0.tgz", "twelve bytes");
    const HttpServer server(served.path());
    const std::string url = GENERATE(true, false) ? server.url() : "file://" + served.path().string();
    const Cache cache(state / "cache");
    const auto foo = wanted("foo-1.0", url, "eleven byte");

    CHECK(failure([&] { obtain_one(cache, foo); }) ==
          "trust: foo-1.0: repository main (" + url +
              "): foo-1.0.tgz: size is 12 instead of 11 (promised: sha512 " + foo.digest +
              ")\nthe repository may be in the middle of an update; try `pkgjail update`");
    CHECK(names_in(state / "cache").empty());
}

TEST_CASE("user name and password of a repository stand in no message", "[repo][cache]") {
    const TempDir served, state;
    HttpServer server(served.path());
    const std::string port = std::to_string(server.port());
    const Cache cache(state / "cache");
    server.behave("/foo-1.0.tgz", {.status = 403});

    const std::string said =
        failure([&] { obtain_one(cache, wanted("foo-1.0", "http://me:secret@127.0.0.1:" + port, "x")); });

    CHECK_THAT(said,
               ContainsSubstring("foo-1.0: repository main (" + server.url() + "): HTTP 403 Forbidden"));
    CHECK_THAT(said, !ContainsSubstring("secret"));
}

TEST_CASE("an archive put together from two different files is fetched again, whole",
          "[repo][cache][hostile]") {
    const TempDir served, state;
    const std::string old_content = test::bytes_of(100'000), new_content = test::bytes_of(100'000, 2);
    write_bytes(served / "foo-1.0.tgz", old_content);
    HttpServer server(served.path());
    const Cache cache(state / "cache");
    const auto foo = wanted("foo-1.0", server.url(), new_content);
    // The server calls both files the same and gives any range of either.
    server.behave("/foo-1.0.tgz", {.silent_after = 60'000, .any_range = true, .etag = "\"same\""});
    jail::NetworkConfig network = quick_network();
    network.total_timeout = std::chrono::milliseconds(700);
    CHECK_THAT(failure([&] { cache.obtain({foo}, network); }),
               ContainsSubstring("not complete after 700 ms"));
    CHECK(names_in(state / "cache") == "sha512-" + foo.digest + ".part sha512-" + foo.digest + ".part.from");

    const auto time = std::filesystem::last_write_time(served / "foo-1.0.tgz");
    write_bytes(served / "foo-1.0.tgz", new_content);
    std::filesystem::last_write_time(served / "foo-1.0.tgz", time);
    server.behave("/foo-1.0.tgz", {.any_range = true, .etag = "\"same\""});
    server.forget_requests();
    const auto archive = obtain_one(cache, foo);

    CHECK(base::read_all(archive.fd, "archive") == new_content);
    CHECK(server.log() == "/foo-1.0.tgz 206 40000\n/foo-1.0.tgz 200 100000\n");
}

TEST_CASE("a file name that leads elsewhere is refused before anything is fetched",
          "[repo][cache][hostile]") {
    const TempDir served, state;
    std::filesystem::create_directory(served / "All");
    write_bytes(served / "secret", "secret");
    const Cache cache(state / "cache");
    auto foo = wanted("foo-1.0", "file://" + (served / "All").string(), "secret");
    foo.file_name = "../secret";

    CHECK_THAT(failure([&] { obtain_one(cache, foo); }), ContainsSubstring("corrupt: ../secret: "));
    CHECK(names_in(state / "cache").empty());
}

TEST_CASE("processes that want the same archives at once all get them", "[repo][cache]") {
    const TempDir served, state;
    std::vector<WantedArchive> list;
    std::vector<std::string> contents;
    for (unsigned i = 0; i < 8; ++i) {
        const std::string name = "p" + std::to_string(i) + "-1.0";
        contents.push_back(test::bytes_of(200'000, i));
        write_bytes(served / (name + ".tgz"), contents.back());
    }
    HttpServer server(served.path());
    for (unsigned i = 0; i < 8; ++i)
        list.push_back(wanted("p" + std::to_string(i) + "-1.0", server.url(), contents[i]));
    server.behave("/p0-1.0.tgz", {.drop_after = {1000, 1000, 1000, 1000}});

    std::vector<std::string> outcomes(4);
    std::vector<std::thread> threads;
    for (std::string& outcome : outcomes)
        threads.emplace_back([&] {
            outcome = failure([&] {
                const auto archives = Cache(state / "cache").obtain(list, quick_network());
                for (unsigned i = 0; i < 8; ++i)
                    if (base::read_all(archives[i].fd, "archive") != contents[i])
                        throw base::Error(base::ErrorKind::corrupt, archives[i].pkgname, "other bytes");
            });
        });
    for (std::thread& thread : threads)
        thread.join();

    CHECK(outcomes == std::vector<std::string>(4, "none"));
    CHECK(Cache(state / "cache").size() == 8 * (200'000 + 65));
}

#include "support/catch.hpp"

#include <sys/stat.h>

#include "pkgjail/repo/fetch.hpp"
#include "pkgjail/repo/url.hpp"
#include "repo/fetching.hpp"
#include "support/package_writer.hpp"
#include "support/temp_dir.hpp"

using namespace pkgjail;
using test::download_to;
using test::fetch_one;
using test::names_in;
using test::read_bytes;
using test::show;
using test::TempDir;
using test::write_bytes;

TEST_CASE("a local repository's file is copied, and not again while it is the same", "[repo][fetch][file]") {
    const TempDir source, dir;
    const std::string content = test::bytes_of(3'000'000);
    write_bytes(source / "a b.tgz", content);
    auto download = download_to(dir / "x", "file://" + source.path().string() + "/a%20b.tgz");

    const auto first = fetch_one(download);
    CHECK(show(first) == "complete 3000000 bytes");
    CHECK(read_bytes(dir / "x") == content);
    CHECK(names_in(dir.path()) == "x");

    download.etag = first.etag;
    CHECK(show(fetch_one(download)) == "not modified 0 bytes");
    std::filesystem::last_write_time(source / "a b.tgz",
                                     std::filesystem::file_time_type::clock::now() - std::chrono::hours(5));
    CHECK(show(fetch_one(download)) == "complete 3000000 bytes");
}

TEST_CASE("what is no regular file, too large, or of another size is not copied",
          "[repo][fetch][file][hostile]") {
    const TempDir source, dir;
    REQUIRE(::mkfifo((source / "fifo").c_str(), 0600) == 0);
    std::filesystem::create_directory(source / "directory");
    write_bytes(source / "file", "twelve bytes");
    const auto fetch_file = [&](const std::string& url, std::uint64_t max_bytes = 100,
                                std::optional<std::uint64_t> expected = {}) {
        auto download = download_to(dir / "x", url);
        download.max_bytes = max_bytes;
        download.expected_bytes = expected;
        return show(fetch_one(download));
    };
    const std::string base = "file://" + source.path().string();

    CHECK(fetch_file(base + "/fifo") == "failed 0 bytes: is not a regular file");
    CHECK(fetch_file(base + "/directory") == "failed 0 bytes: is not a regular file");
    CHECK(fetch_file("file:///dev/zero") == "failed 0 bytes: is not a regular file");
    CHECK(fetch_file(base + "/none") == "missing 0 bytes: no such file");
    CHECK(fetch_file(base + "/none/none") == "missing 0 bytes: no such directory");
    CHECK(fetch_file(base + "/file", 11) ==
          "failed 0 bytes: is longer than the 11 bytes that are allowed here");
    CHECK(fetch_file(base + "/file", 100, 900) == "wrong size 0 bytes: size is 12 instead of 900");
    CHECK(fetch_file("file://elsewhere/x") == "failed 0 bytes: is not of the form file:///PATH");
    CHECK(names_in(dir.path()).empty());
}

TEST_CASE("names are written into URLs so that they come back the same", "[repo][url]") {
    CHECK(repo::percent_encode("gtk+-2.0 x%/~_-.tgz") == "gtk%2B-2.0%20x%25%2F~_-.tgz");
    CHECK(repo::percent_encode("\xc3\xa9\n") == "%C3%A9%0A");
    CHECK(repo::percent_decode("gtk%2B-2.0%20x%25%2F~_-.tgz") == "gtk+-2.0 x%/~_-.tgz");
    CHECK(repo::percent_decode("%c3%A9") == "\xc3\xa9");
    for (const char* wrong : {"%", "%4", "%zz", "%00", "a%2"})
        CHECK_FALSE(repo::percent_decode(wrong));
}

TEST_CASE("user name and password of a URL are never shown", "[repo][url]") {
    CHECK(repo::shown_url("https://me:secret@host:8443/All") == "https://host:8443/All");
    CHECK(repo::shown_url("https://me:p@ss@host") == "https://host");
    CHECK(repo::shown_url("https://host/a@b") == "https://host/a@b");
    CHECK(repo::shown_url("file:///srv/a@b") == "file:///srv/a@b");
}

#include "support/catch.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/repo/cache.hpp"
#include "repo/caching.hpp"
#include "support/http_server.hpp"
#include "support/package_writer.hpp"
#include "support/temp_dir.hpp"

using namespace pkgjail;
using base::sha256;
using repo::Cache;
using repo::WantedArchive;
using test::failure;
using test::names_in;
using test::obtain_one;
using test::read_bytes;
using test::TempDir;
using test::wanted;
using test::write_bytes;

namespace {

/// So large that its digests are computed side by side, piece after piece; the last one is short.
std::string large_content() {
    std::string content((std::size_t{3} << 20) + 17, '\0');
    std::uint32_t state = 1;
    for (char& byte : content) {
        state = state * 1664525 + 1013904223;
        byte = static_cast<char>(state >> 24);
    }
    return content;
}

/// Everything that a descriptor has from where it stands.
std::string rest_of(const repo::CheckedArchive& archive) {
    return base::read_all(archive.fd, archive.path.string());
}

std::string kind_of(const std::filesystem::path& path) {
    const auto status = std::filesystem::symlink_status(path);
    return std::filesystem::is_regular_file(status) ? "file"
           : std::filesystem::exists(status)        ? "other"
                                                    : "none";
}

} // namespace

TEST_CASE("an archive is fetched once and then found", "[repo][cache]") {
    const TempDir served, state;
    write_bytes(served / "foo-1.0.tgz", "the archive");
    const test::HttpServer server(served.path());
    const Cache cache(state / "cache");
    const WantedArchive foo = wanted("foo-1.0", server.url(), "the archive");
    CHECK_FALSE(cache.find(foo));

    const auto first = obtain_one(cache, foo);
    const auto second = obtain_one(cache, foo);

    for (const repo::CheckedArchive* archive : {&first, &second}) {
        CHECK(archive->pkgname == "foo-1.0");
        CHECK(archive->size == 11);
        CHECK(archive->sha256 == sha256("the archive"));
        CHECK(archive->path == state / "cache" / ("sha256-" + sha256("the archive")));
        CHECK(rest_of(*archive) == "the archive");
    }
    CHECK(server.log() == "/foo-1.0.tgz 200 11\n");
    struct stat status {};
    REQUIRE(::stat((state / "cache").c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0700);
    CHECK(cache.size() == 11 + 65);
}

TEST_CASE("every archive is found by its sha256 alone, without a repository", "[repo][cache]") {
    const TempDir served, state;
    write_bytes(served / "foo-1.0.tgz", "the archive");
    const Cache cache(state / "cache");
    obtain_one(cache, wanted("foo-1.0", "file://" + served.path().string(), "the archive"));
    std::filesystem::remove(served / "foo-1.0.tgz");
    WantedArchive gone;
    gone.pkgname = "foo-1.0";
    gone.digest_algorithm = "sha256";
    gone.digest = sha256("the archive");

    CHECK(rest_of(obtain_one(cache, gone)) == "the archive");

    std::filesystem::remove(state / "cache" / ("sha256-" + gone.digest));
    CHECK(failure([&] { obtain_one(cache, gone); }) ==
          "network: foo-1.0: no repository offers foo-1.0 any more and the cache does not have it\n"
          "upgrade to a version that a repository offers, or name an archive file of it");
}

TEST_CASE("the digest of the index decides, whichever it is", "[repo][cache]") {
    const TempDir served, state;
    write_bytes(served / "foo-1.0.tgz", "the archive");
    const std::string url = "file://" + served.path().string();
    const Cache cache(state / "cache");
    const auto with = [&](base::DigestAlgorithm algorithm, const std::string& name) {
        WantedArchive foo = wanted("foo-1.0", url, "the archive");
        foo.digest_algorithm = name;
        foo.digest = base::digest_of(algorithm, "the archive");
        return foo;
    };

    for (const auto& foo :
         {with(base::DigestAlgorithm::sha1, "sha1"), with(base::DigestAlgorithm::sha256, "sha256"),
          with(base::DigestAlgorithm::sha512, "sha512")}) {
        CHECK(rest_of(obtain_one(cache, foo)) == "the archive");
        CHECK(cache.find(foo));
        WantedArchive other = foo;
        other.digest[0] = other.digest[0] == '0' ? '1' : '0';
        CHECK_FALSE(cache.find(other));
        CHECK_THAT(failure([&] { obtain_one(cache, other); }),
                   ContainsSubstring("trust: foo-1.0: repository main") && ContainsSubstring(foo.digest) &&
                       ContainsSubstring(other.digest) && ContainsSubstring("and 11 bytes"));
    }
    WantedArchive unknown = wanted("foo-1.0", url, "the archive");
    unknown.digest = "../../etc/passwd";
    CHECK_THAT(failure([&] { obtain_one(cache, unknown); }),
               ContainsSubstring("corrupt: foo-1.0: the index gives"));
}

TEST_CASE("an archive of many pieces is held against both of its digests", "[repo][cache]") {
    const TempDir served, state;
    const std::string content = large_content();
    write_bytes(served / "foo-1.0.tgz", content);
    const Cache cache(state / "cache");
    WantedArchive foo = wanted("foo-1.0", "file://" + served.path().string(), content);
    const auto [algorithm, name] = GENERATE(std::pair{base::DigestAlgorithm::sha512, "sha512"},
                                            std::pair{base::DigestAlgorithm::sha1, "sha1"});
    foo.digest_algorithm = name;
    foo.digest = base::digest_of(algorithm, content);

    obtain_one(cache, foo);

    const auto found = cache.find(foo);
    REQUIRE(found);
    CHECK(found->sha256 == sha256(content));
    CHECK(found->size == content.size());
    CHECK(rest_of(*found) == content);

    std::string damaged = content;
    damaged[damaged.size() / 2] ^= 1;
    const auto path = state / "cache" / ("sha256-" + sha256(content));
    write_bytes(path, damaged);
    CHECK_FALSE(cache.find(foo));
    // A digest that is wrong alone is refused too: the bytes are those of another archive.
    write_bytes(served / "foo-1.0.tgz", damaged);
    CHECK_THAT(failure([&] { obtain_one(cache, foo); }),
               ContainsSubstring("trust: foo-1.0: ") &&
                   ContainsSubstring(base::digest_of(algorithm, damaged)));
}

TEST_CASE("a rebuild under the same name is another archive, with a digest and without", "[repo][cache]") {
    const TempDir served, state;
    const std::string url = "file://" + served.path().string();
    const Cache cache(state / "cache");
    WantedArchive foo = wanted("foo-1.0", url, "build one");
    foo.digest_algorithm = foo.digest = "";
    foo.build_date = "2026-01-01 00:00:00 +0000";
    write_bytes(served / "foo-1.0.tgz", "build one");
    CHECK(rest_of(obtain_one(cache, foo)) == "build one");

    write_bytes(served / "foo-1.0.tgz", "build two");
    CHECK(rest_of(obtain_one(cache, foo)) == "build one");
    foo.build_date = "2026-02-02 00:00:00 +0000";
    CHECK(rest_of(obtain_one(cache, foo)) == "build two");
}

TEST_CASE("damage in the cache is found at each use and mended by one download", "[repo][cache][hostile]") {
    const TempDir served, state;
    write_bytes(served / "foo-1.0.tgz", "the archive");
    const test::HttpServer server(served.path());
    const Cache cache(state / "cache");
    WantedArchive foo = wanted("foo-1.0", server.url(), "the archive");
    const bool has_digest = GENERATE(true, false);
    if (!has_digest)
        foo.digest_algorithm = foo.digest = "";
    const auto path = obtain_one(cache, foo).path;

    SECTION("a changed byte") {
        write_bytes(path, "tHe archive");
    }
    SECTION("a cut") {
        write_bytes(path, "the arch");
    }
    SECTION("nothing left") {
        write_bytes(path, "");
    }
    SECTION("removed") {
        std::filesystem::remove(path);
    }
    SECTION("the line that leads to it") {
        for (const auto& entry : std::filesystem::directory_iterator(state / "cache"))
            if (entry.path() != path)
                write_bytes(entry.path(), "sha256-" + std::string(70, '/'));
    }
    SECTION("the line leads to another archive") {
        write_bytes(served / "bar-1.0.tgz", "another");
        const auto other = obtain_one(cache, wanted("bar-1.0", server.url(), "another"));
        for (const auto& entry : std::filesystem::directory_iterator(state / "cache"))
            if (entry.path() != path && entry.path() != other.path)
                write_bytes(entry.path(), other.sha256 + "\n");
    }

    CHECK_FALSE(cache.find(foo));
    CHECK(rest_of(obtain_one(cache, foo)) == "the archive");
    CHECK(cache.find(foo));
    CHECK(read_bytes(path) == "the archive");
}

TEST_CASE("what pkgjail cannot have put into the cache is not believed and not followed",
          "[repo][cache][hostile]") {
    const TempDir served, state;
    write_bytes(served / "foo-1.0.tgz", "the archive");
    write_bytes(state / "canary", "the archive");
    const test::HttpServer server(served.path());
    const Cache cache(state / "cache");
    const WantedArchive foo = wanted("foo-1.0", server.url(), "the archive");
    const auto path = obtain_one(cache, foo).path;
    const bool is_label = GENERATE(false, true);
    const auto target = is_label ? state / "cache" / ("sha512-" + foo.digest) : path;

    SECTION("a link") {
        std::filesystem::remove(target);
        std::filesystem::create_symlink(state / "canary", target);
    }
    SECTION("a FIFO") {
        std::filesystem::remove(target);
        REQUIRE(::mkfifo(target.c_str(), 0600) == 0);
    }
    SECTION("a directory") {
        std::filesystem::remove(target);
        std::filesystem::create_directories(target / "sub");
        write_bytes(target / "sub/file", "x");
    }
    SECTION("writable by the group") {
        REQUIRE(::chmod(target.c_str(), 0620) == 0);
    }
    SECTION("writable by all") {
        REQUIRE(::chmod(target.c_str(), 0602) == 0);
    }
    if (::geteuid() == 0) {
        SECTION("of another user") {
            REQUIRE(::chown(target.c_str(), 12345, 12345) == 0);
        }
    }

    CHECK_FALSE(cache.find(foo));
    CHECK(kind_of(target) == "none");
    CHECK(rest_of(obtain_one(cache, foo)) == "the archive");
    CHECK(kind_of(target) == "file");
    CHECK(read_bytes(state / "canary") == "the archive");
}

TEST_CASE("the descriptor that was checked stays what it is when the file is replaced",
          "[repo][cache][hostile]") {
    const TempDir served, state;
    write_bytes(served / "foo-1.0.tgz", "the archive");
    const Cache cache(state / "cache");
    const auto archive =
        obtain_one(cache, wanted("foo-1.0", "file://" + served.path().string(), "the archive"));

    std::filesystem::remove(archive.path);
    write_bytes(archive.path, "evil archive");

    CHECK(rest_of(archive) == "the archive");
}

TEST_CASE("archives that were not used for long go, with the lines that lead to them", "[repo][cache]") {
    const TempDir served, state;
    const std::string url = "file://" + served.path().string();
    const Cache cache(state / "cache");
    const auto age = [](const std::filesystem::path& path, int days) {
        std::filesystem::last_write_time(path, std::filesystem::file_time_type::clock::now() -
                                                   std::chrono::hours(24 * days + 1));
    };
    for (const std::string name : {"old-1.0", "used-1.0", "new-1.0"}) {
        write_bytes(served / (name + ".tgz"), "archive of " + name);
        age(obtain_one(cache, wanted(name, url, "archive of " + name)).path, name == "new-1.0" ? 1 : 9);
    }
    const auto in_cache = [&](const std::string& name) {
        return cache.find(wanted(name, url, "archive of " + name)).has_value();
    };
    CHECK(in_cache("used-1.0")); // a use

    write_bytes(state / "cache/sha512-x.part", "unfinished");
    write_bytes(state / "cache/index-0011", "index");
    write_bytes(state / "cache/notes", "somebody's own");
    age(state / "cache/sha512-x.part", 2);
    age(state / "cache/notes", 99);
    const std::uint64_t before = cache.size();
    const std::uint64_t freed = cache.prune(7);

    CHECK(freed == 18 + 65 + 10);
    CHECK(cache.size() == before - freed);
    CHECK_FALSE(in_cache("old-1.0"));
    CHECK(in_cache("used-1.0"));
    CHECK(in_cache("new-1.0"));
    CHECK(read_bytes(state / "cache/notes") == "somebody's own");
    CHECK(read_bytes(state / "cache/index-0011") == "index");

    cache.prune(0);
    CHECK(names_in(state / "cache") == "index-0011 notes");
}

TEST_CASE("an archive that no digest names is fetched anew when it was forgotten", "[repo][cache]") {
    const TempDir served, state;
    const Cache cache(state / "cache");
    WantedArchive foo = wanted("foo-1.0", "file://" + served.path().string(), "build one");
    const bool has_digest = GENERATE(true, false);
    if (!has_digest)
        foo.digest_algorithm = foo.digest = "";
    write_bytes(served / "foo-1.0.tgz", "build one");
    obtain_one(cache, foo);
    write_bytes(served / "foo-1.0.tgz", "build two");

    cache.forget(foo);

    CHECK(rest_of(obtain_one(cache, foo)) == (has_digest ? "build one" : "build two"));
    cache.forget(foo);
    cache.forget(foo); // there is nothing left to forget
    CHECK(cache.find(foo).has_value() == has_digest);
}

TEST_CASE("an archive of the operator's is read as it is, if it is a file", "[repo][cache]") {
    const TempDir dir;
    write_bytes(dir / "foo.tgz", "an archive");
    REQUIRE(::mkfifo((dir / "fifo").c_str(), 0600) == 0);

    const auto archive = repo::check_local_archive(dir / "foo.tgz");
    CHECK(archive.sha256 == sha256("an archive"));
    CHECK(archive.size == 10);
    CHECK(rest_of(archive) == "an archive");
    CHECK_THAT(failure([&] { repo::check_local_archive(dir / "fifo"); }),
               ContainsSubstring("is not a regular file"));
    CHECK_THAT(failure([&] { repo::check_local_archive(dir / "none"); }), ContainsSubstring("not_found: "));
}

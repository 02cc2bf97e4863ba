#include "support/catch.hpp"

#include <csignal>
#include <functional>
#include <set>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/in_child.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "support/temp_dir.hpp"

using namespace pkgjail::base;
using pkgjail::test::TempDir;

namespace {

unsigned mode_of(const HostPath& path) {
    struct stat status {};
    REQUIRE(::lstat(path.c_str(), &status) == 0);
    return status.st_mode & 07777u;
}

ErrorKind kind_of(const std::function<void()>& work) {
    try {
        work();
    } catch (const Error& error) {
        return error.kind();
    }
    FAIL("nothing was thrown");
    return ErrorKind::system;
}

std::set<std::string> names_of(const HostPath& directory) {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(directory))
        names.insert(entry.path().filename().string());
    return names;
}

} // namespace

TEST_CASE("an atomic write leaves the new content, the exact mode and nothing else", "[base][file]") {
    TempDir dir;
    mode_t before = ::umask(077);
    write_file_atomically(dir / "f", "old", 0644);
    ::umask(before);

    write_file_atomically(dir / "f", "new", 0640);

    CHECK(read_file(dir / "f") == "new");
    CHECK(mode_of(dir / "f") == 0640u);
    CHECK(names_of(dir.path()) == std::set<std::string>{"f"});
}

TEST_CASE("an atomic write that fails leaves the old content and no temporary file", "[base][file]") {
    TempDir dir;
    write_file_atomically(dir / "f", "old");

    int status = pkgjail::test::status_of_child([&] {
        struct rlimit limit {
            1000, 1000
        };
        ::signal(SIGXFSZ, SIG_IGN);
        if (::setrlimit(RLIMIT_FSIZE, &limit) != 0)
            return 2;
        try {
            write_file_atomically(dir / "f", std::string(5000, 'x'));
        } catch (const Error& error) {
            return error.kind() == ErrorKind::system ? 0 : 3;
        }
        return 4;
    });

    CHECK(status == 0);
    CHECK(read_file(dir / "f") == "old");
    CHECK(names_of(dir.path()) == std::set<std::string>{"f"});
}

TEST_CASE("an atomic write over a directory fails and leaves no temporary file", "[base][file]") {
    TempDir dir;
    make_directories(dir / "f", 0755);

    CHECK_THROWS_AS(write_file_atomically(dir / "f", "x"), Error);
    CHECK(names_of(dir.path()) == std::set<std::string>{"f"});
}

TEST_CASE("an atomic write replaces a symbolic link instead of following it", "[base][file]") {
    TempDir dir;
    write_file_atomically(dir / "canary", "canary");
    std::filesystem::create_symlink(dir / "canary", dir / "f");

    write_file_atomically(dir / "f", "new");

    CHECK(read_file(dir / "canary") == "canary");
    CHECK(read_file(dir / "f") == "new");
}

TEST_CASE("a file that is missing is nullopt or an error, as asked", "[base][file]") {
    TempDir dir;
    write_file_atomically(dir / "f", "");

    CHECK_FALSE(read_file_if_exists(dir / "missing").has_value());
    CHECK_FALSE(read_file_if_exists(dir / "f" / "below").has_value());
    CHECK(read_file_if_exists(dir / "f") == "");
    CHECK(kind_of([&] { read_file(dir / "missing"); }) == ErrorKind::not_found);
}

TEST_CASE("a file of exactly the limit is read and one byte more is refused", "[base][file]") {
    TempDir dir;
    write_file_atomically(dir / "f", std::string(100, 'x'));

    CHECK(read_file(dir / "f", 100).size() == 100);
    CHECK(kind_of([&] { read_file(dir / "f", 99); }) == ErrorKind::corrupt);
}

TEST_CASE("a pipe with more than the limit in it is refused", "[base][file]") {
    Pipe pipe = make_pipe();
    write_all(pipe.write_end.get(), std::string(100, 'x'), "pipe");
    pipe.write_end.reset();

    CHECK(kind_of([&] { read_all(pipe.read_end, "pipe", 99); }) == ErrorKind::corrupt);
}

TEST_CASE("a huge sparse file, a FIFO and a directory are refused and do not block", "[base][file]") {
    TempDir dir;
    {
        Fd fd = open_file(dir / "sparse", O_WRONLY | O_CREAT);
        REQUIRE(::ftruncate(fd.get(), off_t(10) << 30) == 0);
    }
    REQUIRE(::mkfifo((dir / "fifo").c_str(), 0600) == 0);

    CHECK(kind_of([&] { read_file(dir / "sparse"); }) == ErrorKind::corrupt);
    CHECK(kind_of([&] { read_file(dir / "fifo"); }) == ErrorKind::corrupt);
    CHECK(kind_of([&] { read_file(dir.path()); }) == ErrorKind::corrupt);
    CHECK(kind_of([&] { read_file("/dev/zero"); }) == ErrorKind::corrupt);
}

TEST_CASE("directories are made as deep as asked, and a file in the way is a conflict", "[base][file]") {
    TempDir dir;

    make_directories(dir / "a" / "b" / "c", 0700);
    make_directories(dir / "a" / "b" / "c", 0700);
    write_file_atomically(dir / "f", "");

    CHECK(std::filesystem::is_directory(dir / "a" / "b" / "c"));
    CHECK(mode_of(dir / "a") == 0700u);
    CHECK(kind_of([&] { make_directories(dir / "f" / "x", 0700); }) == ErrorKind::conflict);
}

TEST_CASE("a durable rename replaces its target and names both when it fails", "[base][file]") {
    TempDir dir;
    write_file_atomically(dir / "a", "a");
    write_file_atomically(dir / "b", "b");

    rename_durably(dir / "a", dir / "b");

    CHECK(read_file(dir / "b") == "a");
    CHECK_THROWS_WITH(rename_durably(dir / "x", dir / "y"),
                      ContainsSubstring((dir / "x").string()) && ContainsSubstring((dir / "y").string()));
}

TEST_CASE("a write to a full non-blocking pipe goes on when there is room", "[base][file]") {
    Pipe pipe = make_pipe();
    REQUIRE(::fcntl(pipe.write_end.get(), F_SETFL, O_NONBLOCK) == 0);
    const std::string content(1u << 20, 'x');

    pid_t reader = ::fork();
    if (reader == 0) {
        pipe.write_end.reset();
        try {
            ::_exit(read_all(pipe.read_end, "pipe") == content ? 0 : 1);
        } catch (const std::exception&) {
            ::_exit(2);
        }
    }
    write_all(pipe.write_end.get(), content, "pipe");
    pipe.write_end.reset();
    int status = -1;
    REQUIRE(::waitpid(reader, &status, 0) == reader);

    CHECK(status == 0);
}

TEST_CASE("random names do not repeat and have two letters a byte", "[base][file]") {
    std::set<std::string> seen;
    for (int i = 0; i < 1000; ++i)
        seen.insert(random_hex(8));

    CHECK(seen.size() == 1000);
    CHECK(seen.begin()->size() == 16);
    CHECK(seen.begin()->find_first_not_of("0123456789abcdef") == std::string::npos);
}

TEST_CASE("there is room on the file system of a directory, and it can be flushed", "[base][file]") {
    TempDir dir;

    CHECK(free_bytes(dir.path()) > 0);
    CHECK_NOTHROW(sync_file_system(open_file(dir.path(), O_RDONLY | O_DIRECTORY)));
    CHECK_THROWS_AS(free_bytes(dir / "missing"), Error);
}

TEST_CASE("a descriptor is closed once, moves leave nothing behind, and copies are close-on-exec",
          "[base][fd]") {
    Pipe pipe = make_pipe();
    int number = pipe.read_end.get();
    Fd moved = std::move(pipe.read_end);
    Fd copy = moved.duplicate();

    CHECK_FALSE(pipe.read_end);
    CHECK(moved.get() == number);
    CHECK(copy.get() != number);
    CHECK((::fcntl(copy.get(), F_GETFD) & FD_CLOEXEC) != 0);
    CHECK((::fcntl(moved.get(), F_GETFD) & FD_CLOEXEC) != 0);
    moved.reset();
    CHECK(::fcntl(number, F_GETFD) < 0);
    CHECK(::fcntl(copy.get(), F_GETFD) >= 0);
    CHECK_THROWS_AS(Fd().duplicate(), Error);
}

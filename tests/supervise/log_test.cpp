#include <csignal>
#include <fstream>
#include <thread>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pkgjail/base/file.hpp"
#include "pkgjail/supervise/service_log.hpp"
#include "supervised.hpp"
#include "support/catch.hpp"
#include "support/sanitized.hpp"

using namespace pkgjail;
using namespace std::chrono_literals;
using supervise::LineCutter;
using supervise::LogRecord;
using supervise::ServiceLog;

namespace {

const base::WallTime noon = *base::parse_time("2026-11-21T12:00:00.000001Z");

std::string show(const std::vector<LogRecord>& records) {
    std::string text;
    for (const LogRecord& record : records)
        text += record.stream + " " + record.text + "\n";
    return text;
}

std::string cut(const std::vector<std::string>& pieces) {
    LineCutter cutter;
    std::string text;
    auto take = [&](std::string_view line, bool split) {
        text += "[" + (line.size() > 20 ? std::to_string(line.size()) + " bytes" : std::string(line)) + "]" +
                (split ? "+" : "");
    };
    for (const std::string& piece : pieces)
        cutter.feed(piece, take);
    text += " |";
    cutter.finish(take);
    return text;
}

unsigned mode_of(const base::HostPath& path) {
    struct stat status {};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    return status.st_mode & 07777u;
}

} // namespace

TEST_CASE("a log line is time, stream and text", "[supervise][log]") {
    CHECK(supervise::format_log_line({noon, "out", "hello  world"}) ==
          "2026-11-21T12:00:00.000001Z out hello  world");

    auto record = supervise::parse_log_line("2026-11-21T12:00:00.000001Z err+  two blanks");
    REQUIRE(record);
    CHECK(record->time == noon);
    CHECK(record->stream == "err+");
    CHECK(record->text == " two blanks");
    CHECK(supervise::parse_log_line("2026-11-21T12:00:00.000001Z out ")->text.empty());
}

TEST_CASE("what is not a record is not read as one", "[supervise][log]") {
    for (const char* line :
         {"", "hello", "2026-11-21T12:00:00Z out hello", "2026-11-21T12:00:00.000001Z out",
          "2026-11-21T12:00:00.000001Z root hello", "2026-13-21T12:00:00.000001Z out hello",
          "2026-11-21T12:00:00.000001Zout hello", "0-11-21T12:00:00.000001Z out hello", " out hello",
          "2026-11-21T12:00:00.000001Z out two\nlines"}) {
        INFO(line);
        CHECK_FALSE(supervise::parse_log_line(line));
    }
}

TEST_CASE("control characters in output cannot forge a record or reach a terminal", "[supervise][log]") {
    std::string line =
        supervise::format_log_line({noon, "out", "a\n2026-11-21T12:00:00.000001Z sup b\x1b[2J\r\x9b"});

    CHECK(line ==
          "2026-11-21T12:00:00.000001Z out a\\x0a2026-11-21T12:00:00.000001Z sup b\\x1b[2J\\x0d\\x9b");
}

TEST_CASE("output is cut at newlines, wherever the pieces end", "[supervise][log]") {
    CHECK(cut({"one\ntwo\n"}) == "[one][two] |");
    CHECK(cut({"o", "n", "e\nt", "wo", "\n"}) == "[one][two] |");
    CHECK(cut({"\n\n", "\n"}) == "[][][] |");
    CHECK(cut({"one\ntw", "o"}) == "[one] |[two]");
    CHECK(cut({""}) == " |");
}

TEST_CASE("an over-long line is split, and only then", "[supervise][log]") {
    std::string full(LineCutter::max_line, 'x');

    CHECK(cut({full + "\n"}) == "[65536 bytes] |");
    CHECK(cut({full, "\n"}) == "[65536 bytes] |");
    CHECK(cut({full + "y\nz\n"}) == "[65536 bytes]+[y][z] |");
    CHECK(cut({full, "y", "\nz\n"}) == "[65536 bytes]+[y][z] |");
    CHECK(cut({full + full + full}) == "[65536 bytes]+[65536 bytes]+ |[65536 bytes]");
    CHECK(cut({full.substr(1) + "\xc3\xa4\n"}) == "[65535 bytes]+[\xc3\xa4] |");
}

TEST_CASE("a split line of continuation bytes still moves on", "[supervise][log]") {
    CHECK(cut({std::string(LineCutter::max_line + 10, '\x80') + "\n"}) ==
          "[65536 bytes]+[" + std::string(10, '\x80') + "] |");
}

TEST_CASE("the log rotates by size, keeps its number of files and loses no record in between",
          "[supervise][log]") {
    test::TempDir dir;
    base::HostPath file = dir / "log/web.log";
    {
        ServiceLog log(file, 1000, 3);
        for (int number = 0; number < 100; ++number) {
            log.append({noon, "out", "record " + std::to_string(number)});
            log.flush();
        }
        CHECK(log.dropped() == 0);
    }

    CHECK(mode_of(dir / "log") == 0700);
    std::vector<LogRecord> records = supervise::read_log(file, std::nullopt, 0);
    REQUIRE(records.size() > 50);
    int number = 100 - static_cast<int>(records.size());
    for (const LogRecord& record : records)
        REQUIRE(record.text == "record " + std::to_string(number++));
    for (const char* name : {"log/web.log", "log/web.log.1", "log/web.log.2"}) {
        CHECK(mode_of(dir / name) == 0640);
        CHECK(base::read_file(dir / name).size() <= 1000);
    }
    CHECK_FALSE(base::read_file_if_exists(dir / "log/web.log.3"));
}

TEST_CASE("a batch is rotated between records, and a record longer than a file has a file of its own",
          "[supervise][log]") {
    test::TempDir dir;
    base::HostPath file = dir / "web.log";
    {
        ServiceLog log(file, 100, 50);
        for (int number = 0; number < 20; ++number)
            log.append({noon, "out", number == 10 ? std::string(500, 'x') : std::to_string(number)});
    }

    std::vector<LogRecord> records = supervise::read_log(file, std::nullopt, 0);
    REQUIRE(records.size() == 20);
    CHECK(records[9].text == "9");
    CHECK(records[10].text.size() == 500);
    CHECK(records[19].text == "19");
}

TEST_CASE("readers take the last records, and those since a time", "[supervise][log]") {
    test::TempDir dir;
    base::HostPath file = dir / "web.log";
    {
        ServiceLog log(file, 200, 50);
        for (int number = 0; number < 50; ++number)
            log.append({noon + std::chrono::seconds(number), "out", std::to_string(number)});
    }

    CHECK(show(supervise::read_log(file, std::nullopt, 3)) == "out 47\nout 48\nout 49\n");
    CHECK(show(supervise::read_log(file, noon + 46s, 0)) == "out 46\nout 47\nout 48\nout 49\n");
    CHECK(show(supervise::read_log(file, noon + 46s, 2)) == "out 48\nout 49\n");
    CHECK(supervise::read_log(file, std::nullopt, 0).size() == 50);
    CHECK(supervise::read_log(file, noon + 1h, 0).empty());
    CHECK(supervise::read_log(dir / "other.log", std::nullopt, 0).empty());
}

TEST_CASE("a torn last line is ended before the next record, and readers show it as damage",
          "[supervise][log]") {
    test::TempDir dir;
    base::HostPath file = dir / "web.log";
    base::write_file_atomically(file, "2026-11-21T12:00:00.000001Z out whole\n2026-11-21T12:0");

    { ServiceLog(file, 1 << 20, 2).append({noon, "out", "next"}); }

    CHECK(show(supervise::read_log(file, std::nullopt, 0)) == "out whole\n? 2026-11-21T12:0\nout next\n");
}

TEST_CASE("a log file that was removed under the writer is made again", "[supervise][log]") {
    test::TempDir dir;
    base::HostPath file = dir / "web.log";
    ServiceLog log(file, 1 << 20, 2);
    log.append({noon, "out", "before"});
    log.flush();

    ::unlink(file.c_str());
    log.append({noon, "out", "after"});
    log.flush();

    CHECK(show(supervise::read_log(file, std::nullopt, 0)) == "out after\n");
}

TEST_CASE("what cannot be written is counted, and said when writing works again", "[supervise][log]") {
    test::TempDir dir;
    base::HostPath file = dir / "log/web.log";
    base::write_file_atomically(dir / "log", "in the way");
    ServiceLog log(file, 1 << 20, 2);

    for (int number = 0; number < 3; ++number)
        log.append({noon, "out", "lost"});
    log.flush();
    std::uint64_t dropped = log.dropped();
    ::unlink((dir / "log").c_str());
    log.append({noon, "out", "kept"});
    log.flush();

    CHECK(dropped == 3);
    CHECK(log.dropped() == 3);
    std::string text = show(supervise::read_log(file, std::nullopt, 0));
    CHECK_THAT(text, ContainsSubstring("sup 3 records were dropped before this: "));
    CHECK_THAT(text, ContainsSubstring("out kept\n"));
}

TEST_CASE("a full disk leaves whole records only, and the log goes on when there is room",
          "[supervise][log]") {
    test::TempDir dir;
    base::HostPath file = dir / "web.log";
    // A limit on file size stands in for the full disk: the write is cut short, then refused.
    std::signal(SIGXFSZ, SIG_IGN);
    struct rlimit before {};
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
    ServiceLog log(file, 1 << 20, 2);
    struct rlimit small = before;
    small.rlim_cur = 100;
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);

    for (int number = 0; number < 5; ++number) {
        log.append({noon, "out", "record " + std::to_string(number)});
        log.flush();
    }
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
    std::uint64_t dropped = log.dropped();
    std::string full = base::read_file(file);
    log.append({noon, "out", "room again"});
    log.flush();

    CHECK(dropped == 3);
    CHECK(full == "2026-11-21T12:00:00.000001Z out record 0\n2026-11-21T12:00:00.000001Z out record 1\n");
    CHECK_THAT(
        show(supervise::read_log(file, std::nullopt, 0)),
        ContainsSubstring(
            "out record 1\nsup 3 records were dropped before this: write: File too large\nout room again\n"));
}

TEST_CASE("a link in the log's place is not followed", "[supervise][log]") {
    test::TempDir dir;
    base::write_file_atomically(dir / "canary", "untouched");
    REQUIRE(::symlink((dir / "canary").c_str(), (dir / "web.log").c_str()) == 0);

    ServiceLog log(dir / "web.log", 1 << 20, 2);
    log.append({noon, "out", "hello"});
    log.flush();

    CHECK(log.dropped() == 1);
    CHECK(base::read_file(dir / "canary") == "untouched");
}

TEST_CASE("following a log shows every new record once, through many rotations", "[supervise][log]") {
    test::TempDir dir;
    base::HostPath file = dir / "web.log";
    ServiceLog log(file, 300, 100);
    log.append({noon, "out", "old"});
    log.flush();
    std::string seen;
    std::atomic<bool> at_end = false, done = false;
    std::thread follower([&] {
        supervise::follow_log(
            file, [&](const LogRecord& record) { seen += record.text + "\n"; },
            [&] {
                bool last = done.load(); // one more look after the last record
                at_end = true;
                return !last;
            });
    });
    while (!at_end)
        std::this_thread::sleep_for(1ms);

    std::string expected;
    for (int number = 0; number < 400; ++number) {
        log.append({base::wall_now(), "out", std::to_string(number)});
        expected += std::to_string(number) + "\n";
        if (number % 20 == 0) {
            log.flush();
            std::this_thread::sleep_for(number % 100 == 0 ? 150ms : 3ms);
        }
    }
    log.flush();
    done = true;
    follower.join();

    CHECK(seen == expected);
    CHECK(base::read_file_if_exists(dir / "web.log.20"));
}

TEST_CASE("following from a time leaves nothing out between reading and following", "[supervise][log]") {
    test::TempDir dir;
    base::HostPath file = dir / "web.log";
    {
        ServiceLog log(file, 100, 50);
        for (int number = 0; number < 9; ++number)
            log.append({noon + std::chrono::seconds(number), "out", std::to_string(number)});
    }
    std::string seen;

    supervise::follow_log(
        file, [&](const LogRecord& record) { seen += record.text; }, [] { return false; }, noon + 4s);

    CHECK(seen == "5678");
}

TEST_CASE("a service's output is in the log with its streams and in its order", "[supervise][log]") {
    test::Supervised web("echo one; echo two; printf '\\033[2Jesc\\n'; printf unfinished; sleep 0.2; "
                         "echo problem >&2; exit 1");
    web.service.service.restart.policy = jail::Restart::Policy::never;

    REQUIRE(test::show(web.settle()) == "failed: exit status 1");

    std::string out, err;
    for (const LogRecord& record : supervise::read_log(web.service.log_file, std::nullopt, 0)) {
        if (record.stream == "out")
            out += record.text + "\n";
        if (record.stream == "err")
            err += record.text + "\n";
    }
    CHECK(out == "one\ntwo\n\\x1b[2Jesc\nunfinished\n");
    CHECK(err == "problem\n");
    CHECK_THAT(web.notes(), ContainsSubstring("started as process"));
    CHECK_THAT(web.notes(), ContainsSubstring("ended with exit status 1"));
}

TEST_CASE("a flood of output neither blocks the service nor grows the supervisor", "[supervise][log]") {
    test::Supervised web("head -c 20000000 /dev/zero | tr '\\0' 'x' | fold -w 99; "
                         "head -c 3000000 /dev/zero; echo; touch \"$DIR/done\"; exec sleep 1000");
    web.service.log_max_bytes = 1 << 20;
    web.service.log_files = 3;
    web.begin();

    REQUIRE(test::wait_until([&] { return base::read_file_if_exists(web.file("done")).has_value(); }));
    supervise::ServiceStatus status = web.wait_for(supervise::ServiceState::ready);

    INFO(web.notes());
    CHECK(status.state == supervise::ServiceState::ready);
    // However much was kept, every record of the flood is there or counted.
    std::uint64_t bytes = 0;
    for (const char* name : {"log/test.log", "log/test.log.1", "log/test.log.2"})
        bytes += base::read_file_if_exists(web.file(name)).value_or("").size();
    CHECK(bytes > 100'000);
    CHECK(bytes <= 3u << 20);
    CHECK_FALSE(base::read_file_if_exists(web.file("log/test.log.3")));
    // Peak resident memory; zero where the kernel does not say.
    std::string text =
        base::read_file_if_exists("/proc/" + std::to_string(web.supervisor()) + "/status").value_or("");
    std::size_t at = text.find("VmHWM:");
    long peak_kib = at == text.npos ? 0 : std::stol(text.substr(at + 6));
    if (test::is_sanitized)
        WARN("sanitizers take more memory than the limit of this test");
    else
        CHECK(peak_kib < 64 << 10);
    CHECK(web.stop());
}

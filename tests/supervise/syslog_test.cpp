// Records on their way into the host's log, with a socket of the test's in the logger's place.
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>

#include "pkgjail/supervise/service_log.hpp"
#include "pkgjail/supervise/syslog_writer.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

using namespace pkgjail;
using supervise::LogRecord;
using supervise::ServiceLog;
using supervise::SyslogWriter;

namespace {

const base::WallTime noon = *base::parse_time("2026-11-21T12:00:00.000001Z");

/// The logger's end.
class Logger {
  public:
    explicit Logger(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0)) {
        struct sockaddr_un name {};
        name.sun_family = AF_UNIX;
        path.copy(name.sun_path, sizeof name.sun_path - 1);
        ::unlink(path.c_str());
        REQUIRE(::bind(fd_.get(), reinterpret_cast<struct sockaddr*>(&name), sizeof name) == 0);
    }
    /// Everything there is, a line each.
    std::string read() const {
        std::string text;
        char buffer[8192];
        for (ssize_t count; (count = ::recv(fd_.get(), buffer, sizeof buffer, 0)) >= 0;)
            text.append(buffer, static_cast<std::size_t>(count)).append("\n");
        return text;
    }

  private:
    base::Fd fd_;
};

/// Without the time, which is local.
std::string without_time(const std::string& message) {
    const std::size_t begin = message.find('>') + 1;
    return message.substr(0, begin) + message.substr(begin + std::string("Nov 21 12:00:00").size());
}

} // namespace

TEST_CASE("a message has facility, level by stream, time, tag and process", "[supervise][syslog]") {
    const auto message = [](const std::string& stream) {
        return without_time(
            supervise::syslog_message(LOG_DAEMON, "pkgjail/web", "42", {noon, stream, "hello"}));
    };

    CHECK(message("out") == "<30> pkgjail/web[42]: hello");
    CHECK(message("err") == "<28> pkgjail/web[42]: hello");
    CHECK(message("err+") == "<28> pkgjail/web[42]: hello");
    CHECK(message("sup") == "<29> pkgjail/web[42]: hello");
    const std::string whole = supervise::syslog_message(LOG_LOCAL7, "pkgjail/web", "42",
                                                        {noon, "out", std::string(1999, 'x') + "ää"});
    CHECK_THAT(whole, ContainsSubstring("<190>"));
    CHECK(whole.ends_with("x…"));
}

TEST_CASE("a jail's log sends its records to the host's as well", "[supervise][syslog]") {
    const test::TempDir dir;
    const Logger logger((dir / "log").string());
    ServiceLog log(dir / "web.log", 1u << 20, 2, SyslogWriter(LOG_USER, "pkgjail/web", dir / "log"));

    log.append({noon, "out", "one"});
    log.append({noon, "err", "two\x1b[2J"});
    log.flush();

    const std::string process = std::to_string(::getpid());
    const std::string text = logger.read();
    const std::size_t newline = text.find('\n');
    CHECK(without_time(text.substr(0, newline)) == "<14> pkgjail/web[" + process + "]: one");
    CHECK(without_time(text.substr(newline + 1)) == "<12> pkgjail/web[" + process + "]: two\\x1b[2J\n");
    CHECK(log.syslog_dropped() == 0);
}

TEST_CASE("a logger that does not read or is not there costs its records and nothing else",
          "[supervise][syslog]") {
    const test::TempDir dir;
    constexpr int records = 5000;
    const auto fill = [&](ServiceLog& log) {
        for (int number = 0; number < records; ++number) {
            log.append({noon, "out", std::to_string(number)});
            if (number % 500 == 0)
                log.flush();
        }
        log.flush();
    };
    ServiceLog log(dir / "web.log", 1u << 20, 2, SyslogWriter(LOG_USER, "pkgjail/web", dir / "log"));

    SECTION("it is not there") {
        fill(log);
        CHECK(log.syslog_dropped() == records);
    }
    SECTION("it does not read") {
        const Logger logger((dir / "log").string());
        fill(log);
        CHECK(log.syslog_dropped() > 0);
        CHECK(log.syslog_dropped() < records);
    }
    CHECK(log.dropped() == 0);
    CHECK(supervise::read_log(dir / "web.log", std::nullopt, 0).size() == records);
}

TEST_CASE("a logger that was restarted gets what comes then", "[supervise][syslog]") {
    const test::TempDir dir;
    SyslogWriter writer(LOG_USER, "pkgjail/web", dir / "log");
    {
        const Logger first((dir / "log").string());
        CHECK(writer.send({noon, "out", "one"}));
        CHECK_THAT(first.read(), ContainsSubstring("one"));
    }
    const Logger second((dir / "log").string());

    CHECK(writer.send({noon, "out", "two"}));
    CHECK_THAT(second.read(), ContainsSubstring("two"));
}

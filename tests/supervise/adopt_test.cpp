// A pkgjail and a supervisor of different ages: what they agree on, and what is said when they cannot.
#include <atomic>
#include <map>
#include <mutex>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fmt/format.h>

#include "pkgjail/base/boot.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/lock.hpp"
#include "pkgjail/supervise/control.hpp"
#include "pkgjail/supervise/control_address.hpp"
#include "pkgjail/supervise/service_json.hpp"
#include "pkgjail/supervise/state_file.hpp"
#include "pkgjail/supervise/supervisor.hpp"
#include "pkgjail/supervise/usage_looks.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

using namespace pkgjail;
using namespace std::chrono_literals;

namespace {

/// The state file of a supervisor as version 1 wrote it.
std::string recorded_state(const base::ProcessId& process) {
    const std::string who =
        "{\"pid\": " + std::to_string(process.pid) + ", \"start\": " + std::to_string(process.start) + "}";
    return "{\"format\": 1, \"boot\": \"" + base::boot_id() +
           "\", \"state\": \"ready\", \"reason\": \"\", \"restarts\": 2, \"last_exit\": \"exit status 1\", "
           "\"last_probe\": \"200 OK in 2 ms\", \"log_records_dropped\": 7, \"driver\": \"runc 1.1.5\", "
           "\"started_at\": \"2026-09-01T10:00:00.000000Z\", \"limits\": [], \"supervisor\": " +
           who + ", \"service\": " + who + "}";
}

const std::string silence = "(nothing)"; ///< as an answer

/// Plays a supervisor from what one answered: request → answer; anything else gets "error unknown request".
class Recorded {
  public:
    explicit Recorded(std::map<std::string, std::string> answers)
        : answers_(std::move(answers)),
          lock_(base::Lock::take(supervise::lock_file(run()), base::LockMode::exclusive, "web", "supervise",
                                 0ms)) {
        base::write_file_atomically(supervise::state_file(run()),
                                    recorded_state(*base::identify_process(::getpid())));
        supervise::ControlAddress address(run());
        listener_ = base::Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        REQUIRE(::bind(listener_.get(), address.get(), address.size()) == 0);
        REQUIRE(::listen(listener_.get(), 8) == 0);
        thread_ = std::thread([this] { serve(); });
    }
    ~Recorded() {
        over_ = true;
        thread_.join();
    }
    const base::HostPath& run() const { return directory_.path(); }
    std::string asked() {
        const std::lock_guard guard(mutex_);
        return asked_;
    }

  private:
    void serve() {
        while (!over_) {
            struct pollfd waiting {
                listener_.get(), POLLIN, 0
            };
            if (::poll(&waiting, 1, 20) != 1)
                continue;
            base::Fd peer(::accept(listener_.get(), nullptr, nullptr));
            char buffer[200];
            const ssize_t count = ::read(peer.get(), buffer, sizeof buffer);
            if (count <= 0)
                continue;
            const std::string request(buffer, static_cast<std::size_t>(count) - 1);
            {
                const std::lock_guard guard(mutex_);
                asked_ += request + "\n";
            }
            const auto found = answers_.find(request);
            if (found != answers_.end() && found->second == silence) {
                unanswered_.push_back(std::move(peer));
                continue;
            }
            const std::string answer =
                (found == answers_.end() ? "error unknown request" : found->second) + "\n";
            if (::write(peer.get(), answer.data(), answer.size()) < 0)
                continue;
            if (request == "stop" || request == "2 stop") {
                lock_.reset();
                return;
            }
        }
    }

    test::TempDir directory_;
    std::map<std::string, std::string> answers_;
    std::optional<base::Lock> lock_;
    base::Fd listener_;
    std::vector<base::Fd> unanswered_;
    std::atomic<bool> over_{false};
    std::mutex mutex_;
    std::string asked_;
    std::thread thread_;
};

std::string failure(const std::function<void()>& work) {
    try {
        work();
    } catch (const base::Error& error) {
        return error.cause() + (error.hint().empty() ? "" : "; " + error.hint());
    }
    return "none";
}

} // namespace

TEST_CASE("a supervisor of the version before is adopted: seen, waited for, reloaded, stopped",
          "[supervise][control]") {
    Recorded old({{"wait", "ok ready"}, {"reload", "ok"}, {"stop", "ok"}});

    const auto status = supervise::wait_until_settled(old.run(), 5s);

    CHECK(status.state == supervise::ServiceState::ready);
    CHECK(status.restarts == 2);
    CHECK(status.log_records_dropped == 7);
    CHECK_FALSE(status.followed);
    supervise::reload(old.run());
    CHECK(failure([&] {
              supervise::ask_service(old.run(), "worker", supervise::ServiceVerb::restart, 1s);
          }) == "its supervisor is of an older pkgjail and does not know single services; "
                "pkgjail restart JAIL gives the jail a new one");
    CHECK(supervise::stop(old.run()));
    CHECK(old.asked() == "version\nwait\nversion\nreload\nversion\nversion\nstop\n");
}

TEST_CASE("a supervisor that speaks no version of ours is left alone, and it is said why",
          "[supervise][control]") {
    Recorded newer({{"version", "ok 7 9"}, {"stop", "ok"}, {"reload", "ok"}});
    const std::string why = "its supervisor is of a newer pkgjail: it speaks version 7 to 9 of their "
                            "conversation, this one 1 to 3; use that pkgjail, or stop the jail with it first";

    CHECK(failure([&] { supervise::stop(newer.run()); }) == why);
    CHECK(failure([&] { supervise::reload(newer.run()); }) == why);

    CHECK(newer.asked() == "version\nversion\n");
    CHECK(supervise::read_status(newer.run()).state == supervise::ServiceState::ready);
}

TEST_CASE("a newer supervisor that still speaks our version is spoken to in ours", "[supervise][control]") {
    Recorded newer({{"version", "ok 2 9"}, {"3 reload worker", "ok"}, {"3 reload", "error it is busy"}});

    CHECK(supervise::ask_service(newer.run(), "worker", supervise::ServiceVerb::reload, 1s));
    CHECK(failure([&] { supervise::reload(newer.run()); }) == "it is busy");

    CHECK(newer.asked() == "version\n3 reload worker\nversion\n3 reload\n");
}

TEST_CASE("usage is asked of a supervisor that knows the word, and nobody waits for one that is busy",
          "[supervise][control][usage]") {
    const auto told = [](std::map<std::string, std::string> answers) {
        Recorded supervisor(std::move(answers));
        const auto look = supervise::earlier_usage(supervisor.run());
        return (look ? supervise::usage_words(*look) : "none") + ": " + supervisor.asked();
    };

    CHECK(told({{"version", "ok 1 2"}, {"2 usage", "ok at_usec=5"}}) == "none: version\n");
    CHECK(told({{"version", silence}}) == "none: version\n");
    CHECK(told({{"version", "ok 1 3"}, {"3 usage", silence}}) == "none: version\n3 usage\n");
    CHECK(told({{"version", "ok 1 3"}, {"3 usage", "ok"}}) == "none: version\n3 usage\n");
    CHECK(told({{"version", "ok 2 9"}, {"3 usage", "ok at_usec=5 cpu_usec=3 more=1"}}) ==
          "at_usec=5 cpu_usec=3: version\n3 usage\n");
}

TEST_CASE("a supervisor that is too busy to answer is not taken for an old one", "[supervise][control]") {
    Recorded busy({{"version", silence}});

    try {
        supervise::ask_service(busy.run(), "worker", supervise::ServiceVerb::restart, 1s);
        FAIL("it is said to be restarted");
    } catch (const base::Error& error) {
        CHECK(error.kind() == base::ErrorKind::busy);
        CHECK(error.object() == "service worker");
        CHECK(error.cause() == "its supervisor does not answer");
        CHECK(error.hint() == "try again");
    }
    CHECK(busy.asked() == "version\n");
}

TEST_CASE("limits that a supervisor did not answer to are not left for it to find",
          "[supervise][control][limits]") {
    const auto memory_after = [](const std::string& answer) {
        Recorded told({{"version", "ok 1 2"}, {"2 limits", answer}});
        supervise::SupervisedService service;
        service.spec.handle = service.spec.jail = "web";
        service.spec.root = "/";
        service.spec.command = service.service.command = {"/bin/true"};
        service.service.name = "web";
        service.spec.limits.wanted[jail::LimitKind::memory] = {64, "test"};
        base::write_file_atomically(supervise::service_file(told.run()), supervise::to_json(service));
        jail::Limits more;
        more.wanted[jail::LimitKind::memory] = {32, "test"};
        const std::string said = failure([&] { supervise::change_limits(told.run(), more, 100ms); });
        const auto limits = supervise::read_service(told.run()).spec.limits;
        return fmt::format("{} ({})", limits.wanted.at(jail::LimitKind::memory).value, said);
    };

    CHECK(memory_after(silence) ==
          fmt::format("64 (its supervisor (process {0}) does not answer, and may still put the limits in "
                      "force; try again; if it stays so, end it with: kill -9 {0}, then pkgjail restart web)",
                      ::getpid()));
    CHECK(memory_after("ok") == "32 (none)");
    CHECK(memory_after("error it uses more").starts_with("64 (it uses more; "));
}

TEST_CASE("a number that no field can hold is damage, and not another number", "[supervise][control]") {
    for (const char* number : {"22222222222222222222222222222222222225", "1e300", "0.5", "-1e300"}) {
        INFO(number);
        CHECK_THAT(failure([&] { supervise::status_from_json(fmt::format("{{\"format\": {}}}", number)); }),
                   ContainsSubstring("type must be number"));
    }
}

TEST_CASE("a state file of another format is said to be one", "[supervise][control]") {
    CHECK(failure([] { supervise::status_from_json("{\"format\": 2}"); }) ==
          "is of format 2, this pkgjail reads format 1");
}

TEST_CASE("what a supervisor is asked is taken apart by one rule", "[supervise][control]") {
    const auto parse = [](const std::string& line) {
        const auto parsed = supervise::parse_control_request(line);
        return parsed.request
                   ? std::to_string(static_cast<int>(parsed.request->verb)) + ":" + parsed.request->service
                   : parsed.refusal;
    };
    CHECK(parse("version") == "0:");
    CHECK(parse("stop") == "1:");
    CHECK(parse("1 stop") == "1:");
    CHECK(parse("2 stop") == "1:");
    CHECK(parse("2 stop worker") == "1:worker");
    CHECK(parse("2 restart worker") == "6:worker");
    CHECK(parse("3 usage") == "7:");
    CHECK(parse("4 stop") == "error this supervisor speaks version 1 to 3, and was asked in 4");
    for (const char* wrong :
         {"", "2", "2 ", "stop ", "start", "restart", "limits worker", "wait worker", "stop a", "1 stop a",
          "2 stop a b", "usage", "2 usage", "3 usage a", " stop", "Stop", "2 2 stop"})
        CHECK(parse(wrong) == "error unknown request");
}

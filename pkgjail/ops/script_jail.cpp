#include "pkgjail/ops/script_jail.hpp"

#include <charconv>
#include <csignal>

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/core.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/look.hpp"
#include "pkgjail/base/printable.hpp"
#include "pkgjail/base/shell_word.hpp"
#include "pkgjail/base/tree.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;
using base::Fd;
using base::HostPath;

namespace {

/// The first process of the build jail is a shell that reads its commands from a pipe: one jail then serves
/// every script of the image. It answers on its standard output with a line "TOKEN STATUS"; scripts get
/// /dev/null and the build log instead of both pipes. A script that forged an answer would only end its own
/// turn early: whatever it left running is killed before the host goes on.
class ScriptJail : public store::ScriptRunner {
  public:
    ScriptJail(confine::Driver& driver, const ScriptJailOptions& options, const store::RootParts& parts,
               const HostPath& skeleton)
        : driver_(driver), options_(options) {
        spec_.handle = options.handle;
        spec_.jail = "build";
        spec_.root = skeleton;
        spec_.mounts = store::root_mounts(options.base, options.prefix, parts);
        spec_.command = {"/bin/sh", "-s"};
        spec_.environment = {{"PATH", "/sbin:/bin:/usr/sbin:/usr/bin"}, {"LC_ALL", "C"}};
        spec_.limits = options.limits;
        spec_.profile = jail::Profile::high;
        spec_.network = jail::NetworkMode::none;

        base::make_directories(options_.run_directory, 0700);
        log_ = base::open_file(options_.log, O_WRONLY | O_CREAT | O_APPEND, 0600);
        base::Pipe commands = base::make_pipe();
        base::Pipe answers = base::make_pipe();
        confine::become_reaper();
        confine::Streams streams;
        streams.input = commands.read_end.get();
        streams.output = answers.write_end.get();
        streams.error = log_.get();
        try {
            first_ = driver_.create(spec_, options_.run_directory, streams);
            driver_.start(spec_, options_.run_directory);
        } catch (...) {
            end();
            throw;
        }
        commands_ = std::move(commands.write_end);
        answers_ = std::move(answers.read_end);
        send("umask 022\n");
    }

    ~ScriptJail() override { end(); }

    base::Exit run(const Script& script) override {
        note(fmt::format("== {}: {}", script.pkgname, script.argv.back()));
        const std::string token = base::random_hex(16);
        std::string line = "( cd " + base::shell_word(script.working_directory) + " && exec env -i";
        for (const auto& [name, value] : script.environment)
            line += " " + base::shell_word(name + "=" + value);
        for (const std::string& word : script.argv)
            line += " " + base::shell_word(word);
        line += " ) </dev/null >&2; echo " + token + " $?\n";
        send(line);
        const int status = await(token, script);
        end_leftovers();
        base::Exit exit;
        exit.signalled = status > 128 && status < 192;
        exit.value = exit.signalled ? status - 128 : status;
        return exit;
    }

  private:
    void end() noexcept {
        try {
            driver_.remove(spec_.handle, options_.run_directory);
            if (first_.pid > 0)
                ::waitpid(first_.pid, nullptr, 0); // it is our child, see confine::become_reaper
            base::remove_directory(options_.run_directory);
        } catch (const std::exception&) {
            // The run directory stays, by which the next command finds the jail and ends it.
        }
    }

    void note(const std::string& text) {
        base::write_all(log_.get(), base::printable(text) + "\n", options_.log.string());
    }

    void send(const std::string& text) {
        struct sigaction ignore {};
        struct sigaction before {};
        ignore.sa_handler = SIG_IGN; // a dead shell must be an error here, not our end
        ::sigaction(SIGPIPE, &ignore, &before);
        try {
            base::write_all(commands_.get(), text, "build jail");
        } catch (...) {
            ::sigaction(SIGPIPE, &before, nullptr);
            throw;
        }
        ::sigaction(SIGPIPE, &before, nullptr);
    }

    int await(const std::string& token, const Script& script) {
        const auto deadline = base::steady_now() + options_.timeout;
        std::string received;
        for (;;) {
            const auto left =
                std::chrono::duration_cast<std::chrono::milliseconds>(deadline - base::steady_now());
            if (left.count() <= 0)
                throw Error(
                    ErrorKind::unhealthy, script.pkgname,
                    fmt::format("its script did not end within {} s", options_.timeout.count() / 1000),
                    fmt::format(
                        "the build log {} has its output; `script-timeout` in pkgjail.conf is the limit",
                        options_.log.string()));
            struct pollfd waiting {};
            waiting.fd = answers_.get();
            waiting.events = POLLIN;
            const int ready =
                ::poll(&waiting, 1, static_cast<int>(std::min<std::int64_t>(left.count(), 60'000)));
            if (ready < 0 && errno != EINTR)
                throw base::system_error(errno, "build jail", "poll");
            if (ready <= 0)
                continue;
            char buffer[512];
            const ssize_t count = ::read(answers_.get(), buffer, sizeof buffer);
            if (count < 0 && errno == EINTR)
                continue;
            if (count <= 0)
                throw Error(
                    ErrorKind::system, script.pkgname, "the build jail ended while its script ran",
                    fmt::format("it may have passed the limits of template `build`; the build log is {}",
                                options_.log.string()));
            received.append(buffer, static_cast<std::size_t>(count));
            const std::size_t at = received.find(token + " ");
            const std::size_t end = at == std::string::npos ? at : received.find('\n', at);
            if (end != std::string::npos)
                return status_of(script,
                                 std::string_view(received).substr(0, end).substr(at + token.size() + 1));
            if (received.size() > (64u << 10))
                received.erase(0, received.size() - 1024); // somebody else writes here; only our token counts
        }
    }

    static int status_of(const Script& script, std::string_view answer) {
        int status = 0;
        const auto [end, error] = std::from_chars(answer.data(), answer.data() + answer.size(), status);
        if (error != std::errc{} || end != answer.data() + answer.size())
            throw Error(ErrorKind::corrupt, script.pkgname,
                        fmt::format("the build jail answered \"{}\" where the script's exit status belongs",
                                    base::printable(answer)));
        return status;
    }

    /// Kills whatever the script left in the background, so that nothing touches the tree while the host
    /// does.
    void end_leftovers() {
        for (int round = 0; round < 1000; ++round) {
            bool alone = true;
            for (const pid_t pid : driver_.processes(spec_.handle, options_.run_directory)) {
                if (pid == first_.pid)
                    continue;
                const auto process = base::identify_process(pid); // a zombie counts as gone
                if (!process)
                    continue;
                alone = false;
                base::send_signal(*process, SIGKILL);
            }
            if (alone)
                return;
            ::usleep(1000);
        }
        throw Error(ErrorKind::system, "build jail", "processes that a script left behind cannot be killed");
    }

    confine::Driver& driver_;
    ScriptJailOptions options_;
    confine::JailSpec spec_;
    base::ProcessId first_;
    Fd log_;
    Fd commands_;
    Fd answers_;
};

} // namespace

std::unique_ptr<store::ScriptRunner> make_script_jail(confine::Driver& driver,
                                                      const ScriptJailOptions& options,
                                                      const store::RootParts& parts,
                                                      const HostPath& skeleton) {
    return std::make_unique<ScriptJail>(driver, options, parts, skeleton);
}

} // namespace pkgjail::ops

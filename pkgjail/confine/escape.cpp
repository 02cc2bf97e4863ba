#include "pkgjail/confine/escape.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <set>
#include <sstream>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/descriptors.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/printable.hpp"

namespace pkgjail::confine {
namespace {

using base::Error;
using base::ErrorKind;
using base::HostPath;
namespace fs = std::filesystem;

constexpr auto patience = std::chrono::seconds(120);
/// Behind the name of a mount point that is exchanged.
constexpr std::string_view aside_suffix = ".aside";
constexpr std::string_view third_suffix = ".third";

std::string read_all_in_time(const base::Fd& from) {
    std::string text;
    const auto deadline = base::steady_now() + patience;
    for (;;) {
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(deadline - base::steady_now());
        struct pollfd waiting {
            from.get(), POLLIN, 0
        };
        const int ready = ::poll(&waiting, 1, std::max(0, static_cast<int>(left.count())));
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            throw Error(ErrorKind::system, escape_program, "did not end in time inside the jail");
        char bytes[4096];
        const auto count = ::read(from.get(), bytes, sizeof bytes);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return text;
        text.append(bytes, static_cast<std::size_t>(count));
        if (text.size() > (1u << 20))
            throw Error(ErrorKind::corrupt, escape_program, "says more than it can have to say");
    }
}

/// What does not end by itself is ended.
void reap(pid_t pid) {
    const auto deadline = base::steady_now() + std::chrono::seconds(10);
    for (;;) {
        const pid_t ended = ::waitpid(pid, nullptr, WNOHANG);
        if (ended == pid || (ended < 0 && errno != EINTR))
            return;
        if (base::steady_now() > deadline)
            ::kill(pid, SIGKILL);
        ::usleep(1000);
    }
}

/// What the host has that a jail must not see or touch.
class HostSide {
  public:
    HostSide() {
        // A process that waits, with this program's own name, for as long as this one lives: it sees the
        // pipe's end. It holds no descriptor besides, or a lock of ours would outlive us with it.
        auto alive = base::make_pipe();
        victim_ = ::fork();
        if (victim_ == 0) {
            base::close_all_but(alive.read_end.get());
            char nothing;
            while (::read(alive.read_end.get(), &nothing, 1) < 0 && errno == EINTR)
                continue;
            ::_exit(0);
        }
        alive_ = std::move(alive.write_end);
        segment_ = ::shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
        socket_name_ = "pkgjail-doctor-" + base::random_hex(8);
        listen();
        find_port();
        secret_ = "PKGJAIL_DOCTOR_" + base::random_hex(4);
        ::setenv(secret_.c_str(), "leaked", 1);
        leak_ = base::Fd(::open("/", O_RDONLY | O_DIRECTORY)); // not close-on-exec: it would reach a child
    }
    HostSide(const HostSide&) = delete;
    HostSide& operator=(const HostSide&) = delete;
    ~HostSide() {
        ::unsetenv(secret_.c_str());
        if (victim_ > 0) {
            ::kill(victim_, SIGKILL);
            reap(victim_);
        }
        if (segment_ >= 0)
            ::shmctl(segment_, IPC_RMID, nullptr);
    }

    std::vector<std::string> words() const {
        return {fmt::format("process={}", victim_), fmt::format("segment={}", segment_),
                fmt::format("port={}", port_), "killer=" + own_killer_score(),
                listening_ ? "socket=" + socket_name_ : "socket-none=1"};
    }
    bool victim_lives() const { return ::waitpid(victim_, nullptr, WNOHANG) == 0; }

  private:
    /// How soon the kernel ends us when memory is short; "0" where there is no such thing.
    static std::string own_killer_score() {
        const auto text = base::read_file_if_exists("/proc/self/oom_score_adj").value_or("0");
        return text.substr(0, text.find('\n'));
    }
    void listen() {
#ifdef __linux__
        struct sockaddr_un name {};
        name.sun_family = AF_UNIX;
        std::memcpy(name.sun_path + 1, socket_name_.data(), socket_name_.size());
        listening_ = base::Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        const auto length =
            static_cast<socklen_t>(offsetof(struct sockaddr_un, sun_path) + 1 + socket_name_.size());
        if (!listening_ ||
            ::bind(listening_.get(), reinterpret_cast<const struct sockaddr*>(&name), length) != 0 ||
            ::listen(listening_.get(), 8) != 0)
            listening_ = base::Fd();
#endif
    }
    /// One that is free now: the kernel's choice, given back.
    void find_port() {
        struct sockaddr_in name {};
        name.sin_family = AF_INET;
        name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof name;
        const base::Fd fd(::socket(AF_INET, SOCK_STREAM, 0));
        if (fd && ::bind(fd.get(), reinterpret_cast<const struct sockaddr*>(&name), sizeof name) == 0 &&
            ::getsockname(fd.get(), reinterpret_cast<struct sockaddr*>(&name), &length) == 0)
            port_ = ntohs(name.sin_port);
    }

    pid_t victim_ = -1;
    base::Fd alive_; ///< the pipe at whose end the victim ends
    int segment_ = -1;
    int port_ = 0;
    std::string socket_name_;
    std::string secret_;
    base::Fd listening_;
    base::Fd leak_;
};

class Escape {
  public:
    Escape(Driver& driver, const EscapeJail& jail) : driver_(driver), jail_(jail) {}
    ~Escape() {
        try {
            end();
        } catch (const Error&) {
            // Already on its way with another error, or the next command finds the jail by its run directory.
        }
    }
    Escape(const Escape&) = delete;
    Escape& operator=(const Escape&) = delete;

    std::vector<Attempt> all() {
        const HostSide host;
        std::vector<std::string> words{"attempts",
                                       "profile=" + std::string(jail::profile_name(jail_.spec.profile)),
                                       "image=" + jail_.image,
                                       "data=" + jail_.data,
                                       std::string("network=") +
                                           (jail_.spec.network == jail::NetworkMode::host ? "host" : "none"),
                                       "environment=" + names_of_variables()};
        for (auto& word : host.words())
            words.push_back(std::move(word));
        auto attempts = parse_attempts(run(words));
        attempts.push_back(entering_program());
        attempts.push_back(working_directory());
        attempts.push_back(mount_points());
        attempts.push_back({"harm to a process outside", host.victim_lives() ? Held::held : Held::open,
                            host.victim_lives() ? "it lives" : "it ended"});
        return attempts;
    }

  private:
    std::string names_of_variables() const {
        std::string names = ",";
        for (const auto& [name, value] : jail_.spec.environment)
            names += name + ",";
        return names;
    }

    void end() {
        driver_.remove(jail_.spec.handle, jail_.run_directory);
        if (first_ > 0)
            reap(first_);
        first_ = -1;
    }

    JailSpec spec_of(const std::vector<std::string>& words) const {
        JailSpec spec = jail_.spec;
        spec.command = {jail_.image + "/" + escape_program};
        spec.command.insert(spec.command.end(), words.begin(), words.end());
        return spec;
    }

    void launch(const JailSpec& spec, const Streams& streams) {
        const auto first = driver_.create(spec, jail_.run_directory, streams);
        first_ = first.pid;
        driver_.start(spec, jail_.run_directory);
    }

    std::string run(const std::vector<std::string>& words) {
        auto output = base::make_pipe();
        launch(spec_of(words), {-1, output.write_end.get(), -1});
        output.write_end.reset();
        std::string text = read_all_in_time(output.read_end);
        end();
        return text;
    }

    /// While something inside looks out for it, programs enter whose interpreter is whatever enters.
    Attempt entering_program() {
        Attempt attempt{"overwrite what enters (/proc/self/exe)", Held::absent, "nothing entered"};
        auto input = base::make_pipe();
        auto output = base::make_pipe();
        const auto spec = spec_of({"watch"});
        launch(spec, {input.read_end.get(), output.write_end.get(), -1});
        input.read_end.reset();
        output.write_end.reset();
        // The option makes pkgjail-enter, if that is what it comes to, end at once; a runtime does so anyway.
        const HostPath script = jail_.data_outside / "entered";
        base::write_file_atomically(script, "#!/proc/self/exe -t 1\n", 0755);
        ::chmod(script.c_str(), 0755);
        const std::vector<std::vector<std::string>> programs{
            {jail_.data + "/entered"}, {jail_.image + "/" + escape_program, "where"}, {"/bin/sh", "-c", ":"}};
        int entered = 0;
        for (int round = 0; round < 2; ++round)
            for (const auto& program : programs)
                entered += enter(spec, program, "/", -1) ? 1 : 0;
        input.write_end.reset();
        std::istringstream lines(read_all_in_time(output.read_end));
        for (std::string line; std::getline(lines, line);)
            if (const auto tab = line.find('\t'); tab != line.npos) {
                const auto parsed =
                    parse_attempts(line.substr(0, tab) + "\tx\t" + line.substr(tab + 1) + "\nend\n");
                attempt.held = parsed.front().held;
                attempt.detail = parsed.front().detail;
            }
        end();
        if (attempt.held == Held::absent && entered > 0)
            attempt = {attempt.what, Held::held, "what entered could not be seen"};
        return attempt;
    }

    /// False: it was not let in.
    bool enter(const JailSpec& spec, const std::vector<std::string>& program, const std::string& directory,
               int output) {
        ExecRequest request;
        request.command = program;
        request.working_directory = directory;
        request.environment = spec.environment;
        try {
            const auto entered = driver_.spawn(spec, jail_.run_directory, request, {-1, output, -1});
            reap(entered.pid);
            return true;
        } catch (const Error&) {
            return false; // refused, which is what is wanted; a failure of another kind lets nothing in
                          // either
        }
    }

    /// Links in the data to each descriptor that a runtime might have left open, as the working directory of
    /// what enters, and of a jail that is made.
    Attempt working_directory() {
        Attempt attempt{"stand outside by a left descriptor", Held::held, "it was not let in"};
        constexpr int first_fd = 3, last_fd = 12;
        for (int fd = first_fd; fd <= last_fd; ++fd)
            ::symlink(fmt::format("/proc/self/fd/{}", fd).c_str(),
                      (jail_.data_outside / fmt::format("fd{}", fd)).c_str());
        const auto note = [&](int fd, const char* how, const std::string& said) {
            if (said == "outside\n") {
                attempt.held = Held::open;
                attempt.detail = fmt::format("{} with descriptor {}", how, fd);
            }
        };
        auto input = base::make_pipe();
        const auto waiting = spec_of({"watch"});
        launch(waiting, {input.read_end.get(), -1, -1});
        for (int fd = first_fd; fd <= last_fd; ++fd) {
            auto output = base::make_pipe();
            enter(waiting, {jail_.image + "/" + escape_program, "where"},
                  jail_.data + fmt::format("/fd{}", fd), output.write_end.get());
            output.write_end.reset();
            note(fd, "entering", read_all_in_time(output.read_end));
        }
        end();
        for (int fd = first_fd + 3; fd <= first_fd + 6; ++fd) {
            auto spec = spec_of({"where"});
            spec.working_directory = jail_.data + fmt::format("/fd{}", fd);
            auto output = base::make_pipe();
            try {
                launch(spec, {-1, output.write_end.get(), -1});
                output.write_end.reset();
                note(fd, "starting", read_all_in_time(output.read_end));
            } catch (const Error&) {
                // not let in
            }
            end();
        }
        return attempt;
    }

    /// Where the kernel has mounted something for the jail. On Linux as its first process sees it.
    std::vector<std::string> places(pid_t pid) const {
        std::vector<std::string> found;
#ifdef __linux__
        std::istringstream mounts(
            base::read_file_if_exists(fmt::format("/proc/{}/mountinfo", pid)).value_or(""));
        for (std::string line; std::getline(mounts, line);) {
            std::istringstream words(line);
            std::string id, parent, device, root, point;
            words >> id >> parent >> device >> root >> point;
            found.push_back(point);
        }
#else
        static_cast<void>(pid);
#endif
        return found;
    }

    /// The place as it was when something was mounted there: a mount goes along when exchange_while() gives
    /// its directory another name. For an ordinary user nothing holds a mount point, and where it lies is
    /// told.
    static std::string before_exchange(const std::string& place) {
        if (::geteuid() == 0)
            for (const std::string_view suffix : {aside_suffix, third_suffix})
                if (place.ends_with(suffix))
                    return place.substr(0, place.size() - suffix.size());
        return place;
    }

    /// A place where this jail has to have a mount, and has none; or has one where none belongs.
    std::string misplaced(pid_t pid) const {
        std::set<std::string> wanted{"/"};
        for (const auto& mount : jail_.spec.mounts)
            wanted.insert(mount.target.str());
        std::set<std::string> found;
        for (const auto& seen : places(pid)) {
            const std::string place = before_exchange(seen);
            const bool own = place == "/proc" || place == "/dev" || place == "/sys" ||
                             place.starts_with("/proc/") || place.starts_with("/dev/") ||
                             place.starts_with("/sys/");
            if (!own && !wanted.contains(place))
                return seen;
            found.insert(place);
        }
        if (!found.empty())
            for (const auto& place : wanted)
                if (!found.contains(place))
                    return place;
        struct stat top {
        }, below{};
        if (::lstat(jail_.outside_directory.c_str(), &below) != 0 ||
            ::lstat(jail_.outside_directory.parent_path().c_str(), &top) != 0 || top.st_dev != below.st_dev ||
            fs::exists(jail_.outside_directory / "taken"))
            return jail_.outside_directory.string();
        return {};
    }

    /// A mount point in what the jail may write to is a link; and it is a link and a directory by turns.
    Attempt mount_points() {
        Attempt attempt{"mount points exchanged for links", Held::held, "refused"};
        const HostPath aside = jail_.mount_point.string() + std::string(aside_suffix);
        std::error_code error;
        fs::rename(jail_.mount_point, aside, error);
        if (error)
            return {attempt.what, Held::absent, "the mount point cannot be changed"};
        int made = 0;
        const auto look = [&] {
            try {
                const auto spec = spec_of({"where"});
                const auto first = driver_.create(spec, jail_.run_directory, {-1, -1, -1});
                first_ = first.pid;
                ++made;
                const auto place = misplaced(first_);
                if (!place.empty()) {
                    // Nothing holds a mount point for an ordinary user. What is mounted beside it is in the
                    // jail's own tree, where nobody but that user has anything.
                    const bool is_own = ::geteuid() != 0 && place != jail_.outside_directory.string();
                    attempt.held = is_own ? Held::given : Held::open;
                    attempt.detail = (is_own ? "in the jail's own tree, at " : "mounted at ") + place;
                }
            } catch (const Error&) {
                // refused
            }
            end();
        };
        fs::create_directory_symlink(jail_.outside_directory, jail_.mount_point);
        look();
        if (made > 0 && attempt.held == Held::held)
            attempt.detail = "the link was not followed";
        exchange_while(
            [&] {
                constexpr int rounds = 12;
                for (int round = 0; round < rounds && attempt.held == Held::held; ++round)
                    look();
            },
            aside);
        fs::remove(jail_.mount_point, error);
        fs::rename(aside, jail_.mount_point, error);
        if (attempt.held == Held::held)
            attempt.detail += fmt::format(", {} of 13 jails made", made);
        return attempt;
    }

    /// A process that does nothing but exchange the link and the directory, as fast as it can.
    void exchange_while(const std::function<void()>& act, const HostPath& aside) {
        const HostPath third = jail_.mount_point.string() + std::string(third_suffix);
        const pid_t self = ::getpid();
        const pid_t other = ::fork();
        if (other == 0) {
            base::close_all_but(-1);
            ::alarm(60);
            while (::getppid() == self) {
                ::rename(jail_.mount_point.c_str(), third.c_str());
                ::rename(aside.c_str(), jail_.mount_point.c_str());
                ::rename(third.c_str(), aside.c_str());
            }
            ::_exit(0);
        }
        act();
        if (other > 0) {
            ::kill(other, SIGKILL);
            reap(other);
        }
        // Whatever it was doing: the directory goes to `aside`, links go.
        for (const auto& place : {jail_.mount_point, third, aside}) {
            std::error_code error;
            if (fs::is_symlink(fs::symlink_status(place, error)))
                fs::remove(place, error);
            else if (place != aside && fs::exists(fs::symlink_status(place, error)))
                directory_ = place;
        }
        std::error_code error;
        if (!directory_.empty())
            fs::rename(directory_, aside, error);
    }

    Driver& driver_;
    const EscapeJail& jail_;
    pid_t first_ = -1;
    HostPath directory_;
};

} // namespace

std::string_view held_name(Held held) {
    switch (held) {
    case Held::held:
        return "held";
    case Held::open:
        return "open";
    case Held::given:
        return "given";
    case Held::absent:
        break;
    }
    return "absent";
}

std::vector<Attempt> parse_attempts(std::string_view text) {
    std::vector<Attempt> attempts;
    std::istringstream lines{std::string(text)};
    const auto wrong = [](const std::string& cause) {
        return Error(ErrorKind::corrupt, escape_program, cause);
    };
    for (std::string line; std::getline(lines, line);) {
        if (line == "end")
            return attempts;
        const auto first = line.find('\t');
        const auto second = first == line.npos ? first : line.find('\t', first + 1);
        if (second == line.npos)
            throw wrong("line \"" + base::printable(line) + "\" is not OUTCOME, WHAT, DETAIL");
        Attempt attempt;
        attempt.what = base::printable(line.substr(first + 1, second - first - 1));
        attempt.detail = base::printable(line.substr(second + 1));
        const auto outcome = line.substr(0, first);
        bool known = false;
        for (const Held held : {Held::held, Held::open, Held::given, Held::absent})
            if (held_name(held) == outcome) {
                attempt.held = held;
                known = true;
            }
        if (!known)
            throw wrong("outcome \"" + base::printable(outcome) + "\" is none of held, open, given, absent");
        attempts.push_back(std::move(attempt));
    }
    throw wrong("was ended in the middle" + (attempts.empty() ? std::string(", before its first attempt")
                                                              : ", after \"" + attempts.back().what + "\""));
}

std::vector<Attempt> try_to_escape(Driver& driver, const EscapeJail& jail) {
    return Escape(driver, jail).all();
}

} // namespace pkgjail::confine

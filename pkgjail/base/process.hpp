// Other processes: starting them with exactly what they need, waiting, and knowing one again later.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "pkgjail/base/fd.hpp"
#include "pkgjail/base/path.hpp"

namespace pkgjail::base {

/// Who a process is, for as long as the host is up: a pid alone may be somebody else's by now.
struct ProcessId {
    pid_t pid = 0;
    /// Start time in the kernel's own unit (Linux: clock ticks since boot, NetBSD: microseconds since 1970);
    /// compared for equality only.
    std::uint64_t start = 0;
    bool operator==(const ProcessId&) const = default;
};
/// nullopt when there is no such process (a zombie counts as gone).
std::optional<ProcessId> identify_process(pid_t pid);
bool is_alive(const ProcessId& process);
/// Sends only if it is still the same process (by pidfd where there is one). False when it is gone.
bool send_signal(const ProcessId& process, int signal_number);

/// What to run. No shell, no PATH search: argv[0] is the file's path.
struct Command {
    std::vector<std::string> argv;
    /// The whole environment; nothing is inherited.
    std::vector<std::string> environment;
    std::string working_directory = "/";
    /// Child's descriptors 0, 1, 2; -1 is /dev/null. Everything else is closed in the child.
    int standard_input = -1;
    int standard_output = -1;
    int standard_error = -1;
    /// Descriptors beside 0-2 that the child keeps, under the same numbers.
    std::vector<int> keep;
    /// Makes the child the leader of a session of its own.
    bool new_session = false;
    /// Linux: the kernel kills the child when the thread that started it ends, also when that is killed
    /// itself.
    bool end_with_parent = false;
};

/// How a child ended.
struct Exit {
    bool signalled = false;
    int value = 0; ///< exit status, or the signal's number
    bool success() const { return !signalled && value == 0; }
    /// "exit status 3", "signal 9 (Killed)".
    std::string describe() const;
};

/// A running child of ours. The destructor kills (SIGKILL) and reaps what was not waited for or released.
class Child {
  public:
    /// Throws Error{system} (or not_found for a missing program) naming argv[0], also when exec itself fails.
    static Child start(const Command& command);
    Child(Child&& other) noexcept;
    Child& operator=(Child&& other) noexcept;
    ~Child();
    pid_t pid() const { return pid_; }
    Exit wait();
    /// nullopt when it still runs after `limit`.
    std::optional<Exit> wait_for(std::chrono::milliseconds limit);
    void kill(int signal_number);
    /// The caller (or the subreaper) looks after it from now on.
    pid_t release();

  private:
    explicit Child(pid_t pid) : pid_(pid) {}
    pid_t pid_ = -1;
};

struct Output {
    Exit exit;
    std::string out; ///< at most 1 MiB is kept of each
    std::string err;
    bool timed_out = false; ///< it was killed
};
/// Runs to the end and collects both streams; killed when `limit` passes, with its whole process group when
/// it has a session of its own. Does not wait for what the program leaves behind in the background. Without
/// `input`, standard input is as `command` says.
Output run(Command command, std::chrono::milliseconds limit, std::string_view input = {});

/// Directory and path of the running program itself (/proc/self/exe, sysctl on NetBSD).
HostPath own_program();
/// First executable `name` in the fixed list of system directories (/usr/sbin … and PREFIX/sbin), never from
/// PATH.
std::optional<HostPath> find_program(std::string_view name);

} // namespace pkgjail::base

// RUN/control: the supervisor's unix socket, mode 0600. A peer sends one line and gets one line back:
//
// clang-format off
//     version         "ok LOWEST HIGHEST": the versions of this conversation that the supervisor speaks
//     stop            "ok"; the connection stays open until the supervisor has ended, so its end is the news
//     reload [NAME]   "ok" or "error TEXT"; with NAME one of several services
//     limits          puts those in RUN/service.json in force: "ok", or "error TEXT" and all is as before
//     wait            "ok STATE" as soon as the service is ready, failed or told to stop
//     start NAME      one of the further services: "ok", "ok already", or "error TEXT"
//     stop NAME       likewise
//     restart NAME    likewise
//     usage           "ok at_usec=… cpu_usec=…": what it saw when it looked last (usage_looks.hpp), or "ok" alone
// clang-format on
//
// From version 2 on whoever asks puts the version that it speaks in front: "2 stop". A line without one is of
// version 1, which has no `version` (its supervisors answer "error unknown request"), no `start`, no
// `restart` and no NAME; `usage` is of version 3. Versions only add to those before, as long as the lowest
// stays the same.
//
// Peers are hostile until proven otherwise: other users are refused by the kernel's word on who they are,
// requests are bounded in size and time, and none can hold up the loop.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <poll.h>
#include <sys/types.h>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/fd.hpp"
#include "pkgjail/base/path.hpp"

namespace pkgjail::supervise {

inline constexpr int lowest_control_version = 1;
inline constexpr int control_version = 3;

/// The end of the TEXT by which `limits` is refused where not all are enforced and all have to be.
inline constexpr std::string_view must_be_enforced = "and every limit has to be enforced";

enum class ControlVerb { version, stop, reload, limits, wait, start, restart, usage };

struct ControlRequest {
    ControlVerb verb = ControlVerb::version;
    std::string service; ///< empty: the jail as a whole
};
/// What a line asks; the text of the answer when it asks nothing that can be done.
struct ParsedRequest {
    std::optional<ControlRequest> request;
    std::string refusal; ///< "error unknown request"
};
ParsedRequest parse_control_request(std::string_view line);

/// The supervisor's side. Everything here is non-blocking.
class ControlServer {
  public:
    static constexpr std::size_t most_peers = 16;
    static constexpr std::size_t longest_request = 160;
    static constexpr std::chrono::milliseconds request_patience{5'000};

    /// Replaces the socket that a dead supervisor left; the caller holds the supervisor's lock. Throws
    /// Error{system}.
    explicit ControlServer(const base::HostPath& run_directory);
    ~ControlServer();
    ControlServer(const ControlServer&) = delete;
    ControlServer& operator=(const ControlServer&) = delete;

    void add_descriptors(std::vector<struct pollfd>& waiting) const;
    /// When a silent peer's time is over.
    std::optional<base::SteadyTime> next_deadline() const;
    /// Accepts, reads, answers. `handle` gives the line to send, or nullopt for an answer at
    /// answer_waiting().
    using Handler = std::function<std::optional<std::string>(const ControlRequest& request)>;
    void serve(const Handler& handle) noexcept;
    /// Sends `line` to everybody who waits.
    void answer_waiting(std::string_view line) noexcept;
    /// In a forked child: closes its copies, so that peers see the supervisor's end and not the child's.
    void close_copies() noexcept;

  private:
    bool is_still_there() const noexcept;
    struct Peer {
        base::Fd fd;
        std::string request;
        base::SteadyTime deadline;
        enum class Stage { asking, waiting, held, done } stage = Stage::asking;
    };
    void accept_peers();
    void read_request(Peer& peer, const Handler& handle);
    static void send_line(Peer& peer, std::string_view line);

    base::HostPath path_;
    base::Fd listener_;
    dev_t device_ = 0; ///< of the socket's name, which another supervisor may have taken since
    ino_t inode_ = 0;
    std::vector<Peer> peers_;
};

/// The other side, used by launch.cpp.
class ControlClient {
  public:
    /// Agrees on a version first. nullopt when nobody listens there. Error{busy} when the supervisor does not
    /// take connections, Error{denied}; Error{conflict} when it is of a pkgjail so much newer that it speaks
    /// no version of ours. `patience` is for each of its answers.
    static std::optional<ControlClient>
    connect(const base::HostPath& run_directory,
            std::chrono::milliseconds patience = std::chrono::milliseconds(5'000));
    int version() const { return version_; } ///< that both sides speak; the lowest one where it said nothing
    bool is_silent() const { return silent_; } ///< it did not answer when it was asked for its versions
    /// In the version that both sides speak; what needs a newer one than the supervisor's is
    /// Error{conflict}, and Error{busy} where it said nothing of its versions. False when the supervisor has
    /// gone.
    bool send(std::string_view request);
    /// One line without its newline; nullopt when the connection ended before or `deadline` passed.
    std::optional<std::string> read_line(base::SteadyTime deadline);
    /// Waits for the other end to be gone; false when `deadline` passed.
    bool wait_for_end(base::SteadyTime deadline);

  private:
    explicit ControlClient(base::Fd fd) : fd_(std::move(fd)) {}
    static std::optional<ControlClient> open(const base::HostPath& run_directory,
                                             std::chrono::milliseconds patience);
    bool send_line(std::string text);
    /// Reads some; false when `deadline` passed. Sets ended_.
    bool receive(base::SteadyTime deadline);
    base::Fd fd_;
    std::string received_;
    bool ended_ = false;
    int version_ = lowest_control_version; ///< that both sides speak
    bool silent_ = false;                  ///< it said nothing of its versions, and may know more
};

} // namespace pkgjail::supervise

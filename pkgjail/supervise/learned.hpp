// What a jail that learns has done that a profile would have denied: RUN/learned.json, written by the
// supervisor and read by anybody who may. It stays when the jail is stopped, until the jail learns again.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/path.hpp"
#include "pkgjail/confine/call_listener.hpp"
#include "pkgjail/confine/seccomp.hpp"
#include "pkgjail/jail/profile.hpp"

namespace pkgjail::supervise {

/// One kind of call by one program.
struct LearnedCall {
    std::string call;                      ///< with what profiles look at: "unshare(CLONE_NEWUSER)"
    std::string program;                   ///< foreign bytes; empty: it was gone
    int answer = 0;                        ///< the error with which the profile would have denied it
    std::vector<jail::Profile> allowed_by; ///< weaker profiles that do not deny it, strictest first
    std::uint64_t count = 0;
    base::WallTime first{};
    base::WallTime last{};
};

struct Learned {
    jail::Profile profile = jail::Profile::high; ///< whose denials these are
    base::WallTime since{};
    std::vector<LearnedCall> calls;
    std::uint64_t unlisted = 0; ///< calls beyond most_learned kinds, counted only
    std::string trouble;        ///< the last reason why something could not be heard; empty: none
};

/// So many kinds are told apart: programs in a jail choose their names and arguments.
inline constexpr std::size_t most_learned = 1000;

/// Collects. Used by two threads: one hears, the other writes down.
class LearnedCalls {
  public:
    LearnedCalls(jail::Profile profile, base::WallTime now);
    /// Takes no notice of what the profile allows.
    void hear(const confine::NoticedCall& call, base::WallTime now);
    void have_trouble(const std::string& reason);
    /// All of it, when there is anything new since this was asked last.
    std::optional<Learned> take_changed();
    /// So that it is given once more: it could not be written.
    void not_taken();

  private:
    using Key = std::pair<std::string, std::string>; ///< call, program

    std::mutex guard_;
    bool changed_ = true;
    Learned learned_; ///< but for its calls
    std::map<Key, LearnedCall> calls_;
    std::vector<std::pair<jail::Profile, confine::SyscallFilter>>
        filters_; ///< its own first, then weaker ones
};

std::string to_json(const Learned& learned);
/// Throws Error{corrupt}.
Learned learned_from_json(std::string_view text);

base::HostPath learned_file(const base::HostPath& run_directory); ///< RUN/learned.json
/// nullopt: the jail has never learned, since its run directory was made.
std::optional<Learned> read_learned(const base::HostPath& run_directory);

/// Listens and writes down, for as long as the supervisor lives.
class Learning {
  public:
    static constexpr std::chrono::milliseconds pause{1'000};

    /// Begins a new list. Throws Error{system}.
    Learning(const base::HostPath& run_directory, const std::string& handle, jail::Profile profile);
    /// What the jail's description says to the runtime.
    const base::HostPath& socket() const { return listener_.socket(); }
    base::SteadyTime next_deadline() const { return write_at_; }
    /// Writes what is new, when it is time. Returns why it could not, when it could before.
    std::optional<std::string> handle_timers(base::SteadyTime now) noexcept;
    /// Writes what is new.
    std::optional<std::string> write() noexcept;

  private:
    const base::HostPath file_;
    bool failed_ = false;
    LearnedCalls calls_;
    confine::CallListener listener_; ///< last: its thread ends before what it tells
    base::SteadyTime write_at_;
};

} // namespace pkgjail::supervise

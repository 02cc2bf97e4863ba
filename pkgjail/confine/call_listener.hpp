// Hears of the system calls that a jail which learns (JailSpec::learning) makes and its profile would have
// denied. The kernel holds the caller until it is answered; each is told to go on, so this changes nothing
// but the time that the call takes.
//
// The runtime makes a descriptor of the kernel's for the first process and for each that is put into the jail
// later, and hands it on at a socket: one message, as the OCI runtime specification has it
// (containerProcessState). From then on a thread of ours answers. It does so before it tells anybody, and
// whatever becomes of the telling. When we end, held calls and later ones fail with ENOSYS.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "pkgjail/base/fd.hpp"
#include "pkgjail/base/path.hpp"

namespace pkgjail::confine {

struct NoticedCall {
    std::string call;                     ///< its name, see call_name()
    std::vector<std::uint64_t> arguments; ///< all six
    std::string program; ///< the caller's own name for itself, any bytes; empty: it was gone already
};

/// What tells is called by the thread; it may throw. `trouble` is why a descriptor or a notification could
/// not be used.
struct CallEars {
    std::function<void(const NoticedCall& call)> heard;
    std::function<void(const std::string& trouble)> trouble;
};

class CallListener {
  public:
    /// Listens in `directory` (our own, 0700) for the jail `handle`. Throws Error{system}, and
    /// Error{configuration} where the platform has nothing like it.
    CallListener(const base::HostPath& directory, std::string handle, CallEars ears);
    CallListener(const CallListener&) = delete;
    CallListener& operator=(const CallListener&) = delete;
    /// Ends the thread, closes every descriptor and takes the socket away.
    ~CallListener();

    /// For JailSpec::learning: how a program that we start reaches the socket.
    const base::HostPath& socket() const { return address_; }
    /// How many descriptors the runtime has handed over so far.
    std::size_t descriptors() const { return descriptors_; }

    /// Takes away what a listener that was killed has left in the directory.
    static void remove_left(const base::HostPath& directory);
    /// In a child that was forked and goes on: closes its copies of the kernel's descriptors, which would
    /// keep callers waiting for an answer when we are killed. Looks at descriptors below `below`.
    static void close_copies(int below) noexcept;

  private:
    void listen() noexcept;
    void accept_runtime();
    void take_descriptors(int peer);
    bool answer(int notices);

    base::HostPath path_;
    base::HostPath address_;
    std::string handle_;
    CallEars ears_;
    base::Fd directory_;
    base::Fd listener_;
    base::Pipe end_;                ///< a byte in it: the thread ends
    std::vector<base::Fd> peers_;   ///< the thread's own
    std::vector<base::Fd> notices_; ///< the thread's own
    std::atomic<std::size_t> descriptors_{0};
    std::thread thread_;
};

} // namespace pkgjail::confine

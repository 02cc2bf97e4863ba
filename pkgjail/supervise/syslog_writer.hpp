// A jail's records on their way into the host's log, when `[log] syslog` asks for it.
//
// Datagrams to the socket of the host's logger, written here and not by syslog(3): that one waits when the
// logger does not read, and a service's log must never wait.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/fd.hpp"
#include "pkgjail/base/path.hpp"
#include "pkgjail/supervise/log_record.hpp"

namespace pkgjail::supervise {

class SyslogWriter {
  public:
    /// A record longer than this is cut, and ends in "…".
    static constexpr std::size_t longest_text = 2000;

    /// `facility` as in <syslog.h>. `socket` is the logger's; empty: this host's own.
    SyslogWriter(int facility, std::string tag, base::HostPath socket = {});
    /// Level by stream: out is info, err is warning, sup is notice. False when the logger did not take it:
    /// it is not there, or does not read.
    bool send(const LogRecord& record) noexcept;

  private:
    bool connect();

    int facility_;
    std::string tag_;
    std::string process_;
    base::HostPath socket_;
    base::Fd fd_;
    std::optional<base::SteadyTime> next_attempt_;
};

/// "<PRI>Nov 22 03:04:05 TAG[PID]: text", in local time, as every logger of a Unix host reads it (RFC 3164).
std::string syslog_message(int facility, std::string_view tag, std::string_view process,
                           const LogRecord& record);

} // namespace pkgjail::supervise

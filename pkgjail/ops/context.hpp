// What every operation is given: where the state is, how it is configured, and somebody to talk to.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pkgjail/base/path.hpp"
#include "pkgjail/jail/config.hpp"
#include "pkgjail/store/layout.hpp"

namespace pkgjail::ops {

/// How operations speak; cli implements it. Operations never print.
class Reporter {
  public:
    virtual ~Reporter() = default;
    /// What is being done now, a short phrase without a full stop: "unpack 4 packages". Shown on a terminal,
    /// or with -v.
    virtual void doing(std::string_view what) = 0;
    /// How far `what` is; `total` 0 when it is not known. Called often; drawing is the implementation's
    /// business.
    virtual void progress(std::string_view what, std::uint64_t done, std::uint64_t total) = 0;
    /// Something the operator should know although it is no failure. One line.
    virtual void warn(std::string_view text) = 0;
    /// Text of a package for the operator (+DISPLAY): foreign, several lines.
    virtual void message(std::string_view pkgname, std::string_view text) = 0;
    /// A question before something is lost. True with --yes; Error{usage} where nobody can be asked.
    virtual bool confirm(std::string_view question) = 0;
};

/// An entry of the audit trail that did not end well.
struct FailedAct {
    std::int64_t id = 0;
    std::int64_t at = 0; ///< as the entry has it
    std::string outcome; ///< why; empty: not known yet
    int exit_status = 1;
};

struct Context {
    jail::Config config;
    store::Layout layout;
    Reporter& reporter;
    base::HostPath supervisor;             ///< the program pkgjail-supervisor
    std::chrono::milliseconds patience{0}; ///< --wait: how long to wait for locks
    bool dry_run = false;
    std::string command_line; ///< as typed, for history and the audit trail
    /// Whether a session of this command has looked for what dead commands left: once is enough, and with
    /// many jails a command has many sessions.
    std::shared_ptr<std::atomic<bool>> swept = std::make_shared<std::atomic<bool>>(false);
    /// What this command's sessions could only call failed: why they end is on its way to the operator then.
    std::shared_ptr<std::vector<FailedAct>> failed_acts = std::make_shared<std::vector<FailedAct>>();
};

} // namespace pkgjail::ops

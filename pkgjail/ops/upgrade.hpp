// `pkgjail upgrade`, `rollback`: a jail's generations over time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "pkgjail/base/error.hpp"
#include "pkgjail/catalog/jails.hpp"
#include "pkgjail/ops/context.hpp"
#include "pkgjail/solve/solver.hpp"
#include "pkgjail/supervise/service_state.hpp"

namespace pkgjail::ops {

struct UpgradeRequest {
    std::string jail;
    std::vector<std::string> only; ///< bases; empty: everything
};

/// A package that an upgrade left alone because it is held.
struct HeldBack {
    std::string pkgname;
    std::string offered; ///< the best newer one on offer; empty: none
    catalog::Hold hold;
};

struct UpgradeResult {
    std::string jail;
    std::shared_ptr<const solve::Plan> plan; ///< jails that are equal to the solver share one; never null
    std::uint64_t download_bytes = 0;
    std::int64_t generation = 0; ///< the current one afterwards
    std::string image;
    bool changed = false;
    bool started = false;
    std::optional<supervise::ServiceStatus> status;
    std::vector<std::string> warnings;
    std::vector<HeldBack> held;
    std::vector<std::string> vanished; ///< pkgnames of which no repository has any version
    std::vector<std::string> unneeded; ///< pkgnames that autoremove would take away afterwards
};

/// Plans, fetches, checks and builds while the jail runs; then one restart. A new generation that does not
/// become ready, or ends within the recipe's quiet period, is put back: Error{unhealthy} (exit 4), with the
/// old one running again.
UpgradeResult upgrade(const Context& context, const UpgradeRequest& request);

/// What upgrades would do, for any number of jails, all of them as they are in one moment. Reads only: it
/// waits for nobody and leaves nothing in the audit trail. Only where a repository was never read that is
/// done first, by an operation of its own, or is Error{not_found} in a dry run.
class UpgradeCheck {
  public:
    /// `only` as in UpgradeRequest. Does nothing yet.
    UpgradeCheck(const Context& context, std::vector<std::string> only);
    UpgradeCheck(const UpgradeCheck&) = delete;
    UpgradeCheck& operator=(const UpgradeCheck&) = delete;
    ~UpgradeCheck();

    /// Throws what upgrade would throw of the plan.
    UpgradeResult of(const std::string& jail);

  private:
    class View;
    void open(const std::string& jail);

    const Context& context_;
    std::vector<std::string> only_;
    std::unique_ptr<View> view_;
    std::optional<base::Error> unreadable_; ///< why no repository's index can be had, for the next jails
};

/// Only plans, fetches and checks, so that with several jails everything is known to be there before the
/// first one is changed. Throws what upgrade would throw as far as that. `fetched` is empty for the first
/// jail, and the same for all: jails with equal packages want equal archives, which are looked at once.
void fetch_for_upgrade(const Context& context, const UpgradeRequest& request, std::set<std::string>& fetched);

struct RollbackResult {
    std::string jail;
    std::int64_t from = 0;
    std::int64_t to = 0;
    bool started = false;
    std::optional<supervise::ServiceStatus> status;
};
/// Image and configuration of an older (or newer) kept generation; 0: the highest one below the current that
/// was not rolled back. Data is never touched. Passes the same gate as an upgrade.
RollbackResult rollback(const Context& context, const std::string& jail, std::int64_t generation);

} // namespace pkgjail::ops

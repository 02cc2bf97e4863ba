// `pkgjail upgrade`, `rollback`: a jail's generations over time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pkgjail/catalog/jails.hpp"
#include "pkgjail/ops/context.hpp"
#include "pkgjail/solve/solver.hpp"
#include "pkgjail/supervise/service_state.hpp"

namespace pkgjail::ops {

struct UpgradeRequest {
    std::string jail;
    std::vector<std::string> only; ///< bases; empty: everything
    bool check = false;            ///< only say what there is to do
};

struct UpgradeResult {
    std::string jail;
    solve::Plan plan;
    std::uint64_t download_bytes = 0;
    std::int64_t generation = 0; ///< the current one afterwards
    std::string image;
    bool changed = false;
    bool started = false;
    std::optional<supervise::ServiceStatus> status;
    std::vector<std::string> warnings;
};

/// Plans, fetches, checks and builds while the jail runs; then one restart. A new generation that does not
/// become ready, or ends within the recipe's quiet period, is put back: Error{unhealthy} (exit 4), with the
/// old one running again.
UpgradeResult upgrade(const Context& context, const UpgradeRequest& request);

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

// What an upgrade would make of jails. Plans only: nothing is fetched and nothing is written.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "pkgjail/base/error.hpp"
#include "pkgjail/ops/universe.hpp"
#include "pkgjail/ops/upgrade.hpp"
#include "pkgjail/ops/vulnerable.hpp"
#include "pkgjail/solve/pattern_table.hpp"

namespace pkgjail::ops {

/// Jails whose image and whose holds in force are the same put the same question, which is solved once. The
/// catalog must outlive it, and show one state all the time (catalog::ReadTransaction).
class UpgradePlanner {
  public:
    /// `only`: bases; empty: everything.
    UpgradePlanner(const Context& context, catalog::Catalog& catalog, std::vector<std::string> only);

    /// What there is to do, and what is left alone; says what the operator should know. As plan_or_throw, and
    /// a refusal says of each hold that has a part in it why and until when it holds.
    UpgradeResult plan(const catalog::Jail& jail, const catalog::Image& image);

  private:
    using Question = std::pair<std::string, std::set<std::string>>; ///< image id, held bases
    struct Solution {
        std::shared_ptr<const solve::Plan> plan;
        std::uint64_t download_bytes = 0;
        std::vector<std::string> vanished;
        std::vector<std::string> unneeded;
    };
    /// The refusal as it is told where nothing is held.
    using Answer = std::variant<Solution, base::Error>;

    const Answer& answer(const catalog::Image& image, const std::set<std::string>& held);
    Solution solve_for(const catalog::Image& image, const std::set<std::string>& held);
    std::vector<HeldBack> held_back(const catalog::Jail& jail, const catalog::Image& image);
    std::string best_newer(const std::string& pkgname);

    const Context& context_;
    catalog::Catalog& catalog_;
    std::vector<std::string> only_;
    CatalogUniverse universe_;
    solve::PatternTable patterns_;
    std::optional<VulnerabilityCheck> vulnerabilities_;
    std::map<Question, Answer> answers_;
};

} // namespace pkgjail::ops

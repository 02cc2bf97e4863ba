// The plan that was made for another new jail when it was asked for the same packages. While nothing else is
// on offer a further jail gets the same, and neither has its plan to be found again nor what the repositories
// promise of each package to be looked at: both would take as long as there are packages.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pkgjail/catalog/known_plans.hpp"
#include "pkgjail/ops/make_image.hpp"
#include "pkgjail/solve/solver.hpp"

namespace pkgjail::ops {

class PlannedBefore {
  public:
    /// `wishes` of a jail that has no packages yet, none of them a file of the operator. What is on offer is
    /// looked at here: solve in the same ReadTransaction what is to be noted.
    PlannedBefore(Session& session, std::vector<std::string> wishes);

    /// Nullopt where there is none. Of its packages only the names are known.
    std::optional<solve::Plan> find();
    /// Of the plan that was found.
    std::uint64_t download_bytes() const { return known_->download_bytes; }
    /// As PromisedImage::find, for the plan that was found; nullopt: it has to be planned again.
    std::optional<MadeImage> image();

    /// For the next one, in the transaction that records the image; unless something else is on offer by now,
    /// or the image cannot be found without its archives.
    void note(const solve::Plan& plan, std::uint64_t download_bytes, const MadeImage& made);

  private:
    std::string key_now();

    Session& session_;
    const Context& context_;
    std::vector<std::string> wishes_;
    catalog::KnownPlans plans_;
    std::string key_;
    std::optional<catalog::KnownPlan> known_;
};

} // namespace pkgjail::ops

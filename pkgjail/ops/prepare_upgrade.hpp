// The steps of an upgrade that change nothing: plan, fetch, check.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "pkgjail/ops/installed.hpp"
#include "pkgjail/ops/make_image.hpp"
#include "pkgjail/ops/session.hpp"
#include "pkgjail/ops/upgrade.hpp"

namespace pkgjail::ops {

/// Holds the jail's lock and the session as long as it lives.
class PreparedUpgrade {
  public:
    PreparedUpgrade(const Context& context, const UpgradeRequest& request);

    /// What there is to do, and what is left alone.
    UpgradeResult plan();
    MadeImage image(const solve::Plan& plan);
    /// Only what image() will want, and nothing twice: `fetched` has the keys of plans for which it was done.
    void fetch(const solve::Plan& plan, std::set<std::string>& fetched);
    /// A wish that only a replaced package fulfilled now means the one that took its place.
    std::vector<std::string> wishes_after(const solve::Plan& plan) const;

    Session& session() { return session_; }
    const Installed& before() const { return before_; }

  private:
    std::string successor(const std::string& wish, const solve::Plan& plan) const;

    const Context& context_;
    const UpgradeRequest& request_;
    Session session_;
    JailLock lock_;
    Installed before_;
};

} // namespace pkgjail::ops

// `pkgjail upgrade --check` and `--dry-run`: what there is to do; of a dry run also whether it could be done.

#include <utility>

#include "pkgjail/ops/installed.hpp"
#include "pkgjail/ops/package_trust.hpp"
#include "pkgjail/ops/session.hpp"
#include "pkgjail/ops/update.hpp"
#include "pkgjail/ops/upgrade.hpp"
#include "pkgjail/ops/upgrade_planner.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;

namespace {

catalog::Catalog opened(const Context& context, const std::string& jail) {
    auto catalog = open_for_reading(context);
    if (!catalog)
        throw Error(ErrorKind::not_found, jail, "there is no jail of this name",
                    "pkgjail install PACKAGE makes the first one");
    return std::move(*catalog);
}

} // namespace

/// The catalog at one moment.
class UpgradeCheck::View {
  public:
    View(const Context& context, catalog::Catalog catalog, const std::vector<std::string>& only)
        : context_(context), catalog_(std::move(catalog)), one_state_(catalog_.database()), jails_(catalog_),
          images_(catalog_), planner_(context, catalog_, only) {}

    UpgradeResult plan(const std::string& name) {
        const catalog::Jail jail = require_jail(catalog_, name);
        const auto generation = jails_.generation(jail.id, jail.current);
        const auto image = generation ? images_.find(generation->image_id) : nullptr;
        if (!image)
            throw without_image(jail);
        UpgradeResult result = planner_.plan(jail, *image);
        if (context_.dry_run)
            require_believed_indexes(context_, catalog_, *result.plan);
        return result;
    }

  private:
    const Context& context_;
    catalog::Catalog catalog_;
    catalog::ReadTransaction one_state_;
    catalog::Jails jails_;
    KnownImages images_;
    UpgradePlanner planner_;
};

UpgradeCheck::UpgradeCheck(const Context& context, std::vector<std::string> only)
    : context_(context), only_(std::move(only)) {}

UpgradeCheck::~UpgradeCheck() = default;

UpgradeResult UpgradeCheck::of(const std::string& jail) {
    if (unreadable_)
        throw Error(*unreadable_);
    if (!view_)
        open(jail);
    return view_->plan(jail);
}

void UpgradeCheck::open(const std::string& jail) {
    {
        catalog::Catalog catalog = opened(context_, jail);
        require_jail(catalog, jail); // before repositories are asked for what is none
        if (!is_refresh_due(context_, catalog)) {
            view_ = std::make_unique<View>(context_, std::move(catalog), only_);
            return;
        }
    } // an operation begins without an open catalog (prepare_readers)
    try {
        Session session(context_, "upgrade", jail, Session::Reads::foreign);
        refresh_if_never_done(session);
        session.finish();
    } catch (const Error& error) {
        unreadable_ = error;
        throw;
    }
    view_ = std::make_unique<View>(context_, opened(context_, jail), only_);
}

} // namespace pkgjail::ops

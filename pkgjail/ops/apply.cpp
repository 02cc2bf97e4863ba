#include "pkgjail/ops/apply.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "pkgjail/ops/inspect.hpp"
#include "pkgjail/ops/install.hpp"
#include "pkgjail/ops/jail_network.hpp"
#include "pkgjail/ops/lifecycle.hpp"
#include "pkgjail/ops/mounts.hpp"
#include "pkgjail/ops/requirements.hpp"
#include "pkgjail/ops/secrets.hpp"
#include "pkgjail/ops/service.hpp"
#include "pkgjail/ops/session.hpp"
#include "pkgjail/ops/settings.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;

namespace {

using Names = std::vector<std::string>;

/// Throws what start and stop tell of the jail, and of those that they take along.
void throw_failures(const LifecycleResult& result) {
    if (result.error)
        throw Error(*result.error);
}

class Apply {
  public:
    Apply(const Context& context, const ApplyRequest& request, const ApplyTold& told)
        : context_(context), request_(request), told_(told), declared_(declared_names(context)) {}

    void run() {
        for (const std::string& name : in_order(request_.jails.empty() ? declared_ : request_.jails))
            bring_about(name);
        if (request_.orphans)
            look_after_orphans();
    }

  private:
    /// Each after those of them that it requires. Those whose declaration cannot be read are told of in
    /// their turn.
    Names in_order(const Names& names) {
        auto catalog = open_for_reading(context_);
        if (catalog)
            requirements_ = read_requirements(context_, *catalog);
        for (const std::string& name : declared_) {
            try {
                const auto recipe = declared_recipe(context_, require_declaration(context_, name));
                requirements_.add(name, recipe ? recipe->requires_ : Names{});
            } catch (const Error& error) {
                requirements_.add_unreadable(name, error);
            }
        }
        return requirements_.sorted(names);
    }

    void bring_about(const std::string& name) {
        ApplyResult result;
        result.jail = name;
        try {
            const jail::Declaration declaration = require_declaration(context_, name);
            result.file = declaration.file.string();
            result.labels = declaration.labels;
            requirements_.start_order(name);
            auto catalog = open_for_reading(context_);
            const Drift drift = drift_of(context_, catalog ? &*catalog : nullptr, declaration);
            catalog.reset();
            result.actions = drift.actions;
            if (!context_.dry_run)
                for (const ApplyAction& action : drift.actions) {
                    carry_out(action.step, drift);
                    ++result.done;
                }
        } catch (const Error& error) {
            result.error = error;
        }
        told_(result);
    }

    void carry_out(ApplyStep step, const Drift& drift) {
        const jail::Declaration& declaration = drift.declaration;
        switch (step) {
        case ApplyStep::create:
            create(drift);
            return;
        case ApplyStep::stop:
            stop(context_, {declaration.name}, false, throw_failures);
            return;
        case ApplyStep::limits:
            change_limits(context_, drift.limits);
            return;
        case ApplyStep::network:
            change_network(context_, declaration.name, declaration.network);
            return;
        case ApplyStep::mounts:
            if (change_mounts(context_, declaration.name, {declaration.volumes, declaration.mounts}).running)
                restart(context_, declaration.name);
            return;
        case ApplyStep::settings:
            change_settings(context_, declaration.name, declaration.set);
            return;
        case ApplyStep::install: {
            InstallRequest request;
            request.packages = drift.install;
            request.jail = declaration.name;
            install(context_, request);
            return;
        }
        case ApplyStep::remove:
            remove(context_, {declaration.name, drift.remove});
            return;
        case ApplyStep::secrets: {
            auto catalog = open_for_reading(context_);
            const catalog::Jail jail = require_jail(*catalog, declaration.name);
            require_secrets(context_, jail, rendered_recipe(context_, jail));
            return;
        }
        case ApplyStep::start:
            start(context_, {declaration.name}, throw_failures);
            return;
        case ApplyStep::destroy:
            destroy(context_, declaration.name, false);
            return;
        }
    }

    void create(const Drift& drift) {
        const jail::Declaration& declaration = drift.declaration;
        InstallRequest request;
        request.packages = drift.install;
        request.jail = declaration.name;
        request.recipe = declaration.recipe;
        request.without_recipe = declaration.recipe.empty();
        request.limits = declaration.limits;
        request.limit_overrides = declaration.limit_overrides;
        request.set = declaration.set;
        request.network = declaration.network;
        request.mounts = {declaration.volumes, declaration.mounts};
        const auto recipe = declared_recipe(context_, declaration);
        // A jail that does not exist has no secrets yet: it is made, and told to lack them.
        const Names missing = missing_secrets(context_, "", recipe);
        request.start = declaration.running && missing.empty();
        install(context_, request);
        if (!missing.empty() && declaration.running)
            throw secrets_error(declaration.name, missing);
    }

    void look_after_orphans() {
        Names orphans;
        for (const std::string& name : jail_names(context_))
            if (std::find(declared_.begin(), declared_.end(), name) == declared_.end())
                orphans.push_back(name);
        if (orphans.empty())
            return;
        const bool remove = request_.remove_orphans;
        if (remove && !context_.dry_run &&
            !context_.reporter.confirm(fmt::format("Destroy {} that no file declares: {}? Their data stays.",
                                                   orphans.size() == 1 ? "the jail" : "the jails",
                                                   fmt::join(orphans, ", "))))
            throw Error(ErrorKind::usage, "--remove-orphans",
                        "nothing is removed, because the question was not answered with yes",
                        "repeat it with --yes");
        for (const std::string& name : dependents_first(context_, orphans)) {
            ApplyResult result;
            result.jail = name;
            result.orphan = true;
            if (remove)
                result.actions.push_back({ApplyStep::destroy, "no file declares it", false});
            try {
                if (remove && !context_.dry_run) {
                    destroy(context_, name, false);
                    result.done = 1;
                }
            } catch (const Error& error) {
                result.error = error;
            }
            told_(result);
        }
    }

    const Context& context_;
    const ApplyRequest& request_;
    const ApplyTold& told_;
    const Names declared_;
    Requirements requirements_;
};

} // namespace

void apply(const Context& context, const ApplyRequest& request, const ApplyTold& told) {
    Apply(context, request, told).run();
}

} // namespace pkgjail::ops

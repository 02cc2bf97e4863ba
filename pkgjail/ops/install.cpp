#include "pkgjail/ops/install.hpp"

#include <algorithm>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/step.hpp"
#include "pkgjail/catalog/images.hpp"
#include "pkgjail/format/confined_reading.hpp"
#include "pkgjail/format/pattern.hpp"
#include "pkgjail/format/pkgname.hpp"
#include "pkgjail/jail/name.hpp"
#include "pkgjail/jail/search.hpp"
#include "pkgjail/jail/suggest.hpp"
#include "pkgjail/ops/holding.hpp"
#include "pkgjail/ops/installed.hpp"
#include "pkgjail/ops/jail_network.hpp"
#include "pkgjail/ops/limits.hpp"
#include "pkgjail/ops/lock.hpp"
#include "pkgjail/ops/lost.hpp"
#include "pkgjail/ops/make_image.hpp"
#include "pkgjail/ops/mounts.hpp"
#include "pkgjail/ops/package_trust.hpp"
#include "pkgjail/ops/planned_before.hpp"
#include "pkgjail/ops/planning.hpp"
#include "pkgjail/ops/promised_image.hpp"
#include "pkgjail/ops/recipes.hpp"
#include "pkgjail/ops/recover.hpp"
#include "pkgjail/ops/requirements.hpp"
#include "pkgjail/ops/restart_jail.hpp"
#include "pkgjail/ops/secrets.hpp"
#include "pkgjail/ops/service.hpp"
#include "pkgjail/ops/settings.hpp"
#include "pkgjail/ops/start_jail.hpp"
#include "pkgjail/ops/switch_image.hpp"
#include "pkgjail/ops/universe.hpp"
#include "pkgjail/ops/update.hpp"
#include "pkgjail/ops/vulnerable.hpp"
#include "pkgjail/store/jail_files.hpp"
#include "pkgjail/store/secret_files.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;

namespace {

bool names_a_file(const std::string& argument) {
    return argument.find('/') != std::string::npos || argument.ends_with(".tgz") ||
           argument.ends_with(".tbz");
}

/// The base that a request means, for naming recipe and jail: "nginx" of "nginx", "nginx>=1.20",
/// "nginx-1.26.1".
std::string base_of(const std::string& argument) {
    if (const auto bases = format::Pattern::parse(argument).bases(); bases && bases->size() == 1)
        return bases->front();
    const std::size_t dash = argument.rfind('-');
    return dash == std::string::npos ? argument : argument.substr(0, dash);
}

std::string as_jail_name(std::string name) {
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) {
        return static_cast<char>(std::isalnum(c) != 0 ? std::tolower(c) : c == '_' ? '_' : '-');
    });
    return name;
}

/// What install works on, gathered before anything is decided.
struct Subject {
    std::string jail_name;
    std::string recipe;                          ///< empty: none
    std::vector<std::string> wishes;             ///< patterns for the solver
    std::map<std::string, base::HostPath> local; ///< pkgname → archive file
    std::vector<solve::Offer> local_offers;
};

Subject subject_of(const Context& context, const InstallRequest& request) {
    Subject subject;
    std::string first;
    for (const std::string& argument : request.packages) {
        if (request.patterns_only || !names_a_file(argument)) {
            check_pattern(argument);
            subject.wishes.push_back(argument);
            if (first.empty())
                first = base_of(argument);
            continue;
        }
        const repo::CheckedArchive archive = repo::check_local_archive(argument);
        const format::PackageMetadata metadata = format::read_package_metadata(archive.fd, argument);
        solve::Offer offer;
        offer.pkgname = metadata.plist.pkgname;
        offer.build_date = metadata.build_info.get("BUILD_DATE").value_or("");
        offer.depends = metadata.plist.depends;
        offer.conflicts = metadata.plist.conflicts;
        offer.supersedes = metadata.build_info.all("SUPERSEDES");
        offer.installed_bytes = metadata.size_pkg.value_or(0);
        subject.local[offer.pkgname] = argument;
        subject.wishes.push_back(offer.pkgname);
        if (first.empty())
            first = std::string(format::Pkgname::parse(offer.pkgname).base());
        subject.local_offers.push_back(std::move(offer));
    }
    const auto recipes = jail::list_recipes(context.config.recipe_directories);
    if (!request.recipe.empty())
        subject.recipe = request.recipe;
    else if (!request.without_recipe && std::find(recipes.begin(), recipes.end(), first) != recipes.end())
        subject.recipe = first;
    subject.jail_name =
        !request.jail.empty() ? request.jail : as_jail_name(subject.recipe.empty() ? first : subject.recipe);
    jail::check_name("jail", subject.jail_name);
    return subject;
}

std::optional<LockFile> lock_of(const Context& context, const InstallRequest& request) {
    if (request.locked.empty())
        return std::nullopt;
    LockFile lock = read_lock(request.locked);
    check_lock(context, lock);
    return lock;
}

/// The operator's request with what the lock says where the operator said nothing.
InstallRequest completed(InstallRequest request, const std::optional<LockFile>& lock) {
    if (!lock)
        return request;
    for (const auto& [key, value] : lock->settings)
        request.set.try_emplace(key, value);
    if (request.limits.empty())
        request.limits = lock->limits;
    return request;
}

Subject subject_of(const LockFile& lock, const InstallRequest& request) {
    Subject subject;
    subject.jail_name = request.jail.empty() ? lock.jail : request.jail;
    jail::check_name("jail", subject.jail_name);
    subject.recipe = lock.recipe;
    subject.wishes = lock.wishes;
    return subject;
}

class Install {
  public:
    Install(const Context& context, const InstallRequest& request)
        : context_(context), locked_(lock_of(context, request)), request_(completed(request, locked_)),
          asked_(request), secrets_(read_secret_files(request.secrets)),
          subject_(locked_ ? subject_of(*locked_, request_) : subject_of(context, request_)),
          session_(context, "install", subject_.jail_name, Session::Reads::foreign),
          lock_(session_.lock_jail(subject_.jail_name)) {}

    InstallResult run() {
        // Archives that the operator named need no repository, but may take their dependencies from one.
        if (!context_.config.repositories.empty() ||
            (!locked_ && subject_.local.size() < subject_.wishes.size()))
            refresh_if_never_done(session_);
        const auto existing = catalog::Jails(session_.catalog()).find(subject_.jail_name);
        result_.jail = subject_.jail_name;
        if (existing && request_.only_new)
            throw Error(ErrorKind::conflict, subject_.jail_name, "there is a jail of this name",
                        "give the jail another name, or destroy that one first");
        if (existing)
            extend(*existing);
        else
            create();
        session_.finish();
        return std::move(result_);
    }

  private:
    std::string which_recipe() const {
        const auto names = jail::list_recipes(context_.config.recipe_directories);
        return names.empty() ? jail::no_such("recipe", names, context_.config.recipe_directories)
                             : "name one with --recipe: " + jail::enumerate(names);
    }

    void create() {
        if (!subject_.recipe.empty()) {
            recipe_ = render_recipe(context_, subject_.recipe, subject_.jail_name, request_.set);
            jail::choose_network(*recipe_, request_.network, subject_.jail_name);
        } else if (!request_.network.is_empty())
            throw Error(ErrorKind::usage, subject_.jail_name,
                        "a network is chosen for a service, and there is no recipe for this package",
                        which_recipe());
        else if (!request_.set.empty())
            throw Error(ErrorKind::usage, subject_.jail_name,
                        "--set needs a recipe, and there is none for this package", which_recipe());
        result_.recipe = subject_.recipe;
        catalog::Jail jail = new_jail();
        check_claims(session_.catalog(), jail);
        settle_address(context_, session_.catalog(), jail, recipe_);
        if (recipe_)
            check_requirements(context_, session_.catalog(), jail.name, *recipe_, request_.start);
        check_mounts(context_, request_.mounts,
                     recipe_ ? recipe_->data_paths : std::vector<base::RootPath>{});
        if (jail.wanted_running) {
            if (const auto missing = missing_secrets(context_, jail.id, recipe_, secrets_); !missing.empty())
                throw secrets_error_before(
                    jail.name, missing,
                    fmt::format("give it with --secret {}=FILE; or install with --no-start",
                                missing.front()));
            check_ports_free(jail);
        }
        check_limit_changes(jail.limit_overrides);
        jail_limits(context_, jail, recipe_); // a wrong template is told before anything is downloaded

        if (locked_)
            result_.plan = plan_of(*locked_, nullptr);
        else
            plan_anew(jail, !context_.dry_run); // a dry run looks at what it would take
        tell_vulnerable(context_, session_.catalog(), result_.plan);
        if (context_.dry_run)
            return tell_what_is_refused();
        std::optional<MadeImage> made = is_known_plan_ ? before_->image() : std::nullopt;
        if (made) {
            result_.image_reused = true;
        } else {
            if (is_known_plan_)
                plan_again(jail);
            made = image({});
        }
        place(jail, *made);
        if (!recipe_ && !request_.without_recipe && !subject_.wishes.empty())
            advise(jail.name);
        if (request_.start && recipe_ && !recipe_->services.empty()) {
            result_.status = start_jail(session_, jail);
            result_.started = true;
        }
    }

    /// For a jail without packages. `may_know`: as it was planned for another one.
    void plan_anew(const catalog::Jail& jail, bool may_know) {
        const catalog::ReadTransaction one_state(session_.catalog().database());
        before_.reset();
        if (subject_.local.empty())
            before_.emplace(session_, wishes());
        std::optional<solve::Plan> known = before_ && may_know ? before_->find() : std::nullopt;
        is_known_plan_ = known.has_value();
        if (known) {
            result_.plan = std::move(*known);
            result_.download_bytes = before_->download_bytes();
            base::step("install.plan_known");
            base::step("install.planned");
            return;
        }
        solve::Request question;
        question.install = wishes();
        result_.plan = solve(question, jail);
    }

    /// For the known plan there is no image, or another index has come since.
    void plan_again(const catalog::Jail& jail) {
        const solve::Plan known = std::move(result_.plan);
        plan_anew(jail, false);
        const auto same_name = [](const auto& a, const auto& b) {
            return a.package.pkgname == b.package.pkgname;
        };
        if (!std::equal(known.result.begin(), known.result.end(), result_.plan.result.begin(),
                        result_.plan.result.end(), same_name))
            tell_vulnerable(context_, session_.catalog(), result_.plan);
    }

    /// By a lock's digests packages are taken whatever the index is.
    void tell_what_is_refused() {
        if (!locked_)
            require_believed_indexes(context_, session_.catalog(), result_.plan);
    }

    /// The jail is there; that its package's script cannot be read changes nothing of that.
    void advise(const std::string& jail_name) {
        try {
            const std::string advice =
                advice_without_recipe(context_, session_.catalog(), subject_.wishes.front(), jail_name);
            if (!advice.empty())
                context_.reporter.warn(advice);
        } catch (const Error& error) {
            context_.reporter.warn(
                fmt::format("jail {} has no recipe, so it runs nothing, and what would run "
                            "cannot be told: {}",
                            jail_name, error.what()));
        }
    }

    /// The jail exists: nothing to do, or more packages for it.
    void extend(const catalog::Jail& jail) {
        refuse_other_settings(jail);
        recipe_ = rendered_recipe(context_, jail);
        result_.recipe = jail.recipe;
        const Installed before = installed_in(session_.catalog(), jail);
        if (locked_) {
            result_.plan = plan_of(*locked_, &before);
        } else {
            solve::Request question;
            question.install = subject_.wishes;
            question.present = present_packages(before);
            result_.plan = solve(question, jail);
        }
        result_.generation = jail.current;
        result_.image = before.image.id;
        tell_vulnerable(context_, session_.catalog(), result_.plan);
        if (context_.dry_run)
            return tell_what_is_refused();
        if (result_.plan.changes_nothing()) {
            if (is_image_gone(context_, before.image))
                build_again(before.image);
            ensure_started(jail);
        } else
            switch_generation(before);
    }

    void build_again(const catalog::Image& gone) {
        const MadeImage made = image(archives_of(gone));
        if (made.image.id != gone.id)
            throw other_than_gone(context_, gone);
        context_.reporter.warn(
            fmt::format("image {} was not on disk, and was built again", gone.id.substr(0, 12)));
    }

    void switch_generation(const Installed& before) {
        require_switchable(before.jail);
        const MadeImage made = image(archives_of(before.image));
        std::vector<std::string> wishes = locked_ ? locked_->wishes : before.generation.wishes;
        for (const std::string& wish : subject_.wishes)
            if (std::find(wishes.begin(), wishes.end(), wish) == wishes.end())
                wishes.push_back(wish);
        const Switched switched = switch_image(session_, before.jail, made, std::move(wishes));
        result_.generation = switched.jail.current;
        result_.image = made.image.id;
        result_.started = switched.started;
        result_.status = switched.status;
        result_.addresses = addresses(recipe_, before.jail.address);
    }

    void ensure_started(const catalog::Jail& jail) {
        if (!recipe_ || recipe_->services.empty())
            return;
        supervise::ServiceStatus status = supervise::read_status(context_.layout.run(jail.id));
        result_.addresses = addresses(recipe_, jail.address);
        if (jail.wanted_running && request_.start && !is_up(status)) {
            require_in_place(jail);
            if (is_unproven(jail)) {
                prove_current(session_, jail);
                status = supervise::read_status(context_.layout.run(jail.id));
            } else // without its supervisor, or on its way up or down
                status = is_running(status) ? restart_jail(session_, jail) : start_jail(session_, jail);
            result_.started = true;
        }
        result_.status = status;
    }

    void refuse_other_settings(const catalog::Jail& jail) const {
        for (const auto& [key, value] : asked_.set) {
            const auto have = jail.settings.find(key);
            if (have == jail.settings.end() || have->second != value)
                throw Error(ErrorKind::conflict, jail.name,
                            fmt::format("exists already, with another value of {}", key),
                            fmt::format("install into another jail with -j NAME, or declare this one with it "
                                        "in jails.d/{}.jail and use pkgjail apply",
                                        jail.name));
        }
        if (!asked_.recipe.empty() && asked_.recipe != jail.recipe)
            throw Error(ErrorKind::conflict, jail.name,
                        fmt::format("exists already, {}",
                                    jail.recipe.empty() ? "without a recipe" : "with recipe " + jail.recipe),
                        "install into another jail with -j NAME");
        if (!asked_.limits.empty() && asked_.limits != jail.limits_template)
            throw Error(ErrorKind::conflict, jail.name,
                        fmt::format("exists already, with limits {}", jail.limits_template),
                        fmt::format("pkgjail limits {} --limits {}", jail.name, asked_.limits));
        for (const auto& [name, value] : asked_.limit_overrides) {
            const auto have = jail.limit_overrides.find(name);
            if (have == jail.limit_overrides.end() || have->second != value)
                throw Error(ErrorKind::conflict, jail.name,
                            fmt::format("exists already, with another limit {}", name),
                            fmt::format("pkgjail limits {} {}={}", jail.name, name, value));
        }
        if (over(jail.network_choice, asked_.network) != jail.network_choice)
            throw Error(ErrorKind::conflict, jail.name, "exists already, with another network",
                        fmt::format("declare it in jails.d/{}.jail and use pkgjail apply", jail.name));
        if (!asked_.secrets.empty())
            throw Error(
                ErrorKind::conflict, jail.name, "exists already, and --secret is for a new one",
                fmt::format("pkgjail secret set {} {} < FILE", jail.name, asked_.secrets.begin()->first));
        const jail::MountWords have = mounts_of(jail);
        const auto lacks = [](const auto& list, const auto& one) {
            return std::find(list.begin(), list.end(), one) == list.end();
        };
        const auto refuse_mount = [&](const std::string& text) {
            throw Error(ErrorKind::conflict, jail.name, fmt::format("exists already, without {}", text),
                        fmt::format("pkgjail volume attach {} {}", jail.name, text));
        };
        for (const jail::VolumeUse& volume : asked_.mounts.volumes)
            if (lacks(have.volumes, volume))
                refuse_mount(volume.str());
        for (const jail::HostMount& mount : asked_.mounts.mounts)
            if (lacks(have.mounts, mount))
                refuse_mount(mount.str());
        if (locked_ && locked_->recipe != jail.recipe)
            throw Error(ErrorKind::conflict, jail.name,
                        fmt::format("exists already, {}, the lock has {}",
                                    jail.recipe.empty() ? "without a recipe" : "with recipe " + jail.recipe,
                                    locked_->recipe.empty() ? "none" : locked_->recipe),
                        "install into another jail with -j NAME");
    }

    std::vector<std::string> wishes() const {
        std::vector<std::string> all = subject_.wishes;
        if (recipe_)
            for (const std::string& package : recipe_->packages)
                if (std::find(all.begin(), all.end(), package) == all.end())
                    all.push_back(package);
        return all;
    }

    solve::Plan solve(const solve::Request& question, const catalog::Jail& jail) {
        CatalogUniverse universe(session_.catalog());
        for (const solve::Offer& offer : subject_.local_offers)
            universe.add_local(offer);
        solve::Plan plan = plan_for_jail(question, universe, jail);
        result_.download_bytes = bytes_to_download(plan);
        base::step("install.planned");
        return plan;
    }

    MadeImage image(const KnownArchives& present) {
        MadeImage made =
            locked_ ? locked_image()
                    : image_of_plan(session_, result_.plan, subject_.local, present, subject_.jail_name);
        if (locked_ && made.image.id != locked_->image)
            context_.reporter.warn(fmt::format("the image is {}, the lock's is {}; the packages are the same",
                                               made.image.id.substr(0, 12), locked_->image.substr(0, 12)));
        result_.image_reused = made.reused;
        result_.setid = made.setid;
        result_.warnings = made.warnings;
        for (const auto& [pkgname, text] : made.messages)
            context_.reporter.message(pkgname, text);
        return made;
    }

    MadeImage locked_image() {
        const Archives archives =
            obtain_archives(session_, result_.plan, {}, archives_of(*locked_), Digests::exact);
        take_account_numbers(session_, *locked_);
        return make_image(session_, result_.plan, archives, subject_.jail_name);
    }

    catalog::Jail new_jail() const {
        catalog::Jail jail;
        jail.id = base::random_hex(8);
        jail.name = subject_.jail_name;
        jail.recipe = subject_.recipe;
        jail.profile = jail::profile_name(recipe_ ? recipe_->profile : jail::Profile::high);
        jail.network = jail::network_mode_name(jail::NetworkMode::host);
        jail.network_choice = request_.network;
        jail.limits_template = !request_.limits.empty() ? request_.limits
                               : recipe_                ? recipe_->limits
                                                        : "default";
        jail.limit_overrides = request_.limit_overrides;
        if (recipe_) {
            jail.settings = request_.set;
            take_claims(jail, *recipe_);
        }
        jail.wanted_running = request_.start && recipe_ && !recipe_->services.empty();
        jail.created_at = base::to_unix(base::wall_now());
        jail.current = 1;
        return jail;
    }

    /// Files first, then the commit that makes them a jail.
    void place(catalog::Jail& jail, const MadeImage& made) {
        take_mounts(session_, request_.mounts, jail);
        catalog::Generation first = generation_of(context_, made.image.id, wishes());
        first.number = 1;
        store::NewJail files;
        files.id = jail.id;
        files.name = jail.name;
        files.image_id = made.image.id;
        files.prefix = context_.config.prefix;
        files.base = store::configured_base(context_.config.base);
        if (recipe_) {
            files.data_paths = recipe_->data_paths;
            files.files = recipe_->files;
        }
        files.record = record_of(jail, first);
        files.furnish = request_.furnish;
        store::create_jail(context_.layout, files);
        prepare_volumes(session_, jail, made.image.id);
        for (const auto& [name, value] : secrets_)
            store::write_secret(context_.layout, jail.id, name, value);

        catalog::Transaction transaction(session_.catalog().database());
        check_claims(session_.catalog(), jail); // once more: fetching and building may have taken long
        record_image(session_.catalog(), made);
        if (before_)
            before_->note(result_.plan, result_.download_bytes, made);
        catalog::Jails(session_.catalog()).add(jail, first);
        settle_volumes(session_.catalog(), jail);
        transaction.commit();
        made.hold.reset();
        base::step("install.committed");
        settle_committed(context_, context_.layout.jail(jail.id));
        result_.jail_created = true;
        result_.generation = 1;
        result_.image = made.image.id;
        result_.addresses = addresses(recipe_, jail.address);
    }

    const Context& context_;
    std::optional<LockFile> locked_;
    InstallRequest request_;
    const InstallRequest& asked_; ///< as the operator gave it
    const SecretValues secrets_;
    Subject subject_;
    Session session_;
    JailLock lock_;
    std::optional<jail::RenderedRecipe> recipe_;
    std::optional<PlannedBefore> before_; ///< of a new jail that takes all from repositories
    bool is_known_plan_ = false;          ///< the result's plan is one of before_
    InstallResult result_;
};

} // namespace

InstallResult install(const Context& context, const InstallRequest& request) {
    if (request.locked.empty() && request.packages.empty())
        throw Error(ErrorKind::usage, "install", "no package given", "pkgjail install PACKAGE");
    if (!request.locked.empty() && (!request.packages.empty() || !request.recipe.empty()))
        throw Error(ErrorKind::usage, "--locked", "packages and recipe are the lock's, no others are taken",
                    "pkgjail install --locked FILE [-j JAIL]");
    format::prepare_reading(); // before secrets are read
    Install install(context, request);
    return install.run();
}

} // namespace pkgjail::ops

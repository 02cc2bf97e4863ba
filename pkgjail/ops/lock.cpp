#include "pkgjail/ops/lock.hpp"

#include <algorithm>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/tree.hpp"
#include "pkgjail/catalog/accounts.hpp"
#include "pkgjail/format/pkgname.hpp"
#include "pkgjail/format/version.hpp"
#include "pkgjail/ops/holding.hpp"
#include "pkgjail/store/builder.hpp"
#include "pkgjail/store/root.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;

namespace {

constexpr std::size_t max_lock_bytes = std::size_t{16} << 20;

/// "strip", as pkgjail.conf has it.
std::string setid_word(jail::SetidPolicy policy) {
    switch (policy) {
    case jail::SetidPolicy::strip:
        return "strip";
    case jail::SetidPolicy::keep:
        return "keep";
    case jail::SetidPolicy::refuse:
        return "refuse";
    }
    return "strip";
}

/// Accounts that are in the image's passwd or group file and that this host has given numbers to: those of
/// packages.
std::map<std::string, std::uint32_t> accounts_in(catalog::Accounts& accounts, catalog::AccountKind kind,
                                                 const std::string& file) {
    std::map<std::string, std::uint32_t> found;
    for (const auto& [name, number] : accounts.all(kind))
        if (file.starts_with(name + ":") || file.find("\n" + name + ":") != std::string::npos)
            found[name] = number;
    return found;
}

std::string base_of(const std::string& pkgname) {
    return std::string(format::Pkgname::parse(pkgname).base());
}
std::string version_of(const std::string& pkgname) {
    return std::string(format::Pkgname::parse(pkgname).version());
}

/// nullopt: it is the same package.
std::optional<solve::StepKind> change(const catalog::ImagePackage& old, const LockedPackage& locked) {
    if (old.pkgname != locked.pkgname)
        return format::compare_versions(version_of(locked.pkgname), version_of(old.pkgname)) < 0
                   ? solve::StepKind::downgrade
                   : solve::StepKind::upgrade;
    if (old.archive_sha256 != locked.sha256)
        return solve::StepKind::refresh;
    if (old.automatic != locked.automatic)
        return solve::StepKind::keep;
    return std::nullopt;
}

void refuse_held(const catalog::Jail& jail, const solve::Plan& plan) {
    for (const solve::Step& step : plan.steps)
        if (step.kind != solve::StepKind::install && step.kind != solve::StepKind::keep)
            if (const catalog::Hold* hold = hold_on(jail, step.previous)) {
                const std::string why = hold_words(*hold);
                throw Error(ErrorKind::conflict, step.previous, why.empty() ? "is held" : "is held: " + why,
                            "pkgjail unhold " + hold->pkgbase + " -j " + jail.name);
            }
}

/// The policies under which the image was built: those that give its build key. Today's, where none does.
void find_policies(LockFile& lock, const std::string& build_key) {
    store::BuildRequest request;
    request.base.id = lock.base;
    request.prefix = lock.prefix;
    request.accounts = {lock.users, lock.groups};
    for (const LockedPackage& package : lock.packages) {
        store::BuildPackage& each = request.packages.emplace_back();
        each.pkgname = package.pkgname;
        each.sha256 = package.sha256;
        each.automatic = package.automatic;
    }
    for (const jail::SetidPolicy policy :
         {jail::SetidPolicy::strip, jail::SetidPolicy::keep, jail::SetidPolicy::refuse})
        for (const bool scripts : {true, false}) {
            request.setid = policy;
            request.run_scripts = scripts;
            if (store::build_key(request) == build_key) {
                lock.setid = setid_word(policy);
                lock.scripts = scripts;
                return;
            }
        }
}

} // namespace

LockFile lock(const Context& context, const std::string& jail) {
    auto catalog = open_for_reading(context);
    if (!catalog)
        throw Error(ErrorKind::not_found, jail, "there is no jail of this name",
                    "pkgjail install PACKAGE makes the first one");
    const Installed installed = installed_in(*catalog, jail);
    LockFile lock;
    lock.jail = installed.jail.name;
    lock.recipe = installed.jail.recipe;
    lock.limits = installed.jail.limits_template;
    lock.settings = installed.jail.settings;
    lock.image = installed.image.id;
    lock.base = installed.image.base_id;
    lock.prefix = installed.image.prefix;
    lock.setid = setid_word(context.config.setid);
    lock.scripts = context.config.scripts;
    lock.wishes = installed.generation.wishes;
    for (const catalog::ImagePackage& package : installed.image.packages)
        lock.packages.push_back(
            {package.pkgname, package.archive_sha256, package.automatic, package.repository, package.trust});
    const base::Tree seed = base::Tree::open(context.layout.image_seed(installed.image.id));
    catalog::Accounts accounts(*catalog);
    lock.users = accounts_in(accounts, catalog::AccountKind::user,
                             seed.read(base::RootPath::parse("/config/etc/passwd")));
    lock.groups = accounts_in(accounts, catalog::AccountKind::group,
                              seed.read(base::RootPath::parse("/config/etc/group")));
    find_policies(lock, installed.image.build_key);
    return lock;
}

LockFile read_lock(const base::HostPath& file) {
    const auto text = base::read_file_if_exists(file, max_lock_bytes);
    if (!text)
        throw Error(ErrorKind::not_found, file.string(), "there is no such file");
    return parse_lock(*text, file.string());
}

void check_lock(const Context& context, const LockFile& lock) {
    std::vector<std::string> differences;
    const auto compare = [&](const char* what, const std::string& locked, const std::string& here) {
        if (locked != here)
            differences.push_back(fmt::format("{} is {} in the lock, {} here", what, locked, here));
    };
    compare("prefix", lock.prefix, context.config.prefix);
    compare("setid", lock.setid, setid_word(context.config.setid));
    compare("scripts", lock.scripts ? "yes" : "no", context.config.scripts ? "yes" : "no");
    if (!differences.empty())
        throw Error(ErrorKind::configuration, "lock of jail " + lock.jail,
                    fmt::format("{}", fmt::join(differences, "; ")),
                    "pkgjail.conf must say the same as where the lock was written");
    const std::string base = store::configured_base(context.config.base).id;
    if (lock.base != base)
        context.reporter.warn(fmt::format(
            "the lock was written on base {}, this one is {}: the packages are the same, the image's id is "
            "another",
            lock.base, base));
}

solve::Plan plan_of(const LockFile& lock, const Installed* before) {
    solve::Plan plan;
    std::map<std::string, const catalog::ImagePackage*> there;
    if (before != nullptr)
        for (const catalog::ImagePackage& package : before->image.packages)
            there[base_of(package.pkgname)] = &package;
    std::vector<solve::Step> steps;
    for (const LockedPackage& locked : lock.packages) {
        solve::Plan::Member member;
        member.package.pkgname = locked.pkgname;
        member.package.repository = locked.repository;
        member.automatic = locked.automatic;
        plan.result.push_back(std::move(member));
        const auto old = there.find(base_of(locked.pkgname));
        if (old == there.end()) {
            steps.push_back({solve::StepKind::install, locked.pkgname, "", "locked"});
            continue;
        }
        if (const auto kind = change(*old->second, locked))
            steps.push_back({*kind, locked.pkgname, old->second->pkgname, "locked"});
        there.erase(old);
    }
    for (const auto& [pkgbase, package] : there)
        plan.steps.push_back({solve::StepKind::remove, package->pkgname, package->pkgname, "not locked"});
    plan.steps.insert(plan.steps.end(), steps.begin(), steps.end());
    if (before != nullptr)
        refuse_held(before->jail, plan);
    return plan;
}

KnownArchives archives_of(const LockFile& lock) {
    KnownArchives known;
    for (const LockedPackage& package : lock.packages)
        known.digests[package.pkgname] = package.sha256;
    return known;
}

void take_account_numbers(Session& session, const LockFile& lock) {
    catalog::Accounts accounts(session.catalog());
    catalog::Transaction transaction(session.catalog().database());
    const auto take = [&](catalog::AccountKind kind, const std::map<std::string, std::uint32_t>& wanted) {
        for (const auto& [name, number] : wanted) {
            const std::uint32_t given = accounts.allocate(kind, name, number);
            if (given != number)
                session.context().reporter.warn(
                    fmt::format("{} {} has number {} here and {} in the lock: the image's id is another one",
                                kind == catalog::AccountKind::user ? "user" : "group", name, given, number));
        }
    };
    take(catalog::AccountKind::group, lock.groups);
    take(catalog::AccountKind::user, lock.users);
    transaction.commit();
}

} // namespace pkgjail::ops

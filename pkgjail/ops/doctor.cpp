#include "pkgjail/ops/doctor.hpp"

#include <unistd.h>

#include <fmt/format.h>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/confined.hpp"
#include "pkgjail/base/directory_mark.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/host.hpp"
#include "pkgjail/base/look.hpp"
#include "pkgjail/base/tree.hpp"
#include "pkgjail/catalog/images.hpp"
#include "pkgjail/catalog/jails.hpp"
#include "pkgjail/catalog/packages.hpp"
#include "pkgjail/confine/driver.hpp"
#include "pkgjail/confine/private_network.hpp"
#include "pkgjail/jail/limit.hpp"
#include "pkgjail/jail/quantity.hpp"
#include "pkgjail/jail/recipe.hpp"
#include "pkgjail/ops/declared.hpp"
#include "pkgjail/ops/index_memory.hpp"
#include "pkgjail/ops/jail_parts.hpp"
#include "pkgjail/ops/lost.hpp"
#include "pkgjail/ops/recover.hpp"
#include "pkgjail/ops/repositories.hpp"
#include "pkgjail/ops/service.hpp"
#include "pkgjail/ops/session.hpp"
#include "pkgjail/ops/start_jail.hpp"
#include "pkgjail/ops/vulnerable.hpp"
#include "pkgjail/store/jail_files.hpp"
#include "pkgjail/store/root.hpp"
#include "pkgjail/supervise/supervisor.hpp"

namespace pkgjail::ops {

using base::Error;

namespace {

/// Runs one check; what it throws becomes a finding.
template <class Check>
void look(std::vector<Finding>& findings, const char* subject, Check&& check) {
    try {
        check();
    } catch (const Error& error) {
        findings.push_back({Verdict::bad, subject, error.what(), error.hint()});
    }
}

std::optional<Error> wrong_recipe(const Context& context, const catalog::Jail& jail) {
    try {
        rendered_recipe(context, jail);
        return std::nullopt;
    } catch (const Error& error) {
        return error;
    }
}

void look_at_jails(const Context& context, catalog::Catalog& catalog, std::vector<Finding>& findings) {
    std::size_t well = 0;
    for (const catalog::Jail& jail : catalog::Jails(catalog).all()) {
        const base::HostPath run = context.layout.run(jail.id);
        supervise::ServiceStatus status = supervise::read_status(run);
        std::optional<Error> trouble = supervise::unnoticed_end(run, status);
        if (!trouble)
            trouble = supervise::lost_socket(run);
        if (const auto missing = missing_part(context, catalog, jail))
            findings.push_back({Verdict::bad, "jail " + jail.name, missing->cause(), missing->hint()});
        else if (trouble)
            findings.push_back({Verdict::bad, "jail " + jail.name, trouble->cause(), trouble->hint()});
        else if (jail.operation)
            findings.push_back(
                {Verdict::bad, "jail " + jail.name, note_in_words(jail),
                 is_unproven(jail) && !jail.wanted_running
                     ? "pkgjail start " + jail.name
                     : "any changing command, for example pkgjail start, tries to put it right, "
                       "and says why it cannot"});
        else if (status.state == supervise::ServiceState::unsupervised)
            findings.push_back({Verdict::bad, "jail " + jail.name, "it runs without its supervisor",
                                "pkgjail restart " + jail.name + " starts it anew under one"});
        else if (jail.wanted_running && !is_running(status))
            findings.push_back({Verdict::bad, "jail " + jail.name,
                                "it should run and does not: " + status.reason,
                                "pkgjail start " + jail.name});
        else if (const auto wrong = wrong_recipe(context, jail))
            findings.push_back({Verdict::bad, "jail " + jail.name,
                                "could not be started again: " + std::string(wrong->what()), wrong->hint()});
        else
            ++well;
    }
    if (const Lost lost = find_lost(context.layout, catalog); !lost.empty())
        findings.push_back({Verdict::bad, "jails", lost_in_words(lost), lost_remedy});
    findings.push_back({Verdict::good, "jails", fmt::format("{} as they should be", well), ""});
}

/// Each by itself, so that all that are wrong are told of.
void look_at_declarations(const Context& context, std::vector<Finding>& findings) {
    std::size_t well = 0;
    for (const std::string& name : declared_names(context))
        look(findings, "declarations", [&] {
            declared_recipe(context, require_declaration(context, name));
            ++well;
        });
    if (well > 0)
        findings.push_back({Verdict::good, "declarations", fmt::format("{} can be read", well), ""});
}

/// Files that somebody wrote and that have no effect.
void look_at_names(const Context& context, std::vector<Finding>& findings) {
    for (const Error& misnamed : jail::misnamed_recipes(context.config.recipe_directories))
        findings.push_back({Verdict::bad, "recipes", misnamed.what(), misnamed.hint()});
    for (const Error& misnamed : jail::misnamed_limits(context.config.limit_directories))
        findings.push_back({Verdict::bad, "limit templates", misnamed.what(), misnamed.hint()});
}

/// What destroy left, which no verb speaks of any more.
void look_at_kept_data(const Context& context, catalog::Catalog& catalog, std::vector<Finding>& findings) {
    const base::Tree directories = base::Tree::open(context.layout.jails());
    catalog::Jails jails(catalog);
    for (const std::string& name : directories.list(base::RootPath())) {
        if (!store::has_only_data(directories, name) || jails.find_by_id(name))
            continue;
        const auto entry = directories.stat(base::RootPath().entry(name));
        const std::string since =
            entry ? " of " + base::format_time(base::from_unix(entry->status.st_mtime)).substr(0, 10) : "";
        const base::HostPath directory = context.layout.jails() / name;
        findings.push_back({Verdict::note, "kept data",
                            fmt::format("{} is what a destroy{} kept", (directory / "data").string(), since),
                            "when nobody needs it any more: " +
                                removal_of_kept_data(base::real_path(directory), base::mount_table())});
    }
}

void look_at_vulnerabilities(const Context& context, catalog::Catalog& catalog,
                             std::vector<Finding>& findings) {
    const jail::VulnerabilityConfig& config = context.config.vulnerabilities;
    const VulnerabilityCheck check(config, catalog);
    const char* subject = "vulnerabilities";
    if (config.url.empty())
        findings.push_back({Verdict::note, subject, "no list of known ones is configured",
                            "[vulnerabilities] in pkgjail.conf"});
    else if (!check.list())
        findings.push_back(
            {Verdict::note, subject, "the list of known ones was never fetched", "pkgjail audit --fetch"});
    else if (check.is_too_old())
        findings.push_back({Verdict::bad, subject,
                            fmt::format("the list of known ones is {} old",
                                        base::format_duration(std::chrono::seconds(check.age_seconds()))),
                            "pkgjail audit --fetch"});
    else
        findings.push_back(
            {Verdict::good, subject, fmt::format("{} known ones in the list", check.list()->entries), ""});
}

void look_at_networks(const Context& context, std::vector<Finding>& findings) {
    constexpr const char* subject = "private networks";
    const jail::AddressPool& pool = context.config.network_pool;
    const confine::PrivateNetwork all_of_it{"", pool.gateway(), pool.str(), true, {}};
    if (const auto problem = confine::private_network_problem(all_of_it, "")) {
        findings.push_back({Verdict::note, subject, problem->cause(), problem->hint()});
        return;
    }
    findings.push_back({Verdict::good, subject, fmt::format("addresses from {}", pool.str()), ""});
    if (!confine::private_network_notes(all_of_it).empty())
        findings.push_back({Verdict::note, subject,
                            "the host forwards nothing from outside: no NAT, and published ports for this "
                            "host alone",
                            "sysctl -w net.ipv4.conf.INTERFACE.forwarding=1"});
}

void look_at_readers(std::vector<Finding>& findings) {
    constexpr const char* subject = "readers";
    const base::Confinement found = base::confinement();
    findings.push_back({Verdict::good, subject,
                        fmt::format("what strangers packed is read by a process of its own{}{}",
                                    found.held.empty() ? "" : ", with ", fmt::join(found.held, ", ")),
                        ""});
    for (const std::string& missing : found.missing)
        findings.push_back({Verdict::note, subject, "they do not have " + missing,
                            found.is_weak ? "nothing but limits confines them: as root, or on a kernel with "
                                            "filters of system calls, they have more"
                                          : ""});
}

/// Where nothing says when an index ends, somebody has to look whether it has stood still.
void look_at_age(std::vector<Finding>& findings, const ListedRepository& listed) {
    if (!compares_indexes(listed.config))
        return;
    constexpr std::int64_t long_ago = std::int64_t{120} * 86400; // pkgsrc has a branch every quarter
    if (const std::string age = age_text(listed); !age.empty()) {
        const std::int64_t now = base::to_unix(base::wall_now());
        std::string hint;
        if (*listed.state->newest_build > now)
            hint = "this host's clock, or that index, is wrong";
        else if (*listed.state->newest_build < now - long_ago)
            hint = "is it still filled? Look at it by another way; somebody between could keep newer indexes "
                   "from you";
        findings.push_back({hint.empty() ? Verdict::good : Verdict::note, "repositories",
                            fmt::format("{}: {}", listed.config.name, age), hint});
    }
    if (const std::string back = went_back_text(listed); !back.empty())
        findings.push_back({Verdict::note, "repositories", fmt::format("{}: {}", listed.config.name, back),
                            fmt::format("if its owner took these back, `pkgjail update --allow-older {}` "
                                        "forgets them",
                                        listed.config.name)});
}

Finding look_at_space(const Context& context) {
    const base::HostPath state = context.layout.state();
    const std::uint64_t free = base::free_bytes(state);
    const std::string told = fmt::format("{}, {} free", state.string(), jail::format_size(free));
    if (free >= needed_to_start)
        return {Verdict::good, "state", told, ""};
    return {Verdict::bad, "state",
            fmt::format("{}, and {} are needed to start anything", told, jail::format_size(needed_to_start)),
            fmt::format(
                "pkgjail gc makes room; where it cannot begin, rm {}/* does, and that is downloaded again",
                context.layout.cache().string())};
}

} // namespace

std::string removal_of_kept_data(const base::HostPath& directory, const std::vector<base::Mount>& mounts) {
    const std::string data = (directory / "data").string();
    std::string commands;
    std::vector<std::string> others;
    for (auto mount = mounts.rbegin(); mount != mounts.rend(); ++mount) {
        if (!base::lies_below(mount->point, directory.string()))
            continue;
        if (mount->type == "zfs" && mount->point == data) {
            commands += fmt::format("zfs destroy {} && ", mount->source); // rm would only empty it
        } else {
            commands += fmt::format("umount {} && ", mount->point);
            others.push_back(mount->source);
        }
    }
    commands += "rm -r " + directory.string();
    if (!others.empty())
        commands += fmt::format("; what is on {} stays there", fmt::join(others, ", "));
    return commands;
}

std::vector<Finding> doctor(const Context& context) {
    std::vector<Finding> findings;
    findings.push_back({Verdict::good, "host",
                        fmt::format("{} {} {}, {} memory, {} cpus", base::host_opsys(),
                                    base::host_os_version(), base::host_machine_arch(),
                                    jail::format_size(base::host_memory_bytes()), base::host_cpus()),
                        ""});
    if (::geteuid() != 0)
        findings.push_back({Verdict::note, "privileges",
                            "not root: jails belong to this user alone, and all users of a jail are one",
                            "only root can give files and processes of a jail different owners"});
    bool state = false;
    look(findings, "state", [&] {
        state = context.layout.check();
        if (state) {
            findings.push_back(look_at_space(context));
            if (const auto mark = base::directory_mark(context.layout.runs()); mark && mark->is_of_another)
                findings.push_back({Verdict::note, "state",
                                    "it is a copy of another state directory; what runs there does not run "
                                    "here",
                                    ""});
        } else
            findings.push_back({Verdict::note, "state",
                                context.layout.state().string() + " does not exist yet",
                                "pkgjail update makes it"});
    });
    look(findings, "confinement", [&] {
        if (!state)
            return; // the probe's result has no place to be kept; install makes one
        const auto driver = confine::open_driver(context.layout.state(), context.config.runtime);
        findings.push_back(
            {Verdict::good, "confinement", driver->info().name + ": " + driver->info().detail, ""});
        for (const std::string& note : driver->info().notes)
            findings.push_back({Verdict::note, "confinement", note, ""});
    });
    look(findings, "readers", [&] { look_at_readers(findings); });
    look(findings, "private networks", [&] { look_at_networks(context, findings); });
    look(findings, "base", [&] {
        findings.push_back({Verdict::good, "base", store::configured_base(context.config.base).id, ""});
    });
    if (context.config.repositories.empty())
        findings.push_back({Verdict::note, "repositories", "none is configured",
                            fmt::format("see {}", (context.config.etc / "repositories.conf").string())});
    for (const jail::RepositoryConfig& repository : context.config.repositories)
        if (repository.trust == jail::Trust::none)
            findings.push_back(
                {Verdict::note, "repositories",
                 fmt::format("{}: packages are not authenticated (trust = none)", repository.name), ""});
    if (state)
        look(findings, "repositories", [&] {
            for (const ListedRepository& listed : list_repositories(context)) {
                if (!listed.problem.empty())
                    findings.push_back({Verdict::note, "repositories",
                                        fmt::format("{}: no package can be taken from it: {}",
                                                    listed.config.name, listed.problem),
                                        "pkgjail update, then pkgjail repo list"});
                look_at_age(findings, listed);
            }
        });
    look(findings, "names", [&] { look_at_names(context, findings); });
    look(findings, "declarations", [&] { look_at_declarations(context, findings); });
    if (state)
        look(findings, "catalog", [&] {
            auto catalog = open_for_reading(context);
            if (!catalog) {
                findings.push_back(
                    {Verdict::note, "catalog", "there is none yet", "pkgjail update makes it"});
                return;
            }
            const auto problems = catalog->check();
            for (const std::string& problem : problems)
                findings.push_back({Verdict::bad, "catalog", problem, ""});
            if (problems.empty())
                findings.push_back({Verdict::good, "catalog",
                                    fmt::format("sound, schema {}", catalog->schema_version()), ""});
            look_at_jails(context, *catalog, findings);
            look_at_kept_data(context, *catalog, findings);
            look_at_vulnerabilities(context, *catalog, findings);
        });
    return findings;
}

} // namespace pkgjail::ops

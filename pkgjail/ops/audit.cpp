#include "pkgjail/ops/audit.hpp"

#include <algorithm>
#include <map>
#include <set>

#include <sys/stat.h>

#include <fmt/core.h>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/step.hpp"
#include "pkgjail/catalog/snapshots.hpp"
#include "pkgjail/ops/session.hpp"
#include "pkgjail/repo/vulnerability_list.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;

namespace {

void require_url(const Context& context) {
    if (context.config.vulnerabilities.url.empty())
        throw Error(ErrorKind::configuration, (context.config.etc / "pkgjail.conf").string(),
                    "names no list of known vulnerabilities",
                    "add `url = …` to [vulnerabilities]; pkgjail.conf(5) says more");
}

class Audit {
  public:
    Audit(const Context& context, catalog::Catalog& catalog, bool current_only)
        : jails_(catalog), images_(catalog), snapshots_(catalog),
          check_(context.config.vulnerabilities, catalog), current_only_(current_only) {
        if (!check_.list()) {
            require_url(context);
            throw Error(ErrorKind::not_found, "list of known vulnerabilities", "was never fetched",
                        "pkgjail audit --fetch");
        }
    }

    AuditResult run(const std::vector<catalog::Jail>& jails) {
        result_.list = *check_.list();
        result_.age_seconds = check_.age_seconds();
        result_.too_old = check_.is_too_old();
        for (const catalog::Jail& jail : jails)
            look_at(jail);
        result_.packages = packages_.size();
        return std::move(result_);
    }

  private:
    /// Where a jail has a package.
    struct Places {
        std::optional<std::int64_t> current;
        std::vector<std::int64_t> generations;
        std::vector<std::string> snapshots;
    };

    void look_at(const catalog::Jail& jail) {
        result_.jails.push_back(jail.name);
        std::map<std::string, Places> places; // by pkgname
        std::vector<catalog::Generation> generations = jails_.generations(jail.id);
        std::reverse(generations.begin(), generations.end());
        for (const catalog::Generation& generation : generations) {
            const bool current = generation.number == jail.current;
            if (current_only_ && !current)
                continue;
            for (const std::string& pkgname : packages_of(generation.image_id)) {
                Places& place = places[pkgname];
                place.generations.push_back(generation.number);
                if (current)
                    place.current = generation.number;
            }
        }
        if (!current_only_)
            for (const catalog::Snapshot& snapshot : snapshots_.of_jail(jail.id))
                for (const std::string& pkgname : packages_of(snapshot.image_id))
                    places[pkgname].snapshots.push_back(snapshot.name);
        for (const auto& [pkgname, place] : places) {
            packages_.insert(pkgname);
            for (const KnownVulnerability& known : check_.of(pkgname))
                result_.findings.push_back(
                    {jail.name, known, place.current, place.generations, place.snapshots});
        }
    }

    const std::vector<std::string>& packages_of(const std::string& image_id) {
        const auto [place, is_new] = packages_of_.try_emplace(image_id);
        if (is_new)
            if (const auto image = images_.find(image_id))
                for (const catalog::ImagePackage& package : image->packages)
                    place->second.push_back(package.pkgname);
        return place->second;
    }

    catalog::Jails jails_;
    catalog::Images images_;
    catalog::Snapshots snapshots_;
    VulnerabilityCheck check_;
    bool current_only_;
    std::map<std::string, std::vector<std::string>> packages_of_; ///< by image
    std::set<std::string> packages_;
    AuditResult result_;
};

/// Whether a file was written after that time, or is not there.
bool changed_since(const base::HostPath& file, std::int64_t time) {
    struct stat status {};
    return ::stat(file.c_str(), &status) != 0 || status.st_mtime >= time;
}

/// The list in the catalog as the server is told of it; nothing when it must send the whole list.
repo::KnownList known_list(const jail::VulnerabilityConfig& config,
                           const std::optional<catalog::VulnerabilityListState>& have) {
    if (!have || have->url != config.url)
        return {};
    // With another keyring than before, or one that is new, what we have may be of a key that is in it no
    // more.
    if (!config.keyring.empty() &&
        (have->signed_by.empty() || changed_since(config.keyring, have->checked_at)))
        return {};
    return {have->etag, have->last_modified, have->sha256};
}

/// An old list, properly signed, hides what was found since.
void refuse_older(const std::string& url, const catalog::VulnerabilityListState& have,
                  const format::VulnerabilityHead& fresh) {
    const auto day = [](std::int64_t time) { return base::format_time(base::from_unix(time)); };
    if (!have.written_at)
        return;
    if (!fresh.written)
        throw Error(ErrorKind::trust, url,
                    fmt::format("does not say when it was written; the one that is here is of {}",
                                day(*have.written_at)),
                    "the one that is here stays in use");
    if (*fresh.written < *have.written_at)
        throw Error(ErrorKind::trust, url,
                    fmt::format("is of {}, older than the one that is here, of {}", day(*fresh.written),
                                day(*have.written_at)),
                    "the one that is here stays in use; does a mirror lag behind?");
}

} // namespace

bool AuditResult::found() const {
    return std::any_of(findings.begin(), findings.end(),
                       [](const AuditFinding& finding) { return finding.known.counts; });
}

AuditResult audit(const Context& context, const AuditRequest& request) {
    auto catalog = open_for_reading(context);
    if (!catalog) {
        require_url(context);
        if (!request.jails.empty())
            throw Error(ErrorKind::not_found, request.jails.front(), "there is no jail of this name",
                        "pkgjail install PACKAGE makes the first one");
        throw Error(ErrorKind::not_found, "list of known vulnerabilities", "was never fetched",
                    "pkgjail audit --fetch");
    }
    std::vector<catalog::Jail> jails;
    for (const std::string& name : request.jails)
        jails.push_back(require_jail(*catalog, name));
    if (request.jails.empty())
        jails = catalog::Jails(*catalog).all();
    return Audit(context, *catalog, request.current_only).run(jails);
}

VulnerabilityUpdate fetch_vulnerabilities(const Context& context) {
    require_url(context);
    const jail::VulnerabilityConfig& config = context.config.vulnerabilities;
    VulnerabilityUpdate update;
    update.url = config.url;
    if (context.dry_run)
        return update;
    Session session(context, "audit", "", Session::Reads::foreign);
    catalog::Vulnerabilities vulnerabilities(session.catalog());
    const auto have = vulnerabilities.list();
    context.reporter.doing("ask for the list of known vulnerabilities");
    const auto progress = [&](const repo::Progress& p) {
        context.reporter.progress("list of known vulnerabilities", p.bytes_done, p.bytes_total);
    };
    const repo::FreshList fresh = repo::fetch_vulnerability_list(
        config, known_list(config, have), context.layout.cache(), context.config.network, progress);
    const std::int64_t now = base::to_unix(base::wall_now());
    if (!fresh.changed) {
        vulnerabilities.mark_checked(now);
        update.entries = have->entries;
        update.signed_by = have->signed_by;
        session.finish();
        return update;
    }
    if (have)
        refuse_older(config.url, *have, fresh.list.head);
    if (fresh.signed_by.empty() && !fresh.list.head.has_checksum)
        context.reporter.warn(
            "the list of known vulnerabilities has neither checksum nor a signature that is "
            "asked for: damage would not be seen");
    catalog::VulnerabilityListState state;
    state.url = config.url;
    state.etag = fresh.known.etag;
    state.last_modified = fresh.known.last_modified;
    state.sha256 = fresh.known.sha256;
    state.revision = fresh.list.head.revision;
    state.written_at = fresh.list.head.written;
    state.signed_by = fresh.signed_by;
    state.checked_at = now;
    state.refreshed_at = now;
    base::step("audit.fetched");
    vulnerabilities.replace(state, fresh.list.entries);
    base::step("audit.recorded");
    update.changed = true;
    update.entries = static_cast<std::int64_t>(fresh.list.entries.size());
    update.signed_by = fresh.signed_by;
    session.finish();
    return update;
}

} // namespace pkgjail::ops

#include "pkgjail/ops/update.hpp"

#include <algorithm>

#include <fcntl.h>

#include <fmt/core.h>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/step.hpp"
#include "pkgjail/catalog/packages.hpp"
#include "pkgjail/catalog/repository_memory.hpp"
#include "pkgjail/format/summary.hpp"
#include "pkgjail/jail/suggest.hpp"
#include "pkgjail/ops/index_memory.hpp"
#include "pkgjail/ops/index_trust.hpp"
#include "pkgjail/ops/promises.hpp"
#include "pkgjail/repo/index_parts.hpp"
#include "pkgjail/repo/proved_index.hpp"
#include "pkgjail/repo/repository.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;

namespace {

void require_repositories(const jail::Config& config) {
    if (config.repositories.empty())
        throw Error(ErrorKind::configuration, (config.etc / "repositories.conf").string(),
                    "names no repository",
                    "add a [repository NAME] with `url = …`; pkgjail.conf(5) has an example");
}

void require_configured(const jail::Config& config, const std::set<std::string>& names) {
    std::vector<std::string> configured;
    for (const jail::RepositoryConfig& repository : config.repositories)
        configured.push_back(repository.name);
    for (const std::string& name : names) {
        if (find_repository(config, name) != nullptr)
            continue;
        const std::string meant = jail::did_you_mean(name, configured);
        throw Error(ErrorKind::not_found, name, "no repository of this name is configured",
                    meant.empty() ? "pkgjail repo list shows those there are" : meant);
    }
}

/// One repository, asked under its policy.
class Refresh {
  public:
    Refresh(Session& session, const jail::RepositoryConfig& repository, bool allow_older)
        : session_(session), context_(session.context()), repository_(repository), allow_older_(allow_older),
          packages_(session.catalog()), trusts_(session.catalog()), memories_(session.catalog()) {}

    RepositoryUpdate run() {
        RepositoryUpdate update;
        update.name = repository_.name;
        update.url = repository_.url;
        constexpr int most_tries = 3;
        for (int tried = 1; !try_once(update); ++tried)
            if (tried == most_tries)
                throw Error(ErrorKind::busy, repository_.name,
                            "other commands ask this repository as well, and each time one was quicker",
                            "try again");
        base::step("update.recorded");
        update.packages = packages_.repository(repository_.name)->packages;
        return update;
    }

  private:
    /// False: another command was quicker, and by what it took the repository has to be asked again.
    bool try_once(RepositoryUpdate& update) {
        before_ = packages_.repository(repository_.name);
        seen_ = trusts_.find(repository_.name);
        known_ = {};
        trust_.reset();
        if (before_ && before_->url == repository_.url)
            known_ = {before_->index_file, before_->etag, before_->last_modified, before_->sha256};
        const repo::FreshIndex fresh = ask();
        const repo::TemporaryFile file(fresh.file);
        const std::int64_t now = base::to_unix(base::wall_now());
        const std::string trust(jail::trust_name(repository_.trust));
        // What was seen of a signature and the index that it is of come into the catalog together.
        catalog::Transaction transaction(session_.catalog().database());
        if (is_outdated())
            return false;
        if (trust_)
            trusts_.remember(*trust_);
        if (fresh.changed) {
            record(fresh, now, trust);
            update.changed = true;
        } else {
            packages_.mark_checked(repository_.name, now, trust);
            if (allow_older_)
                begin_anew(now);
        }
        transaction.commit();
        return true;
    }

    /// Another command may have been quicker: what was judged by what stood in the catalog then is not put
    /// over what stands there now, or a slow server could bring back what was taken back meanwhile.
    bool is_outdated() {
        const auto index_of = [](const std::optional<catalog::RepositoryState>& state) {
            return state ? state->url + "\n" + state->sha256 + "\n" + state->trust : std::string();
        };
        const auto seen = trusts_.find(repository_.name);
        if (trust_ && seen)
            trust_->package_signed_at = seen->package_signed_at;
        const auto judged = [](std::optional<catalog::RepositoryTrust> trust) {
            if (trust)
                trust->package_signed_at.reset(); // which an install notes, and which nothing was judged by
            return trust;
        };
        return index_of(packages_.repository(repository_.name)) != index_of(before_) ||
               judged(seen) != judged(seen_);
    }

    repo::FreshIndex ask() {
        const auto progress = [&](const repo::Progress& p) {
            context_.reporter.progress("index of " + repository_.name, p.bytes_done, p.bytes_total);
        };
        const base::HostPath cache = context_.layout.cache();
        const jail::NetworkConfig& network = context_.config.network;
        if (repository_.trust == jail::Trust::pinned && !repository_.pins.empty())
            return repo::refresh_pinned_index(repository_, known_, cache, network, progress);
        if (repository_.trust != jail::Trust::index_signed)
            return repo::refresh_index(repository_, known_, cache, network, progress);
        const repo::FreshSignedIndex taken = repo::refresh_signed_index(
            repository_, known_, index_rules(context_, repository_, seen_, allow_older_), cache, network,
            progress);
        if (taken.accepted.older)
            context_.reporter.warn(
                fmt::format("repository {}: an older index, serial {}, is taken, as --allow-older says",
                            repository_.name, taken.accepted.index.serial));
        trust_ = remembered(repository_, seen_, taken.accepted);
        return taken.fresh;
    }

    void record(const repo::FreshIndex& fresh, std::int64_t now, const std::string& trust) {
        catalog::RepositoryState state;
        state.name = repository_.name;
        state.url = repository_.url;
        state.index_file = fresh.state.file;
        state.etag = fresh.state.etag;
        state.last_modified = fresh.state.last_modified;
        state.sha256 = fresh.state.sha256;
        state.checked_at = now;
        state.refreshed_at = now;
        state.trust = trust;
        base::step("update.fetched");
        IndexComparison comparison(repository_, memories_.find(repository_.name), now);
        const bool compares = compares_indexes(repository_);
        if (compares && before_ && before_->url == repository_.url)
            packages_.each_build(repository_.name,
                                 [&](const auto& name, const auto& built) { comparison.had(name, built); });
        const bool compares_packages = compares && comparison.knows_packages();
        packages_.replace_index(state, repository_.priority, [&](const auto& add) {
            const base::Fd fd = base::open_file(fresh.file, O_RDONLY);
            format::read_summary(fd, repository_.name + "/" + fresh.state.file,
                                 [&](format::SummaryRecord&& record) {
                                     if (add(record) && compares_packages)
                                         comparison.offers(record.pkgname, record.build_date);
                                 });
        });
        if (!compares)
            return;
        if (!compares_packages)
            say_dates(comparison, now);
        take_or_refuse(comparison);
    }

    /// Of an index whose packages there is nothing to compare with; most are a repository's first.
    void say_dates(IndexComparison& comparison, std::int64_t now) {
        const auto newest = packages_.repository(repository_.name)->newest_build;
        if (newest && *newest <= now)
            comparison.offers_until(*newest);
        else
            packages_.each_build(repository_.name, [&](const auto& name, const auto& built) {
                comparison.offers(name, built);
            });
    }

    /// Throws Error{trust} for an old copy, and the caller's transaction is undone.
    void take_or_refuse(const IndexComparison& comparison) {
        const bool proves_packages = repository_.trust == jail::Trust::package_signed;
        const ComparedIndex compared = comparison.result(allow_older_ || !proves_packages);
        const auto time = [](std::int64_t seconds) { return base::format_time(base::from_unix(seconds)); };
        const std::string gone_back = went_back_text(compared.went_back);
        std::string words;
        if (compared.older) {
            const std::string newest =
                compared.left_out ? fmt::format("at {}, which is in the future here, the newest but for such",
                                                time(*compared.left_out))
                                  : "";
            words = fmt::format("its newest package was built {}{}at {}, and one built at {} was seen "
                                "before{}{}",
                                newest, newest.empty() ? "" : " ", time(*compared.newest),
                                time(*compared.newest_before), gone_back.empty() ? "" : "; ", gone_back);
            if (proves_packages && !allow_older_)
                refuse_old_copy(compared, words);
            words = fmt::format("an older index is taken, {}: {}",
                                allow_older_ ? "as --allow-older says" : "as trust = none does", words);
        } else if (compared.dateless) {
            words = "its index no longer says when packages were built, so an old copy of it will not be "
                    "recognised";
            if (!gone_back.empty())
                words += "; " + gone_back;
        } else if (!gone_back.empty()) {
            words =
                gone_back + "; its owner took newer ones back, or somebody puts old packages among new ones";
        }
        if (!words.empty())
            context_.reporter.warn(fmt::format("repository {}: {}", repository_.name, words));
        memories_.remember(compared.memory);
    }

    [[noreturn]] void refuse_old_copy(const ComparedIndex& compared, const std::string& words) const {
        throw Error(ErrorKind::trust, repo::shown_repository(repository_),
                    fmt::format("its index is an old copy, replayed or of a mirror that is behind{}: {}",
                                compared.left_out ? ", unless it is this host's clock that is" : "", words),
                    fmt::format("{}try again later or another mirror; if its owner took the newest package "
                                "back, or the index before was false, `pkgjail update --allow-older {}` "
                                "takes it all the same",
                                compared.left_out ? "compare this host's clock; if it is right, " : "",
                                repository_.name));
    }

    /// The operator has let pass what there is.
    void begin_anew(std::int64_t now) {
        if (!compares_indexes(repository_))
            return;
        IndexComparison comparison(repository_, std::nullopt, now);
        say_dates(comparison, now);
        memories_.remember(comparison.result(true).memory);
    }

    Session& session_;
    const Context& context_;
    const jail::RepositoryConfig& repository_;
    bool allow_older_;
    catalog::Packages packages_;
    catalog::RepositoryTrusts trusts_;
    catalog::RepositoryMemories memories_;
    std::optional<catalog::RepositoryState> before_;
    std::optional<catalog::RepositoryTrust> seen_;
    repo::IndexState known_;
    std::optional<catalog::RepositoryTrust> trust_; ///< to be remembered with the index
};

} // namespace

std::vector<RepositoryUpdate> refresh_repositories(Session& session,
                                                   const std::set<std::string>& allow_older) {
    const jail::Config& config = session.context().config;
    require_repositories(config);
    std::vector<std::pair<std::string, int>> order;
    for (const jail::RepositoryConfig& repository : config.repositories)
        order.emplace_back(repository.name, repository.priority);
    catalog::Packages(session.catalog()).keep_only(order);

    std::vector<RepositoryUpdate> updates;
    for (const jail::RepositoryConfig& repository : config.repositories) {
        session.context().reporter.doing("ask repository " + repository.name);
        try {
            updates.push_back(Refresh(session, repository, allow_older.contains(repository.name)).run());
        } catch (Error& error) {
            error.add_context("refresh repository " + repository.name);
            RepositoryUpdate failed;
            failed.name = repository.name;
            failed.url = repository.url;
            failed.failure = error;
            updates.push_back(std::move(failed));
        }
    }
    return updates;
}

bool is_refresh_due(const Context& context, catalog::Catalog& catalog) {
    catalog::Packages packages(catalog);
    const auto& configured = context.config.repositories;
    return configured.empty() ||
           std::any_of(configured.begin(), configured.end(), [&](const jail::RepositoryConfig& repository) {
               const auto known = packages.repository(repository.name);
               return !known || known->url != repository.url || !fits_policy(repository, *known);
           });
}

void refresh_if_never_done(Session& session) {
    if (!is_refresh_due(session.context(), session.catalog()))
        return;
    if (session.context().dry_run)
        throw Error(ErrorKind::not_found, "index", "not every repository has been read yet",
                    "pkgjail update");
    for (const RepositoryUpdate& update : refresh_repositories(session))
        if (update.failure)
            throw *update.failure;
}

std::vector<RepositoryUpdate> update(const Context& context, const std::set<std::string>& allow_older) {
    require_repositories(context.config);
    require_configured(context.config, allow_older);
    if (context.dry_run) {
        std::vector<RepositoryUpdate> unasked;
        for (const jail::RepositoryConfig& repository : context.config.repositories) {
            RepositoryUpdate update;
            update.name = repository.name;
            update.url = repository.url;
            unasked.push_back(std::move(update));
        }
        return unasked;
    }
    Session session(context, "update", "", Session::Reads::foreign);
    auto updates = refresh_repositories(session, allow_older);
    // Otherwise the entry in the audit trail says that it failed.
    if (std::none_of(updates.begin(), updates.end(),
                     [](const RepositoryUpdate& one) { return one.failure.has_value(); }))
        session.finish();
    return updates;
}

} // namespace pkgjail::ops

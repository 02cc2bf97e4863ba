#include "pkgjail/ops/update.hpp"

#include <fcntl.h>

#include <fmt/core.h>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/step.hpp"
#include "pkgjail/catalog/packages.hpp"
#include "pkgjail/format/summary.hpp"
#include "pkgjail/repo/repository.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;

namespace {

/// An index file in the cache directory that goes away with its scope.
class IndexFile {
  public:
    explicit IndexFile(base::HostPath path) : path_(std::move(path)) {}
    IndexFile(const IndexFile&) = delete;
    IndexFile& operator=(const IndexFile&) = delete;
    ~IndexFile() {
        std::error_code ignored; // it lies in the cache, where a left-over costs space only
        std::filesystem::remove(path_, ignored);
    }

  private:
    base::HostPath path_;
};

void require_repositories(const jail::Config& config) {
    if (config.repositories.empty())
        throw Error(ErrorKind::configuration, (config.etc / "repositories.conf").string(),
                    "names no repository",
                    "add a [repository NAME] with `url = …`; pkgjail.conf(5) has an example");
}

RepositoryUpdate refresh_one(Session& session, const jail::RepositoryConfig& repository) {
    const Context& context = session.context();
    catalog::Packages packages(session.catalog());
    RepositoryUpdate update;
    update.name = repository.name;
    update.url = repository.url;
    repo::IndexState known;
    const auto before = packages.repository(repository.name);
    if (before && before->url == repository.url)
        known = {before->index_file, before->etag, before->last_modified, before->sha256};
    const auto progress = [&](const repo::Progress& p) {
        context.reporter.progress("index of " + repository.name, p.bytes_done, p.bytes_total);
    };
    const repo::FreshIndex fresh =
        repo::refresh_index(repository, known, context.layout.cache(), context.config.network, progress);
    const std::int64_t now = base::to_unix(base::wall_now());
    if (!fresh.changed) {
        packages.mark_checked(repository.name, now);
        update.packages = before->packages;
        return update;
    }
    const IndexFile file(fresh.file);
    catalog::RepositoryState state;
    state.name = repository.name;
    state.url = repository.url;
    state.index_file = fresh.state.file;
    state.etag = fresh.state.etag;
    state.last_modified = fresh.state.last_modified;
    state.sha256 = fresh.state.sha256;
    state.checked_at = now;
    state.refreshed_at = now;
    base::step("update.fetched");
    packages.replace_index(state, repository.priority, [&](const auto& add) {
        const base::Fd fd = base::open_file(fresh.file, O_RDONLY);
        format::read_summary(fd, repository.name + "/" + fresh.state.file, add);
    });
    base::step("update.recorded");
    update.changed = true;
    update.packages = packages.repository(repository.name)->packages;
    return update;
}

} // namespace

std::vector<RepositoryUpdate> refresh_repositories(Session& session) {
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
            updates.push_back(refresh_one(session, repository));
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

void refresh_if_never_done(Session& session) {
    catalog::Packages packages(session.catalog());
    bool needed = session.context().config.repositories.empty();
    for (const jail::RepositoryConfig& repository : session.context().config.repositories) {
        const auto known = packages.repository(repository.name);
        needed = needed || !known || known->url != repository.url;
    }
    if (!needed)
        return;
    if (session.context().dry_run)
        throw Error(ErrorKind::not_found, "index", "not every repository has been read yet",
                    "pkgjail update");
    for (const RepositoryUpdate& update : refresh_repositories(session))
        if (update.failure)
            throw *update.failure;
}

std::vector<RepositoryUpdate> update(const Context& context) {
    if (context.dry_run) {
        require_repositories(context.config);
        std::vector<RepositoryUpdate> unasked;
        for (const jail::RepositoryConfig& repository : context.config.repositories) {
            RepositoryUpdate update;
            update.name = repository.name;
            update.url = repository.url;
            unasked.push_back(std::move(update));
        }
        return unasked;
    }
    Session session(context, "update", "");
    auto updates = refresh_repositories(session);
    session.finish();
    return updates;
}

} // namespace pkgjail::ops

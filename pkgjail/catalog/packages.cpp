#include "pkgjail/catalog/packages.hpp"

#include <algorithm>
#include <tuple>

#include "pkgjail/base/error.hpp"
#include "pkgjail/catalog/known_plans.hpp"
#include "pkgjail/catalog/text_list.hpp"
#include "pkgjail/format/build_info.hpp"
#include "pkgjail/format/pattern.hpp"

// The columns of one record, in the order of read_record.
#define RECORD_COLUMNS                                                                                       \
    "repository.name, repository.priority, pkgname, depends, conflicts, supersedes, provides, requires,"     \
    " comment, installed_bytes, build_date, categories, homepage, license, machine_arch, opsys, os_version," \
    " pkgpath, pkgtools_version, pkg_options, prev_pkgpath, file_name, file_size, cksum_algorithm, cksum"

// Those of read_offer.
#define OFFER_COLUMNS                                                                                        \
    "repository.name, priority, pkgname, build_date, depends, conflicts, supersedes, installed_bytes,"       \
    " file_size, position, available_package_id"

#define REPOSITORY_COLUMNS                                                                                   \
    "name, url, index_file, etag, last_modified, sha256, checked_at, refreshed_at, packages, trust, "        \
    "newest_build"

namespace pkgjail::catalog {
namespace {

using base::Error;
using base::ErrorKind;

AvailablePackage read_record(const Statement::Use& row) {
    AvailablePackage package;
    package.repository = row.text(0);
    package.priority = static_cast<int>(row.integer(1));
    format::SummaryRecord& record = package.record;
    record.pkgname = row.text(2);
    record.depends = split_list(row.text_view(3));
    record.conflicts = split_list(row.text_view(4));
    record.supersedes = split_list(row.text_view(5));
    record.provides = split_list(row.text_view(6));
    record.requires_ = split_list(row.text_view(7));
    record.comment = row.text(8);
    record.size_pkg = static_cast<std::uint64_t>(row.integer(9));
    record.build_date = row.text(10);
    record.categories = row.text(11);
    record.homepage = row.text(12);
    record.license = row.text(13);
    record.machine_arch = row.text(14);
    record.opsys = row.text(15);
    record.os_version = row.text(16);
    record.pkgpath = row.text(17);
    record.pkgtools_version = row.text(18);
    record.pkg_options = row.text(19);
    record.prev_pkgpath = row.text(20);
    record.file_name = row.text(21);
    if (const auto size = row.optional_integer(22))
        record.file_size = static_cast<std::uint64_t>(*size);
    record.cksum_algorithm = row.text(23);
    record.cksum = row.text(24);
    return package;
}

OfferedPackage read_offer(const Statement::Use& row) {
    OfferedPackage offer;
    offer.repository = row.text(0);
    offer.priority = static_cast<int>(row.integer(1));
    offer.pkgname = row.text(2);
    offer.build_date = row.text(3);
    offer.depends = split_list(row.text_view(4));
    offer.conflicts = split_list(row.text_view(5));
    offer.supersedes = split_list(row.text_view(6));
    offer.size_pkg = static_cast<std::uint64_t>(row.integer(7));
    if (const auto size = row.optional_integer(8))
        offer.file_size = static_cast<std::uint64_t>(*size);
    return offer;
}

RepositoryState read_repository(const Statement::Use& row) {
    RepositoryState state;
    state.name = row.text(0);
    state.url = row.text(1);
    state.index_file = row.text(2);
    state.etag = row.text(3);
    state.last_modified = row.text(4);
    state.sha256 = row.text(5);
    state.checked_at = row.integer(6);
    state.refreshed_at = row.integer(7);
    state.packages = row.integer(8);
    state.trust = row.text(9);
    state.newest_build = row.optional_integer(10);
    return state;
}

/// What precedes the last "-"; the whole name where there is none.
std::string_view base_of(std::string_view pkgname) {
    return pkgname.substr(0, pkgname.rfind('-'));
}

/// Whether one of the patterns may match some version of `pkgbase`. A pattern that is none says nothing here:
/// the caller, which knows the package it belongs to, tells what is wrong with it.
bool may_match(const std::vector<std::string>& patterns, const std::string& pkgbase) {
    return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& text) {
        try {
            const auto bases = format::Pattern::parse(text).bases();
            return !bases || std::find(bases->begin(), bases->end(), pkgbase) != bases->end();
        } catch (const Error&) {
            return true;
        }
    });
}

void insert_record(Statement& statement, std::int64_t repository, const format::SummaryRecord& record) {
    auto row = statement.use();
    row(repository)(record.pkgname)(base_of(record.pkgname))(record.comment)(join_list(record.depends))(
        join_list(record.conflicts))(join_list(record.supersedes))(join_list(record.provides))(
        join_list(record.requires_))(to_column(record.size_pkg))(record.build_date)(record.categories)(
        record.homepage)(record.license)(record.machine_arch)(record.opsys)(record.os_version)(
        record.pkgpath)(record.pkgtools_version)(record.pkg_options)(record.prev_pkgpath)(record.file_name);
    if (record.file_size)
        row(to_column(*record.file_size));
    else
        row(nullptr);
    row(record.cksum_algorithm)(record.cksum)(record.description).execute();
}

} // namespace

Packages::Packages(Catalog& catalog) : catalog_(catalog) {}

std::vector<RepositoryState> Packages::repositories() {
    Statement statement(catalog_.database(),
                        "SELECT " REPOSITORY_COLUMNS " FROM repository ORDER BY priority, position");
    std::vector<RepositoryState> states;
    auto row = statement.use();
    while (row.next())
        states.push_back(read_repository(row));
    return states;
}

std::optional<RepositoryState> Packages::repository(const std::string& name) {
    Statement statement(catalog_.database(), "SELECT " REPOSITORY_COLUMNS " FROM repository WHERE name = ?");
    auto row = statement.use();
    if (!row(name).next())
        return std::nullopt;
    return read_repository(row);
}

void Packages::mark_checked(const std::string& name, std::int64_t at, const std::string& trust) {
    Statement statement(catalog_.database(),
                        "UPDATE repository SET checked_at = ?, trust = ? WHERE name = ?");
    statement.use()(at)(trust)(name).execute();
    if (catalog_.database().changes() == 0)
        throw Error(ErrorKind::not_found, name, "this repository was never refreshed", "pkgjail update");
}

std::int64_t Packages::replace_index(
    const RepositoryState& state, int priority,
    const std::function<void(const std::function<bool(const format::SummaryRecord&)>&)>& produce) {
    Database& database = catalog_.database();
    Transaction transaction(database);
    Statement upsert(
        database,
        "INSERT INTO repository (name, url, index_file, etag, last_modified, sha256, checked_at,"
        " refreshed_at, packages, priority, trust, position)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, (SELECT ifnull(max(position), 0) + 1 FROM repository))"
        " ON CONFLICT (name) DO UPDATE SET url = excluded.url, index_file = excluded.index_file,"
        " etag = excluded.etag, last_modified = excluded.last_modified, sha256 = excluded.sha256,"
        " checked_at = excluded.checked_at, refreshed_at = excluded.refreshed_at,"
        " priority = excluded.priority, trust = excluded.trust RETURNING repository_id");
    std::int64_t repository = 0;
    {
        auto row = upsert.use();
        row(state.name)(state.url)(state.index_file)(state.etag)(state.last_modified)(state.sha256)(
            state.checked_at)(state.refreshed_at)(priority)(state.trust);
        if (row.next())
            repository = row.integer(0);
    }
    Statement(database, "DELETE FROM available_package WHERE repository_id = ?").use()(repository).execute();
    KnownPlans(catalog_).forget_all(); // nobody would find them any more

    Statement insert(
        database,
        "INSERT INTO available_package (repository_id, pkgname, pkgbase, comment, depends, conflicts,"
        " supersedes, provides, requires, installed_bytes, build_date, categories, homepage, license,"
        " machine_arch, opsys, os_version, pkgpath, pkgtools_version, pkg_options, prev_pkgpath, file_name,"
        " file_size, cksum_algorithm, cksum, description)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (pkgbase, repository_id, pkgname) DO NOTHING");
    std::int64_t count = 0;
    std::optional<std::int64_t> newest;
    produce([&](const format::SummaryRecord& record) {
        insert_record(insert, repository, record);
        if (database.changes() == 0)
            return false;
        newest = std::max(newest, format::parse_build_date(record.build_date));
        ++count;
        return true;
    });

    Statement(database, "UPDATE repository SET packages = ?, newest_build = ? WHERE repository_id = ?")
        .use()(count)(newest)(repository)
        .execute();
    transaction.commit();
    return count;
}

void Packages::keep_only(const std::vector<std::pair<std::string, int>>& names_and_priorities) {
    Database& database = catalog_.database();
    Transaction transaction(database);
    Statement forget(database, "DELETE FROM repository WHERE name = ?");
    for (const RepositoryState& state : repositories()) {
        const auto same = [&](const auto& wanted) { return wanted.first == state.name; };
        if (std::none_of(names_and_priorities.begin(), names_and_priorities.end(), same))
            forget.use()(state.name).execute();
    }
    Statement order(database, "UPDATE repository SET priority = ?, position = ? WHERE name = ?"
                              " AND (priority, position) IS NOT (?1, ?2)");
    std::int64_t position = 0;
    for (const auto& [name, priority] : names_and_priorities)
        order.use()(std::int64_t{priority})(++position)(name).execute();
    transaction.commit();
}

void Packages::each_build(const std::string& repository,
                          const std::function<void(const std::string&, const std::string&)>& take) {
    Statement statement(catalog_.database(),
                        "SELECT pkgname, build_date FROM available_package WHERE repository_id ="
                        " (SELECT repository_id FROM repository WHERE name = ?)");
    auto row = statement.use();
    row(repository);
    while (row.next())
        take(row.text(0), row.text(1));
}

std::vector<AvailablePackage> Packages::by_base(const std::string& pkgbase) {
    Statement statement(catalog_.database(),
                        "SELECT " RECORD_COLUMNS
                        " FROM available_package JOIN repository USING (repository_id)"
                        " WHERE pkgbase = ? ORDER BY priority, position, available_package_id");
    std::vector<AvailablePackage> packages;
    auto row = statement.use();
    row(pkgbase);
    while (row.next())
        packages.push_back(read_record(row));
    return packages;
}

std::vector<OfferedPackage> Packages::offered(const std::string& pkgbase) {
    // Without ORDER BY, for which SQLite copies every row, and most bases have one.
    if (!offered_)
        offered_.emplace(catalog_.database(), "SELECT " OFFER_COLUMNS
                                              " FROM available_package JOIN repository USING (repository_id)"
                                              " WHERE pkgbase = ?");
    struct Found {
        std::int64_t position;
        std::int64_t id;
        OfferedPackage offer;
    };
    std::vector<Found> found;
    auto row = offered_->use();
    row(pkgbase);
    while (row.next())
        found.push_back({row.integer(9), row.integer(10), read_offer(row)});
    std::sort(found.begin(), found.end(), [](const Found& a, const Found& b) {
        return std::tie(a.offer.priority, a.position, a.id) < std::tie(b.offer.priority, b.position, b.id);
    });
    std::vector<OfferedPackage> offers;
    offers.reserve(found.size());
    for (Found& each : found)
        offers.push_back(std::move(each.offer));
    return offers;
}

std::vector<std::pair<std::string, std::string>> Packages::builds_by_base(const std::string& pkgbase) {
    if (!builds_by_base_)
        builds_by_base_.emplace(
            catalog_.database(),
            "SELECT pkgname, build_date FROM available_package JOIN repository USING (repository_id)"
            " WHERE pkgbase = ? ORDER BY priority, position, available_package_id");
    std::vector<std::pair<std::string, std::string>> builds;
    auto row = builds_by_base_->use();
    row(pkgbase);
    while (row.next())
        builds.emplace_back(row.text(0), row.text(1));
    return builds;
}

std::vector<std::pair<std::string, std::string>> Packages::all_names() {
    Statement statement(
        catalog_.database(),
        "SELECT pkgname, repository.name FROM available_package JOIN repository USING (repository_id)"
        " ORDER BY pkgbase, priority, position, pkgname");
    std::vector<std::pair<std::string, std::string>> names;
    auto row = statement.use();
    while (row.next())
        names.emplace_back(row.text(0), row.text(1));
    return names;
}

std::optional<AvailablePackage> Packages::find(const std::string& repository, const std::string& pkgname) {
    Statement statement(
        catalog_.database(),
        "SELECT " RECORD_COLUMNS ", description FROM available_package"
        " JOIN repository USING (repository_id) WHERE pkgbase = ? AND pkgname = ? AND repository.name = ?");
    auto row = statement.use();
    if (!row(base_of(pkgname))(pkgname)(repository).next())
        return std::nullopt;
    AvailablePackage package = read_record(row);
    package.record.description = row.text(25);
    return package;
}

std::vector<OfferedPackage> Packages::superseding(const std::string& pkgbase) {
    Statement statement(catalog_.database(),
                        "SELECT " OFFER_COLUMNS
                        " FROM available_package JOIN repository USING (repository_id)"
                        " WHERE supersedes <> '' ORDER BY priority, position, available_package_id");
    std::vector<OfferedPackage> packages;
    auto row = statement.use();
    while (row.next())
        if (may_match(split_list(row.text_view(6)), pkgbase))
            packages.push_back(read_offer(row));
    return packages;
}

std::vector<std::string> Packages::all_bases() {
    Statement statement(catalog_.database(),
                        "SELECT DISTINCT pkgbase FROM available_package ORDER BY pkgbase");
    std::vector<std::string> bases;
    auto row = statement.use();
    while (row.next())
        bases.push_back(row.text(0));
    return bases;
}

} // namespace pkgjail::catalog

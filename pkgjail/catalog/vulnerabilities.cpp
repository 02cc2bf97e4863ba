#include "pkgjail/catalog/vulnerabilities.hpp"

#include <map>

#include "pkgjail/base/error.hpp"
#include "pkgjail/format/pattern.hpp"

namespace pkgjail::catalog {

Vulnerabilities::Vulnerabilities(Catalog& catalog) : catalog_(catalog) {}

std::optional<VulnerabilityListState> Vulnerabilities::list() {
    Statement statement(catalog_.database(),
                        "SELECT url, etag, last_modified, sha256, revision, written_at, signed_by,"
                        " checked_at, refreshed_at, entries FROM vulnerability_list");
    auto row = statement.use();
    if (!row.next())
        return std::nullopt;
    VulnerabilityListState state;
    state.url = row.text(0);
    state.etag = row.text(1);
    state.last_modified = row.text(2);
    state.sha256 = row.text(3);
    state.revision = row.text(4);
    state.written_at = row.optional_integer(5);
    state.signed_by = row.text(6);
    state.checked_at = row.integer(7);
    state.refreshed_at = row.integer(8);
    state.entries = row.integer(9);
    return state;
}

void Vulnerabilities::mark_checked(std::int64_t at) {
    Statement(catalog_.database(), "UPDATE vulnerability_list SET checked_at = ?").use()(at).execute();
    if (catalog_.database().changes() == 0)
        throw base::Error(base::ErrorKind::not_found, "list of vulnerabilities", "was never fetched",
                          "pkgjail audit --fetch");
}

void Vulnerabilities::replace(const VulnerabilityListState& state,
                              const std::vector<format::Vulnerability>& entries) {
    Database& database = catalog_.database();
    Transaction transaction(database);
    Statement(database, "DELETE FROM vulnerability_base").use().execute();
    Statement(database, "DELETE FROM vulnerability").use().execute();
    Statement(database, "DELETE FROM vulnerability_list").use().execute();
    {
        Statement list(database,
                       "INSERT INTO vulnerability_list (only_one, url, etag, last_modified, sha256, revision,"
                       " written_at, signed_by, checked_at, refreshed_at, entries)"
                       " VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
        auto row = list.use();
        row(state.url)(state.etag)(state.last_modified)(state.sha256)(state.revision);
        if (state.written_at)
            row(*state.written_at);
        else
            row(nullptr);
        row(state.signed_by)(state.checked_at)(state.refreshed_at)(static_cast<std::int64_t>(entries.size()))
            .execute();
    }
    Statement entry(database,
                    "INSERT INTO vulnerability (vulnerability_id, pattern, type, url) VALUES (?, ?, ?, ?)");
    Statement base(database, "INSERT INTO vulnerability_base (pkgbase, vulnerability_id) VALUES (?, ?)"
                             " ON CONFLICT DO NOTHING");
    std::int64_t number = 0;
    for (const format::Vulnerability& one : entries) {
        entry.use()(++number)(one.pattern)(one.type)(one.url).execute();
        const auto bases = format::bases_to_keep(one.pattern);
        for (const std::string& pkgbase : bases.value_or(std::vector<std::string>{""}))
            base.use()(pkgbase)(number).execute();
    }
    transaction.commit();
}

std::vector<format::Vulnerability> Vulnerabilities::of_package(const std::string& pkgname) {
    if (pkgname.size() > format::Pattern::max_length)
        return {}; // no package: a name is a directory's name as well
    if (!by_base_)
        by_base_.emplace(catalog_.database(),
                         "SELECT vulnerability_id, pattern, type, vulnerability.url FROM vulnerability_base"
                         " JOIN vulnerability USING (vulnerability_id) WHERE pkgbase = ?");
    std::vector<std::string> bases = format::bases_to_ask(pkgname);
    bases.emplace_back();                                // patterns whose bases nobody can tell
    std::map<std::int64_t, format::Vulnerability> found; // one entry may be found under several bases
    for (const std::string& base : bases) {
        auto row = by_base_->use();
        row(base);
        while (row.next())
            if (format::Pattern::parse(row.text(1)).matches(pkgname))
                found.try_emplace(row.integer(0),
                                  format::Vulnerability{row.text(1), row.text(2), row.text(3)});
    }
    std::vector<format::Vulnerability> list;
    for (auto& [number, one] : found)
        list.push_back(std::move(one));
    return list;
}

} // namespace pkgjail::catalog

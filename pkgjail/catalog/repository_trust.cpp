#include "pkgjail/catalog/repository_trust.hpp"

#include "pkgjail/catalog/text_list.hpp"

namespace pkgjail::catalog {

std::optional<RepositoryTrust> RepositoryTrusts::find(const std::string& name) {
    Statement statement(catalog_.database(),
                        "SELECT identity, serial, made_at, expires_at, text_sha256, signers, revoked,"
                        " package_signed_at FROM repository_trust WHERE name = ?");
    auto row = statement.use();
    if (!row(name).next())
        return std::nullopt;
    RepositoryTrust trust;
    trust.name = name;
    trust.identity = row.text(0);
    trust.serial = static_cast<std::uint64_t>(row.integer(1));
    trust.made_at = row.integer(2);
    trust.expires_at = row.integer(3);
    trust.text_sha256 = row.text(4);
    trust.signers = split_list(row.text_view(5));
    trust.revoked = split_list(row.text_view(6));
    trust.package_signed_at = row.optional_integer(7);
    return trust;
}

std::vector<RepositoryTrust> RepositoryTrusts::all() {
    std::vector<std::string> names;
    Statement statement(catalog_.database(), "SELECT name FROM repository_trust ORDER BY name");
    for (auto row = statement.use(); row.next();)
        names.push_back(row.text(0));
    std::vector<RepositoryTrust> trusts;
    for (const std::string& name : names)
        if (auto trust = find(name))
            trusts.push_back(std::move(*trust));
    return trusts;
}

void RepositoryTrusts::remember(const RepositoryTrust& trust) {
    Statement statement(
        catalog_.database(),
        "INSERT INTO repository_trust (name, identity, serial, made_at, expires_at, text_sha256, signers,"
        " revoked, package_signed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (name) DO UPDATE SET identity = excluded.identity, serial = excluded.serial,"
        " made_at = excluded.made_at, expires_at = excluded.expires_at, text_sha256 = excluded.text_sha256,"
        " signers = excluded.signers, revoked = excluded.revoked,"
        " package_signed_at = excluded.package_signed_at");
    statement
        .use()(trust.name)(trust.identity)(to_column(trust.serial))(trust.made_at)(trust.expires_at)(
            trust.text_sha256)(join_list(trust.signers))(join_list(trust.revoked))(trust.package_signed_at)
        .execute();
}

void RepositoryTrusts::note_signed_package(const std::string& name, std::int64_t at) {
    Statement statement(
        catalog_.database(),
        "INSERT INTO repository_trust (name, identity, serial, made_at, expires_at, text_sha256, signers,"
        " revoked, package_signed_at) VALUES (?, '', 0, 0, 0, '', '', '', ?)"
        " ON CONFLICT (name) DO UPDATE SET package_signed_at = excluded.package_signed_at");
    statement.use()(name)(at).execute();
}

} // namespace pkgjail::catalog

#include "pkgjail/catalog/accounts.hpp"

#include "pkgjail/base/error.hpp"

namespace pkgjail::catalog {
namespace {

std::string_view column(AccountKind kind) {
    return kind == AccountKind::user ? "user" : "group";
}

AccountKind other(AccountKind kind) {
    return kind == AccountKind::user ? AccountKind::group : AccountKind::user;
}

} // namespace

Accounts::Accounts(Catalog& catalog) : catalog_(catalog) {}

std::optional<std::uint32_t> Accounts::find(AccountKind kind, const std::string& name) {
    Statement statement(catalog_.database(), "SELECT number FROM account WHERE kind = ? AND name = ?");
    auto row = statement.use();
    if (!row(column(kind))(name).next())
        return std::nullopt;
    return static_cast<std::uint32_t>(row.integer(0));
}

bool Accounts::is_free(AccountKind kind, std::uint32_t number) {
    Statement statement(catalog_.database(), "SELECT 1 FROM account WHERE kind = ? AND number = ?");
    return !statement.use()(column(kind))(std::int64_t{number}).next();
}

std::uint32_t Accounts::choose(AccountKind kind, const std::string& name,
                               std::optional<std::uint32_t> wanted) {
    const bool reasonable =
        wanted && ((*wanted >= 1 && *wanted <= 999) || (*wanted >= first && *wanted <= last));
    if (reasonable && is_free(kind, *wanted))
        return *wanted;
    if (const auto same_name = find(other(kind), name); same_name && is_free(kind, *same_name))
        return *same_name;
    // The first number of a gap, or of the range.
    Statement statement(
        catalog_.database(),
        "SELECT min(candidate) FROM (SELECT ?1 AS candidate UNION ALL SELECT number + 1 FROM account"
        " WHERE number BETWEEN ?1 AND ?2) WHERE candidate NOT IN (SELECT number FROM account)");
    auto row = statement.use();
    row(std::int64_t{first})(std::int64_t{last} - 1);
    const auto number = row.next() ? row.optional_integer(0) : std::nullopt;
    if (!number)
        throw base::Error(base::ErrorKind::conflict, name,
                          "no number is free for this account: " + std::to_string(first) + " to " +
                              std::to_string(last) + " are given out");
    return static_cast<std::uint32_t>(*number);
}

std::uint32_t Accounts::allocate(AccountKind kind, const std::string& name,
                                 std::optional<std::uint32_t> wanted) {
    Database& database = catalog_.database();
    Transaction transaction(database);
    if (const auto number = find(kind, name))
        return *number;
    const std::uint32_t number = choose(kind, name, wanted);
    Statement(database, "INSERT INTO account (kind, name, number) VALUES (?, ?, ?)")
        .use()(column(kind))(name)(std::int64_t{number})
        .execute();
    transaction.commit();
    return number;
}

bool Accounts::put(AccountKind kind, const std::string& name, std::uint32_t number) {
    Database& database = catalog_.database();
    Transaction transaction(database);
    if (const auto known = find(kind, name))
        return *known == number;
    if (number == 0 || !is_free(kind, number))
        return false;
    Statement(database, "INSERT INTO account (kind, name, number) VALUES (?, ?, ?)")
        .use()(column(kind))(name)(std::int64_t{number})
        .execute();
    transaction.commit();
    return true;
}

std::map<std::string, std::uint32_t> Accounts::all(AccountKind kind) {
    Statement statement(catalog_.database(), "SELECT name, number FROM account WHERE kind = ?");
    std::map<std::string, std::uint32_t> numbers;
    auto row = statement.use();
    row(column(kind));
    while (row.next())
        numbers.emplace(row.text(0), static_cast<std::uint32_t>(row.integer(1)));
    return numbers;
}

} // namespace pkgjail::catalog

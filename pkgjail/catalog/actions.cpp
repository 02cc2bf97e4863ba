#include "pkgjail/catalog/actions.hpp"

#include <algorithm>
#include <limits>

#include "pkgjail/base/error.hpp"

namespace pkgjail::catalog {

Actions::Actions(Catalog& catalog) : catalog_(catalog) {}

std::int64_t Actions::begin(const Action& action, Lasts lasts) {
    Database& database = catalog_.database();
    const auto insert = [&] {
        Statement(database, "INSERT INTO action (at, uid, verb, target, command_line, outcome, exit_status)"
                            " VALUES (?, ?, ?, ?, ?, ?, ?)")
            .use()(action.at)(action.uid)(action.verb)(action.target)(action.command_line)(action.outcome)(
                action.exit_status)
            .execute();
    };
    if (lasts == Lasts::at_once)
        insert();
    else
        database.without_sync(insert);
    return database.last_row();
}

void Actions::finish(std::int64_t id, const std::string& outcome, int exit_status) {
    Database& database = catalog_.database();
    Statement(database, "UPDATE action SET outcome = ?, exit_status = ? WHERE action_id = ?")
        .use()(outcome)(std::int64_t{exit_status})(id)
        .execute();
    if (database.changes() == 0)
        throw base::Error(base::ErrorKind::not_found, "action " + std::to_string(id),
                          "is not in the catalog");
}

void Actions::explain(std::int64_t id, std::int64_t at, const std::string& outcome, int exit_status) {
    Statement(catalog_.database(), "UPDATE action SET outcome = ?, exit_status = ?"
                                   " WHERE action_id = ? AND at = ? AND outcome = 'failed'")
        .use()(outcome)(std::int64_t{exit_status})(id)(at)
        .execute();
}

std::vector<Action> Actions::latest(const std::optional<std::string>& target, std::size_t count) {
    Statement statement(
        catalog_.database(),
        "SELECT action_id, at, uid, verb, target, command_line, outcome, exit_status FROM action"
        " WHERE ?1 IS NULL OR instr(' ' || target || ' ', ' ' || ?1 || ' ') > 0 ORDER BY action_id DESC "
        "LIMIT ?2");
    std::vector<Action> actions;
    auto row = statement.use();
    const std::size_t most = std::numeric_limits<std::int64_t>::max();
    row(target)(static_cast<std::int64_t>(std::min(count, most)));
    while (row.next()) {
        Action& action = actions.emplace_back();
        action.id = row.integer(0);
        action.at = row.integer(1);
        action.uid = row.integer(2);
        action.verb = row.text(3);
        action.target = row.text(4);
        action.command_line = row.text(5);
        action.outcome = row.text(6);
        action.exit_status = row.integer(7);
    }
    return actions;
}

} // namespace pkgjail::catalog

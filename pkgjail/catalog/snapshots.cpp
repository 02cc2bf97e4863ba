#include "pkgjail/catalog/snapshots.hpp"

#include "pkgjail/base/error.hpp"
#include "pkgjail/catalog/text_list.hpp"

#define SNAPSHOT_SELECT                                                                                      \
    "SELECT snapshot_id, jail_id, name, image_id, generation, wishes, snapshot.created_at, command, method," \
    " snapshot.size_bytes FROM snapshot JOIN image USING (image_number)"

namespace pkgjail::catalog {
namespace {

using base::Error;
using base::ErrorKind;

Snapshot read_snapshot(Database& database, const Statement::Use& row) {
    Snapshot snapshot;
    snapshot.id = row.text(0);
    snapshot.jail_id = row.text(1);
    snapshot.name = row.text(2);
    snapshot.image_id = row.text(3);
    snapshot.generation = row.integer(4);
    snapshot.wishes = split_list(row.text_view(5));
    snapshot.created_at = row.integer(6);
    snapshot.command = row.text(7);
    snapshot.method = row.text(8);
    snapshot.size_bytes = static_cast<std::uint64_t>(row.integer(9));
    Statement settings(database, "SELECT key, value FROM snapshot_setting WHERE snapshot_id = ?");
    auto setting = settings.use();
    setting(snapshot.id);
    while (setting.next())
        snapshot.settings.emplace(setting.text(0), setting.text(1));
    return snapshot;
}

std::string name_of_jail(Database& database, const std::string& jail_id) {
    Statement statement(database, "SELECT name FROM jail WHERE jail_id = ?");
    auto row = statement.use();
    if (!row(jail_id).next())
        throw Error(ErrorKind::not_found, "jail " + jail_id, "is not in the catalog");
    return row.text(0);
}

} // namespace

Snapshots::Snapshots(Catalog& catalog) : catalog_(catalog) {}

std::vector<Snapshot> Snapshots::of_jail(const std::string& jail_id) {
    Statement statement(catalog_.database(),
                        SNAPSHOT_SELECT " WHERE jail_id = ? ORDER BY snapshot.created_at, name");
    std::vector<Snapshot> snapshots;
    auto row = statement.use();
    row(jail_id);
    while (row.next())
        snapshots.push_back(read_snapshot(catalog_.database(), row));
    return snapshots;
}

std::optional<Snapshot> Snapshots::find(const std::string& jail_id, const std::string& name) {
    Statement statement(catalog_.database(), SNAPSHOT_SELECT " WHERE jail_id = ? AND name = ?");
    auto row = statement.use();
    if (!row(jail_id)(name).next())
        return std::nullopt;
    return read_snapshot(catalog_.database(), row);
}

std::optional<Snapshot> Snapshots::find_by_id(const std::string& id) {
    Statement statement(catalog_.database(), SNAPSHOT_SELECT " WHERE snapshot_id = ?");
    auto row = statement.use();
    if (!row(id).next())
        return std::nullopt;
    return read_snapshot(catalog_.database(), row);
}

void Snapshots::add(const Snapshot& snapshot) {
    Database& database = catalog_.database();
    Transaction transaction(database);
    const std::string jail = name_of_jail(database, snapshot.jail_id);
    if (find(snapshot.jail_id, snapshot.name))
        throw Error(ErrorKind::conflict, snapshot.name, "jail " + jail + " has a snapshot of this name");
    Statement image(database, "SELECT image_number FROM image WHERE image_id = ?");
    auto found = image.use();
    if (!found(snapshot.image_id).next())
        throw Error(ErrorKind::not_found, "image " + snapshot.image_id, "is not in the catalog");
    Statement(database, "INSERT INTO snapshot (snapshot_id, jail_id, name, image_number, generation, wishes,"
                        " created_at, command, method, size_bytes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        .use()(snapshot.id)(snapshot.jail_id)(snapshot.name)(found.integer(0))(snapshot.generation)(
            join_list(snapshot.wishes))(snapshot.created_at)(snapshot.command)(snapshot.method)(
            to_column(snapshot.size_bytes))
        .execute();
    Statement setting(database, "INSERT INTO snapshot_setting (snapshot_id, key, value) VALUES (?, ?, ?)");
    for (const auto& [key, value] : snapshot.settings)
        setting.use()(snapshot.id)(key)(value).execute();
    transaction.commit();
}

void Snapshots::remove(const std::string& id) {
    Database& database = catalog_.database();
    Transaction transaction(database);
    Statement(database, "DELETE FROM snapshot WHERE snapshot_id = ?").use()(id).execute();
    if (database.changes() == 0)
        throw Error(ErrorKind::not_found, "snapshot " + id, "is not in the catalog");
    transaction.commit();
}

} // namespace pkgjail::catalog

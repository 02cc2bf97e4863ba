#include "pkgjail/catalog/volumes.hpp"

#include "pkgjail/base/error.hpp"
#include "pkgjail/catalog/sqlite.hpp"

#define VOLUME_COLUMNS "volume_id, name, created_at, fresh"

namespace pkgjail::catalog {

using base::Error;
using base::ErrorKind;

namespace {

Volume read_volume(const Statement::Use& row) {
    return {row.text(0), row.text(1), row.integer(2), row.integer(3) != 0};
}

std::optional<Volume> find_where(Catalog& catalog, const char* query, const std::string& value) {
    Statement statement(catalog.database(), query);
    auto row = statement.use();
    if (!row(value).next())
        return std::nullopt;
    return read_volume(row);
}

} // namespace

std::vector<Volume> Volumes::all() {
    Statement statement(catalog_.database(), "SELECT " VOLUME_COLUMNS " FROM volume ORDER BY name");
    std::vector<Volume> volumes;
    auto row = statement.use();
    while (row.next())
        volumes.push_back(read_volume(row));
    return volumes;
}

std::optional<Volume> Volumes::find(const std::string& name) {
    return find_where(catalog_, "SELECT " VOLUME_COLUMNS " FROM volume WHERE name = ?", name);
}

std::optional<Volume> Volumes::find_by_id(const std::string& id) {
    return find_where(catalog_, "SELECT " VOLUME_COLUMNS " FROM volume WHERE volume_id = ?", id);
}

void Volumes::add(const Volume& volume) {
    Transaction transaction(catalog_.database());
    if (find(volume.name))
        throw Error(ErrorKind::conflict, volume.name, "there is a volume of this name");
    Statement(catalog_.database(), "INSERT INTO volume (" VOLUME_COLUMNS ") VALUES (?, ?, ?, ?)")
        .use()(volume.id)(volume.name)(volume.created_at)(std::int64_t{volume.fresh})
        .execute();
    transaction.commit();
}

void Volumes::set_used(const std::string& id) {
    Statement(catalog_.database(), "UPDATE volume SET fresh = 0 WHERE volume_id = ?").use()(id).execute();
}

void Volumes::remove(const std::string& id) {
    Transaction transaction(catalog_.database());
    if (const auto users = this->users(id); !users.empty())
        throw Error(ErrorKind::conflict, "volume " + id, "is in use by jail " + users.front().jail);
    Statement(catalog_.database(), "DELETE FROM volume WHERE volume_id = ?").use()(id).execute();
    if (catalog_.database().changes() == 0)
        throw Error(ErrorKind::not_found, "volume " + id, "is not in the catalog");
    transaction.commit();
}

std::vector<VolumeUser> Volumes::users(const std::string& id) {
    Statement statement(catalog_.database(),
                        "SELECT name, path, writable FROM jail_volume JOIN jail USING (jail_id)"
                        " WHERE volume_id = ? ORDER BY name, path");
    std::vector<VolumeUser> users;
    auto row = statement.use();
    row(id);
    while (row.next())
        users.push_back({row.text(0), row.text(1), row.integer(2) != 0});
    return users;
}

} // namespace pkgjail::catalog

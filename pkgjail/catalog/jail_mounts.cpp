#include "pkgjail/catalog/jail_mounts.hpp"

#include "pkgjail/base/error.hpp"

namespace pkgjail::catalog {

void read_mounts(Database& database, Jail& jail) {
    Statement volumes(database, "SELECT volume_id, name, path, writable FROM jail_volume"
                                " JOIN volume USING (volume_id) WHERE jail_id = ? ORDER BY path");
    auto volume = volumes.use();
    volume(jail.id);
    while (volume.next())
        jail.volumes.push_back({volume.text(0), volume.text(1), volume.text(2), volume.integer(3) != 0});

    Statement mounts(database, "SELECT source, path, writable, executable FROM jail_mount"
                               " WHERE jail_id = ? ORDER BY path");
    auto mount = mounts.use();
    mount(jail.id);
    while (mount.next())
        jail.mounts.push_back({mount.text(0), mount.text(1), mount.integer(2) != 0, mount.integer(3) != 0});
}

void insert_mounts(Database& database, const Jail& jail) {
    Statement known(database, "SELECT 1 FROM volume WHERE volume_id = ?");
    Statement volume(database, "INSERT INTO jail_volume (jail_id, path, volume_id, writable)"
                               " VALUES (?, ?, ?, ?)");
    for (const VolumeUseRow& row : jail.volumes) {
        auto found = known.use();
        if (!found(row.volume_id).next())
            throw base::Error(base::ErrorKind::not_found, "volume " + row.volume_id, "is not in the catalog");
        volume.use()(jail.id)(row.path)(row.volume_id)(std::int64_t{row.writable}).execute();
    }
    Statement mount(database, "INSERT INTO jail_mount (jail_id, path, source, writable, executable)"
                              " VALUES (?, ?, ?, ?, ?)");
    for (const HostMountRow& row : jail.mounts)
        mount.use()(jail.id)(row.path)(row.source)(std::int64_t{row.writable})(std::int64_t{row.executable})
            .execute();
}

void delete_mounts(Database& database, const std::string& jail_id) {
    Statement(database, "DELETE FROM jail_volume WHERE jail_id = ?").use()(jail_id).execute();
    Statement(database, "DELETE FROM jail_mount WHERE jail_id = ?").use()(jail_id).execute();
}

} // namespace pkgjail::catalog

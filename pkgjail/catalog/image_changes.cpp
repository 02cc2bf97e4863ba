#include "pkgjail/catalog/image_changes.hpp"

#include "pkgjail/base/error.hpp"

namespace pkgjail::catalog {
namespace {

struct Numbered {
    std::int64_t number = 0; ///< that no image has, where there is none
    std::int64_t size_bytes = 0;
};

Numbered look_up(Database& database, const std::string& id) {
    if (id.empty())
        return {};
    Statement statement(database, "SELECT image_number, size_bytes FROM image WHERE image_id = ?");
    auto row = statement.use();
    if (!row(id).next())
        throw base::Error(base::ErrorKind::not_found, "image " + id, "is not in the catalog");
    return {row.integer(0), row.integer(1)};
}

std::int64_t count(Database& database, const char* sql, std::int64_t one, std::int64_t other) {
    Statement statement(database, sql);
    auto row = statement.use();
    return row(one)(other).next() ? row.integer(0) : 0;
}

/// Those of the first that the second has not.
constexpr const char* lacking = "SELECT count(*) FROM image_file AS one WHERE one.image_number = ?1"
                                " AND one.type <> 'd' AND NOT EXISTS (SELECT 1 FROM image_file AS other"
                                "  WHERE other.image_number = ?2 AND other.path = one.path"
                                "  AND other.type <> 'd')";

constexpr const char* different =
    "SELECT count(*) FROM image_file AS one JOIN image_file AS other ON other.image_number = ?2"
    " AND other.path = one.path WHERE one.image_number = ?1 AND one.type <> 'd' AND other.type <> 'd'"
    " AND (one.type, one.mode, one.uid, one.gid, one.size_bytes, one.sha256)"
    "  <> (other.type, other.mode, other.uid, other.gid, other.size_bytes, other.sha256)";

} // namespace

ImageChanges image_changes(Catalog& catalog, const std::string& old_image, const std::string& new_image) {
    Database& database = catalog.database();
    const ReadTransaction one_state(database);
    const Numbered before = look_up(database, old_image);
    const Numbered after = look_up(database, new_image);
    ImageChanges changes;
    changes.size_bytes = after.size_bytes - before.size_bytes;
    if (before.number == after.number)
        return changes;
    changes.added = count(database, lacking, after.number, before.number);
    changes.removed = count(database, lacking, before.number, after.number);
    changes.changed = count(database, different, before.number, after.number);
    return changes;
}

} // namespace pkgjail::catalog

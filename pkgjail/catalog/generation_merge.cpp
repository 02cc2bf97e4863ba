#include "pkgjail/catalog/generation_merge.hpp"

namespace pkgjail::catalog {

void insert_merge(Database& database, const std::string& jail_id, const Generation& generation) {
    if (const auto& merge = generation.merge)
        Statement(database, "INSERT INTO generation_merge (jail_id, number, added, replaced, removed, kept,"
                            " merged) VALUES (?, ?, ?, ?, ?, ?, ?)")
            .use()(jail_id)(generation.number)(merge->added)(merge->replaced)(merge->removed)(merge->kept)(
                merge->merged)
            .execute();
    Statement conflict(database, "INSERT INTO generation_conflict (jail_id, number, position, path, what,"
                                 " decision) VALUES (?, ?, ?, ?, ?, ?)");
    std::int64_t position = 0;
    for (const ConfigConflict& row : generation.conflicts)
        conflict.use()(jail_id)(generation.number)(position++)(row.path)(row.what)(row.decision).execute();
}

void read_merge(Database& database, const std::string& jail_id, Generation& generation) {
    Statement merges(database, "SELECT added, replaced, removed, kept, merged FROM generation_merge"
                               " WHERE jail_id = ? AND number = ?");
    auto merge = merges.use();
    if (merge(jail_id)(generation.number).next())
        generation.merge = ConfigMerge{merge.integer(0), merge.integer(1), merge.integer(2), merge.integer(3),
                                       merge.integer(4)};
    Statement conflicts(database, "SELECT path, what, decision FROM generation_conflict"
                                  " WHERE jail_id = ? AND number = ? ORDER BY position");
    auto conflict = conflicts.use();
    conflict(jail_id)(generation.number);
    while (conflict.next())
        generation.conflicts.push_back({conflict.text(0), conflict.text(1), conflict.text(2)});
}

} // namespace pkgjail::catalog

// The one catalog: which jails there are, which generation of each is current, what every image holds, what
// the repositories offer. Opened here, used through Packages, Images, Jails, Accounts and Actions, a file
// each.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "pkgjail/catalog/sqlite.hpp"

namespace pkgjail::catalog {

/// "pkjl" as application_id, so that file(1) and we know our own.
inline constexpr std::int32_t application_id = 0x706b6a6c;

/// Movable only until something was made on it: Packages, Images and the others keep a reference.
class Catalog {
  public:
    /// Reading verbs: never writes; Error{not_found} where there is no catalog yet (callers show an empty
    /// state); Error{configuration} "written by a newer pkgjail (schema N, this one knows M)" for a newer
    /// schema; an older one is Error{configuration} with the hint to run any changing command; Error{corrupt}
    /// for what is no catalog.
    static Catalog open_read_only(const base::HostPath& file,
                                  std::chrono::milliseconds patience = default_patience);
    /// As above, but also one of an older schema, for who saves what can be saved: statements that name what
    /// it lacks throw Error{system}.
    static Catalog open_as_it_is(const base::HostPath& file,
                                 std::chrono::milliseconds patience = default_patience);
    /// Changing verbs: makes the file when it is missing, migrates an older schema step by step (each in one
    /// transaction with its version). Its directory must exist.
    static Catalog open(const base::HostPath& file, std::chrono::milliseconds patience = default_patience);
    /// Whether the file's header says that an older pkgjail wrote it. What another program has committed just
    /// now may not be in the header yet. False where there is no catalog, or one that cannot be read.
    static bool is_older(const base::HostPath& file);
    /// The schema that this program writes: the number of the last migration.
    static int newest_schema();

    Database& database() { return database_; }
    /// Writes the catalog as it is at this moment into one new file of mode 0600, whatever others commit
    /// meanwhile; synced. Error{conflict} when `file` exists, Error{system} when there is no room, and then
    /// nothing is left of it.
    void copy_to(const base::HostPath& file);
    /// One file without -wal and -shm beside it, synced, for who has it alone and is about to move it.
    void settle();
    /// Whether settle() was the last that was done to it: all of it is in the one file.
    bool is_settled();
    int schema_version();
    /// PRAGMA integrity_check, foreign_key_check, and our own rules; a line for each finding.
    std::vector<std::string> check();

  private:
    explicit Catalog(Database database) : database_(std::move(database)) {}
    Database database_;
};

} // namespace pkgjail::catalog

#include "pkgjail/catalog/catalog.hpp"

#include <array>
#include <cerrno>
#include <cstdint>
#include <iterator>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/fd.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/catalog/migration_texts.hpp"

namespace pkgjail::catalog {
namespace {

using base::Error;
using base::ErrorKind;

std::int64_t single_integer(Database& database, const char* sql) {
    Statement statement(database, sql);
    auto use = statement.use();
    return use.next() ? use.integer(0) : 0;
}

/// The schema's number; 0 for a file with nothing in it. Throws Error{corrupt} for another program's file.
int recognise(Database& database) {
    const std::int64_t owner = single_integer(database, "PRAGMA application_id");
    const std::int64_t version = single_integer(database, "PRAGMA user_version");
    if (owner == application_id && version > 0)
        return static_cast<int>(version);
    if (owner == 0 && version == 0 && single_integer(database, "SELECT count(*) FROM sqlite_schema") == 0)
        return 0;
    throw Error(ErrorKind::corrupt, database.name(),
                fmt::format("not a catalog of pkgjail (an SQLite file with application id {:#010x})",
                            static_cast<std::uint32_t>(owner)));
}

/// The same as one moment has it: another program may be making the catalog just now, and its commit must not
/// fall between our questions.
int recognise_at_once(Database& database) {
    const ReadTransaction one_state(database);
    return recognise(database);
}

void refuse_newer(Database& database, int version) {
    if (version > Catalog::newest_schema())
        throw Error(ErrorKind::configuration, database.name(),
                    fmt::format("written by a newer pkgjail (schema {}, this one knows {})", version,
                                Catalog::newest_schema()),
                    "use the newer pkgjail");
}

/// One step, from `version` to the next one. False when there is none left, or another process has taken it.
bool migrate_one(Database& database) {
    Transaction transaction(database);
    // Asked again inside the transaction: two programs may have seen the same old schema.
    const int version = recognise(database);
    if (version >= Catalog::newest_schema())
        return false;
    database.execute(migration_texts[version].sql);
    // PRAGMA takes no parameters; the numbers are ours.
    database.execute(fmt::format("PRAGMA user_version = {}", version + 1).c_str());
    database.execute(fmt::format("PRAGMA application_id = {}", application_id).c_str());
    transaction.commit();
    return true;
}

void add_rows(Database& database, std::vector<std::string>& findings, const char* sql) {
    Statement statement(database, sql);
    auto use = statement.use();
    while (use.next())
        findings.push_back(use.text(0));
}

} // namespace

int Catalog::newest_schema() {
    return static_cast<int>(std::size(migration_texts));
}

Catalog Catalog::open_as_it_is(const base::HostPath& file, std::chrono::milliseconds patience) {
    Catalog catalog(Database(file, Database::Mode::read_only, patience));
    const int version = recognise_at_once(catalog.database_);
    // An empty file is what a first command leaves that was killed before its first commit.
    if (version == 0)
        throw Error(ErrorKind::not_found, catalog.database_.name(), "there is no catalog yet");
    refuse_newer(catalog.database_, version);
    return catalog;
}

Catalog Catalog::open_read_only(const base::HostPath& file, std::chrono::milliseconds patience) {
    Catalog catalog = open_as_it_is(file, patience);
    const int version = catalog.schema_version();
    if (version < newest_schema())
        throw Error(ErrorKind::configuration, catalog.database_.name(),
                    fmt::format("written by an older pkgjail (schema {}, this one reads {})", version,
                                newest_schema()),
                    "any command that changes something brings it up to date, for example: pkgjail update");
    return catalog;
}

Catalog Catalog::open(const base::HostPath& file, std::chrono::milliseconds patience) {
    Catalog catalog(Database(file, Database::Mode::create, patience));
    const int version = recognise_at_once(catalog.database_);
    refuse_newer(catalog.database_, version);
    catalog.database_.use_wal(patience);
    if (version < newest_schema())
        base::while_doing("bring the catalog up to date", [&] {
            while (migrate_one(catalog.database_)) {
            }
        });
    return catalog;
}

bool Catalog::is_older(const base::HostPath& file) {
    // The numbers lie at these places, the most significant byte first (sqlite.org/fileformat2.html, 1.3).
    constexpr std::size_t version_at = 60, owner_at = 68;
    std::array<unsigned char, owner_at + 4> header{};
    const base::Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!fd || ::pread(fd.get(), header.data(), header.size(), 0) != static_cast<ssize_t>(header.size()))
        return false; // whoever opens it says why
    const auto number_at = [&](std::size_t place) {
        std::uint32_t number = 0;
        for (std::size_t i = place; i < place + 4; ++i)
            number = number << 8 | header[i];
        return number;
    };
    return number_at(owner_at) == static_cast<std::uint32_t>(application_id) &&
           number_at(version_at) < static_cast<std::uint32_t>(newest_schema());
}

int Catalog::schema_version() {
    return static_cast<int>(single_integer(database_, "PRAGMA user_version"));
}

void Catalog::copy_to(const base::HostPath& file) {
    // SQLite would take the mode of the process for it, and fills an empty file like one that is not there.
    base::open_file(file, O_WRONLY | O_CREAT | O_EXCL, 0600).reset();
    try {
        Statement(database_, "VACUUM INTO ?").use()(std::filesystem::absolute(file).string()).execute();
        const base::Fd copy = base::open_file(file, O_RDWR);
        if (::fsync(copy.get()) != 0)
            throw base::system_error(errno, file.string(), "fsync");
    } catch (...) {
        std::error_code ignored; // the failure itself is on its way
        std::filesystem::remove(file, ignored);
        // SQLite leaves it to whoever opens the copy next, which nobody does.
        std::filesystem::remove(file.string() + "-journal", ignored);
        throw;
    }
    base::sync_directory(std::filesystem::absolute(file).parent_path());
}

void Catalog::settle() {
    database_.execute("PRAGMA journal_mode = DELETE");
    const base::Fd file = base::open_file(database_.name(), O_RDWR);
    if (::fsync(file.get()) != 0)
        throw base::system_error(errno, database_.name(), "fsync");
}

bool Catalog::is_settled() {
    Statement statement(database_, "PRAGMA journal_mode");
    auto use = statement.use();
    return use.next() && use.text(0) == "delete";
}

std::vector<std::string> Catalog::check() {
    std::vector<std::string> findings;
    const ReadTransaction one_state(database_);
    try {
        add_rows(database_, findings, "PRAGMA integrity_check");
    } catch (const Error& error) {
        // Some damage is listed, some stops the listing.
        if (error.kind() != ErrorKind::corrupt)
            throw;
        findings.push_back(error.cause());
    }
    std::erase(findings, "ok");
    // A damaged file makes the questions below pointless, or unanswerable.
    if (!findings.empty())
        return findings;

    add_rows(database_, findings,
             "SELECT 'a row of ' || \"table\" || ' refers to a missing row of ' || parent FROM "
             "pragma_foreign_key_check");
    add_rows(database_, findings,
             "SELECT 'image ' || image_id || ': ' || file_count || ' files are recorded, its manifest has ' "
             "|| found FROM"
             " (SELECT image_id, file_count, (SELECT count(*) FROM image_file AS f"
             "   WHERE f.image_number = image.image_number AND type = 'f') AS found FROM image)"
             " WHERE file_count <> found");
    add_rows(database_, findings,
             "SELECT 'image ' || image_id || ': ' || size_bytes || ' bytes are recorded, its manifest has ' "
             "|| found FROM"
             " (SELECT image_id, size_bytes, (SELECT ifnull(sum(f.size_bytes), 0) FROM image_file AS f"
             "   WHERE f.image_number = image.image_number AND type = 'f') AS found FROM image)"
             " WHERE size_bytes <> found");
    add_rows(database_, findings,
             "SELECT 'image ' || image_id || ': has no build key' FROM image"
             " WHERE NOT EXISTS (SELECT 1 FROM image_key AS k WHERE k.image_number = image.image_number"
             "   AND k.build_key = image.build_key)");
    add_rows(database_, findings,
             "SELECT 'repository ' || name || ': ' || packages || ' packages are recorded, its index has ' "
             "|| found FROM"
             " (SELECT name, packages, (SELECT count(*) FROM available_package AS a"
             "   WHERE a.repository_id = repository.repository_id) AS found FROM repository)"
             " WHERE packages <> found");
    return findings;
}

} // namespace pkgjail::catalog

// Catalogs as earlier versions of pkgjail left them.
#pragma once

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "pkgjail/base/file.hpp"
#include "pkgjail/catalog/sqlite.hpp"

namespace pkgjail::test {

/// With what SQLite keeps beside it.
inline void remove_catalog(const std::filesystem::path& file) {
    for (const char* suffix : {"", "-wal", "-shm"})
        std::filesystem::remove(file.string() + suffix);
}

/// One of this schema, made by the migrations up to it, in the place of what is there; `content` is SQL.
inline void make_old_catalog(const std::filesystem::path& file, int schema, const std::string& content = "") {
    remove_catalog(file);
    std::vector<std::filesystem::path> migrations;
    for (const auto& entry :
         std::filesystem::directory_iterator(std::string(PKGJAIL_SOURCE_DIR) + "/db/migrations"))
        migrations.push_back(entry.path());
    std::sort(migrations.begin(), migrations.end());
    catalog::Database old(file, catalog::Database::Mode::create);
    for (int number = 0; number < schema; ++number)
        old.execute(base::read_file(migrations.at(static_cast<std::size_t>(number))).c_str());
    old.execute(("BEGIN;" + content + ";COMMIT").c_str()); // keys into each other are looked at by the commit
    old.execute("PRAGMA application_id = 0x706b6a6c");
    old.execute(("PRAGMA user_version = " + std::to_string(schema)).c_str());
}

} // namespace pkgjail::test

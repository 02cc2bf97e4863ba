#include "pkgjail/catalog/repository_memory.hpp"

namespace pkgjail::catalog {

std::optional<RepositoryMemory> RepositoryMemories::find(const std::string& name) {
    RepositoryMemory memory;
    {
        Statement statement(catalog_.database(),
                            "SELECT url, newest_build FROM repository_memory WHERE name = ?");
        auto row = statement.use();
        if (!row(name).next())
            return std::nullopt;
        memory.name = name;
        memory.url = row.text(0);
        memory.newest_build = row.optional_integer(1);
    }
    Statement statement(catalog_.database(),
                        "SELECT pkgbase, pkgname, build_date FROM repository_missed WHERE name = ?");
    auto row = statement.use();
    row(name);
    while (row.next())
        memory.missed[row.text(0)] = {row.text(1), row.text(2)};
    return memory;
}

std::vector<RepositoryMemory> RepositoryMemories::all() {
    std::vector<std::string> names;
    Statement statement(catalog_.database(), "SELECT name FROM repository_memory ORDER BY name");
    for (auto row = statement.use(); row.next();)
        names.push_back(row.text(0));
    std::vector<RepositoryMemory> memories;
    for (const std::string& name : names)
        if (auto memory = find(name))
            memories.push_back(std::move(*memory));
    return memories;
}

void RepositoryMemories::remember(const RepositoryMemory& memory) {
    Database& database = catalog_.database();
    Transaction transaction(database);
    Statement(database, "INSERT INTO repository_memory (name, url, newest_build) VALUES (?, ?, ?)"
                        " ON CONFLICT (name) DO UPDATE SET url = excluded.url,"
                        " newest_build = excluded.newest_build")
        .use()(memory.name)(memory.url)(memory.newest_build)
        .execute();
    Statement(database, "DELETE FROM repository_missed WHERE name = ?").use()(memory.name).execute();
    Statement insert(
        database, "INSERT INTO repository_missed (name, pkgbase, pkgname, build_date) VALUES (?, ?, ?, ?)");
    for (const auto& [base, package] : memory.missed)
        insert.use()(memory.name)(base)(package.pkgname)(package.build_date).execute();
    transaction.commit();
}

std::vector<SeenPackage> RepositoryMemories::went_back(const std::string& name) {
    // What is missed and offered at all is offered older: a newer one would have ended its being missed.
    Statement statement(
        catalog_.database(),
        "SELECT pkgname, build_date FROM repository_missed AS missed WHERE name = ?"
        " AND EXISTS (SELECT 1 FROM available_package JOIN repository USING (repository_id)"
        "  WHERE available_package.pkgbase = missed.pkgbase AND repository.name = missed.name)"
        " ORDER BY pkgbase");
    std::vector<SeenPackage> packages;
    auto row = statement.use();
    row(name);
    while (row.next())
        packages.push_back({row.text(0), row.text(1)});
    return packages;
}

} // namespace pkgjail::catalog

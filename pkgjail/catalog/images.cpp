#include "pkgjail/catalog/images.hpp"

#include <algorithm>

#include "pkgjail/base/error.hpp"
#include "pkgjail/catalog/text_list.hpp"

#define IMAGE_COLUMNS                                                                                        \
    "image.image_number, image_id, image.build_key, base_id, prefix, created_at, image.size_bytes,"          \
    " file_count"

#define FILE_COLUMNS "path, type, mode, uid, gid, size_bytes, sha256, link_target, package"

namespace pkgjail::catalog {
namespace {

using base::Error;
using base::ErrorKind;

std::vector<ImagePackage> read_packages(Database& database, std::int64_t image) {
    Statement statement(
        database, "SELECT pkgname, archive_sha256, automatic, repository, build_date, comment, size_bytes,"
                  " depends, conflicts, trust, as_unpacked FROM image_package WHERE image_number = ?"
                  " ORDER BY position");
    std::vector<ImagePackage> packages;
    auto row = statement.use();
    row(image);
    while (row.next()) {
        ImagePackage& package = packages.emplace_back();
        package.pkgname = row.text(0);
        package.archive_sha256 = row.text(1);
        package.automatic = row.integer(2) != 0;
        package.repository = row.text(3);
        package.build_date = row.text(4);
        package.comment = row.text(5);
        package.size_bytes = static_cast<std::uint64_t>(row.integer(6));
        package.depends = split_list(row.text_view(7));
        package.conflicts = split_list(row.text_view(8));
        package.trust = row.text(9);
        package.as_unpacked = row.integer(10) != 0;
    }
    return packages;
}

Image read_image_row(const Statement::Use& row) {
    Image image;
    image.id = row.text(1);
    image.build_key = row.text(2);
    image.base_id = row.text(3);
    image.prefix = row.text(4);
    image.created_at = row.integer(5);
    image.size_bytes = static_cast<std::uint64_t>(row.integer(6));
    image.file_count = static_cast<std::uint64_t>(row.integer(7));
    return image;
}

Image read_image(Database& database, const Statement::Use& row) {
    Image image = read_image_row(row);
    image.packages = read_packages(database, row.integer(0));
    return image;
}

void insert_packages(Database& database, std::int64_t image, const std::vector<ImagePackage>& packages) {
    Statement statement(
        database, "INSERT INTO image_package (image_number, position, pkgname, archive_sha256, automatic,"
                  " repository, build_date, comment, size_bytes, depends, conflicts, trust, as_unpacked)"
                  " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    std::int64_t position = 0;
    for (const ImagePackage& package : packages)
        statement
            .use()(image)(position++)(package.pkgname)(package.archive_sha256)(
                std::int64_t{package.automatic})(package.repository)(package.build_date)(package.comment)(
                to_column(package.size_bytes))(join_list(package.depends))(join_list(package.conflicts))(
                package.trust)(std::int64_t{package.as_unpacked})
            .execute();
}

void insert_files(Database& database, std::int64_t image, const jail::Manifest& manifest) {
    Statement statement(
        database, "INSERT INTO image_file (image_number, path, type, mode, uid, gid, size_bytes, sha256,"
                  " link_target, package) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    for (const jail::ManifestEntry& entry : manifest.entries) {
        const char type = static_cast<char>(entry.type);
        statement
            .use()(image)(entry.path.str())(std::string_view(&type, 1))(std::int64_t{entry.mode})(
                std::int64_t{entry.uid})(std::int64_t{entry.gid})(to_column(entry.size))(entry.sha256)(
                entry.link_target)(entry.package)
            .execute();
    }
}

jail::ManifestEntry read_file_row(const Statement::Use& row) {
    jail::ManifestEntry entry;
    // The names in an image are those that a file system gave, which RootPath::parse is stricter about.
    const std::string path = row.text(0);
    std::size_t begin = 1;
    while (begin < path.size()) {
        const std::size_t end = std::min(path.find('/', begin), path.size());
        entry.path = entry.path.entry(std::string_view(path).substr(begin, end - begin));
        begin = end + 1;
    }
    entry.type = static_cast<jail::EntryType>(row.text_view(1).front());
    entry.mode = static_cast<unsigned>(row.integer(2));
    entry.uid = static_cast<std::uint32_t>(row.integer(3));
    entry.gid = static_cast<std::uint32_t>(row.integer(4));
    entry.size = static_cast<std::uint64_t>(row.integer(5));
    entry.sha256 = row.text(6);
    entry.link_target = row.text(7);
    entry.package = row.text(8);
    return entry;
}

} // namespace

Images::Images(Catalog& catalog) : catalog_(catalog) {}

std::int64_t Images::number_of(const std::string& id) {
    Statement statement(catalog_.database(), "SELECT image_number FROM image WHERE image_id = ?");
    auto row = statement.use();
    if (!row(id).next())
        throw Error(ErrorKind::not_found, "image " + id, "is not in the catalog");
    return row.integer(0);
}

std::optional<Image> Images::find_by_key(const std::string& build_key) {
    const ReadTransaction one_state(catalog_.database());
    Statement statement(catalog_.database(),
                        "SELECT " IMAGE_COLUMNS " FROM image_key AS k"
                        " JOIN image ON image.image_number = k.image_number WHERE k.build_key = ?");
    auto row = statement.use();
    if (!row(build_key).next())
        return std::nullopt;
    return read_image(catalog_.database(), row);
}

std::optional<Image> Images::find(const std::string& id) {
    const ReadTransaction one_state(catalog_.database());
    Statement statement(catalog_.database(), "SELECT " IMAGE_COLUMNS " FROM image WHERE image_id = ?");
    auto row = statement.use();
    if (!row(id).next())
        return std::nullopt;
    return read_image(catalog_.database(), row);
}

std::optional<Image> Images::find_alone(const std::string& id) {
    Statement statement(catalog_.database(), "SELECT " IMAGE_COLUMNS " FROM image WHERE image_id = ?");
    auto row = statement.use();
    if (!row(id).next())
        return std::nullopt;
    return read_image_row(row);
}

bool Images::contains(const std::string& id) {
    Statement statement(catalog_.database(), "SELECT 1 FROM image WHERE image_id = ?");
    return statement.use()(id).next();
}

std::vector<std::string> Images::build_keys() {
    Statement statement(catalog_.database(), "SELECT build_key FROM image");
    std::vector<std::string> keys;
    auto row = statement.use();
    while (row.next())
        keys.push_back(row.text(0));
    return keys;
}

std::vector<Image> Images::all() {
    const ReadTransaction one_state(catalog_.database());
    Statement statement(catalog_.database(),
                        "SELECT " IMAGE_COLUMNS " FROM image ORDER BY created_at, image_id");
    std::vector<Image> images;
    auto row = statement.use();
    while (row.next())
        images.push_back(read_image(catalog_.database(), row));
    return images;
}

void Images::add(const Image& image, const jail::Manifest& manifest) {
    std::uint64_t size = 0;
    std::int64_t count = 0;
    for (const jail::ManifestEntry& entry : manifest.entries) {
        if (entry.type == jail::EntryType::file) {
            size += entry.size;
            ++count;
        }
    }
    Database& database = catalog_.database();
    Transaction transaction(database);
    Statement(database,
              "INSERT INTO image (image_id, build_key, base_id, prefix, created_at, size_bytes, file_count)"
              " VALUES (?, ?, ?, ?, ?, ?, ?)")
        .use()(image.id)(image.build_key)(image.base_id)(image.prefix)(image.created_at)(to_column(size))(
            count)
        .execute();
    const std::int64_t number = database.last_row();
    Statement(database, "INSERT INTO image_key (build_key, image_number) VALUES (?, ?)")
        .use()(image.build_key)(number)
        .execute();
    insert_packages(database, number, image.packages);
    insert_files(database, number, manifest);
    transaction.commit();
}

void Images::add_key(const std::string& id, const std::string& build_key) {
    Database& database = catalog_.database();
    Transaction transaction(database);
    Statement(database, "INSERT INTO image_key (build_key, image_number) VALUES (?, ?)"
                        " ON CONFLICT (build_key) DO UPDATE SET image_number = excluded.image_number")
        .use()(build_key)(number_of(id))
        .execute();
    transaction.commit();
}

void Images::put_promise(const std::string& id, const ImagePromise& promise) {
    Database& database = catalog_.database();
    Transaction transaction(database);
    Statement(database,
              "INSERT INTO image_promise (promise_key, image_number, base_libraries) VALUES (?, ?, ?)"
              " ON CONFLICT (promise_key) DO UPDATE SET image_number = excluded.image_number,"
              " base_libraries = excluded.base_libraries")
        .use()(promise.key)(number_of(id))(join_list(promise.base_libraries))
        .execute();
    transaction.commit();
}

std::optional<PromisedImageRow> Images::find_promised(const std::string& key) {
    Statement statement(catalog_.database(), "SELECT image_id, base_libraries FROM image_promise"
                                             " JOIN image USING (image_number) WHERE promise_key = ?");
    auto row = statement.use();
    if (!row(key).next())
        return std::nullopt;
    return PromisedImageRow{row.text(0), split_list(row.text_view(1))};
}

void Images::remove(const std::string& id) {
    Database& database = catalog_.database();
    Transaction transaction(database);
    const std::int64_t number = number_of(id);
    {
        Statement users(database,
                        "SELECT jail.name, generation.number FROM generation JOIN jail USING (jail_id)"
                        " WHERE image_number = ? ORDER BY jail.name, generation.number DESC LIMIT 1");
        auto row = users.use();
        if (row(number).next())
            throw Error(ErrorKind::conflict, "image " + id,
                        "is in use by generation " + std::to_string(row.integer(1)) + " of jail " +
                            row.text(0));
    }
    {
        Statement users(database, "SELECT jail.name, snapshot.name FROM snapshot JOIN jail USING (jail_id)"
                                  " WHERE image_number = ? ORDER BY jail.name, snapshot.name LIMIT 1");
        auto row = users.use();
        if (row(number).next())
            throw Error(ErrorKind::conflict, "image " + id,
                        "is in use by snapshot " + row.text(1) + " of jail " + row.text(0));
    }
    Statement(database, "DELETE FROM image WHERE image_number = ?").use()(number).execute();
    transaction.commit();
}

jail::Manifest Images::manifest(const std::string& id) {
    const ReadTransaction one_state(catalog_.database());
    const std::int64_t number = number_of(id);
    Statement statement(catalog_.database(),
                        "SELECT " FILE_COLUMNS " FROM image_file WHERE image_number = ? ORDER BY path");
    jail::Manifest manifest;
    auto row = statement.use();
    row(number);
    while (row.next())
        manifest.entries.push_back(read_file_row(row));
    return manifest;
}

std::optional<jail::ManifestEntry> Images::file(const std::string& id, const base::RootPath& path) {
    const ReadTransaction one_state(catalog_.database());
    const std::int64_t number = number_of(id);
    Statement statement(catalog_.database(),
                        "SELECT " FILE_COLUMNS " FROM image_file WHERE image_number = ? AND path = ?");
    auto row = statement.use();
    if (!row(number)(path.str()).next())
        return std::nullopt;
    return read_file_row(row);
}

std::optional<KnownFile> Images::find_equal(const jail::ManifestEntry& file) {
    if (file.type != jail::EntryType::file)
        return std::nullopt;
    if (!find_equal_)
        // Between "/tree/" and "/tree0" is everything below /tree: "0" follows "/". The newest image first,
        // so that an old one can go without its files being shared again and again.
        find_equal_.emplace(
            catalog_.database(),
            "SELECT image_id, build_key, path FROM image_file JOIN image USING (image_number)"
            " WHERE type = 'f' AND sha256 = ? AND image_file.size_bytes = ? AND mode = ? AND uid = ?"
            " AND gid = ? AND path >= '/tree/' AND path < '/tree0'"
            " ORDER BY image_number DESC, path LIMIT 1");
    auto row = find_equal_->use();
    row(file.sha256)(to_column(file.size))(std::int64_t{file.mode})(std::int64_t{file.uid})(
        std::int64_t{file.gid});
    if (!row.next())
        return std::nullopt;
    return KnownFile{row.text(0), row.text(1), row.text(2)};
}

std::optional<Image> Images::find_unpacked(const std::string& pkgname, const std::string& archive_sha256,
                                           const std::string& prefix) {
    if (!find_unpacked_)
        find_unpacked_.emplace(catalog_.database(),
                               "SELECT " IMAGE_COLUMNS " FROM image_package JOIN image USING (image_number)"
                               " WHERE as_unpacked = 1 AND archive_sha256 = ? AND pkgname = ? AND prefix = ?"
                               " ORDER BY image.image_number DESC LIMIT 1");
    auto row = find_unpacked_->use();
    if (!row(archive_sha256)(pkgname)(prefix).next())
        return std::nullopt;
    return read_image_row(row);
}

std::string Images::trust_of(const std::string& pkgname, const std::string& archive_sha256) {
    Statement statement(catalog_.database(),
                        "SELECT trust FROM image_package WHERE pkgname = ? AND archive_sha256 = ?"
                        " AND trust <> '' ORDER BY image_number DESC LIMIT 1");
    auto row = statement.use();
    return row(pkgname)(archive_sha256).next() ? row.text(0) : std::string();
}

std::vector<std::string> Images::unreferenced() {
    Statement statement(catalog_.database(),
                        "SELECT image_id FROM image WHERE NOT EXISTS"
                        " (SELECT 1 FROM generation WHERE generation.image_number = image.image_number)"
                        " AND NOT EXISTS"
                        " (SELECT 1 FROM snapshot WHERE snapshot.image_number = image.image_number)"
                        " ORDER BY created_at, image_id");
    std::vector<std::string> ids;
    auto row = statement.use();
    while (row.next())
        ids.push_back(row.text(0));
    return ids;
}

} // namespace pkgjail::catalog

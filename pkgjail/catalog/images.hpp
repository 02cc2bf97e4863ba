// Images: what they were built from and every file they hold.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pkgjail/catalog/catalog.hpp"
#include "pkgjail/jail/manifest.hpp"

namespace pkgjail::catalog {

struct ImagePackage {
    std::string pkgname;
    std::string archive_sha256;
    bool automatic = false; ///< only there because another needs it
    std::string repository; ///< where it came from; empty: a file given by the operator
    std::string build_date;
    std::string comment;
    std::uint64_t size_bytes = 0;
    std::vector<std::string> depends;   ///< @pkgdep patterns
    std::vector<std::string> conflicts; ///< @pkgcfl patterns
    /// By what its archive was believed when the image was built: "index-signed: ours 42, key …",
    /// "package-signed: …", "pinned: …", "none", "file" (given by the operator); empty: not known.
    std::string trust;
    /// Its files are as its archive has them, so that another image may have the same ones.
    bool as_unpacked = false;
};

struct Image {
    std::string id; ///< SHA-256 of the manifest
    std::string build_key;
    std::string base_id;
    std::string prefix;
    std::int64_t created_at = 0;
    std::uint64_t size_bytes = 0;       ///< of all regular files; add() counts it
    std::uint64_t file_count = 0;       ///< regular files; add() counts them
    std::vector<ImagePackage> packages; ///< in dependency order
};

/// A file of some image with the same content and metadata, for hard-linking.
struct KnownFile {
    std::string image_id;
    std::string build_key; ///< the image's
    std::string path;      ///< manifest path
};

/// What repositories promised when an image was made or found: with the same promises it is the image again.
struct ImagePromise {
    std::string key;                         ///< SHA-256 over plan and promises
    std::vector<std::string> base_libraries; ///< names of what its packages need of the base, sorted
};

struct PromisedImageRow {
    std::string image_id;
    std::vector<std::string> base_libraries;
};

class Images {
  public:
    explicit Images(Catalog& catalog);
    std::optional<Image> find_by_key(const std::string& build_key);
    std::optional<Image> find(const std::string& id);
    /// Its packages are not read.
    std::optional<Image> find_alone(const std::string& id);
    bool contains(const std::string& id);
    /// Oldest first.
    std::vector<Image> all();
    /// The build keys that images were first built from.
    std::vector<std::string> build_keys();
    /// Image row, packages and manifest; part of the caller's transaction, if there is one. Error{conflict}
    /// when the image or its build key is known.
    void add(const Image& image, const jail::Manifest& manifest);
    /// Another build key that gave an image with the same manifest: find_by_key finds it under both.
    /// Error{not_found} for an unknown image; a key that is known is set anew.
    void add_key(const std::string& id, const std::string& build_key);
    /// Error{not_found} for an unknown image; a key that is known is set anew.
    void put_promise(const std::string& id, const ImagePromise& promise);
    std::optional<PromisedImageRow> find_promised(const std::string& key);
    /// Error{conflict} when a generation or a snapshot refers to it, Error{not_found} when there is none.
    void remove(const std::string& id);
    /// Error{not_found} for an unknown image.
    jail::Manifest manifest(const std::string& id);
    /// One entry of an image's manifest; nullopt when it has none of this path. Error{not_found} for an
    /// unknown image.
    std::optional<jail::ManifestEntry> file(const std::string& id, const base::RootPath& path);
    /// A "/tree" file with equal digest, size, mode and owner in any image.
    std::optional<KnownFile> find_equal(const jail::ManifestEntry& file);
    /// The newest image with this prefix that has the package as_unpacked, from that archive. Its packages
    /// are not read.
    std::optional<Image> find_unpacked(const std::string& pkgname, const std::string& archive_sha256,
                                       const std::string& prefix);
    /// By what an archive was believed, by the newest image that has it; empty: no image has, or knows.
    std::string trust_of(const std::string& pkgname, const std::string& archive_sha256);
    /// Images that no generation and no snapshot refers to, oldest first.
    std::vector<std::string> unreferenced();

  private:
    std::int64_t number_of(const std::string& id);

    Catalog& catalog_;
    std::optional<Statement> find_equal_;    ///< asked for every file of a new image
    std::optional<Statement> find_unpacked_; ///< asked for every package of one
};

} // namespace pkgjail::catalog

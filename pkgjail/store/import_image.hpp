// The image of an export: its files against its manifest, then sealed like any other.
#pragma once

#include <cstddef>
#include <string>
#include <unordered_map>
#include <vector>

#include "pkgjail/format/archive_member.hpp"
#include "pkgjail/jail/manifest.hpp"
#include "pkgjail/store/builder.hpp"
#include "pkgjail/store/layout.hpp"

namespace pkgjail::store {

/// Error{trust} unless the text and the key give the id; Error{corrupt} for a text that is no manifest.
/// `archive` is for messages, here and below.
jail::Manifest verified_manifest(const std::string& text, const std::string& build_key, const std::string& id,
                                 const std::string& archive);

/// Every file of an image is in its manifest as it is there, and nothing of the manifest is missing.
class ManifestCheck {
  public:
    /// The manifest must outlive this.
    ManifestCheck(const jail::Manifest& manifest, std::string archive);
    /// `path` below `part` ("/tree"). Error{trust}.
    void member(const base::RootPath& part, const format::TreeMember& member, const base::RootPath& path,
                const std::string& sha256);
    void finish() const;

  private:
    [[noreturn]] void fail(const std::string& path, const std::string& cause) const;

    const jail::Manifest& manifest_;
    std::string archive_;
    std::unordered_map<std::string, std::size_t> index_;
    std::vector<bool> seen_;
};

/// images/new-<random>, in which an imported image comes into being. Disappears unless it was sealed.
class ImageImport {
  public:
    explicit ImageImport(const Layout& layout);
    ImageImport(const ImageImport&) = delete;
    ImageImport& operator=(const ImageImport&) = delete;
    ~ImageImport();

    /// "/tree", "/seed/config" or "/seed/data".
    base::Tree open(const base::RootPath& part) const;
    base::Tree top() const;
    /// Shares files with other images, writes manifest and image.json.
    void finish(const jail::Manifest& manifest, const std::string& manifest_text, const std::string& record,
                const EqualFileFinder& equal_file);
    /// Synced and renamed to images/<id>.
    void seal(const std::string& id);

  private:
    const Layout& layout_;
    base::HostPath path_;
    bool sealed_ = false;
};

} // namespace pkgjail::store

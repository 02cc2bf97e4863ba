// A jail with what it runs: its current generation and that one's image.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "pkgjail/base/error.hpp"
#include "pkgjail/catalog/images.hpp"
#include "pkgjail/catalog/jails.hpp"
#include "pkgjail/ops/session.hpp"

namespace pkgjail::ops {

struct Installed {
    catalog::Jail jail;
    catalog::Generation generation;
    catalog::Image image;
};

/// Error{corrupt} where the catalog does not have it all.
Installed installed_in(catalog::Catalog& catalog, const catalog::Jail& jail);
/// What is said then.
base::Error without_image(const catalog::Jail& jail);
/// Error{not_found} for a name that is no jail's.
Installed installed_in(catalog::Catalog& catalog, const std::string& jail);

/// Images by their ids, each read once: jails share many.
class KnownImages {
  public:
    explicit KnownImages(catalog::Catalog& catalog) : images_(catalog) {}
    /// nullptr: there is none.
    std::shared_ptr<const catalog::Image> find(const std::string& id);

  private:
    catalog::Images images_;
    std::map<std::string, std::shared_ptr<const catalog::Image>> known_;
};

/// Packages of the image that a person's word means: a base, a full name or a pattern. Error{usage} for what
/// is no pattern, Error{not_found} with near names when it means none.
std::vector<catalog::ImagePackage> packages_meant(const Installed& installed, const std::string& word);

/// What a person typed as a pattern; Error{usage} for what is none.
void check_pattern(const std::string& text);
void check_patterns(const std::vector<std::string>& texts);

} // namespace pkgjail::ops

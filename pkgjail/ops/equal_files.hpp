// Files that another image has already, for whoever is about to keep one.
#pragma once

#include <optional>

#include "pkgjail/base/path.hpp"
#include "pkgjail/catalog/images.hpp"
#include "pkgjail/jail/manifest.hpp"
#include "pkgjail/ops/held_images.hpp"
#include "pkgjail/ops/session.hpp"

namespace pkgjail::ops {

/// One look at the catalog for all of them, which ends with this object: it is to be gone before anything is
/// written to the catalog.
class EqualFiles {
  public:
    explicit EqualFiles(Session& session)
        : session_(session), images_(session.catalog()), held_(session.context()) {}
    /// nullopt: no image that stays has such a file.
    std::optional<base::HostPath> find(const jail::ManifestEntry& entry) {
        if (!looking_) {
            looking_.emplace(session_.catalog().database());
            none_ = images_.build_keys().empty();
        }
        const auto known = none_ ? std::nullopt : images_.find_equal(entry);
        if (!known || !held_.hold(known->image_id, known->build_key))
            return std::nullopt;
        return session_.context().layout.image(known->image_id) /
               base::RootPath::parse(known->path).relative();
    }

  private:
    Session& session_;
    catalog::Images images_;
    HeldImages held_;
    std::optional<catalog::ReadTransaction> looking_;
    bool none_ = false; ///< no image at all, so that there is no need to ask for every file
};

} // namespace pkgjail::ops

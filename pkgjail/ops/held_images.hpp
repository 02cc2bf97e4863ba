// Images that stay while somebody takes files from them.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "pkgjail/base/lock.hpp"
#include "pkgjail/ops/context.hpp"

namespace pkgjail::ops {

class HeldImages {
  public:
    explicit HeldImages(const Context& context) : context_(context) {}
    /// False, without waiting: the image is gone, or somebody is about to remove it. Otherwise nobody removes
    /// it while this object lives.
    bool hold(const std::string& id, const std::string& build_key);

  private:
    const Context& context_;
    std::map<std::string, std::optional<base::Lock>> locks_; ///< by id; none: it cannot be held
};

} // namespace pkgjail::ops

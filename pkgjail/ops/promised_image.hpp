// The image that was made before of exactly what the repositories promise of a plan's packages: for a further
// jail with the same packages nobody has to look at their archives again.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pkgjail/catalog/packages.hpp"
#include "pkgjail/ops/make_image.hpp"

namespace pkgjail::ops {

class PromisedImage {
  public:
    PromisedImage(Session& session, const solve::Plan& plan);

    /// nullopt where there is none, where the base lacks a library that the packages need of it, and where
    /// archives have to be looked at in any case: the operator's own files, packages that are there already,
    /// trust = package-signed, no digest in the index. The repositories' policies are asked as for fetching:
    /// Error{trust}.
    std::optional<MadeImage> find();
    /// What find() will go by, into what was made of archives that obtain_archives has checked; unless the
    /// repositories promise something else by now.
    void note(const Archives& archives, MadeImage& made) const;

  private:
    std::optional<std::string> key_of_plan();
    std::optional<std::string> promise(const solve::Plan::Member& member);

    Session& session_;
    const Context& context_;
    const solve::Plan& plan_;
    catalog::Packages packages_;
    std::vector<catalog::AvailablePackage> records_; ///< of all packages
    std::optional<std::string> key_;
};

} // namespace pkgjail::ops

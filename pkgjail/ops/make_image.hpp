// From a plan's package set to an image: account numbers given out, the image found or built.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pkgjail/catalog/images.hpp"
#include "pkgjail/ops/obtain.hpp"
#include "pkgjail/ops/session.hpp"
#include "pkgjail/solve/solver.hpp"
#include "pkgjail/store/builder.hpp"

namespace pkgjail::ops {

struct MadeImage {
    catalog::Image image;
    jail::Manifest manifest; ///< of a newly built one, for the catalog
    bool reused = false;     ///< it was there already: nothing to record
    std::vector<std::string> setid;
    std::vector<std::string> warnings;
    std::vector<std::pair<std::string, std::string>> messages; ///< pkgname → +DISPLAY
    /// By what PromisedImage finds it the next time, to be recorded with it.
    std::optional<catalog::ImagePromise> promise;
    std::string promise_key; ///< by what PromisedImage finds it, found or to be recorded; empty: by nothing
    /// Keeps the image from being removed, and from being built a second time, until a generation of the
    /// catalog refers to it: to be let go after that commit.
    mutable std::optional<base::Lock> hold;
};

/// Gives out account numbers, then finds the image of this build key or builds it. The caller records a new
/// one in the transaction that makes it current.
MadeImage make_image(Session& session, const solve::Plan& plan, const Archives& archives,
                     const std::string& jail);

/// What all images of this configuration have in common.
store::BuildRequest request_without_packages(const Context& context);

/// The lock that a user of the image holds shared, and who builds or removes it alone.
base::Lock hold_image(const Context& context, const std::string& build_key, base::LockMode mode);

/// Whether an image that the catalog names has no directory. It can be built again from the same archives.
bool is_image_gone(const Context& context, const catalog::Image& image);
/// Error{corrupt}: that was tried, and something came out otherwise. What jails have of it would not fit.
base::Error other_than_gone(const Context& context, const catalog::Image& gone);

/// Error{corrupt} for an image that the catalog has and the disk has not.
void require_sealed(const Context& context, const catalog::Image& image);

} // namespace pkgjail::ops

// The image that was made before of exactly what is known of a plan's packages: by which archives a jail has
// them, and what the repositories promise of others. For a further jail with the same packages nobody has to
// look at their archives again.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pkgjail/catalog/packages.hpp"
#include "pkgjail/ops/make_image.hpp"

namespace pkgjail::ops {

/// The image that was promised by this key, held; nullopt where there is none, and where the base lacks a
/// library that the packages need of it. Nobody's policy is asked. Its packages are not read.
std::optional<MadeImage> hold_promised(Session& session, const std::string& key);

class PromisedImage {
  public:
    /// All three must outlive this.
    PromisedImage(Session& session, const solve::Plan& plan, const KnownArchives& known);

    /// What find() goes by; nullopt: archives have to be looked at in any case, because one is the operator's
    /// own file, its repository has trust = package-signed or no digest in its index.
    const std::optional<std::string>& key() const { return key_; }
    /// As hold_promised; nullopt without a key. The repositories' policies are asked as for fetching:
    /// Error{trust}.
    std::optional<MadeImage> find();
    /// Whether obtain_archives has found what the key speaks of: another build may have come in the place of
    /// one that was known and is gone.
    bool is_of(const Archives& archives) const;
    /// What find() will go by, into what was made of archives that obtain_archives has checked; unless the
    /// repositories promise something else by now.
    void note(const Archives& archives, MadeImage& made) const;

  private:
    std::optional<std::string> key_of_plan();
    std::optional<std::string> promise(const solve::Plan::Member& member);

    Session& session_;
    const Context& context_;
    const solve::Plan& plan_;
    const KnownArchives& known_;
    catalog::Packages packages_;
    std::vector<catalog::AvailablePackage> records_; ///< of those that would be fetched
    std::optional<std::string> key_;
};

/// The plan's image: one that was promised, or else one of its archives, as obtain_archives() and
/// make_image() make it.
MadeImage image_of_plan(Session& session, const solve::Plan& plan,
                        const std::map<std::string, base::HostPath>& local, const KnownArchives& known,
                        const std::string& jail);

} // namespace pkgjail::ops

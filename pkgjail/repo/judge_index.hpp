// Whether a signed index is believed: pure rules over its text, the keys that count, what was seen before and
// the clock. Nothing is fetched here.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/format/signed_index.hpp"
#include "pkgjail/jail/config.hpp"

namespace pkgjail::repo {

/// The index that was accepted last.
struct SeenIndex {
    std::string identity;
    std::uint64_t serial = 0;
    base::WallTime made_at; ///< the greatest one that an accepted index gave
    std::string text_sha256;
};

/// What an index is judged by.
struct IndexRules {
    std::string name;                    ///< as in repositories.conf
    std::string repository;              ///< how messages name it: "repository main (https://host/All)"
    std::string section;                 ///< "[repository main]", for hints
    std::string identity;                ///< what it has to call itself; empty: what `seen` has
    std::vector<format::PublicKey> keys; ///< that count
    std::set<std::string> revoked;       ///< ids of keys that count no more
    std::optional<SeenIndex> seen;
    base::WallTime now;
    bool allow_older = false; ///< a lower serial is accepted
};

struct AcceptedIndex {
    format::SignedIndex index;
    std::vector<std::string> signers; ///< ids of the keys whose signatures are good, revoked ones left out
    std::string text_sha256;          ///< of the signed text
    bool older = false;               ///< than one that was seen, and allowed
};

/// A maker's clock may be so far before ours.
inline constexpr std::chrono::minutes clock_tolerance{10};

/// Throws Error{trust}, with a cause of its own for each attack: empty or malformed, without a signature, by
/// a key that is not known, by a revoked one, a signature that is not over this text, another repository's,
/// made in the future, older than one that was seen, expired.
AcceptedIndex judge_index(std::string_view text, const IndexRules& rules);

/// The time that expiry is judged by: a clock that was set back below a time that a good index has proved
/// does not make that index fresh again.
base::WallTime effective_now(base::WallTime now, base::WallTime proved);

/// Throws Error{trust} when an accepted index may not be used (any more) at `now`.
void require_fresh(const std::string& repository, base::WallTime made_at, base::WallTime expires,
                   base::WallTime now);

} // namespace pkgjail::repo

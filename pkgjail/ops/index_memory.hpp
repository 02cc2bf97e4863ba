// Comparing an index that nobody has signed with what was seen of its repository before: pure rules over
// names and dates.
//
// Under trust = package-signed each package is proved, and which of them are offered is not: whoever stands
// between may show an old copy of the index, or put old packages, with signatures that are still good, among
// new ones. A copy is recognised by the newest BUILD_DATE in it, a package by its version and BUILD_DATE. The
// dates are the index's own words: who writes an index himself writes dates that fit, but no version that its
// package has not.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "pkgjail/catalog/repository_memory.hpp"
#include "pkgjail/format/version.hpp"
#include "pkgjail/jail/config.hpp"

namespace pkgjail::ops {

/// Whether indexes of this repository are compared: packages or nothing is proved of it, and no index.
bool compares_indexes(const jail::RepositoryConfig& repository);

struct WentBack {
    std::string pkgname; ///< the best that is offered now
    std::string was;     ///< the best that was offered; the same name when it is an older build of it
};

struct ComparedIndex {
    std::optional<std::int64_t> newest_before; ///< BUILD_DATE, Unix seconds
    std::optional<std::int64_t> newest;        ///< of the new index
    std::optional<std::int64_t> left_out;      ///< its newest date, of the future, which `newest` leaves out
    bool older = false;                        ///< `newest` is older than the one before
    bool dateless = false;                     ///< it has packages and no date, and one before had some
    std::vector<WentBack> went_back;  ///< by base; those that went back before and stayed there left out
    catalog::RepositoryMemory memory; ///< to be remembered when the new index is taken
};

class IndexComparison {
  public:
    /// `memory`: what is remembered, if anything; one of another url does not count.
    IndexComparison(const jail::RepositoryConfig& repository,
                    const std::optional<catalog::RepositoryMemory>& memory, std::int64_t now);
    /// A package of the index at hand.
    void had(const std::string& pkgname, const std::string& build_date);
    /// Whether there is anything that packages of the new index could be compared with; if not, offers_until
    /// says enough of an index.
    bool knows_packages() const { return !had_.empty() || !missed_.empty(); }
    /// A package of the new index.
    void offers(const std::string& pkgname, const std::string& build_date);
    /// Instead of all of them: the newest date of an index that has packages.
    void offers_until(std::int64_t newest);
    /// `anew`: the new index is all that is remembered afterwards.
    ComparedIndex result(bool anew) const;

  private:
    struct Best {
        std::string pkgname;
        std::string build_date;
        std::optional<std::int64_t> built;
        format::Version version;
    };
    using Bests = std::unordered_map<std::string, Best>; ///< by base
    static Best best_of(const std::string& pkgname, const std::string& build_date);
    static bool is_older(const Best& one, const Best& other);
    static void take(Bests& bests, Best&& one);
    std::optional<std::int64_t> unless_future(std::optional<std::int64_t> time) const;

    catalog::RepositoryMemory empty_; ///< with name and url alone
    std::int64_t now_;
    std::optional<std::int64_t> newest_before_; ///< none of the future
    std::optional<std::int64_t> newest_;
    std::optional<std::int64_t> newest_past_; ///< the newest that is not in the future
    Bests missed_;
    Bests had_;
    Bests offered_;
};

/// "3 packages are older than before, the first nginx-1.22.1 (before nginx-1.22.2)"; empty when none is.
std::string went_back_text(const std::vector<WentBack>& went_back);

} // namespace pkgjail::ops

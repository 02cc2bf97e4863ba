// What the repositories offer: the index of available packages, and when and how it was refreshed.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pkgjail/catalog/catalog.hpp"
#include "pkgjail/format/summary.hpp"

namespace pkgjail::catalog {

/// A repository as it was last refreshed.
struct RepositoryState {
    std::string name;
    std::string url;
    std::string index_file; ///< "pkg_summary.zst": which one was taken
    std::string etag;       ///< validators for the next conditional refresh; may be empty
    std::string last_modified;
    std::string sha256;                       ///< of the compressed index
    std::int64_t checked_at = 0;              ///< last time it was asked, Unix seconds
    std::int64_t refreshed_at = 0;            ///< last time a new index was taken
    std::int64_t packages = 0;                ///< counted by replace_index
    std::string trust;                        ///< policy under which this index was taken; empty: not known
    std::optional<std::int64_t> newest_build; ///< newest BUILD_DATE in it; found by replace_index
};

struct AvailablePackage {
    std::string repository;
    int priority = 0; ///< of the repository, lower is asked first
    format::SummaryRecord record;
};

/// What a package is chosen by.
struct OfferedPackage {
    std::string repository;
    int priority = 0; ///< of the repository, lower is asked first
    std::string pkgname;
    std::string build_date;
    std::vector<std::string> depends;
    std::vector<std::string> conflicts;
    std::vector<std::string> supersedes;
    std::uint64_t size_pkg = 0;
    std::optional<std::uint64_t> file_size;
};

/// What lists of packages show.
struct ListedPackage {
    std::string repository;
    int priority = 0; ///< of the repository, lower is asked first
    std::string pkgname;
    std::string comment;
    std::uint64_t size_pkg = 0;
    std::optional<std::uint64_t> file_size;
};

/// "Best repository first" is: lower priority, then the order of the configuration.
class Packages {
  public:
    explicit Packages(Catalog& catalog);

    /// Best first.
    std::vector<RepositoryState> repositories();
    std::optional<RepositoryState> repository(const std::string& name);
    /// Remembers that the repository was asked, under which policy, and had nothing new. Error{not_found}
    /// when it was never refreshed.
    void mark_checked(const std::string& name, std::int64_t at, const std::string& trust);
    /// Replaces the whole index of one repository in one transaction. `produce` is called once and hands each
    /// record to its argument; if it throws, or the process dies in it, the old index stays. Of two records
    /// with one pkgname the first is kept, and the argument returns false for the other. Returns how many
    /// there are now.
    std::int64_t replace_index(
        const RepositoryState& state, int priority,
        const std::function<void(const std::function<bool(const format::SummaryRecord&)>&)>& produce);
    /// Forgets repositories that are not in `names` and sets order and priority of those that are.
    void keep_only(const std::vector<std::pair<std::string, int>>& names_and_priorities);

    /// Hands pkgname and BUILD_DATE of each record of a repository to `take`, in no order.
    void each_build(const std::string& repository,
                    const std::function<void(const std::string&, const std::string&)>& take);

    /// All records of one base (description left empty); best repository first, then as in the index.
    std::vector<AvailablePackage> by_base(const std::string& pkgbase);
    /// What is needed for solving, in the same order.
    std::vector<OfferedPackage> offered(const std::string& pkgbase);
    /// pkgname and BUILD_DATE (may be empty) of each, in the same order.
    std::vector<std::pair<std::string, std::string>> builds_by_base(const std::string& pkgbase);
    /// Every pkgname on offer with its repository, for patterns that name no base. By base; best repository
    /// first.
    std::vector<std::pair<std::string, std::string>> all_names();
    /// With its description.
    std::optional<AvailablePackage> find(const std::string& repository, const std::string& pkgname);
    /// Those whose SUPERSEDES could match `pkgbase` (candidates; the caller matches).
    std::vector<OfferedPackage> superseding(const std::string& pkgbase);
    /// Names and comments that hold every word (ASCII letters in any case; no character is special). First
    /// the packages whose base is a word, then those whose name holds every word, then the others; within
    /// these by base, best repository first. No words, no hits.
    std::vector<ListedPackage> search(const std::vector<std::string>& words, std::size_t limit);
    /// Everything on offer, or what there is of one base: by base; within one best repository first, then as
    /// in the index.
    std::vector<ListedPackage> listed(const std::optional<std::string>& only_base = std::nullopt);
    /// Sorted bytewise.
    std::vector<std::string> all_bases();

  private:
    Catalog& catalog_;
    std::optional<Statement> builds_by_base_;
    std::optional<Statement> offered_; ///< asked for every dependency of every candidate
};

} // namespace pkgjail::catalog

// Lists of what the repositories offer. The index available_package_listed has all that they show, so the
// table itself, which is ten times as long, is not read.
#include <algorithm>

#include "pkgjail/catalog/packages.hpp"

namespace pkgjail::catalog {
namespace {

std::string lower(std::string_view text) {
    std::string result(text);
    for (char& c : result)
        if (c >= 'A' && c <= 'Z')
            c = static_cast<char>(c - 'A' + 'a');
    return result;
}

/// How well a package answers a search, lower is better; nullopt: not at all. `words` are in lower case.
/// Compared here and not with LIKE, for which "%" and "_" are special and NUL is the end.
std::optional<int> rank(const std::vector<std::string>& words, std::string_view base,
                        std::string_view pkgname, std::string_view comment) {
    const std::string name = lower(pkgname);
    const std::string text = lower(comment);
    const auto in_name = [&](const std::string& word) { return name.find(word) != std::string::npos; };
    const auto anywhere = [&](const std::string& word) {
        return in_name(word) || text.find(word) != std::string::npos;
    };
    if (!std::all_of(words.begin(), words.end(), anywhere))
        return std::nullopt;
    if (std::find(words.begin(), words.end(), lower(base)) != words.end())
        return 0;
    return std::all_of(words.begin(), words.end(), in_name) ? 1 : 2;
}

struct Kept {
    int rank;
    std::size_t place; ///< of the repository, 0 is the best
    std::int64_t id;   ///< ascending in a repository's index
    ListedPackage package;
};

/// Those with a rank, by base; within one best repository first, then as in its index. `rank_of` gets base,
/// pkgname and comment and gives an optional rank.
template <class Rank>
std::vector<Kept> keep(Database& database, const std::optional<std::string>& only_base, const Rank& rank_of) {
    const ReadTransaction one_state(database);
    struct Repository {
        std::int64_t id;
        std::string name;
        int priority;
    };
    std::vector<Repository> repositories;
    {
        Statement best_first(
            database, "SELECT repository_id, name, priority FROM repository ORDER BY priority, position");
        auto row = best_first.use();
        while (row.next())
            repositories.push_back({row.integer(0), row.text(1), static_cast<int>(row.integer(2))});
    }

    std::vector<Kept> kept;
    std::size_t first_of_base = 0;
    const auto end_base = [&] {
        std::sort(kept.begin() + static_cast<std::ptrdiff_t>(first_of_base), kept.end(),
                  [](const Kept& a, const Kept& b) {
                      return a.place != b.place ? a.place < b.place : a.id < b.id;
                  });
        first_of_base = kept.size();
    };
#define LISTED_COLUMNS                                                                                       \
    "SELECT pkgbase, repository_id, pkgname, comment, installed_bytes, file_size, available_package_id"      \
    " FROM available_package INDEXED BY available_package_listed"
    Statement scan(database,
                   only_base ? LISTED_COLUMNS " WHERE pkgbase = ?" : LISTED_COLUMNS " ORDER BY pkgbase");
    std::string base;
    auto row = scan.use();
    if (only_base)
        row(*only_base);
    while (row.next()) {
        if (row.text_view(0) != base) {
            end_base();
            base = row.text(0);
        }
        const auto found = rank_of(base, row.text_view(2), row.text_view(3));
        if (!found)
            continue;
        const auto repository = std::find_if(repositories.begin(), repositories.end(),
                                             [&](const Repository& one) { return one.id == row.integer(1); });
        if (repository == repositories.end()) // a foreign key forbids it
            continue;
        Kept one{*found, static_cast<std::size_t>(repository - repositories.begin()), row.integer(6), {}};
        one.package = {repository->name,
                       repository->priority,
                       row.text(2),
                       row.text(3),
                       static_cast<std::uint64_t>(row.integer(4)),
                       {}};
        if (const auto size = row.optional_integer(5))
            one.package.file_size = static_cast<std::uint64_t>(*size);
        kept.push_back(std::move(one));
    }
    end_base();
    return kept;
}

std::vector<ListedPackage> packages_of(std::vector<Kept>&& kept, std::size_t limit) {
    std::vector<ListedPackage> packages;
    packages.reserve(std::min(limit, kept.size()));
    for (std::size_t i = 0; i < std::min(limit, kept.size()); ++i)
        packages.push_back(std::move(kept[i].package));
    return packages;
}

} // namespace

std::vector<ListedPackage> Packages::search(const std::vector<std::string>& words, std::size_t limit) {
    if (words.empty())
        return {};
    std::vector<std::string> wanted;
    wanted.reserve(words.size());
    for (const std::string& word : words)
        wanted.push_back(lower(word));
    std::vector<Kept> hits =
        keep(catalog_.database(), std::nullopt,
             [&](std::string_view base, std::string_view pkgname, std::string_view comment) {
                 return rank(wanted, base, pkgname, comment);
             });
    std::stable_sort(hits.begin(), hits.end(), [](const Kept& a, const Kept& b) { return a.rank < b.rank; });
    return packages_of(std::move(hits), limit);
}

std::vector<ListedPackage> Packages::listed(const std::optional<std::string>& only_base) {
    std::vector<Kept> all =
        keep(catalog_.database(), only_base,
             [](std::string_view, std::string_view, std::string_view) { return std::optional<int>(0); });
    const std::size_t count = all.size();
    return packages_of(std::move(all), count);
}

} // namespace pkgjail::catalog

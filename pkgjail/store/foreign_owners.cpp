#include "pkgjail/store/foreign_owners.hpp"

#include <fmt/core.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/store/accounts.hpp"

namespace pkgjail::store {

using base::Error;
using base::ErrorKind;
using base::RootPath;
using base::Tree;

namespace {

std::map<std::string, std::uint32_t> numbers_of(const Tree& tree, bool groups,
                                                std::vector<LeftBehind>& left) {
    const RootPath file = RootPath::parse(groups ? "/etc/group" : "/etc/passwd");
    try {
        if (tree.exists(file))
            return account_numbers_in(tree, groups);
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::corrupt)
            throw;
        left.push_back({file.str(), "cannot be read: " + error.cause(), "see who owns the files taken over"});
    }
    return {};
}

} // namespace

ForeignOwners::ForeignOwners(const ForeignRoot& from, const Tree& config, std::vector<LeftBehind>& left)
    : left_(left) {
    // A prefix alone was used with the host's accounts.
    const Tree there = from.is_root() ? from.tree().open_tree(RootPath()) : Tree::open("/");
    for (const bool groups : {false, true}) {
        const auto here = account_numbers_in(config, groups);
        // A number may have several names there, of which the jail has one.
        for (const auto& [name, number] : numbers_of(there, groups, left)) {
            names_[groups].emplace(number, name);
            if (const auto known = here.find(name); known != here.end())
                numbers_[groups].emplace(number, known->second);
        }
    }
}

base::Owner ForeignOwners::here(const struct stat& status, base::Owner otherwise) {
    return {number(false, status.st_uid, otherwise.uid), number(true, status.st_gid, otherwise.gid)};
}

std::uint32_t ForeignOwners::number(bool group, std::uint32_t there, std::uint32_t otherwise) {
    if (there == 0)
        return 0;
    if (const auto known = numbers_[group].find(there); known != numbers_[group].end())
        return known->second;
    if (told_[group].insert(there).second) {
        const auto name = names_[group].find(there);
        left_.push_back({name == names_[group].end() ? std::to_string(there) : name->second,
                         fmt::format("is a {} that the jail has not; its files belong to the {} of {} now",
                                     group ? "group" : "user", group ? "group" : "user",
                                     "the directory or file whose place they take"),
                         ""});
    }
    return otherwise;
}

} // namespace pkgjail::store

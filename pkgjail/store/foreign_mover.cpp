#include "pkgjail/store/foreign_mover.hpp"

#include <cerrno>
#include <utility>

#include <sys/stat.h>
#include <unistd.h>

#include <fmt/core.h>

#include "pkgjail/base/error.hpp"

namespace pkgjail::store {

using base::Entry;
using base::Error;
using base::ErrorKind;
using base::Owner;
using base::RootPath;
using base::Tree;

namespace {

bool is_access_list(const std::string& attribute) {
    return attribute.starts_with("system.") && attribute.find("acl") != std::string::npos;
}

/// What the owning group may itself, as bits of a mode, by Linux' form of an access list (posix_acl_xattr.h:
/// 4 bytes of version, then entries of a tag and permissions of 2 bytes each and an id of 4, little-endian).
unsigned group_of_list(const std::string& list) {
    constexpr unsigned owning_group = 4;
    const auto at = [&](std::size_t place) { return static_cast<unsigned char>(list[place]); };
    for (std::size_t place = 4; place + 8 <= list.size(); place += 8)
        if ((at(place) | at(place + 1) << 8u) == owning_group)
            return (at(place + 2) & 7u) << 3u;
    return 0;
}

/// Where there is an access list the group's bits of a mode are the list's mask: without the list the owning
/// group would have what was given to others. Of lists of other forms nothing is known: it has nothing then.
unsigned mode_without_list(unsigned mode, const base::Attributes& lost) {
    for (const auto& [name, value] : lost)
        if (name == "system.posix_acl_access")
            mode &= ~070u | group_of_list(value);
        else if (is_access_list(name) && name != "system.posix_acl_default")
            mode &= ~070u;
    return mode;
}

} // namespace

void ForeignMover::move(const Entry& entry, Owner otherwise) {
    // What counts is the file that was read: whoever has the directory may put another one in its place
    // at any time, for example one that is root's and nobody else may read.
    const base::BareCopy copy = copy_of(entry);
    if (entry.is_directory())
        way_.push_back({entry.path, copy.status.st_dev, copy.status.st_ino});
    const bool is_root = ::geteuid() == 0;
    if (to_ != nullptr && is_root)
        to_->set_owner(entry.path, owners_->here(copy.status, otherwise));
    if (entry.is_symlink())
        return;
    const unsigned had = copy.status.st_mode & 07777u;
    const unsigned listless = mode_without_list(had, copy.left_out);
    tell_lost(entry.path, copy.left_out, had, listless);
    // A directory's set-group-id says who owns what is made in it.
    const unsigned kept = entry.is_directory() ? 07777u : 01777u;
    if ((had & ~kept) != 0)
        tell(entry.path, fmt::format("was set-id (mode {:04o}), and is not any more", had));
    if (to_ == nullptr)
        return;
    to_->set_permissions(entry.path, entry.is_directory() ? 0700u : listless & kept);
    if (entry.is_directory())
        unfinished_.push_back({entry.path, listless & kept, copy.status.st_mtim});
}

void ForeignMover::finish() {
    // The deepest first: the way to a directory may be closed once those above it are finished.
    for (auto one = unfinished_.rbegin(); one != unfinished_.rend(); ++one) {
        to_->set_permissions(one->path, one->mode);
        to_->set_modification_time(one->path, one->time);
    }
    unfinished_.clear();
}

void ForeignMover::tell(const RootPath& path, const std::string& why, const std::string& remedy) {
    left_.push_back({shown(path), why, remedy});
}

std::string ForeignMover::shown(const RootPath& path) const {
    if (path.is_root())
        return shown_.str();
    return shown_.is_root() ? path.str() : shown_.str() + path.str();
}

/// What is in a directory is read by way of the very directory that was taken: one that was closed to
/// others, put into the place of an open one, would be open in the jail.
base::BareCopy ForeignMover::copy_of(const Entry& entry) {
    const RootPath parent = entry.path.parent();
    while (!way_.empty() && !parent.is_within(way_.back().path))
        way_.pop_back();
    if (entry.path.is_root())
        return base::copy_bare(from_, entry, to_);
    const Tree there = from_.open_tree(parent);
    const RootPath name = RootPath().entry(entry.path.name());
    const auto now = there.stat(name);
    struct stat status {};
    if (::fstat(there.fd().get(), &status) != 0)
        throw base::system_error(errno, there.name(), "fstat");
    const bool is_taken_one = way_.empty() || way_.back().path != parent ||
                              (status.st_dev == way_.back().device && status.st_ino == way_.back().inode);
    if (!is_taken_one || !now || (now->status.st_mode & S_IFMT) != (entry.status.st_mode & S_IFMT))
        throw Error(ErrorKind::busy, from_.show(is_taken_one ? entry.path : parent),
                    "changes while it is read", "stop what runs there, and import it again");
    if (to_ == nullptr)
        return base::copy_bare(there, *now, nullptr);
    const Tree target = to_->open_tree(parent);
    return base::copy_bare(there, *now, &target);
}

void ForeignMover::tell_lost(const RootPath& path, const base::Attributes& lost, unsigned had, unsigned has) {
    bool list_told = false;
    for (const auto& [name, value] : lost) {
        if (name == "security.capability")
            tell(path, "had capabilities, and has none any more");
        else if (!is_access_list(name))
            tell(path, fmt::format("had the attribute {}, and has it no more", name));
        else if (!std::exchange(list_told, true))
            tell(path, had == has ? std::string("had an access list, and has none any more")
                                  : fmt::format("had an access list, and has none any more (mode {:04o} "
                                                "with it, {:04o} without)",
                                                had, has));
    }
}

} // namespace pkgjail::store

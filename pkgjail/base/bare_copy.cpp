#include "pkgjail/base/bare_copy.hpp"

#include <cerrno>

#include "pkgjail/base/tree_parts.hpp"

namespace pkgjail::base {

namespace {

struct stat status_of(const Fd& fd, const std::string& shown) {
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0)
        throw system_error(errno, shown, "fstat");
    return status;
}

/// `to` may be empty.
Attributes copy_notes(const Fd& from, const Fd& to, const std::string& shown) {
    Attributes left_out;
    for (const auto& [name, value] : read_attributes(from, shown))
        if (!name.starts_with("user."))
            left_out.emplace(name, value);
        else if (to)
            write_attribute(to, name, value, shown);
    return left_out;
}

BareCopy copy_file(const Tree& from, const RootPath& path, const Tree* to) {
    const std::string shown = from.show(path);
    const Fd source = from.open_regular(path);
    BareCopy copy{status_of(source, shown), {}};
    Fd target;
    if (to != nullptr) {
        to->remove_file(path);
        target = to->create_file(path, 0600);
        copy_bytes(source, target, copy.status, shown);
    }
    copy.left_out = copy_notes(source, target, shown);
    return copy;
}

BareCopy copy_directory(const Tree& from, const Entry& entry, const Tree* to) {
    const std::string shown = from.show(entry.path);
    const Tree source = from.open_tree(entry.path);
    BareCopy copy{status_of(source.fd(), shown), {}};
    if (copy.status.st_dev != entry.status.st_dev || copy.status.st_ino != entry.status.st_ino)
        throw Error(ErrorKind::busy, shown, "is another directory than a moment ago",
                    "stop what runs there, and try again");
    if (to == nullptr) {
        copy.left_out = copy_notes(source.fd(), Fd(), shown);
        return copy;
    }
    to->make_directory(entry.path, 0700);
    copy.left_out = copy_notes(source.fd(), to->open_tree(entry.path).fd(), shown);
    return copy;
}

} // namespace

BareCopy copy_bare(const Tree& from, const Entry& entry, const Tree* to) {
    BareCopy copy{entry.status, {}};
    if (entry.is_directory()) {
        copy = copy_directory(from, entry, to);
    } else if (entry.is_file()) {
        copy = copy_file(from, entry.path, to);
    } else if (!entry.is_symlink()) {
        throw Error(ErrorKind::corrupt, from.show(entry.path),
                    "is a FIFO, a socket or a device, which is not copied");
    } else if (to != nullptr) {
        to->remove_file(entry.path);
        to->make_symlink(entry.link_target, entry.path);
    }
    if (to != nullptr && !entry.is_directory())
        to->set_modification_time(entry.path, modification_time(copy.status));
    return copy;
}

} // namespace pkgjail::base

#include "pkgjail/store/sync.hpp"

#include <cerrno>

#include <sys/stat.h>
#include <unistd.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/store/layout.hpp"

namespace pkgjail::store {

using base::RootPath;
using base::Tree;

namespace {

dev_t file_system_of(const Tree& tree) {
    struct stat status {};
    if (::fstat(tree.fd().get(), &status) != 0)
        throw base::system_error(errno, tree.show(RootPath()), "stat");
    return status.st_dev;
}

} // namespace

void sync_with_data(const Tree& files, const Tree& data) {
    base::sync_file_system(files.fd());
    if (file_system_of(data) != file_system_of(files)) // on btrfs the number is another as well
        base::sync_file_system(data.fd());
}

void write_synced(const Tree& config, const Tree& target, const RootPath& path, std::string_view bytes,
                  unsigned mode, base::Owner owner) {
    config.make_directory(Layout::own_files(), 0700);
    const RootPath staging = Layout::own_files() / "new";
    config.remove_all(staging); // of a command that was killed
    const std::string shown = target.show(path);
    const base::Fd file = config.create_file(staging, 0600);
    try {
        base::write_all(file.get(), bytes, shown);
        if (::fchown(file.get(), owner.uid, owner.gid) != 0)
            throw base::system_error(errno, shown, "chown");
        if (::fchmod(file.get(), static_cast<mode_t>(mode)) != 0)
            throw base::system_error(errno, shown, "chmod");
        if (::fsync(file.get()) != 0)
            throw base::system_error(errno, shown, "fsync");
        config.rename_into(staging, target, path);
    } catch (...) {
        config.remove_file(staging);
        throw;
    }
}

} // namespace pkgjail::store

#include "pkgjail/store/output_file.hpp"

#include <cerrno>

#include <sys/stat.h>
#include <unistd.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"

namespace pkgjail::store {

using base::Error;
using base::ErrorKind;
using base::HostPath;

namespace {

Error is_there(const HostPath& path) {
    return {ErrorKind::conflict, path.string(), "exists already", "repeat it with --force to replace it"};
}

} // namespace

void OutputFile::check(const HostPath& path, bool replace) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0) {
        if (errno == ENOENT)
            return base::require_replaceable(path);
        throw base::system_error(errno, path.string(), "lstat");
    }
    if (!replace)
        throw is_there(path);
    if (!S_ISREG(status.st_mode))
        throw Error(ErrorKind::conflict, path.string(), "is no regular file, and is not replaced");
}

HostPath OutputFile::beside(const HostPath& path) {
    return path.parent_path() / ("." + path.filename().string() + ".new-" + base::random_hex(4));
}

OutputFile::OutputFile(HostPath path, bool replace)
    : path_(std::move(path)), temporary_(beside(path_)), replace_(replace) {
    check(path_, replace_);
    fd_ = base::create_beside(path_, temporary_);
}

OutputFile::~OutputFile() {
    if (!committed_)
        ::unlink(temporary_.c_str());
}

void OutputFile::commit() {
    if (::fsync(fd_.get()) != 0)
        throw base::system_error(errno, path_.string(), "fsync");
    if (!replace_) {
        // A name given in one step, and never one that somebody has taken meanwhile.
        if (::link(temporary_.c_str(), path_.c_str()) == 0) {
            base::sync_directory(path_.parent_path().empty() ? HostPath(".") : path_.parent_path());
            return; // the destructor takes the other name away
        }
        if (errno == EEXIST)
            throw is_there(path_);
        check(path_, false); // a file system without hard links
    }
    base::rename_durably(temporary_, path_);
    committed_ = true;
}

} // namespace pkgjail::store

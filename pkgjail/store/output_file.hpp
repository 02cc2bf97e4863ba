// A file for the operator, written beside its place and put there when it is whole.
#pragma once

#include <string>

#include "pkgjail/base/fd.hpp"
#include "pkgjail/base/path.hpp"

namespace pkgjail::store {

/// ".NAME.new-<random>" in the same directory, mode 0600, until commit(); disappears without it.
class OutputFile {
  public:
    /// Error{conflict} when `path` exists and is not to be replaced, or is no regular file; Error{not_found}
    /// when its directory is not there.
    OutputFile(base::HostPath path, bool replace);
    OutputFile(const OutputFile&) = delete;
    OutputFile& operator=(const OutputFile&) = delete;
    ~OutputFile();

    const base::Fd& fd() const { return fd_; }
    /// Synced, then under its name, and the directory synced.
    void commit();

    /// The first thing that the constructor does, to be done before any work.
    static void check(const base::HostPath& path, bool replace);
    /// The name beside `path` under which something is written first.
    static base::HostPath beside(const base::HostPath& path);

  private:
    base::HostPath path_;
    base::HostPath temporary_;
    bool replace_;
    base::Fd fd_;
    bool committed_ = false;
};

} // namespace pkgjail::store

// What taking an index, signed or not, shares.
#pragma once

#include <array>
#include <string>
#include <utility>

#include <unistd.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/path.hpp"
#include "pkgjail/jail/config.hpp"

namespace pkgjail::repo {

/// Best compression first. All of them hold the same text.
inline constexpr std::array<const char*, 5> index_names = {
    "pkg_summary.zst", "pkg_summary.xz", "pkg_summary.bz2", "pkg_summary.gz", "pkg_summary"};

/// Error{network} for a repository whose index cannot be taken.
base::Error index_cannot_be_had(const jail::RepositoryConfig& repository, std::string cause);

/// Removes the file unless it is handed on.
class TemporaryFile {
  public:
    explicit TemporaryFile(base::HostPath path) : path_(std::move(path)) {}
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;
    ~TemporaryFile() {
        if (!path_.empty())
            ::unlink(path_.c_str());
    }
    const base::HostPath& path() const { return path_; }
    base::HostPath release() { return std::exchange(path_, {}); }

  private:
    base::HostPath path_;
};

} // namespace pkgjail::repo

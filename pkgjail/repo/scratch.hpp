// A directory for a program of the host that wants files, such as gpg.
#pragma once

#include <filesystem>
#include <string_view>

#include "pkgjail/base/file.hpp"
#include "pkgjail/base/path.hpp"

namespace pkgjail::repo {

/// Goes away with all that is in it; when the process is killed, gc removes it as what a download left.
class Scratch {
  public:
    /// Mode 0700. `parent`: the cache directory.
    explicit Scratch(const base::HostPath& parent) : path_(parent / ("fetch-" + base::random_hex(8))) {
        base::make_directories(path_, 0700);
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    ~Scratch() {
        std::error_code ignored; // it lies in the cache, where a left-over costs space only
        std::filesystem::remove_all(path_, ignored);
    }
    base::HostPath write(const char* name, std::string_view bytes) const {
        base::write_file_atomically(path_ / name, bytes, 0600);
        return path_ / name;
    }
    base::HostPath operator/(const char* name) const { return path_ / name; }
    const base::HostPath& path() const { return path_; }

  private:
    base::HostPath path_;
};

} // namespace pkgjail::repo

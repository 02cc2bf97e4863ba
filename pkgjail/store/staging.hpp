// The directory in which an image comes into being.
#pragma once

#include <optional>

#include "pkgjail/base/tree.hpp"
#include "pkgjail/store/layout.hpp"

namespace pkgjail::store {

/// images/new-<random>/, which nobody but its owner enters, with tree/, seed/config/, seed/data/ (what
/// becomes the image), skeleton/ and unpack/ (what does not). Disappears unless it was sealed.
class Staging {
  public:
    explicit Staging(const Layout& layout);
    Staging(const Staging&) = delete;
    Staging& operator=(const Staging&) = delete;
    ~Staging();

    const base::Tree& top() const { return *top_; }
    const base::HostPath& path() const { return path_; }
    /// Where package number `index` is unpacked.
    static base::RootPath unpack_directory(std::size_t index);
    /// It has become an image, and is no longer ours to remove.
    void sealed() { sealed_ = true; }

  private:
    void fill();

    base::Tree images_;
    base::RootPath name_;
    base::HostPath path_;
    std::optional<base::Tree> top_;
    bool sealed_ = false;
};

} // namespace pkgjail::store

// A file system of its own for one test: an image file on a loop device, or memory.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "pkgjail/base/path.hpp"
#include "pkgjail/base/process.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

namespace pkgjail::test {

class LoopMount {
  public:
    /// "btrfs", "xfs", "ext4" or "tmpfs", of this many MiB. nullopt, and the reason said, where the kernel or
    /// the tools have none of it; with PKGJAIL_REQUIRE_SYSTEM=1 that is a failure.
    /// `options` are those of the mount, "prjquota"; a kernel that does not know them is no failure.
    static std::optional<LoopMount> make(const std::string& type, unsigned mebibytes,
                                         const std::string& options = {});
    LoopMount(LoopMount&&) = default;
    LoopMount& operator=(LoopMount&&) = delete;
    ~LoopMount();

    base::HostPath top() const { return *directory_ / "mounted"; }

  private:
    explicit LoopMount(std::unique_ptr<TempDir> directory) : directory_(std::move(directory)) {}
    std::unique_ptr<TempDir> directory_;
};

} // namespace pkgjail::test

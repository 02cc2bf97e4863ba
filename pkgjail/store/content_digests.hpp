// The digests of files while they are unpacked, computed by a thread of their own: so that one processor
// decompresses, and the other does not have to write first and compute then.
//
// The bytes of each file are put into room(), which is this object's, one file after the other. Files lie in
// batches as they come, many small ones or a part of a large one, and the thread is given whole batches: to
// wake it for each file would cost more than most files do. What they come to is known at finish(), and so is
// whether it is what the packing list promised: nothing of the package may be used before.
#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/path.hpp"
#include "pkgjail/base/worker.hpp"

namespace pkgjail::store {

class ContentDigests {
  public:
    static constexpr std::size_t batch_size = std::size_t{256} << 10;

    /// `archive` is for messages. Without a thread, and where none can be had, the caller's computes.
    ContentDigests(std::string archive, bool with_thread);
    ContentDigests(const ContentDigests&) = delete;
    ContentDigests& operator=(const ContentDigests&) = delete;

    /// Another file. `md5`: what the packing list promises. Throws as end() does.
    void begin(base::RootPath path, std::optional<std::string> md5);
    struct Room {
        char* bytes;
        std::size_t size; ///< not 0
    };
    /// For more of it. Waits while all that was given is still to be looked at. Throws as end() does.
    Room room();
    /// So many bytes are in room(), which is not the caller's any more.
    void add(std::size_t size);
    /// The file is whole. Throws Error{trust} when an earlier one was not what was promised.
    void end();
    /// SHA-256 of each file that is whole, by path. Throws Error{trust} as well. The object is spent.
    std::map<std::string, std::string> finish();

  private:
    static constexpr std::size_t most_files = 512; ///< in a batch
    static constexpr std::size_t least_room = std::size_t{16} << 10;
    static constexpr std::size_t batches = 4;
    /// A file, or what of it is in a batch.
    struct Part {
        base::RootPath path; ///< where it begins
        std::optional<std::string> md5;
        std::size_t size = 0;
        bool begins = false;
        bool ends = false;
    };
    struct Batch {
        std::unique_ptr<char[]> bytes;
        std::size_t used = 0;
        std::vector<Part> parts;
    };
    Batch& batch() { return batches_[present_]; }
    void hand_over();
    void compute(const Batch& batch);
    void compare();

    const std::string archive_;
    std::array<Batch, batches> batches_;
    std::size_t present_ = 0; ///< the batch that is being filled; the others are the worker's, or empty
    // Of whoever computes.
    base::RootPath path_;
    std::optional<std::string> promised_;
    std::optional<base::Digest> md5_, sha256_;
    std::map<std::string, std::string> found_;

    base::Worker worker_; ///< ends before what it uses
};

} // namespace pkgjail::store

// The members of an archive on their way from who reads them to who writes and hashes them, which is a thread
// of its own: while one processor decompresses, the other writes.
//
// The bytes of each member are put into room(), which is this object's, one member after the other. Members
// lie in batches as they come, many small ones or a part of a large one, and the thread is given whole
// batches: to wake it for each member would cost more than most members do.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pkgjail/base/worker.hpp"
#include "pkgjail/format/archive.hpp"

namespace pkgjail::store {

/// Where members go: begin(), content() as often as needed, end(), for each in the archive's order.
class MemberSink {
  public:
    virtual ~MemberSink() = default;
    /// `md5`: what the packing list promises of a file.
    virtual void begin(const format::ArchiveMember& member, const std::optional<std::string>& md5) = 0;
    virtual void content(std::string_view bytes) = 0;
    virtual void end() = 0;
};

/// What the sink throws comes out of any of these functions, at the latest of finish(); after that it is
/// given nothing more.
class MemberBatches {
  public:
    static constexpr std::size_t batch_size = std::size_t{256} << 10;

    /// `sink` is used by the thread until finish() or the end of this, and must outlive it. Without a thread,
    /// and where none can be had, the caller's does the work.
    MemberBatches(MemberSink& sink, bool with_thread);
    MemberBatches(const MemberBatches&) = delete;
    MemberBatches& operator=(const MemberBatches&) = delete;

    void begin(format::ArchiveMember member, std::optional<std::string> md5);
    struct Room {
        char* bytes;
        std::size_t size; ///< not 0
    };
    /// For more of it. Waits while all that was given is still to be looked at.
    Room room();
    /// So many bytes are in room(), which is not the caller's any more.
    void add(std::size_t size);
    /// The member is whole.
    void end();
    /// Until the sink has seen everything.
    void finish();

  private:
    static constexpr std::size_t most_members = 512; ///< in a batch
    static constexpr std::size_t least_room = std::size_t{16} << 10;
    static constexpr std::size_t batches = 4;
    /// A member, or what of it is in a batch.
    struct Part {
        std::optional<format::ArchiveMember> member; ///< where it begins
        std::optional<std::string> md5;
        std::size_t size = 0;
        bool ends = false;
    };
    struct Batch {
        std::unique_ptr<char[]> bytes;
        std::size_t used = 0;
        std::vector<Part> parts;
    };
    Batch& batch() { return batches_[present_]; }
    void hand_over();
    void give_out(const Batch& batch) const;

    MemberSink& sink_;
    std::array<Batch, batches> batches_;
    std::size_t present_ = 0; ///< the batch that is being filled; the others are the worker's, or empty
    base::Worker worker_;     ///< ends before what it uses
};

} // namespace pkgjail::store

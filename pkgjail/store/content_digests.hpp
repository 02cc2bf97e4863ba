// The digests of files while they are unpacked, computed by a thread of their own: so that one processor
// decompresses, and the other does not have to write first and compute then.
//
// The bytes of each file are put into room(), which is this object's, one file after the other. What they
// come to is known at finish(), and so is whether it is what the packing list promised: nothing of the
// package may be used before.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/path.hpp"

namespace pkgjail::store {

class ContentDigests {
  public:
    static constexpr std::size_t piece_size = std::size_t{128} << 10;

    /// `archive` is for messages. Without a thread, and where none can be had, the caller's computes.
    ContentDigests(std::string archive, bool with_thread);
    ContentDigests(const ContentDigests&) = delete;
    ContentDigests& operator=(const ContentDigests&) = delete;
    ~ContentDigests();

    /// Another file. `md5`: what the packing list promises.
    void begin(base::RootPath path, std::optional<std::string> md5);
    /// For piece_size bytes of it. Waits while all that was given is still to be looked at.
    char* room();
    /// So many bytes are in room(), which is not the caller's any more.
    void add(std::size_t size);
    /// The file is whole. Throws Error{trust} when an earlier one was not what was promised.
    void end();
    /// SHA-256 of each file, by path. Throws Error{trust} as well. The object is spent.
    std::map<std::string, std::string> finish();

  private:
    static constexpr std::size_t most_pieces = 8;
    struct Piece {
        std::unique_ptr<char[]> bytes;
        std::size_t size = 0;
    };
    /// What there is to do, in this order: begin a file, take a piece of it, end it.
    struct Work {
        enum class Kind { begin, piece, end } kind;
        base::RootPath path;
        std::optional<std::string> md5;
        Piece piece;
    };
    void give(Work work);
    void compute(Work& work);
    void run() noexcept;
    void stop();

    const std::string archive_;
    Piece room_;
    // Of whoever computes.
    base::RootPath path_;
    std::optional<std::string> promised_;
    std::optional<base::Digest> md5_, sha256_;
    std::map<std::string, std::string> found_;

    std::mutex lock_; ///< for what follows
    std::condition_variable changed_;
    std::deque<Work> work_;
    std::vector<Piece> free_;
    std::size_t pieces_ = 0; ///< made so far
    bool over_ = false;
    std::exception_ptr failure_;
    std::thread thread_;
};

} // namespace pkgjail::store

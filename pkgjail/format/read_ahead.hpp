// A source that is read by a thread of its own, some pieces ahead of who takes them: decompression then goes
// on while what came before is looked at and written.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "pkgjail/format/byte_source.hpp"

namespace pkgjail::format {

class ReadAhead : public ByteSource {
  public:
    static constexpr std::size_t default_pieces = 16; ///< of what the source gives at once, 64 KiB mostly

    /// `input` must outlive this and is nobody else's from now on. Where no thread can be had, it is read
    /// when it is asked for.
    explicit ReadAhead(ByteSource& input, std::size_t pieces = default_pieces);
    /// The thread ends after the piece that it is at.
    ~ReadAhead() override;
    ReadAhead(const ReadAhead&) = delete;
    ReadAhead& operator=(const ReadAhead&) = delete;

    /// What `input` throws is thrown here, where its piece would have come.
    std::string_view next() override;

  private:
    void run() noexcept;

    ByteSource& input_;
    const std::size_t most_;
    std::mutex lock_;
    std::condition_variable changed_;
    std::deque<std::string> ready_;
    std::deque<std::string> spare_; ///< their memory is used again
    std::string present_;
    std::exception_ptr failure_;
    bool ended_ = false;
    bool unwanted_ = false;
    std::thread thread_; ///< last: it uses all of them
};

} // namespace pkgjail::format

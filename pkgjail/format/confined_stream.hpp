// The stream between pkgjail and a confined process that reads for it: first what is to be read, then its
// bytes on the one way; frames on the other.
#pragma once

#include <chrono>
#include <exception>
#include <memory>
#include <string>
#include <string_view>

#include "pkgjail/base/confined.hpp"
#include "pkgjail/base/fd.hpp"
#include "pkgjail/format/byte_source.hpp"
#include "pkgjail/format/reading_frames.hpp"
#include "pkgjail/format/wire_values.hpp"

namespace pkgjail::format {

struct Frame {
    FrameType type = FrameType::end;
    std::string_view content; ///< valid until the next one; one of data may be a part of what was sent as one
};

/// Our side: sends the input as the other side takes it, and gives its frames. What `input` throws comes out
/// where the bytes that it did not give are missing, and not before.
class ConfinedStream {
  public:
    /// How long the other side may neither take nor give anything, while this process runs.
    static constexpr std::chrono::seconds default_patience{120};

    /// `work` is serve_reading, or what a test has in its place. `input` must outlive this.
    ConfinedStream(ByteSource& input, const ReadingRequest& request, base::ConfinedWork work,
                   std::chrono::seconds patience = default_patience);
    /// Throws what the other side failed with, as decode_error() lets it through; Error{corrupt} when it ends
    /// without a word, does nothing any more, or does not keep to the form. After `end` or a failure it is
    /// not called again.
    Frame next();
    const std::string& name() const { return name_; }
    /// For a frame that does not belong where it stands, or says too much.
    [[noreturn]] void refuse() const;

  private:
    [[noreturn]] void fail(std::string cause, std::string hint);
    std::string_view ready() const { return std::string_view(received_.get() + used_, filled_ - used_); }
    void make_room(std::size_t size);
    void exchange();
    bool send_some();
    bool receive_some();

    ByteSource& input_;
    std::string name_;
    std::chrono::seconds patience_;
    base::Fd stream_;
    bool ends_early_;
    std::string begin_;       ///< of what is sent: the request
    std::string_view unsent_; ///< of begin_, or of the input's present piece
    bool input_ended_ = false;
    std::exception_ptr input_failure_;
    std::unique_ptr<char[]> received_;
    std::size_t capacity_ = 0;
    std::size_t filled_ = 0;
    std::size_t used_ = 0;
    std::size_t data_left_ = 0; ///< of a frame of data whose beginning was given
};

} // namespace pkgjail::format

// Decompression by content, counted where it hurts: on the output. libarchive does the work; no program of
// the host is ever run for it, and a stream compressed twice is refused.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "pkgjail/format/byte_source.hpp"

namespace pkgjail::format {

class ArchiveDecoder : public ByteSource {
  public:
    /// `input` must outlive this. `max_bytes`: more output is Error{corrupt}. `name` is for messages. Throws
    /// what `input` throws, and Error{corrupt} for damaged input, also when it ends too early.
    ArchiveDecoder(ByteSource& input, std::string name, std::uint64_t max_bytes);
    ~ArchiveDecoder() override;

    std::string_view next() override;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace pkgjail::format

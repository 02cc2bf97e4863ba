// Where the bytes of an archive or an index come from, piece by piece.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/fd.hpp"

namespace pkgjail::format {

class ByteSource {
  public:
    virtual ~ByteSource() = default;
    /// The next piece, valid until the next call; empty at the end, and ever after. Throws base::Error.
    virtual std::string_view next() = 0;
};

/// A descriptor from its present position to its end. The descriptor stays the caller's and must outlive
/// this.
class FdSource : public ByteSource {
  public:
    /// `name` is for messages. What is read goes into `digest` as well, where there is one.
    FdSource(const base::Fd& fd, std::string name, base::Digest* digest = nullptr);
    std::string_view next() override;

  private:
    int fd_;
    base::Digest* digest_;
    std::string name_;
    std::unique_ptr<char[]> buffer_;
};

} // namespace pkgjail::format

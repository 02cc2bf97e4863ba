// What a confined process answers: frames, the last of which is the end or a failure. A frame is its type, a
// length of four bytes in the host's order, and that many bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

namespace pkgjail::format {

enum class FrameType : char {
    member = 'M', ///< an ArchiveMember, or a TreeMember; its data follow
    offset = 'O', ///< of a TreeMember's next data, eight bytes
    data = 'D',
    lists = 'L',   ///< PackageLists
    reached = 'C', ///< how many bytes were decompressed up to here, eight bytes
    record = 'R',  ///< SummaryRecord
    head = 'H',    ///< VulnerabilityHead
    entries = 'V', ///< Vulnerability
    signer = 'S',  ///< X509Signer
    end = 'E',
    failure = 'X', ///< base::Error
};

inline constexpr std::size_t frame_head_size = 5;
inline constexpr std::size_t max_frame_size = std::size_t{64} << 20;
inline constexpr std::size_t data_piece_size = std::size_t{128} << 10;

/// The confined process's side.
class FrameWriter {
  public:
    /// Thrown when nobody listens any more.
    struct NobodyListens {};

    explicit FrameWriter(int stream);
    /// Throws Error{corrupt} for a frame that is too long.
    void write(FrameType type, std::string_view content);
    void write_number(FrameType type, std::uint64_t number);
    /// Room for data_piece_size bytes of data; then how many have been put there. Not 0.
    char* room();
    void put_data(std::size_t size);
    void flush();

  private:
    void send(std::string_view bytes);
    void put_head(FrameType type, std::size_t size);

    int stream_;
    std::size_t used_ = 0;
    std::unique_ptr<char[]> buffer_;
};

} // namespace pkgjail::format

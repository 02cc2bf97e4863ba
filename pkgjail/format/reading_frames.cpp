#include "pkgjail/format/reading_frames.hpp"

#include <cerrno>
#include <cstring>

#include <fmt/core.h>
#include <sys/socket.h>

#include "pkgjail/base/error.hpp"

namespace pkgjail::format {

namespace {

constexpr std::size_t buffer_size = 2 * (data_piece_size + frame_head_size);

} // namespace

FrameWriter::FrameWriter(int stream) : stream_(stream), buffer_(new char[buffer_size]) {}

void FrameWriter::put_head(FrameType type, std::size_t size) {
    buffer_[used_] = static_cast<char>(type);
    const auto length = static_cast<std::uint32_t>(size);
    std::memcpy(&buffer_[used_ + 1], &length, sizeof length);
    used_ += frame_head_size;
}

void FrameWriter::write(FrameType type, std::string_view content) {
    if (content.size() > max_frame_size)
        throw base::Error(
            base::ErrorKind::corrupt, "metadata",
            fmt::format("{} bytes when taken apart; at most {} are allowed", content.size(), max_frame_size));
    if (used_ + frame_head_size > buffer_size)
        flush();
    put_head(type, content.size());
    if (content.size() > buffer_size - used_) {
        flush();
        send(content);
        return;
    }
    if (!content.empty())
        std::memcpy(&buffer_[used_], content.data(), content.size());
    used_ += content.size();
}

void FrameWriter::write_number(FrameType type, std::uint64_t number) {
    char raw[sizeof number];
    std::memcpy(raw, &number, sizeof number);
    write(type, std::string_view(raw, sizeof raw));
}

char* FrameWriter::room() {
    if (used_ + frame_head_size + data_piece_size > buffer_size)
        flush();
    return &buffer_[used_ + frame_head_size];
}

void FrameWriter::put_data(std::size_t size) {
    put_head(FrameType::data, size);
    used_ += size;
}

void FrameWriter::flush() {
    send(std::string_view(buffer_.get(), used_));
    used_ = 0;
}

void FrameWriter::send(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(stream_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            throw NobodyListens();
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
}

} // namespace pkgjail::format

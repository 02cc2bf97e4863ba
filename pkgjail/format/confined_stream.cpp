#include "pkgjail/format/confined_stream.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fmt/core.h>
#include <poll.h>
#include <sys/socket.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/format/archive_loading.hpp"
#include "pkgjail/format/wire.hpp"

namespace pkgjail::format {

namespace {

using base::Error;
using base::ErrorKind;

constexpr std::size_t first_capacity = std::size_t{512} << 10;
constexpr const char* may_be_made_so =
    "the archive is damaged or made to break its reader, or the host is short of memory";

std::string with_length(const std::string& bytes) {
    WireWriter wire;
    wire(bytes);
    return wire.take();
}

} // namespace

ConfinedStream::ConfinedStream(ByteSource& input, const ReadingRequest& request, base::ConfinedWork work,
                               std::chrono::seconds patience)
    : input_(input), name_(request.name), patience_(patience),
      stream_(base::start_confined(work, load_libarchive)),
      ends_early_(request.kind == ReadingKind::metadata), begin_(with_length(encode(request))),
      unsent_(begin_), received_(new char[first_capacity]), capacity_(first_capacity) {}

void ConfinedStream::fail(std::string cause, std::string hint) {
    if (input_failure_) // what is missing is why it failed
        std::rethrow_exception(std::exchange(input_failure_, nullptr));
    throw Error(ErrorKind::corrupt, name_, std::move(cause), std::move(hint));
}

void ConfinedStream::refuse() const {
    throw Error(ErrorKind::corrupt, name_, "its reader gave what was not asked for",
                "the archive may be made to take its reader over; do not use it");
}

Frame ConfinedStream::next() {
    for (;;) {
        const std::string_view bytes = ready();
        if (data_left_ > 0 && !bytes.empty()) {
            const std::string_view piece = bytes.substr(0, data_left_);
            data_left_ -= piece.size();
            used_ += piece.size();
            return {FrameType::data, piece};
        }
        if (data_left_ == 0 && bytes.size() >= frame_head_size) {
            std::uint32_t size = 0;
            std::memcpy(&size, bytes.data() + 1, sizeof size);
            const auto type = static_cast<FrameType>(bytes.front());
            if (size > max_frame_size)
                refuse();
            if (type == FrameType::data) {
                if (size == 0)
                    refuse();
                used_ += frame_head_size;
                data_left_ = size;
                continue;
            }
            if (bytes.size() >= frame_head_size + size) {
                used_ += frame_head_size + size;
                const Frame frame{type, bytes.substr(frame_head_size, size)};
                if (type == FrameType::failure) {
                    if (input_failure_)
                        fail("", "");
                    throw decode_error(frame.content, name_);
                }
                // It cannot have come to a good end without what the input did not give; with the metadata
                // alone it needs no more than their part, and how far ahead we got by then is chance.
                if (type == FrameType::end && input_failure_ && !ends_early_)
                    fail("", "");
                return frame;
            }
            make_room(frame_head_size + size);
        }
        exchange();
    }
}

/// For `size` bytes from used_ on, at least.
void ConfinedStream::make_room(std::size_t size) {
    if (size <= capacity_ - used_)
        return;
    const std::string_view kept = ready();
    if (size <= capacity_) {
        std::memmove(received_.get(), kept.data(), kept.size());
    } else {
        std::unique_ptr<char[]> larger(new char[size]);
        std::memcpy(larger.get(), kept.data(), kept.size());
        received_ = std::move(larger);
        capacity_ = size;
    }
    filled_ = kept.size();
    used_ = 0;
}

/// Until something was received.
void ConfinedStream::exchange() {
    if (used_ == filled_)
        used_ = filled_ = 0;
    make_room(filled_ - used_ + frame_head_size);
    std::chrono::seconds waited{0};
    for (;;) {
        bool moved = receive_some();
        const bool received = moved;
        // What it needs next is on its way before what it gave is looked at.
        while (send_some())
            moved = true;
        if (received)
            return;
        if (moved)
            waited = std::chrono::seconds(0);
        struct pollfd poll = {stream_.get(), POLLIN, 0};
        if (!input_ended_)
            poll.events |= POLLOUT;
        // A second at a time, so that a command that was stopped and goes on has not waited for long.
        const int happened = ::poll(&poll, 1, 1000);
        if (happened < 0 && errno != EINTR)
            throw base::system_error(errno, name_, "poll");
        if (happened == 0 && ++waited >= patience_)
            fail(fmt::format("the process that reads it has done nothing for {} s", patience_.count()),
                 may_be_made_so);
    }
}

/// False when no more is taken just now, or there is no more.
bool ConfinedStream::send_some() {
    while (unsent_.empty()) {
        if (input_ended_)
            return false;
        try {
            unsent_ = input_.next();
        } catch (...) {
            input_failure_ = std::current_exception();
        }
        if (unsent_.empty()) {
            input_ended_ = true;
            ::shutdown(stream_.get(), SHUT_WR);
            return false;
        }
    }
    const ssize_t sent = ::send(stream_.get(), unsent_.data(), unsent_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
        if (errno == EINTR)
            return true;
        if (errno != EAGAIN && errno != EWOULDBLOCK)
            input_ended_ = true; // it needs no more; its answers say why
        return false;
    }
    unsent_.remove_prefix(static_cast<std::size_t>(sent));
    return true;
}

/// False when there is nothing yet.
bool ConfinedStream::receive_some() {
    const ssize_t got = ::recv(stream_.get(), received_.get() + filled_, capacity_ - filled_, MSG_DONTWAIT);
    if (got > 0) {
        filled_ += static_cast<std::size_t>(got);
        return true;
    }
    if (got < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK))
        return false;
    fail("the process that reads it ended without an answer", may_be_made_so);
}

} // namespace pkgjail::format

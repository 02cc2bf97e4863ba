#include "pkgjail/supervise/output.hpp"

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include "pkgjail/base/error.hpp"

namespace pkgjail::supervise {

void ServiceOutput::open(const confine::Identity& identity) {
    for (Stream& stream : streams_) {
        base::Pipe pipe = base::make_pipe();
        int flags = ::fcntl(pipe.read_end.get(), F_GETFL);
        if (flags < 0 || ::fcntl(pipe.read_end.get(), F_SETFL, flags | O_NONBLOCK) != 0)
            throw base::system_error(errno, "pipe", "fcntl");
        // Services reopen /dev/stdout by name, and then the pipe's owner counts. Only a convenience: a kernel
        // whose pipes have no owner (or a supervisor without privilege) leaves the service with its open
        // descriptors.
        if (identity.uid != 0)
            static_cast<void>(::fchown(pipe.write_end.get(), identity.uid, identity.gid));
        stream.lines = LineCutter();
        stream.read_end = std::move(pipe.read_end);
        stream.write_end = std::move(pipe.write_end);
    }
}

void ServiceOutput::close_service_ends() noexcept {
    for (Stream& stream : streams_)
        stream.write_end.reset();
}

void ServiceOutput::give(const Stream& stream, std::string_view text, bool split) {
    log_.append({base::wall_now(), split ? stream.name + "+" : stream.name, std::string(text)});
}

bool ServiceOutput::read_some(Stream& stream) noexcept {
    if (!stream.read_end)
        return false;
    char buffer[32u << 10];
    ssize_t count = 0;
    do
        count = ::read(stream.read_end.get(), buffer, sizeof buffer);
    while (count < 0 && errno == EINTR);
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return false;
    if (count <= 0) {
        stream.read_end.reset();
        return false;
    }
    try {
        stream.lines.feed(std::string_view(buffer, static_cast<std::size_t>(count)),
                          [&](std::string_view text, bool split) { give(stream, text, split); });
    } catch (const std::exception&) {
        stream.lines = LineCutter(); // no memory: this piece is lost, the service goes on
    }
    return true;
}

void ServiceOutput::read() noexcept {
    // Two pieces of each: a flood on one stream must keep neither the other nor the loop waiting.
    for (int round = 0; round < 2; ++round)
        for (Stream& stream : streams_)
            read_some(stream);
}

void ServiceOutput::finish() noexcept {
    constexpr int most_pieces = 64; // 2 MiB; a pipe holds at most one
    for (Stream& stream : streams_) {
        for (int piece = 0; piece < most_pieces && read_some(stream); ++piece) {
        }
        try {
            stream.lines.finish([&](std::string_view text, bool split) { give(stream, text, split); });
        } catch (const std::exception&) {
            stream.lines = LineCutter();
        }
        stream.read_end.reset();
        stream.write_end.reset();
    }
}

} // namespace pkgjail::supervise

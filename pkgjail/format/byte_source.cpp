#include "pkgjail/format/byte_source.hpp"

#include <cerrno>

#include <unistd.h>

#include "pkgjail/base/error.hpp"

namespace pkgjail::format {
namespace {

constexpr std::size_t piece_size = std::size_t{128} * 1024;

} // namespace

FdSource::FdSource(const base::Fd& fd, std::string name, base::Digest* digest)
    : fd_(fd.get()), digest_(digest), name_(std::move(name)), buffer_(new char[piece_size]) {}

std::string_view FdSource::next() {
    for (;;) {
        const ssize_t got = ::read(fd_, buffer_.get(), piece_size);
        if (got >= 0) {
            const std::string_view piece(buffer_.get(), static_cast<std::size_t>(got));
            if (digest_ != nullptr)
                digest_->update(piece);
            return piece;
        }
        if (errno != EINTR)
            throw base::system_error(errno, name_, "read");
    }
}

} // namespace pkgjail::format

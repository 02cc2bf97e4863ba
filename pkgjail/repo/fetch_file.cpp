#include "pkgjail/repo/fetch_file.hpp"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/fd.hpp"
#include "pkgjail/base/retry.hpp"
#include "pkgjail/repo/partial_file.hpp"
#include "pkgjail/repo/url.hpp"

namespace pkgjail::repo {

namespace {

Downloaded failure(Downloaded::Result result, std::string error) {
    Downloaded downloaded;
    downloaded.result = result;
    downloaded.error = std::move(error);
    return downloaded;
}

Downloaded failure_of_errno(int number, const base::HostPath& path) {
    if (number == ENOENT || number == ENOTDIR) {
        std::error_code ignored; // it only chooses between two wordings
        const bool has_directory = std::filesystem::is_directory(path.parent_path(), ignored);
        return failure(Downloaded::Result::missing, has_directory ? "no such file" : "no such directory");
    }
    if (number == EACCES || number == EPERM)
        return failure(Downloaded::Result::failed, "permission denied");
    return failure(Downloaded::Result::failed, std::strerror(number));
}

} // namespace

Downloaded copy_from_file(const Download& download, const std::function<void(std::uint64_t)>& moved) {
    using Result = Downloaded::Result;
    const auto path = file_url_path(download.url);
    if (!path)
        return failure(Result::failed, "is not of the form file:///PATH");
    // Looked at first: opening a device can have effects of its own.
    struct stat status {};
    if (::stat(path->c_str(), &status) != 0)
        return failure_of_errno(errno, *path);
    if (!S_ISREG(status.st_mode))
        return failure(Result::failed, "is not a regular file");
    const base::Fd source(
        base::retrying([&] { return ::open(path->c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC); }));
    if (!source)
        return failure_of_errno(errno, *path);
    if (::fstat(source.get(), &status) != 0)
        return failure_of_errno(errno, *path);
    if (!S_ISREG(status.st_mode))
        return failure(Result::failed, "is not a regular file");

    Downloaded result;
    const auto size = static_cast<std::uint64_t>(status.st_size);
    result.etag = fmt::format("\"{}.{:09}-{}\"", status.st_mtim.tv_sec, status.st_mtim.tv_nsec, size);
    result.last_modified = base::format_time(base::from_unix(status.st_mtim.tv_sec));
    if (download.etag == result.etag) {
        result.result = Result::not_modified;
        return result;
    }
    if (download.expected_bytes && size != *download.expected_bytes)
        return failure(Result::wrong_size,
                       fmt::format("size is {} instead of {}", size, *download.expected_bytes));
    if (size > download.max_bytes)
        return failure(Result::failed,
                       fmt::format("is longer than the {} bytes that are allowed here", download.max_bytes));

    // Never resumed: copying again is as fast as finding out whether that would be right.
    PartialFile part(download.part.empty() ? base::HostPath(download.destination.string() + ".part")
                                           : download.part,
                     download.url);
    part.restart({});
    std::string buffer(std::size_t{1} << 20, '\0');
    for (;;) {
        const ssize_t count = ::read(source.get(), buffer.data(), buffer.size());
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return failure_of_errno(errno, *path);
        if (count == 0)
            break;
        const auto piece = static_cast<std::size_t>(count);
        if (part.size() + piece > size)
            return failure(Result::failed, "grew while it was copied");
        part.append(std::string_view(buffer).substr(0, piece));
        result.bytes += piece;
        moved(piece);
    }
    if (part.size() != size)
        return failure(Result::failed, "shrank while it was copied");
    part.commit(download.destination);
    result.result = Result::complete;
    return result;
}

} // namespace pkgjail::repo

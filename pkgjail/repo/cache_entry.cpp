#include "pkgjail/repo/cache_entry.hpp"

#include <algorithm>
#include <cerrno>
#include <memory>

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pkgjail/base/digest_pair.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/retry.hpp"
#include "pkgjail/base/worker.hpp"
#include "pkgjail/repo/own_file.hpp"

namespace pkgjail::repo {

namespace {

using base::DigestAlgorithm;
using base::Error;
using base::ErrorKind;

struct Kind {
    const char* name;
    DigestAlgorithm algorithm;
    std::size_t length; ///< in hexadecimal digits
};
constexpr Kind kinds[] = {
    {"sha512", DigestAlgorithm::sha512, 128},
    {"sha256", DigestAlgorithm::sha256, 64},
    {"sha1", DigestAlgorithm::sha1, 40},
};

/// The size of an archive from which its second digest is worth a thread.
constexpr off_t worth_a_thread = 512 << 10;

bool is_hex(std::string_view text, std::size_t length) {
    return text.size() == length && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

const Kind* find_kind(std::string_view name) {
    for (const Kind& kind : kinds)
        if (kind.name == name)
            return &kind;
    return nullptr;
}

bool starts_with(std::string_view text, std::string_view start) {
    return text.substr(0, start.size()) == start;
}

} // namespace

std::string entry_label(const WantedArchive& wanted) {
    if (wanted.digest_algorithm.empty()) {
        // NUL between the parts: none of them can hold one.
        std::string key = wanted.repository.url;
        for (const std::string& part :
             {wanted.file_name, wanted.size ? std::to_string(*wanted.size) : std::string(),
              wanted.build_date})
            key.append(1, '\0').append(part);
        return "key-" + base::sha256(key);
    }
    std::string digest = wanted.digest;
    for (char& c : digest)
        if (c >= 'A' && c <= 'F')
            c = static_cast<char>(c - 'A' + 'a');
    const Kind* kind = find_kind(wanted.digest_algorithm);
    if (kind == nullptr || !is_hex(digest, kind->length))
        throw Error(
            ErrorKind::corrupt, wanted.pkgname,
            fmt::format("the index gives the digest {} {}; sha512, sha256 and sha1 in hexadecimal are known",
                        wanted.digest_algorithm, wanted.digest));
    return std::string(kind->name) + "-" + digest;
}

std::optional<DigestAlgorithm> label_algorithm(const std::string& label) {
    const Kind* kind = find_kind(label.substr(0, label.find('-')));
    return kind == nullptr ? std::nullopt : std::optional(kind->algorithm);
}

std::optional<std::string> resolve_label(const base::HostPath& directory, const std::string& label) {
    if (starts_with(label, "sha256-"))
        return label.substr(7);
    const base::HostPath path = directory / label;
    const auto fd = open_own_file(path, O_RDONLY);
    if (!fd)
        return std::nullopt;
    std::string text(66, '\0');
    std::size_t have = 0;
    while (have < text.size()) {
        const ssize_t count = ::read(fd->get(), text.data() + have, text.size() - have);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            throw base::system_error(errno, path.string(), "read");
        if (count == 0)
            break;
        have += static_cast<std::size_t>(count);
    }
    text.resize(have);
    if (text.size() == 65 && text.back() == '\n' && is_hex(std::string_view(text).substr(0, 64), 64))
        return text.substr(0, 64);
    remove_any(path);
    return std::nullopt;
}

void record_label(const base::HostPath& directory, const std::string& label, const std::string& sha256) {
    if (!starts_with(label, "sha256-") && resolve_label(directory, label) != sha256)
        base::write_file_atomically(directory / label, sha256 + "\n");
}

Reading read_archive(const base::Fd& fd, const base::HostPath& path,
                     std::optional<DigestAlgorithm> algorithm) {
    constexpr std::size_t piece_size = std::size_t{256} << 10, pieces = 4;
    if (::lseek(fd.get(), 0, SEEK_SET) < 0)
        throw base::system_error(errno, path.string(), "lseek");
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0)
        throw base::system_error(errno, path.string(), "fstat");
    if (algorithm == DigestAlgorithm::sha256)
        algorithm.reset();
    base::Digest sha256(DigestAlgorithm::sha256);
    std::optional<base::Digest> other;
    if (algorithm)
        other.emplace(*algorithm);
    Reading reading;
    const std::unique_ptr<char[]> buffer(new char[pieces * piece_size]);
    // Both digests are of the same bytes in memory: the file could change between two readings.
    base::Worker worker(other && status.st_size >= worth_a_thread);
    for (std::size_t next = 0;; next = (next + 1) % pieces) {
        worker.wait(pieces - 1);
        char* const room = &buffer[next * piece_size];
        const ssize_t count = base::retrying([&] { return ::read(fd.get(), room, piece_size); });
        if (count < 0)
            throw base::system_error(errno, path.string(), "read");
        if (count == 0)
            break;
        const std::string_view piece(room, static_cast<std::size_t>(count));
        if (worker.has_thread()) {
            worker.give([&other, piece] { other->update(piece); });
            sha256.update(piece);
        } else if (other) {
            base::update_both(*other, sha256, piece);
        } else {
            sha256.update(piece);
        }
        reading.size += piece.size();
    }
    worker.wait();
    if (::lseek(fd.get(), 0, SEEK_SET) < 0)
        throw base::system_error(errno, path.string(), "lseek");
    reading.sha256 = sha256.finish();
    reading.digest = other ? other->finish() : reading.sha256;
    return reading;
}

CacheFile classify(const std::string& name) {
    if (starts_with(name, "fetch-") || starts_with(name, "index-") || name.find(".part") != std::string::npos)
        return CacheFile::unfinished;
    const std::size_t dash = name.find('-');
    if (dash == std::string::npos)
        return CacheFile::foreign;
    const std::string kind = name.substr(0, dash);
    const std::string_view rest = std::string_view(name).substr(dash + 1);
    if (kind == "key" && is_hex(rest, 64))
        return CacheFile::label;
    const Kind* known = find_kind(kind);
    if (known == nullptr || !is_hex(rest, known->length))
        return CacheFile::foreign;
    return known->algorithm == DigestAlgorithm::sha256 ? CacheFile::archive : CacheFile::label;
}

} // namespace pkgjail::repo

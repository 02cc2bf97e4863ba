// Downloads: the only user of libcurl. Several at once, bounded in size and time, resumed where the server
// can, never redirected from https to anything less, with a proxy only where the configuration names one. The
// environment (proxy variables, ~/.netrc) is not looked at, no cookies are kept, TLS certificates are always
// checked.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pkgjail/base/path.hpp"
#include "pkgjail/jail/config.hpp"

namespace pkgjail::repo {

struct Download {
    std::string url;            ///< file://, http://, https://
    base::HostPath destination; ///< appears, whole, when the download is complete
    /// Where it grows meanwhile; empty: DESTINATION.part. One that is there already is resumed if the server
    /// agrees that it is the beginning of the same file, else it begins again.
    base::HostPath part = {};
    std::uint64_t max_bytes = 0;                      ///< ceiling on the body
    std::optional<std::uint64_t> expected_bytes = {}; ///< known size: anything else is Result::wrong_size
    /// Validators of what we have; both empty: unconditional. Of a file: URL the ETag is made of time and
    /// size.
    std::string etag = {};
    std::string last_modified = {};
};

struct Downloaded {
    enum class Result {
        complete,
        not_modified,
        missing,    ///< 404, 410, no such file
        wrong_size, ///< the server has, or sends, another size than `expected_bytes`
        failed,
    };
    Result result = Result::failed;
    std::string etag;
    std::string last_modified;
    std::uint64_t bytes = 0; ///< of bodies, transferred now, all tries together
    int http_status = 0;     ///< the last one; 0: none came
    std::string error;       ///< unless complete or not_modified: the cause, in words ("no byte for 30s",
                             ///< "connection refused", "HTTP 403 Forbidden", "size is 12 instead of 900")
};

/// Called a few times a second: bytes so far and expected in all (0: unknown), files done.
struct Progress {
    std::uint64_t bytes_done = 0;
    std::uint64_t bytes_total = 0;
    std::size_t files_done = 0;
    std::size_t files_total = 0;
    std::string current; ///< a file name
};
using ProgressSink = std::function<void(const Progress&)>;

/// Keeps connections open from one fetch() to the next.
class Fetcher {
  public:
    explicit Fetcher(const jail::NetworkConfig& network);
    Fetcher(const Fetcher&) = delete;
    Fetcher& operator=(const Fetcher&) = delete;
    ~Fetcher();

    /// Tries every download; one result each, in order. A transient failure (connection lost, no byte, 5xx)
    /// is tried twice more, after a pause. Throws only for what concerns all of them (cannot write to the
    /// directory: Error{system}).
    std::vector<Downloaded> fetch(const std::vector<Download>& downloads, const ProgressSink& progress = {});

  private:
    jail::NetworkConfig network_;
    struct Connections;
    std::unique_ptr<Connections> connections_; ///< made at the first download that is no file: URL
};

/// The same with connections of its own.
std::vector<Downloaded> fetch(const std::vector<Download>& downloads, const jail::NetworkConfig& network,
                              const ProgressSink& progress = {});

} // namespace pkgjail::repo

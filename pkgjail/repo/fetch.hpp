// Downloads: the only user of libcurl. Several at once, bounded in size and time, resumed where the server can, never redirected from https to anything
// less, with a proxy only where the configuration names one.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "pkgjail/base/path.hpp"
#include "pkgjail/jail/config.hpp"

namespace pkgjail::repo {

struct Download {
    std::string url;              ///< file://, http://, https://
    base::HostPath destination;   ///< written as DESTINATION.part, renamed when complete; an existing .part is resumed if the server agrees it is the same file
    std::uint64_t max_bytes = 0;  ///< ceiling on the body
    std::optional<std::uint64_t> expected_bytes; ///< known size: anything else is an error
    std::string etag;             ///< validators of what we have; both empty: unconditional
    std::string last_modified;
};

struct Downloaded {
    enum class Result { complete, not_modified, missing /* 404, no such file */, failed };
    Result result = Result::failed;
    std::string etag;
    std::string last_modified;
    std::uint64_t bytes = 0;  ///< transferred now
    std::string error;        ///< failed: the cause, in words ("no byte for 30 s", "connection refused", "size is 12 instead of 900")
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

/// Tries every download; one result each, in order. A transient failure (connection lost, 5xx) is tried twice more with a pause. Throws only for what concerns
/// all of them (cannot write to the directory: Error{system}).
std::vector<Downloaded> fetch(const std::vector<Download>& downloads, const jail::NetworkConfig& network,
                              const ProgressSink& progress = {});

} // namespace pkgjail::repo

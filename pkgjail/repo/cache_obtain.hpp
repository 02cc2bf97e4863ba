// Fetching what the cache does not have: download, check, put in place, and say of all that failed why.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pkgjail/base/error.hpp"
#include "pkgjail/repo/cache.hpp"
#include "pkgjail/repo/cache_entry.hpp"

namespace pkgjail::repo {

/// How the archive differs from what was promised: "has sha512 … and 12 bytes, promised are …"; empty: it
/// does not.
std::string mismatch(const WantedArchive& wanted, const std::string& label, const Reading& reading);

class Obtaining {
  public:
    Obtaining(const base::HostPath& directory, const jail::NetworkConfig& network,
              const ProgressSink& progress)
        : directory_(directory), network_(network), progress_(progress) {}
    /// `wanted` stays the caller's and must outlive this; `index` is its place in what run() fills. Wanted
    /// twice, it is fetched once, and the second place stays empty.
    void add(const WantedArchive& wanted, std::size_t index);
    /// Throws as Cache::obtain does, when everything has been tried.
    void run(std::vector<std::optional<CheckedArchive>>& found);

  private:
    struct Missing {
        const WantedArchive* wanted;
        std::size_t index;
        std::string label;
        base::HostPath file; ///< where its download appears
    };
    struct Failure {
        base::ErrorKind kind;
        std::string pkgname;
        std::string where; ///< "repository main (https://host/All)"; empty: none
        std::string cause;
        std::string hint;
    };
    Download download_of(const Missing& missing) const;
    /// False when it has to be fetched once more.
    bool take(const Missing& missing, const Downloaded& downloaded, bool again,
              std::vector<std::optional<CheckedArchive>>& found);
    bool fail(const Missing& missing, base::ErrorKind kind, std::string cause, std::string hint);
    [[noreturn]] void throw_failures() const;

    const base::HostPath& directory_;
    const jail::NetworkConfig& network_;
    const ProgressSink& progress_;
    std::vector<Missing> missing_;
    std::vector<Failure> failures_;
};

} // namespace pkgjail::repo

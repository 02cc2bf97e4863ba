#include "pkgjail/repo/proved_index.hpp"

#include <algorithm>

#include <fcntl.h>
#include <fmt/core.h>
#include <fmt/ranges.h>

#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/repo/index_parts.hpp"

namespace pkgjail::repo {

namespace {

using base::Error;
using base::ErrorKind;
using format::SignedIndex;
using Result = Downloaded::Result;

base::HostPath temporary_name(const base::HostPath& directory) {
    // A name of its own: another process may be asking the same repository.
    return directory / ("index-" + base::random_hex(8));
}

std::string digest_of(const base::HostPath& file) {
    return base::digest_of_file(base::DigestAlgorithm::sha256, base::open_file(file, O_RDONLY | O_NOFOLLOW),
                                file.string());
}

FreshIndex found(TemporaryFile& file, const std::string& name, const Downloaded& got, std::string sha256) {
    FreshIndex fresh;
    fresh.changed = true;
    fresh.state = {name, got.etag, got.last_modified, std::move(sha256)};
    fresh.file = file.release();
    return fresh;
}

class SignedRefresh {
  public:
    SignedRefresh(const jail::RepositoryConfig& repository, const IndexState& known, const IndexRules& rules,
                  const base::HostPath& directory, const jail::NetworkConfig& network,
                  const ProgressSink& progress)
        : repository_(repository), known_(known), rules_(rules), directory_(directory), network_(network),
          progress_(progress), fetcher_(network) {}

    FreshSignedIndex run() {
        // Publisher and reader may meet in the middle of an update: the second look sees it finished.
        for (int look = 0; look < 2; ++look) {
            FreshSignedIndex result;
            result.accepted = judge_index(signature(), rules_);
            if (is_known(result.accepted.index))
                return result;
            if (auto fresh = file_of(result.accepted.index)) {
                result.fresh = std::move(*fresh);
                return result;
            }
        }
        throw Error(ErrorKind::trust, shown_repository(repository_), mismatch_,
                    "the repository may be in the middle of an update, then try again later; else somebody "
                    "has put another index beside the signature");
    }

  private:
    std::string signature() {
        TemporaryFile file(temporary_name(directory_));
        Download download;
        download.url = archive_url(repository_, SignedIndex::file_name);
        download.destination = file.path();
        download.max_bytes = SignedIndex::max_bytes;
        const Downloaded got = fetcher_.fetch({download}, progress_).front();
        if (got.result == Result::missing && got.error != "no such directory")
            throw Error(
                ErrorKind::trust, shown_repository(repository_),
                rules_.seen ? fmt::format("its signature {} is gone; it had one with serial {} of {}",
                                          SignedIndex::file_name, rules_.seen->serial,
                                          base::format_time(rules_.seen->made_at))
                            : fmt::format("its index is not signed: it has no {}, which trust = index-signed "
                                          "needs",
                                          SignedIndex::file_name),
                rules_.seen ? "ask the repository's owner; somebody may have taken it away to give you other "
                              "packages"
                            : "`pkgjail repo index DIR --sign` makes one; trust = none does without");
        if (got.result != Result::complete)
            throw index_cannot_be_had(repository_, fmt::format("{}: {}", SignedIndex::file_name, got.error));
        return base::read_file(file.path(), SignedIndex::max_bytes);
    }

    bool is_known(const SignedIndex& index) const {
        const SignedIndex::File* const file = index.file(known_.file);
        return file != nullptr && file->sha256 == known_.sha256;
    }

    /// nullopt: it is not the one that was signed.
    std::optional<FreshIndex> file_of(const SignedIndex& index) {
        std::string problem;
        for (const char* const name : index_names) {
            const SignedIndex::File* const promised = index.file(name);
            if (promised == nullptr)
                continue;
            if (promised->size > network_.max_index_bytes)
                throw index_cannot_be_had(repository_,
                                          fmt::format("{} has {} bytes; at most {} are allowed", name,
                                                      promised->size, network_.max_index_bytes));
            TemporaryFile file(temporary_name(directory_));
            Download download;
            download.url = archive_url(repository_, name);
            download.destination = file.path();
            download.max_bytes = promised->size;
            download.expected_bytes = promised->size;
            const Downloaded got = fetcher_.fetch({download}, progress_).front();
            if (got.result == Result::missing) {
                problem = fmt::format("{}: {}", name, got.error);
                continue;
            }
            if (got.result == Result::wrong_size) {
                mismatch_ = fmt::format("{} is not the one that was signed: {}", name, got.error);
                return std::nullopt;
            }
            if (got.result != Result::complete)
                throw index_cannot_be_had(repository_, fmt::format("{}: {}", name, got.error));
            std::string sha256 = digest_of(file.path());
            if (sha256 != promised->sha256) {
                mismatch_ = fmt::format("{} is not the one that was signed: its SHA-256 is {}, signed was {}",
                                        name, sha256, promised->sha256);
                return std::nullopt;
            }
            return found(file, name, got, std::move(sha256));
        }
        throw index_cannot_be_had(repository_, problem.empty()
                                                   ? "its signature names no index that can be read"
                                                   : "none of the signed indexes is there: " + problem);
    }

    const jail::RepositoryConfig& repository_;
    const IndexState& known_;
    const IndexRules& rules_;
    const base::HostPath& directory_;
    const jail::NetworkConfig& network_;
    const ProgressSink& progress_;
    Fetcher fetcher_;
    std::string mismatch_;
};

} // namespace

FreshSignedIndex refresh_signed_index(const jail::RepositoryConfig& repository, const IndexState& known,
                                      const IndexRules& rules, const base::HostPath& directory,
                                      const jail::NetworkConfig& network, const ProgressSink& progress) {
    base::make_directories(directory, 0700);
    return SignedRefresh(repository, known, rules, directory, network, progress).run();
}

FreshIndex refresh_pinned_index(const jail::RepositoryConfig& repository, const IndexState& known,
                                const base::HostPath& directory, const jail::NetworkConfig& network,
                                const ProgressSink& progress) {
    base::make_directories(directory, 0700);
    const auto is_pinned = [&](const std::string& sha256) {
        return std::find(repository.pins.begin(), repository.pins.end(), sha256) != repository.pins.end();
    };
    // What we have is all that is pinned: there is nothing that the repository could add.
    if (repository.pins.size() == 1 && is_pinned(known.sha256))
        return {};
    Fetcher fetcher(network);
    std::vector<std::string> others;
    std::string problem;
    for (const char* const name : index_names) {
        TemporaryFile file(temporary_name(directory));
        Download download;
        download.url = archive_url(repository, name);
        download.destination = file.path();
        download.max_bytes = network.max_index_bytes;
        const Downloaded got = fetcher.fetch({download}, progress).front();
        if (got.result != Result::complete) {
            const bool absent =
                got.result == Result::missing || (got.http_status >= 400 && got.http_status <= 499);
            problem = fmt::format("{}: {}", name, got.error);
            if (!absent)
                throw index_cannot_be_had(repository, problem);
            continue;
        }
        std::string sha256 = digest_of(file.path());
        if (sha256 == known.sha256 && is_pinned(sha256))
            return {};
        if (is_pinned(sha256))
            return found(file, name, got, std::move(sha256));
        others.push_back(fmt::format("{} sha256:{}", name, sha256));
    }
    if (others.empty())
        throw index_cannot_be_had(repository, problem);
    if (is_pinned(known.sha256)) // the repository has gone on, and the operator has not
        return {};
    throw Error(ErrorKind::trust, shown_repository(repository),
                fmt::format("its index is not the pinned one: found {}, pinned is sha256:{}",
                            fmt::join(others, ", "), fmt::join(repository.pins, ", sha256:")),
                fmt::format("if the new index is to be believed, set `pin` in [repository {}] of "
                            "repositories.conf",
                            repository.name));
}

} // namespace pkgjail::repo

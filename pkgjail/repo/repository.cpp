#include "pkgjail/repo/repository.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <fmt/core.h>

#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/repo/index_parts.hpp"
#include "pkgjail/repo/own_file.hpp"
#include "pkgjail/repo/url.hpp"

namespace pkgjail::repo {

namespace {

using base::Error;
using base::ErrorKind;
using Result = Downloaded::Result;

} // namespace

Error index_cannot_be_had(const jail::RepositoryConfig& repository, std::string cause) {
    const bool of_this_host = is_file_url(repository.url);
    return Error(ErrorKind::network, shown_repository(repository), std::move(cause),
                 fmt::format("check {} `url` in [repository {}] of repositories.conf",
                             of_this_host ? "the directory, and" : "the network, and", repository.name));
}

std::string shown_repository(const jail::RepositoryConfig& repository) {
    return fmt::format("repository {} ({})", repository.name, shown_url(repository.url));
}

void check_file_name(const std::string& file_name) {
    bool fine = !file_name.empty() && file_name != "." && file_name != ".." && file_name.size() <= 255;
    for (const char c : file_name)
        fine = fine && c != '/' && static_cast<unsigned char>(c) >= 0x20 && c != 0x7f;
    if (!fine)
        throw Error(ErrorKind::corrupt, file_name, "the index gives this as a file name, and it is none");
}

std::string archive_url(const jail::RepositoryConfig& repository, const std::string& file_name) {
    check_file_name(file_name);
    return repository.url + "/" + percent_encode(file_name);
}

FreshIndex refresh_index(const jail::RepositoryConfig& repository, const IndexState& known,
                         const base::HostPath& directory, const jail::NetworkConfig& network,
                         const ProgressSink& progress) {
    base::make_directories(directory, 0700);
    // A name of its own: another process may be asking the same repository.
    TemporaryFile file(directory / ("index-" + base::random_hex(8)));
    Fetcher fetcher(network);
    std::string last_problem, refusal;
    for (const std::string name : index_names) {
        Download download;
        download.url = archive_url(repository, name);
        download.destination = file.path();
        download.max_bytes = network.max_index_bytes;
        if (name == known.file) {
            download.etag = known.etag;
            download.last_modified = known.last_modified;
        }
        const Downloaded got = fetcher.fetch({download}, progress).front();
        if (got.result == Result::not_modified)
            return {};
        if (got.result == Result::missing) {
            last_problem = got.error;
            continue;
        }
        if (got.result != Result::complete) {
            // Some servers say 401 or 403 for what is not there; others may have the next name all the same.
            const std::string problem = name + ": " + got.error;
            if (got.http_status < 400 || got.http_status > 499)
                throw index_cannot_be_had(repository, problem);
            if (refusal.empty())
                refusal = problem;
            continue;
        }
        const base::Fd fd = base::open_file(file.path(), O_RDONLY | O_NOFOLLOW);
        if (file_size(fd, file.path()) == 0 && name != "pkg_summary")
            throw index_cannot_be_had(repository,
                                      name + " is empty; the repository may be in the middle of an update");
        FreshIndex fresh;
        fresh.state = {name, got.etag, got.last_modified,
                       base::digest_of_file(base::DigestAlgorithm::sha256, fd, name)};
        // The same bytes under new validators are worth recording: the next question is then conditional
        // again.
        if (fresh.state.file == known.file && fresh.state.sha256 == known.sha256 &&
            fresh.state.etag == known.etag && fresh.state.last_modified == known.last_modified)
            return {};
        fresh.changed = true;
        fresh.file = file.release();
        return fresh;
    }
    if (!refusal.empty())
        throw index_cannot_be_had(repository, refusal);
    throw index_cannot_be_had(
        repository, last_problem == "no such directory"
                        ? last_problem
                        : fmt::format("has no index: neither pkg_summary nor its .zst, .xz, .bz2 or .gz ({})",
                                      last_problem));
}

} // namespace pkgjail::repo

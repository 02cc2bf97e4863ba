#include "pkgjail/repo/cache_obtain.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include <fcntl.h>
#include <fmt/core.h>
#include <fmt/format.h>
#include <unistd.h>

#include "pkgjail/base/file.hpp"
#include "pkgjail/repo/own_file.hpp"
#include "pkgjail/repo/repository.hpp"

namespace pkgjail::repo {

namespace {

using base::Error;
using base::ErrorKind;
using Result = Downloaded::Result;

/// Where the index says no size.
constexpr std::uint64_t max_archive_bytes = 8ull << 30;

constexpr const char* half_synced = "the repository may be in the middle of an update; try `pkgjail update`";

std::string file_name_of(const WantedArchive& wanted) {
    return wanted.file_name.empty() ? wanted.pkgname + ".tgz" : wanted.file_name;
}

/// Removes downloads that nobody took, also when an exception passes.
class Leftovers {
  public:
    Leftovers() = default;
    Leftovers(const Leftovers&) = delete;
    Leftovers& operator=(const Leftovers&) = delete;
    ~Leftovers() {
        for (const base::HostPath& path : paths_)
            ::unlink(path.c_str());
    }
    void add(const base::HostPath& path) { paths_.push_back(path); }

  private:
    std::vector<base::HostPath> paths_;
};

} // namespace

std::string mismatch(const WantedArchive& wanted, const std::string& label, const Reading& reading) {
    const bool has_digest = label_algorithm(label).has_value();
    const std::string promised = has_digest ? label.substr(label.find('-') + 1) : std::string();
    const bool same_size = !wanted.size || *wanted.size == reading.size;
    if (same_size && (!has_digest || promised == reading.digest))
        return {};
    const auto describe = [&](const std::string& digest, std::optional<std::uint64_t> size) {
        std::string text = has_digest ? wanted.digest_algorithm + " " + digest : std::string();
        if (size)
            text += fmt::format("{}{} bytes", text.empty() ? "" : " and ", *size);
        return text;
    };
    return fmt::format("the archive has {}, the index promises {}", describe(reading.digest, reading.size),
                       describe(promised, wanted.size));
}

void Obtaining::add(const WantedArchive& wanted, std::size_t index) {
    std::string label = entry_label(wanted);
    for (const Missing& other : missing_)
        if (other.label == label)
            return;
    Missing missing{&wanted, index, std::move(label), directory_ / ("fetch-" + base::random_hex(8))};
    if (wanted.repository.url.empty()) {
        fail(missing, ErrorKind::network,
             fmt::format("no repository offers {} any more and the cache does not have it", wanted.pkgname),
             "upgrade to a version that a repository offers, or name an archive file of it");
        return;
    }
    missing_.push_back(std::move(missing));
}

Download Obtaining::download_of(const Missing& missing) const {
    Download download;
    download.url = archive_url(missing.wanted->repository, file_name_of(*missing.wanted));
    download.destination = missing.file;
    // The same name each time, so that the next command goes on where this one is stopped.
    download.part = directory_ / (missing.label + ".part");
    download.max_bytes = missing.wanted->size.value_or(max_archive_bytes);
    download.expected_bytes = missing.wanted->size;
    return download;
}

void Obtaining::run(std::vector<std::optional<CheckedArchive>>& found) {
    Leftovers leftovers;
    Fetcher fetcher(network_);
    std::vector<Missing> round = missing_;
    for (int tries = 0; tries < 2 && !round.empty(); ++tries) {
        std::vector<Download> downloads;
        for (const Missing& missing : round) {
            leftovers.add(missing.file);
            downloads.push_back(download_of(missing));
        }
        const std::vector<Downloaded> results = fetcher.fetch(downloads, progress_);
        std::vector<Missing> again;
        for (std::size_t i = 0; i < round.size(); ++i)
            if (!take(round[i], results[i], tries == 0, found))
                again.push_back(round[i]);
        round = std::move(again);
    }
    if (!failures_.empty())
        throw_failures();
}

bool Obtaining::take(const Missing& missing, const Downloaded& downloaded, bool again,
                     std::vector<std::optional<CheckedArchive>>& found) {
    const WantedArchive& wanted = *missing.wanted;
    const std::string name = file_name_of(wanted);
    if (downloaded.result == Result::wrong_size)
        return fail(
            missing, ErrorKind::trust,
            fmt::format("{}: {} (promised: {})", name, downloaded.error,
                        wanted.digest.empty() ? "no digest" : wanted.digest_algorithm + " " + wanted.digest),
            half_synced);
    if (downloaded.result == Result::missing)
        return fail(missing, ErrorKind::network, fmt::format("does not have it: {}", downloaded.error),
                    half_synced);
    if (downloaded.result != Result::complete)
        return fail(missing, ErrorKind::network, downloaded.error,
                    "check the network; the next try goes on where this one stopped");

    base::Fd fd = base::open_file(missing.file, O_RDONLY | O_NOFOLLOW);
    const Reading reading = read_archive(fd, missing.file, label_algorithm(missing.label));
    if (const std::string difference = mismatch(wanted, missing.label, reading); !difference.empty()) {
        // Put together from two downloads: perhaps the file was changed in between. Once more, whole.
        if (again && downloaded.bytes < reading.size) {
            remove_any(missing.file);
            return false;
        }
        const bool same_size = !wanted.size || *wanted.size == reading.size;
        return fail(missing, ErrorKind::trust, fmt::format("{}: {}", name, difference),
                    same_size
                        ? "run `pkgjail update`; if it stays, the repository is damaged or somebody changes "
                          "archives on their way"
                        : half_synced);
    }
    const base::HostPath path = directory_ / archive_name(reading.sha256);
    // What has the name now is a directory, or another copy of the same bytes, or damaged.
    open_own_file(path, O_RDONLY);
    if (::rename(missing.file.c_str(), path.c_str()) != 0)
        throw base::system_error(errno, path.string(), "rename");
    record_label(directory_, missing.label, reading.sha256);
    found[missing.index] = CheckedArchive{wanted.pkgname, path, std::move(fd), reading.sha256, reading.size};
    return true;
}

bool Obtaining::fail(const Missing& missing, ErrorKind kind, std::string cause, std::string hint) {
    const WantedArchive& wanted = *missing.wanted;
    failures_.push_back({kind, wanted.pkgname,
                         wanted.repository.url.empty() ? std::string() : shown_repository(wanted.repository),
                         std::move(cause), std::move(hint)});
    return true;
}

/// One line for all: packages that failed alike are named together. Distrust outweighs a bad connection.
void Obtaining::throw_failures() const {
    struct Group {
        const Failure* first;
        std::vector<std::string> pkgnames;
    };
    std::vector<Group> groups;
    const Failure* worst = &failures_.front();
    for (const Failure& failure : failures_) {
        if (failure.kind == ErrorKind::trust && worst->kind != ErrorKind::trust)
            worst = &failure;
        const auto same = std::find_if(groups.begin(), groups.end(), [&](const Group& group) {
            return group.first->where == failure.where && group.first->cause == failure.cause;
        });
        if (same != groups.end())
            same->pkgnames.push_back(failure.pkgname);
        else
            groups.push_back({&failure, {failure.pkgname}});
    }
    const auto describe = [](const Failure& failure) {
        return failure.where.empty() ? failure.cause : failure.where + ": " + failure.cause;
    };
    if (groups.size() == 1)
        throw Error(worst->kind, fmt::format("{}", fmt::join(groups.front().pkgnames, ", ")),
                    describe(*groups.front().first), worst->hint);
    std::string cause;
    for (const Group& group : groups)
        cause += fmt::format("{}{}: {}", cause.empty() ? "" : "; ", fmt::join(group.pkgnames, ", "),
                             describe(*group.first));
    throw Error(worst->kind, fmt::format("{} archives", failures_.size()), cause, worst->hint);
}

} // namespace pkgjail::repo

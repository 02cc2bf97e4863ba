#include "repo/caching.hpp"

#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/error.hpp"

namespace pkgjail::test {

repo::WantedArchive wanted(const std::string& pkgname, const std::string& url, const std::string& content) {
    repo::WantedArchive archive;
    archive.pkgname = pkgname;
    archive.repository.name = "main";
    archive.repository.url = url;
    archive.file_name = pkgname + ".tgz";
    archive.size = content.size();
    archive.digest_algorithm = "sha512";
    archive.digest = base::digest_of(base::DigestAlgorithm::sha512, content);
    return archive;
}

repo::CheckedArchive obtain_one(const repo::Cache& cache, const repo::WantedArchive& wanted) {
    auto archives = cache.obtain({wanted}, quick_network());
    return std::move(archives.front());
}

std::string failure(const std::function<void()>& work) {
    try {
        work();
    } catch (const base::Error& error) {
        const auto kind = error.kind() == base::ErrorKind::trust       ? "trust"
                          : error.kind() == base::ErrorKind::network   ? "network"
                          : error.kind() == base::ErrorKind::corrupt   ? "corrupt"
                          : error.kind() == base::ErrorKind::not_found ? "not_found"
                                                                       : "other";
        return std::string(kind) + ": " + error.what() + (error.hint().empty() ? "" : "\n" + error.hint());
    }
    return "none";
}

} // namespace pkgjail::test

// What the tests of the cache share.
#pragma once

#include <functional>
#include <string>

#include "pkgjail/repo/cache.hpp"
#include "repo/fetching.hpp"

namespace pkgjail::test {

/// As an index promises it that gives size and sha512 of `content`, from a repository "main"; the file is
/// PKGNAME.tgz.
repo::WantedArchive wanted(const std::string& pkgname, const std::string& url, const std::string& content);
repo::CheckedArchive obtain_one(const repo::Cache& cache, const repo::WantedArchive& wanted);
/// "network: foo-1.0: CAUSE", with the kind in front; "none" when nothing was thrown.
std::string failure(const std::function<void()>& work);

} // namespace pkgjail::test

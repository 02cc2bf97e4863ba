// What the tests of downloads share: files to fetch, results as text, quick time-outs.
#pragma once

#include <filesystem>
#include <string>

#include "pkgjail/repo/fetch.hpp"

namespace pkgjail::test {

/// "complete 12 bytes", "failed 0 bytes: connection refused".
std::string show(const repo::Downloaded& downloaded);
/// Time-outs of about a second.
jail::NetworkConfig quick_network();
/// `count` bytes that do not repeat early; another `seed`, other bytes.
std::string bytes_of(std::size_t count, unsigned seed = 1);
/// Names in a directory, sorted, separated by blanks.
std::string names_in(const std::filesystem::path& directory);
repo::Download download_to(const std::filesystem::path& destination, const std::string& url);
repo::Downloaded fetch_one(const repo::Download& download,
                           const jail::NetworkConfig& network = quick_network());

} // namespace pkgjail::test

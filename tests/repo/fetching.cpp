#include "repo/fetching.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

namespace pkgjail::test {

std::string show(const repo::Downloaded& downloaded) {
    using Result = repo::Downloaded::Result;
    const char* name = downloaded.result == Result::complete       ? "complete"
                       : downloaded.result == Result::not_modified ? "not modified"
                       : downloaded.result == Result::missing      ? "missing"
                       : downloaded.result == Result::wrong_size   ? "wrong size"
                                                                   : "failed";
    return fmt::format("{} {} bytes{}{}", name, downloaded.bytes, downloaded.error.empty() ? "" : ": ",
                       downloaded.error);
}

jail::NetworkConfig quick_network() {
    jail::NetworkConfig network;
    network.connect_timeout = std::chrono::seconds(10);
    network.stall_timeout = std::chrono::seconds(10);
    network.total_timeout = std::chrono::seconds(60);
    return network;
}

std::string bytes_of(std::size_t count, unsigned seed) {
    std::string bytes(count, '\0');
    unsigned state = seed * 2654435761u + 1;
    for (char& byte : bytes) {
        state = state * 1664525u + 1013904223u;
        byte = static_cast<char>(state >> 24);
    }
    return bytes;
}

std::string names_in(const std::filesystem::path& directory) {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(directory))
        names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return fmt::format("{}", fmt::join(names, " "));
}

repo::Download download_to(const std::filesystem::path& destination, const std::string& url) {
    repo::Download download;
    download.url = url;
    download.destination = destination;
    download.max_bytes = 100u << 20;
    return download;
}

repo::Downloaded fetch_one(const repo::Download& download, const jail::NetworkConfig& network) {
    return repo::fetch({download}, network).front();
}

} // namespace pkgjail::test

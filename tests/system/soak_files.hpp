// Small looks at files and processes that the soak takes.
#pragma once

#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include <sys/wait.h>

#include <nlohmann/json.hpp>

namespace pkgjail::soak {

/// Orphans of everything that was started become children of this process, which has asked for them.
inline void reap() {
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
}

inline std::string text_of(const std::filesystem::path& file) {
    std::ifstream in(file);
    return {std::istreambuf_iterator<char>(in), {}};
}

inline std::set<std::string> names_in(const std::filesystem::path& directory) {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(directory))
        names.insert(entry.path().filename().string());
    return names;
}

inline std::size_t descriptors_of(const std::string& pid) {
    std::error_code gone;
    std::size_t count = 0;
    for (std::filesystem::directory_iterator entry("/proc/" + pid + "/fd", gone), end; !gone && entry != end;
         entry.increment(gone))
        ++count;
    return count;
}

inline pid_t pid_in(const nlohmann::json& status, const char* key) {
    return status[key].is_number() ? status[key].get<pid_t>() : 0;
}

} // namespace pkgjail::soak

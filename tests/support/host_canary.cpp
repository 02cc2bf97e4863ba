// Linked into test programs that let attackers, faults and random operations loose: when they end, a canary
// tree and names, types, modes, sizes and times of everything in /etc and /usr are as they were when they
// began. Whoever administers the machine meanwhile is found as well.
#define CATCH_CONFIG_EXTERNAL_INTERFACES // for listeners, in version 2
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>

#include <sys/stat.h>

#include <fmt/format.h>

#include "support/catch.hpp"
#include "support/package_writer.hpp"
#include "support/temp_dir.hpp"

namespace {

namespace fs = std::filesystem;
using Entries = std::map<std::string, std::string>;

/// Python writes its compiled files when it likes, and Chromium makes this directory when root starts it for
/// the first time.
bool is_others_habit(const fs::path& path) {
    return path.filename() == "__pycache__" || path == "/usr/lib/chromium/extensions";
}

void add_entries(const fs::path& directory, Entries& entries) {
    std::error_code gone;
    for (fs::recursive_directory_iterator
             entry(directory, fs::directory_options::skip_permission_denied, gone),
         end;
         !gone && entry != end; entry.increment(gone)) {
        struct stat status {};
        if (is_others_habit(entry->path())) {
            entry.disable_recursion_pending();
            continue;
        }
        if (::lstat(entry->path().c_str(), &status) != 0)
            continue;
        const bool timed = !S_ISDIR(status.st_mode);
        entries[entry->path().string()] =
            fmt::format("{:o} {}:{} {} {}.{:09}", status.st_mode, status.st_uid, status.st_gid,
                        timed ? status.st_size : 0, timed ? status.st_mtim.tv_sec : 0,
                        timed ? status.st_mtim.tv_nsec : 0);
    }
}

class HostCanary {
  public:
    HostCanary() {
        pkgjail::test::write_bytes(tree_ / "file", "a canary\n");
        fs::create_directories(tree_ / "directory");
        pkgjail::test::write_bytes(tree_.path() / "directory" / "file", "another one\n");
        fs::create_symlink("file", tree_ / "link");
        before_ = look();
    }

    /// What is no more as it was, a line each; empty: nothing.
    std::string changes() const {
        const Entries after = look();
        std::string text;
        for (const auto& [path, state] : before_)
            if (const auto found = after.find(path); found == after.end())
                text += path + ": is gone\n";
            else if (found->second != state)
                text += fmt::format("{}: was {}, is {}\n", path, state, found->second);
        for (const auto& [path, state] : after)
            if (!before_.contains(path))
                text += path + ": is new\n";
        return text;
    }

  private:
    Entries look() const {
        Entries entries;
        for (const fs::path& directory : {fs::path("/etc"), fs::path("/usr"), tree_.path()})
            add_entries(directory, entries);
        return entries;
    }
    pkgjail::test::TempDir tree_;
    Entries before_;
};

#if __has_include(<catch2/catch_all.hpp>)
using ListenerBase = Catch::EventListenerBase;
#else
using ListenerBase = Catch::TestEventListenerBase;
#endif

/// A case that is hidden, run by name in a process of its own: inside of a jail, where there is no host to
/// compare.
bool is_part_of_another_case() {
    std::ifstream file("/proc/self/cmdline");
    return std::string(std::istreambuf_iterator<char>(file), {}).find(std::string("\0[.", 3)) !=
           std::string::npos;
}

class HostListener : public ListenerBase {
  public:
    using ListenerBase::ListenerBase;
    void testRunStarting(const Catch::TestRunInfo& info) override {
        ListenerBase::testRunStarting(info);
        if (!is_part_of_another_case())
            canary_ = std::make_unique<HostCanary>();
    }
    void testRunEnded(const Catch::TestRunStats& stats) override {
        ListenerBase::testRunEnded(stats);
        const std::string changes = canary_ ? canary_->changes() : std::string();
        canary_.reset();
        if (changes.empty())
            return;
        std::fprintf(stderr, "the host has changed:\n%s", changes.substr(0, 4'000).c_str());
        std::fflush(nullptr);
        std::_Exit(1);
    }

  private:
    std::unique_ptr<HostCanary> canary_;
};

CATCH_REGISTER_LISTENER(HostListener)

} // namespace

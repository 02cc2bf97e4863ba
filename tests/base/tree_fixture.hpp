// A tree and, beside it, a canary: files that no operation on the tree may read, change or remove.
#pragma once

#include <functional>
#include <map>
#include <string>

#include <sys/stat.h>

#include "base/in_child.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/tree.hpp"
#include "support/temp_dir.hpp"

namespace pkgjail::test {

inline base::RootPath at(std::string_view text) {
    return base::RootPath::parse(text);
}

inline base::Owner me() {
    return base::Owner{::geteuid(), ::getegid()};
}

class TreeFixture {
  public:
    /// With `own_walk`, the way that is taken where the kernel has no openat2.
    explicit TreeFixture(bool own_walk = false)
        : variable_("PKGJAIL_NO_OPENAT2", own_walk ? "1" : nullptr), tree(base::Tree::create(top())) {
        base::make_directories(canary(), 0755);
        base::write_file_atomically(canary() / "file", "canary", 0640);
        base::write_file_atomically(canary() / "other", "canary too", 0600);
        before_ = canary_state();
    }

    base::HostPath top() const { return dir_.path() / "top"; }
    base::HostPath canary() const { return dir_.path() / "canary"; }
    /// Content, mode, owner, inode, link count and times of everything in the canary, one entry a line.
    std::string canary_state() const {
        std::string text = state_of(canary());
        std::map<std::string, std::string> files;
        for (const auto& entry : std::filesystem::directory_iterator(canary()))
            files[entry.path().filename().string()] =
                state_of(entry.path()) + base::read_file(entry.path()) + "\n";
        for (const auto& [name, state] : files)
            text += name + " " + state;
        return text;
    }
    bool canary_is_intact() const { return canary_state() == before_; }

    /// A link in the tree to anywhere.
    void link(const std::string& target, const std::string& name) {
        std::filesystem::create_symlink(target, top() / name);
    }

  private:
    static std::string state_of(const base::HostPath& path) {
        struct stat s {};
        if (::lstat(path.c_str(), &s) != 0)
            return "missing\n";
        return std::to_string(s.st_mode) + " " + std::to_string(s.st_uid) + " " + std::to_string(s.st_gid) +
               " " + std::to_string(s.st_ino) + " " + std::to_string(s.st_nlink) + " " +
               std::to_string(s.st_size) + " " + std::to_string(s.st_mtime) + " ";
    }

    ScopedVariable variable_;
    TempDir dir_;
    std::string before_;

  public:
    base::Tree tree;
};

/// "corrupt: CAUSE", or "done".
inline std::string outcome_of(const std::function<void()>& work) {
    try {
        work();
        return "done";
    } catch (const base::Error& error) {
        switch (error.kind()) {
        case base::ErrorKind::corrupt:
            return "corrupt: " + error.cause();
        case base::ErrorKind::conflict:
            return "conflict: " + error.cause();
        case base::ErrorKind::busy:
            return "busy: " + error.cause();
        case base::ErrorKind::not_found:
            return "not found: " + error.cause();
        default:
            return "other: " + error.cause();
        }
    }
}

/// The walk as text: an indented name a line, "/" after directories, "-> target" after links.
inline std::string shape(const base::Tree& tree) {
    std::string text;
    tree.walk([&](const base::Entry& entry) {
        text += entry.path.str();
        if (entry.is_directory())
            text += "/";
        if (entry.is_symlink())
            text += " -> " + entry.link_target;
        text += "\n";
        return true;
    });
    return text;
}

} // namespace pkgjail::test

// The three trees of a merge and its result, written and read as text:
//
//     /etc/               a directory of mode 0755
//     /etc/a: text        a file of mode 0644; "\n" in its text is a newline
//     /etc/b 0600: text   one of another mode; so with directories
//     /etc/c -> a         a symbolic link
//     /etc/d @7:8: text   a file of another owner than the test's user
#pragma once

#include <set>
#include <sstream>
#include <string>

#include <fmt/core.h>

#include "base/tree_fixture.hpp"
#include "pkgjail/store/merge.hpp"

namespace pkgjail::test {

inline std::string with_escapes(std::string text) {
    for (std::size_t at = 0; (at = text.find('\n', at)) != text.npos;)
        text.replace(at, 1, "\\n");
    return text;
}

inline std::string without_escapes(std::string text) {
    for (std::size_t at = 0; (at = text.find("\\n", at)) != text.npos;)
        text.replace(at, 2, "\n");
    return text;
}

/// A tree as text, its top included when it has another mode than 0755.
inline std::string show(const base::Tree& tree) {
    std::string text;
    const auto show_entry = [&](const base::Entry& entry) {
        text += with_escapes(entry.path.str());
        if (entry.is_directory() && !entry.path.is_root())
            text += "/";
        if (!entry.is_symlink() && entry.permissions() != (entry.is_directory() ? 0755u : 0644u))
            text += fmt::format(" {:04o}", entry.permissions());
        if (entry.status.st_uid != me().uid || entry.status.st_gid != me().gid)
            text += fmt::format(" @{}:{}", entry.status.st_uid, entry.status.st_gid);
        if (entry.is_symlink())
            text += " -> " + entry.link_target;
        else if (entry.is_file())
            text += entry.status.st_size > 10000 ? fmt::format(": {} bytes", entry.status.st_size)
                                                 : ": " + with_escapes(tree.read(entry.path));
        else if (!entry.is_directory())
            text += " (special)";
        text += "\n";
        return true;
    };
    if (const auto top = tree.stat(at("/")); top->permissions() != 0755u)
        show_entry(*top);
    tree.walk(show_entry);
    return text;
}

/// Makes in `tree` what `text` says; directories on the way need no line of their own.
inline void make(const base::Tree& tree, const std::string& text) {
    std::istringstream stream(text);
    std::vector<std::pair<base::RootPath, unsigned>> modes;
    for (std::string line; std::getline(stream, line);) {
        if (const std::size_t arrow = line.find(" -> "); arrow != line.npos) {
            tree.make_directories(at(line.substr(0, arrow)).parent());
            tree.make_symlink(line.substr(arrow + 4), at(line.substr(0, arrow)));
            continue;
        }
        const std::size_t colon = line.find(": ");
        std::istringstream words(line.substr(0, colon));
        std::string name, word;
        words >> name;
        const bool is_directory = colon == line.npos;
        unsigned mode = is_directory ? 0755 : 0644;
        base::Owner owner = me();
        while (words >> word)
            if (word.front() == '@')
                owner = {static_cast<std::uint32_t>(std::stoul(word.substr(1))),
                         static_cast<std::uint32_t>(std::stoul(word.substr(word.find(':') + 1)))};
            else
                mode = static_cast<unsigned>(std::stoul(word, nullptr, 8));
        if (is_directory && name.size() > 1)
            name.pop_back();
        if (is_directory) {
            tree.make_directories(at(name));
            tree.set_owner(at(name), owner);
            modes.emplace_back(at(name), mode);
        } else {
            tree.make_directories(at(name).parent());
            tree.write(at(name), without_escapes(line.substr(colon + 2)), mode, owner);
        }
    }
    for (auto directory = modes.rbegin(); directory != modes.rend(); ++directory)
        tree.set_permissions(directory->first, directory->second);
}

inline std::string show(const store::MergeReport& report) {
    std::string text;
    const auto add = [&](const char* word, const std::vector<base::RootPath>& paths) {
        for (const base::RootPath& path : paths)
            text += fmt::format("{} {}\n", word, with_escapes(path.str()));
    };
    add("added", report.added);
    add("replaced", report.replaced);
    add("removed", report.removed);
    add("kept", report.kept);
    add("merged", report.merged);
    for (const store::MergeConflict& conflict : report.conflicts)
        text += fmt::format("conflict {}: {}\n", with_escapes(conflict.path.str()), conflict.what);
    return text;
}

/// Beside the trees lies a canary that nothing may touch.
class MergeTrees {
  public:
    MergeTrees()
        : old_seed(base::Tree::create(dir / "old")), new_seed(base::Tree::create(dir / "new")),
          mine(base::Tree::create(dir / "mine")), result(base::Tree::create(dir / "result")) {
        base::write_file_atomically(dir / "canary", "canary");
    }
    MergeTrees(const std::string& old_text, const std::string& new_text, const std::string& mine_text)
        : MergeTrees() {
        make(old_seed, old_text);
        make(new_seed, new_text);
        make(mine, mine_text);
    }

    /// The report as text, and a line in it for whatever the merge changed outside `result`.
    std::string merge(const std::set<base::RootPath>& managed = {}) {
        const std::string before = outside();
        report = store::merge_configuration(old_seed, new_seed, mine, result, managed);
        return show(report) + (outside() == before ? "" : "something outside the result was changed\n");
    }

    /// An empty result for the next merge.
    void clear_result() {
        result.remove_all(at("/"));
        result.set_permissions(at("/"), 0755);
    }

    /// All that there is but the result, with inode numbers and times of change.
    std::string outside() const {
        std::string text;
        base::Tree::open(dir.path()).walk([&](const base::Entry& entry) {
            if (entry.path.str() == "/result")
                return false;
            text += fmt::format("{} {} {} {} {}.{}\n", entry.path.str(), entry.status.st_mode,
                                entry.status.st_ino, entry.status.st_size, entry.status.st_ctim.tv_sec,
                                entry.status.st_ctim.tv_nsec);
            return true;
        });
        return text;
    }

    TempDir dir;
    base::Tree old_seed;
    base::Tree new_seed;
    base::Tree mine;
    base::Tree result;
    store::MergeReport report;
};

} // namespace pkgjail::test

// What a power cut leaves of a directory: the log that shim.c wrote of one command, played up to some point,
// and then only what was made durable.
//
// The model: a write, a new length, owner, mode and extended attributes belong to the file and are durable
// with fsync of the file; the mode that it was made with comes with its name. (pkgjail keeps nothing of its
// own in attributes; a jail's files have theirs wherever they are copied.) A name (made, renamed, removed)
// belongs to its directory and is durable with fsync of the directory, together with all earlier changes of
// the directories concerned: a rename is one change of two directories, as journaling file systems have it.
// syncfs makes everything durable.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace pkgjail::test {

/// What else than the durable things is on disk.
enum class Remains {
    nothing,  ///< neither names nor contents
    names,    ///< all names, and none of the contents: files that are empty or as they were before
    contents, ///< all contents of the files that have a durable name
    some,     ///< each write and each change of names by chance
};

struct Change {
    std::string word; ///< new, link, unlink, rename, write, size, mark, attributes, sync, syncall
    std::vector<std::int64_t> numbers;
    std::string bytes;
};
/// Extended attributes of a file, directory or link: name → bytes.
std::map<std::string, std::string> attributes_of(const std::filesystem::path& path);

std::vector<Change> read_log(const std::filesystem::path& file);
/// Places worth a power cut: before and after each sync and each rename, and the end. Numbers of changes that
/// have happened by then.
std::vector<std::size_t> cuts_of(const std::vector<Change>& log);

/// A directory in memory. Inode numbers are those of the directory that the log is about.
class Disk {
  public:
    /// Everything in it is durable.
    explicit Disk(const std::filesystem::path& directory);
    ~Disk();
    Disk(const Disk&) = delete;
    Disk& operator=(const Disk&) = delete;

    void apply(const Change& change);
    /// Makes `directory`, which must not exist, as it is found after a power cut. `seed` is for
    /// Remains::some.
    void write_to(const std::filesystem::path& directory, Remains remains, unsigned seed = 0) const;

  private:
    struct Inode;
    struct Naming;
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace pkgjail::test

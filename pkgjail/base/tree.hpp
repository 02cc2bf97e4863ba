// The safe walker: the only way in which pkgjail touches a directory tree whose content a stranger shapes (an
// archive, a package's script, root inside a jail).
//
// Every operation starts from a directory descriptor and goes component by component without following any
// symbolic link (openat2 with RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS on Linux; our own
// O_NOFOLLOW walk elsewhere and where the kernel has no openat2; PKGJAIL_NO_OPENAT2=1 forces the walk, for
// tests). A link in the way is Error{corrupt} "passes through a symbolic link", naming the path. Nothing
// blocks: files are opened O_NONBLOCK | O_NOCTTY and must turn out to be what was asked for.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/stat.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/fd.hpp"
#include "pkgjail/base/path.hpp"

namespace pkgjail::base {

struct Owner {
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    bool operator==(const Owner&) const = default;
};

/// What lstat says, of one entry of a tree.
struct Entry {
    RootPath path; ///< below the tree's top
    struct stat status {};
    std::string link_target; ///< symbolic links only, verbatim

    bool is_file() const { return S_ISREG(status.st_mode); }
    bool is_directory() const { return S_ISDIR(status.st_mode); }
    bool is_symlink() const { return S_ISLNK(status.st_mode); }
    unsigned permissions() const { return status.st_mode & 07777u; }
};

/// A directory and everything below it. Movable. Paths are RootPaths below its top; messages show them after
/// the name given at opening.
class Tree {
  public:
    /// `path` is trusted host path; its last component must be a real directory.
    static Tree open(const HostPath& path);
    /// As above, making the directory (not its parents) when it is missing.
    static Tree create(const HostPath& path, unsigned mode = 0755);
    Tree(Fd directory, std::string shown_as);

    const Fd& fd() const { return directory_; }
    const std::string& name() const { return name_; }
    /// How messages name an entry: the tree's name plus the path.
    std::string show(const RootPath& path) const;

    /// nullopt when it, or a directory on the way, is missing. Never follows a link at the end either.
    std::optional<Entry> stat(const RootPath& path) const;
    bool exists(const RootPath& path) const { return stat(path).has_value(); }

    /// A regular file, for reading; Error{corrupt} when it is anything else.
    Fd open_regular(const RootPath& path) const;
    /// A directory as a tree of its own.
    Tree open_tree(const RootPath& path) const;
    /// A regular file's content; Error{corrupt} beyond `max_bytes`.
    std::string read(const RootPath& path, std::size_t max_bytes = 16u << 20) const;

    /// New regular file with exactly this mode, O_EXCL, for writing; the parent must exist. Error{conflict}
    /// when the name is taken.
    Fd create_file(const RootPath& path, unsigned mode = 0600) const;
    /// Writes beside it under a random name, then renames over `path` (a link or file there is replaced, a
    /// directory is Error{conflict}). Not synced.
    void write(const RootPath& path, std::string_view bytes, unsigned mode, Owner owner) const;
    void make_directory(const RootPath& path,
                        unsigned mode) const; ///< parent must exist; an existing directory is fine
    /// All missing directories up to and including `path`, owned by root (by the caller when that is not
    /// root).
    void make_directories(const RootPath& path, unsigned mode = 0755) const;
    void make_symlink(std::string_view target, const RootPath& path) const;
    /// `existing` of the tree `from` gets a second name here. Regular files only.
    void make_hard_link(const Tree& from, const RootPath& existing, const RootPath& path) const;
    /// Moves an entry within one file system; an existing file or link at `to` is replaced.
    void rename_into(const RootPath& from, const Tree& target, const RootPath& to) const;

    /// Of files and directories through a descriptor; of links without following. chown before chmod, because
    /// chown clears set-id bits.
    void set_owner(const RootPath& path, Owner owner) const;
    void set_permissions(const RootPath& path, unsigned mode) const; ///< files and directories only
    void set_modification_time(const RootPath& path, const struct timespec& time) const;

    void remove_file(const RootPath& path) const; ///< anything but a directory; missing is fine
    /// An entry with everything below it; crosses no mount point (Error{busy}). Missing is fine. "/" empties
    /// the tree.
    void remove_all(const RootPath& path) const;

    /// Depth first, entries of a directory in byte order, a directory before what is in it; the top itself is
    /// not reported. `visit` returns false to stay out of a directory. Reports mount points without what is
    /// in them. What disappears meanwhile is left out. Keeps a bounded number of descriptors at any depth;
    /// Error{corrupt} where a path is longer than a RootPath can be.
    void walk(const std::function<bool(const Entry&)>& visit) const;
    /// Names in one directory, in byte order.
    std::vector<std::string> list(const RootPath& path) const;

    /// Waits until every file and directory of the tree, its top among them, is on disk; mount points without
    /// what is in them. What disappears meanwhile is left out.
    void sync() const;
    /// For a regular file that lies elsewhere than below the directory of the sync_file_system() that
    /// follows, on the same file system: waits for it where that call does not.
    void sync_apart(const RootPath& path) const;

    /// Copies what is in this tree into `target` (empty or not; files of the same name are replaced, a
    /// directory in the place of a file or the reverse is Error{conflict}): owners (when root), modes, times,
    /// links, hard links among the copied files, holes, extended attributes, FIFOs. The top's own owner, mode
    /// and times are copied too. Sockets are left out: they mean nothing without the process that made them.
    /// A device is Error{corrupt}. Mount points become empty directories. Uses reflinks where the file system
    /// has them.
    void copy_into(const Tree& target) const;
    /// One entry of this tree, to the same path of `target`, whose parent exists there, as copy_into does it,
    /// but hard links become files of their own. A directory is made where there is none, and gets owner,
    /// mode, times and attributes, not what is in it. A FIFO, socket or device is Error{corrupt}.
    void copy_entry(const Entry& entry, const Tree& target) const;

  private:
    class Walk;
    class Removal;
    class Copy;
    /// -1 with errno: ELOOP for a link in the way.
    int try_open_beneath(const RootPath& path, int flags) const;
    Fd open_beneath(const RootPath& path, int flags) const;
    /// The parent directory of `path`, opened; the last component is leaf(path).
    Fd open_parent(const RootPath& path) const;
    /// nullopt when it is missing.
    std::optional<Fd> try_open_parent(const RootPath& path) const;
    /// A file or directory as it is, for fchmod and the like; never a device, FIFO or socket.
    Fd open_node(const RootPath& path) const;
    /// What fstatat and readlinkat say of the entry named leaf(path) in `parent`; nullopt when it is missing.
    std::optional<Entry> look(const Fd& parent, const RootPath& path) const;
    Error failure(int error_number, const RootPath& path, std::string_view call) const;
    static std::string leaf(const RootPath& path) { return path.is_root() ? "." : path.name(); }

    Fd directory_;
    std::string name_;
};

} // namespace pkgjail::base

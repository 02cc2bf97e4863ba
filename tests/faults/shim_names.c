/* Of the library of shim.c: calls on names, owners, modes and times, and those that only look. */
#include "shim.h"

/* ---- names ---- */

static int
rename_below(int from_at, const char *from, int to_at, const char *to, unsigned flags, const char *a, const char *b)
{
    const char *old_name = NULL, *new_name = NULL;
    unsigned long long old_parent = 0, new_parent = 0;
    int error = strike(to_enter, "rename", a);

    if (error != 0)
        FAIL_WITH(error, -1);
    BEGIN_ORDER();
    if (logs()) {
        old_parent = parent_of(a, &old_name);
        new_parent = parent_of(b, &new_name);
    }
    int result = (int)syscall(SYS_renameat2, from_at, from, to_at, to, flags);
    if (logs() && result == 0)
        note_names("rename", old_parent, new_parent, old_name, new_name);
    END_ORDER();
    return result;
}

int
renameat2(int from_at, const char *from, int to_at, const char *to, unsigned flags)
{
    char a[PATH_MAX], b[PATH_MAX];

    bool below = place_at(from_at, from, a);
    below = place_at(to_at, to, b) || below;
    if (below)
        return rename_below(from_at, from, to_at, to, flags, a, b);
    return (int)syscall(SYS_renameat2, from_at, from, to_at, to, flags);
}

int
renameat(int from_at, const char *from, int to_at, const char *to)
{
    return renameat2(from_at, from, to_at, to, 0);
}

int
rename(const char *from, const char *to)
{
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int
linkat(int from_at, const char *from, int to_at, const char *to, int flags)
{
    char a[PATH_MAX], b[PATH_MAX];
    const char *name;

    NEXT(linkat);
    if (!place_at(to_at, to, b))
        return next_linkat(from_at, from, to_at, to, flags);
    place_at(from_at, from, a);
    int error = strike(to_enter, "link", b);
    if (error != 0)
        FAIL_WITH(error, -1);
    BEGIN_ORDER();
    int result = next_linkat(from_at, from, to_at, to, flags);
    if (logs() && result == 0) {
        unsigned long long parent = parent_of(b, &name);
        note_names("link", inode_of(a), parent, name, "");
    }
    END_ORDER();
    return result;
}

int
link(const char *from, const char *to)
{
    return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

#define DEFINE_NEW(symbol, word, parameters, forwarded, at, name)                                            \
    int symbol parameters                                                                                    \
    {                                                                                                        \
        char path[PATH_MAX];                                                                                 \
        NEXT(symbol);                                                                                        \
        if (!place_at(at, name, path))                                                                       \
            return next_##symbol forwarded;                                                                  \
        int error = strike(to_enter, word, path);                                                            \
        if (error != 0)                                                                                      \
            FAIL_WITH(error, -1);                                                                            \
        BEGIN_ORDER();                                                                                       \
        int result = next_##symbol forwarded;                                                                \
        if (logs() && result == 0)                                                                           \
            note_new(path);                                                                                  \
        END_ORDER();                                                                                         \
        return result;                                                                                       \
    }
DEFINE_NEW(mkdir, "mkdir", (const char *name, mode_t mode), (name, mode), AT_FDCWD, name)
DEFINE_NEW(mkdirat, "mkdir", (int at, const char *name, mode_t mode), (at, name, mode), at, name)
DEFINE_NEW(symlink, "symlink", (const char *to, const char *name), (to, name), AT_FDCWD, name)
DEFINE_NEW(symlinkat, "symlink", (const char *to, int at, const char *name), (to, at, name), at, name)

#define DEFINE_REMOVE(symbol, parameters, forwarded, at, name)                                               \
    int symbol parameters                                                                                    \
    {                                                                                                        \
        char path[PATH_MAX];                                                                                 \
        const char *last;                                                                                    \
        NEXT(symbol);                                                                                        \
        if (!place_at(at, name, path))                                                                       \
            return next_##symbol forwarded;                                                                  \
        int error = strike(to_remove, #symbol, path);                                                        \
        if (error != 0)                                                                                      \
            FAIL_WITH(error, -1);                                                                            \
        BEGIN_ORDER();                                                                                       \
        int result = next_##symbol forwarded;                                                                \
        if (logs() && result == 0) {                                                                         \
            unsigned long long parent = parent_of(path, &last);                                              \
            note_names("unlink", parent, 0, last, "");                                                       \
        }                                                                                                    \
        END_ORDER();                                                                                         \
        return result;                                                                                       \
    }
DEFINE_REMOVE(unlink, (const char *name), (name), AT_FDCWD, name)
DEFINE_REMOVE(unlinkat, (int at, const char *name, int flags), (at, name, flags), at, name)
DEFINE_REMOVE(rmdir, (const char *name), (name), AT_FDCWD, name)
DEFINE_REMOVE(remove, (const char *name), (name), AT_FDCWD, name)

/* ---- owner, mode, times ---- */

#define DEFINE_MARK(symbol, what, parameters, forwarded, placed)                                             \
    int symbol parameters                                                                                    \
    {                                                                                                        \
        char path[PATH_MAX];                                                                                 \
        NEXT(symbol);                                                                                        \
        if (!(placed))                                                                                       \
            return next_##symbol forwarded;                                                                  \
        int error = strike(what, #symbol, path);                                                             \
        if (error != 0)                                                                                      \
            FAIL_WITH(error, -1);                                                                            \
        BEGIN_ORDER();                                                                                       \
        int result = next_##symbol forwarded;                                                                \
        if (logs() && result == 0) {                                                                         \
            note_marks(path);                                                                                \
            note_attributes(path); /* a change of owner takes capabilities, one of the mode changes a list */ \
        }                                                                                                    \
        END_ORDER();                                                                                         \
        return result;                                                                                       \
    }
DEFINE_MARK(fchmod, to_mark, (int fd, mode_t mode), (fd, mode), place_of_fd(fd, path))
DEFINE_MARK(chmod, to_mark, (const char *name, mode_t mode), (name, mode), place_at(AT_FDCWD, name, path))
DEFINE_MARK(fchmodat, to_mark, (int at, const char *name, mode_t mode, int flags), (at, name, mode, flags),
    place_at(at, name, path))
DEFINE_MARK(fchown, to_mark, (int fd, uid_t uid, gid_t gid), (fd, uid, gid), place_of_fd(fd, path))
DEFINE_MARK(fchownat, to_mark, (int at, const char *name, uid_t uid, gid_t gid, int flags),
    (at, name, uid, gid, flags), place_at(at, name, path))
DEFINE_MARK(futimens, to_mark, (int fd, const struct timespec times[2]), (fd, times), place_of_fd(fd, path))
DEFINE_MARK(utimensat, to_mark, (int at, const char *name, const struct timespec times[2], int flags),
    (at, name, times, flags), place_at(at, name, path))
DEFINE_MARK(fsetxattr, to_attribute, (int fd, const char *name, const void *value, size_t size, int flags),
    (fd, name, value, size, flags), place_of_fd(fd, path))
DEFINE_MARK(fremovexattr, to_attribute, (int fd, const char *name), (fd, name), place_of_fd(fd, path))

/* ---- looking ---- */

#define DEFINE_LOOK(symbol, parameters, forwarded, at, name)                                                 \
    int symbol parameters                                                                                    \
    {                                                                                                        \
        char path[PATH_MAX];                                                                                 \
        NEXT(symbol);                                                                                        \
        if (place_at(at, name, path)) {                                                                      \
            int error = strike(to_look, #symbol, path);                                                      \
            if (error != 0)                                                                                  \
                FAIL_WITH(error, -1);                                                                        \
        }                                                                                                    \
        return next_##symbol forwarded;                                                                      \
    }
#undef stat
#undef lstat
#undef fstatat
#undef stat64
#undef lstat64
#undef fstatat64
DEFINE_LOOK(stat, (const char *name, struct stat *status), (name, status), AT_FDCWD, name)
DEFINE_LOOK(lstat, (const char *name, struct stat *status), (name, status), AT_FDCWD, name)
DEFINE_LOOK(fstatat, (int at, const char *name, struct stat *status, int flags), (at, name, status, flags), at, name)
DEFINE_LOOK(stat64, (const char *name, struct stat64 *status), (name, status), AT_FDCWD, name)
DEFINE_LOOK(lstat64, (const char *name, struct stat64 *status), (name, status), AT_FDCWD, name)
DEFINE_LOOK(fstatat64, (int at, const char *name, struct stat64 *status, int flags), (at, name, status, flags), at,
    name)
DEFINE_LOOK(statx, (int at, const char *name, int flags, unsigned mask, struct statx *status),
    (at, name, flags, mask, status), at, name)
DEFINE_LOOK(access, (const char *name, int how), (name, how), AT_FDCWD, name)

ssize_t
readlinkat(int at, const char *name, char *target_text, size_t size)
{
    char path[PATH_MAX];

    NEXT(readlinkat);
    if (place_at(at, name, path)) {
        int error = strike(to_look, "readlinkat", path);
        if (error != 0)
            FAIL_WITH(error, -1);
    }
    return next_readlinkat(at, name, target_text, size);
}

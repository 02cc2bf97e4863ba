/* Of the library of shim.c: calls that open, read, write and sync. */
#include "shim.h"

/* ---- opening ---- */

static unsigned
opening(int flags, const char *path)
{
    /* A full disk is in nobody's way who opens what is there. */
    return to_open | ((flags & O_TRUNC) != 0 || ((flags & O_CREAT) != 0 && !exists(path)) ? to_create : 0);
}

/* `call` opens `path`, which is below the directory. */
#define OPEN_BELOW(flags, name, call)                                                                        \
    do {                                                                                                     \
        int error = strike(opening(flags, path), name, path);                                                      \
        if (error != 0)                                                                                      \
            FAIL_WITH(error, -1);                                                                            \
        if (!logs() || ((flags) & (O_CREAT | O_TRUNC)) == 0)                                                 \
            return (call);                                                                                   \
        BEGIN_ORDER();                                                                                       \
        bool was_there = exists(path);                                                                       \
        int fd = (int)(call);                                                                                \
        if (fd >= 0 && !was_there)                                                                           \
            note_new(path);                                                                                  \
        else if (fd >= 0 && ((flags) & O_TRUNC) != 0)                                                        \
            note_inode("size", fd, 0);                                                                       \
        END_ORDER();                                                                                         \
        return fd;                                                                                           \
    } while (0)

#define MODE_OF(flags, last)                                                                                 \
    mode_t mode = 0;                                                                                         \
    if (((flags) & (O_CREAT | O_TMPFILE)) != 0) {                                                            \
        va_list arguments;                                                                                   \
        va_start(arguments, last);                                                                           \
        mode = (mode_t)va_arg(arguments, unsigned);                                                          \
        va_end(arguments);                                                                                   \
    }

#define DEFINE_OPEN(symbol)                                                                                  \
    int symbol(const char *name, int flags, ...)                                                             \
    {                                                                                                        \
        char path[PATH_MAX];                                                                                 \
        MODE_OF(flags, flags)                                                                                \
        NEXT(symbol);                                                                                        \
        if (!place_at(AT_FDCWD, name, path))                                                                 \
            return next_##symbol(name, flags, mode);                                                         \
        OPEN_BELOW(flags, "open", next_##symbol(name, flags, mode));                                         \
    }
#define DEFINE_OPENAT(symbol)                                                                                \
    int symbol(int at, const char *name, int flags, ...)                                                     \
    {                                                                                                        \
        char path[PATH_MAX];                                                                                 \
        MODE_OF(flags, flags)                                                                                \
        NEXT(symbol);                                                                                        \
        if (!place_at(at, name, path))                                                                       \
            return next_##symbol(at, name, flags, mode);                                                     \
        OPEN_BELOW(flags, "openat", next_##symbol(at, name, flags, mode));                                   \
    }

#undef open
#undef openat
DEFINE_OPEN(open)
DEFINE_OPEN(open64)
DEFINE_OPENAT(openat)
DEFINE_OPENAT(openat64)

/* The safe walker calls openat2 by its number. */
long
syscall(long number, ...)
{
    static long (*next)(long, ...);
    long a[6];
    va_list arguments;
    char path[PATH_MAX];

    va_start(arguments, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(arguments, long);
    va_end(arguments);
    if (next == NULL)
        next = (long (*)(long, ...))next_symbol("syscall");
    if (number != SYS_openat2 || !place_at((int)a[0], (const char *)a[1], path))
        return next(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    int flags = (int)*(const uint64_t *)a[2]; /* the first field of open_how */
    OPEN_BELOW(flags, "openat2", next(number, a[0], a[1], a[2], a[3], a[4], a[5]));
}

DIR *
opendir(const char *name)
{
    char path[PATH_MAX];

    NEXT(opendir);
    if (place_at(AT_FDCWD, name, path)) {
        int error = strike(to_open, "opendir", path);
        if (error != 0)
            FAIL_WITH(error, NULL);
    }
    return next_opendir(name);
}

#define DEFINE_FOPEN(symbol)                                                                                 \
    FILE *symbol(const char *name, const char *how)                                                          \
    {                                                                                                        \
        char path[PATH_MAX];                                                                                 \
        NEXT(symbol);                                                                                        \
        if (place_at(AT_FDCWD, name, path)) {                                                                \
            int error = strike(to_open, "fopen", path);                                                      \
            if (error != 0)                                                                                  \
                FAIL_WITH(error, NULL);                                                                      \
        }                                                                                                    \
        return next_##symbol(name, how);                                                                     \
    }
DEFINE_FOPEN(fopen)
DEFINE_FOPEN(fopen64)

#define DEFINE_READDIR(symbol, type)                                                                         \
    struct type *symbol(DIR *stream)                                                                         \
    {                                                                                                        \
        char path[PATH_MAX];                                                                                 \
        NEXT(symbol);                                                                                        \
        if (place_of_fd(dirfd(stream), path)) {                                                              \
            int error = strike(to_look, "readdir", path);                                                    \
            if (error != 0)                                                                                  \
                FAIL_WITH(error, NULL);                                                                      \
        }                                                                                                    \
        return next_##symbol(stream);                                                                        \
    }
DEFINE_READDIR(readdir, dirent)
DEFINE_READDIR(readdir64, dirent64)

/* ---- reading and writing ---- */

#define STRIKE_COUNT(what, call, size)                                                                       \
    int error = strike(what, call, path);                                                                    \
    if (error > 0)                                                                                           \
        FAIL_WITH(error, -1);                                                                                \
    if (error == short_count && (size) > 1)                                                                  \
    (size) /= 2

ssize_t
read(int fd, void *bytes, size_t size)
{
    char path[PATH_MAX];

    NEXT(read);
    if (place_of_fd(fd, path)) {
        STRIKE_COUNT(to_read, "read", size);
    }
    return next_read(fd, bytes, size);
}

#define DEFINE_PREAD(symbol, offset_type)                                                                    \
    ssize_t symbol(int fd, void *bytes, size_t size, offset_type offset)                                     \
    {                                                                                                        \
        char path[PATH_MAX];                                                                                 \
        NEXT(symbol);                                                                                        \
        if (place_of_fd(fd, path)) {                                                                         \
            STRIKE_COUNT(to_read, "pread", size);                                                            \
        }                                                                                                    \
        return next_##symbol(fd, bytes, size, offset);                                                       \
    }
DEFINE_PREAD(pread, off_t)
DEFINE_PREAD(pread64, off64_t)

ssize_t
write(int fd, const void *bytes, size_t size)
{
    char path[PATH_MAX];

    NEXT(write);
    if (!place_of_fd(fd, path))
        return next_write(fd, bytes, size);
    STRIKE_COUNT(to_write, "write", size);
    BEGIN_ORDER();
    ssize_t done = next_write(fd, bytes, size);
    if (logs() && done > 0)
        note_write(fd, bytes, (size_t)done, (long long)lseek(fd, 0, SEEK_CUR) - done);
    END_ORDER();
    return done;
}

#define DEFINE_PWRITE(symbol, offset_type)                                                                   \
    ssize_t symbol(int fd, const void *bytes, size_t size, offset_type offset)                               \
    {                                                                                                        \
        char path[PATH_MAX];                                                                                 \
        NEXT(symbol);                                                                                        \
        if (!place_of_fd(fd, path))                                                                          \
            return next_##symbol(fd, bytes, size, offset);                                                   \
        STRIKE_COUNT(to_write, "pwrite", size);                                                              \
        BEGIN_ORDER();                                                                                       \
        ssize_t done = next_##symbol(fd, bytes, size, offset);                                               \
        if (logs() && done > 0)                                                                              \
            note_write(fd, bytes, (size_t)done, (long long)offset);                                          \
        END_ORDER();                                                                                         \
        return done;                                                                                         \
    }
DEFINE_PWRITE(pwrite, off_t)
DEFINE_PWRITE(pwrite64, off64_t)

ssize_t
writev(int fd, const struct iovec *parts, int count)
{
    char path[PATH_MAX];

    NEXT(writev);
    if (!place_of_fd(fd, path))
        return next_writev(fd, parts, count);
    int error = strike(to_write, "writev", path);
    if (error > 0)
        FAIL_WITH(error, -1);
    if (logs())
        abort(); /* nobody calls it below the state directory; the log could not say what it did */
    return next_writev(fd, parts, error == short_count && count > 1 ? count / 2 : count);
}

#define DEFINE_FTRUNCATE(symbol, offset_type)                                                                \
    int symbol(int fd, offset_type size)                                                                     \
    {                                                                                                        \
        char path[PATH_MAX];                                                                                 \
        NEXT(symbol);                                                                                        \
        if (!place_of_fd(fd, path))                                                                          \
            return next_##symbol(fd, size);                                                                  \
        int error = strike(to_size, "ftruncate", path);                                                      \
        if (error != 0)                                                                                      \
            FAIL_WITH(error, -1);                                                                            \
        BEGIN_ORDER();                                                                                       \
        int result = next_##symbol(fd, size);                                                                \
        if (logs() && result == 0)                                                                           \
            note_inode("size", fd, (long long)size);                                                         \
        END_ORDER();                                                                                         \
        return result;                                                                                       \
    }
DEFINE_FTRUNCATE(ftruncate, off_t)
DEFINE_FTRUNCATE(ftruncate64, off64_t)

int
ioctl(int fd, unsigned long request, ...)
{
    static int (*next)(int, unsigned long, ...);
    char path[PATH_MAX];
    va_list arguments;

    va_start(arguments, request);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    if (next == NULL)
        next = (int (*)(int, unsigned long, ...))next_symbol("ioctl");
    if (request == FICLONE && place_of_fd(fd, path)) {
        int error = strike(to_share, "ioctl FICLONE", path);
        if (error != 0)
            FAIL_WITH(error, -1);
        if (logs())
            FAIL_WITH(EOPNOTSUPP, -1); /* so that the bytes go through write */
    }
    return next(fd, request, argument);
}

/* ---- making durable ---- */

#define DEFINE_SYNC(symbol, word)                                                                            \
    int symbol(int fd)                                                                                       \
    {                                                                                                        \
        char path[PATH_MAX];                                                                                 \
        NEXT(symbol);                                                                                        \
        if (!place_of_fd(fd, path))                                                                          \
            return next_##symbol(fd);                                                                        \
        int error = strike(to_sync, #symbol, path);                                                          \
        if (error != 0)                                                                                      \
            FAIL_WITH(error, -1);                                                                            \
        BEGIN_ORDER();                                                                                       \
        int result = logs() ? 0 : next_##symbol(fd);                                                         \
        if (logs())                                                                                          \
            note_inode(word, fd, 0);                                                                         \
        END_ORDER();                                                                                         \
        return result;                                                                                       \
    }
DEFINE_SYNC(fsync, "sync")
DEFINE_SYNC(fdatasync, "sync")
DEFINE_SYNC(syncfs, "syncall")

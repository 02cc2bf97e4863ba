/*
 * A library that is loaded before the C library (LD_PRELOAD) into a pkgjail under test. Of all calls on files
 * it looks only at those below one directory, and there it can make one fail, kill the process before it, or
 * write down what was changed and what was made durable. fault.hpp says how tests ask for it; by hand:
 *
 *     PKGJAIL_SHIM_DIR=STATE        the directory, absolute, as the kernel shows it
 *     PKGJAIL_SHIM_FAULT=KIND:N     the Nth call that KIND can hit; KIND:N+ from the Nth on; count: none
 *     PKGJAIL_SHIM_TOLD=FILE        what was hit, a line each: "N CALL PATH"; with count, "KIND N" for each kind
 *     PKGJAIL_SHIM_LOG=FILE         every change and every sync, for power.cpp
 *     PKGJAIL_SHIM_CLOCK=SECONDS    added to the wall clock
 *
 * Only the process called pkgjail is looked at, not what it runs. Calls are counted process by process.
 */
#undef _FILE_OFFSET_BITS /* both the short and the long names are defined here */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

/* What a call does. */
enum {
    to_open = 1 << 0,
    to_create = 1 << 1, /* with to_open: may make or empty a file */
    to_read = 1 << 2,
    to_write = 1 << 3,
    to_sync = 1 << 4,
    to_enter = 1 << 5, /* a new name in a directory */
    to_remove = 1 << 6,
    to_size = 1 << 7,
    to_mark = 1 << 8, /* owner, mode, times */
    to_attribute = 1 << 9,
    to_look = 1 << 10,
    to_share = 1 << 11 /* reflink */
};

struct kind {
    const char *name;
    unsigned hits; /* any of these */
    int error;     /* 0: see strike() */
};

static const struct kind kinds[] = {
    {"kill", to_create | to_write | to_sync | to_enter | to_remove | to_size | to_mark | to_attribute | to_share, 0},
    {"enospc", to_create | to_write | to_enter | to_size | to_attribute | to_share, ENOSPC},
    {"eio", ~0U, EIO},
    {"emfile", to_open, EMFILE},
    {"eintr", to_open | to_read | to_write | to_size, EINTR},
    {"short", to_read | to_write, 0},
    {"fsync", to_sync, EIO},
};
enum { kind_count = sizeof kinds / sizeof kinds[0], no_kind = -1, short_count = -1 };

static char directory[PATH_MAX];
static size_t directory_length;
static int chosen = no_kind;
static bool counting;
static unsigned long target;
static bool goes_on;
static atomic_ulong calls[kind_count];
static char told_path[PATH_MAX];
static int log_fd = -1;
static long long clock_shift;
/* One at a time while there is a log, so that it has the order in which things happened. */
static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;

static void *
next_symbol(const char *name)
{
    void *symbol = dlsym(RTLD_NEXT, name);

    if (symbol == NULL)
        abort();
    return symbol;
}

#define NEXT(name)                                                                                           \
    static __typeof__(&name) next_##name;                                                                    \
    if (next_##name == NULL)                                                                                 \
    next_##name = (__typeof__(&name))next_symbol(#name)

static void
write_raw(int fd, const void *bytes, size_t size)
{
    const char *at = bytes;

    while (size > 0) {
        long done = syscall(SYS_write, fd, at, size);
        if (done <= 0)
            abort();
        at += done;
        size -= (size_t)done;
    }
}

static void
tell(const char *line)
{
    if (told_path[0] == '\0')
        return;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, told_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        abort();
    write_raw(fd, line, strlen(line));
    syscall(SYS_close, fd);
}

__attribute__((constructor)) static void
begin(void)
{
    const char *value = getenv("PKGJAIL_SHIM_CLOCK");

    if (value != NULL)
        clock_shift = atoll(value);
    if ((value = getenv("PKGJAIL_SHIM_DIR")) == NULL || strcmp(program_invocation_short_name, "pkgjail") != 0)
        return;
    snprintf(directory, sizeof directory, "%s", value);
    if ((value = getenv("PKGJAIL_SHIM_TOLD")) != NULL)
        snprintf(told_path, sizeof told_path, "%s", value);
    if ((value = getenv("PKGJAIL_SHIM_LOG")) != NULL) {
        log_fd = (int)syscall(SYS_openat, AT_FDCWD, value, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        /* Out of the way of whoever counts on low numbers. */
        int high = (int)syscall(SYS_fcntl, log_fd, F_DUPFD_CLOEXEC, 500);
        syscall(SYS_close, log_fd);
        log_fd = high;
    }
    if ((value = getenv("PKGJAIL_SHIM_FAULT")) != NULL) {
        counting = strcmp(value, "count") == 0;
        for (int i = 0; i < kind_count; i++) {
            size_t length = strlen(kinds[i].name);
            if (strncmp(value, kinds[i].name, length) == 0 && value[length] == ':') {
                char *end = NULL;
                chosen = i;
                target = strtoul(value + length + 1, &end, 10);
                goes_on = *end == '+';
            }
        }
    }
    directory_length = strlen(directory);
}

__attribute__((destructor)) static void
finish(void)
{
    if (!counting)
        return;
    for (int i = 0; i < kind_count; i++) {
        char line[100];
        snprintf(line, sizeof line, "%s %lu\n", kinds[i].name, atomic_load(&calls[i]));
        tell(line);
    }
}

static bool
is_below(const char *path)
{
    return directory_length != 0 && strncmp(path, directory, directory_length) == 0 &&
        (path[directory_length] == '/' || path[directory_length] == '\0');
}

/* The path of a descriptor as the kernel shows it; empty when it has none. */
static void
path_of(int fd, char *path)
{
    char link[40];

    if (fd == AT_FDCWD)
        snprintf(link, sizeof link, "/proc/self/cwd");
    else
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    long length = syscall(SYS_readlink, link, path, PATH_MAX - 1);
    path[length < 0 ? 0 : length] = '\0';
}

static bool
place_of_fd(int fd, char *path)
{
    int saved = errno;

    if (directory_length == 0)
        return false;
    path_of(fd, path);
    errno = saved;
    return is_below(path);
}

static bool
place_at(int fd, const char *name, char *path)
{
    int saved = errno;

    if (directory_length == 0 || name == NULL)
        return false;
    if (name[0] == '/') {
        snprintf(path, PATH_MAX, "%s", name);
    } else {
        char above[PATH_MAX];
        path_of(fd, above);
        if (name[0] == '\0')
            snprintf(path, PATH_MAX, "%s", above);
        else if (snprintf(path, PATH_MAX, "%s/%s", above, name) >= PATH_MAX)
            path[0] = '\0';
    }
    errno = saved;
    return is_below(path);
}

/* 0: the call may go on; short_count: with half of its bytes; otherwise the error it is to fail with. */
static int
strike(unsigned what, const char *call, const char *path)
{
    if (counting) {
        for (int i = 0; i < kind_count; i++)
            if ((kinds[i].hits & what) != 0)
                atomic_fetch_add(&calls[i], 1);
        return 0;
    }
    if (chosen == no_kind || (kinds[chosen].hits & what) == 0)
        return 0;
    unsigned long number = atomic_fetch_add(&calls[chosen], 1) + 1;
    if (number != target && !(goes_on && number > target))
        return 0;
    if (number == target) {
        char line[PATH_MAX + 100];
        snprintf(line, sizeof line, "%lu %s %s\n", number, call, path);
        tell(line);
    }
    if (strcmp(kinds[chosen].name, "kill") == 0)
        syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
    return kinds[chosen].error != 0 ? kinds[chosen].error : short_count;
}

/* ---- the log: "WORD NUMBERS… SIZE\n" and SIZE bytes ---- */

static bool
logs(void)
{
    return log_fd >= 0;
}

static void
note(const char *head, const void *bytes, size_t size)
{
    char line[200];
    int saved = errno;

    int length = snprintf(line, sizeof line, "%s %zu\n", head, size);
    write_raw(log_fd, line, (size_t)length);
    write_raw(log_fd, bytes, size);
    errno = saved;
}

static bool
stat_raw(int fd, const char *path, struct stat *status)
{
    int saved = errno;
    bool well = syscall(SYS_newfstatat, fd, path, status, *path == '\0' ? AT_EMPTY_PATH : AT_SYMLINK_NOFOLLOW) == 0;

    errno = saved;
    return well;
}

static unsigned long long
inode_of(const char *path)
{
    struct stat status;

    return stat_raw(AT_FDCWD, path, &status) ? (unsigned long long)status.st_ino : 0;
}

static unsigned long long
parent_of(const char *path, const char **name)
{
    char above[PATH_MAX];

    snprintf(above, sizeof above, "%s", path);
    char *slash = strrchr(above, '/');
    *slash = '\0';
    *name = path + (slash - above) + 1;
    return inode_of(above);
}

static bool
exists(const char *path)
{
    return inode_of(path) != 0;
}

static void
note_marks(const char *path)
{
    struct stat status;
    char head[200];

    if (!stat_raw(AT_FDCWD, path, &status))
        return;
    snprintf(head, sizeof head, "mark %llu %u %u %u %lld %ld", (unsigned long long)status.st_ino,
        status.st_mode, status.st_uid, status.st_gid, (long long)status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
    note(head, "", 0);
}

/* A file, directory or link that was not there before the call. */
static void
note_new(const char *path)
{
    struct stat status;
    char head[200], text[2 * PATH_MAX];
    const char *name;

    if (!stat_raw(AT_FDCWD, path, &status))
        return;
    unsigned long long parent = parent_of(path, &name);
    size_t length = strlen(name) + 1;
    memcpy(text, name, length);
    if (S_ISLNK(status.st_mode)) {
        long size = syscall(SYS_readlink, path, text + length, PATH_MAX);
        length += size > 0 ? (size_t)size : 0;
    }
    snprintf(head, sizeof head, "new %llu %llu %u", (unsigned long long)status.st_ino, parent, status.st_mode);
    note(head, text, length);
    note_marks(path);
}

static void
note_names(const char *word, unsigned long long a, unsigned long long b, const char *first, const char *second)
{
    char head[200], text[2 * PATH_MAX];

    int length = snprintf(text, sizeof text, "%s%c%s", first, '\0', second);
    snprintf(head, sizeof head, "%s %llu %llu", word, a, b);
    note(head, text, (size_t)length);
}

static void
note_inode(const char *word, int fd, long long number)
{
    struct stat status;
    char head[200];

    if (!stat_raw(fd, "", &status))
        return;
    snprintf(head, sizeof head, "%s %llu %lld", word, (unsigned long long)status.st_ino, number);
    note(head, "", 0);
}

static void
note_write(int fd, const void *bytes, size_t size, long long offset)
{
    struct stat status;
    char head[200];

    if (!stat_raw(fd, "", &status))
        return;
    snprintf(head, sizeof head, "write %llu %lld", (unsigned long long)status.st_ino, offset);
    note(head, bytes, size);
}

#define BEGIN_ORDER()                                                                                        \
    if (logs())                                                                                              \
    pthread_mutex_lock(&order)
#define END_ORDER()                                                                                          \
    if (logs())                                                                                              \
    pthread_mutex_unlock(&order)

#define FAIL_WITH(number, value)                                                                             \
    do {                                                                                                     \
        errno = (number);                                                                                    \
        return (value);                                                                                      \
    } while (0)

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
        if (logs() && result == 0)                                                                           \
            note_marks(path);                                                                                \
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

/* ---- the wall clock ---- */

int
clock_gettime(clockid_t which, struct timespec *now)
{
    int result = (int)syscall(SYS_clock_gettime, which, now);

    if (result == 0 && which == CLOCK_REALTIME)
        now->tv_sec += clock_shift;
    return result;
}

int
gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    int result = (int)syscall(SYS_gettimeofday, now, zone);

    if (result == 0)
        now->tv_sec += clock_shift;
    return result;
}

time_t
time(time_t *now)
{
    struct timespec exact;

    clock_gettime(CLOCK_REALTIME, &exact);
    if (now != NULL)
        *now = exact.tv_sec;
    return exact.tv_sec;
}

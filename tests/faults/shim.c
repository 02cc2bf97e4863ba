/*
 * A library that is loaded before the C library (LD_PRELOAD) into a pkgjail under test. Of all calls on files
 * it looks only at those below one directory, and there it can make one fail, kill the process before it, or
 * write down what was changed and what was made durable. world.hpp says how tests ask for it; by hand:
 *
 *     PKGJAIL_SHIM_DIR=STATE        the directory, absolute, as the kernel shows it
 *     PKGJAIL_SHIM_FAULT=KIND:N     the Nth call that KIND can hit; KIND:N+ from the Nth on; count: none
 *     PKGJAIL_SHIM_CALL="CALL PART" of the calls that KIND can hit only those of this name, on paths with this in them
 *     PKGJAIL_SHIM_TOLD=FILE        what was hit, a line each: "N CALL PATH"; with count, "KIND N" for each kind
 *     PKGJAIL_SHIM_LOG=FILE         every change and every sync, for power.cpp
 *     PKGJAIL_SHIM_CLOCK=SECONDS    added to the wall clock
 *
 *     PKGJAIL_SHIM_PROGRAM=NAME     looked at in place of pkgjail
 *
 * Only the process called pkgjail is looked at, not what it runs. Calls are counted process by process.
 *
 * Here is what is hit and what is written down; shim_content.c has the calls on what is in files, shim_names.c those
 * on names, owners and times.
 */
#include "shim.h"

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
enum { kind_count = sizeof kinds / sizeof kinds[0], no_kind = -1 };

static char directory[PATH_MAX];
static size_t directory_length;
static int chosen = no_kind;
static bool counting;
static unsigned long target;
static bool goes_on;
static atomic_ulong calls[kind_count];
static char told_path[PATH_MAX];
static char call_name[40], path_part[PATH_MAX]; /* empty: any */
static int log_fd = -1;
static long long clock_shift;
pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;

void *
next_symbol(const char *name)
{
    void *symbol = dlsym(RTLD_NEXT, name);

    if (symbol == NULL)
        abort();
    return symbol;
}

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
    const char *program = getenv("PKGJAIL_SHIM_PROGRAM");
    if ((value = getenv("PKGJAIL_SHIM_DIR")) == NULL ||
        strcmp(program_invocation_short_name, program != NULL ? program : "pkgjail") != 0)
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
    if ((value = getenv("PKGJAIL_SHIM_CALL")) != NULL && sscanf(value, "%39s %4095s", call_name, path_part) != 2)
        abort();
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

bool
place_of_fd(int fd, char *path)
{
    int saved = errno;

    if (directory_length == 0)
        return false;
    path_of(fd, path);
    errno = saved;
    return is_below(path);
}

bool
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

static bool
is_wanted(const char *call, const char *path)
{
    return call_name[0] == '\0' || (strcmp(call, call_name) == 0 && strstr(path, path_part) != NULL);
}

int
strike(unsigned what, const char *call, const char *path)
{
    if (counting) {
        for (int i = 0; i < kind_count; i++)
            if ((kinds[i].hits & what) != 0)
                atomic_fetch_add(&calls[i], 1);
        return 0;
    }
    if (chosen == no_kind || (kinds[chosen].hits & what) == 0 || !is_wanted(call, path))
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

bool
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

unsigned long long
inode_of(const char *path)
{
    struct stat status;

    return stat_raw(AT_FDCWD, path, &status) ? (unsigned long long)status.st_ino : 0;
}

unsigned long long
parent_of(const char *path, const char **name)
{
    char above[PATH_MAX];

    snprintf(above, sizeof above, "%s", path);
    char *slash = strrchr(above, '/');
    *slash = '\0';
    *name = path + (slash - above) + 1;
    return inode_of(above);
}

bool
exists(const char *path)
{
    return inode_of(path) != 0;
}

void
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

void
note_attributes(const char *path)
{
    char head[100], names[4096], text[64 << 10];
    int saved = errno;
    size_t length = 0;
    long size = syscall(SYS_llistxattr, path, names, sizeof names);

    for (const char *name = names; size > 0 && name < names + size; name += strlen(name) + 1) {
        char value[16 << 10];
        long count = syscall(SYS_lgetxattr, path, name, value, sizeof value);
        if (count < 0 || length + strlen(name) + 20 + (size_t)count > sizeof text)
            abort(); /* more than any test has: the log could not say what is there */
        length += (size_t)snprintf(text + length, sizeof text - length, "%s %ld ", name, count);
        memcpy(text + length, value, (size_t)count);
        length += (size_t)count;
    }
    snprintf(head, sizeof head, "attributes %llu", inode_of(path));
    note(head, text, length);
    errno = saved;
}

void
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
    note_attributes(path); /* a directory may hand some on */
}

void
note_names(const char *word, unsigned long long a, unsigned long long b, const char *first, const char *second)
{
    char head[200], text[2 * PATH_MAX];

    int length = snprintf(text, sizeof text, "%s%c%s", first, '\0', second);
    snprintf(head, sizeof head, "%s %llu %llu", word, a, b);
    note(head, text, (size_t)length);
}

void
note_inode(const char *word, int fd, long long number)
{
    struct stat status;
    char head[200];

    if (!stat_raw(fd, "", &status))
        return;
    snprintf(head, sizeof head, "%s %llu %lld", word, (unsigned long long)status.st_ino, number);
    note(head, "", 0);
}

void
note_write(int fd, const void *bytes, size_t size, long long offset)
{
    struct stat status;
    char head[200];

    if (!stat_raw(fd, "", &status))
        return;
    snprintf(head, sizeof head, "write %llu %lld", (unsigned long long)status.st_ino, offset);
    note(head, bytes, size);
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

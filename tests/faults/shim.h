/*
 * What the files of the library share; shim.c says what it is. Nothing of this is seen by the program: a name
 * that it has as well would be taken for its own.
 */
#ifndef PKGJAIL_SHIM_H
#define PKGJAIL_SHIM_H

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

enum { short_count = -1 };

#pragma GCC visibility push(hidden)

/* Whether it is below the directory; `path`, of PATH_MAX bytes, is where it is. */
bool place_of_fd(int fd, char *path);
bool place_at(int fd, const char *name, char *path);

/* 0: the call may go on; short_count: with half of its bytes; otherwise the error it is to fail with. */
int strike(unsigned what, const char *call, const char *path);

bool exists(const char *path);
unsigned long long inode_of(const char *path);
unsigned long long parent_of(const char *path, const char **name);

/* The log. */
bool logs(void);
/* A file, directory or link that was not there before the call. */
void note_new(const char *path);
void note_marks(const char *path);
/* All extended attributes that it has now: "NAME SIZE " and SIZE bytes for each. */
void note_attributes(const char *path);
void note_names(const char *word, unsigned long long a, unsigned long long b, const char *first, const char *second);
void note_inode(const char *word, int fd, long long number);
void note_write(int fd, const void *bytes, size_t size, long long offset);

/* One at a time while there is a log, so that it has the order in which things happened. */
extern pthread_mutex_t order;

void *next_symbol(const char *name);

#pragma GCC visibility pop

#define NEXT(name)                                                                                           \
    static __typeof__(&name) next_##name;                                                                    \
    if (next_##name == NULL)                                                                                 \
    next_##name = (__typeof__(&name))next_symbol(#name)

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

#endif

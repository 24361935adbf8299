/* SPDX-License-Identifier: MIT */
/*
 * Inside the host layer: the real libc functions behind the interposed ones, the table of
 * descriptors that are ours, and the files that softgpu pretends exist. Knows paths and
 * descriptors; knows no ioctl.
 */
#ifndef SGH_HOST_H
#define SGH_HOST_H

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "../driver/driver.h"

#define SGH_EXPORT __attribute__((visibility("default")))

/* ---- init.c
 * --------------------------------------------------------------------------------------- */

/* Configuration and the real functions are there when this returns. Cheap after the first call. */
void sgh_ready(void);

/* What our interposed functions call instead of themselves: the next definition in search order. */
struct sgh_real {
    int (*open)(const char *path, int flags, ...);
    int (*openat)(int dir, const char *path, int flags, ...);
    int (*close)(int fd);
    int (*dup)(int fd);
    int (*dup2)(int from, int to);
    int (*dup3)(int from, int to, int flags);
    int (*fcntl)(int fd, int cmd, ...);
    int (*ioctl)(int fd, unsigned long request, ...);
    FILE *(*fopen)(const char *path, const char *mode);
    DIR *(*opendir)(const char *path);
    struct dirent *(*readdir)(DIR *dir);
    int (*closedir)(DIR *dir);
    void (*rewinddir)(DIR *dir);
    int (*dirfd)(DIR *dir);
    int (*access)(const char *path, int mode);
    int (*faccessat)(int dir, const char *path, int mode, int flags);
    ssize_t (*readlink)(const char *path, char *to, size_t bytes);
    int (*stat)(const char *path, struct stat *st);
    int (*lstat)(const char *path, struct stat *st);
    int (*fstat)(int fd, struct stat *st);
    int (*fstatat)(int dir, const char *path, struct stat *st, int flags);
    int (*statx)(int dir, const char *path, int flags, unsigned int mask, struct statx *st);
    int (*shmdt)(const void *addr);
};
extern struct sgh_real sgh_real;

/* ---- libc_calls.c
 * --------------------------------------------------------------------------------- */

/* Once, before the program runs. */
void sgh_redirect_libc(void);

/* ---- source_line.c
 * -------------------------------------------------------------------------------- */

/* "function(arguments), file.hip:12", as much of it as is known; empty: nothing. */
void sgh_describe_pc(uint64_t pc, char *text, size_t bytes);

/* ---- fds.c
 * ---------------------------------------------------------------------------------------- */

/* A new descriptor for an open file of the driver; close-on-exec if flags say O_CLOEXEC. -1 with
 * errno. */
int sgh_fd_new(const struct sgd_file *file, int flags);
bool sgh_fd_get(int fd, struct sgd_file *file); /* false: not ours */
bool sgh_fd_internal(int fd);                   /* one that the program must not close */
void sgh_fd_copied(int from, int to);           /* after dup */
void sgh_fd_closed(int fd);                     /* before close */
void sgh_fd_range_closed(unsigned int first, unsigned int last);
int sgh_fd_next_internal(int from); /* lowest internal descriptor >= from, or -1 */
uint64_t sgh_fd_count(void);
extern const struct sgd_host_ops sgh_driver_ops;

/* ---- files.c
 * -------------------------------------------------------------------------------------- */

enum sgh_kind {
    SGH_NONE,   /* not ours: the real system answers */
    SGH_ABSENT, /* does not exist, whatever the real system has there */
    SGH_KFD,
    SGH_RENDER,
    SGH_FILE,
    SGH_DIR,
};

struct sgh_node {
    enum sgh_kind kind;
    uint32_t gpu;        /* SGH_RENDER */
    const char *path;    /* canonical, absolute */
    const char *content; /* SGH_FILE */
    size_t content_bytes;
};

/* Never NULL. */
const struct sgh_node *sgh_find(const char *path);
/* Entry number `index` of a directory, NULL past the last. */
const struct sgh_node *sgh_child(const struct sgh_node *dir, size_t index);
/* As open does; kind is not NONE. -1 with errno. */
int sgh_open_node(const struct sgh_node *node, int flags);
void sgh_stat_node(const struct sgh_node *node, struct stat *st);
void sgh_stat_file(const struct sgd_file *file, struct stat *st);

/* ---- topology.c
 * ----------------------------------------------------------------------------------- */

/* Calls add(path, content) for every file of the emulated sysfs; content NULL: a directory. */
void sgh_topology(void (*add)(const char *path, const char *content));

#define SGH_KFD_CLASS "/sys/class/kfd/kfd"
#define SGH_KFD_ROOT "/sys/devices/virtual/kfd/kfd"

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Interposed calls that ask about paths: the stat family, access, readlink, and directory streams.
 * On x86-64 the 64-bit variants are the same functions under other names.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "host.h"

#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#if defined(__clang__)
#pragma clang diagnostic ignored "-Wpointer-bool-conversion"
#else
#pragma GCC diagnostic ignored "-Wnonnull-compare"
#endif

/* 1: not ours; 0: filled; -1 with errno: absent. */
static int stat_path(const char *path, struct stat *st)
{
    const struct sgh_node *node = sgh_find(path);
    if (node->kind == SGH_NONE) {
        sgh_ready();
        return 1;
    }
    if (node->kind == SGH_ABSENT) {
        errno = ENOENT;
        return -1;
    }
    sgh_stat_node(node, st);
    return 0;
}

static int stat_fd(int fd, struct stat *st)
{
    struct sgd_file file;
    if (!sgh_fd_get(fd, &file) || file.kind == SGD_FILE_DMABUF) {
        sgh_ready();
        return 1;
    }
    sgh_stat_file(&file, st);
    return 0;
}

static int do_stat(const char *path, struct stat *st)
{
    int ours = stat_path(path, st);
    return ours == 1 ? sgh_real.stat(path, st) : ours;
}

static int do_lstat(const char *path, struct stat *st)
{
    int ours = stat_path(path, st);
    return ours == 1 ? sgh_real.lstat(path, st) : ours;
}

static int do_fstat(int fd, struct stat *st)
{
    int ours = stat_fd(fd, st);
    return ours == 1 ? sgh_real.fstat(fd, st) : ours;
}

static int do_fstatat(int dir, const char *path, struct stat *st, int flags)
{
    int ours = path && !*path && (flags & AT_EMPTY_PATH) ? stat_fd(dir, st) : stat_path(path, st);
    return ours == 1 ? sgh_real.fstatat(dir, path, st, flags) : ours;
}

SGH_EXPORT int stat(const char *path, struct stat *st)
{
    return do_stat(path, st);
}

SGH_EXPORT int lstat(const char *path, struct stat *st)
{
    return do_lstat(path, st);
}

SGH_EXPORT int fstat(int fd, struct stat *st)
{
    return do_fstat(fd, st);
}

SGH_EXPORT int fstatat(int dir, const char *path, struct stat *st, int flags)
{
    return do_fstatat(dir, path, st, flags);
}

_Static_assert(sizeof(struct stat) == sizeof(struct stat64), "x86-64: one layout");

SGH_EXPORT int stat64(const char *path, struct stat64 *st)
{
    return do_stat(path, (struct stat *)st);
}

SGH_EXPORT int lstat64(const char *path, struct stat64 *st)
{
    return do_lstat(path, (struct stat *)st);
}

SGH_EXPORT int fstat64(int fd, struct stat64 *st)
{
    return do_fstat(fd, (struct stat *)st);
}

SGH_EXPORT int fstatat64(int dir, const char *path, struct stat64 *st, int flags)
{
    return do_fstatat(dir, path, (struct stat *)st, flags);
}

/* Programs linked before glibc 2.33 call these. */
SGH_EXPORT int __xstat(int version, const char *path, struct stat *st)
{
    (void)version;
    return do_stat(path, st);
}

SGH_EXPORT int __lxstat(int version, const char *path, struct stat *st)
{
    (void)version;
    return do_lstat(path, st);
}

SGH_EXPORT int __fxstat(int version, int fd, struct stat *st)
{
    (void)version;
    return do_fstat(fd, st);
}

SGH_EXPORT int __xstat64(int version, const char *path, struct stat64 *st)
{
    (void)version;
    return do_stat(path, (struct stat *)st);
}

SGH_EXPORT int __lxstat64(int version, const char *path, struct stat64 *st)
{
    (void)version;
    return do_lstat(path, (struct stat *)st);
}

SGH_EXPORT int __fxstat64(int version, int fd, struct stat64 *st)
{
    (void)version;
    return do_fstat(fd, (struct stat *)st);
}

SGH_EXPORT int statx(int dir, const char *path, int flags, unsigned int mask, struct statx *sx)
{
    struct stat st;
    int ours = path && !*path && (flags & AT_EMPTY_PATH) ? stat_fd(dir, &st) : stat_path(path, &st);
    if (ours == 1)
        return sgh_real.statx(dir, path, flags, mask, sx);
    if (ours)
        return ours;
    memset(sx, 0, sizeof(*sx));
    sx->stx_mask = STATX_TYPE | STATX_MODE | STATX_NLINK | STATX_INO | STATX_SIZE;
    sx->stx_blksize = (uint32_t)st.st_blksize;
    sx->stx_nlink = (uint32_t)st.st_nlink;
    sx->stx_mode = (uint16_t)st.st_mode;
    sx->stx_ino = st.st_ino;
    sx->stx_size = (uint64_t)st.st_size;
    sx->stx_rdev_major = major(st.st_rdev);
    sx->stx_rdev_minor = minor(st.st_rdev);
    return 0;
}

static int access_path(const char *path, int mode, bool *ours)
{
    struct stat st;
    int ret = stat_path(path, &st);
    *ours = ret != 1;
    if (ret)
        return ret;
    if ((mode & W_OK) && !(st.st_mode & 0222)) {
        errno = EACCES;
        return -1;
    }
    return 0;
}

SGH_EXPORT int access(const char *path, int mode)
{
    bool ours;
    int ret = access_path(path, mode, &ours);
    return ours ? ret : sgh_real.access(path, mode);
}

SGH_EXPORT int faccessat(int dir, const char *path, int mode, int flags)
{
    bool ours;
    int ret = access_path(path, mode, &ours);
    return ours ? ret : sgh_real.faccessat(dir, path, mode, flags);
}

SGH_EXPORT ssize_t readlink(const char *path, char *to, size_t bytes)
{
    const struct sgh_node *node = sgh_find(path);
    if (node->kind == SGH_NONE) {
        sgh_ready();
        return sgh_real.readlink(path, to, bytes);
    }
    errno = node->kind == SGH_ABSENT ? ENOENT : EINVAL; /* none of ours is a link */
    return -1;
}

/* ---- directory streams
 * ------------------------------------------------------------------------------ */

struct stream {
    const struct sgh_node *node;
    size_t position;
    struct dirent entry;
    struct stream *next;
};

static pthread_mutex_t streams_lock = PTHREAD_MUTEX_INITIALIZER;
static struct stream *streams;
static atomic_size_t stream_count; /* 0: no stream can be ours, no lock */

static struct stream *stream_of(DIR *dir)
{
    if (!atomic_load_explicit(&stream_count, memory_order_acquire))
        return NULL;
    pthread_mutex_lock(&streams_lock);
    struct stream *s = streams;
    while (s && (void *)s != (void *)dir)
        s = s->next;
    pthread_mutex_unlock(&streams_lock);
    return s;
}

SGH_EXPORT DIR *opendir(const char *path)
{
    const struct sgh_node *node = sgh_find(path);
    if (node->kind == SGH_NONE) {
        sgh_ready();
        return sgh_real.opendir(path);
    }
    if (node->kind != SGH_DIR) {
        errno = node->kind == SGH_ABSENT ? ENOENT : ENOTDIR;
        return NULL;
    }
    struct stream *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    s->node = node;
    pthread_mutex_lock(&streams_lock);
    s->next = streams;
    streams = s;
    atomic_fetch_add(&stream_count, 1);
    pthread_mutex_unlock(&streams_lock);
    return (DIR *)s;
}

static struct dirent *next_entry(struct stream *s)
{
    struct dirent *entry = &s->entry;
    memset(entry, 0, sizeof(*entry));
    entry->d_ino = s->position + 1;
    entry->d_reclen = sizeof(*entry);
    entry->d_off = (off_t)s->position + 1;
    if (s->position < 2) {
        strcpy(entry->d_name, s->position ? ".." : ".");
        entry->d_type = DT_DIR;
    } else {
        const struct sgh_node *child = sgh_child(s->node, s->position - 2);
        if (!child)
            return NULL;
        const char *name = strrchr(child->path, '/') + 1;
        snprintf(entry->d_name, sizeof(entry->d_name), "%s", name);
        entry->d_type = child->kind == SGH_DIR ? DT_DIR : child->kind == SGH_FILE ? DT_REG : DT_CHR;
    }
    s->position++;
    return entry;
}

SGH_EXPORT struct dirent *readdir(DIR *dir)
{
    struct stream *s = stream_of(dir);
    if (s)
        return next_entry(s);
    sgh_ready();
    return sgh_real.readdir(dir);
}

_Static_assert(sizeof(struct dirent) == sizeof(struct dirent64), "x86-64: one layout");

SGH_EXPORT struct dirent64 *readdir64(DIR *dir)
{
    return (struct dirent64 *)readdir(dir);
}

SGH_EXPORT void rewinddir(DIR *dir)
{
    struct stream *s = stream_of(dir);
    if (s) {
        s->position = 0;
        return;
    }
    sgh_ready();
    sgh_real.rewinddir(dir);
}

SGH_EXPORT int dirfd(DIR *dir)
{
    if (stream_of(dir)) {
        errno = ENOTSUP; /* POSIX: the implementation associates no descriptor */
        return -1;
    }
    sgh_ready();
    return sgh_real.dirfd(dir);
}

SGH_EXPORT int closedir(DIR *dir)
{
    struct stream *s = stream_of(dir);
    if (!s) {
        sgh_ready();
        return sgh_real.closedir(dir);
    }
    pthread_mutex_lock(&streams_lock);
    struct stream **link = &streams;
    while (*link != s)
        link = &(*link)->next;
    *link = s->next;
    atomic_fetch_sub(&stream_count, 1);
    pthread_mutex_unlock(&streams_lock);
    free(s);
    return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * Interposed calls on paths and descriptors. Each first asks whether the path or the descriptor is
 * ours; if not, the real function runs with unchanged arguments.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host.h"

/* The header's prototypes differ in attributes (nonnull, transparent unions); the ABI is what
 * counts. */
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#if defined(__clang__)
#pragma clang diagnostic ignored "-Wpointer-bool-conversion"
#else
#pragma GCC diagnostic ignored "-Wnonnull-compare"
#endif

static bool has_mode(int flags)
{
    return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE;
}

static int open_path(const char *path, int flags, mode_t mode)
{
    const struct sgh_node *node = sgh_find(path);
    if (node->kind != SGH_NONE)
        return sgh_open_node(node, flags);
    sgh_ready();
    return sgh_real.open(path, flags, mode);
}

static int openat_path(int dir, const char *path, int flags, mode_t mode)
{
    const struct sgh_node *node = sgh_find(path);
    if (node->kind != SGH_NONE)
        return sgh_open_node(node, flags);
    sgh_ready();
    return sgh_real.openat(dir, path, flags, mode);
}

#define MODE_OF(flags)                                                                             \
    mode_t mode = 0;                                                                               \
    if (has_mode(flags)) {                                                                         \
        va_list args;                                                                              \
        va_start(args, flags);                                                                     \
        mode = va_arg(args, mode_t);                                                               \
        va_end(args);                                                                              \
    }

SGH_EXPORT int open(const char *path, int flags, ...)
{
    MODE_OF(flags)
    return open_path(path, flags, mode);
}

SGH_EXPORT int open64(const char *path, int flags, ...)
{
    MODE_OF(flags)
    return open_path(path, flags | O_LARGEFILE, mode);
}

SGH_EXPORT int openat(int dir, const char *path, int flags, ...)
{
    MODE_OF(flags)
    return openat_path(dir, path, flags, mode);
}

SGH_EXPORT int openat64(int dir, const char *path, int flags, ...)
{
    MODE_OF(flags)
    return openat_path(dir, path, flags | O_LARGEFILE, mode);
}

/* What _FORTIFY_SOURCE makes of open without a mode. */
SGH_EXPORT int __open_2(const char *path, int flags)
{
    return open_path(path, flags, 0);
}

SGH_EXPORT int __open64_2(const char *path, int flags)
{
    return open_path(path, flags | O_LARGEFILE, 0);
}

SGH_EXPORT int __openat_2(int dir, const char *path, int flags)
{
    return openat_path(dir, path, flags, 0);
}

SGH_EXPORT int __openat64_2(int dir, const char *path, int flags)
{
    return openat_path(dir, path, flags | O_LARGEFILE, 0);
}

static FILE *fopen_path(const char *path, const char *mode)
{
    const struct sgh_node *node = sgh_find(path);
    if (node->kind == SGH_NONE) {
        sgh_ready();
        return sgh_real.fopen(path, mode);
    }
    int flags = *mode == 'r' ? O_RDONLY : O_WRONLY;
    if (strchr(mode, '+'))
        flags = O_RDWR;
    int fd = sgh_open_node(node, flags | (strchr(mode, 'e') ? O_CLOEXEC : 0));
    return fd < 0 ? NULL : fdopen(fd, mode);
}

SGH_EXPORT FILE *fopen(const char *path, const char *mode)
{
    return fopen_path(path, mode);
}

SGH_EXPORT FILE *fopen64(const char *path, const char *mode)
{
    return fopen_path(path, mode);
}

SGH_EXPORT int close(int fd)
{
    sgh_ready();
    if (sgh_fd_internal(fd)) {
        errno = EBADF; /* the program cannot know of it */
        return -1;
    }
    sgh_fd_closed(fd); /* before: afterwards another thread may get the number */
    return sgh_real.close(fd);
}

SGH_EXPORT int close_range(unsigned int first, unsigned int last, int flags)
{
    if (!(flags & 4 /* CLOSE_RANGE_CLOEXEC */))
        sgh_fd_range_closed(first, last);
    /* Around the descriptors that are softgpu's own. */
    for (unsigned int from = first; from <= last;) {
        int keep = from <= INT32_MAX ? sgh_fd_next_internal((int)from) : -1;
        unsigned int to = keep < 0 || (unsigned int)keep > last ? last : (unsigned int)keep - 1;
        if ((unsigned int)keep != from && syscall(SYS_close_range, from, to, flags))
            return -1;
        if (to == last)
            break;
        from = (unsigned int)keep + 1;
    }
    return 0;
}

SGH_EXPORT void closefrom(int first)
{
    close_range(first < 0 ? 0 : (unsigned int)first, ~0u, 0);
}

SGH_EXPORT int dup(int fd)
{
    sgh_ready();
    int copy = sgh_real.dup(fd);
    if (copy >= 0)
        sgh_fd_copied(fd, copy);
    return copy;
}

SGH_EXPORT int dup2(int from, int to)
{
    sgh_ready();
    if (sgh_fd_internal(to)) {
        errno = EBUSY;
        return -1;
    }
    int copy = sgh_real.dup2(from, to);
    if (copy >= 0 && from != to)
        sgh_fd_copied(from, to);
    return copy;
}

SGH_EXPORT int dup3(int from, int to, int flags)
{
    sgh_ready();
    if (sgh_fd_internal(to)) {
        errno = EBUSY;
        return -1;
    }
    int copy = sgh_real.dup3(from, to, flags);
    if (copy >= 0)
        sgh_fd_copied(from, to);
    return copy;
}

static int fcntl_call(int fd, int cmd, void *arg)
{
    sgh_ready();
    int ret = sgh_real.fcntl(fd, cmd, arg);
    if (ret >= 0 && (cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC))
        sgh_fd_copied(fd, ret);
    return ret;
}

#define POINTER_ARG(last)                                                                          \
    va_list args;                                                                                  \
    va_start(args, last);                                                                          \
    void *arg = va_arg(args, void *);                                                              \
    va_end(args);

SGH_EXPORT int fcntl(int fd, int cmd, ...)
{
    POINTER_ARG(cmd)
    return fcntl_call(fd, cmd, arg);
}

SGH_EXPORT int fcntl64(int fd, int cmd, ...)
{
    POINTER_ARG(cmd)
    return fcntl_call(fd, cmd, arg);
}

SGH_EXPORT int ioctl(int fd, unsigned long request, ...)
{
    POINTER_ARG(request)
    struct sgd_file file;
    if (!sgh_fd_get(fd, &file)) {
        sgh_ready();
        return sgh_real.ioctl(fd, request, arg);
    }
    int saved = errno;
    unsigned int cmd = (unsigned int)request;
    long ret = file.kind == SGD_FILE_KFD      ? sgd_kfd_ioctl(&file, cmd, arg)
               : file.kind == SGD_FILE_DMABUF ? sgd_dmabuf_ioctl(cmd)
                                              : sgd_render_ioctl(&file, cmd, arg);
    errno = ret < 0 ? (int)-ret : saved;
    return ret < 0 ? -1 : (int)ret;
}

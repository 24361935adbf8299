/* SPDX-License-Identifier: MIT */
/* The table of sys.h with the real functions in it. Nothing else. */
#include "sys.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

static int sys_open(const char *path, int flags)
{
    return open(path, flags);
}

static int sys_ioctl(int fd, unsigned long request, void *arg)
{
    return ioctl(fd, request, arg);
}

static void *sys_mremap(void *old, size_t old_bytes, size_t new_bytes, int flags, void *wanted)
{
    return mremap(old, old_bytes, new_bytes, flags, wanted);
}

struct hs_sys_ops hs_sys = {
    .open = sys_open,
    .close = close,
    .ioctl = sys_ioctl,
    .mmap = mmap,
    .munmap = munmap,
    .mremap = sys_mremap,
    .madvise = madvise,
    .alloc = malloc,
    .alloc_aligned = aligned_alloc,
    .free = free,
};

/* SPDX-License-Identifier: MIT */
/* The table of sys.h with the real functions in it, and what is made of them. Nothing else. */
#include "sys.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
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

/* aligned_alloc() may want multiples of the alignment; this does not. */
static void *sys_alloc_aligned(size_t alignment, size_t bytes)
{
    void *memory;

    return posix_memalign(&memory, alignment, bytes) ? NULL : memory;
}

struct hs_sys_ops hs_sys = {
    .open = sys_open,
    .close = close,
    .fopen = fopen,
    .atfork = pthread_atfork,
    .ioctl = sys_ioctl,
    .mmap = mmap,
    .munmap = munmap,
    .mremap = sys_mremap,
    .madvise = madvise,
    .alloc = malloc,
    .alloc_aligned = sys_alloc_aligned,
    .free = free,
};

#define HUGE_PAGE_BYTES ((size_t)2 << 20) /* x86-64 */

void *hs_alloc_array(size_t alignment, size_t bytes)
{
    void *memory;

    if (bytes < HUGE_PAGE_BYTES)
        return alignment ? hs_sys.alloc_aligned(alignment, bytes) : hs_sys.alloc(bytes);
    memory = hs_sys.alloc_aligned(HUGE_PAGE_BYTES, bytes);
    /* Only an advice: without it the array works too. The rest of the last huge page is left out,
     * so that no memory is used that nobody asked for. */
    if (memory)
        hs_sys.madvise(memory, bytes / HUGE_PAGE_BYTES * HUGE_PAGE_BYTES, MADV_HUGEPAGE);
    return memory;
}

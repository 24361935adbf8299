/* SPDX-License-Identifier: MIT */
/*
 * System calls that softgpu makes for itself. They go to the kernel directly and never through the
 * symbols that host/ interposes: softgpu's own mappings are not the program's business, and a lock
 * may be held.
 */
#ifndef SGD_RAW_H
#define SGD_RAW_H

#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static inline void *sgd_raw_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
    return (void *)syscall(SYS_mmap, addr, len, prot, flags, fd, offset);
}

static inline int sgd_raw_munmap(void *addr, size_t len)
{
    return (int)syscall(SYS_munmap, addr, len);
}

static inline int sgd_raw_madvise(void *addr, size_t len, int advice)
{
    return (int)syscall(SYS_madvise, addr, len, advice);
}

/* A memfd with a descriptor number above what programs use, close-on-exec. Negative errno on
 * failure. */
int sgd_raw_memfd(const char *name);
/* Moves a descriptor there; the old number is closed. Returns the new one, or fd if none is free.
 */
int sgd_raw_move_fd(int fd);

#endif

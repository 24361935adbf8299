/* SPDX-License-Identifier: MIT */
/*
 * The C library and system calls that can fail, behind one table. In the library the table never
 * changes; unit tests put their own functions in, to make the k-th call fail and to imitate a
 * kernel. The path through the table is also what the exact-undo tests count.
 */
#ifndef HS_SYS_H
#define HS_SYS_H

#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct hs_sys_ops {
    int (*open)(const char *path, int flags);
    int (*close)(int fd);
    FILE *(*fopen)(const char *path, const char *mode); /* closed by fclose() */
    int (*atfork)(void (*prepare)(void), void (*parent)(void), void (*child)(void));
    int (*ioctl)(int fd, unsigned long request, void *arg);
    void *(*mmap)(void *addr, size_t bytes, int prot, int flags, int fd, off_t offset);
    int (*munmap)(void *addr, size_t bytes);
    void *(*mremap)(void *old, size_t old_bytes, size_t new_bytes, int flags, void *wanted);
    int (*madvise)(void *addr, size_t bytes, int advice);
    void *(*alloc)(size_t bytes);                           /* malloc */
    void *(*alloc_aligned)(size_t alignment, size_t bytes); /* as of posix_memalign() */
    void (*free)(void *memory);
};

extern struct hs_sys_ops hs_sys;

/*
 * Memory for an array that may be large: from 2 MiB on aligned to, and as far as it fills them,
 * made of huge pages where the system has them. That saves most page faults while it is filled, and
 * TLB misses while it is read at random. alignment: as of posix_memalign(), at most 2 MiB; 0: any.
 * hs_sys.free() frees it.
 */
void *hs_alloc_array(size_t alignment, size_t bytes);

#ifdef __cplusplus
}
#endif

#endif

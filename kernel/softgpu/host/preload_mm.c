/* SPDX-License-Identifier: MIT */
/*
 * Interposed calls that change the program's address space. They go to the kernel directly: such
 * calls come from allocators, before constructors and from signal handlers. What libc unmaps inside
 * of itself comes here by way of libc_calls.c.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host.h"

#pragma GCC diagnostic ignored "-Wmissing-prototypes"

static void *mmap_call(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
    struct sgd_file file;
    if (fd >= 0 && !(flags & MAP_ANONYMOUS) && sgh_fd_get(fd, &file)) {
        int err = 0;
        void *result = sgd_mmap(&file, addr, len, prot, flags, offset, &err);
        if (result == MAP_FAILED)
            errno = err;
        return result;
    }
    bool replaces = (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) == MAP_FIXED;
    bool noted = replaces && sgd_mm_begin(addr, len, true);
    void *result = (void *)syscall(SYS_mmap, addr, len, prot, flags, fd, offset);
    if (noted) {
        int saved = errno;
        sgd_mm_end(addr, len, result == MAP_FAILED || (prot & PROT_WRITE));
        errno = saved;
    }
    return result;
}

SGH_EXPORT void *mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
    return mmap_call(addr, len, prot, flags, fd, offset);
}

SGH_EXPORT void *mmap64(void *addr, size_t len, int prot, int flags, int fd, off64_t offset)
{
    return mmap_call(addr, len, prot, flags, fd, offset);
}

SGH_EXPORT int munmap(void *addr, size_t len)
{
    bool noted = sgd_mm_begin(addr, len, true);
    int ret = (int)syscall(SYS_munmap, addr, len);
    if (noted) {
        int saved = errno;
        sgd_mm_end(addr, len, ret != 0);
        errno = saved;
    }
    return ret;
}

SGH_EXPORT int mprotect(void *addr, size_t len, int prot)
{
    bool noted = sgd_mm_begin(addr, len, false);
    int ret = (int)syscall(SYS_mprotect, addr, len, prot);
    if (noted) {
        int saved = errno;
        sgd_mm_end(addr, len, ret != 0 || (prot & PROT_WRITE));
        errno = saved;
    }
    return ret;
}

SGH_EXPORT void *mremap(void *old, size_t old_len, size_t new_len, int flags, ...)
{
    void *target = NULL;
    if (flags & MREMAP_FIXED) {
        va_list args;
        va_start(args, flags);
        target = va_arg(args, void *);
        va_end(args);
    }
    /* What stands at the target goes away first; old_len 0 makes an alias and leaves the old place
     * alone. */
    bool replaced = target && sgd_mm_begin(target, new_len, true);
    if (replaced)
        sgd_mm_end(target, new_len, false);
    bool noted = old_len && sgd_mm_begin(old, old_len, false);
    void *result = (void *)syscall(SYS_mremap, old, old_len, new_len, flags, target);
    int saved = errno;
    if (noted)
        sgd_mm_end(old, old_len, true); /* in place: still there; moved: found missing */
    if (replaced && sgd_mm_begin(target, new_len, false))
        sgd_mm_end(target, new_len, true);
    errno = saved;
    return result;
}

SGH_EXPORT int brk(void *end)
{
    char *now = sbrk(0);
    bool noted = (char *)end < now && sgd_mm_begin(end, (size_t)(now - (char *)end), true);
    /* libc keeps the break in a variable of its own, which only its own function updates. */
    void *ret = (char *)end == now ? now : sbrk((char *)end - now);
    if (noted)
        sgd_mm_end(end, (size_t)(now - (char *)end), ret == (void *)-1);
    return ret == (void *)-1 ? -1 : 0;
}

/* Where the attached segment ends: the run of VMAs of the same file that begins at addr. */
static size_t segment_bytes(const void *addr)
{
    FILE *maps = sgh_real.fopen("/proc/self/maps", "re");
    char line[512];
    unsigned long long low, high, inode, first_inode = 0, end = (uintptr_t)addr;
    while (maps && fgets(line, sizeof(line), maps)) {
        if (sscanf(line, "%llx-%llx %*s %*s %*s %llu", &low, &high, &inode) != 3 || low != end)
            continue;
        if (end == (uintptr_t)addr)
            first_inode = inode;
        else if (inode != first_inode)
            break;
        end = high;
    }
    if (maps)
        fclose(maps);
    return (size_t)(end - (uintptr_t)addr);
}

SGH_EXPORT int shmdt(const void *addr)
{
    sgh_ready();
    size_t len = segment_bytes(addr);
    bool noted = len && sgd_mm_begin((void *)(uintptr_t)addr, len, true);
    int ret = sgh_real.shmdt(addr);
    if (noted) {
        int saved = errno;
        sgd_mm_end((void *)(uintptr_t)addr, len, ret != 0);
        errno = saved;
    }
    return ret;
}

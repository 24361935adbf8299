/* SPDX-License-Identifier: MIT */
/*
 * The program's memory as the kernel sees it: copies that fail with EFAULT instead of a signal, and
 * the check that pages can be handed to a GPU. Touches nothing of the driver's state.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

#include "process.h"
#include "raw.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14; Debian 12's headers have it, older ones do not */
#endif

/* process_vm_readv on ourselves is what copy_from_user is to the kernel. Some containers forbid it.
 */
static int copy(void *local, void *remote, size_t bytes, bool out)
{
    if (bytes == 0)
        return 0;
    struct iovec l = {local, bytes}, r = {remote, bytes};
    long done = syscall(out ? SYS_process_vm_writev : SYS_process_vm_readv, getpid(), &l, 1ul, &r,
                        1ul, 0ul);
    if (done == (long)bytes)
        return 0;
    if (done < 0 && (errno == ENOSYS || errno == EPERM)) {
        if ((uintptr_t)remote < SG_PAGE_BYTES)
            return -EFAULT;
        memcpy(out ? remote : local, out ? local : remote, bytes);
        return 0;
    }
    return -EFAULT;
}

int sgd_copy_in(void *to, const void *from_program, size_t bytes)
{
    return copy(to, (void *)(uintptr_t)from_program, bytes, false);
}

int sgd_copy_out(void *to_program, const void *from, size_t bytes)
{
    return copy((void *)(uintptr_t)from, to_program, bytes, true);
}

/*
 * Why [start, start + bytes) cannot be populated for write, from /proc/self/maps. mm/hmm.c: a page
 * outside of any VMA or without VM_READ is EFAULT (hmm_vma_test_walk), one without VM_WRITE is
 * EPERM (hmm_vma_fault). The first offending page decides.
 */
static int diagnose(uint64_t start, uint64_t bytes)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    if (!maps)
        return -EFAULT;
    char line[512];
    uint64_t at = start, end = start + bytes;
    int err = 0;
    while (at < end && !err && fgets(line, sizeof(line), maps)) {
        unsigned long long low, high;
        char perms[5];
        if (sscanf(line, "%llx-%llx %4s", &low, &high, perms) != 3 || high <= at)
            continue;
        if (low > at || perms[0] != 'r')
            err = -EFAULT;
        else if (perms[1] != 'w')
            err = -EPERM;
        else
            at = high;
    }
    fclose(maps);
    if (!err && at < end)
        err = -EFAULT;
    return err;
}

int sgd_populate(uint64_t start, uint64_t bytes)
{
    if (start + bytes < start || start + bytes > 1ull << 47)
        return -EFAULT;
    for (;;) {
        if (!sgd_raw_madvise((void *)(uintptr_t)start, bytes, MADV_POPULATE_WRITE))
            return 0;
        if (errno == EAGAIN || errno == EINTR)
            continue;
        int why = errno;
        if (why == ENOMEM || why == EINVAL || why == EFAULT) {
            int err = diagnose(start, bytes);
            /* All VMAs are readable and writable: a special mapping (VM_PFNMAP), or a page beyond
             * the end of its file, or a kernel without MADV_POPULATE_WRITE. */
            static atomic_int supported; /* 0: not known yet; 1: yes; 2: no */
            if (!err && why == EINVAL && !supported) {
                void *page = sgd_raw_mmap(NULL, SG_PAGE_BYTES, PROT_READ | PROT_WRITE,
                                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                if (page == MAP_FAILED)
                    return -ENOMEM;
                supported = sgd_raw_madvise(page, SG_PAGE_BYTES, MADV_POPULATE_WRITE) ? 2 : 1;
                sgd_raw_munmap(page, SG_PAGE_BYTES);
            }
            return err ? err : supported == 2 ? 0 : -EFAULT;
        }
        return -EFAULT; /* EHWPOISON */
    }
}

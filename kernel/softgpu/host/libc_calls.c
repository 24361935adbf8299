/* SPDX-License-Identifier: MIT */
/*
 * What libc does to the address space by itself: free() and realloc() of a large block, malloc
 * giving back heap, the stack of a thread that ended. libc reaches its own munmap, mremap and brk
 * by direct calls, which no preloaded symbol stands before; so the first instruction of these three
 * becomes a jump to ours. Where that cannot be done (code that may not be written, another libc),
 * such calls pass unseen, and docs/softgpu.md says what that means.
 *
 * Not userfaultfd, though it works without privileges: its events come after the fact, it takes no
 * mapping of a file, and every registered range splits its mapping (4096 single pages made 8191
 * more of the 65530 that a process may have). Not seccomp or syscall user dispatch: they catch
 * every system call of the thread, and a filter outlives exec.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host.h"

enum { PAGE = 4096, JUMP_BYTES = 5, PROLOGUE_BYTES = 64 };

extern void *__curbrk; /* libc's idea of the break, which sbrk() starts from */

/*
 * malloc calls it with the lock of its arena held, and a GPU's thread may be waiting for that lock:
 * to stop the GPUs here could be a deadlock. Heap with registered memory in it is not given back
 * instead, which malloc takes as a matter of course. What was freed there stays readable to the
 * GPU, as most of what is freed does.
 */
static int brk_of_libc(void *end)
{
    char *now = __curbrk, *wanted = end;
    if (now && wanted && wanted < now && sgd_mm_interests(wanted, (size_t)(now - wanted))) {
        errno = ENOMEM;
        return -1;
    }
    char *result = (char *)syscall(SYS_brk, end);
    __curbrk = result;
    if (result >= wanted)
        return 0;
    errno = ENOMEM;
    return -1;
}

/* Whether the function is a plain wrapper of the system call, and not somebody else's hook. */
static bool is_wrapper(const uint8_t *entry, uint32_t number)
{
    uint8_t call[7] = {0xb8, 0, 0, 0, 0, 0x0f, 0x05}; /* mov $number, %eax; syscall */
    memcpy(&call[1], &number, sizeof(number));
    for (size_t i = 0; i <= PROLOGUE_BYTES - sizeof(call); i++)
        if (!memcmp(entry + i, call, sizeof(call)))
            return true;
    return false;
}

static bool redirect(void *libc, const char *name, uint32_t number, uintptr_t target)
{
    static const uint8_t endbr64[4] = {0xf3, 0x0f, 0x1e, 0xfa};
    uint8_t *entry = dlsym(libc, name);
    if (!entry || !is_wrapper(entry, number))
        return false;
    if (!memcmp(entry, endbr64, sizeof(endbr64)))
        entry += sizeof(endbr64);
    intptr_t distance = (intptr_t)(target - ((uintptr_t)entry + JUMP_BYTES));
    int32_t relative = (int32_t)distance;
    uint64_t word;
    /* One store: whoever calls at this moment runs the old code or the new. */
    if (relative != distance || (uintptr_t)entry % 16 > 16 - sizeof(word))
        return false;
    memcpy(&word, entry, sizeof(word));
    uint8_t jump[JUMP_BYTES] = {0xe9};
    memcpy(&jump[1], &relative, sizeof(relative));
    memcpy(&word, jump, sizeof(jump));

    void *page = entry - (uintptr_t)entry % PAGE;
    if (syscall(SYS_mprotect, page, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC))
        return false;
    __atomic_store_n((uint64_t *)(void *)entry, word, __ATOMIC_SEQ_CST);
    syscall(SYS_mprotect, page, PAGE, PROT_READ | PROT_EXEC);
    return true;
}

void sgh_redirect_libc(void)
{
    const struct {
        const char *name;
        uint32_t number;
        uintptr_t target;
    } calls[] = {{"munmap", SYS_munmap, (uintptr_t)munmap},
                 {"mremap", SYS_mremap, (uintptr_t)mremap},
                 {"brk", SYS_brk, (uintptr_t)brk_of_libc}};
    void *libc = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
    for (size_t i = 0; libc && i < sizeof(calls) / sizeof(calls[0]); i++)
        if (!redirect(libc, calls[i].name, calls[i].number, calls[i].target))
            sg_log(SG_LOG_HOST, "%s inside of libc passes unseen", calls[i].name);
    if (libc)
        dlclose(libc);
}

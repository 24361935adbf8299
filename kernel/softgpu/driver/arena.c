/* SPDX-License-Identifier: MIT */
/*
 * Arenas. Address space is cheap and the file is sparse, so the arena is several times larger than
 * the memory it stands for: first fit never fails for fragmentation while the accounting allows the
 * size.
 */
#include "arena.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "raw.h"

struct sgd_hole {
    uint64_t offset, bytes;
    struct sgd_hole *next;
};

enum { HIGH_FD = 512 }; /* programs that close or dup2 onto small numbers must not hit ours */

int sgd_raw_memfd(const char *name)
{
    int fd = (int)syscall(SYS_memfd_create, name, MFD_CLOEXEC);
    return fd < 0 ? -errno : sgd_raw_move_fd(fd);
}

int sgd_raw_move_fd(int fd)
{
    int high = (int)syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, HIGH_FD);
    if (high < 0) /* RLIMIT_NOFILE is lower than that */
        return fd;
    syscall(SYS_close, fd);
    return high;
}

int sgd_arena_init(struct sgd_arena *arena, const char *name, uint64_t bytes)
{
    *arena = (struct sgd_arena){.fd = -1, .bytes = bytes};
    int err = 0;
    struct sgd_hole *all = malloc(sizeof(*all));
    if (!all)
        return -ENOMEM;
    *all = (struct sgd_hole){.offset = 0, .bytes = bytes};
    arena->holes = all;

    arena->fd = sgd_raw_memfd(name);
    if (arena->fd < 0) {
        err = arena->fd;
        goto fail;
    }
    if (syscall(SYS_ftruncate, arena->fd, bytes)) {
        err = -errno;
        goto fail;
    }
    void *base =
        sgd_raw_mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, arena->fd, 0);
    if (base == MAP_FAILED) {
        err = -errno;
        goto fail;
    }
    arena->base = base;
    /* A forked child has no device; a core dump of sparse VRAM helps nobody. */
    sgd_raw_madvise(base, bytes, MADV_DONTFORK);
    sgd_raw_madvise(base, bytes, MADV_DONTDUMP);
    return 0;
fail:
    sgd_arena_fini(arena);
    return err;
}

void sgd_arena_fini(struct sgd_arena *arena)
{
    if (arena->base)
        sgd_raw_munmap(arena->base, arena->bytes);
    if (arena->fd >= 0)
        syscall(SYS_close, arena->fd);
    while (arena->holes) {
        struct sgd_hole *next = arena->holes->next;
        free(arena->holes);
        arena->holes = next;
    }
    *arena = (struct sgd_arena){.fd = -1};
}

int sgd_arena_alloc(struct sgd_arena *arena, uint64_t bytes, uint64_t align, uint64_t *offset)
{
    for (struct sgd_hole **link = &arena->holes; *link; link = &(*link)->next) {
        struct sgd_hole *hole = *link;
        uint64_t start = (hole->offset + align - 1) & ~(align - 1);
        uint64_t skip = start - hole->offset;
        if (skip > hole->bytes || hole->bytes - skip < bytes)
            continue;
        uint64_t rest = hole->bytes - skip - bytes;
        if (skip && rest) { /* the hole becomes two */
            struct sgd_hole *tail = malloc(sizeof(*tail));
            if (!tail)
                return -ENOMEM;
            *tail = (struct sgd_hole){.offset = start + bytes, .bytes = rest, .next = hole->next};
            hole->bytes = skip;
            hole->next = tail;
        } else if (skip) {
            hole->bytes = skip;
        } else if (rest) {
            hole->offset += bytes;
            hole->bytes = rest;
        } else {
            *link = hole->next;
            free(hole);
        }
        *offset = start;
        return 0;
    }
    return -ENOMEM;
}

void sgd_arena_free(struct sgd_arena *arena, uint64_t offset, uint64_t bytes)
{
    /* Gives the memory back and reads as zero afterwards: amdgpu wipes VRAM on release. */
    syscall(SYS_fallocate, arena->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, bytes);

    struct sgd_hole *prev = NULL, *next = arena->holes;
    while (next && next->offset < offset) {
        prev = next;
        next = next->next;
    }
    if (prev && prev->offset + prev->bytes == offset) {
        prev->bytes += bytes;
        if (next && prev->offset + prev->bytes == next->offset) {
            prev->bytes += next->bytes;
            prev->next = next->next;
            free(next);
        }
        return;
    }
    if (next && offset + bytes == next->offset) {
        next->offset = offset;
        next->bytes += bytes;
        return;
    }
    struct sgd_hole *hole = malloc(sizeof(*hole));
    if (!hole)
        return; /* the address space is lost, the memory is not */
    *hole = (struct sgd_hole){.offset = offset, .bytes = bytes, .next = next};
    if (prev)
        prev->next = hole;
    else
        arena->holes = hole;
}

/* SPDX-License-Identifier: MIT */
/*
 * Memory that belongs to the emulated machine and not to the program: VRAM of one GPU, or kernel
 * memory (GTT). One sparse memfd, mapped once for the device; the program maps pieces of the same
 * file. No locking: the process lock covers it.
 */
#ifndef SGD_ARENA_H
#define SGD_ARENA_H

#include <stddef.h>
#include <stdint.h>

struct sgd_arena {
    int fd;         /* memfd, close-on-exec, moved out of the way of the program's descriptors */
    char *base;     /* shared mapping of the whole file */
    uint64_t bytes; /* of the file: address space, not a limit on use */
    struct sgd_hole *holes; /* free extents, ascending, never adjacent */
};

int sgd_arena_init(struct sgd_arena *arena, const char *name, uint64_t bytes);
void sgd_arena_fini(struct sgd_arena *arena);
/* Zero-filled. bytes: page multiple; align: power of two, at least a page. -ENOMEM. */
int sgd_arena_alloc(struct sgd_arena *arena, uint64_t bytes, uint64_t align, uint64_t *offset);
void sgd_arena_free(struct sgd_arena *arena, uint64_t offset, uint64_t bytes);

#endif

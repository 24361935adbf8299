/* SPDX-License-Identifier: MIT */
/*
 * A window made of kernel buffers that lie side by side, each over some of the runs: what the batch
 * and the per-range backing have in common. Knows buffers, not why there are several.
 */
#ifndef HS_BUFFERS_H
#define HS_BUFFERS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct hs_pool;

/* What exists is always a prefix: buffers [0, allocated) are there, [0, mapped) mapped. */
struct hs_buffers {
    size_t count, runs_each; /* the last one may have fewer runs */
    size_t allocated, mapped;
    uint64_t *handles; /* &one, where that is enough */
    uint64_t one;
    /* Creates buffer i, over bytes of runs [first, first + runs), at a device address. */
    int (*create)(struct hs_pool *pool, size_t first, size_t runs, uint64_t bytes, uint64_t va,
                  uint64_t *handle);
};

/* With count, runs_each and create set: creates and maps all for the pool's devices, or nothing. */
int hs_buffers_create(struct hs_pool *pool);

/* The contrary. On failure all are there again. The handles' memory stays: undoing this must not
 * need any. */
int hs_buffers_destroy(struct hs_pool *pool);

/* One device more, or less; all or nothing. */
int hs_buffers_map(struct hs_pool *pool, uint32_t gpu_id);
int hs_buffers_unmap(struct hs_pool *pool, uint32_t gpu_id);

/* The handles' memory. */
void hs_buffers_free(struct hs_pool *pool);

#ifdef __cplusplus
}
#endif

#endif

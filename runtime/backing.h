/* SPDX-License-Identifier: MIT */
/*
 * What a window can be made of. A backing creates and maps the buffers behind pool->window for all
 * of pool->devices, and takes them away. Each operation is all or nothing. Knows pools, not faces.
 */
#ifndef HS_BACKING_H
#define HS_BACKING_H

#include "pool.h"

#ifdef __cplusplus
extern "C" {
#endif

struct hs_backing {
    enum hs_backing_kind kind;
    const char *name;
    /* The list is not sealed. On failure nothing is left. */
    int (*create)(struct hs_pool *pool);
    /* On failure everything is still, or again, there. */
    int (*destroy)(struct hs_pool *pool);
    /* Maps to, or unmaps from, one more device. */
    int (*grant)(struct hs_pool *pool, uint32_t gpu_id);
    int (*revoke)(struct hs_pool *pool, uint32_t gpu_id);
};

extern const struct hs_backing hs_backing_alias;
extern const struct hs_backing hs_backing_batch;
extern const struct hs_backing hs_backing_per_range;

/* Runs in one call of the batch ioctl; more take several. Never changes but in unit tests: a
 * multiple of 256. */
extern size_t hs_batch_runs;

/* For a pool whose owner has been probed. Chooses by pool->forced, HIP_SCATTER_BACKING and the
 * kernel, creates, and says why in pool->reason. */
int hs_backing_create(struct hs_pool *pool);

/*
 * From this many runs on an alias window may cost less than one buffer per run, where both are
 * possible: so on softgpu for runs of one page (`./dev bench backing`), not by the instructions of
 * Linux 6.1 (docs/library.md says what is known).
 */
#define HS_ALIAS_BREAK_EVEN 256u

const char *hs_backing_name(enum hs_backing_kind kind);

#ifdef __cplusplus
}
#endif

#endif

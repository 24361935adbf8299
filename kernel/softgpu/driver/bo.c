/* SPDX-License-Identifier: MIT */
/*
 * Buffer objects: pieces of VRAM or GTT with a count of who refers to them (KFD buffers, GEM
 * handles, dma-bufs), and their accounting. What maps them where is memory.c's and gem.c's
 * business.
 */
#include "bo.h"

#include <errno.h>
#include <stdlib.h>

struct sgd_arena *sgd_bo_arena(struct sgd_process *p, const struct sgd_bo *bo)
{
    return bo->vram ? &p->gpus[bo->gpu].vram : &p->gtt;
}

char *sgd_bo_host(struct sgd_process *p, const struct sgd_bo *bo)
{
    return sgd_bo_arena(p, bo)->base + bo->offset;
}

/* amdgpu_amdkfd_gpuvm.c, amdgpu_amdkfd_reserve_mem_limit; page tables are estimated at 1/16384. */
uint64_t sgd_vram_limit(const struct sgd_process *p)
{
    uint64_t vram = sgd_config()->vram_bytes;
    return vram - ((sgd_system_memory_bytes(sgd_config()) + p->gpu_count * vram) >> 14);
}

/* KFD's buffers have KFD's limits, those of a render node only the size of the memory. */
static int reserve(struct sgd_process *p, const struct sgd_bo *bo)
{
    struct sgd_gpu *gpu = &p->gpus[bo->gpu];
    uint64_t bytes = bo->bytes;
    if (bytes > 1ull << 47)
        return -ENOMEM;
    if (bo->vram) {
        uint64_t limit = bo->kfd ? sgd_vram_limit(p) : sgd_config()->vram_bytes;
        if (gpu->vram_used + bytes > limit)
            return -ENOMEM;
        gpu->vram_used += bytes;
    } else if (bo->kfd) {
        if (p->system_used + bytes > p->system_limit || p->ttm_used + bytes > p->ttm_limit)
            return -ENOMEM;
        p->system_used += bytes;
        p->ttm_used += bytes;
    } else {
        if (p->gem_gtt_used + bytes > sgd_system_memory_bytes(sgd_config()) / 2)
            return -ENOMEM;
        p->gem_gtt_used += bytes;
    }
    return 0;
}

static void unreserve(struct sgd_process *p, const struct sgd_bo *bo)
{
    if (bo->vram) {
        p->gpus[bo->gpu].vram_used -= bo->bytes;
    } else if (bo->kfd) {
        p->system_used -= bo->bytes;
        p->ttm_used -= bo->bytes;
    } else {
        p->gem_gtt_used -= bo->bytes;
    }
}

int sgd_bo_create(struct sgd_process *p, uint32_t gpu, bool vram, bool kfd, uint64_t bytes,
                  uint64_t align, struct sgd_bo **out)
{
    struct sgd_bo *bo = calloc(1, sizeof(*bo));
    if (!bo)
        return -ENOMEM;
    *bo = (struct sgd_bo){.refs = 1, .gpu = gpu, .vram = vram, .kfd = kfd, .bytes = bytes};
    int err = reserve(p, bo);
    if (err)
        goto fail;
    /* Huge alignment where it can matter, as the VRAM manager does. */
    uint64_t natural = bytes >= 2u << 20 ? 2u << 20 : SG_PAGE_BYTES;
    err =
        sgd_arena_alloc(sgd_bo_arena(p, bo), bytes, align > natural ? align : natural, &bo->offset);
    if (err)
        goto fail_reserved;
    uint64_t arena = vram ? gpu : p->gpu_count;
    bo->file_node.start = (arena + 1) << SGD_FILE_OFFSET_SHIFT | bo->offset;
    bo->file_node.end = bo->file_node.start + bytes;
    bo->file_node.owner = bo;
    sgd_itree_insert(&p->file_offsets, &bo->file_node);
    *(vram ? &p->vram_bytes : &p->gtt_bytes) += bytes;
    *out = bo;
    return 0;
fail_reserved:
    unreserve(p, bo);
fail:
    free(bo);
    return err;
}

void sgd_bo_put(struct sgd_process *p, struct sgd_bo *bo)
{
    if (--bo->refs)
        return;
    sgd_itree_remove(&p->file_offsets, &bo->file_node);
    sgd_arena_free(sgd_bo_arena(p, bo), bo->offset, bo->bytes);
    *(bo->vram ? &p->vram_bytes : &p->gtt_bytes) -= bo->bytes;
    unreserve(p, bo);
    free(bo->metadata);
    free(bo);
}

uint64_t sgd_shared_mmap_offset(struct sgd_process *p, uint64_t bytes)
{
    uint64_t offset = (p->gpu_count + 2ull) << SGD_FILE_OFFSET_SHIFT | p->shared_offset;
    p->shared_offset += bytes;
    return offset;
}

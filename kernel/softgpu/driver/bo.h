/* SPDX-License-Identifier: MIT */
/* Buffer objects (bo.c), and what gem.c, cs.c and dmabuf.c share. The process lock covers it all.
 */
#ifndef SGD_BO_H
#define SGD_BO_H

#include "process.h"

enum {
    SGD_METADATA_BYTES = 256, /* struct drm_amdgpu_gem_metadata, data */
    /* Offsets for mmap of a render node: GPU index + 1, the GTT's, that of shared buffers above;
     * the place in the arena below. */
    SGD_FILE_OFFSET_SHIFT = 44,
};

struct sgd_metadata { /* what a graphics driver keeps with a buffer for those who import it */
    uint64_t flags, tiling;
    uint32_t bytes;
    uint8_t data[SGD_METADATA_BYTES];
};

struct sgd_bo {
    uint32_t refs, gpu;
    bool vram, kfd;                 /* else GTT; created by the KFD, else by a render node */
    uint64_t offset, bytes;         /* in the arena */
    struct sgd_inode file_node;     /* in process->file_offsets, by mmap offset */
    uint64_t domains, domain_flags; /* AMDGPU_GEM_DOMAIN_*, AMDGPU_GEM_CREATE_* as asked for */
    uint64_t alignment;
    struct sgd_metadata *metadata; /* NULL: none was set */
};

/* With one reference. -ENOMEM. */
int sgd_bo_create(struct sgd_process *p, uint32_t gpu, bool vram, bool kfd, uint64_t bytes,
                  uint64_t align, struct sgd_bo **out);
static inline struct sgd_bo *sgd_bo_get(struct sgd_bo *bo)
{
    bo->refs++;
    return bo;
}
void sgd_bo_put(struct sgd_process *p, struct sgd_bo *bo);
char *sgd_bo_host(struct sgd_process *p, const struct sgd_bo *bo);
struct sgd_arena *sgd_bo_arena(struct sgd_process *p, const struct sgd_bo *bo);
/* What the KFD lets processes allocate of a GPU's memory. */
uint64_t sgd_vram_limit(const struct sgd_process *p);
/* A fresh offset for mmap, for a buffer that is no buffer object. */
uint64_t sgd_shared_mmap_offset(struct sgd_process *p, uint64_t bytes);
static inline bool sgd_mmap_offset_is_shared(const struct sgd_process *p, uint64_t offset)
{
    return offset >> SGD_FILE_OFFSET_SHIFT >= p->gpu_count + 2;
}

#endif

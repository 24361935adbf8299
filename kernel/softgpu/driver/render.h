/* SPDX-License-Identifier: MIT */
/*
 * An open render node with its GEM handles, GPU address space and command submission. Made at the
 * first call that needs one, under the process lock, which covers it all but the fences in memory.
 */
#ifndef SGD_RENDER_H
#define SGD_RENDER_H

#include "bo.h"

struct sgd_ring;

enum {
    SGD_IPS = 3, /* AMDGPU_HW_IP_GFX, _COMPUTE, _DMA */
    SGD_USER_FENCES = 64,
};

struct sgd_drm {
    struct sgd_drm *next;
    uint32_t refs; /* the open file, and calls that wait without the lock */
    uint32_t file_id;
    struct sgd_gpu *gpu;
    struct sg_vm *vm;
    bool kfd_owns; /* ACQUIRE_VM took the address space: it stays until the process ends */
    struct sgd_bo **handles; /* [handle - 1] */
    uint32_t handle_capacity;
    struct sgd_itree maps; /* struct gem_map of gem.c, by GPU address */
    bool *contexts;        /* [id - 1]: in use */
    uint32_t context_capacity;
    bool *lists; /* likewise */
    uint32_t list_capacity;
    struct sgd_ring *rings[SGD_IPS];
    struct sgd_bo *user_fences[SGD_USER_FENCES]; /* mapped for the rings (cs.c) */
};

/* Made if need be. -EBADF: the descriptor belongs to another process; -ENOMEM. Caller holds the
 * lock. */
int sgd_drm_get(struct sgd_process *p, const struct sgd_file *file, struct sgd_drm **out);
/* What a reference keeps alive goes away with the last one. */
void sgd_drm_put(struct sgd_process *p, struct sgd_drm *drm);
struct sgd_bo *sgd_drm_bo(const struct sgd_drm *drm, uint32_t handle); /* NULL: no such handle */
/* A handle for the object; takes the caller's reference. 0 or -ENOMEM. */
int sgd_drm_handle(struct sgd_drm *drm, struct sgd_bo *bo, uint32_t *handle);

/* cs.c: the queues of a render node go away. */
void sgd_rings_destroy(struct sgd_process *p, struct sgd_drm *drm);

/* One ioctl each: `data` is a kernel copy of the argument. */
typedef int sgd_drm_handler(struct sgd_process *p, struct sgd_drm *drm, void *data);
sgd_drm_handler sgd_gem_create, sgd_gem_mmap, sgd_gem_close, sgd_gem_metadata, sgd_gem_op,
    sgd_gem_va, sgd_prime_export, sgd_prime_import;
sgd_drm_handler sgd_cs_context, sgd_cs_list, sgd_cs_submit;
/* Called without the lock: they wait. */
typedef int sgd_drm_waiter(struct sgd_process *p, const struct sgd_file *file, void *data);
sgd_drm_waiter sgd_cs_wait, sgd_gem_wait_idle;

/* dmabuf.c: a descriptor for the object; close-on-exec as flags say. Negative errno. */
int sgd_dmabuf_export(struct sgd_process *p, struct sgd_bo *bo, int flags);
/* The object behind a descriptor, without a reference. NULL: it is no dma-buf of this process. */
struct sgd_bo *sgd_dmabuf_bo(struct sgd_process *p, int fd);
struct sgd_bo *sgd_dmabuf_by_file(struct sgd_process *p, const struct sgd_file *file);
void sgd_dmabuf_closed(struct sgd_process *p, uint32_t id);

#endif

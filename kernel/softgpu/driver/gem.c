/* SPDX-License-Identifier: MIT */
/*
 * Buffers of a render node: GEM handles, their mappings on the GPU, PRIME. Checks, their order and
 * their errno follow Linux 6.1, amdgpu_gem.c, amdgpu_vm.c and drm_prime.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include <amdgpu_drm.h>
#include <drm.h>

#include "render.h"

/* In Linux 6.1's header, not yet in that of Debian 12's libdrm. */
#define GEM_CREATE_DISCARDABLE (1u << 12)
#define VM_PAGE_NOALLOC (1u << 9)

#define VA_RESERVED (2ull << 20) /* AMDGPU_VA_RESERVED_SIZE, at both ends of the address space */
#define HOLE_START (1ull << 47)  /* AMDGPU_GMC_HOLE_START, _END, _MASK */
#define HOLE_END 0xffff800000000000ull
#define HOLE_MASK ((1ull << SG_VA_BITS) - 1)

struct gem_map { /* [start, end) of the GPU shows the object from `offset` on */
    struct sgd_inode va;
    struct sgd_bo *bo;
    uint64_t offset;
    uint32_t pte_flags;
};

/* ---- open render nodes
 * ------------------------------------------------------------------------------ */

int sgd_drm_get(struct sgd_process *p, const struct sgd_file *file, struct sgd_drm **out)
{
    if (file->process != p->generation)
        return -EBADF;
    for (*out = p->drms; *out; *out = (*out)->next)
        if ((*out)->file_id == file->id)
            return 0;
    struct sgd_drm *drm = calloc(1, sizeof(*drm));
    if (!drm || !(drm->vm = sg_vm_create())) {
        free(drm);
        return -ENOMEM;
    }
    drm->refs = 1;
    drm->file_id = file->id;
    drm->gpu = &p->gpus[file->gpu];
    drm->next = p->drms;
    p->drms = drm;
    *out = drm;
    return 0;
}

static void map_remove(struct sgd_process *p, struct sgd_drm *drm, struct gem_map *map)
{
    sgd_itree_remove(&drm->maps, &map->va);
    sg_vm_unmap(drm->vm, map->va.start, map->va.end - map->va.start);
    sgd_bo_put(p, map->bo);
    free(map);
}

void sgd_drm_put(struct sgd_process *p, struct sgd_drm *drm)
{
    if (--drm->refs)
        return;
    sgd_rings_destroy(p, drm);
    struct sgd_inode *node;
    while ((node = sgd_itree_first(&drm->maps, 0, UINT64_MAX)))
        map_remove(p, drm, (struct gem_map *)(void *)node);
    for (uint32_t i = 0; i < drm->handle_capacity; i++)
        if (drm->handles[i])
            sgd_bo_put(p, drm->handles[i]);
    sg_vm_destroy(drm->vm);
    free(drm->handles);
    free(drm->contexts);
    free(drm->lists);
    free(drm);
}

void sgd_file_closed(const struct sgd_file *file)
{
    struct sgd_process *p = sgd_process();
    if (!p || file->process != p->generation)
        return;
    sgd_lock(p);
    if (file->kind == SGD_FILE_DMABUF)
        sgd_dmabuf_closed(p, file->id);
    struct sgd_drm **link = &p->drms;
    while (*link && (*link)->file_id != file->id)
        link = &(*link)->next;
    struct sgd_drm *drm = *link;
    if (drm && !drm->kfd_owns) { /* the KFD holds its file open */
        *link = drm->next;
        sgd_drm_put(p, drm);
    }
    sgd_unlock(p);
}

/* ---- handles
 * ---------------------------------------------------------------------------------------- */

struct sgd_bo *sgd_drm_bo(const struct sgd_drm *drm, uint32_t handle)
{
    return handle && handle <= drm->handle_capacity ? drm->handles[handle - 1] : NULL;
}

int sgd_drm_handle(struct sgd_drm *drm, struct sgd_bo *bo, uint32_t *handle)
{
    uint32_t i = 0;
    while (i < drm->handle_capacity && drm->handles[i])
        i++;
    if (i == drm->handle_capacity) {
        uint32_t capacity = i ? 2 * i : 64;
        struct sgd_bo **grown = realloc(drm->handles, capacity * sizeof(void *));
        if (!grown)
            return -ENOMEM;
        memset(grown + i, 0, (capacity - i) * sizeof(void *));
        drm->handles = grown;
        drm->handle_capacity = capacity;
    }
    drm->handles[i] = bo;
    *handle = i + 1;
    return 0;
}

int sgd_gem_create(struct sgd_process *p, struct sgd_drm *drm, void *data)
{
    union drm_amdgpu_gem_create *args = data;
    const struct drm_amdgpu_gem_create_in in = args->in;
    const uint64_t known = AMDGPU_GEM_CREATE_CPU_ACCESS_REQUIRED | AMDGPU_GEM_CREATE_NO_CPU_ACCESS |
                           AMDGPU_GEM_CREATE_CPU_GTT_USWC | AMDGPU_GEM_CREATE_VRAM_CLEARED |
                           AMDGPU_GEM_CREATE_VM_ALWAYS_VALID | AMDGPU_GEM_CREATE_EXPLICIT_SYNC |
                           AMDGPU_GEM_CREATE_ENCRYPTED | GEM_CREATE_DISCARDABLE;
    if (in.domain_flags & ~known || in.domains & ~(uint64_t)AMDGPU_GEM_DOMAIN_MASK ||
        in.domain_flags & AMDGPU_GEM_CREATE_ENCRYPTED) /* no trusted memory zone */
        return -EINVAL;
    if (in.domains & (AMDGPU_GEM_DOMAIN_GDS | AMDGPU_GEM_DOMAIN_GWS | AMDGPU_GEM_DOMAIN_OA))
        sg_unimplemented("GEM_CREATE of GDS, GWS or OA");
    if (!in.bo_size || in.bo_size > 1ull << 47)
        return in.bo_size ? -ENOMEM : -EINVAL;
    uint64_t align = in.alignment > SG_PAGE_BYTES ? in.alignment : SG_PAGE_BYTES;
    if (align & (align - 1))
        return -EINVAL;
    struct sgd_bo *bo;
    bool vram = in.domains & AMDGPU_GEM_DOMAIN_VRAM;
    uint64_t bytes = sgd_page_up(in.bo_size);
    int err = sgd_bo_create(p, drm->gpu->index, vram, false, bytes, align, &bo);
    if (err == -ENOMEM && vram) /* as Linux does */
        err = sgd_bo_create(p, drm->gpu->index, false, false, bytes, align, &bo);
    if (err)
        return err;
    bo->domains = in.domains;
    bo->domain_flags = in.domain_flags;
    bo->alignment = in.alignment;
    uint32_t handle = 0;
    err = sgd_drm_handle(drm, bo, &handle);
    if (err)
        sgd_bo_put(p, bo);
    args->out = (struct drm_amdgpu_gem_create_out){.handle = handle};
    return err;
}

static struct gem_map *next_map_of(struct sgd_drm *drm, const struct sgd_bo *bo, uint64_t from)
{
    struct sgd_inode *node = NULL;
    while ((node = sgd_itree_first(&drm->maps, from, UINT64_MAX))) {
        struct gem_map *map = (struct gem_map *)(void *)node;
        if (map->bo == bo)
            return map;
        from = node->end;
    }
    return NULL;
}

int sgd_gem_close(struct sgd_process *p, struct sgd_drm *drm, void *data)
{
    const struct drm_gem_close *args = data;
    struct sgd_bo *bo = sgd_drm_bo(drm, args->handle);
    if (!bo)
        return -EINVAL;
    drm->handles[args->handle - 1] = NULL;
    struct gem_map *map; /* amdgpu_gem_object_close: what is still mapped goes with the handle */
    while ((map = next_map_of(drm, bo, 0)))
        map_remove(p, drm, map);
    sgd_bo_put(p, bo);
    return 0;
}

int sgd_gem_mmap(struct sgd_process *p, struct sgd_drm *drm, void *data)
{
    (void)p;
    union drm_amdgpu_gem_mmap *args = data;
    const struct sgd_bo *bo = sgd_drm_bo(drm, args->in.handle);
    if (!bo)
        return -ENOENT;
    if (bo->domain_flags & AMDGPU_GEM_CREATE_NO_CPU_ACCESS)
        return -EPERM;
    args->out.addr_ptr = bo->file_node.start;
    return 0;
}

int sgd_gem_metadata(struct sgd_process *p, struct sgd_drm *drm, void *data)
{
    (void)p;
    struct drm_amdgpu_gem_metadata *args = data;
    struct sgd_bo *bo = sgd_drm_bo(drm, args->handle);
    if (!bo)
        return -ENOENT;
    _Static_assert(sizeof(args->data.data) == SGD_METADATA_BYTES, "one size");
    if (args->op == AMDGPU_GEM_METADATA_OP_GET_METADATA) {
        static const struct sgd_metadata none;
        const struct sgd_metadata *m = bo->metadata ? bo->metadata : &none;
        args->data.flags = m->flags;
        args->data.tiling_info = m->tiling;
        args->data.data_size_bytes = m->bytes;
        memcpy(args->data.data, m->data, m->bytes);
    } else if (args->op == AMDGPU_GEM_METADATA_OP_SET_METADATA) {
        if (args->data.data_size_bytes > SGD_METADATA_BYTES)
            return -EINVAL;
        if (!bo->metadata && !(bo->metadata = calloc(1, sizeof(*bo->metadata))))
            return -ENOMEM;
        bo->metadata->flags = args->data.flags;
        bo->metadata->tiling = args->data.tiling_info;
        bo->metadata->bytes = args->data.data_size_bytes;
        memcpy(bo->metadata->data, args->data.data, args->data.data_size_bytes);
    }
    return 0;
}

int sgd_gem_op(struct sgd_process *p, struct sgd_drm *drm, void *data)
{
    (void)p;
    const struct drm_amdgpu_gem_op *args = data;
    struct sgd_bo *bo = sgd_drm_bo(drm, args->handle);
    if (!bo)
        return -ENOENT;
    struct drm_amdgpu_gem_create_in info = {.bo_size = bo->bytes,
                                            .alignment = bo->alignment,
                                            .domains = bo->domains,
                                            .domain_flags = bo->domain_flags};
    switch (args->op) {
    case AMDGPU_GEM_OP_GET_GEM_CREATE_INFO:
        return sgd_copy_out((void *)(uintptr_t)args->value, &info, sizeof(info));
    case AMDGPU_GEM_OP_SET_PLACEMENT: /* a wish: nothing is moved here */
        bo->domains =
            args->value & (AMDGPU_GEM_DOMAIN_VRAM | AMDGPU_GEM_DOMAIN_GTT | AMDGPU_GEM_DOMAIN_CPU);
        return 0;
    default:
        return -EINVAL;
    }
}

/* ---- mappings on the GPU
 * ---------------------------------------------------------------------------- */

static int map_add(struct sgd_process *p, struct sgd_drm *drm, struct sgd_bo *bo, uint64_t va,
                   uint64_t bytes, uint64_t offset, uint32_t pte_flags)
{
    struct gem_map *map = calloc(1, sizeof(*map));
    if (!map)
        return -ENOMEM;
    int err = sg_vm_map(drm->vm, va, sgd_bo_host(p, bo) + offset, bytes, pte_flags);
    if (err) {
        free(map);
        return err == -EEXIST ? -EINVAL : err; /* amdgpu_vm_bo_map: over another mapping */
    }
    *map = (struct gem_map){
        .va = {.start = va, .end = va + bytes, .owner = bo},
        .bo = sgd_bo_get(bo),
        .offset = offset,
        .pte_flags = pte_flags,
    };
    sgd_itree_insert(&drm->maps, &map->va);
    return 0;
}

/* amdgpu_vm_bo_clear_mappings: what sticks out on either side stays mapped. */
static int clear(struct sgd_process *p, struct sgd_drm *drm, uint64_t start, uint64_t end)
{
    struct sgd_inode *node;
    int err = 0;
    while (!err && (node = sgd_itree_first(&drm->maps, start, end))) {
        const struct gem_map old = *(struct gem_map *)(void *)node;
        sgd_bo_get(old.bo);
        map_remove(p, drm, (struct gem_map *)(void *)node);
        if (old.va.start < start)
            err = map_add(p, drm, old.bo, old.va.start, start - old.va.start, old.offset,
                          old.pte_flags);
        if (!err && old.va.end > end)
            err = map_add(p, drm, old.bo, end, old.va.end - end, old.offset + (end - old.va.start),
                          old.pte_flags);
        sgd_bo_put(p, old.bo);
    }
    return err;
}

static uint32_t pte_flags(const struct sgd_bo *bo, uint32_t flags)
{
    return (flags & AMDGPU_VM_PAGE_READABLE ? SG_PTE_READ : 0u) |
           (flags & AMDGPU_VM_PAGE_WRITEABLE ? SG_PTE_WRITE : 0u) |
           (flags & AMDGPU_VM_PAGE_EXECUTABLE ? SG_PTE_EXEC : 0u) | (bo->vram ? 0u : SG_PTE_SYSTEM);
}

static int check_va(const struct drm_amdgpu_gem_va *args)
{
    const uint32_t valid = AMDGPU_VM_DELAY_UPDATE | AMDGPU_VM_PAGE_READABLE |
                           AMDGPU_VM_PAGE_WRITEABLE | AMDGPU_VM_PAGE_EXECUTABLE |
                           AMDGPU_VM_MTYPE_MASK | VM_PAGE_NOALLOC;
    const uint32_t sparse = AMDGPU_VM_DELAY_UPDATE | AMDGPU_VM_PAGE_PRT;
    uint64_t va = args->va_address;
    if (va < VA_RESERVED || (va >= HOLE_START && va < HOLE_END) ||
        (va & HOLE_MASK) + args->map_size > (1ull << SG_VA_BITS) - VA_RESERVED ||
        args->map_size > 1ull << SG_VA_BITS || (args->flags & ~valid && args->flags & ~sparse))
        return -EINVAL;
    if (args->flags & AMDGPU_VM_PAGE_PRT)
        sg_unimplemented("GEM_VA with partially resident textures");
    return args->operation >= AMDGPU_VA_OP_MAP && args->operation <= AMDGPU_VA_OP_REPLACE ? 0
                                                                                          : -EINVAL;
}

int sgd_gem_va(struct sgd_process *p, struct sgd_drm *drm, void *data)
{
    const struct drm_amdgpu_gem_va *args = data;
    int err = check_va(args);
    if (err)
        return err;
    struct sgd_bo *bo = sgd_drm_bo(drm, args->handle);
    if (args->operation != AMDGPU_VA_OP_CLEAR && !bo)
        return -ENOENT;
    uint64_t va = args->va_address & HOLE_MASK, bytes = args->map_size, end = va + bytes;
    if (args->operation == AMDGPU_VA_OP_UNMAP) {
        struct gem_map *map = (struct gem_map *)(void *)sgd_itree_first(&drm->maps, va, va + 1);
        if (!map || map->va.start != va || map->bo != bo)
            return -ENOENT;
        map_remove(p, drm, map);
        return 0;
    }
    if ((va | bytes | args->offset_in_bo) % SG_PAGE_BYTES || !bytes)
        return -EINVAL;
    if (args->operation == AMDGPU_VA_OP_CLEAR)
        return clear(p, drm, va, end);
    if (args->offset_in_bo + bytes < bytes || args->offset_in_bo + bytes > bo->bytes)
        return -EINVAL;
    if (args->operation == AMDGPU_VA_OP_REPLACE)
        err = clear(p, drm, va, end);
    return err ? err
               : map_add(p, drm, bo, va, bytes, args->offset_in_bo, pte_flags(bo, args->flags));
}

/* ---- PRIME
 * ------------------------------------------------------------------------------------------ */

int sgd_prime_export(struct sgd_process *p, struct sgd_drm *drm, void *data)
{
    struct drm_prime_handle *args = data;
    if (args->flags & ~(uint32_t)(DRM_CLOEXEC | DRM_RDWR))
        return -EINVAL;
    struct sgd_bo *bo = sgd_drm_bo(drm, args->handle);
    if (!bo)
        return -ENOENT;
    if (bo->domain_flags & AMDGPU_GEM_CREATE_VM_ALWAYS_VALID)
        return -EPERM;
    int fd = sgd_dmabuf_export(p, bo, (int)args->flags);
    args->fd = fd < 0 ? -1 : fd;
    return fd < 0 ? fd : 0;
}

int sgd_prime_import(struct sgd_process *p, struct sgd_drm *drm, void *data)
{
    struct drm_prime_handle *args = data;
    struct sgd_bo *bo = sgd_dmabuf_bo(p, args->fd);
    if (!bo)
        return fcntl(args->fd, F_GETFD) < 0 ? -EBADF : -EINVAL;
    if (bo->gpu != drm->gpu->index)
        sg_unimplemented("a dma-buf of GPU %u on the render node of GPU %u", bo->gpu,
                         drm->gpu->index);
    for (uint32_t i = 0; i < drm->handle_capacity; i++)
        if (drm->handles[i] == bo) { /* one handle for an object and file */
            args->handle = i + 1;
            return 0;
        }
    int err = sgd_drm_handle(drm, sgd_bo_get(bo), &args->handle);
    if (err)
        sgd_bo_put(p, bo);
    return err;
}

/* SPDX-License-Identifier: MIT */
/*
 * dma-bufs: descriptors that stand for a buffer object, and what the KFD does with them. Checks and
 * errno follow Linux 6.1 (6.5 for EXPORT_DMABUF), kfd_chardev.c and amdgpu_amdkfd.c. Only this
 * process's own are known: a descriptor that came from another process is not recognised.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include <amdgpu_drm.h>

#include "raw.h"
#include "render.h"

struct sgd_dmabuf {
    struct sgd_dmabuf *next;
    uint32_t id; /* of its file */
    struct sgd_bo *bo;
};

int sgd_dmabuf_export(struct sgd_process *p, struct sgd_bo *bo, int flags)
{
    struct sgd_dmabuf *dmabuf = calloc(1, sizeof(*dmabuf));
    if (!dmabuf)
        return -ENOMEM;
    struct sgd_file file;
    sgd_file_init(&file, SGD_FILE_DMABUF, bo->gpu);
    int fd = sgd_new_fd(&file, flags & O_CLOEXEC);
    if (fd < 0) {
        free(dmabuf);
        return fd;
    }
    syscall(SYS_ftruncate, fd, bo->bytes); /* lseek tells a dma-buf's size */
    *dmabuf = (struct sgd_dmabuf){.next = p->dmabufs, .id = file.id, .bo = sgd_bo_get(bo)};
    p->dmabufs = dmabuf;
    return fd;
}

struct sgd_bo *sgd_dmabuf_by_file(struct sgd_process *p, const struct sgd_file *file)
{
    const struct sgd_dmabuf *dmabuf = file->process == p->generation ? p->dmabufs : NULL;
    while (dmabuf && dmabuf->id != file->id)
        dmabuf = dmabuf->next;
    return dmabuf ? dmabuf->bo : NULL;
}

struct sgd_bo *sgd_dmabuf_bo(struct sgd_process *p, int fd)
{
    struct sgd_file file;
    return sgd_file_of_fd(fd, &file) && file.kind == SGD_FILE_DMABUF ? sgd_dmabuf_by_file(p, &file)
                                                                     : NULL;
}

void sgd_dmabuf_closed(struct sgd_process *p, uint32_t id)
{
    for (struct sgd_dmabuf **link = &p->dmabufs, *dmabuf; (dmabuf = *link); link = &dmabuf->next)
        if (dmabuf->id == id) {
            *link = dmabuf->next;
            sgd_bo_put(p, dmabuf->bo);
            free(dmabuf);
            return;
        }
}

/* dma_buf_get's errno for what is none. */
static int not_a_dmabuf(uint32_t fd)
{
    return syscall(SYS_fcntl, fd, F_GETFD) < 0 ? -EBADF : -EINVAL;
}

int sgd_ioc_get_dmabuf_info(struct sgd_process *p, void *data)
{
    struct kfd_ioctl_get_dmabuf_info_args *args = data;
    static const struct sgd_metadata none;
    int err = 0;
    sgd_lock(p);
    const struct sgd_bo *bo = sgd_dmabuf_bo(p, (int)args->dmabuf_fd);
    const struct sgd_metadata *m = bo && bo->metadata ? bo->metadata : &none;
    if (!bo) {
        err = not_a_dmabuf(args->dmabuf_fd);
    } else if (args->metadata_ptr && args->metadata_size < m->bytes) {
        err = -EINVAL;
    } else {
        args->size = bo->bytes;
        args->metadata_size = m->bytes;
        args->gpu_id = p->gpus[bo->gpu].gpu_id;
        args->flags = bo->vram ? KFD_IOC_ALLOC_MEM_FLAGS_VRAM : KFD_IOC_ALLOC_MEM_FLAGS_GTT;
        if (bo->domain_flags & AMDGPU_GEM_CREATE_CPU_ACCESS_REQUIRED)
            args->flags |= KFD_IOC_ALLOC_MEM_FLAGS_PUBLIC;
        if (args->metadata_ptr)
            err = sgd_copy_out((void *)(uintptr_t)args->metadata_ptr, m->data, m->bytes);
    }
    sgd_unlock(p);
    return err;
}

int sgd_ioc_import_dmabuf(struct sgd_process *p, void *data)
{
    struct kfd_ioctl_import_dmabuf_args *args = data;
    struct sgd_gpu *gpu = sgd_gpu_by_id(p, args->gpu_id);
    if (!gpu)
        return -EINVAL;
    int err;
    sgd_lock(p);
    struct sgd_bo *bo = sgd_dmabuf_bo(p, (int)args->dmabuf_fd);
    struct sgd_buffer *buffer;
    if (!bo)
        err = not_a_dmabuf(args->dmabuf_fd);
    else if (!gpu->vm)
        err = -ENODEV;
    else if (bo->gpu != gpu->index) /* amdgpu_amdkfd_gpuvm_import_dmabuf: another device's */
        err = -EINVAL;
    else if (!(err = sgd_import_bo(p, gpu, args->va_addr, bo, &buffer)))
        args->handle = buffer->handle;
    sgd_unlock(p);
    return err;
}

int sgd_ioc_export_dmabuf(struct sgd_process *p, void *data)
{
    struct { /* struct kfd_ioctl_export_dmabuf_args of Linux 6.5 */
        uint64_t handle;
        uint32_t flags, dmabuf_fd;
    } *args = data;
    sgd_lock(p);
    const struct sgd_buffer *buffer = sgd_buffer_by_handle(p, args->handle);
    int fd;
    if (!buffer)
        fd = -EINVAL;
    else if (!buffer
                  ->bo) /* amdgpu_gem_prime_export of registered memory; the others are no memory */
        fd = buffer->backing == SGD_USERPTR ? -EPERM : -EINVAL;
    else
        fd = sgd_dmabuf_export(p, buffer->bo, (int)args->flags);
    sgd_unlock(p);
    if (fd < 0)
        return fd;
    args->dmabuf_fd = (uint32_t)fd;
    return 0;
}

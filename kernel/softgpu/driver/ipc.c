/* SPDX-License-Identifier: MIT */
/*
 * Buffers shared between processes. VRAM and GTT are memory files, so an importer opens the
 * exporter's file through /proc and maps the same pages. Which place in which file a share handle
 * stands for is told by a table in the exporter's GTT file: a handle whose buffer or process is
 * gone is found out, as the kernel would.
 */
#include "ipc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "bo.h"
#include "raw.h"

enum { EXPORTS = 4096 };

/* One exported buffer, read by other processes. */
struct sgd_export {
    _Atomic uint64_t cookie; /* 0: unused. Written last, cleared first */
    uint64_t offset, bytes;  /* in the file behind `fd` */
    uint32_t fd;             /* in the exporter */
    uint32_t gpu_id, alloc_flags, user_flags;
};

/* What the four words of a share handle hold; opaque to user space. */
struct share {
    uint32_t pid;
    uint16_t table_fd;
    uint16_t slot;
    uint64_t cookie;
};
_Static_assert(sizeof(struct share) == sizeof(((struct sgd_ipc_export_args *)0)->share_handle),
               "a handle has four words");

static struct sgd_export *table_of(struct sgd_process *p)
{
    return (struct sgd_export *)(void *)(p->gtt.base + p->exports_offset);
}

int sgd_ipc_init(struct sgd_process *p)
{
    return sgd_arena_alloc(&p->gtt, sgd_page_up(EXPORTS * sizeof(struct sgd_export)), SG_PAGE_BYTES,
                           &p->exports_offset);
}

void sgd_ipc_unexport(struct sgd_process *p, struct sgd_buffer *buffer)
{
    if (buffer->export_slot)
        atomic_store(&table_of(p)[buffer->export_slot - 1].cookie, 0);
    buffer->export_slot = 0;
}

static int new_slot(struct sgd_process *p, struct sgd_buffer *buffer, uint32_t user_flags)
{
    struct sgd_export *table = table_of(p);
    uint32_t slot = 0;
    while (slot < EXPORTS && atomic_load(&table[slot].cookie))
        slot++;
    if (slot == EXPORTS)
        return -ENOMEM;
    uint64_t cookie = 0;
    if (getrandom(&cookie, sizeof(cookie), 0) != sizeof(cookie))
        return -ENOMEM;
    struct sgd_export *e = &table[slot];
    e->offset = buffer->bo->offset;
    e->bytes = buffer->bytes;
    e->fd = (uint32_t)sgd_bo_arena(p, buffer->bo)->fd;
    e->gpu_id = p->gpus[buffer->gpu].gpu_id;
    e->alloc_flags = buffer->flags & ~KFD_IOC_ALLOC_MEM_FLAGS_AQL_QUEUE_MEM;
    e->user_flags = user_flags;
    atomic_store(&e->cookie, cookie | 1);
    buffer->export_slot = slot + 1;
    return 0;
}

int sgd_ioc_ipc_export(struct sgd_process *p, void *data)
{
    struct sgd_ipc_export_args *args = data;
    int err = 0;
    sgd_lock(p);
    struct sgd_buffer *buffer = sgd_buffer_by_handle(p, args->handle);
    /* Registered memory cannot be exported (amdgpu_dma_buf.c, amdgpu_gem_prime_export). */
    if (!sgd_gpu_by_id(p, args->gpu_id) || !buffer)
        err = -EINVAL;
    else if (buffer->backing == SGD_USERPTR)
        err = -EPERM;
    else if (buffer->backing != SGD_VRAM && buffer->backing != SGD_GTT)
        err = -EINVAL;
    else if (!buffer->export_slot)
        err = new_slot(p, buffer, args->flags);
    if (!err) {
        uint32_t slot = buffer->export_slot - 1;
        struct share share = {.pid = (uint32_t)getpid(),
                              .table_fd = (uint16_t)p->gtt.fd,
                              .slot = (uint16_t)slot,
                              .cookie = atomic_load(&table_of(p)[slot].cookie)};
        memcpy(args->share_handle, &share, sizeof(share));
    }
    sgd_unlock(p);
    return err;
}

/* Opens a descriptor of another process that is one of softgpu's files. */
static int open_file(uint32_t pid, uint32_t fd, const char *kind)
{
    char path[64], link[64], want[64];
    snprintf(path, sizeof(path), "/proc/%u/fd/%u", pid, fd);
    snprintf(want, sizeof(want), "/memfd:softgpu-%s", kind);
    long n = syscall(SYS_readlink, path, link, sizeof(link) - 1);
    link[n > 0 ? n : 0] = '\0';
    if (strncmp(link, want, strlen(want)) != 0)
        return -EINVAL;
    int opened = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
    return opened < 0 ? -EINVAL : sgd_raw_move_fd(opened);
}

/* What the handle stands for, and its file opened in *fd. -EINVAL: nothing (any more). */
static int resolve(const struct sgd_process *p, const uint32_t handle[4], struct sgd_export *e,
                   int *fd)
{
    struct share share;
    memcpy(&share, handle, sizeof(share));
    if (share.slot >= EXPORTS || !share.cookie)
        return -EINVAL;
    int table_fd = open_file(share.pid, share.table_fd, "gtt");
    if (table_fd < 0)
        return table_fd;
    /* Every process has its table at the same place: it is allocated in the same order. */
    off_t place = (off_t)(p->exports_offset + share.slot * sizeof(*e));
    long n = syscall(SYS_pread64, table_fd, e, sizeof(*e), place);
    int err = n == (long)sizeof(*e) && e->cookie == share.cookie ? 0 : -EINVAL;
    if (!err) {
        *fd = open_file(share.pid, e->fd,
                        e->alloc_flags & KFD_IOC_ALLOC_MEM_FLAGS_VRAM ? "vram" : "gtt");
        err = *fd < 0 ? *fd : 0;
    }
    syscall(SYS_close, table_fd);
    return err;
}

void sgd_ipc_detach(struct sgd_buffer *buffer)
{
    sgd_raw_munmap(buffer->shared_host, buffer->bytes);
    sgd_protect_fd(buffer->shared_fd, false);
    syscall(SYS_close, buffer->shared_fd);
}

int sgd_ioc_ipc_import(struct sgd_process *p, void *data)
{
    struct sgd_ipc_import_args *args = data;
    struct sgd_gpu *gpu = sgd_gpu_by_id(p, args->gpu_id);
    if (!gpu)
        return -EINVAL;
    if (!gpu->vm)
        return -ENODEV;
    struct sgd_export e;
    int fd;
    int err = resolve(p, args->share_handle, &e, &fd);
    if (err)
        return err;
    if (e.gpu_id != args->gpu_id) {
        err = -EINVAL;
        goto fail_fd;
    }
    void *host = sgd_raw_mmap(NULL, e.bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd,
                              (off_t)e.offset);
    if (host == MAP_FAILED) {
        err = -ENOMEM;
        goto fail_fd;
    }
    sgd_raw_madvise(host, e.bytes, MADV_DONTFORK);
    sgd_raw_madvise(host, e.bytes, MADV_DONTDUMP);
    sgd_protect_fd(fd, true);
    struct sgd_buffer *buffer;
    sgd_lock(p);
    err = sgd_import_buffer(p, gpu, args->va_addr, e.bytes, e.alloc_flags, fd, e.offset, host,
                            &buffer);
    if (!err) {
        args->handle = buffer->handle;
        args->mmap_offset = sgd_buffer_mmap_offset(buffer);
        args->flags = e.user_flags;
    }
    sgd_unlock(p);
    if (!err)
        return 0;
    sgd_protect_fd(fd, false);
    sgd_raw_munmap(host, e.bytes);
fail_fd:
    syscall(SYS_close, fd);
    return err;
}

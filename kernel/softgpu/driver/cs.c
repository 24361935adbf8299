/* SPDX-License-Identifier: MIT */
/*
 * Command submission on a render node: contexts, buffer lists, indirect buffers, fences. Linux puts
 * a job on a ring of the kernel's; here the ring is an ordinary PM4 or SDMA queue in the reserved
 * upper end of the render node's own address space, one for each kind of engine. Checks and errno
 * follow Linux 6.1, amdgpu_cs.c, amdgpu_ctx.c and amdgpu_bo_list.c.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <amdgpu_drm.h>

#include "render.h"

enum {
    RING_BYTES = 64 << 10,
    RING_VA_BYTES = 128 << 10, /* ring, then a page of pointers */
    MAX_IBS = 32,
    JOBS_IN_FLIGHT = 64, /* so that they always fit: at most MAX_IBS * 6 + 64 dwords each */
    MAX_DEPENDENCIES = 32,
    FIRST_QUEUE_ID = SGD_MAX_QUEUES, /* in messages: not one of the KFD's */
};

#define KERNEL_VA ((1ull << SG_VA_BITS) - (2u << 20)) /* AMDGPU_VA_RESERVED_SIZE at the top */
#define USER_FENCE_VA (KERNEL_VA + (1u << 20))

struct pointers { /* behind the ring */
    uint64_t read, write, fence, doorbell;
};

struct sgd_ring {
    struct sg_queue *queue;
    struct sgd_bo *bo;
    uint32_t *words;
    struct pointers *shared;
    uint64_t va;
    uint64_t write;    /* dwords so far */
    uint64_t sequence; /* of the last job; the fence holds that of the last one that ended */
    bool sdma;
};

static pthread_mutex_t fence_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t fence_changed;
static pthread_once_t fence_once = PTHREAD_ONCE_INIT;
static atomic_bool fences_used;

static void init_fences(void)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&fence_changed, &attr);
    pthread_condattr_destroy(&attr);
}

void sgd_fence_interrupt(void)
{
    if (!atomic_load_explicit(&fences_used, memory_order_acquire))
        return;
    pthread_mutex_lock(&fence_lock);
    pthread_cond_broadcast(&fence_changed);
    pthread_mutex_unlock(&fence_lock);
}

void sgd_fence_after_fork(void)
{
    pthread_mutex_init(&fence_lock, NULL);
    fence_once = (pthread_once_t)PTHREAD_ONCE_INIT;
    atomic_store(&fences_used, false);
}

static bool signaled(const struct sgd_ring *ring, uint64_t sequence)
{
    return __atomic_load_n(&ring->shared->fence, __ATOMIC_ACQUIRE) >= sequence;
}

/* Until the absolute time on CLOCK_MONOTONIC, as amdgpu_gem_timeout has it; beyond int64: for ever.
 */
static bool wait_fence(const struct sgd_ring *ring, uint64_t sequence, uint64_t deadline_ns)
{
    const struct timespec until = {.tv_sec = (time_t)(deadline_ns / 1000000000),
                                   .tv_nsec = (long)(deadline_ns % 1000000000)};
    bool late = false;
    pthread_mutex_lock(&fence_lock);
    while (!signaled(ring, sequence) && !late) {
        if (deadline_ns > INT64_MAX)
            pthread_cond_wait(&fence_changed, &fence_lock);
        else
            late = pthread_cond_timedwait(&fence_changed, &fence_lock, &until) == ETIMEDOUT;
    }
    pthread_mutex_unlock(&fence_lock);
    return signaled(ring, sequence);
}

/* ---- contexts and lists: numbers that are in use
 * ---------------------------------------------------- */

static int number_alloc(bool **used, uint32_t *capacity, uint32_t *number)
{
    uint32_t i = 0;
    while (i < *capacity && (*used)[i])
        i++;
    if (i == *capacity) {
        uint32_t grown_capacity = i ? 2 * i : 16;
        bool *grown = realloc(*used, grown_capacity * sizeof(**used));
        if (!grown)
            return -ENOMEM;
        memset(grown + i, 0, (grown_capacity - i) * sizeof(*grown));
        *used = grown;
        *capacity = grown_capacity;
    }
    (*used)[i] = true;
    *number = i + 1;
    return 0;
}

static bool number_used(const bool *used, uint32_t capacity, uint32_t number)
{
    return number && number <= capacity && used[number - 1];
}

int sgd_cs_context(struct sgd_process *p, struct sgd_drm *drm, void *data)
{
    (void)p;
    union drm_amdgpu_ctx *args = data;
    const struct drm_amdgpu_ctx_in in = args->in;
    bool known = number_used(drm->contexts, drm->context_capacity, in.ctx_id);
    int err = known ? 0 : -EINVAL;
    uint32_t id = 0;
    switch (in.op) {
    case AMDGPU_CTX_OP_ALLOC_CTX:
        err = number_alloc(&drm->contexts, &drm->context_capacity, &id);
        args->out.alloc.ctx_id = id;
        return err;
    case AMDGPU_CTX_OP_FREE_CTX:
        if (known)
            drm->contexts[in.ctx_id - 1] = false;
        return err;
    case AMDGPU_CTX_OP_QUERY_STATE: /* no GPU is ever reset */
    case AMDGPU_CTX_OP_QUERY_STATE2:
        if (known)
            memset(&args->out, 0, sizeof(args->out));
        return err;
    case AMDGPU_CTX_OP_GET_STABLE_PSTATE:
    case AMDGPU_CTX_OP_SET_STABLE_PSTATE:
        sg_unimplemented("power states of a context");
    default:
        return -EINVAL;
    }
}

/* A list only says what must be resident, and everything always is: its handles are checked. */
static int check_list(const struct sgd_drm *drm, uint64_t user, uint32_t count,
                      uint32_t entry_bytes)
{
    for (uint32_t i = 0; i < count; i++) {
        struct drm_amdgpu_bo_list_entry entry = {0};
        uint32_t bytes = entry_bytes < sizeof(entry) ? entry_bytes : (uint32_t)sizeof(entry);
        if (sgd_copy_in(&entry, (void *)(uintptr_t)(user + (uint64_t)i * entry_bytes), bytes))
            return -EFAULT;
        if (!sgd_drm_bo(drm, entry.bo_handle))
            return -ENOENT;
    }
    return 0;
}

int sgd_cs_list(struct sgd_process *p, struct sgd_drm *drm, void *data)
{
    (void)p;
    union drm_amdgpu_bo_list *args = data;
    const struct drm_amdgpu_bo_list_in in = args->in;
    int err = check_list(drm, in.bo_info_ptr, in.bo_number, in.bo_info_size);
    uint32_t number = in.list_handle;
    if (err)
        return err;
    switch (in.operation) {
    case AMDGPU_BO_LIST_OP_CREATE:
        err = number_alloc(&drm->lists, &drm->list_capacity, &number);
        break;
    case AMDGPU_BO_LIST_OP_DESTROY: /* of an unknown list: nothing to do, as in Linux */
        if (number_used(drm->lists, drm->list_capacity, number))
            drm->lists[number - 1] = false;
        number = 0;
        break;
    case AMDGPU_BO_LIST_OP_UPDATE:
        if (!number_used(drm->lists, drm->list_capacity, number))
            return -ENOENT;
        break;
    default:
        return -EINVAL;
    }
    memset(args, 0, sizeof(*args));
    args->out.list_handle = number;
    return err;
}

/* ---- rings
 * ------------------------------------------------------------------------------------------ */

static void ring_free(struct sgd_process *p, struct sgd_drm *drm, struct sgd_ring *ring)
{
    if (ring->queue)
        sg_queue_destroy(ring->queue);
    if (ring->bo) {
        sg_vm_unmap(drm->vm, ring->va, ring->bo->bytes);
        sgd_bo_put(p, ring->bo);
    }
    free(ring);
}

void sgd_rings_destroy(struct sgd_process *p, struct sgd_drm *drm)
{
    for (uint32_t ip = 0; ip < SGD_IPS; ip++)
        if (drm->rings[ip])
            ring_free(p, drm, drm->rings[ip]);
    for (uint32_t i = 0; i < SGD_USER_FENCES; i++)
        if (drm->user_fences[i]) {
            sg_vm_unmap(drm->vm, USER_FENCE_VA + (uint64_t)i * SG_PAGE_BYTES, SG_PAGE_BYTES);
            sgd_bo_put(p, drm->user_fences[i]);
        }
}

static int ring_get(struct sgd_process *p, struct sgd_drm *drm, uint32_t ip, struct sgd_ring **out)
{
    if ((*out = drm->rings[ip]))
        return 0;
    struct sgd_ring *ring = calloc(1, sizeof(*ring));
    if (!ring)
        return -ENOMEM;
    pthread_once(&fence_once, init_fences);
    atomic_store_explicit(&fences_used, true, memory_order_release);
    ring->sdma = ip == AMDGPU_HW_IP_DMA;
    ring->va = KERNEL_VA + ip * RING_VA_BYTES;
    int err =
        sgd_bo_create(p, drm->gpu->index, false, false, RING_BYTES + SG_PAGE_BYTES, 0, &ring->bo);
    if (err)
        goto fail;
    char *host = sgd_bo_host(p, ring->bo);
    ring->words = (uint32_t *)(void *)host;
    ring->shared = (struct pointers *)(void *)(host + RING_BYTES);
    err = sg_vm_map(drm->vm, ring->va, host, ring->bo->bytes,
                    SG_PTE_READ | SG_PTE_WRITE | SG_PTE_SYSTEM);
    if (err) {
        sgd_bo_put(p, ring->bo);
        ring->bo = NULL;
        goto fail;
    }
    uint64_t pointers = ring->va + RING_BYTES;
    const struct sg_queue_config config = {
        .type = ring->sdma ? SG_QUEUE_SDMA : SG_QUEUE_PM4,
        .vm = drm->vm,
        .queue_id = FIRST_QUEUE_ID + drm->file_id * SGD_IPS + ip,
        .ring_va = ring->va,
        .ring_bytes = RING_BYTES,
        .read_ptr_va = pointers + offsetof(struct pointers, read),
        .write_ptr_va = pointers + offsetof(struct pointers, write),
        .doorbell = &ring->shared->doorbell,
        .priority = 7,
        .percent = 100,
    };
    err = sg_queue_create(drm->gpu->device, &config, &ring->queue);
    if (err)
        goto fail;
    *out = drm->rings[ip] = ring;
    return 0;
fail:
    ring_free(p, drm, ring);
    return err;
}

static void put(struct sgd_ring *ring, uint32_t word)
{
    ring->words[ring->write++ % (RING_BYTES / 4)] = word;
}

static void put64(struct sgd_ring *ring, uint64_t value)
{
    put(ring, (uint32_t)value);
    put(ring, (uint32_t)(value >> 32));
}

static uint32_t pm4(uint32_t op, uint32_t body_words)
{
    return 3u << 30 | (body_words - 1) << 16 | op << 8;
}

static void put_ib(struct sgd_ring *ring, uint64_t va, uint32_t bytes)
{
    put(ring, ring->sdma ? 4 /* INDIRECT */ : pm4(0x3f /* INDIRECT_BUFFER */, 3));
    put64(ring, va);
    put(ring, ring->sdma ? bytes / 4 : bytes / 4 | 1u << 23 /* valid */);
    if (ring->sdma)
        put64(ring, 0); /* context save area: none */
}

/* Until the low half of the fence has reached the value. */
static void put_wait(struct sgd_ring *ring, uint64_t fence_va, uint64_t sequence)
{
    if (ring->sdma) {
        put(ring, 8u /* POLL_REGMEM */ | 5u << 28 /* >= */ | 1u << 31 /* memory */);
        put64(ring, fence_va);
        put(ring, (uint32_t)sequence);
        put(ring, UINT32_MAX);
        put(ring, 0xfff << 16 | 10); /* tries, interval */
    } else {
        put(ring, pm4(0x3c /* WAIT_REG_MEM */, 6));
        put(ring, 5u /* >= */ | 1u << 4 /* memory */);
        put64(ring, fence_va);
        put(ring, (uint32_t)sequence);
        put(ring, UINT32_MAX);
        put(ring, 10);
    }
}

/* When all before has ended: the value to memory, then, if asked for, the interrupt. */
static void put_fence(struct sgd_ring *ring, uint64_t va, uint64_t value, bool interrupt)
{
    if (ring->sdma) {
        for (int half = 0; half < 2; half++) { /* the upper half first: 64 bits only count up */
            put(ring, 5u /* FENCE */);
            put64(ring, va + (half ? 0 : 4));
            put(ring, (uint32_t)(half ? value : value >> 32));
        }
        if (interrupt) {
            put(ring, 6u /* TRAP */);
            put(ring, 0);
        }
    } else {
        put(ring, pm4(0x49 /* RELEASE_MEM */, 7));
        put(ring, 0x14u | 5u << 8);                        /* end of pipe, cache flush */
        put(ring, 2u << 29 | (interrupt ? 2u : 0u) << 24); /* 64 bits; after the write */
        put64(ring, va);
        put64(ring, value);
        put(ring, 0);
    }
}

/* ---- jobs
 * ------------------------------------------------------------------------------------------- */

struct job {
    uint32_t ip;
    bool has_ip, has_fence;
    uint32_t ib_count, dependency_count;
    struct drm_amdgpu_cs_chunk_ib ibs[MAX_IBS];
    struct drm_amdgpu_cs_chunk_dep dependencies[MAX_DEPENDENCIES];
    uint64_t fence_va;
};

static int add_ib(struct job *job, const struct drm_amdgpu_cs_chunk_ib *ib)
{
    if (ib->ip_type > AMDGPU_HW_IP_DMA || ib->ip_instance || ib->ring >= 8)
        return -EINVAL; /* the engines that HW_IP_INFO reports */
    if (job->has_ip && job->ip != ib->ip_type)
        sg_unimplemented("one submission to several kinds of engines");
    if (ib->flags & AMDGPU_IB_FLAG_CE)
        sg_unimplemented("a submission to the constant engine");
    if (job->ib_count == MAX_IBS)
        return -EINVAL;
    job->ip = ib->ip_type;
    job->has_ip = true;
    job->ibs[job->ib_count++] = *ib;
    return 0;
}

/* Maps the page of a user fence where the rings reach it. */
static int add_user_fence(struct sgd_process *p, struct sgd_drm *drm, struct job *job,
                          const struct drm_amdgpu_cs_chunk_fence *chunk)
{
    struct sgd_bo *bo = sgd_drm_bo(drm, chunk->handle);
    if (!bo || bo->bytes != SG_PAGE_BYTES || chunk->offset > SG_PAGE_BYTES - 8)
        return -EINVAL;
    uint32_t i = 0;
    while (i < SGD_USER_FENCES && drm->user_fences[i] && drm->user_fences[i] != bo)
        i++;
    if (i == SGD_USER_FENCES)
        return -ENOMEM;
    uint64_t va = USER_FENCE_VA + (uint64_t)i * SG_PAGE_BYTES;
    if (!drm->user_fences[i]) {
        int err = sg_vm_map(drm->vm, va, sgd_bo_host(p, bo), SG_PAGE_BYTES,
                            SG_PTE_READ | SG_PTE_WRITE | SG_PTE_SYSTEM);
        if (err)
            return err;
        drm->user_fences[i] = sgd_bo_get(bo);
    }
    job->has_fence = true;
    job->fence_va = va + chunk->offset;
    return 0;
}

static int add_dependencies(struct sgd_drm *drm, struct job *job,
                            const struct drm_amdgpu_cs_chunk_dep *deps, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!number_used(drm->contexts, drm->context_capacity, deps[i].ctx_id) ||
            deps[i].ip_type >= SGD_IPS || job->dependency_count == MAX_DEPENDENCIES)
            return -EINVAL;
        const struct sgd_ring *ring = drm->rings[deps[i].ip_type];
        if (deps[i].handle > (ring ? ring->sequence : 0))
            return -EINVAL;
        if (deps[i].handle)
            job->dependencies[job->dependency_count++] = deps[i];
    }
    return 0;
}

static int add_chunk(struct sgd_process *p, struct sgd_drm *drm, struct job *job, uint32_t id,
                     const void *data, size_t bytes)
{
    const struct drm_amdgpu_bo_list_in *list = data;
    switch (id) {
    case AMDGPU_CHUNK_ID_IB:
        return bytes < sizeof(job->ibs[0]) ? -EINVAL : add_ib(job, data);
    case AMDGPU_CHUNK_ID_FENCE:
        return bytes < sizeof(struct drm_amdgpu_cs_chunk_fence) ? -EINVAL
                                                                : add_user_fence(p, drm, job, data);
    case AMDGPU_CHUNK_ID_BO_HANDLES:
        return bytes < sizeof(*list)
                   ? -EINVAL
                   : check_list(drm, list->bo_info_ptr, list->bo_number, list->bo_info_size);
    case AMDGPU_CHUNK_ID_DEPENDENCIES:
    case AMDGPU_CHUNK_ID_SCHEDULED_DEPENDENCIES:
        return add_dependencies(drm, job, data,
                                (uint32_t)(bytes / sizeof(struct drm_amdgpu_cs_chunk_dep)));
    case AMDGPU_CHUNK_ID_SYNCOBJ_IN:
    case AMDGPU_CHUNK_ID_SYNCOBJ_OUT:
    case AMDGPU_CHUNK_ID_SYNCOBJ_TIMELINE_WAIT:
    case AMDGPU_CHUNK_ID_SYNCOBJ_TIMELINE_SIGNAL:
        sg_unimplemented("a submission with synchronisation objects");
    default:
        return -EINVAL;
    }
}

static int read_chunks(struct sgd_process *p, struct sgd_drm *drm, struct job *job,
                       const struct drm_amdgpu_cs_in *in)
{
    int err = 0;
    for (uint32_t i = 0; i < in->num_chunks && !err; i++) {
        uint64_t user;
        struct drm_amdgpu_cs_chunk chunk;
        _Alignas(8) char data[MAX_DEPENDENCIES * sizeof(struct drm_amdgpu_cs_chunk_dep)];
        if (sgd_copy_in(&user, (void *)(uintptr_t)(in->chunks + i * sizeof(user)), sizeof(user)) ||
            sgd_copy_in(&chunk, (void *)(uintptr_t)user, sizeof(chunk)))
            return -EFAULT;
        size_t bytes = (size_t)chunk.length_dw * 4;
        if (bytes > sizeof(data))
            return -EINVAL;
        if (sgd_copy_in(data, (void *)(uintptr_t)chunk.chunk_data, bytes))
            return -EFAULT;
        err = add_chunk(p, drm, job, chunk.chunk_id, data, bytes);
    }
    return err;
}

static void ring_submit(struct sgd_drm *drm, struct sgd_ring *ring, const struct job *job)
{
    ring->sequence++;
    for (uint32_t i = 0; i < job->dependency_count; i++) {
        const struct drm_amdgpu_cs_chunk_dep *dep = &job->dependencies[i];
        put_wait(ring, drm->rings[dep->ip_type]->va + RING_BYTES + offsetof(struct pointers, fence),
                 dep->handle);
    }
    for (uint32_t i = 0; i < job->ib_count; i++)
        put_ib(ring, job->ibs[i].va_start, job->ibs[i].ib_bytes);
    if (job->has_fence)
        put_fence(ring, job->fence_va, ring->sequence, false);
    put_fence(ring, ring->va + RING_BYTES + offsetof(struct pointers, fence), ring->sequence, true);
    /* A PM4 doorbell counts dwords, an SDMA one bytes. */
    __atomic_store_n(&ring->shared->doorbell, ring->sdma ? ring->write * 4 : ring->write,
                     __ATOMIC_RELEASE);
}

int sgd_cs_submit(struct sgd_process *p, struct sgd_drm *drm, void *data)
{
    union drm_amdgpu_cs *args = data;
    const struct drm_amdgpu_cs_in in = args->in;
    if (!in.num_chunks || !number_used(drm->contexts, drm->context_capacity, in.ctx_id))
        return -EINVAL;
    struct job job = {.ip = 0};
    struct sgd_ring *ring;
    int err = read_chunks(p, drm, &job, &in);
    if (!err && !job.has_ip)
        err = -EINVAL;
    if (!err && in.bo_list_handle &&
        !number_used(drm->lists, drm->list_capacity, in.bo_list_handle))
        err = -ENOENT;
    if (!err)
        err = ring_get(p, drm, job.ip, &ring);
    if (err)
        return err;
    drm->refs++;
    while (ring->sequence >= JOBS_IN_FLIGHT &&
           !signaled(ring, ring->sequence + 1 - JOBS_IN_FLIGHT)) {
        uint64_t oldest = ring->sequence + 1 - JOBS_IN_FLIGHT;
        sgd_unlock(p);
        wait_fence(ring, oldest, UINT64_MAX);
        sgd_lock(p);
    }
    ring_submit(drm, ring, &job);
    args->out.handle = ring->sequence;
    sgd_drm_put(p, drm);
    return 0;
}

int sgd_cs_wait(struct sgd_process *p, const struct sgd_file *file, void *data)
{
    union drm_amdgpu_wait_cs *args = data;
    const struct drm_amdgpu_wait_cs_in in = args->in;
    struct sgd_drm *drm;
    sgd_lock(p);
    int err = sgd_drm_get(p, file, &drm);
    if (!err &&
        (!number_used(drm->contexts, drm->context_capacity, in.ctx_id) || in.ip_type >= SGD_IPS))
        err = -EINVAL;
    const struct sgd_ring *ring = err ? NULL : drm->rings[in.ip_type];
    uint64_t last = ring ? ring->sequence : 0;
    uint64_t sequence = in.handle == UINT64_MAX ? last : in.handle;
    if (!err && sequence > last)
        err = -EINVAL;
    if (!err)
        drm->refs++;
    sgd_unlock(p);
    if (err)
        return err;
    bool done = !sequence || wait_fence(ring, sequence, in.timeout);
    sgd_lock(p);
    sgd_drm_put(p, drm);
    sgd_unlock(p);
    memset(args, 0, sizeof(*args));
    args->out.status = !done;
    return 0;
}

int sgd_gem_wait_idle(struct sgd_process *p, const struct sgd_file *file, void *data)
{
    union drm_amdgpu_gem_wait_idle *args = data;
    const struct drm_amdgpu_gem_wait_idle_in in = args->in;
    struct sgd_drm *drm;
    struct {
        const struct sgd_ring *ring;
        uint64_t sequence;
    } fences[SGD_IPS] = {{NULL, 0}};
    uint32_t domain = 0;
    sgd_lock(p);
    int err = sgd_drm_get(p, file, &drm);
    const struct sgd_bo *bo = err ? NULL : sgd_drm_bo(drm, in.handle);
    if (!err && !bo)
        err = -ENOENT;
    /* Which jobs use which buffer is not kept: all that were submitted must have ended. */
    for (uint32_t ip = 0; ip < SGD_IPS && !err; ip++)
        if ((fences[ip].ring = drm->rings[ip]))
            fences[ip].sequence = drm->rings[ip]->sequence;
    if (bo) {
        domain = bo->vram ? AMDGPU_GEM_DOMAIN_VRAM : AMDGPU_GEM_DOMAIN_GTT;
        drm->refs++;
    }
    sgd_unlock(p);
    if (err)
        return err;
    bool idle = true;
    for (uint32_t ip = 0; ip < SGD_IPS; ip++)
        if (fences[ip].ring)
            idle = wait_fence(fences[ip].ring, fences[ip].sequence, in.timeout) && idle;
    sgd_lock(p);
    sgd_drm_put(p, drm);
    sgd_unlock(p);
    args->out = (struct drm_amdgpu_gem_wait_idle_out){.status = !idle, .domain = domain};
    return 0;
}

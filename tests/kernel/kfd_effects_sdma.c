// SPDX-License-Identifier: MIT
/*
 * kfd_effects.h by an SDMA queue: softgpu, or hardware of the GFX9 family. A read is a linear copy
 * and a fence (packet formats: "SDMA packet definitions" of the register reference); a fault is
 * KFD's memory event.
 */
#include "kfd_effects.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#define RING_BYTES 4096u
#define DOORBELLS 8192u /* bytes that KFD maps for a process */
#define PATIENCE 2000u  /* milliseconds until a queue counts as stopped */

/* Page 0: the ring. Page 1: pointers, the fence, and where words are copied to. */
struct pointers {
    uint64_t read, write;
    uint64_t word;
    _Atomic uint32_t fence;
};

static char *ring;
static struct pointers *pointers;
static volatile uint64_t *doorbell;
static uint32_t event, turn;
static int kfd;

static int share(const struct kfd_gpu *gpu, void *page)
{
    uint64_t handle;
    int r = kfd_alloc_userptr(kfd, gpu->gpu_id, (uintptr_t)page, page, KFD_PAGE, &handle);

    return r ? r : kfd_map(kfd, handle, &gpu->gpu_id, 1);
}

int engine_open(int fd, int drm, const struct kfd_gpu *gpu)
{
    struct kfd_ioctl_create_event_args memory_event = {.event_type = KFD_IOC_EVENT_MEMORY};
    struct kfd_ioctl_create_queue_args queue = {
        .ring_size = RING_BYTES,
        .gpu_id = gpu->gpu_id,
        .queue_type = KFD_IOC_QUEUE_TYPE_SDMA,
        .queue_percentage = KFD_MAX_QUEUE_PERCENTAGE,
        .queue_priority = 7,
    };
    char *bells;
    int r;

    (void)drm;
    kfd = fd;
    ring = mmap(NULL, RING_BYTES + KFD_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                -1, 0);
    if (ring == MAP_FAILED)
        return -errno;
    memset(ring, 0, RING_BYTES + KFD_PAGE);
    pointers = (struct pointers *)(void *)(ring + RING_BYTES);
    r = share(gpu, ring);
    r = r ? r : share(gpu, pointers);
    r = r ? r : kfd_call(fd, AMDKFD_IOC_CREATE_EVENT, &memory_event);
    if (r)
        return r;
    event = memory_event.event_id;
    queue.ring_base_address = (uintptr_t)ring;
    queue.write_pointer_address = (uintptr_t)&pointers->write;
    queue.read_pointer_address = (uintptr_t)&pointers->read;
    r = kfd_call(fd, AMDKFD_IOC_CREATE_QUEUE, &queue);
    if (r)
        return r;
    /* The low bits of the offset say which doorbell of the process' page it is (SOC15). */
    bells = mmap(NULL, DOORBELLS, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
                 (off_t)(queue.doorbell_offset & ~(uint64_t)(DOORBELLS - 1)));
    if (bells == MAP_FAILED)
        return -errno;
    doorbell = (volatile uint64_t *)(void *)(bells + queue.doorbell_offset % DOORBELLS);
    return 0;
}

static bool faulted(uint32_t wait_ms)
{
    struct kfd_event_data data = {.event_id = event};
    struct kfd_ioctl_wait_events_args args = {
        .events_ptr = (uintptr_t)&data, .num_events = 1, .timeout = wait_ms};

    return kfd_call(kfd, AMDKFD_IOC_WAIT_EVENTS, &args) == 0 &&
           args.wait_result == KFD_IOC_WAIT_RESULT_COMPLETE;
}

enum engine_answer engine_read(uint64_t va, uint64_t *word)
{
    const uint64_t to = (uintptr_t)&pointers->word, fence = (uintptr_t)&pointers->fence;
    const uint32_t packets[] = {
        1, /* COPY, linear */
        sizeof(*word) - 1,
        0,
        (uint32_t)va,
        (uint32_t)(va >> 32),
        (uint32_t)to,
        (uint32_t)(to >> 32),
        5, /* FENCE */
        (uint32_t)fence,
        (uint32_t)(fence >> 32),
        ++turn,
    };
    uint64_t at = pointers->write;

    if (at % RING_BYTES + sizeof(packets) > RING_BYTES)
        return ENGINE_BROKEN; /* no case reads that often */
    memcpy(ring + at % RING_BYTES, packets, sizeof(packets));
    atomic_thread_fence(memory_order_seq_cst);
    pointers->write = at + sizeof(packets);
    *doorbell = at + sizeof(packets);
    for (uint32_t ms = 0; ms < PATIENCE; ms++) {
        if (atomic_load(&pointers->fence) == turn) {
            *word = pointers->word;
            return ENGINE_READ;
        }
        if (faulted(1))
            return ENGINE_FAULT;
    }
    return ENGINE_STOPPED;
}

/* SPDX-License-Identifier: MIT */
/*
 * A device as a whole: creation, pause, fork, statistics, clock. Joins the executor and the packet
 * processors, which do not know each other.
 */
#include "device_impl.h"
#include "vm_impl.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct sg_device_lock {
    pthread_mutex_t mutex; /* serialises pause, resume and the attachment of the queues */
    unsigned pauses;
    const struct sg_queue_side *side;
    void *side_state;
};

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

struct sg_device *sg_device_create(const struct sg_device_config *config)
{
    struct sg_device *dev = calloc(1, sizeof(*dev));
    struct sg_device_lock *lock = calloc(1, sizeof(*lock));
    if (!dev || !lock)
        goto fail;
    dev->config = *config;
    if (!dev->config.threads) {
        long cpus = sysconf(_SC_NPROCESSORS_ONLN);
        dev->config.threads = cpus > 0 ? (uint32_t)cpus : 1;
    }
    pthread_mutex_init(&lock->mutex, NULL);
    dev->lock = lock;
    dev->exec = sg_exec_create(dev);
    if (!dev->exec)
        goto fail;
    return dev;

fail:
    free(lock);
    free(dev);
    errno = ENOMEM;
    return NULL;
}

void sg_device_destroy(struct sg_device *dev)
{
    if (!dev)
        return;
    if (dev->lock->side)
        dev->lock->side->destroy(dev->lock->side_state);
    sg_exec_destroy(dev->exec);
    pthread_mutex_destroy(&dev->lock->mutex);
    free(dev->lock);
    free(dev);
}

void sg_device_attach_queues(struct sg_device *dev, const struct sg_queue_side *side, void *state)
{
    pthread_mutex_lock(&dev->lock->mutex);
    dev->lock->side = side;
    dev->lock->side_state = state;
    if (dev->lock->pauses)
        side->pause(state);
    pthread_mutex_unlock(&dev->lock->mutex);
}

void sg_device_pause(struct sg_device *dev)
{
    struct sg_device_lock *lock = dev->lock;
    pthread_mutex_lock(&lock->mutex);
    if (lock->pauses++ == 0) {
        if (lock->side)
            lock->side->pause(lock->side_state);
        sg_exec_pause(dev->exec);
    }
    pthread_mutex_unlock(&lock->mutex);
}

void sg_device_resume(struct sg_device *dev)
{
    struct sg_device_lock *lock = dev->lock;
    pthread_mutex_lock(&lock->mutex);
    if (--lock->pauses == 0) {
        sg_exec_resume(dev->exec);
        if (lock->side)
            lock->side->resume(lock->side_state);
    }
    pthread_mutex_unlock(&lock->mutex);
}

void sg_device_after_fork_in_child(struct sg_device *dev)
{
    /* Locks may be held by threads that do not exist here. The device is never used again: its
     * memory stays. */
    if (dev->lock->side)
        dev->lock->side->after_fork_in_child(dev->lock->side_state);
    sg_vm_after_fork_in_child();
}

uint64_t sg_device_clock(const struct sg_device *dev)
{
    (void)dev;
    return now_ns() / 10;
}

void sg_device_stats(const struct sg_device *dev, struct sg_device_stats *out)
{
    const struct sg_device_counters *counters = &dev->counters;
    *out = (struct sg_device_stats){
        .packets = atomic_load(&counters->packets),
        .dispatches = atomic_load(&counters->dispatches),
        .window_bytes_read = atomic_load(&counters->window_bytes_read),
        .window_bytes_written = atomic_load(&counters->window_bytes_written),
        .sdma_bytes = atomic_load(&counters->sdma_bytes),
        .memory_faults = atomic_load(&counters->memory_faults),
    };
    sg_exec_stats(dev->exec, out);
}

/* SPDX-License-Identifier: MIT */
/*
 * The fake device: see cp_fake.h. Stands in for device.c and exec.c, which must not be linked.
 */
#include "cp_fake.h"

#include "device_impl.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { FAKE_MAX = 4096 };

static struct {
    pthread_mutex_t lock;
    struct sg_dispatch *dispatch[FAKE_MAX]; /* NULL: ended */
    struct fake_dispatch record[FAKE_MAX];
    size_t count;
    uint32_t events[FAKE_MAX];
    size_t event_count, fault_count, cancel_count;
    struct sg_memory_fault fault;
    bool automatic;
    const struct sg_queue_side *side;
    void *side_state;
    pthread_t thread;
    bool thread_runs, stop;
} fake = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void on_event(void *driver, uint32_t event_id)
{
    (void)driver;
    pthread_mutex_lock(&fake.lock);
    fake.events[fake.event_count++ % FAKE_MAX] = event_id;
    pthread_mutex_unlock(&fake.lock);
}

static void on_fault(void *driver, const struct sg_memory_fault *fault)
{
    (void)driver;
    pthread_mutex_lock(&fake.lock);
    fake.fault = *fault;
    fake.fault_count++;
    pthread_mutex_unlock(&fake.lock);
}

static const struct sg_device_ops fake_ops = {.event = on_event, .memory_fault = on_fault};

static struct sg_dispatch *take(size_t index)
{
    pthread_mutex_lock(&fake.lock);
    struct sg_dispatch *d = index < fake.count ? fake.dispatch[index] : NULL;
    if (d)
        fake.dispatch[index] = NULL;
    pthread_mutex_unlock(&fake.lock);
    return d;
}

static void *auto_main(void *unused)
{
    (void)unused;
    size_t next = 0;
    for (;;) {
        pthread_mutex_lock(&fake.lock);
        bool stop = fake.stop, work = fake.automatic && next < fake.count;
        pthread_mutex_unlock(&fake.lock);
        if (stop)
            return NULL;
        if (!work) {
            usleep(50);
            continue;
        }
        struct sg_dispatch *d = take(next++);
        if (d)
            d->done(d, SG_DISPATCH_DONE, NULL);
    }
}

struct sg_device *fake_device_create(const char *arch)
{
    struct sg_device *dev = calloc(1, sizeof(*dev));
    if (!dev)
        abort();
    dev->config.arch = sg_arch_find(arch);
    dev->config.ops = &fake_ops;
    dev->config.compute_units = 8;
    fake.count = fake.event_count = fake.fault_count = fake.cancel_count = 0;
    fake.stop = fake.automatic = false;
    fake.thread_runs = pthread_create(&fake.thread, NULL, auto_main, NULL) == 0;
    return dev;
}

void fake_device_destroy(struct sg_device *dev)
{
    pthread_mutex_lock(&fake.lock);
    fake.stop = true;
    pthread_mutex_unlock(&fake.lock);
    if (fake.thread_runs)
        pthread_join(fake.thread, NULL);
    if (fake.side)
        fake.side->destroy(fake.side_state);
    fake.side = NULL;
    free(dev);
}

void sg_device_attach_queues(struct sg_device *dev, const struct sg_queue_side *side, void *state)
{
    (void)dev;
    fake.side = side;
    fake.side_state = state;
}

void fake_device_pause(struct sg_device *dev)
{
    (void)dev;
    fake.side->pause(fake.side_state);
}

void fake_device_resume(struct sg_device *dev)
{
    (void)dev;
    fake.side->resume(fake.side_state);
}

/* Only one at a time, as the tests have it. */
void sg_device_pause(struct sg_device *dev)
{
    fake_device_pause(dev);
}

void sg_device_resume(struct sg_device *dev)
{
    fake_device_resume(dev);
}

/* Nothing runs by itself here. */
void sg_exec_suspend(struct sg_exec *exec, uint32_t queue_id, bool suspended)
{
    (void)exec;
    (void)queue_id;
    (void)suspended;
}

uint64_t sg_device_clock(const struct sg_device *dev)
{
    (void)dev;
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 100000000u + (uint64_t)ts.tv_nsec / 10;
}

int sg_exec_submit(struct sg_exec *exec, struct sg_dispatch *d)
{
    (void)exec;
    struct fake_dispatch r = {
        .queue_id = d->queue_id,
        .priority = d->priority,
        .packet_va = d->packet_va,
        .queue_va = d->queue_va,
        .dispatch_id = d->dispatch_id,
        .kernarg_va = d->kernarg_va,
        .code_va = d->code_va,
        .group_segment_bytes = d->group_segment_bytes,
        .private_segment_bytes = d->private_segment_bytes,
        .rsrc1 = d->rsrc1,
        .rsrc2 = d->rsrc2,
        .rsrc3 = d->rsrc3,
        .properties = d->kernel_code_properties,
        .scratch_va = d->scratch_va,
        .scratch_bytes_per_wave = d->scratch_bytes_per_wave,
        .scratch_waves = d->scratch_waves,
        .cu_mask = d->cu_mask[0],
        .user_sgpr_words = d->user_sgpr_words,
    };
    for (int i = 0; i < 3; i++) {
        r.grid[i] = d->grid[i];
        r.group[i] = d->group[i];
    }
    memcpy(r.scratch_srd, d->scratch_srd, sizeof(r.scratch_srd));
    if (d->user_sgprs)
        memcpy(r.user_sgprs, d->user_sgprs, sizeof(r.user_sgprs));
    pthread_mutex_lock(&fake.lock);
    if (fake.count == FAKE_MAX)
        abort();
    fake.record[fake.count] = r;
    fake.dispatch[fake.count++] = d;
    pthread_mutex_unlock(&fake.lock);
    return 0;
}

bool sg_exec_assist(struct sg_exec *exec)
{
    (void)exec;
    return false;
}

void sg_exec_cancel(struct sg_exec *exec, uint32_t queue_id)
{
    (void)exec;
    for (size_t i = 0; i < fake_exec_count(); i++) {
        if (fake_exec_dispatch(i).queue_id != queue_id)
            continue;
        struct sg_dispatch *d = take(i);
        if (d)
            d->done(d, SG_DISPATCH_CANCELLED, NULL);
    }
    pthread_mutex_lock(&fake.lock);
    fake.cancel_count++;
    pthread_mutex_unlock(&fake.lock);
}

size_t fake_cancel_count(void)
{
    pthread_mutex_lock(&fake.lock);
    size_t count = fake.cancel_count;
    pthread_mutex_unlock(&fake.lock);
    return count;
}

void fake_exec_auto(bool on)
{
    pthread_mutex_lock(&fake.lock);
    fake.automatic = on;
    pthread_mutex_unlock(&fake.lock);
}

size_t fake_exec_count(void)
{
    pthread_mutex_lock(&fake.lock);
    size_t count = fake.count;
    pthread_mutex_unlock(&fake.lock);
    return count;
}

struct fake_dispatch fake_exec_dispatch(size_t index)
{
    pthread_mutex_lock(&fake.lock);
    struct fake_dispatch copy = fake.record[index];
    pthread_mutex_unlock(&fake.lock);
    return copy;
}

void fake_exec_finish(size_t index, int result, uint64_t fault_va)
{
    struct sg_dispatch *d = take(index);
    struct sg_memory_fault fault = {.va = fault_va, .reason = SG_FAULT_NOT_PRESENT};
    if (d)
        d->done(d, (enum sg_dispatch_result)result, result == SG_DISPATCH_FAULT ? &fault : NULL);
}

size_t fake_event_count(void)
{
    pthread_mutex_lock(&fake.lock);
    size_t count = fake.event_count;
    pthread_mutex_unlock(&fake.lock);
    return count;
}

uint32_t fake_event(size_t index)
{
    pthread_mutex_lock(&fake.lock);
    uint32_t event = fake.events[index % FAKE_MAX];
    pthread_mutex_unlock(&fake.lock);
    return event;
}

size_t fake_fault_count(void)
{
    pthread_mutex_lock(&fake.lock);
    size_t count = fake.fault_count;
    pthread_mutex_unlock(&fake.lock);
    return count;
}

uint64_t fake_fault_va(void)
{
    return fake.fault.va;
}

bool fake_fault_write(void)
{
    return fake.fault.write;
}

uint64_t fake_counter_sdma_bytes(const struct sg_device *dev)
{
    return dev->counters.sdma_bytes;
}

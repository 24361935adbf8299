/* SPDX-License-Identifier: MIT */
/*
 * KFD events: creation, signals from the device, waits. Follows kfd_events.c of Linux 6.1. One lock
 * for all (event_lock); a wait has a condition variable of its own, so that a signal wakes only who
 * waits for it.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "process.h"

#define UNSIGNALED UINT64_MAX /* content of a slot of the signal page */
#define FIRST_OTHER_ID                                                                             \
    ((uint32_t)(INT_MAX >> 1) + 1) /* kfd_events.h, KFD_FIRST_NONSIGNAL_EVENT_ID */

struct sgd_wait {
    pthread_cond_t changed;
};

struct sgd_waiter { /* one event of one wait */
    struct sgd_wait *wait;
    struct sgd_event *event; /* NULL: it was destroyed meanwhile */
    bool activated, wants_age;
    struct sgd_waiter *next, **link;
};

void sgd_events_init(struct sgd_process *p)
{
    pthread_mutex_init(&p->event_lock, NULL);
    p->signal_count = 1; /* id 0 is reserved: interrupts without a context id carry it */
}

static struct sgd_event *lookup(struct sgd_process *p, uint32_t id)
{
    if (id < SGD_SIGNAL_EVENTS)
        return p->signal_events[id];
    if (id >= FIRST_OTHER_ID && id - FIRST_OTHER_ID < p->other_event_capacity)
        return p->other_events[id - FIRST_OTHER_ID];
    return NULL;
}

static bool has_slot(const struct sgd_event *event)
{
    return event->type == KFD_IOC_EVENT_SIGNAL || event->type == KFD_IOC_EVENT_DEBUG_EVENT;
}

static void slot_write(struct sgd_process *p, uint32_t id, uint64_t value)
{
    __atomic_store_n(&p->signal_page[id], value, __ATOMIC_RELEASE);
}

static uint64_t slot_read(struct sgd_process *p, uint32_t id)
{
    return __atomic_load_n(&p->signal_page[id], __ATOMIC_ACQUIRE);
}

/* ---- creation and destruction
 * ------------------------------------------------------------------------ */

/* User space of a discrete GPU brings the page, as a GTT buffer. */
static int set_event_page(struct sgd_process *p, uint64_t handle)
{
    if (p->signal_page)
        return -EINVAL;
    struct sgd_gpu *gpu = sgd_gpu_by_id(p, (uint32_t)(handle >> 32));
    if (!gpu)
        return -EINVAL;
    if (!gpu->vm)
        return -ENODEV;
    const struct sgd_buffer *buffer = sgd_buffer_by_handle(p, handle);
    if (!buffer || buffer->backing != SGD_GTT || buffer->bytes < SGD_SIGNAL_EVENTS * 8)
        return -EINVAL;
    uint64_t *page = sgd_buffer_host(p, buffer);
    memset(page, 0xff, SGD_SIGNAL_EVENTS * 8);
    pthread_mutex_lock(&p->event_lock);
    p->signal_page = page;
    p->signal_mapped_bytes = buffer->bytes;
    p->signal_handle = handle;
    pthread_mutex_unlock(&p->event_lock);
    return 0;
}

static int create_signal(struct sgd_process *p, struct sgd_event *event)
{
    if (!p->signal_page) {
        p->signal_page = (uint64_t *)(void *)(p->gtt.base + p->signal_page_offset);
        memset(p->signal_page, 0xff, SGD_SIGNAL_EVENTS * 8);
        p->signal_mapped_bytes = SGD_SIGNAL_EVENTS * 8;
    }
    uint64_t slots = p->signal_mapped_bytes / 8;
    if (p->signal_count >= slots)
        return -ENOSPC;
    uint32_t id = 1;
    while (id < SGD_SIGNAL_EVENTS && p->signal_events[id])
        id++;
    if (id >= SGD_SIGNAL_EVENTS)
        return -ENOSPC;
    event->id = id;
    p->signal_events[id] = event;
    p->signal_count++;
    slot_write(p, id, UNSIGNALED);
    return 0;
}

static int create_other(struct sgd_process *p, struct sgd_event *event)
{
    uint32_t i = 0;
    while (i < p->other_event_capacity && p->other_events[i])
        i++;
    if (i == p->other_event_capacity) {
        uint32_t capacity = i ? 2 * i : 16;
        struct sgd_event **grown = realloc(p->other_events, capacity * sizeof(void *));
        if (!grown)
            return -ENOMEM;
        memset(grown + i, 0, (capacity - i) * sizeof(void *));
        p->other_events = grown;
        p->other_event_capacity = capacity;
    }
    event->id = FIRST_OTHER_ID + i;
    p->other_events[i] = event;
    return 0;
}

int sgd_ioc_create_event(struct sgd_process *p, void *data)
{
    struct kfd_ioctl_create_event_args *args = data;
    int err = 0;
    if (args->event_page_offset) {
        sgd_lock(p);
        err = set_event_page(p, args->event_page_offset);
        sgd_unlock(p);
        if (err)
            return err;
    }
    struct sgd_event *event = calloc(1, sizeof(*event));
    if (!event)
        return -ENOMEM;
    event->type = args->event_type;
    event->auto_reset = args->auto_reset != 0;
    event->age = 1;
    args->event_page_offset = 0;
    pthread_mutex_lock(&p->event_lock);
    if (has_slot(event)) {
        err = create_signal(p, event);
        if (!err) {
            args->event_page_offset = SGD_MMAP_TYPE_EVENTS;
            args->event_slot_index = event->id;
        }
    } else {
        err = create_other(p, event);
    }
    if (!err) {
        args->event_id = args->event_trigger_data = event->id;
        p->event_count++;
    } else {
        free(event);
    }
    pthread_mutex_unlock(&p->event_lock);
    return err;
}

int sgd_ioc_destroy_event(struct sgd_process *p, void *data)
{
    const struct kfd_ioctl_destroy_event_args *args = data;
    pthread_mutex_lock(&p->event_lock);
    struct sgd_event *event = lookup(p, args->event_id);
    if (event) {
        for (struct sgd_waiter *w = event->waiters; w; w = w->next) {
            w->event = NULL; /* the wait fails */
            pthread_cond_broadcast(&w->wait->changed);
        }
        if (event->id < SGD_SIGNAL_EVENTS) {
            p->signal_events[event->id] = NULL;
            p->signal_count--;
        } else {
            p->other_events[event->id - FIRST_OTHER_ID] = NULL;
        }
        p->event_count--;
    }
    pthread_mutex_unlock(&p->event_lock);
    free(event);
    return event ? 0 : -EINVAL;
}

/* ---- signalling
 * -------------------------------------------------------------------------------------- */

static void signal_event(struct sgd_event *event)
{
    event->signaled = !event->auto_reset || !event->waiters;
    if (++event->age == 0) /* 0: the waiter knows none; 1: of a new event */
        event->age = 2;
    for (struct sgd_waiter *w = event->waiters; w; w = w->next) {
        w->activated = true;
        pthread_cond_broadcast(&w->wait->changed);
    }
}

/* SET_EVENT and RESET_EVENT: only signal events can be changed by the CPU. */
static int change_event(struct sgd_process *p, uint32_t id, bool set)
{
    int err = 0;
    pthread_mutex_lock(&p->event_lock);
    struct sgd_event *event = lookup(p, id);
    if (!event || event->type != KFD_IOC_EVENT_SIGNAL)
        err = -EINVAL;
    else if (set)
        signal_event(event);
    else
        event->signaled = false;
    pthread_mutex_unlock(&p->event_lock);
    return err;
}

int sgd_ioc_set_event(struct sgd_process *p, void *data)
{
    return change_event(p, ((const struct kfd_ioctl_set_event_args *)data)->event_id, true);
}

int sgd_ioc_reset_event(struct sgd_process *p, void *data)
{
    return change_event(p, ((const struct kfd_ioctl_reset_event_args *)data)->event_id, false);
}

static void signal_from_device(struct sgd_process *p, struct sgd_event *event)
{
    if (event && has_slot(event)) {
        slot_write(p, event->id, UNSIGNALED);
        signal_event(event);
    }
}

void sgd_event_interrupt(struct sgd_process *p, uint32_t event_id)
{
    pthread_mutex_lock(&p->event_lock);
    if (p->signal_page) {
        struct sgd_event *event = NULL;
        if (event_id && event_id < SGD_SIGNAL_EVENTS && slot_read(p, event_id) != UNSIGNALED)
            event = p->signal_events[event_id];
        if (event) {
            signal_from_device(p, event);
        } else { /* no or a stale id: every event whose slot was written */
            for (uint32_t id = 1; id < SGD_SIGNAL_EVENTS; id++)
                if (p->signal_events[id] && slot_read(p, id) != UNSIGNALED)
                    signal_from_device(p, p->signal_events[id]);
        }
    }
    pthread_mutex_unlock(&p->event_lock);
}

/* kfd_signal_vm_fault_event: all memory events of the process. */
void sgd_event_memory_fault(struct sgd_process *p, uint32_t gpu_id,
                            const struct sg_memory_fault *fault)
{
    sgd_smi_vm_fault(p, gpu_id);
    pthread_mutex_lock(&p->event_lock);
    for (uint32_t i = 0; i < p->other_event_capacity; i++) {
        struct sgd_event *event = p->other_events[i];
        if (!event || event->type != KFD_IOC_EVENT_MEMORY)
            continue;
        event->memory_exception = (struct kfd_hsa_memory_exception_data){
            .failure = {.NotPresent = (fault->reason & SG_FAULT_NOT_PRESENT) != 0,
                        .ReadOnly = (fault->reason & SG_FAULT_READ_ONLY) != 0,
                        .NoExecute = (fault->reason & SG_FAULT_NO_EXECUTE) != 0,
                        .imprecise = 0},
            .va = fault->va,
            .gpu_id = gpu_id,
        };
        signal_event(event);
    }
    pthread_mutex_unlock(&p->event_lock);
}

/* ---- waiting
 * ----------------------------------------------------------------------------------------- */

static void unlink_waiter(struct sgd_waiter *w)
{
    if (!w->event || !w->link)
        return;
    *w->link = w->next;
    if (w->next)
        w->next->link = w->link;
    w->link = NULL;
}

/*
 * From KFD 1.14 on a waiter may say up to which signal it has seen the event, and is not put to
 * sleep if there was one since (kfd_events.c of Linux 6.5, init_event_waiter). The age stands where
 * other types of events have their data.
 */
static int add_waiter(struct sgd_process *p, struct sgd_wait *wait, struct sgd_waiter *w,
                      const struct kfd_event_data *data)
{
    struct sgd_event *event = lookup(p, data->event_id);
    uint64_t last_age;
    if (!event)
        return -EINVAL;
    *w = (struct sgd_waiter){.wait = wait, .event = event, .activated = event->signaled};
    event->signaled = event->signaled && !event->auto_reset;
    memcpy(&last_age, data, sizeof(last_age));
    if (sgd_kfd_minor() >= 14 && event->type == KFD_IOC_EVENT_SIGNAL && last_age) {
        w->wants_age = true;
        w->activated = w->activated || event->age != last_age;
    }
    if (!w->activated) {
        w->next = event->waiters;
        w->link = &event->waiters;
        if (w->next)
            w->next->link = &w->next;
        event->waiters = w;
    }
    return 0;
}

static uint32_t condition(const struct sgd_waiter *waiters, uint32_t n, bool all)
{
    uint32_t activated = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (!waiters[i].event)
            return KFD_IOC_WAIT_RESULT_FAIL;
        if (waiters[i].activated) {
            if (!all)
                return KFD_IOC_WAIT_RESULT_COMPLETE;
            activated++;
        }
    }
    return activated == n ? KFD_IOC_WAIT_RESULT_COMPLETE : KFD_IOC_WAIT_RESULT_TIMEOUT;
}

static int copy_event_data(struct kfd_event_data *user, const struct sgd_waiter *waiters,
                           uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (!waiters[i].event)
            return -EINVAL;
        const struct sgd_event *event = waiters[i].event;
        const void *from = &event->memory_exception;
        size_t bytes = 0;
        if (waiters[i].activated && event->type == KFD_IOC_EVENT_MEMORY) {
            bytes = sizeof(event->memory_exception);
        } else if (waiters[i].activated && waiters[i].wants_age) {
            from = &event->age;
            bytes = sizeof(event->age);
        }
        if (sgd_copy_out(&user[i], from, bytes))
            return -EFAULT;
    }
    return 0;
}

/* Caller holds event_lock; returns with it held. */
static uint32_t wait_locked(struct sgd_process *p, struct sgd_wait *wait,
                            struct sgd_waiter *waiters, uint32_t n, bool all, uint32_t timeout_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    uint32_t result;
    bool late = timeout_ms == 0;
    while ((result = condition(waiters, n, all)) == KFD_IOC_WAIT_RESULT_TIMEOUT && !late) {
        if (timeout_ms == UINT32_MAX)
            pthread_cond_wait(&wait->changed, &p->event_lock);
        else
            late = pthread_cond_timedwait(&wait->changed, &p->event_lock, &until) == ETIMEDOUT;
    }
    return result;
}

int sgd_ioc_wait_events(struct sgd_process *p, void *data)
{
    struct kfd_ioctl_wait_events_args *args = data;
    struct kfd_event_data *user = (void *)(uintptr_t)args->events_ptr;
    uint32_t n = args->num_events, added = 0;
    struct sgd_waiter few[8], *waiters = few;
    if (n > 8 && !(waiters = calloc(n, sizeof(*waiters)))) {
        args->wait_result = KFD_IOC_WAIT_RESULT_FAIL;
        return -ENOMEM;
    }
    struct sgd_wait wait;
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&wait.changed, &attr);
    pthread_condattr_destroy(&attr);

    int err = 0;
    pthread_mutex_lock(&p->event_lock);
    while (added < n && !err) {
        struct kfd_event_data event;
        err = sgd_copy_in(&event, &user[added], sizeof(event));
        if (!err)
            err = add_waiter(p, &wait, &waiters[added], &event);
        added += !err;
    }
    if (!err) {
        args->wait_result =
            wait_locked(p, &wait, waiters, n, args->wait_for_all != 0, args->timeout);
        if (args->wait_result == KFD_IOC_WAIT_RESULT_COMPLETE)
            err = copy_event_data(user, waiters, n);
        else if (args->wait_result == KFD_IOC_WAIT_RESULT_FAIL)
            err = -EIO;
    }
    for (uint32_t i = 0; i < added; i++)
        unlink_waiter(&waiters[i]);
    pthread_mutex_unlock(&p->event_lock);
    if (err)
        args->wait_result = KFD_IOC_WAIT_RESULT_FAIL;
    pthread_cond_destroy(&wait.changed);
    if (waiters != few)
        free(waiters);
    return err;
}

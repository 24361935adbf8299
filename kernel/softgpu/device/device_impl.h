/* SPDX-License-Identifier: MIT */
/*
 * The inside of a device, for the device layer only: what device.c, exec.c and cp/ share. Neither
 * of the two halves (executor, packet processors) includes the other's header.
 */
#ifndef SG_DEVICE_IMPL_H
#define SG_DEVICE_IMPL_H

#include "gws.h"
#include "vm.h"
#include "wave.h"

#include <stdatomic.h>

/* What device.c asks of the packet processors. They attach themselves when the first queue is
 * created. */
struct sg_queue_side {
    void (*pause)(void *side); /* on return no packet makes progress; never called twice in a row */
    void (*resume)(void *side);
    void (*destroy)(void *side); /* all queues are gone */
    void (*after_fork_in_child)(
        void *side); /* no thread exists any more: wait for nothing, lock nothing */
};

struct sg_device_counters {
    _Atomic uint64_t packets, dispatches, sdma_bytes, memory_faults, window_bytes_read,
        window_bytes_written; /* of the packet processors; the executor counts its own */
};

struct sg_device {
    struct sg_device_config config; /* threads is the real number */
    struct sg_exec *exec;
    struct sg_device_counters counters;
    struct sg_gws gws;
    struct sg_cp *cp;            /* set by cp/ at the first queue, NULL before */
    struct sg_device_lock *lock; /* device.c's own: pause depth and the attached queue side */
};

/* Once, at the first queue. If the device is paused just then, `side->pause` has been called on
 * return. */
void sg_device_attach_queues(struct sg_device *dev, const struct sg_queue_side *side, void *state);

struct sg_exec *sg_exec_create(struct sg_device *dev); /* starts no thread yet; NULL with errno */
void sg_exec_destroy(struct sg_exec *exec);            /* no dispatch is in flight */
void sg_exec_pause(struct sg_exec *exec);              /* does not nest */
void sg_exec_resume(struct sg_exec *exec);
void sg_exec_stats(struct sg_exec *exec, struct sg_device_stats *add_to);

#endif

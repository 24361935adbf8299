/* SPDX-License-Identifier: MIT */
/*
 * Kernels between packet processor and executor: launch, completion, and the queue errors that a
 * wave can cause. A completion arrives on an executor thread and goes on with its queue right
 * there, so that a dependent packet does not wait for the engine to wake up.
 */
#include "cp.h"

#include <string.h>

static void on_done(struct sg_dispatch *dispatch, enum sg_dispatch_result result,
                    const struct sg_memory_fault *fault);

void cp_launch(struct sg_queue *q, struct cp_slot *slot)
{
    struct sg_dispatch *d = &slot->dispatch;
    d->dev = q->cp->dev;
    d->vm = q->config.vm;
    d->queue_id = q->config.queue_id;
    d->priority = q->config.priority;
    d->queue_va = q->amd_queue_va;
    d->lds_aperture = q->config.lds_aperture;
    d->scratch_aperture = q->config.scratch_aperture;
    d->trap_handler_va = q->config.trap_handler_va;
    d->trap_memory_va = q->config.trap_memory_va;
    d->gws = q->config.gws ? &d->dev->gws : NULL;
    memcpy(d->cu_mask, q->cu_mask, sizeof(d->cu_mask));
    d->done = on_done;
    d->owner = slot;
    slot->queue = q;
    slot->state = CP_SLOT_RUNNING;
    slot->start_ts = sg_device_clock(d->dev);
    q->in_flight++;
    cp_queue_get(q);
    cp_count(&d->dev->counters.dispatches, 1);
    sg_log(SG_LOG_PACKET,
           "queue %u: dispatch %llu, code 0x%llx, grid %ux%ux%u, group %ux%ux%u, kernarg 0x%llx",
           d->queue_id, (unsigned long long)d->dispatch_id, (unsigned long long)d->code_va,
           d->grid[0], d->grid[1], d->grid[2], d->group[0], d->group[1], d->group[2],
           (unsigned long long)d->kernarg_va);
    int error = sg_exec_submit(d->dev->exec, d);
    if (error)
        sg_unimplemented("dispatch that the executor refuses (errno %d)", -error);
}

static void raise_error(struct sg_queue *q, uint32_t error, struct cp_report *report)
{
    q->halted = true;
    sg_log(SG_LOG_PACKET, "queue %u: error 0x%x", q->config.queue_id, error);
    cp_inactive_signal_set(q, error, report);
}

/* Between the two halves of the address space: no page fault, but TRAPSTS.MEM_VIOL, which ROCr's
 * trap handler turns into a queue error. */
static bool in_va_hole(uint64_t va)
{
    return va >= UINT64_C(1) << 47 && va < UINT64_MAX << 47;
}

void cp_finish(struct sg_queue *q, struct cp_slot *slot, enum sg_dispatch_result result,
               const struct sg_memory_fault *fault, struct cp_report *report)
{
    struct sg_memory_fault signal_fault;
    slot->state = CP_SLOT_DONE;
    q->in_flight--;
    switch (result) {
    case SG_DISPATCH_DONE:
        /* The packet's release fence: waves' stores happen before done(), the decrement releases.
         */
        if (!cp_signal_complete(q, slot->completion_signal, slot->start_ts,
                                sg_device_clock(q->cp->dev), report, &signal_fault))
            cp_fault(q, &signal_fault, "completion signal", report);
        if (slot->scratch_once) {
            q->exclusive = false;
            q->scratch = CP_SCRATCH_RECLAIM;
            cp_inactive_signal_set(q, CP_SCRATCH_RECLAIMED, report);
        }
        break;
    case SG_DISPATCH_FAULT:
        if (in_va_hole(fault->va))
            raise_error(q, CP_ERROR_APERTURE, report);
        else
            cp_fault(q, fault, NULL, report);
        break;
    case SG_DISPATCH_TRAP:
        raise_error(q, CP_ERROR_TRAP, report);
        break;
    case SG_DISPATCH_ILLEGAL:
        raise_error(q, CP_ERROR_ILLEGAL, report);
        break;
    case SG_DISPATCH_CANCELLED:
        q->halted = true;
        break;
    }
    if (q->config.type == SG_QUEUE_AQL && !q->halted)
        cp_aql_retire(q, report);
    else if (q->config.type == SG_QUEUE_PM4)
        slot->state = CP_SLOT_FREE;
}

void cp_finish_deferred(struct sg_queue *q, struct cp_report *report)
{
    unsigned finished = 0;
    q->deferred = false;
    for (unsigned i = 0; i < CP_SLOTS; i++) {
        struct cp_slot *slot = &q->slots[i];
        if (slot->state != CP_SLOT_DEFERRED)
            continue;
        cp_finish(q, slot, slot->result, &slot->fault, report);
        finished++;
    }
    while (finished--)
        cp_queue_put(q); /* the caller holds a reference of its own */
}

/* The device is paused or the queue suspended: no memory may be touched, so remember what happened.
 */
static void defer(struct sg_queue *q, struct cp_slot *slot, enum sg_dispatch_result result,
                  const struct sg_memory_fault *fault)
{
    slot->result = result;
    if (fault)
        slot->fault = *fault;
    slot->state = CP_SLOT_DEFERRED;
    q->deferred = true;
}

static void on_done(struct sg_dispatch *dispatch, enum sg_dispatch_result result,
                    const struct sg_memory_fault *fault)
{
    struct cp_slot *slot = dispatch->owner;
    struct sg_queue *q = slot->queue;
    struct sg_cp *cp = q->cp;
    struct cp_report report = {.event_count = 0};
    bool drop = true;
    bool inside = cp_gate_enter(cp);
    pthread_mutex_lock(&q->lock);
    if (q->destroying) {
        slot->state = CP_SLOT_DONE;
        q->in_flight--;
    } else if (inside && !q->suspended) {
        cp_finish(q, slot, result, fault, &report);
        cp_queue_step(q, &report);
    } else {
        defer(q, slot, result, fault);
        drop = false;
    }
    pthread_mutex_unlock(&q->lock);
    if (inside)
        cp_gate_leave(cp);
    if (drop)
        cp_queue_put(q);
    cp_deliver(cp, &report);
    cp_kick(cp);
}

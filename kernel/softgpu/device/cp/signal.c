/* SPDX-License-Identifier: MIT */
/*
 * HSA signals and the part of amd_queue_t that the packet processor reads and writes (layouts:
 * hsa/amd_hsa_signal.h, hsa/amd_hsa_queue.h). Knows nothing of packets.
 */
#include "cp.h"

#include <hsa/amd_hsa_queue.h>
#include <hsa/amd_hsa_signal.h>

_Static_assert(offsetof(amd_signal_t, value) == 8, "amd_signal_t");
_Static_assert(offsetof(amd_signal_t, event_mailbox_ptr) == 16, "amd_signal_t");
_Static_assert(offsetof(amd_queue_t, read_dispatch_id) == 0x80, "amd_queue_t");
_Static_assert(offsetof(amd_queue_t, queue_inactive_signal) == 0xc0, "amd_queue_t");

/* The mailbox and the interrupt, with what was read before the value changed: whoever waits for the
 * value may destroy the signal at once. */
static void notify(struct sg_queue *q, uint64_t mailbox, uint32_t event_id,
                   struct cp_report *report)
{
    struct sg_memory_fault gone;
    if (mailbox == 0)
        return;
    cp_store64(q->config.vm, mailbox, event_id, &gone);
    cp_report_event(report, event_id);
}

static bool load_event(struct sg_queue *q, uint64_t signal_va, uint64_t *mailbox,
                       uint32_t *event_id, struct sg_memory_fault *fault)
{
    const struct sg_vm *vm = q->config.vm;
    return cp_load64(vm, signal_va + offsetof(amd_signal_t, event_mailbox_ptr), mailbox, fault) &&
           cp_load32(vm, signal_va + offsetof(amd_signal_t, event_id), event_id, fault);
}

bool cp_signal_complete(struct sg_queue *q, uint64_t signal_va, uint64_t start_ts, uint64_t end_ts,
                        struct cp_report *report, struct sg_memory_fault *fault)
{
    const struct sg_vm *vm = q->config.vm;
    uint64_t mailbox = 0;
    uint32_t event_id = 0;
    if (signal_va == 0)
        return true;
    if (!load_event(q, signal_va, &mailbox, &event_id, fault) ||
        !cp_store64(vm, signal_va + offsetof(amd_signal_t, start_ts), start_ts, fault) ||
        !cp_store64(vm, signal_va + offsetof(amd_signal_t, end_ts), end_ts, fault) ||
        !cp_add64(vm, signal_va + offsetof(amd_signal_t, value), UINT64_MAX, fault))
        return false;
    notify(q, mailbox, event_id, report);
    return true;
}

bool cp_signal_load(struct sg_queue *q, uint64_t signal_va, int64_t *value,
                    struct sg_memory_fault *fault)
{
    uint64_t bits = 0;
    bool ok = cp_load64(q->config.vm, signal_va + offsetof(amd_signal_t, value), &bits, fault);
    *value = (int64_t)bits;
    return ok;
}

void cp_find_amd_queue(struct sg_queue *q)
{
    /* Hardware finds amd_queue_t by the offset that stands right behind the read index. */
    struct sg_memory_fault fault;
    uint32_t offset = 0;
    q->amd_queue_va = 0;
    if (!cp_load32(q->config.vm, q->config.read_ptr_va + 8, &offset, &fault))
        return;
    if (offset == offsetof(amd_queue_t, read_dispatch_id))
        q->amd_queue_va = q->config.read_ptr_va - offset;
}

static uint64_t inactive_signal(struct sg_queue *q)
{
    struct sg_memory_fault fault;
    uint64_t handle = 0;
    if (q->amd_queue_va == 0)
        cp_find_amd_queue(q);
    if (q->amd_queue_va == 0)
        return 0;
    cp_load64(q->config.vm, q->amd_queue_va + offsetof(amd_queue_t, queue_inactive_signal), &handle,
              &fault);
    return handle;
}

bool cp_inactive_signal_set(struct sg_queue *q, uint64_t value, struct cp_report *report)
{
    struct sg_memory_fault fault;
    uint64_t signal_va = inactive_signal(q);
    uint64_t mailbox = 0;
    uint32_t event_id = 0;
    if (signal_va == 0 || !load_event(q, signal_va, &mailbox, &event_id, &fault) ||
        !cp_store64(q->config.vm, signal_va + offsetof(amd_signal_t, value), value, &fault))
        return false;
    notify(q, mailbox, event_id, report);
    return true;
}

uint64_t cp_inactive_signal_get(struct sg_queue *q)
{
    struct sg_memory_fault fault;
    uint64_t signal_va = inactive_signal(q);
    int64_t value = 0;
    if (signal_va != 0)
        cp_signal_load(q, signal_va, &value, &fault);
    return (uint64_t)value;
}

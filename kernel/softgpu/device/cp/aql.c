/* SPDX-License-Identifier: MIT */
/*
 * AQL queues: HSA's packets (HSA Runtime specification 2.9, Architected Queuing Language) and AMD's
 * vendor packets. Launches in order; completes dispatches in any order unless the barrier bit says
 * otherwise; gives ring slots back in order, when all packets before are complete too: ROCr finds
 * the packet in question of a scratch request by the read index, and kernels read their packet.
 */
#include "cp.h"

#include <hsa/amd_hsa_kernel_code.h>
#include <hsa/amd_hsa_queue.h>
#include <hsa/hsa.h>
#include <hsa/hsa_ext_amd.h>
#include <string.h>

enum {
    AQL_BYTES = 64,
    AQL_VENDOR_PM4_IB = 1, /* format byte of the vendor packet, as ROCr 5.2.3 emits it */
    AQL_BUDGET = 16,       /* packets in one step: other queues want their turn */
    AQL_MAX_GROUP_ITEMS = 1024,
    DESCRIPTOR_BYTES = 64, /* kernel descriptor, LLVM AMDGPU usage, "Kernel Descriptor" */
};

/* What came of the packet at q->next. */
enum outcome {
    LAUNCHED, /* its slot says whether it is complete */
    WAITING,  /* for memory */
    WAITING_WAVES,
    HALTED,
};

static uint64_t packet_va(const struct sg_queue *q, uint64_t index)
{
    return q->config.ring_va + index * AQL_BYTES % q->config.ring_bytes;
}

static struct cp_slot *slot_of(struct sg_queue *q, uint64_t index)
{
    return &q->slots[index % CP_SLOTS];
}

/* A queue error is raised when everything before it is complete, so that the read index names it.
 */
static enum outcome queue_error(struct sg_queue *q, uint32_t error, struct cp_report *report)
{
    if (q->read != q->next)
        return WAITING_WAVES;
    sg_log(SG_LOG_PACKET, "queue %u: packet %llu is refused, error 0x%x", q->config.queue_id,
           (unsigned long long)q->next, error);
    cp_inactive_signal_set(q, error, report);
    q->halted = true;
    return HALTED;
}

static enum outcome memory_error(struct sg_queue *q, const struct sg_memory_fault *fault,
                                 const char *what, struct cp_report *report)
{
    cp_fault(q, fault, what, report);
    return HALTED;
}

void cp_aql_retire(struct sg_queue *q, struct cp_report *report)
{
    struct sg_memory_fault fault;
    uint64_t before = q->read;
    bool ok = true;
    while (ok && q->read != q->next && slot_of(q, q->read)->state == CP_SLOT_DONE) {
        slot_of(q, q->read)->state = CP_SLOT_FREE;
        ok = cp_store16(q->config.vm, packet_va(q, q->read), HSA_PACKET_TYPE_INVALID, &fault);
        q->read++;
    }
    if (ok && q->read != before)
        ok = cp_store64(q->config.vm, q->config.read_ptr_va, q->read, &fault);
    if (!ok)
        cp_fault(q, &fault, "AQL ring or read index", report);
}

/* A packet that is complete as soon as it is processed. */
static enum outcome complete_now(struct sg_queue *q, uint64_t completion_signal,
                                 struct cp_report *report)
{
    struct sg_memory_fault fault;
    uint64_t now = sg_device_clock(q->cp->dev);
    slot_of(q, q->next)->state = CP_SLOT_DONE;
    if (!cp_signal_complete(q, completion_signal, now, now, report, &fault))
        return memory_error(q, &fault, "completion signal", report);
    return LAUNCHED;
}

/* ---- barriers ----------------------------------------------------------------------------------
 */

static enum outcome barrier(struct sg_queue *q, const hsa_barrier_and_packet_t *p, bool any,
                            struct cp_report *report)
{
    struct sg_memory_fault fault;
    unsigned given = 0, zero = 0;
    for (unsigned i = 0; i < 5; i++) {
        int64_t value = 0;
        if (p->dep_signal[i].handle == 0)
            continue;
        if (!cp_signal_load(q, p->dep_signal[i].handle, &value, &fault))
            return memory_error(q, &fault, "dependent signal of a barrier packet", report);
        given++;
        zero += value == 0;
    }
    if (any ? given != 0 && zero == 0 : zero != given)
        return WAITING;
    return complete_now(q, p->completion_signal.handle, report);
}

static enum outcome barrier_value(struct sg_queue *q, const hsa_amd_barrier_value_packet_t *p,
                                  struct cp_report *report)
{
    struct sg_memory_fault fault;
    int64_t value = 0;
    bool met = true;
    if (p->signal.handle != 0) {
        if (!cp_signal_load(q, p->signal.handle, &value, &fault))
            return memory_error(q, &fault, "signal of a barrier-value packet", report);
        value &= p->mask;
        switch (p->cond) {
        case HSA_SIGNAL_CONDITION_EQ:
            met = value == p->value;
            break;
        case HSA_SIGNAL_CONDITION_NE:
            met = value != p->value;
            break;
        case HSA_SIGNAL_CONDITION_LT:
            met = value < p->value;
            break;
        case HSA_SIGNAL_CONDITION_GTE:
            met = value >= p->value;
            break;
        default:
            return queue_error(q, CP_ERROR_VENDOR_PACKET, report);
        }
    }
    return met ? complete_now(q, p->completion_signal.handle, report) : WAITING;
}

/* A jump to PM4: ROCr's cache flushes. The buffer is done before the next packet starts. */
static enum outcome vendor_pm4(struct sg_queue *q, const uint32_t packet[16],
                               struct cp_report *report)
{
    uint64_t signal = packet[14] | (uint64_t)packet[15] << 32;
    if (!q->vendor_ib) {
        if ((packet[1] >> 8 & 0xff) != 0x3f)
            return queue_error(q, CP_ERROR_VENDOR_PACKET, report);
        q->vendor_ib = true;
        cp_pm4_push(q, (packet[2] & ~3u) | (uint64_t)(packet[3] & 0xffff) << 32,
                    packet[4] & 0xfffff);
    }
    switch (cp_pm4_run(q, report)) {
    case CP_WAIT_WAVES:
        return WAITING_WAVES;
    case CP_WAIT_MEMORY:
    case CP_MORE:
        return WAITING;
    case CP_IDLE:
        break;
    }
    if (q->halted)
        return HALTED;
    q->vendor_ib = false;
    return complete_now(q, signal, report);
}

static enum outcome vendor(struct sg_queue *q, const uint32_t packet[16], struct cp_report *report)
{
    hsa_amd_barrier_value_packet_t value;
    switch (packet[0] >> 16 & 0xff) {
    case AQL_VENDOR_PM4_IB:
        return vendor_pm4(q, packet, report);
    case HSA_AMD_PACKET_TYPE_BARRIER_VALUE:
        memcpy(&value, packet, sizeof(value));
        return barrier_value(q, &value, report);
    default:
        return queue_error(q, CP_ERROR_VENDOR_PACKET, report);
    }
}

/* ---- kernel dispatch ---------------------------------------------------------------------------
 */

/* Sizes that the hardware cannot run; the error bit, or 0. Fills the dispatch's dimensions. */
static uint32_t check_dimensions(const hsa_kernel_dispatch_packet_t *p, struct sg_dispatch *d)
{
    unsigned dimensions = p->setup & 3;
    const uint16_t group[3] = {p->workgroup_size_x, p->workgroup_size_y, p->workgroup_size_z};
    const uint32_t grid[3] = {p->grid_size_x, p->grid_size_y, p->grid_size_z};
    uint64_t items = 1;
    if (dimensions == 0)
        return CP_ERROR_DIMENSION;
    for (unsigned i = 0; i < 3; i++) {
        d->group[i] = i < dimensions ? group[i] : 1;
        d->grid[i] = i < dimensions ? grid[i] : 1;
        if (d->group[i] == 0 || d->grid[i] == 0)
            return CP_ERROR_DIMENSION;
        items *= d->group[i];
    }
    return items > AQL_MAX_GROUP_ITEMS ? CP_ERROR_GROUP_SIZE : 0;
}

/* All waves of a workgroup live on one compute unit, VGPRs included. */
static bool registers_fit(const struct sg_arch *arch, const struct sg_dispatch *d)
{
    unsigned items = (unsigned)d->group[0] * d->group[1] * d->group[2];
    unsigned waves = (items + arch->wave_size - 1) / arch->wave_size;
    unsigned waves_per_simd = (waves + arch->simds_per_cu - 1) / arch->simds_per_cu;
    unsigned granule = arch->has_accvgpr ? 8 : 4;
    unsigned vgprs = ((d->rsrc1 & 0x3f) + 1) * granule;
    return waves_per_simd * vgprs <= (arch->has_accvgpr ? 512u : 256u);
}

/* Entry point and program resources from the kernel descriptor. False: not readable. */
static bool read_descriptor(struct sg_queue *q, uint64_t kernel_object, struct sg_dispatch *d,
                            struct sg_memory_fault *fault)
{
    uint8_t descriptor[DESCRIPTOR_BYTES];
    int64_t entry;
    if (!sg_vm_read(q->config.vm, kernel_object, descriptor, sizeof(descriptor), fault))
        return false;
    memcpy(&entry, descriptor + 16, sizeof(entry));
    memcpy(&d->rsrc3, descriptor + 44, 4);
    memcpy(&d->rsrc1, descriptor + 48, 4);
    memcpy(&d->rsrc2, descriptor + 52, 4);
    memcpy(&d->kernel_code_properties, descriptor + 56, 2);
    d->code_va = kernel_object + (uint64_t)entry;
    return true;
}

/*
 * Scratch as amd_queue_t has it now. LAUNCHED: enough of it. A bigger wish is put to ROCr through
 * the queue-inactive signal; it answers by setting the signal to 0.
 */
static enum outcome scratch(struct sg_queue *q, uint32_t wanted, struct cp_slot *slot,
                            struct cp_report *report)
{
    struct sg_dispatch *d = &slot->dispatch;
    struct sg_memory_fault fault;
    amd_queue_t queue;
    if (q->scratch == CP_SCRATCH_REQUESTED) {
        if (cp_inactive_signal_get(q) != 0)
            return WAITING;
        q->scratch = CP_SCRATCH_NONE;
    }
    if (q->amd_queue_va == 0)
        cp_find_amd_queue(q);
    if (q->amd_queue_va == 0) {
        if (wanted == 0)
            return LAUNCHED;
        return queue_error(q, CP_ERROR_CODE, report);
    }
    if (!sg_vm_read(q->config.vm, q->amd_queue_va, &queue, sizeof(queue), &fault))
        return memory_error(q, &fault, "amd_queue_t", report);
    if (wanted > queue.scratch_wave64_lane_byte_size) {
        if (q->read != q->next) /* the old scratch may be in use, and the read index must name us */
            return WAITING_WAVES;
        sg_log(SG_LOG_PACKET, "queue %u: scratch of %u bytes per work-item is wanted, %u are there",
               q->config.queue_id, wanted, queue.scratch_wave64_lane_byte_size);
        if (!cp_inactive_signal_set(q, CP_ERROR_SCRATCH, report))
            return queue_error(q, CP_ERROR_SCRATCH, report);
        q->scratch = CP_SCRATCH_REQUESTED;
        return WAITING;
    }
    memcpy(d->scratch_srd, queue.scratch_resource_descriptor, sizeof(d->scratch_srd));
    d->scratch_va = queue.scratch_backing_memory_location;
    d->scratch_waves = queue.compute_tmpring_size & 0xfff; /* COMPUTE_TMPRING_SIZE.WAVES */
    d->scratch_bytes_per_wave = (uint64_t)(queue.compute_tmpring_size >> 12 & 0x1fff) * 1024;
    slot->scratch_once =
        wanted != 0 && (queue.queue_properties & AMD_QUEUE_PROPERTIES_USE_SCRATCH_ONCE) != 0;
    if (slot->scratch_once && q->read != q->next)
        return WAITING_WAVES;
    q->exclusive = slot->scratch_once;
    return LAUNCHED;
}

static enum outcome kernel(struct sg_queue *q, const hsa_kernel_dispatch_packet_t *p,
                           struct cp_report *report)
{
    const struct sg_arch *arch = q->cp->dev->config.arch;
    struct cp_slot *slot = slot_of(q, q->next);
    if (q->no_cu)
        return WAITING; /* for another mask */
    struct sg_dispatch *d = &slot->dispatch;
    struct sg_memory_fault fault;
    memset(d, 0, sizeof(*d));
    slot->scratch_once = false;
    slot->completion_signal = p->completion_signal.handle;
    uint32_t error = check_dimensions(p, d);
    /* Which of several mistakes is reported is not documented; rocrtst's test of an invalid kernel
     * object, which leaves the group segment size uninitialised, expects this order. */
    if (!error && p->kernel_object == 0)
        error = CP_ERROR_CODE;
    if (!error && p->group_segment_size > arch->lds_bytes_per_cu)
        error = CP_ERROR_GROUP_MEMORY;
    if (error)
        return queue_error(q, error, report);
    if (!read_descriptor(q, p->kernel_object, d, &fault))
        return memory_error(q, &fault, "kernel descriptor", report);
    if (!registers_fit(arch, d))
        return queue_error(q, CP_ERROR_REGISTERS, report);
    enum outcome ready = scratch(q, p->private_segment_size, slot, report);
    if (ready != LAUNCHED)
        return ready;
    d->packet_va = packet_va(q, q->next);
    d->dispatch_id = q->next;
    d->kernarg_va = (uint64_t)(uintptr_t)p->kernarg_address;
    d->group_segment_bytes = p->group_segment_size;
    d->private_segment_bytes = p->private_segment_size;
    /* The packet's acquire fence: signals and headers are loaded with acquire, and the executor's
     * queue orders what follows. */
    cp_launch(q, slot);
    return LAUNCHED;
}

/* ---- the ring ----------------------------------------------------------------------------------
 */

static enum outcome process(struct sg_queue *q, uint16_t header, const uint32_t packet[16],
                            struct cp_report *report)
{
    hsa_kernel_dispatch_packet_t dispatch;
    hsa_barrier_and_packet_t wait;
    switch (header & 0xff) {
    case HSA_PACKET_TYPE_VENDOR_SPECIFIC:
        return vendor(q, packet, report);
    case HSA_PACKET_TYPE_KERNEL_DISPATCH:
        memcpy(&dispatch, packet, sizeof(dispatch));
        return kernel(q, &dispatch, report);
    case HSA_PACKET_TYPE_BARRIER_AND:
    case HSA_PACKET_TYPE_BARRIER_OR:
        memcpy(&wait, packet, sizeof(wait));
        return barrier(q, &wait, (header & 0xff) == HSA_PACKET_TYPE_BARRIER_OR, report);
    default: /* agent dispatch is for agents that run host code; the rest is no packet at all */
        return queue_error(q, CP_ERROR_PACKET, report);
    }
}

static enum outcome next_packet(struct sg_queue *q, struct cp_report *report)
{
    struct sg_memory_fault fault;
    uint32_t packet[16];
    uint16_t header;
    if (!cp_load16(q->config.vm, packet_va(q, q->next), &header, &fault))
        return memory_error(q, &fault, "AQL ring", report);
    if ((header & 0xff) == HSA_PACKET_TYPE_INVALID)
        return WAITING;
    if (slot_of(q, q->next)->state != CP_SLOT_FREE)
        return WAITING_WAVES;
    if ((header >> HSA_PACKET_HEADER_BARRIER & 1) && q->in_flight != 0)
        return WAITING_WAVES;
    if (!sg_vm_read(q->config.vm, packet_va(q, q->next), packet, sizeof(packet), &fault))
        return memory_error(q, &fault, "AQL ring", report);
    return process(q, header, packet, report);
}

/* ROCr takes a large scratch buffer back: it clears the signal, then the property. */
static bool scratch_reclaimed(struct sg_queue *q)
{
    struct sg_memory_fault fault;
    uint32_t properties = 0;
    if (cp_inactive_signal_get(q) != 0)
        return false;
    cp_load32(q->config.vm, q->amd_queue_va + offsetof(amd_queue_t, queue_properties), &properties,
              &fault);
    if (properties & AMD_QUEUE_PROPERTIES_USE_SCRATCH_ONCE)
        return false;
    q->scratch = CP_SCRATCH_NONE;
    return true;
}

enum cp_progress cp_aql_step(struct sg_queue *q, struct cp_report *report)
{
    enum cp_progress progress = CP_IDLE;
    cp_read_doorbell(q);
    if (q->scratch == CP_SCRATCH_RECLAIM && !scratch_reclaimed(q))
        return CP_WAIT_MEMORY;
    if (q->exclusive)
        return CP_WAIT_WAVES;
    for (unsigned i = 0; i < AQL_BUDGET && report->event_count < CP_REPORT_EVENTS / 2; i++) {
        if ((int64_t)(q->limit - q->next) <= 0)
            break;
        switch (next_packet(q, report)) {
        case LAUNCHED:
            q->next++;
            cp_count(&q->cp->dev->counters.packets, 1);
            cp_aql_retire(q, report);
            progress = CP_MORE;
            if (q->exclusive)
                return progress;
            continue;
        case WAITING:
            return progress == CP_MORE ? CP_MORE : CP_WAIT_MEMORY;
        case WAITING_WAVES:
            return progress == CP_MORE ? CP_MORE : CP_WAIT_WAVES;
        case HALTED:
            return CP_IDLE;
        }
    }
    if (progress == CP_IDLE && q->in_flight != 0)
        progress = CP_WAIT_WAVES;
    return progress;
}

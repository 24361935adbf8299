/* SPDX-License-Identifier: MIT */
/*
 * PM4, the packets of GFX9's compute micro engine: PM4 queues, and the buffers that an AQL queue
 * jumps to. Type-3 packets only (and type 2, the filler). A packet that must wait is parsed anew
 * when its queue gets its next step, so no state but the position is kept.
 */
#include "cp.h"

#include <string.h>

enum {
    PM4_BUDGET = 64,
    PM4_MAX_DWORDS = 64, /* longest packet that is read as a whole; longer ones stream their data */
};

enum pm4_op {
    PM4_NOP = 0x10,
    PM4_DISPATCH_DIRECT = 0x15,
    PM4_ATOMIC_MEM = 0x1e,
    PM4_WRITE_DATA = 0x37,
    PM4_WAIT_REG_MEM = 0x3c,
    PM4_INDIRECT_BUFFER = 0x3f,
    PM4_COPY_DATA = 0x40,
    PM4_EVENT_WRITE = 0x46,
    PM4_RELEASE_MEM = 0x49,
    PM4_DMA_DATA = 0x50,
    PM4_ACQUIRE_MEM = 0x58,
    PM4_SET_SH_REG = 0x76,
    PM4_WAIT_REG_MEM64 = 0x93,
};

/* Compute registers in the SET_SH_REG space, which starts at 0x2c00 (gc_9_0_offset). */
enum sh_reg {
    SH_NUM_THREAD_X = 0x207,
    SH_PGM_LO = 0x20c,
    SH_SCRATCH_BASE_LO = 0x210,
    SH_PGM_RSRC1 = 0x212,
    SH_PGM_RSRC2 = 0x213,
    SH_TMPRING_SIZE = 0x218,
    SH_PGM_RSRC3 = 0x22d,
    SH_USER_DATA_0 = 0x240,
};

enum outcome { DONE, WAITING, WAITING_WAVES, SHORT, FAULTED };

struct packet {
    unsigned op;
    uint64_t dwords;
    uint32_t dw[PM4_MAX_DWORDS]; /* header included */
};

static uint64_t address(const struct packet *p, unsigned dword)
{
    return (p->dw[dword] | (uint64_t)p->dw[dword + 1] << 32) & ((UINT64_C(1) << SG_VA_BITS) - 1);
}

static uint64_t quad(const struct packet *p, unsigned dword)
{
    return p->dw[dword] | (uint64_t)p->dw[dword + 1] << 32;
}

static struct cp_pm4_level *top(struct sg_queue *q)
{
    return &q->pm4.level[q->pm4.depth - 1];
}

/* Dwords behind the position; the ring wraps. */
static bool fetch(struct sg_queue *q, uint64_t offset, uint32_t *to, uint64_t count,
                  struct sg_memory_fault *fault)
{
    const struct cp_pm4_level *level = top(q);
    uint64_t at = level->at + offset;
    uint64_t first = count;
    if (level->dwords != 0) {
        at %= level->dwords;
        first = level->dwords - at < count ? level->dwords - at : count;
    }
    return sg_vm_read(q->config.vm, level->va + at * 4, to, first * 4, fault) &&
           sg_vm_read(q->config.vm, level->va, to + first, (count - first) * 4, fault);
}

static enum outcome read_packet(struct sg_queue *q, struct packet *p, struct sg_memory_fault *fault)
{
    uint64_t ready = top(q)->end - top(q)->at;
    if (!fetch(q, 0, p->dw, 1, fault))
        return FAULTED;
    unsigned type = p->dw[0] >> 30;
    uint32_t count = p->dw[0] >> 16 & 0x3fff;
    if (type != 3 && type != 2)
        sg_unimplemented("PM4 packet of type %u (header 0x%08x)", type, p->dw[0]);
    p->op = type == 2 ? PM4_NOP : p->dw[0] >> 8 & 0xff;
    /* A type-3 NOP whose count is all ones is one dword long. */
    p->dwords = type == 2 || (p->op == PM4_NOP && count == 0x3fff) ? 1 : (uint64_t)count + 2;
    if (p->dwords > ready)
        return SHORT;
    uint64_t whole = p->dwords < PM4_MAX_DWORDS ? p->dwords : PM4_MAX_DWORDS;
    memset(p->dw + whole, 0, (PM4_MAX_DWORDS - whole) * sizeof(uint32_t));
    return fetch(q, 0, p->dw, whole, fault) ? DONE : FAULTED;
}

void cp_pm4_push(struct sg_queue *q, uint64_t va, uint64_t dwords)
{
    if (q->pm4.depth == CP_PM4_DEPTH)
        sg_unimplemented("PM4 indirect buffers nested %u deep", CP_PM4_DEPTH);
    q->pm4.level[q->pm4.depth++] = (struct cp_pm4_level){.va = va, .at = 0, .end = dwords};
}

/* ---- memory packets ----------------------------------------------------------------------------
 */

static enum outcome write_data(struct sg_queue *q, const struct packet *p,
                               struct sg_memory_fault *fault)
{
    unsigned destination = p->dw[1] >> 8 & 0xf;
    bool increment = !(p->dw[1] >> 16 & 1);
    uint64_t va = address(p, 2) & ~(uint64_t)3;
    if (destination != 5 && destination != 2 && destination != 1) /* memory, its L2, memory */
        sg_unimplemented("PM4 WRITE_DATA to destination %u", destination);
    for (uint64_t i = 4; i < p->dwords; i++) {
        uint32_t value;
        if (!fetch(q, i, &value, 1, fault) || !cp_store32(q->config.vm, va, value, fault))
            return FAULTED;
        va += increment ? 4 : 0;
    }
    return DONE;
}

static enum outcome wait_reg_mem(struct sg_queue *q, const struct packet *p,
                                 struct sg_memory_fault *fault)
{
    bool wide = p->op == PM4_WAIT_REG_MEM64;
    uint64_t value = 0;
    uint32_t low = 0;
    if ((p->dw[1] >> 4 & 3) != 1 || (p->dw[1] >> 6 & 3) != 0)
        sg_unimplemented("PM4 WAIT_REG_MEM on a register (control 0x%08x)", p->dw[1]);
    if (wide ? !cp_load64(q->config.vm, address(p, 2) & ~(uint64_t)7, &value, fault)
             : !cp_load32(q->config.vm, address(p, 2) & ~(uint64_t)3, &low, fault))
        return FAULTED;
    value = wide ? value & quad(p, 6) : low & p->dw[5];
    return cp_compare(p->dw[1] & 7, value, wide ? quad(p, 4) : p->dw[4]) ? DONE : WAITING;
}

static enum outcome atomic_mem(struct sg_queue *q, const struct packet *p,
                               struct sg_memory_fault *fault)
{
    bool loop = (p->dw[1] >> 8 & 0xf) == 1;
    switch (cp_atomic(q->config.vm, p->dw[1] & 0x7f, address(p, 2), quad(p, 4), quad(p, 6), loop,
                      fault)) {
    case CP_ATOMIC_DONE:
        return DONE;
    case CP_ATOMIC_RETRY:
        return WAITING;
    case CP_ATOMIC_FAULT:
        break;
    }
    return FAULTED;
}

static enum outcome copy_data(struct sg_queue *q, const struct packet *p,
                              struct sg_memory_fault *fault)
{
    unsigned source = p->dw[1] & 0xf, destination = p->dw[1] >> 8 & 0xf;
    bool wide = p->dw[1] >> 16 & 1;
    uint64_t value = 0;
    uint32_t low = 0;
    switch (source) {
    case 1: /* memory, and its L2 */
    case 2:
        if (wide ? !cp_load64(q->config.vm, address(p, 2), &value, fault)
                 : !cp_load32(q->config.vm, address(p, 2), &low, fault))
            return FAULTED;
        value = wide ? value : low;
        break;
    case 5:
        value = quad(p, 2);
        break;
    case 9:
        value = sg_device_clock(q->cp->dev);
        break;
    default:
        sg_unimplemented("PM4 COPY_DATA from source %u", source);
    }
    if (destination != 1 && destination != 2 && destination != 5)
        sg_unimplemented("PM4 COPY_DATA to destination %u", destination);
    bool ok = wide ? cp_store64(q->config.vm, address(p, 4), value, fault)
                   : cp_store32(q->config.vm, address(p, 4), (uint32_t)value, fault);
    return ok ? DONE : FAULTED;
}

static enum outcome dma_data(struct sg_queue *q, const struct packet *p,
                             struct sg_memory_fault *fault)
{
    unsigned source = p->dw[1] >> 29 & 3, destination = p->dw[1] >> 20 & 3;
    uint64_t bytes = p->dw[6] & 0x3ffffff;
    struct sg_window_count window = {0, 0};
    if ((source != 0 && source != 3 && source != 2) || (destination != 0 && destination != 3))
        sg_unimplemented("PM4 DMA_DATA from %u to %u", source, destination);
    bool ok = source == 2
                  ? sg_vm_fill(q->config.vm, address(p, 4), p->dw[2], 4, bytes, &window, fault)
                  : sg_vm_copy(q->config.vm, address(p, 4), address(p, 2), bytes, &window, fault);
    cp_count(&q->cp->dev->counters.window_bytes_read, window.read);
    cp_count(&q->cp->dev->counters.window_bytes_written, window.written);
    return ok ? DONE : FAULTED;
}

/* Tell the producer how far the ring is consumed. Its size is a power of two
 * (set_queue_properties_from_user in kfd_chardev.c), or 0. */
static bool report_read(struct sg_queue *q, uint64_t at, struct sg_memory_fault *fault)
{
    if (q->read == at)
        return true;
    q->read = at;
    return cp_store32(q->config.vm, q->config.read_ptr_va,
                      (uint32_t)at & (q->pm4.level[0].dwords - 1), fault);
}

/* End of pipe: all waves done, caches written back, then data, then the interrupt. */
static enum outcome release_mem(struct sg_queue *q, const struct packet *p,
                                struct cp_report *report, struct sg_memory_fault *fault)
{
    unsigned interrupt = p->dw[2] >> 24 & 7, data = p->dw[2] >> 29;
    uint64_t va = address(p, 3) & ~(uint64_t)3;
    bool ok = true;
    if (q->in_flight != 0)
        return WAITING_WAVES;
    /* Hardware has fetched the packet long before its end-of-pipe event: whoever waits for that
     * finds the read pointer behind it, and room in the ring. */
    if (q->config.type == SG_QUEUE_PM4 && q->pm4.depth == 1 &&
        !report_read(q, top(q)->at + p->dwords, fault))
        return FAULTED;
    switch (data) {
    case 0:
        break;
    case 1:
        ok = cp_store32(q->config.vm, va, p->dw[5], fault);
        break;
    case 2:
        ok = cp_store64(q->config.vm, va, quad(p, 5), fault);
        break;
    case 3:
    case 4:
        ok = cp_store64(q->config.vm, va, sg_device_clock(q->cp->dev), fault);
        break;
    default:
        sg_unimplemented("PM4 RELEASE_MEM with data selection %u", data);
    }
    if (!ok)
        return FAULTED;
    if (interrupt == 1 || interrupt == 2) /* the context is the last dword, on GFX9 */
        cp_report_event(report, p->dwords > 7 ? p->dw[7] & 0xfffffff : 0);
    return DONE;
}

/* ---- dispatch ----------------------------------------------------------------------------------
 */

static struct cp_slot *free_slot(struct sg_queue *q)
{
    for (unsigned i = 0; i < CP_SLOTS; i++)
        if (q->slots[i].state == CP_SLOT_FREE)
            return &q->slots[i];
    return NULL;
}

static enum outcome dispatch_direct(struct sg_queue *q, const struct packet *p)
{
    const uint32_t *sh = q->pm4.sh;
    struct cp_slot *slot = free_slot(q);
    if (q->no_cu)
        return WAITING; /* for another mask */
    if (!slot)
        return WAITING_WAVES;
    if (!(p->dw[4] & 1)) /* COMPUTE_SHADER_EN */
        return DONE;
    struct sg_dispatch *d = &slot->dispatch;
    memset(d, 0, sizeof(*d));
    slot->completion_signal = 0;
    slot->scratch_once = false;
    bool in_threads = p->dw[4] >> 5 & 1; /* USE_THREAD_DIMENSIONS */
    for (unsigned i = 0; i < 3; i++) {
        d->group[i] = (uint16_t)(sh[SH_NUM_THREAD_X + i] & 0xffff);
        d->group[i] = d->group[i] ? d->group[i] : 1;
        d->grid[i] = in_threads ? p->dw[1 + i] : p->dw[1 + i] * d->group[i];
        if (d->grid[i] == 0)
            return DONE;
    }
    d->code_va = ((uint64_t)(sh[SH_PGM_LO + 1] & 0xff) << 32 | sh[SH_PGM_LO]) << 8;
    d->rsrc1 = sh[SH_PGM_RSRC1];
    d->rsrc2 = sh[SH_PGM_RSRC2];
    d->rsrc3 = sh[SH_PGM_RSRC3];
    d->group_segment_bytes = (d->rsrc2 >> 15 & 0x1ff) * 512; /* LDS_SIZE in 128 dwords */
    d->scratch_va = ((uint64_t)sh[SH_SCRATCH_BASE_LO + 1] << 32 | sh[SH_SCRATCH_BASE_LO]) << 8;
    d->scratch_waves = sh[SH_TMPRING_SIZE] & 0xfff;
    d->scratch_bytes_per_wave = (uint64_t)(sh[SH_TMPRING_SIZE] >> 12 & 0x1fff) * 1024;
    memcpy(slot->user_sgprs, &sh[SH_USER_DATA_0], sizeof(slot->user_sgprs));
    d->user_sgprs = slot->user_sgprs;
    d->user_sgpr_words = 16;
    cp_launch(q, slot);
    return DONE;
}

static enum outcome set_sh_reg(struct sg_queue *q, const struct packet *p,
                               struct sg_memory_fault *fault)
{
    uint64_t first = p->dw[1] & 0xffff, count = p->dwords - 2;
    if (first + count > CP_SH_REGS)
        sg_unimplemented("PM4 SET_SH_REG of register 0x%x", (unsigned)(first + count - 1 + 0x2c00));
    return fetch(q, 2, &q->pm4.sh[first], count, fault) ? DONE : FAULTED;
}

/* ---- the parser --------------------------------------------------------------------------------
 */

static enum outcome execute(struct sg_queue *q, const struct packet *p, struct cp_report *report,
                            struct sg_memory_fault *fault)
{
    switch (p->op) {
    case PM4_NOP:
    case PM4_ACQUIRE_MEM: /* no caches here; changed code is noticed by the executor */
        return DONE;
    case PM4_EVENT_WRITE: /* event index 4: partial flush, that is: wait for the waves */
        return (p->dw[1] >> 8 & 0xf) == 4 && q->in_flight != 0 ? WAITING_WAVES : DONE;
    case PM4_WRITE_DATA:
        return write_data(q, p, fault);
    case PM4_WAIT_REG_MEM:
    case PM4_WAIT_REG_MEM64:
        return wait_reg_mem(q, p, fault);
    case PM4_ATOMIC_MEM:
        return atomic_mem(q, p, fault);
    case PM4_COPY_DATA:
        return copy_data(q, p, fault);
    case PM4_DMA_DATA:
        return dma_data(q, p, fault);
    case PM4_RELEASE_MEM:
        return release_mem(q, p, report, fault);
    case PM4_SET_SH_REG:
        return set_sh_reg(q, p, fault);
    case PM4_DISPATCH_DIRECT:
        return dispatch_direct(q, p);
    case PM4_INDIRECT_BUFFER:
        return DONE; /* pushed by the caller, once the position is behind it */
    default:
        sg_unimplemented("PM4 packet 0x%02x (header 0x%08x)", p->op, p->dw[0]);
    }
}

static enum outcome next_packet(struct sg_queue *q, struct cp_report *report,
                                struct sg_memory_fault *fault)
{
    struct packet p;
    enum outcome outcome = read_packet(q, &p, fault);
    if (outcome == DONE)
        outcome = execute(q, &p, report, fault);
    if (outcome != DONE)
        return outcome;
    sg_log(SG_LOG_PACKET, "queue %u: PM4 0x%02x, %llu dwords: %08x %08x %08x %08x %08x %08x",
           q->config.queue_id, p.op, (unsigned long long)p.dwords, p.dw[1], p.dw[2], p.dw[3],
           p.dw[4], p.dw[5], p.dw[6]);
    top(q)->at += p.dwords;
    cp_count(&q->cp->dev->counters.packets, 1);
    if (p.op == PM4_INDIRECT_BUFFER) {
        if ((p.dw[3] >> 20 & 1) && top(q)->dwords == 0)
            q->pm4.depth--; /* chain: the rest of this buffer is not executed */
        cp_pm4_push(q, (p.dw[1] & ~3u) | (uint64_t)(p.dw[2] & 0xffff) << 32, p.dw[3] & 0xfffff);
    }
    return DONE;
}

/* Leave buffers that are done; with only the ring left, report how far it is consumed. */
static bool unwind(struct sg_queue *q, struct sg_memory_fault *fault)
{
    struct cp_pm4 *pm4 = &q->pm4;
    while (pm4->depth > 0 && top(q)->dwords == 0 && top(q)->at == top(q)->end)
        pm4->depth--;
    return q->config.type != SG_QUEUE_PM4 || pm4->depth != 1 || report_read(q, top(q)->at, fault);
}

enum cp_progress cp_pm4_run(struct sg_queue *q, struct cp_report *report)
{
    struct sg_memory_fault fault;
    for (unsigned i = 0; i < PM4_BUDGET; i++) {
        enum outcome outcome = unwind(q, &fault) ? DONE : FAULTED;
        if (outcome == DONE && (q->pm4.depth == 0 || top(q)->at == top(q)->end))
            return CP_IDLE;
        if (outcome == DONE)
            outcome = next_packet(q, report, &fault);
        switch (outcome) {
        case DONE:
            if (report->event_count != 0)
                return CP_MORE; /* deliver it now */
            continue;
        case WAITING:
            return CP_WAIT_MEMORY;
        case WAITING_WAVES:
            return CP_WAIT_WAVES;
        case SHORT:
            return CP_IDLE;
        case FAULTED:
            cp_fault(q, &fault, "PM4 packet", report);
            return CP_IDLE;
        }
    }
    return CP_MORE;
}

enum cp_progress cp_pm4_step(struct sg_queue *q, struct cp_report *report)
{
    uint64_t before = q->read;
    cp_read_doorbell(q);
    if (q->pm4.depth == 0)
        q->pm4.depth = 1;
    q->pm4.level[0].va = q->config.ring_va;
    q->pm4.level[0].dwords = q->config.ring_bytes / 4;
    q->pm4.level[0].end = q->limit;
    enum cp_progress progress = cp_pm4_run(q, report);
    return progress == CP_IDLE && q->read != before ? CP_MORE : progress;
}

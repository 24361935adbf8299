/* SPDX-License-Identifier: MIT */
/*
 * SDMA queues of GFX9 (SDMA 4.x packet formats; register reference "SDMA packet definitions").
 * Positions are bytes and never wrap; the ring is indexed modulo its size. Long copies are done in
 * slices, so that other queues and a pause get their turn.
 */
#include "cp.h"

enum {
    SDMA_SLICE_BYTES = 256 * 1024,
    SDMA_BUDGET = 32, /* packets in one step */
    SDMA_MAX_DWORDS = 16,
};

enum sdma_op {
    SDMA_NOP = 0,
    SDMA_COPY = 1,
    SDMA_WRITE = 2,
    SDMA_INDIRECT = 4,
    SDMA_FENCE = 5,
    SDMA_TRAP = 6,
    SDMA_POLL_REGMEM = 8,
    SDMA_COND_EXE = 9,
    SDMA_ATOMIC = 10,
    SDMA_CONST_FILL = 11,
    SDMA_TIMESTAMP = 13,
};

enum { COPY_LINEAR = 0, COPY_SUBWINDOW = 4, WRITE_LINEAR = 0 };

/* What came of a packet. */
enum outcome {
    DONE,    /* go on behind it */
    AGAIN,   /* a slice of it is done */
    WAITING, /* its condition is not met */
    SHORT,   /* not all of it is submitted yet */
    FAULTED,
};

struct packet {
    uint32_t dw[SDMA_MAX_DWORDS];
    uint64_t dwords; /* its length */
};

static uint64_t address(const struct packet *p, unsigned dword)
{
    return p->dw[dword] | (uint64_t)p->dw[dword + 1] << 32;
}

static unsigned op_of(const struct packet *p)
{
    return p->dw[0] & 0xff;
}

static unsigned sub_op_of(const struct packet *p)
{
    return p->dw[0] >> 8 & 0xff;
}

/* ---- where packets come from: the ring, or an indirect buffer ---------------------------------
 */

static uint64_t available(const struct sg_queue *q)
{
    return q->ib_depth ? q->ib_bytes - q->ib_at : q->limit - q->read;
}

static bool fetch(struct sg_queue *q, uint64_t offset, void *to, uint64_t bytes,
                  struct sg_memory_fault *fault)
{
    if (q->ib_depth)
        return sg_vm_read(q->config.vm, q->ib_va + q->ib_at + offset, to, bytes, fault);
    uint64_t at = (q->read + offset) % q->config.ring_bytes;
    uint64_t first = q->config.ring_bytes - at < bytes ? q->config.ring_bytes - at : bytes;
    return sg_vm_read(q->config.vm, q->config.ring_va + at, to, first, fault) &&
           sg_vm_read(q->config.vm, q->config.ring_va, (char *)to + first, bytes - first, fault);
}

/* Behind `bytes` of packets; the end of an indirect buffer returns to the ring. */
static bool advance(struct sg_queue *q, uint64_t bytes, struct sg_memory_fault *fault)
{
    q->packet_done_bytes = 0;
    if (q->ib_depth) {
        q->ib_at += bytes;
        if (q->ib_at < q->ib_bytes)
            return true;
        q->ib_depth = 0;
        return true;
    }
    q->read += bytes;
    return cp_store64(q->config.vm, q->config.read_ptr_va, q->read, fault);
}

/* ---- lengths -----------------------------------------------------------------------------------
 */

/* Dwords of the packet as far as the first four tell; 0: unknown packet. */
static uint64_t packet_dwords(const struct packet *p)
{
    switch (op_of(p)) {
    case SDMA_NOP:
        return 1 + (p->dw[0] >> 16 & 0x3fff);
    case SDMA_COPY:
        if (sub_op_of(p) == COPY_LINEAR)
            return p->dw[0] >> 27 & 1 ? 9 : 7;
        return sub_op_of(p) == COPY_SUBWINDOW ? 13 : 0;
    case SDMA_WRITE:
        return sub_op_of(p) == WRITE_LINEAR ? 5 + (p->dw[3] & 0xfffff) : 0;
    case SDMA_INDIRECT:
        return 6;
    case SDMA_FENCE:
        return 4;
    case SDMA_TRAP:
        return 2;
    case SDMA_POLL_REGMEM:
        return 6;
    case SDMA_COND_EXE:
        return 5;
    case SDMA_ATOMIC:
        return 8;
    case SDMA_CONST_FILL:
        return 5;
    case SDMA_TIMESTAMP:
        return 3;
    default:
        return 0;
    }
}

/* Read the packet at the front. DONE: it is complete in *p (data of a write packet excepted). */
static enum outcome read_packet(struct sg_queue *q, struct packet *p, struct sg_memory_fault *fault)
{
    uint64_t ready = available(q) / 4;
    if (ready == 0)
        return SHORT;
    if (!fetch(q, 0, p->dw, (ready < 4 ? ready : 4) * 4, fault))
        return FAULTED;
    if (op_of(p) == SDMA_WRITE && ready < 4)
        return SHORT;
    p->dwords = packet_dwords(p);
    if (p->dwords == 0)
        sg_unimplemented("SDMA packet: operation %u, sub-operation %u (header 0x%08x)", op_of(p),
                         sub_op_of(p), p->dw[0]);
    if (p->dwords > ready)
        return SHORT;
    uint64_t whole = p->dwords < SDMA_MAX_DWORDS ? p->dwords : SDMA_MAX_DWORDS;
    if (whole > 4 && !fetch(q, 16, p->dw + 4, (whole - 4) * 4, fault))
        return FAULTED;
    return DONE;
}

/* ---- copies and fills --------------------------------------------------------------------------
 */

static void count_bytes(struct sg_queue *q, uint64_t bytes, const struct sg_window_count *window)
{
    struct sg_device_counters *counters = &q->cp->dev->counters;
    cp_count(&counters->sdma_bytes, bytes);
    cp_count(&counters->window_bytes_read, window->read);
    cp_count(&counters->window_bytes_written, window->written);
}

static enum outcome copy_linear(struct sg_queue *q, const struct packet *p,
                                struct sg_memory_fault *fault)
{
    struct sg_window_count window = {0, 0};
    /* SDMA 4.4 (gfx90a) widened the count from 22 to 30 bits; "bytes - 1" in both. */
    bool wide = q->cp->dev->config.arch->gfx_target_version >= 90010;
    uint64_t bytes = (uint64_t)(p->dw[1] & (wide ? 0x3fffffffu : 0x3fffffu)) + 1;
    uint64_t done = q->packet_done_bytes;
    uint64_t slice = bytes - done < SDMA_SLICE_BYTES ? bytes - done : SDMA_SLICE_BYTES;
    bool ok =
        sg_vm_copy(q->config.vm, address(p, 5) + done, address(p, 3) + done, slice, &window, fault);
    if (ok && (p->dw[0] >> 27 & 1)) /* broadcast: a second destination */
        ok = sg_vm_copy(q->config.vm, address(p, 7) + done, address(p, 3) + done, slice, &window,
                        fault);
    count_bytes(q, slice, &window);
    if (!ok)
        return FAULTED;
    q->packet_done_bytes += slice;
    return q->packet_done_bytes == bytes ? DONE : AGAIN;
}

/* One side of a sub-window copy; all in bytes but the offsets' units, which are elements. */
struct window {
    uint64_t base, pitch, slice;
};

static struct window window_at(const struct packet *p, unsigned dword, unsigned element)
{
    uint64_t x = p->dw[dword + 2] & 0x3fff, y = p->dw[dword + 2] >> 16 & 0x3fff;
    uint64_t z = p->dw[dword + 3] & 0x7ff;
    struct window w = {
        .pitch = ((uint64_t)(p->dw[dword + 3] >> 13 & 0x7ffff) + 1) << element,
        .slice = ((uint64_t)(p->dw[dword + 4] & 0xfffffff) + 1) << element,
    };
    w.base = address(p, dword) + (x << element) + y * w.pitch + z * w.slice;
    return w;
}

static enum outcome copy_window(struct sg_queue *q, const struct packet *p,
                                struct sg_memory_fault *fault)
{
    struct sg_window_count count = {0, 0};
    unsigned element = p->dw[0] >> 29;
    struct window from = window_at(p, 1, element), to = window_at(p, 6, element);
    uint64_t row_bytes = ((uint64_t)(p->dw[11] & 0x3fff) + 1) << element;
    uint64_t rows = (p->dw[11] >> 16 & 0x3fff) + 1, slices = (p->dw[12] & 0x7ff) + 1;
    uint64_t copied = 0;
    bool ok = true;
    while (ok && q->packet_done_bytes < rows * slices && copied < SDMA_SLICE_BYTES) {
        uint64_t row = q->packet_done_bytes % rows, slice = q->packet_done_bytes / rows;
        ok =
            sg_vm_copy(q->config.vm, to.base + row * to.pitch + slice * to.slice,
                       from.base + row * from.pitch + slice * from.slice, row_bytes, &count, fault);
        q->packet_done_bytes++; /* rows, here */
        copied += row_bytes;
    }
    count_bytes(q, copied, &count);
    if (!ok)
        return FAULTED;
    return q->packet_done_bytes == rows * slices ? DONE : AGAIN;
}

static enum outcome fill(struct sg_queue *q, const struct packet *p, struct sg_memory_fault *fault)
{
    struct sg_window_count window = {0, 0};
    unsigned unit = 1u << (p->dw[0] >> 30);
    if (unit == 8)
        sg_unimplemented("SDMA constant fill with fill size 3");
    /* "Bytes - 1", of which a fill of words ignores the bits below its unit. */
    uint64_t count =
        p->dw[4] & (q->cp->dev->config.arch->gfx_target_version >= 90010 ? 0x3fffffffu : 0x3fffffu);
    uint64_t bytes = (count & ~(uint64_t)(unit - 1)) + unit;
    uint64_t done = q->packet_done_bytes;
    uint64_t slice = bytes - done < SDMA_SLICE_BYTES ? bytes - done : SDMA_SLICE_BYTES;
    bool ok = sg_vm_fill(q->config.vm, address(p, 1) + done, p->dw[3], unit, slice, &window, fault);
    count_bytes(q, slice, &window);
    if (!ok)
        return FAULTED;
    q->packet_done_bytes += slice;
    return q->packet_done_bytes == bytes ? DONE : AGAIN;
}

/* The data of a write packet is a copy from the ring. */
static enum outcome write_linear(struct sg_queue *q, const struct packet *p,
                                 struct sg_memory_fault *fault)
{
    uint32_t data[256];
    uint64_t left = p->dwords - 4, at = 0;
    while (left != 0) {
        uint64_t part = left < 256 ? left : 256;
        if (!fetch(q, (4 + at) * 4, data, part * 4, fault) ||
            !sg_vm_write(q->config.vm, address(p, 1) + at * 4, data, part * 4, fault))
            return FAULTED;
        at += part;
        left -= part;
    }
    struct sg_window_count window = {0, 0};
    count_bytes(q, at * 4, &window);
    return DONE;
}

/* ---- synchronisation ---------------------------------------------------------------------------
 */

static enum outcome poll_regmem(struct sg_queue *q, const struct packet *p,
                                struct sg_memory_fault *fault)
{
    unsigned function = p->dw[0] >> 28 & 7;
    uint32_t value;
    if (function == 0)
        return DONE; /* ROCr's HDP flush: the host sees all writes already */
    if (sub_op_of(p) != 0 || !(p->dw[0] >> 31))
        sg_unimplemented("SDMA poll of a register (header 0x%08x)", p->dw[0]);
    if (!cp_load32(q->config.vm, address(p, 1), &value, fault))
        return FAULTED;
    return cp_compare(function, value & p->dw[4], p->dw[3]) ? DONE : WAITING;
}

static enum outcome atomic(struct sg_queue *q, const struct packet *p,
                           struct sg_memory_fault *fault)
{
    bool loop = p->dw[0] >> 16 & 1;
    switch (cp_atomic(q->config.vm, p->dw[0] >> 25, address(p, 1), address(p, 3), address(p, 5),
                      loop, fault)) {
    case CP_ATOMIC_DONE:
        return DONE;
    case CP_ATOMIC_RETRY:
        return WAITING;
    case CP_ATOMIC_FAULT:
        break;
    }
    return FAULTED;
}

static enum outcome timestamp(struct sg_queue *q, const struct packet *p,
                              struct sg_memory_fault *fault)
{
    if (sub_op_of(p) != 2) /* 0: set, 1: get the engine's own; 2: get the global one */
        sg_unimplemented("SDMA timestamp sub-operation %u", sub_op_of(p));
    return cp_store64(q->config.vm, address(p, 1), sg_device_clock(q->cp->dev), fault) ? DONE
                                                                                       : FAULTED;
}

static enum outcome indirect(struct sg_queue *q, const struct packet *p,
                             struct sg_memory_fault *fault)
{
    if (q->ib_depth)
        sg_unimplemented("SDMA indirect buffer inside of an indirect buffer");
    if (!advance(q, p->dwords * 4, fault))
        return FAULTED;
    q->ib_va = address(p, 1) & ~(uint64_t)31;
    q->ib_bytes = (uint64_t)(p->dw[3] & 0xfffff) * 4;
    q->ib_at = 0;
    q->ib_depth = q->ib_bytes != 0;
    return AGAIN;
}

/* Skip what follows unless the word has the reference value. */
static enum outcome cond_exe(struct sg_queue *q, struct packet *p, struct sg_memory_fault *fault)
{
    uint32_t value;
    if (!cp_load32(q->config.vm, address(p, 1), &value, fault))
        return FAULTED;
    if (value != p->dw[3])
        p->dwords += p->dw[4] & 0x3fff;
    return DONE;
}

static enum outcome execute(struct sg_queue *q, struct packet *p, struct cp_report *report,
                            struct sg_memory_fault *fault)
{
    switch (op_of(p)) {
    case SDMA_COPY:
        return sub_op_of(p) == COPY_LINEAR ? copy_linear(q, p, fault) : copy_window(q, p, fault);
    case SDMA_WRITE:
        return write_linear(q, p, fault);
    case SDMA_INDIRECT:
        return indirect(q, p, fault);
    case SDMA_FENCE:
        return cp_store32(q->config.vm, address(p, 1), p->dw[3], fault) ? DONE : FAULTED;
    case SDMA_TRAP:
        cp_report_event(report, p->dw[1] & 0xfffffff);
        return DONE;
    case SDMA_POLL_REGMEM:
        return poll_regmem(q, p, fault);
    case SDMA_COND_EXE:
        return cond_exe(q, p, fault);
    case SDMA_ATOMIC:
        return atomic(q, p, fault);
    case SDMA_CONST_FILL:
        return fill(q, p, fault);
    case SDMA_TIMESTAMP:
        return timestamp(q, p, fault);
    default: /* SDMA_NOP */
        return DONE;
    }
}

static enum outcome next_packet(struct sg_queue *q, struct cp_report *report,
                                struct sg_memory_fault *fault)
{
    struct packet p = {.dwords = 0};
    enum outcome outcome = read_packet(q, &p, fault);
    if (outcome != DONE)
        return outcome;
    if (report->event_count != 0 && (op_of(&p) == SDMA_COPY || op_of(&p) == SDMA_CONST_FILL))
        return AGAIN; /* whoever waits for the interrupt does not wait for this one too */
    outcome = execute(q, &p, report, fault);
    if (outcome != DONE)
        return outcome;
    sg_log(SG_LOG_PACKET, "queue %u: SDMA at 0x%llx: %08x %08x %08x %08x %08x %08x %08x",
           q->config.queue_id, (unsigned long long)q->read, p.dw[0], p.dw[1], p.dw[2], p.dw[3],
           p.dw[4], p.dw[5], p.dw[6]);
    cp_count(&q->cp->dev->counters.packets, 1);
    return advance(q, p.dwords * 4, fault) ? DONE : FAULTED;
}

enum cp_progress cp_sdma_step(struct sg_queue *q, struct cp_report *report)
{
    struct sg_memory_fault fault;
    enum cp_progress progress = CP_IDLE;
    cp_read_doorbell(q);
    for (unsigned i = 0; i < SDMA_BUDGET && report->event_count < CP_REPORT_EVENTS; i++) {
        switch (next_packet(q, report, &fault)) {
        case DONE:
            progress = CP_MORE;
            continue;
        case AGAIN:
            return CP_MORE;
        case WAITING:
            return progress == CP_MORE ? CP_MORE : CP_WAIT_MEMORY;
        case SHORT:
            return progress;
        case FAULTED:
            cp_fault(q, &fault, "SDMA packet", report);
            return CP_IDLE;
        }
    }
    return progress;
}

/* SPDX-License-Identifier: MIT */
/*
 * The state of a wave and of its workgroup as op functions see it, and the dispatch that made them. Owned
 * by the executor (exec.c). A wave is run by one host thread at a time; nothing in it is atomic.
 */
#ifndef SG_WAVE_H
#define SG_WAVE_H

#include "device.h"
#include "inst.h"

#include <string.h>

enum { SG_LANES = 64 };

/* Numbers in the scalar register file (ISA document, "SGPR" operand codes). */
enum {
    SG_S_FLAT_SCRATCH = 102,
    SG_S_XNACK_MASK = 104,
    SG_S_VCC = 106,
    SG_S_TTMP0 = 108,
    SG_S_M0 = 124,
    SG_S_EXEC = 126,
};

struct sg_gws;       /* gws.h */
struct sg_code_page; /* code.h: 4 KiB of code, decoded */
struct sg_workgroup;

struct sg_wave {
    const struct sg_inst *ip;          /* next instruction, a slot of page */
    const struct sg_code_page *page;
    uint32_t (*v)[SG_LANES];           /* VGPRs; AccVGPRs behind them; 64-byte aligned */
    uint32_t s[128];                   /* SGPRs by operand code: VCC, M0, EXEC are in here too */
    bool scc;
    uint8_t lane_count;                /* lanes that exist: the last wave of a workgroup can be partial */
    uint16_t vgpr_count, sgpr_count;   /* allocated */
    uint32_t mode;                     /* MODE register: round and denormal bits, DX10_CLAMP, IEEE, ... */
    uint32_t trapsts, status;          /* hardware registers as s_getreg shows them */
    struct sg_workgroup *group;
    uint32_t index_in_group;
    uint64_t instructions, vector_instructions; /* executed; the scheduler adds them up */
    struct sg_memory_fault fault;      /* valid after SG_FAULT */
    /* EXEC as one all-ones or all-zeros word per lane, for branch-free blends; kept by sg_exec_lanes(). */
    uint64_t exec_expanded;            /* the EXEC value that exec_lanes stands for */
    _Alignas(64) uint32_t exec_lanes[SG_LANES];
    struct sg_tlb *tlb;                /* of the host thread that runs the wave now */
    /* The executor's own: */
    const struct sg_inst *current;     /* the instruction that runs now */
    uint8_t run_state;                 /* exec.c */
    bool stored;                       /* wrote memory since the last fence: sg_wave_acquire() */
    uint32_t sync_ops;                 /* atomics, coherent loads, clock reads: how a spinning wave is told */
    uint32_t scratch_slot;
    uint64_t scratch_base;             /* of this wave's private memory, for the private aperture */
    uint32_t message_count;
    bool gws_waits;                    /* at a ds_gws_barrier that had opened gws_opened times when it came */
    uint32_t gws_opened;
    uint32_t message[4];               /* event ids that s_sendmsg raised, not delivered yet */
};

/*
 * s_sendmsg(MSG_INTERRUPT): raise the event id. The driver is told when the wave's turn ends; return what
 * this returns, so that it ends soon.
 */
enum sg_next sg_wave_interrupt(struct sg_wave *w, uint32_t event_id);

/*
 * Later reads of this wave see what others wrote before; its own earlier writes are visible to all. x86 keeps
 * every order but write before read: one fence, and only after a write.
 */
static inline void sg_wave_acquire(struct sg_wave *w)
{
    w->sync_ops++;
    if (w->stored) /* a locked exchange is a full fence on x86, and one that ThreadSanitizer knows */
        (void)__atomic_exchange_n(&w->stored, false, __ATOMIC_SEQ_CST);
}

static inline uint64_t sg_s64(const struct sg_wave *w, unsigned reg)
{
    return (uint64_t)w->s[reg + 1] << 32 | w->s[reg];
}

static inline void sg_set_s64(struct sg_wave *w, unsigned reg, uint64_t value)
{
    w->s[reg] = (uint32_t)value;
    w->s[reg + 1] = (uint32_t)(value >> 32);
}

static inline uint64_t sg_exec(const struct sg_wave *w)
{
    return sg_s64(w, SG_S_EXEC);
}

struct sg_workgroup {
    struct sg_dispatch *dispatch;
    uint32_t id[3];
    uint32_t cu;                       /* number of the compute unit, as bits of a CU mask count them */
    uint32_t wave_count;
    uint32_t lds_bytes;
    uint8_t *lds;                      /* 64-byte aligned; lds_bytes long, followed by 64 zero bytes */
    struct sg_wave *waves;
};

/* ---- a kernel dispatch: made by the packet processor (cp), executed by exec ---------------------- */

enum sg_dispatch_result { SG_DISPATCH_DONE, SG_DISPATCH_FAULT, SG_DISPATCH_TRAP, SG_DISPATCH_ILLEGAL, SG_DISPATCH_CANCELLED };

struct sg_dispatch {
    /* Set by cp before sg_exec_submit(): */
    struct sg_device *dev;
    struct sg_vm *vm;
    uint32_t queue_id, priority;
    uint64_t packet_va;                /* AQL packet, for dispatch_ptr */
    uint64_t queue_va;                 /* amd_queue_t, for queue_ptr; 0 for PM4 queues */
    uint64_t dispatch_id;              /* packet index */
    uint64_t kernarg_va;
    uint32_t grid[3];                  /* work-items */
    uint16_t group[3];                 /* work-items in a workgroup, each >= 1 */
    uint32_t group_segment_bytes;      /* LDS asked for by the packet */
    uint32_t private_segment_bytes;    /* scratch per work-item asked for by the packet */
    uint64_t code_va;                  /* first instruction */
    uint32_t rsrc1, rsrc2, rsrc3;      /* COMPUTE_PGM_RSRC1..3 from the kernel descriptor */
    uint16_t kernel_code_properties;
    uint64_t lds_aperture, scratch_aperture;
    uint32_t scratch_srd[4];           /* from amd_queue_t: the private segment buffer */
    uint64_t scratch_va;               /* backing memory, flat_scratch_init */
    uint64_t scratch_bytes_per_wave;   /* slot size of one wave */
    uint32_t scratch_waves;            /* slots: never run more waves with scratch at once */
    uint64_t trap_handler_va, trap_memory_va;
    struct sg_gws *gws;                /* NULL: the queue has no global wave sync */
    uint32_t cu_mask[SG_MAX_CUS / 32]; /* compute units that may run it; all zero: every one */
    const uint32_t *user_sgprs;        /* PM4 queues: COMPUTE_USER_DATA; NULL for AQL */
    uint32_t user_sgpr_words;
    /* Called once, from an executor thread, with no lock held. result != DONE: fault says what happened. */
    void (*done)(struct sg_dispatch *dispatch, enum sg_dispatch_result result, const struct sg_memory_fault *fault);
    void *owner;                       /* cp's own */
    /* exec's own: */
    void *exec_state;
    uint64_t serial;                   /* counts dispatches of the process */
};

struct sg_exec; /* the threads that run waves; one per device, made by sg_device_create */

/* Copies nothing: the dispatch stays valid until done(). Never blocks for execution. */
int sg_exec_submit(struct sg_exec *exec, struct sg_dispatch *dispatch);
/*
 * Called with no lock held, by the one thread that submits dispatches time and again: run the small ones that it has
 * submitted since, for a bounded time, and call their done(). From the first call on its small dispatches wake no
 * other thread, so another call must follow soon after each of them. False: there was nothing to run.
 */
bool sg_exec_assist(struct sg_exec *exec);
/*
 * Stop the waves of all dispatches of one queue at an instruction boundary and drop them; done(CANCELLED). Does not
 * wait: each dispatch's done() comes soon, perhaps from the calling thread before this returns.
 */
void sg_exec_cancel(struct sg_exec *exec, uint32_t queue_id);
/* While the device is paused: whether the dispatches of one queue that are in flight go on after the pause. */
void sg_exec_suspend(struct sg_exec *exec, uint32_t queue_id, bool suspended);

/* ---- reading and writing GPU memory outside of waves: packet processors ------------------------- */

/* Copies through the page table. On a fault nothing more is copied: false, *fault filled (va, reason, write). */
bool sg_vm_read(const struct sg_vm *vm, uint64_t va, void *to, size_t bytes, struct sg_memory_fault *fault);
bool sg_vm_write(const struct sg_vm *vm, uint64_t va, const void *from, size_t bytes, struct sg_memory_fault *fault);

#endif

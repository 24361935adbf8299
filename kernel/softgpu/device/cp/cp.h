/* SPDX-License-Identifier: MIT */
/*
 * Inside of the packet processors (cp/ only): the engine with its thread, the queues, and what AQL,
 * PM4 and SDMA share. The rest of the device layer sees none of it: queues come in through
 * device.h, waves go out through sg_exec_submit(), pausing goes through struct sg_queue_side.
 *
 * Locks, in this order: sg_queue.lock, held by the thread that advances the queue, then
 * sg_cp.list_lock. The driver is called (events, faults) with none held, outside
 * of the pause gate, because it may pause the device or destroy the queue at that moment.
 */
#ifndef SG_CP_H
#define SG_CP_H

#include "device_impl.h"

#include <pthread.h>

/* ---- what a step of a queue came to ------------------------------------------------------------
 */

enum cp_progress {
    CP_IDLE,        /* nothing to do until the doorbell rings */
    CP_WAIT_WAVES,  /* until a dispatch ends: its completion goes on with the queue */
    CP_WAIT_MEMORY, /* until memory changes: a signal, a header, a polled word */
    CP_MORE,        /* went on and can go on */
};

enum { CP_REPORT_EVENTS = 32, CP_SLOTS = 64 };

/* What the driver has to be told once no lock is held. */
struct cp_report {
    uint32_t event_count;
    uint32_t events[CP_REPORT_EVENTS];
    bool faulted;
    struct sg_vm *vm; /* whose queues must stop */
    struct sg_memory_fault fault;
};

static inline void cp_report_event(struct cp_report *report, uint32_t event_id)
{
    if (report->event_count < CP_REPORT_EVENTS)
        report->events[report->event_count++] = event_id;
    else
        report->events[0] = 0; /* 0 stands for any event: none is lost */
}

/* ---- queues ------------------------------------------------------------------------------------
 */

enum cp_slot_state { CP_SLOT_FREE, CP_SLOT_RUNNING, CP_SLOT_DEFERRED, CP_SLOT_DONE };

/* A packet that was launched and is not retired yet. */
struct cp_slot {
    struct sg_dispatch dispatch;
    struct sg_queue *queue;
    enum cp_slot_state state;
    enum sg_dispatch_result result; /* of a deferred one: the device was paused when it ended */
    struct sg_memory_fault fault;
    uint64_t completion_signal;
    uint64_t start_ts;
    bool scratch_once;       /* give the queue's scratch back to ROCr afterwards */
    uint32_t user_sgprs[16]; /* PM4 */
};

enum cp_scratch_state { CP_SCRATCH_NONE, CP_SCRATCH_REQUESTED, CP_SCRATCH_RECLAIM };

enum { CP_PM4_DEPTH = 3, CP_SH_REGS = 0x400 };

/* Where the PM4 parser reads: the ring, or an indirect buffer. Positions count dwords. */
struct cp_pm4_level {
    uint64_t va;
    uint64_t dwords; /* ring: its size, positions wrap */
    uint64_t at, end;
};

struct cp_pm4 {
    unsigned depth; /* levels in use; 0: nothing to parse */
    struct cp_pm4_level level[CP_PM4_DEPTH];
    uint32_t sh[CP_SH_REGS]; /* SET_SH_REG space: compute registers from 0x200 on */
};

struct sg_queue {
    struct sg_cp *cp;
    struct sg_queue_config config;     /* cu_mask is NULL: see the next line */
    uint32_t cu_mask[SG_MAX_CUS / 32]; /* of compute units that exist */
    bool no_cu;                        /* the mask leaves none: no kernel starts */
    pthread_mutex_t lock;
    unsigned refs;  /* under cp->list_lock: the engine's step, and one per dispatch in flight */
    bool halted;    /* for good: fault or queue error */
    bool suspended; /* changes only while the device is paused */
    bool destroying;
    uint32_t list_priority; /* under cp->list_lock: what the list is ordered by */
    uint64_t doorbell;      /* last value seen */
    uint64_t limit;         /* packets (AQL), bytes (SDMA), dwords (PM4) submitted */
    uint64_t next;          /* next to launch, same unit */
    uint64_t read;          /* retired, same unit */
    uint32_t in_flight;     /* dispatches submitted and not completed */
    bool deferred;          /* some slot is CP_SLOT_DEFERRED */
    enum cp_scratch_state scratch;
    bool exclusive; /* AQL: a dispatch with single-use scratch runs; nothing may start beside it */
    uint64_t amd_queue_va;      /* amd_queue_t, 0 if there is none */
    uint64_t packet_done_bytes; /* SDMA: how far the packet at `read` has come */
    unsigned ib_depth;          /* SDMA: inside of an indirect buffer */
    uint64_t ib_va, ib_bytes, ib_at;
    struct cp_pm4 pm4;
    bool vendor_ib; /* AQL: the packet at `next` is a PM4 buffer that is being worked on */
    struct cp_slot slots[CP_SLOTS];
};

static inline bool cp_queue_active(const struct sg_queue *q)
{
    return !q->halted && !q->destroying && q->config.percent != 0 && q->config.ring_bytes != 0;
}

/* ---- the engine --------------------------------------------------------------------------------
 */

struct sg_cp {
    struct sg_device *dev;
    pthread_mutex_t list_lock;
    pthread_cond_t released; /* a reference to a queue was dropped */
    struct sg_queue **queues;
    size_t queue_count, queue_capacity;
    struct sg_vm *faulted_vm; /* under list_lock: its queues are to be halted by the engine */
    pthread_t thread;
    bool thread_runs;
    _Atomic uint32_t stop;
    /* The pause gate: `inside` counts threads that may touch memory for a packet. */
    _Atomic uint32_t paused, inside;
    /* The engine's futex: odd while it sleeps. */
    _Atomic uint32_t sleeping;
};

/* The device's engine, made at the first call. NULL with errno set. */
struct sg_cp *cp_engine(struct sg_device *dev);
/* False if the device is paused: then nothing may be touched. */
bool cp_gate_enter(struct sg_cp *cp);
void cp_gate_leave(struct sg_cp *cp);
/* Something changed that the engine may be waiting for. */
void cp_kick(struct sg_cp *cp);
/* Tell the driver. No lock held, outside of the gate. */
void cp_deliver(struct sg_cp *cp, const struct cp_report *report);
void cp_queue_get(struct sg_queue *q);
void cp_queue_put(struct sg_queue *q);

/* Stop the queue at once, all others of its address space soon; the driver learns the fault. */
void cp_fault(struct sg_queue *q, const struct sg_memory_fault *fault, const char *what,
              struct cp_report *report);
void cp_count(_Atomic uint64_t *counter, uint64_t by);

/* One queue, one step; q->lock held, inside of the gate. */
enum cp_progress cp_queue_step(struct sg_queue *q, struct cp_report *report);
/* Submitted up to where: reads the doorbell. */
void cp_read_doorbell(struct sg_queue *q);

enum cp_progress cp_aql_step(struct sg_queue *q, struct cp_report *report);
enum cp_progress cp_sdma_step(struct sg_queue *q, struct cp_report *report);
enum cp_progress cp_pm4_step(struct sg_queue *q, struct cp_report *report);
/* Work on q->pm4 until its levels are empty (CP_IDLE) or something must be waited for. */
enum cp_progress cp_pm4_run(struct sg_queue *q, struct cp_report *report);
void cp_pm4_push(struct sg_queue *q, uint64_t va, uint64_t dwords);

/* ---- dispatches --------------------------------------------------------------------------------
 */

/* Hand a slot whose dispatch is filled in to the executor. */
void cp_launch(struct sg_queue *q, struct cp_slot *slot);
/* A slot's dispatch has ended: signal, error or fault. q->lock held, inside of the gate. */
void cp_finish(struct sg_queue *q, struct cp_slot *slot, enum sg_dispatch_result result,
               const struct sg_memory_fault *fault, struct cp_report *report);
/* Finish what ended while the device was paused. */
void cp_finish_deferred(struct sg_queue *q, struct cp_report *report);
/* Give the slots at the front of an AQL queue back to the producer. */
void cp_aql_retire(struct sg_queue *q, struct cp_report *report);

/* ---- signals and queue errors ------------------------------------------------------------------
 */

/* Bits of the queue-inactive signal as ROCr's queue error handler knows them. */
enum cp_queue_error {
    CP_ERROR_SCRATCH = 1,
    CP_ERROR_DIMENSION = 2,
    CP_ERROR_GROUP_MEMORY = 4,
    CP_ERROR_CODE = 8,
    CP_ERROR_PACKET = 32,
    CP_ERROR_GROUP_SIZE = 64,
    CP_ERROR_REGISTERS = 128,
    CP_ERROR_VENDOR_PACKET = 256,
    CP_SCRATCH_RECLAIMED = 512,
    CP_ERROR_APERTURE = 0x20000000,
    CP_ERROR_ILLEGAL = 0x40000000,
    CP_ERROR_TRAP = 0x80000000u,
};

/* Timestamps, decrement, mailbox, event. False: the signal is not mapped, *fault filled. */
bool cp_signal_complete(struct sg_queue *q, uint64_t signal_va, uint64_t start_ts, uint64_t end_ts,
                        struct cp_report *report, struct sg_memory_fault *fault);
bool cp_signal_load(struct sg_queue *q, uint64_t signal_va, int64_t *value,
                    struct sg_memory_fault *fault);
/* Write the queue-inactive signal. False: the queue has none. */
bool cp_inactive_signal_set(struct sg_queue *q, uint64_t value, struct cp_report *report);
/* Its value now; 0 if there is none. */
uint64_t cp_inactive_signal_get(struct sg_queue *q);
/* Find amd_queue_t behind the read pointer. */
void cp_find_amd_queue(struct sg_queue *q);

/* ---- memory: single words, atomic if aligned ---------------------------------------------------
 */

bool cp_load16(const struct sg_vm *vm, uint64_t va, uint16_t *value, struct sg_memory_fault *fault);
bool cp_load32(const struct sg_vm *vm, uint64_t va, uint32_t *value, struct sg_memory_fault *fault);
bool cp_load64(const struct sg_vm *vm, uint64_t va, uint64_t *value, struct sg_memory_fault *fault);
bool cp_store16(const struct sg_vm *vm, uint64_t va, uint16_t value, struct sg_memory_fault *fault);
bool cp_store32(const struct sg_vm *vm, uint64_t va, uint32_t value, struct sg_memory_fault *fault);
bool cp_store64(const struct sg_vm *vm, uint64_t va, uint64_t value, struct sg_memory_fault *fault);
bool cp_add64(const struct sg_vm *vm, uint64_t va, uint64_t by, struct sg_memory_fault *fault);

/* A read-modify-write by the memory system's operation code (TC_OP of the GFX9 register enums). */
enum cp_atomic_result { CP_ATOMIC_DONE, CP_ATOMIC_RETRY, CP_ATOMIC_FAULT };
enum cp_atomic_result cp_atomic(const struct sg_vm *vm, uint32_t op, uint64_t va, uint64_t source,
                                uint64_t compare, bool loop, struct sg_memory_fault *fault);

/* The comparison of POLL_REGMEM and WAIT_REG_MEM: 0 always, 1 <, 2 <=, 3 ==, 4 !=, 5 >=, 6 >. */
bool cp_compare(unsigned function, uint64_t value, uint64_t reference);

#endif

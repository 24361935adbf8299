/* SPDX-License-Identifier: MIT */
/*
 * A dispatch in flight and a resident workgroup, as exec.c (scheduling) and launch.c (initial
 * state) share them. Nobody else includes this.
 */
#ifndef SG_EXEC_IMPL_H
#define SG_EXEC_IMPL_H

#include "code_impl.h"
#include "device_impl.h"

enum {
    SG_GROUP_ITEMS_MAX = 1024,
    SG_GROUP_WAVES_MAX = SG_GROUP_ITEMS_MAX / SG_LANES,
    SG_USER_SGPRS_MAX = 32,
};

/*
 * Memory of this type is only freed with the executor: a worker may look at a state that has ended,
 * or that serves another dispatch by now. `remaining` alone decides what it gets.
 */
struct sg_dispatch_state {
    /* Written by all workers: on a cache line of their own. */
    _Alignas(64) _Atomic int64_t remaining; /* workgroups not handed out; <= 0: none */
    _Atomic uint64_t finished;
    /* Read by all workers. */
    _Alignas(64) _Atomic uint32_t stop; /* 0: go on; else 1 + enum sg_dispatch_result */
    _Atomic bool suspended;             /* changes only while the executor is paused */
    struct sg_dispatch *dispatch;
    struct sg_code *code;
    struct sg_memory_fault fault; /* by whoever set stop */
    struct sg_dispatch_state *next;
    uint64_t started_ms; /* when it was submitted, for the watchdog */
    uint64_t total;
    uint32_t groups[3];
    uint32_t group_waves, group_items; /* of a full workgroup */
    uint32_t lds_bytes;
    uint32_t vgprs;        /* architectural ones that a wave has */
    uint32_t resident_max; /* workgroups on one worker */
    uint32_t cu_count;     /* compute units that the queue's mask leaves: workgroups go round */
    uint16_t cus[SG_MAX_CUS];
    bool uses_scratch;
    bool small; /* under the executor's lock: the helper may take workgroups of it */
    struct sg_scratch_pool *scratch;
    /* Initial registers: those that are the same for all waves. */
    uint32_t sgpr[SG_USER_SGPRS_MAX];
    uint32_t user_sgprs;
    uint32_t mode;
    bool packed_ids;
    uint32_t id_vgprs; /* 1..3; packed: 1 */
    _Alignas(64) uint32_t
        ids[3][SG_GROUP_ITEMS_MAX]; /* work-item ids of a full workgroup, as VGPRs hold them */
};

/* A workgroup on a worker, and the memory that it leaves to its successor. */
struct sg_resident {
    struct sg_workgroup group;
    struct sg_dispatch_state *state;
    uint32_t running, at_barrier; /* waves */
    bool started;                 /* of an orphan; if not, it stands for workgroup `index` */
    uint64_t index;
    uint32_t wave_capacity, vgpr_rows;
    uint32_t (*vgprs)[SG_LANES];
    uint8_t *lds;             /* 64 KiB and some */
    struct sg_resident *next; /* in the worker's list of free ones, or among the orphans */
};

enum sg_run_state { SG_RUN, SG_WAITS_AT_BARRIER, SG_ENDED };

/* launch.c. -EINVAL: a workgroup or grid that the hardware could not launch. */
int sg_launch_prepare(struct sg_dispatch_state *state, uint32_t compute_units, uint32_t threads);
/* Memory for a workgroup of this dispatch. False: none. */
bool sg_launch_reserve(struct sg_resident *resident, const struct sg_dispatch_state *state);
/* Scratch slots must have been set in the waves; sg_vm_enter() is held. */
void sg_launch_group(struct sg_resident *resident, struct sg_dispatch_state *state, uint64_t index);
uint32_t sg_launch_wave_count(const struct sg_dispatch_state *state, uint64_t index);

#endif

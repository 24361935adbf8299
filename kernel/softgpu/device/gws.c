/* SPDX-License-Identifier: MIT */
/*
 * ds_gws_*: barriers and semaphores over all waves of a dispatch (Vega ISA document, "DS_GWS_INIT"
 * and following). Changes the resources with compare-and-swap only and never blocks: a wave that
 * must wait executes the same instruction again at its next turn, so that its worker can run, or
 * take, the waves that it waits for.
 */
#include "gws.h"

#include "isa/operand.h"

static uint64_t pack(int32_t counter, uint32_t opened)
{
    return (uint64_t)opened << 32 | (uint32_t)counter;
}

static int32_t counter_of(uint64_t state)
{
    return (int32_t)(uint32_t)state;
}

static uint32_t opened_of(uint64_t state)
{
    return (uint32_t)(state >> 32);
}

/* AMDGPU backend, SITargetLowering: the resource is M0[21:16] plus the offset, modulo 64. */
static _Atomic uint64_t *resource(const struct sg_wave *w, const struct sg_inst *inst)
{
    struct sg_gws *gws = w->group->dispatch->gws;
    char text[96];
    if (!gws)
        sg_unimplemented("%s on a queue that has no global wave sync (ALLOC_QUEUE_GWS)",
                         sg_inst_text(inst, text, sizeof(text)));
    uint32_t id = (w->s[SG_S_M0] >> 16 & 63) + (uint32_t)inst->mem.offset;
    return &gws->resource[id % SG_GWS_RESOURCES];
}

/* Of the first active lane; of lane 0 if there is none. */
static int32_t value(const struct sg_wave *w, const struct sg_inst *inst)
{
    uint64_t exec = sg_exec(w);
    return (int32_t)w->v[inst->mem.vaddr][exec ? __builtin_ctzll(exec) : 0];
}

static enum sg_next again(struct sg_wave *w, const struct sg_inst *inst)
{
    w->ip = inst;
    w->instructions--; /* counted once, when it succeeds */
    return SG_YIELD;
}

static enum sg_next op_ds_gws_init(struct sg_wave *w, const struct sg_inst *inst)
{
    _Atomic uint64_t *r = resource(w, inst);
    uint64_t seen = atomic_load(r);
    while (!atomic_compare_exchange_weak(r, &seen, pack(value(w, inst), opened_of(seen))))
        ;
    return SG_NEXT;
}

/* The counter is the number of waves that are still to come after this one; the last one loads it
 * for the next barrier and lets all go. */
static enum sg_next op_ds_gws_barrier(struct sg_wave *w, const struct sg_inst *inst)
{
    _Atomic uint64_t *r = resource(w, inst);
    uint64_t seen = atomic_load(r), next;
    sg_wave_acquire(w);
    if (w->gws_waits) {
        w->gws_waits = opened_of(seen) == w->gws_opened;
        return w->gws_waits ? again(w, inst) : SG_NEXT;
    }
    do {
        bool last = counter_of(seen) <= 0;
        next = last ? pack(value(w, inst), opened_of(seen) + 1)
                    : pack(counter_of(seen) - 1, opened_of(seen));
    } while (!atomic_compare_exchange_weak(r, &seen, next));
    if (opened_of(next) != opened_of(seen))
        return SG_NEXT;
    w->gws_waits = true;
    w->gws_opened = opened_of(seen);
    return again(w, inst);
}

static enum sg_next release(struct sg_wave *w, const struct sg_inst *inst, int32_t by)
{
    _Atomic uint64_t *r = resource(w, inst);
    uint64_t seen = atomic_load(r);
    sg_wave_acquire(w);
    while (!atomic_compare_exchange_weak(
        r, &seen, pack((int32_t)((uint32_t)counter_of(seen) + (uint32_t)by), opened_of(seen))))
        ;
    return SG_NEXT;
}

static enum sg_next op_ds_gws_sema_v(struct sg_wave *w, const struct sg_inst *inst)
{
    return release(w, inst, 1);
}

static enum sg_next op_ds_gws_sema_br(struct sg_wave *w, const struct sg_inst *inst)
{
    return release(w, inst, value(w, inst));
}

static enum sg_next op_ds_gws_sema_p(struct sg_wave *w, const struct sg_inst *inst)
{
    _Atomic uint64_t *r = resource(w, inst);
    uint64_t seen = atomic_load(r);
    sg_wave_acquire(w);
    do {
        if (counter_of(seen) <= 0)
            return again(w, inst);
    } while (!atomic_compare_exchange_weak(r, &seen, pack(counter_of(seen) - 1, opened_of(seen))));
    return SG_NEXT;
}

/* ds_gws_sema_release_all counts the waves in the semaphore's queue, which is not kept here: it
 * stays without a function, and the decoder lets it stop the program with a message. */
static const struct sg_op_entry entries[] = {
    {.mnemonic = "ds_gws_init", .fn = op_ds_gws_init},
    {.mnemonic = "ds_gws_barrier", .fn = op_ds_gws_barrier},
    {.mnemonic = "ds_gws_sema_v", .fn = op_ds_gws_sema_v},
    {.mnemonic = "ds_gws_sema_br", .fn = op_ds_gws_sema_br},
    {.mnemonic = "ds_gws_sema_p", .fn = op_ds_gws_sema_p},
};
const struct sg_op_set sg_ops_gws = {entries, sizeof(entries) / sizeof(entries[0])};

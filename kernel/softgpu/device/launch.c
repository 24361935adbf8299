/* SPDX-License-Identifier: MIT */
/*
 * What registers, LDS and EXEC hold when a workgroup starts, from the kernel's COMPUTE_PGM_RSRC
 * words (AMDGPU usage document, "Initial Kernel Execution State"; order: facts/softgpu-bringup.md).
 * Knows nothing of threads.
 */
#include "exec_impl.h"

#include <errno.h>
#include <stdlib.h>

static uint32_t bits(uint32_t word, unsigned low, unsigned count)
{
    return word >> low & ((1u << count) - 1);
}

static uint32_t round_up(uint32_t value, uint32_t unit)
{
    return (value + unit - 1) / unit * unit;
}

/* enum amd_kernel_code_properties: which user SGPRs the kernel wants, in this order. */
enum {
    WANT_PRIVATE_SEGMENT_BUFFER = 1u << 0,
    WANT_DISPATCH_PTR = 1u << 1,
    WANT_QUEUE_PTR = 1u << 2,
    WANT_KERNARG_SEGMENT_PTR = 1u << 3,
    WANT_DISPATCH_ID = 1u << 4,
    WANT_FLAT_SCRATCH_INIT = 1u << 5,
    WANT_PRIVATE_SEGMENT_SIZE = 1u << 6,
};

static void put64(uint32_t *sgpr, unsigned *at, uint64_t value)
{
    sgpr[(*at)++] = (uint32_t)value;
    sgpr[(*at)++] = (uint32_t)(value >> 32);
}

static void fill_user_sgprs(struct sg_dispatch_state *state)
{
    const struct sg_dispatch *d = state->dispatch;
    uint32_t want = d->kernel_code_properties, *sgpr = state->sgpr;
    unsigned at = 0;
    memset(sgpr, 0, sizeof(state->sgpr));
    state->user_sgprs = bits(d->rsrc2, 1, 5);
    if (d->user_sgprs) {
        uint32_t words =
            d->user_sgpr_words < SG_USER_SGPRS_MAX ? d->user_sgpr_words : SG_USER_SGPRS_MAX;
        memcpy(sgpr, d->user_sgprs, words * sizeof(*sgpr));
        return;
    }
    if (want & WANT_PRIVATE_SEGMENT_BUFFER) {
        memcpy(sgpr, d->scratch_srd, sizeof(d->scratch_srd));
        at = 4;
    }
    if (want & WANT_DISPATCH_PTR)
        put64(sgpr, &at, d->packet_va);
    if (want & WANT_QUEUE_PTR)
        put64(sgpr, &at, d->queue_va);
    if (want & WANT_KERNARG_SEGMENT_PTR)
        put64(sgpr, &at, d->kernarg_va);
    if (want & WANT_DISPATCH_ID)
        put64(sgpr, &at, d->dispatch_id);
    if (want & WANT_FLAT_SCRATCH_INIT)
        put64(sgpr, &at, d->scratch_va);
    if (want & WANT_PRIVATE_SEGMENT_SIZE)
        sgpr[at] = d->private_segment_bytes;
}

/* Work-item ids in the order in which lanes get them, for a workgroup of these extents. */
static void fill_ids(uint32_t ids[3][SG_GROUP_ITEMS_MAX], const uint32_t size[3], bool packed)
{
    unsigned item = 0;
    for (uint32_t z = 0; z < size[2]; z++) {
        for (uint32_t y = 0; y < size[1]; y++) {
            for (uint32_t x = 0; x < size[0]; x++, item++) {
                ids[0][item] = packed ? x | y << 10 | z << 20 : x;
                ids[1][item] = y;
                ids[2][item] = z;
            }
        }
    }
}

/* Workgroups of this dispatch that one CU holds at a time, as HIP's occupancy calculator sees it.
 */
static uint32_t groups_per_cu(const struct sg_dispatch_state *state, const struct sg_arch *arch)
{
    uint32_t accums = arch->has_accvgpr ? 8 : 4;
    uint32_t allocated = (bits(state->dispatch->rsrc1, 0, 6) + 1) * accums;
    uint32_t per_simd = arch->max_vgprs / allocated;
    if (per_simd > arch->waves_per_simd)
        per_simd = arch->waves_per_simd;
    if (per_simd == 0)
        per_simd = 1;
    uint32_t groups = per_simd * arch->simds_per_cu / state->group_waves;
    if (state->lds_bytes && groups > arch->lds_bytes_per_cu / state->lds_bytes)
        groups = arch->lds_bytes_per_cu / state->lds_bytes;
    return groups ? groups : 1;
}

static void choose_cus(struct sg_dispatch_state *state, uint32_t compute_units)
{
    const uint32_t *mask = state->dispatch->cu_mask;
    uint32_t any = 0;
    for (uint32_t i = 0; i < SG_MAX_CUS / 32; i++)
        any |= mask[i];
    state->cu_count = 0;
    for (uint32_t cu = 0; cu < compute_units; cu++)
        if (!any || bits(mask[cu / 32], cu % 32, 1))
            state->cus[state->cu_count++] = (uint16_t)cu;
}

int sg_launch_prepare(struct sg_dispatch_state *state, uint32_t compute_units, uint32_t threads)
{
    const struct sg_dispatch *d = state->dispatch;
    const struct sg_arch *arch = d->dev->config.arch;
    uint32_t size[3];
    state->total = 1;
    for (int i = 0; i < 3; i++) {
        if (!d->grid[i] || !d->group[i])
            return -EINVAL;
        state->groups[i] = d->grid[i] / d->group[i] + (d->grid[i] % d->group[i] != 0);
        size[i] = d->group[i];
        if (__builtin_mul_overflow(state->total, state->groups[i], &state->total) ||
            state->total > INT64_MAX)
            return -EINVAL;
    }
    uint64_t items = (uint64_t)size[0] * size[1] * size[2];
    uint32_t lds = round_up(d->group_segment_bytes, 512);
    if (items > SG_GROUP_ITEMS_MAX || lds > arch->lds_bytes_per_cu)
        return -EINVAL;
    state->group_items = (uint32_t)items;
    state->group_waves = round_up(state->group_items, SG_LANES) / SG_LANES;
    state->lds_bytes = lds;
    state->vgprs = (bits(d->rsrc1, 0, 6) + 1) * (arch->has_accvgpr ? 8 : 4);
    state->uses_scratch = bits(d->rsrc2, 0, 1) && d->scratch_bytes_per_wave;
    /* MODE: float mode, DX10_CLAMP and IEEE from RSRC1, exception enables from RSRC2 */
    state->mode = bits(d->rsrc1, 12, 8) | bits(d->rsrc1, 21, 1) << 8 | bits(d->rsrc1, 23, 1) << 9 |
                  bits(d->rsrc2, 24, 7) << 12;
    state->packed_ids = arch->packed_work_item_ids;
    state->id_vgprs = state->packed_ids ? 1 : bits(d->rsrc2, 11, 2) + 1;
    if (state->id_vgprs > 3)
        state->id_vgprs = 3;
    fill_user_sgprs(state);
    fill_ids(state->ids, size, state->packed_ids);
    choose_cus(state, compute_units);
    state->resident_max = groups_per_cu(state, arch) * ((state->cu_count + threads - 1) / threads);
    return 0;
}

/* Rows of the register file: all registers that an instruction can name, so that a bad one stays
 * inside. */
static uint32_t rows_of(const struct sg_dispatch_state *state)
{
    return (state->dispatch->dev->config.arch->has_accvgpr ? 512 : 256) + 4;
}

bool sg_launch_reserve(struct sg_resident *resident, const struct sg_dispatch_state *state)
{
    uint32_t rows = rows_of(state);
    if (!resident->lds) {
        resident->lds = aligned_alloc(64, 64 * 1024 + 64);
        if (!resident->lds)
            return false;
        memset(resident->lds, 0, 64 * 1024 + 64);
    }
    if (resident->wave_capacity >= state->group_waves && resident->vgpr_rows == rows)
        return true;
    free(resident->vgprs);
    free(resident->group.waves);
    resident->wave_capacity = 0;
    size_t vgpr_bytes = (size_t)state->group_waves * rows * sizeof(resident->vgprs[0]);
    resident->vgprs = aligned_alloc(64, vgpr_bytes);
    size_t wave_bytes = state->group_waves * sizeof(struct sg_wave);
    resident->group.waves = aligned_alloc(64, wave_bytes);
    if (!resident->vgprs || !resident->group.waves)
        return false;
    memset(resident->group.waves, 0, wave_bytes);
    resident->vgpr_rows = rows;
    resident->wave_capacity = state->group_waves;
    return true;
}

/* Extents of workgroup `index`: those at the grid's far ends may be smaller. Returns work-items. */
static uint32_t group_extent(const struct sg_dispatch_state *state, uint64_t index, uint32_t id[3],
                             uint32_t size[3])
{
    const struct sg_dispatch *d = state->dispatch;
    uint32_t items = 1;
    for (int i = 0; i < 3; i++) {
        id[i] = (uint32_t)(index % state->groups[i]);
        index /= state->groups[i];
        uint32_t left = d->grid[i] - id[i] * d->group[i];
        size[i] = left < d->group[i] ? left : d->group[i];
        items *= size[i];
    }
    return items;
}

uint32_t sg_launch_wave_count(const struct sg_dispatch_state *state, uint64_t index)
{
    uint32_t id[3], size[3];
    return (group_extent(state, index, id, size) + SG_LANES - 1) / SG_LANES;
}

static void start_sgprs(struct sg_wave *w, const struct sg_dispatch_state *state,
                        const uint32_t id[3], uint32_t wave_count)
{
    const struct sg_dispatch *d = state->dispatch;
    unsigned at = state->user_sgprs;
    memcpy(w->s, state->sgpr, sizeof(state->sgpr));
    for (int i = 0; i < 3; i++) {
        if (bits(d->rsrc2, 7 + (unsigned)i, 1))
            w->s[at++] = id[i];
    }
    if (bits(d->rsrc2, 10, 1)) /* TGID size: first wave, number of waves */
        w->s[at++] = (w->index_in_group == 0 ? 1u << 31 : 0) | wave_count;
    if (bits(d->rsrc2, 0, 1))
        w->s[at++] = (uint32_t)(w->scratch_slot * d->scratch_bytes_per_wave);
    w->s[SG_S_FLAT_SCRATCH] = w->s[SG_S_FLAT_SCRATCH + 1] = 0;
    w->s[SG_S_XNACK_MASK] = w->s[SG_S_XNACK_MASK + 1] = 0;
    w->s[SG_S_VCC] = w->s[SG_S_VCC + 1] = 0;
    w->s[SG_S_M0] = 0;
}

static void start_wave(struct sg_wave *w, struct sg_dispatch_state *state, const uint32_t id[3],
                       uint32_t items, uint32_t ids[3][SG_GROUP_ITEMS_MAX])
{
    const struct sg_dispatch *d = state->dispatch;
    uint32_t first = w->index_in_group * SG_LANES;
    uint32_t lanes = items - first < SG_LANES ? items - first : SG_LANES;
    w->scc = false;
    w->lane_count = (uint8_t)lanes;
    w->vgpr_count = (uint16_t)state->vgprs;
    w->sgpr_count = (uint16_t)((bits(d->rsrc1, 6, 4) / 2 + 1) * 16);
    w->mode = state->mode;
    w->trapsts = 0;
    w->status = 0;
    w->instructions = w->vector_instructions = 0;
    w->run_state = SG_RUN;
    w->stored = false;
    w->sync_ops = 0;
    w->message_count = 0;
    w->gws_waits = false;
    w->scratch_base = d->scratch_va + w->scratch_slot * d->scratch_bytes_per_wave;
    start_sgprs(w, state, id, (items + SG_LANES - 1) / SG_LANES);
    sg_set_s64(w, SG_S_EXEC, lanes == SG_LANES ? UINT64_MAX : (UINT64_C(1) << lanes) - 1);
    for (uint32_t i = 0; i < state->id_vgprs; i++)
        memcpy(w->v[i], &ids[i][first], sizeof(w->v[i]));
}

void sg_launch_group(struct sg_resident *resident, struct sg_dispatch_state *state, uint64_t index)
{
    struct sg_workgroup *group = &resident->group;
    uint32_t size[3], items = group_extent(state, index, group->id, size);
    uint32_t partial[3][SG_GROUP_ITEMS_MAX];
    uint32_t(*ids)[SG_GROUP_ITEMS_MAX] = state->ids;
    if (items != state->group_items) {
        fill_ids(partial, size, state->packed_ids);
        ids = partial;
    }
    group->dispatch = state->dispatch;
    group->cu = state->cus[index % state->cu_count];
    group->wave_count = (items + SG_LANES - 1) / SG_LANES;
    group->lds_bytes = state->lds_bytes;
    group->lds = resident->lds;
    resident->state = state;
    resident->running = group->wave_count;
    resident->at_barrier = 0;
    for (uint32_t i = 0; i < group->wave_count; i++) {
        struct sg_wave *w = &group->waves[i];
        w->group = group;
        w->index_in_group = i;
        w->v = resident->vgprs + (size_t)i * resident->vgpr_rows;
        /* The address of the first instruction is the same for all: look it up once. */
        if (i == 0) {
            sg_code_start(state->code, w, state->dispatch->code_va);
        } else {
            w->page = group->waves[0].page;
            w->ip = group->waves[0].ip;
        }
        start_wave(w, state, group->id, items, ids);
    }
}

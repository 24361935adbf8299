/* SPDX-License-Identifier: MIT */
/*
 * Buffer instructions that convert: buffer_load_format_*, buffer_store_format_* with the format of
 * the resource, tbuffer_* with one of their own (Vega ISA document, "Vector Memory Buffer
 * Instructions"). Linear and structured buffers; private memory never comes this way, so a swizzled
 * resource stops the program.
 */
#include "texel.h"
#include "tlb.h"

#include "isa/operand.h"

struct typed {
    struct sg_texel texel;
    uint64_t base;
    uint32_t stride, records, scalar_offset;
};

static struct typed typed_of(const struct sg_wave *w, const struct sg_inst *inst, bool tbuffer)
{
    const uint32_t *d = &w->s[inst->mem.saddr];
    unsigned data = tbuffer ? inst->mem.dfmt : d[3] >> 15 & 0xf;
    unsigned number = tbuffer ? inst->mem.nfmt : d[3] >> 12 & 7;
    char text[128];
    struct typed t = {
        .texel = sg_texel_format(data, number, d[3]),
        .base = (uint64_t)(d[1] & 0xffff) << 32 | d[0],
        .stride = d[1] >> 16 & 0x3fff,
        .records = d[2],
        .scalar_offset = sg_scalar32(w, inst, inst->mem.soffset),
    };
    if (!t.texel.count)
        sg_unimplemented("data format %u of %s", data, sg_inst_text(inst, text, sizeof(text)));
    if (d[1] >> 31 || d[3] >> 23 & 1)
        sg_unimplemented("a swizzled resource: %s", sg_inst_text(inst, text, sizeof(text)));
    return t;
}

/* Where a lane's element lies. False: outside of the buffer. */
static bool element(const struct sg_wave *w, const struct sg_inst *inst, const struct typed *t,
                    unsigned lane, uint64_t *va)
{
    unsigned vaddr = inst->mem.vaddr;
    uint32_t index = inst->mem.idxen ? w->v[vaddr++][lane] : 0;
    uint32_t offset = (uint32_t)inst->mem.offset + (inst->mem.offen ? w->v[vaddr][lane] : 0);
    uint64_t linear = offset + (uint64_t)t->stride * index;
    uint64_t limit = t->records > t->scalar_offset ? t->records - t->scalar_offset : 0;
    *va = t->base + t->scalar_offset + linear;
    return t->stride ? index < t->records : linear + t->texel.bytes <= limit;
}

static uint32_t half_of(uint32_t value, const struct sg_texel *t)
{
    if (sg_texel_is_integer(t))
        return value & 0xffff;
    float f;
    uint16_t bits;
    memcpy(&f, &value, sizeof(f));
    _Float16 half = (_Float16)f;
    memcpy(&bits, &half, sizeof(bits));
    return bits;
}

static uint32_t whole_of(uint32_t bits, const struct sg_texel *t)
{
    uint16_t half_bits = (uint16_t)bits;
    if (t->number_format == SG_NUM_UINT)
        return half_bits;
    if (t->number_format == SG_NUM_SINT)
        return (uint32_t)(int16_t)half_bits;
    _Float16 half;
    float f;
    uint32_t value;
    memcpy(&half, &half_bits, sizeof(half));
    f = (float)half;
    memcpy(&value, &f, sizeof(value));
    return value;
}

/* How components lie in registers. */
enum packing { WORDS, HALVES, HIGH_HALF };

static inline uint32_t (*data_rows(const struct sg_wave *w, const struct sg_inst *inst))[SG_LANES]
{
    return w->v + inst->mem.vdata + (inst->mem.acc ? SG_SRC_ACC0 - SG_SRC_VGPR0 : 0);
}

static enum sg_next typed_load(struct sg_wave *w, const struct sg_inst *inst, bool tbuffer,
                               unsigned count, enum packing packing)
{
    struct typed t = typed_of(w, inst, tbuffer);
    uint32_t(*v)[SG_LANES] = data_rows(w, inst), value[SG_LANES][4];
    if (inst->mem.glc)
        sg_wave_acquire(w);
    for (uint64_t exec = sg_exec(w); exec; exec &= exec - 1) {
        unsigned lane = (unsigned)__builtin_ctzll(exec);
        uint8_t bytes[16] = {0};
        uint64_t va;
        bool inside = element(w, inst, &t, lane, &va);
        if (inside && !sg_mem_read_bytes(w, va, bytes, t.texel.bytes))
            return SG_FAULT;
        for (unsigned i = 0; i < 4; i++)
            value[lane][i] = inside ? sg_texel_load(&t.texel, bytes, i) : 0;
    }
    for (uint64_t exec = sg_exec(w); exec; exec &= exec - 1) {
        unsigned lane = (unsigned)__builtin_ctzll(exec);
        for (unsigned i = 0; i < count; i++) {
            uint32_t now = value[lane][i];
            if (packing == WORDS)
                v[i][lane] = now;
            else if (packing == HIGH_HALF)
                v[0][lane] = (v[0][lane] & 0xffff) | half_of(now, &t.texel) << 16;
            else if (i & 1)
                v[i / 2][lane] = (v[i / 2][lane] & 0xffff) | half_of(now, &t.texel) << 16;
            else /* a lone half leaves the other one as it is: "D16" of the ISA document */
                v[i / 2][lane] = (v[i / 2][lane] & 0xffff0000) | half_of(now, &t.texel);
        }
    }
    return SG_NEXT;
}

static enum sg_next typed_store(struct sg_wave *w, const struct sg_inst *inst, bool tbuffer,
                                unsigned count, enum packing packing)
{
    struct typed t = typed_of(w, inst, tbuffer);
    uint32_t(*v)[SG_LANES] = data_rows(w, inst);
    w->stored = true;
    /* Memory component i takes register component i; those that no register gives are zero. */
    for (unsigned i = 0; i < 4; i++)
        t.texel.select[i] = 4 + i;
    for (uint64_t exec = sg_exec(w); exec; exec &= exec - 1) {
        unsigned lane = (unsigned)__builtin_ctzll(exec);
        uint32_t value[4] = {0};
        uint8_t bytes[16];
        uint64_t va;
        for (unsigned i = 0; i < count; i++) {
            unsigned shift = packing == HIGH_HALF || (packing == HALVES && i & 1) ? 16 : 0;
            value[i] = packing == WORDS ? v[i][lane]
                                        : whole_of(v[i / 2][lane] >> shift & 0xffff, &t.texel);
        }
        sg_texel_store(&t.texel, value, bytes);
        if (element(w, inst, &t, lane, &va) && !sg_mem_write_bytes(w, va, bytes, t.texel.bytes))
            return SG_FAULT;
    }
    return SG_NEXT;
}

#define TYPED(X, prefix, tbuffer)                                                                  \
    X(prefix, load_format_x, typed_load, tbuffer, 1, WORDS)                                        \
    X(prefix, load_format_xy, typed_load, tbuffer, 2, WORDS)                                       \
    X(prefix, load_format_xyz, typed_load, tbuffer, 3, WORDS)                                      \
    X(prefix, load_format_xyzw, typed_load, tbuffer, 4, WORDS)                                     \
    X(prefix, store_format_x, typed_store, tbuffer, 1, WORDS)                                      \
    X(prefix, store_format_xy, typed_store, tbuffer, 2, WORDS)                                     \
    X(prefix, store_format_xyz, typed_store, tbuffer, 3, WORDS)                                    \
    X(prefix, store_format_xyzw, typed_store, tbuffer, 4, WORDS)                                   \
    X(prefix, load_format_d16_x, typed_load, tbuffer, 1, HALVES)                                   \
    X(prefix, load_format_d16_xy, typed_load, tbuffer, 2, HALVES)                                  \
    X(prefix, load_format_d16_xyz, typed_load, tbuffer, 3, HALVES)                                 \
    X(prefix, load_format_d16_xyzw, typed_load, tbuffer, 4, HALVES)                                \
    X(prefix, store_format_d16_x, typed_store, tbuffer, 1, HALVES)                                 \
    X(prefix, store_format_d16_xy, typed_store, tbuffer, 2, HALVES)                                \
    X(prefix, store_format_d16_xyz, typed_store, tbuffer, 3, HALVES)                               \
    X(prefix, store_format_d16_xyzw, typed_store, tbuffer, 4, HALVES)
#define HIGH(X)                                                                                    \
    X(buffer, load_format_d16_hi_x, typed_load, false, 1, HIGH_HALF)                               \
    X(buffer, store_format_d16_hi_x, typed_store, false, 1, HIGH_HALF)

#define FUNCTION(prefix, name, what, tbuffer, count, packing)                                      \
    static enum sg_next op_##prefix##_##name(struct sg_wave *w, const struct sg_inst *inst)        \
    {                                                                                              \
        return what(w, inst, tbuffer, count, packing);                                             \
    }
#define ENTRY(prefix, name, what, tbuffer, count, packing)                                         \
    {.mnemonic = #prefix "_" #name, .fn = op_##prefix##_##name},

TYPED(FUNCTION, buffer, false)
TYPED(FUNCTION, tbuffer, true)
HIGH(FUNCTION)

static const struct sg_op_entry entries[] = {
    /* clang-format off */
    TYPED(ENTRY, buffer, false)
    TYPED(ENTRY, tbuffer, true)
    HIGH(ENTRY)
    /* clang-format on */
};

const struct sg_op_set sg_ops_typed = {entries, sizeof(entries) / sizeof(entries[0])};

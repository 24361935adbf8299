/* SPDX-License-Identifier: MIT */
/*
 * image_load and image_store (Vega ISA document, "Vector Memory Image Instructions"; resource
 * descriptor: "Image Resource Definition"). HIP's copies to and from arrays are made of them.
 *
 * Every layout is treated as rows of `pitch` texels: of a swizzled image nobody but these
 * instructions sees the bytes, and the plain order needs no more of them than the allocation has.
 * Sampling, mip levels, cube maps, multi-sample and compressed formats are not implemented and stop
 * the program.
 */
#include "image.h"
#include "tlb.h"

#include <math.h>

enum { IMAGE_LOAD = 0x00, IMAGE_STORE = 0x08 };
enum { TYPE_1D = 8, TYPE_2D, TYPE_3D, TYPE_CUBE, TYPE_1D_ARRAY, TYPE_2D_ARRAY };
enum { UNORM, SNORM, USCALED, SSCALED, UINT, SINT, FLOAT = 7, SRGB = 9 };

/* Components and bits of each, by DATA_FORMAT; 0: not implemented. */
static const uint8_t components[64] = {
    [1] = 1, [2] = 1, [3] = 2, [4] = 1, [5] = 2, [10] = 4, [11] = 2, [12] = 4, [13] = 3, [14] = 4};
static const uint8_t component_bits[64] = {[1] = 8,  [2] = 16,  [3] = 8,   [4] = 32,  [5] = 16,
                                           [10] = 8, [11] = 32, [12] = 16, [13] = 32, [14] = 32};

struct image {
    uint64_t base;
    unsigned type, number_format, count, bits, bytes;
    uint32_t width, height, depth, pitch, first_slice;
    unsigned select[4]; /* 0, 1, or 4 + component of memory */
};

static struct image image_of(const struct sg_wave *w, unsigned sgpr)
{
    const uint32_t *d = &w->s[sgpr];
    unsigned data_format = d[1] >> 20 & 0x3f;
    struct image m = {
        .base = ((uint64_t)(d[1] & 0xff) << 32 | d[0]) << 8,
        .type = d[3] >> 28,
        .number_format = d[1] >> 26 & 0xf,
        .count = components[data_format],
        .bits = component_bits[data_format],
        .width = (d[2] & 0x3fff) + 1,
        .height = (d[2] >> 14 & 0x3fff) + 1,
        .depth = (d[4] & 0x1fff) + 1,
        .pitch = (d[4] >> 13 & 0xffff) + 1,
        .first_slice = d[5] & 0x1fff,
    };
    if (!m.count)
        sg_unimplemented("image with data format %u", data_format);
    if (m.type < TYPE_1D || m.type > TYPE_2D_ARRAY || m.type == TYPE_CUBE)
        sg_unimplemented("image of type %u", m.type);
    if (d[3] >> 12 & 0xff) /* BASE_LEVEL, LAST_LEVEL */
        sg_unimplemented("image with mip levels");
    m.bytes = m.count * m.bits / 8;
    for (unsigned i = 0; i < 4; i++)
        m.select[i] = d[3] >> (3 * i) & 7;
    if (m.type == TYPE_1D || m.type == TYPE_1D_ARRAY)
        m.height = 1;
    if (m.type == TYPE_1D || m.type == TYPE_2D) {
        m.depth = 1;
        m.first_slice = 0;
    }
    if (m.pitch < m.width)
        m.pitch = m.width;
    return m;
}

/* The texel of one lane. False: outside of the image. */
static bool texel(const struct image *m, const struct sg_wave *w, unsigned vaddr, unsigned lane,
                  uint64_t *va)
{
    uint32_t x = w->v[vaddr][lane], y = 0, z = 0;
    if (m->type == TYPE_1D_ARRAY)
        z = w->v[vaddr + 1][lane];
    else if (m->type != TYPE_1D)
        y = w->v[vaddr + 1][lane];
    if (m->type == TYPE_3D || m->type == TYPE_2D_ARRAY)
        z = w->v[vaddr + 2][lane];
    if (x >= m->width || y >= m->height || z >= m->depth - m->first_slice)
        return false;
    z += m->first_slice;
    *va = m->base + (((uint64_t)z * m->height + y) * m->pitch + x) * m->bytes;
    return true;
}

static uint32_t float_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

static float bits_float(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static uint32_t largest(unsigned bits)
{
    return bits == 32 ? UINT32_MAX : (1u << bits) - 1;
}

/* A component of memory as the register holds it. */
static uint32_t from_memory(const struct image *m, uint32_t raw)
{
    int32_t sraw = (int32_t)(raw << (32 - m->bits)) >> (32 - m->bits);
    float limit = (float)largest(m->bits), slimit = (float)largest(m->bits - 1);
    switch (m->number_format) {
    case UNORM:
        return float_bits((float)raw / limit);
    case SNORM:
        return float_bits(fmaxf((float)sraw / slimit, -1.0f));
    case USCALED:
        return float_bits((float)raw);
    case SSCALED:
        return float_bits((float)sraw);
    case UINT:
        return raw;
    case SINT:
        return (uint32_t)sraw;
    case FLOAT:
        if (m->bits == 16) {
            uint16_t half_bits = (uint16_t)raw;
            _Float16 half;
            memcpy(&half, &half_bits, sizeof(half));
            return float_bits((float)half);
        }
        if (m->bits == 32)
            return raw;
        break;
    default:
        break;
    }
    sg_unimplemented("image with number format %u of %u bits", m->number_format, m->bits);
}

/* And back; values outside of the format's range become its nearest. */
static uint32_t to_memory(const struct image *m, uint32_t value)
{
    uint32_t limit = largest(m->bits);
    int32_t high = (int32_t)largest(m->bits - 1), low = -high - 1;
    float f = bits_float(value);
    switch (m->number_format) {
    case UNORM:
        return (uint32_t)rint(fmin(fmax((double)f, 0.0), 1.0) * limit);
    case SNORM:
        return (uint32_t)(int32_t)rint(fmin(fmax((double)f, -1.0), 1.0) * high) & limit;
    case USCALED:
        return (uint32_t)fmin(fmax((double)f, 0.0), limit);
    case SSCALED:
        return (uint32_t)(int32_t)fmin(fmax((double)f, low), high) & limit;
    case UINT:
        return value > limit ? limit : value;
    case SINT: {
        int32_t s = (int32_t)value;
        return (uint32_t)(s < low ? low : s > high ? high : s) & limit;
    }
    case FLOAT:
        if (m->bits == 16) {
            _Float16 half = (_Float16)f;
            uint16_t half_bits;
            memcpy(&half_bits, &half, sizeof(half_bits));
            return half_bits;
        }
        if (m->bits == 32)
            return value;
        break;
    default:
        break;
    }
    sg_unimplemented("image with number format %u of %u bits", m->number_format, m->bits);
}

static uint32_t get_component(const struct image *m, const uint8_t *bytes, unsigned index)
{
    uint32_t raw = 0;
    memcpy(&raw, bytes + index * m->bits / 8, m->bits / 8);
    return from_memory(m, raw);
}

/* What destination component `i` of a load is. */
static uint32_t selected(const struct image *m, const uint8_t *bytes, unsigned i)
{
    unsigned select = m->select[i];
    if (select >= 4 && select - 4 < m->count)
        return get_component(m, bytes, select - 4);
    if (select == 1) /* one, of the image's kind */
        return m->number_format == UINT || m->number_format == SINT ? 1 : float_bits(1.0f);
    return 0;
}

static enum sg_next op_image_load(struct sg_wave *w, const struct sg_inst *inst)
{
    struct image m = image_of(w, inst->mem.saddr);
    static const uint8_t nothing[16];
    for (uint64_t exec = sg_exec(w); exec; exec &= exec - 1) {
        unsigned lane = (unsigned)__builtin_ctzll(exec), to = inst->mem.vdata;
        uint8_t bytes[16] = {0};
        uint64_t va;
        bool inside = texel(&m, w, inst->mem.vaddr, lane, &va);
        if (inside && !sg_mem_read_bytes(w, va, bytes, m.bytes))
            return SG_FAULT;
        for (unsigned i = 0; i < 4; i++) {
            if (inst->mem.dfmt >> i & 1)
                w->v[to++][lane] = selected(&m, inside ? bytes : nothing, i);
        }
    }
    return SG_NEXT;
}

static enum sg_next op_image_store(struct sg_wave *w, const struct sg_inst *inst)
{
    struct image m = image_of(w, inst->mem.saddr);
    w->stored = true;
    for (uint64_t exec = sg_exec(w); exec; exec &= exec - 1) {
        unsigned lane = (unsigned)__builtin_ctzll(exec), from = inst->mem.vdata;
        uint8_t bytes[16] = {0};
        uint64_t va;
        for (unsigned i = 0; i < 4; i++) {
            uint32_t value = inst->mem.dfmt >> i & 1 ? w->v[from++][lane] : 0;
            unsigned component = m.select[i] - 4; /* huge for the constants 0 and 1 */
            if (component >= m.count)
                continue;
            uint32_t raw = to_memory(&m, value);
            memcpy(bytes + component * m.bits / 8, &raw, m.bits / 8);
        }
        if (texel(&m, w, inst->mem.vaddr, lane, &va) && !sg_mem_write_bytes(w, va, bytes, m.bytes))
            return SG_FAULT;
    }
    return SG_NEXT;
}

bool sg_image_decode(struct sg_inst *inst, const uint32_t words[2])
{
    unsigned opcode = words[0] >> 18 & 0x7f;
    /* A16, TFE, LWE and D16 change the registers' layout. */
    if ((opcode != IMAGE_LOAD && opcode != IMAGE_STORE) || words[0] & (7u << 15) || words[1] >> 31)
        return false;
    inst->fn = opcode == IMAGE_LOAD ? op_image_load : op_image_store;
    inst->mem.vaddr = words[1] & 0xff;
    inst->mem.vdata = words[1] >> 8 & 0xff;
    inst->mem.saddr = (uint16_t)((words[1] >> 16 & 0x1f) * 4);
    inst->mem.dfmt = words[0] >> 8 & 0xf; /* DMASK */
    return true;
}

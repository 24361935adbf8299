/* SPDX-License-Identifier: MIT */
/*
 * image_load, image_store, image_sample and image_gather4 of one mip level (Vega ISA document,
 * "Vector Memory Image Instructions"; descriptors: "Image Resource Definition", "Sampler
 * Definition"). HIP's textures and its copies to and from arrays are made of them.
 *
 * Every layout is treated as rows of `pitch` texels: of a swizzled image nobody but these
 * instructions sees the bytes, and the plain order needs no more of them than the allocation has.
 * Mip levels, cube maps, multi-sample images, depth comparison, offsets and compressed formats are
 * not implemented and stop the program.
 */
#include "image.h"
#include "texel.h"
#include "tlb.h"

#include <math.h>

enum { IMAGE_LOAD = 0x00, IMAGE_STORE = 0x08, SAMPLE = 0x20, SAMPLE_D = 0x22, SAMPLE_L = 0x24 };
enum { SAMPLE_B = 0x25, SAMPLE_LZ = 0x27, GATHER4 = 0x40, GATHER4_L = 0x44, GATHER4_LZ = 0x47 };
enum { TYPE_1D = 8, TYPE_2D, TYPE_3D, TYPE_CUBE, TYPE_1D_ARRAY, TYPE_2D_ARRAY };

struct image {
    uint64_t base;
    unsigned type;
    struct sg_texel texel;
    uint32_t size[3], pitch, first_slice; /* of an array the last size is the number of layers */
};

static struct image image_of(const struct sg_wave *w, unsigned sgpr)
{
    const uint32_t *d = &w->s[sgpr];
    unsigned data_format = d[1] >> 20 & 0x3f;
    struct image m = {
        .base = ((uint64_t)(d[1] & 0xff) << 32 | d[0]) << 8,
        .type = d[3] >> 28,
        .texel = sg_texel_format(data_format, d[1] >> 26 & 0xf, d[3]),
        .size = {(d[2] & 0x3fff) + 1, (d[2] >> 14 & 0x3fff) + 1, (d[4] & 0x1fff) + 1},
        .pitch = (d[4] >> 13 & 0xffff) + 1,
        .first_slice = d[5] & 0x1fff,
    };
    if (!m.texel.count)
        sg_unimplemented("image with data format %u", data_format);
    if (m.type < TYPE_1D || m.type > TYPE_2D_ARRAY || m.type == TYPE_CUBE)
        sg_unimplemented("image of type %u", m.type);
    if (d[3] >> 12 & 0xff) /* BASE_LEVEL, LAST_LEVEL */
        sg_unimplemented("image with mip levels");
    if (m.type == TYPE_1D || m.type == TYPE_1D_ARRAY)
        m.size[1] = 1;
    if (m.type == TYPE_1D || m.type == TYPE_2D) {
        m.size[2] = 1;
        m.first_slice = 0;
    }
    m.size[2] = m.size[2] > m.first_slice ? m.size[2] - m.first_slice : 0;
    if (m.pitch < m.size[0])
        m.pitch = m.size[0];
    return m;
}

/* Address of a texel. False: outside of the image. */
static bool texel_at(const struct image *m, const uint32_t at[3], uint64_t *va)
{
    if (at[0] >= m->size[0] || at[1] >= m->size[1] || at[2] >= m->size[2])
        return false;
    uint64_t row = (uint64_t)(at[2] + m->first_slice) * m->size[1] + at[1];
    *va = m->base + (row * m->pitch + at[0]) * m->texel.bytes;
    return true;
}

/* Which of x, y, slice the consecutive address registers are. */
static unsigned dimensions(const struct image *m, unsigned axis[3])
{
    unsigned count = 0;
    axis[count++] = 0;
    if (m->type != TYPE_1D && m->type != TYPE_1D_ARRAY)
        axis[count++] = 1;
    if (m->type != TYPE_1D && m->type != TYPE_2D)
        axis[count++] = 2;
    return count;
}

/* ---- without a sampler
 * ---------------------------------------------------------------------------- */

static void texel_numbers(const struct image *m, const struct sg_wave *w,
                          const struct sg_inst *inst, unsigned lane, uint32_t at[3])
{
    unsigned axis[3], count = dimensions(m, axis);
    at[0] = at[1] = at[2] = 0;
    for (unsigned i = 0; i < count; i++)
        at[axis[i]] = w->v[inst->mem.vaddr + i][lane];
}

static enum sg_next op_image_load(struct sg_wave *w, const struct sg_inst *inst)
{
    struct image m = image_of(w, inst->mem.saddr);
    for (uint64_t exec = sg_exec(w); exec; exec &= exec - 1) {
        unsigned lane = (unsigned)__builtin_ctzll(exec), to = inst->mem.vdata;
        uint8_t bytes[16] = {0};
        uint32_t at[3];
        uint64_t va;
        texel_numbers(&m, w, inst, lane, at);
        if (texel_at(&m, at, &va) && !sg_mem_read_bytes(w, va, bytes, m.texel.bytes))
            return SG_FAULT;
        for (unsigned i = 0; i < 4; i++) {
            if (inst->mem.dfmt >> i & 1)
                w->v[to++][lane] = sg_texel_load(&m.texel, bytes, i);
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
        uint32_t value[4] = {0}, at[3];
        uint8_t bytes[16];
        uint64_t va;
        for (unsigned i = 0; i < 4; i++)
            value[i] = inst->mem.dfmt >> i & 1 ? w->v[from++][lane] : 0;
        sg_texel_store(&m.texel, value, bytes);
        texel_numbers(&m, w, inst, lane, at);
        if (texel_at(&m, at, &va) && !sg_mem_write_bytes(w, va, bytes, m.texel.bytes))
            return SG_FAULT;
    }
    return SG_NEXT;
}

/* ---- samplers
 * ------------------------------------------------------------------------------------- */

enum clamp {
    CLAMP_WRAP,
    CLAMP_MIRROR,
    CLAMP_LAST,
    CLAMP_MIRROR_ONCE,
    CLAMP_HALF_BORDER,
    CLAMP_MIRROR_ONCE_HALF_BORDER,
    CLAMP_BORDER,
    CLAMP_MIRROR_ONCE_BORDER,
};

struct sampler {
    enum clamp clamp[3];
    bool linear, linear_z, unnormalized;
    float border[4];
};

static struct sampler sampler_of(const struct sg_wave *w, unsigned sgpr)
{
    const uint32_t *d = &w->s[sgpr];
    unsigned filter = d[2] >> 20 & 3, z_filter = d[2] >> 24 & 3, border = d[3] >> 30;
    struct sampler s = {
        .clamp = {d[0] & 7, d[0] >> 3 & 7, d[0] >> 6 & 7},
        .linear = filter == 1,
        .linear_z = z_filter ? z_filter == 2 : filter == 1,
        .unnormalized = d[0] >> 15 & 1,
    };
    if (filter > 1)
        sg_unimplemented("sampler with anisotropic filter");
    for (unsigned i = 0; i < 3; i++) {
        if (s.clamp[i] == CLAMP_HALF_BORDER || s.clamp[i] == CLAMP_MIRROR_ONCE_HALF_BORDER)
            sg_unimplemented("sampler with clamp mode %u", (unsigned)s.clamp[i]);
    }
    if (border == 3)
        sg_unimplemented("sampler with a border color of its own");
    for (unsigned i = 0; i < 4; i++)
        s.border[i] = border == 2 || (border == 1 && i == 3) ? 1.0f : 0.0f;
    return s;
}

/* A texel number on one axis, brought into the image. False: the border. */
static bool wrap(enum clamp clamp, int64_t i, uint32_t size, uint32_t *at)
{
    const int64_t n = size ? size : 1;
    bool inside = true;
    switch (clamp) {
    case CLAMP_WRAP:
        i = (i % n + n) % n;
        break;
    case CLAMP_MIRROR:
        i = (i % (2 * n) + 2 * n) % (2 * n);
        i = i < n ? i : 2 * n - 1 - i;
        break;
    case CLAMP_BORDER:
        inside = i >= 0 && i < n;
        break;
    case CLAMP_MIRROR_ONCE_BORDER:
        i = i < 0 ? -1 - i : i;
        inside = i < n;
        break;
    case CLAMP_MIRROR_ONCE:
        i = i < 0 ? -1 - i : i;
        break;
    default:
        break;
    }
    *at = (uint32_t)(i < 0 ? 0 : i >= n ? n - 1 : i);
    return inside;
}

/* Two neighbouring texels of one axis, and how much the second one counts. */
struct neighbours {
    int64_t first;
    float weight;
};

static struct neighbours place(float coordinate, uint32_t size, const struct sampler *s,
                               bool linear)
{
    const float far = 0x1p30f;
    float u = s->unnormalized ? coordinate : coordinate * (float)size;
    u = u > far ? far : u >= -far ? u : -far; /* a NaN is far away, too */
    if (!linear)
        return (struct neighbours){(int64_t)floorf(u), 0};
    /* Weights have 8 bits ("Sampler Definition" names none; other GPUs document as many). */
    float scaled = floorf((u - 0.5f) * 256 + 0.5f), whole = floorf(scaled / 256);
    return (struct neighbours){(int64_t)whole, (scaled - whole * 256) / 256};
}

struct sampling {
    struct image m;
    struct sampler s;
    struct neighbours n[3];
};

/* Register components of one of the eight texels around the point. False: fault. */
static bool corner(struct sg_wave *w, const struct sampling *p, unsigned which, uint32_t value[4])
{
    const struct sg_texel *t = &p->m.texel;
    uint8_t bytes[16] = {0};
    uint32_t at[3];
    uint64_t va;
    unsigned axis[3], count = dimensions(&p->m, axis);
    bool inside = true;
    at[0] = at[1] = at[2] = 0;
    for (unsigned i = 0; i < count; i++) {
        unsigned a = axis[i];
        enum clamp clamp = a == 2 && p->m.type != TYPE_3D ? CLAMP_LAST : p->s.clamp[a];
        inside &= wrap(clamp, p->n[a].first + (which >> a & 1), p->m.size[a], &at[a]);
    }
    if (inside && texel_at(&p->m, at, &va)) {
        if (!sg_mem_read_bytes(w, va, bytes, t->bytes))
            return false;
        for (unsigned i = 0; i < 4; i++)
            value[i] = sg_texel_load(t, bytes, i);
        return true;
    }
    for (unsigned i = 0; i < 4; i++) {
        float f = t->select[i] >= 4 ? p->s.border[t->select[i] - 4] : (float)t->select[i];
        value[i] = (uint32_t)f;
        if (!sg_texel_is_integer(t))
            memcpy(&value[i], &f, sizeof(f));
    }
    return true;
}

static bool filtered(struct sg_wave *w, const struct sampling *p, uint32_t value[4])
{
    float sum[4] = {0};
    if (!p->n[0].weight && !p->n[1].weight && !p->n[2].weight)
        return corner(w, p, 0, value);
    if (sg_texel_is_integer(&p->m.texel))
        sg_unimplemented("linear filter of an integer image");
    for (unsigned which = 0; which < 8; which++) {
        float weight = 1;
        for (unsigned i = 0; i < 3; i++)
            weight *= which >> i & 1 ? p->n[i].weight : 1 - p->n[i].weight;
        if (weight == 0)
            continue;
        if (!corner(w, p, which, value))
            return false;
        for (unsigned i = 0; i < 4; i++) {
            float f;
            memcpy(&f, &value[i], sizeof(f));
            sum[i] += weight * f;
        }
    }
    memcpy(value, sum, sizeof(sum));
    return true;
}

/* The coordinates of one lane; `linear`: of the filter. */
static void locate(const struct sg_wave *w, const struct sg_inst *inst, unsigned lane,
                   struct sampling *p, bool linear)
{
    unsigned axis[3], count = dimensions(&p->m, axis), opcode = inst->mem.nfmt;
    unsigned vaddr = inst->mem.vaddr;
    bool array = p->m.type >= TYPE_1D_ARRAY;
    if (opcode == SAMPLE_D) /* two derivatives of each axis; the one mip level needs none */
        vaddr += 2 * (array ? count - 1 : count);
    if (opcode == SAMPLE_B)
        vaddr++;
    memset(p->n, 0, sizeof(p->n));
    for (unsigned i = 0; i < count; i++) {
        float coordinate;
        memcpy(&coordinate, &w->v[vaddr + i][lane], sizeof(coordinate));
        if (array && axis[i] == 2) {
            struct sampler layers = {.unnormalized = true};
            p->n[2] = place(coordinate + 0.5f, p->m.size[2], &layers, false);
        } else {
            p->n[axis[i]] = place(coordinate, p->m.size[axis[i]], &p->s,
                                  linear && (axis[i] != 2 || p->s.linear_z));
        }
    }
}

static struct sampling start_sampling(const struct sg_wave *w, const struct sg_inst *inst)
{
    struct sampling p = {.m = image_of(w, inst->mem.saddr), .s = sampler_of(w, inst->mem.soffset)};
    if (inst->mem.idxen) /* UNORM */
        p.s.unnormalized = true;
    return p;
}

static enum sg_next op_image_sample(struct sg_wave *w, const struct sg_inst *inst)
{
    struct sampling p = start_sampling(w, inst);
    for (uint64_t exec = sg_exec(w); exec; exec &= exec - 1) {
        unsigned lane = (unsigned)__builtin_ctzll(exec), to = inst->mem.vdata;
        uint32_t value[4];
        locate(w, inst, lane, &p, p.s.linear);
        if (!filtered(w, &p, value))
            return SG_FAULT;
        for (unsigned i = 0; i < 4; i++) {
            if (inst->mem.dfmt >> i & 1)
                w->v[to++][lane] = value[i];
        }
    }
    return SG_NEXT;
}

/* One component of the four texels that a linear filter would use, counter-clockwise. */
static enum sg_next op_image_gather(struct sg_wave *w, const struct sg_inst *inst)
{
    static const uint8_t order[4] = {2, 3, 1, 0};
    struct sampling p = start_sampling(w, inst);
    unsigned component = inst->mem.dfmt ? (unsigned)__builtin_ctz(inst->mem.dfmt) : 0;
    for (uint64_t exec = sg_exec(w); exec; exec &= exec - 1) {
        unsigned lane = (unsigned)__builtin_ctzll(exec);
        uint32_t value[4], result[4];
        locate(w, inst, lane, &p, true);
        for (unsigned i = 0; i < 4; i++) {
            if (!corner(w, &p, order[i], value))
                return SG_FAULT;
            result[i] = value[component];
        }
        for (unsigned i = 0; i < 4; i++)
            w->v[inst->mem.vdata + i][lane] = result[i];
    }
    return SG_NEXT;
}

/* ---- decoding
 * ------------------------------------------------------------------------------------- */

/* The function of an opcode, or NULL. */
static sg_op_fn *function_of(unsigned opcode)
{
    switch (opcode) {
    case IMAGE_LOAD:
        return op_image_load;
    case IMAGE_STORE:
        return op_image_store;
    case SAMPLE:
    case SAMPLE_D:
    case SAMPLE_L:
    case SAMPLE_B:
    case SAMPLE_LZ:
        return op_image_sample;
    case GATHER4:
    case GATHER4_L:
    case GATHER4_LZ:
        return op_image_gather;
    default:
        return NULL;
    }
}

const char *sg_image_name(unsigned opcode)
{
    static const char *const names[0x20] = {
        [0x00] = "image_load",           [0x01] = "image_load_mip",
        [0x02] = "image_load_pck",       [0x03] = "image_load_pck_sgn",
        [0x04] = "image_load_mip_pck",   [0x05] = "image_load_mip_pck_sgn",
        [0x08] = "image_store",          [0x09] = "image_store_mip",
        [0x0a] = "image_store_pck",      [0x0b] = "image_store_mip_pck",
        [0x0e] = "image_get_resinfo",    [0x10] = "image_atomic_swap",
        [0x11] = "image_atomic_cmpswap", [0x12] = "image_atomic_add",
        [0x13] = "image_atomic_sub",     [0x14] = "image_atomic_smin",
        [0x15] = "image_atomic_umin",    [0x16] = "image_atomic_smax",
        [0x17] = "image_atomic_umax",    [0x18] = "image_atomic_and",
        [0x19] = "image_atomic_or",      [0x1a] = "image_atomic_xor",
        [0x1b] = "image_atomic_inc",     [0x1c] = "image_atomic_dec",
    };
    return opcode < 0x20 ? names[opcode] : NULL;
}

bool sg_image_decode(struct sg_inst *inst, const uint32_t words[2])
{
    unsigned opcode = words[0] >> 18 & 0x7f;
    sg_op_fn *fn = function_of(opcode);
    /* A16, TFE, LWE and D16 change the registers' layout. */
    if (!fn || words[0] & (7u << 15) || words[1] >> 31)
        return false;
    inst->fn = fn;
    inst->mem.vaddr = words[1] & 0xff;
    inst->mem.vdata = words[1] >> 8 & 0xff;
    inst->mem.saddr = (uint16_t)((words[1] >> 16 & 0x1f) * 4);
    inst->mem.soffset = (uint16_t)((words[1] >> 21 & 0x1f) * 4); /* the sampler */
    inst->mem.idxen = words[0] >> 12 & 1;                        /* UNORM */
    inst->mem.dfmt = words[0] >> 8 & 0xf;                        /* DMASK */
    inst->mem.nfmt = (uint8_t)opcode;
    return true;
}

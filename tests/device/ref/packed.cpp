// SPDX-License-Identifier: MIT
// VOP3P of the reference interpreter: pairs of 16-bit values, mixed precision, dot products, pairs
// of fp32 (gfx90a) and matrix instructions (Vega 7nm ISA document, "VOP3P Instructions"; MI200 ISA
// document, "Matrix Arithmetic Instructions" and the layouts of its section on register usage).
#include "wave.hpp"

#include "softfloat.hpp"

#include <algorithm>

namespace ref
{
namespace
{
using u32 = uint32_t;
using u64 = uint64_t;
using i64 = int64_t;
using soft::BF16;
using soft::F16;
using soft::F32;
using soft::F64;

struct Form {
    unsigned src[3], dst, op_sel, op_sel_hi, neg, neg_hi;
    bool clamp;
};

Form form_of(const Inst &inst)
{
    Form f;
    for (unsigned k = 0; k < 3; k++)
        f.src[k] = inst.bits(32 + 9 * k, 9);
    f.dst = inst.bits(0, 8);
    f.neg_hi = inst.bits(8, 3);
    f.op_sel = inst.bits(11, 3);
    f.op_sel_hi = inst.bits(59, 2) | inst.bits(14, 1) << 2;
    f.clamp = inst.bits(15, 1);
    f.neg = inst.bits(61, 3);
    return f;
}

u32 word(const Wave &w, unsigned code, unsigned lane, char type)
{
    return code >= 256 ? w.v[code - 256][lane] : static_cast<u32>(w.scalar(code, 0, type));
}

i64 sx(u64 v, unsigned bits)
{
    return static_cast<i64>(v << (64 - bits)) >> (64 - bits);
}

template <typename Compute> void each_lane(Wave &w, unsigned dst, Compute compute)
{
    for (unsigned lane = 0; lane < LANES; lane++)
        if (w.active(lane))
            w.v[dst][lane] = compute(lane);
}

unsigned round16(const Wave &w)
{
    return w.mode >> 2 & 3;
}

u64 clamp_float(const Wave &w, soft::Format f, u64 v)
{
    const u64 one = u64(f.bias()) << f.fraction;
    if (soft::is_nan(f, v))
        return w.mode & 0x100 ? 0 : v;
    return v & f.sign() ? 0 : std::min(v, one);
}

// ---- pairs of 16 bits: part 0 takes the halves that op_sel names, part 1 those of op_sel_hi

using Half = u64 (*)(const Wave &, bool clamp, u64 a, u64 b, u64 c);

void pairs(Functions &t, const char *name, unsigned sources, bool floats, Half compute)
{
    t[name] = [=](Wave &w, const Inst &inst) {
        const Form f = form_of(inst);
        each_lane(w, f.dst, [&](unsigned lane) {
            u32 d = 0;
            for (unsigned part = 0; part < 2; part++) {
                u64 x[3] = {};
                for (unsigned k = 0; k < sources; k++) {
                    x[k] = word(w, f.src[k], lane, 'h');
                    x[k] = x[k] >> ((part ? f.op_sel_hi : f.op_sel) >> k & 1 ? 16 : 0) & 0xffff;
                    if (floats && (part ? f.neg_hi : f.neg) >> k & 1)
                        x[k] ^= 0x8000;
                    if (floats)
                        x[k] = soft::flush(F16, x[k], w.mode >> 6 & 1);
                }
                u64 r = compute(w, f.clamp, x[0], x[1], x[2]) & 0xffff;
                if (floats) {
                    r = soft::flush(F16, r, w.mode >> 7 & 1);
                    r = f.clamp ? clamp_float(w, F16, r) : r;
                }
                d |= static_cast<u32>(r) << 16 * part;
            }
            return d;
        });
        return Step::next;
    };
}

u64 limit(bool clamp, i64 v, i64 low, i64 high)
{
    return static_cast<u64>(clamp ? std::clamp(v, low, high) : v);
}
u64 of_signed(bool clamp, i64 v)
{
    return limit(clamp, v, -32768, 32767);
}
u64 of_unsigned(bool clamp, i64 v)
{
    return limit(clamp, v, 0, 65535);
}

// Of two NaNs the second; a signalling one wins in IEEE mode, quieted; -0 is below +0.
u64 smaller16(const Wave &w, u64 a, u64 b, bool max)
{
    const bool ieee = w.mode & 0x200;
    for (u64 v : {a, b})
        if (ieee && soft::is_nan(F16, v) && !(v & F16.quiet()))
            return v | F16.quiet();
    if (soft::is_nan(F16, a))
        return b;
    if (soft::is_nan(F16, b))
        return a;
    auto order = [](u64 v) { return v & 0x8000 ? -1 - i64(v & 0x7fff) : i64(v); };
    return (max ? order(a) > order(b) : order(a) < order(b)) ? a : b;
}

void add_pairs(Functions &t)
{
    using W = const Wave &;
    pairs(t, "v_pk_mad_i16", 3, false, [](W, bool k, u64 a, u64 b, u64 c) {
        return of_signed(k, sx(a, 16) * sx(b, 16) + sx(c, 16));
    });
    pairs(t, "v_pk_mad_u16", 3, false, [](W, bool k, u64 a, u64 b, u64 c) {
        return of_unsigned(k, static_cast<i64>(a * b + c));
    });
    pairs(t, "v_pk_mul_lo_u16", 2, false,
          [](W, bool k, u64 a, u64 b, u64) { return of_unsigned(k, static_cast<i64>(a * b)); });
    pairs(t, "v_pk_add_i16", 2, false,
          [](W, bool k, u64 a, u64 b, u64) { return of_signed(k, sx(a, 16) + sx(b, 16)); });
    pairs(t, "v_pk_sub_i16", 2, false,
          [](W, bool k, u64 a, u64 b, u64) { return of_signed(k, sx(a, 16) - sx(b, 16)); });
    pairs(t, "v_pk_add_u16", 2, false,
          [](W, bool k, u64 a, u64 b, u64) { return of_unsigned(k, static_cast<i64>(a + b)); });
    pairs(t, "v_pk_sub_u16", 2, false, [](W, bool k, u64 a, u64 b, u64) {
        return of_unsigned(k, static_cast<i64>(a) - static_cast<i64>(b));
    });
    pairs(t, "v_pk_lshlrev_b16", 2, false, [](W, bool, u64 a, u64 b, u64) { return b << a % 16; });
    pairs(t, "v_pk_lshrrev_b16", 2, false, [](W, bool, u64 a, u64 b, u64) { return b >> a % 16; });
    pairs(t, "v_pk_ashrrev_i16", 2, false,
          [](W, bool, u64 a, u64 b, u64) { return static_cast<u64>(sx(b, 16) >> a % 16); });
    pairs(t, "v_pk_max_i16", 2, false,
          [](W, bool, u64 a, u64 b, u64) { return sx(a, 16) > sx(b, 16) ? a : b; });
    pairs(t, "v_pk_min_i16", 2, false,
          [](W, bool, u64 a, u64 b, u64) { return sx(a, 16) < sx(b, 16) ? a : b; });
    pairs(t, "v_pk_max_u16", 2, false, [](W, bool, u64 a, u64 b, u64) { return std::max(a, b); });
    pairs(t, "v_pk_min_u16", 2, false, [](W, bool, u64 a, u64 b, u64) { return std::min(a, b); });
    pairs(t, "v_pk_fma_f16", 3, true,
          [](W w, bool, u64 a, u64 b, u64 c) { return soft::fma(F16, a, b, c, round16(w)); });
    pairs(t, "v_pk_add_f16", 2, true,
          [](W w, bool, u64 a, u64 b, u64) { return soft::add(F16, a, b, round16(w)); });
    pairs(t, "v_pk_mul_f16", 2, true,
          [](W w, bool, u64 a, u64 b, u64) { return soft::mul(F16, a, b, round16(w)); });
    pairs(t, "v_pk_min_f16", 2, true,
          [](W w, bool, u64 a, u64 b, u64) { return smaller16(w, a, b, false); });
    pairs(t, "v_pk_max_f16", 2, true,
          [](W w, bool, u64 a, u64 b, u64) { return smaller16(w, a, b, true); });
    t["v_pk_fmac_f16"] = [](Wave &w, const Inst &inst) { // VOP2: D += S0 * S1
        const unsigned d = inst.bits(17, 8);
        each_lane(w, d, [&](unsigned lane) {
            u32 r = 0;
            u32 a = inst.bits(0, 9) >= 256
                        ? w.v[inst.bits(0, 9) - 256][lane]
                        : static_cast<u32>(w.scalar(inst.bits(0, 9), inst.words[1], 'h'));
            for (unsigned at = 0; at < 32; at += 16) {
                u64 x[3] = {a, w.v[inst.bits(9, 8)][lane], w.v[d][lane]};
                for (u64 &v : x)
                    v = soft::flush(F16, v >> at & 0xffff, w.mode >> 6 & 1);
                u64 p = soft::fma(F16, x[0], x[1], x[2], round16(w));
                r |= static_cast<u32>(soft::flush(F16, p, w.mode >> 7 & 1)) << at;
            }
            return r;
        });
        return Step::next;
    };
}

// ---- mixed precision: op_sel_hi says that a source is a half, op_sel which; neg_hi is abs

u64 mixed_fma(const Wave &w, const Form &f, unsigned lane)
{
    u64 x[3];
    for (unsigned k = 0; k < 3; k++) {
        const bool half = f.op_sel_hi >> k & 1;
        x[k] = word(w, f.src[k], lane, half ? 'h' : 'f');
        if (half)
            x[k] = soft::convert(F16, F32, x[k] >> (f.op_sel >> k & 1 ? 16 : 0) & 0xffff, 0);
        if (f.neg_hi >> k & 1)
            x[k] &= 0x7fffffff;
        if (f.neg >> k & 1)
            x[k] ^= 0x80000000;
        x[k] = soft::flush(F32, x[k], w.mode >> 4 & 1);
    }
    return soft::flush(F32, soft::fma(F32, x[0], x[1], x[2], w.mode & 3), w.mode >> 5 & 1);
}

void add_mixed(Functions &t)
{
    t["v_fma_mix_f32"] = [](Wave &w, const Inst &inst) {
        const Form f = form_of(inst);
        each_lane(w, f.dst, [&](unsigned lane) {
            u64 r = mixed_fma(w, f, lane);
            return static_cast<u32>(f.clamp ? clamp_float(w, F32, r) : r);
        });
        return Step::next;
    };
    for (unsigned at : {0u, 16u})
        t[at ? "v_fma_mixhi_f16" : "v_fma_mixlo_f16"] = [at](Wave &w, const Inst &inst) {
            const Form f = form_of(inst);
            each_lane(w, f.dst, [&](unsigned lane) {
                u64 r = mixed_fma(w, f, lane);
                r = f.clamp ? clamp_float(w, F32, r) : r;
                r = soft::convert(F32, F16, r, round16(w));
                return (w.v[f.dst][lane] & ~(0xffffu << at)) | static_cast<u32>(r) << at;
            });
            return Step::next;
        };
}

// ---- dot products

i64 products(u32 a, u32 b, unsigned width, bool is_signed)
{
    i64 sum = 0;
    for (unsigned at = 0; at < 32; at += width) {
        u64 x = a >> at & ((1u << width) - 1), y = b >> at & ((1u << width) - 1);
        sum += is_signed ? sx(x, width) * sx(y, width) : static_cast<i64>(x * y);
    }
    return sum;
}

void add_dots(Functions &t)
{
    static const struct {
        const char *name, *short_name;
        unsigned width;
        bool is_signed;
    } integers[] = {
        {"v_dot2_i32_i16", "v_dot2c_i32_i16", 16, true}, {"v_dot2_u32_u16", nullptr, 16, false},
        {"v_dot4_i32_i8", "v_dot4c_i32_i8", 8, true},    {"v_dot4_u32_u8", nullptr, 8, false},
        {"v_dot8_i32_i4", "v_dot8c_i32_i4", 4, true},    {"v_dot8_u32_u4", nullptr, 4, false}};
    for (const auto &dot : integers)
        t[dot.name] = [=](Wave &w, const Inst &inst) {
            const Form f = form_of(inst);
            each_lane(w, f.dst, [&](unsigned lane) {
                u32 x[2];
                for (unsigned k = 0; k < 2; k++) {
                    x[k] = word(w, f.src[k], lane, dot.width == 16 ? 'h' : 'i');
                    if (dot.width == 16)
                        x[k] = (x[k] >> (f.op_sel >> k & 1 ? 16 : 0) & 0xffff) |
                               (x[k] >> (f.op_sel_hi >> k & 1 ? 16 : 0) & 0xffff) << 16;
                }
                u32 c = word(w, f.src[2], lane, 'i');
                i64 sum = products(x[0], x[1], dot.width, dot.is_signed) +
                          (dot.is_signed ? sx(c, 32) : i64(c));
                return static_cast<u32>(dot.is_signed ? limit(f.clamp, sum, INT32_MIN, INT32_MAX)
                                                      : limit(f.clamp, sum, 0, UINT32_MAX));
            });
            return Step::next;
        };
    t["v_dot2_f32_f16"] = [](Wave &w, const Inst &inst) {
        const Form f = form_of(inst);
        each_lane(w, f.dst, [&](unsigned lane) {
            u32 x[2];
            for (unsigned k = 0; k < 2; k++) {
                u32 v = word(w, f.src[k], lane, 'h');
                x[k] = (v >> (f.op_sel >> k & 1 ? 16 : 0) & 0xffff) |
                       (v >> (f.op_sel_hi >> k & 1 ? 16 : 0) & 0xffff) << 16;
                x[k] ^= (f.neg >> k & 1) << 15 | (f.neg_hi >> k & 1) << 31;
            }
            u64 c = word(w, f.src[2], lane, 'f') ^ (f.neg & 4 ? 0x80000000 : 0);
            u64 r = model_dot2(x[0], x[1], c, w.arch == SG_OP_GFX90A);
            return static_cast<u32>(f.clamp ? clamp_float(w, F32, r) : r);
        });
        return Step::next;
    };
}

// ---- gfx90a: pairs of fp32. op_sel and op_sel_hi name the register of the pair

u32 of_pair(const Wave &w, const Form &f, unsigned k, unsigned select, unsigned lane)
{
    unsigned code = f.src[k], upper = select >> k & 1;
    if (code >= 256)
        return w.v[code - 256 + upper][lane];
    return static_cast<u32>(w.scalar(code < 128 ? code + upper : code, 0, 'f'));
}

void add_pairs32(Functions &t)
{
    for (const std::string name : {"fma", "mul", "add"})
        t["v_pk_" + name + "_f32"] = [=](Wave &w, const Inst &inst) {
            const Form f = form_of(inst);
            u32 r[2][LANES];
            for (unsigned part = 0; part < 2; part++)
                for (unsigned lane = 0; lane < LANES; lane++) {
                    u64 x[3] = {};
                    for (unsigned k = 0; k < (name == "fma" ? 3 : 2); k++) {
                        x[k] = of_pair(w, f, k, part ? f.op_sel_hi : f.op_sel, lane);
                        x[k] ^= (part ? f.neg_hi : f.neg) >> k & 1 ? 0x80000000 : 0;
                        x[k] = soft::flush(F32, x[k], w.mode >> 4 & 1);
                    }
                    const unsigned round = w.mode & 3;
                    u64 d = name == "fma"   ? soft::fma(F32, x[0], x[1], x[2], round)
                            : name == "mul" ? soft::mul(F32, x[0], x[1], round)
                                            : soft::add(F32, x[0], x[1], round);
                    d = soft::flush(F32, d, w.mode >> 5 & 1);
                    r[part][lane] = static_cast<u32>(f.clamp ? clamp_float(w, F32, d) : d);
                }
            for (unsigned part = 0; part < 2; part++)
                each_lane(w, f.dst + part, [&](unsigned lane) { return r[part][lane]; });
            return Step::next;
        };
    t["v_pk_mov_b32"] = [](Wave &w, const Inst &inst) {
        const Form f = form_of(inst);
        u32 r[2][LANES];
        for (unsigned lane = 0; lane < LANES; lane++) {
            r[0][lane] = of_pair(w, f, 0, f.op_sel, lane);
            r[1][lane] = of_pair(w, f, 1, f.op_sel, lane);
        }
        for (unsigned part = 0; part < 2; part++)
            each_lane(w, f.dst + part, [&](unsigned lane) { return r[part][lane]; });
        return Step::next;
    };
}
} // namespace

void add_matrix(Functions &t); // matrix.cpp

void add_packed(Functions &t)
{
    add_pairs(t);
    add_mixed(t);
    add_dots(t);
    add_pairs32(t);
    add_matrix(t);
}
} // namespace ref

// SPDX-License-Identifier: MIT
// Matrix instructions of gfx90a in the reference interpreter: every element of every operand is
// looked up by the lane and register in which the MI200 ISA document (chapter "Matrix Arithmetic
// Instructions") puts it. Sums go over k in rising order, one fused multiply-add each: the
// hardware's inner order is not documented.
#include "wave.hpp"

#include "softfloat.hpp"

namespace ref
{
namespace
{
using u32 = uint32_t;
using u64 = uint64_t;
using soft::BF16;
using soft::F16;
using soft::F32;
using soft::F64;

enum Kind { SINGLE, HALF, BRAIN, BYTE, DOUBLE };

struct Shape {
    const char *name;
    unsigned size, blocks, depth; // M = N, blocks, K of one block
    Kind kind;
    unsigned per_lane; // elements of k side by side in a lane
};

const Shape shapes[] = {
    {"f32_32x32x1f32", 32, 2, 1, SINGLE, 1},      {"f32_16x16x1f32", 16, 4, 1, SINGLE, 1},
    {"f32_4x4x1f32", 4, 16, 1, SINGLE, 1},        {"f32_32x32x2f32", 32, 1, 2, SINGLE, 1},
    {"f32_16x16x4f32", 16, 1, 4, SINGLE, 1},      {"f32_32x32x4f16", 32, 2, 4, HALF, 4},
    {"f32_16x16x4f16", 16, 4, 4, HALF, 4},        {"f32_4x4x4f16", 4, 16, 4, HALF, 4},
    {"f32_32x32x8f16", 32, 1, 8, HALF, 4},        {"f32_16x16x16f16", 16, 1, 16, HALF, 4},
    {"i32_32x32x4i8", 32, 2, 4, BYTE, 4},         {"i32_16x16x4i8", 16, 4, 4, BYTE, 4},
    {"i32_4x4x4i8", 4, 16, 4, BYTE, 4},           {"i32_32x32x8i8", 32, 1, 8, BYTE, 4},
    {"i32_16x16x16i8", 16, 1, 16, BYTE, 4},       {"f32_32x32x2bf16", 32, 2, 2, BRAIN, 2},
    {"f32_16x16x2bf16", 16, 4, 2, BRAIN, 2},      {"f32_4x4x2bf16", 4, 16, 2, BRAIN, 2},
    {"f32_32x32x4bf16", 32, 1, 4, BRAIN, 2},      {"f32_16x16x8bf16", 16, 1, 8, BRAIN, 2},
    {"f32_32x32x4bf16_1k", 32, 2, 4, BRAIN, 4},   {"f32_16x16x4bf16_1k", 16, 4, 4, BRAIN, 4},
    {"f32_4x4x4bf16_1k", 4, 16, 4, BRAIN, 4},     {"f32_32x32x8bf16_1k", 32, 1, 8, BRAIN, 4},
    {"f32_16x16x16bf16_1k", 16, 1, 16, BRAIN, 4}, {"f64_16x16x4f64", 16, 1, 4, DOUBLE, 1},
    {"f64_4x4x4f64", 4, 4, 4, DOUBLE, 1},
};

struct Operand {
    unsigned code;
    bool acc;
};

u32 element32(const Wave &w, Operand o, unsigned reg, unsigned lane)
{
    if (o.code < 256)
        return static_cast<u32>(w.scalar(o.code, 0, 'f'));
    return w.v[o.code - 256 + (o.acc ? unsigned(ACC0) : 0u) + reg][lane];
}

u64 element64(const Wave &w, Operand o, unsigned pair, unsigned lane)
{
    if (o.code < 256)
        return w.scalar(o.code, 0, 'd');
    return u64(element32(w, o, 2 * pair + 1, lane)) << 32 | element32(w, o, 2 * pair, lane);
}

// Element k of row i of A, or of column i of B: its lane.
unsigned lane_of(const Shape &s, unsigned block, unsigned i, unsigned k)
{
    const unsigned group = k / s.per_lane;
    if (s.size == 4 && s.kind == DOUBLE) // four blocks side by side, k above them
        return 16 * group + 4 * block + i;
    return s.blocks > 1 ? block * s.size + i : group * s.size + i;
}

// The lanes of B that a lane sees (BLGP).
unsigned b_lane(unsigned blgp, unsigned lane)
{
    return blgp == 0   ? lane
           : blgp == 1 ? lane % 32
           : blgp == 2 ? 32 + lane % 32
           : blgp == 3 ? (lane + 16) % 64
                       : 16 * (blgp - 4) + lane % 16;
}

// The block of A that a block uses: of each group of 2^CBSZ, the one that ABID names.
unsigned a_block(unsigned cbsz, unsigned abid, unsigned block)
{
    const unsigned group = 1u << cbsz;
    return block / group * group + abid % group;
}

u64 value_of(const Wave &w, const Shape &s, Operand o, unsigned lane, unsigned at)
{
    switch (s.kind) {
    case SINGLE:
        return element32(w, o, 0, lane);
    case HALF: // denormal halves are taken as zero
        return soft::convert(
            F16, F32,
            soft::flush(F16, element32(w, o, at / 2, lane) >> 16 * (at % 2) & 0xffff, false), 0);
    case BRAIN:
        return soft::flush(F32, (element32(w, o, at / 2, lane) >> 16 * (at % 2) & 0xffff) << 16,
                           false);
    case BYTE:
        return element32(w, o, 0, lane) >> 8 * at & 0xff;
    default:
        return element64(w, o, 0, lane);
    }
}

// Register and lane of D[i][j], as registers of 32 bits, or pairs of them for fp64.
void result_place(const Shape &s, unsigned block, unsigned i, unsigned j, unsigned &reg,
                  unsigned &lane)
{
    if (s.kind == DOUBLE) {
        reg = s.size == 4 ? 0 : i / 4;
        lane = s.size == 4 ? 16 * i + 4 * block + j : 16 * (i % 4) + j;
    } else if (s.size == 4) {
        reg = i;
        lane = 4 * block + j;
    } else if (s.size == 16) {
        reg = 4 * block + i % 4;
        lane = 16 * (i / 4) + j;
    } else {
        reg = 16 * block + 4 * (i / 8) + i % 4;
        lane = 32 * (i / 4 % 2) + j;
    }
}

u64 multiply_add(const Shape &s, u64 a, u64 b, u64 c)
{
    switch (s.kind) {
    case BYTE:
        return static_cast<u32>(c +
                                static_cast<u64>(static_cast<int8_t>(a) * static_cast<int8_t>(b)));
    case DOUBLE:
        return soft::fma(F64, a, b, c, 0);
    default:
        return soft::fma(F32, a, b, c, 0);
    }
}

u64 finished(const Shape &s, u64 d)
{
    if (s.kind == BYTE)
        return d;
    if (s.kind == DOUBLE)
        return soft::is_nan(F64, d) ? F64.default_nan() : d;
    if (s.kind != SINGLE)
        d = soft::flush(F32, d, false);
    return soft::is_nan(F32, d) ? F32.default_nan() : d;
}

Step matrix(Wave &w, const Inst &inst, const Shape &s)
{
    const Operand a{inst.bits(32, 9), inst.bits(59, 1) != 0},
        b{inst.bits(41, 9), inst.bits(60, 1) != 0}, c{inst.bits(50, 9), inst.bits(15, 1) != 0};
    const unsigned cbsz = inst.bits(8, 3), abid = inst.bits(11, 4), blgp = inst.bits(61, 3),
                   d = inst.bits(0, 8) + (inst.bits(15, 1) ? unsigned(ACC0) : 0u);
    const bool wide = s.kind == DOUBLE;
    std::vector<std::array<u32, LANES>> result(s.blocks * s.size * s.size / LANES * (wide ? 2 : 1));

    for (unsigned block = 0; block < s.blocks; block++)
        for (unsigned i = 0; i < s.size; i++)
            for (unsigned j = 0; j < s.size; j++) {
                unsigned reg, lane;
                result_place(s, block, i, j, reg, lane);
                u64 sum = wide ? element64(w, c, reg, lane) : element32(w, c, reg, lane);
                if (wide && blgp & 4)
                    sum ^= F64.sign();
                if (s.kind == HALF || s.kind == BRAIN)
                    sum = soft::flush(F32, sum, false);
                for (unsigned k = 0; k < s.depth; k++) {
                    const unsigned at = k % s.per_lane;
                    const unsigned from = wide ? block : a_block(cbsz, abid, block);
                    const unsigned lb = lane_of(s, block, j, k);
                    u64 x = value_of(w, s, a, lane_of(s, from, i, k), at),
                        y = value_of(w, s, b, wide ? lb : b_lane(blgp, lb), at);
                    if (wide)
                        x ^= blgp & 1 ? F64.sign() : 0, y ^= blgp & 2 ? F64.sign() : 0;
                    sum = multiply_add(s, x, y, sum);
                }
                sum = finished(s, sum);
                result[wide ? 2 * reg : reg][lane] = static_cast<u32>(sum);
                if (wide)
                    result[2 * reg + 1][lane] = static_cast<u32>(sum >> 32);
            }
    std::copy(result.begin(), result.end(), w.v.begin() + d);
    return Step::next;
}
} // namespace

void add_matrix(Functions &t);

void add_matrix(Functions &t)
{
    for (const Shape &shape : shapes)
        t[std::string("v_mfma_") + shape.name] = [&shape](Wave &w, const Inst &inst) {
            return matrix(w, inst, shape);
        };
    // Moves between the halves of the register file, under EXEC.
    t["v_accvgpr_read_b32"] = [](Wave &w, const Inst &inst) {
        for (unsigned lane = 0; lane < LANES; lane++)
            if (w.active(lane))
                w.v[inst.bits(0, 8)][lane] = w.v[ACC0 + inst.bits(32, 8)][lane];
        return Step::next;
    };
    t["v_accvgpr_write_b32"] = [](Wave &w, const Inst &inst) {
        for (unsigned lane = 0; lane < LANES; lane++)
            if (w.active(lane))
                w.v[ACC0 + inst.bits(0, 8)][lane] =
                    element32(w, {inst.bits(32, 9), false}, 0, lane);
        return Step::next;
    };
    t["v_accvgpr_mov_b32"] = [](Wave &w, const Inst &inst) {
        for (unsigned lane = 0; lane < LANES; lane++)
            if (w.active(lane))
                w.v[ACC0 + inst.bits(17, 8)][lane] = w.v[ACC0 + inst.bits(0, 8)][lane];
        return Step::next;
    };
}
} // namespace ref

// SPDX-License-Identifier: MIT
// The scalar instructions of the reference interpreter (Vega ISA document, chapters "Scalar ALU
// Operations", "Program Flow Control" and the instruction lists SOP1, SOP2, SOPC, SOPK, SOPP).
#include "wave.hpp"

#include <cstdlib>

namespace ref
{
namespace
{
using u32 = uint32_t;
using u64 = uint64_t;
using i64 = int64_t;
using i128 = __int128;

i64 S(u64 v)
{
    return static_cast<int32_t>(v);
}

// What an instruction of two sources computes: d, and scc if `sets`.
struct Result {
    u64 d;
    bool sets = false, scc = false;
};
Result keep(u64 d)
{
    return {d, false, false};
}
Result with(u64 d, bool scc)
{
    return {d, true, scc};
}
Result logic(u64 d, bool wide)
{
    if (!wide)
        d &= 0xffffffff;
    return with(d, d != 0);
}

using Two = Result (*)(Wave &, u64 a, u64 b);

// types: destination, first and second source: i 32 bits, l 64 bits.
void sop2(Functions &t, const char *name, const char *types, Two compute, bool is_signed = false)
{
    std::string kinds = types;
    t[name] = [=](Wave &w, const Inst &inst) {
        u64 a = w.scalar(inst.bits(0, 8), inst.words[1], kinds[1]);
        u64 b = w.scalar(inst.bits(8, 8), inst.words[1], kinds[2]);
        if (is_signed && inst.bits(0, 8) == 255) // a literal of a signed 64-bit operand
            a = static_cast<u64>(S(a));
        Result r = compute(w, a, b);
        unsigned dst = inst.bits(16, 7);
        w.s[dst] = static_cast<u32>(r.d);
        if (kinds[0] == 'l')
            w.s[dst + 1] = static_cast<u32>(r.d >> 32);
        if (r.sets)
            w.scc = r.scc;
        return Step::next;
    };
}

// Bits offset .. offset + width - 1, extended; what lies above the value does not exist.
u64 extract(u64 value, unsigned size, unsigned offset, unsigned width, bool is_signed)
{
    u64 d = 0;
    unsigned got = 0;
    for (; got < width && offset + got < size; got++)
        d |= (value >> (offset + got) & 1) << got;
    if (is_signed && got && d >> (got - 1) & 1)
        for (; got < 64; got++)
            d |= 1ull << got;
    return d;
}

void logical(Functions &t, const std::string &name, u64 (*both)(u64, u64))
{
    for (bool wide : {false, true}) {
        t["s_" + name + (wide ? "_b64" : "_b32")] = [=](Wave &w, const Inst &inst) {
            char type = wide ? 'l' : 'i';
            u64 d = both(w.scalar(inst.bits(0, 8), inst.words[1], type),
                         w.scalar(inst.bits(8, 8), inst.words[1], type));
            unsigned dst = inst.bits(16, 7);
            w.s[dst] = static_cast<u32>(d);
            if (wide)
                w.s[dst + 1] = static_cast<u32>(d >> 32);
            w.scc = logic(d, wide).scc;
            return Step::next;
        };
    }
}

void add_two_sources(Functions &t)
{
    sop2(t, "s_add_u32", "iii", [](Wave &, u64 a, u64 b) { return with(a + b, (a + b) >> 32); });
    sop2(t, "s_sub_u32", "iii", [](Wave &, u64 a, u64 b) { return with(a - b, b > a); });
    sop2(t, "s_add_i32", "iii",
         [](Wave &, u64 a, u64 b) { return with(a + b, S(a) + S(b) != S(a + b)); });
    sop2(t, "s_sub_i32", "iii",
         [](Wave &, u64 a, u64 b) { return with(a - b, S(a) - S(b) != S(a - b)); });
    sop2(t, "s_addc_u32", "iii",
         [](Wave &w, u64 a, u64 b) { return with(a + b + w.scc, (a + b + w.scc) >> 32); });
    sop2(t, "s_subb_u32", "iii",
         [](Wave &w, u64 a, u64 b) { return with(a - b - w.scc, b + w.scc > a); });
    sop2(t, "s_min_i32", "iii",
         [](Wave &, u64 a, u64 b) { return with(S(a) < S(b) ? a : b, S(a) < S(b)); });
    sop2(t, "s_max_i32", "iii",
         [](Wave &, u64 a, u64 b) { return with(S(a) > S(b) ? a : b, S(a) > S(b)); });
    sop2(t, "s_min_u32", "iii", [](Wave &, u64 a, u64 b) { return with(a < b ? a : b, a < b); });
    sop2(t, "s_max_u32", "iii", [](Wave &, u64 a, u64 b) { return with(a > b ? a : b, a > b); });
    sop2(t, "s_cselect_b32", "iii", [](Wave &w, u64 a, u64 b) { return keep(w.scc ? a : b); });
    sop2(t, "s_cselect_b64", "lll", [](Wave &w, u64 a, u64 b) { return keep(w.scc ? a : b); });
    logical(t, "and", [](u64 a, u64 b) { return a & b; });
    logical(t, "or", [](u64 a, u64 b) { return a | b; });
    logical(t, "xor", [](u64 a, u64 b) { return a ^ b; });
    logical(t, "andn2", [](u64 a, u64 b) { return a & ~b; });
    logical(t, "orn2", [](u64 a, u64 b) { return a | ~b; });
    logical(t, "nand", [](u64 a, u64 b) { return ~(a & b); });
    logical(t, "nor", [](u64 a, u64 b) { return ~(a | b); });
    logical(t, "xnor", [](u64 a, u64 b) { return ~(a ^ b); });
    sop2(t, "s_lshl_b32", "iii", [](Wave &, u64 a, u64 b) { return logic(a << b % 32, false); });
    sop2(t, "s_lshl_b64", "lli", [](Wave &, u64 a, u64 b) { return logic(a << b % 64, true); });
    sop2(t, "s_lshr_b32", "iii", [](Wave &, u64 a, u64 b) { return logic(a >> b % 32, false); });
    sop2(t, "s_lshr_b64", "lli", [](Wave &, u64 a, u64 b) { return logic(a >> b % 64, true); });
    sop2(t, "s_ashr_i32", "iii",
         [](Wave &, u64 a, u64 b) { return logic(static_cast<u64>(S(a) >> b % 32), false); });
    sop2(
        t, "s_ashr_i64", "lli",
        [](Wave &, u64 a, u64 b) {
            return logic(static_cast<u64>(static_cast<i64>(a) >> b % 64), true);
        },
        true);
    sop2(t, "s_bfm_b32", "iii",
         [](Wave &, u64 a, u64 b) { return keep(((1ull << a % 32) - 1) << b % 32); });
    sop2(t, "s_bfm_b64", "lii",
         [](Wave &, u64 a, u64 b) { return keep(((1ull << a % 64) - 1) << b % 64); });
    sop2(t, "s_mul_i32", "iii", [](Wave &, u64 a, u64 b) { return keep(a * b); });
    sop2(t, "s_mul_hi_u32", "iii", [](Wave &, u64 a, u64 b) { return keep(a * b >> 32); });
    sop2(t, "s_mul_hi_i32", "iii",
         [](Wave &, u64 a, u64 b) { return keep(static_cast<u64>(S(a) * S(b) >> 32)); });
    sop2(t, "s_bfe_u32", "iii", [](Wave &, u64 a, u64 b) {
        return logic(extract(a, 32, b & 31, b >> 16 & 127, false), false);
    });
    sop2(t, "s_bfe_i32", "iii", [](Wave &, u64 a, u64 b) {
        return logic(extract(a, 32, b & 31, b >> 16 & 127, true), false);
    });
    sop2(t, "s_bfe_u64", "lli", [](Wave &, u64 a, u64 b) {
        return logic(extract(a, 64, b & 63, b >> 16 & 127, false), true);
    });
    sop2(
        t, "s_bfe_i64", "lli",
        [](Wave &, u64 a, u64 b) {
            return logic(extract(a, 64, b & 63, b >> 16 & 127, true), true);
        },
        true);
    sop2(t, "s_absdiff_i32", "iii", [](Wave &, u64 a, u64 b) {
        int32_t d = static_cast<int32_t>(a - b);
        return logic(d < 0 ? 0 - static_cast<u64>(static_cast<i64>(d)) : static_cast<u64>(d),
                     false);
    });
    sop2(t, "s_lshl1_add_u32", "iii",
         [](Wave &, u64 a, u64 b) { return with(2 * a + b, (2 * a + b) >> 32); });
    sop2(t, "s_lshl2_add_u32", "iii",
         [](Wave &, u64 a, u64 b) { return with(4 * a + b, (4 * a + b) >> 32); });
    sop2(t, "s_lshl3_add_u32", "iii",
         [](Wave &, u64 a, u64 b) { return with(8 * a + b, (8 * a + b) >> 32); });
    sop2(t, "s_lshl4_add_u32", "iii",
         [](Wave &, u64 a, u64 b) { return with(16 * a + b, (16 * a + b) >> 32); });
    sop2(t, "s_pack_ll_b32_b16", "iii",
         [](Wave &, u64 a, u64 b) { return keep((b & 0xffff) << 16 | (a & 0xffff)); });
    sop2(t, "s_pack_lh_b32_b16", "iii",
         [](Wave &, u64 a, u64 b) { return keep(b >> 16 << 16 | (a & 0xffff)); });
    sop2(t, "s_pack_hh_b32_b16", "iii",
         [](Wave &, u64 a, u64 b) { return keep(b >> 16 << 16 | a >> 16); });
}

using One = Result (*)(Wave &, u64 a, u64 old);

// One source; types: destination and source. `old` is the destination before.
void sop1(Functions &t, const std::string &name, const char *types, One compute)
{
    std::string kinds = types;
    t[name] = [=](Wave &w, const Inst &inst) {
        unsigned dst = inst.bits(16, 7);
        u64 old = kinds[0] == 'l' ? w.s64(dst) : w.s[dst];
        Result r = compute(w, w.scalar(inst.bits(0, 8), inst.words[1], kinds[1]), old);
        w.s[dst] = static_cast<u32>(r.d);
        if (kinds[0] == 'l')
            w.s[dst + 1] = static_cast<u32>(r.d >> 32);
        if (r.sets)
            w.scc = r.scc;
        return Step::next;
    };
}

u64 ones(u64 v, unsigned size)
{
    u64 count = 0;
    for (unsigned i = 0; i < size; i++)
        count += v >> i & 1;
    return count;
}

// The lowest bit that is `bit`, all ones if there is none.
u64 find_first(u64 v, unsigned size, u64 bit)
{
    for (unsigned i = 0; i < size; i++)
        if ((v >> i & 1) == bit)
            return i;
    return ~0ull;
}

// How many bits stand before the first one that is 1 (unsigned) or differs from the sign.
u64 leading(u64 v, unsigned size, bool is_signed)
{
    u64 wanted = is_signed ? !(v >> (size - 1) & 1) : 1;
    for (unsigned i = 0; i < size; i++)
        if ((v >> (size - 1 - i) & 1) == wanted)
            return i;
    return ~0ull;
}

u64 reversed(u64 v, unsigned size)
{
    u64 d = 0;
    for (unsigned i = 0; i < size; i++)
        d = d << 1 | (v >> i & 1);
    return d;
}

u64 quads(u64 v, unsigned size, bool whole) // whole: wqm, else quadmask
{
    u64 d = 0;
    for (unsigned q = 0; q < size / 4; q++)
        if (v >> 4 * q & 15)
            d |= whole ? 15ull << 4 * q : 1ull << q;
    return d;
}

void add_one_source(Functions &t)
{
    sop1(t, "s_mov_b32", "ii", [](Wave &, u64 a, u64) { return keep(a); });
    sop1(t, "s_mov_b64", "ll", [](Wave &, u64 a, u64) { return keep(a); });
    sop1(t, "s_cmov_b32", "ii", [](Wave &w, u64 a, u64 old) { return keep(w.scc ? a : old); });
    sop1(t, "s_cmov_b64", "ll", [](Wave &w, u64 a, u64 old) { return keep(w.scc ? a : old); });
    sop1(t, "s_not_b32", "ii", [](Wave &, u64 a, u64) { return logic(~a, false); });
    sop1(t, "s_not_b64", "ll", [](Wave &, u64 a, u64) { return logic(~a, true); });
    sop1(t, "s_wqm_b32", "ii", [](Wave &, u64 a, u64) { return logic(quads(a, 32, true), false); });
    sop1(t, "s_wqm_b64", "ll", [](Wave &, u64 a, u64) { return logic(quads(a, 64, true), true); });
    sop1(t, "s_quadmask_b32", "ii",
         [](Wave &, u64 a, u64) { return logic(quads(a, 32, false), false); });
    sop1(t, "s_quadmask_b64", "ll",
         [](Wave &, u64 a, u64) { return logic(quads(a, 64, false), true); });
    sop1(t, "s_brev_b32", "ii", [](Wave &, u64 a, u64) { return keep(reversed(a, 32)); });
    sop1(t, "s_brev_b64", "ll", [](Wave &, u64 a, u64) { return keep(reversed(a, 64)); });
    sop1(t, "s_bcnt0_i32_b32", "ii",
         [](Wave &, u64 a, u64) { return logic(32 - ones(a, 32), false); });
    sop1(t, "s_bcnt0_i32_b64", "il",
         [](Wave &, u64 a, u64) { return logic(64 - ones(a, 64), false); });
    sop1(t, "s_bcnt1_i32_b32", "ii", [](Wave &, u64 a, u64) { return logic(ones(a, 32), false); });
    sop1(t, "s_bcnt1_i32_b64", "il", [](Wave &, u64 a, u64) { return logic(ones(a, 64), false); });
    sop1(t, "s_ff0_i32_b32", "ii", [](Wave &, u64 a, u64) { return keep(find_first(a, 32, 0)); });
    sop1(t, "s_ff0_i32_b64", "il", [](Wave &, u64 a, u64) { return keep(find_first(a, 64, 0)); });
    sop1(t, "s_ff1_i32_b32", "ii", [](Wave &, u64 a, u64) { return keep(find_first(a, 32, 1)); });
    sop1(t, "s_ff1_i32_b64", "il", [](Wave &, u64 a, u64) { return keep(find_first(a, 64, 1)); });
    sop1(t, "s_flbit_i32_b32", "ii",
         [](Wave &, u64 a, u64) { return keep(leading(a, 32, false)); });
    sop1(t, "s_flbit_i32_b64", "il",
         [](Wave &, u64 a, u64) { return keep(leading(a, 64, false)); });
    sop1(t, "s_flbit_i32", "ii", [](Wave &, u64 a, u64) { return keep(leading(a, 32, true)); });
    sop1(t, "s_flbit_i32_i64", "il", [](Wave &, u64 a, u64) { return keep(leading(a, 64, true)); });
    sop1(t, "s_sext_i32_i8", "ii",
         [](Wave &, u64 a, u64) { return keep(static_cast<u64>(static_cast<int8_t>(a))); });
    sop1(t, "s_sext_i32_i16", "ii",
         [](Wave &, u64 a, u64) { return keep(static_cast<u64>(static_cast<int16_t>(a))); });
    sop1(t, "s_bitset0_b32", "ii",
         [](Wave &, u64 a, u64 old) { return keep(old & ~(1ull << a % 32)); });
    sop1(t, "s_bitset1_b32", "ii",
         [](Wave &, u64 a, u64 old) { return keep(old | 1ull << a % 32); });
    sop1(t, "s_bitset0_b64", "li",
         [](Wave &, u64 a, u64 old) { return keep(old & ~(1ull << a % 64)); });
    sop1(t, "s_bitset1_b64", "li",
         [](Wave &, u64 a, u64 old) { return keep(old | 1ull << a % 64); });
    sop1(t, "s_abs_i32", "ii",
         [](Wave &, u64 a, u64) { return logic(static_cast<u64>(std::abs(S(a))), false); });
    sop1(t, "s_bitreplicate_b64_b32", "li", [](Wave &, u64 a, u64) {
        u64 d = 0;
        for (unsigned i = 0; i < 32; i++)
            d |= (a >> i & 1) << 2 * i | (a >> i & 1) << (2 * i + 1);
        return keep(d);
    });
}

using Mask = u64 (*)(u64 source, u64 exec);

// saveexec: D is the old EXEC; wrexec: D is the new one.
void exec_op(Functions &t, const char *name, Mask f, bool saves)
{
    t[name] = [=](Wave &w, const Inst &inst) {
        u64 old = w.exec(), now = f(w.scalar(inst.bits(0, 8), inst.words[1], 'l'), old);
        w.set64(inst.bits(16, 7), saves ? old : now);
        w.set64(S_EXEC, now);
        w.scc = now != 0;
        return Step::next;
    };
}

void add_exec(Functions &t)
{
    exec_op(
        t, "s_and_saveexec_b64", [](u64 a, u64 e) { return a & e; }, true);
    exec_op(
        t, "s_or_saveexec_b64", [](u64 a, u64 e) { return a | e; }, true);
    exec_op(
        t, "s_xor_saveexec_b64", [](u64 a, u64 e) { return a ^ e; }, true);
    exec_op(
        t, "s_andn2_saveexec_b64", [](u64 a, u64 e) { return a & ~e; }, true);
    exec_op(
        t, "s_orn2_saveexec_b64", [](u64 a, u64 e) { return a | ~e; }, true);
    exec_op(
        t, "s_nand_saveexec_b64", [](u64 a, u64 e) { return ~(a & e); }, true);
    exec_op(
        t, "s_nor_saveexec_b64", [](u64 a, u64 e) { return ~(a | e); }, true);
    exec_op(
        t, "s_xnor_saveexec_b64", [](u64 a, u64 e) { return ~(a ^ e); }, true);
    exec_op(
        t, "s_andn1_saveexec_b64", [](u64 a, u64 e) { return ~a & e; }, true);
    exec_op(
        t, "s_orn1_saveexec_b64", [](u64 a, u64 e) { return ~a | e; }, true);
    exec_op(
        t, "s_andn1_wrexec_b64", [](u64 a, u64 e) { return ~a & e; }, false);
    exec_op(
        t, "s_andn2_wrexec_b64", [](u64 a, u64 e) { return a & ~e; }, false);
}

// Relative to M0, in registers; pairs are aligned.
void add_relative(Functions &t)
{
    for (bool wide : {false, true}) {
        const char *size = wide ? "_b64" : "_b32";
        t[std::string("s_movrels") + size] = [=](Wave &w, const Inst &inst) {
            unsigned from = (inst.bits(0, 8) + w.s[S_M0]) & (wide ? 126 : 127),
                     dst = inst.bits(16, 7);
            u64 value = wide ? w.s64(from) : w.s[from];
            w.s[dst] = static_cast<u32>(value);
            if (wide)
                w.s[dst + 1] = static_cast<u32>(value >> 32);
            return Step::next;
        };
        t[std::string("s_movreld") + size] = [=](Wave &w, const Inst &inst) {
            u64 value = w.scalar(inst.bits(0, 8), inst.words[1], wide ? 'l' : 'i');
            unsigned to = (inst.bits(16, 7) + w.s[S_M0]) & (wide ? 126 : 127);
            w.s[to] = static_cast<u32>(value);
            if (wide)
                w.s[to + 1] = static_cast<u32>(value >> 32);
            return Step::next;
        };
    }
}

using Test = bool (*)(u64 a, u64 b);

void compare(Functions &t, const std::string &name, Test test, char first = 'i', char second = 'i')
{
    t[name] = [=](Wave &w, const Inst &inst) {
        w.scc = test(w.scalar(inst.bits(0, 8), inst.words[1], first),
                     w.scalar(inst.bits(8, 8), inst.words[1], second));
        return Step::next;
    };
}

// s_cmpk: the register against the immediate, sign- or zero-extended.
void compare_k(Functions &t, const std::string &name, Test test, bool is_signed)
{
    t[name] = [=](Wave &w, const Inst &inst) {
        u32 k = inst.bits(0, 16);
        if (is_signed)
            k = static_cast<u32>(static_cast<int16_t>(k));
        w.scc = test(w.s[inst.bits(16, 7)], k);
        return Step::next;
    };
}

void add_compares(Functions &t)
{
    static const struct {
        const char *name;
        Test of_signed, of_unsigned;
    } all[] = {
        {"eq", [](u64 a, u64 b) { return a == b; }, [](u64 a, u64 b) { return a == b; }},
        {"lg", [](u64 a, u64 b) { return a != b; }, [](u64 a, u64 b) { return a != b; }},
        {"gt", [](u64 a, u64 b) { return S(a) > S(b); }, [](u64 a, u64 b) { return a > b; }},
        {"ge", [](u64 a, u64 b) { return S(a) >= S(b); }, [](u64 a, u64 b) { return a >= b; }},
        {"lt", [](u64 a, u64 b) { return S(a) < S(b); }, [](u64 a, u64 b) { return a < b; }},
        {"le", [](u64 a, u64 b) { return S(a) <= S(b); }, [](u64 a, u64 b) { return a <= b; }},
    };
    for (const auto &c : all) {
        compare(t, std::string("s_cmp_") + c.name + "_i32", c.of_signed);
        compare(t, std::string("s_cmp_") + c.name + "_u32", c.of_unsigned);
        compare_k(t, std::string("s_cmpk_") + c.name + "_i32", c.of_signed, true);
        compare_k(t, std::string("s_cmpk_") + c.name + "_u32", c.of_unsigned, false);
    }
    compare(
        t, "s_cmp_eq_u64", [](u64 a, u64 b) { return a == b; }, 'l', 'l');
    compare(
        t, "s_cmp_lg_u64", [](u64 a, u64 b) { return a != b; }, 'l', 'l');
    compare(t, "s_bitcmp0_b32", [](u64 a, u64 b) { return !(a >> b % 32 & 1); });
    compare(t, "s_bitcmp1_b32", [](u64 a, u64 b) { return (a >> b % 32 & 1) == 1; });
    compare(
        t, "s_bitcmp0_b64", [](u64 a, u64 b) { return !(a >> b % 64 & 1); }, 'l', 'i');
    compare(
        t, "s_bitcmp1_b64", [](u64 a, u64 b) { return (a >> b % 64 & 1) == 1; }, 'l', 'i');
}

// MODE is the only hardware register that programs of the tests change.
u32 hardware_field(u32 value, u32 simm)
{
    return value >> (simm >> 6 & 31) & static_cast<u32>((2ull << (simm >> 11)) - 1);
}

Step set_mode(Wave &w, u32 simm, u32 value)
{
    const u32 mask = static_cast<u32>((2ull << (simm >> 11)) - 1) << (simm >> 6 & 31);
    if ((simm & 63) != 1)
        return Step::unknown;
    w.mode = (w.mode & ~mask) | (value << (simm >> 6 & 31) & mask);
    return Step::next;
}

void add_immediates(Functions &t)
{
    auto k = [](const Inst &inst) {
        return static_cast<u32>(static_cast<int16_t>(inst.bits(0, 16)));
    };
    t["s_movk_i32"] = [=](Wave &w, const Inst &inst) {
        w.s[inst.bits(16, 7)] = k(inst);
        return Step::next;
    };
    t["s_cmovk_i32"] = [=](Wave &w, const Inst &inst) {
        if (w.scc)
            w.s[inst.bits(16, 7)] = k(inst);
        return Step::next;
    };
    t["s_addk_i32"] = [=](Wave &w, const Inst &inst) {
        u32 &d = w.s[inst.bits(16, 7)];
        w.scc = S(d) + S(k(inst)) != S(d + k(inst));
        d += k(inst);
        return Step::next;
    };
    t["s_mulk_i32"] = [=](Wave &w, const Inst &inst) {
        w.s[inst.bits(16, 7)] *= k(inst);
        return Step::next;
    };
    t["s_getreg_b32"] = [](Wave &w, const Inst &inst) {
        if (inst.bits(0, 6) != 1)
            return Step::unknown;
        w.s[inst.bits(16, 7)] = hardware_field(w.mode, inst.bits(0, 16));
        return Step::next;
    };
    t["s_setreg_b32"] = [](Wave &w, const Inst &inst) {
        return set_mode(w, inst.bits(0, 16), w.s[inst.bits(16, 7)]);
    };
    t["s_setreg_imm32_b32"] = [](Wave &w, const Inst &inst) {
        return set_mode(w, inst.bits(0, 16), inst.words[1]);
    };
}

void add_flow(Functions &t)
{
    auto branch = [&t](const char *name, bool (*taken)(const Wave &)) {
        t[name] = [taken](Wave &w, const Inst &inst) {
            if (taken(w))
                w.pc +=
                    static_cast<u64>(static_cast<i64>(static_cast<int16_t>(inst.bits(0, 16))) * 4);
            return Step::next;
        };
    };
    branch("s_branch", [](const Wave &) { return true; });
    branch("s_cbranch_scc0", [](const Wave &w) { return !w.scc; });
    branch("s_cbranch_scc1", [](const Wave &w) { return w.scc; });
    branch("s_cbranch_vccz", [](const Wave &w) { return w.s64(S_VCC) == 0; });
    branch("s_cbranch_vccnz", [](const Wave &w) { return w.s64(S_VCC) != 0; });
    branch("s_cbranch_execz", [](const Wave &w) { return w.exec() == 0; });
    branch("s_cbranch_execnz", [](const Wave &w) { return w.exec() != 0; });
    t["s_getpc_b64"] = [](Wave &w, const Inst &inst) {
        w.set64(inst.bits(16, 7), w.pc);
        return Step::next;
    };
    t["s_setpc_b64"] = [](Wave &w, const Inst &inst) {
        w.pc = w.scalar(inst.bits(0, 8), 0, 'l');
        return Step::next;
    };
    t["s_swappc_b64"] = [](Wave &w, const Inst &inst) {
        u64 target = w.scalar(inst.bits(0, 8), 0, 'l');
        w.set64(inst.bits(16, 7), w.pc);
        w.pc = target;
        return Step::next;
    };
    t["s_call_b64"] = [](Wave &w, const Inst &inst) {
        w.set64(inst.bits(16, 7), w.pc);
        w.pc += static_cast<u64>(static_cast<i64>(static_cast<int16_t>(inst.bits(0, 16))) * 4);
        return Step::next;
    };
    t["s_endpgm"] = [](Wave &, const Inst &) { return Step::end; };
    for (const char *name : {"s_nop", "s_waitcnt", "s_setprio", "s_icache_inv", "s_ttracedata",
                             "s_incperflevel", "s_decperflevel", "s_wakeup"})
        t[name] = [](Wave &, const Inst &) { return Step::next; };
}
} // namespace

void add_scalar(Functions &t)
{
    add_two_sources(t);
    add_one_source(t);
    add_exec(t);
    add_relative(t);
    add_compares(t);
    add_immediates(t);
    add_flow(t);
}
} // namespace ref

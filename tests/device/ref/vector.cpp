// SPDX-License-Identifier: MIT
// The vector ALU of the reference interpreter but for VOP3P: operands and modifiers of VOP1, VOP2,
// VOPC, VOP3, SDWA and DPP around the lane functions of isa_model.cpp, and the instructions that
// move whole lanes (Vega ISA document, chapters "Vector ALU Operations" and "Data Parallel
// Primitives").
#include "wave.hpp"

#include "softfloat.hpp"

#include <cstring>

namespace ref
{
namespace
{
using u32 = uint32_t;
using u64 = uint64_t;

struct Form {
    bool vop3 = false, sdwa = false, dpp = false, is_signed = false; // signed: 64-bit integers
    bool aware = false, always_flushes = false;                      // of the model: '@', '!'
    unsigned src[3] = {}, dst = 0, sdst = 0, neg = 0, abs = 0, omod = 0, clamp = 0, op_sel = 0;
    unsigned src_sel[2] = {6, 6}, dst_sel = 6, dst_unused = 0, sext = 0;
    unsigned control = 0, row_mask = 15, bank_mask = 15, bound = 0;
    u32 literal = 0;
};

void decode_sdwa(Form &form, const Inst &inst)
{
    const u32 w = inst.words[1];
    form.sdwa = true;
    form.src[0] = (w & 255) + (w >> 23 & 1 ? 0 : 256);
    if (inst.row->encoding != SG_ENC_VOP1 && w >> 31)
        form.src[1] -= 256;
    if (inst.row->encoding == SG_ENC_VOPC) {
        if (w >> 15 & 1)
            form.sdst = w >> 8 & 127;
    } else {
        form.dst_sel = w >> 8 & 7, form.dst_unused = w >> 11 & 3;
        form.clamp = w >> 13 & 1, form.omod = w >> 14 & 3;
    }
    form.src_sel[0] = w >> 16 & 7, form.src_sel[1] = w >> 24 & 7;
    form.sext = (w >> 19 & 1) | (w >> 27 & 1) << 1;
    form.neg = (w >> 20 & 1) | (w >> 28 & 1) << 1;
    form.abs = (w >> 21 & 1) | (w >> 29 & 1) << 1;
}

void decode_dpp(Form &form, const Inst &inst)
{
    const u32 w = inst.words[1];
    form.dpp = true;
    form.src[0] = 256 + (w & 255);
    form.control = w >> 8 & 511, form.bound = w >> 19 & 1;
    form.neg = (w >> 20 & 1) | (w >> 22 & 1) << 1;
    form.abs = (w >> 21 & 1) | (w >> 23 & 1) << 1;
    form.bank_mask = w >> 24 & 15, form.row_mask = w >> 28;
}

Form form_of(const Inst &inst)
{
    Form form;
    const bool compare = inst.row->encoding == SG_ENC_VOPC ||
                         (inst.row->encoding == SG_ENC_VOP3 && inst.row->number < 0x100);
    form.literal = inst.words[1];
    form.is_signed = inst.name().find("_i64") != std::string::npos;
    if (inst.row->encoding == SG_ENC_VOP3) {
        form.vop3 = true;
        for (unsigned k = 0; k < 3; k++)
            form.src[k] = inst.bits(32 + 9 * k, 9);
        form.dst = inst.bits(0, 8);
        form.clamp = inst.bits(15, 1), form.omod = inst.bits(59, 2), form.neg = inst.bits(61, 3);
        if (compare)
            form.sdst = inst.bits(0, 8);
        if (inst.row->flags & SG_OPF_SDST)
            form.sdst = inst.bits(8, 7);
        else
            form.abs = inst.bits(8, 3), form.op_sel = inst.bits(11, 4);
        return form;
    }
    form.src[0] = inst.bits(0, 9);
    form.src[1] = 256 + inst.bits(9, 8);
    form.src[2] = form.sdst = S_VCC;
    form.dst = inst.bits(17, 8);
    if (form.src[0] == 249)
        decode_sdwa(form, inst);
    else if (form.src[0] == 250)
        decode_dpp(form, inst);
    if (inst.name().rfind("v_madmk", 0) == 0)
        form.src[2] = form.src[1], form.src[1] = 255;
    else if (inst.name().rfind("v_madak", 0) == 0)
        form.src[2] = 255;
    return form;
}

// The lane that a DPP control reads, -1: none.
int dpp_lane(unsigned control, unsigned lane)
{
    int i = static_cast<int>(lane), row = i / 16, at = i % 16, n = static_cast<int>(control & 15);
    if (control < 0x100)
        return i - i % 4 + static_cast<int>(control >> (2 * (i % 4)) & 3);
    if (control < 0x110)
        return at + n < 16 ? i + n : -1;
    if (control < 0x120)
        return at - n >= 0 ? i - n : -1;
    if (control < 0x130)
        return row * 16 + (at + 16 - n) % 16;
    if (control >= 0x150) // row_newbcast of gfx90a
        return row * 16 + n;
    switch (control) {
    case 0x130:
        return i < 63 ? i + 1 : -1;
    case 0x134:
        return (i + 1) % 64;
    case 0x138:
        return i - 1;
    case 0x13c:
        return (i + 63) % 64;
    case 0x140:
        return row * 16 + 15 - at;
    case 0x141:
        return row * 16 + at / 8 * 8 + 7 - at % 8;
    case 0x142:
        return row ? row * 16 - 1 : -1;
    default:
        return row >= 2 ? 31 : -1;
    }
}

soft::Format format_of(char type)
{
    return type == 'd' ? soft::F64 : type == 'h' ? soft::F16 : soft::F32;
}

bool keeps_denormals(u32 mode, char type, bool out)
{
    return mode >> ((type == 'f' ? 4 : 6) + out) & 1;
}

// Source k of a lane with everything that changes it. enabled: cleared where DPP writes nothing.
u64 source(const Wave &w, const Form &form, unsigned k, char type, unsigned lane, bool &enabled)
{
    unsigned code = form.src[k];
    u64 value;

    if (code >= 256) {
        unsigned reg = code - 256, from = lane;
        bool valid = true;
        if (form.dpp && k == 0) {
            int other = dpp_lane(form.control, lane);
            valid = other >= 0 && w.active(static_cast<unsigned>(other));
            from = valid ? static_cast<unsigned>(other) : lane;
            enabled &= (valid || form.bound) && (form.row_mask >> lane / 16 & 1) &&
                       (form.bank_mask >> lane / 4 % 4 & 1);
        }
        value = w.v[reg][from] | (is_wide(type) ? u64(w.v[reg + 1][from]) << 32 : 0);
        value = valid ? value : 0;
    } else {
        value = w.scalar(code, form.literal, type == 'p' ? 'h' : type);
    }
    if (code == 255 && type == 'l' && form.is_signed)
        value = static_cast<u64>(static_cast<int64_t>(static_cast<int32_t>(value)));
    if (form.sdwa && k < 2 && form.src_sel[k] < 6) {
        unsigned select = form.src_sel[k], width = select < 4 ? 8 : 16,
                 shift = select < 4 ? 8 * select : 16 * (select - 4);
        value = value >> shift & ((1u << width) - 1);
        if (form.sext >> k & 1 && value >> (width - 1))
            value |= 0xffffffffu << width & 0xffffffffu;
    }
    if (form.vop3 && form.op_sel >> k & 1)
        value >>= 16;
    if (type == 's' || type == 'h')
        value &= 0xffff;
    if (!is_float(type))
        return value;
    const u64 sign = format_of(type).sign();
    if (form.abs >> k & 1)
        value &= ~sign;
    if (form.neg >> k & 1)
        value ^= sign;
    if (form.always_flushes && type == 'f')
        return soft::flush(soft::F32, value, false);
    if (form.aware)
        value = soft::flush(format_of(type), value, keeps_denormals(w.mode, type, false));
    return value;
}

// Denormal results, omod, clamp. omod does nothing in IEEE mode or where denormal results are
// allowed, and makes +0 of -0 ("Output modifiers").
u64 output(const Wave &w, const Form &form, char type, u64 r)
{
    if (!is_float(type))
        return r;
    const soft::Format f = format_of(type);
    const bool always = form.always_flushes && type == 'f';
    const bool keeps = !always && keeps_denormals(w.mode, type, true);
    if (always || (form.aware && !keeps))
        r = soft::flush(f, r, false);
    if (form.omod && !(w.mode & 0x200) && !keeps && !soft::is_nan(f, r)) {
        static const int powers[] = {0, 1, 2, -1};
        r = soft::is_zero(f, r) ? 0 : soft::scale(f, r, powers[form.omod], 0);
        r = soft::flush(f, r, false);
        r = soft::is_zero(f, r) ? 0 : r;
    }
    if (form.clamp) {
        const u64 one = u64(f.bias()) << f.fraction;
        if (soft::is_nan(f, r))
            return w.mode & 0x100 ? 0 : r;
        return r & f.sign() ? 0 : r > one ? one : r;
    }
    return r;
}

// The low bits of a result where SDWA puts them.
u32 sdwa_place(const Form &form, u32 low, u32 old)
{
    if (form.dst_sel >= 6)
        return low;
    unsigned select = form.dst_sel, width = select < 4 ? 8 : 16,
             shift = select < 4 ? 8 * select : 16 * (select - 4);
    u32 field = ((1u << width) - 1) << shift, part = low << shift & field;
    if (form.dst_unused == 1 && low >> (width - 1) & 1)
        part |= static_cast<u32>(~0ull << (shift + width));
    return form.dst_unused == 2 ? part | (old & ~field) : part;
}

bool has(const Model &model, char flag)
{
    return model.types.find(flag) != std::string::npos;
}

// All lanes are computed before any is written.
Step vector(Wave &w, const Inst &inst, const Model &model)
{
    const std::string &types = model.types;
    const char result = types[0];
    Form form = form_of(inst);
    form.aware = has(model, '@'), form.always_flushes = has(model, '!');
    if (has(model, '='))
        form.src[2] = 256 + form.dst;
    unsigned sources = 0;
    while (2 + sources < types.size() && strchr("ifldshp", types[2 + sources]))
        sources++;
    const u64 mask_in = has(model, 'v') ? w.s64(S_VCC) : has(model, '?') ? w.s64(form.src[2]) : 0;
    u64 mask = 0, r[LANES], written = 0;

    for (unsigned lane = 0; lane < LANES; lane++) {
        Lane x;
        bool enabled = w.active(lane);
        u64 *values[3] = {&x.a, &x.b, &x.c};
        for (unsigned k = 0; k < sources; k++)
            *values[k] = source(w, form, k, types[2 + k], lane, enabled);
        if (has(model, '='))
            x.c = source(w, form, 2, result, lane, enabled);
        x.carry_in = mask_in >> lane & 1;
        x.lane = lane;
        x.clamp = form.clamp;
        x.mode = w.mode;
        r[lane] = output(w, form, result, model.compute(x));
        if (result == 'm')
            x.carry_out = r[lane] & 1;
        mask |= u64(enabled && x.carry_out) << lane;
        written |= u64(enabled) << lane;
    }
    for (unsigned lane = 0; lane < LANES && result != 'm'; lane++) {
        u32 &d = w.v[form.dst][lane], low = static_cast<u32>(r[lane]);
        if (!(written >> lane & 1))
            continue;
        if (result == 's' || result == 'h')
            low &= 0xffff;
        if (form.sdwa)
            low = sdwa_place(form, low, d);
        if (form.vop3 && form.op_sel & 8)
            low = low << 16 | (d & 0xffff);
        else if (form.vop3 && has(model, '^'))
            low = (low & 0xffff) | (d & 0xffff0000);
        d = low;
        if (is_wide(result))
            w.v[form.dst + 1][lane] = static_cast<u32>(r[lane] >> 32);
    }
    if (result == 'm' || has(model, '+')) {
        w.set64(form.sdst, mask);
        if (!strncmp(inst.row->mnemonic, "v_cmpx", 6))
            w.set64(S_EXEC, mask);
    }
    return Step::next;
}

// Four masked sums of absolute differences of bytes: those of S1 against four places of S0, each
// added to a dword of S2. A byte of S1 that is zero does not count.
Step mqsad(Wave &w, const Inst &inst)
{
    const Form form = form_of(inst);
    std::array<std::array<u32, LANES>, 4> d;
    for (unsigned lane = 0; lane < LANES; lane++) {
        bool enabled = true;
        const u64 a = source(w, form, 0, 'l', lane, enabled);
        const u32 b = static_cast<u32>(source(w, form, 1, 'i', lane, enabled));
        for (unsigned k = 0; k < 4; k++) {
            d[k][lane] = w.v[form.src[2] - 256 + k][lane];
            for (unsigned at = 0; at < 32; at += 8) {
                const int x = a >> (8 * k + at) & 255, y = b >> at & 255;
                d[k][lane] += y ? static_cast<u32>(x > y ? x - y : y - x) : 0;
            }
        }
    }
    for (unsigned k = 0; k < 4; k++)
        for (unsigned lane = 0; lane < LANES; lane++)
            if (w.active(lane))
                w.v[form.dst + k][lane] = d[k][lane];
    return Step::next;
}

u32 lane_of(const Wave &w, const Inst &inst, unsigned code, unsigned lane)
{
    return code >= 256 ? w.v[code - 256][lane]
                       : static_cast<u32>(w.scalar(code, inst.words[1], 'i'));
}

void add_moves(Functions &t)
{
    t["v_nop"] = t["v_clrexcp"] = [](Wave &, const Inst &) { return Step::next; };
    t["v_readlane_b32"] = [](Wave &w, const Inst &inst) {
        unsigned lane = static_cast<unsigned>(w.scalar(inst.bits(41, 9), 0, 'i')) % LANES;
        w.s[inst.bits(0, 7)] = lane_of(w, inst, inst.bits(32, 9), lane);
        return Step::next;
    };
    t["v_writelane_b32"] = [](Wave &w, const Inst &inst) {
        unsigned lane = static_cast<unsigned>(w.scalar(inst.bits(41, 9), 0, 'i')) % LANES;
        w.v[inst.bits(0, 8)][lane] = static_cast<u32>(w.scalar(inst.bits(32, 9), 0, 'i'));
        return Step::next;
    };
    t["v_readfirstlane_b32"] = [](Wave &w, const Inst &inst) {
        const bool vop3 = inst.row->encoding == SG_ENC_VOP3;
        unsigned lane = 0;
        while (lane < LANES - 1 && w.exec() && !w.active(lane))
            lane++;
        w.s[vop3 ? inst.bits(0, 7) : inst.bits(17, 7)] =
            lane_of(w, inst, vop3 ? inst.bits(32, 9) : inst.bits(0, 9), lane);
        return Step::next;
    };
    t["v_mqsad_u32_u8"] = mqsad;
    t["v_swap_b32"] = [](Wave &w, const Inst &inst) {
        const unsigned from = inst.bits(0, 8), to = inst.bits(17, 8);
        for (unsigned lane = 0; lane < LANES; lane++)
            if (w.active(lane))
                std::swap(w.v[to][lane], w.v[from][lane]);
        return Step::next;
    };
}
} // namespace

void add_vector(Functions &t)
{
    for (const auto &[name, model] : isa_models())
        t[name] = [&model = model](Wave &w, const Inst &inst) { return vector(w, inst, model); };
    add_moves(t);
}
} // namespace ref

// SPDX-License-Identifier: MIT
// Every vector instruction that the reference model knows, in each variant of the vector ALU that
// this CPU can run: random and special operands in every operand kind, modifiers, SDWA, DPP, full,
// partial and empty EXEC. The whole register state is compared, so an instruction that writes
// elsewhere is found too.
#include "isa_device.hpp"
#include "isa_model.hpp"

#include <catch2/catch.hpp>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace
{
enum { REGISTERS = 24, DEFAULT_MODE = 0x3f0 }; // IEEE, DX10_CLAMP, denormals kept, nearest even

struct State {
    alignas(64) uint32_t v[REGISTERS][SG_LANES];
    uint32_t s[128];
};

uint64_t inline_value(unsigned code, char type)
{
    static const double floats[] = {0.5, -0.5, 1, -1, 2, -2, 4, -4};
    bool wide = type == 'l' || type == 'd';
    if (code <= 208) {
        int64_t value =
            code <= 192 ? static_cast<int64_t>(code) - 128 : 192 - static_cast<int64_t>(code);
        return wide ? static_cast<uint64_t>(value) : static_cast<uint32_t>(value);
    }
    double value = floats[code - 240];
    float narrow = static_cast<float>(value);
    _Float16 half = static_cast<_Float16>(value);
    uint64_t bits = 0;
    if (wide)
        memcpy(&bits, &value, 8);
    else if (type == 's' || type == 'h')
        memcpy(&bits, &half, 2);
    else
        memcpy(&bits, &narrow, 4);
    return bits;
}

bool is_float(char type)
{
    return type == 'f' || type == 'd' || type == 'h';
}

bool is_wide(char type)
{
    return type == 'l' || type == 'd';
}

class Tester
{
  public:
    Tester(const sg_isa *tables, uint32_t seed) : isa(tables), random(seed) {}

    // One random encoding of an opcode, executed and compared. Empty: as expected; else what
    // differs.
    std::string once(const sg_opcode &row, const Model &model);

  private:
    uint32_t bits()
    {
        return static_cast<uint32_t>(random());
    }
    unsigned below(unsigned n)
    {
        return bits() % n;
    }
    uint32_t special32();
    void randomise(State &state);
    bool encode(const sg_opcode &row, const Model &model, uint32_t words[3]);
    uint64_t source(const State &state, unsigned k, char type, unsigned lane, bool &enabled) const;
    int dpp_lane(unsigned lane) const;
    uint64_t output(const State &before, uint64_t r, char type, unsigned lane) const;
    void expect(State &state, const sg_opcode &row, const Model &model);

    const sg_isa *isa;
    std::mt19937 random;
    // The encoding under test, as the test chose it.
    struct {
        bool vop3, sdwa, dpp, sdst_given;
        unsigned src[3], dst, sdst, neg, abs, omod, clamp, op_sel;
        unsigned src_sel[2], dst_sel, dst_unused, sext, control, row_mask, bank_mask, bound;
        uint32_t literal;
    } form;
    uint64_t exec;
};

uint32_t Tester::special32()
{
    static const uint32_t values[] = {
        0,          0x80000000, 1,          0x80000001, 0x7fffff,   0x800000,   0x3f800000,
        0xbf800000, 0x7f7fffff, 0xff7fffff, 0x7f800000, 0xff800000, 0x7fc00001, 0x7f800001,
        0xffc12345, 0x4f000000, 0xcf000000, 0x4f800000, 0x3f000000, 0x3fffffff, 0xffffffff,
        0x7fffffff, 0xffff,     0x8000,     0x7c00,     0x3c00,     0x7e01,     0x7c01,
        0xfbff,     0x3ff00000, 0x7ff00000, 0x00100000, 0x000fffff, 0x7ff80000, 31,
        32,         63,         64,         255};
    return values[below(sizeof(values) / sizeof(values[0]))];
}

void Tester::randomise(State &state)
{
    for (auto &reg : state.v) {
        unsigned kind = below(4);
        for (uint32_t &value : reg)
            value = kind == 0       ? bits()
                    : below(3) == 0 ? special32()
                    : kind == 1     ? 0x3f000000 + bits() % 0x2000000
                                    : bits();
    }
    for (uint32_t &value : state.s)
        value = below(2) ? bits() : special32();
    unsigned kind = below(4);
    exec = kind == 0   ? ~0ull
           : kind == 1 ? (uint64_t(bits()) << 32 | bits())
           : kind == 2 ? 1ull << below(64)
           : below(8)  ? ~0ull
                       : 0;
    state.s[SG_S_EXEC] = static_cast<uint32_t>(exec);
    state.s[SG_S_EXEC + 1] = static_cast<uint32_t>(exec >> 32);
}

// Chooses operands and modifiers; false if the row has no such form.
bool Tester::encode(const sg_opcode &row, const Model &model, uint32_t words[3])
{
    std::string types = model.types.substr(2);
    unsigned sources = 0;
    while (sources < types.size() && strchr("ifldsh", types[sources]))
        sources++;
    bool reads_mask = types.find('?') != std::string::npos,
         writes_mask = types.find('+') != std::string::npos;
    bool compare = model.types[0] == 'm',
         any_float = model.types[0] == 'f' || model.types[0] == 'd' || model.types[0] == 'h';

    form = {};
    form.vop3 = row.encoding == SG_ENC_VOP3;
    form.dst = below(REGISTERS - 1);
    for (unsigned k = 0; k < sources; k++) {
        unsigned kind = below(10);
        form.src[k] = kind < 6    ? 256 + below(REGISTERS - 1)
                      : kind < 8  ? 2 * below(40)
                      : kind == 8 ? 128 + below(81)
                                  : 240 + below(8);
        if (!form.vop3 && k == 1)
            form.src[k] = 256 + below(REGISTERS - 1);
    }
    if (form.vop3) {
        uint32_t mask = 2 * below(40);
        form.sdst = compare || writes_mask ? 2 * below(40) : 0;
        if (any_float || compare) {
            for (unsigned k = 0; k < sources; k++)
                if (is_float(types[k]) && below(3) == 0) {
                    form.neg |= below(2) << k;
                    form.abs |= writes_mask ? 0 : below(2) << k;
                }
        }
        if (any_float && below(4) == 0) {
            form.clamp = below(2);
            form.omod = model.types[0] == 'f' || model.types[0] == 'd' ? below(4) : 0;
        }
        if (model.has_clamp)
            form.clamp = below(3) == 0;
        words[0] = 0xd0000000 | uint32_t(row.number) << 16 | form.clamp << 15 |
                   (compare ? form.sdst : form.dst);
        words[0] |= writes_mask ? form.sdst << 8 : form.abs << 8;
        uint32_t third = reads_mask ? mask : sources > 2 ? form.src[2] : 0;
        if (reads_mask)
            form.src[2] = mask;
        words[1] = form.src[0] | (sources > 1 ? form.src[1] << 9 : 0) | third << 18 |
                   form.omod << 27 | form.neg << 29;
        return true;
    }
    form.sdst = SG_S_VCC;
    if (reads_mask)
        form.src[2] = SG_S_VCC;
    unsigned kind = below(3);
    bool wide = false;
    for (unsigned k = 0; k < sources; k++)
        wide |= is_wide(types[k]);
    if (kind == 1 && row.flags & SG_OPF_SDWA && !wide) {
        form.sdwa = true;
        form.src[0] = 256 + below(REGISTERS - 1);
        form.src_sel[0] = below(7), form.src_sel[1] = below(7), form.dst_sel = below(7),
        form.dst_unused = below(3);
        for (unsigned k = 0; k < sources; k++) {
            if (is_float(types[k])) {
                form.neg |= below(2) << k;
                form.abs |= below(2) << k;
            } else {
                form.sext |= below(2) << k;
            }
        }
        words[1] = (form.src[0] - 256) | form.src_sel[0] << 16 | (form.sext & 1) << 19 |
                   (form.neg & 1) << 20 | (form.abs & 1) << 21;
        if (sources > 1)
            words[1] |= form.src_sel[1] << 24 | (form.sext >> 1) << 27 | (form.neg >> 1 & 1) << 28 |
                        (form.abs >> 1 & 1) << 29;
        if (!compare)
            words[1] |= form.dst_sel << 8 | form.dst_unused << 11;
    } else if (kind == 2 && row.flags & SG_OPF_DPP && !wide && !is_wide(model.types[0])) {
        static const unsigned controls[] = {0x1b,  0xb1,  0x4e,  0x101, 0x107, 0x111,
                                            0x11f, 0x121, 0x128, 0x130, 0x134, 0x138,
                                            0x13c, 0x140, 0x141, 0x142, 0x143};
        form.dpp = true;
        form.src[0] = 256 + below(REGISTERS - 1);
        form.control = controls[below(sizeof(controls) / sizeof(controls[0]))];
        form.row_mask = below(2) ? 15 : below(16), form.bank_mask = below(2) ? 15 : below(16),
        form.bound = below(2);
        words[1] = (form.src[0] - 256) | form.control << 8 | form.bound << 19 |
                   form.bank_mask << 24 | form.row_mask << 28;
    } else if (sources && below(8) == 0) {
        form.src[0] = 255;
        words[1] = form.literal = special32();
    }
    uint32_t src0 = form.sdwa ? 249 : form.dpp ? 250 : form.src[0];
    switch (row.encoding) {
    case SG_ENC_VOP1:
        words[0] = 0x7e000000 | form.dst << 17 | uint32_t(row.number) << 9 | src0;
        return true;
    case SG_ENC_VOP2:
        words[0] = uint32_t(row.number) << 25 | form.dst << 17 | (form.src[1] - 256) << 9 | src0;
        return true;
    case SG_ENC_VOPC:
        words[0] = 0x7c000000 | uint32_t(row.number) << 17 | (form.src[1] - 256) << 9 | src0;
        return true;
    default:
        return false;
    }
}

int Tester::dpp_lane(unsigned lane) const
{
    int i = static_cast<int>(lane), row = i / 16, at = i % 16,
        n = static_cast<int>(form.control & 15);
    if (form.control < 0x100)
        return i - i % 4 + static_cast<int>(form.control >> (2 * (i % 4)) & 3);
    if (form.control < 0x110)
        return at + n < 16 ? i + n : -1;
    if (form.control < 0x120)
        return at - n >= 0 ? i - n : -1;
    if (form.control < 0x130)
        return row * 16 + (at + 16 - n) % 16;
    switch (form.control) {
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

uint64_t Tester::source(const State &state, unsigned k, char type, unsigned lane,
                        bool &enabled) const
{
    unsigned code = form.src[k];
    uint64_t value;

    if (code >= 256) {
        unsigned reg = code - 256;
        value = state.v[reg][lane];
        if (is_wide(type))
            value |= uint64_t(state.v[reg + 1][lane]) << 32;
        if (form.dpp && k == 0) {
            int from = dpp_lane(lane);
            bool valid = from >= 0 && (exec >> from & 1);
            value = valid ? state.v[reg][from] : 0;
            enabled &= (valid || form.bound) && (form.row_mask >> lane / 16 & 1) &&
                       (form.bank_mask >> lane / 4 % 4 & 1);
        }
    } else if (code < 128) {
        value = state.s[code] | (is_wide(type) ? uint64_t(state.s[code + 1]) << 32 : 0);
    } else if (code == 255) {
        value = type == 'd' ? uint64_t(form.literal) << 32 : form.literal;
    } else {
        value = inline_value(code, type);
    }
    if (form.sdwa && k < 2 && form.src_sel[k] < 6) {
        unsigned select = form.src_sel[k], width = select < 4 ? 8 : 16,
                 shift = select < 4 ? 8 * select : 16 * (select - 4);
        value = value >> shift & ((1u << width) - 1);
        if (form.sext >> k & 1 && value >> (width - 1))
            value |= 0xffffffffu << width & 0xffffffffu;
    }
    if (type == 's' || type == 'h')
        value &= 0xffff;
    uint64_t sign = type == 'd' ? 1ull << 63 : type == 'h' ? 0x8000 : 0x80000000;
    if (is_float(type) && form.abs >> k & 1)
        value &= ~sign;
    if (is_float(type) && form.neg >> k & 1)
        value ^= sign;
    return value;
}

// omod and clamp of floats.
uint64_t Tester::output(const State &, uint64_t r, char type, unsigned) const
{
    static const double factor[] = {1, 2, 4, 0.5};
    if (!form.omod && !form.clamp)
        return r;
    if (type == 'f') {
        float x;
        uint32_t b = static_cast<uint32_t>(r);
        memcpy(&x, &b, 4);
        if (std::isnan(x))
            return form.clamp ? 0 : r;
        x = x * static_cast<float>(factor[form.omod]);
        if (form.clamp)
            x = x > 0 ? std::fmin(x, 1.0f) : 0.0f;
        memcpy(&b, &x, 4);
        return b;
    }
    if (type == 'd') {
        double x;
        memcpy(&x, &r, 8);
        if (std::isnan(x))
            return form.clamp ? 0 : r;
        x *= factor[form.omod];
        if (form.clamp)
            x = x > 0 ? std::fmin(x, 1.0) : 0.0;
        memcpy(&r, &x, 8);
        return r;
    }
    if (type == 'h' && form.clamp)
        return (r & 0x7fff) > 0x7c00 || r & 0x8000 ? 0 : r > 0x3c00 ? 0x3c00 : r;
    return r;
}

// Turns the state before the instruction into the one after it.
void Tester::expect(State &state, const sg_opcode &row, const Model &model)
{
    const State before = state;
    const std::string &types = model.types;
    char result = types[0];
    bool reads_mask = types.find('?') != std::string::npos,
         writes_mask = types.find('+') != std::string::npos;
    bool accumulates = types.find('=') != std::string::npos,
         keeps_high = types.find('^') != std::string::npos;
    uint64_t mask = 0, mask_in = 0;

    if (reads_mask)
        mask_in = uint64_t(before.s[form.src[2] + 1]) << 32 | before.s[form.src[2]];
    for (unsigned lane = 0; lane < SG_LANES; lane++) {
        Lane x;
        bool enabled = exec >> lane & 1;
        uint64_t *values[3] = {&x.a, &x.b, &x.c};
        for (unsigned k = 0; k < 3 && 2 + k < types.size() && strchr("ifldsh", types[2 + k]); k++)
            *values[k] = source(before, k, types[2 + k], lane, enabled);
        if (accumulates)
            x.c = before.v[form.dst][lane] |
                  (is_wide(result) ? uint64_t(before.v[form.dst + 1][lane]) << 32 : 0);
        x.carry_in = mask_in >> lane & 1;
        x.lane = lane;
        x.clamp = form.clamp;
        uint64_t r = model.compute(x);
        if (result == 'm')
            x.carry_out = r & 1;
        mask |= uint64_t(enabled && x.carry_out) << lane;
        if (!enabled || result == 'm')
            continue;
        r = output(before, r, result, lane);
        uint32_t old = before.v[form.dst][lane], low = static_cast<uint32_t>(r);
        if (result == 's' || result == 'h')
            low &= 0xffff;
        if (form.sdwa && form.dst_sel < 6) {
            unsigned select = form.dst_sel, width = select < 4 ? 8 : 16,
                     shift = select < 4 ? 8 * select : 16 * (select - 4);
            uint32_t field = ((1u << width) - 1) << shift, part = low << shift & field;
            if (form.dst_unused == 1 && low >> (width - 1) & 1)
                part |= static_cast<uint32_t>(~0ull << (shift + width));
            low = form.dst_unused == 2 ? part | (old & ~field) : part;
        }
        if (keeps_high && form.vop3)
            low = (low & 0xffff) | (old & 0xffff0000);
        state.v[form.dst][lane] = low;
        if (is_wide(result))
            state.v[form.dst + 1][lane] = static_cast<uint32_t>(r >> 32);
    }
    if (result == 'm' || writes_mask) {
        state.s[form.sdst] = static_cast<uint32_t>(mask);
        state.s[form.sdst + 1] = static_cast<uint32_t>(mask >> 32);
        if (!strncmp(row.mnemonic, "v_cmpx", 6)) {
            state.s[SG_S_EXEC] = static_cast<uint32_t>(mask);
            state.s[SG_S_EXEC + 1] = static_cast<uint32_t>(mask >> 32);
        }
    }
}

// Neighbours in the order of floats, for results that may be off by one unit in the last place.
bool close_enough(uint64_t x, uint64_t y)
{
    return x - y + 1 <= 2;
}

std::string Tester::once(const sg_opcode &row, const Model &model)
{
    static State state, wanted;
    uint32_t words[3] = {};
    char text[256] = "";
    sg_inst inst;
    sg_wave *wave = static_cast<sg_wave *>(aligned_alloc(64, (sizeof(sg_wave) + 63) / 64 * 64));
    std::string problem;

    memset(wave, 0, sizeof(*wave));
    randomise(state);
    if (encode(row, model, words)) {
        wanted = state;
        expect(wanted, row, model);
        wave->v = state.v;
        memcpy(wave->s, state.s, sizeof(state.s));
        wave->mode = DEFAULT_MODE;
        sg_decode(isa, words, 3, &inst);
        sg_inst_text(&inst, text, sizeof(text));
        if (inst.encoding != row.encoding || inst.fn(wave, &inst) != SG_NEXT)
            problem = "not executed";
        memcpy(state.s, wave->s, sizeof(state.s));
        bool about = model.types.find('~') != std::string::npos && !form.sdwa;
        char line[256];
        for (unsigned reg = 0; reg < REGISTERS && problem.empty(); reg++)
            for (unsigned lane = 0; lane < SG_LANES && problem.empty(); lane++)
                if (state.v[reg][lane] != wanted.v[reg][lane] &&
                    !(about && (is_wide(model.types[0]) ||
                                close_enough(state.v[reg][lane], wanted.v[reg][lane])))) {
                    snprintf(line, sizeof(line), "v%u lane %u: %08x, expected %08x", reg, lane,
                             state.v[reg][lane], wanted.v[reg][lane]);
                    problem = line;
                }
        for (unsigned reg = 0; reg < 128 && problem.empty(); reg++)
            if (state.s[reg] != wanted.s[reg]) {
                snprintf(line, sizeof(line), "s%u: %08x, expected %08x", reg, state.s[reg],
                         wanted.s[reg]);
                problem = line;
            }
        if (!problem.empty()) {
            snprintf(line, sizeof(line), "  %08x %08x exec %016llx: ", words[0], words[1],
                     static_cast<unsigned long long>(exec));
            problem = std::string(text) + line + problem;
        }
    }
    free(wave);
    return problem;
}

uint32_t seed_from_environment()
{
    const char *text = getenv("HS_SEED");
    return text ? static_cast<uint32_t>(strtoul(text, nullptr, 0)) : 20260101u;
}

void test_variant(unsigned variant, const char *arch_name, uint8_t arch_bit)
{
    const char *name;
    const sg_op_set *const *sets = sg_vector_variant(variant, &name);
    const uint32_t seed = seed_from_environment();
    const unsigned rounds =
        getenv("HS_ROUNDS") ? static_cast<unsigned>(atoi(getenv("HS_ROUNDS"))) : 60;
    std::set<std::string> tested;
    unsigned wrong = 0;

    if (!sets) {
        WARN(std::string("this CPU cannot run the variant for ") + name);
        SUCCEED();
        return;
    }
    INFO(arch_name << ", " << name << ", HS_SEED=" << seed);
    sg_isa *isa = sg_isa_create(sg_arch_find(arch_name), sets);
    REQUIRE(isa);
    for (size_t i = 0; i < sg_opcode_count; i++) {
        auto model = isa_models().find(sg_opcodes[i].mnemonic);
        if (!(sg_opcodes[i].archs & arch_bit) || model == isa_models().end())
            continue;
        Tester tester(isa, seed + static_cast<uint32_t>(i));
        std::string problem;
        for (unsigned round = 0; round < rounds && problem.empty(); round++)
            problem = tester.once(sg_opcodes[i], model->second);
        tested.insert(sg_opcodes[i].mnemonic);
        if (!problem.empty() && wrong++ < 200)
            UNSCOPED_INFO(problem);
    }
    CHECK(wrong == 0);
    CHECK(tested.size() > 300);
    sg_isa_destroy(isa);
}
} // namespace

TEST_CASE("vector instructions of gfx906 agree with the model, x86-64-v2")
{
    test_variant(0, "gfx906", SG_OP_GFX906);
}

TEST_CASE("vector instructions of gfx906 agree with the model, AVX2")
{
    test_variant(1, "gfx906", SG_OP_GFX906);
}

TEST_CASE("vector instructions of gfx906 agree with the model, AVX-512")
{
    test_variant(2, "gfx906", SG_OP_GFX906);
}

TEST_CASE("vector instructions of gfx90a agree with the model, all variants")
{
    for (unsigned variant = 0; variant < SG_SIMD_VARIANTS; variant++)
        test_variant(variant, "gfx90a", SG_OP_GFX90A);
}

// SPDX-License-Identifier: MIT
// Single instructions whose results AMD's documents state, and mistakes of the executor that the
// comparison with the reference interpreter has found, one test for each: the words are what
// llvm-mc 15 makes of the line beside them. Runs in the best variant that this CPU has; isa_ops
// runs all.
#include "ref/machine.hpp"

#include <catch2/catch.hpp>

#include <cmath>
#include <cstring>
#include <random>

namespace
{
using Code = std::vector<uint32_t>;

class Gpu
{
  public:
    explicit Gpu(const char *arch) : machine(arch, best()), state(machine.arch_bit())
    {
        state.lds.resize(ref::LDS_BYTES);
        state.memory.resize(ref::MEMORY_BYTES);
        state.memory_va = ref::MEMORY_VA;
        state.pc = ref::CODE_VA;
        state.set64(ref::S_EXEC, ~0ull);
    }
    void set(unsigned reg, uint32_t value)
    {
        state.v[reg].fill(value);
    }
    void set(unsigned reg, float value)
    {
        uint32_t bits;
        memcpy(&bits, &value, 4);
        set(reg, bits);
    }
    void set64(unsigned reg, uint64_t value)
    {
        set(reg, static_cast<uint32_t>(value));
        set(reg + 1, static_cast<uint32_t>(value >> 32));
    }
    // Executes one instruction, or a program that ends with s_endpgm.
    void run(const Code &code, unsigned limit = 1)
    {
        machine.load(state);
        REQUIRE(machine.run(code, limit).empty());
        machine.store(state);
    }
    uint32_t v(unsigned reg, unsigned lane = 5) const
    {
        return state.v[reg][lane];
    }

  private:
    static unsigned best()
    {
        std::string name;
        unsigned variant = SG_SIMD_VARIANTS;
        while (!ref::Machine::available(--variant, name))
            ;
        return variant;
    }
    ref::Machine machine;

  public:
    ref::Wave state;
};

uint32_t lds_word(const Gpu &gpu, unsigned at)
{
    uint32_t value;
    memcpy(&value, &gpu.state.lds[at], 4);
    return value;
}
} // namespace

TEST_CASE("s_absdiff_i32, s_flbit_i32 and s_lshl2_add_u32 give what the document's examples say")
{
    static const struct {
        uint32_t a, b, d;
    } differences[] = {{2, 1, 1},
                       {0xffffffff, 0, 1},
                       {0x80000000, 0, 0x80000000},
                       {0x80000000, 1, 0x7fffffff},
                       {0x80000000, 0xffffffff, 0x7fffffff},
                       {0x80000000, 0xfffffffe, 0x7ffffffe}};
    Gpu gpu("gfx906");
    for (const auto &c : differences) {
        gpu.state.s[1] = c.a, gpu.state.s[2] = c.b;
        gpu.run({0x95000201}); // s_absdiff_i32 s0, s1, s2
        CHECK(gpu.state.s[0] == c.d);
        CHECK(gpu.state.scc);
    }
    static const uint32_t runs[][2] = {{0, 0xffffffff}, {0xcccc, 16},    {0xffff3333, 16},
                                       {0x7fffffff, 1}, {0x80000000, 1}, {0xffffffff, 0xffffffff}};
    for (const auto &c : runs) {
        gpu.state.s[1] = c[0];
        gpu.run({0xbe801401}); // s_flbit_i32 s0, s1
        CHECK(gpu.state.s[0] == c[1]);
    }
    gpu.state.s[1] = 0x40000000, gpu.state.s[2] = 7;
    gpu.run({0x97800201}); // s_lshl2_add_u32 s0, s1, s2
    CHECK(gpu.state.s[0] == 7);
    CHECK(gpu.state.scc);
}

TEST_CASE(
    "omod does nothing in IEEE mode or where denormal results are allowed, and makes +0 of -0")
{
    const Code times_two = {0xd1050000, 0x08020501}, half = {0xd1050000, 0x18020501};
    static const struct {
        uint32_t mode;
        float factor;
    } modes[] = {{0x3f0, 1}, {0x1f0, 1}, {0x3d0, 1}, {0x1d0, 2}};
    Gpu gpu("gfx906");
    for (const auto &m : modes) {
        gpu.state.mode = m.mode;
        gpu.set(1, 1.5f), gpu.set(2, 3.0f);
        gpu.run(times_two); // v_mul_f32_e64 v0, v1, v2 mul:2
        float result, wanted = 4.5f * m.factor;
        const uint32_t bits = gpu.v(0);
        memcpy(&result, &bits, 4);
        CHECK(result == wanted);
    }
    gpu.set(1, -0.0f);
    gpu.run(times_two);
    CHECK(gpu.v(0) == 0);
    gpu.set(1, 0x1p-126f), gpu.set(2, -1.0f);
    gpu.run(half); // v_mul_f32_e64 v0, v1, v2 div:2: a denormal, flushed
    CHECK(gpu.v(0) == 0);
}

TEST_CASE("a sum of halves that cancels is -0 where MODE rounds down")
{
    Gpu gpu("gfx906");
    gpu.set(1, 0x3c00u), gpu.set(2, 0xbc00u);
    gpu.run({0x3e000501}); // v_add_f16 v0, v1, v2
    CHECK(gpu.v(0) == 0);
    gpu.state.mode = 0x3f8;
    gpu.run({0x3e000501});
    CHECK(gpu.v(0) == 0x8000);
}

TEST_CASE("v_ldexp_f16 beyond the range overflows as MODE rounds")
{
    Gpu gpu("gfx906");
    gpu.set(1, 0x3c00u), gpu.set(2, 0x7fffu);
    gpu.run({0x66000501}); // v_ldexp_f16 v0, v1, v2
    CHECK(gpu.v(0) == 0x7c00);
    gpu.state.mode = 0x3fc;
    gpu.run({0x66000501});
    CHECK(gpu.v(0) == 0x7bff);
}

TEST_CASE(
    "v_cvt_f32_f64 takes the denormal bits of fp64 for its source, those of fp32 for its result")
{
    const uint64_t small = 0x0000000000000001; // rounds up to the smallest denormal
    Gpu gpu("gfx906");
    gpu.set64(2, small);
    gpu.state.mode = 0x3f1; // up
    gpu.run({0x7e001f02});  // v_cvt_f32_f64 v0, v[2:3]
    CHECK(gpu.v(0) == 1);
    gpu.state.mode = 0x3e1; // fp32 denormals of sources flushed: no matter
    gpu.run({0x7e001f02});
    CHECK(gpu.v(0) == 1);
    gpu.state.mode = 0x3b1; // fp64 denormals of sources flushed
    gpu.run({0x7e001f02});
    CHECK(gpu.v(0) == 0);
    gpu.state.mode = 0x3d1; // fp32 denormals of results flushed
    gpu.run({0x7e001f02});
    CHECK(gpu.v(0) == 0);
}

TEST_CASE("v_cvt_rpi_i32_f32 adds one half without rounding the sum")
{
    Gpu gpu("gfx906");
    gpu.set(1, 8388609.0f);
    gpu.run({0x7e001901}); // v_cvt_rpi_i32_f32 v0, v1
    CHECK(gpu.v(0) == 8388609);
}

TEST_CASE("v_div_fmas_f64 of an infinity under VCC is that infinity")
{
    Gpu gpu("gfx906");
    gpu.state.set64(ref::S_VCC, ~0ull);
    gpu.set64(2, 0x3ff0000000000000), gpu.set64(4, 0x3ff0000000000000);
    gpu.set64(6, 0xfff0000000000000);
    gpu.run({0xd1e30000, 0x041a0902}); // v_div_fmas_f64 v[0:1], v[2:3], v[4:5], v[6:7]
    CHECK(gpu.v(0) == 0);
    CHECK(gpu.v(1) == 0xfff00000);
}

TEST_CASE("v_cos of a quarter turn is 0, v_sin of it 1, and v_sin keeps the sign of zero")
{
    Gpu gpu("gfx906");
    gpu.set(1, 0.25f);
    gpu.run({0x7e005501}); // v_cos_f32 v0, v1
    CHECK(gpu.v(0) == 0);
    gpu.run({0x7e005301}); // v_sin_f32 v0, v1
    CHECK(gpu.v(0) == 0x3f800000);
    gpu.set(1, -0.0f);
    gpu.run({0x7e005301});
    CHECK(gpu.v(0) == 0x80000000);
    gpu.set(1, 0x3400u);
    gpu.run({0x7e009501}); // v_cos_f16 v0, v1
    CHECK(gpu.v(0) == 0);
}

TEST_CASE("float atomics order zeros, let numbers win over NaN, and give the positive default NaN")
{
    Gpu gpu("gfx906");
    const auto after = [&](const Code &code, uint32_t memory, uint32_t data) {
        gpu.state.set64(ref::S_EXEC, 1);
        memcpy(gpu.state.lds.data(), &memory, 4);
        gpu.set(0, 0u), gpu.set(1, data);
        gpu.run(code);
        return lds_word(gpu, 0);
    };
    const Code min = {0xd8240000, 0x00000100}, add = {0xd82a0000, 0x00000100};
    CHECK(after(min, 0, 0x80000000) == 0x80000000); // ds_min_f32 v0, v1
    CHECK(after(min, 0x80000000, 0) == 0x80000000);
    CHECK(after(min, 0x7fc00000, 0x3f800000) == 0x3f800000);
    CHECK(after(min, 0x3f800000, 0x7f800001) == 0x3f800000);
    CHECK(after(add, 0x7f800000, 0xff800000) == 0x7fc00000); // ds_add_f32 v0, v1
    CHECK(after(add, 0x3f800000, 0xffc12345) == 0xffc12345);
}

TEST_CASE("v_fma_mix and the packed fp32 instructions follow MODE's rounding, denormals and clamp")
{
    Gpu gpu("gfx906");
    const Code mix = {0xd3a08000, 0x040e0501}; // v_fma_mix_f32 v0, v1, v2, v3 clamp
    gpu.set(1, 1.0f), gpu.set(2, 0x1p-30f), gpu.set(3, 0.5f);
    gpu.run(mix);
    CHECK(gpu.v(0) == 0x3f000000);
    gpu.state.mode = 0x3f1;
    gpu.run(mix);
    CHECK(gpu.v(0) == 0x3f000001);
    gpu.set(3, 0x7fc00000u);
    gpu.run(mix);
    CHECK(gpu.v(0) == 0); // DX10_CLAMP
    gpu.state.mode = 0x2f0;
    gpu.run(mix);
    CHECK(gpu.v(0) == 0x7fc00000);

    Gpu pair("gfx90a");
    const Code mul = {0xd3b1c000, 0x18020902}; // v_pk_mul_f32 v[0:1], v[2:3], v[4:5] clamp
    pair.set(2, 0x1p-100f), pair.set(4, 0x1p-40f), pair.set(3, 3.0f), pair.set(5, 1.0f);
    pair.run(mul);
    CHECK(pair.v(0) == 0x00000200);
    CHECK(pair.v(1) == 0x3f800000);
    pair.state.mode = 0x3d0;
    pair.run(mul);
    CHECK(pair.v(0) == 0);
}

TEST_CASE("on MI200 matrix instructions and dot products of halves take denormals for zero")
{
    Gpu gpu("gfx90a");
    for (unsigned reg = 4; reg < 8; reg++)
        gpu.set(reg, 0x03ff03ffu);     // denormal halves
    gpu.run({0xd3ca0000, 0x04220d04}); // v_mfma_f32_4x4x4f16 v[0:3], v[4:5], v[6:7], v[8:11]
    CHECK(gpu.v(0) == 0);
    for (unsigned reg = 8; reg < 12; reg++)
        gpu.set(reg, 0x00000001u);     // a denormal accumulator
    gpu.run({0xd3e50000, 0x04220d04}); // v_mfma_f32_4x4x4bf16_1k
    CHECK(gpu.v(0) == 0);
    gpu.run({0xd3c20000, 0x04220d04}); // v_mfma_f32_4x4x1f32 v[0:3], v4, v6, v[8:11]: kept
    CHECK(gpu.v(0) != 0);
    gpu.set(1, 0x00000001u), gpu.set(2, 0x00003c00u), gpu.set(3, 0u);
    gpu.run({0xd3a34000, 0x1c0e0501}); // v_dot2_f32_f16 v0, v1, v2, v3
    CHECK(gpu.v(0) == 0);
    Gpu vega("gfx906");
    vega.set(1, 0x00000001u), vega.set(2, 0x00003c00u);
    vega.run({0xd3a34000, 0x1c0e0501});
    CHECK(vega.v(0) == 0x33800000); // 2^-24
}

TEST_CASE("v_dot2c_f32_f16 takes a float constant as a half in its low part")
{
    Gpu gpu("gfx90a");
    gpu.set(0, 0u), gpu.set(1, 0x40004000u);
    gpu.run({0x6e0002f2}); // v_dot2c_f32_f16 v0, 1.0, v1
    CHECK(gpu.v(0) == 0x40000000);
}

TEST_CASE("a literal of a signed 64-bit comparison is sign-extended")
{
    Gpu gpu("gfx906");
    gpu.set64(2, 0x10);
    gpu.run({0x7dc804ff, 0xfffffff0}); // v_cmp_gt_i64 vcc, 0xfffffff0, v[2:3]
    CHECK(gpu.state.s64(ref::S_VCC) == 0);
    gpu.run({0x7dd804ff, 0xfffffff0}); // v_cmp_gt_u64: zero-extended
    CHECK(gpu.state.s64(ref::S_VCC) == ~0ull);
    gpu.set64(2, 0xffffffffffffff00);
    gpu.run({0x7dc804ff, 0xfffffff0});
    CHECK(gpu.state.s64(ref::S_VCC) == ~0ull);
}

TEST_CASE("ds_*_src2 find their second place by the offset or by the address")
{
    Gpu gpu("gfx906");
    const uint32_t values[4] = {100, 7, 20, 3};
    const auto reset = [&] {
        gpu.state.set64(ref::S_EXEC, 1);
        memcpy(gpu.state.lds.data(), values, sizeof(values));
    };
    reset();
    gpu.set(0, 0u);
    gpu.run({0xd9000000, 0}); // ds_add_src2_u32 v0: on itself
    CHECK(lds_word(gpu, 0) == 200);
    reset();
    gpu.run({0xd9000002, 0}); // ds_add_src2_u32 v0 offset:2: two dwords behind
    CHECK(lds_word(gpu, 0) == 120);
    reset();
    gpu.set(0, 12u);
    gpu.run({0xd9007ffe, 0}); // offset -2
    CHECK(lds_word(gpu, 12) == 10);
    reset();
    gpu.set(0, 1u << 17 | 8u);
    gpu.run({0xd9008000, 0}); // the distance is in the address: one
    CHECK(lds_word(gpu, 8) == 23);
    CHECK(lds_word(gpu, 0) == 100);
}

TEST_CASE("the division sequence of fp32 gives IEEE quotients at the ends of the range")
{
    const Code code = {0xd1e00004, 0x04060502, 0xd1e06a05, 0x04060501, 0x7e0c4504, 0xd1cb0007,
                       0x23ca0d04, 0xd1cb0006, 0x041a0d07, 0x0a100d05, 0xd1cb0009, 0x24161104,
                       0xd1cb0008, 0x04220d09, 0xd1cb0009, 0x24161104, 0xd1e20009, 0x04220d09,
                       0xd1de0000, 0x04060509, 0xbf810000};
    std::mt19937 random(3);
    Gpu gpu("gfx906");
    for (int round = 0; round < 500; round++) {
        for (unsigned lane = 0; lane < ref::LANES; lane++)
            for (unsigned reg : {1u, 2u}) {
                static const uint32_t exponents[] = {0,   1,   2,   23,  24,  25,
                                                     126, 127, 230, 252, 253, 254};
                uint32_t bits = static_cast<uint32_t>(random());
                if (random() % 2)
                    bits = (bits & 0x807fffff) | exponents[random() % 12] << 23;
                gpu.state.v[reg][lane] = bits;
            }
        gpu.state.pc = ref::CODE_VA;
        const auto operands = gpu.state.v;
        gpu.run(code, 100);
        for (unsigned lane = 0; lane < ref::LANES; lane++) {
            float n, d, q;
            memcpy(&n, &operands[1][lane], 4);
            memcpy(&d, &operands[2][lane], 4);
            memcpy(&q, &gpu.state.v[0][lane], 4);
            const float wanted = n / d;
            if (!(q == wanted || (std::isnan(q) && std::isnan(wanted))))
                FAIL_CHECK(n << " / " << d << " is " << wanted << ", not " << q);
        }
    }
}

TEST_CASE("the division sequence of fp64 gives IEEE quotients at the ends of the range")
{
    const Code code = {0xd1e10008, 0x040a0904, 0xd1e16a0a, 0x040a0902, 0x7e184b08, 0xd1cc000e,
                       0x23ca1908, 0xd1cc000c, 0x04321d0c, 0xd1cc000e, 0x23ca1908, 0xd1cc000c,
                       0x04321d0c, 0xd2810010, 0x0002190a, 0xd1cc000e, 0x242a2108, 0xd1e3000e,
                       0x0442190e, 0xd1df0000, 0x040a090e, 0xbf810000};
    std::mt19937_64 random(4);
    Gpu gpu("gfx906");
    for (int round = 0; round < 300; round++) {
        for (unsigned lane = 0; lane < ref::LANES; lane++)
            for (unsigned reg : {2u, 4u}) {
                static const uint64_t exponents[] = {0,    1,    2,    53,   54,  1022,
                                                     1023, 2000, 2044, 2045, 2046};
                uint64_t bits = random();
                if (random() % 2)
                    bits = (bits & 0x800fffffffffffff) | exponents[random() % 11] << 52;
                gpu.state.v[reg][lane] = static_cast<uint32_t>(bits);
                gpu.state.v[reg + 1][lane] = static_cast<uint32_t>(bits >> 32);
            }
        gpu.state.pc = ref::CODE_VA;
        const auto operands = gpu.state.v;
        gpu.run(code, 100);
        const auto get = [](const auto &v, unsigned reg, unsigned lane) {
            const uint64_t bits = uint64_t(v[reg + 1][lane]) << 32 | v[reg][lane];
            double value;
            memcpy(&value, &bits, 8);
            return value;
        };
        for (unsigned lane = 0; lane < ref::LANES; lane++) {
            const double n = get(operands, 2, lane), d = get(operands, 4, lane),
                         q = get(gpu.state.v, 0, lane), wanted = n / d;
            if (!(q == wanted || (std::isnan(q) && std::isnan(wanted))))
                FAIL_CHECK(n << " / " << d << " is " << wanted << ", not " << q);
        }
    }
}

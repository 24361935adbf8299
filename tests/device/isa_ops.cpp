// SPDX-License-Identifier: MIT
// Every instruction that the reference interpreter (ref/) knows, in each variant that this CPU can
// run: random and special operands of every kind, modifiers, SDWA, DPP, MODE, addresses, full,
// partial and empty EXEC. The whole state is compared (registers, SCC, MODE, program counter, LDS,
// memory), so an instruction that writes elsewhere is found too.
#include "isa_rows.hpp"

#include <catch2/catch.hpp>

namespace
{
void test_variant(unsigned variant, const char *arch)
{
    std::string name;
    if (!ref::Machine::available(variant, name)) {
        WARN("this CPU cannot run the variant for " + name);
        SUCCEED();
        return;
    }
    const uint64_t seed = row_seed();
    INFO(arch << ", " << name << ", HS_SEED=" << seed);
    ref::Machine machine(arch, variant);
    size_t tested = 0, wrong = 0;
    for (const RowResult &result : test_rows(machine, seed, row_rounds())) {
        tested += result.rounds > 0;
        if (!result.problem.empty() && wrong++ < 100)
            UNSCOPED_INFO(result.problem);
    }
    CHECK(wrong == 0);
    CHECK((tested > 1200 || getenv("HS_ONLY")));
}
} // namespace

TEST_CASE("instructions of gfx906 agree with the reference, x86-64-v2")
{
    test_variant(0, "gfx906");
}

TEST_CASE("instructions of gfx906 agree with the reference, AVX2")
{
    test_variant(1, "gfx906");
}

TEST_CASE("instructions of gfx906 agree with the reference, AVX-512")
{
    test_variant(2, "gfx906");
}

TEST_CASE("instructions of gfx90a agree with the reference, x86-64-v2")
{
    test_variant(0, "gfx90a");
}

TEST_CASE("instructions of gfx90a agree with the reference, AVX2")
{
    test_variant(1, "gfx90a");
}

TEST_CASE("instructions of gfx90a agree with the reference, AVX-512")
{
    test_variant(2, "gfx90a");
}

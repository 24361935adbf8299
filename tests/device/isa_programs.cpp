// SPDX-License-Identifier: MIT
// Random machine programs on the executor and on the reference interpreter; the complete states at
// their end are compared: SGPRs with VCC, M0 and EXEC, VGPRs, SCC, MODE, program counter, LDS,
// memory. HS_SEED=<seed> runs one program, in every variant; HS_ROUNDS=<n> runs n of them.
#include "ref/program.hpp"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <memory>

namespace
{
// Under a sanitizer the same programs take ten times as long.
#ifdef __SANITIZE_ADDRESS__
enum : unsigned { SHARE = 20 };
#else
enum : unsigned { SHARE = 1 };
#endif

// Seeds are dealt to the variants that this CPU can run, one after the other.
void run_programs(const char *arch, uint64_t first, unsigned count)
{
    const char *one = getenv("HS_SEED"), *rounds = getenv("HS_ROUNDS");
    std::vector<std::unique_ptr<ref::Machine>> machines;
    std::vector<std::string> names;
    for (unsigned variant = 0; variant < SG_SIMD_VARIANTS; variant++) {
        std::string name;
        if (!ref::Machine::available(variant, name))
            continue;
        machines.emplace_back(new ref::Machine(arch, variant));
        names.push_back(name);
    }
    if (one)
        first = strtoull(one, nullptr, 0), count = static_cast<unsigned>(machines.size());
    count = one ? count : count / SHARE;
    if (rounds)
        count = static_cast<unsigned>(atoi(rounds));
    std::map<const sg_opcode *, uint64_t> rows;
    uint64_t instructions = 0;
    size_t wrong = 0;
    for (unsigned i = 0; i < count; i++) {
        const size_t turn = i % machines.size();
        const uint64_t seed = one ? first : first + i;
        const ref::Program program = ref::make_program(*machines[turn], seed);
        const std::string problem = ref::compare_program(*machines[turn], program, &rows);
        if (!problem.empty() && wrong++ < 20)
            UNSCOPED_INFO("HS_SEED=" << seed << ", " << arch << ", " << names[turn] << ": "
                                     << problem);
    }
    for (const auto &[row, times] : rows)
        instructions += times;
    CHECK(wrong == 0);
    if (!one && !rounds && SHARE == 1) { // that programs are not trivial
        CHECK(rows.size() > 900);
        CHECK(instructions > 20 * count);
    }
}
} // namespace

TEST_CASE("random programs of gfx906 end as on the reference, seeds 1 to 5000")
{
    run_programs("gfx906", 1, 5000);
}

TEST_CASE("random programs of gfx906 end as on the reference, seeds 5001 to 10000")
{
    run_programs("gfx906", 5001, 5000);
}

TEST_CASE("random programs of gfx90a end as on the reference, seeds 1 to 5000")
{
    run_programs("gfx90a", 1, 5000);
}

TEST_CASE("random programs of gfx90a end as on the reference, seeds 5001 to 10000")
{
    run_programs("gfx90a", 5001, 5000);
}

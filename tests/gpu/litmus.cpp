// SPDX-License-Identifier: MIT
// Litmus tests of the memory model as kernels: workgroups side by side, each on a compute unit
// (under softgpu a host thread) of its own, relaxed accesses with __threadfence() between them. No
// forbidden outcome may show up. What they cannot notice: softgpu without its fence passes, too,
// because between two of its accesses a host's store buffer has long been written back.
#include <catch2/catch.hpp>

#include "kernels/sync_kernels.hpp"

#include <vector>

namespace
{

// Tests in which both parts of the outcome that is forbidden were seen.
uint32_t forbidden(litmus which)
{
    const uint32_t tests = 20000;
    uint32_t *memory = nullptr, *results = nullptr, *start = nullptr, count = 0;
    const size_t bytes = size_t(tests) * litmus_line * sizeof(uint32_t);
    std::vector<uint32_t> seen(tests);
    REQUIRE(hipMalloc(reinterpret_cast<void **>(&memory), bytes) == hipSuccess);
    REQUIRE(hipMalloc(reinterpret_cast<void **>(&results), tests * 4) == hipSuccess);
    REQUIRE(hipMalloc(reinterpret_cast<void **>(&start), 4) == hipSuccess);
    REQUIRE(hipMemset(memory, 0, bytes) == hipSuccess);
    REQUIRE(hipMemset(results, 0, tests * 4) == hipSuccess);
    REQUIRE(hipMemset(start, 0, 4) == hipSuccess);
    REQUIRE(launch_litmus(which, tests, memory, results, start) == hipSuccess);
    REQUIRE(hipMemcpy(seen.data(), results, tests * 4, hipMemcpyDeviceToHost) == hipSuccess);
    uint32_t parts = 0;
    for (uint32_t bits : seen) {
        count += bits == 3;
        parts += bits != 0;
    }
    WARN(count << " forbidden; one part of the outcome in " << parts << " of " << tests
               << " tests");
    CHECK(hipFree(memory) == hipSuccess);
    CHECK(hipFree(results) == hipSuccess);
    CHECK(hipFree(start) == hipSuccess);
    return count;
}

} // namespace

TEST_CASE("message passing: a flag is not seen before its message")
{
    CHECK(forbidden(MESSAGE_PASSING) == 0);
}

TEST_CASE("store buffering: of two stores, one at least is seen by the other's thread")
{
    CHECK(forbidden(STORE_BUFFERING) == 0);
}

TEST_CASE("load buffering: no value comes from the future")
{
    CHECK(forbidden(LOAD_BUFFERING) == 0);
}

TEST_CASE("independent reads of independent writes agree on the writes' order")
{
    CHECK(forbidden(INDEPENDENT_READS) == 0);
}

TEST_CASE("coherence: one location does not go back in time")
{
    CHECK(forbidden(COHERENCE) == 0);
}

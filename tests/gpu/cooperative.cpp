// SPDX-License-Identifier: MIT
// Cooperative launches (global wave sync), and streams that may use some compute units only.
#include <catch2/catch.hpp>

#include "kernels/sync_kernels.hpp"
#include "machine.hpp"

#include <hip/hip_ext.h>

#include <set>
#include <vector>

namespace
{

// Memory that host and all GPUs share coherently, zeroed.
struct shared_words {
    uint32_t *words = nullptr;
    explicit shared_words(size_t count)
    {
        REQUIRE(hipHostMalloc(reinterpret_cast<void **>(&words), count * sizeof(uint32_t),
                              hipHostMallocPortable | hipHostMallocCoherent) == hipSuccess);
        std::fill(words, words + count, 0u);
    }
    ~shared_words()
    {
        (void)hipHostFree(words);
    }
};

int attribute(hipDeviceAttribute_t which)
{
    int value = -1;
    REQUIRE(hipDeviceGetAttribute(&value, which, 0) == hipSuccess);
    return value;
}

// Number of the compute unit from GFX9's HW_ID: SE_ID, SH_ID, CU_ID.
uint32_t unit_of(uint32_t hardware_id)
{
    return hardware_id >> 8 & 0x7f;
}

} // namespace

TEST_CASE("a cooperative kernel's workgroups meet at grid.sync()")
{
    REQUIRE(attribute(hipDeviceAttributeCooperativeLaunch) == 1);
    const uint32_t groups = GENERATE(1u, 2u, 37u);
    CAPTURE(groups);
    shared_words cells(groups), errors(1);
    REQUIRE(launch_grid_rounds(groups, 20, cells.words, errors.words) == hipSuccess);
    REQUIRE(hipDeviceSynchronize() == hipSuccess);
    CHECK(errors.words[0] == 0);
    for (uint32_t i = 0; i < groups; i++)
        REQUIRE(cells.words[i] == 20 * 1000 + i);
}

TEST_CASE("a cooperative launch that cannot be resident is refused")
{
    shared_words cells(1), errors(1);
    CHECK(launch_grid_rounds(1u << 20, 1, cells.words, errors.words) ==
          hipErrorCooperativeLaunchTooLarge);
}

TEST_CASE("two GPUs' workgroups meet at multi_grid.sync()")
{
    int gpus = 0;
    REQUIRE(hipGetDeviceCount(&gpus) == hipSuccess);
    if (gpus < 2 && hs_test::kernel() == hs_test::Kernel::real)
        hs_test::skip("needs two GPUs");
    REQUIRE(gpus >= 2);
    REQUIRE(attribute(hipDeviceAttributeCooperativeMultiDeviceLaunch) == 1);
    shared_words cells(2 * 5), errors(1);
    REQUIRE(launch_multi_grid_rounds(2, 5, 10, cells.words, errors.words) == hipSuccess);
    CHECK(errors.words[0] == 0);
    for (uint32_t i = 0; i < 10; i++)
        CHECK(cells.words[i] == 10 * 1000 + i);
}

TEST_CASE("a stream's kernels run on the compute units of its mask only")
{
    const uint32_t groups = 64;
    const int present = attribute(hipDeviceAttributeMultiprocessorCount);
    if (present != 8)
        hs_test::skip("its masks are for eight compute units");
    shared_words ids(groups);
    REQUIRE(launch_hardware_ids(groups, ids.words, nullptr) == hipSuccess);
    const std::set<uint32_t> all = [&] {
        std::set<uint32_t> units;
        for (uint32_t i = 0; i < groups; i++)
            units.insert(unit_of(ids.words[i]));
        return units;
    }();
    CHECK(all.size() == static_cast<size_t>(present));

    std::set<uint32_t> seen;
    for (uint32_t mask : {0x05u, 0xfau}) { // together all eight
        hipStream_t stream;
        REQUIRE(hipExtStreamCreateWithCUMask(&stream, 1, &mask) == hipSuccess);
        REQUIRE(launch_hardware_ids(groups, ids.words, stream) == hipSuccess);
        std::set<uint32_t> units;
        for (uint32_t i = 0; i < groups; i++)
            units.insert(unit_of(ids.words[i]));
        CHECK(units.size() == static_cast<size_t>(__builtin_popcount(mask)));
        for (uint32_t unit : units) {
            CHECK(all.count(unit) == 1);
            CHECK(seen.insert(unit).second); // not in the other mask
        }
        REQUIRE(hipStreamDestroy(stream) == hipSuccess);
    }
}

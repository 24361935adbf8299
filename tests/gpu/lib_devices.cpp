// SPDX-License-Identifier: MIT
// Several GPUs: one buffer mapped on some or all of them, access granted and revoked later,
// *_VISIBLE_DEVICES.
#include "kernels/window_kernels.hpp"
#include "machine.hpp"
#include "process_state.hpp"
#include "scatter_memory.hpp"

using namespace hs_test;

namespace
{

uint64_t sum_on(int device, const void *data, size_t bytes)
{
    uint64_t sum = 0;
    REQUIRE_HIP(hipSetDevice(device));
    REQUIRE_HIP(hs_kernels::checksum(data, bytes, &sum));
    REQUIRE_HIP(hipSetDevice(0));
    return sum;
}

struct Pool {
    Pool(const std::vector<hipScatterRange> &ranges, unsigned flags,
         const std::vector<int> &devices)
    {
        hipScatterPoolProps props{};
        props.structSize = sizeof props;
        props.ranges = ranges.data();
        props.count = ranges.size();
        props.flags = flags;
        props.deviceCount = static_cast<int>(devices.size());
        props.devices = devices.data();
        REQUIRE_HIP(hipScatterPoolCreate(&handle, &props));
        info.structSize = sizeof info;
        REQUIRE_HIP(hipScatterPoolGetInfo(handle, &info));
    }
    ~Pool()
    {
        (void)hipScatterPoolDestroy(handle);
    }
    Pool(const Pool &) = delete;
    Pool &operator=(const Pool &) = delete;
    std::vector<int> devices() const
    {
        return pool_devices(handle);
    }
    hipScatterPool_t handle = nullptr;
    hipScatterPoolInfo info{};
};

} // namespace

TEST_CASE("there are two GPUs here")
{
    int count = 0;
    REQUIRE_HIP(hipGetDeviceCount(&count));
    if (kernel() == Kernel::real && count < 2)
        skip("needs two GPUs");
    REQUIRE(count == 2);
}

TEST_CASE("a portable window is seen by every GPU, with one MAP")
{
    HS_RANDOM(random);
    const Fragments memory({1, 4, 2}, random);
    for (const Backing &backing : backings()) {
        INFO("backing " << backing.name);
        const Window window(memory.ranges(), backing.flag | hipScatterRegisterPortable);
        CHECK(window.info().deviceCount == 2);
        CHECK(window.info().ioctls == (backing.kind == hipScatterBackingKindBatch ? 2 : 6));
        for (int device = 0; device < 2; device++) {
            write_pattern(memory.ranges(), random());
            CHECK(sum_on(device, window.data(), window.bytes()) == cpu_checksum(memory.ranges()));
        }
        REQUIRE_HIP(hipSetDevice(1));
        REQUIRE_HIP(hs_kernels::write_pattern(window.data(), window.bytes(), 99));
        REQUIRE_HIP(hipSetDevice(0));
        CHECK(fragments_with_pattern(memory.ranges(), 99) == 3);
    }
}

TEST_CASE("the current device is the one that gets a window by default")
{
    HS_RANDOM(random);
    const Fragments memory({1, 4}, random);
    write_pattern(memory.ranges(), 7);
    REQUIRE_HIP(hipSetDevice(1));
    const Window window(memory.ranges(), hipScatterRegisterDefault);
    REQUIRE_HIP(hipSetDevice(0));

    hipScatterPointerAttributes a{};
    a.structSize = sizeof a;
    REQUIRE_HIP(hipScatterPointerGetAttributes(&a, window.data()));
    CHECK(a.device == 1);
    CHECK(sum_on(1, window.data(), window.bytes()) == cpu_checksum(memory.ranges()));
}

TEST_CASE("access is granted and revoked later")
{
    HS_RANDOM(random);
    const Fragments memory({1, 4, 1}, random);
    write_pattern(memory.ranges(), 8);
    const int other = 1, owner = 0, unknown = 7;
    for (const Backing &backing : backings()) {
        INFO("backing " << backing.name);
        const Pool pool(memory.ranges(), backing.flag, {0});
        CHECK(pool.devices() == std::vector<int>{0});
        REQUIRE_HIP(hipScatterPoolGrantAccess(pool.handle, &other, 1));
        CHECK(pool.devices() == std::vector<int>{0, 1});
        CHECK(sum_on(1, pool.info.devPtr, pool.info.size) == cpu_checksum(memory.ranges()));
        REQUIRE_HIP(hipScatterPoolRevokeAccess(pool.handle, &owner, 1));
        CHECK(pool.devices() == std::vector<int>{1});
        CHECK(sum_on(1, pool.info.devPtr, pool.info.size) == cpu_checksum(memory.ranges()));
        CHECK(hipScatterPoolGrantAccess(pool.handle, &unknown, 1) == hipErrorInvalidDevice);
    }
}

TEST_CASE("a copy between a window and a GPU that cannot see it goes fragment by fragment")
{
    HS_RANDOM(random);
    const Fragments memory({1, 2, 1}, random);
    const Pool pool(memory.ranges(), 0, {0});
    uint8_t *vram = nullptr;
    REQUIRE_HIP(hipSetDevice(1));
    REQUIRE_HIP(hipMalloc(reinterpret_cast<void **>(&vram), pool.info.size));
    write_pattern(memory.ranges(), 5);
    REQUIRE_HIP(hipScatterMemcpy(vram, pool.info.devPtr, pool.info.size, hipMemcpyDefault));
    write_pattern(memory.ranges(), 6);
    REQUIRE_HIP(hipScatterMemcpy(pool.info.devPtr, vram, pool.info.size, hipMemcpyDefault));
    CHECK(fragments_with_pattern(memory.ranges(), 5) == 3);
    REQUIRE_HIP(hipFree(vram));
    REQUIRE_HIP(hipSetDevice(0));
}

TEST_CASE("capabilities are told for every device")
{
    for (int device = 0; device < 2; device++) {
        hipScatterDeviceCapabilities c{};
        char address[32];
        c.structSize = sizeof c;
        REQUIRE_HIP(hipScatterGetDeviceCapabilities(&c, device));
        REQUIRE_HIP(hipDeviceGetPCIBusId(address, sizeof address, device));
        CHECK(std::string(c.pciBusId).substr(0, 10) == std::string(address).substr(0, 10));
        CHECK(c.backings[0].works == has_batch());
        CHECK(c.backings[2].works == 1);
        CHECK(c.maxRanges >= 1000000);
    }
    hipScatterDeviceCapabilities c{};
    c.structSize = sizeof c;
    CHECK(hipScatterGetDeviceCapabilities(&c, 2) == hipErrorInvalidDevice);
}

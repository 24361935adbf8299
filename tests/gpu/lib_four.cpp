// SPDX-License-Identifier: MIT
// Four GPUs through the public calls: a window for a list in any order, for all, for more and for
// fewer later.
#include "kernels/window_kernels.hpp"
#include "machine.hpp"
#include "process_state.hpp"
#include "scatter_memory.hpp"
#include "spawn_self.hpp"

using namespace hs_test;

namespace
{

void need_four_devices()
{
    int count = 0;
    REQUIRE_HIP(hipGetDeviceCount(&count));
    if (count < 4 && kernel() == Kernel::real)
        skip("needs four GPUs");
    REQUIRE(count >= 4);
}

// Reads and writes the window on a device.
void use_on(int device, const void *window, const Fragments &memory, uint64_t key)
{
    INFO("device " << device);
    uint64_t sum = 0;
    write_pattern(memory.ranges(), key);
    REQUIRE_HIP(hipSetDevice(device));
    REQUIRE_HIP(hs_kernels::checksum(window, memory.bytes(), &sum));
    REQUIRE(sum == cpu_checksum(memory.ranges()));
    REQUIRE_HIP(hs_kernels::write_pattern(const_cast<void *>(window), memory.bytes(), key + 1));
    REQUIRE(fragments_with_pattern(memory.ranges(), key + 1) == memory.ranges().size());
    REQUIRE_HIP(hipSetDevice(0));
}

class Pool
{
  public:
    Pool(const Fragments &memory, unsigned flags, const std::vector<int> &devices)
    {
        hipScatterPoolProps props{};
        props.structSize = sizeof props;
        props.ranges = memory.ranges().data();
        props.count = memory.ranges().size();
        props.flags = flags;
        props.deviceCount = static_cast<int>(devices.size());
        props.devices = devices.data();
        REQUIRE_HIP(hipScatterPoolCreate(&handle, &props));
    }
    ~Pool()
    {
        (void)hipScatterPoolDestroy(handle);
    }
    Pool(const Pool &) = delete;
    Pool &operator=(const Pool &) = delete;
    hipScatterPoolInfo info() const
    {
        hipScatterPoolInfo info{};
        info.structSize = sizeof info;
        REQUIRE_HIP(hipScatterPoolGetInfo(handle, &info));
        return info;
    }
    std::vector<int> devices() const
    {
        return pool_devices(handle);
    }
    hipScatterPool_t handle = nullptr;
};

} // namespace

TEST_CASE("a portable window is for all four, and only one buffer")
{
    need_four_devices();
    HS_RANDOM(random);
    const Fragments memory({1, 4, 2}, random);
    for (const Backing &backing : backings()) {
        INFO("backing " << backing.name);
        const Window window(memory.ranges(), backing.flag | hipScatterRegisterPortable);
        CHECK(window.info().deviceCount == 4);
        CHECK(window.info().ioctls == (backing.kind == hipScatterBackingKindBatch ? 2 : 6));
        for (int device = 0; device < 4; device++)
            use_on(device, window.data(), memory, random());
    }
}

TEST_CASE("a list of devices keeps its order, and the first one owns the buffer")
{
    need_four_devices();
    HS_RANDOM(random);
    const Fragments memory({2, 1}, random);
    for (const Backing &backing : backings()) {
        INFO("backing " << backing.name);
        const Pool pool(memory, backing.flag, {3, 1});
        CHECK(pool.devices() == std::vector{3, 1});
        hipScatterPointerAttributes a{};
        a.structSize = sizeof a;
        REQUIRE_HIP(hipScatterPointerGetAttributes(&a, pool.info().devPtr));
        CHECK(a.device == 3);
        use_on(3, pool.info().devPtr, memory, random());
        use_on(1, pool.info().devPtr, memory, random());
        int few[1] = {-1}, count = 1;
        CHECK(hipScatterPoolGetDevices(pool.handle, few, &count) == hipErrorInvalidValue);
        CHECK(count == 2);
        CHECK(few[0] == 3);
    }
}

TEST_CASE("several devices at once are granted and revoked, all or none")
{
    need_four_devices();
    HS_RANDOM(random);
    const Fragments memory({1, 3, 1}, random);
    for (const Backing &backing : backings()) {
        INFO("backing " << backing.name);
        const Pool pool(memory, backing.flag, {1});
        const int more[] = {3, 1, 0, 2}, unknown[] = {2, 9}, fewer[] = {1, 3};
        REQUIRE_HIP(hipScatterPoolGrantAccess(pool.handle, more, 4));
        CHECK(pool.devices() == std::vector{1, 3, 0, 2});
        for (int device = 0; device < 4; device++)
            use_on(device, pool.info().devPtr, memory, random());
        CHECK(hipScatterPoolRevokeAccess(pool.handle, unknown, 2) == hipErrorInvalidDevice);
        CHECK(pool.devices() == std::vector{1, 3, 0, 2});
        REQUIRE_HIP(hipScatterPoolRevokeAccess(pool.handle, fewer, 2)); // the owner too
        CHECK(pool.devices() == std::vector{0, 2});
        use_on(0, pool.info().devPtr, memory, random());
        use_on(2, pool.info().devPtr, memory, random());
        REQUIRE_HIP(hipScatterPoolGrantAccess(pool.handle, fewer, 2));
        use_on(1, pool.info().devPtr, memory, random());
        CHECK(pool.devices() == std::vector{0, 2, 1, 3});
    }
}

TEST_CASE("child: a GPU reads a window", "[.child]")
{
    // HS_CHILD: "<backing> allowed" or "<backing> revoked".
    const std::string parameters = std::getenv("HS_CHILD");
    HS_RANDOM(random);
    const Fragments memory({1, 2}, random);
    const Pool pool(memory,
                    parameters.rfind("batch", 0) == 0 ? hipScatterRegisterBackingBatch
                                                      : hipScatterRegisterBackingPerRange,
                    {0, 3});
    const int three = 3;
    if (parameters.find("revoked") != std::string::npos)
        REQUIRE_HIP(hipScatterPoolRevokeAccess(pool.handle, &three, 1));
    use_on(3, pool.info().devPtr, memory, 1);
}

TEST_CASE("a GPU whose access was taken away faults")
{
    need_four_devices();
    for (const Backing &backing : backings()) {
        const Ended allowed = run_case("child: a GPU reads a window",
                                       {"HS_CHILD=" + std::string(backing.name) + " allowed"});
        INFO(backing.name << "\n" << allowed.output);
        CHECK(allowed.well());
        const Ended revoked = run_case("child: a GPU reads a window",
                                       {"HS_CHILD=" + std::string(backing.name) + " revoked"});
        INFO(revoked.output);
        REQUIRE(WIFSIGNALED(revoked.status));
        CHECK(WTERMSIG(revoked.status) == SIGABRT);
        CHECK(revoked.output.find("Memory access fault") != std::string::npos);
    }
}

TEST_CASE("a window between the memories of four GPUs, with and without access")
{
    need_four_devices();
    HS_RANDOM(random);
    const Fragments memory({1, 2, 1}, random);
    const Pool pool(memory, 0, {2, 0});
    for (int device = 0; device < 4; device++) {
        INFO("device " << device);
        uint8_t *vram = nullptr;
        REQUIRE_HIP(hipSetDevice(device));
        REQUIRE_HIP(hipMalloc(reinterpret_cast<void **>(&vram), memory.bytes()));
        REQUIRE_HIP(hipSetDevice(0));
        write_pattern(memory.ranges(), 5);
        REQUIRE_HIP(hipScatterMemcpy(vram, pool.info().devPtr, memory.bytes(), hipMemcpyDefault));
        write_pattern(memory.ranges(), 6);
        REQUIRE_HIP(hipScatterMemcpy(pool.info().devPtr, vram, memory.bytes(), hipMemcpyDefault));
        CHECK(fragments_with_pattern(memory.ranges(), 5) == 3);
        REQUIRE_HIP(hipFree(vram));
    }
}

TEST_CASE("an alias window is visible to all four")
{
    need_four_devices();
    HS_RANDOM(random);
    const Fragments memory({1, 2, 1}, random, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS);
    const Pool pool(memory, hipScatterRegisterBackingAlias, {2});
    for (int device = 0; device < 4; device++)
        use_on(device, pool.info().devPtr, memory, random());
    const int two = 2, three = 3;
    REQUIRE_HIP(hipScatterPoolGrantAccess(pool.handle, &three, 1));
    CHECK(pool.devices() == std::vector{2, 3});
    CHECK(hipScatterPoolRevokeAccess(pool.handle, &two, 1) == hipErrorNotSupported);
    CHECK(pool.devices() == std::vector{2, 3});
}

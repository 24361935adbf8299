// SPDX-License-Identifier: MIT
// How many system calls a registration costs, and which: counted in the test program itself (so on
// real hardware too) and, under softgpu, by the emulated kernel. And what happens where the batch
// ioctl does not exist.
#include "ioctl_tap.hpp"
#include "kernels/window_kernels.hpp"
#include "machine.hpp"
#include "scatter_memory.hpp"

using namespace hs_test;

namespace
{

constexpr uint32_t flag_userptr = 1u << 2; // KFD_IOC_ALLOC_MEM_FLAGS_USERPTR

// The first registration in a process also asks what the kernel can do; HIP initialises.
void warm_up(const std::vector<hipScatterRange> &ranges)
{
    for (const Backing &backing : backings())
        Window(ranges, backing.flag).unregister();
}

uint64_t kernel_memory_calls(const softgpu_stats &stats)
{
    return stats.ioctls[nr_alloc] + stats.ioctls[nr_free] + stats.ioctls[nr_map] +
           stats.ioctls[nr_unmap] + stats.ioctls[nr_batch];
}

} // namespace

TEMPLATE_TEST_CASE_SIG("ioctls to register and to unregister", "", ((size_t count), count), 1, 2,
                       64, 1024, 4096)
{
    HS_RANDOM(random);
    const Fragments memory(std::vector<size_t>(count, 1), random);
    warm_up({memory.ranges().begin(), memory.ranges().begin() + 1});
    for (const Backing &backing : backings()) {
        INFO("backing " << backing.name);
        const size_t each = backing.kind == hipScatterBackingKindBatch ? 1 : count;
        const auto before = softgpu_counters();
        size_t to_register = 0, to_unregister = 0;
        hipScatterPoolInfo info{};
        {
            const IoctlTap tap;
            Window window(memory.ranges(), backing.flag);
            to_register = tap.calls().size();
            CHECK(tap.count(nr_alloc) + tap.count(nr_batch) == each);
            CHECK(tap.count(nr_map) == each);
            info = window.info();
            const IoctlTap second_tap;
            window.unregister();
            to_unregister = second_tap.calls().size();
            CHECK(second_tap.count(nr_unmap) == each);
            CHECK(second_tap.count(nr_free) == each);
        }
        REQUIRE(to_register == 2 * each);
        REQUIRE(to_unregister == 2 * each);
        REQUIRE(info.ioctls == 2 * each);
        if (before) {
            // The emulated kernel's own count, over all threads: nobody else allocates meanwhile.
            const auto after = softgpu_counters();
            REQUIRE(kernel_memory_calls(*after) - kernel_memory_calls(*before) == 4 * each);
        }
    }
}

TEST_CASE("neighbours in list order are one range for the kernel")
{
    HS_RANDOM(random);
    const Fragments memory({64}, random);
    std::vector<hipScatterRange> ranges;
    for (size_t i = 0; i < 64; i++)
        ranges.push_back(
            {static_cast<char *>(memory.ranges()[0].base) + i * page_bytes, page_bytes});
    warm_up(ranges);
    for (const Backing &backing : backings()) {
        INFO("backing " << backing.name);
        const IoctlTap tap;
        const Window window(ranges, backing.flag);
        REQUIRE(tap.calls().size() == 2);
        REQUIRE(window.info().rangeCount == 64);
        REQUIRE(window.info().coalescedCount == 1);
    }
}

TEST_CASE("the library's own counters agree")
{
    HS_RANDOM(random);
    const Fragments memory(std::vector<size_t>(10, 1), random);
    warm_up(memory.ranges());
    for (const Backing &backing : backings()) {
        INFO("backing " << backing.name);
        hipScatterStats before{}, after{};
        before.structSize = after.structSize = sizeof before;
        const IoctlTap tap;
        REQUIRE_HIP(hipScatterGetStats(&before));
        Window(memory.ranges(), backing.flag).unregister();
        REQUIRE_HIP(hipScatterGetStats(&after));
        REQUIRE(after.ioctls - before.ioctls == tap.calls().size());
        REQUIRE(after.allocBatch - before.allocBatch + after.alloc - before.alloc ==
                tap.count(nr_alloc) + tap.count(nr_batch));
        REQUIRE(after.map - before.map == tap.count(nr_map));
        REQUIRE(after.unmap - before.unmap == tap.count(nr_unmap));
        REQUIRE(after.free - before.free == tap.count(nr_free));
    }
}

TEST_CASE("automatic choice takes batch where it exists and says why not elsewhere")
{
    HS_RANDOM(random);
    const Fragments memory(std::vector<size_t>(20, 1), random);
    write_pattern(memory.ranges(), 1);
    const Window window(memory.ranges(), hipScatterRegisterDefault);
    const hipScatterPoolInfo info = window.info();
    CAPTURE(info.backingName, info.backingReason);
    REQUIRE(info.backing ==
            (has_batch() ? hipScatterBackingKindBatch : hipScatterBackingKindPerRange));
    REQUIRE(std::string(info.backingName) == (has_batch() ? "batch" : "per-range"));
    REQUIRE(std::strlen(info.backingReason) > 0);
    if (!has_batch())
        REQUIRE(std::string(info.backingReason).find("batch") != std::string::npos);
    uint64_t sum = 0;
    REQUIRE_HIP(hs_kernels::checksum(window.data(), window.bytes(), &sum));
    REQUIRE(sum == cpu_checksum(memory.ranges()));
}

TEST_CASE("forcing batch where it does not exist is an error that says so")
{
    HS_RANDOM(random);
    const Fragments memory({1}, random);
    void *pointer = &pointer;
    const hipError_t status =
        hipHostRegisterScatter(&pointer, memory.ranges().data(), 1, hipScatterRegisterBackingBatch);
    if (has_batch()) {
        REQUIRE(status == hipSuccess);
        REQUIRE_HIP(hipHostUnregisterScatter(pointer));
    } else {
        REQUIRE(status == hipErrorNotSupported);
        REQUIRE(std::string(hipScatterGetLastErrorMessage()).find("batch") != std::string::npos);
    }
}

TEST_CASE("number 0x28 is never called where it could mean the profiler")
{
    HS_RANDOM(random);
    const Fragments memory(std::vector<size_t>(20, 1), random);
    const IoctlTap tap;
    Window(memory.ranges(), hipScatterRegisterDefault).unregister();
    const auto stats = softgpu_counters();
    if (stats) {
        REQUIRE(stats->profiler_side_effects == 0);
        if (kernel() == Kernel::profiler)
            REQUIRE(stats->ioctls[nr_batch] == 0);
    }
    // Wherever the number was used for anything but a probe, the call had a user pointer to
    // register and succeeded.
    for (const Ioctl &call : tap.calls())
        if (call.nr == nr_batch && call.result == 0)
            REQUIRE((call.flags & flag_userptr) != 0);
    REQUIRE(tap.memory_calls() > 0);
}

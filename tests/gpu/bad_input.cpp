// SPDX-License-Identifier: MIT
// Bad input: each gives the documented error, a message that names the range to blame, and leaves
// the process as it was.
#include "kernels/window_kernels.hpp"
#include "machine.hpp"
#include "process_state.hpp"
#include "scatter_memory.hpp"

#include <regex>

using namespace hs_test;

namespace
{

using Ranges = std::vector<hipScatterRange>;

constexpr size_t no_index = SIZE_MAX;

char *base(const hipScatterRange &range)
{
    return static_cast<char *>(range.base);
}

// Good memory, warmed up with every backing, so that what changes later is a leak.
class Bench
{
  public:
    Bench() : random_(1), memory_({2, 1, 4, 3, 1, 2}, random_)
    {
        for (int round = 0; round < 2; round++)
            for (const Backing &backing : backings())
                Window(memory_.ranges(), backing.flag).unregister();
    }
    const Ranges &good() const
    {
        return memory_.ranges();
    }

    // With every backing: fails with `error`, names range `index`, leaves nothing.
    void refuses(const Ranges &ranges, hipError_t error, size_t index = no_index,
                 unsigned flags = 0) const
    {
        std::vector<Backing> list = backings();
        list.push_back({"auto", hipScatterRegisterBackingAuto, hipScatterBackingKindBatch});
        for (const Backing &backing : list) {
            INFO("backing " << backing.name);
            const ProcessState before = ProcessState::now();
            void *pointer = this_is_not_touched();
            const hipError_t status = hipHostRegisterScatter(&pointer, ranges.data(), ranges.size(),
                                                             flags | backing.flag);
            const std::string message = hipScatterGetLastErrorMessage();
            INFO(hipGetErrorName(status) << ": " << message);
            REQUIRE(status == error);
            REQUIRE(!message.empty());
            if (index != no_index)
                REQUIRE(std::regex_search(message,
                                          std::regex("range " + std::to_string(index) + "\\b")));
            REQUIRE((pointer == nullptr || pointer == this_is_not_touched()));
            REQUIRE_STATE_UNCHANGED(before);
        }
        // And the same memory can be registered afterwards.
        Window(good(), 0).unregister();
    }

  private:
    static void *this_is_not_touched()
    {
        return reinterpret_cast<void *>(uintptr_t(0x1235));
    }
    std::mt19937_64 random_;
    Fragments memory_;
};

} // namespace

TEST_CASE("null pointers and no ranges")
{
    const Bench bench;
    const ProcessState before = ProcessState::now();
    void *pointer = nullptr;
    CHECK(hipHostRegisterScatter(nullptr, bench.good().data(), 1, 0) == hipErrorInvalidValue);
    CHECK(std::strlen(hipScatterGetLastErrorMessage()) > 0);
    CHECK(hipHostRegisterScatter(&pointer, nullptr, 1, 0) == hipErrorInvalidValue);
    CHECK(std::strlen(hipScatterGetLastErrorMessage()) > 0);
    CHECK(hipHostRegisterScatter(&pointer, bench.good().data(), 0, 0) == hipErrorInvalidValue);
    CHECK(std::strlen(hipScatterGetLastErrorMessage()) > 0);
    REQUIRE_STATE_UNCHANGED(before);
    Ranges ranges = bench.good();
    ranges[4].base = nullptr;
    bench.refuses(ranges, hipErrorInvalidValue, 4);
}

TEST_CASE("an empty range")
{
    const Bench bench;
    for (size_t i : {0u, 2u, 5u}) {
        Ranges ranges = bench.good();
        ranges[i].size = 0;
        bench.refuses(ranges, hipErrorInvalidValue, i);
    }
}

TEST_CASE("misaligned inside of the list")
{
    const Bench bench;
    Ranges ranges = bench.good();
    ranges[2] = {base(ranges[2]) + 16,
                 ranges[2].size - 16}; // only the first may start inside a page
    bench.refuses(ranges, hipErrorInvalidValue, 2);

    ranges = bench.good();
    ranges[3].size -= 16; // only the last may end inside a page
    bench.refuses(ranges, hipErrorInvalidValue, 3);

    ranges = bench.good();
    ranges[0].size -= 16;
    bench.refuses(ranges, hipErrorInvalidValue, 0);

    ranges = bench.good();
    ranges[5] = {base(ranges[5]) + 16, ranges[5].size - 16};
    bench.refuses(ranges, hipErrorInvalidValue, 5);
}

TEST_CASE("overlapping ranges")
{
    const Bench bench;
    Ranges ranges = bench.good();
    ranges.push_back(ranges[1]); // the same range twice, far apart in the list
    bench.refuses(ranges, hipErrorInvalidValue);

    ranges = bench.good();
    ranges[4] = {base(ranges[2]) + page_bytes, page_bytes}; // one inside of another
    bench.refuses(ranges, hipErrorInvalidValue);

    ranges = bench.good(); // the second starts before the first
    ranges[0] = {base(ranges[3]) + page_bytes, 2 * page_bytes};
    ranges[3].size = 2 * page_bytes;
    bench.refuses(ranges, hipErrorInvalidValue);

    // Two different parts of one page: the GPU sees whole pages, so the page would appear twice.
    ranges = {{base(bench.good()[2]) + 2048, 2048}, {base(bench.good()[2]), 1024}};
    bench.refuses(ranges, hipErrorInvalidValue);
}

TEST_CASE("the same page twice is allowed where the caller asks for it")
{
    const Bench bench;
    const Ranges ranges = {bench.good()[0], bench.good()[1], bench.good()[0]};
    for (const Backing &backing : backings()) {
        INFO("backing " << backing.name);
        write_pattern({ranges[0], ranges[1]}, 9);
        const Window window(ranges, backing.flag | hipScatterRegisterAllowAliasing);
        REQUIRE_HIP(hs_kernels::store_byte(window.data() + ranges[0].size + ranges[1].size, 0x77));
        uint8_t value = 0;
        REQUIRE_HIP(hs_kernels::load_byte(window.data(), &value));
        REQUIRE(value == 0x77);
        REQUIRE(*base(ranges[0]) == 0x77);
    }
}

TEST_CASE("the sum of the sizes overflows")
{
    const Bench bench;
    Ranges ranges = bench.good();
    ranges[1].size = SIZE_MAX & ~(page_bytes - 1);
    bench.refuses(ranges, hipErrorInvalidValue);
    ranges[1].size = SIZE_MAX / 2 & ~(page_bytes - 1);
    ranges[4].size = SIZE_MAX / 2 & ~(page_bytes - 1);
    ranges[5].size = SIZE_MAX / 2 & ~(page_bytes - 1);
    bench.refuses(ranges, hipErrorInvalidValue);
    ranges = bench.good();
    ranges[3].base = reinterpret_cast<void *>(UINTPTR_MAX & ~(page_bytes - 1)); // wraps around
    ranges[3].size = 2 * page_bytes;
    bench.refuses(ranges, hipErrorInvalidValue, 3);
}

TEST_CASE("memory that is not mapped")
{
    const Bench bench;
    Ranges ranges = bench.good();
    char *hole = static_cast<char *>(
        mmap(nullptr, 3 * page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    REQUIRE(hole != MAP_FAILED);
    REQUIRE(munmap(hole + page_bytes, page_bytes) == 0);
    ranges[3] = {hole, 3 * page_bytes}; // a hole in the middle
    bench.refuses(ranges, hipErrorInvalidValue, 3);
    ranges[3] = {hole + page_bytes, page_bytes}; // nothing at all
    bench.refuses(ranges, hipErrorInvalidValue, 3);
    REQUIRE(munmap(hole, page_bytes) == 0);
    REQUIRE(munmap(hole + 2 * page_bytes, page_bytes) == 0);
}

TEST_CASE("memory that may not be written or not be touched")
{
    const Bench bench;
    for (int prot : {PROT_READ, PROT_NONE}) {
        INFO("protection " << prot);
        Ranges ranges = bench.good();
        char *memory = static_cast<char *>(
            mmap(nullptr, 2 * page_bytes, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        REQUIRE(memory != MAP_FAILED);
        ranges[2] = {memory, 2 * page_bytes};
        bench.refuses(ranges, hipErrorInvalidValue, 2);
        REQUIRE(munmap(memory, 2 * page_bytes) == 0);
    }
}

TEST_CASE("device memory is not host memory")
{
    const Bench bench;
    void *device = nullptr;
    REQUIRE_HIP(hipMalloc(&device, 4 * page_bytes));
    Ranges ranges = bench.good();
    ranges[1] = {device, page_bytes};
    bench.refuses(ranges, hipErrorInvalidValue, 1);
    REQUIRE_HIP(hipFree(device));
}

TEST_CASE("unknown flags")
{
    const Bench bench;
    for (unsigned flags : {0x10u, 0x20u, 0x80u, 0x1000u, 0x00080000u, 0x01000000u, 0x80000000u}) {
        INFO("flags " << flags);
        bench.refuses(bench.good(), hipErrorInvalidValue, no_index, flags);
    }
    const ProcessState before = ProcessState::now();
    void *pointer = nullptr;
    CHECK(hipHostRegisterScatter(&pointer, bench.good().data(), 1, hipScatterRegisterBackingMask) ==
          hipErrorInvalidValue);
    REQUIRE_STATE_UNCHANGED(before);
}

TEST_CASE("unregistering what is no window")
{
    const Bench bench;
    for (const Backing &backing : backings()) {
        INFO("backing " << backing.name);
        const ProcessState before = ProcessState::now();
        void *pointer = nullptr;
        REQUIRE_HIP(hipHostRegisterScatter(&pointer, bench.good().data(), bench.good().size(),
                                           backing.flag));
        const ProcessState registered = ProcessState::now();
        CHECK(hipHostUnregisterScatter(nullptr) == hipErrorInvalidValue);
        CHECK(std::strlen(hipScatterGetLastErrorMessage()) > 0);
        CHECK(hipHostUnregisterScatter(static_cast<char *>(pointer) + 1) ==
              hipErrorHostMemoryNotRegistered);
        CHECK(hipHostUnregisterScatter(static_cast<char *>(pointer) + page_bytes) ==
              hipErrorHostMemoryNotRegistered);
        CHECK(hipHostUnregisterScatter(bench.good()[0].base) == hipErrorHostMemoryNotRegistered);
        CHECK(hipHostUnregisterScatter(&pointer) == hipErrorHostMemoryNotRegistered);
        REQUIRE_STATE_UNCHANGED(registered);
        REQUIRE_HIP(hipHostUnregisterScatter(pointer));
        CHECK(hipHostUnregisterScatter(pointer) ==
              hipErrorHostMemoryNotRegistered); // the second time
        hipScatterPool_t pool = nullptr;
        CHECK(hipScatterPoolFromPointer(&pool, pointer) == hipErrorHostMemoryNotRegistered);
        REQUIRE_STATE_UNCHANGED(before);
    }
}

TEST_CASE("a registration that was unregistered leaves nothing")
{
    const Bench bench;
    for (const Backing &backing : backings()) {
        INFO("backing " << backing.name);
        const ProcessState before = ProcessState::now();
        for (int round = 0; round < 20; round++)
            Window(bench.good(), backing.flag).unregister();
        REQUIRE_STATE_UNCHANGED(before);
    }
}

TEST_CASE("pools: bad properties")
{
    const Bench bench;
    const ProcessState before = ProcessState::now();
    hipScatterPool_t pool = nullptr;
    hipScatterPoolProps good{};
    good.structSize = sizeof good;
    good.ranges = bench.good().data();
    good.count = bench.good().size();

    CHECK(hipScatterPoolCreate(nullptr, &good) == hipErrorInvalidValue);
    CHECK(hipScatterPoolCreate(&pool, nullptr) == hipErrorInvalidValue);
    hipScatterPoolProps props = good;
    props.structSize = 0;
    CHECK(hipScatterPoolCreate(&pool, &props) == hipErrorInvalidValue);
    const int unknown[] = {12345}, repeated[] = {0, 0}, negative[] = {-1};
    props = good;
    props.devices = unknown;
    props.deviceCount = 1;
    CHECK(hipScatterPoolCreate(&pool, &props) == hipErrorInvalidDevice);
    props.devices = negative;
    CHECK(hipScatterPoolCreate(&pool, &props) == hipErrorInvalidDevice);
    props.devices = repeated;
    props.deviceCount = 2;
    CHECK(hipScatterPoolCreate(&pool, &props) == hipErrorInvalidDevice);
    props.devices = nullptr;
    CHECK(hipScatterPoolCreate(&pool, &props) == hipErrorInvalidValue);
    CHECK(hipScatterPoolDestroy(nullptr) == hipErrorInvalidValue);
    REQUIRE_STATE_UNCHANGED(before);

    REQUIRE_HIP(hipScatterPoolCreate(&pool, &good));
    hipScatterPoolInfo info{};
    CHECK(hipScatterPoolGetInfo(pool, &info) == hipErrorInvalidValue); // structSize is 0
    CHECK(hipScatterPoolGetInfo(pool, nullptr) == hipErrorInvalidValue);
    REQUIRE_HIP(hipScatterPoolDestroy(pool));
    info.structSize = sizeof info;
    CHECK(hipScatterPoolGetInfo(pool, &info) == hipErrorHostMemoryNotRegistered);
    CHECK(hipScatterPoolDestroy(pool) == hipErrorHostMemoryNotRegistered);
    REQUIRE_STATE_UNCHANGED(before);
}

// SPDX-License-Identifier: MIT
// Everything at once: threads with streams of their own, on every device, in blocks of a window
// that they share, while other windows come and go. Rounds are counted, not timed, so that as much
// happens under ThreadSanitizer, for which this test is above all.
#include "kernels/window_kernels.hpp"
#include "machine.hpp"
#include "scatter_memory.hpp"

#include <atomic>
#include <chrono>
#include <cstdio>
#include <source_location>
#include <thread>

using namespace hs_test;

namespace
{

constexpr int threads = 6, rounds = 10;

struct Shared {
    const Fragments &memory;
    hipScatterPool_t pool;
    const uint8_t *window;
    std::vector<Backing> backings;
    int devices;
};

// A thread of the test. Catch2's assertions are not made for threads: what is wrong is counted.
class User
{
  public:
    User(const Shared &shared, int number)
        : shared_(shared), number_(number), device_(number % shared.devices),
          random_(static_cast<uint64_t>(number)), memory_({1, 3, 2, 1}, random_)
    {
    }
    int run()
    {
        expect(hipSetDevice(device_));
        for (int round = 0; round < rounds; round++) {
            make_and_use_window(
                shared_.backings[static_cast<size_t>(number_ + round) % shared_.backings.size()]);
            use_block(static_cast<uint8_t>(1 + number_ * rounds + round));
            translate_shared();
        }
        return wrong_;
    }

  private:
    void expect(hipError_t status, std::source_location where = std::source_location::current())
    {
        if (status != hipSuccess)
            tell(hipGetErrorString(status), where);
    }
    void expect(bool right, std::source_location where = std::source_location::current())
    {
        if (!right)
            tell("wrong", where);
    }
    void tell(const char *what, std::source_location where)
    {
        wrong_++;
        std::fprintf(stderr, "lib_threads.cpp:%u: thread %d: %s\n", unsigned(where.line()), number_,
                     what);
    }

    // A pool for this device, then for all, then without the others again; kernels and copies.
    void make_and_use_window(const Backing &backing)
    {
        hipScatterPoolProps props{};
        props.structSize = sizeof props;
        props.ranges = memory_.ranges().data();
        props.count = memory_.ranges().size();
        props.flags = backing.flag;
        props.deviceCount = 1;
        props.devices = &device_;
        hipScatterPool_t pool = nullptr;
        hipScatterPoolInfo info{};
        info.structSize = sizeof info;
        expect(hipScatterPoolCreate(&pool, &props));
        expect(hipScatterPoolGetInfo(pool, &info));
        const int other = (device_ + 1) % shared_.devices;
        if (other != device_)
            expect(hipScatterPoolGrantAccess(pool, &other, 1));

        uint64_t sum = 0;
        write_pattern(memory_.ranges(), random_());
        expect(hs_kernels::checksum(info.devPtr, memory_.bytes(), &sum));
        expect(sum == cpu_checksum(memory_.ranges()));
        copy_through_vram(info.devPtr);

        if (other != device_)
            expect(hipScatterPoolRevokeAccess(pool, &other, 1));
        expect(hipScatterPoolDestroy(pool));
    }

    // To memory of the GPU, which a kernel in a stream changes, and back.
    void copy_through_vram(void *window)
    {
        uint8_t *vram = nullptr;
        hipStream_t stream = nullptr;
        expect(hipMalloc(reinterpret_cast<void **>(&vram), memory_.bytes()));
        expect(hipStreamCreate(&stream));
        expect(hipScatterMemcpy(vram, window, memory_.bytes(), hipMemcpyDefault));
        expect(hipMemsetAsync(vram, number_, 64, stream));
        expect(hs_kernels::finish(stream));
        expect(hipScatterMemset(window, 0, memory_.bytes()));
        expect(hipScatterMemcpy(window, vram, memory_.bytes(), hipMemcpyDefault));
        const auto *first = static_cast<const uint8_t *>(memory_.ranges()[0].base);
        expect(first[63] == number_);
        expect(hipStreamDestroy(stream));
        expect(hipFree(vram));
    }

    void use_block(uint8_t value)
    {
        void *block = nullptr;
        hipScatterRange range{};
        size_t count = 1;
        expect(hipScatterPoolMalloc(shared_.pool, &block, 256, 256));
        expect(hs_kernels::store_byte(block, value));
        expect(hipScatterPoolGetBlockRanges(shared_.pool, block, &range, &count));
        expect(*static_cast<const uint8_t *>(range.base) == value);
        expect(hipScatterPoolFree(shared_.pool, block));
    }

    void translate_shared()
    {
        size_t offset = 0;
        for (const hipScatterRange &range : shared_.memory.ranges()) {
            void *device = nullptr;
            hipScatterRange back{};
            size_t count = 0;
            expect(hipScatterGetDevicePointer(&device, static_cast<char *>(range.base) + 9, 0));
            expect(device == shared_.window + offset + 9);
            expect(hipScatterGetHostRanges(device, 1, &back, 1, &count, nullptr));
            expect(back.base == static_cast<char *>(range.base) + 9);
            offset += range.size;
        }
    }

    const Shared &shared_;
    const int number_, device_;
    std::mt19937_64 random_;
    const Fragments memory_;
    int wrong_ = 0;
};

} // namespace

TEST_CASE("threads use one window and its blocks while windows and streams come and go")
{
    HS_RANDOM(random);
    const Fragments memory({4, 1, 7, 2, 30, 1}, random);
    const Window window(memory.ranges(), hipScatterRegisterPortable);
    Shared shared = {memory, nullptr, window.data(), backings(), 0};
    REQUIRE_HIP(hipScatterPoolFromPointer(&shared.pool, window.data()));
    REQUIRE_HIP(hipGetDeviceCount(&shared.devices));

    std::atomic<int> wrong{0};
    std::vector<std::thread> pack;
    for (int number = 0; number < threads; number++)
        pack.emplace_back([&, number] { wrong += User(shared, number).run(); });
    for (auto &thread : pack)
        thread.join();
    CHECK(wrong == 0);
    hipScatterPoolUsage usage{};
    usage.structSize = sizeof usage;
    REQUIRE_HIP(hipScatterPoolGetUsage(shared.pool, &usage));
    CHECK(usage.blockCount == 0);
}

// Each thread has a kernel in the null stream and, a moment later, fetches its result while others
// wait for theirs. HIP 5.2.3 may let the copy go before the kernel is over (runtime/hip_lib.c).
TEST_CASE("a copy waits for the thread's kernel, whatever the other threads wait for")
{
    std::atomic<int> early{0}, errors{0};
    std::vector<std::thread> pack;
    for (int number = 0; number < 3; number++)
        pack.emplace_back([&, number] {
            std::mt19937_64 random(static_cast<uint64_t>(number));
            const Fragments memory({1, 2, 1}, random);
            void *window = nullptr;
            errors += hipHostRegisterScatter(&window, memory.ranges().data(),
                                             memory.ranges().size(), 0) != hipSuccess;
            for (int round = 0; round < 100; round++) {
                const auto value = static_cast<uint8_t>(1 + round);
                uint8_t copied = 0;
                errors += hs_kernels::store_byte_late(window, value) != hipSuccess;
                std::this_thread::sleep_for(std::chrono::microseconds(random() % 400));
                errors += hipScatterMemcpy(&copied, window, 1, hipMemcpyDefault) != hipSuccess;
                early += copied != value;
            }
            errors += hs_kernels::finish() != hipSuccess;
            errors += hipHostUnregisterScatter(window) != hipSuccess;
        });
    for (auto &thread : pack)
        thread.join();
    CHECK(errors == 0);
    CHECK(early == 0);
}

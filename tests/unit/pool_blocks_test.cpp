// SPDX-License-Identifier: MIT
// Blocks of a pool through the public functions, on a fake kernel: sizes, host ranges, what wrong
// calls say, what is left after a pool went with blocks in it, failing allocations, threads.
#include <algorithm>
#include <cstring>
#include <hip_scatter/hip_scatter.h>
#include <hs_test.hpp>
#include <string>
#include <thread>

#include "error.h"
#include "fake_kfd.hpp"

namespace
{

// A pool over `list`, with its public handle, destroyed at the end.
struct Pool {
    explicit Pool(const std::vector<hs_host_range> &list)
    {
        Request request(list);
        REQUIRE(hs_device_probe(hs_device_at(0)) == 0);
        REQUIRE(hs_pool_create(&pool, &request) == 0);
        REQUIRE(hipScatterPoolFromPointer(&handle, address(0)) == hipSuccess);
    }
    ~Pool()
    {
        if (pool)
            destroy_pool(pool);
    }
    Pool(const Pool &) = delete;
    Pool &operator=(const Pool &) = delete;

    // Device address of a byte of the pool.
    char *address(uint64_t offset) const
    {
        return reinterpret_cast<char *>(hs_pool_device_address(pool) + offset);
    }
    char *take(size_t bytes, size_t alignment = 0) const
    {
        void *block = nullptr;
        REQUIRE(hipScatterPoolMalloc(handle, &block, bytes, alignment) == hipSuccess);
        return static_cast<char *>(block);
    }
    hipScatterPoolUsage usage() const
    {
        hipScatterPoolUsage u{};
        u.structSize = sizeof(u);
        REQUIRE(hipScatterPoolGetUsage(handle, &u) == hipSuccess);
        return u;
    }

    hs_pool *pool = nullptr;
    hipScatterPool_t handle = nullptr;
};

bool message_has(const char *text)
{
    INFO(hipScatterGetLastErrorMessage());
    return std::strstr(hipScatterGetLastErrorMessage(), text) != nullptr;
}

} // namespace

TEST_CASE("a block is device-contiguous and lists its host memory in device order")
{
    FakeKfd kfd(FakeKernel::batch);
    Fragments memory(8, 8192);
    Pool pool(memory.list);

    char *first = pool.take(100), *second = pool.take(5 * 8192 + 12);
    CHECK(first == pool.address(0));
    CHECK(second == pool.address(256));
    size_t bytes = 0, count = 0;
    CHECK(hipScatterPoolGetBlockSize(pool.handle, second, &bytes) == hipSuccess);
    CHECK(bytes == 5 * 8192 + 12);

    // The count alone, then too little room, then all.
    REQUIRE(hipScatterPoolGetBlockRanges(pool.handle, second, nullptr, &count) == hipSuccess);
    CHECK(count == 6);
    std::vector<hipScatterRange> ranges(6, hipScatterRange{nullptr, 0});
    count = 4;
    CHECK(hipScatterPoolGetBlockRanges(pool.handle, second, ranges.data(), &count) ==
          hipErrorInvalidValue);
    CHECK(message_has("room for 4 ranges, but the block has 6"));
    CHECK(count == 6);
    CHECK(ranges[3].size == 8192);
    CHECK(ranges[4].size == 0);
    REQUIRE(hipScatterPoolGetBlockRanges(pool.handle, second, ranges.data(), &count) == hipSuccess);
    CHECK(ranges[0].base == static_cast<char *>(memory.list[0].base) + 256);
    CHECK(ranges[0].size == 8192 - 256);
    for (size_t i = 1; i < 5; i++) {
        CHECK(ranges[i].base == memory.list[i].base);
        CHECK(ranges[i].size == 8192);
    }
    CHECK(ranges[5].base == memory.list[5].base);
    CHECK(ranges[5].size == 256 + 12);
}

TEST_CASE("blocks of a pool that starts inside of a page stay inside of its bytes")
{
    FakeKfd kfd(FakeKernel::batch);
    Fragments memory(2);
    memory.list[0].base = static_cast<char *>(memory.list[0].base) + 100;
    memory.list[0].bytes = 4096 - 100;
    memory.list[1].bytes = 1000;
    Pool pool(memory.list);

    // 100 .. 5096 of the window: whole units from 256 to 4864.
    CHECK(pool.usage().capacity == 4864 - 256);
    char *block = pool.take(4864 - 256);
    CHECK(block == pool.address(256 - 100));
    size_t count = 2;
    hipScatterRange ranges[2];
    REQUIRE(hipScatterPoolGetBlockRanges(pool.handle, block, ranges, &count) == hipSuccess);
    CHECK(ranges[0].base == static_cast<char *>(memory.list[0].base) + 156);
    CHECK(ranges[1].size == 768);
}

TEST_CASE("alignment holds for device addresses")
{
    FakeKfd kfd(FakeKernel::batch);
    Fragments memory(1, 8 << 20);
    Pool pool(memory.list);
    for (size_t alignment = 1; alignment <= 2 << 20; alignment *= 2)
        CHECK(reinterpret_cast<uintptr_t>(pool.take(1, alignment)) %
                  std::max<size_t>(alignment, 256) ==
              0);
}

TEST_CASE("an exhausted pool says how full and how fragmented it is")
{
    FakeKfd kfd(FakeKernel::batch);
    Fragments memory(4);
    Pool pool(memory.list);
    char *blocks[4];
    for (char *&block : blocks)
        block = pool.take(4096);
    void *none = nullptr;
    CHECK(hipScatterPoolMalloc(pool.handle, &none, 1, 0) == hipErrorOutOfMemory);
    CHECK(message_has("0 of 16384 bytes are free"));

    CHECK(hipScatterPoolFree(pool.handle, blocks[0]) == hipSuccess);
    CHECK(hipScatterPoolFree(pool.handle, blocks[2]) == hipSuccess);
    CHECK(hipScatterPoolMalloc(pool.handle, &none, 8192, 0) == hipErrorOutOfMemory);
    CHECK(message_has("8192 of 16384 bytes are free, in 2 pieces, the largest of 4096"));
    CHECK(none == nullptr);
    hipScatterPoolUsage u = pool.usage();
    CHECK(u.free == 8192);
    CHECK(u.largestFree == 4096);
    CHECK(u.freeBlockCount == 2);
    CHECK(u.blockCount == 2);
    CHECK(u.peak == 16384);
    CHECK(u.fragmentation == 0.5);
}

TEST_CASE("wrong frees are refused, told apart, and change nothing")
{
    FakeKfd kfd(FakeKernel::batch);
    Fragments memory(4), other_memory(1);
    Pool pool(memory.list), other(other_memory.list);
    char *block = pool.take(1000), *freed = pool.take(1000);
    REQUIRE(hipScatterPoolFree(pool.handle, freed) == hipSuccess);

    CHECK(hipScatterPoolFree(pool.handle, nullptr) == hipSuccess);
    CHECK(hipScatterPoolFree(pool.handle, freed) == hipErrorInvalidValue);
    CHECK(message_has("freed already, or never allocated"));
    CHECK(hipScatterPoolFree(pool.handle, block + 256) == hipErrorInvalidValue);
    CHECK(message_has("lies inside of the block that starts at"));
    CHECK(hipScatterPoolFree(pool.handle, other.take(1)) == hipErrorInvalidValue);
    CHECK(message_has("does not lie in the pool"));
    int on_the_stack;
    CHECK(hipScatterPoolFree(pool.handle, &on_the_stack) == hipErrorInvalidValue);
    CHECK(pool.usage().blockCount == 1);
}

TEST_CASE("bad arguments of the block functions")
{
    FakeKfd kfd(FakeKernel::batch);
    Fragments memory(1);
    Pool pool(memory.list);
    void *block = nullptr;
    size_t size = 0;
    CHECK(hipScatterPoolMalloc(nullptr, &block, 1, 0) == hipErrorInvalidValue);
    CHECK(hipScatterPoolMalloc(pool.handle, nullptr, 1, 0) == hipErrorInvalidValue);
    CHECK(hipScatterPoolMalloc(pool.handle, &block, 0, 0) == hipErrorInvalidValue);
    CHECK(hipScatterPoolMalloc(pool.handle, &block, 1, 24) == hipErrorInvalidValue);
    CHECK(message_has("24 is not a power of two"));
    CHECK(hipScatterPoolMalloc(pool.handle, &block, SIZE_MAX, 0) == hipErrorOutOfMemory);
    CHECK(hipScatterPoolGetBlockSize(pool.handle, pool.address(0), nullptr) ==
          hipErrorInvalidValue);
    CHECK(hipScatterPoolGetBlockSize(pool.handle, nullptr, &size) == hipErrorInvalidValue);
    CHECK(hipScatterPoolGetBlockSize(pool.handle, pool.address(0), &size) == hipErrorInvalidValue);
    CHECK(hipScatterPoolGetBlockRanges(pool.handle, pool.address(0), nullptr, nullptr) ==
          hipErrorInvalidValue);
    CHECK(hipScatterPoolGetUsage(pool.handle, nullptr) == hipErrorInvalidValue);
    hipScatterPoolUsage u{};
    CHECK(hipScatterPoolGetUsage(pool.handle, &u) == hipErrorInvalidValue);
    CHECK(message_has("structSize"));

    hipScatterPool_t gone = pool.handle;
    REQUIRE(destroy_pool(pool.pool) == 0);
    pool.pool = nullptr;
    CHECK(hipScatterPoolMalloc(gone, &block, 1, 0) == hipErrorHostMemoryNotRegistered);
    CHECK(hipScatterPoolFree(gone, &block) == hipErrorHostMemoryNotRegistered);
}

TEST_CASE("a caller with a newer, larger struct gets what the library knows")
{
    FakeKfd kfd(FakeKernel::batch);
    Fragments memory(1);
    Pool pool(memory.list);
    // A later library's struct is larger than the caller's of today.
    struct {
        hipScatterPoolUsage usage;
        uint64_t later;
    } caller{};
    caller.usage.structSize = sizeof(caller);
    caller.later = 42;
    REQUIRE(hipScatterPoolGetUsage(pool.handle, &caller.usage) == hipSuccess);
    CHECK(caller.usage.structSize == sizeof(caller.usage));
    CHECK(caller.usage.capacity == 4096);
    CHECK(caller.later == 42);
}

TEST_CASE("a pool that is destroyed takes its blocks along")
{
    FakeKfd kfd(FakeKernel::batch);
    Fragments memory(4);
    FakeKfd::State before = kfd.state();
    {
        Pool pool(memory.list);
        pool.take(1000);
        pool.take(2000);
    }
    // The first probe and registration keep nothing either.
    CHECK(kfd.state().blocks == before.blocks);
    CHECK(kfd.state().mappings == before.mappings);
    CHECK(kfd.buffers.empty());
}

TEST_CASE("block functions whose k-th allocation fails change nothing and then succeed")
{
    FakeKfd kfd(FakeKernel::batch);
    Fragments memory(64);
    Pool pool(memory.list);
    uint64_t injected = 0;
    std::vector<char *> blocks;
    for (int i = 0; i < 200; i++) {
        void *block = nullptr;
        hipError_t status;
        for (uint64_t k = 1;; k++) {
            kfd.fail_call(k);
            status = hipScatterPoolMalloc(pool.handle, &block, 1000, 0);
            if (!kfd.failed)
                break;
            REQUIRE(status == hipErrorOutOfMemory);
            REQUIRE(message_has("no memory for the bookkeeping"));
            injected++;
        }
        kfd.fail_call(0);
        REQUIRE(status == hipSuccess);
        blocks.push_back(static_cast<char *>(block));
        REQUIRE(pool.usage().blockCount == blocks.size());
    }
    kfd.fail_call(1, 0, 1 << 30);
    for (char *block : blocks)
        REQUIRE(hipScatterPoolFree(pool.handle, block) == hipSuccess);
    kfd.fail_call(0);
    CHECK(pool.usage().largestFree == 64 * 4096);
    std::printf("injected faults: %llu\n", static_cast<unsigned long long>(injected));
    CHECK(injected >= 3); // the sub-allocator's own block, then nodes and buckets
}

TEST_CASE("threads take and give back blocks of one pool")
{
    FakeKfd kfd(FakeKernel::batch);
    Fragments memory(16, 65536);
    Pool pool(memory.list);
    HS_RANDOM(random);
    std::atomic<int> wrong = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; t++) {
        threads.emplace_back([&pool, &wrong, key = random()] {
            std::mt19937_64 mine(key);
            std::vector<std::pair<void *, uint64_t>> blocks;
            for (int i = 0; i < 2000; i++) {
                if (blocks.size() < 8 && mine() % 2) {
                    void *block = nullptr;
                    size_t size = 1 + mine() % 20000, count = 64;
                    hipScatterRange ranges[64];
                    if (hipScatterPoolMalloc(pool.handle, &block, size, 0) != hipSuccess)
                        continue; // full
                    if (hipScatterPoolGetBlockRanges(pool.handle, block, ranges, &count))
                        wrong++;
                    // Marked in the host memory: two owners of a byte would see each other.
                    for (size_t r = 0; r < count; r++)
                        std::memset(ranges[r].base, static_cast<int>(key), ranges[r].size);
                    blocks.emplace_back(block, size);
                } else if (!blocks.empty()) {
                    size_t which = mine() % blocks.size(), count = 64, seen = 0;
                    hipScatterRange ranges[64];
                    if (hipScatterPoolGetBlockRanges(pool.handle, blocks[which].first, ranges,
                                                     &count))
                        wrong++;
                    for (size_t r = 0; r < count; r++) {
                        const auto *bytes = static_cast<const uint8_t *>(ranges[r].base);
                        seen += ranges[r].size;
                        for (size_t b = 0; b < ranges[r].size; b += 61)
                            wrong += bytes[b] != static_cast<uint8_t>(key);
                    }
                    wrong += seen != blocks[which].second;
                    wrong += hipScatterPoolFree(pool.handle, blocks[which].first) != hipSuccess;
                    blocks.erase(blocks.begin() + static_cast<ptrdiff_t>(which));
                }
            }
            for (auto &[block, size] : blocks)
                wrong += hipScatterPoolFree(pool.handle, block) != hipSuccess;
        });
    }
    for (std::thread &thread : threads)
        thread.join();
    CHECK(wrong == 0);
    CHECK(pool.usage().blockCount == 0);
    CHECK(pool.usage().freeBlockCount == 1);
}

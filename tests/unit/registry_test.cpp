// SPDX-License-Identifier: MIT
// The registry finds pools by any address inside of their windows, also while others come and go.
#include <atomic>
#include <hs_test.hpp>
#include <thread>
#include <vector>

#include "fake_kfd.hpp"

namespace
{

struct Pool : hs_pool {
    Pool(uint64_t base, uint64_t bytes) : hs_pool{}
    {
        gpu_base = base;
        ranges.window_bytes = bytes;
    }
};

hs_pool *find(uint64_t address)
{
    hs_pool *pool = hs_registry_find(address);
    if (pool != nullptr)
        hs_registry_release(pool);
    return pool;
}

void remove(hs_pool *pool)
{
    REQUIRE(hs_registry_begin_removal(pool->gpu_base) == pool);
    hs_registry_end_removal(pool);
}

} // namespace

TEST_CASE("a window is found by its first, inner and last byte, not beside it")
{
    Pool a(0x200000, 0x3000), b(0x400000, 0x1000);
    REQUIRE(hs_registry_add(&b) == 0);
    REQUIRE(hs_registry_add(&a) == 0);

    CHECK(find(0x200000) == &a);
    CHECK(find(0x201234) == &a);
    CHECK(find(0x202fff) == &a);
    CHECK(find(0x203000) == nullptr);
    CHECK(find(0x1fffff) == nullptr);
    CHECK(find(0x400fff) == &b);
    remove(&a);
    CHECK(find(0x200000) == nullptr);
    CHECK(find(0x400000) == &b);
    remove(&b);
    CHECK(hs_registry_count() == 0);
}

TEST_CASE("a pool in removal is not found, a new one at its address is, and a cancelled removal is "
          "undone")
{
    Pool old(0x200000, 0x10000), newer(0x204000, 0x1000);
    REQUIRE(hs_registry_add(&old) == 0);
    REQUIRE(hs_registry_begin_removal(0x200000) == &old);
    CHECK(find(0x200000) == nullptr);
    CHECK(hs_registry_begin_removal(0x200000) == nullptr);
    hs_registry_cancel_removal(&old);
    CHECK(find(0x205000) == &old);

    REQUIRE(hs_registry_begin_removal(0x200000) == &old);
    REQUIRE(hs_registry_add(&newer) == 0);
    CHECK(find(0x204000) == &newer);
    CHECK(find(0x201000) == nullptr);
    hs_registry_end_removal(&old);
    CHECK(find(0x204fff) == &newer);
    remove(&newer);
    CHECK(hs_registry_count() == 0);
}

TEST_CASE("ten thousand pools in random order")
{
    HS_RANDOM(random);
    std::vector<Pool> pools;
    for (uint64_t i = 0; i < 10000; i++)
        pools.emplace_back((i + 1) * 0x10000, 0x8000);
    std::vector<Pool *> order;
    for (Pool &pool : pools)
        order.push_back(&pool);
    std::shuffle(order.begin(), order.end(), random);

    for (Pool *pool : order)
        REQUIRE(hs_registry_add(pool) == 0);
    size_t wrong = 0;
    for (Pool &pool : pools) {
        wrong += find(pool.gpu_base + random() % 0x8000) != &pool;
        wrong += find(pool.gpu_base + 0x8000) != nullptr;
    }
    CHECK(wrong == 0);
    for (Pool *pool : order)
        remove(pool);
    CHECK(hs_registry_count() == 0);
}

TEST_CASE("removal waits for those who hold the pool")
{
    Pool pool(0x200000, 0x1000);
    std::atomic<bool> removed{false};
    REQUIRE(hs_registry_add(&pool) == 0);
    REQUIRE(hs_registry_find(0x200000) == &pool);

    std::thread remover([&] {
        hs_registry_end_removal(hs_registry_begin_removal(0x200000));
        removed = true;
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    CHECK(!removed);
    hs_registry_release(&pool);
    remover.join();
    CHECK(removed);
}

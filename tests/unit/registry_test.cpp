// SPDX-License-Identifier: MIT
// The registry finds pools by any address inside of their windows, also while others come and go.
#include <atomic>
#include <hs_test.hpp>
#include <memory>
#include <set>
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

namespace
{

struct HostPool : Pool {
    HostPool(uint64_t base, uint64_t low, uint64_t high) : Pool(base, 0x1000)
    {
        ranges.lowest = low;
        ranges.highest = high;
    }
};

std::set<hs_pool *> found_by_host(uint64_t address)
{
    hs_registry_cursor cursor{};
    std::set<hs_pool *> all;
    hs_epoch_slot *slot = hs_epoch_enter();
    while (hs_pool *pool = hs_registry_peek_host(address, &cursor))
        all.insert(pool);
    hs_epoch_exit(slot);
    return all;
}

} // namespace

TEST_CASE("every pool whose host memory spans an address is found, whatever came and went")
{
    HS_RANDOM(random);
    std::vector<std::unique_ptr<HostPool>> pools;
    size_t wrong = 0, most = 0;
    for (uint64_t step = 0; step < 6000; step++) {
        const bool grow = step < 3000 ? random() % 4 != 0 : random() % 4 == 0;
        if (grow || pools.empty()) {
            // Often the very same span: registered many times over.
            const uint64_t low = 0x1000 * (1 + random() % (random() % 2 ? 4 : 5000));
            pools.push_back(std::make_unique<HostPool>(
                0x10000 * (step + 1), low,
                low + 0x1000 * (1 + random() % (random() % 9 ? 4 : 900))));
            REQUIRE(hs_registry_add(pools.back().get()) == 0);
        } else {
            const size_t k = random() % pools.size();
            remove(pools[k].get());
            std::swap(pools[k], pools.back());
            pools.pop_back();
        }
        most = std::max(most, pools.size());
        const uint64_t address = random() % 0x1800000;
        std::set<hs_pool *> expected;
        for (const auto &pool : pools)
            if (address >= pool->ranges.lowest && address < pool->ranges.highest)
                expected.insert(pool.get());
        wrong += found_by_host(address) != expected;
        if (!pools.empty()) {
            HostPool *one = pools[random() % pools.size()].get();
            for (int again = 0; again < 2; again++) { // the second time the thread remembers it
                hs_epoch_slot *slot = hs_epoch_enter();
                hs_pool *last = hs_registry_peek_last(slot, HS_BY_WINDOW, one->gpu_base + 5);
                wrong += (last != nullptr && last != one) || (again == 1 && last != one);
                wrong += hs_registry_peek(one->gpu_base + 5) != one;
                hs_epoch_exit(slot);
            }
        }
    }
    CHECK(wrong == 0);
    CHECK(most > 1000);
    for (const auto &pool : pools)
        remove(pool.get());
    CHECK(hs_registry_count() == 0);
}

TEST_CASE("what a thread remembers is forgotten when its pool goes or another one comes between")
{
    HostPool a(0x200000, 0x10000, 0x20000), b(0x400000, 0x14000, 0x15000);
    REQUIRE(hs_registry_add(&a) == 0);
    CHECK(found_by_host(0x14000) == std::set<hs_pool *>{&a});
    hs_epoch_slot *slot = hs_epoch_enter();
    CHECK(hs_registry_peek_last(slot, HS_BY_HOST, 0x14000) == &a);
    hs_epoch_exit(slot);

    REQUIRE(hs_registry_add(&b) == 0);
    CHECK(found_by_host(0x14000) == std::set<hs_pool *>{&a, &b});
    slot = hs_epoch_enter();
    CHECK(hs_registry_peek_last(slot, HS_BY_HOST, 0x14000) == nullptr); // not alone there
    hs_epoch_exit(slot);

    remove(&b);
    remove(&a);
    slot = hs_epoch_enter();
    CHECK(hs_registry_peek_last(slot, HS_BY_HOST, 0x14000) == nullptr);
    hs_epoch_exit(slot);
}

TEST_CASE("without memory a pool is not remembered, and nothing else changes")
{
    FakeKfd kfd(FakeKernel::batch);
    std::vector<std::unique_ptr<HostPool>> pools;
    for (uint64_t i = 0; i < 64; i++) // the chunk is full: the next one splits it
        pools.push_back(
            std::make_unique<HostPool>(0x10000 * (i + 1), 0x1000 * (i + 1), 0x1000 * (i + 2)));
    for (auto &pool : pools)
        REQUIRE(hs_registry_add(pool.get()) == 0);
    HostPool more(0x10800 + 0x1000, 0x1000, 0x2000);
    const auto before = kfd.state();
    unsigned k = 0;
    int err = 0;
    do {
        kfd.fail_call(++k, ENOMEM);
        err = hs_registry_add(&more);
        kfd.fail_call(0, 0);
        if (err) {
            CHECK(err == -ENOMEM);
            CHECK(kfd.state() == before);
            CHECK(find(more.gpu_base) == nullptr);
            CHECK(find(pools[5]->gpu_base) == pools[5].get());
        }
    } while (err && k < 20);
    CHECK(err == 0);
    CHECK(k == 7); // two maps, three blocks each
    CHECK(find(more.gpu_base) == &more);
    remove(&more);
    for (auto &pool : pools)
        remove(pool.get());
    CHECK(kfd.state().blocks.empty());
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

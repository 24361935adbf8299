// SPDX-License-Identifier: MIT
// Many threads register, translate and unregister at once, for a bounded time. Meant for TSan above
// all.
#include <atomic>
#include <chrono>
#include <hs_test.hpp>
#include <mutex>
#include <thread>

#include "error.h"
#include "fake_kfd.hpp"
#include "translate.h"

namespace
{

// The fake kernel has no lock of its own.
std::recursive_mutex kernel_lock;
hs_sys_ops inner;

void serialise_fake()
{
    inner = hs_sys;
    hs_sys.ioctl = [](int fd, unsigned long request, void *arg) {
        std::lock_guard hold(kernel_lock);
        return inner.ioctl(fd, request, arg);
    };
    hs_sys.mmap = [](void *addr, size_t bytes, int prot, int flags, int fd, off_t offset) {
        std::lock_guard hold(kernel_lock);
        return inner.mmap(addr, bytes, prot, flags, fd, offset);
    };
    hs_sys.munmap = [](void *addr, size_t bytes) {
        std::lock_guard hold(kernel_lock);
        return inner.munmap(addr, bytes);
    };
    hs_sys.madvise = [](void *addr, size_t bytes, int advice) {
        std::lock_guard hold(kernel_lock);
        return inner.madvise(addr, bytes, advice);
    };
    hs_sys.alloc = [](size_t bytes) {
        std::lock_guard hold(kernel_lock);
        return inner.alloc(bytes);
    };
    hs_sys.alloc_aligned = [](size_t alignment, size_t bytes) {
        std::lock_guard hold(kernel_lock);
        return inner.alloc_aligned(alignment, bytes);
    };
    hs_sys.free = [](void *block) {
        std::lock_guard hold(kernel_lock);
        inner.free(block);
    };
}

} // namespace

TEST_CASE("32 threads register, translate and unregister")
{
    constexpr int threads = 32;
    FakeKfd kfd(FakeKernel::batch);
    serialise_fake();
    Fragments shared(16);
    Request shared_request(shared.list);
    hs_pool *shared_pool = nullptr;
    REQUIRE(hs_pool_create(&shared_pool, &shared_request) == 0);
    uint64_t shared_start = hs_pool_device_address(shared_pool);
    auto shared_base = reinterpret_cast<uint64_t>(shared.list[3].base);

    std::atomic<uint64_t> wrong{0}, rounds{0}, translations{0};
    auto until = std::chrono::steady_clock::now() + std::chrono::seconds(2);
    auto work = [&](unsigned seed) {
        std::mt19937_64 random(seed);
        Fragments mine(8);
        Request request(mine.list);
        do { // once, however late the thread gets a processor
            hs_pool *pool = nullptr;
            wrong += hs_pool_create(&pool, &request) != 0;
            for (int i = 0; i < 50; i++) {
                uint64_t device = 0, covered = 0;
                size_t count = 0, k = random() % 8;
                auto host = reinterpret_cast<uint64_t>(mine.list[k].base) + random() % 4096;
                wrong += hs_translate_to_device(nullptr, host, &device) != 0;
                wrong += device - pool->gpu_base != k * 4096 + host % 4096;
                wrong += hs_translate_to_device(nullptr, shared_base, &device) != 0;
                wrong += device != shared_start + 3 * 4096;
                wrong += hs_translate_to_host(device, 4096, nullptr, 0, &count, &covered) != 0 ||
                         count != 1;
                translations += 3;
            }
            hs_pool *taken = hs_registry_begin_removal(pool->gpu_base);
            wrong += taken != pool;
            wrong += hs_pool_destroy(taken) != 0;
            rounds++;
        } while (std::chrono::steady_clock::now() < until);
    };
    std::vector<std::thread> pack;
    for (int i = 0; i < threads; i++)
        pack.emplace_back(work, static_cast<unsigned>(i));
    for (auto &thread : pack)
        thread.join();

    std::printf("%llu registrations, %llu translations\n",
                static_cast<unsigned long long>(rounds.load()),
                static_cast<unsigned long long>(translations.load()));
    CHECK(wrong == 0);
    CHECK(rounds >= threads);
    CHECK(destroy_pool(shared_pool) == 0);
    CHECK(hs_registry_count() == 0);
    CHECK(kfd.buffers.empty());
    hs_sys = inner;
}

TEST_CASE("of many threads that unregister one window, one does")
{
    FakeKfd kfd(FakeKernel::batch);
    serialise_fake();
    Fragments memory(4);
    Request request(memory.list);

    for (int round = 0; round < 50; round++) {
        hs_pool *pool = nullptr;
        REQUIRE(hs_pool_create(&pool, &request) == 0);
        uint64_t base = pool->gpu_base;
        std::atomic<int> won{0};
        std::vector<std::thread> pack;
        for (int i = 0; i < 8; i++)
            pack.emplace_back([&] {
                if (hs_pool *taken = hs_registry_begin_removal(base)) {
                    hs_pool_destroy(taken);
                    won++;
                }
            });
        for (auto &thread : pack)
            thread.join();
        REQUIRE(won == 1);
    }
    CHECK(kfd.buffers.empty());
    hs_sys = inner;
}

// SPDX-License-Identifier: MIT
// Exact undo: the k-th system call, ioctl or allocation fails, for every k until the operation
// succeeds. After each failure everything is as before, and the same operation then succeeds.
#include <cstdio>
#include <hs_test.hpp>

#include "error.h"
#include "fake_kfd.hpp"

namespace
{

struct Case {
    FakeKernel kernel;
    hs_backing_kind kind;
    size_t gpus;
    size_t ranges = 7;
};

// A list of 600 ranges takes three calls of a batch ioctl that takes 256.
struct SmallCalls {
    SmallCalls() : saved(hs_batch_runs)
    {
        hs_batch_runs = 256;
    }
    ~SmallCalls()
    {
        hs_batch_runs = saved;
    }
    size_t saved;
};

const Case cases[] = {
    {FakeKernel::batch, HS_BACKING_BATCH, 1},
    {FakeKernel::batch, HS_BACKING_BATCH, 3},
    {FakeKernel::batch_flag, HS_BACKING_BATCH, 2},
    {FakeKernel::stock, HS_BACKING_PER_RANGE, 1},
    {FakeKernel::stock, HS_BACKING_PER_RANGE, 3},
    {FakeKernel::batch, HS_BACKING_BATCH, 2, 600},
    {FakeKernel::batch_flag, HS_BACKING_BATCH, 2, 600},
};
constexpr int case_count = std::size(cases);

// What the calls can return, besides what is retried. 0: what the call would naturally fail with.
const int errors[] = {0, ENOMEM, EFAULT, EINVAL, EBUSY, ENODEV, EPERM};

} // namespace

TEST_CASE("a registration that fails at any call leaves nothing behind")
{
    const Case &c = cases[GENERATE(range(0, case_count))];
    int error = GENERATE(from_range(std::begin(errors), std::end(errors)));
    SmallCalls small;
    FakeKfd kfd(c.kernel, c.gpus);
    Fragments memory(c.ranges);
    Request request(memory.list, c.kind);
    hs_pool *pool = nullptr;
    uint64_t injected = 0;
    REQUIRE(hs_pool_create(&pool, &request) == 0); // probes, opens
    REQUIRE(destroy_pool(pool) == 0);
    FakeKfd::State before = kfd.state();

    for (uint64_t k = 1;; k++) {
        kfd.fail_call(k, error);
        int err = hs_pool_create(&pool, &request);
        bool failed = kfd.failed;
        kfd.fail_call(0);
        INFO("call " << k << ", error " << error << ": " << hs_error_text());
        if (!failed) {
            REQUIRE(err == 0);
            break;
        }
        injected++;
        REQUIRE(err != 0);
        REQUIRE(*hs_error_text() != '\0');
        REQUIRE(kfd.state() == before);
        REQUIRE(hs_pool_create(&pool, &request) == 0);
        REQUIRE(destroy_pool(pool) == 0);
    }
    std::printf("%llu faults injected into registration\n",
                static_cast<unsigned long long>(injected));
    CHECK(injected >= 7);
    CHECK(destroy_pool(pool) == 0);
    CHECK(kfd.state() == before);
}

TEST_CASE("an unregistration that fails at any call leaves the window whole")
{
    const Case &c = cases[GENERATE(range(0, case_count))];
    int error = GENERATE(from_range(std::begin(errors), std::end(errors)));
    SmallCalls small;
    FakeKfd kfd(c.kernel, c.gpus);
    Fragments memory(c.ranges);
    Request request(memory.list, c.kind);
    hs_pool *pool = nullptr;
    uint64_t injected = 0;
    REQUIRE(hs_pool_create(&pool, &request) == 0);
    REQUIRE(destroy_pool(pool) == 0);
    FakeKfd::State empty = kfd.state();
    REQUIRE(hs_pool_create(&pool, &request) == 0);
    FakeKfd::State before = kfd.state();

    for (uint64_t k = 1;; k++) {
        kfd.fail_call(k, error);
        int err = destroy_pool(pool);
        bool failed = kfd.failed;
        kfd.fail_call(0);
        INFO("call " << k << ", error " << error << ": " << hs_error_text());
        if (!failed) {
            REQUIRE(err == 0);
            break;
        }
        injected++;
        REQUIRE(err != 0);
        REQUIRE(kfd.state() == before);
    }
    std::printf("%llu faults injected into unregistration\n",
                static_cast<unsigned long long>(injected));
    CHECK(injected >= 3);
    CHECK(kfd.state() == empty);
}

TEST_CASE("granting or revoking that fails at any call changes nothing")
{
    const Case &c = cases[GENERATE(range(0, case_count))];
    int error = GENERATE(from_range(std::begin(errors), std::end(errors)));
    bool grant = GENERATE(true, false);
    SmallCalls small;
    FakeKfd kfd(c.kernel, 4);
    Fragments memory(c.ranges);
    Request request(memory.list, c.kind);
    request.device_count = grant ? 1 : 4;
    hs_device *others[] = {hs_device_at(3), hs_device_at(1), hs_device_at(2)};
    hs_pool *pool = nullptr;
    REQUIRE(hs_pool_create(&pool, &request) == 0);
    const FakeKfd::State before = kfd.state();
    const std::vector<uint32_t> ids(pool->gpu_ids, pool->gpu_ids + pool->device_count);
    uint64_t injected = 0;

    for (uint64_t k = 1;; k++) {
        kfd.fail_call(k, error);
        const int err = grant ? hs_pool_grant(pool, others, 3) : hs_pool_revoke(pool, others, 3);
        const bool failed = kfd.failed;
        kfd.fail_call(0);
        INFO("call " << k << ", error " << error << ": " << hs_error_text());
        if (!failed) {
            REQUIRE(err == 0);
            break;
        }
        injected++;
        REQUIRE(err != 0);
        REQUIRE(kfd.state() == before);
        REQUIRE(std::vector<uint32_t>(pool->gpu_ids, pool->gpu_ids + pool->device_count) == ids);
    }
    std::printf("%llu faults injected into %s\n", static_cast<unsigned long long>(injected),
                grant ? "granting" : "revoking");
    CHECK(injected == 3 * kfd.buffers.size());
    for (const auto &entry : kfd.buffers)
        CHECK(entry.second.gpus.size() == (grant ? 4 : 1));
    CHECK(destroy_pool(pool) == 0);
}

TEST_CASE("a list longer than one call takes is one window, in both encodings")
{
    FakeKernel kernel = GENERATE(FakeKernel::batch, FakeKernel::batch_flag);
    SmallCalls small;
    FakeKfd kfd(kernel, 2);
    Fragments memory(600);
    Request request(memory.list, HS_BACKING_BATCH);
    hs_pool *pool = nullptr;
    REQUIRE(hs_pool_create(&pool, &request) == 0);

    REQUIRE(kfd.buffers.size() == 3);
    std::map<uint64_t, size_t> parts; // by address
    for (const auto &entry : kfd.buffers) {
        parts[entry.second.va] = entry.second.ranges.size();
        CHECK(entry.second.gpus.size() == 2);
    }
    CHECK(parts == std::map<uint64_t, size_t>{{pool->gpu_base, 256},
                                              {pool->gpu_base + 256 * 4096, 256},
                                              {pool->gpu_base + 512 * 4096, 88}});
    size_t wrong = 0;
    for (size_t i = 0; i < 600; i++)
        wrong += pool->ranges.runs[i].cpu != reinterpret_cast<uint64_t>(memory.list[i].base) ||
                 pool->ranges.runs[i].offset != i * 4096;
    CHECK(wrong == 0);
    for (const auto &entry : kfd.buffers)
        for (size_t i = 0; i < entry.second.ranges.size(); i++)
            wrong += entry.second.ranges[i].start !=
                     reinterpret_cast<uint64_t>(
                         memory.list[(entry.second.va - pool->gpu_base) / 4096 + i].base);
    CHECK(wrong == 0);
    CHECK(destroy_pool(pool) == 0);
    CHECK(kfd.buffers.empty());
}

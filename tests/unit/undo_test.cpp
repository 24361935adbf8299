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
};

const Case cases[] = {
    {FakeKernel::batch, HS_BACKING_BATCH, 1},      {FakeKernel::batch, HS_BACKING_BATCH, 3},
    {FakeKernel::batch_flag, HS_BACKING_BATCH, 2}, {FakeKernel::stock, HS_BACKING_PER_RANGE, 1},
    {FakeKernel::stock, HS_BACKING_PER_RANGE, 3},
};

// What the calls can return, besides what is retried. 0: what the call would naturally fail with.
const int errors[] = {0, ENOMEM, EFAULT, EINVAL, EBUSY, ENODEV, EPERM};

} // namespace

TEST_CASE("a registration that fails at any call leaves nothing behind")
{
    const Case &c = cases[GENERATE(range(0, 5))];
    int error = GENERATE(from_range(std::begin(errors), std::end(errors)));
    FakeKfd kfd(c.kernel, c.gpus);
    Fragments memory(7);
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
    const Case &c = cases[GENERATE(range(0, 5))];
    int error = GENERATE(from_range(std::begin(errors), std::end(errors)));
    FakeKfd kfd(c.kernel, c.gpus);
    Fragments memory(7);
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

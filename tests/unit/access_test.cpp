// SPDX-License-Identifier: MIT
// Granting and revoking access, and copies and fills by the CPU: all on a fake kernel, without a
// GPU.
#include <algorithm>
#include <hs_test.hpp>

#include "copy.h"
#include "error.h"
#include "fake_kfd.hpp"

namespace
{

struct Pool {
    Pool(const std::vector<hs_host_range> &list, hs_backing_kind kind, size_t devices)
    {
        Request request(list, kind);
        request.device_count = devices;
        REQUIRE(hs_pool_create(&pool, &request) == 0);
    }
    ~Pool()
    {
        if (destroy_pool(pool))
            std::abort();
    }
    Pool(const Pool &) = delete;
    Pool &operator=(const Pool &) = delete;

    uint8_t *at(uint64_t offset) const
    {
        return reinterpret_cast<uint8_t *>(hs_pool_device_address(pool) + offset);
    }
    hs_pool *pool = nullptr;
};

bool on_every_buffer(const FakeKfd &kfd, const std::set<uint32_t> &gpus)
{
    return std::all_of(kfd.buffers.begin(), kfd.buffers.end(),
                       [&](const auto &entry) { return entry.second.gpus == gpus; });
}

int copy(void *to, const void *from, uint64_t bytes)
{
    hs_copy c;
    int err = hs_copy_prepare(&c, to, from, bytes);
    if (!err) {
        err = hs_copy_run(&c);
        hs_copy_drop(&c);
    }
    return err;
}

int fill(void *to, unsigned char value, uint64_t bytes)
{
    hs_copy c;
    int err = hs_fill_prepare(&c, to, value, bytes);
    if (!err) {
        err = hs_copy_run(&c);
        hs_copy_drop(&c);
    }
    return err;
}

// The window's bytes as its fragments hold them.
std::vector<uint8_t> gather(const std::vector<hs_host_range> &list)
{
    std::vector<uint8_t> all;
    for (const auto &range : list) {
        auto *base = static_cast<uint8_t *>(range.base);
        all.insert(all.end(), base, base + range.bytes);
    }
    return all;
}

} // namespace

TEST_CASE("access is granted and revoked on every buffer")
{
    hs_backing_kind kind = GENERATE(HS_BACKING_BATCH, HS_BACKING_PER_RANGE);
    FakeKfd kfd(FakeKernel::batch, 3);
    Fragments memory(5);
    Pool p(memory.list, kind, 1);
    hs_device *others[] = {hs_device_at(1), hs_device_at(2)};
    hs_device *owner[] = {hs_device_at(0)};

    REQUIRE(on_every_buffer(kfd, {100}));
    REQUIRE(hs_pool_grant(p.pool, others, 2) == 0);
    CHECK(on_every_buffer(kfd, {100, 101, 102}));
    REQUIRE(hs_pool_grant(p.pool, others, 2) == 0); // again: no change
    CHECK(p.pool->device_count == 3);
    REQUIRE(hs_pool_revoke(p.pool, others, 1) == 0);
    CHECK(on_every_buffer(kfd, {100, 102}));
    REQUIRE(hs_pool_revoke(p.pool, owner, 1) == 0);
    CHECK(on_every_buffer(kfd, {102}));
    REQUIRE(hs_pool_revoke(p.pool, others, 2) == 0);
    CHECK(p.pool->device_count == 0);
    CHECK(on_every_buffer(kfd, {}));
}

TEST_CASE("a grant or revoke that fails at any call changes nothing")
{
    hs_backing_kind kind = GENERATE(HS_BACKING_BATCH, HS_BACKING_PER_RANGE);
    bool grant = GENERATE(true, false);
    FakeKfd kfd(FakeKernel::batch, 4);
    Fragments memory(3);
    hs_device *others[] = {hs_device_at(1), hs_device_at(2), hs_device_at(3)};
    Pool p(memory.list, kind, grant ? 1 : 4);
    FakeKfd::State before = kfd.state();
    std::vector<hs_device *> devices(p.pool->devices, p.pool->devices + p.pool->device_count);
    uint64_t injected = 0;

    for (uint64_t k = 1;; k++) {
        kfd.fail_call(k);
        int err = grant ? hs_pool_grant(p.pool, others, 3) : hs_pool_revoke(p.pool, others, 3);
        bool failed = kfd.failed;
        kfd.fail_call(0);
        if (!failed) {
            REQUIRE(err == 0);
            break;
        }
        injected++;
        INFO("call " << k);
        REQUIRE(err != 0);
        REQUIRE(kfd.state() == before);
        REQUIRE(devices ==
                std::vector<hs_device *>(p.pool->devices, p.pool->devices + p.pool->device_count));
    }
    CHECK(injected == (kind == HS_BACKING_BATCH ? 3 : 9));
}

TEST_CASE("copies and fills of any size and offset reach the right fragments")
{
    HS_RANDOM(random);
    FakeKfd kfd(FakeKernel::batch);
    Fragments memory(30), second(17, 8192);
    memory.list.front().base = static_cast<char *>(memory.list.front().base) + 123;
    memory.list.front().bytes -= 123;
    memory.list.back().bytes = 1001;
    Pool a(memory.list, HS_BACKING_BATCH, 1), b(second.list, HS_BACKING_BATCH, 1);
    uint64_t a_bytes = a.pool->ranges.bytes, b_bytes = b.pool->ranges.bytes;
    std::vector<uint8_t> model_a = gather(memory.list), model_b = gather(second.list),
                         host(b_bytes);
    for (auto &byte : host)
        byte = static_cast<uint8_t>(random());

    for (int round = 0; round < 400; round++) {
        uint64_t at = random() % a_bytes, other = random() % b_bytes;
        uint64_t bytes = std::min({1 + random() % 60000, a_bytes - at, b_bytes - other});
        switch (random() % 4) {
        case 0:
            REQUIRE(copy(a.at(at), host.data() + other, bytes) == 0);
            std::copy_n(host.begin() + other, bytes, model_a.begin() + at);
            break;
        case 1:
            REQUIRE(copy(b.at(other), a.at(at), bytes) == 0);
            std::copy_n(model_a.begin() + at, bytes, model_b.begin() + other);
            break;
        case 2:
            REQUIRE(fill(a.at(at), static_cast<unsigned char>(round), bytes) == 0);
            std::fill_n(model_a.begin() + at, bytes, static_cast<uint8_t>(round));
            break;
        default:
            REQUIRE(copy(host.data() + other, b.at(other), bytes) == 0);
            REQUIRE(std::equal(host.begin() + other, host.begin() + other + bytes,
                               model_b.begin() + other));
        }
        REQUIRE(gather(memory.list) == model_a);
        REQUIRE(gather(second.list) == model_b);
    }
}

TEST_CASE("a copy that leaves its window, or concerns none, is refused")
{
    FakeKfd kfd(FakeKernel::batch);
    Fragments memory(3);
    Pool p(memory.list, HS_BACKING_BATCH, 1);
    std::vector<uint8_t> host(5 * 4096);

    CHECK(copy(p.at(1), host.data(), 3 * 4096) == -EINVAL);
    CHECK(copy(host.data(), p.at(3 * 4096 - 1), 2) == -EINVAL);
    CHECK(fill(p.at(0), 1, 3 * 4096 + 1) == -EINVAL);
    CHECK(copy(host.data(), host.data() + 4096, 10) == -ENOENT);
    CHECK(fill(host.data(), 1, 10) == -ENOENT);
    CHECK(p.pool->users == 0);
}

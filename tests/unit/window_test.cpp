// SPDX-License-Identifier: MIT
// Windows under a ROCr that reserves device addresses itself (hsa_amd_vmem_address_reserve(), from
// 6.0 on; Debian's has none). The library looks the two functions up by name: this program has
// them.
#include <hs_test.hpp>

#include <hsa/hsa.h>

#include "error.h"
#include "fake_kfd.hpp"

namespace
{

std::map<void *, size_t> reserved; // what the fake ROCr has given
bool has_none = false, keeps_it = false;

struct FakePinner {
    static int pin(void *cpu, size_t, uint64_t *device)
    {
        *device = reinterpret_cast<uint64_t>(cpu) + (1ull << 44);
        return 0;
    }
    static int unpin(void *)
    {
        return 0;
    }
    hs_pinner pinner{"fake", pin, unpin};
};

} // namespace

extern "C" {

__attribute__((visibility("default"))) hsa_status_t
hsa_amd_vmem_address_reserve(void **va, size_t bytes, uint64_t address, uint64_t flags)
{
    if (has_none || address != 0 || flags != 0)
        return HSA_STATUS_ERROR_OUT_OF_RESOURCES;
    *va = ::mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    reserved[*va] = bytes;
    return HSA_STATUS_SUCCESS;
}

__attribute__((visibility("default"))) hsa_status_t hsa_amd_vmem_address_free(void *va,
                                                                              size_t bytes)
{
    const auto at = reserved.find(va);
    if (keeps_it || at == reserved.end() || at->second != bytes)
        return HSA_STATUS_ERROR_INVALID_ALLOCATION;
    reserved.erase(at);
    return ::munmap(va, bytes) == 0 ? HSA_STATUS_SUCCESS : HSA_STATUS_ERROR;
}

} // extern "C"

TEST_CASE("a ROCr that can reserve device addresses is asked for a window's, and gets them back")
{
    FakeKfd kfd(FakeKernel::batch);
    Fragments memory(5);
    Request request(memory.list);
    const FakeKfd::State before = kfd.state();
    hs_pool *pool = nullptr;

    REQUIRE(hs_pool_create(&pool, &request) == 0);
    REQUIRE(reserved.size() == 1);
    const auto [start, bytes] = *reserved.begin();
    CHECK(pool->window.from_hsa);
    CHECK(pool->window.base >= static_cast<char *>(start) + 4096);
    CHECK(pool->window.base + pool->window.bytes + 4096 <= static_cast<char *>(start) + bytes);
    CHECK(kfd.buffers.begin()->second.va == reinterpret_cast<uint64_t>(pool->window.base));
    CHECK(destroy_pool(pool) == 0);
    CHECK(reserved.empty());
    CHECK(kfd.state() == before);
}

TEST_CASE("a ROCr without addresses left is followed by mmap")
{
    FakeKfd kfd(FakeKernel::batch);
    Fragments memory(5);
    Request request(memory.list);
    hs_pool *pool = nullptr;

    has_none = true;
    REQUIRE(hs_pool_create(&pool, &request) == 0);
    has_none = false;
    CHECK_FALSE(pool->window.from_hsa);
    CHECK(destroy_pool(pool) == 0);
}

TEST_CASE("what ROCr reserved and does not take back leaves the window whole")
{
    FakeKfd kfd(FakeKernel::batch);
    Fragments memory(5);
    Request request(memory.list);
    hs_pool *pool = nullptr;
    REQUIRE(hs_pool_create(&pool, &request) == 0);
    const FakeKfd::State before = kfd.state();

    keeps_it = true;
    CHECK(destroy_pool(pool) == -EINVAL);
    CHECK_THAT(hs_error_text(), Catch::Contains("ROCr"));
    keeps_it = false;
    CHECK(kfd.state() == before);
    CHECK(destroy_pool(pool) == 0);
    CHECK(reserved.empty());
    CHECK(kfd.buffers.empty());
}

TEST_CASE("an alias window takes the place of a plain reservation, not of ROCr's")
{
    FakeKfd kfd(FakeKernel::stock);
    FakePinner fake;
    char *shared = static_cast<char *>(
        ::mmap(nullptr, 3 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    REQUIRE(shared != MAP_FAILED);
    const std::vector<hs_host_range> list = {{shared + 8192, 4096}, {shared, 4096}};
    Request request(list, HS_BACKING_ALIAS);
    request.pinner = &fake.pinner;
    hs_pool *pool = nullptr;
    shared[8192] = 'b';

    REQUIRE(hs_pool_create(&pool, &request) == 0);
    CHECK(reserved.empty());
    CHECK_FALSE(pool->window.from_hsa);
    CHECK(pool->window.base[0] == 'b');
    CHECK(destroy_pool(pool) == 0);

    // ROCr's is kept until the plain one is there, and given back whatever fails.
    const FakeKfd::State before = kfd.state();
    for (uint64_t k = 1;; k++) {
        kfd.fail_call(k);
        const int err = hs_pool_create(&pool, &request);
        const bool failed = kfd.failed;
        kfd.fail_call(0);
        INFO("call " << k << ": " << hs_error_text());
        CHECK(reserved.empty());
        if (!failed)
            break;
        REQUIRE(err != 0);
        REQUIRE(kfd.state() == before);
    }
    CHECK(destroy_pool(pool) == 0);
    ::munmap(shared, 3 * 4096);
}

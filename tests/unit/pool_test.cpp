// SPDX-License-Identifier: MIT
// Pools on a fake kernel: which backing is chosen and why, what it asks of the kernel, what it says
// on failure.
#include <hs_test.hpp>
#include <string>
#include <sys/wait.h>

#include "error.h"
#include "fake_kfd.hpp"

namespace
{

constexpr unsigned nr_alloc = _IOC_NR(AMDKFD_IOC_ALLOC_MEMORY_OF_GPU);
constexpr unsigned nr_batch = _IOC_NR(AMDKFD_IOC_ALLOC_MEMORY_OF_GPU_BATCH);
constexpr unsigned nr_map = _IOC_NR(AMDKFD_IOC_MAP_MEMORY_TO_GPU);
constexpr unsigned nr_unmap = _IOC_NR(AMDKFD_IOC_UNMAP_MEMORY_FROM_GPU);
constexpr unsigned nr_free = _IOC_NR(AMDKFD_IOC_FREE_MEMORY_OF_GPU);

// The numbers of the ioctls that f issues.
template <typename F> std::vector<unsigned> ioctls_of(FakeKfd &kfd, F f)
{
    kfd.log.clear();
    f();
    return kfd.log;
}

struct Environment {
    explicit Environment(const char *value)
    {
        setenv("HIP_SCATTER_BACKING", value, 1);
    }
    ~Environment()
    {
        unsetenv("HIP_SCATTER_BACKING");
    }
};

} // namespace

TEST_CASE("batch takes two ioctls to register and two to unregister, whatever the count")
{
    size_t count = GENERATE(1, 2, 64, 1000);
    FakeKfd kfd(GENERATE(FakeKernel::batch, FakeKernel::batch_flag), 2);
    Fragments memory(count);
    Request request(memory.list);
    hs_pool *pool = nullptr;
    REQUIRE(hs_device_probe(hs_device_at(0)) == 0);
    bool by_flag = hs_device_at(0)->wire == HS_WIRE_FLAG;

    CHECK(ioctls_of(kfd, [&] { REQUIRE(hs_pool_create(&pool, &request) == 0); }) ==
          std::vector<unsigned>{by_flag ? nr_alloc : nr_batch, nr_map});
    CHECK(pool->ioctls == 2);
    CHECK(std::string(pool->backing->name) == "batch");
    REQUIRE(kfd.buffers.size() == 1);
    CHECK(kfd.buffers.begin()->second.ranges.size() == count);
    CHECK(kfd.buffers.begin()->second.gpus.size() == 2);
    CHECK(kfd.buffers.begin()->second.va == pool->gpu_base);
    CHECK(pool->gpu_base % (2 << 20) == 0);
    CHECK(ioctls_of(kfd, [&] { REQUIRE(destroy_pool(pool) == 0); }) ==
          std::vector<unsigned>{nr_unmap, nr_free});
    CHECK(kfd.buffers.empty());
}

TEST_CASE("a window has an unmapped page on each side, wherever in a 2 MiB unit it starts")
{
    constexpr uint64_t unit = 2 << 20;
    FakeKfd kfd(FakeKernel::batch);
    Fragments memory(3, 3 * unit);
    for (const size_t pages : {size_t{0}, size_t{1}, size_t{511}}) {
        std::vector<hs_host_range> list = memory.list;
        for (auto &range : list) {
            // Now at this distance from a unit's start.
            const auto start = reinterpret_cast<uint64_t>(range.base);
            const uint64_t shift = (pages * 4096 - start) & (unit - 1);
            range = {reinterpret_cast<void *>(start + shift), 5 * (unit / 2)};
        }
        Request request(list);
        hs_pool *pool = nullptr;
        REQUIRE(hs_pool_create(&pool, &request) == 0);
        CHECK(pool->gpu_base % unit == pages * 4096);
        CHECK(pool->window.base >= static_cast<char *>(pool->window.map) + 4096);
        CHECK(pool->window.base + pool->window.bytes + 4096 <=
              static_cast<char *>(pool->window.map) + pool->window.map_bytes);
        CHECK(destroy_pool(pool) == 0);
    }
}

TEST_CASE("per-range takes 2N and 2N, one MAP for all devices")
{
    FakeKfd kfd(GENERATE(FakeKernel::stock, FakeKernel::stock_old, FakeKernel::profiler), 3);
    Fragments memory(17);
    Request request(memory.list);
    hs_pool *pool = nullptr;
    REQUIRE(hs_device_probe(hs_device_at(0)) == 0);

    CHECK(ioctls_of(kfd, [&] { REQUIRE(hs_pool_create(&pool, &request) == 0); }).size() == 34);
    CHECK(kfd.count(nr_alloc) == 17);
    CHECK(kfd.count(nr_map) == 17);
    CHECK(std::string(pool->backing->name) == "per-range");
    uint64_t va = pool->gpu_base;
    for (const auto &[handle, buffer] : kfd.buffers) {
        CHECK(buffer.va == va);
        CHECK(buffer.gpus.size() == 3);
        va += buffer.bytes;
    }
    CHECK(ioctls_of(kfd, [&] { REQUIRE(destroy_pool(pool) == 0); }).size() == 34);
    CHECK(kfd.buffers.empty());
}

TEST_CASE("the reason says why not batch")
{
    FakeKfd kfd(FakeKernel::stock);
    Fragments memory(2);
    Request request(memory.list);
    hs_pool *pool = nullptr;

    REQUIRE(hs_pool_create(&pool, &request) == 0);
    CHECK_THAT(std::string(pool->reason),
               Catch::Contains("not batch") && Catch::Contains("ENOTTY"));
    CHECK(destroy_pool(pool) == 0);
}

TEST_CASE("a forced backing is used, or is an error where there is none")
{
    Fragments memory(3);
    hs_pool *pool = nullptr;
    {
        FakeKfd kfd(FakeKernel::batch);
        Request request(memory.list, HS_BACKING_PER_RANGE);
        REQUIRE(hs_pool_create(&pool, &request) == 0);
        CHECK(pool->backing == &hs_backing_per_range);
        CHECK(destroy_pool(pool) == 0);
    }
    FakeKfd kfd(FakeKernel::stock);
    FakeKfd::State before = kfd.state();
    Request request(memory.list, HS_BACKING_BATCH);
    CHECK(hs_pool_create(&pool, &request) == -EOPNOTSUPP);
    CHECK_THAT(hs_error_text(), Catch::Contains("ENOTTY"));
    CHECK(kfd.state() == before);
}

TEST_CASE("the environment forces a backing where the caller does not")
{
    FakeKfd kfd(FakeKernel::batch);
    Fragments memory(3);
    hs_pool *pool = nullptr;
    Environment environment("per-range");
    {
        Request request(memory.list);
        REQUIRE(hs_pool_create(&pool, &request) == 0);
        CHECK(pool->backing == &hs_backing_per_range);
        CHECK_THAT(std::string(pool->reason), Catch::Contains("HIP_SCATTER_BACKING"));
        CHECK(destroy_pool(pool) == 0);
    }
    Request request(memory.list, HS_BACKING_BATCH);
    REQUIRE(hs_pool_create(&pool, &request) == 0);
    CHECK(pool->backing == &hs_backing_batch);
    CHECK(destroy_pool(pool) == 0);
}

TEST_CASE("an unknown value in the environment is an error that lists the known ones")
{
    FakeKfd kfd(FakeKernel::batch);
    Fragments memory(3);
    Request request(memory.list);
    hs_pool *pool = nullptr;
    Environment environment("fastest");

    CHECK(hs_pool_create(&pool, &request) == -EINVAL);
    CHECK_THAT(hs_error_text(), Catch::Contains("fastest") && Catch::Contains("per-range"));
}

TEST_CASE("a kernel that refuses a long list is followed by per-range")
{
    FakeKfd kfd(FakeKernel::batch);
    Fragments memory(9);
    Request request(memory.list);
    hs_pool *pool = nullptr;
    kfd.max_ranges = 8;

    REQUIRE(hs_pool_create(&pool, &request) == 0);
    CHECK(pool->backing == &hs_backing_per_range);
    CHECK_THAT(std::string(pool->reason), Catch::Contains("EINVAL"));
    CHECK(destroy_pool(pool) == 0);
}

TEST_CASE("memory that the kernel refuses is named by index, with what is wrong")
{
    FakeKfd kfd(GENERATE(FakeKernel::batch, FakeKernel::batch_flag, FakeKernel::stock));
    Fragments memory(8);
    FakeKfd::State before = kfd.state();
    hs_pool *pool = nullptr;
    Request request(memory.list);

    SECTION("not writable")
    {
        REQUIRE(mprotect(memory.list[5].base, 4096, PROT_READ) == 0);
        CHECK(hs_pool_create(&pool, &request) == -EFAULT);
        CHECK_THAT(hs_error_text(), Catch::Contains("range 5") && Catch::Contains("not writable"));
    }
    SECTION("not mapped")
    {
        REQUIRE(munmap(memory.list[6].base, 4096) == 0);
        CHECK(hs_pool_create(&pool, &request) == -EFAULT);
        CHECK_THAT(hs_error_text(), Catch::Contains("range 6") && Catch::Contains("not mapped"));
    }
    CHECK(kfd.state() == before);
}

TEST_CASE("a MAP that fails at one device is undone for the others")
{
    FakeKfd kfd(GENERATE(FakeKernel::batch, FakeKernel::stock), 4);
    Fragments memory(5);
    Request request(memory.list);
    FakeKfd::State before = kfd.state();
    hs_pool *pool = nullptr;
    kfd.refuse_map_gpu = 102;

    CHECK(hs_pool_create(&pool, &request) == -EINVAL);
    CHECK(kfd.state() == before);
}

TEST_CASE("EINTR and EAGAIN are retried")
{
    FakeKfd kfd(FakeKernel::batch);
    Fragments memory(4);
    Request request(memory.list);
    hs_pool *pool = nullptr;
    int error = GENERATE(EINTR, EAGAIN);
    REQUIRE(hs_device_probe(hs_device_at(0)) == 0);
    static int left;
    static int (*inner)(int, unsigned long, void *);
    static int wanted;
    left = 5;
    wanted = error;
    inner = hs_sys.ioctl;
    hs_sys.ioctl = [](int fd, unsigned long request_number, void *arg) {
        if (left-- > 0) {
            errno = wanted;
            return -1;
        }
        left = 3;
        return inner(fd, request_number, arg);
    };

    REQUIRE(hs_pool_create(&pool, &request) == 0);
    CHECK(pool->backing == &hs_backing_batch);
    CHECK(destroy_pool(pool) == 0);
    CHECK(kfd.buffers.empty());
}

TEST_CASE("access flags reach the kernel")
{
    FakeKfd kfd(FakeKernel::batch);
    Fragments memory(2);
    Request request(memory.list);
    hs_pool *pool = nullptr;
    request.access = {GENERATE(0, 1), GENERATE(0, 1)};

    REQUIRE(hs_pool_create(&pool, &request) == 0);
    uint32_t flags = kfd.buffers.begin()->second.flags;
    CHECK(!(flags & static_cast<uint32_t>(KFD_IOC_ALLOC_MEM_FLAGS_WRITABLE)) ==
          !!request.access.read_only);
    CHECK(!(flags & KFD_IOC_ALLOC_MEM_FLAGS_COHERENT) == !!request.access.coarse_grained);
    CHECK(destroy_pool(pool) == 0);
}

TEST_CASE("a repeated device is refused")
{
    FakeKfd kfd(FakeKernel::batch, 2);
    Fragments memory(2);
    Request request(memory.list);
    hs_device *twice[] = {hs_device_at(1), hs_device_at(1)};
    hs_pool *pool = nullptr;
    request.devices = twice;

    CHECK(hs_pool_create(&pool, &request) == -ENXIO);
    CHECK_THAT(hs_error_text(), Catch::Contains("device 1"));
}

TEST_CASE("a forked child gets a clear error and the parent goes on")
{
    FakeKfd kfd(FakeKernel::batch);
    Fragments memory(2);
    Request request(memory.list);
    hs_pool *pool = nullptr, *second = nullptr;
    REQUIRE(hs_pool_create(&pool, &request) == 0);

    pid_t child = fork();
    if (child == 0) {
        int create = hs_pool_create(&second, &request);
        bool told = std::string(hs_error_text()).find("forked child") != std::string::npos;
        int destroy = destroy_pool(pool);
        _exit(create == -EBADF && told && destroy == -EBADF ? 0 : 1);
    }
    int status = -1;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(status == 0);
    REQUIRE(hs_pool_create(&second, &request) == 0);
    CHECK(destroy_pool(second) == 0);
    CHECK(destroy_pool(pool) == 0);
}

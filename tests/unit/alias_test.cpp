// SPDX-License-Identifier: MIT
// Alias windows: shared memory seen side by side a second time. The runtime that would register the
// window is a fake.
#include <cstdio>
#include <hs_test.hpp>
#include <string>

#include "error.h"
#include "fake_kfd.hpp"
#include "maps.h"
#include "translate.h"

namespace
{

// What HIP would do: remembers what is registered, at an address of its own.
struct FakePinner {
    FakePinner()
    {
        pinned.clear();
        refuse = 0;
        distance = 1ull << 44;
    }
    static int pin(void *cpu, size_t bytes, uint64_t *device)
    {
        if (refuse)
            return hs_error(refuse, "the fake refuses");
        pinned[cpu] = bytes;
        *device = reinterpret_cast<uint64_t>(cpu) + distance;
        return 0;
    }
    static int unpin(void *cpu)
    {
        if (refuse)
            return hs_error(refuse, "the fake refuses");
        return pinned.erase(cpu) ? 0 : -EINVAL;
    }
    static inline std::map<void *, size_t> pinned;
    static inline int refuse;
    static inline uint64_t distance; // 0: shared virtual memory
    hs_pinner pinner{"fake", pin, unpin};
};

// Pages of memfds, every second one, in reverse.
class Shared
{
  public:
    explicit Shared(size_t count, size_t bytes = 4096) : bytes_(2 * count * bytes)
    {
        fd_ = memfd_create("hs-test", MFD_CLOEXEC);
        REQUIRE(ftruncate(fd_, static_cast<off_t>(bytes_)) == 0);
        map_ = static_cast<char *>(
            ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0));
        REQUIRE(map_ != MAP_FAILED);
        for (size_t i = count; i-- > 0;)
            list.push_back({map_ + 2 * i * bytes, bytes});
    }
    ~Shared()
    {
        ::munmap(map_, bytes_);
        close(fd_);
    }
    Shared(const Shared &) = delete;
    Shared &operator=(const Shared &) = delete;

    std::vector<hs_host_range> list;

  private:
    size_t bytes_;
    char *map_;
    int fd_;
};

// Shared mappings of the process: what alias windows are made of. Sanitizers only add private ones.
size_t mappings()
{
    hs_maps maps;
    REQUIRE(hs_maps_read(&maps) == 0);
    size_t count = 0;
    for (size_t i = 0; i < maps.count; i++)
        count += maps.vmas[i].shared;
    hs_maps_free(&maps);
    return count;
}

} // namespace

TEST_CASE("an alias window shows the same pages, in order, to the CPU")
{
    FakeKfd kfd(FakeKernel::stock);
    FakePinner fake;
    Shared memory(20);
    Request request(memory.list, HS_BACKING_ALIAS);
    request.pinner = &fake.pinner;
    hs_pool *pool = nullptr;
    for (size_t i = 0; i < 20; i++)
        *static_cast<size_t *>(memory.list[i].base) = 1000 + i;

    REQUIRE(hs_pool_create(&pool, &request) == 0);
    CHECK(std::string(pool->backing->name) == "alias");
    CHECK(kfd.buffers.empty());
    CHECK(pool->gpu_base == reinterpret_cast<uint64_t>(pool->window.base) + (1ull << 44));
    for (size_t i = 0; i < 20; i++) {
        CHECK(*reinterpret_cast<size_t *>(pool->window.base + i * 4096) == 1000 + i);
        pool->window.base[i * 4096 + 8] = 'x';
        CHECK(static_cast<char *>(memory.list[i].base)[8] == 'x');
    }
    CHECK(destroy_pool(pool) == 0);
    CHECK(fake.pinned.empty());
    CHECK(*static_cast<size_t *>(memory.list[7].base) == 1007);
}

TEST_CASE("a range over two mappings is duplicated mapping by mapping")
{
    FakeKfd kfd(FakeKernel::stock);
    FakePinner fake;
    // Two memfds side by side: one mremap() over both would show the first one's pages twice.
    char *area = static_cast<char *>(
        ::mmap(nullptr, 4 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    int fds[2];
    for (int i = 0; i < 2; i++) {
        fds[i] = memfd_create("hs-test", MFD_CLOEXEC);
        REQUIRE(ftruncate(fds[i], 8192) == 0);
        REQUIRE(::mmap(area + 8192 * i, 8192, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
                       fds[i], 0) == area + 8192 * i);
    }
    const char *text = "ABCD";
    for (int i = 0; i < 4; i++)
        area[4096 * i] = text[i];
    std::vector<hs_host_range> list{{area, 4 * 4096}};
    Request request(list, HS_BACKING_ALIAS);
    request.pinner = &fake.pinner;
    hs_pool *pool = nullptr;

    REQUIRE(hs_pool_create(&pool, &request) == 0);
    CHECK(pool->pieces == 2);
    std::string seen;
    for (int i = 0; i < 4; i++)
        seen += pool->window.base[4096 * i];
    CHECK(seen == "ABCD");
    CHECK(destroy_pool(pool) == 0);
    ::munmap(area, 4 * 4096);
    close(fds[0]);
    close(fds[1]);
}

TEST_CASE("private memory cannot be aliased: an error when forced, the next backing when not")
{
    FakeKfd kfd(FakeKernel::stock);
    FakePinner fake;
    Fragments memory(HS_ALIAS_BREAK_EVEN);
    hs_pool *pool = nullptr;
    FakeKfd::State before = kfd.state();
    {
        Request request(memory.list, HS_BACKING_ALIAS);
        request.pinner = &fake.pinner;
        CHECK(hs_pool_create(&pool, &request) == -EOPNOTSUPP);
        CHECK_THAT(hs_error_text(), Catch::Contains("private") && Catch::Contains("range 0"));
        CHECK(kfd.state() == before);
    }
    Request request(memory.list);
    request.pinner = &fake.pinner;
    REQUIRE(hs_pool_create(&pool, &request) == 0);
    CHECK(std::string(pool->backing->name) == "per-range");
    CHECK_THAT(std::string(pool->reason),
               Catch::Contains("not alias") && Catch::Contains("private"));
    CHECK(destroy_pool(pool) == 0);
}

TEST_CASE("one private range among shared ones is named")
{
    FakeKfd kfd(FakeKernel::stock);
    FakePinner fake;
    Shared memory(20);
    Fragments other(1);
    memory.list[13] = other.list[0];
    Request request(memory.list, HS_BACKING_ALIAS);
    request.pinner = &fake.pinner;
    hs_pool *pool = nullptr;

    CHECK(hs_pool_create(&pool, &request) == -EOPNOTSUPP);
    CHECK_THAT(hs_error_text(), Catch::Contains("range 13"));
}

TEST_CASE("shared memory is aliased by itself from the break-even on")
{
    FakeKfd kfd(FakeKernel::stock);
    FakePinner fake;
    size_t count = GENERATE(HS_ALIAS_BREAK_EVEN - 1, HS_ALIAS_BREAK_EVEN + 0);
    Shared memory(count);
    Request request(memory.list);
    request.pinner = &fake.pinner;
    hs_pool *pool = nullptr;

    REQUIRE(hs_pool_create(&pool, &request) == 0);
    CHECK(std::string(pool->backing->name) ==
          (count < HS_ALIAS_BREAK_EVEN ? "per-range" : "alias"));
    CHECK(destroy_pool(pool) == 0);
}

TEST_CASE("the flag for HIP's memory calls forces alias and contradicts other backings")
{
    FakeKfd kfd(FakeKernel::batch);
    FakePinner fake;
    Shared memory(2);
    hs_pool *pool = nullptr;
    {
        Request request(memory.list);
        request.pinner = &fake.pinner;
        request.needs_pointer_known = true;
        REQUIRE(hs_pool_create(&pool, &request) == 0);
        CHECK(std::string(pool->backing->name) == "alias");
        CHECK(destroy_pool(pool) == 0);
    }
    Request request(memory.list, HS_BACKING_BATCH);
    request.pinner = &fake.pinner;
    request.needs_pointer_known = true;
    CHECK(hs_pool_create(&pool, &request) == -EINVAL);
}

TEST_CASE("what cannot be registered falls through, and nothing stays of the attempt")
{
    FakeKfd kfd(FakeKernel::stock);
    FakePinner fake;
    Shared memory(HS_ALIAS_BREAK_EVEN);
    Request request(memory.list);
    request.pinner = &fake.pinner;
    hs_pool *pool = nullptr;
    size_t before = mappings();
    fake.refuse = -EINVAL;

    REQUIRE(hs_pool_create(&pool, &request) == 0);
    CHECK(std::string(pool->backing->name) == "per-range");
    CHECK(mappings() == before);
    CHECK(destroy_pool(pool) == 0);
}

TEST_CASE("the budget of mappings is respected")
{
    FakeKfd kfd(FakeKernel::stock);
    FakePinner fake;
    size_t limit = hs_maps_limit();
    if (limit > 200000)
        hs_test::skip("vm.max_map_count is too high to reach here");
    // The originals, with the gaps between them, take two thirds of the limit; the window would
    // take one more.
    size_t count = limit / 3;
    Shared memory(count);
    // Each page is a mapping of its own when its neighbour is not writable.
    for (auto &range : memory.list)
        REQUIRE(mprotect(static_cast<char *>(range.base) + 4096, 4096, PROT_READ) == 0);
    Request request(memory.list, HS_BACKING_ALIAS);
    request.pinner = &fake.pinner;
    hs_pool *pool = nullptr;

    CHECK(hs_pool_create(&pool, &request) == -E2BIG);
    CHECK_THAT(hs_error_text(), Catch::Contains("max_map_count"));
}

TEST_CASE("alias registration and unregistration fail at any call and leave nothing")
{
    FakeKfd kfd(FakeKernel::stock, 2);
    FakePinner fake;
    Shared memory(9);
    Request request(memory.list, HS_BACKING_ALIAS);
    request.pinner = &fake.pinner;
    hs_pool *pool = nullptr;
    uint64_t injected = 0;
    REQUIRE(hs_pool_create(&pool, &request) == 0);
    REQUIRE(destroy_pool(pool) == 0);
    FakeKfd::State empty = kfd.state();
    size_t maps_before = mappings();

    for (uint64_t k = 1;; k++) {
        kfd.fail_call(k);
        int err = hs_pool_create(&pool, &request);
        bool failed = kfd.failed;
        kfd.fail_call(0);
        if (!failed) {
            REQUIRE(err == 0);
            break;
        }
        injected++;
        INFO("call " << k << ": " << hs_error_text());
        REQUIRE(err != 0);
        REQUIRE(kfd.state() == empty);
        REQUIRE(fake.pinned.empty());
        REQUIRE(mappings() == maps_before);
    }
    FakeKfd::State whole = kfd.state();
    for (uint64_t k = 1;; k++) {
        kfd.fail_call(k);
        int err = destroy_pool(pool);
        bool failed = kfd.failed;
        kfd.fail_call(0);
        if (!failed) {
            REQUIRE(err == 0);
            break;
        }
        injected++;
        INFO("call " << k << ": " << hs_error_text());
        REQUIRE(err != 0);
        REQUIRE(kfd.state() == whole);
        REQUIRE(fake.pinned.size() == 1);
        REQUIRE(*static_cast<char *>(memory.list[3].base) == pool->window.base[3 * 4096]);
    }
    std::printf("%llu faults injected\n", static_cast<unsigned long long>(injected));
    CHECK(injected > 15);
    CHECK(kfd.state() == empty);
    CHECK(mappings() == maps_before);
}

TEST_CASE("the address at which the CPU sees a window is found, and no longer after its end")
{
    FakeKfd kfd(FakeKernel::stock);
    FakePinner fake;
    Shared memory(6);
    memory.list.front().base = static_cast<char *>(memory.list.front().base) + 24;
    memory.list.front().bytes -= 24;
    Request request(memory.list, HS_BACKING_ALIAS);
    request.pinner = &fake.pinner;
    FakePinner::distance = GENERATE(uint64_t{0}, uint64_t{1} << 44);
    FakeKfd::State before = kfd.state();
    hs_pool *pool = nullptr, *found = nullptr;
    uint64_t offset = 0, device = 0;
    bool is_device = false;
    REQUIRE(hs_pool_create(&pool, &request) == 0);
    const uint64_t seen = reinterpret_cast<uint64_t>(pool->window.base) + 24;

    for (const uint64_t at : {uint64_t{0}, uint64_t{5000}, pool->ranges.bytes - 1}) {
        REQUIRE(hs_translate_find(seen + at, &found, &offset, &is_device) == 0);
        CHECK(found == pool);
        CHECK(offset == at);
        CHECK(is_device == (FakePinner::distance == 0));
        hs_registry_release(found);
        if (FakePinner::distance != 0) {
            REQUIRE(hs_translate_to_device(nullptr, seen + at, &device) == 0);
            CHECK(device == hs_pool_device_address(pool) + at);
            REQUIRE(hs_translate_to_device(pool, seen + at, &device) == 0);
            CHECK(device == hs_pool_device_address(pool) + at);
        }
    }
    CHECK(hs_translate_to_device(nullptr, seen - 1, &device) == -ENOENT);
    CHECK(hs_translate_to_device(pool, seen + pool->ranges.bytes, &device) == -ENOENT);
    CHECK(destroy_pool(pool) == 0);
    CHECK(hs_translate_find(seen, &found, &offset, &is_device) == -ENOENT);
    CHECK(kfd.state() == before);
}

TEST_CASE(
    "a window that its runtime puts elsewhere while its end is being undone is gone, not moved")
{
    FakeKfd kfd(FakeKernel::stock);
    FakePinner fake;
    Shared memory(6);
    Request request(memory.list, HS_BACKING_ALIAS);
    request.pinner = &fake.pinner;
    hs_pool *pool = nullptr;
    REQUIRE(hs_pool_create(&pool, &request) == 0);
    FakePinner::distance = GENERATE(uint64_t{1} << 44, uint64_t{1} << 45);
    const bool moves = FakePinner::distance != uint64_t{1} << 44;
    const uint64_t device = pool->gpu_base;

    kfd.fail_call(1); // munmap() of the window: the pinner's calls are not counted
    CHECK(destroy_pool(pool) == (moves ? 0 : -ENOMEM));
    REQUIRE(kfd.failed);
    kfd.fail_call(0);
    hs_pool *still = hs_registry_find(device);
    CHECK((still != nullptr) == !moves);
    CHECK(fake.pinned.empty() == moves);
    if (still != nullptr) {
        CHECK(still->gpu_base == device);
        hs_registry_release(still);
        CHECK(destroy_pool(pool) == 0);
    }
}

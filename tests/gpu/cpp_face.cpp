// SPDX-License-Identifier: MIT
// hip_scatter.hpp: owners own exactly once, spans go in and come out, errors arrive as values and
// as exceptions.
#include "kernels/window_kernels.hpp"
#include "machine.hpp"
#include "scatter_memory.hpp"

#include <hip_scatter/hip_scatter.hpp>

#include <array>

using namespace hs_test;
using hip_scatter::block;
using hip_scatter::pool;
using hip_scatter::registration;

namespace
{

static_assert(!std::is_copy_constructible_v<registration> &&
              !std::is_copy_assignable_v<registration>);
static_assert(!std::is_copy_constructible_v<pool> && !std::is_copy_assignable_v<pool>);
static_assert(!std::is_copy_constructible_v<block> && !std::is_copy_assignable_v<block>);
static_assert(std::is_nothrow_move_constructible_v<registration> &&
              std::is_nothrow_move_assignable_v<pool>);

// Is there a window at this device address?
bool alive(const void *device)
{
    hipScatterPool_t found;
    return hipScatterPoolFromPointer(&found, device) == hipSuccess;
}

struct Memory : Fragments {
    explicit Memory(std::mt19937_64 &random, size_t count = 8)
        : Fragments(fragment_pages(count, random), random)
    {
    }
};

} // namespace

TEST_CASE("a registration ends with its owner, and moves")
{
    HS_RANDOM(random);
    const Memory memory(random);
    void *device;
    {
        registration first(memory.ranges());
        device = first.data();
        CHECK(first.size() == memory.bytes());
        CHECK(first.device_span<uint32_t>().size() == memory.bytes() / 4);
        registration second(std::move(first));
        CHECK_FALSE(first);
        CHECK(first.data() == nullptr);
        CHECK(second.data() == device);
        registration third;
        third = std::move(second);
        CHECK(third.data() == device);
        CHECK(alive(device));

        write_pattern(memory.ranges(), 1);
        uint64_t sum = 0;
        REQUIRE_HIP(hs_kernels::checksum(third.device_span<uint32_t>().data(), third.size(), &sum));
        CHECK(sum == cpu_checksum(memory.ranges()));
    }
    CHECK_FALSE(alive(device));
}

TEST_CASE("assigning to an owner ends what it owned, and release does not")
{
    HS_RANDOM(random);
    const Memory one(random), two(random);
    registration window(one.ranges());
    void *old = window.data();
    window = registration(two.ranges());
    CHECK_FALSE(alive(old));
    void *released = window.release();
    CHECK_FALSE(window);
    CHECK(alive(released));
    REQUIRE_HIP(hipHostUnregisterScatter(released));
}

TEST_CASE("errors are values or exceptions with HIP's code and the library's text")
{
    alignas(4096) static char page[4096];
    const std::array<hipScatterRange, 2> overlapping = {{{page, 4096}, {page, 4096}}};

    const hip_scatter::result<registration> refused = registration::create(overlapping);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == hipErrorInvalidValue);
    CHECK_THAT(refused.error().message,
               Catch::StartsWith("hipHostRegisterScatter: ") && Catch::Contains("range 1"));
    try {
        const registration window(overlapping);
        FAIL("no exception");
    } catch (const hip_scatter::error &e) {
        CHECK(e.code() == hipErrorInvalidValue);
        CHECK(e.what() == refused.error().message);
    }
    CHECK_THROWS_AS(pool(std::span<const hipScatterRange>()), hip_scatter::error);
    CHECK_THROWS_AS(pool::create(overlapping).value(), hip_scatter::error);

    pool empty;
    CHECK_FALSE(empty.try_info());
    CHECK(empty.size() == 0);
    CHECK(empty.try_destroy());
}

TEST_CASE("an owner keeps its window when it cannot be unregistered")
{
    HS_RANDOM(random);
    const Memory memory(random);
    registration window(memory.ranges());
    REQUIRE_HIP(hipHostUnregisterScatter(window.data())); // behind its back
    const auto ended = window.try_unregister();
    REQUIRE_FALSE(ended);
    CHECK(ended.error().code == hipErrorHostMemoryNotRegistered);
    CHECK_THROWS_AS(window.unregister(), hip_scatter::error);
    CHECK(window.release() != nullptr); // or its destructor would try once more
}

TEST_CASE("a pool tells about itself and translates both ways")
{
    HS_RANDOM(random);
    const Memory memory(random);
    pool p(memory.ranges(), {.flags = hipScatterRegisterBackingPerRange});
    CHECK(p.info().size == memory.bytes());
    CHECK(std::string(p.info().backingName) == "per-range");
    CHECK(p.info().devPtr == p.data());
    CHECK(p.devices().size() == 1);

    auto *host = static_cast<uint32_t *>(memory.ranges()[3].base) + 5;
    size_t offset = 20;
    for (size_t i = 0; i < 3; i++)
        offset += memory.ranges()[i].size;
    CHECK(p.device_pointer(host) == p.device_span<uint32_t>().data() + offset / 4);
    int elsewhere = 0;
    CHECK_FALSE(p.try_device_pointer(&elsewhere));
    CHECK_THROWS_AS(p.device_pointer(&elsewhere), hip_scatter::error);

    const auto all = p.host_ranges(0, p.size());
    REQUIRE(all.size() == memory.ranges().size());
    CHECK(std::equal(all.begin(), all.end(), memory.ranges().begin(),
                     [](auto &a, auto &b) { return a.base == b.base && a.size == b.size; }));
    CHECK(p.host_ranges(offset, 4).front().base == host);
    CHECK(p.host_ranges(0, 0).empty());
    CHECK_FALSE(p.try_host_ranges(1, p.size()));

    void *device = p.data();
    p.destroy();
    CHECK_FALSE(alive(device));
}

TEST_CASE("a kernel works in a block of a pool, and blocks give themselves back")
{
    HS_RANDOM(random);
    const Memory memory(random, 64);
    pool p(memory.ranges());
    std::memset(memory.ranges()[0].base, 0, memory.ranges()[0].size);
    {
        block first = p.allocate(4096, 4096), second = p.allocate(memory.bytes() / 2);
        CHECK(p.usage().blockCount == 2);
        REQUIRE_HIP(hs_kernels::write_pattern(second.data(), second.size() / 4 * 4, 9));
        auto ranges = second.host_ranges();
        ranges.back().size -= second.size() % 4;
        CHECK(ranges.size() > 1);
        // The pattern runs on over the block's fragments.
        CHECK(fragments_with_pattern(ranges, 9) == ranges.size());

        const auto too_much = p.try_allocate(memory.bytes());
        REQUIRE_FALSE(too_much);
        CHECK(too_much.error().code == hipErrorOutOfMemory);

        block moved(std::move(first));
        CHECK_FALSE(first);
        moved = std::move(second); // gives the first one back
        CHECK(p.usage().blockCount == 1);
    }
    CHECK(p.usage().blockCount == 0);
    CHECK(p.usage().freeBlockCount == 1);
}

TEST_CASE("lists of spans, vectors and arrays become ranges")
{
    alignas(4096) static std::array<uint32_t, 1024> page;
    std::vector<std::span<uint32_t>> list = {page};
    const auto ranges = hip_scatter::ranges_of(list);
    REQUIRE(ranges.size() == 1);
    CHECK(ranges[0].base == page.data());
    CHECK(ranges[0].size == 4096);
    const registration window(std::array{hip_scatter::range_of(page)});
    REQUIRE_HIP(hs_kernels::write_pattern(window.data(), window.size(), 2));
    CHECK(page[1023] == pattern(2, 1023));
}

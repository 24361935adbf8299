// SPDX-License-Identifier: MIT
// Large numbers: one pool of a million one-page ranges, and ten thousand live pools.
#include "kernels/window_kernels.hpp"
#include "machine.hpp"
#include "scatter_memory.hpp"

#include <numeric>

using namespace hs_test;

namespace
{

// The pages of one mapping in shuffled order: no memory is used before it is touched.
struct Pages {
    Pages(size_t count, std::mt19937_64 &random) : bytes(count * page_bytes), ranges(count)
    {
        map = static_cast<char *>(mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
        REQUIRE(map != MAP_FAILED);
        for (size_t i = 0; i < count; i++)
            ranges[i] = {map + i * page_bytes, page_bytes};
        std::shuffle(ranges.begin(), ranges.end(), random);
    }
    ~Pages()
    {
        munmap(map, bytes);
    }
    Pages(const Pages &) = delete;
    Pages &operator=(const Pages &) = delete;
    size_t bytes;
    char *map = nullptr;
    std::vector<hipScatterRange> ranges;
};

} // namespace

TEST_CASE("one pool of a million ranges")
{
    HS_RANDOM(random);
    const size_t count = 1000000;
    Pages pages(count, random);
    Window window(pages.ranges, hipScatterRegisterBackingBatch);
    REQUIRE(window.info().rangeCount == count);
    REQUIRE(window.info().ioctls == 2);

    for (int i = 0; i < 20; i++) {
        const size_t at = random() % count;
        auto *word = static_cast<uint32_t *>(pages.ranges[at].base);
        uint8_t seen = 0;
        void *device = nullptr;
        *word = static_cast<uint32_t>(0x11223300 + i);
        REQUIRE_HIP(hs_kernels::load_byte(window.data() + at * page_bytes, &seen));
        CHECK(seen == i);
        REQUIRE_HIP(hipScatterGetDevicePointer(&device, word, 0));
        CHECK(device == window.data() + at * page_bytes);
    }
    window.unregister();
}

TEST_CASE("a list longer than one call of the batch ioctl takes becomes two buffers")
{
    HS_RANDOM(random);
    const size_t one_call = 1u << 20, count = one_call + 500;
    Pages pages(2 * count, random); // of these the even ones: nothing is coalesced
    for (size_t i = 0; i < count; i++)
        pages.ranges[i].base = pages.map + 2 * (count - 1 - i) * page_bytes;
    pages.ranges.resize(count);
    Window window(pages.ranges, 0);
    REQUIRE(std::string(window.info().backingName) == "batch");
    REQUIRE(window.info().coalescedCount == count);
    REQUIRE(window.info().ioctls == 4);
    for (size_t at : {size_t{0}, one_call - 1, one_call, count - 1}) {
        const auto value = static_cast<uint8_t>(1 + at % 200);
        uint8_t seen = 0;
        hipScatterRange back{};
        size_t parts = 0;
        *static_cast<uint8_t *>(pages.ranges[at].base) = value;
        REQUIRE_HIP(hs_kernels::load_byte(window.data() + at * page_bytes, &seen));
        CHECK(seen == value);
        REQUIRE_HIP(hipScatterGetHostRanges(window.data() + at * page_bytes, page_bytes, &back, 1,
                                            &parts, nullptr));
        CHECK(back.base == pages.ranges[at].base);
    }
    const auto before = softgpu_counters();
    window.unregister();
    if (const auto after = softgpu_counters(); before && after)
        CHECK(before->live_userptr_buffers - after->live_userptr_buffers == 2);
}

TEST_CASE("ten thousand live pools")
{
    HS_RANDOM(random);
    const size_t count = 10000;
    Pages pages(2 * count, random);
    std::vector<void *> windows(count);
    // Each pool has two pages of its own neighbourhood, the later one first: nothing is coalesced.
    for (size_t i = 0; i < count; i++) {
        pages.ranges[2 * i].base = pages.map + (2 * i + 1) * page_bytes;
        pages.ranges[2 * i + 1].base = pages.map + 2 * i * page_bytes;
    }
    for (size_t i = 0; i < count; i++)
        REQUIRE_HIP(hipHostRegisterScatter(&windows[i], &pages.ranges[2 * i], 2, 0));
    size_t wrong = 0;
    for (int i = 0; i < 20000; i++) {
        const size_t pool = random() % count, half = random() % 2;
        void *device = nullptr;
        wrong += hipScatterGetDevicePointer(&device, pages.ranges[2 * pool + half].base, 0) !=
                 hipSuccess;
        wrong += device != static_cast<char *>(windows[pool]) + half * page_bytes;
    }
    CHECK(wrong == 0);
    std::shuffle(windows.begin(), windows.end(), random);
    for (void *window : windows)
        REQUIRE_HIP(hipHostUnregisterScatter(window));
}

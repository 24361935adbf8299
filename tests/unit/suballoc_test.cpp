// SPDX-License-Identifier: MIT
// The sub-allocator alone: figures, alignment, exhaustion, wrong frees, failing allocations of its
// own, and long random runs against a model that keeps a map of live blocks and looks at every gap.
#include "hs_test.hpp"

#include <algorithm>
#include <cerrno>
#include <map>
#include <memory>
#include <vector>

#include "suballoc.h"
#include "sys.h"

namespace
{

constexpr uint64_t granule = HS_SUBALLOC_GRANULE;
constexpr uint64_t base = 0x7f0000200000; // as a window: a multiple of 2 MiB

struct deleter {
    void operator()(hs_suballoc *sa) const
    {
        hs_suballoc_destroy(sa);
    }
};
using handle = std::unique_ptr<hs_suballoc, deleter>;

handle create(uint64_t start, uint64_t bytes)
{
    hs_suballoc *sa = nullptr;
    REQUIRE(hs_suballoc_create(&sa, start, bytes) == 0);
    return handle(sa);
}

uint64_t take(const handle &sa, uint64_t bytes, uint64_t alignment = 0)
{
    uint64_t start = 0;
    REQUIRE(hs_suballoc_alloc(sa.get(), bytes, alignment, &start) == 0);
    return start;
}

hs_suballoc_usage usage(const handle &sa)
{
    hs_suballoc_usage u;
    hs_suballoc_get_usage(sa.get(), &u);
    return u;
}

// The naive model: what is live, and by linear search what could be.
class model
{
  public:
    model(uint64_t start, uint64_t bytes)
        : first((start + granule - 1) / granule * granule), end((start + bytes) / granule * granule)
    {
        if (end < first)
            end = first;
    }

    static uint64_t whole(uint64_t bytes)
    {
        return (bytes + granule - 1) / granule * granule;
    }

    // Calls f(gap start, gap bytes) for every gap between live blocks.
    template <typename F> void gaps(F f) const
    {
        uint64_t at = first;
        for (const auto &[start, bytes] : live) {
            if (start > at)
                f(at, start - at);
            at = start + whole(bytes);
        }
        if (end > at)
            f(at, end - at);
    }

    bool fits(uint64_t bytes, uint64_t alignment) const
    {
        bool found = false;
        gaps([&](uint64_t start, uint64_t room) {
            uint64_t lead = -start & (alignment - 1);
            found = found || (lead <= room && room - lead >= whole(bytes));
        });
        return found;
    }

    bool free_span(uint64_t start, uint64_t bytes) const
    {
        bool inside = false;
        gaps([&](uint64_t gap, uint64_t room) {
            inside = inside || (start >= gap && start + whole(bytes) <= gap + room);
        });
        return inside;
    }

    uint64_t first, end;
    std::map<uint64_t, uint64_t> live;
};

void require_same_figures(const handle &sa, const model &m)
{
    uint64_t largest = 0, gaps = 0, free_bytes = 0, requested = 0;
    m.gaps([&](uint64_t, uint64_t room) {
        largest = std::max(largest, room);
        free_bytes += room;
        gaps++;
    });
    for (const auto &[start, bytes] : m.live)
        requested += bytes;

    hs_suballoc_usage u = usage(sa);
    REQUIRE(hs_suballoc_check(sa.get()) == 0);
    REQUIRE(u.capacity_bytes == m.end - m.first);
    REQUIRE(u.free_bytes == free_bytes);
    REQUIRE(u.allocated_bytes == u.capacity_bytes - free_bytes);
    REQUIRE(u.requested_bytes == requested);
    REQUIRE(u.largest_free_bytes == largest);
    REQUIRE(u.block_count == m.live.size());
    REQUIRE(u.free_count == gaps);
    REQUIRE(u.peak_bytes >= u.allocated_bytes);
}

// Makes the nth allocation through hs_sys fail, until it goes out of scope.
int allocations_left;
void *failing_alloc(size_t bytes)
{
    return allocations_left-- > 0 ? std::malloc(bytes) : nullptr;
}

struct fail_after {
    explicit fail_after(int n) : saved(hs_sys.alloc)
    {
        allocations_left = n;
        hs_sys.alloc = failing_alloc;
    }
    ~fail_after()
    {
        hs_sys.alloc = saved;
    }
    void *(*saved)(size_t);
};

} // namespace

TEST_CASE("an empty sub-allocator is one free block")
{
    handle sa = create(base, 1 << 20);
    hs_suballoc_usage u = usage(sa);
    CHECK(u.capacity_bytes == 1 << 20);
    CHECK(u.free_bytes == 1 << 20);
    CHECK(u.largest_free_bytes == 1 << 20);
    CHECK(u.free_count == 1);
    CHECK(u.block_count == 0);
    CHECK(hs_suballoc_check(sa.get()) == 0);
}

TEST_CASE("the whole capacity can be taken as one block, again and again")
{
    // No power of two: a plain two-level segregated fit would refuse it.
    uint64_t bytes = GENERATE(
        values<uint64_t>({granule, 4096 * 37, (1ull << 20) + granule, (1ull << 46) - 4096}));
    handle sa = create(base, bytes);
    for (int i = 0; i < 3; i++) {
        uint64_t block = take(sa, bytes), other;
        CHECK(block == base);
        CHECK(usage(sa).free_count == 0);
        CHECK(usage(sa).largest_free_bytes == 0);
        CHECK(hs_suballoc_alloc(sa.get(), 1, 0, &other) == -ENOSPC);
        REQUIRE(hs_suballoc_free(sa.get(), block) == 0);
    }
    CHECK(usage(sa).peak_bytes == bytes);
}

TEST_CASE("only whole granules of the span are managed")
{
    handle sa = create(base + 100, 4096);
    CHECK(usage(sa).capacity_bytes == 4096 - granule);
    CHECK(take(sa, 1) == base + granule);

    CHECK(usage(create(base, granule - 1)).capacity_bytes == 0);
    CHECK(usage(create(base + 1, granule)).capacity_bytes == 0);
    CHECK(usage(create(base, 0)).capacity_bytes == 0);
    uint64_t start;
    CHECK(hs_suballoc_alloc(create(base, 0).get(), 1, 0, &start) == -ENOSPC);

    hs_suballoc *wrapped = nullptr;
    CHECK(hs_suballoc_create(&wrapped, ~0ull - 100, 4096) == -EINVAL);
}

TEST_CASE("alignment is of the number, not of the offset in the span")
{
    // The span starts 3 pages into a 2 MiB unit.
    handle sa = create(base + 3 * 4096, 8 << 20);
    for (uint64_t alignment = 1; alignment <= 4 << 20; alignment *= 2) {
        uint64_t block = take(sa, 300, alignment);
        CHECK(block % std::max(alignment, granule) == 0);
    }
    CHECK(hs_suballoc_check(sa.get()) == 0);

    uint64_t start;
    CHECK(hs_suballoc_alloc(sa.get(), 1, 3, &start) == -EINVAL);
    CHECK(hs_suballoc_alloc(sa.get(), 1, (1 << 20) + 1, &start) == -EINVAL);
    CHECK(hs_suballoc_alloc(sa.get(), 1, 1ull << 63, &start) == -ENOSPC);
}

TEST_CASE("a size of 0 and sizes beyond the span are refused")
{
    handle sa = create(base, 1 << 20);
    uint64_t start;
    CHECK(hs_suballoc_alloc(sa.get(), 0, 0, &start) == -EINVAL);
    CHECK(hs_suballoc_alloc(sa.get(), (1 << 20) + 1, 0, &start) == -ENOSPC);
    CHECK(hs_suballoc_alloc(sa.get(), UINT64_MAX, 0, &start) == -ENOSPC);
    CHECK(hs_suballoc_alloc(sa.get(), UINT64_MAX, 1ull << 63, &start) == -ENOSPC);
    CHECK(usage(sa).free_bytes == 1 << 20);
}

TEST_CASE("a block in the request's own size class is found when nothing larger is left")
{
    // Free: 33 granules. A request for 33 rounds up to the next class, which is empty.
    handle sa = create(base, 64 * granule);
    uint64_t a = take(sa, 33 * granule);
    take(sa, 31 * granule);
    REQUIRE(hs_suballoc_free(sa.get(), a) == 0);
    CHECK(take(sa, 33 * granule) == a);
}

TEST_CASE("freeing twice, freeing what is foreign, and interior pointers are told apart")
{
    handle sa = create(base, 1 << 20);
    uint64_t a = take(sa, 1000), b = take(sa, 5000), block = 0;

    REQUIRE(hs_suballoc_free(sa.get(), a) == 0);
    CHECK(hs_suballoc_free(sa.get(), a) == -ENOENT);
    CHECK(hs_suballoc_locate(sa.get(), a, &block) == HS_SUBALLOC_FREE);

    CHECK(hs_suballoc_free(sa.get(), b + granule) == -ENOENT);
    CHECK(hs_suballoc_free(sa.get(), b + 1) == -ENOENT);
    CHECK(hs_suballoc_locate(sa.get(), b + 4999, &block) == HS_SUBALLOC_INTERIOR);
    CHECK(block == b);
    CHECK(hs_suballoc_locate(sa.get(), b, &block) == HS_SUBALLOC_LIVE);

    for (uint64_t foreign : {uint64_t{0}, base - granule, base + (1 << 20), ~uint64_t{0}}) {
        CHECK(hs_suballoc_free(sa.get(), foreign) == -ENOENT);
        CHECK(hs_suballoc_locate(sa.get(), foreign, &block) == HS_SUBALLOC_FOREIGN);
    }
    CHECK(hs_suballoc_check(sa.get()) == 0);
    CHECK(usage(sa).block_count == 1);
}

TEST_CASE("neighbours join whatever the order of the frees")
{
    std::vector<int> order = {0, 1, 2, 3};
    do {
        handle sa = create(base, 4 * 4096);
        uint64_t blocks[4];
        for (uint64_t &block : blocks)
            block = take(sa, 4096);
        CHECK(usage(sa).free_count == 0);
        for (int i : order)
            REQUIRE(hs_suballoc_free(sa.get(), blocks[i]) == 0);
        CHECK(usage(sa).free_count == 1);
        CHECK(usage(sa).largest_free_bytes == 4 * 4096);
        CHECK(hs_suballoc_check(sa.get()) == 0);
    } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("fragmentation shows in the figures")
{
    handle sa = create(base, 64 * 4096);
    std::vector<uint64_t> blocks;
    for (int i = 0; i < 64; i++)
        blocks.push_back(take(sa, 4096));
    for (int i = 0; i < 64; i += 2)
        REQUIRE(hs_suballoc_free(sa.get(), blocks[i]) == 0);
    hs_suballoc_usage u = usage(sa);
    CHECK(u.free_bytes == 32 * 4096);
    CHECK(u.largest_free_bytes == 4096);
    CHECK(u.free_count == 32);
    uint64_t start;
    CHECK(hs_suballoc_alloc(sa.get(), 4097, 0, &start) == -ENOSPC);
}

TEST_CASE("the size that was asked for is kept")
{
    handle sa = create(base, 1 << 20);
    uint64_t a = take(sa, 1), bytes = 0;
    REQUIRE(hs_suballoc_size(sa.get(), a, &bytes) == 0);
    CHECK(bytes == 1);
    CHECK(usage(sa).requested_bytes == 1);
    CHECK(usage(sa).allocated_bytes == granule);
    CHECK(hs_suballoc_size(sa.get(), a + granule, &bytes) == -ENOENT);
}

TEST_CASE("a failing allocation of its own changes nothing")
{
    hs_suballoc *none = nullptr;
    for (int k = 0; k < 3; k++) {
        fail_after guard(k);
        CHECK(hs_suballoc_create(&none, base, 1 << 20) == -ENOMEM);
    }

    handle sa = create(base, 1 << 20);
    model m(base, 1 << 20);
    int refused = 0;
    for (int i = 0; i < 1000; i++) {
        for (int k = 0; k < 2; k++) {
            fail_after guard(k);
            uint64_t start;
            int err = hs_suballoc_alloc(sa.get(), 512, 0, &start);
            if (err == 0) {
                m.live[start] = 512;
            } else {
                CHECK(err == -ENOMEM);
                refused++;
            }
        }
        uint64_t start = take(sa, 512);
        m.live[start] = 512;
        if (m.live.size() > 1900)
            break;
    }
    CHECK(refused > 0);
    require_same_figures(sa, m);

    fail_after guard(0); // giving back needs no memory
    while (!m.live.empty()) {
        REQUIRE(hs_suballoc_free(sa.get(), m.live.begin()->first) == 0);
        m.live.erase(m.live.begin());
    }
    CHECK(usage(sa).free_count == 1);
}

TEST_CASE("random runs agree with a naive model")
{
    HS_RANDOM(random);
    auto pick = [&](uint64_t n) { return random() % n; };
    for (int round = 0; round < 20; round++) {
        uint64_t start = base + pick(3) * pick(1 << 16), bytes = 1 + pick(1ull << (12 + pick(14)));
        handle sa = create(start, bytes);
        model m(start, bytes);
        uint64_t peak = 0;
        for (int step = 0; step < 2000; step++) {
            // Fills and drains in turns, so that full and empty states are met.
            bool filling = (step / 300) % 2 == 0;
            if (m.live.empty() || pick(10) < (filling ? 7u : 3u)) {
                uint64_t size = 1 + pick(1ull << (1 + pick(17))), block = 0;
                uint64_t alignment = pick(3) ? 0 : 1ull << pick(16);
                bool fits = m.fits(size, std::max(alignment, granule));
                int err = hs_suballoc_alloc(sa.get(), size, alignment, &block);
                INFO("round " << round << " step " << step << " size " << size << " alignment "
                              << alignment);
                REQUIRE(err == (fits ? 0 : -ENOSPC));
                if (err == 0) {
                    REQUIRE(block % std::max(alignment, granule) == 0);
                    REQUIRE(m.free_span(block, size));
                    m.live[block] = size;
                }
            } else {
                auto it = m.live.lower_bound(m.first + pick(m.end - m.first));
                if (it == m.live.end())
                    it = m.live.begin();
                REQUIRE(hs_suballoc_free(sa.get(), it->first) == 0);
                REQUIRE(hs_suballoc_free(sa.get(), it->first) == -ENOENT);
                m.live.erase(it);
            }
            peak = std::max(peak, usage(sa).allocated_bytes);
            if (step % 50 == 0)
                require_same_figures(sa, m);
        }
        require_same_figures(sa, m);
        CHECK(usage(sa).peak_bytes == peak);
        while (!m.live.empty()) {
            REQUIRE(hs_suballoc_free(sa.get(), m.live.begin()->first) == 0);
            m.live.erase(m.live.begin());
        }
        require_same_figures(sa, m);
        CHECK(usage(sa).free_count == (usage(sa).capacity_bytes ? 1 : 0));
    }
}

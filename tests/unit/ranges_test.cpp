// SPDX-License-Identifier: MIT
// The list: what is accepted, what it becomes, what is refused and which range the text names.
#include <algorithm>
#include <cerrno>
#include <hs_test.hpp>
#include <numeric>
#include <string>
#include <vector>

#include "error.h"
#include "ranges.h"
#include "sort.h"

namespace
{

using List = std::vector<hs_host_range>;

constexpr uint64_t page = HS_PAGE_BYTES;

void *at(uint64_t address)
{
    return reinterpret_cast<void *>(address);
}

struct Built {
    explicit Built(const List &list, bool allow_overlap = false)
        : err(hs_ranges_build(&r, list.data(), list.size(), allow_overlap)), text(hs_error_text())
    {
    }
    ~Built()
    {
        if (!err)
            hs_ranges_destroy(&r);
    }
    Built(const Built &) = delete;
    Built &operator=(const Built &) = delete;

    hs_ranges r{};
    int err;
    std::string text;
};

void check_refused(const List &list, const std::string &words)
{
    Built built(list);
    CHECK(built.err == -EINVAL);
    CHECK_THAT(built.text, Catch::Contains(words));
    CHECK(built.r.block == nullptr);
}

// What hs_ranges_build() must find, by comparing every pair.
bool overlaps(const List &list)
{
    for (size_t i = 0; i < list.size(); i++) {
        for (size_t k = 0; k < i; k++) {
            auto a = reinterpret_cast<uint64_t>(list[i].base),
                 b = reinterpret_cast<uint64_t>(list[k].base);
            if (a < b + list[k].bytes && b < a + list[i].bytes)
                return true;
        }
    }
    return false;
}

} // namespace

TEST_CASE("a list keeps its order and gets prefix sums")
{
    Built b({{at(9 * page), page}, {at(2 * page), 3 * page}, {at(20 * page), 2 * page}});

    REQUIRE(b.err == 0);
    CHECK(b.r.count == 3);
    CHECK(b.r.bytes == 6 * page);
    CHECK(b.r.window_bytes == 6 * page);
    CHECK(b.r.runs[1].bytes == 3 * page);
    hs_ranges_seal(&b.r);
    CHECK(b.r.runs[0].offset == 0);
    CHECK(b.r.runs[1].offset == page);
    CHECK(b.r.runs[2].offset == 4 * page);
    CHECK(b.r.runs[3].offset == 6 * page);
    CHECK(hs_ranges_run_bytes(&b.r, 2) == 2 * page);
}

TEST_CASE("unseal restores the form that the kernel reads")
{
    Built b({{at(9 * page), page}, {at(2 * page), 3 * page}});

    REQUIRE(b.err == 0);
    hs_ranges_seal(&b.r);
    hs_ranges_unseal(&b.r);
    CHECK(b.r.runs[0].bytes == page);
    CHECK(b.r.runs[1].bytes == 3 * page);
}

TEST_CASE("neighbours in list order become one run, others do not")
{
    Built b(
        {{at(4 * page), page}, {at(5 * page), page}, {at(3 * page), page}, {at(6 * page), page}});

    REQUIRE(b.err == 0);
    CHECK(b.r.given == 4);
    REQUIRE(b.r.count == 3);
    CHECK(b.r.runs[0].cpu == 4 * page);
    CHECK(b.r.runs[0].bytes == 2 * page);
    CHECK(b.r.runs[1].cpu == 3 * page);
    CHECK(b.r.runs[2].cpu == 6 * page);
}

TEST_CASE("a run knows the index of its first range")
{
    List list{{at(4 * page + 8), page - 8},
              {at(5 * page), page},
              {at(3 * page), page},
              {at(6 * page), 1}};
    Built b(list);

    REQUIRE(b.err == 0);
    CHECK(hs_ranges_given_index(&b.r, list.data(), 0) == 0);
    CHECK(hs_ranges_given_index(&b.r, list.data(), 1) == 2);
    CHECK(hs_ranges_given_index(&b.r, list.data(), 2) == 3);
}

TEST_CASE("the first range may start and the last may end inside a page")
{
    Built b({{at(4 * page + 100), page - 100}, {at(9 * page), 2 * page}, {at(7 * page), 5}});

    REQUIRE(b.err == 0);
    CHECK(b.r.head == 100);
    CHECK(b.r.window_bytes == 4 * page);
    CHECK(b.r.bytes == page - 100 + 2 * page + 5);
}

TEST_CASE("a single range may do both")
{
    Built b({{at(4 * page + 100), 10}});

    REQUIRE(b.err == 0);
    CHECK(b.r.head == 100);
    CHECK(b.r.bytes == 10);
    CHECK(b.r.window_bytes == page);
}

TEST_CASE("bad ranges are refused by index")
{
    check_refused({}, "null"); // an empty vector's data() may be null
    check_refused({{at(page), page}, {nullptr, page}}, "range 1: base is null");
    check_refused({{at(page), 0}}, "range 0");
    check_refused({{at(page), page}, {at(4 * page + 1), page - 1}}, "range 1");
    check_refused({{at(page), page - 1}, {at(4 * page), page}}, "range 0");
    check_refused({{at(page), page}, {at(9 * page), 10}, {at(4 * page), page}}, "range 1");
    check_refused({{at(page), SIZE_MAX}}, "range 0");
    check_refused({{at(page), page}, {at(UINT64_MAX - page + 1), page}},
                  "end of the address space");
    check_refused({{at(page), 1ull << 63}, {at(page), 1ull << 63}}, "range 1");
}

TEST_CASE("an empty list and too many ranges are refused")
{
    hs_ranges r;
    hs_host_range one{at(page), page};

    CHECK(hs_ranges_build(&r, &one, 0, false) == -EINVAL);
    CHECK(hs_ranges_build(&r, &one, size_t{HS_MAX_RANGES} + 1, false) == -EINVAL);
    CHECK(hs_ranges_build(&r, nullptr, 1, false) == -EINVAL);
}

TEST_CASE("an overlap is found whichever range comes first")
{
    check_refused({{at(4 * page), 2 * page}, {at(5 * page), page}}, "range 1");
    check_refused({{at(5 * page), page}, {at(4 * page), 2 * page}}, "range 1");
    check_refused({{at(5 * page), page}, {at(900 * page), page}, {at(5 * page), page}}, "range 2");
    check_refused({{at(4 * page + 8), 16}, {at(4 * page), page}}, "range 0");
    check_refused({{at(4 * page), page}, {at(1ull << 40), page}, {at(2 * page), 3 * page}},
                  "range 2");
}

TEST_CASE("an overlap is what the caller may ask for")
{
    Built b({{at(4 * page), 2 * page}, {at(4 * page), 2 * page}}, true);

    REQUIRE(b.err == 0);
    CHECK(b.r.count == 2);
    CHECK(b.r.window_bytes == 4 * page);
}

TEST_CASE("overlap detection agrees with comparing every pair")
{
    HS_RANDOM(random);
    size_t found = 0;

    for (int round = 0; round < 3000; round++) {
        // Dense spans take the bitmap, wide ones the sort.
        uint64_t span = round % 2 ? 64 + random() % 512 : 1ull << (20 + random() % 15);
        size_t count = 2 + random() % 24;
        List list;
        for (size_t i = 0; i < count; i++)
            list.push_back({at((1 + random() % span) * page), (1 + random() % 4) * page});
        if (round % 3 == 0 && count > 2) /* make sure that wide spans have overlaps too */
            list[count - 1].base =
                at(reinterpret_cast<uint64_t>(list[random() % (count - 1)].base) + page);
        bool expected = overlaps(list);
        Built b(list);
        INFO("round " << round << ": " << b.text);
        REQUIRE((b.err == -EINVAL) == expected);
        found += expected;
    }
    CHECK(found > 300);
    CHECK(found < 2900);
}

TEST_CASE("a hundred thousand shuffled ranges keep every byte")
{
    HS_RANDOM(random);
    List list;
    for (uint64_t i = 0; i < 100000; i++)
        list.push_back({at((1 + 3 * i) * page), (1 + i % 2) * page});
    std::shuffle(list.begin(), list.end(), random);

    Built b(list);
    REQUIRE(b.err == 0);
    hs_ranges_seal(&b.r);
    uint64_t offset = 0;
    size_t wrong = 0;
    for (size_t i = 0; i < list.size(); i++) {
        wrong += b.r.runs[i].cpu != reinterpret_cast<uint64_t>(list[i].base) ||
                 b.r.runs[i].offset != offset;
        offset += list[i].bytes;
    }
    CHECK(wrong == 0);
    CHECK(b.r.window_bytes == offset);

    list[777].base = list[4242].base;
    check_refused(list, "range 4242");
}

TEST_CASE("the host memory behind any offset of the window, compared page by page")
{
    HS_RANDOM(random);
    List list;
    std::vector<uint64_t> pages; // of the window, in order
    for (uint64_t address = page * 1000; list.size() < 50; address += page * (1 + random() % 9)) {
        uint64_t count = 1 + random() % 5;
        list.push_back({at(address), count * page});
        for (uint64_t i = 0; i < count; i++, address += page)
            pages.push_back(address);
    }
    Built built(list);
    REQUIRE(built.err == 0);
    hs_ranges_seal(&built.r);

    for (int i = 0; i < 2000; i++) {
        uint64_t offset = random() % built.r.window_bytes;
        size_t run = hs_ranges_find(&built.r, offset);
        REQUIRE(built.r.runs[run].offset <= offset);
        REQUIRE(built.r.runs[run + 1].offset > offset);
        REQUIRE(built.r.runs[run].cpu + (offset - built.r.runs[run].offset) ==
                pages[offset / page] + offset % page);
    }
}

TEST_CASE("sorting and the overlap check agree with std::stable_sort at every size")
{
    HS_RANDOM(random);
    size_t count = GENERATE(2, 3, 95, 96, 97, 500, 5000);
    unsigned span_bits = GENERATE(13, 24, 33, 44); // pages
    // Runs of up to 2^20 pages do not fit beside 44 bits of page number: the slow way must be right
    // too.
    unsigned size_bits = GENERATE(0, 20);
    for (int round = 0; round < 4; round++) {
        List list;
        uint64_t first = page << 1;
        for (size_t i = 0; i < count; i++)
            list.push_back({at(first + (random() >> (64 - span_bits)) * page),
                            (1 + (random() & ((1ull << size_bits) - 1))) * page});
        if (round % 2) // no overlap: gaps between slots of equal size
            for (size_t i = 0; i < count; i++) {
                uint64_t slot = (1ull << span_bits) / count;
                if (slot < 2)
                    continue;
                list[i] = {at(first + i * slot * page),
                           std::min<uint64_t>(list[i].bytes, (slot - 1) * page)};
            }
        std::shuffle(list.begin(), list.end(), random);
        bool expected = false;
        List sorted = list;
        std::stable_sort(sorted.begin(), sorted.end(),
                         [](const auto &a, const auto &b) { return a.base < b.base; });
        uint64_t end = 0;
        for (const hs_host_range &range : sorted) {
            expected = expected || reinterpret_cast<uint64_t>(range.base) < end;
            end = std::max(end, reinterpret_cast<uint64_t>(range.base) + range.bytes);
        }
        Built checked(list);
        INFO("count " << count << " span " << span_bits << " size " << size_bits << ": "
                      << checked.text);
        REQUIRE((checked.err == -EINVAL) == expected);

        Built built(list, true);
        REQUIRE(built.err == 0);
        std::vector<uint32_t> order(built.r.count), wanted(built.r.count);
        std::iota(wanted.begin(), wanted.end(), 0);
        std::stable_sort(wanted.begin(), wanted.end(), [&](uint32_t a, uint32_t b) {
            return built.r.runs[a].cpu < built.r.runs[b].cpu;
        });
        REQUIRE(hs_sort_runs(&built.r, built.r.lowest, built.r.highest, order.data()) == 0);
        REQUIRE(order == wanted);
    }
}

TEST_CASE("a list large enough for huge pages is whole")
{
    List list;
    for (uint64_t i = 0; i < 400000; i++)
        list.push_back({at((1 + 2 * i) * page), page});
    Built built(list);
    REQUIRE(built.err == 0);
    CHECK(reinterpret_cast<uint64_t>(built.r.block) % (2 << 20) == 0);
    size_t wrong = 0;
    for (size_t i = 0; i < list.size(); i++)
        wrong += built.r.runs[i].cpu != reinterpret_cast<uint64_t>(list[i].base);
    CHECK(wrong == 0);
}

TEST_CASE("a window's place in a unit is that of the run with the most whole units")
{
    constexpr uint64_t unit = 2 << 20;
    const auto phase = [](const List &list) {
        Built built(list);
        REQUIRE(built.err == 0);
        return hs_ranges_phase(&built.r, unit);
    };
    // Small runs: the start of a unit. So does a run of a unit's size that holds no whole one.
    CHECK(phase({{at(0x7000), page}, {at(0x9000), 16 * page}}) == 0);
    CHECK(phase({{at(5 * unit + page), unit}}) == 0);
    CHECK(phase({{at(5 * unit), unit}}) == 0);
    // The run itself, at the window's start and behind others.
    CHECK(phase({{at(5 * unit + 3 * page), 2 * unit}}) == 3 * page);
    CHECK(phase({{at(0x7000), 5 * page}, {at(5 * unit + 3 * page), 2 * unit}}) == unit - 2 * page);
    // The larger of two, whichever comes first; of equals the first.
    const hs_host_range two{at(8 * unit + 7 * page), 2 * unit},
        four{at(16 * unit + page), 4 * unit};
    CHECK(phase({two, four}) == ((page - 2 * unit) & (unit - 1)));
    CHECK(phase({four, two}) == page);
    CHECK(phase({{at(32 * unit + 9 * page), 2 * unit}, two}) == 9 * page);
    // Only the first thousand runs are looked at.
    List many;
    for (uint64_t i = 0; i < 1100; i++)
        many.push_back({at((2 * i + 2) * page), page});
    many.push_back(four);
    CHECK(phase(many) == 0);
    many.erase(many.begin(), many.begin() + 200);
    CHECK(phase(many) == ((page - 900 * page) & (unit - 1)));
}

// SPDX-License-Identifier: MIT
// Translation agrees with a search through the whole list, for every shape of list.
#include <algorithm>
#include <array>
#include <hs_test.hpp>
#include <map>
#include <vector>

#include "error.h"
#include "fake_kfd.hpp"
#include "lookup.h"
#include "translate.h"

namespace
{

constexpr uint64_t page = HS_PAGE_BYTES;
using List = std::vector<hs_host_range>;

struct Sealed {
    Sealed(const List &list, bool overlap)
    {
        REQUIRE(hs_ranges_build(&r, list.data(), list.size(), overlap) == 0);
        hs_ranges_seal(&r);
        by_offset = hs_offset_index_build(&r);
        by_host = hs_host_index_build(&r);
        REQUIRE(by_offset);
        REQUIRE(by_host);
    }
    ~Sealed()
    {
        hs_sys.free(by_offset);
        hs_host_index_free(by_host);
        hs_ranges_destroy(&r);
    }
    Sealed(const Sealed &) = delete;
    Sealed &operator=(const Sealed &) = delete;

    hs_ranges r{};
    hs_order *by_offset;
    hs_host_index *by_host;
};

// The lowest offset of a host address, the slow way; false if none.
bool slow_host(const List &list, uint64_t address, uint64_t *offset)
{
    uint64_t at = 0;
    for (const auto &range : list) {
        auto base = reinterpret_cast<uint64_t>(range.base);
        if (address >= base && address < base + range.bytes) {
            *offset = at + (address - base);
            return true;
        }
        at += range.bytes;
    }
    return false;
}

// Lists of many shapes: equal and very unequal sizes, dense and wide, ascending and shuffled,
// coalescing.
List make_list(std::mt19937_64 &random, int shape)
{
    List list;
    size_t count = 1 + random() % 300;
    uint64_t address = page * (1 + random() % 1000);
    for (size_t i = 0; i < count; i++) {
        uint64_t bytes = page * (shape & 1 ? 1 + random() % 3 : 1);
        if (shape & 2 && random() % 50 == 0)
            bytes = page * (1 + random() % 100000);
        if (shape & 16)
            bytes = page * (8 + random() % 32);
        list.push_back({reinterpret_cast<void *>(address), bytes});
        address += bytes + page * (shape & 4    ? random() % 3
                                   : shape & 16 ? 1 + random() % 8
                                                : 1 + random() % 100000);
    }
    if (shape & 8)
        std::shuffle(list.begin(), list.end(), random);
    return list;
}

// What may break an order: far from even, by any measure.
List make_hard_list(std::mt19937_64 &random, int shape)
{
    const std::array<List (*)(std::mt19937_64 &), 6> shapes = {
        // Gaps that grow by a part of themselves: nearly all of it is in a corner, at any scale.
        [](std::mt19937_64 &) {
            List list;
            for (uint64_t gap = 1, at = 1; at < 1ull << 34; at += gap, gap += 1 + gap / 64)
                list.push_back({reinterpret_cast<void *>(at * page), page});
            return list;
        },
        // All together, and one as far away as can be.
        [](std::mt19937_64 &r) {
            List list;
            for (uint64_t i = 0; i < 3000; i++)
                list.push_back({reinterpret_cast<void *>((1000 + 2 * i + r() % 2) * page), page});
            list.push_back({reinterpret_cast<void *>((1ull << 35) * page), page});
            return list;
        },
        // A heap, mapped files and a stack.
        [](std::mt19937_64 &r) {
            List list;
            for (uint64_t start : {0x55aa00000000ull, 0x7f1200000000ull, 0x7ffd00000000ull})
                for (uint64_t i = 0; i < 1000; i++)
                    list.push_back({reinterpret_cast<void *>(start + (3 * i + r() % 2) * page),
                                    page * (1 + r() % 2)});
            return list;
        },
        // Groups of groups of groups.
        [](std::mt19937_64 &) {
            List list;
            for (uint64_t i = 0; i < 2401; i++) {
                uint64_t at = 1;
                for (uint64_t k = i, step = 2; k != 0; k /= 7, step *= 300)
                    at += k % 7 * step;
                list.push_back({reinterpret_cast<void *>(at * page), page});
            }
            return list;
        },
        // Sizes from a page to gigabytes.
        [](std::mt19937_64 &r) {
            List list;
            for (uint64_t i = 0, at = 5; i < 2000; i++) {
                uint64_t pages = 1 + (r() >> (44 + r() % 20));
                list.push_back({reinterpret_cast<void *>(at * page), pages * page});
                at += pages + 1 + (r() >> (44 + r() % 20));
            }
            return list;
        },
        // The whole of the address space, both ends.
        [](std::mt19937_64 &r) {
            List list;
            for (uint64_t i = 0; i < 200; i++) {
                list.push_back({reinterpret_cast<void *>((1 + 2 * i) * page), page});
                list.push_back({reinterpret_cast<void *>(0 - (1000 - 2 * i) * page), page});
                list.push_back({reinterpret_cast<void *>((1000 + i * (1ull << 43)) * page), page});
            }
            list.resize(3 * (30 + r() % 170));
            return list;
        },
    };
    List list = shapes[static_cast<size_t>(shape)](random);
    if (random() % 2)
        std::shuffle(list.begin(), list.end(), random);
    return list;
}

struct Tally {
    size_t wrong = 0, quick = 0, slow = 0;
};

// Both directions at places in and near the list, quickly and in full.
void compare(Tally &tally, std::mt19937_64 &random, const List &list, const Sealed &s)
{
    for (int query = 0; query < 200; query++) {
        size_t guess = random() % s.r.count, run = 0;
        uint64_t offset = random() % 2 ? random() % s.r.window_bytes : s.r.runs[guess].offset;
        uint64_t back = 0, expected = 0;
        run = hs_lookup_offset(&s.r, s.by_offset, offset);
        tally.wrong += offset < s.r.runs[run].offset || offset >= s.r.runs[run + 1].offset;
        bool sure = hs_lookup_offset_quick(&s.r, s.by_offset, offset, &guess);
        (sure ? tally.quick : tally.slow)++;
        tally.wrong += sure && guess != run;

        for (uint64_t address :
             {s.r.runs[run].cpu + (offset - s.r.runs[run].offset), s.r.runs[run].cpu,
              s.r.runs[run].cpu - 1, s.r.runs[run].cpu + page * (random() % 4),
              s.r.lowest - page + random() % (s.r.highest - s.r.lowest + 2 * page)}) {
            bool in = slow_host(list, address, &expected);
            tally.wrong += hs_lookup_host(&s.r, s.by_host, address, &back) != in;
            tally.wrong += in && back != expected;
            sure = hs_lookup_host_quick(&s.r, s.by_host, address, &back);
            tally.wrong += sure && (!in || back != expected);
            if (in)
                (sure ? tally.quick : tally.slow)++;
        }
    }
}

} // namespace

TEST_CASE("both indexes agree with a search through the list")
{
    HS_RANDOM(random);
    Tally tally;
    size_t with_units = 0, with_order = 0;

    // 16 and 24, with and without shuffling: sizes differ, starts are near.
    for (int shape = 0; shape <= 24; shape += shape < 16 ? 1 : 8) {
        for (int round = 0; round < 20; round++) {
            List list = make_list(random, shape);
            Sealed s(list, false);
            (s.by_host->groups != nullptr ? with_units : with_order)++;
            compare(tally, random, list, s);
        }
    }
    CHECK(tally.wrong == 0);
    CHECK(tally.quick > 50 * tally.slow);
    CHECK(with_units > 0);
    CHECK(with_order > 0);
}

TEST_CASE(
    "runs of one size need no order of offsets, a few longer ones and a shorter last one or not")
{
    HS_RANDOM(random);

    for (size_t longer = 0; longer <= 5; longer++) {
        for (uint64_t pages : {1, 16}) {
            INFO(longer << " longer runs of " << pages << " pages");
            std::vector<uint64_t> sizes(500, pages);
            for (size_t i = 0; i < longer; i++)
                sizes[random() % 2 ? i : 400 - i] = 2 * pages;
            sizes.back() = 1 + random() % pages;
            List list;
            uint64_t at = 1000;
            for (uint64_t size : sizes) {
                list.push_back({reinterpret_cast<void *>(at * page), size * page});
                at += size + 1 + random() % 3;
            }
            Sealed s(list, false);
            Tally tally;
            compare(tally, random, list, s);
            CHECK(tally.wrong == 0);
            CHECK((s.by_offset->unit_shift != 0) == (longer <= 3));
        }
    }
}

TEST_CASE("both indexes agree with a search through the list, however uneven it is")
{
    HS_RANDOM(random);
    size_t slow = 0;

    for (int shape = 0; shape < 6; shape++) {
        Tally tally;
        for (int round = 0; round < 10; round++) {
            List list = make_hard_list(random, shape);
            Sealed s(list, false);
            compare(tally, random, list, s);
        }
        INFO("shape " << shape << ": " << tally.quick << " quick, " << tally.slow << " slow");
        CHECK(tally.wrong == 0);
        slow += tally.slow;
    }
    CHECK(slow > 0); // the searches behind the quick ones were used, too
}

TEST_CASE("blocks of 64 KiB cost an index what pages do, and one block more or less is no matter")
{
    HS_RANDOM(random);
    constexpr uint64_t block = 16 * page;
    List list;
    for (uint64_t i = 0; i < 20000; i++)
        list.push_back({reinterpret_cast<void *>((1 + 3 * i) * block + 5 * page), block});
    std::shuffle(list.begin(), list.end(), random);
    list[777].bytes += block; // two neighbours that the program happened to join
    Sealed s(list, false);
    CHECK(s.by_host->groups != nullptr);
    CHECK((1ull << s.by_host->unit_shift) == block);
    size_t wrong = 0;
    for (int query = 0; query < 100000; query++) {
        uint64_t offset = random() % s.r.window_bytes, back = 0;
        size_t run = hs_lookup_offset(&s.r, s.by_offset, offset);
        wrong += offset < s.r.runs[run].offset || offset >= s.r.runs[run + 1].offset;
        wrong += !hs_lookup_host(&s.r, s.by_host,
                                 s.r.runs[run].cpu + (offset - s.r.runs[run].offset), &back);
        wrong += back != offset;
    }
    CHECK(wrong == 0);
}

TEST_CASE("with aliasing the lowest offset is found, also in nested ranges")
{
    HS_RANDOM(random);
    size_t wrong = 0, hits = 0, cut = 0;

    for (int round = 0; round < 300; round++) {
        List list;
        size_t count = 1 + random() % 40;
        const uint64_t scale = round % 2 ? page : 1021 * page; // for the latter units are too many
        for (size_t i = 0; i < count; i++)
            list.push_back({reinterpret_cast<void *>(scale * (1 + random() % 64)),
                            scale * (1 + random() % 16)});
        Sealed s(list, true);
        cut += s.by_host->starts != nullptr;
        for (int query = 0; query < 200; query++) {
            uint64_t address = random() % (90 * scale), expected = 0, back = 0;
            if (random() % 4 == 0)
                address = address / scale * scale - random() % 2;
            bool in = slow_host(list, address, &expected);
            wrong += hs_lookup_host(&s.r, s.by_host, address, &back) != in;
            wrong += in && back != expected;
            wrong +=
                hs_lookup_host_quick(&s.r, s.by_host, address, &back) && (!in || back != expected);
            hits += in;
        }
    }
    CHECK(wrong == 0);
    CHECK(hits > 1000);
    CHECK(cut > 100);
}

TEST_CASE("a page that the list has a hundred thousand times costs no search through them")
{
    HS_RANDOM(random);
    List list;
    for (uint64_t i = 0; i < 100000; i++) // nine of ten: the same 50 pages, far apart
        list.push_back(
            {reinterpret_cast<void *>(((random() % 10 ? random() % 50 : i) * 12345 + 1) * page),
             page});
    Sealed s(list, true);
    std::map<uint64_t, uint64_t> first;
    for (uint64_t i = 0; i < list.size(); i++)
        first.try_emplace(reinterpret_cast<uint64_t>(list[i].base), i * page);
    size_t wrong = 0;
    REQUIRE(s.by_host->starts != nullptr);
    for (const auto &[address, offset] : first) {
        uint64_t back = 0;
        wrong += !hs_lookup_host(&s.r, s.by_host, address + 17, &back) || back != offset + 17;
        wrong += hs_lookup_host(&s.r, s.by_host, address + page, &back);
    }
    CHECK(wrong == 0);
}

TEST_CASE("a span becomes the list of its host ranges, whole or in parts")
{
    HS_RANDOM(random);
    FakeKfd kfd(FakeKernel::batch);
    Fragments memory(40);
    memory.list.front().base = static_cast<char *>(memory.list.front().base) + 100;
    memory.list.front().bytes -= 100;
    memory.list.back().bytes = 77;
    Request request(memory.list);
    hs_pool *pool = nullptr;
    REQUIRE(hs_pool_create(&pool, &request) == 0);
    uint64_t start = hs_pool_device_address(pool);

    for (int round = 0; round < 500; round++) {
        uint64_t offset = random() % pool->ranges.bytes;
        uint64_t bytes = 1 + random() % (pool->ranges.bytes - offset), covered = 0, total = 0;
        size_t wanted = 0, count = 0, room = 1 + random() % 10, parts = 0;
        REQUIRE(hs_translate_to_host(start + offset, bytes, nullptr, 0, &wanted, &covered) == 0);
        REQUIRE(covered == bytes);
        while (total < bytes) {
            std::vector<hs_host_range> part(room);
            REQUIRE(hs_translate_to_host(start + offset + total, bytes - total, part.data(), room,
                                         &count, &covered) == 0);
            REQUIRE(count >= 1);
            uint64_t sum = 0;
            for (size_t i = 0; i < count; i++) {
                uint64_t device = 0;
                REQUIRE(hs_translate_to_device(nullptr, reinterpret_cast<uint64_t>(part[i].base),
                                               &device) == 0);
                REQUIRE(device == start + offset + total + sum);
                REQUIRE(hs_translate_to_device_quick(reinterpret_cast<uint64_t>(part[i].base),
                                                     &device));
                REQUIRE(device == start + offset + total + sum);
                hs_host_range again{};
                REQUIRE(hs_translate_to_host_quick(device, part[i].bytes, &again));
                REQUIRE(again.base == part[i].base);
                REQUIRE(again.bytes == part[i].bytes);
                REQUIRE((i + 1 == count ||
                         !hs_translate_to_host_quick(device, part[i].bytes + 1, &again)));
                sum += part[i].bytes;
            }
            REQUIRE(sum == covered);
            total += covered;
            parts += count;
        }
        REQUIRE(total == bytes);
        REQUIRE(parts == wanted);
    }
    size_t count;
    uint64_t covered;
    CHECK(hs_translate_to_host(start + 5, pool->ranges.bytes, nullptr, 0, &count, &covered) ==
          -EINVAL);
    CHECK(hs_translate_to_host(start - 1, 1, nullptr, 0, &count, &covered) == -ENOENT);
    CHECK(hs_translate_to_host(start + pool->ranges.bytes, 1, nullptr, 0, &count, &covered) ==
          -ENOENT);
    CHECK(destroy_pool(pool) == 0);
}

TEST_CASE("only the caller's bytes are known, not the rest of the end pages")
{
    FakeKfd kfd(FakeKernel::batch);
    Fragments memory(1);
    auto base = reinterpret_cast<uint64_t>(memory.list[0].base);
    memory.list[0] = {reinterpret_cast<void *>(base + 100), 50};
    Request request(memory.list);
    hs_pool *pool = nullptr;
    uint64_t device = 0;
    REQUIRE(hs_pool_create(&pool, &request) == 0);

    CHECK(hs_translate_to_device(nullptr, base + 99, &device) == -ENOENT);
    CHECK(hs_translate_to_device(nullptr, base + 150, &device) == -ENOENT);
    REQUIRE(hs_translate_to_device(nullptr, base + 149, &device) == 0);
    CHECK(device == hs_pool_device_address(pool) + 49);
    CHECK(hs_translate_to_device_quick(base + 149, &device));
    CHECK(!hs_translate_to_device_quick(base + 99, &device));
    CHECK(!hs_translate_to_device_quick(base + 150, &device));
    CHECK(destroy_pool(pool) == 0);
    CHECK(!hs_translate_to_device_quick(base + 149, &device));
    CHECK(hs_translate_to_device(nullptr, base + 149, &device) == -ENOENT);
}

TEST_CASE("an address is found among pools whose memory interleaves")
{
    FakeKfd kfd(FakeKernel::batch);
    Fragments memory(64);
    std::vector<hs_pool *> pools(4);
    for (size_t i = 0; i < pools.size(); i++) {
        std::vector<hs_host_range> mine;
        for (size_t k = i; k < memory.list.size(); k += pools.size())
            mine.push_back(memory.list[k]);
        Request request(mine);
        REQUIRE(hs_pool_create(&pools[i], &request) == 0);
    }
    for (size_t k = 0; k < memory.list.size(); k++) {
        uint64_t device = 0, offset = 0;
        hs_pool *pool = nullptr;
        bool is_device = true;
        auto base = reinterpret_cast<uint64_t>(memory.list[k].base);
        REQUIRE(hs_translate_to_device(nullptr, base + 7, &device) == 0);
        CHECK(device == pools[k % 4]->gpu_base + (k / 4) * page + 7);
        REQUIRE(hs_translate_find(base + 7, &pool, &offset, &is_device) == 0);
        CHECK(pool == pools[k % 4]);
        CHECK(!is_device);
        hs_registry_release(pool);
        REQUIRE(hs_translate_find(device, &pool, &offset, &is_device) == 0);
        CHECK(pool == pools[k % 4]);
        CHECK(is_device);
        hs_registry_release(pool);
    }
    for (hs_pool *pool : pools)
        CHECK(destroy_pool(pool) == 0);
}

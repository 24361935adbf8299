// SPDX-License-Identifier: MIT
// What the window is for: kernels over many fragments see one array, read it, write it in place,
// straddle its inner borders, use atomics on it, and fault beside it. Every case runs with every
// backing of the machine; ctest runs all of them on every imitated kernel.
#include "kernels/window_kernels.hpp"
#include "machine.hpp"
#include "scatter_memory.hpp"
#include "spawn_self.hpp"

#include <array>

using namespace hs_test;

namespace
{

// The offsets in the window at which fragment 1, 2, ... begins.
std::vector<uint64_t> borders(const std::vector<hipScatterRange> &ranges)
{
    std::vector<uint64_t> list;
    uint64_t at = 0;
    for (size_t i = 0; i + 1 < ranges.size(); i++)
        list.push_back(at += ranges[i].size);
    return list;
}

// Byte `offset` of the window, through the fragments.
uint8_t &byte_at(const std::vector<hipScatterRange> &ranges, uint64_t offset)
{
    size_t i = 0;
    while (offset >= ranges[i].size)
        offset -= ranges[i++].size;
    return static_cast<uint8_t *>(ranges[i].base)[offset];
}

} // namespace

TEMPLATE_TEST_CASE_SIG("kernels read and write fragments in place", "", ((size_t count), count), 1,
                       2, 64, 1024, 4096)
{
    HS_RANDOM(random);
    const Fragments memory(fragment_pages(count, random), random);
    for (const Backing &backing : backings()) {
        INFO("backing " << backing.name);
        const uint64_t key = random();
        write_pattern(memory.ranges(), key);
        Window window(memory.ranges(), backing.flag);
        REQUIRE(window.info().backing == backing.kind);
        REQUIRE(window.info().size == memory.bytes());

        uint64_t sum = 0;
        REQUIRE_HIP(hs_kernels::checksum(window.data(), window.bytes(), &sum));
        REQUIRE(sum == cpu_checksum(memory.ranges()));

        REQUIRE_HIP(hs_kernels::write_pattern(window.data(), window.bytes(), key + 1));
        size_t first_wrong = count;
        CHECK(fragments_with_pattern(memory.ranges(), key + 1, &first_wrong) == count);
        CHECK(first_wrong == count);

        window.unregister();
        REQUIRE(fragments_with_pattern(memory.ranges(), key + 1) == count);
    }
}

TEST_CASE("what the CPU writes after registration, the next kernel reads")
{
    HS_RANDOM(random);
    const Fragments memory(fragment_pages(64, random), random);
    for (const Backing &backing : backings()) {
        INFO("backing " << backing.name);
        const Window window(memory.ranges(), backing.flag);
        for (int round = 0; round < 3; round++) {
            write_pattern(memory.ranges(), random());
            uint64_t sum = 0;
            REQUIRE_HIP(hs_kernels::checksum(window.data(), window.bytes(), &sum));
            REQUIRE(sum == cpu_checksum(memory.ranges()));
        }
    }
}

TEMPLATE_TEST_CASE_SIG("16-byte loads and stores straddle every border", "",
                       ((size_t count), count), 2, 64, 1024)
{
    HS_RANDOM(random);
    const Fragments memory(fragment_pages(count, random), random);
    for (const Backing &backing : backings()) {
        for (unsigned align : {4u, 1u}) {
            INFO("backing " << backing.name << ", align " << align);
            write_pattern(memory.ranges(), random());
            const Window window(memory.ranges(), backing.flag);
            // 1 to 15 bytes on the near side of each border, a different share at each.
            std::vector<uint64_t> offsets;
            for (uint64_t border : borders(memory.ranges()))
                offsets.push_back(border -
                                  (align == 4 ? 4 * (1 + random() % 3) : 1 + random() % 15));

            std::vector<uint8_t> loaded(16 * offsets.size());
            REQUIRE_HIP(hs_kernels::load16(window.data(), offsets.data(), offsets.size(), align,
                                           loaded.data()));
            size_t wrong = 0;
            for (size_t i = 0; i < offsets.size(); i++)
                for (unsigned b = 0; b < 16; b++)
                    wrong += loaded[16 * i + b] != byte_at(memory.ranges(), offsets[i] + b);
            REQUIRE(wrong == 0);

            const uint8_t seed = static_cast<uint8_t>(random());
            REQUIRE_HIP(
                hs_kernels::store16(window.data(), offsets.data(), offsets.size(), align, seed));
            for (size_t i = 0; i < offsets.size(); i++)
                for (unsigned b = 0; b < 16; b++)
                    wrong += byte_at(memory.ranges(), offsets[i] + b) !=
                             static_cast<uint8_t>(seed + i + b);
            REQUIRE(wrong == 0);
        }
    }
}

TEST_CASE("atomics work in every fragment")
{
    constexpr unsigned threads = 512;
    HS_RANDOM(random);
    const Fragments memory(fragment_pages(64, random), random);
    for (const Backing &backing : backings()) {
        INFO("backing " << backing.name);
        // One place in each fragment: at its start, at its end, or in between.
        std::vector<uint64_t> offsets;
        std::vector<hs_kernels::AtomicPlace *> places;
        uint64_t at = 0;
        for (const hipScatterRange &range : memory.ranges()) {
            const size_t room = range.size / sizeof(hs_kernels::AtomicPlace);
            const size_t slot = random() % 3 == 0   ? 0
                                : random() % 2 == 0 ? room - 1
                                                    : random() % room;
            offsets.push_back(at + slot * sizeof(hs_kernels::AtomicPlace));
            places.push_back(static_cast<hs_kernels::AtomicPlace *>(range.base) + slot);
            *places.back() = {};
            places.back()->add32 = static_cast<uint32_t>(places.size());
            at += range.size;
        }
        const Window window(memory.ranges(), backing.flag);
        REQUIRE_HIP(hs_kernels::atomics(window.data(), offsets.data(), offsets.size(), threads));
        for (size_t i = 0; i < places.size(); i++) {
            INFO("fragment " << i);
            REQUIRE(places[i]->add32 == i + 1 + threads);
            REQUIRE(places[i]->or32 == UINT32_MAX);
            REQUIRE(places[i]->max32 == threads - 1);
            REQUIRE(places[i]->cas32 == 3 * threads);
            REQUIRE(places[i]->add64 == (uint64_t(threads) << 32) + threads * (threads - 1) / 2);
        }
    }
}

TEST_CASE("the first and the last byte are the caller's")
{
    HS_RANDOM(random);
    const Fragments memory({3, 1, 2}, random);
    for (const Backing &backing : backings()) {
        INFO("backing " << backing.name);
        const Window window(memory.ranges(), backing.flag);
        uint8_t &first = byte_at(memory.ranges(), 0),
                &last = byte_at(memory.ranges(), memory.bytes() - 1);
        first = 0x5a;
        last = 0xa5;
        uint8_t value = 0;
        REQUIRE_HIP(hs_kernels::load_byte(window.data(), &value));
        REQUIRE(value == 0x5a);
        REQUIRE_HIP(hs_kernels::load_byte(window.data() + window.bytes() - 1, &value));
        REQUIRE(value == 0xa5);
        REQUIRE_HIP(hs_kernels::store_byte(window.data(), 0x11));
        REQUIRE_HIP(hs_kernels::store_byte(window.data() + window.bytes() - 1, 0x22));
        REQUIRE(first == 0x11);
        REQUIRE(last == 0x22);
    }
}

TEST_CASE("the first range may start and the last may end inside a page")
{
    HS_RANDOM(random);
    const Fragments memory({2, 1, 3}, random);
    for (const Backing &backing : backings()) {
        for (const auto &[head, tail] :
             {std::pair<size_t, size_t>(1236, 0), {0, 700}, {4, 4092}, {4092, 8}}) {
            INFO("backing " << backing.name << ", head " << head << ", tail " << tail);
            std::vector<hipScatterRange> ranges = memory.ranges();
            ranges.front().base = static_cast<char *>(ranges.front().base) + head;
            ranges.front().size -= head;
            ranges.back().size -= tail;
            write_pattern(ranges, random());
            const Window window(ranges, backing.flag);
            REQUIRE(reinterpret_cast<uintptr_t>(window.data()) % page_bytes == head);
            uint64_t sum = 0;
            REQUIRE_HIP(hs_kernels::checksum(window.data(), window.bytes(), &sum));
            REQUIRE(sum == cpu_checksum(ranges));
            REQUIRE_HIP(hs_kernels::write_pattern(window.data(), window.bytes(), 77));
            REQUIRE(fragments_with_pattern(ranges, 77) == ranges.size());
        }
    }
}

TEST_CASE("one range inside of one page")
{
    alignas(4096) static uint8_t page[4096];
    for (const Backing &backing : backings()) {
        INFO("backing " << backing.name);
        const std::vector<hipScatterRange> ranges = {{page + 100, 8}};
        const Window window(ranges, backing.flag);
        REQUIRE(reinterpret_cast<uintptr_t>(window.data()) % page_bytes == 100);
        REQUIRE_HIP(hs_kernels::write_pattern(window.data(), 8, 5));
        REQUIRE(fragments_with_pattern(ranges, 5) == 1);
        REQUIRE(page[99] == 0);
        REQUIRE(page[108] == 0);
    }
}

// ---- faults: each in a process of its own, which ROCr must abort with its own words
// -----------------------------

TEST_CASE("child: access one byte", "[.child]")
{
    // HS_CHILD: "<backing> <where> <operation>". "read-only": inside of a window with that flag.
    std::array<char, 32> backing_name{}, where{}, operation{};
    const char *text = std::getenv("HS_CHILD");
    REQUIRE(text != nullptr);
    REQUIRE(std::sscanf(text, "%31s %31s %31s", backing_name.data(), where.data(),
                        operation.data()) == 3);
    HS_RANDOM(random);
    const Fragments memory({1, 2, 5}, random);
    const bool batch = std::strcmp(backing_name.data(), "batch") == 0;
    const bool read_only = std::strcmp(where.data(), "read-only") == 0;
    Window window(memory.ranges(),
                  (batch ? hipScatterRegisterBackingBatch : hipScatterRegisterBackingPerRange) |
                      (read_only ? hipScatterRegisterReadOnly : 0));
    uint8_t *address = window.data();
    if (std::strcmp(where.data(), "before") == 0)
        address -= 1;
    else if (std::strcmp(where.data(), "after") == 0)
        address += window.bytes();
    else if (std::strcmp(where.data(), "unregistered") == 0)
        window.unregister();
    else
        REQUIRE((read_only || std::strcmp(where.data(), "inside") == 0));
    uint8_t value = 0;
    if (std::strcmp(operation.data(), "load") == 0) {
        REQUIRE_HIP(hs_kernels::load_byte(address, &value));
    } else if (std::strcmp(operation.data(), "copy") == 0) {
        REQUIRE_HIP(hs_kernels::store_byte_late(address, 1));
        REQUIRE_HIP(hipScatterMemcpy(&value, window.data() + 1, 1, hipMemcpyDefault));
    } else if (std::strcmp(operation.data(), "unregister") == 0) {
        REQUIRE_HIP(hs_kernels::store_byte_late(address, 1));
        window.unregister();
    } else {
        REQUIRE_HIP(hs_kernels::store_byte(address, 1));
    }
    REQUIRE(value == 0);
}

namespace
{

// Runs the hidden case above in a new process. Returns its wait status; what it printed is appended
// to *output.
int run_child(const std::string &parameters, std::string *output)
{
    const Ended ended = run_case("child: access one byte", {"HS_CHILD=" + parameters});
    *output += ended.output;
    return ended.status;
}

} // namespace

TEST_CASE("an access beside the window or after unregistration is a memory access fault")
{
    for (const Backing &backing : backings()) {
        for (const char *operation : {"load", "store"}) {
            // The same program with a good address ends well: what follows is due to the address
            // alone.
            std::string good;
            const int good_status =
                run_child(std::string(backing.name) + " inside " + operation, &good);
            INFO(good);
            REQUIRE(WIFEXITED(good_status));
            REQUIRE(WEXITSTATUS(good_status) == 0);
            for (const char *where : {"before", "after", "unregistered"}) {
                std::string output;
                const int status =
                    run_child(std::string(backing.name) + " " + where + " " + operation, &output);
                INFO(backing.name << " " << operation << " " << where << ":\n" << output);
                REQUIRE(WIFSIGNALED(status));
                REQUIRE(WTERMSIG(status) == SIGABRT);
                REQUIRE(output.find("Memory access fault") != std::string::npos);
            }
        }
    }
}

// The library waits for the null stream; a fault meanwhile must neither be missed nor hang.
TEST_CASE("a memory access fault ends the program in a call of the library, too")
{
    for (const Backing &backing : backings()) {
        for (const char *operation : {"copy", "unregister"}) {
            std::string good, output;
            const int good_status =
                run_child(std::string(backing.name) + " inside " + operation, &good);
            INFO(good);
            REQUIRE(WIFEXITED(good_status));
            REQUIRE(WEXITSTATUS(good_status) == 0);
            const int status =
                run_child(std::string(backing.name) + " after " + operation, &output);
            INFO(backing.name << " " << operation << ":\n" << output);
            REQUIRE(WIFSIGNALED(status));
            REQUIRE(WTERMSIG(status) == SIGABRT);
            REQUIRE(output.find("Memory access fault") != std::string::npos);
        }
    }
}

TEST_CASE("a kernel reads a read-only window, and writing into one is a memory access fault")
{
    for (const Backing &backing : backings()) {
        INFO("backing " << backing.name);
        std::string output;
        const int read = run_child(std::string(backing.name) + " read-only load", &output);
        INFO(output);
        REQUIRE(WIFEXITED(read));
        REQUIRE(WEXITSTATUS(read) == 0);
        const int written = run_child(std::string(backing.name) + " read-only store", &output);
        REQUIRE(WIFSIGNALED(written));
        REQUIRE(WTERMSIG(written) == SIGABRT);
        REQUIRE(output.find("Memory access fault") != std::string::npos);
    }
}

TEST_CASE("in a coarse-grained window host and kernels see each other's writes at kernel borders")
{
    HS_RANDOM(random);
    const Fragments memory(fragment_pages(64, random), random);
    for (const Backing &backing : backings()) {
        INFO("backing " << backing.name);
        const Window window(memory.ranges(), backing.flag | hipScatterRegisterCoarseGrained);
        for (uint64_t round = 0; round < 3; round++) {
            uint64_t sum = 0;
            write_pattern(memory.ranges(), 2 * round);
            REQUIRE_HIP(hs_kernels::checksum(window.data(), window.bytes(), &sum));
            REQUIRE(sum == cpu_checksum(memory.ranges()));
            REQUIRE_HIP(hs_kernels::write_pattern(window.data(), window.bytes(), 2 * round + 1));
            REQUIRE(fragments_with_pattern(memory.ranges(), 2 * round + 1) == 64);
        }
    }
}

TEST_CASE(
    "a window lies in a 2 MiB unit as its largest range does, so that the GPU can use large pages")
{
    constexpr size_t unit = 2 << 20;
    HS_RANDOM(random);
    // Nothing large: at the start of a unit. Else whole units of the range are units of the window.
    const Fragments small({3, 5, 1}, random), large({3, 600, 5, 1700, 1}, random);
    for (const Backing &backing : backings()) {
        INFO("backing " << backing.name);
        const Window first(small.ranges(), backing.flag);
        CHECK(reinterpret_cast<uintptr_t>(first.data()) % unit == 0);
        const Window second(large.ranges(), backing.flag);
        const auto there = reinterpret_cast<uintptr_t>(second.data()) + 608 * page_bytes;
        CHECK(there % unit == reinterpret_cast<uintptr_t>(large.ranges()[3].base) % unit);
        uint64_t sum = 0;
        write_pattern(large.ranges(), 4);
        REQUIRE_HIP(hs_kernels::checksum(second.data(), second.bytes(), &sum));
        CHECK(sum == cpu_checksum(large.ranges()));
    }
}

// SPDX-License-Identifier: MIT
// SDMA packets over scattered pages, compared with plain loops over host copies.
#include "cp_bench.hpp"

#include <csignal>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

namespace
{

struct sdma {
    bench &b;
    sg_queue_config c;
    sg_queue *q;
    uint64_t write = 0;

    explicit sdma(bench &owner, uint64_t ring_bytes = 65536) : b(owner)
    {
        c = b.config(SG_QUEUE_SDMA, ring_bytes);
        c.read_ptr_va = b.allocate(8, 8);
        c.write_ptr_va = b.allocate(8, 8);
        q = b.create(c);
    }
    uint64_t read_index()
    {
        return std::atomic_ref(*b.at<uint64_t>(c.read_ptr_va)).load();
    }
    void put(std::vector<uint32_t> dwords)
    {
        for (uint32_t dword : dwords) {
            *b.at<uint32_t>(c.ring_va + write % c.ring_bytes) = dword;
            write += 4;
        }
    }
    bool run()
    {
        *b.at<uint64_t>(c.write_ptr_va) = write;
        b.ring(c, write);
        return eventually([&] { return read_index() == write; });
    }
    static uint32_t low(uint64_t va)
    {
        return uint32_t(va);
    }
    static uint32_t high(uint64_t va)
    {
        return uint32_t(va >> 32);
    }
    void copy(uint64_t to, uint64_t from, uint64_t bytes)
    {
        put({1, uint32_t(bytes - 1), 0, low(from), high(from), low(to), high(to)});
    }
    void fence(uint64_t va, uint32_t value)
    {
        put({5, low(va), high(va), value});
    }
};

void randomise(bench &b, uint64_t va, size_t bytes, std::mt19937_64 &random)
{
    for (size_t i = 0; i < bytes; i++)
        *b.memory->at(va + i) = uint8_t(random());
}

} // namespace

TEST_CASE("linear copies of any size and alignment equal memcpy")
{
    HS_RANDOM(random);
    bench b;
    sdma s(b);
    const size_t area = 600 * 1024;
    uint64_t from = b.allocate(area, 4096), to = b.allocate(area, 4096);
    randomise(b, from, area, random);
    auto source = b.memory->read(from, area);
    for (int i = 0; i < 60; i++) {
        size_t limit = i % 3 == 0 ? 64 : i % 3 == 1 ? 9000 : 550000;
        size_t bytes = 1 + random() % limit, at = random() % (area - bytes),
               out = random() % (area - bytes);
        CAPTURE(bytes, at, out);
        auto expected = b.memory->read(to, area);
        std::memcpy(&expected[out], &source[at], bytes);
        s.copy(to + out, from + at, bytes);
        REQUIRE(s.run());
        REQUIRE(b.memory->read(to, area) == expected);
    }
}

TEST_CASE("a broadcast copy writes both destinations")
{
    HS_RANDOM(random);
    bench b;
    sdma s(b);
    uint64_t from = b.allocate(8192), x = b.allocate(8192), y = b.allocate(8192);
    randomise(b, from, 8192, random);
    s.put({1u | 1u << 27, 4999, 0, s.low(from), s.high(from), s.low(x), s.high(x), s.low(y),
           s.high(y)});
    REQUIRE(s.run());
    CHECK(b.memory->read(x, 5000) == b.memory->read(from, 5000));
    CHECK(b.memory->read(y, 5000) == b.memory->read(from, 5000));
    CHECK(*b.memory->at(x + 5000) == 0);
}

TEST_CASE("sub-window copies equal three loops")
{
    HS_RANDOM(random);
    bench b;
    sdma s(b);
    const size_t area = 512 * 1024;
    uint64_t from = b.allocate(area, 4096), to = b.allocate(area, 4096);
    randomise(b, from, area, random);
    auto source = b.memory->read(from, area);
    for (int i = 0; i < 30; i++) {
        unsigned element = random() % 5;
        size_t unit = size_t(1) << element;
        size_t w = 1 + random() % 20, h = 1 + random() % 15, d = 1 + random() % 6;
        auto side = [&](size_t &x, size_t &y, size_t &z, size_t &pitch, size_t &slice) {
            x = random() % 4, y = random() % 4, z = random() % 3;
            pitch = x + w + random() % 9;
            slice = pitch * (y + h) + random() % 30;
        };
        size_t sx, sy, sz, sp, ss, dx, dy, dz, dp, ds;
        side(sx, sy, sz, sp, ss);
        side(dx, dy, dz, dp, ds);
        auto expected = b.memory->read(to, area);
        for (size_t z = 0; z < d; z++)
            for (size_t y = 0; y < h; y++)
                std::memcpy(&expected[((dz + z) * ds + (dy + y) * dp + dx) * unit],
                            &source[((sz + z) * ss + (sy + y) * sp + sx) * unit], w * unit);
        s.put({1u | 4u << 8 | element << 29, s.low(from), s.high(from), uint32_t(sx | sy << 16),
               uint32_t(sz | (sp - 1) << 13), uint32_t(ss - 1), s.low(to), s.high(to),
               uint32_t(dx | dy << 16), uint32_t(dz | (dp - 1) << 13), uint32_t(ds - 1),
               uint32_t((w - 1) | (h - 1) << 16), uint32_t(d - 1)});
        REQUIRE(s.run());
        CAPTURE(element, w, h, d);
        REQUIRE(b.memory->read(to, area) == expected);
    }
}

TEST_CASE("constant fills of bytes and words")
{
    bench b;
    sdma s(b);
    uint64_t to = b.allocate(400 * 1024, 4096);
    s.put({11u | 2u << 30, s.low(to + 4), s.high(to), 0x11223344, (70001 - 1) * 4}); // as ROCr
    s.put({11u, s.low(to + 300001), s.high(to), 0xaabbccdd, 6999});
    REQUIRE(s.run());
    CHECK(*b.at<uint32_t>(to) == 0);
    CHECK(*b.at<uint32_t>(to + 4) == 0x11223344);
    CHECK(*b.at<uint32_t>(to + 4 * 70001) == 0x11223344);
    CHECK(*b.at<uint32_t>(to + 4 * 70002) == 0);
    CHECK(*b.memory->at(to + 300000) == 0);
    auto filled = b.memory->read(to + 300001, 7000);
    CHECK(std::all_of(filled.begin(), filled.end(), [](uint8_t v) { return v == 0xdd; }));
    CHECK(*b.memory->at(to + 307001) == 0);
}

TEST_CASE("the end of a ROCr copy: timestamps, atomic decrement, fence and trap")
{
    bench b;
    sdma s(b);
    uint64_t stamp = b.allocate(32, 32), signal = b.allocate(8, 8), mailbox = b.allocate(8, 8);
    *b.at<int64_t>(signal) = 2;
    s.put({13u | 2u << 8, s.low(stamp), s.high(stamp)});
    s.put({10u | 47u << 25, s.low(signal), s.high(signal), UINT32_MAX, UINT32_MAX, 0, 0, 0});
    s.fence(mailbox, 31);
    s.put({6, 31});
    REQUIRE(s.run());
    CHECK(*b.at<uint64_t>(stamp) != 0);
    CHECK(*b.at<int64_t>(signal) == 1);
    CHECK(*b.at<uint32_t>(mailbox) == 31);
    REQUIRE(eventually([] { return fake_event_count() == 1; }));
    CHECK(fake_event(0) == 31);
}

TEST_CASE("SDMA atomics of both widths")
{
    struct row {
        uint32_t op;
        uint64_t old, source, compare, result;
    };
    auto row = GENERATE(values<struct row>({
        {0x07, 5, 9, 0, 9},                   // swap
        {0x08, 5, 9, 5, 9},                   // compare and swap
        {0x08, 5, 9, 4, 5},                   //
        {0x0f, 0xffffffff, 2, 0, 1},          // add
        {0x10, 1, 2, 0, 0xffffffff},          // subtract
        {0x11, 0xffffffff, 2, 0, 0xffffffff}, // signed minimum
        {0x12, 0xffffffff, 2, 0, 2},          // unsigned minimum
        {0x13, 0xffffffff, 2, 0, 2},          // signed maximum
        {0x14, 0xffffffff, 2, 0, 0xffffffff}, // unsigned maximum
        {0x15, 6, 3, 0, 2},                   // and
        {0x16, 6, 3, 0, 7},                   // or
        {0x17, 6, 3, 0, 5},                   // xor
        {0x18, 7, 7, 0, 0},                   // wrapping increment
        {0x18, 6, 7, 0, 7},                   //
        {0x19, 0, 7, 0, 7},                   // wrapping decrement
        {0x19, 6, 7, 0, 5},                   //
        {0x4f, 40, 2, 0, 42},                 // add without return
        {0x2f, UINT64_MAX, 2, 0, 1},          // 64 bits
        {0x31, UINT64_MAX, 2, 0, UINT64_MAX}, //
        {0x28, uint64_t(7) << 40, 9, uint64_t(7) << 40, 9},
    }));
    bench b;
    sdma s(b);
    uint64_t word = b.allocate(16, 16);
    *b.at<uint64_t>(word) = row.old;
    s.put({10u | row.op << 25, s.low(word), s.high(word), s.low(row.source), s.high(row.source),
           s.low(row.compare), s.high(row.compare), 0});
    REQUIRE(s.run());
    CAPTURE(row.op, row.old, row.source);
    CHECK(*b.at<uint64_t>(word) == row.result);
}

TEST_CASE("a poll waits for its word and holds only its own queue up")
{
    bench b;
    sdma s(b), other(b);
    uint64_t word = b.allocate(8, 8), out = b.allocate(8, 8);
    *b.at<uint32_t>(word) = 0x103;
    s.put({8u | 3u << 28 | 1u << 31, s.low(word), s.high(word), 4, 0xff, 0xfff0004});
    s.fence(out, 1);
    *b.at<uint64_t>(s.c.write_ptr_va) = s.write;
    b.ring(s.c, s.write);
    CHECK(never([&] { return *b.at<uint32_t>(out) != 0; }));
    other.fence(out + 4, 2);
    REQUIRE(other.run());
    CHECK(s.read_index() == 0);
    std::atomic_ref(*b.at<uint32_t>(word)).store(0x204);
    CHECK(eventually([&] { return s.read_index() == s.write; }));
    CHECK(*b.at<uint32_t>(out) == 1);
}

TEST_CASE("ROCr's HDP flush is passed")
{
    bench b;
    sdma s(b);
    s.put({8, 0, 0x80000000, 0, 0, 0});
    CHECK(s.run());
}

TEST_CASE("linear writes carry their data in the ring")
{
    bench b;
    sdma s(b);
    uint64_t to = b.allocate(8192, 4096) + 4000;
    std::vector<uint32_t> packet = {2, s.low(to), s.high(to), 699};
    for (uint32_t i = 0; i < 700; i++)
        packet.push_back(i * 3);
    s.put(packet);
    REQUIRE(s.run());
    for (uint32_t i = 0; i < 700; i++)
        REQUIRE(*b.at<uint32_t>(to + 4 * i) == i * 3);
}

TEST_CASE("indirect buffers and conditional execution")
{
    bench b;
    sdma s(b);
    uint64_t ib = b.allocate(256, 4096), out = b.allocate(64), flag = b.allocate(8, 8);
    *b.at<uint32_t>(flag) = 1;
    const uint32_t in_buffer[] = {5, s.low(out),     s.high(out), 11, 0,
                                  5, s.low(out + 4), s.high(out), 12};
    b.memory->write(ib, in_buffer, sizeof(in_buffer));
    s.put({4, s.low(ib), s.high(ib), 9, 0, 0});
    s.put({9, s.low(flag), s.high(flag), 2, 4});
    s.fence(out + 8, 13); // skipped: the flag is not 2
    s.put({9, s.low(flag), s.high(flag), 1, 4});
    s.fence(out + 12, 14);
    REQUIRE(s.run());
    CHECK(*b.at<uint32_t>(out) == 11);
    CHECK(*b.at<uint32_t>(out + 4) == 12);
    CHECK(*b.at<uint32_t>(out + 8) == 0);
    CHECK(*b.at<uint32_t>(out + 12) == 14);
}

TEST_CASE("packets wrap around the end of the ring")
{
    bench b;
    sdma s(b, 4096);
    uint64_t from = b.allocate(4096), to = b.allocate(4096);
    for (int i = 0; i < 3000; i++) { // 28-byte packets do not divide the ring
        *b.at<uint32_t>(from + 4 * (i % 1000)) = uint32_t(i);
        s.copy(to + 4 * (i % 1000), from + 4 * (i % 1000), 4);
        if (i % 50 == 49)
            REQUIRE(s.run());
    }
    for (uint32_t i = 0; i < 1000; i++)
        REQUIRE(*b.at<uint32_t>(to + 4 * i) == 2000 + i);
}

TEST_CASE("a packet that is not all there yet is waited for")
{
    bench b;
    sdma s(b);
    uint64_t out = b.allocate(8, 8);
    s.fence(out, 9);
    b.ring(s.c, 8);
    CHECK(never([&] { return s.read_index() != 0; }));
    CHECK(s.run());
    CHECK(*b.at<uint32_t>(out) == 9);
}

TEST_CASE("NOPs carry a count")
{
    bench b;
    sdma s(b);
    uint64_t out = b.allocate(8, 8);
    s.put({0u | 3u << 16, 0xdead, 0xbeef, 0xffff, 0, 0});
    s.fence(out, 9);
    CHECK(s.run());
    CHECK(*b.at<uint32_t>(out) == 9);
}

TEST_CASE("a copy into unmapped memory faults with the page and stops the queue")
{
    bench b;
    sdma s(b);
    uint64_t from = b.allocate(4096, 4096), out = b.allocate(8, 8);
    s.copy(0x5000000, from, 64);
    s.fence(out, 1);
    b.ring(s.c, s.write);
    REQUIRE(eventually([] { return fake_fault_count() == 1; }));
    CHECK(fake_fault_va() == 0x5000000);
    CHECK(fake_fault_write());
    CHECK(never([&] { return *b.at<uint32_t>(out) != 0; }));
}

TEST_CASE("a copy out of unmapped memory faults in the middle")
{
    bench b;
    sdma s(b);
    gpu_memory island(b.vm, 0x6000000, 1);
    uint64_t to = b.allocate(8192, 4096);
    std::memset(island.at(0x6000000), 0x77, 4096);
    s.copy(to, 0x6000000, 6000);
    b.ring(s.c, s.write);
    REQUIRE(eventually([] { return fake_fault_count() == 1; }));
    CHECK(fake_fault_va() == 0x6001000);
    CHECK_FALSE(fake_fault_write());
}

TEST_CASE("a pause interrupts a long copy between slices")
{
    bench b("gfx906", 4096);
    sdma s(b);
    const size_t bytes = 4u << 20;
    uint64_t from = b.allocate(bytes, 4096), to = b.allocate(bytes, 4096);
    s.copy(to, from, bytes);
    b.ring(s.c, s.write);
    REQUIRE(eventually([&] { return fake_counter_sdma_bytes(b.dev) != 0; }));
    fake_device_pause(b.dev);
    uint64_t moved = fake_counter_sdma_bytes(b.dev);
    CHECK(never([&] { return fake_counter_sdma_bytes(b.dev) != moved; }));
    fake_device_resume(b.dev);
    CHECK(eventually([&] { return s.read_index() == s.write; }));
    CHECK(fake_counter_sdma_bytes(b.dev) == bytes);
}

#ifndef __SANITIZE_THREAD__ // which cannot start threads after a fork
TEST_CASE("an unknown packet stops the program with its name")
{
    int output[2];
    REQUIRE(pipe(output) == 0);
    pid_t child = fork(); // before any thread exists
    if (child == 0) {
        signal(SIGABRT, SIG_DFL); // not the test framework's
        dup2(output[1], STDERR_FILENO);
        bench b;
        sdma s(b);
        s.put({0x0311, 0, 0, 0});
        s.run();
        _exit(0);
    }
    close(output[1]);
    std::string text(4096, '\0');
    size_t length = 0;
    for (ssize_t n; (n = read(output[0], &text[length], text.size() - length)) > 0;)
        length += size_t(n);
    int status = 0;
    waitpid(child, &status, 0);
    CAPTURE(text.substr(0, length));
    CHECK(WIFSIGNALED(status));
    CHECK(text.find("not implemented: SDMA packet: operation 17, sub-operation 3") !=
          std::string::npos);
}
#endif

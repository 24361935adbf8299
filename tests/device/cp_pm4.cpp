// SPDX-License-Identifier: MIT
// PM4 queues: the packets that kfdtest uses.
#include "cp_bench.hpp"

namespace
{

struct pm4 {
    bench &b;
    sg_queue_config c;
    sg_queue *q;
    uint64_t write = 0;

    explicit pm4(bench &owner, uint64_t ring_bytes = 4096) : b(owner)
    {
        c = b.config(SG_QUEUE_PM4, ring_bytes);
        c.read_ptr_va = b.allocate(8, 8);
        c.write_ptr_va = b.allocate(8, 8);
        q = b.create(c);
    }
    // In memory that an earlier queue had.
    pm4(bench &owner, uint64_t ring_bytes, uint64_t ring, uint64_t read, uint64_t write_ptr)
        : b(owner)
    {
        c = b.config(SG_QUEUE_PM4, SG_PAGE_BYTES);
        c.ring_va = ring;
        c.ring_bytes = ring_bytes;
        c.read_ptr_va = read;
        c.write_ptr_va = write_ptr;
        q = b.create(c);
    }
    uint32_t read_index()
    {
        return std::atomic_ref(*b.at<uint32_t>(c.read_ptr_va)).load();
    }
    static uint32_t low(uint64_t va)
    {
        return uint32_t(va);
    }
    static uint32_t high(uint64_t va)
    {
        return uint32_t(va >> 32);
    }
    static std::vector<uint32_t> packet(uint32_t op, std::vector<uint32_t> body)
    {
        body.insert(body.begin(), 3u << 30 | uint32_t(body.size() - 1) << 16 | op << 8);
        return body;
    }
    void put(const std::vector<uint32_t> &dwords)
    {
        for (uint32_t dword : dwords)
            *b.at<uint32_t>(c.ring_va + write++ * 4 % c.ring_bytes) = dword;
    }
    void bell()
    {
        b.ring(c, write);
    }
    bool run()
    {
        bell();
        return eventually([&] { return read_index() == write % (c.ring_bytes / 4); });
    }
    std::vector<uint32_t> write_data(uint64_t va, uint32_t value)
    {
        return packet(0x37, {5 << 8, low(va), high(va), value});
    }
    std::vector<uint32_t> release(uint64_t va, uint32_t data, uint32_t selects, uint32_t event)
    {
        return packet(0x49, {0x514, selects, low(va), high(va), data, 0, event});
    }
};

} // namespace

TEST_CASE("write data, ring wrap and the read pointer")
{
    bench b;
    pm4 p(b);
    uint64_t out = b.allocate(4096, 4096);
    for (uint32_t i = 0; i < 1000; i++) {
        p.put(p.write_data(out + 4 * i, i + 1));
        if (i % 100 == 99)
            REQUIRE(p.run());
    }
    for (uint32_t i = 0; i < 1000; i++)
        REQUIRE(*b.at<uint32_t>(out + 4 * i) == i + 1);
}

TEST_CASE("NOPs of both kinds")
{
    bench b;
    pm4 p(b);
    p.put({0x80000000, 0xffff1000}); // type 2; type 3 with all ones as count
    p.put(p.packet(0x10, {1, 2, 3}));
    uint64_t out = b.allocate(8, 8);
    p.put(p.write_data(out, 3));
    REQUIRE(p.run());
    CHECK(*b.at<uint32_t>(out) == 3);
}

TEST_CASE("a dispatch takes its state from the registers, and a release waits for it")
{
    bench b;
    pm4 p(b);
    uint64_t ib = b.allocate(1024, 4096), fence = b.allocate(8, 8);
    std::vector<uint32_t> commands;
    auto add = [&](const std::vector<uint32_t> &packet) {
        commands.insert(commands.end(), packet.begin(), packet.end());
    };
    add(p.packet(0x58, {0x28c00000, 0xffffffff, 0, 0, 0, 4}));
    add(p.packet(0x76, {0x204, 0, 0, 0, 64, 2, 1, 0, 0}));
    add(p.packet(0x76, {0x20c, 0x123456, 0x7f}));
    add(p.packet(0x76, {0x212, 0xc0084, 0x9e}));
    add(p.packet(0x76, {0x218, 3 << 12 | 8}));
    add(p.packet(0x76, {0x240, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25}));
    add(p.packet(0x15, {128, 4, 1, 0x21}));
    b.memory->write(ib, commands.data(), commands.size() * 4);
    p.put(p.packet(0x3f, {p.low(ib), p.high(ib), uint32_t(commands.size()) | 1u << 23}));
    p.put(p.release(fence, 55, 2u << 24 | 2u << 29, 21));
    p.bell();
    REQUIRE(eventually([] { return fake_exec_count() == 1; }));
    CHECK(never([&] { return *b.at<uint32_t>(fence) != 0 || fake_event_count() != 0; }));
    fake_dispatch d = fake_exec_dispatch(0);
    CHECK(d.code_va == 0x7f0012345600);
    CHECK(d.grid[0] == 128);
    CHECK(d.grid[1] == 4);
    CHECK(d.group[0] == 64);
    CHECK(d.group[1] == 2);
    CHECK(d.rsrc2 == 0x9e);
    CHECK(d.scratch_waves == 8);
    CHECK(d.scratch_bytes_per_wave == 3072);
    REQUIRE(d.user_sgpr_words == 16);
    CHECK(d.user_sgprs[0] == 10);
    CHECK(d.user_sgprs[15] == 25);
    fake_exec_finish(0, DONE, 0);
    CHECK(eventually([&] { return *b.at<uint64_t>(fence) == 55; }));
    CHECK(eventually([] { return fake_event_count() == 1 && fake_event(0) == 21; }));
    CHECK(eventually([&] { return p.read_index() == p.write; }));
}

TEST_CASE("a dispatch in workgroups")
{
    bench b;
    pm4 p(b);
    p.put(p.packet(0x76, {0x207, 32, 1, 1}));
    p.put(p.packet(0x15, {3, 2, 1, 1}));
    p.bell();
    REQUIRE(eventually([] { return fake_exec_count() == 1; }));
    CHECK(fake_exec_dispatch(0).grid[0] == 96);
    CHECK(fake_exec_dispatch(0).grid[1] == 2);
    fake_exec_finish(0, DONE, 0);
}

TEST_CASE("waiting for memory, atomics, copies of data and the clock")
{
    bench b;
    pm4 p(b);
    uint64_t word = b.allocate(64), out = b.allocate(64);
    *b.at<uint64_t>(word + 8) = 40;
    p.put(p.packet(0x3c, {3u | 1u << 4, p.low(word), p.high(word), 7, 0xff, 4}));
    p.put(p.packet(0x1e, {0x2f, p.low(word + 8), p.high(word), 2, 0, 0, 0, 0}));
    p.put(p.packet(
        0x40, {2u | 2u << 8 | 1u << 16, p.low(word + 8), p.high(word), p.low(out), p.high(out)}));
    p.put(p.packet(0x40, {9u | 5u << 8 | 1u << 16, 0, 0, p.low(out + 8), p.high(out)}));
    p.put(p.packet(0x40, {5u | 5u << 8, 99, 0, p.low(out + 16), p.high(out)}));
    p.bell();
    CHECK(never([&] { return *b.at<uint64_t>(out) != 0; }));
    std::atomic_ref(*b.at<uint32_t>(word)).store(0x107);
    REQUIRE(eventually([&] { return p.read_index() == p.write; }));
    CHECK(*b.at<uint64_t>(out) == 42);
    CHECK(*b.at<uint64_t>(out + 8) != 0);
    CHECK(*b.at<uint64_t>(out + 16) == 99);
}

TEST_CASE("data moves and fills by the micro engine")
{
    bench b;
    pm4 p(b);
    uint64_t from = b.allocate(8192, 4096), to = b.allocate(8192, 4096);
    *b.at<uint32_t>(from + 4996) = 0x5eed;
    p.put(p.packet(0x50, {0, p.low(from), p.high(from), p.low(to), p.high(to), 5000}));
    p.put(p.packet(0x50, {2u << 29, 0x1234, 0, p.low(to + 6000), p.high(to), 8}));
    REQUIRE(p.run());
    CHECK(*b.at<uint32_t>(to + 4996) == 0x5eed);
    CHECK(*b.at<uint32_t>(to + 6004) == 0x1234);
    CHECK(*b.at<uint32_t>(to + 6008) == 0);
}

TEST_CASE("a fault in a PM4 packet is reported")
{
    bench b;
    pm4 p(b);
    p.put(p.write_data(0x9000000, 1));
    p.bell();
    REQUIRE(eventually([] { return fake_fault_count() == 1; }));
    CHECK(fake_fault_va() == 0x9000000);
}

// kfdtest's QueueLatency fills the ring as soon as the event of the last packet is there.
TEST_CASE("the read pointer is behind a release when its data is there")
{
    bench b;
    pm4 p(b);
    const uint64_t out = b.allocate(8, 8);
    std::atomic_ref data(*b.at<uint32_t>(out));
    for (uint32_t round = 1; round <= 300; round++) {
        p.put(p.write_data(b.allocate(8, 8), 7));
        p.put(p.release(out, round, 1u << 24 | 1u << 29, 5));
        p.bell();
        for (uint64_t turns = 0; data != round && turns < 1'000'000'000; turns++)
            ; // not a moment later
        REQUIRE(p.read_index() == p.write % (p.c.ring_bytes / 4));
        REQUIRE(data == round);
        REQUIRE(eventually([&] { return fake_event_count() == round; }));
    }
}

// kfdtest's PM4EventInterrupt once found the read pointer of a new queue where the old one's had
// ended: it destroys a queue as soon as its last packet's event is there.
TEST_CASE("a queue that is destroyed at its last event writes no read pointer afterwards")
{
    bench b;
    const uint64_t out = b.allocate(8, 8), ring = b.allocate(4096, 4096);
    const uint64_t read = b.allocate(8, 8), write = b.allocate(8, 8);
    for (size_t round = 0; round < 300; round++) {
        pm4 p(b, 4096, ring, read, write);
        for (int i = 0; i < 8; i++)
            p.put(p.write_data(out, 7));
        p.put(p.release(out, 1, 1u << 24, 5));
        p.bell();
        REQUIRE(eventually([&] { return fake_event_count() == round + 1; }));
        b.destroy(p.q);
        std::atomic_ref(*b.at<uint32_t>(read)).store(0);
        b.next_queue--; // the same doorbell again
        pm4 next(b, 4096, ring, read, write);
        for (int i = 0; i < 20; i++) {
            REQUIRE(next.read_index() == 0);
            std::this_thread::sleep_for(std::chrono::microseconds(10));
        }
        b.destroy(next.q);
        b.next_queue--;
    }
}

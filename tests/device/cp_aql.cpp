// SPDX-License-Identifier: MIT
// AQL queues against the HSA packet rules, with an executor that ends dispatches on command.
#include "cp_bench.hpp"

#include <sys/mman.h>

TEST_CASE(
    "a kernel dispatch reaches the executor with everything from packet, descriptor and queue")
{
    bench b;
    aql a(b);
    uint64_t signal = b.signal(1, 17);
    auto p = a.dispatch(signal);
    p.group_segment_size = 4096;
    p.grid_size_y = 3;
    a.submit(p);
    REQUIRE(eventually([] { return fake_exec_count() == 1; }));
    fake_dispatch d = fake_exec_dispatch(0);
    CHECK(d.queue_id == a.c.queue_id);
    CHECK(d.packet_va == a.c.ring_va);
    CHECK(d.queue_va == a.queue_va);
    CHECK(d.dispatch_id == 0);
    CHECK(d.kernarg_va == 0x12345678);
    CHECK(d.code_va == a.kernel + 0x1000);
    CHECK(d.grid[0] == 640);
    CHECK(d.grid[1] == 3);
    CHECK(d.group[0] == 64);
    CHECK(d.group_segment_bytes == 4096);
    CHECK(d.rsrc1 == 0x01);
    CHECK(d.rsrc2 == 0x22);
    CHECK(d.rsrc3 == 0x33);
    CHECK(d.properties == 0x55);
}

TEST_CASE("a completed dispatch gives timestamps, signal, mailbox, event and its slot back")
{
    bench b;
    aql a(b);
    uint64_t signal = b.signal(1, 17);
    a.submit(a.dispatch(signal));
    REQUIRE(eventually([] { return fake_exec_count() == 1; }));
    CHECK(a.read_index() == 0);
    CHECK((a.header_at(0) & 0xff) == HSA_PACKET_TYPE_KERNEL_DISPATCH);
    CHECK(b.value(signal) == 1);
    fake_exec_finish(0, DONE, 0);
    CHECK(b.value(signal) == 0);
    auto *s = b.at<amd_signal_t>(signal);
    CHECK(s->start_ts != 0);
    CHECK(s->end_ts >= s->start_ts);
    CHECK(*b.at<uint64_t>(s->event_mailbox_ptr) == 17);
    REQUIRE(fake_event_count() == 1);
    CHECK(fake_event(0) == 17);
    CHECK(a.read_index() == 1);
    CHECK((a.header_at(0) & 0xff) == HSA_PACKET_TYPE_INVALID);
}

TEST_CASE("a ring of 16 packets takes 1000 dispatches in order")
{
    bench b;
    aql a(b, 16);
    uint64_t signal = b.signal(1000);
    fake_exec_auto(true);
    for (uint64_t i = 0; i < 1000; i++) {
        REQUIRE(eventually([&] { return a.write - a.read_index() < 16; }));
        auto p = a.dispatch(signal);
        p.kernarg_address = reinterpret_cast<void *>(i);
        a.submit(p);
    }
    REQUIRE(eventually([&] { return b.value(signal) == 0; }));
    CHECK(eventually([&] { return a.read_index() == 1000; }));
    for (uint64_t i = 0; i < 1000; i++) {
        fake_dispatch d = fake_exec_dispatch(i);
        REQUIRE(d.kernarg_va == i);
        REQUIRE(d.dispatch_id == i);
        REQUIRE(d.packet_va == a.c.ring_va + i % 16 * 64);
    }
}

TEST_CASE("packets without the barrier bit run together and complete in any order")
{
    bench b;
    aql a(b);
    uint64_t first = b.signal(1), second = b.signal(1);
    a.submit(a.dispatch(first));
    a.submit(a.dispatch(second));
    REQUIRE(eventually([] { return fake_exec_count() == 2; }));
    fake_exec_finish(1, DONE, 0);
    CHECK(b.value(second) == 0);
    CHECK(b.value(first) == 1);
    CHECK(a.read_index() == 0); // slots come back in order
    fake_exec_finish(0, DONE, 0);
    CHECK(b.value(first) == 0);
    CHECK(a.read_index() == 2);
}

TEST_CASE("a packet with the barrier bit waits for all packets before it")
{
    bench b;
    aql a(b);
    auto p = a.dispatch();
    a.submit(p);
    a.submit(p);
    p.header |= 1 << HSA_PACKET_HEADER_BARRIER;
    a.submit(p);
    REQUIRE(eventually([] { return fake_exec_count() == 2; }));
    CHECK(never([] { return fake_exec_count() > 2; }));
    fake_exec_finish(1, DONE, 0);
    CHECK(never([] { return fake_exec_count() > 2; }));
    fake_exec_finish(0, DONE, 0);
    CHECK(fake_exec_count() == 3); // launched by the completion itself
}

TEST_CASE("a packet whose header comes late is processed without another doorbell")
{
    bench b;
    aql a(b);
    auto p = a.dispatch();
    p.header = HSA_PACKET_TYPE_INVALID;
    a.submit(p);
    CHECK(never([] { return fake_exec_count() != 0; }));
    std::atomic_ref(*b.at<uint16_t>(a.c.ring_va)).store(HSA_PACKET_TYPE_KERNEL_DISPATCH);
    CHECK(eventually([] { return fake_exec_count() == 1; }));
}

TEST_CASE("doorbells in the wrong order lose no packet")
{
    bench b;
    aql a(b);
    a.submit(a.dispatch(), false);
    a.submit(a.dispatch(), false);
    b.ring(a.c, 0); // the second producer's ring of 1 was overwritten before it was seen
    CHECK(eventually([] { return fake_exec_count() == 2; }));
}

TEST_CASE("barrier-AND waits for all its signals and holds only its own queue up")
{
    bench b;
    aql a(b), other(b);
    uint64_t x = b.signal(1), y = b.signal(1), done = b.signal(1, 5);
    a.submit(a.barrier(HSA_PACKET_TYPE_BARRIER_AND, {x, 0, y}, done));
    a.submit(a.dispatch());
    other.submit(other.dispatch());
    REQUIRE(eventually([] { return fake_exec_count() == 1; }));
    CHECK(fake_exec_dispatch(0).queue_id == other.c.queue_id);
    b.set(x, 0);
    CHECK(never([] { return fake_exec_count() > 1; }));
    CHECK(b.value(done) == 1);
    b.set(y, 0);
    CHECK(eventually([] { return fake_exec_count() == 2; }));
    CHECK(b.value(done) == 0);
    CHECK(eventually([] { return fake_event_count() == 1; }));
}

TEST_CASE("barrier-OR waits for one of its signals, and for nothing without any")
{
    bench b;
    aql a(b);
    uint64_t x = b.signal(1), y = b.signal(1), first = b.signal(1), second = b.signal(1);
    a.submit(a.barrier(HSA_PACKET_TYPE_BARRIER_OR, {}, first));
    CHECK(eventually([&] { return b.value(first) == 0; }));
    a.submit(a.barrier(HSA_PACKET_TYPE_BARRIER_OR, {x, y}, second));
    CHECK(never([&] { return b.value(second) == 0; }));
    b.set(y, 0);
    CHECK(eventually([&] { return b.value(second) == 0; }));
    CHECK(eventually([&] { return a.read_index() == 2; }));
}

TEST_CASE("a completing dispatch releases a barrier in another queue")
{
    bench b;
    aql a(b), other(b);
    uint64_t link = b.signal(1);
    other.submit(other.barrier(HSA_PACKET_TYPE_BARRIER_AND, {link}, 0));
    other.submit(other.dispatch());
    a.submit(a.dispatch(link));
    REQUIRE(eventually([] { return fake_exec_count() == 1; }));
    fake_exec_finish(0, DONE, 0);
    CHECK(eventually([] { return fake_exec_count() == 2; }));
}

TEST_CASE("barrier-value compares the masked signal")
{
    struct row {
        uint32_t condition;
        int64_t value, mask, waits, passes;
    };
    auto row = GENERATE(values<struct row>({{HSA_SIGNAL_CONDITION_EQ, 5, 0xff, 4, 0x105},
                                            {HSA_SIGNAL_CONDITION_NE, 5, -1, 5, 6},
                                            {HSA_SIGNAL_CONDITION_LT, 5, -1, 5, -3},
                                            {HSA_SIGNAL_CONDITION_GTE, 5, 0xf, 0x14, 0x15}}));
    bench b;
    aql a(b);
    uint64_t signal = b.signal(row.waits), done = b.signal(1);
    hsa_amd_barrier_value_packet_t p = {};
    p.header.header = HSA_PACKET_TYPE_VENDOR_SPECIFIC;
    p.header.AmdFormat = HSA_AMD_PACKET_TYPE_BARRIER_VALUE;
    p.signal.handle = signal;
    p.value = row.value;
    p.mask = row.mask;
    p.cond = row.condition;
    p.completion_signal.handle = done;
    a.submit(p);
    CHECK(never([&] { return b.value(done) == 0; }));
    b.set(signal, row.passes);
    CHECK(eventually([&] { return b.value(done) == 0; }));
}

TEST_CASE("a vendor packet runs its PM4 buffer before the next packet")
{
    bench b;
    aql a(b);
    uint64_t ib = b.allocate(256), word = b.allocate(8), done = b.signal(1);
    const uint32_t commands[] = {
        0xC0055800, 0x28c00000, 0xffffffff,     0,
        0,          0,
        4, // ACQUIRE_MEM
        0xC0033700, 5 << 8,     uint32_t(word), uint32_t(word >> 32),
        77, // WRITE_DATA
    };
    b.memory->write(ib, commands, sizeof(commands));
    struct {
        uint16_t header, format;
        uint32_t jump[4], remain, reserved[8];
        uint64_t completion;
    } p = {HSA_PACKET_TYPE_VENDOR_SPECIFIC,
           1,
           {0xC0023F00, uint32_t(ib), uint32_t(ib >> 32), 12u | 1u << 23},
           10,
           {},
           done};
    a.submit(p);
    CHECK(eventually([&] { return b.value(done) == 0; }));
    CHECK(*b.at<uint32_t>(word) == 77);
    CHECK(eventually([&] { return a.read_index() == 1; }));
}

TEST_CASE("a dispatch that wants more scratch than there is asks ROCr for it")
{
    bench b;
    aql a(b);
    auto p = a.dispatch();
    a.submit(p);
    REQUIRE(eventually([] { return fake_exec_count() == 1; }));
    p.private_segment_size = 100;
    a.submit(p);
    CHECK(never([&] { return b.value(a.inactive) != 0; })); // the first still runs
    fake_exec_finish(0, DONE, 0);
    REQUIRE(eventually([&] { return b.value(a.inactive) == 1; }));
    CHECK(eventually([] { return fake_event_count() == 1 && fake_event(0) == 99; }));
    CHECK(a.read_index() == 1); // names the packet
    CHECK(never([] { return fake_exec_count() != 1; }));

    auto *amd = a.amd();
    for (uint32_t i = 0; i < 4; i++)
        amd->scratch_resource_descriptor[i] = 0xa0 + i;
    amd->scratch_backing_memory_location = 0x7000000;
    amd->scratch_wave64_lane_byte_size = 112;
    amd->compute_tmpring_size = 7u << 12 | 32;
    b.set(a.inactive, 0);
    REQUIRE(eventually([] { return fake_exec_count() == 2; }));
    fake_dispatch d = fake_exec_dispatch(1);
    CHECK(d.scratch_srd[3] == 0xa3);
    CHECK(d.scratch_va == 0x7000000);
    CHECK(d.scratch_waves == 32);
    CHECK(d.scratch_bytes_per_wave == 7 * 1024);
    CHECK(d.private_segment_bytes == 100);
}

TEST_CASE("scratch for one use runs alone and is given back before the next packet")
{
    bench b;
    aql a(b);
    auto *amd = a.amd();
    amd->scratch_wave64_lane_byte_size = 1024;
    amd->queue_properties = AMD_QUEUE_PROPERTIES_USE_SCRATCH_ONCE;
    auto p = a.dispatch();
    p.private_segment_size = 512;
    a.submit(p);
    a.submit(a.dispatch());
    REQUIRE(eventually([] { return fake_exec_count() == 1; }));
    CHECK(never([] { return fake_exec_count() != 1; }));
    fake_exec_finish(0, DONE, 0);
    CHECK(b.value(a.inactive) == 512);
    CHECK(never([] { return fake_exec_count() != 1; }));
    b.set(a.inactive, 0);
    CHECK(never([] { return fake_exec_count() != 1; })); // the property comes second
    std::atomic_ref(amd->queue_properties).store(0);
    CHECK(eventually([] { return fake_exec_count() == 2; }));
}

TEST_CASE("packets that the hardware refuses stop the queue with ROCr's error bits")
{
    struct row {
        const char *what;
        int64_t error;
        void (*spoil)(hsa_kernel_dispatch_packet_t &, aql &);
    };
    auto row = GENERATE(values<struct row>({
        {"no dimension", 2, [](auto &p, aql &) { p.setup = 4; }},
        {"empty workgroup", 2, [](auto &p, aql &) { p.workgroup_size_y = 0; }},
        {"empty grid", 2, [](auto &p, aql &) { p.grid_size_z = 0; }},
        {"group memory", 4, [](auto &p, aql &) { p.group_segment_size = UINT32_MAX; }},
        {"no code", 8, [](auto &p, aql &) { p.kernel_object = 0; }},
        {"no code and too much group memory", 8,
         [](auto &p, aql &) { p.kernel_object = 0, p.group_segment_size = UINT32_MAX; }},
        {"unknown type", 32, [](auto &p, aql &) { p.header = 0xff; }},
        {"agent dispatch", 32, [](auto &p, aql &) { p.header = HSA_PACKET_TYPE_AGENT_DISPATCH; }},
        {"group too large", 64, [](auto &p, aql &) { p.workgroup_size_x = 0xffff; }},
        {"group too large as a whole", 64, [](auto &p, aql &) { p.workgroup_size_z = 17; }},
        {"too many registers", 128,
         [](auto &p, aql &a) {
             p.workgroup_size_x = 1024;
             *a.b.at<uint32_t>(a.kernel + 48) = 0x3f;
         }},
        {"unknown vendor packet", 256, [](auto &p, aql &) { p.header = 0, p.setup = 9; }},
    }));
    CAPTURE(row.what);
    bench b;
    aql a(b);
    uint64_t done = b.signal(1);
    auto p = a.dispatch(done);
    row.spoil(p, a);
    a.submit(p);
    a.submit(a.dispatch());
    REQUIRE(eventually([&] { return b.value(a.inactive) != 0; }));
    CHECK(b.value(a.inactive) == row.error);
    CHECK(never([] { return fake_exec_count() != 0; }));
    CHECK(b.value(done) == 1);
    CHECK(a.read_index() == 0);
}

TEST_CASE("a trap and an illegal instruction stop the queue with their error")
{
    auto [result, error] =
        GENERATE(table<int, int64_t>({{TRAP, 0x80000000}, {ILLEGAL, 0x40000000}}));
    bench b;
    aql a(b);
    uint64_t done = b.signal(1);
    a.submit(a.dispatch(done));
    REQUIRE(eventually([] { return fake_exec_count() == 1; }));
    fake_exec_finish(0, result, 0);
    CHECK(b.value(a.inactive) == error);
    CHECK(b.value(done) == 1);
    a.submit(a.dispatch());
    CHECK(never([] { return fake_exec_count() != 1; }));
}

TEST_CASE("a memory fault is reported once and stops every queue of its address space")
{
    bench b;
    aql a(b), other(b);
    a.submit(a.dispatch());
    REQUIRE(eventually([] { return fake_exec_count() == 1; }));
    fake_exec_finish(0, FAULT, 0xdead000);
    CHECK(fake_fault_count() == 1);
    CHECK(fake_fault_va() == 0xdead000);
    // The engine does that, and cancels what a queue has running once it is stopped.
    REQUIRE(eventually([] { return fake_cancel_count() == 2; }));
    other.submit(other.dispatch());
    CHECK(never([] { return fake_exec_count() != 1; }));
}

TEST_CASE("a kernel object that is not mapped is a memory fault")
{
    bench b;
    aql a(b);
    auto p = a.dispatch();
    p.kernel_object = 0x1234000;
    a.submit(p);
    CHECK(eventually([] { return fake_fault_count() == 1; }));
    CHECK(fake_fault_va() == 0x1234000);
    CHECK_FALSE(fake_fault_write());
}

TEST_CASE("an inactive queue takes nothing until it is updated")
{
    bench b;
    aql a(b, 64, 0);
    a.submit(a.dispatch());
    CHECK(never([] { return fake_exec_count() != 0; }));
    a.c.percent = 100;
    REQUIRE(sg_queue_update(a.q, &a.c) == 0);
    CHECK(eventually([] { return fake_exec_count() == 1; }));
}

TEST_CASE("the priority of a queue reaches its dispatches")
{
    bench b;
    aql a(b, 64, 100, 3);
    a.submit(a.dispatch());
    REQUIRE(eventually([] { return fake_exec_count() == 1; }));
    a.c.priority = 11;
    REQUIRE(sg_queue_update(a.q, &a.c) == 0);
    a.submit(a.dispatch());
    REQUIRE(eventually([] { return fake_exec_count() == 2; }));
    CHECK(fake_exec_dispatch(0).priority == 3);
    CHECK(fake_exec_dispatch(1).priority == 11);
}

TEST_CASE("a paused device starts nothing and completes nothing")
{
    bench b;
    aql a(b);
    uint64_t done = b.signal(1);
    a.submit(a.dispatch(done));
    REQUIRE(eventually([] { return fake_exec_count() == 1; }));
    fake_device_pause(b.dev);
    fake_exec_finish(0, DONE, 0);
    a.submit(a.dispatch());
    CHECK(never([&] { return b.value(done) == 0 || fake_exec_count() != 1; }));
    CHECK(a.read_index() == 0);
    fake_device_resume(b.dev);
    CHECK(eventually([&] { return b.value(done) == 0 && fake_exec_count() == 2; }));
    CHECK(a.read_index() == 1);
}

TEST_CASE("a busy queue can be destroyed, also while the device is paused")
{
    bool paused = GENERATE(false, true);
    bench b;
    aql a(b), other(b);
    uint64_t done = b.signal(1);
    a.submit(a.dispatch(done));
    a.submit(a.dispatch(done));
    REQUIRE(eventually([] { return fake_exec_count() == 2; }));
    if (paused) {
        fake_device_pause(b.dev);
        fake_exec_finish(0, DONE, 0);
    }
    b.destroy(a.q);
    if (paused)
        fake_device_resume(b.dev);
    CHECK(b.value(done) == 1);
    other.submit(other.dispatch());
    CHECK(eventually([] { return fake_exec_count() == 3; }));
}

TEST_CASE("a suspended queue starts nothing and completes nothing, others do")
{
    bench b;
    aql a(b), other(b);
    uint64_t done = b.signal(1);
    a.submit(a.dispatch(done));
    REQUIRE(eventually([] { return fake_exec_count() == 1; }));
    sg_queue_suspend(a.q);
    fake_exec_finish(0, DONE, 0);
    a.submit(a.dispatch());
    CHECK(never([&] { return b.value(done) == 0 || fake_exec_count() != 1; }));
    other.submit(other.dispatch());
    CHECK(eventually([] { return fake_exec_count() == 2; }));
    CHECK(a.read_index() == 0);
    sg_queue_resume(a.q);
    CHECK(eventually([&] { return b.value(done) == 0 && fake_exec_count() == 3; }));
    CHECK(a.read_index() == 1);
}

TEST_CASE("a suspended queue can be destroyed")
{
    bench b;
    aql a(b);
    uint64_t done = b.signal(1);
    a.submit(a.dispatch(done));
    a.submit(a.dispatch(done));
    REQUIRE(eventually([] { return fake_exec_count() == 2; }));
    sg_queue_suspend(a.q);
    fake_exec_finish(0, DONE, 0);
    b.destroy(a.q);
    CHECK(b.value(done) == 1);
}

TEST_CASE("sixteen queues progress at once")
{
    bench b;
    std::vector<std::unique_ptr<aql>> all;
    uint64_t signal = b.signal(16 * 50);
    for (int i = 0; i < 16; i++)
        all.push_back(std::make_unique<aql>(b));
    fake_exec_auto(true);
    for (int round = 0; round < 50; round++)
        for (auto &a : all) {
            auto p = a->dispatch(signal);
            p.header |= 1 << HSA_PACKET_HEADER_BARRIER;
            a->submit(p);
        }
    CHECK(eventually([&] { return b.value(signal) == 0; }));
    for (auto &a : all)
        CHECK(eventually([&] { return a->read_index() == 50; }));
}

TEST_CASE("a queue's configuration is checked")
{
    bench b;
    auto good = b.config(SG_QUEUE_AQL, 4096);
    good.read_ptr_va = good.write_ptr_va = b.allocate(64);
    sg_queue *q = nullptr;
    auto bad = good;
    bad.ring_bytes = 4096 + 64;
    CHECK(sg_queue_create(b.dev, &bad, &q) == -EINVAL);
    bad = good;
    bad.vm = nullptr;
    CHECK(sg_queue_create(b.dev, &bad, &q) == -EINVAL);
    bad = good;
    bad.ring_va = 0;
    CHECK(sg_queue_create(b.dev, &bad, &q) == -EINVAL);
    bad = good;
    bad.doorbell = nullptr;
    CHECK(sg_queue_create(b.dev, &bad, &q) == -EINVAL);
    good.ring_va = good.ring_bytes = 0; // a disabled queue is allowed
    CHECK(sg_queue_create(b.dev, &good, &q) == 0);
    sg_queue_destroy(q);
}

TEST_CASE("a packet's word in memory that the program has unmapped is a fault, not a crash")
{
    bench b;
    aql a(b);
    void *host =
        mmap(nullptr, SG_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(host != MAP_FAILED);
    const uint64_t va = bench::BASE + (uint64_t(1) << 40);
    REQUIRE(sg_vm_map(b.vm, va, host, SG_PAGE_BYTES, SG_PTE_READ | SG_PTE_WRITE) == 0);
    REQUIRE(mprotect(host, SG_PAGE_BYTES, PROT_NONE) == 0);
    const auto faults = [va] {
        REQUIRE(eventually([] { return fake_fault_count() == 1; }));
        CHECK(fake_fault_va() == va);
    };
    SECTION("read: the dependent signal of a barrier")
    {
        a.submit(a.barrier(HSA_PACKET_TYPE_BARRIER_AND, {va + 64}, 0));
        faults();
    }
    SECTION("written: a completion signal")
    {
        a.submit(a.barrier(HSA_PACKET_TYPE_BARRIER_AND, {}, va + 64));
        faults();
    }
    sg_vm_unmap(b.vm, va, SG_PAGE_BYTES);
    munmap(host, SG_PAGE_BYTES);
}

TEST_CASE("a dispatch carries the compute units of its queue's mask")
{
    bench b;
    aql a(b);
    a.submit(a.dispatch());
    REQUIRE(eventually([] { return fake_exec_count() == 1; }));
    CHECK(fake_exec_dispatch(0).cu_mask == 0xff); // the fake device has eight
    const uint32_t some[1] = {0xf0000a};
    auto c = a.c;
    c.cu_mask = some;
    c.cu_mask_bits = 32;
    REQUIRE(sg_queue_update(a.q, &c) == 0);
    a.submit(a.dispatch());
    REQUIRE(eventually([] { return fake_exec_count() == 2; }));
    CHECK(fake_exec_dispatch(1).cu_mask == 0x0a); // bits without a unit do not count
    const uint32_t none[1] = {0x100};
    c.cu_mask = none;
    REQUIRE(sg_queue_update(a.q, &c) == 0);
    a.submit(a.dispatch());
    CHECK(never([] { return fake_exec_count() > 2; }));
    c.cu_mask = nullptr;
    REQUIRE(sg_queue_update(a.q, &c) == 0);
    CHECK(eventually([] { return fake_exec_count() == 3; }));
}

TEST_CASE("a fault in the hole of the address space is the queue error of an aperture violation")
{
    bench b;
    aql a(b);
    a.submit(a.dispatch());
    REQUIRE(eventually([] { return fake_exec_count() == 1; }));
    fake_exec_finish(0, FAULT, 0x7000000000000000);
    CHECK(b.value(a.inactive) == 0x20000000);
    CHECK(fake_fault_count() == 0);
}

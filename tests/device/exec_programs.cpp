// SPDX-License-Identifier: MIT
// Small GFX9 programs (exec_programs.s) on the executor, without queues: initial state, barriers,
// waves and workgroups that wait for each other, pause, cancel, faults, scratch, code that changes,
// memory order.
#include "exec_internals.hpp"
#include "exec_shim.h"

#include <atomic>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include <elf.h>
#include <fcntl.h>
#include <unistd.h>

using namespace std::chrono_literals;

static const uint64_t CODE = 0x100000000000, DATA = 0x7ead00000000, ARGS = 0x200000000000,
                      SCRATCH = 0x300000000000;

// The assembled object: bytes of .text and the programs' offsets in it.
struct object {
    std::vector<char> file;
    const char *text = nullptr;
    size_t text_bytes = 0;
    std::map<std::string, uint64_t> symbols;

    object()
    {
        std::ifstream in(EXEC_PROGRAMS, std::ios::binary);
        file.assign(std::istreambuf_iterator<char>(in), {});
        REQUIRE(file.size() > sizeof(Elf64_Ehdr));
        Elf64_Ehdr header;
        memcpy(&header, file.data(), sizeof(header));
        std::vector<Elf64_Shdr> sections(header.e_shnum);
        memcpy(sections.data(), &file[header.e_shoff], sections.size() * sizeof(sections[0]));
        const char *names = &file[sections[header.e_shstrndx].sh_offset];
        for (const auto &section : sections) {
            if (!strcmp(names + section.sh_name, ".text")) {
                text = &file[section.sh_offset];
                text_bytes = section.sh_size;
            }
            if (section.sh_type != SHT_SYMTAB)
                continue;
            for (size_t at = 0; at < section.sh_size; at += sizeof(Elf64_Sym)) {
                Elf64_Sym symbol;
                memcpy(&symbol, &file[section.sh_offset + at], sizeof(symbol));
                symbols[&file[sections[section.sh_link].sh_offset] + symbol.st_name] =
                    symbol.st_value;
            }
        }
        REQUIRE(text);
    }
};

struct outcome {
    sg_dispatch_result result;
    sg_memory_fault fault;
};

// A dispatch that can be waited for.
struct launch {
    sg_dispatch dispatch{};
    std::mutex mutex;
    std::condition_variable ended;
    bool over = false;
    outcome out{};
    std::thread::id by{}; // who called done()

    static void done(sg_dispatch *d, sg_dispatch_result result, const sg_memory_fault *fault)
    {
        auto *self = static_cast<launch *>(d->owner);
        std::lock_guard guard(self->mutex);
        self->out = {result, *fault};
        self->by = std::this_thread::get_id();
        self->over = true;
        self->ended.notify_all();
    }
    // Longer than a loaded machine takes, shorter than ctest waits: a hang is named by its line.
    bool wait(std::chrono::milliseconds limit = 100s)
    {
        std::unique_lock guard(mutex);
        return ended.wait_for(guard, limit, [&] { return over; });
    }
};

// A device with one address space, the programs in it, and memory for data.
struct gpu {
    sg_device_ops ops{};
    sg_device *dev;
    sg_vm *vm = sg_vm_create();
    static const object &programs()
    {
        static const object loaded;
        return loaded;
    }
    std::unique_ptr<shuffled_memory> code, data, args, scratch;

    explicit gpu(uint32_t threads = 2, size_t data_pages = 64)
    {
        ops.event = [](void *, uint32_t) {};
        ops.memory_fault = [](void *, const sg_memory_fault *) {};
        ops.stopped = [](void *, uint32_t, const char *) {};
        sg_device_config config{};
        config.arch = sg_arch_find("gfx906");
        config.compute_units = 8;
        config.threads = threads;
        config.ops = &ops;
        dev = sg_device_create(&config);
        REQUIRE(dev);
        code.reset(new shuffled_memory(vm, CODE, programs().text_bytes / 4096 + 2,
                                       SG_PTE_READ | SG_PTE_WRITE | SG_PTE_EXEC));
        data.reset(new shuffled_memory(vm, DATA, data_pages));
        args.reset(new shuffled_memory(vm, ARGS, 1));
        scratch.reset(new shuffled_memory(vm, SCRATCH, 16));
        REQUIRE(sg_vm_write(vm, CODE, programs().text, programs().text_bytes, nullptr));
        for (size_t i = 0; i < data_pages; i++)
            memset(data->page(i), 0, 4096);
    }
    ~gpu()
    {
        sg_device_destroy(dev);
        code.reset();
        data.reset();
        args.reset();
        scratch.reset();
        sg_vm_destroy(vm);
    }
    uint64_t address(const std::string &name) const
    {
        return CODE + programs().symbols.at(name);
    }
    // Kernel arguments in a slot of their own.
    uint64_t arguments(const std::vector<uint64_t> &values, unsigned slot = 0) const
    {
        for (size_t i = 0; i < values.size(); i++)
            memcpy(&args->at(slot * 256 + i * 8), &values[i], 8);
        return ARGS + slot * 256;
    }
    std::unique_ptr<launch> start(uint64_t pc, std::array<uint32_t, 3> grid,
                                  std::array<uint16_t, 3> group, uint64_t kernarg,
                                  uint32_t queue = 1)
    {
        auto l = std::make_unique<launch>();
        sg_dispatch &d = l->dispatch;
        d.dev = dev;
        d.vm = vm;
        d.queue_id = queue;
        d.kernarg_va = kernarg;
        std::copy(grid.begin(), grid.end(), d.grid);
        std::copy(group.begin(), group.end(), d.group);
        d.code_va = pc;
        d.kernel_code_properties = 8;        // kernarg pointer
        d.rsrc1 = 5 | 12 << 6 | 0xc0 << 12;  // 24 VGPRs, denormals
        d.rsrc2 = 2 << 1 | 7 << 7 | 2 << 11; // 2 user SGPRs, workgroup ids, work-item ids
        d.group_segment_bytes = 4096;
        d.trap_handler_va = 1; // there is one: s_trap is no s_nop
        d.done = launch::done;
        d.owner = l.get();
        REQUIRE(sg_exec_submit(exec_of(dev), &d) == 0);
        return l;
    }
    outcome run(const std::string &name, std::array<uint32_t, 3> grid,
                std::array<uint16_t, 3> group, const std::vector<uint64_t> &values)
    {
        auto l = start(address(name), grid, group, arguments(values));
        REQUIRE(l->wait());
        return l->out;
    }
    uint32_t word(uint64_t offset) const
    {
        return __atomic_load_n(reinterpret_cast<uint32_t *>(&data->at(offset)), __ATOMIC_SEQ_CST);
    }
    void set_word(uint64_t offset, uint32_t value) const
    {
        __atomic_store_n(reinterpret_cast<uint32_t *>(&data->at(offset)), value, __ATOMIC_SEQ_CST);
    }
};

TEST_CASE("every work-item runs once, with its ids, also in partial waves and workgroups")
{
    static const struct {
        std::array<uint32_t, 3> grid;
        std::array<uint16_t, 3> group;
    } shapes[] = {{{1, 1, 1}, {1, 1, 1}},       {{64, 1, 1}, {64, 1, 1}},
                  {{1000, 1, 1}, {256, 1, 1}},  {{100, 7, 3}, {16, 4, 2}},
                  {{33, 33, 1}, {32, 32, 1}},   {{3, 5, 65}, {1, 2, 64}},
                  {{4096, 1, 1}, {1024, 1, 1}}, {{65, 1, 1}, {1024, 1, 1}}};
    for (const auto &s : shapes) {
        gpu g;
        auto low = [](uint64_t a, uint64_t b) { return a | b << 32; };
        REQUIRE(g.run("ids", s.grid, s.group,
                      {DATA, DATA + 32 * 4096, low(s.grid[0], s.grid[1]),
                       low(s.group[0], s.group[1]), s.group[2]})
                    .result == SG_DISPATCH_DONE);
        bool good = true;
        uint64_t item = 0;
        for (uint32_t z = 0; z < s.grid[2]; z++)
            for (uint32_t y = 0; y < s.grid[1]; y++)
                for (uint32_t x = 0; x < s.grid[0]; x++, item++) {
                    uint32_t id = x % s.group[0] | y % s.group[1] << 10 | z % s.group[2] << 20;
                    good = good && g.word(item * 4) == id && g.word(32 * 4096 + item * 4) == 1;
                }
        CHECK(good);
        CHECK(g.word(32 * 4096 + item * 4) == 0);
        struct sg_device_stats stats;
        sg_device_stats(g.dev, &stats);
        CHECK(stats.instructions == stats.waves * 21); // s_waitcnt is stepped over
        CHECK(stats.vector_instructions == stats.waves * 14);
    }
}

TEST_CASE("a grid or workgroup that the hardware cannot launch is refused")
{
    gpu g;
    launch l;
    sg_dispatch &d = l.dispatch;
    d.dev = g.dev;
    d.vm = g.vm;
    d.group[0] = d.group[1] = d.group[2] = 1;
    d.grid[0] = d.grid[1] = 1;
    CHECK(sg_exec_submit(exec_of(g.dev), &d) == -EINVAL); // grid z is 0
    d.grid[2] = 1;
    d.group[0] = 1025;
    CHECK(sg_exec_submit(exec_of(g.dev), &d) == -EINVAL);
    d.group[0] = 64;
    d.group_segment_bytes = 64 * 1024 + 1;
    CHECK(sg_exec_submit(exec_of(g.dev), &d) == -EINVAL);
}

TEST_CASE("16 waves meet at barriers and see each other's LDS")
{
    gpu g;
    const uint32_t groups = 8, rounds = 37;
    REQUIRE(g.run("barrier", {1024 * groups, 1, 1}, {1024, 1, 1}, {DATA, rounds}).result ==
            SG_DISPATCH_DONE);
    bool good = true;
    for (uint32_t i = 0; i < groups * 1024; i++)
        good = good && g.word(i * 4) == (i % 1024 + 1024 * rounds - 64 * rounds) % 1024;
    CHECK(good);
}

TEST_CASE("workgroups that spin for a later workgroup all get to run")
{
    for (uint32_t threads : {1u, 3u}) {
        gpu g(threads);
        const uint32_t groups = 64;
        REQUIRE(g.run("chain", {64 * groups, 1, 1}, {64, 1, 1}, {DATA, groups - 1}).result ==
                SG_DISPATCH_DONE);
        for (uint32_t i = 0; i < groups; i++)
            CHECK(g.word(i * 4) == 1);
    }
}

TEST_CASE("a grid barrier works up to the occupancy that HIP computes")
{
    for (uint32_t threads : {1u, 2u}) {
        gpu g(threads);
        const uint32_t groups =
            8 * 40 / 4; // 8 CUs of 40 waves; workgroups of 4 waves; LDS 4 KiB: 16 each
        REQUIRE(g.run("grid", {256 * groups, 1, 1}, {256, 1, 1}, {DATA, groups, 5}).result ==
                SG_DISPATCH_DONE);
        CHECK(g.word(0) == groups * 5);
    }
}

TEST_CASE("atomics of many waves on many threads lose nothing")
{
    gpu g(4);
    REQUIRE(g.run("add", {64 * 200, 1, 1}, {64, 1, 1}, {DATA}).result == SG_DISPATCH_DONE);
    CHECK(g.word(0) == 64 * 200 * 100);
}

TEST_CASE("dispatches of two queues run at the same time, on one thread too")
{
    gpu g(1);
    auto first =
        g.start(g.address("count"), {64, 1, 1}, {64, 1, 1}, g.arguments({DATA, DATA + 4096}), 1);
    auto second =
        g.start(g.address("add"), {64, 1, 1}, {64, 1, 1}, g.arguments({DATA + 8192}, 1), 2);
    CHECK(second->wait());
    CHECK(second->out.result == SG_DISPATCH_DONE);
    CHECK_FALSE(first->wait(1ms));
    g.set_word(4096, 1);
    CHECK(first->wait());
    CHECK(first->out.result == SG_DISPATCH_DONE);
}

// ---- small dispatches, which the thread that submits them runs itself

// The calling thread helps from now on.
struct helping_gpu : gpu {
    explicit helping_gpu(uint32_t threads = 2) : gpu(threads)
    {
        assist();
    }
    bool assist() const
    {
        return sg_exec_assist(exec_of(dev));
    }
};

TEST_CASE("a small dispatch runs on the thread that submits it, a large one does not")
{
    helping_gpu g;
    CHECK_FALSE(g.assist()); // nothing to do
    bool here = false;
    uint32_t runs = 0;
    while (!here && runs < 1000) { // a worker that is awake may be faster
        auto small = g.start(g.address("add"), {64, 1, 1}, {64, 1, 1}, g.arguments({DATA}));
        CHECK(g.assist());
        REQUIRE(small->wait());
        REQUIRE(g.word(0) == ++runs * 6400);
        here = small->by == std::this_thread::get_id();
    }
    CHECK(here);
    auto large = g.start(g.address("add"), {64 * 200, 1, 1}, {64, 1, 1}, g.arguments({DATA}));
    g.assist();
    REQUIRE(large->wait());
    CHECK(large->by != std::this_thread::get_id());
    CHECK(g.word(0) == (runs + 200) * 6400);
}

TEST_CASE("a small dispatch that waits for the host goes on without the thread that submitted it")
{
    for (uint32_t threads : {1u, 2u}) {
        helping_gpu g(threads);
        auto l = g.start(g.address("count"), {64 * 2, 1, 1}, {64, 1, 1},
                         g.arguments({DATA, DATA + 4096}));
        CHECK(g.assist()); // comes back
        CHECK_FALSE(l->wait(0ms));
        uint32_t before = g.word(0);
        while (g.word(0) == before)
            std::this_thread::yield();
        g.set_word(4096, 1);
        REQUIRE(l->wait());
        CHECK(l->out.result == SG_DISPATCH_DONE);
        CHECK(l->by != std::this_thread::get_id());
    }
}

TEST_CASE("an endless small dispatch does not hold up another one, and can be cancelled")
{
    helping_gpu g(1);
    auto endless = g.start(g.address("endless"), {64, 1, 1}, {64, 1, 1}, g.arguments({}, 1), 7);
    auto other = g.start(g.address("add"), {64, 1, 1}, {64, 1, 1}, g.arguments({DATA}), 8);
    for (int calls = 0; calls < 100 && g.assist(); calls++)
        ;
    CHECK(other->wait());
    CHECK_FALSE(endless->wait(0ms));
    sg_exec_cancel(exec_of(g.dev), 7);
    REQUIRE(endless->wait());
    CHECK(endless->out.result == SG_DISPATCH_CANCELLED);
}

TEST_CASE("a cancelled small dispatch ends although its thread never helped")
{
    helping_gpu g;
    auto l = g.start(g.address("endless"), {64 * 4, 1, 1}, {64, 1, 1}, g.arguments({}), 7);
    sg_exec_cancel(exec_of(g.dev), 7);
    REQUIRE(l->wait());
    CHECK(l->out.result == SG_DISPATCH_CANCELLED);
    g.assist();
    auto next = g.start(g.address("add"), {64, 1, 1}, {64, 1, 1}, g.arguments({DATA}), 8);
    g.assist();
    CHECK(next->wait());
}

TEST_CASE("workgroups of a small dispatch that wait for each other all get to run")
{
    for (uint32_t threads : {1u, 2u}) {
        helping_gpu g(threads);
        const uint32_t groups = 32;
        auto l = g.start(g.address("chain"), {64 * groups, 1, 1}, {64, 1, 1},
                         g.arguments({DATA, groups - 1}));
        g.assist();
        REQUIRE(l->wait());
        CHECK(l->out.result == SG_DISPATCH_DONE);
        for (uint32_t i = 0; i < groups; i++)
            CHECK(g.word(i * 4) == 1);
    }
}

TEST_CASE("faults, traps and illegal instructions end a small dispatch as they end any other")
{
    helping_gpu g;
    auto fault = g.start(g.address("load"), {64, 1, 1}, {64, 1, 1}, g.arguments({0x5000123, DATA}));
    g.assist();
    REQUIRE(fault->wait());
    CHECK(fault->out.result == SG_DISPATCH_FAULT);
    CHECK(fault->out.fault.va == 0x5000000);
    CHECK(fault->out.fault.pc == g.address("load") + 8 + 4 + 4 + 4);
    auto trap = g.start(g.address("trap"), {64 * 3, 1, 1}, {64, 1, 1}, g.arguments({}));
    g.assist();
    REQUIRE(trap->wait());
    CHECK(trap->out.result == SG_DISPATCH_TRAP);
    auto illegal = g.start(g.address("illegal"), {64, 1, 1}, {64, 1, 1}, g.arguments({}));
    g.assist();
    REQUIRE(illegal->wait());
    CHECK(illegal->out.result == SG_DISPATCH_ILLEGAL);
}

TEST_CASE("a small dispatch that finds no scratch waits for it on a worker")
{
    helping_gpu g(1);
    auto with_slot = [&](launch &l, const char *name, uint64_t kernarg, uint32_t queue) {
        sg_dispatch &d = l.dispatch;
        d = {};
        d.dev = g.dev;
        d.vm = g.vm;
        d.queue_id = queue;
        d.kernarg_va = kernarg;
        d.code_va = g.address(name);
        d.kernel_code_properties = 8;
        d.rsrc1 = 5 | 12 << 6 | 0xc0 << 12;
        d.rsrc2 = 1 | 2 << 1 | 7 << 7 | 2 << 11; // scratch
        d.scratch_va = SCRATCH;
        d.scratch_bytes_per_wave = 4096;
        d.scratch_waves = 1;
        d.grid[0] = d.group[0] = 64;
        d.grid[1] = d.grid[2] = d.group[1] = d.group[2] = 1;
        d.done = launch::done;
        d.owner = &l;
        REQUIRE(sg_exec_submit(exec_of(g.dev), &d) == 0);
        g.assist();
    };
    launch holds, waits, cancelled;
    with_slot(holds, "count", g.arguments({DATA, DATA + 4096}), 1);
    with_slot(waits, "add", g.arguments({DATA + 8192}, 1), 2);
    with_slot(cancelled, "add", g.arguments({DATA + 8192}, 1), 3);
    sg_exec_cancel(exec_of(g.dev), 3);
    CHECK_FALSE(waits.wait(5ms));
    g.set_word(4096, 1);
    REQUIRE(holds.wait());
    REQUIRE(waits.wait());
    REQUIRE(cancelled.wait());
    CHECK(waits.out.result == SG_DISPATCH_DONE);
    CHECK(cancelled.out.result == SG_DISPATCH_CANCELLED);
    CHECK(g.word(8192) == 6400);
}

// As a queue does it: the end of one dispatch submits the next, with a driver that pauses the
// device at any time.
struct chain_of_dispatches {
    gpu &g;
    std::vector<std::unique_ptr<launch>> &launches;
    size_t next = 0;

    static void done(sg_dispatch *d, sg_dispatch_result result, const sg_memory_fault *fault)
    {
        auto *self = static_cast<chain_of_dispatches *>(d->owner);
        launch &ended = *self->launches[self->next++];
        if (self->next < self->launches.size())
            sg_exec_submit(exec_of(self->g.dev), &self->launches[self->next]->dispatch);
        d->owner = &ended;
        launch::done(d, result, fault);
    }
};

TEST_CASE("dispatches that follow one another all run, whoever submits them, across pauses")
{
    helping_gpu g;
    const size_t count = 3000;
    std::vector<std::unique_ptr<launch>> launches;
    chain_of_dispatches chain{g, launches};
    for (size_t i = 0; i < count; i++) {
        launches.push_back(std::make_unique<launch>());
        sg_dispatch &d = launches.back()->dispatch;
        d.dev = g.dev;
        d.vm = g.vm;
        d.queue_id = 1;
        d.kernarg_va = g.arguments({DATA});
        d.code_va = g.address("add");
        d.kernel_code_properties = 8;
        d.rsrc1 = 5 | 12 << 6 | 0xc0 << 12;
        d.rsrc2 = 2 << 1 | 7 << 7 | 2 << 11;
        d.grid[0] = i % 100 == 99 ? 64 * 64 : 64; // some are not small
        d.group[0] = 64;
        d.grid[1] = d.grid[2] = d.group[1] = d.group[2] = 1;
        d.done = chain_of_dispatches::done;
        d.owner = &chain;
    }
    std::atomic<bool> stop = false;
    std::thread pauses([&] {
        while (!stop) {
            sg_device_pause(g.dev);
            sg_device_resume(g.dev);
            std::this_thread::sleep_for(100us);
        }
    });
    REQUIRE(sg_exec_submit(exec_of(g.dev), &launches[0]->dispatch) == 0);
    while (!launches.back()->wait(0ms))
        g.assist();
    for (auto &l : launches) // done() of an earlier one may still be on its way out
        REQUIRE(l->wait());
    stop = true;
    pauses.join();
    CHECK(g.word(0) == 6400 * (count + count / 100 * 63));
}

TEST_CASE("nothing runs while the device is paused, and pauses nest")
{
    gpu g(2);
    auto l =
        g.start(g.address("count"), {64 * 8, 1, 1}, {64, 1, 1}, g.arguments({DATA, DATA + 4096}));
    while (g.word(0) == 0)
        std::this_thread::yield();
    for (int round = 0; round < 20; round++) {
        sg_device_pause(g.dev);
        sg_device_pause(g.dev);
        uint32_t before = g.word(0);
        sg_device_resume(g.dev);
        std::this_thread::sleep_for(2ms);
        REQUIRE(g.word(0) == before);
        sg_device_resume(g.dev);
        while (g.word(0) == before)
            std::this_thread::yield();
    }
    g.set_word(4096, 1);
    CHECK(l->wait());
}

TEST_CASE("a dispatch submitted during a pause starts after it")
{
    gpu g(2);
    sg_device_pause(g.dev);
    auto l = g.start(g.address("add"), {64, 1, 1}, {64, 1, 1}, g.arguments({DATA}));
    CHECK_FALSE(l->wait(10ms));
    CHECK(g.word(0) == 0);
    sg_device_resume(g.dev);
    CHECK(l->wait());
    CHECK(g.word(0) == 6400);
}

TEST_CASE("cancelling a queue stops endless waves and leaves other queues alone")
{
    gpu g(2);
    auto endless =
        g.start(g.address("endless"), {64 * 100000, 1, 1}, {64, 1, 1}, g.arguments({}), 7);
    auto other =
        g.start(g.address("count"), {64, 1, 1}, {64, 1, 1}, g.arguments({DATA, DATA + 4096}, 1), 8);
    while (g.word(0) == 0)
        std::this_thread::yield();
    sg_exec_cancel(exec_of(g.dev), 7);
    CHECK(endless->wait());
    CHECK(endless->out.result == SG_DISPATCH_CANCELLED);
    CHECK_FALSE(other->wait(1ms));
    g.set_word(4096, 1);
    CHECK(other->wait());
    CHECK(other->out.result == SG_DISPATCH_DONE);
}

TEST_CASE("waves of a suspended queue stand still, those of others go on")
{
    const uint32_t threads = GENERATE(1u, 2u);
    gpu g(threads);
    auto suspend = [&](bool suspended) {
        sg_device_pause(g.dev);
        sg_exec_suspend(exec_of(g.dev), 7, suspended);
        sg_device_resume(g.dev);
    };
    auto first = g.start(g.address("count"), {64 * 8, 1, 1}, {64, 1, 1},
                         g.arguments({DATA, DATA + 4096}), 7);
    while (g.word(0) == 0)
        std::this_thread::yield();
    for (int round = 0; round < 20; round++) {
        suspend(true);
        uint32_t before = g.word(0);
        auto other =
            g.start(g.address("add"), {64, 1, 1}, {64, 1, 1}, g.arguments({DATA + 8192}, 1), 8);
        REQUIRE(other->wait());
        REQUIRE(g.word(0) == before);
        suspend(false);
        while (g.word(0) == before)
            std::this_thread::yield();
    }
    suspend(true);
    sg_exec_cancel(exec_of(g.dev), 7);
    CHECK(first->wait());
    CHECK(first->out.result == SG_DISPATCH_CANCELLED);
}

TEST_CASE("suspended again and again, a dispatch runs each workgroup once and holds nobody up")
{
    const uint32_t threads = GENERATE(1u, 2u), groups = 5000;
    gpu g(threads);
    auto suspend = [&](bool suspended) {
        sg_device_pause(g.dev);
        sg_exec_suspend(exec_of(g.dev), 7, suspended);
        sg_device_resume(g.dev);
    };
    auto first = g.start(g.address("add"), {64 * groups, 1, 1}, {64, 1, 1}, g.arguments({DATA}), 7);
    for (int round = 0; round < 50; round++) {
        suspend(true);
        uint32_t before = g.word(0);
        auto other =
            g.start(g.address("add"), {64, 1, 1}, {64, 1, 1}, g.arguments({DATA + 4096}, 1), 8);
        REQUIRE(other->wait());
        REQUIRE(g.word(0) == before);
        suspend(false);
        std::this_thread::sleep_for(std::chrono::microseconds(50 * (round % 8)));
    }
    CHECK(first->wait());
    CHECK(first->out.result == SG_DISPATCH_DONE);
    CHECK(g.word(0) == groups * 6400);
    CHECK(g.word(4096) == 50 * 6400);
}

TEST_CASE("what is left of a suspended dispatch is cancelled while all threads sleep")
{
    gpu g(2);
    // Half an hour of work: something is left however long this thread gets no processor.
    auto l = g.start(g.address("add"), {64u * 50000000, 1, 1}, {64, 1, 1}, g.arguments({DATA}), 7);
    while (g.word(0) == 0)
        std::this_thread::yield();
    sg_device_pause(g.dev);
    sg_exec_suspend(exec_of(g.dev), 7, true);
    sg_device_resume(g.dev);
    std::this_thread::sleep_for(10ms);
    sg_exec_cancel(exec_of(g.dev), 7);
    CHECK(l->wait());
    CHECK(l->out.result == SG_DISPATCH_CANCELLED);
}

TEST_CASE("a dispatch cancelled while its workgroups are handed out in batches ends, and for good")
{
    gpu g(2);
    for (uint32_t round = 0; round < 50; round++) {
        g.set_word(0, 0);
        auto l = g.start(g.address("add"), {64 * 5000, 1, 1}, {64, 1, 1}, g.arguments({DATA}), 7);
        while (g.word(0) < round % 10 * 64000)
            std::this_thread::yield();
        sg_exec_cancel(exec_of(g.dev), 7);
        REQUIRE(l->wait());
        const uint32_t then = g.word(0);
        if (l->out.result != SG_DISPATCH_CANCELLED)
            CHECK(then == 5000 * 6400);
        auto next = g.start(g.address("add"), {64, 1, 1}, {64, 1, 1}, g.arguments({DATA}), 7);
        REQUIRE(next->wait());
        CHECK(g.word(0) == then + 6400);
    }
}

TEST_CASE("a fault ends the dispatch and tells address, reason, pc and instruction")
{
    gpu g(2);
    outcome out = g.run("load", {64 * 1000, 1, 1}, {64, 1, 1}, {0x5000123, DATA});
    CHECK(out.result == SG_DISPATCH_FAULT);
    CHECK(out.fault.va == 0x5000000);
    CHECK(out.fault.reason == SG_FAULT_NOT_PRESENT);
    CHECK_FALSE(out.fault.write);
    CHECK(out.fault.queue_id == 1);
    CHECK(out.fault.pc == g.address("load") + 8 + 4 + 4 + 4);
    CHECK(std::string(out.fault.where).find("global_load_dword") != std::string::npos);
    CHECK(g.word(0) == 0);
    CHECK(g.run("load", {64, 1, 1}, {64, 1, 1}, {DATA, DATA}).result == SG_DISPATCH_DONE);
    CHECK(g.word(0) == 1);
}

TEST_CASE("code that is not there or not executable faults at its own address")
{
    gpu g(2);
    auto l = g.start(DATA + 8, {64, 1, 1}, {64, 1, 1}, g.arguments({}));
    REQUIRE(l->wait());
    CHECK(l->out.result == SG_DISPATCH_FAULT);
    CHECK(l->out.fault.reason == SG_FAULT_NO_EXECUTE);
    CHECK(l->out.fault.va == DATA);
    CHECK(l->out.fault.pc == DATA + 8);
    l = g.start(0x1000, {64, 1, 1}, {64, 1, 1}, g.arguments({}));
    REQUIRE(l->wait());
    CHECK(l->out.result == SG_DISPATCH_FAULT);
    CHECK(l->out.fault.reason == SG_FAULT_NOT_PRESENT);
}

TEST_CASE("memory that the host takes away while waves use it is a GPU fault")
{
    gpu g(2);
    int fd = memfd_create("exec", 0);
    REQUIRE(ftruncate(fd, 4096) == 0);
    void *host = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    const uint64_t va = DATA + (1ull << 32);
    REQUIRE(sg_vm_map(g.vm, va, host, 4096, SG_PTE_READ | SG_PTE_WRITE) == 0);
    auto l = g.start(g.address("count"), {64 * 4, 1, 1}, {64, 1, 1}, g.arguments({DATA, va}));
    while (g.word(0) == 0)
        std::this_thread::yield();
    REQUIRE(ftruncate(fd, 0) == 0);
    REQUIRE(l->wait());
    CHECK(l->out.result == SG_DISPATCH_FAULT);
    CHECK(l->out.fault.va == va);
    CHECK(g.run("add", {64, 1, 1}, {64, 1, 1}, {DATA + 4096}).result == SG_DISPATCH_DONE);
    sg_vm_unmap(g.vm, va, 4096);
    munmap(host, 4096);
    close(fd);
}

TEST_CASE("after an unmap no wave touches the old page, and the next access faults")
{
    gpu g(2);
    const uint64_t va = DATA + (1ull << 32);
    for (int round = 0; round < 20; round++) {
        void *host =
            mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        auto *counter = static_cast<uint32_t *>(host);
        REQUIRE(sg_vm_map(g.vm, va, host, 4096, SG_PTE_READ | SG_PTE_WRITE) == 0);
        auto l =
            g.start(g.address("count"), {64 * 4, 1, 1}, {64, 1, 1}, g.arguments({va, DATA + 4096}));
        while (__atomic_load_n(counter, __ATOMIC_SEQ_CST) == 0)
            std::this_thread::yield();
        sg_vm_unmap(g.vm, va, 4096);
        uint32_t then = *counter;
        std::this_thread::sleep_for(1ms);
        REQUIRE(*counter == then);
        REQUIRE(munmap(host, 4096) == 0);
        REQUIRE(l->wait());
        REQUIRE(l->out.result == SG_DISPATCH_FAULT);
        REQUIRE(l->out.fault.va == va);
        REQUIRE(l->out.fault.write);
    }
}

TEST_CASE("s_trap and an illegal instruction are told apart")
{
    gpu g(1);
    CHECK(g.run("trap", {64, 1, 1}, {64, 1, 1}, {}).result == SG_DISPATCH_TRAP);
    CHECK(g.run("illegal", {64, 1, 1}, {64, 1, 1}, {}).result == SG_DISPATCH_ILLEGAL);
}

TEST_CASE("an instruction may cross a page border")
{
    gpu g(1);
    REQUIRE(g.address("cross_end") % 4096 == 4092);
    REQUIRE(g.run("cross", {64, 1, 1}, {64, 1, 1}, {DATA}).result == SG_DISPATCH_DONE);
    CHECK(g.word(0) == 7);
    CHECK(g.word(4) == 0x12345678);
    // The second half lies in the next page: another literal there must be seen by the next
    // dispatch.
    uint32_t literal = 99;
    REQUIRE(sg_vm_write(g.vm, g.address("cross_end") + 12, &literal, 4, nullptr));
    REQUIRE(g.run("cross", {64, 1, 1}, {64, 1, 1}, {DATA}).result == SG_DISPATCH_DONE);
    CHECK(g.word(4) == 99);
}

TEST_CASE("a dispatch runs the code that is in memory when it starts")
{
    gpu g(2);
    REQUIRE(g.run("add", {64, 1, 1}, {64, 1, 1}, {DATA}).result == SG_DISPATCH_DONE);
    uint32_t words[2];
    for (uint32_t value = 2; value < 40; value++) {
        uint32_t v_mov = 0x7e040280 + value; // v_mov_b32 v2, value
        memcpy(words, &g.code->at(g.address("add") - CODE + 8), 8);
        words[1] = v_mov;
        REQUIRE(sg_vm_write(g.vm, g.address("add") + 8, words, 8, nullptr));
        uint32_t before = g.word(0);
        REQUIRE(g.run("add", {64, 1, 1}, {64, 1, 1}, {DATA}).result == SG_DISPATCH_DONE);
        REQUIRE(g.word(0) == before + value * 6400);
    }
}

TEST_CASE("waves have private memory of their own, even if there are fewer slots than waves")
{
    gpu g(3);
    auto l = std::make_unique<launch>();
    sg_dispatch &d = l->dispatch;
    uint64_t kernarg = g.arguments({DATA});
    uint32_t sgprs[8] = {uint32_t(kernarg),
                         uint32_t(kernarg >> 32),
                         0,
                         0,
                         uint32_t(SCRATCH),
                         uint32_t(SCRATCH >> 32) | 1u << 31,
                         16 * 4096,
                         3u << 21 | 1u << 23};
    d.dev = g.dev;
    d.vm = g.vm;
    d.queue_id = 1;
    d.grid[0] = 64 * 200;
    d.grid[1] = d.grid[2] = d.group[1] = d.group[2] = 1;
    d.group[0] = 128;
    d.code_va = g.address("scratch");
    d.rsrc1 = 5;
    d.rsrc2 = 1 | 8 << 1 | 1 << 7;
    d.user_sgprs = sgprs;
    d.user_sgpr_words = 8;
    d.scratch_va = SCRATCH;
    d.scratch_bytes_per_wave = 4096;
    d.scratch_waves = 16;
    d.done = launch::done;
    d.owner = l.get();
    REQUIRE(sg_exec_submit(exec_of(g.dev), &d) == 0);
    REQUIRE(l->wait());
    CHECK(l->out.result == SG_DISPATCH_DONE);
    CHECK(g.word(0) == 0);
    CHECK(g.word(4) == 64 * 200);
}

TEST_CASE("memory order: what was published before a flag is seen after it")
{
    gpu g(4);
    for (int round = 0; round < 20; round++) {
        memset(g.data->page(0), 0, 4096);
        memset(g.data->page(1), 0, 4096);
        REQUIRE(g.run("publish", {64 * 1000, 1, 1}, {64, 1, 1}, {DATA, DATA + 4096, DATA + 8192})
                    .result == SG_DISPATCH_DONE);
        REQUIRE(g.word(8192) == 0);
    }
}

TEST_CASE("memory order: of two waves that store and then look, one sees the other")
{
    gpu g(2);
    for (int round = 0; round < 30; round++) {
        for (int page = 0; page < 4; page++)
            memset(g.data->page(size_t(page)), 0, 4096);
        REQUIRE(g.run("dekker", {64 * 2000, 1, 1}, {64, 1, 1}, {DATA, DATA + 2 * 4096}).result ==
                SG_DISPATCH_DONE);
        for (uint32_t pair = 0; pair < 1000; pair++)
            REQUIRE(g.word(2 * 4096 + pair * 4) <= 1);
    }
}

TEST_CASE("VGPRs are indexed by M0 as s_set_gpr_idx_* say")
{
    gpu g;
    REQUIRE(g.run("indexed", {64, 1, 1}, {64, 1, 1}, {DATA}).result == SG_DISPATCH_DONE);
    for (uint32_t item : {0u, 63u}) {
        CHECK(g.word(item * 16) == 42);            // v[10 + 2]
        CHECK(g.word(item * 16 + 4) == 81);        // v[10 + 1] + v10: the low byte of s6
        CHECK(g.word(item * 16 + 8) == 40u - 43u); // to v[12 + 1]: v10 - v[12 + 1]
        CHECK(g.word(item * 16 + 12) == 40);
        CHECK(g.word(2048 + item * 16) == item);   // a register that is not there reads as v0
        CHECK(g.word(2048 + item * 16 + 4) == 40); // and is not written
        CHECK(g.word(3072 + item * 16) == item);   // nor is a pair of which one is there
        CHECK(g.word(3072 + item * 16 + 4) == 0);
        CHECK(g.word(3072 + item * 16 + 8) == 40);
        CHECK(g.word(3072 + item * 16 + 12) == 41);
    }
}

// ---- images: a small one, and what sampling it should give, from the definition of each mode

enum { WRAP, MIRROR, EDGE, BORDER = 6 };

struct image_test {
    static constexpr int W = 5, H = 4, D = 3, PITCH = 8;
    uint32_t type; // of the descriptor: 8 1D, 9 2D, 10 3D, 12 1D array, 13 2D array
    unsigned clamp;
    bool normalized, linear;

    bool has_y() const
    {
        return type != 8 && type != 12;
    }
    bool has_z() const
    {
        return type == 10;
    }
    bool array() const
    {
        return type >= 12;
    }
    // Components are small integers, so that sums of them by eighths are exact.
    static int value(int x, int y, int z, int c)
    {
        return (x * 7 + y * 13 + z * 29 + c * 3) % 64 * 8;
    }
    double fetch(int x, int y, int z, int c) const
    {
        int n[3] = {W, H, D}, at[3] = {x, y, z};
        for (int i = 0; i < (has_z() ? 3 : has_y() ? 2 : 1); i++) {
            if (clamp == BORDER && (at[i] < 0 || at[i] >= n[i]))
                return 0;
            while (clamp == WRAP && at[i] < 0)
                at[i] += n[i];
            if (clamp == WRAP)
                at[i] %= n[i];
            while (clamp == MIRROR && (at[i] < 0 || at[i] >= n[i]))
                at[i] = at[i] < 0 ? -at[i] - 1 : 2 * n[i] - 1 - at[i];
            at[i] = std::min(std::max(at[i], 0), n[i] - 1);
        }
        return value(at[0], has_y() ? at[1] : 0, at[2], c);
    }
    // At the point x, y, z in texels.
    double sample(double x, double y, double z, int c) const
    {
        int layer = array() ? std::min(std::max(int(std::lround(z)), 0), D - 1) : 0;
        if (!linear)
            return fetch(int(std::floor(x)), int(std::floor(y)),
                         has_z() ? int(std::floor(z)) : layer, c);
        double p[3] = {x - 0.5, has_y() ? y - 0.5 : 0, has_z() ? z - 0.5 : layer}, sum = 0;
        for (int k = 0; k < 8; k++) {
            double weight = 1;
            int at[3];
            for (int i = 0; i < 3; i++) {
                double low = std::floor(p[i]);
                weight *= k >> i & 1 ? p[i] - low : 1 - (p[i] - low);
                at[i] = int(low) + (k >> i & 1);
            }
            if (weight > 0)
                sum += weight * fetch(at[0], at[1], at[2], c);
        }
        return sum;
    }
};

// The descriptors, and the texels of four floats from page 8 on.
static std::vector<uint64_t> image_arguments(const gpu &g, const image_test &t)
{
    const uint64_t base = DATA + 8 * 4096;
    for (int z = 0; z < t.D; z++)
        for (int y = 0; y < t.H; y++)
            for (int x = 0; x < t.W; x++)
                for (int c = 0; c < 4; c++) {
                    float f = float(t.value(x, y, z, c));
                    uint32_t bits;
                    memcpy(&bits, &f, 4);
                    int rows = t.has_y() ? t.H : 1;
                    g.set_word(8 * 4096 +
                                   uint64_t(((z * rows + y % rows) * t.PITCH + x) * 16 + c * 4),
                               bits);
                    if (!t.has_y() && y)
                        g.set_word(8 * 4096 + uint64_t((z * t.PITCH + x) * 16 + c * 4), [&] {
                            float row0 = float(t.value(x, 0, z, c));
                            uint32_t b;
                            memcpy(&b, &row0, 4);
                            return b;
                        }());
                }
    uint32_t d[8] = {uint32_t(base >> 8), uint32_t(base >> 40) | 14u << 20 | 7u << 26,
                     uint32_t((t.W - 1) | (t.H - 1) << 14), 0xfac | t.type << 28,
                     uint32_t((t.D - 1) | (t.PITCH - 1) << 13)};
    uint32_t s[4] = {t.clamp | t.clamp << 3 | t.clamp << 6 | uint32_t(!t.normalized) << 15,
                     4095u << 12, uint32_t(t.linear) << 20 | uint32_t(t.linear) << 22};
    std::vector<uint64_t> out(10);
    out[0] = DATA;
    out[1] = DATA + 4 * 4096;
    memcpy(&out[4], d, sizeof(d));
    memcpy(&out[8], s, sizeof(s));
    return out;
}

TEST_CASE("images are sampled: dimensions, clamp modes, filters, coordinates")
{
    std::mt19937 random{uint32_t(test_seed())};
    for (uint32_t type : {8u, 9u, 10u, 12u, 13u})
        for (unsigned clamp : {WRAP, MIRROR, EDGE, BORDER})
            for (unsigned kind = 0; kind < 4; kind++) {
                image_test t{type, clamp, bool(kind & 1), bool(kind & 2)};
                gpu g(1);
                float at[64][4] = {};
                for (auto &p : at) // in eighths of a texel, some outside
                    for (int i = 0; i < 3; i++)
                        p[i] = float(int(random() % 120) - 40) / 8;
                // Of an array without y, the layer is the second coordinate; it is never
                // normalized.
                for (unsigned item = 0; item < 64; item++) {
                    const float *p = at[item];
                    float scaled[4] = {p[0], p[1], p[2], 0};
                    if (t.normalized) {
                        scaled[0] /= float(t.W);
                        scaled[1] /= float(t.H);
                        scaled[2] /= t.has_z() ? float(t.D) : 1;
                    }
                    if (type == 12)
                        scaled[1] = p[2];
                    memcpy(&g.data->at(4 * 4096 + item * 16), scaled, sizeof(scaled));
                }
                REQUIRE(g.run(t.array() ? "sample_array" : "sample", {64, 1, 1}, {64, 1, 1},
                              image_arguments(g, t))
                            .result == SG_DISPATCH_DONE);
                unsigned wrong = 0;
                for (unsigned item = 0; item < 64; item++)
                    for (int c = 0; c < 4; c++) {
                        const float *p = at[item];
                        // A division that is not exact may fall on the other side of a border.
                        bool on_border = false;
                        for (int i = 0; i < 3; i++)
                            on_border |= t.normalized && !t.linear && p[i] == std::floor(p[i]);
                        // Half of a layer: to which side is not documented.
                        on_border |= t.array() && std::fabs(p[2] - std::floor(p[2])) == 0.5f;
                        uint32_t bits = g.word(item * 16 + uint64_t(c) * 4);
                        float f;
                        memcpy(&f, &bits, 4);
                        wrong += !on_border && f != float(t.sample(p[0], p[1], p[2], c));
                    }
                INFO("type " << type << " clamp " << clamp << " kind " << kind);
                CHECK(wrong == 0);
            }
}

// hip-tests' textures with sRGB stopped at "texels with number format 9".
TEST_CASE("image_sample makes sRGB linear before it filters, and leaves alpha")
{
    gpu g(1);
    image_test t{9, EDGE, false, true};
    std::vector<uint64_t> arguments = image_arguments(g, t);
    uint32_t d[2];
    memcpy(d, &arguments[4], sizeof(d));
    d[1] = (d[1] & ~(0x3ffu << 20)) | 10u << 20 | 9u << 26; // 8_8_8_8, sRGB
    memcpy(&arguments[4], d, sizeof(d));
    g.set_word(8 * 4096, 0x80ff0a00u); // red 0, green 10, blue 255, alpha 128
    g.set_word(8 * 4096 + 4, 0xff0b3680u);
    for (unsigned item = 0; item < 64; item++) {
        const float at[4] = {item ? 1.0f : 0.5f, 0.5f, 0, 0}; // texel 0, or half of 0 and 1
        memcpy(&g.data->at(4 * 4096 + item * 16), at, sizeof(at));
    }
    REQUIRE(g.run("sample", {64, 1, 1}, {64, 1, 1}, arguments).result == SG_DISPATCH_DONE);
    auto linear = [](int stored) {
        double s = stored / 255.0;
        return s <= 0.04045 ? s / 12.92 : std::pow((s + 0.055) / 1.055, 2.4);
    };
    const double want[2][4] = {{linear(0), linear(10), linear(255), 128 / 255.0},
                               {(linear(0) + linear(128)) / 2, (linear(10) + linear(54)) / 2,
                                (linear(255) + linear(11)) / 2, (128 + 255) / 510.0}};
    for (unsigned item = 0; item < 2; item++)
        for (unsigned c = 0; c < 4; c++) {
            float f;
            uint32_t bits = g.word(item * 16 + c * 4);
            memcpy(&f, &bits, 4);
            CAPTURE(item, c);
            CHECK(std::fabs(double(f) - want[item][c]) < 1e-6);
        }
}

TEST_CASE("image_gather4 gives one component of four texels")
{
    gpu g(1);
    image_test t{9, EDGE, false, false};
    float at[4] = {2.5f, 1.5f, 0, 0}; // between texels 2 and 3 (2.5 - 0.5 = 2), rows 1 and 2
    for (unsigned item = 0; item < 64; item++)
        memcpy(&g.data->at(4 * 4096 + item * 16), at, sizeof(at));
    REQUIRE(g.run("gather", {64, 1, 1}, {64, 1, 1}, image_arguments(g, t)).result ==
            SG_DISPATCH_DONE);
    const int expected[4][2] = {{2, 2}, {3, 2}, {3, 1}, {2, 1}};
    for (unsigned i = 0; i < 4; i++) {
        float f, want = float(t.value(expected[i][0], expected[i][1], 0, 1));
        uint32_t bits = g.word(i * 4);
        memcpy(&f, &bits, 4);
        CHECK(f == want);
    }
}

TEST_CASE("typed buffers convert between formats")
{
    gpu g(1);
    const uint64_t from = DATA + 4 * 4096, to = DATA + 5 * 4096;
    for (unsigned i = 0; i < 64; i++)
        g.set_word(4 * 4096 + i * 4, i | (255 - i) << 8 | (i * 3 & 255) << 16 | 0xff000000u);
    // 8_8_8_8 unorm, 48 elements of 4 bytes; 16_16_16_16 snorm, of 8 bytes.
    uint32_t r[8] = {
        uint32_t(from), uint32_t(from >> 32) | 4 << 16, 48, 0xfac | 0u << 12 | 10u << 15,
        uint32_t(to),   uint32_t(to >> 32) | 8 << 16,   64, 0xfac | 1u << 12 | 12u << 15};
    std::vector<uint64_t> arguments(8);
    arguments[0] = DATA;
    memcpy(&arguments[4], r, sizeof(r));
    REQUIRE(g.run("typed", {64, 1, 1}, {64, 1, 1}, arguments).result == SG_DISPATCH_DONE);
    bool good = true;
    for (unsigned i = 0; i < 64; i++) {
        const unsigned bytes[4] = {i, 255 - i, i * 3 & 255, 255};
        bool inside = i < 48; // outside: zero
        for (unsigned c = 0; c < 4; c++) {
            int want = inside ? int(std::nearbyint(double(float(bytes[c]) / 255.0f) * 32767)) : 0;
            int16_t have;
            memcpy(&have, &g.data->at(5 * 4096 + i * 8 + c * 2), 2);
            good = good && have == want;
        }
        // As 8_8 sint, the element's first two bytes.
        good = good && g.word(i * 16) == uint32_t(inside ? int8_t(bytes[0]) : 0);
        good = good && g.word(i * 16 + 4) == uint32_t(inside ? int8_t(bytes[1]) : 0);
        _Float16 half[2] = {_Float16(inside ? float(bytes[0]) / 255.0f : 0.0f),
                            _Float16(inside ? float(bytes[1]) / 255.0f : 0.0f)};
        uint32_t halves;
        memcpy(&halves, half, 4);
        good = good && g.word(i * 16 + 8) == halves;
    }
    CHECK(good);
}

// SPDX-License-Identifier: MIT
// The page table: mapping, unmapping, translation, copies across pages, and that an unmap waits for
// readers.
#include "exec_internals.hpp"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <thread>

static const uint64_t BASE = 0x7ead00000000;

struct vm_holder {
    sg_vm *vm = sg_vm_create();
    ~vm_holder()
    {
        sg_vm_destroy(vm);
    }
};

TEST_CASE("bad mappings are refused and change nothing")
{
    vm_holder h;
    alignas(4096) static uint8_t host[4 * 4096];
    CHECK(sg_vm_map(h.vm, BASE, host, 0, SG_PTE_READ) == -EINVAL);
    CHECK(sg_vm_map(h.vm, BASE + 1, host, 4096, SG_PTE_READ) == -EINVAL);
    CHECK(sg_vm_map(h.vm, BASE, host + 1, 4096, SG_PTE_READ) == -EINVAL);
    CHECK(sg_vm_map(h.vm, BASE, host, 100, SG_PTE_READ) == -EINVAL);
    CHECK(sg_vm_map(h.vm, (1ull << 48) - 4096, host, 8192, SG_PTE_READ) == -EINVAL);
    CHECK(sg_vm_map(h.vm, 1ull << 48, host, 4096, SG_PTE_READ) == -EINVAL);
    CHECK(sg_vm_mapped_pages(h.vm) == 0);
    REQUIRE(sg_vm_map(h.vm, BASE + 4096, host, 4096, SG_PTE_READ) == 0);
    CHECK(sg_vm_map(h.vm, BASE, host, 3 * 4096, SG_PTE_READ) == -EEXIST);
    CHECK(sg_vm_translate(h.vm, BASE, SG_PTE_READ, nullptr) == nullptr);
    CHECK(sg_vm_translate(h.vm, BASE + 2 * 4096, SG_PTE_READ, nullptr) == nullptr);
    CHECK(sg_vm_mapped_pages(h.vm) == 1);
}

TEST_CASE("the last page of the address space can be mapped")
{
    vm_holder h;
    alignas(4096) static uint8_t host[4096];
    const uint64_t va = (1ull << 48) - 4096;
    REQUIRE(sg_vm_map(h.vm, va, host, 4096, SG_PTE_READ) == 0);
    CHECK(sg_vm_translate(h.vm, va + 4095, SG_PTE_READ, nullptr) == host + 4095);
    sg_vm_unmap(h.vm, va, UINT64_MAX - va);
    CHECK(sg_vm_mapped_pages(h.vm) == 0);
}

TEST_CASE("translation checks permissions and names the reason")
{
    vm_holder h;
    shuffled_memory read_only(h.vm, BASE, 3, SG_PTE_READ);
    shuffled_memory code(h.vm, BASE + (1ull << 40), 1, SG_PTE_READ | SG_PTE_EXEC);
    uint32_t reason = 99;
    CHECK(sg_vm_translate(h.vm, BASE + 4096 + 7, SG_PTE_READ, &reason) == &read_only.at(4096 + 7));
    CHECK(reason == 0);
    CHECK(sg_vm_translate(h.vm, BASE, SG_PTE_READ | SG_PTE_WRITE, &reason) == nullptr);
    CHECK(reason == SG_FAULT_READ_ONLY);
    CHECK(sg_vm_translate(h.vm, BASE, SG_PTE_EXEC, &reason) == nullptr);
    CHECK(reason == SG_FAULT_NO_EXECUTE);
    CHECK(sg_vm_translate(h.vm, BASE + 3 * 4096, SG_PTE_READ, &reason) == nullptr);
    CHECK(reason == SG_FAULT_NOT_PRESENT);
    CHECK(sg_vm_translate(h.vm, UINT64_MAX, SG_PTE_READ, &reason) == nullptr);
    CHECK(reason == SG_FAULT_NOT_PRESENT);
    CHECK(sg_vm_translate(h.vm, BASE + (1ull << 40), SG_PTE_EXEC, &reason) == &code.at(0));
}

TEST_CASE("unmapping a range with holes removes exactly it")
{
    vm_holder h;
    alignas(4096) static uint8_t host[4096];
    for (uint64_t page = 0; page < 1200; page += 3)
        REQUIRE(sg_vm_map(h.vm, BASE + page * 4096, host, 4096, SG_PTE_READ) == 0);
    CHECK(sg_vm_mapped_pages(h.vm) == 400);
    sg_vm_unmap(h.vm, BASE + 300 * 4096, 600 * 4096);
    CHECK(sg_vm_mapped_pages(h.vm) == 200);
    CHECK(sg_vm_translate(h.vm, BASE + 297 * 4096, SG_PTE_READ, nullptr) == host);
    CHECK(sg_vm_translate(h.vm, BASE + 300 * 4096, SG_PTE_READ, nullptr) == nullptr);
    CHECK(sg_vm_translate(h.vm, BASE + 897 * 4096, SG_PTE_READ, nullptr) == nullptr);
    CHECK(sg_vm_translate(h.vm, BASE + 900 * 4096, SG_PTE_READ, nullptr) == host);
    sg_vm_unmap(h.vm, 0, 1ull << 48);
    CHECK(sg_vm_mapped_pages(h.vm) == 0);
}

TEST_CASE("read, write, copy and fill cross pages at any alignment")
{
    INFO("seed " << test_seed());
    vm_holder h;
    shuffled_memory memory(h.vm, BASE, 12);
    std::mt19937_64 random(test_seed());
    std::vector<uint8_t> model(memory.bytes()), data(3 * 4096);
    std::generate(model.begin(), model.end(), [&] { return uint8_t(random()); });
    memory.fill(model);
    for (int round = 0; round < 300; round++) {
        size_t bytes = random() % data.size(), from = random() % (model.size() / 2 - bytes);
        size_t to = model.size() / 2 + random() % (model.size() / 2 - bytes);
        sg_memory_fault fault;
        switch (round % 4) {
        case 0:
            REQUIRE(sg_vm_read(h.vm, BASE + from, data.data(), bytes, &fault));
            REQUIRE(memcmp(data.data(), &model[from], bytes) == 0);
            break;
        case 1:
            std::generate(data.begin(), data.end(), [&] { return uint8_t(random()); });
            REQUIRE(sg_vm_write(h.vm, BASE + to, data.data(), bytes, &fault));
            std::copy_n(data.begin(), bytes, &model[to]);
            break;
        case 2:
            REQUIRE(sg_vm_copy(h.vm, BASE + to, BASE + from, bytes, nullptr, &fault));
            std::copy_n(&model[from], bytes, &model[to]);
            break;
        default: {
            uint32_t pattern = uint32_t(random());
            unsigned unit = 1u << random() % 3;
            REQUIRE(sg_vm_fill(h.vm, BASE + to, pattern, unit, bytes, nullptr, &fault));
            for (size_t i = 0; i < bytes; i++)
                model[to + i] = uint8_t(pattern >> 8 * (i % unit));
        }
        }
        REQUIRE(memory.contents() == model);
    }
}

TEST_CASE("a copy stops at the first page that is missing and says which")
{
    vm_holder h;
    shuffled_memory memory(h.vm, BASE, 2), source(h.vm, BASE + (1 << 20), 4);
    sg_memory_fault fault = {};
    sg_window_count count = {};
    source.at(0) = 42;
    CHECK_FALSE(sg_vm_copy(h.vm, BASE, BASE + (1 << 20), 3 * 4096, &count, &fault));
    CHECK(fault.va == BASE + 2 * 4096);
    CHECK(fault.write);
    CHECK(fault.reason == SG_FAULT_NOT_PRESENT);
    CHECK(memory.at(0) == 42);
    CHECK_FALSE(sg_vm_copy(h.vm, BASE, BASE + (1 << 20) + 3 * 4096 + 1, 4096, &count, &fault));
    CHECK(fault.va == BASE + (1 << 20) + 4 * 4096);
    CHECK_FALSE(fault.write);
}

TEST_CASE("bytes through window pages are counted, others not")
{
    vm_holder h;
    shuffled_memory window(h.vm, BASE, 2, SG_PTE_READ | SG_PTE_WRITE | SG_PTE_WINDOW);
    shuffled_memory plain(h.vm, BASE + 2 * 4096, 2);
    sg_window_count count = {};
    REQUIRE(sg_vm_copy(h.vm, BASE + 4096 + 100, BASE + 50, 4096, &count, nullptr));
    CHECK(count.read == 4096);
    CHECK(count.written == 4096 - 100);
}

TEST_CASE("unmap waits for a reader that is inside, and only for as long")
{
    vm_holder h;
    shuffled_memory memory(h.vm, BASE, 1);
    std::atomic<int> stage{0};
    std::thread reader([&] {
        sg_vm_enter();
        sg_vm_enter();
        stage = 1;
        std::this_thread::sleep_for(std::chrono::milliseconds(30));
        sg_vm_leave();
        stage = 2;
        std::this_thread::sleep_for(std::chrono::milliseconds(30));
        stage = 3;
        sg_vm_leave();
    });
    while (stage == 0)
        std::this_thread::yield();
    sg_vm_unmap(h.vm, BASE, 4096);
    int when = stage;
    reader.join();
    CHECK(when == 3);
}

TEST_CASE("readers that come and go do not starve an unmap")
{
    vm_holder h;
    alignas(4096) static uint8_t host[4096];
    std::atomic<bool> stop{false};
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; i++)
        threads.emplace_back([&] {
            uint8_t byte;
            while (!stop)
                sg_vm_read(h.vm, BASE, &byte, 1, nullptr);
        });
    for (int i = 0; i < 2000; i++) {
        REQUIRE(sg_vm_map(h.vm, BASE, host, 4096, SG_PTE_READ) == 0);
        sg_vm_unmap(h.vm, BASE, 4096);
    }
    stop = true;
    for (auto &thread : threads)
        thread.join();
    CHECK(sg_vm_mapped_pages(h.vm) == 0);
}

TEST_CASE("in a foreign address space the host's mappings decide")
{
    const size_t bytes = 4 * 4096;
    auto *base =
        static_cast<uint8_t *>(mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    REQUIRE(base != MAP_FAILED);
    REQUIRE(mprotect(base + 4096, 4096, PROT_READ | PROT_WRITE) == 0);
    REQUIRE(mprotect(base + 2 * 4096, 4096, PROT_READ) == 0);
    base[4096 + 5] = 99;
    sg_guard_install();
    {
        vm_holder h;
        sg_vm *foreign = sg_vm_create_foreign(base, bytes);
        std::swap(h.vm, foreign);
        sg_vm_destroy(foreign);
        uint8_t byte = 0;
        sg_memory_fault fault{};
        CHECK(sg_vm_translate(h.vm, 4096 + 5, SG_PTE_READ | SG_PTE_WRITE | SG_PTE_EXEC, nullptr) ==
              base + 4096 + 5);
        CHECK(sg_vm_translate(h.vm, bytes, SG_PTE_READ, nullptr) == nullptr);
        CHECK(sg_vm_translate(h.vm, 1ull << 48, SG_PTE_READ, nullptr) == nullptr);
        CHECK(sg_vm_read(h.vm, 4096 + 5, &byte, 1, &fault));
        CHECK(byte == 99);
        CHECK(sg_vm_write(h.vm, 4096 + 6, &byte, 1, &fault));
        CHECK(base[4096 + 6] == 99);
        CHECK(sg_vm_read(h.vm, 2 * 4096, &byte, 1, &fault));
        CHECK_FALSE(sg_vm_write(h.vm, 2 * 4096 - 1, "ab", 2, &fault));
        CHECK(fault.va == 2 * 4096);
        CHECK_FALSE(sg_vm_read(h.vm, 100, &byte, 1, &fault));
        CHECK(fault.va == 0);
        CHECK(sg_vm_map(h.vm, 0, base + 4096, 4096, SG_PTE_READ) == -EINVAL);
        CHECK_FALSE(sg_vm_read(h.vm, bytes, &byte, 1, &fault));
        CHECK(fault.reason == SG_FAULT_NOT_PRESENT);
    }
    munmap(base, bytes);
}

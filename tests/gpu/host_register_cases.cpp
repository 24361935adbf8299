// SPDX-License-Identifier: MIT
// For scattered ranges what the public suites test of hipHostRegister() and its relatives, as far
// as other files here do not (docs/library-cases.md has the whole list).
#include "kernels/graph_kernel.hpp"
#include "kernels/window_kernels.hpp"
#include "machine.hpp"
#include "process_state.hpp"
#include "scatter_memory.hpp"

#include <csignal>
#include <ctime>

using namespace hs_test;

namespace
{

void fill(const std::vector<hipScatterRange> &ranges, uint32_t value)
{
    for (const hipScatterRange &range : ranges)
        std::fill_n(static_cast<uint32_t *>(range.base), range.size / 4, value);
}

// Words that are not value.
size_t others(const std::vector<hipScatterRange> &ranges, uint32_t value)
{
    size_t wrong = 0;
    for (const hipScatterRange &range : ranges)
        for (size_t i = 0; i < range.size / 4; i++)
            wrong += static_cast<const uint32_t *>(range.base)[i] != value;
    return wrong;
}

// Queues and code objects come into being at their first use: not in the middle of a comparison.
void warm_up(const Fragments &memory, unsigned flags)
{
    for (int round = 0; round < 2; round++) {
        Window window(memory.ranges(), flags);
        REQUIRE_HIP(hs_kernels::add_in_stream(window.data(), window.bytes(), 0, nullptr));
        REQUIRE_HIP(hipDeviceSynchronize());
        window.unregister();
    }
}

} // namespace

TEST_CASE("the same chunk is registered, used and unregistered again and again")
{
    HS_RANDOM(random);
    const Fragments memory({2, 1, 4, 1}, random);
    fill(memory.ranges(), 0);
    for (const Backing &backing : backings()) {
        warm_up(memory, backing.flag);
        const ProcessState before = ProcessState::now();
        fill(memory.ranges(), 0);
        for (int i = 0; i < 100; i++) {
            Window window(memory.ranges(), backing.flag);
            if (i % 10 == 0)
                REQUIRE_HIP(hs_kernels::add_in_stream(window.data(), window.bytes(), 1, nullptr));
            window.unregister(); // waits for the kernel
        }
        CHECK(others(memory.ranges(), 10) == 0);
        REQUIRE_STATE_UNCHANGED(before);
    }
}

TEST_CASE("many chunks, all at once and in turns")
{
    HS_RANDOM(random);
    const size_t chunks = 12;
    std::vector<std::unique_ptr<Fragments>> memory;
    for (size_t i = 0; i < chunks; i++)
        memory.push_back(std::make_unique<Fragments>(std::vector<size_t>{1, 2, 1}, random));
    for (const Backing &backing : backings()) {
        for (const auto &chunk : memory)
            fill(chunk->ranges(), 0);
        {
            std::vector<std::unique_ptr<Window>> windows;
            for (const auto &chunk : memory)
                windows.push_back(std::make_unique<Window>(chunk->ranges(), backing.flag));
            for (const auto &window : windows)
                REQUIRE_HIP(hs_kernels::add_in_stream(window->data(), window->bytes(), 5, nullptr));
            REQUIRE_HIP(hipDeviceSynchronize());
        }
        for (int round = 0; round < 3; round++)
            for (const auto &chunk : memory) {
                Window window(chunk->ranges(), backing.flag);
                REQUIRE_HIP(hs_kernels::add_in_stream(window.data(), window.bytes(), 1, nullptr));
                window.unregister();
            }
        for (const auto &chunk : memory)
            CHECK(others(chunk->ranges(), 8) == 0);
    }
}

TEST_CASE("a window in a HIP graph")
{
    HS_RANDOM(random);
    const Fragments memory({1, 3, 2}, random);
    for (const Backing &backing : backings()) {
        fill(memory.ranges(), 7);
        const Window window(memory.ranges(), backing.flag);
        REQUIRE_HIP(hs_kernels::add_by_graph(window.data(), window.bytes(), 3, 4));
        CHECK(others(memory.ranges(), 19) == 0);
    }
}

TEST_CASE("copies from and to 128 offsets of a window")
{
    HS_RANDOM(random);
    const Fragments memory({1, 2, 1, 4}, random);
    for (const Backing &backing : backings()) {
        INFO("backing " << backing.name);
        const Window window(memory.ranges(), backing.flag);
        std::vector<uint8_t> whole(window.bytes()), part;
        write_pattern(memory.ranges(), random());
        REQUIRE_HIP(hipScatterMemcpy(whole.data(), window.data(), whole.size(), hipMemcpyDefault));
        size_t wrong = 0;
        for (size_t i = 0; i < 128; i++) {
            const size_t offset = i * (window.bytes() / 128) + i;
            part.assign(window.bytes() - offset, 0);
            wrong += hipScatterMemcpy(part.data(), window.data() + offset, part.size(),
                                      hipMemcpyDeviceToHost) != hipSuccess;
            wrong += std::memcmp(part.data(), whole.data() + offset, part.size()) != 0;
            whole[offset] = static_cast<uint8_t>(whole[offset] + 1);
            wrong += hipScatterMemcpy(window.data() + offset, whole.data() + offset, part.size(),
                                      hipMemcpyHostToDevice) != hipSuccess;
        }
        part.assign(window.bytes(), 0);
        REQUIRE_HIP(hipScatterMemcpy(part.data(), window.data(), part.size(), hipMemcpyDefault));
        CHECK(wrong == 0);
        CHECK(part == whole);
    }
}

TEST_CASE("more memory than the machine has is refused and leaves nothing")
{
    HS_RANDOM(random);
    const Fragments memory({1, 1}, random);
    const size_t bytes = size_t{1} << 40;
    void *huge = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    REQUIRE(huge != MAP_FAILED);
    for (const Backing &backing : backings()) {
        const std::vector<hipScatterRange> ranges = {
            memory.ranges()[0], {huge, bytes}, memory.ranges()[1]};
        Window(memory.ranges(), backing.flag).unregister();
        const ProcessState before = ProcessState::now();
        void *window = nullptr;
        const hipError_t status =
            hipHostRegisterScatter(&window, ranges.data(), ranges.size(), backing.flag);
        INFO(backing.name << ": " << hipScatterGetLastErrorMessage());
        CHECK(status == hipErrorOutOfMemory);
        REQUIRE_STATE_UNCHANGED(before);
        Window(memory.ranges(), backing.flag).unregister();
    }
    munmap(huge, bytes);
}

TEST_CASE("one buffer registered two thousand times at once")
{
    HS_RANDOM(random);
    const Fragments memory({2, 1}, random);
    warm_up(memory, 0);
    const ProcessState before = ProcessState::now();
    fill(memory.ranges(), 0);
    {
        std::vector<std::unique_ptr<Window>> windows;
        for (int i = 0; i < 2000; i++)
            windows.push_back(std::make_unique<Window>(memory.ranges(), 0));
        for (size_t i = 0; i < windows.size(); i += 400)
            REQUIRE_HIP(
                hs_kernels::add_in_stream(windows[i]->data(), windows[i]->bytes(), 1, nullptr));
        REQUIRE_HIP(hipDeviceSynchronize());
        void *device = nullptr;
        REQUIRE_HIP(hipScatterGetDevicePointer(&device, memory.ranges()[0].base, 0));
    }
    CHECK(others(memory.ranges(), 5) == 0);
    const ProcessState after = ProcessState::now();
    CHECK(after.buffers == before.buffers);
    CHECK(after.userptr_ranges == before.userptr_ranges);
    CHECK(after.gpu_pages == before.gpu_pages);
    CHECK(after.descriptors == before.descriptors);
}

TEST_CASE("memory on the stack and in the data section, unaligned, through the device pointer")
{
    static uint32_t in_data[3000] = {1, 2, 3};
    uint32_t on_stack[3000];
    std::fill(std::begin(on_stack), std::end(on_stack), 40u);
    for (uint32_t *memory : {in_data + 1, on_stack + 1}) {
        const uint32_t first = memory[0], before = memory[-1];
        const hipScatterRange range = {memory, 2500 * sizeof *memory};
        void *window = nullptr, *device = nullptr;
        REQUIRE_HIP(hipHostRegisterScatter(&window, &range, 1, 0));
        REQUIRE_HIP(hipScatterGetDevicePointer(&device, memory + 77, 0));
        CHECK(device == static_cast<uint32_t *>(window) + 77);
        CHECK(hipScatterGetDevicePointer(nullptr, memory, 0) == hipErrorInvalidValue);
        CHECK(hipScatterGetDevicePointer(&device, nullptr, 0) == hipErrorInvalidValue);
        REQUIRE_HIP(hs_kernels::add_in_stream(device, 4, 9, nullptr));
        REQUIRE_HIP(hs_kernels::add_in_stream(window, 4, 5, nullptr));
        REQUIRE_HIP(hipHostUnregisterScatter(window));
        CHECK(memory[0] == first + 5);
        CHECK(memory[-1] == before);
        CHECK(memory[77] == (memory == in_data + 1 ? 0u : 40u) + 9);
        CHECK(hipScatterGetDevicePointer(&device, memory, 0) == hipErrorInvalidValue);
    }
}

TEST_CASE("signals during registration are not noticed")
{
    static volatile sig_atomic_t caught;
    HS_RANDOM(random);
    const Fragments memory({1, 2, 1, 3}, random);
    struct sigaction action = {}, old = {};
    action.sa_handler = [](int) { caught = caught + 1; }; // no SA_RESTART: calls are interrupted
    REQUIRE(sigaction(SIGUSR1, &action, &old) == 0);
    sigevent event = {};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGUSR1;
    timer_t timer;
    REQUIRE(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
    const itimerspec every = {{0, 300000}, {0, 300000}};
    REQUIRE(timer_settime(timer, 0, &every, nullptr) == 0);
    caught = 0;
    write_pattern(memory.ranges(), 3);
    const uint64_t expected = cpu_checksum(memory.ranges());
    for (int round = 0; round < 2000 && (round < 40 || caught < 20); round++)
        for (const Backing &backing : backings()) {
            Window window(memory.ranges(), backing.flag);
            uint64_t sum = 0;
            if (round % 20 == 0) {
                REQUIRE_HIP(hs_kernels::checksum(window.data(), window.bytes(), &sum));
                CHECK(sum == expected);
            }
            window.unregister();
        }
    CHECK(caught >= 20);
    timer_delete(timer);
    sigaction(SIGUSR1, &old, nullptr);
}

// SPDX-License-Identifier: MIT
// Events: signal, auto-reset, waits for any and all, timeouts, destruction under a waiter,
// interrupts.
#include <catch2/catch.hpp>

#include <atomic>
#include <chrono>
#include <fstream>
#include <string>
#include <thread>

#include "kfd.hpp"

static uint32_t create(const Kfd &kfd, uint32_t type, bool auto_reset, uint32_t *slot = nullptr)
{
    kfd_ioctl_create_event_args args = {};
    args.event_type = type;
    args.auto_reset = auto_reset;
    REQUIRE(kfd.call(AMDKFD_IOC_CREATE_EVENT, &args) == 0);
    if (slot)
        *slot = args.event_slot_index;
    return args.event_id;
}

static long destroy(const Kfd &kfd, uint32_t id)
{
    kfd_ioctl_destroy_event_args args = {id, 0};
    return kfd.call(AMDKFD_IOC_DESTROY_EVENT, &args);
}

static long set(const Kfd &kfd, uint32_t id)
{
    kfd_ioctl_set_event_args args = {id, 0};
    return kfd.call(AMDKFD_IOC_SET_EVENT, &args);
}

static long wait(const Kfd &kfd, std::vector<kfd_event_data> &events, bool all, uint32_t ms,
                 uint32_t *result)
{
    kfd_ioctl_wait_events_args args = {};
    args.events_ptr = reinterpret_cast<uintptr_t>(events.data());
    args.num_events = static_cast<uint32_t>(events.size());
    args.wait_for_all = all;
    args.timeout = ms;
    long ret = kfd.call(AMDKFD_IOC_WAIT_EVENTS, &args);
    *result = args.wait_result;
    return ret;
}

static uint32_t poll(const Kfd &kfd, std::vector<uint32_t> ids, bool all = false, uint32_t ms = 0)
{
    std::vector<kfd_event_data> events(ids.size());
    for (size_t i = 0; i < ids.size(); i++)
        events[i].event_id = ids[i];
    uint32_t result = 99;
    REQUIRE(wait(kfd, events, all, ms, &result) == 0);
    return result;
}

constexpr uint32_t complete = KFD_IOC_WAIT_RESULT_COMPLETE, timeout = KFD_IOC_WAIT_RESULT_TIMEOUT;

TEST_CASE("an event without auto-reset stays signalled until it is reset")
{
    Kfd kfd;
    uint32_t slot = 0, id = create(kfd, KFD_IOC_EVENT_SIGNAL, false, &slot);
    CHECK(id >= 1);
    CHECK(slot == id);
    CHECK(poll(kfd, {id}) == timeout);
    REQUIRE(set(kfd, id) == 0);
    CHECK(poll(kfd, {id}) == complete);
    CHECK(poll(kfd, {id}) == complete);
    kfd_ioctl_reset_event_args reset = {id, 0};
    REQUIRE(kfd.call(AMDKFD_IOC_RESET_EVENT, &reset) == 0);
    CHECK(poll(kfd, {id}) == timeout);
    CHECK(destroy(kfd, id) == 0);
    CHECK(destroy(kfd, id) == -EINVAL);
    CHECK(set(kfd, id) == -EINVAL);
}

TEST_CASE("an event with auto-reset completes one wait")
{
    Kfd kfd;
    uint32_t id = create(kfd, KFD_IOC_EVENT_SIGNAL, true);
    REQUIRE(set(kfd, id) == 0);
    CHECK(poll(kfd, {id}) == complete);
    CHECK(poll(kfd, {id}) == timeout);
    CHECK(destroy(kfd, id) == 0);
}

TEST_CASE("waiting for any, for all, for an unknown event")
{
    Kfd kfd;
    uint32_t a = create(kfd, KFD_IOC_EVENT_SIGNAL, false),
             b = create(kfd, KFD_IOC_EVENT_SIGNAL, false);
    REQUIRE(set(kfd, b) == 0);
    CHECK(poll(kfd, {a, b}) == complete);
    CHECK(poll(kfd, {a, b}, true) == timeout);
    REQUIRE(set(kfd, a) == 0);
    CHECK(poll(kfd, {a, b}, true) == complete);
    std::vector<kfd_event_data> unknown(1);
    unknown[0].event_id = 4000;
    uint32_t result;
    CHECK(wait(kfd, unknown, false, 0, &result) == -EINVAL);
    CHECK(result == KFD_IOC_WAIT_RESULT_FAIL);
    CHECK(destroy(kfd, a) == 0);
    CHECK(destroy(kfd, b) == 0);
}

TEST_CASE("a wait times out after its time")
{
    Kfd kfd;
    uint32_t id = create(kfd, KFD_IOC_EVENT_SIGNAL, false);
    auto start = std::chrono::steady_clock::now();
    CHECK(poll(kfd, {id}, false, 50) == timeout);
    CHECK(std::chrono::steady_clock::now() - start >= std::chrono::milliseconds(50));
    CHECK(destroy(kfd, id) == 0);
}

// Until the thread has said its number and sleeps: it can sleep nowhere but in what it calls next.
static void until_asleep(const std::atomic<int> &tid)
{
    std::string state;
    while (state != "S") {
        std::this_thread::yield();
        std::ifstream stat("/proc/self/task/" + std::to_string(tid) + "/stat");
        std::string skip;
        stat >> skip >> skip >> state; // the name has no space
    }
}

TEST_CASE("a waiter is woken by another thread, by the device, and by destruction")
{
    Kfd kfd;
    uint32_t id = create(kfd, KFD_IOC_EVENT_SIGNAL, true);
    long ret = 1;
    uint32_t result = 99;
    std::vector<kfd_event_data> events(1);
    events[0].event_id = id;
    std::atomic<int> tid = 0;
    std::thread waiter([&] {
        tid = gettid();
        ret = wait(kfd, events, false, 60000, &result);
    });
    until_asleep(tid);
    SECTION("SET_EVENT")
    {
        REQUIRE(set(kfd, id) == 0);
        waiter.join();
        CHECK(ret == 0);
        CHECK(result == complete);
        CHECK(destroy(kfd, id) == 0);
    }
    SECTION("destruction fails the wait")
    {
        REQUIRE(destroy(kfd, id) == 0);
        waiter.join();
        CHECK(ret == -EIO);
        CHECK(result == KFD_IOC_WAIT_RESULT_FAIL);
    }
}

TEST_CASE("an interrupt signals the event whose slot was written, and clears the slot")
{
    Kfd kfd;
    uint32_t a = create(kfd, KFD_IOC_EVENT_SIGNAL, false),
             b = create(kfd, KFD_IOC_EVENT_SIGNAL, false);
    int err = 0;
    auto *slots = static_cast<volatile uint64_t *>(sgd_mmap(&Kfd::file, nullptr, 4096 * 8,
                                                            PROT_READ | PROT_WRITE, MAP_SHARED,
                                                            static_cast<off_t>(2ull << 62), &err));
    REQUIRE(slots != MAP_FAILED);
    CHECK(slots[b] == UINT64_MAX);
    slots[b] = b;
    fake_raise_event(b);
    CHECK(slots[b] == UINT64_MAX);
    CHECK(poll(kfd, {a}) == timeout);
    CHECK(poll(kfd, {b}) == complete);
    slots[a] = a; // an interrupt without an id: all slots are looked at
    fake_raise_event(0);
    CHECK(poll(kfd, {a}) == complete);
    CHECK(destroy(kfd, a) == 0);
    CHECK(destroy(kfd, b) == 0);
    if (sgd_mm_begin(const_cast<uint64_t *>(slots), 4096 * 8, true))
        sgd_mm_end(const_cast<uint64_t *>(slots), 4096 * 8, false);
    munmap(const_cast<uint64_t *>(slots), 4096 * 8);
}

TEST_CASE("a memory fault reaches the memory event with address and reason")
{
    Kfd kfd;
    uint32_t id = create(kfd, KFD_IOC_EVENT_MEMORY, true);
    CHECK(id >= 0x40000000);
    CHECK(set(kfd, id) == -EINVAL); // only the device can
    sg_memory_fault fault = {};
    fault.va = 0x123456000;
    fault.reason = SG_FAULT_READ_ONLY;
    fault.write = true;
    fake_raise_fault(&fault);
    std::vector<kfd_event_data> events(1);
    events[0].event_id = id;
    uint32_t result;
    REQUIRE(wait(kfd, events, false, 0, &result) == 0);
    REQUIRE(result == complete);
    const auto &data = events[0].memory_exception_data;
    CHECK(data.va == 0x123456000);
    CHECK(data.gpu_id == sgd_gpu_id(0));
    CHECK(data.failure.ReadOnly == 1);
    CHECK(data.failure.NotPresent == 0);
    CHECK(destroy(kfd, id) == 0);
}

TEST_CASE("signal events run out at the size of their page")
{
    Kfd kfd;
    std::vector<uint32_t> ids;
    long ret = 0;
    while (ret == 0) {
        kfd_ioctl_create_event_args args = {};
        ret = kfd.call(AMDKFD_IOC_CREATE_EVENT, &args);
        if (ret == 0)
            ids.push_back(args.event_id);
    }
    CHECK(ret == -ENOSPC);
    CHECK(ids.size() == 4095); // slot 0 is reserved
    for (uint32_t id : ids)
        REQUIRE(destroy(kfd, id) == 0);
    CHECK(Kfd::stats().open_events == 0);
}

TEST_CASE("a waiter that knows an older age than the event's does not sleep, from KFD 1.14 on")
{
    const auto kernel = GENERATE(SGD_KERNEL_STOCK, SGD_KERNEL_BATCH_FLAG);
    const bool ages = kernel == SGD_KERNEL_BATCH_FLAG;
    Kfd kfd(kernel);
    uint32_t id = create(kfd, KFD_IOC_EVENT_SIGNAL, true), result = 99;
    std::vector<kfd_event_data> events(1);
    events[0].event_id = id;
    uint64_t age = 1; // of a new event
    auto wait_with_age = [&] {
        std::memcpy(events.data(), &age, sizeof(age));
        CHECK(wait(kfd, events, false, 0, &result) == 0);
        std::memcpy(&age, events.data(), sizeof(age));
        return result;
    };
    CHECK(wait_with_age() == timeout);
    REQUIRE(set(kfd, id) == 0);
    REQUIRE(set(kfd, id) == 0);
    CHECK(wait_with_age() == complete);
    CHECK(age == (ages ? 3 : 1));
    CHECK(wait_with_age() == timeout); // seen
    REQUIRE(set(kfd, id) == 0);
    CHECK(poll(kfd, {id}) == complete); // another waiter takes the signal
    CHECK(wait_with_age() == (ages ? complete : timeout));
    CHECK(destroy(kfd, id) == 0);
}

TEST_CASE("SMI events: those of the mask, in Linux' words")
{
    Kfd kfd;
    kfd_ioctl_smi_events_args args = {};
    args.gpuid = 0xdead;
    CHECK(kfd.call(AMDKFD_IOC_SMI_EVENTS, &args) == -EINVAL);
    args.gpuid = sgd_gpu_id(0);
    REQUIRE(kfd.call(AMDKFD_IOC_SMI_EVENTS, &args) == 0);
    const int fd = static_cast<int>(args.anon_fd);
    auto text = [&] {
        char buffer[512];
        ssize_t n = read(fd, buffer, sizeof(buffer));
        return n < 0 ? "error " + std::to_string(errno)
                     : std::string(buffer, static_cast<size_t>(n));
    };
    auto fault = [] {
        sg_memory_fault what = {};
        what.va = 0x1000;
        what.reason = SG_FAULT_NOT_PRESENT;
        fake_raise_fault(&what);
    };
    fault(); // before any mask
    uint64_t mask = KFD_SMI_EVENT_MASK_FROM_INDEX(KFD_SMI_EVENT_VMFAULT) |
                    KFD_SMI_EVENT_MASK_FROM_INDEX(KFD_SMI_EVENT_QUEUE_EVICTION);
    REQUIRE(write(fd, &mask, sizeof(mask)) == sizeof(mask));
    CHECK(text() == "error " + std::to_string(EAGAIN));
    fault();
    char want[64];
    std::snprintf(want, sizeof(want), "1 %x:driver_test\n", static_cast<unsigned>(getpid()));
    CHECK(text() == want);
    {
        Pages memory(1);
        uint64_t handle = 0;
        REQUIRE(kfd.userptr(memory.at(0), 0x7e0000000000, page, &handle) == 0);
        REQUIRE(sgd_mm_begin(memory.at(0), page, true));
        sgd_mm_end(memory.at(0), page, true);
        CHECK(kfd.free(handle) == 0);
    }
    std::string eviction = text();
    std::snprintf(want, sizeof(want), " -%d %x 1\n", getpid(), sgd_gpu_id(0));
    CHECK(eviction.substr(0, 2) == "9 ");
    CHECK(eviction.find(want) == eviction.size() - std::strlen(want)); // and no restore
    close(fd);
    fault(); // nobody reads
}

TEST_CASE("RUNTIME_ENABLE: once, before the first queue, on kernels that have it")
{
    struct { // struct kfd_ioctl_runtime_enable_args
        uint64_t r_debug;
        uint32_t mode_mask, capabilities_mask;
    } args = {};
    const unsigned runtime_enable = _IOWR('K', 0x25, args);
    args.mode_mask = 1;
    CHECK(Kfd(SGD_KERNEL_STOCK).call(runtime_enable, &args) == -ENOTTY);
    Kfd kfd(SGD_KERNEL_PROFILER);
    CHECK(kfd.call(runtime_enable, &args) == 0);
    CHECK(kfd.call(runtime_enable, &args) == -EBUSY);
    args.mode_mask = 0;
    CHECK(kfd.call(runtime_enable, &args) == 0);
    CHECK(kfd.call(runtime_enable, &args) == 0);
    kfd_ioctl_create_queue_args queue = {};
    queue.gpu_id = sgd_gpu_id(0);
    queue.queue_type = KFD_IOC_QUEUE_TYPE_COMPUTE;
    REQUIRE(kfd.call(AMDKFD_IOC_CREATE_QUEUE, &queue) == 0);
    args.mode_mask = 1;
    CHECK(kfd.call(runtime_enable, &args) == -EEXIST);
    kfd_ioctl_destroy_queue_args destroying = {};
    destroying.queue_id = queue.queue_id;
    CHECK(kfd.call(AMDKFD_IOC_DESTROY_QUEUE, &destroying) == 0);
}

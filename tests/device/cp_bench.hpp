// SPDX-License-Identifier: MIT
// What every test of the packet processors needs: a device, GPU memory whose pages lie elsewhere in
// host memory, signals, queues, and waiting with a limit. Owns no test.
#pragma once

// device.h is C: it has _Noreturn, and a function with the name of a struct.
#define _Noreturn [[noreturn]]
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
extern "C" {
#include "device.h"
}
#pragma GCC diagnostic pop
#undef _Noreturn
#include "cp_fake.h"

#include "hs_test.hpp"

#include <hsa/amd_hsa_queue.h>
#include <hsa/amd_hsa_signal.h>
#include <hsa/hsa.h>
#include <hsa/hsa_ext_amd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <thread>
#include <vector>

enum result { DONE, FAULT, TRAP, ILLEGAL, CANCELLED }; // enum sg_dispatch_result

inline bool eventually(const std::function<bool()> &condition, int milliseconds = 60000)
{
    auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds);
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end)
            return false;
        std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
    return true;
}

// Something that must not happen gets this long to happen.
inline bool never(const std::function<bool()> &condition)
{
    return !eventually(condition, 20);
}

// GPU memory: `pages` pages from `va` on, backed in shuffled order by one host block.
class gpu_memory
{
  public:
    gpu_memory(sg_vm *vm, uint64_t va, size_t pages, uint32_t flags = SG_PTE_READ | SG_PTE_WRITE)
        : vm_(vm), va_(va), pages_(pages), order_(pages)
    {
        host_ = static_cast<uint8_t *>(std::aligned_alloc(SG_PAGE_BYTES, pages * SG_PAGE_BYTES));
        std::memset(host_, 0, pages * SG_PAGE_BYTES);
        for (size_t i = 0; i < pages; i++)
            order_[i] = i;
        std::shuffle(order_.begin(), order_.end(), std::mt19937(7));
        for (size_t i = 0; i < pages; i++)
            if (sg_vm_map(vm, va + i * SG_PAGE_BYTES, host_ + order_[i] * SG_PAGE_BYTES,
                          SG_PAGE_BYTES, flags) != 0)
                std::abort();
    }
    ~gpu_memory()
    {
        sg_vm_unmap(vm_, va_, pages_ * SG_PAGE_BYTES);
        std::free(host_);
    }
    gpu_memory(const gpu_memory &) = delete;
    gpu_memory &operator=(const gpu_memory &) = delete;
    uint64_t va() const
    {
        return va_;
    }
    // Host address of one byte; objects on it may not cross a page.
    template <typename T = uint8_t> T *at(uint64_t va) const
    {
        uint64_t offset = va - va_;
        return reinterpret_cast<T *>(host_ + order_[offset / SG_PAGE_BYTES] * SG_PAGE_BYTES +
                                     offset % SG_PAGE_BYTES);
    }
    void write(uint64_t va, const void *from, size_t bytes) const
    {
        for (size_t i = 0; i < bytes; i++)
            *at(va + i) = static_cast<const uint8_t *>(from)[i];
    }
    std::vector<uint8_t> read(uint64_t va, size_t bytes) const
    {
        std::vector<uint8_t> out(bytes);
        for (size_t i = 0; i < bytes; i++)
            out[i] = *at(va + i);
        return out;
    }

  private:
    sg_vm *vm_;
    uint64_t va_;
    size_t pages_;
    std::vector<size_t> order_;
    uint8_t *host_;
};

struct bench {
    static constexpr uint64_t BASE = 0x7f0000000000;
    sg_device *dev;
    sg_vm *vm;
    std::unique_ptr<gpu_memory> memory;
    uint64_t next_va = BASE;
    uint32_t next_queue = 1;
    std::vector<sg_queue *> queues;
    uint64_t doorbells[64] = {};

    explicit bench(const char *arch = "gfx906", size_t pages = 2048)
        : dev(fake_device_create(arch)), vm(sg_vm_create()),
          memory(std::make_unique<gpu_memory>(vm, BASE, pages))
    {
    }
    ~bench()
    {
        for (sg_queue *q : queues)
            sg_queue_destroy(q);
        fake_device_destroy(dev);
        memory.reset();
        sg_vm_destroy(vm);
    }
    bench(const bench &) = delete;
    bench &operator=(const bench &) = delete;

    uint64_t allocate(uint64_t bytes, uint64_t align = 64)
    {
        next_va = (next_va + align - 1) / align * align;
        uint64_t va = next_va;
        next_va += bytes;
        return va;
    }
    template <typename T> T *at(uint64_t va)
    {
        return memory->at<T>(va);
    }

    // A signal with a mailbox; its event id is `event_id` unless that is 0.
    uint64_t signal(int64_t value, uint32_t event_id = 0)
    {
        uint64_t va = allocate(sizeof(amd_signal_t));
        auto *s = at<amd_signal_t>(va);
        s->kind = AMD_SIGNAL_KIND_USER;
        s->value = value;
        s->event_id = event_id;
        s->event_mailbox_ptr = event_id ? allocate(8, 8) : 0;
        return va;
    }
    int64_t value(uint64_t signal)
    {
        return std::atomic_ref(*const_cast<int64_t *>(&at<amd_signal_t>(signal)->value)).load();
    }
    void set(uint64_t signal, int64_t value)
    {
        std::atomic_ref(*const_cast<int64_t *>(&at<amd_signal_t>(signal)->value)).store(value);
    }

    sg_queue_config config(sg_queue_type type, uint64_t ring_bytes)
    {
        sg_queue_config c = {};
        c.type = type;
        c.vm = vm;
        c.queue_id = next_queue++;
        c.ring_va = allocate(ring_bytes, SG_PAGE_BYTES);
        c.ring_bytes = ring_bytes;
        c.doorbell = &doorbells[c.queue_id];
        c.priority = 7;
        c.percent = 100;
        return c;
    }
    sg_queue *create(const sg_queue_config &c)
    {
        sg_queue *q = nullptr;
        REQUIRE(sg_queue_create(dev, &c, &q) == 0);
        queues.push_back(q);
        return q;
    }
    void destroy(sg_queue *q)
    {
        queues.erase(std::find(queues.begin(), queues.end(), q));
        sg_queue_destroy(q);
    }
    void ring(const sg_queue_config &c, uint64_t value)
    {
        std::atomic_ref(doorbells[c.queue_id]).store(value);
    }
};

// An AQL queue with its amd_queue_t, as ROCr lays it out, and one kernel descriptor.
struct aql {
    bench &b;
    sg_queue_config c;
    uint64_t queue_va, inactive, kernel;
    sg_queue *q;
    uint64_t write = 0;

    aql(bench &owner, uint64_t packets = 64, uint32_t percent = 100, uint32_t priority = 7)
        : b(owner)
    {
        c = b.config(SG_QUEUE_AQL, packets * 64);
        c.percent = percent;
        c.priority = priority;
        queue_va = b.allocate(sizeof(amd_queue_t), SG_PAGE_BYTES);
        c.read_ptr_va = queue_va + offsetof(amd_queue_t, read_dispatch_id);
        c.write_ptr_va = queue_va + offsetof(amd_queue_t, write_dispatch_id);
        inactive = b.signal(0, 99);
        auto *amd = b.at<amd_queue_t>(queue_va);
        amd->read_dispatch_id_field_base_byte_offset = offsetof(amd_queue_t, read_dispatch_id);
        amd->queue_inactive_signal.handle = inactive;
        for (uint64_t i = 0; i < packets; i++)
            *b.at<uint16_t>(c.ring_va + i * 64) = HSA_PACKET_TYPE_INVALID;
        kernel = b.allocate(64);
        *b.at<int64_t>(kernel + 16) = 0x1000;
        *b.at<uint32_t>(kernel + 44) = 0x33;
        *b.at<uint32_t>(kernel + 48) = 0x01;
        *b.at<uint32_t>(kernel + 52) = 0x22;
        *b.at<uint16_t>(kernel + 56) = 0x55;
        q = b.create(c);
    }
    amd_queue_t *amd()
    {
        return b.at<amd_queue_t>(queue_va);
    }
    uint64_t read_index()
    {
        return std::atomic_ref(*const_cast<uint64_t *>(&amd()->read_dispatch_id)).load();
    }
    uint16_t header_at(uint64_t index)
    {
        return std::atomic_ref(*b.at<uint16_t>(c.ring_va + index * 64 % c.ring_bytes)).load();
    }
    hsa_kernel_dispatch_packet_t dispatch(uint64_t completion = 0)
    {
        hsa_kernel_dispatch_packet_t p = {};
        p.header = HSA_PACKET_TYPE_KERNEL_DISPATCH;
        p.setup = 3;
        p.workgroup_size_x = 64;
        p.workgroup_size_y = p.workgroup_size_z = 1;
        p.grid_size_x = 640;
        p.grid_size_y = p.grid_size_z = 1;
        p.kernel_object = kernel;
        p.kernarg_address = reinterpret_cast<void *>(0x12345678);
        p.completion_signal.handle = completion;
        return p;
    }
    // Body first, header last, as producers must.
    template <typename P> uint64_t submit(const P &packet, bool bell = true)
    {
        static_assert(sizeof(P) == 64);
        uint64_t index = write++;
        uint64_t va = c.ring_va + index * 64 % c.ring_bytes;
        auto *raw = reinterpret_cast<const uint8_t *>(&packet);
        std::memcpy(b.at<uint8_t>(va) + 4, raw + 4, 60);
        uint32_t first;
        std::memcpy(&first, raw, 4);
        std::atomic_ref(*b.at<uint32_t>(va)).store(first);
        std::atomic_ref(*const_cast<uint64_t *>(&amd()->write_dispatch_id)).store(write);
        if (bell)
            b.ring(c, index);
        return index;
    }
    hsa_barrier_and_packet_t barrier(uint8_t type, std::vector<uint64_t> deps, uint64_t completion)
    {
        hsa_barrier_and_packet_t p = {};
        p.header = type;
        for (size_t i = 0; i < deps.size(); i++)
            p.dep_signal[i].handle = deps[i];
        p.completion_signal.handle = completion;
        return p;
    }
};

// SPDX-License-Identifier: MIT
// A render node as graphics programs use it, through libdrm: buffers, their GPU addresses,
// submissions to the SDMA and compute engines, fences, dma-bufs. No HIP, no ROCr.
#include <catch2/catch.hpp>

#include "hs_test.hpp"

#include <amdgpu.h>
#include <amdgpu_drm.h>
#include <xf86drm.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

namespace
{

constexpr uint64_t page = 4096;
constexpr uint64_t forever = AMDGPU_TIMEOUT_INFINITE;

struct Device {
    Device()
    {
        fd = open("/dev/dri/renderD128", O_RDWR | O_CLOEXEC);
        REQUIRE(fd >= 0);
        uint32_t major, minor;
        REQUIRE(amdgpu_device_initialize(fd, &major, &minor, &handle) == 0);
        amdgpu_gpu_info info;
        REQUIRE(amdgpu_query_gpu_info(handle, &info) == 0);
        if (info.family_id != AMDGPU_FAMILY_AI)
            hs_test::skip("the packets below are GFX9's");
        REQUIRE(amdgpu_cs_ctx_create(handle, &context) == 0);
    }
    ~Device()
    {
        CHECK(amdgpu_cs_ctx_free(context) == 0);
        amdgpu_device_deinitialize(handle);
        close(fd);
    }
    Device(const Device &) = delete;
    Device &operator=(const Device &) = delete;
    int fd;
    amdgpu_device_handle handle;
    amdgpu_context_handle context;
};

// A buffer that the GPU and the CPU see.
struct Buffer {
    Buffer(Device &device, uint32_t domain, uint64_t size = page) : bytes(size)
    {
        amdgpu_bo_alloc_request request = {};
        request.alloc_size = bytes;
        request.phys_alignment = page;
        request.preferred_heap = domain;
        request.flags = AMDGPU_GEM_CREATE_CPU_ACCESS_REQUIRED;
        REQUIRE(amdgpu_bo_alloc(device.handle, &request, &bo) == 0);
        place(device);
    }
    Buffer(Device &device, amdgpu_bo_handle imported, uint64_t size) : bo(imported), bytes(size)
    {
        place(device);
    }
    ~Buffer()
    {
        CHECK(amdgpu_bo_cpu_unmap(bo) == 0);
        CHECK(amdgpu_bo_va_op(bo, 0, bytes, va, 0, AMDGPU_VA_OP_UNMAP) == 0);
        CHECK(amdgpu_va_range_free(range) == 0);
        CHECK(amdgpu_bo_free(bo) == 0);
    }
    Buffer(const Buffer &) = delete;
    Buffer &operator=(const Buffer &) = delete;
    uint32_t low() const
    {
        return static_cast<uint32_t>(va);
    }
    uint32_t high() const
    {
        return static_cast<uint32_t>(va >> 32);
    }
    amdgpu_bo_handle bo;
    uint64_t bytes;
    uint64_t va = 0;
    volatile uint32_t *words = nullptr;

  private:
    void place(Device &device)
    {
        REQUIRE(amdgpu_va_range_alloc(device.handle, amdgpu_gpu_va_range_general, bytes, page, 0,
                                      &va, &range, 0) == 0);
        REQUIRE(amdgpu_bo_va_op(bo, 0, bytes, va, 0, AMDGPU_VA_OP_MAP) == 0);
        void *cpu;
        REQUIRE(amdgpu_bo_cpu_map(bo, &cpu) == 0);
        words = static_cast<volatile uint32_t *>(cpu);
    }
    amdgpu_va_handle range = nullptr;
};

// An indirect buffer for one engine; submit() gives the fence of the job.
class Commands
{
  public:
    Commands(Device &device, uint32_t ip, std::vector<uint32_t> packets)
        : device_(device), ip_(ip), ib_(device, AMDGPU_GEM_DOMAIN_GTT)
    {
        const uint32_t nop = ip == AMDGPU_HW_IP_DMA ? 0 : 0xffff1000; // of one word
        while (packets.size() % 8)
            packets.push_back(nop);
        std::copy(packets.begin(), packets.end(), ib_.words);
        words_ = static_cast<uint32_t>(packets.size());
    }
    // With the buffers that it uses; after `first`, if there is one.
    amdgpu_cs_fence submit(std::vector<amdgpu_bo_handle> uses, amdgpu_cs_fence *first = nullptr,
                           amdgpu_bo_handle user_fence = nullptr)
    {
        amdgpu_bo_list_handle list;
        uses.push_back(ib_.bo);
        REQUIRE(amdgpu_bo_list_create(device_.handle, static_cast<uint32_t>(uses.size()),
                                      uses.data(), nullptr, &list) == 0);
        amdgpu_cs_ib_info info = {};
        info.ib_mc_address = ib_.va;
        info.size = words_;
        amdgpu_cs_request request = {};
        request.ip_type = ip_;
        request.number_of_ibs = 1;
        request.ibs = &info;
        request.resources = list;
        request.number_of_dependencies = first ? 1 : 0;
        request.dependencies = first;
        request.fence_info.handle = user_fence;
        request.fence_info.offset = 2; // in units of 8 bytes
        REQUIRE(amdgpu_cs_submit(device_.context, 0, &request, 1) == 0);
        CHECK(amdgpu_bo_list_destroy(list) == 0);
        return {device_.context, ip_, 0, 0, request.seq_no};
    }

  private:
    Device &device_;
    uint32_t ip_;
    Buffer ib_;
    uint32_t words_ = 0;
};

bool wait(amdgpu_cs_fence fence, uint64_t timeout_ns = forever)
{
    uint32_t expired = 0;
    REQUIRE(amdgpu_cs_query_fence_status(&fence, timeout_ns, 0, &expired) == 0);
    return expired != 0;
}

std::vector<uint32_t> sdma_fill(const Buffer &to, uint32_t value)
{
    return {11 | 2u << 30, to.low(), to.high(), value, static_cast<uint32_t>(to.bytes) - 1};
}

std::vector<uint32_t> sdma_copy(const Buffer &to, const Buffer &from)
{
    return {1,        static_cast<uint32_t>(to.bytes) - 1, 0, from.low(), from.high(), to.low(),
            to.high()};
}

// WRITE_DATA to memory, confirmed
std::vector<uint32_t> pm4_write(const Buffer &to, uint32_t index, uint32_t value)
{
    return {0xc0033700, 5u << 8 | 1u << 20, to.low() + 4 * index, to.high(), value};
}

// WAIT_REG_MEM until the word is equal
std::vector<uint32_t> pm4_wait(const Buffer &of, uint32_t value)
{
    return {0xc0053c00, 3u | 1u << 4, of.low(), of.high(), value, 0xffffffff, 10};
}

} // namespace

TEST_CASE("SDMA fills and copies buffers of a render node")
{
    Device device;
    Buffer vram(device, AMDGPU_GEM_DOMAIN_VRAM, 4 * page),
        gtt(device, AMDGPU_GEM_DOMAIN_GTT, 4 * page);
    Commands fill(device, AMDGPU_HW_IP_DMA, sdma_fill(vram, 0x5eed)),
        copy(device, AMDGPU_HW_IP_DMA, sdma_copy(gtt, vram));
    fill.submit({vram.bo});
    REQUIRE(wait(copy.submit({vram.bo, gtt.bo})));
    CHECK(vram.words[0] == 0x5eed);
    CHECK(std::count(gtt.words, gtt.words + 4 * page / 4, 0x5eedu) == 4 * page / 4);
}

TEST_CASE("a job of the compute engine writes, and its fences say when")
{
    Device device;
    Buffer out(device, AMDGPU_GEM_DOMAIN_GTT), gate(device, AMDGPU_GEM_DOMAIN_GTT),
        user_fence(device, AMDGPU_GEM_DOMAIN_GTT);
    std::vector<uint32_t> packets = pm4_wait(gate, 1), then = pm4_write(out, 3, 0xfeed);
    packets.insert(packets.end(), then.begin(), then.end());
    Commands commands(device, AMDGPU_HW_IP_COMPUTE, packets);
    amdgpu_cs_fence fence = commands.submit({out.bo, gate.bo}, nullptr, user_fence.bo);
    CHECK_FALSE(wait(fence, 20'000'000)); // 20 ms
    CHECK(user_fence.words[4] == 0);
    CHECK(out.words[3] == 0);
    gate.words[0] = 1;
    REQUIRE(wait(fence));
    CHECK(out.words[3] == 0xfeed);
    CHECK(user_fence.words[4] == fence.fence);
    bool busy = true;
    CHECK(amdgpu_bo_wait_for_idle(out.bo, forever, &busy) == 0);
    CHECK_FALSE(busy);
}

TEST_CASE("a job waits for one of another engine that it depends on")
{
    Device device;
    Buffer gate(device, AMDGPU_GEM_DOMAIN_GTT), from(device, AMDGPU_GEM_DOMAIN_GTT),
        to(device, AMDGPU_GEM_DOMAIN_GTT);
    std::vector<uint32_t> packets = pm4_wait(gate, 1), then = pm4_write(from, 0, 0xd00d);
    packets.insert(packets.end(), then.begin(), then.end());
    Commands first(device, AMDGPU_HW_IP_COMPUTE, packets),
        second(device, AMDGPU_HW_IP_DMA, sdma_copy(to, from));
    amdgpu_cs_fence written = first.submit({gate.bo, from.bo});
    amdgpu_cs_fence copied = second.submit({from.bo, to.bo}, &written);
    CHECK_FALSE(wait(copied, 20'000'000));
    gate.words[0] = 1;
    REQUIRE(wait(copied));
    CHECK(to.words[0] == 0xd00d);
}

TEST_CASE("more jobs than a ring holds run in order")
{
    Device device;
    Buffer out(device, AMDGPU_GEM_DOMAIN_GTT);
    Commands even(device, AMDGPU_HW_IP_DMA, sdma_fill(out, 2)),
        odd(device, AMDGPU_HW_IP_DMA, sdma_fill(out, 1));
    amdgpu_cs_fence last = {};
    for (int i = 0; i < 3000; i++)
        last = (i % 2 ? odd : even).submit({out.bo});
    REQUIRE(wait(last));
    CHECK(out.words[0] == 1);
    CHECK(out.words[page / 4 - 1] == 1);
}

TEST_CASE("a dma-buf of one open file is the same memory in another, and outlives its handle")
{
    Device one, other;
    uint32_t fd = 0;
    amdgpu_bo_import_result imported = {};
    {
        Buffer from(one, AMDGPU_GEM_DOMAIN_VRAM, 2 * page);
        from.words[page / 4] = 0xabcd;
        amdgpu_bo_metadata meta = {};
        meta.size_metadata = 5;
        std::memcpy(meta.umd_metadata, "meta", 5);
        REQUIRE(amdgpu_bo_set_metadata(from.bo, &meta) == 0);
        REQUIRE(amdgpu_bo_export(from.bo, amdgpu_bo_handle_type_dma_buf_fd, &fd) == 0);
    }
    CHECK(lseek(static_cast<int>(fd), 0, SEEK_END) == static_cast<off_t>(2 * page));
    REQUIRE(amdgpu_bo_import(other.handle, amdgpu_bo_handle_type_dma_buf_fd, fd, &imported) == 0);
    CHECK(imported.alloc_size == 2 * page);
    CHECK(close(static_cast<int>(fd)) == 0);
    amdgpu_bo_info info = {};
    REQUIRE(amdgpu_bo_query_info(imported.buf_handle, &info) == 0);
    CHECK(info.metadata.size_metadata == 5);
    CHECK(std::memcmp(info.metadata.umd_metadata, "meta", 5) == 0);
    Buffer in(other, imported.buf_handle, 2 * page);
    CHECK(in.words[page / 4] == 0xabcd);
    Buffer out(other, AMDGPU_GEM_DOMAIN_GTT, 2 * page);
    Commands copy(other, AMDGPU_HW_IP_DMA, sdma_copy(out, in));
    REQUIRE(wait(copy.submit({in.bo, out.bo})));
    CHECK(out.words[page / 4] == 0xabcd);
}

TEST_CASE("a part of a mapping on the GPU is replaced, and the rest stays")
{
    Device device;
    Buffer base(device, AMDGPU_GEM_DOMAIN_GTT, 4 * page), patch(device, AMDGPU_GEM_DOMAIN_GTT),
        out(device, AMDGPU_GEM_DOMAIN_GTT, 4 * page);
    for (uint32_t i = 0; i < 4; i++)
        base.words[i * page / 4] = i;
    patch.words[0] = 77;
    CHECK(amdgpu_bo_va_op(patch.bo, 0, page, base.va + page, 0, AMDGPU_VA_OP_MAP) == -EINVAL);
    REQUIRE(amdgpu_bo_va_op(patch.bo, 0, page, base.va + page, 0, AMDGPU_VA_OP_REPLACE) == 0);
    Commands copy(device, AMDGPU_HW_IP_DMA, sdma_copy(out, base));
    REQUIRE(wait(copy.submit({base.bo, patch.bo, out.bo})));
    CHECK(out.words[0] == 0);
    CHECK(out.words[page / 4] == 77);
    CHECK(out.words[2 * page / 4] == 2);
    CHECK(out.words[3 * page / 4] == 3);
    // As it was, for the end of the test.
    REQUIRE(amdgpu_bo_va_op(base.bo, 0, 4 * page, base.va, 0, AMDGPU_VA_OP_REPLACE) == 0);
}

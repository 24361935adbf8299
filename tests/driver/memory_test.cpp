// SPDX-License-Identifier: MIT
// Buffers: the checks of ALLOC, MAP, UNMAP, FREE and of the batch ioctl in both encodings, what
// ends up in the page tables, and that nothing is left behind.
#include <catch2/catch.hpp>

#include "kfd.hpp"

static const uint64_t va = 0x7e0000000000; // no CPU mapping is there

static void *gpu_sees(uint32_t gpu, uint64_t address, uint32_t need = SG_PTE_READ)
{
    return sg_vm_translate(fake.vms[gpu], address, need, nullptr);
}

TEST_CASE("ALLOC refuses what Linux refuses")
{
    Kfd kfd;
    uint64_t handle = 0;
    Pages memory(1);
    auto before = Kfd::stats();
    CHECK(kfd.userptr(memory.at(0), va, 0, &handle) == -EINVAL);
    CHECK(kfd.userptr(nullptr, va, page, &handle) == -EINVAL);
    CHECK(kfd.alloc(va, page, KFD_IOC_ALLOC_MEM_FLAGS_WRITABLE, &handle) == -EINVAL);
    CHECK(kfd.alloc(va, page, KFD_IOC_ALLOC_MEM_FLAGS_DOORBELL, &handle) == -EINVAL);
    CHECK(kfd.alloc(va, 2 * page, KFD_IOC_ALLOC_MEM_FLAGS_MMIO_REMAP, &handle) == -EINVAL);
    CHECK(kfd.alloc(va, 512ull << 20, Kfd::vram_flags, &handle) == -ENOMEM);
    CHECK(kfd.alloc(va, 1ull << 60, Kfd::userptr_flags, &handle, memory.address()) == -ENOMEM);
    CHECK(Kfd::stats().live_buffers == before.live_buffers);
    CHECK(Kfd::stats().live_vram_bytes == before.live_vram_bytes);
}

TEST_CASE("userptr: a hole and PROT_NONE are EFAULT, read-only memory is EPERM")
{
    Kfd kfd;
    uint64_t handle = 0;
    Pages memory(4);
    SECTION("hole")
    {
        memory.unmap(2);
        CHECK(kfd.userptr(memory.at(0), va, 4 * page, &handle) == -EFAULT);
    }
    SECTION("PROT_NONE")
    {
        mprotect(memory.at(1), page, PROT_NONE);
        CHECK(kfd.userptr(memory.at(0), va, 4 * page, &handle) == -EFAULT);
    }
    SECTION("read-only")
    {
        mprotect(memory.at(1), page, PROT_READ);
        CHECK(kfd.userptr(memory.at(0), va, 4 * page, &handle) == -EPERM);
    }
    SECTION("several VMAs are fine")
    {
        mprotect(memory.at(1), page, PROT_READ | PROT_WRITE | PROT_EXEC);
        REQUIRE(kfd.userptr(memory.at(0), va, 4 * page, &handle) == 0);
        CHECK(kfd.free(handle) == 0);
    }
    CHECK(Kfd::stats().live_userptr_buffers == 0);
}

TEST_CASE("MAP, UNMAP and FREE in and out of order")
{
    Kfd kfd;
    Pages memory(3);
    uint64_t handle = 0;
    REQUIRE(kfd.userptr(memory.at(0), va, 3 * page, &handle) == 0);
    CHECK(gpu_sees(0, va) == nullptr); // ALLOC maps nothing
    CHECK(kfd.unmap(handle) == -EINVAL);
    REQUIRE(kfd.map(handle, {0, 1}) == 0);
    CHECK(gpu_sees(0, va + 2 * page + 7) == memory.at(2) + 7);
    CHECK(gpu_sees(1, va, SG_PTE_WRITE | SG_PTE_EXEC | SG_PTE_WINDOW | SG_PTE_UNCACHED) ==
          memory.at(0));
    CHECK(gpu_sees(0, va + 3 * page) == nullptr);
    CHECK(kfd.map(handle) == 0); // mapped already: nothing to do
    CHECK(kfd.free(handle) == -EBUSY);
    REQUIRE(kfd.unmap(handle) == 0);
    CHECK(gpu_sees(0, va) == nullptr);
    CHECK(gpu_sees(1, va) == memory.at(0));
    CHECK(kfd.free(handle) == -EBUSY);
    REQUIRE(kfd.unmap(handle, {1}) == 0);
    REQUIRE(kfd.free(handle) == 0);
    CHECK(kfd.free(handle) == -EINVAL);
    CHECK(kfd.map(handle) == -ENOMEM);
    CHECK(Kfd::stats().mapped_pages == 0);
}

TEST_CASE("MAP stops at the first failure and tells how far it came")
{
    Kfd kfd;
    Pages memory(1);
    uint64_t handle = 0;
    REQUIRE(kfd.userptr(memory.at(0), va, page, &handle) == 0);
    uint32_t n = 0;
    CHECK(kfd.map(handle, {1, 2, 0}, &n) == -EINVAL);
    CHECK(n == 1);
    CHECK(gpu_sees(1, va) == memory.at(0));
    CHECK(gpu_sees(0, va) == nullptr);
    uint32_t undo = 0;
    CHECK(kfd.unmap(handle, {1}, &undo) == 0);
    n = 2;
    CHECK(kfd.map(handle, {0}, &n) == -EINVAL); // n_success beyond n_devices
    CHECK(kfd.map(handle, {}) == -EINVAL);
    CHECK(kfd.free(handle) == 0);
}

TEST_CASE("misaligned and overlapping GPU addresses are found by MAP, not by ALLOC")
{
    Kfd kfd;
    Pages memory(4);
    uint64_t first = 0, second = 0, odd = 0;
    REQUIRE(kfd.userptr(memory.at(0), va, 2 * page, &first) == 0);
    REQUIRE(kfd.userptr(memory.at(2), va + page, 2 * page, &second) == 0);
    REQUIRE(kfd.userptr(memory.at(2), va + 100, page, &odd) == 0);
    REQUIRE(kfd.map(first) == 0);
    CHECK(kfd.map(second) == -EINVAL);
    CHECK(kfd.map(odd) == -EINVAL);
    CHECK(gpu_sees(0, va + page) == memory.at(1));
    CHECK(gpu_sees(0, va + 2 * page) == nullptr);
    CHECK(kfd.map(second, {1}) == 0); // another GPU, another address space
    CHECK(kfd.unmap(second, {1}) == 0);
    CHECK(kfd.unmap(first) == 0);
    CHECK(kfd.free(first) == 0);
    CHECK(kfd.free(second) == 0);
    CHECK(kfd.free(odd) == 0);
}

TEST_CASE("VRAM: shared by program and GPU, zero when new, counted, not registrable")
{
    Kfd kfd;
    uint64_t handle = 0, other = 0, offset = 0;
    for (int round = 0; round < 2; round++) {
        REQUIRE(kfd.alloc(va, 64 * page, Kfd::vram_flags, &handle, 0, &offset) == 0);
        CHECK(Kfd::stats().live_vram_bytes == 64 * page);
        REQUIRE(kfd.map(handle, {0, 1}) == 0);
        int err = 0;
        auto *cpu = static_cast<char *>(sgd_mmap(&Kfd::render(0), nullptr, 64 * page,
                                                 PROT_READ | PROT_WRITE, MAP_SHARED,
                                                 static_cast<off_t>(offset), &err));
        REQUIRE(cpu != MAP_FAILED);
        auto *gpu = static_cast<char *>(gpu_sees(1, va + 5 * page));
        REQUIRE(gpu != nullptr);
        CHECK(cpu[5 * page] == 0);
        cpu[5 * page] = 42;
        CHECK(*gpu == 42);
        CHECK(kfd.userptr(cpu, va + 128 * page, page, &other) == -EFAULT);
        CHECK(kfd.unmap(handle, {0, 1}) == 0);
        CHECK(kfd.free(handle) == 0);
        CHECK(sgd_mmap(&Kfd::render(0), nullptr, page, PROT_READ, MAP_SHARED,
                       static_cast<off_t>(offset), &err) == MAP_FAILED);
        if (sgd_mm_begin(cpu, 64 * page, true))
            sgd_mm_end(cpu, 64 * page, false);
        munmap(cpu, 64 * page);
    }
    CHECK(Kfd::stats().live_vram_bytes == 0);
}

TEST_CASE("an AQL ring is mapped twice in a row")
{
    Kfd kfd;
    uint64_t handle = 0;
    REQUIRE(kfd.alloc(va, 8 * page,
                      KFD_IOC_ALLOC_MEM_FLAGS_GTT | KFD_IOC_ALLOC_MEM_FLAGS_WRITABLE |
                          KFD_IOC_ALLOC_MEM_FLAGS_AQL_QUEUE_MEM,
                      &handle) == 0);
    CHECK(Kfd::stats().live_gtt_bytes == 4 * page);
    REQUIRE(kfd.map(handle) == 0);
    CHECK(gpu_sees(0, va + page) == gpu_sees(0, va + 5 * page));
    CHECK(gpu_sees(0, va + 8 * page) == nullptr);
    CHECK(kfd.unmap(handle) == 0);
    CHECK(Kfd::stats().mapped_pages == 0);
    CHECK(kfd.free(handle) == 0);
}

TEST_CASE("the VRAM limit is per GPU and given back")
{
    Kfd kfd;
    uint64_t a = 0, b = 0;
    kfd_ioctl_get_available_memory_args available = {};
    available.gpu_id = sgd_gpu_id(0);
    REQUIRE(kfd.call(AMDKFD_IOC_AVAILABLE_MEMORY, &available) == 0);
    uint64_t all = available.available;
    CHECK(all > 200u << 20);
    REQUIRE(kfd.alloc(va, 200u << 20, Kfd::vram_flags, &a) == 0);
    CHECK(kfd.alloc(va + (1u << 30), 100u << 20, Kfd::vram_flags, &b) == -ENOMEM);
    CHECK(kfd.free(a) == 0);
    REQUIRE(kfd.call(AMDKFD_IOC_AVAILABLE_MEMORY, &available) == 0);
    CHECK(available.available == all);
}

// Every second page of `memory`, last first.
static std::vector<kfd_ioctl_userptr_range> scattered(const Pages &memory, size_t count)
{
    std::vector<kfd_ioctl_userptr_range> ranges;
    for (size_t i = count; i-- > 0;)
        ranges.push_back({memory.address(2 * i), page});
    return ranges;
}

TEST_CASE("batch: entry i lies after entry i-1, one handle for all")
{
    Kfd kfd;
    Pages memory(200);
    auto ranges = scattered(memory, 100);
    ranges.push_back({memory.address(1), page}); // one is contiguous with its neighbour in memory
    uint64_t handle = 0;
    REQUIRE(kfd.batch(ranges, va, &handle) == 0);
    CHECK(Kfd::stats().live_buffers == 1);
    CHECK(Kfd::stats().live_userptr_ranges == 101);
    REQUIRE(kfd.map(handle, {0, 1}) == 0);
    for (size_t i = 0; i < ranges.size(); i++)
        CHECK(gpu_sees(i % 2, va + i * page) == reinterpret_cast<void *>(ranges[i].start));
    CHECK(gpu_sees(0, va + ranges.size() * page) == nullptr);
    CHECK(kfd.unmap(handle, {0, 1}) == 0);
    CHECK(kfd.free(handle) == 0);
    CHECK(Kfd::stats().live_userptr_ranges == 0);
    CHECK(Kfd::stats().mapped_pages == 0);
}

TEST_CASE("batch: the posted handler's checks")
{
    Kfd kfd;
    Pages memory(8);
    uint64_t handle = 0;
    auto ranges = scattered(memory, 4);
    CHECK(kfd.batch({}, va, &handle, page) == -EINVAL);
    CHECK(kfd.batch(ranges, va, &handle, 5 * page) == -EINVAL); // not the sum
    CHECK(kfd.batch(ranges, va, &handle, 0, KFD_IOC_ALLOC_MEM_FLAGS_WRITABLE) == -EOPNOTSUPP);
    auto bad = ranges;
    bad[2].start += 8;
    CHECK(kfd.batch(bad, va, &handle) == -EINVAL);
    bad = ranges;
    bad[1].size = page + 8;
    CHECK(kfd.batch(bad, va, &handle) == -EINVAL);
    bad[1].size = 0;
    CHECK(kfd.batch(bad, va, &handle) == -EINVAL);
    memory.unmap(2);
    CHECK(kfd.batch(ranges, va, &handle) == -EFAULT);

    kfd_ioctl_alloc_memory_of_gpu_batch_args args = {};
    CHECK(kfd.call(AMDKFD_IOC_ALLOC_MEMORY_OF_GPU_BATCH, &args) == -EINVAL);
    args = {va, page, 0, 8, 1, sgd_gpu_id(0), Kfd::userptr_flags, 0};
    CHECK(kfd.call(AMDKFD_IOC_ALLOC_MEMORY_OF_GPU_BATCH, &args) == -EFAULT);
    CHECK(Kfd::stats().live_buffers == 0);
    CHECK(Kfd::stats().live_userptr_ranges == 0);
}

TEST_CASE("batch-flag: the list behind mmap_offset, other kernels ignore the flag")
{
    Pages memory(8), list(1);
    auto *head = reinterpret_cast<kfd_ioctl_userptr_batch *>(list.at(0));
    auto *ranges = reinterpret_cast<kfd_ioctl_userptr_range *>(head + 1);
    *head = {3, 0};
    for (int i = 0; i < 3; i++)
        ranges[i] = {memory.address(4 - 2 * i), page};
    uint64_t handle = 0;
    const uint32_t flags = Kfd::userptr_flags | KFD_IOC_ALLOC_MEM_FLAGS_USERPTR_BATCH;
    SECTION("batch-flag")
    {
        Kfd kfd(SGD_KERNEL_BATCH_FLAG);
        REQUIRE(kfd.alloc(va, 3 * page, flags, &handle, list.address()) == 0);
        REQUIRE(kfd.map(handle) == 0);
        CHECK(gpu_sees(0, va) == memory.at(4));
        CHECK(gpu_sees(0, va + 2 * page) == memory.at(0));
        CHECK(kfd.unmap(handle) == 0);
        CHECK(kfd.free(handle) == 0);
        CHECK(kfd.alloc(va, 2 * page, flags, &handle, list.address()) == -EINVAL); // not the sum
        head->reserved = 1;
        CHECK(kfd.alloc(va, 3 * page, flags, &handle, list.address()) == -EINVAL);
        *head = {0, 0};
        CHECK(kfd.alloc(va, page, flags, &handle, list.address()) == -EINVAL);
        CHECK(kfd.alloc(va, page, flags, &handle, 8) == -EFAULT);
    }
    SECTION("stock: the list itself is mapped")
    {
        Kfd kfd(SGD_KERNEL_STOCK);
        REQUIRE(kfd.alloc(va, page, flags, &handle, list.address()) == 0);
        REQUIRE(kfd.map(handle) == 0);
        CHECK(gpu_sees(0, va) == list.at(0));
        CHECK(kfd.unmap(handle) == 0);
        CHECK(kfd.free(handle) == 0);
    }
}

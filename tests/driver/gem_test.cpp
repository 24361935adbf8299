// SPDX-License-Identifier: MIT
// What a render node refuses, and with which errno; dma-bufs between it and the KFD.
#include <catch2/catch.hpp>

#include <fcntl.h>
#include <libdrm/amdgpu_drm.h>
#include <sys/wait.h>

#include "kfd.hpp"

namespace
{

constexpr uint64_t va = 0x500000000000;

template <class Args> long drm(unsigned long cmd, Args *args, int node = 0)
{
    return sgd_render_ioctl(&Kfd::render(node), static_cast<unsigned>(cmd), args);
}

struct Bo {
    explicit Bo(uint64_t domains = AMDGPU_GEM_DOMAIN_VRAM, uint64_t flags = 0,
                uint64_t bytes = 2 * page)
    {
        drm_amdgpu_gem_create args = {};
        args.in.bo_size = bytes;
        args.in.domains = domains;
        args.in.domain_flags = flags;
        ret = drm(DRM_IOCTL_AMDGPU_GEM_CREATE, &args);
        handle = ret ? 0 : args.out.handle;
    }
    ~Bo()
    {
        drm_gem_close args = {};
        args.handle = handle;
        if (handle)
            CHECK(drm(DRM_IOCTL_GEM_CLOSE, &args) == 0);
    }
    Bo(const Bo &) = delete;
    Bo &operator=(const Bo &) = delete;
    long ret;
    uint32_t handle;
};

long gem_va(uint32_t handle, uint32_t operation, uint64_t at, uint64_t bytes, uint64_t offset = 0,
            uint32_t flags = AMDGPU_VM_PAGE_READABLE | AMDGPU_VM_PAGE_WRITEABLE)
{
    drm_amdgpu_gem_va args = {};
    args.handle = handle;
    args.operation = operation;
    args.flags = flags;
    args.va_address = at;
    args.map_size = bytes;
    args.offset_in_bo = offset;
    return drm(DRM_IOCTL_AMDGPU_GEM_VA, &args);
}

long export_bo(uint32_t handle, int *fd)
{
    drm_prime_handle args = {};
    args.handle = handle;
    args.flags = DRM_CLOEXEC | DRM_RDWR;
    long ret = drm(DRM_IOCTL_PRIME_HANDLE_TO_FD, &args);
    *fd = args.fd;
    return ret;
}

void close_fd(int fd)
{
    sgd_file_closed(&Kfd::made[static_cast<size_t>(fd - 2000)]);
}

long import_to_kfd(const Kfd &kfd, int fd, uint64_t at, uint64_t *handle, uint32_t gpu = 0)
{
    kfd_ioctl_import_dmabuf_args args = {};
    args.va_addr = at;
    args.gpu_id = sgd_gpu_id(gpu);
    args.dmabuf_fd = static_cast<uint32_t>(fd);
    long ret = kfd.call(AMDKFD_IOC_IMPORT_DMABUF, &args);
    *handle = args.handle;
    return ret;
}

} // namespace

TEST_CASE("GEM_CREATE: what is refused")
{
    Kfd kfd;
    CHECK(Bo(AMDGPU_GEM_DOMAIN_VRAM, 1u << 31).ret == -EINVAL);
    CHECK(Bo(AMDGPU_GEM_DOMAIN_VRAM, AMDGPU_GEM_CREATE_ENCRYPTED).ret == -EINVAL);
    CHECK(Bo(1u << 10).ret == -EINVAL);
    CHECK(Bo(AMDGPU_GEM_DOMAIN_VRAM, 0, 0).ret == -EINVAL);
    CHECK(Bo(AMDGPU_GEM_DOMAIN_GTT, 0, 1ull << 50).ret == -ENOMEM);
    CHECK(Kfd::stats().live_vram_bytes == 0);
}

TEST_CASE("more than fits into VRAM goes to system memory")
{
    Kfd kfd;
    const Bo bo(AMDGPU_GEM_DOMAIN_VRAM, 0, 512u << 20); // the GPU has 256 MiB
    CHECK(bo.ret == 0);
    CHECK(Kfd::stats().live_vram_bytes == 0);
    CHECK(Kfd::stats().live_gtt_bytes == 512u << 20);
}

TEST_CASE("an unknown handle: ENOENT, closing it EINVAL")
{
    Kfd kfd;
    drm_gem_close closing = {};
    closing.handle = 999;
    CHECK(drm(DRM_IOCTL_GEM_CLOSE, &closing) == -EINVAL);
    drm_amdgpu_gem_mmap map = {};
    map.in.handle = 999;
    CHECK(drm(DRM_IOCTL_AMDGPU_GEM_MMAP, &map) == -ENOENT);
    drm_amdgpu_gem_metadata meta = {};
    meta.handle = 999;
    CHECK(drm(DRM_IOCTL_AMDGPU_GEM_METADATA, &meta) == -ENOENT);
    drm_amdgpu_gem_wait_idle idle = {};
    idle.in.handle = 999;
    CHECK(drm(DRM_IOCTL_AMDGPU_GEM_WAIT_IDLE, &idle) == -ENOENT);
    CHECK(gem_va(999, AMDGPU_VA_OP_MAP, va, page) == -ENOENT);
    int fd = -1;
    CHECK(export_bo(999, &fd) == -ENOENT);
    CHECK(Bo(AMDGPU_GEM_DOMAIN_VRAM).ret == 0); // a handle of the other file is none here
    Bo other;
    drm_gem_close there = {};
    there.handle = other.handle;
    CHECK(drm(DRM_IOCTL_GEM_CLOSE, &there, 2) == -EINVAL);
}

TEST_CASE("a buffer without CPU access is not mapped, metadata has a limit")
{
    Kfd kfd;
    Bo bo(AMDGPU_GEM_DOMAIN_VRAM, AMDGPU_GEM_CREATE_NO_CPU_ACCESS);
    drm_amdgpu_gem_mmap map = {};
    map.in.handle = bo.handle;
    CHECK(drm(DRM_IOCTL_AMDGPU_GEM_MMAP, &map) == -EPERM);
    drm_amdgpu_gem_metadata meta = {};
    meta.handle = bo.handle;
    meta.op = AMDGPU_GEM_METADATA_OP_SET_METADATA;
    meta.data.data_size_bytes = 257;
    CHECK(drm(DRM_IOCTL_AMDGPU_GEM_METADATA, &meta) == -EINVAL);
}

TEST_CASE("GEM_VA: addresses, alignment, bounds, overlap")
{
    Kfd kfd;
    Bo bo;
    const uint32_t map = AMDGPU_VA_OP_MAP, h = bo.handle;
    CHECK(gem_va(h, map, 1u << 20, page) == -EINVAL);           // reserved
    CHECK(gem_va(h, map, 1ull << 47, page) == -EINVAL);         // the hole
    CHECK(gem_va(h, map, 0xffffffffffe00000, page) == -EINVAL); // the kernel's
    CHECK(gem_va(h, map, va + 1, page) == -EINVAL);
    CHECK(gem_va(h, map, va, page + 1) == -EINVAL);
    CHECK(gem_va(h, map, va, 3 * page) == -EINVAL);
    CHECK(gem_va(h, map, va, 2 * page, page) == -EINVAL);
    CHECK(gem_va(h, map, va, page, 0, 1u << 31) == -EINVAL);
    CHECK(gem_va(h, 0, va, page) == -EINVAL);
    CHECK(gem_va(h, map, va, 2 * page) == 0);
    CHECK(gem_va(h, map, va + page, page) == -EINVAL);
    CHECK(gem_va(h, AMDGPU_VA_OP_UNMAP, va + page, page) == -ENOENT);
    CHECK(Kfd::stats().mapped_pages == 2);
    CHECK(gem_va(0, AMDGPU_VA_OP_CLEAR, va, page) == 0);
    CHECK(Kfd::stats().mapped_pages == 1);
    CHECK(gem_va(h, AMDGPU_VA_OP_UNMAP, va + page, page) == 0);
    CHECK(gem_va(h, map, 0xffff900000000000, page) == 0); // goes with the handle
}

TEST_CASE("a mapping of the KFD's in the same address space is in the way")
{
    Kfd kfd;
    Pages memory(1);
    uint64_t handle = 0;
    REQUIRE(kfd.userptr(memory.at(0), va, page, &handle) == 0);
    REQUIRE(kfd.map(handle) == 0);
    Bo bo;
    CHECK(gem_va(bo.handle, AMDGPU_VA_OP_MAP, va, page) == -EINVAL);
    CHECK(kfd.unmap(handle) == 0);
    CHECK(kfd.free(handle) == 0);
    CHECK(gem_va(bo.handle, AMDGPU_VA_OP_MAP, va, page) == 0);
}

TEST_CASE("contexts, lists and submissions that are refused")
{
    Kfd kfd;
    drm_amdgpu_ctx ctx = {};
    ctx.in.op = AMDGPU_CTX_OP_FREE_CTX;
    ctx.in.ctx_id = 7;
    CHECK(drm(DRM_IOCTL_AMDGPU_CTX, &ctx) == -EINVAL);
    ctx = {};
    ctx.in.op = 99;
    CHECK(drm(DRM_IOCTL_AMDGPU_CTX, &ctx) == -EINVAL);
    ctx = {};
    ctx.in.op = AMDGPU_CTX_OP_ALLOC_CTX;
    REQUIRE(drm(DRM_IOCTL_AMDGPU_CTX, &ctx) == 0);
    const uint32_t id = ctx.out.alloc.ctx_id;

    drm_amdgpu_bo_list_entry entry = {999, 0};
    drm_amdgpu_bo_list list = {};
    list.in.bo_number = 1;
    list.in.bo_info_size = sizeof(entry);
    list.in.bo_info_ptr = reinterpret_cast<uintptr_t>(&entry);
    CHECK(drm(DRM_IOCTL_AMDGPU_BO_LIST, &list) == -ENOENT);

    drm_amdgpu_cs cs = {};
    cs.in.ctx_id = id;
    CHECK(drm(DRM_IOCTL_AMDGPU_CS, &cs) == -EINVAL); // no chunk
    drm_amdgpu_cs_chunk_ib ib = {};
    drm_amdgpu_cs_chunk chunk = {AMDGPU_CHUNK_ID_IB, sizeof(ib) / 4,
                                 reinterpret_cast<uintptr_t>(&ib)};
    uint64_t pointer = reinterpret_cast<uintptr_t>(&chunk);
    auto submit = [&](uint32_t context, uint64_t chunks) {
        cs = {};
        cs.in.ctx_id = context;
        cs.in.num_chunks = 1;
        cs.in.chunks = chunks;
        return drm(DRM_IOCTL_AMDGPU_CS, &cs);
    };
    const uint64_t chunks = reinterpret_cast<uintptr_t>(&pointer);
    CHECK(submit(id + 1, chunks) == -EINVAL);
    CHECK(submit(id, 16) == -EFAULT);
    ib.ip_type = AMDGPU_HW_IP_UVD; // not there
    CHECK(submit(id, chunks) == -EINVAL);
    chunk.length_dw = 1;
    CHECK(submit(id, chunks) == -EINVAL);
    chunk = {99, sizeof(ib) / 4, reinterpret_cast<uintptr_t>(&ib)};
    CHECK(submit(id, chunks) == -EINVAL);
    drm_amdgpu_wait_cs waiting = {};
    waiting.in.ctx_id = id;
    waiting.in.handle = 5; // of the future
    waiting.in.ip_type = AMDGPU_HW_IP_DMA;
    CHECK(drm(DRM_IOCTL_AMDGPU_WAIT_CS, &waiting) == -EINVAL);
    ctx = {};
    ctx.in.op = AMDGPU_CTX_OP_FREE_CTX;
    ctx.in.ctx_id = id;
    CHECK(drm(DRM_IOCTL_AMDGPU_CTX, &ctx) == 0);
    CHECK(fake.queues == 0);
}

TEST_CASE(
    "a dma-buf in the KFD: its memory, size and metadata, and it outlives handle and descriptor")
{
    Kfd kfd;
    int fd = -1;
    uint64_t handle = 0;
    {
        Bo bo(AMDGPU_GEM_DOMAIN_VRAM, AMDGPU_GEM_CREATE_CPU_ACCESS_REQUIRED);
        drm_amdgpu_gem_metadata meta = {};
        meta.handle = bo.handle;
        meta.op = AMDGPU_GEM_METADATA_OP_SET_METADATA;
        meta.data.data_size_bytes = 4;
        meta.data.data[0] = 0x12345678;
        REQUIRE(drm(DRM_IOCTL_AMDGPU_GEM_METADATA, &meta) == 0);
        REQUIRE(export_bo(bo.handle, &fd) == 0);
        REQUIRE(import_to_kfd(kfd, fd, va, &handle) == 0);
    }
    kfd_ioctl_get_dmabuf_info_args info = {};
    uint32_t metadata = 0;
    info.dmabuf_fd = static_cast<uint32_t>(fd);
    info.metadata_ptr = reinterpret_cast<uintptr_t>(&metadata);
    CHECK(kfd.call(AMDKFD_IOC_GET_DMABUF_INFO, &info) == -EINVAL); // no room
    info.metadata_size = 4;
    REQUIRE(kfd.call(AMDKFD_IOC_GET_DMABUF_INFO, &info) == 0);
    CHECK(info.size == 2 * page);
    CHECK(info.gpu_id == sgd_gpu_id(0));
    CHECK(info.metadata_size == 4);
    CHECK(metadata == 0x12345678);
    CHECK(info.flags == (KFD_IOC_ALLOC_MEM_FLAGS_VRAM | KFD_IOC_ALLOC_MEM_FLAGS_PUBLIC));
    int err = 0;
    void *memory =
        sgd_mmap(&Kfd::made.back(), nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_SHARED, 0, &err);
    REQUIRE(memory != MAP_FAILED);
    *static_cast<char *>(memory) = 'x';
    close_fd(fd);
    REQUIRE(kfd.map(handle) == 0);
    CHECK(*static_cast<char *>(sg_vm_translate(fake.vms[0], va, SG_PTE_READ, nullptr)) == 'x');
    CHECK(Kfd::stats().live_vram_bytes == 2 * page);
    CHECK(kfd.unmap(handle) == 0);
    CHECK(kfd.free(handle) == 0);
    CHECK(Kfd::stats().live_vram_bytes == 0);
    CHECK_FALSE(sgd_mm_begin(memory, 2 * page, true)); // as the interposed munmap does
    munmap(memory, 2 * page);
}

TEST_CASE("the KFD refuses what is no dma-buf, and a dma-buf of another GPU")
{
    Kfd kfd;
    Bo bo;
    int fd = -1;
    uint64_t handle = 0;
    REQUIRE(export_bo(bo.handle, &fd) == 0);
    CHECK(import_to_kfd(kfd, fd, va, &handle, 1) == -EINVAL);
    CHECK(import_to_kfd(kfd, 1, va, &handle) == -EINVAL); // another file
    CHECK(import_to_kfd(kfd, 12345, va, &handle) == -EBADF);
    close_fd(fd);
    CHECK(import_to_kfd(kfd, fd, va, &handle) == -EBADF);
}

TEST_CASE("EXPORT_DMABUF: kernels that have it, and what it exports")
{
    struct { // struct kfd_ioctl_export_dmabuf_args
        uint64_t handle;
        uint32_t flags, dmabuf_fd;
    } args = {};
    const unsigned export_dmabuf = _IOWR('K', 0x24, args);
    Pages memory(1);
    uint64_t vram = 0, userptr = 0;
    {
        Kfd old(SGD_KERNEL_STOCK);
        CHECK(old.call(export_dmabuf, &args) == -ENOTTY);
    }
    Kfd kfd(SGD_KERNEL_BATCH_FLAG);
    CHECK(kfd.call(export_dmabuf, &args) == -EINVAL);
    REQUIRE(kfd.userptr(memory.at(0), va, page, &userptr) == 0);
    args.handle = userptr;
    CHECK(kfd.call(export_dmabuf, &args) == -EPERM);
    REQUIRE(kfd.alloc(va, page, Kfd::vram_flags, &vram) == 0);
    args.handle = vram;
    REQUIRE(kfd.call(export_dmabuf, &args) == 0);
    drm_prime_handle import = {};
    import.fd = static_cast<int>(args.dmabuf_fd);
    REQUIRE(drm(DRM_IOCTL_PRIME_FD_TO_HANDLE, &import) == 0);
    uint32_t first = import.handle;
    REQUIRE(drm(DRM_IOCTL_PRIME_FD_TO_HANDLE, &import) == 0);
    CHECK(import.handle == first); // one handle for an object
    close_fd(static_cast<int>(args.dmabuf_fd));
    CHECK(kfd.free(vram) == 0);
    CHECK(Kfd::stats().live_vram_bytes == page);
    drm_gem_close closing = {};
    closing.handle = first;
    CHECK(drm(DRM_IOCTL_GEM_CLOSE, &closing) == 0);
    CHECK(Kfd::stats().live_vram_bytes == 0);
    CHECK(kfd.free(userptr) == 0);
}

TEST_CASE("closing a render node gives back its buffers, not those of the KFD's own node")
{
    Kfd kfd;
    sgd_file file;
    REQUIRE(sgd_open(SGD_FILE_RENDER, 0, &file) == 0);
    drm_amdgpu_gem_create args = {};
    args.in.bo_size = page;
    args.in.domains = AMDGPU_GEM_DOMAIN_VRAM;
    REQUIRE(sgd_render_ioctl(&file, DRM_IOCTL_AMDGPU_GEM_CREATE, &args) == 0);
    drm_amdgpu_gem_va map = {};
    map.handle = args.out.handle;
    map.operation = AMDGPU_VA_OP_MAP;
    map.va_address = va;
    map.map_size = page;
    REQUIRE(sgd_render_ioctl(&file, DRM_IOCTL_AMDGPU_GEM_VA, &map) == 0);
    CHECK(Kfd::stats().live_vram_bytes == page);
    sgd_file_closed(&file);
    CHECK(Kfd::stats().live_vram_bytes == 0);
    sgd_file_closed(&Kfd::render(0)); // the KFD holds it open
    Pages memory(1);
    uint64_t handle = 0;
    REQUIRE(kfd.userptr(memory.at(0), va, page, &handle) == 0);
    CHECK(kfd.map(handle) == 0);
    CHECK(kfd.unmap(handle) == 0);
    CHECK(kfd.free(handle) == 0);
}

TEST_CASE("a child of a fork has none of its parent's buffers, and opens a render node of its own")
{
    Kfd kfd;
    Bo bo;
    drm_amdgpu_gem_mmap map = {};
    map.in.handle = bo.handle;
    const sgd_file parents = Kfd::render(0);
    sgd_before_fork();
    const pid_t pid = fork();
    if (pid == 0) {
        sgd_after_fork_in_child();
        sgd_file own;
        drm_amdgpu_gem_create create = {};
        create.in.bo_size = page;
        create.in.domains = AMDGPU_GEM_DOMAIN_VRAM;
        bool good = sgd_render_ioctl(&parents, DRM_IOCTL_AMDGPU_GEM_MMAP, &map) == -EBADF &&
                    sgd_open(SGD_FILE_RENDER, 0, &own) == 0 &&
                    sgd_render_ioctl(&own, DRM_IOCTL_AMDGPU_GEM_CREATE, &create) == 0;
        _exit(good ? 0 : 1);
    }
    sgd_after_fork_in_parent();
    int status = -1;
    REQUIRE(waitpid(pid, &status, 0) == pid);
    CHECK(status == 0);
    CHECK(drm(DRM_IOCTL_AMDGPU_GEM_MMAP, &map) == 0);
}

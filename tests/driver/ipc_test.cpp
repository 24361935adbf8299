// SPDX-License-Identifier: MIT
// Buffers shared between processes (--ipc): what a share handle is good for, and when it is void.
#include <catch2/catch.hpp>
#include <cstdio>
#include <sys/wait.h>

#include "kfd.hpp"
extern "C" {
#include "ipc.h"
}

namespace
{

constexpr unsigned ipc_import = _IOWR('K', 0x80, sgd_ipc_import_args);
constexpr unsigned ipc_export = _IOWR('K', 0x81, sgd_ipc_export_args);
constexpr uint32_t vram_flags = KFD_IOC_ALLOC_MEM_FLAGS_VRAM | KFD_IOC_ALLOC_MEM_FLAGS_PUBLIC;
constexpr uint64_t bytes = 4 * page, va = 0x600000000000;

long share(const Kfd &kfd, uint64_t handle, sgd_ipc_export_args *args)
{
    *args = {};
    args->handle = handle;
    args->gpu_id = sgd_gpu_id(0);
    args->flags = 0x1234;
    return kfd.call(ipc_export, args);
}

long import(const Kfd &kfd, const sgd_ipc_export_args &from, sgd_ipc_import_args *args)
{
    *args = {};
    std::memcpy(args->share_handle, from.share_handle, sizeof(args->share_handle));
    args->gpu_id = sgd_gpu_id(0);
    args->va_addr = va + (1u << 30);
    return kfd.call(ipc_import, args);
}

void *map(int render, uint64_t offset)
{
    int err;
    return sgd_mmap(&Kfd::render(render), nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
                    static_cast<off_t>(offset), &err);
}

void drop(void *memory) // as the interposed munmap does
{
    if (sgd_mm_begin(memory, bytes, true))
        sgd_mm_end(memory, bytes, false);
    munmap(memory, bytes);
}

} // namespace

TEST_CASE("a kernel without IPC does not know its ioctls")
{
    Kfd kfd;
    sgd_ipc_export_args args = {};
    CHECK(kfd.call(ipc_export, &args) == -ENOTTY);
    Kfd old(SGD_KERNEL_STOCK_OLD);
    CHECK(old.call(ipc_export, &args) == -EINVAL);
}

static void check_import(uint32_t flags)
{
    Kfd kfd(SGD_KERNEL_BATCH, true);
    uint64_t handle = 0, offset = 0;
    REQUIRE(kfd.alloc(va, bytes, flags, &handle, 0, &offset) == 0);
    sgd_ipc_export_args out, again;
    REQUIRE(share(kfd, handle, &out) == 0);
    REQUIRE(share(kfd, handle, &again) == 0);
    CHECK(std::memcmp(out.share_handle, again.share_handle, sizeof(out.share_handle)) == 0);

    sgd_ipc_import_args in;
    REQUIRE(import(kfd, out, &in) == 0);
    CHECK(in.handle != handle);
    CHECK(in.flags == 0x1234);
    auto *a = static_cast<uint32_t *>(map(0, offset));
    auto *b = static_cast<uint32_t *>(map(0, in.mmap_offset));
    REQUIRE(a != MAP_FAILED);
    REQUIRE(b != MAP_FAILED);
    a[1025] = 77;
    CHECK(b[1025] == 77);
    CHECK(kfd.map(in.handle) == 0);
    CHECK(kfd.free(in.handle) == -EBUSY);
    CHECK(kfd.unmap(in.handle) == 0);
    CHECK(kfd.free(in.handle) == 0);
    CHECK(b[1025] == 77); // the mapping keeps the pages
    drop(a);
    drop(b);
    CHECK(kfd.free(handle) == 0);
}

TEST_CASE("an imported buffer is the exporter's memory: VRAM")
{
    check_import(vram_flags);
}

TEST_CASE("an imported buffer is the exporter's memory: GTT")
{
    check_import(KFD_IOC_ALLOC_MEM_FLAGS_GTT);
}

TEST_CASE("a share handle is void once its buffer is freed, and when it never was one")
{
    Kfd kfd(SGD_KERNEL_BATCH, true);
    const auto before = Kfd::stats();
    uint64_t handle = 0;
    REQUIRE(kfd.alloc(va, bytes, vram_flags, &handle) == 0);
    sgd_ipc_export_args out;
    sgd_ipc_import_args in;
    REQUIRE(share(kfd, handle, &out) == 0);
    for (int word = 0; word < 4; word++) {
        sgd_ipc_export_args wrong = out;
        wrong.share_handle[word] ^= 0x10;
        CAPTURE(word);
        CHECK(import(kfd, wrong, &in) == -EINVAL);
    }
    REQUIRE(kfd.free(handle) == 0);
    CHECK(import(kfd, out, &in) == -EINVAL);
    // The next buffer in the same place is another one.
    REQUIRE(kfd.alloc(va, bytes, vram_flags, &handle) == 0);
    sgd_ipc_export_args next;
    REQUIRE(share(kfd, handle, &next) == 0);
    CHECK(import(kfd, out, &in) == -EINVAL);
    CHECK(kfd.free(handle) == 0);
    CHECK(Kfd::stats().live_buffers == before.live_buffers);
}

TEST_CASE("export refuses registered memory and unknown buffers")
{
    Kfd kfd(SGD_KERNEL_BATCH, true);
    void *memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t handle = 0;
    REQUIRE(kfd.userptr(memory, va, bytes, &handle) == 0);
    sgd_ipc_export_args out;
    CHECK(share(kfd, handle, &out) == -EPERM);
    CHECK(share(kfd, handle + 1, &out) == -EINVAL);
    CHECK(kfd.free(handle) == 0);
    munmap(memory, bytes);
}

TEST_CASE("the child of a fork opens a device of its own and imports from its parent")
{
    Kfd kfd(SGD_KERNEL_BATCH, true);
    uint64_t handle = 0, offset = 0;
    REQUIRE(kfd.alloc(va, bytes, vram_flags, &handle, 0, &offset) == 0);
    auto *memory = static_cast<uint32_t *>(map(0, offset));
    REQUIRE(memory != MAP_FAILED);
    memory[7] = 1;
    sgd_ipc_export_args out;
    REQUIRE(share(kfd, handle, &out) == 0);

    sgd_before_fork();
    const pid_t pid = fork();
    if (pid == 0) { // no assertions here: the exit status tells
        sgd_after_fork_in_child();
        Kfd::file = {};
        Kfd::render(0) = {};
        Kfd::render(1) = {};
        Kfd child(SGD_KERNEL_BATCH, true);
        sgd_ipc_import_args in;
        if (import(child, out, &in))
            _exit(1);
        auto *theirs = static_cast<uint32_t *>(map(0, in.mmap_offset));
        if (theirs == MAP_FAILED || theirs[7] != 1)
            _exit(2);
        theirs[7] = 2;
        _exit(0);
    }
    sgd_after_fork_in_parent();
    int status = -1;
    REQUIRE(waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
    CHECK(memory[7] == 2);
    drop(memory);
    CHECK(kfd.free(handle) == 0);
}

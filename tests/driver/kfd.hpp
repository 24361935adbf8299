// SPDX-License-Identifier: MIT
// A process with two emulated GPUs for tests of the driver layer, and its ioctls as calls that
// return 0 or a negative errno. The process lives as long as the test program; each test gives back
// what it takes.
#pragma once

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

#define _Noreturn [[noreturn]]
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow" // C has functions named like structures
extern "C" {
#include "driver.h"
#include "fake_device.h"
#include <linux/kfd_ioctl.h>
}
#pragma GCC diagnostic pop
#undef _Noreturn
#include <hip_scatter/kfd_batch.h>
#include <softgpu/softgpu.h>

constexpr uint64_t page = 4096;

class Kfd
{
  public:
    explicit Kfd(sgd_kernel kernel = SGD_KERNEL_BATCH, bool ipc = false)
    {
        static const sgd_host_ops ops = {[](int fd, sgd_file *out) {
                                             if (fd >= 1000 && fd <= 1002)
                                                 *out = render(fd - 1000);
                                             else if (fd >= 2000 && fd < next_fd())
                                                 *out = made[static_cast<size_t>(fd - 2000)];
                                             else
                                                 return false;
                                             return true;
                                         },
                                         [](int, bool) {},
                                         [](const sgd_file *opened, int) {
                                             made.push_back(*opened);
                                             return next_fd() - 1;
                                         },
                                         nullptr};
        static struct sgd_config config;
        config = {};
        config.kernel = kernel;
        config.ipc = ipc;
        config.arch = sg_arch_find("gfx906");
        config.gpus = 2;
        config.vram_bytes = 256u << 20;
        config.compute_units = 8;
        sgd_init(&config, &ops);
        if (!file.kind) {
            sgd_open(SGD_FILE_KFD, 0, &file);
            for (uint32_t gpu = 0; gpu < 2; gpu++)
                acquire(gpu, 1000 + gpu);
        }
    }

    // Descriptors that the driver made: 2000 and following.
    static inline std::vector<sgd_file> made;
    static int next_fd()
    {
        return 2000 + static_cast<int>(made.size());
    }

    // Render nodes as descriptors 1000, 1001 and, a second time for the first GPU, 1002.
    static sgd_file &render(int i)
    {
        static sgd_file files[3];
        if (!files[i].kind)
            sgd_open(SGD_FILE_RENDER, i % 2, &files[i]);
        return files[i];
    }

    template <class Args> long call(unsigned cmd, Args *args) const
    {
        return sgd_kfd_ioctl(&file, cmd, args);
    }

    long acquire(uint32_t gpu, uint32_t fd) const
    {
        kfd_ioctl_acquire_vm_args args = {};
        args.drm_fd = fd;
        args.gpu_id = sgd_gpu_id(gpu);
        return call(AMDKFD_IOC_ACQUIRE_VM, &args);
    }

    long alloc(uint64_t va, uint64_t bytes, uint32_t flags, uint64_t *handle, uint64_t offset = 0,
               uint64_t *mmap_offset = nullptr) const
    {
        kfd_ioctl_alloc_memory_of_gpu_args args = {};
        args.va_addr = va;
        args.size = bytes;
        args.mmap_offset = offset;
        args.gpu_id = sgd_gpu_id(0);
        args.flags = flags;
        long ret = call(AMDKFD_IOC_ALLOC_MEMORY_OF_GPU, &args);
        *handle = args.handle;
        if (mmap_offset)
            *mmap_offset = args.mmap_offset;
        return ret;
    }

    long userptr(void *memory, uint64_t va, uint64_t bytes, uint64_t *handle) const
    {
        return alloc(va, bytes, userptr_flags, handle, reinterpret_cast<uintptr_t>(memory));
    }

    long batch(const std::vector<kfd_ioctl_userptr_range> &ranges, uint64_t va, uint64_t *handle,
               uint64_t total = 0, uint32_t flags = userptr_flags) const
    {
        kfd_ioctl_alloc_memory_of_gpu_batch_args args = {};
        args.va_addr = va;
        for (const auto &range : ranges)
            args.total_size += range.size;
        if (total)
            args.total_size = total;
        args.ranges_ptr = reinterpret_cast<uintptr_t>(ranges.data());
        args.num_ranges = static_cast<uint32_t>(ranges.size());
        args.gpu_id = sgd_gpu_id(0);
        args.flags = flags;
        long ret = call(AMDKFD_IOC_ALLOC_MEMORY_OF_GPU_BATCH, &args);
        *handle = args.handle;
        return ret;
    }

    long map(uint64_t handle, std::vector<uint32_t> gpus = {0}, uint32_t *n_success = nullptr) const
    {
        return devices<kfd_ioctl_map_memory_to_gpu_args>(AMDKFD_IOC_MAP_MEMORY_TO_GPU, handle, gpus,
                                                         n_success);
    }

    long unmap(uint64_t handle, std::vector<uint32_t> gpus = {0},
               uint32_t *n_success = nullptr) const
    {
        return devices<kfd_ioctl_unmap_memory_from_gpu_args>(AMDKFD_IOC_UNMAP_MEMORY_FROM_GPU,
                                                             handle, gpus, n_success);
    }

    long free(uint64_t handle) const
    {
        kfd_ioctl_free_memory_of_gpu_args args = {handle};
        return call(AMDKFD_IOC_FREE_MEMORY_OF_GPU, &args);
    }

    static softgpu_stats stats()
    {
        softgpu_stats s;
        sgd_get_stats(&s);
        return s;
    }

    static constexpr uint32_t userptr_flags =
        KFD_IOC_ALLOC_MEM_FLAGS_USERPTR | KFD_IOC_ALLOC_MEM_FLAGS_WRITABLE |
        KFD_IOC_ALLOC_MEM_FLAGS_EXECUTABLE | KFD_IOC_ALLOC_MEM_FLAGS_COHERENT;
    static constexpr uint32_t vram_flags = KFD_IOC_ALLOC_MEM_FLAGS_VRAM |
                                           KFD_IOC_ALLOC_MEM_FLAGS_WRITABLE |
                                           KFD_IOC_ALLOC_MEM_FLAGS_PUBLIC;

    static inline sgd_file file;

  private:
    template <class Args>
    long devices(unsigned cmd, uint64_t handle, const std::vector<uint32_t> &gpus,
                 uint32_t *n_success) const
    {
        std::vector<uint32_t> ids;
        for (uint32_t gpu : gpus)
            ids.push_back(gpu < 2 ? sgd_gpu_id(gpu) : 0xdead);
        Args args = {};
        args.handle = handle;
        args.device_ids_array_ptr = reinterpret_cast<uintptr_t>(ids.data());
        args.n_devices = static_cast<uint32_t>(ids.size());
        if (n_success)
            args.n_success = *n_success;
        long ret = call(cmd, &args);
        if (n_success)
            *n_success = args.n_success;
        return ret;
    }
};

// Anonymous memory of the program, unmapped at the end of the test. It lies where the kernel, which
// hands out addresses from the top down, puts nothing by itself: what a test unmaps stays a hole.
class Pages
{
  public:
    explicit Pages(size_t count, int prot = PROT_READ | PROT_WRITE)
        : base_(static_cast<char *>(mmap(reinterpret_cast<void *>(next_), count * page, prot,
                                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))),
          present_(count, true)
    {
        next_ += (count + 1) * page;
    }
    ~Pages()
    {
        for (size_t i = 0; i < present_.size(); i++)
            if (present_[i])
                munmap(at(i), page);
    }
    Pages(const Pages &) = delete;
    Pages &operator=(const Pages &) = delete;
    char *at(size_t index) const
    {
        return base_ + index * page;
    }
    uint64_t address(size_t index = 0) const
    {
        return reinterpret_cast<uintptr_t>(at(index));
    }
    // These pages belong to whoever maps them next: the end of the test does not touch them.
    void unmap(size_t first, size_t count = 1)
    {
        for (size_t i = first; i < first + count; i++)
            present_[i] = false;
        munmap(at(first), count * page);
    }

  private:
    static inline uintptr_t next_ = 0x7ea000000000;
    char *base_;
    std::vector<bool> present_;
};

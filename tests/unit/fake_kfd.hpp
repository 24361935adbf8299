// SPDX-License-Identifier: MIT
// A KFD, an address space and an allocator that count, remember and fail on demand, behind
// runtime/sys.h. One object at a time; it puts the real functions back when it goes. Imitates the
// checks and errnos of docs/abi.md that the library relies on, nothing more.
#pragma once

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <linux/kfd_ioctl.h>
#include <map>
#include <set>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>
#include <vector>

#include "backing.h"
#include "device.h"
#include "hip_scatter/kfd_batch.h"
#include "kfd.h"
#include "sys.h"

enum class FakeKernel { batch, batch_flag, stock, stock_old, profiler };

class FakeKfd
{
  public:
    struct Buffer {
        uint64_t va, bytes;
        uint32_t flags;
        std::vector<kfd_ioctl_userptr_range> ranges;
        std::set<uint32_t> gpus;
    };

    // Everything that an undo must bring back.
    struct State {
        std::map<uint64_t, Buffer> buffers;
        std::map<void *, size_t> mappings;
        std::set<void *> blocks;
        size_t registered;

        bool operator==(const State &other) const
        {
            return same_buffers(other) && mappings == other.mappings && blocks == other.blocks &&
                   registered == other.registered;
        }

        // Handles are the kernel's choice: an undone FREE gives the same buffer another one.
        bool same_buffers(const State &other) const
        {
            return contents() == other.contents();
        }

        std::set<std::vector<uint64_t>> contents() const
        {
            std::set<std::vector<uint64_t>> all;
            for (const auto &[handle, b] : buffers) {
                std::vector<uint64_t> key{b.va, b.bytes, b.flags};
                for (const auto &range : b.ranges) {
                    key.push_back(range.start);
                    key.push_back(range.size);
                }
                key.insert(key.end(), b.gpus.begin(), b.gpus.end());
                all.insert(key);
            }
            return all;
        }
    };

    explicit FakeKfd(FakeKernel kernel, size_t gpus = 1) : kernel_(kernel), saved_(hs_sys)
    {
        current = this;
        minor = kernel == FakeKernel::profiler ? 23 : 11;
        hs_kfd_reset_for_test();
        hs_sys.open = [](const char *path, int) { return current->open(path); };
        hs_sys.close = [](int) { return 0; };
        hs_sys.ioctl = [](int fd, unsigned long request, void *arg) {
            return current->ioctl(fd, request, arg);
        };
        hs_sys.mmap = [](void *addr, size_t bytes, int prot, int flags, int fd, off_t offset) {
            return current->mmap(addr, bytes, prot, flags, fd, offset);
        };
        hs_sys.munmap = [](void *addr, size_t bytes) { return current->munmap(addr, bytes); };
        hs_sys.mremap = [](void *old, size_t old_bytes, size_t new_bytes, int flags, void *wanted) {
            if (current->fails(ENOMEM))
                return MAP_FAILED;
            return ::mremap(old, old_bytes, new_bytes, flags, wanted);
        };
        hs_sys.madvise = [](void *addr, size_t bytes, int advice) {
            return current->fails(ENOMEM) ? -1 : ::madvise(addr, bytes, advice);
        };
        hs_sys.alloc = [](size_t bytes) {
            return current->fails(ENOMEM) ? nullptr : current->remember(std::malloc(bytes));
        };
        hs_sys.alloc_aligned = [](size_t alignment, size_t bytes) {
            return current->fails(ENOMEM)
                       ? nullptr
                       : current->remember(current->saved_.alloc_aligned(alignment, bytes));
        };
        hs_sys.free = [](void *block) {
            current->blocks_.erase(block);
            std::free(block);
        };

        std::vector<hs_device> devices(gpus);
        for (size_t i = 0; i < gpus; i++) {
            devices[i] = hs_device{};
            devices[i].gpu_id = 100 + static_cast<uint32_t>(i);
            devices[i].node = 1 + static_cast<uint32_t>(i);
            devices[i].bdf = static_cast<uint32_t>(i + 1) << 8;
            devices[i].lowest = 0x4000;
            devices[i].highest = (1ull << 47) - 1;
        }
        hs_devices_set_for_test(devices.data(), gpus);
    }

    ~FakeKfd()
    {
        hs_kfd_reset_for_test();
        hs_sys = saved_;
        current = nullptr;
    }

    FakeKfd(const FakeKfd &) = delete;
    FakeKfd &operator=(const FakeKfd &) = delete;

    // From now on the k-th call (from 1) through the table fails; 0: none. With error 0 each call
    // fails as it naturally would (ENOMEM).
    void fail_call(uint64_t k, int error = 0, int times = 1)
    {
        calls = 0;
        fail_at_ = k;
        fail_error_ = error;
        fail_times_ = times;
        failed = false;
    }

    State state() const
    {
        return {buffers, mappings_, blocks_, hs_registry_count_for_state()};
    }

    uint32_t minor;
    uint64_t calls = 0;  // through the table, since fail_call()
    bool failed = false; // the failure has happened
    bool refuse_probe_batch =
        false; // 0x28 says EOPNOTSUPP to everything: errno that proves nothing
    uint64_t max_ranges = UINT64_MAX; // a kernel with an upper bound
    uint32_t refuse_map_gpu = 0;      // MAP fails with EINVAL at this gpu_id
    std::vector<unsigned> log;        // the numbers of all ioctls
    std::map<uint64_t, Buffer> buffers;

    uint64_t count(unsigned number) const
    {
        uint64_t n = 0;
        for (unsigned entry : log)
            n += entry == number;
        return n;
    }

  private:
    static size_t hs_registry_count_for_state();

    bool fails(int natural)
    {
        calls++;
        if (!fail_at_ || calls < fail_at_ || calls >= fail_at_ + static_cast<uint64_t>(fail_times_))
            return false;
        failed = true;
        errno = fail_error_ ? fail_error_ : natural;
        return true;
    }

    int open(const char *path)
    {
        if (fails(EMFILE))
            return -1;
        if (std::strcmp(path, "/dev/kfd") != 0) {
            errno = ENOENT;
            return -1;
        }
        return 1000;
    }

    void *remember(void *block)
    {
        blocks_.insert(block);
        return block;
    }

    void *mmap(void *addr, size_t bytes, int prot, int flags, int fd, off_t offset)
    {
        if (fails(ENOMEM))
            return MAP_FAILED;
        void *map = ::mmap(addr, bytes, prot, flags, fd, offset);
        if (map != MAP_FAILED && !(flags & MAP_FIXED))
            mappings_[map] = bytes;
        return map;
    }

    int munmap(void *addr, size_t bytes)
    {
        if (fails(ENOMEM))
            return -1;
        mappings_.erase(addr);
        return ::munmap(addr, bytes);
    }

    // The kernel faults every page in for writing.
    static bool writable(uint64_t start, uint64_t bytes)
    {
        for (uint64_t page = start & ~4095ull; page < start + bytes; page += 4096) {
            char byte;
            iovec local{&byte, 1}, remote{reinterpret_cast<void *>(page), 1};
            if (process_vm_readv(getpid(), &local, 1, &remote, 1, 0) != 1 ||
                process_vm_writev(getpid(), &local, 1, &remote, 1, 0) != 1)
                return false;
        }
        return true;
    }

    int add(uint64_t va, uint64_t bytes, uint32_t flags,
            std::vector<kfd_ioctl_userptr_range> ranges, __u64 *handle)
    {
        for (const auto &range : ranges) {
            if (!writable(range.start, range.size))
                return EFAULT;
        }
        *handle = next_handle_++;
        buffers[*handle] = Buffer{va, bytes, flags, std::move(ranges), {}};
        return 0;
    }

    int alloc_list(uint64_t va, uint64_t total, uint32_t flags, const kfd_ioctl_userptr_range *list,
                   uint32_t count, __u64 *handle)
    {
        uint64_t sum = 0;
        if (!count || count > max_ranges)
            return EINVAL;
        for (uint32_t i = 0; i < count; i++) {
            if (!list[i].size || ((list[i].start | list[i].size) & 4095))
                return EINVAL;
            sum += list[i].size;
        }
        if (sum != total)
            return EINVAL;
        return add(va, total, flags, {list, list + count}, handle);
    }

    int alloc(kfd_ioctl_alloc_memory_of_gpu_args *a)
    {
        const bool flag = a->flags & KFD_IOC_ALLOC_MEM_FLAGS_USERPTR_BATCH;
        if (a->gpu_id < 100 || !a->size || !a->mmap_offset)
            return EINVAL;
        if (flag && kernel_ == FakeKernel::batch_flag) {
            const auto *header = reinterpret_cast<const kfd_ioctl_userptr_batch *>(a->mmap_offset);
            if (a->mmap_offset & 4095)
                return EINVAL;
            return alloc_list(a->va_addr, a->size, a->flags,
                              reinterpret_cast<const kfd_ioctl_userptr_range *>(header + 1),
                              header->num_ranges, &a->handle);
        }
        return add(a->va_addr, a->size, a->flags, {{a->mmap_offset, a->size}}, &a->handle);
    }

    int alloc_batch(kfd_ioctl_alloc_memory_of_gpu_batch_args *a)
    {
        if (refuse_probe_batch)
            return EOPNOTSUPP;
        switch (kernel_) {
        case FakeKernel::batch:
            if (a->gpu_id < 100)
                return EINVAL;
            if (!(a->flags & KFD_IOC_ALLOC_MEM_FLAGS_USERPTR))
                return EOPNOTSUPP;
            return alloc_list(a->va_addr, a->total_size, a->flags,
                              reinterpret_cast<const kfd_ioctl_userptr_range *>(a->ranges_ptr),
                              a->num_ranges, &a->handle);
        case FakeKernel::profiler:
            std::abort(); // the number is not ours to issue
        case FakeKernel::stock_old:
            return EINVAL;
        default:
            return ENOTTY;
        }
    }

    int map(kfd_ioctl_map_memory_to_gpu_args *a, bool on)
    {
        auto buffer = buffers.find(a->handle);
        const auto *ids = reinterpret_cast<const uint32_t *>(a->device_ids_array_ptr);
        if (buffer == buffers.end())
            return EINVAL;
        for (; a->n_success < a->n_devices; a->n_success++) {
            uint32_t id = ids[a->n_success];
            if (id < 100 || (on && id == refuse_map_gpu))
                return EINVAL;
            if (on)
                buffer->second.gpus.insert(id);
            else if (!buffer->second.gpus.erase(id))
                return EINVAL;
        }
        return 0;
    }

    int dispatch(unsigned long request, void *arg)
    {
        switch (_IOC_NR(request)) {
        case _IOC_NR(AMDKFD_IOC_GET_VERSION):
            static_cast<kfd_ioctl_get_version_args *>(arg)->major_version = 1;
            static_cast<kfd_ioctl_get_version_args *>(arg)->minor_version = minor;
            return 0;
        case _IOC_NR(AMDKFD_IOC_ALLOC_MEMORY_OF_GPU):
            return alloc(static_cast<kfd_ioctl_alloc_memory_of_gpu_args *>(arg));
        case _IOC_NR(AMDKFD_IOC_ALLOC_MEMORY_OF_GPU_BATCH):
            return alloc_batch(static_cast<kfd_ioctl_alloc_memory_of_gpu_batch_args *>(arg));
        case _IOC_NR(AMDKFD_IOC_MAP_MEMORY_TO_GPU):
            return map(static_cast<kfd_ioctl_map_memory_to_gpu_args *>(arg), true);
        case _IOC_NR(AMDKFD_IOC_UNMAP_MEMORY_FROM_GPU):
            return map(static_cast<kfd_ioctl_map_memory_to_gpu_args *>(arg), false);
        case _IOC_NR(AMDKFD_IOC_FREE_MEMORY_OF_GPU): {
            auto buffer =
                buffers.find(static_cast<kfd_ioctl_free_memory_of_gpu_args *>(arg)->handle);
            if (buffer == buffers.end())
                return EINVAL;
            if (!buffer->second.gpus.empty())
                return EBUSY;
            buffers.erase(buffer);
            return 0;
        }
        default:
            return ENOTTY;
        }
    }

    int ioctl(int fd, unsigned long request, void *arg)
    {
        log.push_back(_IOC_NR(request));
        if (fails(EIO))
            return -1;
        int error = fd == 1000 ? dispatch(request, arg) : EBADF;
        errno = error;
        return error ? -1 : 0;
    }

    static inline FakeKfd *current;

    FakeKernel kernel_;
    hs_sys_ops saved_;
    std::map<void *, size_t> mappings_;
    std::set<void *> blocks_;
    uint64_t next_handle_ = 1, fail_at_ = 0;
    int fail_error_ = 0, fail_times_ = 1;
};

#include "registry.h"

inline size_t FakeKfd::hs_registry_count_for_state()
{
    return hs_registry_count();
}

// Scattered pages: one mapping with every second block left out, handed out in reverse.
class Fragments
{
  public:
    Fragments(size_t count, size_t bytes = 4096) : bytes_(2 * count * bytes)
    {
        map_ = static_cast<char *>(
            ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        for (size_t i = count; i-- > 0;)
            list.push_back({map_ + 2 * i * bytes, bytes});
    }

    ~Fragments()
    {
        ::munmap(map_, bytes_);
    }

    Fragments(const Fragments &) = delete;
    Fragments &operator=(const Fragments &) = delete;

    std::vector<hs_host_range> list;

  private:
    size_t bytes_;
    char *map_;
};

// A request over all fake devices.
struct Request : hs_pool_request {
    explicit Request(const std::vector<hs_host_range> &ranges,
                     hs_backing_kind wanted = HS_BACKING_AUTO)
        : hs_pool_request{}
    {
        list = ranges.data();
        count = ranges.size();
        for (size_t i = 0; i < hs_device_count(); i++)
            all_.push_back(hs_device_at(i));
        devices = all_.data();
        device_count = all_.size();
        kind = wanted;
    }

  private:
    std::vector<hs_device *> all_;
};

inline int destroy_pool(hs_pool *pool)
{
    hs_pool *taken = hs_registry_begin_removal(pool->gpu_base);
    return taken ? hs_pool_destroy(taken) : -ENOENT;
}

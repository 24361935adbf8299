// SPDX-License-Identifier: MIT
// Makes the k-th call that the library makes of the C library, the kernel or the ROCm runtimes
// fail, by way of the one table through which it makes the former (runtime/sys.h) and, in programs
// that link hsa_faults.cpp or hip_faults.cpp, of wrappers around the latter. For programs that link
// hs_runtime, the library's objects, not the shared library. Works the same on a real GPU: HIP's
// and ROCr's own calls go through untouched.
#pragma once

#include "sys.h"

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <fcntl.h>
#include <string>
#include <sys/ioctl.h>
#include <sys/mman.h>

namespace hs_test
{

// How a call fails.
struct Fault {
    unsigned call = 0;         // the k-th of the arming thread, from 1
    int error = ENOMEM;        // of an ioctl; every other call has one way to fail
    unsigned times = 1;        // so many calls in a row
    uint32_t partly = 0;       // MAP, UNMAP: for so many devices it works, and says so
    bool every_thread = false; // count the calls of all threads
};

// One at a time in the process. Calls of threads that are not concerned go through untouched.
class FaultTable
{
  public:
    FaultTable() : saved_(hs_sys)
    {
        self() = this;
        hs_sys.open = [](const char *path, int flags) {
            return fails("open", EMFILE) ? -1 : self()->saved_.open(path, flags);
        };
        hs_sys.fopen = [](const char *path, const char *mode) {
            return fails("fopen", EMFILE) ? nullptr : self()->saved_.fopen(path, mode);
        };
        hs_sys.atfork = [](void (*prepare)(), void (*parent)(), void (*child)()) {
            return fails("pthread_atfork", ENOMEM) ? ENOMEM
                                                   : self()->saved_.atfork(prepare, parent, child);
        };
        hs_sys.ioctl = [](int fd, unsigned long request, void *argument) {
            return self()->do_ioctl(fd, request, argument);
        };
        hs_sys.mmap = [](void *address, size_t bytes, int prot, int flags, int fd, off_t offset) {
            return fails("mmap", ENOMEM)
                       ? MAP_FAILED
                       : self()->saved_.mmap(address, bytes, prot, flags, fd, offset);
        };
        hs_sys.munmap = [](void *address, size_t bytes) {
            return fails("munmap", ENOMEM) ? -1 : self()->saved_.munmap(address, bytes);
        };
        hs_sys.mremap = [](void *old, size_t old_bytes, size_t new_bytes, int flags, void *wanted) {
            return fails("mremap", ENOMEM)
                       ? MAP_FAILED
                       : self()->saved_.mremap(old, old_bytes, new_bytes, flags, wanted);
        };
        hs_sys.madvise = [](void *address, size_t bytes, int advice) {
            return fails("madvise", ENOMEM) ? -1 : self()->saved_.madvise(address, bytes, advice);
        };
        hs_sys.alloc = [](size_t bytes) {
            return self()->allocated(fails("malloc", ENOMEM) ? nullptr
                                                             : self()->saved_.alloc(bytes));
        };
        hs_sys.alloc_aligned = [](size_t alignment, size_t bytes) {
            return self()->allocated(fails("aligned_alloc", ENOMEM)
                                         ? nullptr
                                         : self()->saved_.alloc_aligned(alignment, bytes));
        };
        hs_sys.free = [](void *memory) {
            self()->live_ -= memory != nullptr;
            self()->saved_.free(memory);
        };
    }
    ~FaultTable()
    {
        hs_sys = saved_;
        self() = nullptr;
    }
    FaultTable(const FaultTable &) = delete;
    FaultTable &operator=(const FaultTable &) = delete;

    void arm(const Fault &fault)
    {
        fault_ = fault;
        seen_ = 0;
        delivered_ = 0;
        victim_.clear();
        request_ = 0;
        devices_ = 0;
        all_armed_ = fault.every_thread;
        armed() = true;
    }
    void disarm()
    {
        armed() = false;
        all_armed_ = false;
    }
    // Which call got the fault; "" if there were fewer than k.
    const std::string &victim() const
    {
        return victim_;
    }
    // The request, if it was an ioctl, and for how many devices, if it was MAP or UNMAP.
    unsigned long victim_request() const
    {
        return request_;
    }
    uint32_t victim_devices() const
    {
        return devices_;
    }
    bool delivered() const
    {
        return delivered_ > 0;
    }
    uint64_t total() const
    {
        return total_;
    }
    // Blocks that the library has allocated and not freed, since construction.
    int64_t live_allocations() const
    {
        return live_;
    }

    // Asked by every call: shall it fail? Sets errno then.
    static bool fails(const char *name, int error)
    {
        FaultTable *table = self();
        if (table == nullptr || !(armed() || table->all_armed_))
            return false;
        const unsigned at = ++table->seen_;
        if (at < table->fault_.call || at >= table->fault_.call + table->fault_.times)
            return false;
        table->delivered_++;
        table->total_++;
        table->victim_ = name;
        errno = error;
        return true;
    }

  private:
    static FaultTable *&self()
    {
        static FaultTable *table;
        return table;
    }
    static bool &armed()
    {
        static thread_local bool on;
        return on;
    }
    int do_ioctl(int fd, unsigned long request, void *argument)
    {
        if (!fails("ioctl", fault_.error))
            return saved_.ioctl(fd, request, argument);
        // Layout of struct kfd_ioctl_map_memory_to_gpu_args in <linux/kfd_ioctl.h>; UNMAP's is the
        // same.
        struct MapArgs {
            uint64_t handle, device_ids_array_ptr;
            uint32_t n_devices, n_success;
        };
        const unsigned number = _IOC_NR(request);
        victim_ = "ioctl " + std::to_string(number);
        request_ = request;
        if (number == 0x18 || number == 0x19) {
            auto *args = static_cast<MapArgs *>(argument);
            devices_ = args->n_devices;
            if (fault_.partly > 0) {
                args->n_devices = fault_.partly;
                const int result = saved_.ioctl(fd, request, argument);
                args->n_devices = devices_;
                if (result != 0)
                    return result;
            }
        }
        errno = fault_.error;
        return -1;
    }
    void *allocated(void *memory)
    {
        live_ += memory != nullptr;
        return memory;
    }

    hs_sys_ops saved_;
    Fault fault_;
    std::atomic<bool> all_armed_ = false;
    std::atomic<unsigned> seen_ = 0, delivered_ = 0;
    std::atomic<uint64_t> total_ = 0;
    std::atomic<int64_t> live_ = 0;
    std::string victim_;
    unsigned long request_ = 0;
    uint32_t devices_ = 0;
};

} // namespace hs_test

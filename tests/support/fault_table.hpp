// SPDX-License-Identifier: MIT
// Makes the k-th call that the library makes of the C library or the kernel fail, by way of the one
// table through which it makes them (runtime/sys.h). For programs that link hs_runtime, the
// library's objects, not the shared library. Works the same on a real GPU: HIP's and ROCr's own
// calls do not go through the table.
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

// One at a time in the process. Calls of other threads go through untouched.
class FaultTable
{
  public:
    FaultTable() : saved_(hs_sys)
    {
        self() = this;
        hs_sys.open = [](const char *path, int flags) {
            return self()->fails("open") ? -1 : self()->saved_.open(path, flags);
        };
        hs_sys.ioctl = [](int fd, unsigned long request, void *argument) {
            return self()->do_ioctl(fd, request, argument);
        };
        hs_sys.mmap = [](void *address, size_t bytes, int prot, int flags, int fd, off_t offset) {
            return self()->fails("mmap")
                       ? MAP_FAILED
                       : self()->saved_.mmap(address, bytes, prot, flags, fd, offset);
        };
        hs_sys.munmap = [](void *address, size_t bytes) {
            return self()->fails("munmap") ? -1 : self()->saved_.munmap(address, bytes);
        };
        hs_sys.mremap = [](void *old, size_t old_bytes, size_t new_bytes, int flags, void *wanted) {
            return self()->fails("mremap")
                       ? MAP_FAILED
                       : self()->saved_.mremap(old, old_bytes, new_bytes, flags, wanted);
        };
        hs_sys.madvise = [](void *address, size_t bytes, int advice) {
            return self()->fails("madvise") ? -1 : self()->saved_.madvise(address, bytes, advice);
        };
        hs_sys.alloc = [](size_t bytes) {
            return self()->allocated(self()->fails("malloc") ? nullptr
                                                             : self()->saved_.alloc(bytes));
        };
        hs_sys.alloc_aligned = [](size_t alignment, size_t bytes) {
            return self()->allocated(self()->fails("aligned_alloc")
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
    }
    FaultTable(const FaultTable &) = delete;
    FaultTable &operator=(const FaultTable &) = delete;

    // The k-th call of this thread from now on (1: the next) fails with `error`, and so do the next
    // times - 1. only_ioctls: other calls are not counted.
    void arm(unsigned k, int error, bool only_ioctls = false, unsigned times = 1)
    {
        seen_ = 0;
        at_ = k;
        error_ = error;
        only_ioctls_ = only_ioctls;
        times_ = times;
        delivered_ = 0;
        armed() = true;
    }
    void disarm()
    {
        armed() = false;
    }
    // Which call got the fault; "" if there were fewer than k.
    const std::string &victim() const
    {
        return victim_;
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
    bool fails(const char *name)
    {
        if (!armed() || (only_ioctls_ && std::string(name) != "ioctl"))
            return false;
        seen_++;
        if (seen_ < at_ || seen_ >= at_ + times_)
            return false;
        delivered_++;
        total_++;
        victim_ = name;
        const std::string call = name;
        errno = call == "ioctl"  ? error_
                : call == "open" ? EMFILE
                                 : ENOMEM; // memory calls have one way to fail
        return true;
    }
    int do_ioctl(int fd, unsigned long request, void *argument)
    {
        if (!fails("ioctl"))
            return saved_.ioctl(fd, request, argument);
        victim_ = "ioctl " + std::to_string(_IOC_NR(request));
        return -1;
    }
    void *allocated(void *memory)
    {
        live_ += memory != nullptr;
        return memory;
    }

    hs_sys_ops saved_;
    unsigned seen_ = 0, at_ = 0, times_ = 0, delivered_ = 0;
    int error_ = 0;
    bool only_ioctls_ = false;
    uint64_t total_ = 0;
    std::atomic<int64_t> live_ = 0;
    std::string victim_;
};

} // namespace hs_test

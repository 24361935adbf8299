// SPDX-License-Identifier: MIT
// A view of, and a hand in, the ioctls on /dev/kfd that the calling thread makes. Works the same on
// a real GPU and under softgpu: ioctl_tap.cpp defines ioctl() in the test program, in front of the
// C library's (and softgpu's). Link tests/support/ioctl_tap.cpp and set ENABLE_EXPORTS
// (hs_add_catch_test(... IOCTL_TAP)).
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace hs_test
{

constexpr unsigned nr_alloc = 0x16, nr_free = 0x17, nr_map = 0x18, nr_unmap = 0x19, nr_batch = 0x28;

struct Ioctl {
    unsigned nr = 0; // of type 'K'
    int result = 0, error = 0;
    bool injected = false; // the kernel never saw it, or not as the caller meant it
    uint32_t flags = 0;    // of alloc and batch
};

// Records from construction to destruction; one per thread at a time.
class IoctlTap
{
  public:
    IoctlTap();
    ~IoctlTap();
    IoctlTap(const IoctlTap &) = delete;
    IoctlTap &operator=(const IoctlTap &) = delete;

    const std::vector<Ioctl> &calls() const
    {
        return calls_;
    }
    size_t count(unsigned nr) const;
    // The five memory ioctls.
    size_t memory_calls() const;

    // The k-th memory ioctl from now on (1: the next) fails with `error` and does nothing. Repeats
    // for `times` calls in a row, for EINTR.
    void fail(unsigned k, int error, unsigned times = 1);
    // The k-th memory ioctl, if it is a MAP for several devices, maps only the first `devices` and
    // fails.
    void fail_map_after(unsigned k, int error, uint32_t devices);
    // Was the fault delivered?
    bool failed() const
    {
        return delivered_;
    }

    int handle(int fd, unsigned long request, void *argument); // called by ioctl()

  private:
    std::vector<Ioctl> calls_;
    size_t memory_seen_ = 0, fail_at_ = 0;
    unsigned times_ = 0;
    int error_ = 0;
    int64_t map_devices_ = -1;
    bool delivered_ = false;
    IoctlTap *outer_ = nullptr;
};

} // namespace hs_test

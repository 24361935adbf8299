// SPDX-License-Identifier: MIT
// See ioctl_tap.hpp. Owns the program's ioctl(): nothing else in a test program may define it.
#include "ioctl_tap.hpp"

#include <hip_scatter/kfd_batch.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <dlfcn.h>
#include <linux/types.h>
#include <sys/ioctl.h>

namespace
{

thread_local hs_test::IoctlTap *current;

using IoctlFunction = int (*)(int, unsigned long, void *);

IoctlFunction next_ioctl()
{
    static const auto function = reinterpret_cast<IoctlFunction>(dlsym(RTLD_NEXT, "ioctl"));
    return function;
}

// Layout of struct kfd_ioctl_alloc_memory_of_gpu_args and ..._map_memory_to_gpu_args in
// <linux/kfd_ioctl.h>, which is not included: it needs libdrm's headers in a place where Debian
// does not put them.
struct AllocArgs {
    __u64 va_addr, size, handle, mmap_offset;
    __u32 gpu_id, flags;
};
struct MapArgs {
    __u64 handle, device_ids_array_ptr;
    __u32 n_devices, n_success;
};
static_assert(sizeof(AllocArgs) == 40 && sizeof(MapArgs) == 24);

bool is_memory_call(unsigned nr)
{
    return (nr >= hs_test::nr_alloc && nr <= hs_test::nr_unmap) || nr == hs_test::nr_batch;
}

} // namespace

// The program's own symbol comes before those of all libraries.
extern "C" __attribute__((visibility("default"))) int ioctl(int fd, unsigned long request,
                                                            ...) noexcept
{
    va_list arguments;
    va_start(arguments, request);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    if (current != nullptr && _IOC_TYPE(request) == 'K')
        return current->handle(fd, request, argument);
    return next_ioctl()(fd, request, argument);
}

namespace hs_test
{

IoctlTap::IoctlTap() : outer_(current)
{
    (void)next_ioctl();
    current = this;
}

IoctlTap::~IoctlTap()
{
    current = outer_;
}

size_t IoctlTap::count(unsigned nr) const
{
    return static_cast<size_t>(std::count_if(calls_.begin(), calls_.end(),
                                             [nr](const Ioctl &call) { return call.nr == nr; }));
}

size_t IoctlTap::memory_calls() const
{
    return static_cast<size_t>(std::count_if(
        calls_.begin(), calls_.end(), [](const Ioctl &call) { return is_memory_call(call.nr); }));
}

void IoctlTap::fail(unsigned k, int error, unsigned times)
{
    fail_at_ = memory_seen_ + k;
    times_ = times;
    error_ = error;
    map_devices_ = -1;
    delivered_ = false;
}

void IoctlTap::fail_map_after(unsigned k, int error, uint32_t devices)
{
    fail(k, error);
    map_devices_ = devices;
}

int IoctlTap::handle(int fd, unsigned long request, void *argument)
{
    Ioctl call;
    call.nr = _IOC_NR(request);
    if (call.nr == nr_alloc)
        call.flags = static_cast<AllocArgs *>(argument)->flags;
    if (call.nr == nr_batch &&
        _IOC_SIZE(request) == sizeof(kfd_ioctl_alloc_memory_of_gpu_batch_args))
        call.flags = static_cast<kfd_ioctl_alloc_memory_of_gpu_batch_args *>(argument)->flags;

    if (is_memory_call(call.nr) && ++memory_seen_ == fail_at_) {
        call.injected = delivered_ = true;
        if (--times_ > 0)
            fail_at_++;
    }
    if (!call.injected) {
        call.result = next_ioctl()(fd, request, argument);
        call.error = call.result < 0 ? errno : 0;
    } else {
        if (map_devices_ > 0 && call.nr == nr_map) {
            // Do map some, so that the caller has something to undo; then fail as amdkfd does,
            // n_success filled in.
            MapArgs *args = static_cast<MapArgs *>(argument);
            const __u32 wanted = args->n_devices;
            args->n_devices = std::min(wanted, static_cast<__u32>(map_devices_));
            if (next_ioctl()(fd, request, argument) != 0)
                std::abort();
            args->n_devices = wanted;
        }
        call.result = -1;
        call.error = error_;
    }
    calls_.push_back(call);
    errno = call.error;
    return call.result;
}

} // namespace hs_test

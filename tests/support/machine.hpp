// SPDX-License-Identifier: MIT
// What the tests know about the machine they run on: which kernel softgpu imitates (or a real one),
// which backings must therefore work, and softgpu's own counters when there are any. Header only.
#pragma once

#include "hs_test.hpp"

#include <hip/hip_runtime_api.h>
#include <hip_scatter/hip_scatter.h>
#include <softgpu/softgpu.h>

#include <cstring>
#include <dlfcn.h>
#include <memory>
#include <optional>
#include <string>
#include <vector>

// hipSuccess, or the test case ends with HIP's name of the error and the library's message.
#define REQUIRE_HIP(call)                                                                          \
    do {                                                                                           \
        const hipError_t status_ = (call);                                                         \
        INFO(#call << ": " << hipGetErrorName(status_) << ": "                                     \
                   << hipScatterGetLastErrorMessage());                                            \
        REQUIRE(status_ == hipSuccess);                                                            \
    } while (0)

namespace hs_test
{

enum class Kernel { batch, batch_flag, stock, stock_old, profiler, real };

// The launcher passes its options on in SOFTGPU_* variables; batch is its default.
inline Kernel kernel()
{
    const char *name = std::getenv("SOFTGPU_KERNEL");
    if (dlsym(RTLD_DEFAULT, "softgpu_get_stats") == nullptr)
        return Kernel::real;
    if (name == nullptr || std::strcmp(name, "batch") == 0)
        return Kernel::batch;
    if (std::strcmp(name, "batch-flag") == 0)
        return Kernel::batch_flag;
    if (std::strcmp(name, "stock") == 0)
        return Kernel::stock;
    if (std::strcmp(name, "stock-old") == 0)
        return Kernel::stock_old;
    REQUIRE(std::strcmp(name, "profiler") == 0);
    return Kernel::profiler;
}

inline std::vector<int> pool_devices(hipScatterPool_t pool)
{
    int list[8], count = 8;
    REQUIRE_HIP(hipScatterPoolGetDevices(pool, list, &count));
    return {list, list + count};
}

// Does this machine have the batch ioctl? Known for an imitated kernel; a real one is asked by a
// registration.
inline bool has_batch()
{
    if (kernel() != Kernel::real)
        return kernel() == Kernel::batch || kernel() == Kernel::batch_flag;
    alignas(4096) static char page[4096];
    const hipScatterRange range = {page, sizeof page};
    void *pointer = nullptr;
    const hipError_t status =
        hipHostRegisterScatter(&pointer, &range, 1, hipScatterRegisterBackingBatch);
    if (status == hipSuccess)
        REQUIRE(hipHostUnregisterScatter(pointer) == hipSuccess);
    return status == hipSuccess;
}

struct Backing {
    const char *name;
    unsigned flag;
    hipScatterBacking kind;
};
inline const Backing batch_backing = {"batch", hipScatterRegisterBackingBatch,
                                      hipScatterBackingKindBatch};
inline const Backing per_range_backing = {"per-range", hipScatterRegisterBackingPerRange,
                                          hipScatterBackingKindPerRange};

// The backings that must work here for private anonymous memory. Never empty.
inline std::vector<Backing> backings()
{
    std::vector<Backing> list = {per_range_backing};
    if (has_batch())
        list.push_back(batch_backing);
    return list;
}

inline const Backing alias_backing = {"alias", hipScatterRegisterBackingAlias,
                                      hipScatterBackingKindAlias};

// Those and alias: for shared memory.
inline std::vector<Backing> every_backing()
{
    std::vector<Backing> list = backings();
    list.push_back(alias_backing);
    return list;
}

// softgpu's counters; nothing on a real GPU.
inline std::optional<softgpu_stats> softgpu_counters()
{
    const auto get =
        reinterpret_cast<softgpu_get_stats_fn>(dlsym(RTLD_DEFAULT, "softgpu_get_stats"));
    if (get == nullptr)
        return std::nullopt;
    softgpu_stats stats{};
    stats.size = sizeof stats;
    REQUIRE(get(&stats) == 0);
    REQUIRE(stats.size == sizeof stats);
    return stats;
}

// A registration for the length of a scope.
class Window
{
  public:
    Window(const std::vector<hipScatterRange> &ranges, unsigned flags)
    {
        REQUIRE_HIP(hipHostRegisterScatter(&pointer_, ranges.data(), ranges.size(), flags));
        for (const hipScatterRange &range : ranges)
            bytes_ += range.size;
    }
    ~Window()
    {
        if (pointer_ != nullptr)
            (void)hipHostUnregisterScatter(pointer_);
    }
    Window(const Window &) = delete;
    Window &operator=(const Window &) = delete;

    void unregister()
    {
        void *pointer = pointer_;
        pointer_ = nullptr;
        REQUIRE_HIP(hipHostUnregisterScatter(pointer));
    }
    uint8_t *data() const
    {
        return static_cast<uint8_t *>(pointer_);
    }
    size_t bytes() const
    {
        return bytes_;
    }
    hipScatterPoolInfo info() const
    {
        hipScatterPool_t pool = nullptr;
        hipScatterPoolInfo info{};
        info.structSize = sizeof info;
        REQUIRE_HIP(hipScatterPoolFromPointer(&pool, pointer_));
        REQUIRE_HIP(hipScatterPoolGetInfo(pool, &info));
        return info;
    }

  private:
    void *pointer_ = nullptr;
    size_t bytes_ = 0;
};

} // namespace hs_test

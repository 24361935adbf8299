// SPDX-License-Identifier: MIT
// What the fault tests of the HIP face have in common: memory that every backing takes, and calls
// as operations of the loop.
#pragma once

#include "../gpu/kernels/window_kernels.hpp"
#include "fault_loop.hpp"
#include "machine.hpp"
#include "scatter_memory.hpp"

namespace hs_test
{

inline Outcome outcome_of(hipError_t status)
{
    return {status == hipSuccess, hipGetErrorName(status), hipScatterGetLastErrorMessage()};
}

inline int device_count()
{
    int count = 0;
    REQUIRE_HIP(hipGetDeviceCount(&count));
    return count;
}

inline std::string current_device()
{
    int ordinal = -1;
    REQUIRE_HIP(hipGetDevice(&ordinal));
    return "device " + std::to_string(ordinal);
}

// The GPU sees the memory's contents through the window.
inline void require_seen(const void *window, const Fragments &memory, uint64_t key)
{
    uint64_t sum = 0;
    write_pattern(memory.ranges(), key);
    REQUIRE_HIP(hs_kernels::checksum(window, memory.bytes(), &sum));
    REQUIRE(sum == cpu_checksum(memory.ranges()));
}

} // namespace hs_test

// SPDX-License-Identifier: MIT
// What graph_kernel.hip offers. Device pointers.
#pragma once

#include <hip/hip_runtime_api.h>

#include <cstddef>
#include <cstdint>

namespace hs_kernels
{

// Adds value to each 4-byte word. Does not wait.
hipError_t add_in_stream(void *data, size_t bytes, uint32_t value, hipStream_t stream);

// The same captured into a graph, which is then launched so many times. Waits.
hipError_t add_by_graph(void *data, size_t bytes, uint32_t value, unsigned times);

} // namespace hs_kernels

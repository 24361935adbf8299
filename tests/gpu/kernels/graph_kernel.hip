// SPDX-License-Identifier: MIT
// A kernel in a HIP graph and in a stream, for tests/gpu/host_register_cases.cpp.
#include <hip/hip_runtime.h>

#include "graph_kernel.hpp"

namespace
{

__global__ void add_kernel(uint32_t *words, size_t count, uint32_t value)
{
    const size_t i = blockIdx.x * static_cast<size_t>(blockDim.x) + threadIdx.x;
    if (i < count)
        words[i] += value;
}

void launch(void *data, size_t bytes, uint32_t value, hipStream_t stream)
{
    const size_t words = bytes / 4;
    add_kernel<<<static_cast<unsigned>((words + 255) / 256), 256, 0, stream>>>(
        static_cast<uint32_t *>(data), words, value);
}

} // namespace

namespace hs_kernels
{

hipError_t add_in_stream(void *data, size_t bytes, uint32_t value, hipStream_t stream)
{
    launch(data, bytes, value, stream);
    return hipGetLastError();
}

hipError_t add_by_graph(void *data, size_t bytes, uint32_t value, unsigned times)
{
    hipStream_t stream = nullptr;
    hipGraph_t graph = nullptr;
    hipGraphExec_t exec = nullptr;
    hipError_t error = hipStreamCreate(&stream);
    if (error != hipSuccess)
        return error;
    error = hipStreamBeginCapture(stream, hipStreamCaptureModeGlobal);
    if (error == hipSuccess) {
        launch(data, bytes, value, stream);
        error = hipStreamEndCapture(stream, &graph);
    }
    if (error == hipSuccess)
        error = hipGraphInstantiate(&exec, graph, nullptr, nullptr, 0);
    for (unsigned i = 0; i < times && error == hipSuccess; i++)
        error = hipGraphLaunch(exec, stream);
    if (error == hipSuccess)
        error = hipStreamSynchronize(stream);
    if (exec != nullptr)
        (void)hipGraphExecDestroy(exec);
    if (graph != nullptr)
        (void)hipGraphDestroy(graph);
    (void)hipStreamDestroy(stream);
    return error;
}

} // namespace hs_kernels

// SPDX-License-Identifier: MIT
// See sync_kernels.hpp.
#include "sync_kernels.hpp"

#include <hip/hip_runtime.h> // must come first

#include <hip/hip_cooperative_groups.h>

#include <vector>

namespace cg = cooperative_groups;

__global__ void grid_rounds(uint32_t rounds, uint32_t *cells, uint32_t *errors)
{
    cg::grid_group grid = cg::this_grid();
    const uint32_t next = (blockIdx.x + 1) % gridDim.x;
    for (uint32_t round = 1; round <= rounds; round++) {
        if (threadIdx.x == 0)
            cells[blockIdx.x] = round * 1000 + blockIdx.x;
        grid.sync();
        if (threadIdx.x == 0 && cells[next] != round * 1000 + next)
            atomicAdd(errors, 1);
        grid.sync();
    }
}

__global__ void multi_grid_rounds(uint32_t rounds, volatile uint32_t *cells, uint32_t *errors)
{
    cg::multi_grid_group all = cg::this_multi_grid();
    const uint32_t count = gridDim.x * all.num_grids();
    const uint32_t self = all.grid_rank() * gridDim.x + blockIdx.x, next = (self + 1) % count;
    for (uint32_t round = 1; round <= rounds; round++) {
        if (threadIdx.x == 0)
            cells[self] = round * 1000 + self;
        all.sync();
        if (threadIdx.x == 0 && cells[next] != round * 1000 + next)
            __hip_atomic_fetch_add(errors, 1u, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_SYSTEM);
        all.sync();
    }
}

hipError_t launch_grid_rounds(uint32_t groups, uint32_t rounds, uint32_t *cells, uint32_t *errors)
{
    void *args[] = {&rounds, &cells, &errors};
    return hipLaunchCooperativeKernel(reinterpret_cast<void *>(grid_rounds), dim3(groups),
                                      dim3(128), args, 0, nullptr);
}

hipError_t launch_multi_grid_rounds(int gpus, uint32_t groups, uint32_t rounds, uint32_t *cells,
                                    uint32_t *errors)
{
    void *args[] = {&rounds, &cells, &errors};
    std::vector<hipLaunchParams> launches(static_cast<size_t>(gpus));
    std::vector<hipStream_t> streams(static_cast<size_t>(gpus));
    hipError_t result = hipSuccess;
    for (size_t i = 0; i < launches.size() && result == hipSuccess; i++) {
        result = hipSetDevice(static_cast<int>(i));
        if (result == hipSuccess)
            result = hipStreamCreate(&streams[i]);
        launches[i] = {reinterpret_cast<void *>(multi_grid_rounds),
                       dim3(groups),
                       dim3(64),
                       args,
                       0,
                       streams[i]};
    }
    if (result == hipSuccess)
        result = hipLaunchCooperativeKernelMultiDevice(launches.data(), gpus, 0);
    for (size_t i = 0; i < launches.size() && result == hipSuccess; i++)
        result = hipStreamSynchronize(streams[i]);
    return result;
}

// ---- litmus tests: relaxed accesses with fences between them where the name says so -------------

__device__ static uint32_t get(uint32_t *word)
{
    return __hip_atomic_load(word, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT);
}

__device__ static void put(uint32_t *word, uint32_t value)
{
    __hip_atomic_store(word, value, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT);
}

__device__ static void note(uint32_t *result, bool part, uint32_t bit)
{
    if (part)
        atomicOr(result, bit);
}

__device__ static void one_test(litmus which, uint32_t thread, uint32_t *x, uint32_t *y,
                                uint32_t *result)
{
    uint32_t a, b;
    switch (which) {
    case MESSAGE_PASSING: // both bits: the flag was seen, the message was not
        if (thread == 0) {
            put(x, 1);
            __threadfence();
            put(y, 1);
        } else {
            a = get(y);
            __threadfence();
            b = get(x);
            note(result, a == 1 && b == 0, 3);
        }
        break;
    case STORE_BUFFERING: // both bits: neither saw the other's store
        put(thread == 0 ? x : y, 1);
        __threadfence();
        a = get(thread == 0 ? y : x);
        note(result, a == 0, 1u << thread);
        break;
    case LOAD_BUFFERING: // both bits: each saw what the other stored afterwards
        a = get(thread == 0 ? y : x);
        __threadfence();
        put(thread == 0 ? x : y, 1);
        note(result, a == 1, 1u << thread);
        break;
    case INDEPENDENT_READS: // both bits: two readers saw two stores in different orders
        if (thread < 2) {
            put(thread == 0 ? x : y, 1);
        } else {
            a = get(thread == 2 ? x : y);
            __threadfence();
            b = get(thread == 2 ? y : x);
            note(result, a == 1 && b == 0, 1u << (thread - 2));
        }
        break;
    case COHERENCE: // both bits: a location went back in time
        if (thread == 0) {
            put(x, 1);
            put(x, 2);
        } else {
            a = get(x);
            b = get(x);
            note(result, a > b, 3);
        }
        break;
    }
}

__global__ void litmus_kernel(litmus which, uint32_t tests, uint32_t *memory, uint32_t *results,
                              uint32_t *start)
{
    if (threadIdx.x != 0)
        return;
    atomicAdd(start, 1);
    while (get(start) < gridDim.x)
        ;
    for (uint32_t i = 0; i < tests; i++) {
        uint32_t *x = memory + static_cast<size_t>(i) * litmus_line;
        // Side by side, and not always in the same way: a turn of the second loop is some
        // instructions.
        atomicAdd(start, 1);
        while (get(start) < gridDim.x * (i + 2))
            ;
        for (uint32_t turns = blockIdx.x % 2 ? i % 8 : i / 8 % 8; turns; turns--)
            asm volatile("s_nop 0");
        one_test(which, blockIdx.x, x, x + litmus_line / 2, results + i);
    }
}

hipError_t launch_litmus(litmus which, uint32_t tests, uint32_t *memory, uint32_t *results,
                         uint32_t *start)
{
    // All of a compute unit's LDS, so that each workgroup has one for itself (softgpu: a host
    // thread, with as many threads as compute units).
    litmus_kernel<<<which == INDEPENDENT_READS ? 4 : 2, 64, 65536>>>(which, tests, memory, results,
                                                                     start);
    hipError_t result = hipGetLastError();
    return result == hipSuccess ? hipDeviceSynchronize() : result;
}

// ---- hardware registers, stops ------------------------------------------------------------------

__global__ void hardware_ids(uint32_t *ids)
{
    if (threadIdx.x == 0)
        ids[blockIdx.x] = __builtin_amdgcn_s_getreg(4 | 31 << 11); // HW_ID, all 32 bits
}

hipError_t launch_hardware_ids(uint32_t groups, uint32_t *ids, hipStream_t stream)
{
    hardware_ids<<<groups, 64, 0, stream>>>(ids);
    hipError_t result = hipGetLastError();
    return result == hipSuccess ? hipStreamSynchronize(stream) : result;
}

__global__ void stop_kernel(stop how, volatile uint32_t *word)
{
    word[0] = 1;
    switch (how) {
    case stop::trap:
        __builtin_trap();
        break;
    case stop::debug_trap:
        __builtin_debugtrap();
        break;
    case stop::illegal:
        asm volatile(".long 0xbe80ff00"); // no SOP1 instruction has this number
        break;
    case stop::wild_store:
        *reinterpret_cast<volatile uint32_t *>(0x700000000000) = 1;
        break;
    case stop::aperture:
        *reinterpret_cast<volatile uint32_t *>(0x7000000000000000) = 1;
        break;
    case stop::endless:
        while (word[1] == 0)
            ;
        break;
    case stop::halted:
        asm volatile("s_sethalt 1");
        break;
    case stop::killed:
        asm volatile("s_setkill 1");
        break;
    }
    word[0] = 2;
}

hipError_t launch_stop(stop how, uint32_t *word)
{
    stop_kernel<<<1, 64>>>(how, word);
    hipError_t result = hipGetLastError();
    return result == hipSuccess ? hipDeviceSynchronize() : result;
}

__global__ void load_kernel(const volatile uint32_t *from, volatile uint32_t *to)
{
    *to = *from;
}

hipError_t launch_load(const uint32_t *from, uint32_t *to)
{
    load_kernel<<<1, 1>>>(from, to);
    hipError_t result = hipGetLastError();
    return result == hipSuccess ? hipDeviceSynchronize() : result;
}

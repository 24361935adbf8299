// SPDX-License-Identifier: MIT
// What shader_rocr.c runs in the guest, compiled to a code object.
#include <hip/hip_runtime.h>

#include "shader_kernels.h"

// Adds all words up and changes each in place. One work-item per word.
extern "C" __global__ void sum_and_change(struct sum_args args)
{
    const uint64_t i = blockIdx.x * static_cast<uint64_t>(blockDim.x) + threadIdx.x;
    if (i >= args.words)
        return;
    const uint32_t word = args.data[i];
    args.data[i] = shader_changed(word, i);
    atomicAdd(reinterpret_cast<unsigned long long *>(args.sum), word);
}

// Reads the first word of every page again and again, until the host says stop: it may be the
// page's own word, or 0 where a new page may be.
extern "C" __global__ void watch(struct watch_args args)
{
    while (!__hip_atomic_load(args.stop, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_SYSTEM)) {
        for (uint64_t page = threadIdx.x; page < args.pages; page += blockDim.x) {
            const uint32_t word = __hip_atomic_load(&args.data[page * (SHADER_PAGE / 4)],
                                                    __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_SYSTEM);
            if (word != args.magic + page && (word || !args.fresh))
                atomicAdd(args.foreign, 1u);
        }
        if (threadIdx.x == 0)
            __hip_atomic_fetch_add(args.rounds, 1u, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_SYSTEM);
    }
}

// Writes one word somewhere.
extern "C" __global__ void poke(struct poke_args args)
{
    *args.where = args.what;
}

// SPDX-License-Identifier: MIT
// The kernels that tests/gpu runs over windows, as host functions. Each launches on the default
// stream, waits as finish() does, and returns the first error. Pointers are device pointers unless
// they say otherwise.
#pragma once

#include <hip/hip_runtime_api.h>

#include <cstddef>
#include <cstdint>

namespace hs_kernels
{

// Waits for a stream. hipStreamSynchronize() of HIP 5.2.3 may return early if another thread waits
// for the stream as well, and waiting for an event may hide a memory fault: runtime/hip_lib.c.
hipError_t finish(hipStream_t stream = nullptr);

// Sum over all 4-byte words of word * (2 * index + 1), as hs_test::cpu_checksum. *sum is host
// memory.
hipError_t checksum(const void *data, size_t bytes, uint64_t *sum);

// Word i = hs_test::pattern(key, i).
hipError_t write_pattern(void *data, size_t bytes, uint64_t key);

// For every offset i of the list (host memory): loads 16 bytes at data + offsets[i] and stores them
// in out[16 * i] (host memory), by one instruction; `align` is what the compiler may assume, 1
// or 4.
hipError_t load16(const void *data, const uint64_t *offsets, size_t count, unsigned align,
                  uint8_t *out);

// For every offset: stores the 16 bytes (seed + i + 0..15) at data + offsets[i], by one
// instruction.
hipError_t store16(void *data, const uint64_t *offsets, size_t count, unsigned align, uint8_t seed);

// What `atomics` does at each place: `threads` work items per place, all places at once.
struct AtomicPlace {
    uint32_t add32; // threads times + 1
    uint32_t or32;  // |= 1 << (thread % 32)
    uint32_t max32; // max with thread
    uint32_t cas32; // threads times + 3 in a compare-and-swap loop
    uint64_t add64; // + 2^32 + thread, each
    uint64_t pad;
};
hipError_t atomics(void *data, const uint64_t *offsets, size_t count, unsigned threads);

// One byte, by one work item.
hipError_t load_byte(const void *address, uint8_t *value);
hipError_t store_byte(void *address, uint8_t value);

// The same after some 200 us, and without waiting for it.
hipError_t store_byte_late(void *address, uint8_t value);

} // namespace hs_kernels

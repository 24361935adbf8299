// SPDX-License-Identifier: MIT
// See window_kernels.hpp. Compiled by hipcc; no test logic here.
#include "window_kernels.hpp"

#include <hip/hip_runtime.h>

#include "scatter_memory.hpp"

#include <thread>

namespace
{

constexpr unsigned threads_per_block = 256;

// 16 bytes that are loaded and stored by one dwordx4 instruction although the address is only
// 4-byte or 1-byte aligned. Structs, because a template argument drops the alignment of a typedef.
using Vector = uint32_t __attribute__((ext_vector_type(4)));
struct Aligned4 {
    typedef uint32_t Type __attribute__((ext_vector_type(4), aligned(4)));
    Type value;
};
struct Aligned1 {
    typedef uint32_t Type __attribute__((ext_vector_type(4), aligned(1)));
    Type value;
};

unsigned blocks_for(size_t items)
{
    const size_t blocks = (items + threads_per_block - 1) / threads_per_block;
    return static_cast<unsigned>(blocks < 256 ? (blocks == 0 ? 1 : blocks) : 256);
}

// Device memory for the duration of a call.
class Buffer
{
  public:
    explicit Buffer(size_t bytes)
    {
        error_ = hipMalloc(&data_, bytes == 0 ? 1 : bytes);
    }
    Buffer(const void *host, size_t bytes) : Buffer(bytes)
    {
        if (error_ == hipSuccess)
            error_ = hipMemcpy(data_, host, bytes, hipMemcpyHostToDevice);
    }
    ~Buffer()
    {
        (void)hipFree(data_);
    }
    Buffer(const Buffer &) = delete;
    Buffer &operator=(const Buffer &) = delete;
    hipError_t error() const
    {
        return error_;
    }
    template <typename T> T *as() const
    {
        return static_cast<T *>(data_);
    }

  private:
    void *data_ = nullptr;
    hipError_t error_ = hipSuccess;
};

__global__ void checksum_kernel(const uint32_t *words, size_t count, unsigned long long *sum)
{
    uint64_t mine = 0;
    const size_t stride = static_cast<size_t>(gridDim.x) * blockDim.x;
    for (size_t i = blockIdx.x * static_cast<size_t>(blockDim.x) + threadIdx.x; i < count;
         i += stride)
        mine += static_cast<uint64_t>(words[i]) * (2 * i + 1);
    atomicAdd(sum, static_cast<unsigned long long>(mine));
}

__global__ void pattern_kernel(uint32_t *words, size_t count, uint64_t key)
{
    const size_t stride = static_cast<size_t>(gridDim.x) * blockDim.x;
    for (size_t i = blockIdx.x * static_cast<size_t>(blockDim.x) + threadIdx.x; i < count;
         i += stride)
        words[i] = hs_test::pattern(key, i);
}

template <typename Unaligned>
__global__ void load16_kernel(const uint8_t *data, const uint64_t *offsets, size_t count,
                              Vector *out)
{
    const size_t stride = static_cast<size_t>(gridDim.x) * blockDim.x;
    for (size_t i = blockIdx.x * static_cast<size_t>(blockDim.x) + threadIdx.x; i < count;
         i += stride)
        out[i] = reinterpret_cast<const Unaligned *>(data + offsets[i])->value;
}

template <typename Unaligned>
__global__ void store16_kernel(uint8_t *data, const uint64_t *offsets, size_t count, unsigned seed)
{
    const size_t stride = static_cast<size_t>(gridDim.x) * blockDim.x;
    for (size_t i = blockIdx.x * static_cast<size_t>(blockDim.x) + threadIdx.x; i < count;
         i += stride) {
        Vector value;
        for (unsigned word = 0; word < 4; word++) {
            uint32_t bytes = 0;
            for (unsigned b = 0; b < 4; b++)
                bytes |= ((seed + static_cast<unsigned>(i) + 4 * word + b) & 255) << (8 * b);
            value[word] = bytes;
        }
        reinterpret_cast<Unaligned *>(data + offsets[i])->value = value;
    }
}

__global__ void atomics_kernel(uint8_t *data, const uint64_t *offsets)
{
    auto *place = reinterpret_cast<hs_kernels::AtomicPlace *>(data + offsets[blockIdx.x]);
    const unsigned thread = blockIdx.y * blockDim.x + threadIdx.x;
    atomicAdd(&place->add32, 1u);
    atomicOr(&place->or32, 1u << (thread % 32));
    atomicMax(&place->max32, thread);
    atomicAdd(reinterpret_cast<unsigned long long *>(&place->add64), (1ull << 32) + thread);
    uint32_t seen = place->cas32, expected;
    do {
        expected = seen;
        seen = atomicCAS(&place->cas32, expected, expected + 3);
    } while (seen != expected);
}

__global__ void load_byte_kernel(const uint8_t *address, uint32_t *value)
{
    *value = *address;
}

__global__ void store_byte_kernel(uint8_t *address, uint32_t value)
{
    *address = static_cast<uint8_t>(value);
}

__global__ void store_byte_late_kernel(uint8_t *address, uint32_t value, uint64_t ticks)
{
    const uint64_t start = __builtin_amdgcn_s_memrealtime();
    while (__builtin_amdgcn_s_memrealtime() - start < ticks)
        ;
    *address = static_cast<uint8_t>(value);
}

} // namespace

namespace hs_kernels
{

hipError_t finish(hipStream_t stream)
{
    hipEvent_t event = nullptr;
    hipError_t error = hipGetLastError();
    if (error == hipSuccess)
        error = hipStreamSynchronize(stream);
    if (error == hipSuccess)
        error = hipEventCreateWithFlags(&event, hipEventDisableTiming);
    if (error != hipSuccess)
        return error;
    error = hipEventRecord(event, stream);
    if (error == hipSuccess) {
        while ((error = hipEventQuery(event)) == hipErrorNotReady)
            std::this_thread::yield();
    }
    const hipError_t destroyed = hipEventDestroy(event);
    return error == hipSuccess ? destroyed : error;
}

hipError_t checksum(const void *data, size_t bytes, uint64_t *sum)
{
    const uint64_t zero = 0;
    Buffer result(&zero, sizeof zero);
    if (result.error() != hipSuccess)
        return result.error();
    checksum_kernel<<<blocks_for(bytes / 4), threads_per_block>>>(
        static_cast<const uint32_t *>(data), bytes / 4, result.as<unsigned long long>());
    const hipError_t error = finish();
    return error != hipSuccess
               ? error
               : hipMemcpy(sum, result.as<void>(), sizeof *sum, hipMemcpyDeviceToHost);
}

hipError_t write_pattern(void *data, size_t bytes, uint64_t key)
{
    pattern_kernel<<<blocks_for(bytes / 4), threads_per_block>>>(static_cast<uint32_t *>(data),
                                                                 bytes / 4, key);
    return finish();
}

hipError_t load16(const void *data, const uint64_t *offsets, size_t count, unsigned align,
                  uint8_t *out)
{
    Buffer list(offsets, count * sizeof *offsets), result(16 * count);
    if (list.error() != hipSuccess || result.error() != hipSuccess)
        return list.error() != hipSuccess ? list.error() : result.error();
    auto kernel = align == 1 ? load16_kernel<Aligned1> : load16_kernel<Aligned4>;
    kernel<<<blocks_for(count), threads_per_block>>>(
        static_cast<const uint8_t *>(data), list.as<uint64_t>(), count, result.as<Vector>());
    const hipError_t error = finish();
    return error != hipSuccess
               ? error
               : hipMemcpy(out, result.as<void>(), 16 * count, hipMemcpyDeviceToHost);
}

hipError_t store16(void *data, const uint64_t *offsets, size_t count, unsigned align, uint8_t seed)
{
    Buffer list(offsets, count * sizeof *offsets);
    if (list.error() != hipSuccess)
        return list.error();
    auto kernel = align == 1 ? store16_kernel<Aligned1> : store16_kernel<Aligned4>;
    kernel<<<blocks_for(count), threads_per_block>>>(static_cast<uint8_t *>(data),
                                                     list.as<uint64_t>(), count, seed);
    return finish();
}

hipError_t atomics(void *data, const uint64_t *offsets, size_t count, unsigned threads)
{
    Buffer list(offsets, count * sizeof *offsets);
    if (list.error() != hipSuccess)
        return list.error();
    const unsigned block = threads < threads_per_block ? threads : threads_per_block;
    atomics_kernel<<<dim3(static_cast<unsigned>(count), threads / block), block>>>(
        static_cast<uint8_t *>(data), list.as<uint64_t>());
    return finish();
}

hipError_t load_byte(const void *address, uint8_t *value)
{
    Buffer result(4);
    if (result.error() != hipSuccess)
        return result.error();
    load_byte_kernel<<<1, 1>>>(static_cast<const uint8_t *>(address), result.as<uint32_t>());
    const hipError_t error = finish();
    return error != hipSuccess ? error
                               : hipMemcpy(value, result.as<void>(), 1, hipMemcpyDeviceToHost);
}

hipError_t store_byte(void *address, uint8_t value)
{
    store_byte_kernel<<<1, 1>>>(static_cast<uint8_t *>(address), value);
    return finish();
}

hipError_t store_byte_late(void *address, uint8_t value)
{
    constexpr uint64_t ticks = 20000; // of 100 MHz
    store_byte_late_kernel<<<1, 1>>>(static_cast<uint8_t *>(address), value, ticks);
    return hipGetLastError();
}

} // namespace hs_kernels

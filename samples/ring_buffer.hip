// SPDX-License-Identifier: MIT
// ring_buffer: a ring whose pages appear twice in the window, one copy after the other, so that a
// kernel reads a record that wraps around the end of the ring as if it did not. The same memory
// twice needs the flag AllowAliasing.
#include <hip/hip_runtime.h>
#include <hip_scatter/hip_scatter.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

static void check(hipError_t status, const char *what)
{
    if (status == hipSuccess)
        return;
    std::fprintf(stderr, "ring_buffer: %s: %s: %s\n", what, hipGetErrorName(status),
                 hipScatterGetLastErrorMessage());
    std::exit(1);
}

constexpr size_t ring_bytes = 64 * 1024;
constexpr size_t record_bytes = 3000; // does not divide the ring

// One block sums one record. Note what is missing: no modulo, no second part.
__global__ void sum_records(const uint8_t *ring_twice, const uint64_t *starts, uint32_t *sums)
{
    __shared__ uint32_t sum;
    if (threadIdx.x == 0)
        sum = 0;
    __syncthreads();
    const uint8_t *record = ring_twice + starts[blockIdx.x] % ring_bytes;
    for (size_t i = threadIdx.x; i < record_bytes; i += blockDim.x)
        atomicAdd(&sum, record[i]);
    __syncthreads();
    if (threadIdx.x == 0)
        sums[blockIdx.x] = sum;
}

int main()
{
    uint8_t *ring = static_cast<uint8_t *>(std::aligned_alloc(4096, ring_bytes));
    const hipScatterRange ranges[] = {{ring, ring_bytes}, {ring, ring_bytes}};
    void *window = nullptr;
    check(hipHostRegisterScatter(&window, ranges, 2, hipScatterRegisterAllowAliasing),
          "hipHostRegisterScatter");

    // The producer has been running for a while: records lie anywhere, two of them across the end
    // of the ring.
    constexpr size_t records = 40;
    uint64_t *starts = nullptr;
    uint32_t *sums = nullptr;
    check(hipHostMalloc(reinterpret_cast<void **>(&starts), records * sizeof *starts, 0),
          "hipHostMalloc");
    check(hipHostMalloc(reinterpret_cast<void **>(&sums), records * sizeof *sums, 0),
          "hipHostMalloc");
    std::vector<uint32_t> expected(records);
    size_t wrong = 0, wrapped = 0;
    for (uint64_t at = 0, round = 0; round < 3; round++) {
        const size_t in_flight = ring_bytes / record_bytes; // the ring holds no more at a time
        for (size_t r = 0; r < in_flight; r++, at += record_bytes) {
            starts[r] = at;
            wrapped += at % ring_bytes + record_bytes > ring_bytes;
            expected[r] = 0;
            for (size_t i = 0; i < record_bytes; i++) {
                const uint8_t value = static_cast<uint8_t>(at / 7 + i * i);
                ring[(at + i) % ring_bytes] = value; // the CPU writes each byte once
                expected[r] += value;
            }
        }
        sum_records<<<in_flight, 256>>>(static_cast<const uint8_t *>(window), starts, sums);
        check(hipDeviceSynchronize(), "sum_records");
        for (size_t r = 0; r < in_flight; r++)
            wrong += sums[r] != expected[r];
    }
    check(hipHostUnregisterScatter(window), "hipHostUnregisterScatter");
    check(hipHostFree(starts), "hipHostFree");
    check(hipHostFree(sums), "hipHostFree");
    std::free(ring);
    std::printf("ring_buffer: %zu records across the end of the ring, %zu wrong sums: %s\n",
                wrapped, wrong, wrong == 0 && wrapped > 0 ? "verified" : "NOT VERIFIED");
    return wrong == 0 && wrapped > 0 ? 0 : 1;
}

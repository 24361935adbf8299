// SPDX-License-Identifier: MIT
// column_chunks: the C++ face. A column of a table grows chunk by chunk, wherever the allocator
// puts them; for kernels it is one std::span. A second pool is a memory pool: a block of it is
// filled by preadv(), straight into the scattered memory that the kernel then reads as one array.
#include <hip/hip_runtime.h>
#include <hip_scatter/hip_scatter.hpp>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <span>
#include <sys/uio.h>
#include <vector>

constexpr size_t page = 4096;

struct free_memory {
    void operator()(void *memory) const
    {
        std::free(memory);
    }
};

// A piece of a column: whole pages, as only the first and the last piece of a window may begin or
// end inside of one.
class chunk
{
  public:
    explicit chunk(size_t values)
        : data_(static_cast<uint32_t *>(std::aligned_alloc(page, values * sizeof(uint32_t)))),
          values_(values)
    {
        if (!data_)
            throw std::bad_alloc();
    }
    std::span<uint32_t> span() const
    {
        return {data_.get(), values_};
    }

  private:
    std::unique_ptr<uint32_t, free_memory> data_;
    size_t values_;
};

__global__ void add_to_all(std::span<uint32_t> column, uint32_t value)
{
    const size_t stride = static_cast<size_t>(gridDim.x) * blockDim.x;
    for (size_t i = blockIdx.x * static_cast<size_t>(blockDim.x) + threadIdx.x; i < column.size();
         i += stride)
        column[i] += value;
}

static void run_on_device(std::span<uint32_t> column, uint32_t value)
{
    add_to_all<<<8, 256>>>(column, value);
    if (hipDeviceSynchronize() != hipSuccess)
        throw std::runtime_error("the kernel failed");
}

// The column in its chunks: the kernel adds 1000 to every value, in place.
static size_t wrong_in_chunks()
{
    std::vector<chunk> chunks;
    uint32_t next = 0;
    for (const size_t pages : {3, 1, 8, 2, 1, 5, 16, 1}) {
        chunks.emplace_back(pages * page / sizeof(uint32_t));
        for (uint32_t &value : chunks.back().span())
            value = next++;
    }
    std::vector<std::span<uint32_t>> spans;
    for (const chunk &c : chunks)
        spans.push_back(c.span());

    hip_scatter::registration column(hip_scatter::ranges_of(spans)); // ends with its scope
    run_on_device(column.device_span<uint32_t>(), 1000);

    size_t wrong = 0;
    next = 1000;
    for (const chunk &c : chunks)
        for (const uint32_t value : c.span())
            wrong += value != next++;
    return wrong;
}

// Scattered pages as a pool: a file is read into a block, the kernel works on the block.
static size_t wrong_in_block()
{
    constexpr size_t pages = 64, bytes = 20 * page;
    const chunk arena(pages * page / sizeof(uint32_t));
    std::vector<std::span<uint32_t>> scattered; // every second page, last one first
    for (size_t i = pages; i > 1; i -= 2)
        scattered.push_back(
            arena.span().subspan((i - 2) * page / sizeof(uint32_t), page / sizeof(uint32_t)));
    hip_scatter::pool pool(hip_scatter::ranges_of(scattered));
    hip_scatter::block block = pool.allocate(bytes);

    std::unique_ptr<FILE, int (*)(FILE *)> file(std::tmpfile(), std::fclose);
    if (!file)
        throw std::runtime_error("there is no temporary file");
    for (uint32_t i = 0; i < bytes / sizeof(uint32_t); i++)
        std::fwrite(&i, sizeof i, 1, file.get());
    std::fflush(file.get());
    // The block's host memory in the order in which the device sees it, in the form of an iovec.
    const std::vector<hipScatterRange> host = block.host_ranges();
    const auto *list = reinterpret_cast<const iovec *>(host.data());
    if (preadv(fileno(file.get()), list, static_cast<int>(host.size()), 0) !=
        static_cast<ssize_t>(bytes))
        throw std::runtime_error("the file could not be read");

    run_on_device(block.device_span<uint32_t>(), 7);

    size_t wrong = 0;
    uint32_t next = 7;
    for (const hipScatterRange &range : host)
        for (const uint32_t value :
             std::span(static_cast<const uint32_t *>(range.base), range.size / sizeof(uint32_t)))
            wrong += value != next++;
    return wrong;
}

int main()
{
    try {
        const size_t wrong = wrong_in_chunks() + wrong_in_block();

        // An error as a value: the same memory twice in one window is not meant here.
        const chunk one(page / sizeof(uint32_t));
        const std::vector<std::span<uint32_t>> twice(2, one.span());
        const auto refused = hip_scatter::registration::create(hip_scatter::ranges_of(twice));
        if (refused)
            throw std::runtime_error("overlapping ranges were accepted");
        std::printf("column_chunks: refused as it should be: %s\n",
                    refused.error().message.c_str());

        std::printf("column_chunks: %zu wrong values: %s\n", wrong,
                    wrong == 0 ? "verified" : "NOT VERIFIED");
        return wrong == 0 ? 0 : 1;
    } catch (const std::exception &e) { // hip_scatter::error says which call and which range
        std::fprintf(stderr, "column_chunks: %s\n", e.what());
        return 1;
    }
}

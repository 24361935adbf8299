// SPDX-License-Identifier: MIT
// kv_cache: pages of keys in host memory, handed out by an allocator in no order, shared between
// sequences that have a prefix in common. Each sequence becomes one array for the kernel: no block
// table in the kernel, no gather before it.
#include <hip/hip_runtime.h>
#include <hip_scatter/hip_scatter.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <random>
#include <vector>

static void check(hipError_t status, const char *what)
{
    if (status == hipSuccess)
        return;
    std::fprintf(stderr, "kv_cache: %s: %s: %s\n", what, hipGetErrorName(status),
                 hipScatterGetLastErrorMessage());
    std::exit(1);
}

constexpr size_t head_size = 64; // floats of one key
constexpr size_t page_bytes = 16 * 1024;
constexpr size_t keys_per_page = page_bytes / (head_size * sizeof(float));

// scores[t] = query . key t, for all tokens of a sequence: a loop over a plain array.
__global__ void attention_scores(const float *keys, const float *query, float *scores,
                                 size_t tokens)
{
    const size_t t = blockIdx.x * static_cast<size_t>(blockDim.x) + threadIdx.x;
    if (t >= tokens)
        return;
    float sum = 0;
    for (size_t i = 0; i < head_size; i++)
        sum += keys[t * head_size + i] * query[i];
    scores[t] = sum;
}

int main()
{
    // The arena of a paged allocator. Pages are given out in random order, as after hours of
    // serving.
    constexpr size_t pages = 256, sequences = 8, shared_pages = 4, own_pages = 20;
    char *arena = static_cast<char *>(std::aligned_alloc(page_bytes, pages * page_bytes));
    std::mt19937 random(7);
    std::uniform_real_distribution<float> uniform(-1, 1);
    for (size_t i = 0; i < pages * page_bytes / sizeof(float); i++)
        reinterpret_cast<float *>(arena)[i] = uniform(random);
    std::vector<size_t> free_pages(pages);
    std::iota(free_pages.begin(), free_pages.end(), static_cast<size_t>(0));
    std::shuffle(free_pages.begin(), free_pages.end(), random);
    const auto take = [&](std::vector<hipScatterRange> *list, size_t count) {
        for (size_t i = 0; i < count; i++, free_pages.pop_back())
            list->push_back({arena + free_pages.back() * page_bytes, page_bytes});
    };

    float *query = nullptr, *scores = nullptr;
    const size_t tokens = (shared_pages + own_pages) * keys_per_page;
    check(hipHostMalloc(reinterpret_cast<void **>(&query), head_size * sizeof(float), 0),
          "hipHostMalloc");
    check(hipHostMalloc(reinterpret_cast<void **>(&scores), tokens * sizeof(float), 0),
          "hipHostMalloc");
    std::generate(query, query + head_size, [&] { return uniform(random); });

    std::vector<hipScatterRange>
        prefix; // the system prompt: the same pages at the start of every sequence
    take(&prefix, shared_pages);
    std::vector<std::vector<hipScatterRange>> lists(sequences, prefix);
    std::vector<void *> windows(sequences);
    for (size_t s = 0; s < sequences; s++) {
        take(&lists[s], own_pages);
        check(hipHostRegisterScatter(&windows[s], lists[s].data(), lists[s].size(),
                                     hipScatterRegisterDefault),
              "hipHostRegisterScatter");
    }

    size_t wrong = 0;
    for (size_t s = 0; s < sequences; s++) {
        attention_scores<<<(tokens + 255) / 256, 256>>>(static_cast<const float *>(windows[s]),
                                                        query, scores, tokens);
        check(hipDeviceSynchronize(), "attention_scores");
        for (size_t t = 0; t < tokens; t++) {
            const float *key = static_cast<const float *>(lists[s][t / keys_per_page].base) +
                               t % keys_per_page * head_size;
            float sum = 0;
            for (size_t i = 0; i < head_size; i++)
                sum += key[i] * query[i];
            wrong += !(std::fabs(sum - scores[t]) < 1e-4f);
        }
    }
    for (void *window : windows)
        check(hipHostUnregisterScatter(window), "hipHostUnregisterScatter");
    check(hipHostFree(query), "hipHostFree");
    check(hipHostFree(scores), "hipHostFree");
    std::free(arena);
    std::printf(
        "kv_cache: %zu sequences of %zu tokens in %zu scattered pages, %zu wrong scores: %s\n",
        sequences, tokens, shared_pages + own_pages, wrong,
        wrong == 0 ? "verified" : "NOT VERIFIED");
    return wrong == 0 ? 0 : 1;
}

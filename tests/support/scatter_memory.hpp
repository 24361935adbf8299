// SPDX-License-Identifier: MIT
// Fragmented host memory for tests: a reserved span of addresses in which fragments lie in shuffled
// order with holes between them. Knows nothing of GPUs and of the library except hipScatterRange's
// layout.
#pragma once

#include <hip_scatter/hip_scatter.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <random>
#include <stdexcept>
#include <sys/mman.h>
#include <vector>

namespace hs_test
{

constexpr size_t page_bytes = 4096;

// Depends on key and position, so that neither a missing nor a displaced page goes unnoticed. The
// kernels in tests/gpu/kernels compute the same.
constexpr uint32_t pattern(uint64_t key, uint64_t word_index)
{
    uint64_t h = (word_index + 1) * 0x9e3779b97f4a7c15u ^ key;
    h = (h ^ (h >> 31)) * 0xbf58476d1ce4e5b9u;
    return static_cast<uint32_t>(h >> 32);
}

// `count` sizes in pages from 1 to 256 (4 KiB to 1 MiB); both extremes occur from two fragments on.
// Many fragments are small on average, so that 4096 of them stay below 256 MiB.
inline std::vector<size_t> fragment_pages(size_t count, std::mt19937_64 &random)
{
    std::uniform_real_distribution<double> uniform(0, 1);
    std::vector<size_t> pages(count);
    for (size_t &p : pages)
        p = static_cast<size_t>(std::pow(256.0, std::pow(uniform(random), count > 64 ? 6 : 1)));
    if (count >= 2) {
        pages[random() % (count / 2)] = 1;
        pages[count / 2 + random() % (count - count / 2)] = 256;
    }
    return pages;
}

// Fragments in list order are ranges(); their addresses are in random order, with a hole of one to
// three pages before each and after the last. Unmapped by the destructor.
class Fragments
{
  public:
    Fragments(const std::vector<size_t> &pages, std::mt19937_64 &random,
              int prot = PROT_READ | PROT_WRITE, int map_flags = MAP_PRIVATE | MAP_ANONYMOUS)
        : ranges_(pages.size())
    {
        std::vector<size_t> order(pages.size());
        std::iota(order.begin(), order.end(), size_t(0));
        std::shuffle(order.begin(), order.end(), random);
        // No two neighbours of the list may be neighbours in memory by chance: holes see to that.
        span_bytes_ =
            (std::accumulate(pages.begin(), pages.end(), size_t(0)) + 3 * (pages.size() + 1)) *
            page_bytes;
        span_ = static_cast<char *>(mmap(nullptr, span_bytes_, PROT_NONE,
                                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
        if (span_ == MAP_FAILED)
            throw std::runtime_error("mmap of the span failed");
        char *at = span_;
        for (size_t i : order) {
            at += (1 + random() % 3) * page_bytes;
            const size_t bytes = pages[i] * page_bytes;
            if (mmap(at, bytes, prot, map_flags | MAP_FIXED, -1, 0) != at)
                throw std::runtime_error("mmap of a fragment failed");
            ranges_[i] = {at, bytes};
            bytes_ += bytes;
            at += bytes;
        }
    }
    ~Fragments()
    {
        munmap(span_, span_bytes_);
    }
    Fragments(const Fragments &) = delete;
    Fragments &operator=(const Fragments &) = delete;

    const std::vector<hipScatterRange> &ranges() const
    {
        return ranges_;
    }
    size_t bytes() const
    {
        return bytes_;
    }

  private:
    std::vector<hipScatterRange> ranges_;
    size_t bytes_ = 0;
    char *span_ = nullptr;
    size_t span_bytes_ = 0;
};

// Of shared memory, which every backing takes.
class SharedFragments : public Fragments
{
  public:
    SharedFragments(const std::vector<size_t> &pages, std::mt19937_64 &random)
        : Fragments(pages, random, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS)
    {
    }
};

// The same view of any list of ranges that the GPU gets: byte i of the concatenation. For checks on
// the CPU.
inline void write_pattern(const std::vector<hipScatterRange> &ranges, uint64_t key)
{
    uint64_t word = 0;
    for (const hipScatterRange &range : ranges)
        for (size_t i = 0; i < range.size / 4; i++)
            static_cast<uint32_t *>(range.base)[i] = pattern(key, word++);
}

// Fragments of which every word has the pattern; the index of the first one that has not is stored
// in *first_wrong.
inline size_t fragments_with_pattern(const std::vector<hipScatterRange> &ranges, uint64_t key,
                                     size_t *first_wrong = nullptr)
{
    uint64_t word = 0;
    size_t right = 0;
    for (size_t r = 0; r < ranges.size(); r++) {
        const uint32_t *words = static_cast<const uint32_t *>(ranges[r].base);
        bool same = true;
        for (size_t i = 0; i < ranges[r].size / 4; i++)
            same &= words[i] == pattern(key, word++);
        if (!same && first_wrong != nullptr && right == r)
            *first_wrong = r;
        right += same;
    }
    return right;
}

inline uint64_t cpu_checksum(const std::vector<hipScatterRange> &ranges)
{
    uint64_t word = 0, sum = 0;
    for (const hipScatterRange &range : ranges)
        for (size_t i = 0; i < range.size / 4; i++, word++)
            sum += static_cast<uint64_t>(static_cast<const uint32_t *>(range.base)[i]) *
                   (2 * word + 1);
    return sum;
}

} // namespace hs_test

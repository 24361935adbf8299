// SPDX-License-Identifier: MIT
// The executor's C headers as C++ sees them. Owns nothing.
#pragma once

#define _Noreturn [[noreturn]]
#define _Alignas alignas
#define _Static_assert static_assert
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wcast-align"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
extern "C" {
#include "guard.h"
#include "isa/isa.h"
#include "tlb.h"
#include "vm.h"
#include "wave.h"
}
#pragma GCC diagnostic pop
#undef _Static_assert
#undef _Alignas
#undef _Noreturn

#include <catch2/catch.hpp>

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <random>
#include <vector>

inline uint64_t test_seed()
{
    static const uint64_t seed = [] {
        const char *text = getenv("HS_SEED");
        return text ? strtoull(text, nullptr, 0) : std::random_device{}();
    }();
    return seed;
}

// Some pages of GPU memory at `va`, in host pages that lie in shuffled order with inaccessible gaps
// between them.
class shuffled_memory
{
  public:
    shuffled_memory(sg_vm *vm, uint64_t va, size_t pages,
                    uint32_t flags = SG_PTE_READ | SG_PTE_WRITE)
        : vm_(vm), va_(va), pages_(pages), order_(pages)
    {
        size_t span = pages * 2 * SG_PAGE_BYTES;
        block_ = static_cast<uint8_t *>(
            mmap(nullptr, span, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        REQUIRE(block_ != MAP_FAILED);
        std::iota(order_.begin(), order_.end(), 0);
        std::shuffle(order_.begin(), order_.end(), std::mt19937_64(test_seed()));
        for (size_t i = 0; i < pages; i++) {
            REQUIRE(mprotect(page(i), SG_PAGE_BYTES, PROT_READ | PROT_WRITE) == 0);
            REQUIRE(sg_vm_map(vm, va + i * SG_PAGE_BYTES, page(i), SG_PAGE_BYTES, flags) == 0);
        }
    }
    shuffled_memory(const shuffled_memory &) = delete;
    ~shuffled_memory()
    {
        sg_vm_unmap(vm_, va_, pages_ * SG_PAGE_BYTES);
        munmap(block_, pages_ * 2 * SG_PAGE_BYTES);
    }
    uint8_t *page(size_t i) const
    {
        return block_ + 2 * order_[i] * SG_PAGE_BYTES;
    }
    uint8_t &at(uint64_t offset) const
    {
        return page(offset / SG_PAGE_BYTES)[offset % SG_PAGE_BYTES];
    }
    uint64_t va() const
    {
        return va_;
    }
    size_t bytes() const
    {
        return pages_ * SG_PAGE_BYTES;
    }
    std::vector<uint8_t> contents() const
    {
        std::vector<uint8_t> all(bytes());
        for (size_t i = 0; i < pages_; i++)
            memcpy(&all[i * SG_PAGE_BYTES], page(i), SG_PAGE_BYTES);
        return all;
    }
    void fill(const std::vector<uint8_t> &from) const
    {
        for (size_t i = 0; i < pages_; i++)
            memcpy(page(i), &from[i * SG_PAGE_BYTES], SG_PAGE_BYTES);
    }

  private:
    sg_vm *vm_;
    uint64_t va_;
    size_t pages_;
    std::vector<size_t> order_;
    uint8_t *block_;
};

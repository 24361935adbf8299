// SPDX-License-Identifier: MIT
// What the program does to registered memory: the GPU must not see a page after it went away, and
// must see what took its place. The host layer's part is played by the test: begin, the real call,
// end.
#include <catch2/catch.hpp>

#include <sys/mman.h>

#include "kfd.hpp"

static const uint64_t va = 0x7e0000000000;

static void *gpu_sees(uint64_t address)
{
    return sg_vm_translate(fake.vms[0], address, SG_PTE_READ, nullptr);
}

struct Registered {
    explicit Registered(size_t count) : memory(count)
    {
        REQUIRE(kfd.userptr(memory.at(0), va, count * page, &handle) == 0);
        REQUIRE(kfd.map(handle) == 0);
    }
    ~Registered()
    {
        kfd.unmap(handle);
        kfd.free(handle);
        CHECK(fake.paused == 0);
        CHECK(Kfd::stats().mapped_pages == 0);
    }
    Kfd kfd;
    Pages memory;
    uint64_t handle = 0;
};

TEST_CASE("munmap of registered pages: they fault, their neighbours do not")
{
    Registered r(4);
    int pauses = fake.pauses;
    REQUIRE(sgd_mm_begin(r.memory.at(1), 2 * page, true));
    CHECK(fake.paused == 2); // both GPUs
    r.memory.unmap(1, 2);
    sgd_mm_end(r.memory.at(1), 2 * page, false);
    CHECK(fake.pauses == pauses + 2);
    CHECK(gpu_sees(va) == r.memory.at(0));
    CHECK(gpu_sees(va + page) == nullptr);
    CHECK(gpu_sees(va + 2 * page) == nullptr);
    CHECK(gpu_sees(va + 3 * page) == r.memory.at(3));
}

TEST_CASE("a call that fails or keeps the memory writable leaves the GPU's view as it was")
{
    Registered r(4);
    REQUIRE(sgd_mm_begin(r.memory.at(0), 4 * page, false));
    CHECK(gpu_sees(va) == nullptr);
    mprotect(r.memory.at(0), 4 * page, PROT_READ | PROT_WRITE);
    sgd_mm_end(r.memory.at(0), 4 * page, true);
    for (uint64_t i = 0; i < 4; i++)
        CHECK(gpu_sees(va + i * page) == r.memory.at(i));
}

TEST_CASE("memory that becomes read-only faults until it is writable again")
{
    Registered r(4);
    REQUIRE(sgd_mm_begin(r.memory.at(1), page, false));
    mprotect(r.memory.at(1), page, PROT_READ);
    sgd_mm_end(r.memory.at(1), page, true);
    CHECK(gpu_sees(va + page) == nullptr);
    REQUIRE(sgd_mm_begin(r.memory.at(0), 4 * page, false));
    mprotect(r.memory.at(0), 4 * page, PROT_READ | PROT_WRITE);
    sgd_mm_end(r.memory.at(0), 4 * page, true);
    CHECK(gpu_sees(va + page) == r.memory.at(1));
}

TEST_CASE("a mapping over registered pages is what the GPU sees afterwards")
{
    Registered r(2);
    *r.memory.at(1) = 'a';
    REQUIRE(sgd_mm_begin(r.memory.at(1), page, true));
    REQUIRE(mmap(r.memory.at(1), page, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == r.memory.at(1));
    sgd_mm_end(r.memory.at(1), page, true);
    REQUIRE(gpu_sees(va + page) == r.memory.at(1));
    CHECK(*static_cast<char *>(gpu_sees(va + page)) == 0);
}

TEST_CASE("pages that went away before MAP are not mapped")
{
    Kfd kfd;
    Pages memory(4);
    uint64_t handle = 0;
    REQUIRE(kfd.userptr(memory.at(0), va, 4 * page, &handle) == 0);
    REQUIRE(sgd_mm_begin(memory.at(2), page, true));
    memory.unmap(2);
    sgd_mm_end(memory.at(2), page, false);
    REQUIRE(kfd.map(handle) == 0);
    CHECK(gpu_sees(va + page) == memory.at(1));
    CHECK(gpu_sees(va + 2 * page) == nullptr);
    CHECK(gpu_sees(va + 3 * page) == memory.at(3));
    CHECK(kfd.unmap(handle) == 0);
    CHECK(kfd.free(handle) == 0);
}

TEST_CASE("memory that is not registered, or no longer, interests nobody")
{
    Pages other(1);
    {
        Registered r(1);
        CHECK_FALSE(sgd_mm_begin(other.at(0), page, true));
    }
    CHECK_FALSE(sgd_mm_begin(other.at(0), page, true));
}

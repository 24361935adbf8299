// SPDX-License-Identifier: MIT
// Which memory can be registered: every kind that a program has, in one window and alone.
#include "kernels/window_kernels.hpp"
#include "machine.hpp"
#include "process_state.hpp"
#include "scatter_memory.hpp"

#include <fcntl.h>
#include <sys/ipc.h>
#include <sys/shm.h>

using namespace hs_test;

namespace
{

alignas(4096) uint8_t in_data_section[2 * page_bytes] = {1};

// Writable for one test case, freed afterwards by the process' end.
hipScatterRange mapped(size_t pages, int flags, int fd)
{
    void *memory = mmap(nullptr, pages * page_bytes, PROT_READ | PROT_WRITE, flags, fd, 0);
    REQUIRE(memory != MAP_FAILED);
    return {memory, pages * page_bytes};
}

int memory_file(size_t pages)
{
    const int fd = memfd_create("hs_test", MFD_CLOEXEC);
    REQUIRE(fd >= 0);
    REQUIRE(ftruncate(fd, static_cast<off_t>(pages * page_bytes)) == 0);
    return fd;
}

int temporary_file(size_t pages)
{
    char name[] = "/tmp/hs_test_XXXXXX";
    const int fd = mkostemp(name, O_CLOEXEC);
    REQUIRE(fd >= 0);
    REQUIRE(unlink(name) == 0);
    REQUIRE(ftruncate(fd, static_cast<off_t>(pages * page_bytes)) == 0);
    return fd;
}

void check_in_place(const std::vector<hipScatterRange> &ranges)
{
    for (const Backing &backing : backings()) {
        INFO("backing " << backing.name);
        write_pattern(ranges, 3);
        const Window window(ranges, backing.flag);
        uint64_t sum = 0;
        REQUIRE_HIP(hs_kernels::checksum(window.data(), window.bytes(), &sum));
        REQUIRE(sum == cpu_checksum(ranges));
        REQUIRE_HIP(hs_kernels::write_pattern(window.data(), window.bytes(), 4));
        REQUIRE(fragments_with_pattern(ranges, 4) == ranges.size());
    }
}

} // namespace

TEST_CASE("stack, data section, heap, files, shared memory in one window")
{
    alignas(4096) uint8_t on_stack[3 * page_bytes];
    void *on_heap = std::aligned_alloc(page_bytes, 5 * page_bytes);
    const int shared_id = shmget(IPC_PRIVATE, 2 * page_bytes, IPC_CREAT | 0600);
    REQUIRE(shared_id >= 0);
    void *shared = shmat(shared_id, nullptr, 0);
    REQUIRE(shmctl(shared_id, IPC_RMID, nullptr) == 0);
    REQUIRE(shared != reinterpret_cast<void *>(-1));
    const int memfd = memory_file(4), file = temporary_file(4);
    check_in_place({{on_stack, sizeof on_stack},
                    {in_data_section, sizeof in_data_section},
                    {on_heap, 5 * page_bytes},
                    {shared, 2 * page_bytes},
                    mapped(1, MAP_PRIVATE | MAP_ANONYMOUS, -1),
                    mapped(2, MAP_SHARED | MAP_ANONYMOUS, -1),
                    mapped(4, MAP_SHARED, memfd),
                    mapped(4, MAP_PRIVATE, memfd),
                    mapped(4, MAP_SHARED, file),
                    mapped(4, MAP_PRIVATE, file)});
    REQUIRE(shmdt(shared) == 0);
    std::free(on_heap);
    close(memfd);
    close(file);
}

TEST_CASE("one range over several neighbouring mappings")
{
    const int first = memory_file(2), second = memory_file(2);
    char *span = static_cast<char *>(mapped(6, MAP_PRIVATE | MAP_ANONYMOUS, -1).base);
    REQUIRE(mmap(span, 2 * page_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, first, 0) !=
            MAP_FAILED);
    REQUIRE(mmap(span + 2 * page_bytes, 2 * page_bytes, PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_FIXED, second, 0) != MAP_FAILED);
    check_in_place({{span, 6 * page_bytes}});
    REQUIRE(munmap(span, 6 * page_bytes) == 0);
    close(first);
    close(second);
}

TEST_CASE("huge pages")
{
    constexpr size_t huge = 2 << 20;
    void *memory = mmap(nullptr, huge, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
    if (memory == MAP_FAILED)
        hs_test::skip("no huge pages are reserved (vm.nr_hugepages)");
    check_in_place({mapped(1, MAP_PRIVATE | MAP_ANONYMOUS, -1), {memory, huge}});
    REQUIRE(munmap(memory, huge) == 0);
}

TEST_CASE("transparent huge pages, whole and in part")
{
    constexpr size_t huge = 2 << 20;
    char *memory =
        static_cast<char *>(mapped(3 * huge / page_bytes, MAP_PRIVATE | MAP_ANONYMOUS, -1).base);
    char *aligned =
        reinterpret_cast<char *>((reinterpret_cast<uintptr_t>(memory) + huge - 1) & ~(huge - 1));
    (void)madvise(aligned, 2 * huge, MADV_HUGEPAGE);
    check_in_place({{aligned + huge, page_bytes * 300}, {aligned, page_bytes * 300}});
    REQUIRE(munmap(memory, 3 * huge) == 0);
}

TEST_CASE("memory from hipHostMalloc and memory that is registered already")
{
    void *pinned = nullptr;
    REQUIRE_HIP(hipHostMalloc(&pinned, 4 * page_bytes, hipHostMallocDefault));
    const hipScatterRange own = mapped(4, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    const hipError_t registered = hipHostRegister(own.base, own.size, hipHostRegisterDefault);
    REQUIRE(registered == hipSuccess);
    check_in_place({own, {pinned, 4 * page_bytes}});
    REQUIRE_HIP(hipHostUnregister(own.base));
    REQUIRE_HIP(hipHostFree(pinned));
}

TEST_CASE("the same memory in several windows at once")
{
    HS_RANDOM(random);
    const Fragments memory({1, 3, 2}, random);
    std::vector<hipScatterRange> reversed(memory.ranges().rbegin(), memory.ranges().rend());
    for (const Backing &backing : backings()) {
        INFO("backing " << backing.name);
        const Window forward(memory.ranges(), backing.flag), backward(reversed, backing.flag);
        REQUIRE_HIP(hs_kernels::write_pattern(forward.data(), forward.bytes(), 21));
        REQUIRE(fragments_with_pattern(memory.ranges(), 21) == 3);
        uint64_t sum = 0;
        REQUIRE_HIP(hs_kernels::checksum(backward.data(), backward.bytes(), &sum));
        REQUIRE(sum == cpu_checksum(reversed));
    }
}

TEST_CASE("a hundred windows live at once")
{
    HS_RANDOM(random);
    for (const Backing &backing : backings()) {
        INFO("backing " << backing.name);
        std::vector<std::unique_ptr<Fragments>> memory;
        std::vector<std::unique_ptr<Window>> windows;
        for (int i = 0; i < 100; i++) {
            memory.push_back(std::make_unique<Fragments>(std::vector<size_t>{1, 2, 1}, random));
            windows.push_back(std::make_unique<Window>(memory.back()->ranges(), backing.flag));
        }
        size_t right = 0;
        for (size_t i = 0; i < windows.size(); i++) {
            REQUIRE_HIP(hs_kernels::write_pattern(windows[i]->data(), windows[i]->bytes(), i));
            right += fragments_with_pattern(memory[i]->ranges(), i);
        }
        REQUIRE(right == 300);
    }
}

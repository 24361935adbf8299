// SPDX-License-Identifier: MIT
// Alias windows with the real HIP: kernels, the CPU and HIP's own memory calls all see one array.
#include "kernels/window_kernels.hpp"
#include "machine.hpp"
#include "process_state.hpp"
#include "scatter_memory.hpp"

#include <fcntl.h>
#include <fstream>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <unistd.h>

using namespace hs_test;

namespace
{

// Fragments of one memfd: 4 KiB pages in shuffled order, no two of them neighbours.
class SharedPages
{
  public:
    SharedPages(size_t count, std::mt19937_64 &random)
        : file_(memfd_create("hs-test", MFD_CLOEXEC)), bytes_(2 * count * page_bytes)
    {
        REQUIRE(ftruncate(file_, static_cast<off_t>(bytes_)) == 0);
        map_ = static_cast<char *>(
            mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, file_, 0));
        REQUIRE(map_ != MAP_FAILED);
        for (size_t i = 0; i < count; i++)
            ranges_.push_back({map_ + 2 * i * page_bytes, page_bytes});
        std::shuffle(ranges_.begin(), ranges_.end(), random);
    }
    ~SharedPages()
    {
        munmap(map_, bytes_);
        close(file_);
    }
    SharedPages(const SharedPages &) = delete;
    SharedPages &operator=(const SharedPages &) = delete;
    const std::vector<hipScatterRange> &ranges() const
    {
        return ranges_;
    }

  private:
    int file_;
    size_t bytes_;
    char *map_ = nullptr;
    std::vector<hipScatterRange> ranges_;
};

} // namespace

TEST_CASE("kernels and the CPU work in one alias window")
{
    HS_RANDOM(random);
    const SharedPages memory(100, random);
    write_pattern(memory.ranges(), 1);
    Window window(memory.ranges(), hipScatterRegisterBackingAlias);
    REQUIRE(window.info().backing == hipScatterBackingKindAlias);

    uint64_t sum = 0;
    REQUIRE_HIP(hs_kernels::checksum(window.data(), window.bytes(), &sum));
    CHECK(sum == cpu_checksum(memory.ranges()));
    REQUIRE_HIP(hs_kernels::write_pattern(window.data(), window.bytes(), 2));
    CHECK(fragments_with_pattern(memory.ranges(), 2) == 100);
    const auto *seen = static_cast<const uint32_t *>(window.info().hostWindow);
    REQUIRE(seen != nullptr);
    size_t wrong = 0;
    for (size_t i = 0; i < window.bytes() / 4; i++)
        wrong += seen[i] != pattern(2, i);
    CHECK(wrong == 0);
    window.unregister();
    CHECK(fragments_with_pattern(memory.ranges(), 2) == 100);
}

TEST_CASE("HIP's memory calls work on a window that was asked to be known to HIP")
{
    HS_RANDOM(random);
    const SharedPages memory(40, random);
    write_pattern(memory.ranges(), 3);
    Window window(memory.ranges(), hipScatterRegisterHipMemoryCalls);
    REQUIRE(window.info().backing == hipScatterBackingKindAlias);
    std::vector<uint32_t> host(window.bytes() / 4);

    REQUIRE_HIP(hipMemcpy(host.data(), window.data(), window.bytes(), hipMemcpyDefault));
    size_t wrong = 0;
    for (size_t i = 0; i < host.size(); i++)
        wrong += host[i] != pattern(3, i);
    CHECK(wrong == 0);
    for (size_t i = 0; i < host.size(); i++)
        host[i] = pattern(4, i);
    REQUIRE_HIP(hipMemcpy(window.data(), host.data(), window.bytes(), hipMemcpyDefault));
    REQUIRE_HIP(hipDeviceSynchronize());
    CHECK(fragments_with_pattern(memory.ranges(), 4) == 40);
    REQUIRE_HIP(hipMemset(window.data(), 0x5a, window.bytes()));
    REQUIRE_HIP(hipDeviceSynchronize());
    wrong = 0;
    for (const auto &range : memory.ranges())
        wrong += static_cast<const uint8_t *>(range.base)[17] != 0x5a;
    CHECK(wrong == 0);
    hipPointerAttribute_t attributes{};
    CHECK(hipPointerGetAttributes(&attributes, window.data()) == hipSuccess);
}

TEST_CASE("private memory with the flag for HIP's memory calls is a clear error")
{
    HS_RANDOM(random);
    const Fragments memory(fragment_pages(20, random), random);
    void *pointer = nullptr;

    CHECK(hipHostRegisterScatter(&pointer, memory.ranges().data(), 20,
                                 hipScatterRegisterHipMemoryCalls) == hipErrorNotSupported);
    CHECK_THAT(hipScatterGetLastErrorMessage(),
               Catch::Contains("private") && Catch::Contains("range 0"));
    CHECK(hipHostRegisterScatter(&pointer, memory.ranges().data(), 20,
                                 hipScatterRegisterHipMemoryCalls |
                                     hipScatterRegisterBackingPerRange) == hipErrorInvalidValue);
}

TEST_CASE("without the batch ioctl many shared ranges are aliased by themselves")
{
    HS_RANDOM(random);
    const SharedPages memory(300, random); // more than docs/library.md says it takes
    write_pattern(memory.ranges(), 5);
    Window window(memory.ranges(), hipScatterRegisterDefault);
    const hipScatterPoolInfo info = window.info();

    INFO(info.backingReason);
    CHECK(info.backing == (has_batch() ? hipScatterBackingKindBatch : hipScatterBackingKindAlias));
    uint64_t sum = 0;
    REQUIRE_HIP(hs_kernels::checksum(window.data(), window.bytes(), &sum));
    CHECK(sum == cpu_checksum(memory.ranges()));
}

TEST_CASE("an address at which the CPU sees a window is translated like its memory's own")
{
    HS_RANDOM(random);
    const SharedPages memory(12, random);
    std::vector<hipScatterRange> ranges = memory.ranges();
    ranges.front().base = static_cast<char *>(ranges.front().base) + 100;
    ranges.front().size -= 100;
    ranges.back().size -= 40;
    Window window(ranges, hipScatterRegisterBackingAlias);
    char *const seen = static_cast<char *>(window.info().hostWindow);
    REQUIRE(seen != nullptr);
    // Where runtimes share virtual memory it is the device address.
    const bool same = static_cast<void *>(seen) == window.data();
    hipScatterPool_t pool = nullptr;
    REQUIRE_HIP(hipScatterPoolFromPointer(&pool, window.data()));

    for (const size_t offset : {size_t{0}, size_t{3995}, size_t{3996}, window.bytes() - 1}) {
        INFO("offset " << offset);
        void *device = nullptr;
        if (!same) {
            REQUIRE_HIP(hipScatterGetDevicePointer(&device, seen + offset, 0));
            CHECK(device == window.data() + offset);
            device = nullptr;
            REQUIRE_HIP(hipScatterPoolGetDevicePointer(pool, &device, seen + offset));
            CHECK(device == window.data() + offset);
        }
        hipScatterPointerAttributes a{};
        a.structSize = sizeof a;
        REQUIRE_HIP(hipScatterPointerGetAttributes(&a, seen + offset));
        CHECK(a.isDevicePointer == same);
        CHECK(a.offset == offset);
        CHECK(a.pool == pool);
        CHECK(a.devicePointer == window.data() + offset);
        CHECK(*static_cast<char *>(a.hostPointer) == seen[offset]);
        seen[offset] = static_cast<char *>(a.hostPointer)[0] + 1;
        CHECK(*static_cast<char *>(a.hostPointer) == seen[offset]);
    }
    // The rest of the end pages is not the caller's.
    void *device = nullptr;
    CHECK(hipScatterGetDevicePointer(&device, seen - 1, 0) == hipErrorInvalidValue);
    CHECK(hipScatterPoolGetDevicePointer(pool, &device, seen + window.bytes()) ==
          hipErrorInvalidValue);
    window.unregister();
    CHECK(hipScatterGetDevicePointer(&device, seen, 0) == hipErrorInvalidValue);
}

TEST_CASE("copies take either address of an alias window")
{
    HS_RANDOM(random);
    const SharedPages memory(5, random);
    const Window window(memory.ranges(), hipScatterRegisterBackingAlias);
    std::vector<uint32_t> back(window.bytes() / 4);
    write_pattern(memory.ranges(), 6);
    REQUIRE_HIP(
        hipScatterMemcpy(back.data(), window.info().hostWindow, window.bytes(), hipMemcpyDefault));
    size_t wrong = 0;
    for (size_t i = 0; i < back.size(); i++)
        wrong += back[i] != pattern(6, i);
    CHECK(wrong == 0);
}

TEST_CASE("an alias window that HIP has forgotten can be unregistered")
{
    HS_RANDOM(random);
    const SharedPages memory(8, random);
    for (int round = 0; round < 2; round++)
        Window(memory.ranges(), hipScatterRegisterBackingAlias).unregister();
    const ProcessState before = ProcessState::now();
    SECTION("by hipDeviceReset()")
    {
        // What the pointer is good for until then differs between HIPs.
        Window window(memory.ranges(), hipScatterRegisterBackingAlias);
        REQUIRE_HIP(hipDeviceReset());
        window.unregister();
    }
    SECTION("by hipHostUnregister() of the window behind the library's back")
    {
        Window window(memory.ranges(), hipScatterRegisterBackingAlias);
        REQUIRE_HIP(hipHostUnregister(window.info().hostWindow));
        window.unregister();
    }
    REQUIRE_STATE_UNCHANGED(before);
    Window again(memory.ranges(), hipScatterRegisterBackingAlias);
    write_pattern(memory.ranges(), 9);
    uint64_t sum = 0;
    REQUIRE_HIP(hs_kernels::checksum(again.data(), again.bytes(), &sum));
    CHECK(sum == cpu_checksum(memory.ranges()));
}

TEST_CASE("an alias window cannot be read-only")
{
    HS_RANDOM(random);
    const SharedPages memory(30, random);
    void *pointer = nullptr;
    CHECK(hipHostRegisterScatter(&pointer, memory.ranges().data(), 30,
                                 hipScatterRegisterBackingAlias | hipScatterRegisterReadOnly) ==
          hipErrorNotSupported);
    CHECK_THAT(hipScatterGetLastErrorMessage(), Catch::Contains("read-only"));
    // Left to choose, the library takes a backing that can.
    const Window window(memory.ranges(), hipScatterRegisterReadOnly);
    CHECK(window.info().backing != hipScatterBackingKindAlias);
}

TEST_CASE("a range over several files side by side is aliased file by file")
{
    // One mremap() over two mappings would show the first one's pages twice.
    constexpr size_t files = 3, pages = 2;
    char *area = static_cast<char *>(
        mmap(nullptr, files * pages * page_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    REQUIRE(area != MAP_FAILED);
    for (size_t i = 0; i < files; i++) {
        const int fd = memfd_create("hs-test", MFD_CLOEXEC);
        REQUIRE(ftruncate(fd, pages * page_bytes) == 0);
        REQUIRE(mmap(area + i * pages * page_bytes, pages * page_bytes, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_FIXED, fd, 0) != MAP_FAILED);
        close(fd);
    }
    const std::vector<hipScatterRange> ranges = {{area, files * pages * page_bytes}};
    write_pattern(ranges, 11);
    Window window(ranges, hipScatterRegisterBackingAlias);
    uint64_t sum = 0;
    REQUIRE_HIP(hs_kernels::checksum(window.data(), window.bytes(), &sum));
    CHECK(sum == cpu_checksum(ranges));
    REQUIRE_HIP(hs_kernels::write_pattern(window.data(), window.bytes(), 12));
    CHECK(fragments_with_pattern(ranges, 12) == 1);
    CHECK(std::memcmp(window.info().hostWindow, area, window.bytes()) == 0);
    window.unregister();
    munmap(area, files * pages * page_bytes);
}

TEST_CASE("every kind of shared memory is aliased: shm, System V, a file, anonymous")
{
    const auto map_shared = [](int fd) {
        if (fd >= 0)
            REQUIRE(ftruncate(fd, 3 * page_bytes) == 0);
        void *memory = mmap(nullptr, 3 * page_bytes, PROT_READ | PROT_WRITE,
                            MAP_SHARED | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);
        REQUIRE(memory != MAP_FAILED);
        if (fd >= 0)
            close(fd);
        return hipScatterRange{memory, 3 * page_bytes};
    };
    char path[] = "/tmp/hs_test_XXXXXX";
    const int file = mkostemp(path, O_CLOEXEC);
    REQUIRE(file >= 0);
    unlink(path);
    const std::string name = "/hs_test_" + std::to_string(getpid());
    const int shm = shm_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600);
    REQUIRE(shm >= 0);
    shm_unlink(name.c_str());
    const int segment = shmget(IPC_PRIVATE, 3 * page_bytes, IPC_CREAT | 0600);
    REQUIRE(segment >= 0);
    void *attached = shmat(segment, nullptr, 0);
    REQUIRE(shmctl(segment, IPC_RMID, nullptr) == 0);
    REQUIRE(attached != reinterpret_cast<void *>(-1));
    const std::vector<hipScatterRange> ranges = {
        {attached, 3 * page_bytes}, map_shared(file), map_shared(-1), map_shared(shm)};

    write_pattern(ranges, 13);
    Window window(ranges, hipScatterRegisterBackingAlias);
    uint64_t sum = 0;
    REQUIRE_HIP(hs_kernels::checksum(window.data(), window.bytes(), &sum));
    CHECK(sum == cpu_checksum(ranges));
    REQUIRE_HIP(hs_kernels::write_pattern(window.data(), window.bytes(), 14));
    CHECK(fragments_with_pattern(ranges, 14) == 4);
    window.unregister();
    REQUIRE(shmdt(attached) == 0);
    for (size_t i = 1; i < 4; i++)
        munmap(ranges[i].base, ranges[i].size);
}

TEST_CASE(
    "more ranges than the process may have mappings: an error when forced, else another backing")
{
    size_t limit = 0;
    std::ifstream("/proc/sys/vm/max_map_count") >> limit;
    REQUIRE(limit > 0);
    if (limit > 100000)
        skip("vm.max_map_count is too large to be reached quickly");
    HS_RANDOM(random);
    const SharedPages memory(limit, random);
    Window({memory.ranges().begin(), memory.ranges().begin() + 2}, hipScatterRegisterBackingAlias)
        .unregister();
    const ProcessState before = ProcessState::now();
    void *pointer = nullptr;
    CHECK(hipHostRegisterScatter(&pointer, memory.ranges().data(), limit,
                                 hipScatterRegisterBackingAlias) == hipErrorOutOfMemory);
    CHECK_THAT(hipScatterGetLastErrorMessage(), Catch::Contains("vm.max_map_count"));
    REQUIRE_STATE_UNCHANGED(before);
    if (has_batch())
        return; // which comes before alias
    const Window window(memory.ranges(), hipScatterRegisterDefault);
    CHECK(window.info().backing == hipScatterBackingKindPerRange);
    CHECK_THAT(window.info().backingReason,
               Catch::Contains("not alias") && Catch::Contains("vm.max_map_count"));
}

// SPDX-License-Identifier: MIT
// Alias windows with the real HIP: kernels, the CPU and HIP's own memory calls all see one array.
#include "kernels/window_kernels.hpp"
#include "machine.hpp"
#include "scatter_memory.hpp"

#include <unistd.h>

using namespace hs_test;

namespace
{

// Fragments of one memfd: 4 KiB pages in shuffled order, no two of them neighbours.
class SharedFragments
{
  public:
    SharedFragments(size_t count, std::mt19937_64 &random)
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
    ~SharedFragments()
    {
        munmap(map_, bytes_);
        close(file_);
    }
    SharedFragments(const SharedFragments &) = delete;
    SharedFragments &operator=(const SharedFragments &) = delete;
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
    const SharedFragments memory(100, random);
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
    const SharedFragments memory(40, random);
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
    const SharedFragments memory(64, random);
    write_pattern(memory.ranges(), 5);
    Window window(memory.ranges(), hipScatterRegisterDefault);
    const hipScatterPoolInfo info = window.info();

    INFO(info.backingReason);
    CHECK(info.backing == (has_batch() ? hipScatterBackingKindBatch : hipScatterBackingKindAlias));
    uint64_t sum = 0;
    REQUIRE_HIP(hs_kernels::checksum(window.data(), window.bytes(), &sum));
    CHECK(sum == cpu_checksum(memory.ranges()));
}

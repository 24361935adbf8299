// SPDX-License-Identifier: MIT
// Copies and fills on windows of every backing: to and from pageable, pinned and device memory and
// other windows, at odd sizes and offsets, synchronous and in stream order.
#include "machine.hpp"
#include "scatter_memory.hpp"

using namespace hs_test;

namespace
{

using Bytes = std::vector<uint8_t>;

Bytes gather(const std::vector<hipScatterRange> &ranges)
{
    Bytes all;
    for (const auto &range : ranges) {
        const auto *base = static_cast<const uint8_t *>(range.base);
        all.insert(all.end(), base, base + range.size);
    }
    return all;
}

// Memory of some kind for the length of a scope.
class Other
{
  public:
    enum Kind { pageable, pinned, registered, device };
    Other(Kind kind, size_t bytes) : kind_(kind), pages_(bytes)
    {
        if (kind == pinned)
            REQUIRE_HIP(hipHostMalloc(&data_, bytes, hipHostMallocDefault));
        else if (kind == device)
            REQUIRE_HIP(hipMalloc(&data_, bytes));
        else
            data_ = pages_.data();
        if (kind == registered)
            REQUIRE_HIP(hipHostRegister(data_, bytes, hipHostRegisterDefault));
    }
    ~Other()
    {
        if (kind_ == pinned)
            (void)hipHostFree(data_);
        else if (kind_ == device)
            (void)hipFree(data_);
        else if (kind_ == registered)
            (void)hipHostUnregister(data_);
    }
    Other(const Other &) = delete;
    Other &operator=(const Other &) = delete;
    uint8_t *at(size_t offset) const
    {
        return static_cast<uint8_t *>(data_) + offset;
    }
    void set(const Bytes &bytes) const
    {
        REQUIRE_HIP(hipMemcpy(data_, bytes.data(), bytes.size(), hipMemcpyDefault));
    }
    Bytes get(size_t bytes) const
    {
        Bytes out(bytes);
        REQUIRE_HIP(hipMemcpy(out.data(), data_, bytes, hipMemcpyDefault));
        return out;
    }

  private:
    Kind kind_;
    Bytes pages_;
    void *data_ = nullptr;
};

Bytes random_bytes(size_t count, std::mt19937_64 &random)
{
    Bytes bytes(count);
    for (auto &byte : bytes)
        byte = static_cast<uint8_t>(random());
    return bytes;
}

} // namespace

TEST_CASE("synchronous copies reach every kind of memory")
{
    HS_RANDOM(random);
    const SharedFragments memory({3, 1, 7, 2, 1, 1, 9, 4}, random);
    const size_t total = memory.bytes();
    const auto kind = static_cast<Other::Kind>(GENERATE(0, 1, 2, 3));
    const Other other(kind, total);
    for (const Backing &backing : every_backing()) {
        INFO("backing " << backing.name << ", memory " << kind);
        const Window window(memory.ranges(), backing.flag);
        for (int round = 0; round < 12; round++) {
            const size_t from = random() % total, to = random() % total;
            const size_t bytes = std::min({1 + random() % 50000, total - from, total - to});
            Bytes model = random_bytes(total, random);
            other.set(model);
            Bytes mine = gather(memory.ranges());
            REQUIRE_HIP(
                hipScatterMemcpy(window.data() + to, other.at(from), bytes, hipMemcpyDefault));
            std::copy_n(model.begin() + from, bytes, mine.begin() + to);
            REQUIRE(gather(memory.ranges()) == mine);
            REQUIRE_HIP(
                hipScatterMemcpy(other.at(to), window.data() + from, bytes, hipMemcpyDefault));
            std::copy_n(mine.begin() + from, bytes, model.begin() + to);
            REQUIRE(other.get(total) == model);
        }
    }
}

TEST_CASE("windows are filled and copied into one another")
{
    HS_RANDOM(random);
    const SharedFragments memory({1, 5, 2, 1, 3}, random), second({2, 2, 4, 1}, random);
    for (const Backing &backing : every_backing()) {
        INFO("backing " << backing.name);
        const Window a(memory.ranges(), backing.flag), b(second.ranges(), backing.flag);
        Bytes model = gather(second.ranges());
        REQUIRE_HIP(hipScatterMemset(a.data() + 5, 0x77, 30000));
        REQUIRE_HIP(hipScatterMemcpy(b.data() + 1, a.data() + 3, 20001, hipMemcpyDeviceToDevice));
        const Bytes source = gather(memory.ranges());
        std::copy_n(source.begin() + 3, 20001, model.begin() + 1);
        CHECK(source[5] == 0x77);
        CHECK(source[30004] == 0x77);
        CHECK(gather(second.ranges()) == model);
    }
}

TEST_CASE("copies and fills in a stream keep its order")
{
    HS_RANDOM(random);
    const SharedFragments memory({1, 3, 1, 2, 1}, random);
    const size_t half = memory.bytes() / 2;
    for (const Backing &backing : every_backing()) {
        INFO("backing " << backing.name);
        const Window window(memory.ranges(), backing.flag);
        const Other vram(Other::device, memory.bytes());
        Bytes host = random_bytes(half, random), back(memory.bytes());
        hipStream_t stream = nullptr;
        REQUIRE_HIP(hipStreamCreate(&stream));
        for (int round = 0; round < 5; round++) {
            REQUIRE_HIP(hipMemsetAsync(vram.at(0), 10 + round, half, stream));
            REQUIRE_HIP(
                hipScatterMemcpyAsync(window.data(), vram.at(0), half, hipMemcpyDefault, stream));
            REQUIRE_HIP(hipMemsetAsync(vram.at(0), 20 + round, half, stream));
            REQUIRE_HIP(hipScatterMemcpyAsync(window.data() + half, vram.at(0), half,
                                              hipMemcpyDefault, stream));
            REQUIRE_HIP(hipScatterMemsetAsync(window.data() + 100, 30 + round, 50, stream));
            REQUIRE_HIP(hipScatterMemcpyAsync(back.data(), window.data(), memory.bytes(),
                                              hipMemcpyDeviceToHost, stream));
            REQUIRE_HIP(hipStreamSynchronize(stream));
            Bytes model(memory.bytes(), static_cast<uint8_t>(10 + round));
            std::fill_n(model.begin() + static_cast<long>(half), half,
                        static_cast<uint8_t>(20 + round));
            std::fill_n(model.begin() + 100, 50, static_cast<uint8_t>(30 + round));
            REQUIRE(back == model);
            REQUIRE(gather(memory.ranges()) == model);
        }
        REQUIRE_HIP(
            hipScatterMemcpyAsync(window.data(), host.data(), half, hipMemcpyDefault, stream));
        REQUIRE_HIP(hipStreamSynchronize(stream));
        CHECK(std::equal(host.begin(), host.end(), gather(memory.ranges()).begin()));
        REQUIRE_HIP(hipStreamDestroy(stream));
    }
}

TEST_CASE("what concerns no window goes to HIP, and bad spans are refused")
{
    HS_RANDOM(random);
    const Fragments memory({1, 1}, random);
    const Window window(memory.ranges(), batch_backing.flag * has_batch());
    const Other vram(Other::device, 8192);
    Bytes host = random_bytes(8192, random), back(8192);

    REQUIRE_HIP(hipScatterMemcpy(vram.at(0), host.data(), 8192, hipMemcpyHostToDevice));
    REQUIRE_HIP(hipScatterMemcpy(back.data(), vram.at(0), 8192, hipMemcpyDeviceToHost));
    CHECK(back == host);
    CHECK(hipScatterMemcpy(window.data() + 1, host.data(), 8192, hipMemcpyDefault) ==
          hipErrorInvalidValue);
    CHECK(hipScatterMemcpy(host.data(), window.data() + 8191, 2, hipMemcpyDefault) ==
          hipErrorInvalidValue);
    CHECK(hipScatterMemset(window.data(), 0, 8193) == hipErrorInvalidValue);
    CHECK(hipScatterMemcpy(nullptr, host.data(), 1, hipMemcpyDefault) == hipErrorInvalidValue);
    CHECK(hipScatterMemcpy(window.data(), host.data(), 1, static_cast<hipMemcpyKind>(99)) ==
          hipErrorInvalidMemcpyDirection);
    CHECK(hipScatterMemcpy(window.data(), host.data(), 0, hipMemcpyDefault) == hipSuccess);
}

TEST_CASE("translation through the public calls")
{
    HS_RANDOM(random);
    const Fragments memory({2, 1, 3}, random);
    const Window window(memory.ranges(), hipScatterRegisterDefault);
    const auto &ranges = memory.ranges();
    void *device = nullptr;

    REQUIRE_HIP(hipScatterGetDevicePointer(&device, static_cast<char *>(ranges[2].base) + 77, 0));
    CHECK(device == window.data() + 3 * page_bytes + 77);
    CHECK(hipScatterGetDevicePointer(&device, &device, 0) == hipErrorInvalidValue);
    CHECK(hipScatterGetDevicePointer(&device, ranges[0].base, 1) == hipErrorInvalidValue);

    hipScatterRange out[3] = {};
    size_t count = 0, covered = 0;
    REQUIRE_HIP(hipScatterGetHostRanges(window.data() + 100, window.bytes() - 100, out, 2, &count,
                                        &covered));
    CHECK(count == 2);
    CHECK(covered == 3 * page_bytes - 100);
    CHECK(out[0].base == static_cast<char *>(ranges[0].base) + 100);
    CHECK(hipScatterGetHostRanges(window.data(), window.bytes(), out, 2, &count, nullptr) ==
          hipErrorInvalidValue);
    REQUIRE_HIP(
        hipScatterGetHostRanges(window.data(), window.bytes(), nullptr, 0, &count, nullptr));
    CHECK(count == 3);
    CHECK(hipScatterGetHostRanges(out, 1, nullptr, 0, &count, nullptr) ==
          hipErrorHostMemoryNotRegistered);

    hipScatterPointerAttributes a{};
    a.structSize = sizeof a;
    REQUIRE_HIP(hipScatterPointerGetAttributes(&a, window.data() + 2 * page_bytes + 5));
    CHECK(a.hostPointer == static_cast<char *>(ranges[1].base) + 5);
    CHECK(a.hostContiguous == page_bytes - 5);
    CHECK(a.isDevicePointer == 1);
    CHECK(a.windowStart == window.data());
    CHECK(a.device == 0);
    a.structSize = sizeof a;
    REQUIRE_HIP(hipScatterPointerGetAttributes(&a, static_cast<char *>(ranges[1].base) + 5));
    CHECK(a.isDevicePointer == 0);
    CHECK(a.devicePointer == window.data() + 2 * page_bytes + 5);
    a.structSize = sizeof a;
    CHECK(hipScatterPointerGetAttributes(&a, &a) == hipErrorInvalidValue);
}

TEST_CASE("where HIP's own calls work on a window too, the result is the same")
{
    HS_RANDOM(random);
    const SharedFragments memory({1, 4, 2, 1}, random);
    const size_t total = memory.bytes();
    const Window window(memory.ranges(), hipScatterRegisterHipMemoryCalls);
    const Other vram(Other::device, total);
    for (int round = 0; round < 20; round++) {
        const size_t at = random() % total, bytes = 1 + random() % (total - at);
        const Bytes source = random_bytes(bytes, random), blank(total);
        Bytes theirs(total), ours(total);
        const auto value = static_cast<int>(random() % 256);

        REQUIRE_HIP(hipMemcpy(window.data(), blank.data(), total, hipMemcpyDefault));
        REQUIRE_HIP(hipMemcpy(window.data() + at, source.data(), bytes, hipMemcpyDefault));
        REQUIRE_HIP(hipMemset(window.data() + at, value, bytes / 2));
        REQUIRE_HIP(hipMemcpy(vram.at(0), window.data(), total, hipMemcpyDeviceToDevice));
        REQUIRE_HIP(hipMemcpy(theirs.data(), vram.at(0), total, hipMemcpyDefault));

        REQUIRE_HIP(hipScatterMemcpy(window.data(), blank.data(), total, hipMemcpyDefault));
        REQUIRE_HIP(hipScatterMemcpy(window.data() + at, source.data(), bytes, hipMemcpyDefault));
        REQUIRE_HIP(hipScatterMemset(window.data() + at, value, bytes / 2));
        REQUIRE_HIP(hipScatterMemcpy(vram.at(0), window.data(), total, hipMemcpyDeviceToDevice));
        REQUIRE_HIP(hipScatterMemcpy(ours.data(), vram.at(0), total, hipMemcpyDefault));
        REQUIRE(ours == theirs);
        REQUIRE(gather(memory.ranges()) == ours);
    }
}

TEST_CASE("a copy in a stream that is being captured is refused, and the capture is none the worse")
{
    HS_RANDOM(random);
    const SharedFragments memory({1, 2}, random);
    for (const Backing &backing : every_backing()) {
        INFO("backing " << backing.name);
        const Window window(memory.ranges(), backing.flag);
        Bytes host(memory.bytes());
        hipStream_t stream = nullptr;
        hipGraph_t graph = nullptr;
        REQUIRE_HIP(hipStreamCreate(&stream));
        REQUIRE_HIP(hipStreamBeginCapture(stream, hipStreamCaptureModeGlobal));
        CHECK(hipScatterMemcpyAsync(host.data(), window.data(), host.size(), hipMemcpyDefault,
                                    stream) == hipErrorNotSupported);
        CHECK(hipScatterMemsetAsync(window.data(), 1, host.size(), stream) == hipErrorNotSupported);
        CHECK(hipStreamEndCapture(stream, &graph) == hipSuccess);
        if (graph != nullptr)
            REQUIRE_HIP(hipGraphDestroy(graph));
        REQUIRE_HIP(hipScatterMemcpyAsync(host.data(), window.data(), host.size(), hipMemcpyDefault,
                                          stream));
        REQUIRE_HIP(hipStreamSynchronize(stream));
        REQUIRE_HIP(hipStreamDestroy(stream));
    }
}

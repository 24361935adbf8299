// SPDX-License-Identifier: MIT
// Exact undo of what is done with windows: copies, fills, translation, blocks, questions. Whichever
// call fails, the process is as before, and the same operation then succeeds (fault_loop.hpp).
#include "hip_operations.hpp"

using namespace hs_test;

namespace
{

// A window with every kind of memory beside it.
class Bench
{
  public:
    Bench(const Fragments &memory, const Backing &backing)
        : window(memory.ranges(), backing.flag), host(memory.bytes(), 0x21)
    {
        REQUIRE_HIP(hipMalloc(reinterpret_cast<void **>(&vram), memory.bytes()));
        if (device_count() < 2)
            return;
        REQUIRE_HIP(hipSetDevice(1));
        REQUIRE_HIP(hipMalloc(reinterpret_cast<void **>(&far_vram), memory.bytes()));
        REQUIRE_HIP(hipSetDevice(0));
    }
    ~Bench()
    {
        (void)hipFree(vram);
        if (far_vram != nullptr)
            (void)hipFree(far_vram);
    }
    Bench(const Bench &) = delete;
    Bench &operator=(const Bench &) = delete;
    // What a device sees of its memory's first byte.
    static uint8_t first(const uint8_t *device)
    {
        uint8_t value = 0;
        REQUIRE_HIP(hipMemcpy(&value, device, 1, hipMemcpyDeviceToHost));
        return value;
    }

    Window window;
    std::vector<uint8_t> host;
    uint8_t *vram = nullptr, *far_vram = nullptr;
};

// Lists that the translation keeps in different forms (docs/library-cost.md).
std::vector<std::vector<size_t>> shapes()
{
    return {std::vector<size_t>(3, 1),
            std::vector<size_t>(64, 1),
            {1, 7, 2, 31, 1, 5, 3, 90, 1, 2, 17, 4, 1, 60, 2, 1}};
}

} // namespace

TEST_CASE("copies and fills")
{
    HS_RANDOM(random);
    const SharedFragments memory({1, 2, 1}, random);
    uint8_t *first = static_cast<uint8_t *>(memory.ranges()[0].base);
    FaultLoop loop(current_device);
    for (const Backing &backing : every_backing()) {
        const Bench bench(memory, backing);
        uint8_t *const window = bench.window.data();
        std::vector<uint8_t> back(memory.bytes());
        uint8_t round = 0;
        const auto copy = [&](const char *name, void *to, const void *from,
                              const std::function<void()> &prepare,
                              const std::function<void()> &check, unsigned least) {
            loop.fail_every_call({.name = std::string(name) + ", " + backing.name,
                                  .run =
                                      [&] {
                                          return outcome_of(hipScatterMemcpy(
                                              to, from, memory.bytes(), hipMemcpyDefault));
                                      },
                                  .prepare = prepare,
                                  .check_and_end = check},
                                 least);
            hipStream_t stream = nullptr;
            REQUIRE_HIP(hipStreamCreate(&stream));
            loop.fail_every_call({.name = std::string(name) + " in a stream, " + backing.name,
                                  .run =
                                      [&] {
                                          return outcome_of(hipScatterMemcpyAsync(
                                              to, from, memory.bytes(), hipMemcpyDefault, stream));
                                      },
                                  .prepare = prepare,
                                  .check_and_end =
                                      [&] {
                                          REQUIRE_HIP(hipStreamSynchronize(stream));
                                          check();
                                      }},
                                 1);
            REQUIRE_HIP(hipStreamDestroy(stream));
        };
        const auto change_window = [&] { *first = ++round; };
        const auto vram_is_new = [&] { REQUIRE(Bench::first(bench.vram) == round); };

        copy(
            "host to window", window, bench.host.data(), change_window,
            [&] { REQUIRE(*first == 0x21); }, 1);
        copy(
            "window to host", back.data(), window, change_window,
            [&] { REQUIRE(back[0] == round); }, 1);
        copy("window to VRAM", bench.vram, window, change_window, vram_is_new, 3);
        copy(
            "VRAM to window", window, bench.vram,
            [&] {
                REQUIRE_HIP(hipMemset(bench.vram, ++round, memory.bytes()));
                REQUIRE_HIP(hipDeviceSynchronize());
            },
            [&] { REQUIRE(*first == round); }, 3);
        if (bench.far_vram != nullptr && backing.kind != hipScatterBackingKindAlias)
            copy(
                "window to the VRAM of a GPU without access", bench.far_vram, window, change_window,
                [&] {
                    REQUIRE_HIP(hipDeviceSynchronize());
                    REQUIRE(Bench::first(bench.far_vram) == round);
                },
                3);
        copy(
            "what is no window, to VRAM", bench.vram, bench.host.data(), [] {},
            [&] { REQUIRE(Bench::first(bench.vram) == 0x21); }, 1);

        for (const bool on_window : {true, false}) {
            void *const to = on_window ? window : bench.vram;
            const auto filled = [&] {
                REQUIRE_HIP(hipDeviceSynchronize());
                REQUIRE((on_window ? *first : Bench::first(bench.vram)) == round);
            };
            const std::string name = on_window ? "fill a window" : "fill what is no window";
            loop.fail_every_call(
                {.name = name + ", " + backing.name,
                 .run = [&] { return outcome_of(hipScatterMemset(to, ++round, memory.bytes())); },
                 .check_and_end = filled},
                1);
            loop.fail_every_call({.name = name + " in a stream, " + backing.name,
                                  .run =
                                      [&] {
                                          return outcome_of(hipScatterMemsetAsync(
                                              to, ++round, memory.bytes(), nullptr));
                                      },
                                  .check_and_end = filled},
                                 1);
        }
    }
}

TEST_CASE("a copy that fails in a stream is reported by the next call, once")
{
    HS_RANDOM(random);
    const SharedFragments memory({1, 2}, random);
    FaultTable table;
    for (const Backing &backing : every_backing()) {
        INFO("backing " << backing.name);
        const Bench bench(memory, backing);
        const auto copy = [&] {
            return hipScatterMemcpyAsync(bench.vram, bench.window.data(), memory.bytes(),
                                         hipMemcpyDefault, nullptr);
        };
        REQUIRE_HIP(copy());
        REQUIRE_HIP(hipDeviceSynchronize());
        for (unsigned call = 1;; call++) {
            const int64_t live = table.live_allocations();
            table.arm({.call = call, .every_thread = true});
            const hipError_t status = copy();
            REQUIRE(hipDeviceSynchronize() == hipSuccess);
            table.disarm();
            INFO("call " << call << " " << table.victim() << ": " << hipGetErrorName(status));
            REQUIRE(table.live_allocations() == live);
            if (status == hipSuccess && table.delivered()) { // on the stream's thread
                REQUIRE(table.victim() == "hsa_amd_memory_async_copy");
                REQUIRE(copy() == hipErrorOperatingSystem);
                REQUIRE_THAT(hipScatterGetLastErrorMessage(), Catch::Contains("earlier"));
            }
            REQUIRE_HIP(copy());
            REQUIRE_HIP(hipDeviceSynchronize());
            if (!table.delivered())
                break;
        }
    }
    std::printf("faults injected: %llu\n", static_cast<unsigned long long>(table.total()));
    REQUIRE(table.total() >= 3);
}

TEST_CASE("translating, for the first time in a pool")
{
    HS_RANDOM(random);
    FaultLoop loop(current_device);
    for (const auto &pages : shapes()) {
        const SharedFragments memory(pages, random);
        const auto &last = memory.ranges().back();
        const size_t offset = memory.bytes() - last.size;
        for (const Backing &backing : every_backing()) {
            const std::string name =
                std::to_string(pages.size()) + " ranges, " + std::string(backing.name);
            std::unique_ptr<Window> window;
            void *device = nullptr;
            const auto prepare = [&] {
                window = std::make_unique<Window>(memory.ranges(), backing.flag);
            };
            const auto end = [&] {
                window->unregister();
                window.reset();
            };
            const auto found = [&] {
                REQUIRE(device == window->data() + offset);
                end();
            };
            loop.fail_every_call(
                {.name = "host to device, " + name,
                 .run =
                     [&] { return outcome_of(hipScatterGetDevicePointer(&device, last.base, 0)); },
                 .prepare = prepare,
                 .check_and_end = found},
                1);
            loop.fail_every_call(
                {.name = "host to device in a pool, " + name,
                 .run =
                     [&] {
                         hipScatterPool_t pool = nullptr;
                         REQUIRE_HIP(hipScatterPoolFromPointer(&pool, window->data()));
                         return outcome_of(
                             hipScatterPoolGetDevicePointer(pool, &device, last.base));
                     },
                 .prepare = prepare,
                 .check_and_end = found},
                1);
            std::vector<hipScatterRange> list(pages.size());
            size_t count = 0;
            // Without memory for its index this direction does with a plain search.
            loop.fail_every_call({.name = "device to host, " + name,
                                  .run =
                                      [&] {
                                          return outcome_of(hipScatterGetHostRanges(
                                              window->data(), memory.bytes(), list.data(),
                                              list.size(), &count, nullptr));
                                      },
                                  .prepare = prepare,
                                  .check_and_end =
                                      [&] {
                                          REQUIRE(count == pages.size());
                                          REQUIRE(list.back().base == last.base);
                                          end();
                                      }},
                                 0);
            hipScatterPointerAttributes about{};
            for (const bool by_host : {true, false})
                loop.fail_every_call(
                    {.name = (by_host ? "attributes by host, " : "attributes by device, ") + name,
                     .run =
                         [&] {
                             about.structSize = sizeof about;
                             return outcome_of(hipScatterPointerGetAttributes(
                                 &about, by_host ? last.base : window->data() + offset));
                         },
                     .prepare = prepare,
                     .check_and_end =
                         [&] {
                             REQUIRE(about.hostPointer == last.base);
                             REQUIRE(about.offset == offset);
                             end();
                         }},
                    by_host ? 1 : 0);
        }
    }
}

TEST_CASE("blocks of a pool")
{
    HS_RANDOM(random);
    const SharedFragments memory({1, 2, 4, 1}, random);
    FaultLoop loop(current_device);
    for (const Backing &backing : every_backing()) {
        std::unique_ptr<Window> window;
        hipScatterPool_t pool = nullptr;
        std::vector<void *> blocks;
        void *block = nullptr;
        // So many blocks are there already.
        const auto prepare_with = [&](size_t count) {
            return [&, count] {
                window = std::make_unique<Window>(memory.ranges(), backing.flag);
                REQUIRE_HIP(hipScatterPoolFromPointer(&pool, window->data()));
                blocks.assign(count, nullptr);
                for (void *&made : blocks)
                    REQUIRE_HIP(hipScatterPoolMalloc(pool, &made, 256, 0));
            };
        };
        const auto require_blocks = [&](size_t count) {
            hipScatterPoolUsage usage{};
            usage.structSize = sizeof usage;
            REQUIRE_HIP(hipScatterPoolGetUsage(pool, &usage));
            REQUIRE(usage.blockCount == count);
        };
        const auto end = [&] {
            window->unregister();
            window.reset();
        };
        for (const size_t count : {0, 1, 40}) {
            loop.fail_every_call(
                {.name = "block " + std::to_string(count + 1) + ", " + backing.name,
                 .run = [&] { return outcome_of(hipScatterPoolMalloc(pool, &block, 5000, 4096)); },
                 .prepare = prepare_with(count),
                 .check_and_end =
                     [&] {
                         require_blocks(count + 1);
                         REQUIRE_HIP(hipScatterPoolFree(pool, block));
                         end();
                     },
                 .check_untouched = [&] { require_blocks(count); }},
                count == 0 ? 1 : 0);
        }
        loop.fail_every_call(
            {.name = std::string("free, ") + backing.name,
             .run = [&] { return outcome_of(hipScatterPoolFree(pool, blocks[1])); },
             .prepare = prepare_with(3),
             .check_and_end =
                 [&] {
                     require_blocks(2);
                     end();
                 }},
            0); // never fails
        hipScatterPoolUsage usage{};
        loop.fail_every_call({.name = std::string("usage, ") + backing.name,
                              .run =
                                  [&] {
                                      usage.structSize = sizeof usage;
                                      return outcome_of(hipScatterPoolGetUsage(pool, &usage));
                                  },
                              .prepare = prepare_with(0),
                              .check_and_end =
                                  [&] {
                                      REQUIRE(usage.free == usage.capacity);
                                      end();
                                  }},
                             1);
        hipScatterRange ranges[8];
        size_t count = 0, size = 0;
        loop.fail_every_call(
            {.name = std::string("ranges and size of a block, ") + backing.name,
             .run =
                 [&] {
                     count = std::size(ranges);
                     const hipError_t status = hipScatterPoolGetBlockSize(pool, blocks[0], &size);
                     return outcome_of(status != hipSuccess ? status
                                                            : hipScatterPoolGetBlockRanges(
                                                                  pool, blocks[0], ranges, &count));
                 },
             .prepare = prepare_with(1),
             .check_and_end =
                 [&] {
                     REQUIRE(size == 256);
                     REQUIRE(count == 1);
                     end();
                 }},
            0);
    }
}

TEST_CASE("questions about a machine, a pool and the library")
{
    HS_RANDOM(random);
    const SharedFragments memory({1, 2}, random);
    FaultLoop loop(current_device);
    hipScatterDeviceCapabilities capabilities{};
    loop.fail_every_call({.name = "capabilities",
                          .run =
                              [&] {
                                  capabilities.structSize = sizeof capabilities;
                                  return outcome_of(
                                      hipScatterGetDeviceCapabilities(&capabilities, 0));
                              },
                          .check_and_end =
                              [&] {
                                  REQUIRE(capabilities.backings[2].works == 1);
                                  REQUIRE(capabilities.mappingsFree > 1000);
                              }},
                         3);
    for (const Backing &backing : every_backing()) {
        const Window window(memory.ranges(), backing.flag);
        hipScatterPoolInfo info{};
        hipScatterStats stats{};
        std::vector<int> devices;
        loop.fail_every_call({.name = std::string("info, ") + backing.name,
                              .run =
                                  [&] {
                                      hipScatterPool_t pool = nullptr;
                                      info.structSize = sizeof info;
                                      stats.structSize = sizeof stats;
                                      REQUIRE_HIP(hipScatterGetStats(&stats));
                                      REQUIRE_HIP(hipScatterPoolFromPointer(&pool, window.data()));
                                      devices = pool_devices(pool);
                                      return outcome_of(hipScatterPoolGetInfo(pool, &info));
                                  },
                              .check_and_end =
                                  [&] {
                                      REQUIRE(info.backing == backing.kind);
                                      REQUIRE(devices == std::vector<int>{0});
                                  }},
                             0); // none of these can fail
    }
}

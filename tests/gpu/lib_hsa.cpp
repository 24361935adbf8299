// SPDX-License-Identifier: MIT
// The ROCr face, in a program that neither links nor loads HIP.
#include "hsa_machine.hpp"

#include <cstring>
#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

namespace
{

hsa_agent_t find_agent(hsa_device_type_t type)
{
    return hs_test::agents_of(type)[0];
}

// Every second page of a mapping, backwards.
struct Pages {
    explicit Pages(size_t count, int flags = MAP_PRIVATE | MAP_ANONYMOUS) : bytes(2 * count * 4096)
    {
        map = static_cast<char *>(mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags, -1, 0));
        for (size_t i = count; i-- > 0;)
            ranges.push_back({map + 2 * i * 4096, 4096});
    }
    ~Pages()
    {
        munmap(map, bytes);
    }
    Pages(const Pages &) = delete;
    Pages &operator=(const Pages &) = delete;
    size_t bytes;
    char *map;
    std::vector<hsa_scatter_range_t> ranges;
};

} // namespace

TEST_CASE("a window without HIP: register, describe, translate, copy, fill, blocks, deregister")
{
    REQUIRE(dlsym(RTLD_DEFAULT, "hipGetDeviceCount") == nullptr);
    const hsa_agent_t gpu = find_agent(HSA_DEVICE_TYPE_GPU);
    Pages pages(20);
    void *window = nullptr;

    REQUIRE_HSA(
        hsa_scatter_register(pages.ranges.data(), 20, &gpu, 1, HSA_SCATTER_DEFAULT, &window));
    hsa_scatter_info_t info{};
    info.size = sizeof info;
    REQUIRE_HSA(hsa_scatter_get_info(static_cast<char *>(window) + 5000, &info));
    CHECK(info.agent_ptr == window);
    CHECK(info.bytes == 20 * 4096);
    CHECK(info.num_agents == 1);

    void *address = nullptr;
    REQUIRE_HSA(hsa_scatter_host_to_agent(static_cast<char *>(pages.ranges[3].base) + 9, &address));
    CHECK(address == static_cast<char *>(window) + 3 * 4096 + 9);
    size_t count = 0, covered = 0;
    hsa_scatter_range_t out[4];
    REQUIRE_HSA(hsa_scatter_agent_to_host(address, 10000, out, 4, &count, &covered));
    CHECK(count == 3);
    CHECK(covered == 10000);

    std::vector<unsigned char> host(20 * 4096, 0x3c), back(20 * 4096);
    REQUIRE_HSA(hsa_scatter_memory_copy(window, host.data(), host.size()));
    REQUIRE_HSA(hsa_scatter_memory_fill(static_cast<char *>(window) + 4090, 0x11, 20));
    CHECK(static_cast<unsigned char *>(pages.ranges[0].base)[4095] == 0x11);
    CHECK(static_cast<unsigned char *>(pages.ranges[1].base)[0] == 0x11);
    CHECK(static_cast<unsigned char *>(pages.ranges[19].base)[4095] == 0x3c);
    hsa_signal_t dependency, done;
    REQUIRE(hsa_signal_create(1, 0, nullptr, &dependency) == HSA_STATUS_SUCCESS);
    REQUIRE(hsa_signal_create(1, 0, nullptr, &done) == HSA_STATUS_SUCCESS);
    REQUIRE_HSA(hsa_scatter_memory_async_copy(back.data(), window, back.size(), dependency, done));
    CHECK(back[0] == 0);
    hsa_signal_store_screlease(dependency, 0);
    CHECK(hsa_signal_wait_scacquire(done, HSA_SIGNAL_CONDITION_LT, 1, UINT64_MAX,
                                    HSA_WAIT_STATE_BLOCKED) == 0);
    CHECK(back[0] == 0x3c);
    CHECK(back[4096] == 0x11);
    hsa_signal_destroy(dependency);
    hsa_signal_destroy(done);

    void *block = nullptr;
    REQUIRE_HSA(hsa_scatter_block_alloc(window, 5000, 4096, &block));
    CHECK(hsa_scatter_block_free(block) == HSA_STATUS_SUCCESS);
    CHECK(hsa_scatter_deregister(static_cast<char *>(window) + 1) ==
          HSA_STATUS_ERROR_INVALID_ALLOCATION);
    REQUIRE_HSA(hsa_scatter_deregister(window));
    CHECK(hsa_scatter_deregister(window) == HSA_STATUS_ERROR_INVALID_ALLOCATION);
}

TEST_CASE("a GPU copies between its memory and a window")
{
    const hsa_agent_t gpu = find_agent(HSA_DEVICE_TYPE_GPU);
    Pages pages(9);
    void *window = nullptr, *vram = hs_test::vram_of(gpu, 9 * 4096);
    REQUIRE_HSA(hsa_scatter_register(pages.ranges.data(), 9, nullptr, 0, 0, &window));

    for (size_t i = 0; i < 9; i++)
        memset(pages.ranges[i].base, static_cast<int>(i + 1), 4096);
    REQUIRE_HSA(hsa_scatter_memory_copy(vram, window, 9 * 4096));
    REQUIRE_HSA(hsa_scatter_memory_fill(window, 0, 9 * 4096));
    REQUIRE_HSA(hsa_scatter_memory_copy(static_cast<char *>(window) + 3,
                                        static_cast<char *>(vram) + 3, 9 * 4096 - 3));
    CHECK(static_cast<char *>(pages.ranges[0].base)[2] == 0);
    CHECK(static_cast<char *>(pages.ranges[0].base)[3] == 1);
    CHECK(static_cast<char *>(pages.ranges[8].base)[4095] == 9);
    REQUIRE_HSA(hsa_scatter_deregister(window));
    CHECK(hsa_amd_memory_pool_free(vram) == HSA_STATUS_SUCCESS);
}

TEST_CASE("an alias window through ROCr alone")
{
    const hsa_agent_t gpu = find_agent(HSA_DEVICE_TYPE_GPU);
    Pages pages(12, MAP_SHARED | MAP_ANONYMOUS);
    void *window = nullptr;

    REQUIRE_HSA(
        hsa_scatter_register(pages.ranges.data(), 12, &gpu, 1, HSA_SCATTER_POINTER_KNOWN, &window));
    hsa_scatter_info_t info{};
    info.size = sizeof info;
    REQUIRE_HSA(hsa_scatter_get_info(window, &info));
    CHECK(info.kind == HSA_SCATTER_KIND_ALIAS);
    static_cast<char *>(info.host_window)[5 * 4096] = 'q';
    CHECK(*static_cast<char *>(pages.ranges[5].base) == 'q');
    CHECK(hsa_scatter_revoke(window, &gpu, 1) == HSA_STATUS_ERROR);
    REQUIRE_HSA(hsa_scatter_deregister(window));
}

TEST_CASE("wrong agents and ranges are told apart")
{
    const hsa_agent_t cpu = find_agent(HSA_DEVICE_TYPE_CPU), gpu = find_agent(HSA_DEVICE_TYPE_GPU);
    Pages pages(2);
    void *window = nullptr;

    CHECK(hsa_scatter_register(pages.ranges.data(), 2, &cpu, 1, 0, &window) ==
          HSA_STATUS_ERROR_INVALID_AGENT);
    CHECK(hsa_scatter_register(pages.ranges.data(), 2, &gpu, 1, 0x40, &window) ==
          HSA_STATUS_ERROR_INVALID_ARGUMENT);
    CHECK(hsa_scatter_register(pages.ranges.data(), 0, &gpu, 1, 0, &window) ==
          HSA_STATUS_ERROR_INVALID_ARGUMENT);
    CHECK(hsa_scatter_memory_fill(&window, 0, 1) == HSA_STATUS_ERROR_INVALID_ALLOCATION);
    hsa_scatter_capabilities_t c{};
    c.size = sizeof c;
    CHECK(hsa_scatter_agent_capabilities(cpu, &c) == HSA_STATUS_ERROR_INVALID_AGENT);
    c.size = sizeof c;
    CHECK(hsa_scatter_agent_capabilities(gpu, &c) == HSA_STATUS_SUCCESS);
    CHECK(c.backings[2].works == 1);
}

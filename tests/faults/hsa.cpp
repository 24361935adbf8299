// SPDX-License-Identifier: MIT
// Exact undo through the ROCr face, in a program without HIP: whichever call fails, the process is
// as before, and the same operation then succeeds (fault_loop.hpp).
#include "fault_loop.hpp"
#include "hsa_machine.hpp"

using namespace hs_test;

namespace
{

Outcome outcome_of(hsa_status_t status)
{
    const char *text = "";
    hsa_status_string(status, &text);
    return {status == HSA_STATUS_SUCCESS, text, hsa_scatter_last_error_message()};
}

std::vector<hsa_agent_t> gpus()
{
    return agents_of(HSA_DEVICE_TYPE_GPU);
}

// Every second page of a shared mapping, backwards: every backing takes it.
struct Pages {
    explicit Pages(size_t count) : bytes(2 * count * 4096)
    {
        map = static_cast<char *>(
            mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
        REQUIRE(map != MAP_FAILED);
        for (size_t i = count; i-- > 0;)
            ranges.push_back({map + 2 * i * 4096, 4096});
    }
    ~Pages()
    {
        munmap(map, bytes);
    }
    Pages(const Pages &) = delete;
    Pages &operator=(const Pages &) = delete;
    size_t size() const
    {
        return ranges.size() * 4096;
    }
    char &byte(size_t offset) const
    {
        return static_cast<char *>(ranges[offset / 4096].base)[offset % 4096];
    }
    size_t bytes;
    char *map;
    std::vector<hsa_scatter_range_t> ranges;
};

struct Kind {
    const char *name;
    uint32_t flag;
};

std::vector<Kind> kinds()
{
    std::vector<Kind> list = {{"auto", 0},
                              {"per-range", HSA_SCATTER_BACKING_PER_RANGE},
                              {"alias", HSA_SCATTER_BACKING_ALIAS}};
    if (kernel() == Kernel::batch || kernel() == Kernel::batch_flag)
        list.push_back({"batch", HSA_SCATTER_BACKING_BATCH});
    return list;
}

void *make(const Pages &pages, const Kind &kind, const std::vector<hsa_agent_t> &agents)
{
    void *window = nullptr;
    REQUIRE_HSA(hsa_scatter_register(pages.ranges.data(), pages.ranges.size(), agents.data(),
                                     static_cast<uint32_t>(agents.size()), kind.flag, &window));
    return window;
}

} // namespace

TEST_CASE("registering and deregistering")
{
    REQUIRE(dlsym(RTLD_DEFAULT, "hipGetDeviceCount") == nullptr);
    const std::vector<hsa_agent_t> all = gpus();
    const Pages pages(3);
    FaultLoop loop;
    for (const Kind &kind : kinds()) {
        void *window = nullptr;
        loop.fail_every_call({.name = std::string("register, ") + kind.name,
                              .run =
                                  [&] {
                                      return outcome_of(hsa_scatter_register(
                                          pages.ranges.data(), 3, nullptr, 0, kind.flag, &window));
                                  },
                              .check_and_end =
                                  [&] {
                                      hsa_scatter_info_t info{};
                                      info.size = sizeof info;
                                      REQUIRE_HSA(hsa_scatter_get_info(window, &info));
                                      REQUIRE(info.num_agents == all.size());
                                      REQUIRE_HSA(hsa_scatter_deregister(window));
                                  }},
                             6);
        loop.fail_every_call({.name = std::string("deregister, ") + kind.name,
                              .run = [&] { return outcome_of(hsa_scatter_deregister(window)); },
                              .prepare = [&] { window = make(pages, kind, all); },
                              .check_untouched =
                                  [&] {
                                      REQUIRE_HSA(
                                          hsa_scatter_memory_fill(window, 0x44, pages.size()));
                                      REQUIRE(pages.byte(pages.size() - 1) == 0x44);
                                  }},
                             2);
    }
}

TEST_CASE("granting and revoking access")
{
    const std::vector<hsa_agent_t> all = gpus();
    if (all.size() < 2)
        skip("needs two GPUs");
    const Pages pages(3);
    FaultLoop loop;
    for (const Kind &kind : kinds()) {
        const bool is_alias = kind.flag == HSA_SCATTER_BACKING_ALIAS;
        void *window = nullptr;
        const auto require_agents = [&](uint32_t count) {
            hsa_scatter_info_t info{};
            info.size = sizeof info;
            REQUIRE_HSA(hsa_scatter_get_info(window, &info));
            REQUIRE(info.num_agents == count);
        };
        for (const bool grant : {true, false}) {
            if (is_alias && !grant)
                continue; // cannot be revoked
            loop.fail_every_call(
                {.name = std::string(grant ? "grant, " : "revoke, ") + kind.name,
                 .run =
                     [&] {
                         return outcome_of(grant ? hsa_scatter_grant(window, &all[1], 1)
                                                 : hsa_scatter_revoke(window, &all[1], 1));
                     },
                 .prepare = [&] { window = make(pages, kind, grant ? std::vector{all[0]} : all); },
                 .check_and_end =
                     [&] {
                         require_agents(grant ? 2 : 1);
                         REQUIRE_HSA(hsa_scatter_deregister(window));
                     },
                 .check_untouched = [&] { require_agents(grant ? 1 : 2); }},
                is_alias ? 0 : 1);
        }
    }
}

TEST_CASE("copies and fills")
{
    const hsa_agent_t gpu = gpus()[0];
    const Pages pages(3);
    std::vector<char> host(pages.size(), 0x31);
    char *vram = static_cast<char *>(vram_of(gpu, pages.size()));
    FaultLoop loop;
    for (const Kind &kind : kinds()) {
        void *window = make(pages, kind, {gpu});
        char value = 0;
        const auto copy = [&](const char *name, void *to, const void *from, unsigned least,
                              const std::function<void()> &check) {
            loop.fail_every_call(
                {.name = std::string(name) + ", " + kind.name,
                 .run = [&] { return outcome_of(hsa_scatter_memory_copy(to, from, pages.size())); },
                 .prepare = [&] { std::fill_n(&pages.byte(0), 4096, ++value); },
                 .check_and_end = check},
                least);
        };
        copy("window to VRAM", vram, window, 2, [&] {
            REQUIRE_HSA(hsa_scatter_memory_fill(window, 0, pages.size()));
            REQUIRE_HSA(hsa_scatter_memory_copy(window, vram, pages.size()));
            REQUIRE(pages.byte(0) == value);
        });
        copy("VRAM to window", window, vram, 2, [] {});
        copy("host to window", window, host.data(), 0,
             [&] { REQUIRE(pages.byte(pages.size() - 1) == 0x31); });
        loop.fail_every_call(
            {.name = std::string("fill, ") + kind.name,
             .run = [&] { return outcome_of(hsa_scatter_memory_fill(window, 7, pages.size())); },
             .check_and_end = [&] { REQUIRE(pages.byte(4096) == 7); }},
            0);

        // After a dependency, on a thread of ROCr's; and at once.
        hsa_signal_t dependency{}, done{};
        REQUIRE(hsa_signal_create(0, 0, nullptr, &dependency) == HSA_STATUS_SUCCESS);
        REQUIRE(hsa_signal_create(1, 0, nullptr, &done) == HSA_STATUS_SUCCESS);
        for (const bool waits : {true, false})
            loop.fail_every_call(
                {.name = std::string(waits ? "copy after a signal, " : "copy with a signal, ") +
                         kind.name,
                 .run =
                     [&] {
                         const hsa_status_t status = hsa_scatter_memory_async_copy(
                             vram, window, pages.size(), waits ? dependency : hsa_signal_t{0},
                             done);
                         Outcome outcome = outcome_of(status);
                         if (outcome.ok && !waits && hsa_signal_load_scacquire(done) < 0) {
                             // Begun, but it failed: the signal tells.
                             hsa_signal_store_screlease(done, 1);
                             outcome.ok = false;
                         }
                         return outcome;
                     },
                 .prepare = [&] { hsa_signal_store_screlease(dependency, waits ? 1 : 0); },
                 .check_and_end =
                     [&] {
                         hsa_signal_store_screlease(dependency, 0);
                         REQUIRE(hsa_signal_wait_scacquire(done, HSA_SIGNAL_CONDITION_LT, 1,
                                                           UINT64_MAX,
                                                           HSA_WAIT_STATE_BLOCKED) == 0);
                         hsa_signal_store_screlease(done, 1);
                     }},
                3);
        hsa_signal_destroy(dependency);
        hsa_signal_destroy(done);
        REQUIRE_HSA(hsa_scatter_deregister(window));
    }
    REQUIRE(hsa_amd_memory_pool_free(vram) == HSA_STATUS_SUCCESS);
}

TEST_CASE("translating, blocks and questions")
{
    const hsa_agent_t gpu = gpus()[0];
    const Pages pages(20);
    FaultLoop loop;
    for (const Kind &kind : kinds()) {
        void *window = nullptr, *found = nullptr, *block = nullptr;
        size_t count = 0, covered = 0;
        hsa_scatter_range_t list[20];
        const auto prepare = [&] { window = make(pages, kind, {gpu}); };
        const auto end = [&] { REQUIRE_HSA(hsa_scatter_deregister(window)); };
        loop.fail_every_call({.name = std::string("host to agent, ") + kind.name,
                              .run =
                                  [&] {
                                      return outcome_of(
                                          hsa_scatter_host_to_agent(pages.ranges[7].base, &found));
                                  },
                              .prepare = prepare,
                              .check_and_end =
                                  [&] {
                                      REQUIRE(found == static_cast<char *>(window) + 7 * 4096);
                                      end();
                                  }},
                             1);
        loop.fail_every_call({.name = std::string("agent to host, ") + kind.name,
                              .run =
                                  [&] {
                                      return outcome_of(hsa_scatter_agent_to_host(
                                          window, pages.size(), list, 20, &count, &covered));
                                  },
                              .prepare = prepare,
                              .check_and_end =
                                  [&] {
                                      REQUIRE(count == 20);
                                      REQUIRE(list[19].base == pages.ranges[19].base);
                                      end();
                                  }},
                             0);
        loop.fail_every_call(
            {.name = std::string("block, ") + kind.name,
             .run = [&] { return outcome_of(hsa_scatter_block_alloc(window, 5000, 0, &block)); },
             .prepare = prepare,
             .check_and_end =
                 [&] {
                     REQUIRE_HSA(hsa_scatter_block_free(block));
                     end();
                 }},
            1);
    }
    hsa_scatter_capabilities_t capabilities{};
    loop.fail_every_call({.name = "capabilities",
                          .run =
                              [&] {
                                  capabilities.size = sizeof capabilities;
                                  return outcome_of(
                                      hsa_scatter_agent_capabilities(gpu, &capabilities));
                              },
                          .check_and_end = [&] { REQUIRE(capabilities.backings[2].works == 1); }},
                         3);
}

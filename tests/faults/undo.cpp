// SPDX-License-Identifier: MIT
// Exact undo of what makes, changes and ends windows: whichever call fails, the process is as
// before, and the same operation then succeeds (fault_loop.hpp).
#include "hip_operations.hpp"

using namespace hs_test;

namespace
{

struct Variant {
    std::string name;
    unsigned flags;
    std::vector<int> devices; // empty: the current one, or all where the flags say so
};

// Every backing, and the library's choice; for one device and, where there are two, for all by flag
// and for a list that starts with the second.
std::vector<Variant> variants()
{
    std::vector<Variant> list = {{"auto", 0, {}}};
    for (const Backing &backing : every_backing()) {
        list.push_back({backing.name, backing.flag, {}});
        if (device_count() < 2)
            continue;
        list.push_back({std::string(backing.name) + ", portable",
                        backing.flag | hipScatterRegisterPortable,
                        {}});
        list.push_back({std::string(backing.name) + ", devices 1 and 0", backing.flag, {1, 0}});
    }
    return list;
}

hipScatterPoolProps props_of(const Fragments &memory, const Variant &variant)
{
    hipScatterPoolProps props{};
    props.structSize = sizeof props;
    props.ranges = memory.ranges().data();
    props.count = memory.ranges().size();
    props.flags = variant.flags;
    props.deviceCount = static_cast<int>(variant.devices.size());
    props.devices = variant.devices.data();
    return props;
}

hipScatterPool_t make_pool(const Fragments &memory, const Variant &variant)
{
    const hipScatterPoolProps props = props_of(memory, variant);
    hipScatterPool_t pool = nullptr;
    REQUIRE_HIP(hipScatterPoolCreate(&pool, &props));
    return pool;
}

void *window_of(hipScatterPool_t pool)
{
    hipScatterPoolInfo info{};
    info.structSize = sizeof info;
    REQUIRE_HIP(hipScatterPoolGetInfo(pool, &info));
    return info.devPtr;
}

} // namespace

TEST_CASE("registering")
{
    HS_RANDOM(random);
    const SharedFragments memory({1, 2, 1}, random);
    FaultLoop loop(current_device);
    for (const Variant &variant : variants()) {
        if (!variant.devices.empty())
            continue;
        void *window = nullptr;
        loop.fail_every_call(
            {.name = "register, " + variant.name,
             .run =
                 [&] {
                     return outcome_of(hipHostRegisterScatter(
                         &window, memory.ranges().data(), memory.ranges().size(), variant.flags));
                 },
             .check_and_end =
                 [&] {
                     require_seen(window, memory, 1);
                     REQUIRE_HIP(hipHostUnregisterScatter(window));
                 }},
            6);
    }
}

TEST_CASE(
    "registering shared memory that the library may alias, and falling through where it cannot")
{
    HS_RANDOM(random);
    const SharedFragments memory(std::vector<size_t>(256, 1), random); // HS_ALIAS_BREAK_EVEN
    FaultLoop loop(current_device);
    void *window = nullptr;
    // Where batch fails alias is next: HIP makes what it needs for that at its first use.
    for (int round = 0; round < 2; round++)
        Window(memory.ranges(), hipScatterRegisterBackingAlias).unregister();
    loop.fail_every_call({.name = "register, auto, 256 shared ranges",
                          .run =
                              [&] {
                                  return outcome_of(hipHostRegisterScatter(
                                      &window, memory.ranges().data(), memory.ranges().size(), 0));
                              },
                          .check_and_end =
                              [&] {
                                  require_seen(window, memory, 1);
                                  REQUIRE_HIP(hipHostUnregisterScatter(window));
                              }},
                         has_batch() ? 6 : 25);
}

TEST_CASE("unregistering")
{
    HS_RANDOM(random);
    const SharedFragments memory({1, 2, 1}, random);
    FaultLoop loop(current_device);
    for (const Variant &variant : variants()) {
        if (!variant.devices.empty())
            continue;
        void *window = nullptr;
        loop.fail_every_call(
            {.name = "unregister, " + variant.name,
             .run = [&] { return outcome_of(hipHostUnregisterScatter(window)); },
             .prepare =
                 [&] {
                     REQUIRE_HIP(hipHostRegisterScatter(&window, memory.ranges().data(),
                                                        memory.ranges().size(), variant.flags));
                 },
             .check_untouched = [&] { require_seen(window, memory, 2); }},
            3);
    }
}

TEST_CASE("creating and destroying a pool for a list of devices")
{
    HS_RANDOM(random);
    const SharedFragments memory({1, 2}, random);
    FaultLoop loop(current_device);
    for (const Variant &variant : variants()) {
        hipScatterPool_t pool = nullptr;
        loop.fail_every_call({.name = "create, " + variant.name,
                              .run =
                                  [&] {
                                      const hipScatterPoolProps props = props_of(memory, variant);
                                      return outcome_of(hipScatterPoolCreate(&pool, &props));
                                  },
                              .check_and_end =
                                  [&] {
                                      if (!variant.devices.empty())
                                          REQUIRE(pool_devices(pool) == variant.devices);
                                      REQUIRE_HIP(hipScatterPoolDestroy(pool));
                                  }},
                             6);
        loop.fail_every_call({.name = "destroy, " + variant.name,
                              .run = [&] { return outcome_of(hipScatterPoolDestroy(pool)); },
                              .prepare = [&] { pool = make_pool(memory, variant); },
                              .check_untouched = [&] { require_seen(window_of(pool), memory, 3); }},
                             3);
    }
}

TEST_CASE("granting and revoking access")
{
    if (device_count() < 2)
        skip("needs two GPUs");
    HS_RANDOM(random);
    const SharedFragments memory({1, 2, 1}, random);
    const int other = 1;
    FaultLoop loop(current_device);
    for (const Backing &backing : every_backing()) {
        const bool is_alias = backing.kind == hipScatterBackingKindAlias;
        hipScatterPool_t pool = nullptr;
        const auto prepare_for = [&](std::vector<int> devices) {
            return [&, devices] { pool = make_pool(memory, {"", backing.flag, devices}); };
        };
        const auto untouched = [&](std::vector<int> devices) {
            return [&, devices] {
                REQUIRE(pool_devices(pool) == devices);
                require_seen(window_of(pool), memory, 4);
            };
        };
        const auto ended_with = [&](std::vector<int> devices) {
            return [&, devices] {
                REQUIRE(pool_devices(pool) == devices);
                REQUIRE_HIP(hipScatterPoolDestroy(pool));
            };
        };
        loop.fail_every_call(
            {.name = std::string("grant, ") + backing.name,
             .run = [&] { return outcome_of(hipScatterPoolGrantAccess(pool, &other, 1)); },
             .prepare = prepare_for({0}),
             .check_and_end = ended_with({0, 1}),
             .check_untouched = untouched({0})},
            is_alias ? 0 : 1); // HIP has mapped an alias window for all devices
        if (is_alias)
            continue; // cannot be revoked
        loop.fail_every_call(
            {.name = std::string("revoke, ") + backing.name,
             .run = [&] { return outcome_of(hipScatterPoolRevokeAccess(pool, &other, 1)); },
             .prepare = prepare_for({0, 1}),
             .check_and_end = ended_with({0}),
             .check_untouched = untouched({0, 1})},
            4); // waits for both devices first
    }
}

// SPDX-License-Identifier: MIT
// Exact undo of a process' very first registration, which also finds HIP, opens, asks and probes:
// one process for each k.
#include "hip_operations.hpp"
#include "spawn_self.hpp"

using namespace hs_test;

TEST_CASE("child: the k-th call of the first registration fails", "[.child]")
{
    const char *text = std::getenv("HS_CHILD");
    REQUIRE(text != nullptr);
    const unsigned k = static_cast<unsigned>(std::atoi(text));
    HS_RANDOM(random);
    const Fragments memory({1, 2}, random);
    REQUIRE(device_count() > 0);
    FaultTable faults;
    void *pointer = nullptr;
    faults.arm({.call = k});
    const hipError_t status =
        hipHostRegisterScatter(&pointer, memory.ranges().data(), memory.ranges().size(), 0);
    faults.disarm();
    INFO("call " << k << " (" << faults.victim() << "): " << hipGetErrorName(status) << ": "
                 << hipScatterGetLastErrorMessage());
    if (!faults.delivered()) {
        REQUIRE(status == hipSuccess);
        std::printf("child: no call left\n");
    }
    if (status == hipSuccess)
        REQUIRE_HIP(hipHostUnregisterScatter(pointer));
    else
        REQUIRE(std::strlen(hipScatterGetLastErrorMessage()) > 0);
    // Nothing that failed once is remembered as missing.
    Window window(memory.ranges(), 0);
    const char *wanted = has_batch() ? "batch" : "per-range";
    REQUIRE(std::string(window.info().backingName) == wanted);
    require_seen(window.data(), memory, k);
    window.unregister();
}

TEST_CASE("a failure during the first registration is not remembered")
{
    unsigned k = 0;
    for (bool more = true; more;) {
        const Ended ended = run_case("child: the k-th call of the first registration fails",
                                     {"HS_CHILD=" + std::to_string(++k)});
        INFO("k = " << k << "\n" << ended.output);
        REQUIRE(ended.well());
        more = ended.output.find("child: no call left") == std::string::npos;
        REQUIRE(k < 200);
    }
    std::printf("faults injected: %u\n", k - 1);
    REQUIRE(k > 5);
}

// SPDX-License-Identifier: MIT
// Two GPUs of which HIP shows only the second, as its device 0: identity is the PCI address, not
// the index.
#include "kernels/window_kernels.hpp"
#include "machine.hpp"
#include "scatter_memory.hpp"

using namespace hs_test;

TEST_CASE("device 0 is the GPU that HIP_VISIBLE_DEVICES leaves")
{
    HS_RANDOM(random);
    int count = 0;
    REQUIRE_HIP(hipGetDeviceCount(&count));
    REQUIRE(count == 1);
    const Fragments memory({1, 3, 1}, random);
    write_pattern(memory.ranges(), 1);
    const Window window(memory.ranges(), hipScatterRegisterPortable);
    hipScatterDeviceCapabilities c{};
    char address[32];
    uint64_t sum = 0;

    c.structSize = sizeof c;
    REQUIRE_HIP(hipScatterGetDeviceCapabilities(&c, 0));
    REQUIRE_HIP(hipDeviceGetPCIBusId(address, sizeof address, 0));
    CHECK(std::string(c.pciBusId).substr(0, 10) == std::string(address).substr(0, 10));
    CHECK(c.node == 2);
    CHECK(window.info().deviceCount == 1);
    REQUIRE_HIP(hs_kernels::checksum(window.data(), window.bytes(), &sum));
    CHECK(sum == cpu_checksum(memory.ranges()));
}

// SPDX-License-Identifier: MIT
// *_VISIBLE_DEVICES: which GPUs HIP's device 0, 1, ... are after the variables have hidden and
// reordered some. Identity is the PCI address, never the index. Each setting has a process of its
// own; what it must show is read from the machine's topology.
#include "kernels/window_kernels.hpp"
#include "machine.hpp"
#include "scatter_memory.hpp"
#include "spawn_self.hpp"

#include <fstream>
#include <sstream>

using namespace hs_test;

namespace
{

// Topology nodes with a gpu_id, in order: what ROCr shows when nothing is hidden.
std::vector<unsigned> gpu_nodes()
{
    std::vector<unsigned> list;
    for (unsigned node = 0;; node++) {
        std::ifstream file("/sys/class/kfd/kfd/topology/nodes/" + std::to_string(node) + "/gpu_id");
        unsigned gpu_id = 0;
        if (!(file >> gpu_id))
            return list;
        if (gpu_id != 0)
            list.push_back(node);
    }
}

// What a variable leaves of a list: the entries that it names by index, in its order.
std::vector<unsigned> visible(const std::vector<unsigned> &all, const char *variable)
{
    const char *text = std::getenv(variable);
    if (text == nullptr)
        return all;
    std::vector<unsigned> list;
    std::istringstream fields(text);
    for (std::string field; std::getline(fields, field, ',');)
        list.push_back(all.at(std::stoul(field)));
    return list;
}

} // namespace

TEST_CASE("child: devices are what the variables leave, in their order", "[.child]")
{
    const std::vector<unsigned> nodes =
        visible(visible(gpu_nodes(), "ROCR_VISIBLE_DEVICES"), "HIP_VISIBLE_DEVICES");
    const int devices = static_cast<int>(nodes.size());
    int count = 0;
    REQUIRE_HIP(hipGetDeviceCount(&count));
    REQUIRE(count == devices);
    for (int device = 0; device < devices; device++) {
        INFO("device " << device);
        hipScatterDeviceCapabilities c{};
        char address[32];
        c.structSize = sizeof c;
        REQUIRE_HIP(hipScatterGetDeviceCapabilities(&c, device));
        REQUIRE_HIP(hipDeviceGetPCIBusId(address, sizeof address, device));
        CHECK(std::string(c.pciBusId).substr(0, 10) == std::string(address).substr(0, 10));
        CHECK(c.node == nodes[static_cast<size_t>(device)]);
    }

    HS_RANDOM(random);
    const Fragments memory({1, 3, 1}, random);
    const Window window(memory.ranges(), hipScatterRegisterPortable);
    CHECK(window.info().deviceCount == devices);
    for (int device = devices - 1; device >= 0; device--) {
        INFO("device " << device);
        uint64_t sum = 0;
        write_pattern(memory.ranges(), random());
        REQUIRE_HIP(hipSetDevice(device));
        REQUIRE_HIP(hs_kernels::checksum(window.data(), window.bytes(), &sum));
        CHECK(sum == cpu_checksum(memory.ranges()));
    }
    // A window of one device is that device's: HIP's current device sees what the library mapped.
    REQUIRE_HIP(hipSetDevice(devices - 1));
    const Window alone(memory.ranges(), hipScatterRegisterDefault);
    uint64_t sum = 0;
    REQUIRE_HIP(hs_kernels::checksum(alone.data(), alone.bytes(), &sum));
    CHECK(sum == cpu_checksum(memory.ranges()));
    hipScatterPointerAttributes a{};
    a.structSize = sizeof a;
    REQUIRE_HIP(hipScatterPointerGetAttributes(&a, alone.data()));
    CHECK(a.device == devices - 1);
    hipScatterDeviceCapabilities c{};
    c.structSize = sizeof c;
    CHECK(hipScatterGetDeviceCapabilities(&c, devices) == hipErrorInvalidDevice);
}

TEST_CASE("devices are those that the variables leave, in their order")
{
    if (gpu_nodes().size() < 4)
        skip("needs four GPUs");
    struct Setting {
        const char *rocr, *hip;
    };
    for (const Setting &setting : {Setting{nullptr, nullptr},
                                   {nullptr, "1"},
                                   {nullptr, "2,0"},
                                   {"3,1", nullptr},
                                   {"3,1,2", "2,0"},
                                   {"1", "0"}}) {
        const auto variable = [](const char *name, const char *value) {
            return name + (value == nullptr ? std::string() : std::string("=") + value);
        };
        const std::vector<std::string> variables = {variable("ROCR_VISIBLE_DEVICES", setting.rocr),
                                                    variable("HIP_VISIBLE_DEVICES", setting.hip)};
        const Ended ended =
            run_case("child: devices are what the variables leave, in their order", variables);
        INFO(variables[0] << " " << variables[1] << "\n" << ended.output);
        CHECK(ended.well());
    }
}

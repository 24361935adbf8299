// SPDX-License-Identifier: MIT
// Windows that the ROCr face made, in a program that is not linked to HIP, described by the HIP
// face: by ordinal where HIP shows the device, -1 where it hides it or where nothing is shown.
#include <hip_scatter/hip_scatter.h>
#include <hip_scatter/hsa_scatter.h>

#include <dlfcn.h>
#include <spawn_self.hpp>
#include <sys/mman.h>

// HS_CHILD: the ordinals that the first two GPUs of ROCr must have.
TEST_CASE("child: ordinals of a window that was made without HIP", "[.child]")
{
    const char *text = std::getenv("HS_CHILD");
    int wanted[2];
    REQUIRE(text != nullptr);
    REQUIRE(std::sscanf(text, "%d %d", &wanted[0], &wanted[1]) == 2);
    REQUIRE(dlsym(RTLD_DEFAULT, "hipGetDeviceCount") == nullptr);

    char *pages = static_cast<char *>(
        mmap(nullptr, 12288, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    REQUIRE(pages != MAP_FAILED);
    const hsa_scatter_range_t ranges[] = {{pages + 8192, 4096}, {pages, 4096}};
    void *window = nullptr;
    REQUIRE(hsa_init() == HSA_STATUS_SUCCESS);
    REQUIRE(hsa_scatter_register(ranges, 2, nullptr, 0, 0, &window) == HSA_STATUS_SUCCESS);

    hipScatterPointerAttributes a{};
    a.structSize = sizeof a;
    REQUIRE(hipScatterPointerGetAttributes(&a, pages) == hipSuccess);
    CHECK(a.device == wanted[0]);
    CHECK(a.devicePointer == static_cast<char *>(window) + 4096);
    hipScatterPool_t pool = nullptr;
    int devices[2] = {7, 7}, count = 2;
    REQUIRE(hipScatterPoolFromPointer(&pool, window) == hipSuccess);
    REQUIRE(hipScatterPoolGetDevices(pool, devices, &count) == hipSuccess);
    CHECK(count == 2);
    CHECK(devices[0] == wanted[0]);
    CHECK(devices[1] == wanted[1]);
    hipScatterPoolInfo info{};
    info.structSize = sizeof info;
    REQUIRE(hipScatterPoolGetInfo(pool, &info) == hipSuccess);
    CHECK(info.deviceCount == 2);
    // And the HIP face ends it.
    CHECK(hipHostUnregisterScatter(window) == hipSuccess);
}

TEST_CASE("a window that was made without HIP has HIP's ordinals where HIP shows the device")
{
    unsigned gpus = 0;
    REQUIRE(hsa_init() == HSA_STATUS_SUCCESS);
    hsa_iterate_agents(
        [](hsa_agent_t agent, void *data) {
            hsa_device_type_t type;
            hsa_agent_get_info(agent, HSA_AGENT_INFO_DEVICE, &type);
            *static_cast<unsigned *>(data) += type == HSA_DEVICE_TYPE_GPU;
            return HSA_STATUS_SUCCESS;
        },
        &gpus);
    if (gpus != 2)
        hs_test::skip("needs two GPUs");
    struct Setting {
        std::string visible, ordinals;
    };
    for (const Setting &setting :
         {Setting{"0,1", "0 1"}, {"1,0", "1 0"}, {"1", "-1 0"}, {"-1", "-1 -1"}}) {
        const hs_test::Ended ended =
            hs_test::run_case("child: ordinals of a window that was made without HIP",
                              {"ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES=" + setting.visible,
                               "HS_CHILD=" + setting.ordinals});
        INFO("HIP_VISIBLE_DEVICES=" << setting.visible << ": " << setting.ordinals << "\n"
                                    << ended.output);
        CHECK(ended.well());
    }
}

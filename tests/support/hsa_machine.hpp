// SPDX-License-Identifier: MIT
// What the tests of the ROCr face know about the machine: its agents, and memory of a GPU. For
// programs without HIP. Header only.
#pragma once

#include "hs_test.hpp"

#include <hip_scatter/hsa_scatter.h>
#include <hsa/hsa_ext_amd.h>

#include <vector>

// HSA_STATUS_SUCCESS, or the test case ends with the library's message.
#define REQUIRE_HSA(call)                                                                          \
    do {                                                                                           \
        const hsa_status_t status_ = (call);                                                       \
        INFO(#call << ": " << hsa_scatter_last_error_message());                                   \
        REQUIRE(status_ == HSA_STATUS_SUCCESS);                                                    \
    } while (0)

namespace hs_test
{

// In ROCr's order; never empty.
inline std::vector<hsa_agent_t> agents_of(hsa_device_type_t type)
{
    struct Search {
        hsa_device_type_t type;
        std::vector<hsa_agent_t> found;
    } search = {type, {}};
    REQUIRE(hsa_init() == HSA_STATUS_SUCCESS);
    hsa_iterate_agents(
        [](hsa_agent_t agent, void *data) {
            auto *s = static_cast<Search *>(data);
            hsa_device_type_t is;
            hsa_agent_get_info(agent, HSA_AGENT_INFO_DEVICE, &is);
            if (is == s->type)
                s->found.push_back(agent);
            return HSA_STATUS_SUCCESS;
        },
        &search);
    REQUIRE(!search.found.empty());
    return search.found;
}

// Memory of the GPU's own; hsa_amd_memory_pool_free() ends it.
inline void *vram_of(hsa_agent_t gpu, size_t bytes)
{
    hsa_amd_memory_pool_t pool{};
    void *vram = nullptr;
    hsa_amd_agent_iterate_memory_pools(
        gpu,
        [](hsa_amd_memory_pool_t candidate, void *data) {
            bool can = false;
            hsa_amd_memory_pool_get_info(candidate, HSA_AMD_MEMORY_POOL_INFO_RUNTIME_ALLOC_ALLOWED,
                                         &can);
            if (can)
                *static_cast<hsa_amd_memory_pool_t *>(data) = candidate;
            return can ? HSA_STATUS_INFO_BREAK : HSA_STATUS_SUCCESS;
        },
        &pool);
    REQUIRE(hsa_amd_memory_pool_allocate(pool, bytes, 0, &vram) == HSA_STATUS_SUCCESS);
    return vram;
}

} // namespace hs_test

// SPDX-License-Identifier: MIT
// The calls of ROCr that the library makes and that can fail, wrapped by the linker (--wrap), so
// that the fault table counts them and makes them fail. What ROCr or HIP call among themselves is
// not wrapped.
#include "fault_table.hpp"

#include <hsa/hsa.h>
#include <hsa/hsa_ext_amd.h>

using hs_test::FaultTable;

extern "C" {

hsa_status_t __real_hsa_signal_create(hsa_signal_value_t value, uint32_t count,
                                      const hsa_agent_t *consumers, hsa_signal_t *signal);
hsa_status_t __wrap_hsa_signal_create(hsa_signal_value_t value, uint32_t count,
                                      const hsa_agent_t *consumers, hsa_signal_t *signal);
hsa_status_t __wrap_hsa_signal_create(hsa_signal_value_t value, uint32_t count,
                                      const hsa_agent_t *consumers, hsa_signal_t *signal)
{
    if (FaultTable::fails("hsa_signal_create", ENOMEM))
        return HSA_STATUS_ERROR_OUT_OF_RESOURCES;
    return __real_hsa_signal_create(value, count, consumers, signal);
}

hsa_status_t __real_hsa_amd_memory_async_copy(void *to, hsa_agent_t to_agent, const void *from,
                                              hsa_agent_t from_agent, size_t bytes,
                                              uint32_t dependencies, const hsa_signal_t *list,
                                              hsa_signal_t done);
hsa_status_t __wrap_hsa_amd_memory_async_copy(void *to, hsa_agent_t to_agent, const void *from,
                                              hsa_agent_t from_agent, size_t bytes,
                                              uint32_t dependencies, const hsa_signal_t *list,
                                              hsa_signal_t done);
hsa_status_t __wrap_hsa_amd_memory_async_copy(void *to, hsa_agent_t to_agent, const void *from,
                                              hsa_agent_t from_agent, size_t bytes,
                                              uint32_t dependencies, const hsa_signal_t *list,
                                              hsa_signal_t done)
{
    if (FaultTable::fails("hsa_amd_memory_async_copy", ENOMEM))
        return HSA_STATUS_ERROR_OUT_OF_RESOURCES;
    return __real_hsa_amd_memory_async_copy(to, to_agent, from, from_agent, bytes, dependencies,
                                            list, done);
}

hsa_status_t __real_hsa_amd_memory_lock(void *host, size_t bytes, hsa_agent_t *agents, int count,
                                        void **address);
hsa_status_t __wrap_hsa_amd_memory_lock(void *host, size_t bytes, hsa_agent_t *agents, int count,
                                        void **address);
hsa_status_t __wrap_hsa_amd_memory_lock(void *host, size_t bytes, hsa_agent_t *agents, int count,
                                        void **address)
{
    if (FaultTable::fails("hsa_amd_memory_lock", ENOMEM))
        return HSA_STATUS_ERROR_OUT_OF_RESOURCES;
    return __real_hsa_amd_memory_lock(host, bytes, agents, count, address);
}

hsa_status_t __real_hsa_amd_memory_unlock(void *host);
hsa_status_t __wrap_hsa_amd_memory_unlock(void *host);
hsa_status_t __wrap_hsa_amd_memory_unlock(void *host)
{
    if (FaultTable::fails("hsa_amd_memory_unlock", ENOMEM))
        return HSA_STATUS_ERROR;
    return __real_hsa_amd_memory_unlock(host);
}

hsa_status_t __real_hsa_amd_signal_async_handler(hsa_signal_t signal,
                                                 hsa_signal_condition_t condition,
                                                 hsa_signal_value_t value,
                                                 hsa_amd_signal_handler handler, void *data);
hsa_status_t __wrap_hsa_amd_signal_async_handler(hsa_signal_t signal,
                                                 hsa_signal_condition_t condition,
                                                 hsa_signal_value_t value,
                                                 hsa_amd_signal_handler handler, void *data);
hsa_status_t __wrap_hsa_amd_signal_async_handler(hsa_signal_t signal,
                                                 hsa_signal_condition_t condition,
                                                 hsa_signal_value_t value,
                                                 hsa_amd_signal_handler handler, void *data)
{
    if (FaultTable::fails("hsa_amd_signal_async_handler", ENOMEM))
        return HSA_STATUS_ERROR_OUT_OF_RESOURCES;
    return __real_hsa_amd_signal_async_handler(signal, condition, value, handler, data);
}

} // extern "C"

// SPDX-License-Identifier: MIT
// The calls of HIP that the library makes: it looks them up by name, so dlsym() is wrapped by the
// linker (--wrap) and hands out functions that the fault table counts and makes fail. HIP's calls
// in the tests themselves go to HIP directly.
#include "fault_table.hpp"

#include <cstring>
#include <hip/hip_runtime_api.h>

using hs_test::FaultTable;

extern "C" {
void *__real_dlsym(void *handle, const char *name);
void *__wrap_dlsym(void *handle, const char *name);
}

namespace
{

// One wrapper for each function; real: what dlsym() found.
template <auto Declared> struct Wrapped;
template <typename... A, hipError_t (*Declared)(A...)> struct Wrapped<Declared> {
    static inline const char *name;
    static inline hipError_t (*real)(A...);
    static hipError_t call(A... a)
    {
        return FaultTable::fails(name, ENOMEM) ? hipErrorOutOfMemory : real(a...);
    }
};

template <auto Declared> void *wrap(const char *name, void *found)
{
    Wrapped<Declared>::name = name;
    Wrapped<Declared>::real = reinterpret_cast<decltype(Wrapped<Declared>::real)>(found);
    return found == nullptr ? nullptr : reinterpret_cast<void *>(&Wrapped<Declared>::call);
}

constexpr struct {
    const char *name;
    void *(*wrap)(const char *name, void *found);
} functions[] = {
    {"hipGetDeviceCount", wrap<hipGetDeviceCount>},
    {"hipGetDevice", wrap<hipGetDevice>},
    {"hipSetDevice", wrap<hipSetDevice>},
    {"hipDeviceGetPCIBusId", wrap<hipDeviceGetPCIBusId>},
    {"hipDeviceSynchronize", wrap<hipDeviceSynchronize>},
    {"hipHostRegister", wrap<hipHostRegister>},
    {"hipHostUnregister", wrap<hipHostUnregister>},
    {"hipHostGetDevicePointer", wrap<hipHostGetDevicePointer>},
    {"hipMemcpy", wrap<hipMemcpy>},
    {"hipMemcpyAsync", wrap<hipMemcpyAsync>},
    {"hipMemset", wrap<hipMemset>},
    {"hipMemsetAsync", wrap<hipMemsetAsync>},
    {"hipStreamSynchronize", wrap<hipStreamSynchronize>},
    {"hipEventCreateWithFlags", wrap<hipEventCreateWithFlags>},
    {"hipEventRecord", wrap<hipEventRecord>},
    {"hipEventQuery", wrap<hipEventQuery>},
    {"hipStreamIsCapturing", wrap<hipStreamIsCapturing>},
    {"hipStreamAddCallback", wrap<hipStreamAddCallback>},
};

} // namespace

void *__wrap_dlsym(void *handle, const char *name)
{
    void *found = __real_dlsym(handle, name);
    for (const auto &function : functions)
        if (std::strcmp(name, function.name) == 0)
            return function.wrap(function.name, found);
    return found;
}

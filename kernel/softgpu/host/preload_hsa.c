/* SPDX-License-Identifier: MIT */
/*
 * ROCr's waits for a signal. HIP asks for an active wait on every device unless the program sets
 * hipDeviceScheduleBlockingSync, and ROCr then spins until the kernel ends: on hardware that costs
 * a core which nobody needs, here it is taken from the threads that execute the kernel. The hint is
 * turned into a blocking one, as it may be ("the actual waiting state is decided by the HSA
 * runtime", HSA Runtime specification 2.4.3): ROCr then spins for 200 us and sleeps after that
 * (core/runtime/interrupt_signal.cpp). Touches nothing of the driver.
 */
#include "host.h"

#include <dlfcn.h>
#include <hsa/hsa.h>
#include <stdatomic.h>
#include <string.h>

#pragma GCC diagnostic ignored "-Wmissing-prototypes"

typedef hsa_signal_value_t wait_fn(hsa_signal_t signal, hsa_signal_condition_t condition,
                                   hsa_signal_value_t compare, uint64_t timeout,
                                   hsa_wait_state_t hint);

/* ROCr may have been loaded by a library that dlopen() made, out of sight of RTLD_NEXT. */
static void *find(const char *name)
{
    void *function = dlsym(RTLD_NEXT, name);
    void *rocr = function ? NULL : dlopen("libhsa-runtime64.so.1", RTLD_LAZY | RTLD_NOLOAD);
    return rocr ? dlsym(rocr, name) : function;
}

#define WAIT(name)                                                                                 \
    SGH_EXPORT hsa_signal_value_t name(hsa_signal_t signal, hsa_signal_condition_t condition,      \
                                       hsa_signal_value_t compare, uint64_t timeout,               \
                                       hsa_wait_state_t hint)                                      \
    {                                                                                              \
        static _Atomic(wait_fn *) real;                                                            \
        wait_fn *wait = atomic_load_explicit(&real, memory_order_relaxed);                         \
        (void)hint;                                                                                \
        if (!wait) {                                                                               \
            void *function = find(#name);                                                          \
            if (!function)                                                                         \
                sg_unimplemented(#name " without ROCr");                                           \
            memcpy(&wait, &function, sizeof(wait));                                                \
            atomic_store_explicit(&real, wait, memory_order_relaxed);                              \
        }                                                                                          \
        return wait(signal, condition, compare, timeout, HSA_WAIT_STATE_BLOCKED);                  \
    }

WAIT(hsa_signal_wait_scacquire)
WAIT(hsa_signal_wait_relaxed)

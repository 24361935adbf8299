/* SPDX-License-Identifier: MIT */
/*
 * Waits for signals reach ROCr through softgpu with every argument but the hint to spin. Built
 * three times: as a ROCr that tells what it was called with (FAKE_ROCR), as a library that calls it
 * (FAKE_HIP), and as the program that loads the latter, as python does.
 *
 * usage: host_wait LIBRARY HINT: exit 0 if ROCr is called with that hint.
 */
#include <dlfcn.h>
#include <hsa/hsa.h>
#include <stdio.h>
#include <stdlib.h>

#define EXPORT __attribute__((visibility("default")))

enum { CALLS = 2 };
struct call {
    uint64_t signal;
    int condition;
    int64_t compare;
    uint64_t timeout;
    int hint;
};

#if defined(FAKE_ROCR)

extern EXPORT struct call calls[CALLS];
struct call calls[CALLS];

EXPORT hsa_signal_value_t hsa_signal_wait_scacquire(hsa_signal_t signal,
                                                    hsa_signal_condition_t condition,
                                                    hsa_signal_value_t compare, uint64_t timeout,
                                                    hsa_wait_state_t hint)
{
    calls[0] = (struct call){signal.handle, condition, compare, timeout, hint};
    return 41;
}

EXPORT hsa_signal_value_t hsa_signal_wait_relaxed(hsa_signal_t signal,
                                                  hsa_signal_condition_t condition,
                                                  hsa_signal_value_t compare, uint64_t timeout,
                                                  hsa_wait_state_t hint)
{
    calls[1] = (struct call){signal.handle, condition, compare, timeout, hint};
    return 42;
}

#elif defined(FAKE_HIP)

extern EXPORT struct call calls[CALLS];
EXPORT const struct call *wait_twice(void);

/* NULL: a result did not come back. */
const struct call *wait_twice(void)
{
    hsa_signal_t first = {.handle = 11}, second = {.handle = 12};
    int64_t a = hsa_signal_wait_scacquire(first, HSA_SIGNAL_CONDITION_LT, -1, UINT64_MAX,
                                          HSA_WAIT_STATE_ACTIVE);
    int64_t b =
        hsa_signal_wait_relaxed(second, HSA_SIGNAL_CONDITION_GTE, 7, 5, HSA_WAIT_STATE_ACTIVE);
    return a == 41 && b == 42 ? calls : NULL;
}

#else

static int wrong(const struct call *got, const struct call *want)
{
    if (got->signal == want->signal && got->condition == want->condition &&
        got->compare == want->compare && got->timeout == want->timeout && got->hint == want->hint)
        return 0;
    printf("ROCr got signal %lu, condition %d, value %ld, timeout %lu, hint %d\n",
           (unsigned long)got->signal, got->condition, (long)got->compare,
           (unsigned long)got->timeout, got->hint);
    return 1;
}

static int run(const char *library, int mode, int hint)
{
    const struct call want[CALLS] = {{11, HSA_SIGNAL_CONDITION_LT, -1, UINT64_MAX, hint},
                                     {12, HSA_SIGNAL_CONDITION_GTE, 7, 5, hint}};
    void *handle = dlopen(library, RTLD_NOW | mode);
    if (!handle) {
        printf("%s\n", dlerror());
        return 1;
    }
    const struct call *(*wait_twice)(void);
    *(void **)&wait_twice = dlsym(handle, "wait_twice");
    const struct call *got = wait_twice ? wait_twice() : NULL;
    if (!got) {
        printf("a wait did not return ROCr's value\n");
        return 1;
    }
    return wrong(&got[0], &want[0]) | wrong(&got[1], &want[1]);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    return run(argv[1], RTLD_LOCAL, atoi(argv[2])) | run(argv[1], RTLD_GLOBAL, atoi(argv[2]));
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Between generated kernels (compiled for the CPU into a shared object) and random_runner.c, which
 * runs them as fibers.
 */
#ifndef RANDOM_RUNNER_H
#define RANDOM_RUNNER_H

#ifdef __HIP__ /* without the headers of the C library, which the GPU's compilation would look for \
                  in vain */
typedef unsigned char uint8_t;
typedef signed char int8_t;
typedef unsigned short uint16_t;
typedef short int16_t;
typedef unsigned int uint32_t;
typedef int int32_t;
typedef unsigned long uint64_t;
typedef long int64_t;
#else
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default) /* the two find each other by name */

/* The first arguments of every kernel; others follow. */
struct runner_buffers {
    const uint32_t *in;
    const uint64_t *in64; /* one element each per thread */
    uint64_t *out;        /* one per thread */
    uint64_t *global;     /* RUNNER_GLOBALS, for atomics of all threads; zero at the start */
    uint8_t *mem;         /* RUNNER_BYTES_PER_THREAD each, with contents */
};
enum {
    RUNNER_GLOBALS = 96,
    RUNNER_BYTES_PER_THREAD = 64,
    RUNNER_ARGUMENT_BYTES_MAX = 256,
    RUNNER_LEVELS = 4
};

struct runner_kernel {
    const char *seed_text;
    uint64_t seed;
    uint32_t x, y, z; /* threads of a workgroup, 256 at most */
    uint32_t groups;
    uint32_t dynamic_lds_bytes;
    uint32_t argument_bytes; /* struct runner_buffers and what follows it */
    void (*call)(const void *arguments);
};

/* The thread that runs now. */
struct runner_thread {
    uint32_t x, y, z, group;
    uint32_t lane;
    uint64_t wave_lanes; /* the lanes of its wave that exist */
    uint32_t size_x, groups;
};
extern const struct runner_thread *runner_self;
extern uint8_t *runner_dynamic_lds;

/* Wait for the threads of the workgroup. */
void runner_barrier(void);

/*
 * Wait for the lanes of this wave that `lanes` names, each of which calls it with the same level
 * and lanes. Returns their values by lane, valid until the lane's next call with this level.
 */
const uint32_t *runner_share(uint32_t level, uint64_t lanes, uint32_t value);

/* Of the shared object. */
extern const struct runner_kernel runner_kernels[];
extern const uint32_t runner_kernel_count;

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
#endif

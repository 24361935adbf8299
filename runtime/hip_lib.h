/* SPDX-License-Identifier: MIT */
/*
 * The HIP runtime of the program: its functions by name, and its device ordinals as entries of the
 * device table. Only the HIP face uses it; a program without HIP uses the ROCr face.
 */
#ifndef HS_HIP_LIB_H
#define HS_HIP_LIB_H

#include "device.h"

#ifdef __cplusplus
extern "C" {
#endif

struct hs_pool;

/* Finds and initialises HIP, then ROCr and the device table. -ENODEV with a text if that fails. */
int hs_hip_init(void);

/* The ordinal of a device; -1 if there is no HIP or HIP does not show it. */
int hs_hip_ordinal(const struct hs_device *device);

/* All of the following want hs_hip_init() first. */
int hs_hip_device_count(void);
int hs_hip_current(int *ordinal);
int hs_hip_device(int ordinal, struct hs_device **device); /* -ENXIO: no such ordinal */

/* HIP registers an ordinary host range: what the alias backing needs. */
extern const struct hs_pinner hs_hip_pinner;

/* HIP's own calls, for pointers that are not ours. Negative errno with a text for what HIP says. */
int hs_hip_memcpy(void *to, const void *from, size_t bytes, void *stream, int async);
int hs_hip_memset(void *to, int value, size_t bytes, void *stream, int async);

/* Waits for what a synchronous call waits for: the null stream. */
int hs_hip_wait_null_stream(void);

/* Calls f(data) on a thread of HIP's when the stream has come so far; what follows in it waits for
 * f. */
int hs_hip_call_in_stream(void *stream, void (*f)(void *data), void *data);

/* Waits for everything that HIP has given to the pool's devices. */
int hs_hip_wait(struct hs_pool *pool);

#ifdef __cplusplus
}
#endif

#endif

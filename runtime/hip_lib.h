/* SPDX-License-Identifier: MIT */
/*
 * The HIP runtime that the program has loaded, if any: its functions by name, and its device
 * ordinals as entries of the device table. Never loads HIP: a program without it uses the ROCr
 * face.
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

/* All of the following want hs_hip_init() first. */
int hs_hip_device_count(void);
int hs_hip_current(int *ordinal);
int hs_hip_device(int ordinal, struct hs_device **device); /* -ENXIO: no such ordinal */
int hs_hip_ordinal(const struct hs_device *device, int *ordinal);

/* Waits for everything that HIP has given to the pool's devices. */
int hs_hip_wait(struct hs_pool *pool);

#ifdef __cplusplus
}
#endif

#endif

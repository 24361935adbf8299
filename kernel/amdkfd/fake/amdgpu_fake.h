/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The fake GPU: amdgpu bound to a QEMU ivshmem function. For tests only, never part of a patch that
 * is delivered.
 */
#ifndef AMDGPU_FAKE_H_
#define AMDGPU_FAKE_H_

#include <linux/types.h>

struct amdgpu_bo;
struct amdgpu_device;
struct dma_fence;
struct kfd2kgd_calls;

/* Is this the ivshmem function (and not a GPU)? */
bool amdgpu_fake_is(const struct amdgpu_device *adev);

/*
 * In place of the hardware part of amdgpu_device_init, amdgpu_driver_unload_kms and
 * amdgpu_device_fini_sw.
 */
int amdgpu_fake_init(struct amdgpu_device *adev);
void amdgpu_fake_fini_hw(struct amdgpu_device *adev);
void amdgpu_fake_fini_sw(struct amdgpu_device *adev);

/* In place of the SDMA engine: fill a buffer in VRAM with a 32-bit pattern. */
int amdgpu_fake_fill(struct amdgpu_bo *bo, u32 pattern, struct dma_fence **fence);

/* In place of the registers behind KFD's queues and VMIDs. */
const struct kfd2kgd_calls *amdgpu_fake_kfd2kgd(void);

#endif

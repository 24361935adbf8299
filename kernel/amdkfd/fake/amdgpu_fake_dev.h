/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * /dev/amdgpu_fake, between amdgpu_fake.c (bring-up) and amdgpu_fake_dev.c (what tests ask).
 */
#ifndef AMDGPU_FAKE_DEV_H_
#define AMDGPU_FAKE_DEV_H_

struct amdgpu_device;

int amdgpu_fake_dev_add(struct amdgpu_device *adev);
void amdgpu_fake_dev_remove(struct amdgpu_device *adev);
void amdgpu_fake_count_flush(struct amdgpu_device *adev);

#endif

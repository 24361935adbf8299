/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * /dev/amdgpu_fake, between amdgpu_fake.c (bring-up) and amdgpu_fake_dev.c (what tests ask).
 */
#ifndef AMDGPU_FAKE_DEV_H_
#define AMDGPU_FAKE_DEV_H_

#include <linux/types.h>

struct amdgpu_device;
struct amdgpu_fake_dma;
struct amdgpu_fake_engine;
struct amdgpu_fake_walk;
struct amdgpu_vm;
struct file;

int amdgpu_fake_dev_add(struct amdgpu_device *adev);
void amdgpu_fake_dev_remove(struct amdgpu_device *adev);
void amdgpu_fake_count_flush(struct amdgpu_device *adev);

/* Translate walk->va; the page directory is reserved by the caller. */
int amdgpu_fake_walk_locked(struct amdgpu_device *adev, struct amdgpu_vm *vm,
			    struct amdgpu_fake_walk *walk);
/* Copy within one page of VRAM or system memory, between it and a kernel buffer. */
int amdgpu_fake_access(struct amdgpu_device *adev, bool system, u64 address, void *buffer,
		       size_t size, bool write);

/* The DMA engine (amdgpu_fake_dma.c). Takes its own reference to drm. */
int amdgpu_fake_engine_start(struct amdgpu_fake_engine **engine, struct file *drm,
			     const struct amdgpu_fake_dma *job);
/* Accepts none. Fills in what it saw. */
void amdgpu_fake_engine_stop(struct amdgpu_fake_engine **engine, struct amdgpu_fake_dma *seen);
/* EINVAL without one. */
int amdgpu_fake_engine_look(const struct amdgpu_fake_engine *engine, struct amdgpu_fake_dma *seen);
/* The driver's hands on it: returns when no access is under way any more. */
void amdgpu_fake_engine_run(bool run);
void amdgpu_fake_engine_flush(void);

#endif

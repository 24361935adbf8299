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
struct amdgpu_fake_attach;
struct amdgpu_fake_interrupt;
struct amdgpu_fake_serve;
struct vm_area_struct;

int amdgpu_fake_dev_add(struct amdgpu_device *adev);
void amdgpu_fake_dev_remove(struct amdgpu_device *adev);
/* To see whether the tests would notice: flushes are forgotten. */
extern bool fake_forget_flush;
/* A flush by VMID; by PASID, which is 0 otherwise. */
void amdgpu_fake_count_flush(struct amdgpu_device *adev, u32 vmid, u32 pasid);

/* Translate walk->va; the page directory is reserved by the caller. */
int amdgpu_fake_walk_locked(struct amdgpu_device *adev, struct amdgpu_vm *vm,
			    struct amdgpu_fake_walk *walk);
/* The same from a page directory's entry on; for the hardware's side, which reserves nothing. */
int amdgpu_fake_walk_from(struct amdgpu_device *adev, u64 entry, struct amdgpu_fake_walk *walk);
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
/* How long it did not run, up to the last time it began to. */
u64 amdgpu_fake_engine_stopped_ns(void);

/* The shader engine (amdgpu_fake_shader.c): what its process asks. */
int amdgpu_fake_shader_attach(struct amdgpu_device *adev, struct file *filp,
			      struct amdgpu_fake_attach *args);
void amdgpu_fake_shader_detach(struct file *filp); /* accepts every file */
int amdgpu_fake_shader_serve(struct amdgpu_device *adev, struct file *filp,
			     struct amdgpu_fake_serve *args);
int amdgpu_fake_shader_interrupt(struct amdgpu_device *adev, struct file *filp,
				 const struct amdgpu_fake_interrupt *args);
int amdgpu_fake_shader_mmap(struct file *filp, struct vm_area_struct *vma);
/* The driver's hands on it: registers of a VMID, and its queues. All accept devices without one. */
void amdgpu_fake_shader_pasid(struct amdgpu_device *adev, u32 vmid, u32 pasid);
void amdgpu_fake_shader_root(struct amdgpu_device *adev, u32 vmid, u64 base);
void amdgpu_fake_shader_bases(struct amdgpu_device *adev, u32 vmid, u32 bases);
void amdgpu_fake_shader_trap(struct amdgpu_device *adev, u32 vmid, u64 tba, u64 tma);
void amdgpu_fake_shader_flush(struct amdgpu_device *adev, u32 vmid, u32 pasid);
int amdgpu_fake_shader_load(struct amdgpu_device *adev, void *mqd, bool sdma, u64 write_ptr_va);
int amdgpu_fake_shader_unload(struct amdgpu_device *adev, const void *mqd, bool destroy);

#endif

/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What differs between the drivers that the fake GPU is built for, here Linux 6.1: shapes of
 * functions and names of fields, no behaviour.
 */
#ifndef AMDGPU_FAKE_COMPAT_H_
#define AMDGPU_FAKE_COMPAT_H_

#include <drm/drm_drv.h>

#include "amdgpu.h"
#include "amdgpu_amdkfd.h"
#include "gmc_v9_0.h"
#include "soc15.h"
#include "vega10_enum.h"

/* The last parameter of functions that name a part of a GPU, and their results. */
#define FAKE_INST
#define FAKE_PASID_FLUSH int
#define FAKE_PASID_FLUSH_RETURN 0
#define FAKE_PTE_UNCACHED AMDGPU_PTE_MTYPE_VG10(MTYPE_UC)
#define FAKE_BACO bool

/* Without this, DRM registers an empty mode configuration and oopses over it. */
static inline int fake_compat_no_display(struct drm_device *dev)
{
	dev->driver_features &= ~(DRIVER_MODESET | DRIVER_ATOMIC);
	return 0;
}

static inline int fake_compat_gmc_early_init(struct amdgpu_device *adev)
{
	return gmc_v9_0_ip_block.funcs->early_init(adev);
}

static inline void fake_compat_gmc(struct amdgpu_device *adev)
{
	amdgpu_gmc_gart_location(adev, &adev->gmc);
	adev->num_vmhubs = 2;
}

static inline void fake_compat_gfx(struct amdgpu_device *adev)
{
	int se;

	for (se = 0; se < 4; se++)
		adev->gfx.cu_info.bitmap[se][0] = 0x7fff;
	/* KFD gets the queues that are not set here: leave one to the kernel, as gfx_v9_0 does. */
	set_bit(0, adev->gfx.mec.queue_bitmap);
	adev->doorbell.num_doorbells = 1024;
}

/* What else is made once buffer objects work, and taken down before they stop. */
static inline int fake_compat_memory_init(struct amdgpu_device *adev)
{
	return 0;
}

static inline void fake_compat_memory_fini(struct amdgpu_device *adev) {}

static inline void fake_compat_flush_ttm(struct amdgpu_device *adev)
{
	flush_delayed_work(&adev->mman.bdev.wq);
}

static inline u32 fake_compat_evicted(struct amdkfd_process_info *info)
{
	return atomic_read(&info->evicted_bos);
}

static inline void fake_compat_vm_flags(struct vm_area_struct *vma, unsigned long flags)
{
	vma->vm_flags |= flags;
}

#endif

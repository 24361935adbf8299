/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What differs between the drivers that the fake GPU is built for, here Linux 6.12: shapes of
 * functions and names of fields, no behaviour.
 */
#ifndef AMDGPU_FAKE_COMPAT_H_
#define AMDGPU_FAKE_COMPAT_H_

#include <drm/drm_drv.h>
#include <drm/drm_mode_config.h>

#include "amdgpu.h"
#include "amdgpu_amdkfd.h"
#include "amdgpu_doorbell.h"
#include "amdgpu_seq64.h"
#include "gmc_v9_0.h"
#include "soc15.h"
#include "vega10_enum.h"

/* The last parameter of functions that name a part of a GPU, and their results. */
#define FAKE_INST , uint32_t inst
#define FAKE_PASID_FLUSH void
#define FAKE_PASID_FLUSH_RETURN
#define FAKE_PTE_UNCACHED AMDGPU_PTE_MTYPE_VG10(0ULL, MTYPE_UC)
#define FAKE_BACO int

/* KFD is a DRM client (amdgpu_amdkfd_drm_client_create), which a device without modes cannot have.
 */
static inline int fake_compat_no_display(struct drm_device *dev)
{
	dev->driver_features &= ~DRIVER_ATOMIC;
	return drmm_mode_config_init(dev);
}

static inline int fake_compat_gmc_early_init(struct amdgpu_device *adev)
{
	struct amdgpu_ip_block block = {.version = &gmc_v9_0_ip_block, .adev = adev};

	return block.version->funcs->early_init(&block);
}

static inline void fake_compat_gmc(struct amdgpu_device *adev)
{
	amdgpu_gmc_gart_location(adev, &adev->gmc, AMDGPU_GART_PLACEMENT_BEST_FIT);
	set_bit(AMDGPU_GFXHUB(0), adev->vmhubs_mask);
	set_bit(AMDGPU_MMHUB0(0), adev->vmhubs_mask);
}

static inline void fake_compat_gfx(struct amdgpu_device *adev)
{
	int se;

	adev->gfx.xcc_mask = 1;
	for (se = 0; se < 4; se++)
		adev->gfx.cu_info.bitmap[0][se][0] = 0x7fff;
	/* KFD gets the queues that are not set here: leave one to the kernel, as gfx_v9_0 does. */
	set_bit(0, adev->gfx.mec_bitmap[0].queue_bitmap);
	adev->doorbell.num_kernel_doorbells = 1024;
}

/* What else is made once buffer objects work, and taken down before they stop. */
static inline int fake_compat_memory_init(struct amdgpu_device *adev)
{
	return amdgpu_seq64_init(adev); /* every VM maps it (amdgpu_driver_open_kms) */
}

static inline void fake_compat_memory_fini(struct amdgpu_device *adev)
{
	amdgpu_seq64_fini(adev);
	amdgpu_doorbell_fini(adev);
}

static inline void fake_compat_flush_ttm(struct amdgpu_device *adev)
{
	drain_workqueue(adev->mman.bdev.wq);
}

static inline u32 fake_compat_evicted(struct amdkfd_process_info *info)
{
	return READ_ONCE(info->evicted_bos);
}

static inline void fake_compat_vm_flags(struct vm_area_struct *vma, unsigned long flags)
{
	vm_flags_set(vma, flags);
}

#endif

/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What differs between the amdgpu drivers that the batch code is built for, here Linux 6.1: which
 * lock orders invalidations against the use of pages, and how a buffer's queues are stopped.
 */
#ifndef AMDGPU_USERPTR_BATCH_COMPAT_H_
#define AMDGPU_USERPTR_BATCH_COMPAT_H_

#include "amdgpu.h"
#include "amdgpu_amdkfd.h"

/* One lock for each device (amdgpu_mn_invalidate_hsa). */
static inline void userptr_batch_notifier_lock(struct amdgpu_bo *bo)
{
	mutex_lock(&amdgpu_ttm_adev(bo->tbo.bdev)->notifier_lock);
}

static inline void userptr_batch_notifier_unlock(struct amdgpu_bo *bo)
{
	mutex_unlock(&amdgpu_ttm_adev(bo->tbo.bdev)->notifier_lock);
}

static inline void userptr_batch_evict(struct amdgpu_bo *bo, struct mm_struct *mm)
{
	amdgpu_amdkfd_evict_userptr(bo->kfd_bo, mm);
}

#endif

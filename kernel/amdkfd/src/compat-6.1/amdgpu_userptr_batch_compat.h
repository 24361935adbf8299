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

/*
 * The end of an invalidation, with the lock held: with evict, the process' queues are stopped
 * before it is given back.
 */
static inline void userptr_batch_invalidated(struct amdgpu_bo *bo, struct mm_struct *mm,
					     struct mmu_interval_notifier *mni,
					     unsigned long cur_seq, bool evict)
{
	if (evict)
		amdgpu_amdkfd_evict_userptr(bo->kfd_bo, mm);
	userptr_batch_notifier_unlock(bo);
}

/* What the restore worker asks before it lets the queues run. */
static inline bool userptr_batch_valid(struct amdgpu_bo *bo, bool nothing_stale)
{
	return nothing_stale;
}

#endif

/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What differs between the amdgpu drivers that the batch code is built for, here Linux 6.12: which
 * lock orders invalidations against the use of pages, and how a buffer's queues are stopped.
 */
#ifndef AMDGPU_USERPTR_BATCH_COMPAT_H_
#define AMDGPU_USERPTR_BATCH_COMPAT_H_

#include "amdgpu.h"
#include "amdgpu_amdkfd.h"
#include "amdgpu_hmm.h"

/* One lock for each process (amdgpu_amdkfd_evict_userptr). */
static inline void userptr_batch_notifier_lock(struct amdgpu_bo *bo)
{
	mutex_lock(&bo->kfd_bo->process_info->notifier_lock);
}

static inline void userptr_batch_notifier_unlock(struct amdgpu_bo *bo)
{
	mutex_unlock(&bo->kfd_bo->process_info->notifier_lock);
}

/*
 * The end of an invalidation, with the lock held: with evict, the process' queues are stopped
 * before the callback returns. The driver's function takes the lock itself. What gets in between
 * may still use the old pages: nobody frees them before the callback returns.
 */
static inline void userptr_batch_invalidated(struct amdgpu_bo *bo, struct mm_struct *mm,
					     struct mmu_interval_notifier *mni,
					     unsigned long cur_seq, bool evict)
{
	userptr_batch_notifier_unlock(bo);
	if (evict)
		amdgpu_amdkfd_evict_userptr(mni, cur_seq, bo->kfd_bo);
}

/*
 * What the restore worker asks before it lets the queues run. It holds the lock and warns if the
 * answer differs from its own mark, which is made a moment after a stale bit (above).
 */
static inline bool userptr_batch_valid(struct amdgpu_bo *bo, bool nothing_stale)
{
	return !bo->kfd_bo->invalid;
}

#endif

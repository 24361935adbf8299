/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Batch userptr: one buffer object over many ranges of CPU virtual memory.
 *
 * Owns the list of ranges, the MMU notifiers that watch it and the walk that turns it into pages.
 * Knows buffer objects only as what it fills with pages; ioctls, handles and limits belong to
 * kfd_userptr_batch.c.
 */
#ifndef AMDGPU_USERPTR_BATCH_H_
#define AMDGPU_USERPTR_BATCH_H_

#include <linux/bits.h>
#include <linux/types.h>

struct amdgpu_bo;
struct amdgpu_userptr_batch;
struct drm_gem_object;
struct hmm_range;
struct kfd_ioctl_userptr_range;
struct page;

/*
 * More ranges than this are refused (E2BIG): 2^20 ranges cost 48 MiB of kernel memory while the
 * list is built and 32 MiB afterwards, and cover 4 GiB even if every range is a single page.
 */
#define AMDGPU_USERPTR_BATCH_MAX_RANGES BIT(20)

/*
 * Check @count ranges (page multiples, none empty, inside the address space, sum == @total) and
 * make a batch of them, with one reference. @ranges is only read. ERR_PTR(-EINVAL, -EFAULT or
 * -ENOMEM).
 */
struct amdgpu_userptr_batch *
amdgpu_userptr_batch_create(const struct kfd_ioctl_userptr_range *ranges, u32 count, u64 total);
struct amdgpu_userptr_batch *amdgpu_userptr_batch_get(struct amdgpu_userptr_batch *batch);
/* Both accept NULL. The last put frees; notifiers must be gone by then. */
void amdgpu_userptr_batch_put(struct amdgpu_userptr_batch *batch);

/* The batch behind a GEM object, NULL if it is another kind of buffer. Borrowed. */
struct amdgpu_userptr_batch *amdgpu_userptr_batch_of(struct drm_gem_object *gobj);

/* CPU address of the first range in list order. */
unsigned long amdgpu_userptr_batch_first(const struct amdgpu_userptr_batch *batch);
/* Call @fn for every range, in address order, until it returns non-zero; returns that. */
int amdgpu_userptr_batch_for_each(const struct amdgpu_userptr_batch *batch,
				  int (*fn)(unsigned long start, unsigned long end, void *data),
				  void *data);
/* Does any range have a byte in [start, last]? */
bool amdgpu_userptr_batch_overlaps(const struct amdgpu_userptr_batch *batch, unsigned long start,
				   unsigned long last);

/* Watch current->mm on behalf of @bo: all notifiers or none. */
int amdgpu_userptr_batch_register(struct amdgpu_userptr_batch *batch, struct amdgpu_bo *bo);
/* Stop watching. Sleeps until running callbacks are done. May be called again. */
void amdgpu_userptr_batch_unregister(struct amdgpu_userptr_batch *batch);

/*
 * Bring @pages, one entry per page of the buffer in GPU address order, up to date. Only ranges
 * invalidated since the last success are walked. On failure nothing may be mapped; on -EFAULT (a
 * range is gone) all entries are NULL. The caller holds amdkfd_process_info.lock. *@range is a
 * token for amdgpu_userptr_batch_pages_valid().
 */
int amdgpu_userptr_batch_get_pages(struct amdgpu_userptr_batch *batch, struct page **pages,
				   struct hmm_range **range);
/* True while nothing has been invalidated since get_pages succeeded. */
bool amdgpu_userptr_batch_pages_valid(struct amdgpu_userptr_batch *batch);

#endif

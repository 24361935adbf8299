// SPDX-License-Identifier: GPL-2.0 OR MIT
// Pages: TTM's entry points for user pages ask the batch, so that nothing above them has to change.
@ get @
identifier bo, pages, range, r;
@@
int amdgpu_ttm_tt_get_user_pages(struct amdgpu_bo *bo, struct page **pages, struct hmm_range **range)
{
	...
	int r = 0;
+
+	if (bo->kfd_bo && bo->kfd_bo->batch)
+		return amdgpu_userptr_batch_get_pages(bo->kfd_bo->batch, pages, range);
	...
}

@ check @
identifier ttm, range, gtt;
@@
amdgpu_ttm_tt_get_user_pages_done(struct ttm_tt *ttm, struct hmm_range *range)
{
	...
	if (!gtt || !gtt->userptr || !range)
		return false;
+	if (amdgpu_userptr_batch_of(gtt->gobj))
+		return amdgpu_userptr_batch_pages_valid(amdgpu_userptr_batch_of(gtt->gobj));
	...
}

@ discard @
identifier ttm, range, gtt;
@@
void amdgpu_ttm_tt_discard_user_pages(struct ttm_tt *ttm, struct hmm_range *range)
{
	struct amdgpu_ttm_tt *gtt = ...;

-	if (gtt && gtt->userptr && range)
+	if (gtt && gtt->userptr && range && !amdgpu_userptr_batch_of(gtt->gobj))
		amdgpu_hmm_range_get_pages_done(range);
}

@ affect @
identifier ttm, start, end, userptr, gtt;
@@
amdgpu_ttm_tt_affect_userptr(struct ttm_tt *ttm, unsigned long start, unsigned long end,
			     unsigned long *userptr)
{
	...
	if (gtt == NULL || !gtt->userptr)
		return false;
+	if (amdgpu_userptr_batch_of(gtt->gobj)) {
+		if (userptr)
+			*userptr = gtt->userptr;
+		return amdgpu_userptr_batch_overlaps(amdgpu_userptr_batch_of(gtt->gobj), start, end);
+	}
	...
}

@ depends on get @
@@
#include "amdgpu_amdkfd.h"
+#include "amdgpu_userptr_batch.h"

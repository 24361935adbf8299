// SPDX-License-Identifier: GPL-2.0 OR MIT
// The restore worker takes EFAULT (the memory was unmapped) for success, but keeps the old page array, validates
// the buffer with it and so maps pages that were freed. Without the array the page table entries are cleared.
@@
identifier ret, bo;
expression E, R;
@@
ret = amdgpu_ttm_tt_get_user_pages(bo, E, R);
if (ret) {
	...
	if (ret != -EFAULT)
		return ret;
+	amdgpu_ttm_tt_set_user_pages(bo->tbo.ttm, NULL);
} else { ... }

@@
identifier ret, bo;
expression E, R;
@@
ret = amdgpu_ttm_tt_get_user_pages(bo, E, R);
if (ret) {
	...
	if (ret != -EFAULT)
		return ret;
+	amdgpu_ttm_tt_set_user_pages(bo->tbo.ttm, NULL);
	...
}

// A GPU behind an IOMMU that is not the buffer's own has a mapping of its own: of no pages there is none, and the
// page table entries stay clear.
@@
identifier fn =~ "^kfd_mem_dmamap_userptr$";
identifier src, ttm;
@@
fn(...)
{
	...
	if (WARN_ON(ttm->num_pages != src->num_pages))
		return -EINVAL;
+	if (!src->pages[0])
+		return 0;
	...
}

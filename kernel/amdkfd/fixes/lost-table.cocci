// SPDX-License-Identifier: GPL-2.0 OR MIT
// When the pages of a userptr cannot be mapped for DMA for want of memory, the scatter list head is freed, but the buffer
// still counts as populated, which includes it. The next attempt, of the restore worker, follows a NULL pointer. Leave
// it to amdgpu_ttm_tt_unpopulate, which frees it in any case.
@@
identifier fn =~ "^amdgpu_ttm_tt_pin_userptr$";
identifier ttm;
@@
fn(...)
{
	<...
-	kfree(ttm->sg);
-	ttm->sg = NULL;
	...>
}

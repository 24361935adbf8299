// SPDX-License-Identifier: GPL-2.0 OR MIT
// Freeing a page table warns when it still shares the root's reservation. That is so when TTM found no memory to give it
// one of its own (ttm_bo_individualize_resv); TTM has then waited for the fences, and nothing is wrong. 6.12 does not warn.
@@
identifier fn =~ "^amdgpu_bo_release_notify$";
identifier bo;
@@
fn(...)
{
	<...
-	WARN_ON_ONCE(bo->type == ttm_bo_type_kernel && bo->base.resv != &bo->base._resv);
	...>
}

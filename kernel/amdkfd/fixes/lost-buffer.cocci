// SPDX-License-Identifier: GPL-2.0 OR MIT
// ALLOC reserves of KFD's limit, makes the buffer object, and then has steps that can fail for want of memory. The error
// path leaves the kgd_mem and the reservation to the buffer's destructor, which knows nothing of them: it looks at
// kfd_bo, set only after these steps. Set it as soon as there is a buffer.
@ late @
identifier fn =~ "^amdgpu_amdkfd_gpuvm_alloc_memory_of_gpu$";
identifier bo, mem;
@@
fn(..., struct kgd_mem **mem, ...)
{
	<...
-	bo->kfd_bo = *mem;
	...>
}

@ early depends on late @
identifier late.fn, late.bo, late.mem;
identifier ret, gobj;
@@
fn(...)
{
	<...
	ret = drm_vma_node_allow(&gobj->vma_node, ...);
	...
-	bo = gem_to_amdgpu_bo(gobj);
	...>
}

@ depends on early @
identifier late.fn, late.bo, late.mem, early.gobj, early.ret;
@@
fn(...)
{
	<...
+	/* From here on, freeing the BO frees *mem and what it reserved. */
+	bo = gem_to_amdgpu_bo(gobj);
+	bo->kfd_bo = *mem;
	ret = drm_vma_node_allow(&gobj->vma_node, ...);
	...>
}

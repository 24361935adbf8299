// SPDX-License-Identifier: GPL-2.0 OR MIT
// UNMAP takes the mapping out of the VM's list of those to clear and frees it, also if there was no memory to clear its
// page table entries: they stay, with nobody to remember them, and UNMAP says that all is well. Keep the mapping in
// the list; let UNMAP say that it failed, and be called again; and let the restore worker clear what is left, since pages
// may change owner before that.
@ keep @
identifier fn =~ "^amdgpu_vm_clear_freed$";
identifier r, f, mapping;
expression list ES;
@@
fn(...)
{
	<...
-	list_del(&mapping->list);
	...
	r = amdgpu_vm_update_range(...);
-	amdgpu_vm_free_mapping(ES);
	if (r) {
		dma_fence_put(f);
		...
	}
+	list_del(&mapping->list);
+	amdgpu_vm_free_mapping(ES);
	...>
}

// 6.1. The mapping may be gone: an earlier attempt failed in what follows.
@ answer @
identifier mem, entry, sync, adev, vm, bo_va;
@@
-static void unmap_bo_from_gpuvm(struct kgd_mem *mem, struct kfd_mem_attachment *entry, struct amdgpu_sync *sync)
+static int unmap_bo_from_gpuvm(struct kgd_mem *mem, struct kfd_mem_attachment *entry, struct amdgpu_sync *sync)
{
	...
	struct amdgpu_vm *vm = ...;
+	int ret;
	...
-	amdgpu_vm_bo_unmap(adev, bo_va, entry->va);
-	amdgpu_vm_clear_freed(adev, vm, &bo_va->last_pt_update);
-	amdgpu_sync_fence(sync, bo_va->last_pt_update);
+	(void)amdgpu_vm_bo_unmap(adev, bo_va, entry->va);
+	ret = amdgpu_vm_clear_freed(adev, vm, &bo_va->last_pt_update);
+	if (ret)
+		return ret;
+	return amdgpu_sync_fence(sync, bo_va->last_pt_update);
}

@ depends on answer @
identifier fn =~ "^amdgpu_amdkfd_gpuvm_unmap_memory_from_gpu$";
identifier ret;
expression list ES;
@@
fn(...)
{
	...
	int ret;
	<...
-	unmap_bo_from_gpuvm(ES);
+	ret = unmap_bo_from_gpuvm(ES);
+	if (ret)
+		goto unreserve_out;
	...>
}

// 6.12
@@
identifier adev, vm, bo_va, entry, sync;
expression GFP;
@@
static int unmap_bo_from_gpuvm(...)
{
	...
	struct amdgpu_vm *vm = ...;
+	int ret;
	...
	(void)amdgpu_vm_bo_unmap(adev, bo_va, entry->va);
-	(void)amdgpu_vm_clear_freed(adev, vm, &bo_va->last_pt_update);
-	(void)amdgpu_sync_fence(sync, bo_va->last_pt_update, GFP);
-	return 0;
+	ret = amdgpu_vm_clear_freed(adev, vm, &bo_va->last_pt_update);
+	if (ret)
+		return ret;
+	return amdgpu_sync_fence(sync, bo_va->last_pt_update, GFP);
}

@@
identifier fn =~ "^update_gpuvm_pte$";
identifier ret, bo_va, adev;
@@
fn(...)
{
	struct amdgpu_bo_va *bo_va = ...;
	struct amdgpu_device *adev = ...;
	...
	ret = kfd_mem_dmamap_attachment(...);
	if (ret)
		return ret;
+
+	/* What a failed UNMAP has left: its pages may be about to go. */
+	ret = amdgpu_vm_clear_freed(adev, bo_va->base.vm, NULL);
+	if (ret)
+		return ret;
	...
}

// SPDX-License-Identifier: GPL-2.0 OR MIT
// FREE takes the buffer out of its list and removes its notifier, and only then does what can fail for want of memory:
// reserve the buffer and its page directories. The handle stays after such a failure, but the buffer can be mapped
// without anybody watching its memory, and the next FREE, if only when the process ends, corrupts the list. Do first
// what can fail. What the reservation needs excludes unpinning, which now comes after it.
@ reserve @
identifier fn =~ "^amdgpu_amdkfd_gpuvm_free_memory_of_gpu$";
identifier mem, ret, ctx, process_info;
expression ENTRY;
@@
fn(..., struct kgd_mem *mem, ...)
{
	<...
	mutex_lock(&process_info->lock);
+	ret = reserve_bo_and_cond_vms(mem, NULL, BO_VM_ALL, &ctx);
+	if (ret) {
+		mutex_unlock(&process_info->lock);
+		return ret;
+	}
	list_del(ENTRY);
	mutex_unlock(&process_info->lock);
	...
-	ret = reserve_bo_and_cond_vms(mem, NULL, BO_VM_ALL, &ctx);
-	if (unlikely(ret))
-		return ret;
	...>
}

@ pinned depends on reserve @
identifier reserve.fn, reserve.mem, reserve.ret;
@@
fn(...)
{
	...
	int ret;
+	const u32 pinned = KFD_IOC_ALLOC_MEM_FLAGS_DOORBELL | KFD_IOC_ALLOC_MEM_FLAGS_MMIO_REMAP;
	<...
-	if (mem->alloc_flags & (KFD_IOC_ALLOC_MEM_FLAGS_DOORBELL | KFD_IOC_ALLOC_MEM_FLAGS_MMIO_REMAP)) {
-		amdgpu_amdkfd_gpuvm_unpin_bo(mem->bo);
-	}
	...>
}

@ depends on pinned @
identifier reserve.fn, reserve.ret, reserve.mem, reserve.ctx;
@@
fn(...)
{
	<...
	ret = unreserve_bo_and_vms(&ctx, ...);
+	if (mem->alloc_flags & pinned)
+		amdgpu_amdkfd_gpuvm_unpin_bo(mem->bo);
	...>
}

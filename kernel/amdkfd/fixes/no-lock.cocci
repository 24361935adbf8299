// SPDX-License-Identifier: GPL-2.0 OR MIT
// Without memory for its callback amdgpu_vm_update_range releases a lock that it does not hold yet. 6.12 has no such jump.
@@
identifier fn =~ "^amdgpu_vm_update_range$";
identifier tlb_cb, r, idx;
@@
fn(...)
{
	<...
	if (!tlb_cb) {
-		r = -ENOMEM;
-		goto error_unlock;
+		drm_dev_exit(idx);
+		return -ENOMEM;
	}
	...
error_free:
	kfree(tlb_cb);
-error_unlock:
	amdgpu_vm_eviction_unlock(...);
	drm_dev_exit(idx);
	...>
}

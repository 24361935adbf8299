// SPDX-License-Identifier: GPL-2.0 OR MIT
// TTM, not amdgpu: when the list of buffers is reserved and there is no memory for a fence slot, the error path unlocks
// the buffers before this one and leaves this one locked: nobody else ever gets it. The slow path locks it again after
// a deadlock was avoided, and forgets it in the same way.
@@
identifier fn =~ "^ttm_eu_reserve_buffers$";
identifier bo, ret;
expression N;
@@
fn(...)
{
	<...
		if (!ret) {
			ret = dma_resv_reserve_fences(bo->base.resv, N);
			if (!ret)
				continue;
+			dma_resv_unlock(bo->base.resv);
		}
	...
-		if (!ret)
-			ret = dma_resv_reserve_fences(bo->base.resv, N);
+		if (!ret) {
+			ret = dma_resv_reserve_fences(bo->base.resv, N);
+			if (ret)
+				dma_resv_unlock(bo->base.resv);
+		}
	...>
}

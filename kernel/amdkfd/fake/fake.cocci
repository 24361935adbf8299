// SPDX-License-Identifier: GPL-2.0 OR MIT
// Test only: where amdgpu would touch hardware, the fake GPU (amdgpu_fake.c) takes over.
@ init @
identifier adev;
@@
int amdgpu_device_init(struct amdgpu_device *adev, ...)
{
	...
	ratelimit_set_flags(&adev->throttling_logging_rs, RATELIMIT_MSG_ON_RELEASE);
+	if (amdgpu_fake_is(adev))
+		return amdgpu_fake_init(adev);
	...
}

@ fini_sw @
identifier adev, px;
@@
void amdgpu_device_fini_sw(struct amdgpu_device *adev)
{
	...
	bool px;
+
+	if (amdgpu_fake_is(adev)) {
+		amdgpu_fake_fini_sw(adev);
+		return;
+	}
	...
}

@ depends on init @
@@
#include "amdgpu.h"
+#include "amdgpu_fake.h"

@ unload @
identifier dev, adev;
@@
void amdgpu_driver_unload_kms(struct drm_device *dev)
{
	struct amdgpu_device *adev = drm_to_adev(dev);
+
+	if (adev && amdgpu_fake_is(adev)) {
+		amdgpu_fake_fini_hw(adev);
+		return;
+	}
	...
}

@ depends on unload @
@@
#include "amdgpu.h"
+#include "amdgpu_fake.h"

@ fill @
identifier bo, src_data, resv, f;
identifier adev, ring, fence, dst, r;
@@
int amdgpu_fill_buffer(struct amdgpu_bo *bo, uint32_t src_data, struct dma_resv *resv,
		       struct dma_fence **f)
{
	...
	int r;
+
+	if (amdgpu_fake_is(amdgpu_ttm_adev(bo->tbo.bdev)))
+		return amdgpu_fake_fill(bo, src_data, f);
	...
}

@ fill_612 @
identifier bo, src_data, resv, f, delayed, id;
identifier r;
@@
int amdgpu_fill_buffer(struct amdgpu_bo *bo, uint32_t src_data, struct dma_resv *resv,
		       struct dma_fence **f, bool delayed, u64 id)
{
	...
	int r;
+
+	if (amdgpu_fake_is(amdgpu_ttm_adev(bo->tbo.bdev)))
+		return amdgpu_fake_fill(bo, src_data, f);
	...
}

@ clear @
identifier bo, resv, fence, r;
@@
int amdgpu_ttm_clear_buffer(struct amdgpu_bo *bo, struct dma_resv *resv, struct dma_fence **fence)
{
	...
	int r = 0;
+
+	if (amdgpu_fake_is(amdgpu_ttm_adev(bo->tbo.bdev)))
+		return amdgpu_fake_fill(bo, 0, fence);
	...
}

@ depends on fill || fill_612 @
@@
#include "amdgpu.h"
+#include "amdgpu_fake.h"

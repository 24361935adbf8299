// SPDX-License-Identifier: GPL-2.0 OR MIT
// MMU notifiers: a batch registers its own, instead of the one in the buffer object.
@ insert @
identifier bo, addr, r;
identifier fn =~ "^amdgpu_(mn|hmm)_register$";
@@
int fn(struct amdgpu_bo *bo, unsigned long addr)
{
	int r;
+
+	if (bo->kfd_bo && bo->kfd_bo->batch)
+		return amdgpu_userptr_batch_register(bo->kfd_bo->batch, bo);
	...
}

@ remove @
identifier bo;
identifier fn =~ "^amdgpu_(mn|hmm)_unregister$";
@@
void fn(struct amdgpu_bo *bo)
{
+	if (bo->kfd_bo && bo->kfd_bo->batch)
+		amdgpu_userptr_batch_unregister(bo->kfd_bo->batch);
	...
}

@ depends on remove @
@@
#include "amdgpu_amdkfd.h"
+#include "amdgpu_userptr_batch.h"

// SPDX-License-Identifier: GPL-2.0 OR MIT
// kfd_chardev.c: the table entry; a checkpoint (CRIU) cannot describe many ranges and is refused.
@ table @
@@
static const struct amdkfd_ioctl_desc amdkfd_ioctls[] = {
	...,
+	AMDKFD_IOCTL_DEF(AMDKFD_IOC_ALLOC_MEMORY_OF_GPU_BATCH,
+			 kfd_ioctl_alloc_batch, 0),
};

@ checkpoint @
identifier fn =~ "^criu_checkpoint_bos$";
identifier out;
expression M;
struct amdgpu_bo *B;
struct kgd_mem *K;
@@
fn(...)
{
	<...
	B = K->bo;
+	if (K->batch) {
+		ret = -EOPNOTSUPP;
+		goto exit;
+	}
	...>
}

@ depends on table @
@@
#include "kfd_svm.h"
+#include "kfd_userptr_batch.h"

// SPDX-License-Identifier: GPL-2.0 OR MIT
// Allocation: one more parameter, the batch. NULL means an ordinary buffer. The buffer object's kgd_mem holds a
// reference from the moment that its release is certain to drop it (amdgpu_amdkfd_release_notify).
@ member @
@@
struct kgd_mem {
	...
	struct amdgpu_sync sync;
+	struct amdgpu_userptr_batch *batch;	/* many CPU ranges, or NULL */
	...
};

@ prototype @
typedef uint64_t, uint32_t;
parameter list PS;
identifier last;
@@
int amdgpu_amdkfd_gpuvm_alloc_memory_of_gpu(PS, bool last
+	, struct amdgpu_userptr_batch *batch
	);

@ definition @
parameter list PS;
identifier last;
expression BO;
@@
int amdgpu_amdkfd_gpuvm_alloc_memory_of_gpu(PS, bool last
+	, struct amdgpu_userptr_batch *batch
	)
{
	<...
	BO->kfd_bo = *mem;
+	(*mem)->batch = amdgpu_userptr_batch_get(batch);
	...>
}

@ call @
expression list ES;
expression last;
@@
amdgpu_amdkfd_gpuvm_alloc_memory_of_gpu(ES, last
+	, NULL
	)

@ release @
identifier bo;
@@
void amdgpu_amdkfd_release_notify(struct amdgpu_bo *bo)
{
	...
+	amdgpu_userptr_batch_put(bo->kfd_bo->batch);
	kfree(bo->kfd_bo);
}

@ include depends on definition @
@@
#include "amdgpu_amdkfd.h"
+#include "amdgpu_userptr_batch.h"

@ forward @
@@
struct amdgpu_device;
+struct amdgpu_userptr_batch;

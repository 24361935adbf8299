// SPDX-License-Identifier: GPL-2.0 OR MIT
// Build option FLAG=1: the later encoding, a flag of ALLOC_MEMORY_OF_GPU, as a second door to the same code.
@@
identifier filep, p, data, args;
@@
static int kfd_ioctl_alloc_memory_of_gpu(struct file *filep, struct kfd_process *p, void *data)
{
	...
	uint32_t flags = args->flags;
	...
+	if (flags & KFD_IOC_ALLOC_MEM_FLAGS_USERPTR_BATCH)
+		return kfd_alloc_userptr_batch_by_flag(p, args);
	if (args->size == 0)
		return -EINVAL;
	...
}

/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The ioctl AMDKFD_IOC_ALLOC_MEMORY_OF_GPU_BATCH, as kfd_chardev.c's table calls it.
 */
#ifndef KFD_USERPTR_BATCH_H_
#define KFD_USERPTR_BATCH_H_

struct file;
struct kfd_process;
struct kfd_ioctl_alloc_memory_of_gpu_args;

int kfd_ioctl_alloc_batch(struct file *filep, struct kfd_process *p, void *data);

/* The later encoding: ALLOC_MEMORY_OF_GPU with KFD_IOC_ALLOC_MEM_FLAGS_USERPTR_BATCH. */
int kfd_alloc_userptr_batch_by_flag(struct kfd_process *p,
				    struct kfd_ioctl_alloc_memory_of_gpu_args *args);

#endif

// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Batch userptr: the ioctl. Checks every argument, copies the range list, and makes one buffer
 * object of it.
 *
 * Order of the checks (part of the interface, docs/kernel.md): empty list EINVAL, not a userptr
 * EOPNOTSUPP, anything else in the arguments EINVAL, too many ranges E2BIG, list unreadable EFAULT,
 * a range wrong EINVAL or EFAULT, SVM overlap EADDRINUSE, device EINVAL, window outside of the
 * aperture EINVAL. All or nothing.
 */
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "amdgpu_amdkfd.h"
#include "amdgpu_userptr_batch.h"
#include "kfd_priv.h"
#include "kfd_svm.h"
#include "kfd_userptr_batch.h"

/*
 * What a userptr may carry. Other kinds of memory cannot be made of ranges; unknown bits are for
 * later.
 */
#define FLAGS_ALLOWED                                                                              \
	((u32)(KFD_IOC_ALLOC_MEM_FLAGS_USERPTR | KFD_IOC_ALLOC_MEM_FLAGS_WRITABLE |                \
	       KFD_IOC_ALLOC_MEM_FLAGS_EXECUTABLE | KFD_IOC_ALLOC_MEM_FLAGS_PUBLIC |               \
	       KFD_IOC_ALLOC_MEM_FLAGS_NO_SUBSTITUTE | KFD_IOC_ALLOC_MEM_FLAGS_COHERENT |          \
	       KFD_IOC_ALLOC_MEM_FLAGS_UNCACHED | FLAGS_LATER))
#ifdef KFD_IOC_ALLOC_MEM_FLAGS_EXT_COHERENT
#define FLAGS_LATER KFD_IOC_ALLOC_MEM_FLAGS_EXT_COHERENT
#else
#define FLAGS_LATER 0
#endif

/* A request, whichever of the two encodings brought it. */
struct request {
	u64 va;
	u64 size;
	u64 __user *list;
	u32 count;
	u32 gpu_id;
	u32 flags;
};

static int check_request(const struct request *q)
{
	u64 end;

	if (!q->count || !q->size || !q->list)
		return -EINVAL;
	if (!(q->flags & KFD_IOC_ALLOC_MEM_FLAGS_USERPTR))
		return -EOPNOTSUPP;
	if (q->flags & ~FLAGS_ALLOWED)
		return -EINVAL;
	if (!q->va || !PAGE_ALIGNED(q->va) || !PAGE_ALIGNED(q->size) ||
	    check_add_overflow(q->va, q->size, &end))
		return -EINVAL;
	/* Every range is a page at least: more than that cannot add up. */
	if (q->count > q->size >> PAGE_SHIFT)
		return -EINVAL;
	if (q->count > AMDGPU_USERPTR_BATCH_MAX_RANGES)
		return -E2BIG;
	return 0;
}

static struct amdgpu_userptr_batch *copy_ranges(const struct request *q)
{
	struct kfd_ioctl_userptr_range *ranges;
	struct amdgpu_userptr_batch *batch;

	ranges = kvmalloc_array(q->count, sizeof(*ranges), GFP_KERNEL_ACCOUNT);
	if (!ranges)
		return ERR_PTR(-ENOMEM);
	if (copy_from_user(ranges, q->list, q->count * sizeof(*ranges)))
		batch = ERR_PTR(-EFAULT);
	else
		batch = amdgpu_userptr_batch_create(ranges, q->count, q->size);
	kvfree(ranges);
	return batch;
}

#if IS_ENABLED(CONFIG_HSA_AMD_SVM)
static int in_svm_range(unsigned long start, unsigned long end, void *data)
{
	struct kfd_process *p = data;

	return interval_tree_iter_first(&p->svms.objects, start >> PAGE_SHIFT,
					(end - 1) >> PAGE_SHIFT)
		       ? -EADDRINUSE
		       : 0;
}

/* Neither the window nor any range may lie in memory that the SVM API manages. */
static int check_svm(struct kfd_process *p, const struct request *q,
		     const struct amdgpu_userptr_batch *batch)
{
	int r;

	svm_range_list_lock_and_flush_work(&p->svms, current->mm);
	mutex_lock(&p->svms.lock);
	mmap_write_unlock(current->mm);
	r = in_svm_range(q->va, q->va + q->size, p);
	if (!r)
		r = amdgpu_userptr_batch_for_each(batch, in_svm_range, p);
	mutex_unlock(&p->svms.lock);
	return r;
}
#else
static int check_svm(struct kfd_process *p, const struct request *q,
		     const struct amdgpu_userptr_batch *batch)
{
	return 0;
}
#endif

/* Make the buffer object and its handle. The caller holds p->mutex. */
static int alloc_locked(struct kfd_process *p, const struct request *q,
			struct amdgpu_userptr_batch *batch, u64 *handle, u64 *mmap_offset)
{
	u64 offset = amdgpu_userptr_batch_first(batch);
	struct kfd_process_device *pdd;
	struct kgd_mem *mem;
	int id, r;

	pdd = kfd_process_device_data_by_id(p, q->gpu_id);
	if (!pdd)
		return -EINVAL;
	pdd = kfd_bind_process_to_device(pdd->dev, p);
	if (IS_ERR(pdd))
		return PTR_ERR(pdd);
	if (q->va < pdd->gpuvm_base || q->va + q->size - 1 > pdd->gpuvm_limit)
		return -EINVAL;

	r = amdgpu_amdkfd_gpuvm_alloc_memory_of_gpu(pdd->dev->adev, q->va, q->size, pdd->drm_priv,
						    &mem, &offset, q->flags, false, batch);
	if (r)
		return r;
	id = kfd_process_device_create_obj_handle(pdd, mem);
	if (id < 0) {
		amdgpu_amdkfd_gpuvm_free_memory_of_gpu(pdd->dev->adev, mem, pdd->drm_priv, NULL);
		return id;
	}
	*handle = MAKE_HANDLE(q->gpu_id, id);
	*mmap_offset = offset;
	return 0;
}

static int alloc_batch(struct kfd_process *p, const struct request *q, u64 *handle,
		       u64 *mmap_offset)
{
	struct amdgpu_userptr_batch *batch;
	int r;

	r = check_request(q);
	if (r)
		return r;
	batch = copy_ranges(q);
	if (IS_ERR(batch))
		return PTR_ERR(batch);
	r = check_svm(p, q, batch);
	if (!r) {
		mutex_lock(&p->mutex);
		r = alloc_locked(p, q, batch, handle, mmap_offset);
		mutex_unlock(&p->mutex);
	}
	amdgpu_userptr_batch_put(batch); /* the buffer object has its own reference */
	return r;
}

int kfd_ioctl_alloc_batch(struct file *filep, struct kfd_process *p, void *data)
{
	struct kfd_ioctl_alloc_memory_of_gpu_batch_args *args = data;
	struct request q = {
		.va = args->va_addr,
		.size = args->total_size,
		.list = u64_to_user_ptr(args->ranges_ptr),
		.count = args->num_ranges,
		.gpu_id = args->gpu_id,
		.flags = args->flags,
	};
	u64 mmap_offset;

	if (args->pad)
		return -EINVAL;
	return alloc_batch(p, &q, &args->handle, &mmap_offset);
}

int kfd_alloc_userptr_batch_by_flag(struct kfd_process *p,
				    struct kfd_ioctl_alloc_memory_of_gpu_args *args)
{
	struct kfd_ioctl_userptr_batch header;
	void __user *table = u64_to_user_ptr(args->mmap_offset);
	struct request q = {
		.va = args->va_addr,
		.size = args->size,
		.list = table + sizeof(header),
		.gpu_id = args->gpu_id,
		.flags = args->flags & ~KFD_IOC_ALLOC_MEM_FLAGS_USERPTR_BATCH,
	};

	if (!table || !PAGE_ALIGNED(args->mmap_offset))
		return -EINVAL;
	if (copy_from_user(&header, table, sizeof(header)))
		return -EFAULT;
	if (header.reserved)
		return -EINVAL;
	q.count = header.num_ranges;
	return alloc_batch(p, &q, &args->handle, &args->mmap_offset);
}

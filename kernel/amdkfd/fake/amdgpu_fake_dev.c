// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The fake GPU's eyes and hands: /dev/amdgpu_fake (amdgpu_fake_uapi.h) walks the page tables as the
 * hardware would and moves data through them; and the KFD functions that load and unload queues,
 * which count and tell the engines (amdgpu_fake_dma.c, amdgpu_fake_shader.c).
 */
#include <linux/file.h>
#include <linux/highmem.h>
#include <linux/iommu.h>
#include <linux/kasan.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/uaccess.h>

#include "amdgpu.h"
#include "amdgpu_amdkfd.h"
#include "amdgpu_fake.h"
#include "amdgpu_fake_compat.h"
#include "amdgpu_fake_dev.h"
#include "amdgpu_fake_uapi.h"
#include "kgd_kfd_interface.h"

#define VA_BITS_PER_LEVEL 9
#define LEVELS 4

/* Counters, of all fake devices together: tests look at differences, with one device active. */
static atomic_t queues;
static atomic64_t loads, flushes;
static DEFINE_MUTEX(users_lock);
static int users;

void amdgpu_fake_count_flush(struct amdgpu_device *adev, u32 vmid, u32 pasid)
{
	atomic64_inc(&flushes);
	if (READ_ONCE(fake_forget_flush))
		return;
	amdgpu_fake_engine_flush();
	amdgpu_fake_shader_flush(adev, vmid, pasid);
}

/* A bus address as the CPU's physical address. */
static phys_addr_t bus_to_phys(struct amdgpu_device *adev, dma_addr_t bus)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(adev->dev);

	return domain ? iommu_iova_to_phys(domain, bus) : bus;
}

/* Copy within one page of VRAM or system memory, between it and a kernel buffer. */
int amdgpu_fake_access(struct amdgpu_device *adev, bool system, u64 address, void *buffer,
		       size_t size, bool write)
{
	if (!system) {
		void __iomem *p = adev->mman.aper_base_kaddr + address;

		if (address + size > adev->gmc.real_vram_size)
			return -EFAULT;
		if (write)
			memcpy_toio(p, buffer, size);
		else
			memcpy_fromio(buffer, p, size);
	} else {
		phys_addr_t phys = bus_to_phys(adev, address);
		char *p;

		if (!phys || !pfn_valid(PHYS_PFN(phys)))
			return -EFAULT;
		p = kmap_local_page(pfn_to_page(PHYS_PFN(phys)));
		/* A device asks nobody whose the page is: a case demands reads of freed ones. */
		kasan_disable_current();
		if (write)
			memcpy(p + offset_in_page(phys), buffer, size);
		else
			memcpy(buffer, p + offset_in_page(phys), size);
		kasan_enable_current();
		kunmap_local(p);
	}
	return 0;
}

/* Translate va, from the root down. */
int amdgpu_fake_walk_from(struct amdgpu_device *adev, u64 entry, struct amdgpu_fake_walk *walk)
{
	u64 va = walk->va & GENMASK_ULL(47, 0);
	int level, r;

	for (level = LEVELS - 1; level >= 0; level--) {
		unsigned int shift = PAGE_SHIFT + level * VA_BITS_PER_LEVEL;
		u64 index = (va >> shift) & (BIT(VA_BITS_PER_LEVEL) - 1);
		u64 table = entry & GENMASK_ULL(47, 6);

		r = amdgpu_fake_access(adev, entry & AMDGPU_PTE_SYSTEM, table + index * 8, &entry,
				       8, false);
		if (r)
			return r;
		walk->level = level;
		walk->entry = entry;
		if (!(entry & AMDGPU_PTE_VALID) || level == 0 || (entry & AMDGPU_PDE_PTE)) {
			/* A huge entry's base need not be aligned to its size: add, do not or. */
			walk->offset = (entry & AMDGPU_FAKE_ADDRESS) + (va & (BIT_ULL(shift) - 1));
			walk->memory = entry & AMDGPU_PTE_SYSTEM ? bus_to_phys(adev, walk->offset)
								 : 0;
			return 0;
		}
	}
	return -EFAULT;
}

/* The page directory's reservation keeps the driver from changing the tables meanwhile. */
int amdgpu_fake_walk_locked(struct amdgpu_device *adev, struct amdgpu_vm *vm,
			    struct amdgpu_fake_walk *walk)
{
	return amdgpu_fake_walk_from(adev, amdgpu_gmc_pd_addr(vm->root.bo), walk);
}

/* Userptr evictions that are not restored yet: queues of the process must not run. */
static u32 evicted(const struct amdgpu_vm *vm)
{
	return vm->process_info ? fake_compat_evicted(vm->process_info) : 0;
}

/* -EAGAIN while the process is evicted: hardware would not run then, and see no page on its way. */
static int copy_one_page(struct amdgpu_device *adev, struct amdgpu_vm *vm,
			 struct amdgpu_fake_copy *copy, void *bounce, size_t size)
{
	struct amdgpu_fake_walk walk = {.va = copy->va};
	u64 need = AMDGPU_PTE_VALID | (copy->write ? AMDGPU_PTE_WRITEABLE : AMDGPU_PTE_READABLE);
	int r;

	if (copy->write && copy_from_user(bounce, u64_to_user_ptr(copy->buffer), size))
		return -EINVAL;
	r = amdgpu_bo_reserve(vm->root.bo, false);
	if (r)
		return r;
	r = evicted(vm) ? -EAGAIN : amdgpu_fake_walk_locked(adev, vm, &walk);
	if (!r && (walk.entry & need) != need)
		r = -EFAULT;
	if (!r)
		r = amdgpu_fake_access(adev, walk.entry & AMDGPU_PTE_SYSTEM, walk.offset, bounce,
				       size, copy->write);
	if (evicted(vm)) /* since the first look; a restore would need the reservation */
		r = -EAGAIN;
	amdgpu_bo_unreserve(vm->root.bo);
	if (r == -EFAULT)
		copy->fault_va = copy->va;
	if (!r && !copy->write && copy_to_user(u64_to_user_ptr(copy->buffer), bounce, size))
		r = -EINVAL;
	return r;
}

static int do_copy(struct amdgpu_device *adev, struct amdgpu_vm *vm, struct amdgpu_fake_copy *copy)
{
	void *bounce = kmalloc(PAGE_SIZE, GFP_KERNEL);
	int r = 0;

	if (!bounce)
		return -ENOMEM;
	while (copy->size) {
		size_t size = min_t(u64, copy->size, PAGE_SIZE - offset_in_page(copy->va));

		r = fatal_signal_pending(current) ? -EINTR
						  : copy_one_page(adev, vm, copy, bounce, size);
		if (r)
			break;
		copy->va += size;
		copy->buffer += size;
		copy->size -= size;
	}
	kfree(bounce);
	return r;
}

static int do_walk(struct amdgpu_device *adev, struct amdgpu_vm *vm, struct amdgpu_fake_walk *walk)
{
	int r = amdgpu_bo_reserve(vm->root.bo, false);

	if (r)
		return r;
	r = amdgpu_fake_walk_locked(adev, vm, walk);
	amdgpu_bo_unreserve(vm->root.bo);
	return r;
}

static int do_state(struct amdgpu_device *adev, struct amdgpu_vm *vm,
		    struct amdgpu_fake_state *state)
{
	state->evicted = evicted(vm);
	state->queues = atomic_read(&queues);
	state->loads = atomic64_read(&loads);
	state->flushes = atomic64_read(&flushes);
	state->vram_bytes = adev->gmc.real_vram_size;
	state->stopped_ns = amdgpu_fake_engine_stopped_ns();
	return 0;
}

static int do_dma(struct file *filp, struct file *drm, struct amdgpu_fake_dma *dma)
{
	struct amdgpu_fake_engine *engine = filp->private_data;
	int r = 0;

	mutex_lock(&users_lock);
	switch (dma->action) {
	case AMDGPU_FAKE_DMA_START:
		r = amdgpu_fake_engine_start(&engine, drm, dma);
		break;
	case AMDGPU_FAKE_DMA_STOP:
		amdgpu_fake_engine_stop(&engine, dma);
		break;
	case AMDGPU_FAKE_DMA_LOOK:
		r = amdgpu_fake_engine_look(engine, dma);
		break;
	default:
		r = -EINVAL;
	}
	filp->private_data = engine;
	mutex_unlock(&users_lock);
	return r;
}

static int fake_open(struct inode *inode, struct file *filp)
{
	filp->private_data = NULL; /* the misc device itself, until now */
	return 0;
}

static int fake_release(struct inode *inode, struct file *filp)
{
	struct amdgpu_fake_engine *engine = filp->private_data;

	amdgpu_fake_engine_stop(&engine, NULL);
	amdgpu_fake_shader_detach(filp);
	return 0;
}

static long fake_ioctl(struct file *filp, unsigned int cmd, unsigned long arg)
{
	union {
		__u32 drm_fd;
		struct amdgpu_fake_walk walk;
		struct amdgpu_fake_copy copy;
		struct amdgpu_fake_state state;
		struct amdgpu_fake_dma dma;
		struct amdgpu_fake_attach attach;
		struct amdgpu_fake_serve serve;
		struct amdgpu_fake_interrupt interrupt;
	} u;
	struct amdgpu_fpriv *fpriv;
	struct amdgpu_device *adev;
	struct file *drm;
	long r;

	if (_IOC_TYPE(cmd) != 'F' || _IOC_SIZE(cmd) > sizeof(u) ||
	    copy_from_user(&u, (void __user *)arg, _IOC_SIZE(cmd)))
		return -EINVAL;
	drm = fget(u.drm_fd);
	if (!drm)
		return -EBADF;
	r = amdgpu_file_to_fpriv(drm, &fpriv);
	if (r)
		goto out;
	adev = drm_to_adev(((struct drm_file *)drm->private_data)->minor->dev);
	switch (cmd) {
	case AMDGPU_FAKE_WALK:
		r = do_walk(adev, &fpriv->vm, &u.walk);
		break;
	case AMDGPU_FAKE_COPY:
		r = do_copy(adev, &fpriv->vm, &u.copy);
		break;
	case AMDGPU_FAKE_STATE:
		r = do_state(adev, &fpriv->vm, &u.state);
		break;
	case AMDGPU_FAKE_DMA:
		r = do_dma(filp, drm, &u.dma);
		break;
	case AMDGPU_FAKE_ATTACH:
		r = amdgpu_fake_shader_attach(adev, filp, &u.attach);
		break;
	case AMDGPU_FAKE_SERVE:
		r = amdgpu_fake_shader_serve(adev, filp, &u.serve);
		break;
	case AMDGPU_FAKE_INTERRUPT:
		r = amdgpu_fake_shader_interrupt(adev, filp, &u.interrupt);
		break;
	default:
		r = -ENOTTY;
	}
	if (copy_to_user((void __user *)arg, &u, _IOC_SIZE(cmd)))
		r = -EINVAL;
out:
	fput(drm);
	return r;
}

static const struct file_operations fake_fops = {
	.owner = THIS_MODULE,
	.open = fake_open,
	.release = fake_release,
	.unlocked_ioctl = fake_ioctl,
	.mmap = amdgpu_fake_shader_mmap,
};

static struct miscdevice fake_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "amdgpu_fake",
	.fops = &fake_fops,
};

int amdgpu_fake_dev_add(struct amdgpu_device *adev)
{
	int r = 0;

	mutex_lock(&users_lock);
	if (!users)
		r = misc_register(&fake_misc);
	if (!r)
		users++;
	mutex_unlock(&users_lock);
	return r;
}

void amdgpu_fake_dev_remove(struct amdgpu_device *adev)
{
	mutex_lock(&users_lock);
	if (!--users)
		misc_deregister(&fake_misc);
	mutex_unlock(&users_lock);
}

/* KFD's hands on the queues. The scheduler without HWS calls these directly. */

static void fake_sh_mem_settings(struct amdgpu_device *adev, uint32_t vmid, uint32_t config,
				 uint32_t ape1_base, uint32_t ape1_limit, uint32_t bases FAKE_INST)
{
	amdgpu_fake_shader_bases(adev, vmid, bases);
}

static int fake_pasid_vmid(struct amdgpu_device *adev, u32 pasid, unsigned int vmid FAKE_INST)
{
	amdgpu_fake_shader_pasid(adev, vmid, pasid);
	return 0;
}

static int fake_init_interrupts(struct amdgpu_device *adev, uint32_t pipe_id FAKE_INST)
{
	return 0;
}

/*
 * The queues that are loaded, by their descriptor: KFD unloads a queue again when it is destroyed
 * while it is evicted.
 */
#define MAX_LOADED 64
static const void *loaded[MAX_LOADED];
static DEFINE_SPINLOCK(loaded_lock);

static bool replace_loaded(const void *mqd, const void *by)
{
	bool done = false;
	int i;

	spin_lock(&loaded_lock);
	for (i = 0; i < MAX_LOADED && !done; i++) {
		done = loaded[i] == mqd;
		if (done)
			loaded[i] = by;
	}
	spin_unlock(&loaded_lock);
	return done;
}

static int load(struct amdgpu_device *adev, void *mqd, bool sdma, uint32_t __user *wptr)
{
	int r = amdgpu_fake_shader_load(adev, mqd, sdma, (uintptr_t)wptr);

	if (r)
		return r;
	if (!replace_loaded(mqd, mqd)) {
		if (!replace_loaded(NULL, mqd))
			return -EBUSY;
		atomic_inc(&queues);
	}
	atomic64_inc(&loads);
	amdgpu_fake_engine_run(true);
	return 0;
}

static int unload(struct amdgpu_device *adev, const void *mqd, bool destroy)
{
	if (replace_loaded(mqd, NULL) && atomic_dec_and_test(&queues))
		amdgpu_fake_engine_run(false);
	return amdgpu_fake_shader_unload(adev, mqd, destroy);
}

static int fake_hqd_load(struct amdgpu_device *adev, void *mqd, uint32_t pipe_id, uint32_t queue_id,
			 uint32_t __user *wptr, uint32_t wptr_shift, uint32_t wptr_mask,
			 struct mm_struct *mm FAKE_INST)
{
	return load(adev, mqd, false, wptr);
}

static int fake_hqd_sdma_load(struct amdgpu_device *adev, void *mqd, uint32_t __user *wptr,
			      struct mm_struct *mm)
{
	return load(adev, mqd, true, wptr);
}

static bool fake_hqd_is_occupied(struct amdgpu_device *adev, uint64_t queue_address,
				 uint32_t pipe_id, uint32_t queue_id FAKE_INST)
{
	return atomic_read(&queues) > 0;
}

static int fake_hqd_destroy(struct amdgpu_device *adev, void *mqd, enum kfd_preempt_type type,
			    unsigned int timeout, uint32_t pipe_id, uint32_t queue_id FAKE_INST)
{
	return unload(adev, mqd, type == KFD_PREEMPT_TYPE_WAVEFRONT_RESET);
}

static bool fake_hqd_sdma_is_occupied(struct amdgpu_device *adev, void *mqd)
{
	return atomic_read(&queues) > 0;
}

static int fake_hqd_sdma_destroy(struct amdgpu_device *adev, void *mqd, unsigned int timeout)
{
	return unload(adev, mqd, false);
}

static int fake_wave_control(struct amdgpu_device *adev, uint32_t gfx_index_val,
			     uint32_t sq_cmd FAKE_INST)
{
	return 0;
}

static bool fake_vmid_pasid(struct amdgpu_device *adev, uint8_t vmid, uint16_t *pasid)
{
	*pasid = 0;
	return false;
}

static void fake_page_table_base(struct amdgpu_device *adev, uint32_t vmid, uint64_t base)
{
	amdgpu_fake_shader_root(adev, vmid, base);
}

static void fake_trap_handler(struct amdgpu_device *adev, uint32_t vmid, uint64_t tba,
			      uint64_t tma FAKE_INST)
{
	amdgpu_fake_shader_trap(adev, vmid, tba, tma);
}

const struct kfd2kgd_calls *amdgpu_fake_kfd2kgd(void)
{
	static const struct kfd2kgd_calls calls = {
		.program_sh_mem_settings = fake_sh_mem_settings,
		.set_pasid_vmid_mapping = fake_pasid_vmid,
		.init_interrupts = fake_init_interrupts,
		.hqd_load = fake_hqd_load,
		.hqd_sdma_load = fake_hqd_sdma_load,
		.hqd_is_occupied = fake_hqd_is_occupied,
		.hqd_sdma_is_occupied = fake_hqd_sdma_is_occupied,
		.hqd_destroy = fake_hqd_destroy,
		.hqd_sdma_destroy = fake_hqd_sdma_destroy,
		.wave_control_execute = fake_wave_control,
		.get_atc_vmid_pasid_mapping_info = fake_vmid_pasid,
		.set_vm_context_page_table_base = fake_page_table_base,
		.program_trap_handler_settings = fake_trap_handler,
	};

	return &calls;
}

// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The fake GPU's shader engine, as far as it is in the kernel: the registers of each VMID, the
 * requests to the process that executes the queues (amdgpu_fake_uapi.h), its TLB, its interrupts.
 *
 * The TLB is the process's mapping of a VMID: the page fault handler walks the driver's tables from
 * the base register on, as hardware does, and without the reservations that protect software from
 * changes in mid-walk. Only a flush removes what it found.
 *
 * Locks: asking > tlb_lock > registers_lock. A request is made in whatever the driver holds, which
 * may be the lock of a notifier. So the process must be able to answer without any of that: its
 * threads take tlb_lock at most, and allocate without reclaim where that is in our hand.
 */
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/sched/mm.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include "amdgpu.h"
#include "amdgpu_amdkfd.h"
#include "amdgpu_fake_compat.h"
#include "amdgpu_fake_dev.h"
#include "amdgpu_fake_uapi.h"
#include "gc/gc_9_0_sh_mask.h"
#include "ivsrcid/gfx/irqsrcs_gfx_9_0.h"
#include "kfd_priv.h"
#include "sdma0/sdma0_4_0_sh_mask.h"
#include "soc15_int.h"
#include "v9_structs.h"

#define FIRST_VMID 8 /* of KFD; adev->vm_manager.first_kfd_vmid */
#define VA_MASK (BIT_ULL(AMDGPU_FAKE_VA_BITS) - 1)
#define PATIENCE (60 * HZ) /* for an answer: an interpreter inside of an interpreter is slow */

struct vmid_registers {
	u32 pasid;
	u32 bases;
	u64 root; /* page directory base, 0: none */
	u64 tba, tma;
};

static DEFINE_SPINLOCK(registers_lock);
static struct vmid_registers registers[AMDGPU_FAKE_VMIDS];

/* The process, by its file; and the one request that is under way. */
enum progress { NOTHING, POSTED, TAKEN, ANSWERED };
static DEFINE_MUTEX(asking);
static DEFINE_SPINLOCK(serving_lock); /* guards what follows */
static DECLARE_WAIT_QUEUE_HEAD(serving_changed);
static struct file *serving;
static struct amdgpu_device *serving_adev;
static bool hung; /* did not answer: it never gets another page */
static enum progress progress;
static struct amdgpu_fake_serve request;

static DECLARE_RWSEM(tlb_lock);

static bool serves(const struct amdgpu_device *adev)
{
	bool yes;

	spin_lock(&serving_lock);
	yes = serving && serving_adev == adev;
	spin_unlock(&serving_lock);
	return yes;
}

static struct vmid_registers registers_of(u32 vmid)
{
	struct vmid_registers r;

	spin_lock(&registers_lock);
	r = registers[vmid];
	spin_unlock(&registers_lock);
	return r;
}

/* ---- requests ---- */

static void empty_tlb(u32 vmid)
{
	struct address_space *mapping = NULL;

	spin_lock(&serving_lock);
	if (serving)
		mapping = serving->f_mapping;
	spin_unlock(&serving_lock);
	if (!mapping)
		return;
	down_write(&tlb_lock); /* no walk from before is about to enter what it found */
	unmap_mapping_range(mapping, (loff_t)vmid << AMDGPU_FAKE_VA_BITS,
			    BIT_ULL(AMDGPU_FAKE_VA_BITS), 1);
	up_write(&tlb_lock);
}

static enum progress progress_now(void)
{
	enum progress now;

	spin_lock(&serving_lock);
	now = progress;
	spin_unlock(&serving_lock);
	return now;
}

/* It does not stop, so what it could still access is taken away. */
static void give_up(struct amdgpu_device *adev)
{
	u32 vmid;

	dev_err(adev->dev, "the shader engine does not answer request %u\n", request.request);
	down_write(&tlb_lock);
	hung = true;
	up_write(&tlb_lock);
	for (vmid = FIRST_VMID; vmid < AMDGPU_FAKE_VMIDS; vmid++)
		empty_tlb(vmid);
}

/* Hand over the request and wait for the answer. Without a process: 0. */
static int ask(struct amdgpu_device *adev, u32 what, const struct amdgpu_fake_queue *queue)
{
	bool posted;
	int r = 0;

	mutex_lock(&asking);
	spin_lock(&serving_lock);
	posted = serving && serving_adev == adev && !hung;
	if (posted) {
		request.request = what;
		request.queue = *queue;
		progress = POSTED;
	}
	spin_unlock(&serving_lock);
	if (posted) {
		wake_up_all(&serving_changed);
		if (!wait_event_timeout(serving_changed, progress_now() == ANSWERED, PATIENCE)) {
			give_up(adev);
			r = -ETIME;
		}
		spin_lock(&serving_lock);
		if (!r)
			r = request.result;
		progress = NOTHING;
		spin_unlock(&serving_lock);
	}
	mutex_unlock(&asking);
	return r;
}

int amdgpu_fake_shader_attach(struct amdgpu_device *adev, struct file *filp,
			      struct amdgpu_fake_attach *args)
{
	int r = 0;

	spin_lock(&serving_lock);
	if (serving) {
		r = -EBUSY;
	} else {
		serving = filp;
		serving_adev = adev;
		hung = false;
		progress = NOTHING;
	}
	spin_unlock(&serving_lock);
	args->doorbell_bytes = adev->doorbell.size;
	return r;
}

void amdgpu_fake_shader_detach(struct file *filp)
{
	spin_lock(&serving_lock);
	if (serving == filp) {
		serving = NULL;
		serving_adev = NULL;
		request.result = -ENODEV;
		progress = ANSWERED;
	}
	spin_unlock(&serving_lock);
	wake_up_all(&serving_changed);
}

int amdgpu_fake_shader_serve(struct amdgpu_device *adev, struct file *filp,
			     struct amdgpu_fake_serve *args)
{
	int r;

	if (READ_ONCE(serving) != filp)
		return -EPERM;
	spin_lock(&serving_lock);
	if (progress == TAKEN) {
		request.result = args->result;
		progress = ANSWERED;
	}
	spin_unlock(&serving_lock);
	wake_up_all(&serving_changed);
	r = wait_event_interruptible(serving_changed, progress_now() == POSTED);
	if (r)
		return -EINTR;
	spin_lock(&serving_lock);
	args->request = request.request;
	args->queue = request.queue;
	progress = TAKEN;
	spin_unlock(&serving_lock);
	return 0;
}

/* ---- the driver's hands: registers ---- */

void amdgpu_fake_shader_flush(struct amdgpu_device *adev, u32 vmid, u32 pasid)
{
	if (!serves(adev))
		return;
	if (pasid) {
		spin_lock(&registers_lock);
		for (vmid = FIRST_VMID; vmid < AMDGPU_FAKE_VMIDS; vmid++)
			if (registers[vmid].pasid == pasid)
				break;
		spin_unlock(&registers_lock);
	}
	if (vmid >= FIRST_VMID && vmid < AMDGPU_FAKE_VMIDS)
		empty_tlb(vmid);
}

void amdgpu_fake_shader_pasid(struct amdgpu_device *adev, u32 vmid, u32 pasid)
{
	struct amdgpu_fake_queue queue = {.vmid = vmid};

	spin_lock(&registers_lock);
	if (vmid < AMDGPU_FAKE_VMIDS) {
		registers[vmid].pasid = pasid;
		if (!pasid)
			registers[vmid].root = 0;
	}
	spin_unlock(&registers_lock);
	if (pasid || vmid < FIRST_VMID)
		return;
	ask(adev, AMDGPU_FAKE_RELEASE, &queue);
	empty_tlb(vmid); /* which the driver does not ask for: docs/kernel.md, "Found" */
}

void amdgpu_fake_shader_root(struct amdgpu_device *adev, u32 vmid, u64 base)
{
	spin_lock(&registers_lock);
	if (vmid < AMDGPU_FAKE_VMIDS)
		registers[vmid].root = base;
	spin_unlock(&registers_lock);
}

void amdgpu_fake_shader_bases(struct amdgpu_device *adev, u32 vmid, u32 bases)
{
	spin_lock(&registers_lock);
	if (vmid < AMDGPU_FAKE_VMIDS)
		registers[vmid].bases = bases;
	spin_unlock(&registers_lock);
}

void amdgpu_fake_shader_trap(struct amdgpu_device *adev, u32 vmid, u64 tba, u64 tma)
{
	spin_lock(&registers_lock);
	if (vmid < AMDGPU_FAKE_VMIDS) {
		registers[vmid].tba = tba;
		registers[vmid].tma = tma;
	}
	spin_unlock(&registers_lock);
}

/* ---- the driver's hands: queues ---- */

static u64 join(u32 low, u32 high)
{
	return low | (u64)high << 32;
}

static void read_compute(const struct v9_mqd *m, struct amdgpu_fake_queue *q)
{
	u32 control = m->cp_hqd_pq_control;

	q->type = control & CP_HQD_PQ_CONTROL__SLOT_BASED_WPTR_MASK ? AMDGPU_FAKE_AQL
								    : AMDGPU_FAKE_PM4;
	q->vmid = m->cp_hqd_vmid;
	q->ring_va = join(m->cp_hqd_pq_base_lo, m->cp_hqd_pq_base_hi) << 8;
	q->ring_bytes = 8ull << (control & CP_HQD_PQ_CONTROL__QUEUE_SIZE_MASK);
	q->read_ptr_va = join(m->cp_hqd_pq_rptr_report_addr_lo, m->cp_hqd_pq_rptr_report_addr_hi);
	q->doorbell = (m->cp_hqd_pq_doorbell_control &
		       CP_HQD_PQ_DOORBELL_CONTROL__DOORBELL_OFFSET_MASK) >>
		      CP_HQD_PQ_DOORBELL_CONTROL__DOORBELL_OFFSET__SHIFT << 2;
	q->cu_mask[0] = m->compute_static_thread_mgmt_se0;
	q->cu_mask[1] = m->compute_static_thread_mgmt_se1;
	q->cu_mask[2] = m->compute_static_thread_mgmt_se2;
	q->cu_mask[3] = m->compute_static_thread_mgmt_se3;
}

static void read_sdma(const struct v9_sdma_mqd *m, struct amdgpu_fake_queue *q)
{
	u32 control = m->sdmax_rlcx_rb_cntl;

	q->type = AMDGPU_FAKE_SDMA;
	q->vmid = (control & SDMA0_RLC0_RB_CNTL__RB_VMID_MASK) >>
		  SDMA0_RLC0_RB_CNTL__RB_VMID__SHIFT;
	q->ring_va = join(m->sdmax_rlcx_rb_base, m->sdmax_rlcx_rb_base_hi) << 8;
	q->ring_bytes = 4ull << ((control & SDMA0_RLC0_RB_CNTL__RB_SIZE_MASK) >>
				 SDMA0_RLC0_RB_CNTL__RB_SIZE__SHIFT);
	q->read_ptr_va = join(m->sdmax_rlcx_rb_rptr_addr_lo, m->sdmax_rlcx_rb_rptr_addr_hi);
	q->doorbell = (m->sdmax_rlcx_doorbell_offset & SDMA0_RLC0_DOORBELL_OFFSET__OFFSET_MASK) >>
		      SDMA0_RLC0_DOORBELL_OFFSET__OFFSET__SHIFT << 2;
}

/*
 * Where hardware saves into the descriptor what it needs to go on, only a mark is left here: this
 * is a queue that has run. KFD clears descriptors of new queues.
 */
static u32 *saved_mark(void *mqd, bool sdma)
{
	return sdma ? &((struct v9_sdma_mqd *)mqd)->sdmax_rlcx_context_status
		    : &((struct v9_mqd *)mqd)->cp_hqd_active;
}

int amdgpu_fake_shader_load(struct amdgpu_device *adev, void *mqd, bool sdma, u64 write_ptr_va)
{
	struct amdgpu_fake_queue queue = {.id = (uintptr_t)mqd, .write_ptr_va = write_ptr_va};
	struct vmid_registers vmid;
	u32 *saved = saved_mark(mqd, sdma);
	int r;

	if (!serves(adev))
		return 0;
	if (sdma)
		read_sdma(mqd, &queue);
	else
		read_compute(mqd, &queue);
	if (queue.vmid < FIRST_VMID || queue.vmid >= AMDGPU_FAKE_VMIDS)
		return -EINVAL;
	vmid = registers_of(queue.vmid);
	queue.bases = vmid.bases;
	queue.trap_handler_va = vmid.tba;
	queue.trap_memory_va = vmid.tma;
	r = ask(adev, *saved ? AMDGPU_FAKE_RESUME : AMDGPU_FAKE_LOAD, &queue);
	if (!r)
		*saved = 1;
	return r;
}

int amdgpu_fake_shader_unload(struct amdgpu_device *adev, const void *mqd, bool destroy)
{
	struct amdgpu_fake_queue queue = {.id = (uintptr_t)mqd};

	return ask(adev, destroy ? AMDGPU_FAKE_DESTROY : AMDGPU_FAKE_PREEMPT, &queue);
}

/* ---- the process's memory ---- */

static int translate(u32 vmid, u64 va, struct amdgpu_fake_walk *walk)
{
	u64 root = registers_of(vmid).root;

	*walk = (struct amdgpu_fake_walk){.va = va};
	if (!(root & AMDGPU_PTE_VALID))
		return -EFAULT;
	return amdgpu_fake_walk_from(serving_adev, root, walk);
}

static vm_fault_t insert(struct vm_fault *vmf, const struct amdgpu_fake_walk *walk)
{
	unsigned long flags = vmf->vma->vm_flags;
	phys_addr_t phys = 0;

	if (walk->entry & AMDGPU_PTE_SYSTEM)
		phys = walk->memory;
	else if (walk->offset < serving_adev->gmc.real_vram_size)
		phys = serving_adev->gmc.aper_base + walk->offset;
	if (!phys)
		return VM_FAULT_SIGBUS;
	if (!(walk->entry & AMDGPU_PTE_WRITEABLE))
		flags &= ~VM_WRITE;
	return vmf_insert_pfn_prot(vmf->vma, vmf->address, PHYS_PFN(phys), vm_get_page_prot(flags));
}

static vm_fault_t va_fault(struct vm_fault *vmf)
{
	u64 offset = (u64)vmf->pgoff << PAGE_SHIFT;
	u64 need = AMDGPU_PTE_VALID |
		   (vmf->flags & FAULT_FLAG_WRITE ? AMDGPU_PTE_WRITEABLE : AMDGPU_PTE_READABLE);
	unsigned int noreclaim = memalloc_noreclaim_save();
	vm_fault_t r = VM_FAULT_SIGBUS;
	struct amdgpu_fake_walk walk;

	down_read(&tlb_lock);
	if (!hung && !translate(offset >> AMDGPU_FAKE_VA_BITS, offset & VA_MASK, &walk) &&
	    (walk.entry & need) == need)
		r = insert(vmf, &walk);
	up_read(&tlb_lock);
	memalloc_noreclaim_restore(noreclaim);
	return r;
}

/* A write to a page that is in the TLB for reading only. */
static vm_fault_t va_mkwrite(struct vm_fault *vmf)
{
	return VM_FAULT_SIGBUS;
}

static const struct vm_operations_struct va_ops = {
	.fault = va_fault,
	.pfn_mkwrite = va_mkwrite,
};

int amdgpu_fake_shader_mmap(struct file *filp, struct vm_area_struct *vma)
{
	u64 offset = (u64)vma->vm_pgoff << PAGE_SHIFT;
	u64 bytes = vma->vm_end - vma->vm_start;
	u64 vmid = offset >> AMDGPU_FAKE_VA_BITS;

	if (READ_ONCE(serving) != filp || !(vma->vm_flags & VM_SHARED))
		return -EPERM;
	if (!vmid)
		return vm_iomap_memory(vma, serving_adev->doorbell.base,
				       serving_adev->doorbell.size);
	if (vmid < FIRST_VMID || vmid >= AMDGPU_FAKE_VMIDS ||
	    (offset & VA_MASK) + bytes > BIT_ULL(AMDGPU_FAKE_VA_BITS))
		return -EINVAL;
	fake_compat_vm_flags(vma, VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP | VM_DONTCOPY);
	vma->vm_ops = &va_ops;
	return 0;
}

/* ---- interrupts ---- */

/* Which entry of the interrupt ring a fault makes (gmc_v9_0, kfd_int_process_v9). */
static void fault_entry(const struct amdgpu_fake_interrupt *args, u32 entry[8])
{
	struct amdgpu_fake_walk walk;
	u32 status = 0x08; /* nothing there */

	if (!translate(args->vmid, args->value, &walk) && (walk.entry & AMDGPU_PTE_VALID) &&
	    !(walk.entry & AMDGPU_PTE_WRITEABLE))
		status = 0x20; /* so it was a write */
	entry[0] = SOC15_IH_CLIENTID_UTCL2 | status << 16;
	entry[4] = args->value >> PAGE_SHIFT;
	entry[5] = args->value >> (PAGE_SHIFT + 32);
}

int amdgpu_fake_shader_interrupt(struct amdgpu_device *adev, struct file *filp,
				 const struct amdgpu_fake_interrupt *args)
{
	u32 entry[8] = {0};
	u32 pasid;

	if (READ_ONCE(serving) != filp)
		return -EPERM;
	if (args->vmid < FIRST_VMID || args->vmid >= AMDGPU_FAKE_VMIDS)
		return -EINVAL;
	pasid = registers_of(args->vmid).pasid;
	if (!pasid)
		return 0; /* the process is gone */
	switch (args->kind) {
	case AMDGPU_FAKE_END_OF_PIPE:
		entry[0] = SOC15_IH_CLIENTID_GRBM_CP | GFX_9_0__SRCID__CP_EOP_INTERRUPT << 8;
		entry[4] = args->value;
		break;
	case AMDGPU_FAKE_VM_FAULT:
		fault_entry(args, entry);
		break;
	default:
		return -EINVAL;
	}
	entry[0] |= args->vmid << 24;
	entry[3] = pasid;
	kgd2kfd_interrupt(adev->kfd.dev, entry);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The fake GPU's DMA engine: a thread that reads a window through the page tables while a queue is
 * loaded, with a TLB that keeps what it found until the driver flushes. What it must never see: a
 * page that was freed, or the content of another one.
 *
 * Locks: the page directory's reservation > running_lock. Unloading a queue, which happens in MMU
 * notifiers, takes running_lock alone, and so waits for the access that is under way.
 */
#include <linux/file.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include "amdgpu.h"
#include "amdgpu_fake_dev.h"
#include "amdgpu_fake_uapi.h"

#define BURST 16 /* pages read between two pauses */

bool fake_forget_flush;
module_param(fake_forget_flush, bool, 0644);

struct translation {
	u64 entry;  /* 0: not in the TLB */
	u64 offset; /* the page's address on the bus */
	u64 memory; /* the same for the CPU */
};

struct amdgpu_fake_engine {
	struct task_struct *task;
	struct file *drm;
	struct amdgpu_device *adev;
	struct amdgpu_vm *vm;
	struct amdgpu_fake_dma job;
	u64 generation; /* of the TLB's content */
	struct translation tlb[];
};

static DEFINE_MUTEX(running_lock);
static bool running;		   /* a queue is loaded */
static u64 stopped_at, stopped_ns; /* since when not, and for how long before that */
static atomic64_t flush_generation;

void amdgpu_fake_engine_run(bool run)
{
	mutex_lock(&running_lock);
	if (running && !run)
		stopped_at = ktime_get_ns();
	else if (!running && run)
		stopped_ns += ktime_get_ns() - stopped_at;
	running = run;
	mutex_unlock(&running_lock);
}

u64 amdgpu_fake_engine_stopped_ns(void)
{
	u64 ns;

	mutex_lock(&running_lock);
	ns = stopped_ns;
	mutex_unlock(&running_lock);
	return ns;
}

void amdgpu_fake_engine_flush(void)
{
	atomic64_inc(&flush_generation);
}

/* Read the first word of a page and judge it. running_lock is held. */
static void read_word(struct amdgpu_fake_engine *e, u64 page, const struct translation *t)
{
	struct amdgpu_fake_dma *job = &e->job;
	u64 word;

	if (!(t->entry & AMDGPU_FAKE_VALID)) {
		job->faults++;
		return;
	}
	if (amdgpu_fake_access(e->adev, t->entry & AMDGPU_FAKE_SYSTEM, t->offset, &word,
			       sizeof(word), false)) {
		job->foreign++;
		return;
	}
	job->accesses++;
	if (!page_count(pfn_to_page(PHYS_PFN(t->memory)))) {
		job->freed++;
		pr_debug("fake dma: page %llu freed\n", page);
	} else if (word && word != job->magic + page) {
		job->foreign++;
	}
}

static void drop_stale_tlb(struct amdgpu_fake_engine *e)
{
	u64 now = atomic64_read(&flush_generation);

	if (e->generation == now)
		return;
	e->generation = now;
	memset(e->tlb, 0, e->job.pages * sizeof(e->tlb[0]));
}

/* Through the TLB; false: not in it, or no queue is loaded. */
static bool read_cached(struct amdgpu_fake_engine *e, u64 page)
{
	bool hit;

	mutex_lock(&running_lock);
	drop_stale_tlb(e);
	hit = running && e->tlb[page].entry;
	if (hit) {
		e->job.hits++;
		read_word(e, page, &e->tlb[page]);
	}
	mutex_unlock(&running_lock);
	return hit;
}

static void read_walked(struct amdgpu_fake_engine *e, u64 page)
{
	struct amdgpu_fake_walk walk = {.va = e->job.va + page * PAGE_SIZE};

	if (amdgpu_bo_reserve(e->vm->root.bo, false))
		return;
	mutex_lock(&running_lock);
	drop_stale_tlb(e);
	if (running && !amdgpu_fake_walk_locked(e->adev, e->vm, &walk)) {
		struct translation t = {
			.entry = walk.entry, .offset = walk.offset, .memory = walk.memory};

		if (walk.entry & AMDGPU_FAKE_VALID)
			e->tlb[page] = t;
		read_word(e, page, &t);
	}
	mutex_unlock(&running_lock);
	amdgpu_bo_unreserve(e->vm->root.bo);
}

static int engine_thread(void *data)
{
	struct amdgpu_fake_engine *e = data;
	u64 page = 0;

	while (!kthread_should_stop()) {
		if (!read_cached(e, page) && READ_ONCE(running))
			read_walked(e, page);
		page = (page + 1) % e->job.pages;
		if (page % BURST == 0)
			usleep_range(20, 60);
	}
	return 0;
}

int amdgpu_fake_engine_start(struct amdgpu_fake_engine **engine, struct file *drm,
			     const struct amdgpu_fake_dma *job)
{
	struct amdgpu_fake_engine *e;
	struct amdgpu_fpriv *fpriv;
	int r;

	if (*engine)
		return -EBUSY;
	if (!job->pages || job->pages > AMDGPU_FAKE_DMA_PAGES || !PAGE_ALIGNED(job->va))
		return -EINVAL;
	r = amdgpu_file_to_fpriv(drm, &fpriv);
	if (r)
		return r;
	e = kvzalloc(struct_size(e, tlb, job->pages), GFP_KERNEL);
	if (!e)
		return -ENOMEM;
	e->drm = get_file(drm);
	e->adev = drm_to_adev(((struct drm_file *)drm->private_data)->minor->dev);
	e->vm = &fpriv->vm;
	e->job = *job;
	e->job.accesses = e->job.hits = e->job.faults = e->job.freed = e->job.foreign = 0;
	e->task = kthread_run(engine_thread, e, "amdgpu_fake_dma");
	if (IS_ERR(e->task)) {
		r = PTR_ERR(e->task);
		fput(e->drm);
		kvfree(e);
		return r;
	}
	*engine = e;
	return 0;
}

void amdgpu_fake_engine_stop(struct amdgpu_fake_engine **engine, struct amdgpu_fake_dma *seen)
{
	struct amdgpu_fake_engine *e = *engine;

	if (!e)
		return;
	kthread_stop(e->task);
	if (seen)
		*seen = e->job;
	fput(e->drm);
	kvfree(e);
	*engine = NULL;
}

int amdgpu_fake_engine_look(const struct amdgpu_fake_engine *engine, struct amdgpu_fake_dma *seen)
{
	if (!engine)
		return -EINVAL;
	mutex_lock(&running_lock); /* counters move under it */
	*seen = engine->job;
	mutex_unlock(&running_lock);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Batch userptr: the range list, its MMU notifiers and the page walk.
 *
 * Notifiers. One notifier per range is slow to set up and to tear down; one notifier over all of
 * them is woken by everything that happens in the gaps. Here near ranges share a notifier (a
 * cluster; the largest holes separate clusters, their number is bounded), and the callback looks up
 * which ranges an invalidation really touches. One that touches none returns before it takes a lock
 * or moves the sequence number: for the ranges it is as if the notifier were not there, exactly as
 * with one notifier per range.
 *
 * Walk. Every range has a stale bit: set when an invalidation touches the range, cleared when its
 * walk begins. The walk continues where it is when another range is invalidated, and ends when one
 * look under the notifier lock finds no bit set. After an eviction only the touched ranges are
 * walked again.
 *
 * Locks. amdkfd_process_info.lock (held by callers of get_pages) > mmap_lock > the notifier lock,
 * which protects stale and live. The list itself does not change after creation.
 */
#include <linux/hmm.h>
#include <linux/kfd_batch.h>
#include <linux/kref.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/uaccess.h>

#include "amdgpu.h"
#include "amdgpu_amdkfd.h"
#include "amdgpu_userptr_batch.h"
#include "amdgpu_userptr_batch_compat.h"

/* Holes up to this size never separate clusters: the look-up is cheaper than a notifier. */
#define CLUSTER_MIN_HOLE (2UL << 20)
#define CLUSTERS_MAX 64u
/*
 * Pages that one hmm_range_fault call looks at: its result fits a page, and signals are seen in
 * between.
 */
#define WALK_PAGES (PAGE_SIZE / sizeof(unsigned long))
/*
 * A signal with a handler aborts the walk only after this time, so that a profiling timer cannot
 * starve it.
 */
#define SIGNAL_GRACE (HZ / 2)

struct batch_range {
	unsigned long start; /* CPU addresses: [start, end) */
	unsigned long end;
	unsigned long max_end; /* highest end of all entries up to this one, for the look-up */
	unsigned long page;    /* index of the first page in the buffer object */
};

struct batch_cluster {
	struct mmu_interval_notifier notifier;
	struct amdgpu_userptr_batch *batch;
	u32 first;
	u32 count;
};

struct amdgpu_userptr_batch {
	struct kref kref;
	struct amdgpu_bo *bo;
	struct mm_struct *mm; /* while registered; the notifiers hold it */
	u32 num_ranges;
	u32 num_clusters;
	u32 num_registered;  /* clusters whose notifier is inserted */
	unsigned long first; /* CPU address of the first range in list order */
	unsigned long num_pages;
	bool live;	      /* pages may be in use: an invalidation must stop the queues */
	unsigned long *stale; /* one bit per range */
	struct batch_cluster *clusters;
	struct hmm_range token;
	struct batch_range ranges[]; /* by start address */
};

struct walk {
	struct amdgpu_userptr_batch *batch;
	struct page **pages;
	unsigned long *pfns;	/* WALK_PAGES of them */
	unsigned long deadline; /* for -EBUSY, in jiffies */
	unsigned long patience; /* for signals with a handler, in jiffies */
};

static void batch_free(struct amdgpu_userptr_batch *batch)
{
	kvfree(batch->clusters);
	bitmap_free(batch->stale);
	kvfree(batch);
}

static void batch_release(struct kref *kref)
{
	struct amdgpu_userptr_batch *batch = container_of(kref, struct amdgpu_userptr_batch, kref);

	if (WARN_ON_ONCE(batch->num_registered))
		amdgpu_userptr_batch_unregister(batch);
	batch_free(batch);
}

struct amdgpu_userptr_batch *amdgpu_userptr_batch_get(struct amdgpu_userptr_batch *batch)
{
	if (batch)
		kref_get(&batch->kref);
	return batch;
}

void amdgpu_userptr_batch_put(struct amdgpu_userptr_batch *batch)
{
	if (batch)
		kref_put(&batch->kref, batch_release);
}

static int compare_start(const void *a, const void *b)
{
	const struct batch_range *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static int compare_descending(const void *a, const void *b)
{
	const unsigned long x = *(const unsigned long *)a, y = *(const unsigned long *)b;

	return x > y ? -1 : x < y;
}

/*
 * Copy the user's list into the batch, neighbours merged. Every size and address is the caller's
 * word: check.
 */
static int batch_fill(struct amdgpu_userptr_batch *batch,
		      const struct kfd_ioctl_userptr_range *ranges, u32 count, u64 total)
{
	struct batch_range *r = NULL;
	u64 sum = 0;
	u32 i;

	for (i = 0; i < count; i++) {
		unsigned long start = untagged_addr(ranges[i].start);
		u64 size = ranges[i].size;

		if (!size || !PAGE_ALIGNED(start) || !PAGE_ALIGNED(size) || !start)
			return -EINVAL;
		if (size > total - sum) /* so the sum cannot overflow */
			return -EINVAL;
		if (!access_ok((void __user *)start, size))
			return -EFAULT;
		if (r && r->end == start) {
			r->end += size;
		} else {
			r = &batch->ranges[batch->num_ranges++];
			r->start = start;
			r->end = start + size;
			r->page = sum >> PAGE_SHIFT;
		}
		sum += size;
		if (!(i % 4096))
			cond_resched();
	}
	if (sum != total)
		return -EINVAL;
	batch->first = batch->ranges[0].start;
	batch->num_pages = total >> PAGE_SHIFT;
	return 0;
}

/*
 * Sort by address (lists mostly are) and note the running maximum of the ends: ranges may overlap.
 */
static void batch_sort(struct amdgpu_userptr_batch *batch)
{
	struct batch_range *r = batch->ranges;
	unsigned long max_end = 0;
	u32 i;

	for (i = 1; i < batch->num_ranges && r[i - 1].start <= r[i].start; i++)
		;
	if (i < batch->num_ranges)
		sort(r, batch->num_ranges, sizeof(*r), compare_start, NULL);
	for (i = 0; i < batch->num_ranges; i++) {
		max_end = max(max_end, r[i].end);
		r[i].max_end = max_end;
	}
}

/* Bytes between range i and everything before it; 0 if they touch or overlap. */
static unsigned long hole_before(const struct amdgpu_userptr_batch *batch, u32 i)
{
	const struct batch_range *r = &batch->ranges[i];

	return r->start > r[-1].max_end ? r->start - r[-1].max_end : 0;
}

/*
 * The size above which a hole separates clusters, such that no more than CLUSTERS_MAX - 1 holes do.
 */
static int cluster_threshold(struct amdgpu_userptr_batch *batch, unsigned long *threshold)
{
	unsigned long *holes;
	u32 i, n = 0;

	*threshold = CLUSTER_MIN_HOLE;
	for (i = 1; i < batch->num_ranges; i++)
		n += hole_before(batch, i) > CLUSTER_MIN_HOLE;
	if (n < CLUSTERS_MAX)
		return 0;

	holes = kvmalloc_array(n, sizeof(*holes), GFP_KERNEL_ACCOUNT);
	if (!holes)
		return -ENOMEM;
	n = 0;
	for (i = 1; i < batch->num_ranges; i++)
		if (hole_before(batch, i) > CLUSTER_MIN_HOLE)
			holes[n++] = hole_before(batch, i);
	sort(holes, n, sizeof(*holes), compare_descending, NULL);
	*threshold = holes[CLUSTERS_MAX - 1];
	kvfree(holes);
	return 0;
}

static int batch_cluster(struct amdgpu_userptr_batch *batch)
{
	struct batch_cluster *c = NULL;
	unsigned long threshold;
	u32 i;
	int r;

	r = cluster_threshold(batch, &threshold);
	if (r)
		return r;
	batch->num_clusters = 1;
	for (i = 1; i < batch->num_ranges; i++)
		batch->num_clusters += hole_before(batch, i) > threshold;
	batch->clusters = kvcalloc(batch->num_clusters, sizeof(*c), GFP_KERNEL_ACCOUNT);
	if (!batch->clusters)
		return -ENOMEM;
	for (i = 0; i < batch->num_ranges; i++) {
		if (!c || hole_before(batch, i) > threshold) {
			c = c ? c + 1 : batch->clusters;
			c->batch = batch;
			c->first = i;
		}
		c->count++;
	}
	return 0;
}

struct amdgpu_userptr_batch *
amdgpu_userptr_batch_create(const struct kfd_ioctl_userptr_range *ranges, u32 count, u64 total)
{
	struct amdgpu_userptr_batch *batch;
	int r;

	batch = kvzalloc(struct_size(batch, ranges, count), GFP_KERNEL_ACCOUNT);
	if (!batch)
		return ERR_PTR(-ENOMEM);
	kref_init(&batch->kref);
	r = batch_fill(batch, ranges, count, total);
	if (r)
		goto fail;
	batch_sort(batch);
	r = batch_cluster(batch);
	if (r)
		goto fail;
	batch->stale = bitmap_zalloc(batch->num_ranges, GFP_KERNEL_ACCOUNT);
	if (!batch->stale) {
		r = -ENOMEM;
		goto fail;
	}
	bitmap_fill(batch->stale, batch->num_ranges);
	return batch;

fail:
	batch_free(batch);
	return ERR_PTR(r);
}

struct amdgpu_userptr_batch *amdgpu_userptr_batch_of(struct drm_gem_object *gobj)
{
	struct amdgpu_bo *bo = gobj ? gem_to_amdgpu_bo(gobj) : NULL;

	return bo && bo->kfd_bo ? bo->kfd_bo->batch : NULL;
}

unsigned long amdgpu_userptr_batch_first(const struct amdgpu_userptr_batch *batch)
{
	return batch->first;
}

int amdgpu_userptr_batch_for_each(const struct amdgpu_userptr_batch *batch,
				  int (*fn)(unsigned long start, unsigned long end, void *data),
				  void *data)
{
	u32 i;
	int r;

	for (i = 0; i < batch->num_ranges; i++) {
		r = fn(batch->ranges[i].start, batch->ranges[i].end, data);
		if (r)
			return r;
	}
	return 0;
}

/*
 * Ranges [first, first + count) that have a byte in [start, end): call mark for each, if given.
 * Binary search for the entries that begin below end, then back until no earlier entry can reach
 * start.
 */
static bool lookup(struct amdgpu_userptr_batch *batch, u32 first, u32 count, unsigned long start,
		   unsigned long end, bool mark)
{
	const struct batch_range *r = batch->ranges;
	u32 low = first, high = first + count;
	bool hit = false;

	while (low < high) {
		u32 middle = low + (high - low) / 2;

		if (r[middle].start < end)
			low = middle + 1;
		else
			high = middle;
	}
	while (low > first && r[low - 1].max_end > start) {
		low--;
		if (r[low].end <= start)
			continue;
		hit = true;
		if (!mark)
			break;
		__set_bit(low, batch->stale);
	}
	return hit;
}

bool amdgpu_userptr_batch_overlaps(const struct amdgpu_userptr_batch *batch, unsigned long start,
				   unsigned long last)
{
	/* lookup() writes only when it marks. */
	return lookup((struct amdgpu_userptr_batch *)batch, 0, batch->num_ranges, start,
		      last == ULONG_MAX ? last : last + 1, false);
}

static bool batch_invalidate(struct mmu_interval_notifier *mni,
			     const struct mmu_notifier_range *range, unsigned long cur_seq)
{
	struct batch_cluster *c = container_of(mni, struct batch_cluster, notifier);
	struct amdgpu_userptr_batch *batch = c->batch;

	/*
	 * Only the hole between our ranges: their pages stay what they are, the sequence number
	 * too.
	 */
	if (!lookup(batch, c->first, c->count, range->start, range->end, false))
		return true;
	if (!mmu_notifier_range_blockable(range))
		return false;

	userptr_batch_notifier_lock(batch->bo);
	mmu_interval_set_seq(mni, cur_seq);
	lookup(batch, c->first, c->count, range->start, range->end, true);
	/* Until the first walk is done there is nothing on the GPU to stop. */
	userptr_batch_invalidated(batch->bo, batch->mm, mni, cur_seq, batch->live);
	return true;
}

static const struct mmu_interval_notifier_ops batch_notifier_ops = {
	.invalidate = batch_invalidate,
};

int amdgpu_userptr_batch_register(struct amdgpu_userptr_batch *batch, struct amdgpu_bo *bo)
{
	const struct batch_range *r = batch->ranges;
	int ret;

	batch->bo = bo;
	batch->mm = current->mm;
	for (; batch->num_registered < batch->num_clusters; batch->num_registered++) {
		struct batch_cluster *c = &batch->clusters[batch->num_registered];
		unsigned long start = r[c->first].start;

		ret = mmu_interval_notifier_insert(&c->notifier, current->mm, start,
						   r[c->first + c->count - 1].max_end - start,
						   &batch_notifier_ops);
		if (ret) {
			amdgpu_userptr_batch_unregister(batch);
			return ret;
		}
	}
	return 0;
}

void amdgpu_userptr_batch_unregister(struct amdgpu_userptr_batch *batch)
{
	while (batch->num_registered)
		mmu_interval_notifier_remove(&batch->clusters[--batch->num_registered].notifier);
	batch->mm = NULL;
}

static void set_stale(struct amdgpu_userptr_batch *batch, u32 i, bool stale)
{
	userptr_batch_notifier_lock(batch->bo);
	__assign_bit(i, batch->stale, stale);
	userptr_batch_notifier_unlock(batch->bo);
}

static bool is_stale(struct amdgpu_userptr_batch *batch, u32 i)
{
	bool stale;

	userptr_batch_notifier_lock(batch->bo);
	stale = test_bit(i, batch->stale);
	userptr_batch_notifier_unlock(batch->bo);
	return stale;
}

/*
 * Worker threads have no signals; a fatal one ends an ioctl at once, any other after the grace
 * time.
 */
static bool interrupted(const struct walk *w)
{
	return fatal_signal_pending(current) ||
	       (signal_pending(current) && time_after(jiffies, w->patience));
}

/*
 * Fault in and look up one piece of a range. -EBUSY: something in the cluster was invalidated
 * meanwhile. -EFAULT: memory is gone, or a page fault found none free.
 */
static int look_up(struct walk *w, struct batch_cluster *c, unsigned long start, unsigned long end,
		   unsigned long page)
{
	struct mm_struct *mm = w->batch->mm;
	struct hmm_range range = {
		.notifier = &c->notifier,
		.start = start,
		.end = end,
		.hmm_pfns = w->pfns,
		/* As for a single userptr: KFD always asks for write access (init_user_pages). */
		.default_flags = HMM_PFN_REQ_FAULT | HMM_PFN_REQ_WRITE,
	};
	unsigned long i, n = (end - start) >> PAGE_SHIFT;
	int r;

	range.notifier_seq = mmu_interval_read_begin(&c->notifier);
	mmap_read_lock(mm);
	r = hmm_range_fault(&range);
	mmap_read_unlock(mm);
	if (r)
		return r;
	for (i = 0; i < n; i++)
		w->pages[page + i] = hmm_pfn_to_page(w->pfns[i]);
	return 0;
}

/*
 * hmm_range_fault() says EFAULT for every page fault that fails (hmm_vma_fault in mm/hmm.c), also
 * when there was no memory for it. Then nothing is gone, and a buffer that is in use must not lose
 * its pages: ask again in a way that tells. What only the first way refuses stays EFAULT.
 */
static int walk_piece(struct walk *w, struct batch_cluster *c, unsigned long start,
		      unsigned long end, unsigned long page)
{
	struct mm_struct *mm = w->batch->mm;
	unsigned long addr;
	int r = look_up(w, c, start, end, page);

	if (r != -EFAULT)
		return r;
	mmap_read_lock(mm);
	for (addr = start, r = 0; addr < end && !r; addr += PAGE_SIZE)
		r = fixup_user_fault(mm, addr, FAULT_FLAG_WRITE | FAULT_FLAG_REMOTE, NULL);
	mmap_read_unlock(mm);
	return r ? r : look_up(w, c, start, end, page);
}

/*
 * Walk one range, from its start again whenever it was itself invalidated. The stale bit is cleared
 * before the first mmu_interval_read_begin(): an invalidation that is over by then is seen in the
 * page tables, one that is running is waited for there, and a later one sets the bit again.
 */
static int walk_range(struct walk *w, struct batch_cluster *c, u32 i)
{
	const struct batch_range *range = &w->batch->ranges[i];
	unsigned long start, end;
	int r;

restart:
	set_stale(w->batch, i, false);
	for (start = range->start; start < range->end;) {
		end = min(range->end, start + WALK_PAGES * PAGE_SIZE);
		r = interrupted(w) ? -ERESTARTSYS : 0;
		if (!r)
			r = walk_piece(w, c, start, end,
				       range->page + ((start - range->start) >> PAGE_SHIFT));
		if (r == -EBUSY && !time_after(jiffies, w->deadline)) {
			if (is_stale(w->batch, i))
				goto restart;
			continue;
		}
		if (r) {
			set_stale(w->batch, i, true);
			return r;
		}
		start = end;
		cond_resched();
	}
	return 0;
}

/* One pass over all stale ranges, cluster by cluster. */
static int walk_pass(struct walk *w)
{
	struct amdgpu_userptr_batch *batch = w->batch;
	u32 k, i;
	int r;

	for (k = 0; k < batch->num_clusters; k++) {
		struct batch_cluster *c = &batch->clusters[k];

		i = c->first;
		while ((i = find_next_bit(batch->stale, c->first + c->count, i)) <
		       c->first + c->count) {
			r = walk_range(w, c, i++);
			if (r)
				return r;
		}
	}
	return 0;
}

/* The verifying look: nothing stale means that every page found is still the right one. */
static bool walk_done(struct amdgpu_userptr_batch *batch)
{
	bool done;

	userptr_batch_notifier_lock(batch->bo);
	done = bitmap_empty(batch->stale, batch->num_ranges);
	if (done)
		batch->live = true;
	userptr_batch_notifier_unlock(batch->bo);
	return done;
}

/* A range is gone. No page of the buffer may be used; all must be found again if it comes back. */
static void drop_pages(struct amdgpu_userptr_batch *batch, struct page **pages)
{
	memset(pages, 0, batch->num_pages * sizeof(*pages));
	userptr_batch_notifier_lock(batch->bo);
	bitmap_fill(batch->stale, batch->num_ranges);
	userptr_batch_notifier_unlock(batch->bo);
}

int amdgpu_userptr_batch_get_pages(struct amdgpu_userptr_batch *batch, struct page **pages,
				   struct hmm_range **range)
{
	struct mm_struct *mm = batch->mm;
	struct walk w = {
		.batch = batch,
		.pages = pages,
		.patience = jiffies + SIGNAL_GRACE,
	};
	int r;

	*range = NULL;
	if (!mm)
		return -EFAULT;
	if (!mmget_not_zero(mm)) /* the process is going away */
		return -ESRCH;
	w.pfns = kmalloc_array(WALK_PAGES, sizeof(*w.pfns), GFP_KERNEL);
	if (!w.pfns) {
		r = -ENOMEM;
		goto out;
	}
	/* As for a single userptr: a second for every 512 MiB (amdgpu_hmm_range_get_pages). */
	w.deadline = jiffies +
		     msecs_to_jiffies(max(batch->num_pages >> 17, 1UL) * HMM_RANGE_DEFAULT_TIMEOUT);
	/* TTM drops the page array with the backing store: then nothing we know is in it. */
	if (!pages[0])
		drop_pages(batch, pages);
	do {
		r = walk_pass(&w);
		if (r || walk_done(batch))
			break;
		if (time_after(jiffies, w.deadline))
			r = -EBUSY;
	} while (!r);
	if (r == -EFAULT)
		drop_pages(batch, pages);
	if (!r)
		*range = &batch->token;
	kfree(w.pfns);
out:
	mmput(mm);
	return r;
}

bool amdgpu_userptr_batch_pages_valid(struct amdgpu_userptr_batch *batch)
{
	return userptr_batch_valid(batch->bo, bitmap_empty(batch->stale, batch->num_ranges));
}

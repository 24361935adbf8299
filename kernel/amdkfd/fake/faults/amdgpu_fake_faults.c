// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Failing allocations in the worker that restores userptrs, by module parameters. A test cannot ask
 * for them through /proc/PID/fail-nth: it does not know which kworker will run the work.
 */
#include "amdgpu_fake_faults.h"

#ifdef CONFIG_FAULT_INJECTION
#include <linux/module.h>
#include <linux/sched.h>

/* In: of the worker's next run the n-th allocation fails. It becomes 0 when that run begins. */
static unsigned int fake_restore_fail;
module_param(fake_restore_fail, uint, 0644);
/* Out: runs so far, and those in which an allocation failed. */
static unsigned int fake_restore_runs, fake_restore_failed;
module_param(fake_restore_runs, uint, 0444);
module_param(fake_restore_failed, uint, 0444);

static work_func_t restore;

static void failing_restore(struct work_struct *work)
{
	unsigned int nth = xchg(&fake_restore_fail, 0);

	current->fail_nth = nth;
	restore(work); /* after which the work may be gone */
	if (nth && !current->fail_nth)
		WRITE_ONCE(fake_restore_failed, fake_restore_failed + 1);
	current->fail_nth = 0;
	WRITE_ONCE(fake_restore_runs, fake_restore_runs + 1);
}

void amdgpu_fake_watch_restore(struct work_struct *work)
{
	restore = work->func;
	work->func = failing_restore;
}
#endif

/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Failing allocations in the worker that restores userptrs. For tests only, in a kernel with
 * CONFIG_FAULT_INJECTION; in any other it does nothing.
 */
#ifndef AMDGPU_FAKE_FAULTS_H_
#define AMDGPU_FAKE_FAULTS_H_

#include <linux/workqueue.h>

#ifdef CONFIG_FAULT_INJECTION
/* To be called when the work has been initialised and before it is queued. */
void amdgpu_fake_watch_restore(struct work_struct *work);
#else
static inline void amdgpu_fake_watch_restore(struct work_struct *work) {}
#endif

#endif

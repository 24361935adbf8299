/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Test only: the notifier design of batch userptr as module parameters (bench.cocci).
 */
#ifndef AMDGPU_FAKE_BENCH_H_
#define AMDGPU_FAKE_BENCH_H_

#include <linux/types.h>

extern unsigned int fake_batch_clusters; /* notifiers at most */
extern unsigned long fake_batch_hole;	 /* holes up to this size never separate notifiers */
extern bool fake_batch_precise;		 /* invalidations of holes are ignored */

#endif

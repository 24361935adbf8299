// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Test only: the parameters of amdgpu_fake_bench.h, with the values that batch userptr has in
 * earnest.
 */
#include <linux/module.h>

#include "amdgpu_fake_bench.h"

unsigned int fake_batch_clusters = 64;
module_param(fake_batch_clusters, uint, 0644);

unsigned long fake_batch_hole = 2UL << 20;
module_param(fake_batch_hole, ulong, 0644);

bool fake_batch_precise = true;
module_param(fake_batch_precise, bool, 0644);

// SPDX-License-Identifier: GPL-2.0 OR MIT
// Test only: the notifier design as module parameters, to measure the alternatives in one boot.
@@
@@
-#define CLUSTER_MIN_HOLE (2UL << 20)
+#define CLUSTER_MIN_HOLE fake_batch_hole

@@
@@
-#define CLUSTERS_MAX 64u
+#define CLUSTERS_MAX fake_batch_clusters

@@
@@
#include "amdgpu_userptr_batch.h"
+#include "amdgpu_fake_bench.h"

@@
expression list A, B;
identifier batch;
@@
batch_invalidate(...)
{
	...
-	if (!lookup(batch, A))
+	if (!lookup(batch, A) && fake_batch_precise)
		return true;
	...
	lookup(batch, B);
+	/* As with one sequence number for all ranges. */
+	if (!fake_batch_precise)
+		bitmap_fill(batch->stale, batch->num_ranges);
	...
}

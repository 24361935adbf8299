// SPDX-License-Identifier: GPL-2.0 OR MIT
// Test only: the worker that restores userptrs runs by way of amdgpu_fake_faults.c.
@ watch @
identifier info;
@@
	INIT_DELAYED_WORK(&info->restore_userptr_work, ...);
+	amdgpu_fake_watch_restore(&info->restore_userptr_work.work);

@ depends on watch @
@@
#include "amdgpu_amdkfd.h"
+#include "amdgpu_fake_faults.h"

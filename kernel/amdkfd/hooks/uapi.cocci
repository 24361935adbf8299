// SPDX-License-Identifier: GPL-2.0 OR MIT
// include/uapi/linux/kfd_ioctl.h: the batch ioctl's header, and room for number 0x28 in the table.
@@
@@
#include <linux/ioctl.h>
+#include <linux/kfd_batch.h>

@@
expression E;
@@
-#define AMDKFD_COMMAND_END E
+#define AMDKFD_COMMAND_END		0x29

/* SPDX-License-Identifier: MIT */
/* The executor of a device, for tests in C++: the header that knows it uses C atomics. */
#include "exec_shim.h"

#include "device_impl.h"

struct sg_exec *exec_of(struct sg_device *dev)
{
    return dev->exec;
}

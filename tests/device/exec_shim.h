/* SPDX-License-Identifier: MIT */
#ifndef EXEC_SHIM_H
#define EXEC_SHIM_H

#ifdef __cplusplus
extern "C" {
#endif

struct sg_device;
struct sg_exec;
struct sg_exec *exec_of(struct sg_device *dev);

#ifdef __cplusplus
}
#endif

#endif

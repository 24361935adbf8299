/* SPDX-License-Identifier: MIT */
/*
 * hip-scatter: many non-contiguous ranges of host memory as one contiguous GPU virtual address range, in
 * place, without a copy. This is the C interface for HIP programs.
 */
#ifndef HIP_SCATTER_HIP_SCATTER_H
#define HIP_SCATTER_HIP_SCATTER_H

#include <stddef.h>
#include <stdint.h>

#include <hip/hip_runtime_api.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One range of host memory. Has the layout of struct iovec. */
typedef struct hipScatterRange {
    void *base;  /* first byte */
    size_t size; /* bytes, not 0 */
} hipScatterRange;

hipError_t hipHostRegisterScatter(void **devPtr, const hipScatterRange *ranges, size_t count, unsigned int flags);
hipError_t hipHostUnregisterScatter(void *devPtr);
const char *hipScatterGetLastErrorMessage(void);

#ifdef __cplusplus
}
#endif

#endif

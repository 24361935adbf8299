/* SPDX-License-Identifier: MIT */
/*
 * What the files of the HIP face (hip_face*.c) share: error numbers, pool handles and size-tagged
 * structs as HIP programs see them. Nothing outside of the HIP face includes it.
 */
#ifndef HS_HIP_FACE_H
#define HS_HIP_FACE_H

#include <hip_scatter/hip_scatter.h>

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct hs_pool;

hipError_t hs_hip_error(int err);

/* A pool's handle is its window's address: a stale one is recognised, not followed. */
hipScatterPool_t hs_hip_handle(const struct hs_pool *pool);

/* The pool of a handle, held: hs_registry_release() it. -EINVAL or -ENOENT with a text. */
int hs_hip_hold_pool(hipScatterPool_t handle, struct hs_pool **pool);

/*
 * Copies as much of a result as the caller's structSize (asked) has room for, of the bytes that the
 * library knows; structSize is the first member. -EINVAL with a text if asked is below least.
 */
int hs_give_struct(void *to, const void *from, size_t known, size_t asked, size_t least);

#ifdef __cplusplus
}
#endif

#endif

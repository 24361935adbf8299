/* SPDX-License-Identifier: MIT */
/*
 * /dev/kfd: the process's own descriptor, and every ioctl the library issues. Nothing else in
 * runtime/ issues one. HIP or ROCr must have been initialised before the first call: this file
 * never acquires a VM.
 */
#ifndef HS_KFD_H
#define HS_KFD_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct hs_ranges;

/* How the kernel takes a whole list in one allocation. */
enum hs_wire {
    HS_WIRE_NONE,  /* it does not */
    HS_WIRE_IOCTL, /* ioctl 0x28 (series v2) */
    HS_WIRE_FLAG,  /* flag 1 << 22 of ALLOC_MEMORY_OF_GPU (series v4) */
};

struct hs_kfd_version {
    uint32_t major, minor;
};

struct hs_kfd_aperture {
    uint32_t gpu_id;
    uint64_t base, limit; /* first and last address the GPU can reach in system memory's range */
};

struct hs_kfd_counters {
    uint64_t ioctls, alloc_batch, alloc, map, unmap, free, probe, retries, ns;
};

/* Access of the GPU to the pages of a buffer. */
struct hs_kfd_access {
    int read_only;
    int coarse_grained;
};

/* Opens /dev/kfd once per process. -EBADF in a forked child, -ENODEV or another errno if it fails.
 */
int hs_kfd_open(void);

/* -EBADF with a text in a process that was forked after hs_kfd_open(); else 0. */
int hs_kfd_check_process(void);

int hs_kfd_get_version(struct hs_kfd_version *version);

/* Fills up to room apertures; *count: how many. */
int hs_kfd_apertures(struct hs_kfd_aperture *apertures, size_t room, size_t *count);

/*
 * Finds out which wire format works on a GPU, without a side effect on a kernel that has none. why
 * gets one line for people, in either case. 0 even when there is none; negative only if the
 * question failed.
 */
int hs_kfd_probe_batch(uint32_t gpu_id, enum hs_wire *wire, char *why, size_t why_bytes);

/* One buffer over one run of pages. */
int hs_kfd_alloc(uint32_t gpu_id, uint64_t va, uint64_t cpu, uint64_t bytes,
                 const struct hs_kfd_access *access, uint64_t *handle);

/*
 * One buffer over runs [first, first + runs), which have so many bytes. The list must not be
 * sealed. For HS_WIRE_FLAG first must be a multiple of 256: the header before it starts a page.
 */
int hs_kfd_alloc_batch(enum hs_wire wire, uint32_t gpu_id, uint64_t va,
                       const struct hs_ranges *ranges, size_t first, size_t runs, uint64_t bytes,
                       const struct hs_kfd_access *access, uint64_t *handle);

/* All or nothing: what a failing MAP had mapped is unmapped again. */
int hs_kfd_map(uint64_t handle, const uint32_t *gpu_ids, uint32_t count);

/* All or nothing: what a failing UNMAP had unmapped is mapped again. */
int hs_kfd_unmap(uint64_t handle, const uint32_t *gpu_ids, uint32_t count);

int hs_kfd_free(uint64_t handle);

/* Process-wide counters, and the calling thread's share of ioctls and ns. */
void hs_kfd_read_counters(struct hs_kfd_counters *counters);
void hs_kfd_thread_cost(uint64_t *ioctls, uint64_t *ns);

/* For unit tests: closes the descriptor and forgets the process. */
void hs_kfd_reset_for_test(void);

#ifdef __cplusplus
}
#endif

#endif

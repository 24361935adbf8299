/* SPDX-License-Identifier: MIT */
/*
 * What a program that runs under softgpu may ask of it: counters, and faults to inject. No library
 * to link: look the functions up with dlsym(RTLD_DEFAULT, "softgpu_get_stats"); NULL means that the
 * program does not run under softgpu. Usable from C and C++.
 */
#ifndef SOFTGPU_SOFTGPU_H
#define SOFTGPU_SOFTGPU_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Counters of the calling process. All counts start at 0 when the process starts; a fork starts
 * afresh. */
struct softgpu_stats {
    uint64_t size; /* set by the caller: sizeof(struct softgpu_stats); on return: bytes that were
                      filled */

    uint64_t ioctls[256]; /* calls on /dev/kfd by ioctl number, failed ones included */
    uint64_t ioctl_total;

    uint64_t live_buffers;         /* buffers (handles) that exist now, of every kind */
    uint64_t live_userptr_buffers; /* those of them that are backed by memory of the program */
    uint64_t live_userptr_ranges;  /* CPU ranges of these: 1 for a plain one, N for a batch */
    uint64_t live_userptr_bytes;
    uint64_t live_vram_bytes, live_gtt_bytes;
    uint64_t mapped_pages; /* GPU page-table entries that are valid now, over all GPUs */
    uint64_t open_queues, open_events;
    uint64_t open_files;    /* descriptors of /dev/kfd and render nodes that are open now */
    uint64_t invalidations; /* times that registered memory was unmapped, moved or protected */

    /* Calls that on the imitated kernel took effect although the caller meant something else: 0x28
     * with op PMC, SPM or PC sampling on a kernel where 0x28 is the profiler. Must stay 0. */
    uint64_t profiler_side_effects;

    /* Device layer, summed over all GPUs. */
    uint64_t packets, dispatches, workgroups, waves;
    uint64_t instructions, vector_instructions;
    uint64_t tlb_hits, tlb_misses;
    uint64_t window_bytes_read, window_bytes_written; /* through pages of userptr buffers */
    uint64_t sdma_bytes;
    uint64_t memory_faults;
};

/*
 * @brief Fill *stats. Thread-safe.
 * @param stats  not NULL; stats->size tells how much of it the caller knows.
 * @return 0, or -EINVAL if stats is NULL or its size is too small for the size member itself.
 */
int softgpu_get_stats(struct softgpu_stats *stats);

/*
 * @brief Let the k-th call of an ioctl from now on fail, once. Thread-safe. Up to 64 can be
 * pending.
 * @param nr   ioctl number on /dev/kfd, 0x16 for ALLOC_MEMORY_OF_GPU; 0..255
 * @param k    1: the next call; 0: forget all pending ones for nr
 * @param err  errno that the call returns, for example ENOMEM; the call has no other effect
 * @return 0, -EINVAL (a value out of range) or -ENOSPC (64 are pending).
 */
int softgpu_fail(unsigned int nr, unsigned int k, int err);

typedef int (*softgpu_get_stats_fn)(struct softgpu_stats *stats);
typedef int (*softgpu_fail_fn)(unsigned int nr, unsigned int k, int err);

#ifdef __cplusplus
}
#endif

#endif

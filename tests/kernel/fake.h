/* SPDX-License-Identifier: MIT */
/*
 * The fake GPU as a test sees it (kernel/amdkfd/fake/amdgpu_fake_uapi.h), and the CPU's own view of
 * the same memory from /proc/self/pagemap, which is what every GPU page table entry is judged by.
 */
#ifndef TESTS_KERNEL_FAKE_H
#define TESTS_KERNEL_FAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "amdgpu_fake_uapi.h"

/* -1 if there is none. */
int fake_open(void);
int fake_walk(int fake, int drm, uint64_t va, struct amdgpu_fake_walk *walk);
/* DMA; 0, or a negative errno with the address that faulted in *fault (may be NULL). */
int fake_read(int fake, int drm, uint64_t va, void *buffer, uint64_t size, uint64_t *fault);
int fake_write(int fake, int drm, uint64_t va, const void *buffer, uint64_t size, uint64_t *fault);
int fake_state(int fake, int drm, struct amdgpu_fake_state *state);

/* The DMA engine (struct amdgpu_fake_dma). */
int fake_dma_start(int fake, int drm, uint64_t va, uint64_t pages, uint64_t magic);
int fake_dma_stop(int fake, int drm, struct amdgpu_fake_dma *seen);
/* What it has seen so far. */
int fake_dma_look(int fake, int drm, struct amdgpu_fake_dma *seen);
/* Wait until it has tried this many more reads: false if it does not in twenty seconds. */
bool fake_dma_wait(int fake, int drm, uint64_t reads);

/* Wait until no userptr eviction is pending. -1 after twenty seconds. */
int fake_wait_restored(int fake, int drm);

/* Physical address of the page at p, 0 if none is present. Needs root. */
uint64_t pagemap_physical(const void *p);

#endif

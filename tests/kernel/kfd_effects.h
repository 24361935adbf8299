/* SPDX-License-Identifier: MIT */
/*
 * The engine that kfd_effects reads GPU memory with. Two of them, one program each: the fake GPU's
 * DMA in the guest, and an SDMA queue for softgpu and for hardware.
 */
#ifndef TESTS_KERNEL_KFD_EFFECTS_H
#define TESTS_KERNEL_KFD_EFFECTS_H

#include <stdint.h>

#include "kfd.h"

enum engine_answer {
    ENGINE_READ,    /* *word is what the GPU sees */
    ENGINE_FAULT,   /* nothing is mapped, or not so */
    ENGINE_STOPPED, /* the process' queues do not run */
    ENGINE_BROKEN,
};

/* Once in a process. drm: the render node, VM acquired. 0 or a negative errno. */
int engine_open(int fd, int drm, const struct kfd_gpu *gpu);
/* After a change of memory, with the queues running again unless they stay stopped. */
enum engine_answer engine_read(uint64_t va, uint64_t *word);

#endif

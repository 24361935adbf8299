/* SPDX-License-Identifier: MIT */
/*
 * The little of ROCr that a guest test needs to run kernels: agents, one queue, one code object.
 * Every function ends the program if it fails, saying why: without them nothing can be tested.
 */
#ifndef TESTS_KERNEL_ROCR_H
#define TESTS_KERNEL_ROCR_H

#include <stddef.h>
#include <stdint.h>

#include <hsa/hsa.h>

struct rocr {
    hsa_agent_t cpu, gpu;
    hsa_queue_t *queue;
    hsa_executable_t executable;
    void *kernarg; /* a page; one dispatch at a time */
    void *shared;  /* another, of zeroes: results and flags */
};

/* hsa_init, the first GPU, a queue, and the kernels of a code object file. */
void rocr_start(struct rocr *r, const char *code_object);
void rocr_stop(struct rocr *r);

/* Starts groups * group work-items. The signal is 0 when they have ended; the caller destroys it.
 */
hsa_signal_t rocr_launch(struct rocr *r, const char *kernel, const void *args, size_t bytes,
                         uint32_t groups, uint16_t group);
/* Waits for it, up to so many seconds, and destroys it. 0, or -1: did not end. */
int rocr_finish(hsa_signal_t signal, unsigned seconds);

#endif

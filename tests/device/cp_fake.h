/* SPDX-License-Identifier: MIT */
/*
 * What the packet processors are tested against: a device whose executor only records dispatches
 * and ends them when the test says so, a driver that records events and faults, and the simplest
 * page table (cp_fake_vm.c). C, because wave.h is; this header is for C++ too.
 */
#ifndef CP_FAKE_H
#define CP_FAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sg_device;
struct sg_vm;

/* A dispatch as the executor got it. */
struct fake_dispatch {
    uint32_t queue_id, priority;
    uint64_t packet_va, queue_va, dispatch_id, kernarg_va, code_va;
    uint32_t grid[3], group[3];
    uint32_t group_segment_bytes, private_segment_bytes;
    uint32_t rsrc1, rsrc2, rsrc3, properties;
    uint32_t scratch_srd[4];
    uint64_t scratch_va, scratch_bytes_per_wave;
    uint32_t scratch_waves;
    uint32_t cu_mask; /* of the first 32 units */
    uint32_t user_sgprs[16], user_sgpr_words;
};

struct sg_device *fake_device_create(const char *arch);
void fake_device_destroy(struct sg_device *dev);
void fake_device_pause(struct sg_device *dev);
void fake_device_resume(struct sg_device *dev);
/* With it, every dispatch ends at once on another thread. */
void fake_exec_auto(bool on);
/* Dispatches submitted so far; copy number `index`. */
size_t fake_exec_count(void);
struct fake_dispatch fake_exec_dispatch(size_t index);
/* Ends dispatch number `index` with an enum sg_dispatch_result; `fault_va` for SG_DISPATCH_FAULT.
 */
void fake_exec_finish(size_t index, int result, uint64_t fault_va);
/* So often the dispatches of a queue were cancelled, whether it had any or not. */
size_t fake_cancel_count(void);

size_t fake_event_count(void);
uint32_t fake_event(size_t index);
size_t fake_fault_count(void);
uint64_t fake_fault_va(void);
bool fake_fault_write(void);
uint64_t fake_counter_sdma_bytes(const struct sg_device *dev);

#ifdef __cplusplus
}
#endif
#endif

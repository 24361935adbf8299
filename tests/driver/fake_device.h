/* SPDX-License-Identifier: MIT */
/* What a test sees of, and asks from, the device layer that executes nothing (fake_device.c). */
#ifndef FAKE_DEVICE_H
#define FAKE_DEVICE_H

#include "device.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fake_device {
    struct sg_device *devices[16]; /* in order of creation */
    int device_count;
    struct sg_vm *vms[16];
    int vm_count;
    int paused; /* pauses without their resume */
    int pauses; /* ever */
    int queues; /* that exist */
    struct sg_queue_config last_queue;
};
extern struct fake_device fake;

/* As the device would, from the calling thread. */
void fake_raise_event(uint32_t event_id);
void fake_raise_fault(const struct sg_memory_fault *fault);

#ifdef __cplusplus
}
#endif

#endif

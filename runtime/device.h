/* SPDX-License-Identifier: MIT */
/*
 * The GPUs that this process may use: HSA agent, topology node, gpu_id, PCI address, aperture, and
 * what the kernel can do for each. Filled once; entries never move or change afterwards, except for
 * the probe's answer, which is added once. Devices are known by PCI address, never by index.
 */
#ifndef HS_DEVICE_H
#define HS_DEVICE_H

#include <hsa/hsa.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kfd.h"

#ifdef __cplusplus
extern "C" {
#endif

#define HS_MAX_DEVICES 64

struct hs_device {
    hsa_agent_t agent;
    char name[64];            /* gfx906 */
    uint32_t node;            /* topology */
    uint32_t gpu_id;          /* what the KFD calls it */
    uint32_t domain;          /* PCI */
    uint32_t bdf;             /* bus << 8 | device << 3 | function */
    uint64_t lowest, highest; /* GPU virtual addresses it can use for system memory */
    int probed; /* wire and wire_why are valid; guarded by the table's lock until it is set */
    enum hs_wire wire;
    char wire_why[256];
};

/* Initialises ROCr if nobody has, and fills the table. Repeats after a failure. */
int hs_devices_init(void);

size_t hs_device_count(void);
struct hs_device *hs_device_at(size_t index);

/* The device with this agent, or null. */
struct hs_device *hs_device_of_agent(hsa_agent_t agent);

/*
 * The nth (from 0) device at a PCI address, function ignored: partitions of a card share it. Null
 * if none.
 */
struct hs_device *hs_device_at_pci(uint32_t domain, uint32_t bus, uint32_t slot, unsigned nth);

/* What all devices can address: access may be granted to any of them later. */
void hs_devices_common_aperture(uint64_t *lowest, uint64_t *highest);

/* Asks the kernel once per device which batch wire format it has. */
int hs_device_probe(struct hs_device *device);

/* 0000:03:00.0 */
void hs_device_pci_text(const struct hs_device *device, char *text, size_t bytes);

/* Whether ROCr says that an address is GPU memory, which cannot be registered. */
bool hs_device_owns_address(const void *address);

/* For unit tests: a table without ROCr. */
void hs_devices_set_for_test(const struct hs_device *devices, size_t count);

#ifdef __cplusplus
}
#endif

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What this machine can do for one device, before anything is registered. Reads and probes; changes
 * nothing.
 */
#ifndef HS_CAPABILITY_H
#define HS_CAPABILITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "device.h"
#include "pool.h"

#ifdef __cplusplus
extern "C" {
#endif

struct hs_backing_support {
    enum hs_backing_kind kind;
    bool works;
    char why[256]; /* why not, or what it needs */
};

struct hs_capability {
    const struct hs_device *device;
    struct hs_kfd_version kfd;
    struct hs_backing_support
        backings[3]; /* batch, alias, per-range: the order of the automatic choice */
    size_t max_ranges;
    uint64_t max_bytes; /* what amdkfd allows to be registered at once, all processes together */
    size_t alignment;   /* of ranges */
    size_t window_alignment;
    size_t mappings_free; /* what alias windows can take */
};

/* Negative if the question failed, with a text. */
int hs_capability_get(struct hs_device *device, bool can_pin, struct hs_capability *capability);

#ifdef __cplusplus
}
#endif

#endif

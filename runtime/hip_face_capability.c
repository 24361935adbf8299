/* SPDX-License-Identifier: MIT */
/* The HIP face of capability.h: translation, no logic. */
#include <errno.h>
#include <stdio.h>

#include "backing.h"
#include "capability.h"
#include "error.h"
#include "hip_face.h"
#include "hip_lib.h"

static void fill(hipScatterDeviceCapabilities *out, const struct hs_capability *c)
{
    const struct hs_device *device = c->device;

    snprintf(out->name, sizeof(out->name), "%s", device->name);
    hs_device_pci_text(device, out->pciBusId, sizeof(out->pciBusId));
    out->node = device->node;
    out->gpuId = device->gpu_id;
    out->kfdMajor = c->kfd.major;
    out->kfdMinor = c->kfd.minor;
    for (int i = 0; i < 3; i++) {
        hipScatterBackingSupport *support = &out->backings[i];

        support->backing = (hipScatterBacking)c->backings[i].kind;
        support->works = c->backings[i].works;
        snprintf(support->name, sizeof(support->name), "%s", hs_backing_name(c->backings[i].kind));
        snprintf(support->why, sizeof(support->why), "%s", c->backings[i].why);
    }
    out->maxRanges = c->max_ranges;
    out->maxBytes = c->max_bytes;
    out->rangeAlignment = c->alignment;
    out->windowAlignment = c->window_alignment;
    out->lowestAddress = device->lowest;
    out->highestAddress = device->highest;
    out->mappingsFree = c->mappings_free;
}

hipError_t hipScatterGetDeviceCapabilities(hipScatterDeviceCapabilities *capabilities, int ordinal)
{
    hipScatterDeviceCapabilities out = {.structSize = sizeof(out)};
    struct hs_capability c;
    struct hs_device *device;
    int err;

    if (!capabilities)
        return hs_hip_error(hs_error(-EINVAL, "capabilities is null"));
    err = hs_hip_init();
    if (!err)
        err = hs_hip_device(ordinal, &device);
    if (!err)
        err = hs_capability_get(device, true, &c);
    if (err)
        return hs_hip_error(err);
    fill(&out, &c);
    return hs_hip_error(
        hs_give_struct(capabilities, &out, sizeof(out), capabilities->structSize, sizeof(out)));
}

/* SPDX-License-Identifier: MIT */
/* Collects what is known of a device (capability.h). */
#include "capability.h"

#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>

#include "maps.h"

/* amdkfd lets 15/16 of RAM be registered, userptr and SVM together (amdgpu_amdkfd_gpuvm.c,
 * Linux 6.1). */
static uint64_t system_limit(void)
{
    struct sysinfo info;

    if (sysinfo(&info))
        return 0;
    return (uint64_t)info.totalram * info.mem_unit / 16 * 15;
}

static int mappings_free(size_t *count)
{
    size_t limit = hs_maps_limit();
    struct hs_maps maps;
    int err = hs_maps_read(&maps);

    if (err)
        return err;
    *count = maps.count < limit ? limit - maps.count : 0;
    hs_maps_free(&maps);
    return 0;
}

int hs_capability_get(struct hs_device *device, bool can_pin, struct hs_capability *c)
{
    int err = hs_device_probe(device);

    if (err)
        return err;
    memset(c, 0, sizeof(*c));
    err = hs_kfd_get_version(&c->kfd);
    if (!err)
        err = mappings_free(&c->mappings_free);
    if (err)
        return err;
    c->device = device;
    c->max_ranges = HS_MAX_RANGES;
    c->max_bytes = system_limit();
    c->alignment = HS_PAGE_BYTES;
    c->window_alignment = HS_WINDOW_ALIGN;

    c->backings[0].kind = HS_BACKING_BATCH;
    c->backings[0].works = device->wire != HS_WIRE_NONE;
    snprintf(c->backings[0].why, sizeof(c->backings[0].why), "%s", device->wire_why);

    c->backings[1].kind = HS_BACKING_ALIAS;
    c->backings[1].works = can_pin;
    snprintf(c->backings[1].why, sizeof(c->backings[1].why),
             can_pin ? "for shared mappings only (memfd, shm, files); room for %zu mappings"
                     : "no runtime that registers host memory",
             c->mappings_free);

    c->backings[2].kind = HS_BACKING_PER_RANGE;
    c->backings[2].works = true;
    snprintf(c->backings[2].why, sizeof(c->backings[2].why), "works on every kernel");
    return 0;
}

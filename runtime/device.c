/* SPDX-License-Identifier: MIT */
/*
 * The device table (device.h), with its own lock. The gpu_id comes from sysfs by the node number
 * that ROCr gives; the aperture from the KFD.
 */
#include "device.h"

#include <errno.h>
#include <hsa/hsa_ext_amd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "sys.h"

static struct {
    pthread_mutex_t lock;
    atomic_bool ready;
    size_t count;
    struct hs_device devices[HS_MAX_DEVICES];
} table = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int read_gpu_id(uint32_t node, uint32_t *gpu_id)
{
    char path[80];
    FILE *file;
    int fields;

    snprintf(path, sizeof(path), "/sys/class/kfd/kfd/topology/nodes/%u/gpu_id", node);
    file = hs_sys.fopen(path, "re");
    if (!file)
        return hs_error(-ENODEV, "cannot read %s (%s)", path, hs_errno_name(errno));
    fields = fscanf(file, "%u", gpu_id);
    fclose(file);
    if (fields != 1 || *gpu_id == 0)
        return hs_error(-ENODEV, "%s does not name a GPU", path);
    return 0;
}

/* hsa_iterate_agents' callback: adds a GPU. A status other than success ends the iteration. */
static hsa_status_t add_agent(hsa_agent_t agent, void *data)
{
    size_t *count = data;
    struct hs_device *d = &table.devices[*count];
    hsa_device_type_t type;
    hsa_status_t status = hsa_agent_get_info(agent, HSA_AGENT_INFO_DEVICE, &type);

    if (status != HSA_STATUS_SUCCESS || type != HSA_DEVICE_TYPE_GPU || *count == HS_MAX_DEVICES)
        return status;
    memset(d, 0, sizeof(*d));
    d->agent = agent;
    status = hsa_agent_get_info(agent, HSA_AGENT_INFO_NAME, d->name);
    if (status == HSA_STATUS_SUCCESS)
        status = hsa_agent_get_info(agent, (hsa_agent_info_t)HSA_AMD_AGENT_INFO_DRIVER_NODE_ID,
                                    &d->node);
    if (status == HSA_STATUS_SUCCESS)
        status = hsa_agent_get_info(agent, (hsa_agent_info_t)HSA_AMD_AGENT_INFO_BDFID, &d->bdf);
    if (status == HSA_STATUS_SUCCESS)
        status = hsa_agent_get_info(agent, (hsa_agent_info_t)HSA_AMD_AGENT_INFO_DOMAIN, &d->domain);
    if (status == HSA_STATUS_SUCCESS)
        ++*count;
    return status;
}

static int find_apertures(size_t count)
{
    struct hs_kfd_aperture apertures[HS_MAX_DEVICES];
    size_t found;
    int err = hs_kfd_apertures(apertures, HS_MAX_DEVICES, &found);

    if (err)
        return err;
    for (size_t i = 0; i < count; i++) {
        struct hs_device *d = &table.devices[i];

        for (size_t k = 0; k < found && !d->highest; k++) {
            if (apertures[k].gpu_id == d->gpu_id) {
                d->lowest = apertures[k].base;
                d->highest = apertures[k].limit;
            }
        }
        if (!d->highest)
            return hs_error(-ENODEV, "the KFD has no aperture for GPU %u (gpu_id %u)", d->node,
                            d->gpu_id);
    }
    return 0;
}

static int fill_table(void)
{
    size_t count = 0;
    const char *text = NULL;
    hsa_status_t status = hsa_init(); /* counted; kept for the life of the process */
    int err = 0;

    if (status == HSA_STATUS_SUCCESS) {
        status = hsa_iterate_agents(add_agent, &count);
        if (status != HSA_STATUS_SUCCESS || !count)
            hsa_shut_down();
    }
    if (status != HSA_STATUS_SUCCESS) {
        hsa_status_string(status, &text);
        return hs_error(-ENODEV, "ROCr does not start: %s", text ? text : "unknown status");
    }
    if (!count)
        return hs_error(-ENODEV, "ROCr shows no GPU");
    for (size_t i = 0; i < count && !err; i++)
        err = read_gpu_id(table.devices[i].node, &table.devices[i].gpu_id);
    if (!err)
        err = find_apertures(count);
    if (err) {
        hsa_shut_down();
        return err;
    }
    table.count = count;
    return 0;
}

int hs_devices_init(void)
{
    int err = hs_kfd_check_process();

    if (err || atomic_load_explicit(&table.ready, memory_order_acquire))
        return err;
    pthread_mutex_lock(&table.lock);
    if (!atomic_load(&table.ready)) {
        err = fill_table();
        if (!err)
            atomic_store_explicit(&table.ready, true, memory_order_release);
    }
    pthread_mutex_unlock(&table.lock);
    return err;
}

void hs_devices_set_for_test(const struct hs_device *devices, size_t count)
{
    memcpy(table.devices, devices, count * sizeof(*devices));
    table.count = count;
    atomic_store(&table.ready, true);
}

size_t hs_device_count(void)
{
    return table.count;
}

struct hs_device *hs_device_at(size_t index)
{
    return index < table.count ? &table.devices[index] : NULL;
}

struct hs_device *hs_device_of_agent(hsa_agent_t agent)
{
    for (size_t i = 0; i < table.count; i++) {
        if (table.devices[i].agent.handle == agent.handle)
            return &table.devices[i];
    }
    return NULL;
}

struct hs_device *hs_device_at_pci(uint32_t domain, uint32_t bus, uint32_t slot, unsigned nth)
{
    for (size_t i = 0; i < table.count; i++) {
        struct hs_device *d = &table.devices[i];

        if (d->domain == domain && d->bdf >> 8 == bus && ((d->bdf >> 3) & 31) == slot && nth-- == 0)
            return d;
    }
    return NULL;
}

void hs_devices_common_aperture(uint64_t *lowest, uint64_t *highest)
{
    *lowest = 0;
    *highest = UINT64_MAX;
    for (size_t i = 0; i < table.count; i++) {
        const struct hs_device *d = &table.devices[i];

        *lowest = d->lowest > *lowest ? d->lowest : *lowest;
        *highest = d->highest < *highest ? d->highest : *highest;
    }
}

int hs_device_probe(struct hs_device *device)
{
    int err = 0;

    pthread_mutex_lock(&table.lock);
    if (!device->probed) {
        err = hs_kfd_probe_batch(device->gpu_id, &device->wire, device->wire_why,
                                 sizeof(device->wire_why));
        device->probed = !err;
    }
    pthread_mutex_unlock(&table.lock);
    return err;
}

void hs_device_pci_text(const struct hs_device *device, char *text, size_t bytes)
{
    snprintf(text, bytes, "%04x:%02x:%02x.%x", device->domain & 0xffffu, (device->bdf >> 8) & 0xffu,
             (device->bdf >> 3) & 31u, device->bdf & 7u);
}

bool hs_device_owns_address(const void *address)
{
    hsa_amd_pointer_info_t info = {.size = sizeof(info)};
    hsa_device_type_t type;

    if (!hs_device_count() ||
        hsa_amd_pointer_info(address, &info, NULL, NULL, NULL) != HSA_STATUS_SUCCESS ||
        info.type != HSA_EXT_POINTER_TYPE_HSA)
        return false;
    return hsa_agent_get_info(info.agentOwner, HSA_AGENT_INFO_DEVICE, &type) ==
               HSA_STATUS_SUCCESS &&
           type == HSA_DEVICE_TYPE_GPU;
}

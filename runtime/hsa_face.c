/* SPDX-License-Identifier: MIT */
/*
 * The C interface for programs without HIP (hsa_scatter.h): argument checks and translation, no
 * logic. Must not need libamdhip64.
 */
#include <hip_scatter/hsa_scatter.h>

#include <errno.h>
#include <hsa/hsa_ext_amd.h>
#include <stdio.h>
#include <string.h>

#include "backing.h"
#include "capability.h"
#include "copy.h"
#include "error.h"
#include "hip_face.h"
#include "pool.h"
#include "pool_blocks.h"
#include "registry.h"
#include "sys.h"
#include "translate.h"

_Static_assert(sizeof(hsa_scatter_range_t) == sizeof(struct hs_host_range),
               "one layout, two names");

#define BACKING_SHIFT 20
#define BACKING_MASK 0xf00000u
#define KNOWN_FLAGS                                                                                \
    (HSA_SCATTER_READ_ONLY | HSA_SCATTER_ALLOW_ALIASING | HSA_SCATTER_COARSE_GRAINED |             \
     HSA_SCATTER_POINTER_KNOWN | BACKING_MASK)

static hsa_status_t to_hsa(int err)
{
    switch (err) {
    case 0:
        return HSA_STATUS_SUCCESS;
    case -EINVAL:
    case -EFAULT:
    case -EPERM:
        return HSA_STATUS_ERROR_INVALID_ARGUMENT;
    case -ENOENT:
    case -EADDRINUSE:
        return HSA_STATUS_ERROR_INVALID_ALLOCATION;
    case -ENXIO:
        return HSA_STATUS_ERROR_INVALID_AGENT;
    case -ENOMEM:
    case -ENOSPC:
    case -E2BIG:
        return HSA_STATUS_ERROR_OUT_OF_RESOURCES;
    case -ENODEV:
    case -EBADF:
        return HSA_STATUS_ERROR_NOT_INITIALIZED;
    default:
        return HSA_STATUS_ERROR;
    }
}

static int from_rocr(hsa_status_t status, const char *call)
{
    const char *text = NULL;

    if (status == HSA_STATUS_SUCCESS)
        return 0;
    hsa_status_string(status, &text);
    return hs_error(status == HSA_STATUS_ERROR_OUT_OF_RESOURCES ? -ENOMEM : -EINVAL, "%s gave %s",
                    call, text ? text : "an unknown status");
}

static int pin(void *cpu, size_t bytes, uint64_t *device)
{
    void *address;
    int err = from_rocr(hsa_amd_memory_lock(cpu, bytes, NULL, 0, &address), "hsa_amd_memory_lock");

    if (!err)
        *device = (uintptr_t)address;
    return err;
}

static int unpin(void *cpu)
{
    return from_rocr(hsa_amd_memory_unlock(cpu), "hsa_amd_memory_unlock");
}

static const struct hs_pinner rocr_pinner = {
    .name = "hsa_amd_memory_lock", .pin = pin, .unpin = unpin};

static int find_agents(const hsa_agent_t *agents, uint32_t count, struct hs_device **devices)
{
    if (count > HS_MAX_DEVICES)
        return hs_error(-ENXIO, "%u agents: at most %u are possible", count, HS_MAX_DEVICES);
    if (count && !agents)
        return hs_error(-EINVAL, "agents is null");
    for (uint32_t i = 0; i < count; i++) {
        devices[i] = hs_device_of_agent(agents[i]);
        if (!devices[i])
            return hs_error(-ENXIO, "agent %u of the list is not a GPU", i);
    }
    return 0;
}

hsa_status_t hsa_scatter_register(const hsa_scatter_range_t *ranges, size_t count,
                                  const hsa_agent_t *agents, uint32_t num_agents, uint32_t flags,
                                  void **agent_ptr)
{
    struct hs_device *devices[HS_MAX_DEVICES];
    struct hs_pool_request request = {
        .list = (const struct hs_host_range *)ranges,
        .count = count,
        .devices = devices,
        .device_count = num_agents,
        .kind = (enum hs_backing_kind)((flags & BACKING_MASK) >> BACKING_SHIFT),
        .allow_overlap = flags & HSA_SCATTER_ALLOW_ALIASING,
        .access = {.read_only = !!(flags & HSA_SCATTER_READ_ONLY),
                   .coarse_grained = !!(flags & HSA_SCATTER_COARSE_GRAINED)},
        .pinner = &rocr_pinner,
        .needs_pointer_known = flags & HSA_SCATTER_POINTER_KNOWN,
        .face_flags = flags,
    };
    struct hs_pool *pool;
    int err;

    if (!agent_ptr || !ranges)
        return to_hsa(hs_error(-EINVAL, "%s is null", ranges ? "agent_ptr" : "ranges"));
    if ((flags & ~KNOWN_FLAGS) || (flags & BACKING_MASK) > HSA_SCATTER_BACKING_ALIAS)
        return to_hsa(hs_error(-EINVAL, "unknown flags 0x%x", flags));
    err = hs_devices_init();
    if (!err)
        err = find_agents(agents, num_agents, devices);
    if (err)
        return to_hsa(err);
    for (size_t i = 0; !num_agents && i < hs_device_count(); i++)
        devices[request.device_count++] = hs_device_at(i);
    err = hs_pool_create(&pool, &request);
    if (!err)
        *agent_ptr = (void *)(uintptr_t)hs_pool_device_address(pool);
    return to_hsa(err);
}

/* The pool of an agent address, held. */
static int hold(const void *address, struct hs_pool **pool)
{
    if (!address) {
        hs_error(-EINVAL, "the address is null");
        return -EINVAL;
    }
    *pool = hs_registry_find((uintptr_t)address);
    return *pool ? 0 : hs_error(-ENOENT, "%p is in no window", address);
}

hsa_status_t hsa_scatter_deregister(void *agent_ptr)
{
    struct hs_pool *pool;
    uint64_t start;
    int err = hs_kfd_check_process();

    if (!err)
        err = hold(agent_ptr, &pool);
    if (err)
        return to_hsa(err);
    start = hs_pool_device_address(pool);
    hs_registry_release(pool);
    if (start != (uintptr_t)agent_ptr)
        return to_hsa(hs_error(-ENOENT, "%p lies inside of the window that starts at 0x%llx",
                               agent_ptr, (unsigned long long)start));
    pool = hs_registry_begin_removal(start);
    if (!pool)
        return to_hsa(hs_error(-ENOENT, "%p: another thread has deregistered it", agent_ptr));
    return to_hsa(hs_pool_destroy(pool));
}

const char *hsa_scatter_last_error_message(void)
{
    return hs_error_text();
}

hsa_status_t hsa_scatter_get_info(const void *agent_ptr, hsa_scatter_info_t *info)
{
    hsa_scatter_info_t out = {.size = sizeof(out)};
    struct hs_pool *pool;
    int err;

    if (!info)
        return to_hsa(hs_error(-EINVAL, "info is null"));
    err = hold(agent_ptr, &pool);
    if (err)
        return to_hsa(err);
    pthread_mutex_lock(&pool->lock);
    out.agent_ptr = (void *)(uintptr_t)hs_pool_device_address(pool);
    out.bytes = (size_t)pool->ranges.bytes;
    out.range_count = pool->ranges.given;
    out.coalesced_count = pool->ranges.count;
    out.kind = (hsa_scatter_backing_t)pool->backing->kind;
    out.num_agents = pool->device_count;
    out.kind_name = pool->backing->name;
    out.kind_reason = pool->reason;
    out.ioctls = pool->ioctls;
    if (pool->backing->kind == HS_BACKING_ALIAS)
        out.host_window = pool->window.base + pool->ranges.head;
    pthread_mutex_unlock(&pool->lock);
    err = hs_give_struct(info, &out, sizeof(out), info->size, sizeof(out));
    hs_registry_release(pool);
    return to_hsa(err);
}

static hsa_status_t change_access(const void *agent_ptr, const hsa_agent_t *agents,
                                  uint32_t num_agents, bool grant)
{
    struct hs_device *devices[HS_MAX_DEVICES];
    struct hs_pool *pool;
    int err = hs_devices_init();

    if (!err)
        err = find_agents(agents, num_agents, devices);
    if (!err)
        err = hold(agent_ptr, &pool);
    if (err)
        return to_hsa(err);
    err = grant ? hs_pool_grant(pool, devices, num_agents)
                : hs_pool_revoke(pool, devices, num_agents);
    hs_registry_release(pool);
    return to_hsa(err);
}

hsa_status_t hsa_scatter_grant(const void *agent_ptr, const hsa_agent_t *agents,
                               uint32_t num_agents)
{
    return change_access(agent_ptr, agents, num_agents, true);
}

hsa_status_t hsa_scatter_revoke(const void *agent_ptr, const hsa_agent_t *agents,
                                uint32_t num_agents)
{
    return change_access(agent_ptr, agents, num_agents, false);
}

hsa_status_t hsa_scatter_host_to_agent(const void *host_ptr, void **agent_ptr)
{
    uint64_t device;
    int err;

    if (!host_ptr || !agent_ptr)
        return to_hsa(hs_error(-EINVAL, "%s is null", host_ptr ? "agent_ptr" : "host_ptr"));
    if (hs_translate_to_device_quick((uintptr_t)host_ptr, &device))
        err = 0;
    else
        err = hs_translate_to_device(NULL, (uintptr_t)host_ptr, &device);
    if (!err)
        *agent_ptr = (void *)(uintptr_t)device;
    return to_hsa(err);
}

hsa_status_t hsa_scatter_agent_to_host(const void *agent_ptr, size_t bytes,
                                       hsa_scatter_range_t *ranges, size_t room, size_t *count,
                                       size_t *covered)
{
    uint64_t done;
    int err;

    if (!agent_ptr || !count || !covered || (room && !ranges))
        return to_hsa(hs_error(-EINVAL, "a pointer is null"));
    err = hs_translate_to_host((uintptr_t)agent_ptr, bytes, (struct hs_host_range *)ranges, room,
                               count, &done);
    if (!err)
        *covered = (size_t)done;
    return to_hsa(err);
}

hsa_status_t hsa_scatter_memory_copy(void *dst, const void *src, size_t bytes)
{
    struct hs_copy copy;
    int err;

    if (!dst || !src)
        return to_hsa(hs_error(-EINVAL, "%s is null", dst ? "src" : "dst"));
    err = hs_copy_prepare(&copy, dst, src, bytes);
    if (err)
        return to_hsa(err);
    err = hs_copy_run(&copy);
    hs_copy_drop(&copy);
    return to_hsa(err);
}

hsa_status_t hsa_scatter_memory_fill(void *dst, uint8_t value, size_t bytes)
{
    struct hs_copy copy;
    int err;

    if (!dst)
        return to_hsa(hs_error(-EINVAL, "dst is null"));
    err = hs_fill_prepare(&copy, dst, value, bytes);
    if (err)
        return to_hsa(err);
    err = hs_copy_run(&copy);
    hs_copy_drop(&copy);
    return to_hsa(err);
}

struct async_copy {
    struct hs_copy copy;
    hsa_signal_t completion;
};

static void run_async(struct async_copy *job)
{
    hsa_signal_t completion = job->completion;
    int err = hs_copy_run(&job->copy);

    /* Who has seen the signal finds nothing of the copy left. */
    hs_copy_drop(&job->copy);
    hs_sys.free(job);
    if (err)
        hsa_signal_store_screlease(completion, -1);
    else
        hsa_signal_subtract_screlease(completion, 1);
}

/* hsa_amd_signal_async_handler's callback; false: not to be called again. */
static bool dependency_met(hsa_signal_value_t value, void *data)
{
    (void)value;
    run_async(data);
    return false;
}

hsa_status_t hsa_scatter_memory_async_copy(void *dst, const void *src, size_t bytes,
                                           hsa_signal_t dependency, hsa_signal_t completion)
{
    struct async_copy *job;
    int err;

    if (!dst || !src || !completion.handle)
        return to_hsa(hs_error(-EINVAL, "%s is null", !dst ? "dst" : !src ? "src" : "completion"));
    job = hs_sys.alloc(sizeof(*job));
    if (!job)
        return to_hsa(hs_error(-ENOMEM, "no memory for a copy"));
    job->completion = completion;
    err = hs_copy_prepare(&job->copy, dst, src, bytes);
    if (err)
        goto no_copy;
    if (!dependency.handle) {
        run_async(job);
        return HSA_STATUS_SUCCESS;
    }
    err = from_rocr(
        hsa_amd_signal_async_handler(dependency, HSA_SIGNAL_CONDITION_LT, 1, dependency_met, job),
        "hsa_amd_signal_async_handler");
    if (!err)
        return HSA_STATUS_SUCCESS;
    hs_copy_drop(&job->copy);
no_copy:
    hs_sys.free(job);
    return to_hsa(err);
}

hsa_status_t hsa_scatter_block_alloc(void *agent_ptr, size_t bytes, size_t alignment, void **block)
{
    struct hs_pool *pool;
    uint64_t address;
    int err;

    if (!block)
        return to_hsa(hs_error(-EINVAL, "block is null"));
    err = hold(agent_ptr, &pool);
    if (err)
        return to_hsa(err);
    err = hs_pool_block_alloc(pool, bytes, alignment, &address);
    if (!err)
        *block = (void *)(uintptr_t)address;
    hs_registry_release(pool);
    return to_hsa(err);
}

hsa_status_t hsa_scatter_block_free(void *block)
{
    struct hs_pool *pool;
    int err = hold(block, &pool);

    if (err)
        return to_hsa(err);
    err = hs_pool_block_free(pool, (uintptr_t)block);
    hs_registry_release(pool);
    return to_hsa(err);
}

hsa_status_t hsa_scatter_agent_capabilities(hsa_agent_t agent,
                                            hsa_scatter_capabilities_t *capabilities)
{
    hsa_scatter_capabilities_t out = {.size = sizeof(out)};
    struct hs_capability c;
    struct hs_device *device;
    int err;

    if (!capabilities)
        return to_hsa(hs_error(-EINVAL, "capabilities is null"));
    err = hs_devices_init();
    if (!err)
        err = find_agents(&agent, 1, &device);
    if (!err)
        err = hs_capability_get(device, true, &c);
    if (err)
        return to_hsa(err);
    snprintf(out.name, sizeof(out.name), "%s", device->name);
    hs_device_pci_text(device, out.pci_address, sizeof(out.pci_address));
    out.node = device->node;
    out.gpu_id = device->gpu_id;
    out.kfd_major = c.kfd.major;
    out.kfd_minor = c.kfd.minor;
    for (int i = 0; i < 3; i++) {
        out.backings[i].kind = (hsa_scatter_backing_t)c.backings[i].kind;
        out.backings[i].works = c.backings[i].works;
        snprintf(out.backings[i].name, sizeof(out.backings[i].name), "%s",
                 hs_backing_name(c.backings[i].kind));
        snprintf(out.backings[i].why, sizeof(out.backings[i].why), "%s", c.backings[i].why);
    }
    out.max_ranges = c.max_ranges;
    out.max_bytes = c.max_bytes;
    out.range_alignment = c.alignment;
    out.window_alignment = c.window_alignment;
    out.lowest_address = device->lowest;
    out.highest_address = device->highest;
    out.mappings_free = c.mappings_free;
    return to_hsa(hs_give_struct(capabilities, &out, sizeof(out), capabilities->size, sizeof(out)));
}

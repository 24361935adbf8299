/* SPDX-License-Identifier: MIT */
/*
 * Creates and destroys pools (pool.h): ranges, then window, then backing, then registry; undone in
 * reverse.
 */
#include "pool.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "backing.h"
#include "blame.h"
#include "error.h"
#include "log.h"
#include "lookup.h"
#include "registry.h"
#include "suballoc.h"
#include "sys.h"

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int take_devices(struct hs_pool *pool, const struct hs_pool_request *request)
{
    if (!request->device_count || request->device_count > HS_MAX_DEVICES)
        return hs_error(-ENXIO, "%zu devices: 1 to %u are possible", request->device_count,
                        HS_MAX_DEVICES);
    for (size_t i = 0; i < request->device_count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (request->devices[k] == request->devices[i])
                return hs_error(-ENXIO, "device %zu of the list is device %zu again", i, k);
        }
        pool->devices[i] = request->devices[i];
        pool->gpu_ids[i] = request->devices[i]->gpu_id;
    }
    pool->device_count = (uint32_t)request->device_count;
    pool->owner = pool->devices[0];
    return 0;
}

static struct hs_pool *pool_new(void)
{
    struct hs_pool *pool = hs_sys.alloc(sizeof(*pool));

    if (!pool) {
        hs_error(-ENOMEM, "no memory for a pool");
        return NULL;
    }
    memset(pool, 0, sizeof(*pool));
    pthread_mutex_init(&pool->lock, NULL);
    pthread_mutex_init(&pool->blocks_lock, NULL);
    pthread_mutex_init(&pool->index_lock, NULL);
    return pool;
}

static void pool_delete(struct hs_pool *pool)
{
    hs_buffers_free(pool);
    hs_suballoc_destroy(pool->blocks);
    pthread_mutex_destroy(&pool->blocks_lock);
    hs_sys.free(pool->by_offset);
    hs_host_index_free(pool->by_host);
    pthread_mutex_destroy(&pool->index_lock);
    pthread_mutex_destroy(&pool->lock);
    hs_sys.free(pool);
}

/* Puts the range to blame into the error text, if one is. */
static void name_the_range(const struct hs_pool *pool, const struct hs_pool_request *request,
                           int err)
{
    char prefix[64];
    size_t index;

    if ((err == -EFAULT || err == -EPERM) && hs_blame(request->list, request->count, &index))
        return;
    if (pool->failed_run == SIZE_MAX)
        return;
    index = hs_ranges_given_index(&pool->ranges, request->list, pool->failed_run);
    snprintf(prefix, sizeof(prefix), "range %zu (%p)", index, request->list[index].base);
    hs_error_prefix(prefix);
}

int hs_pool_create(struct hs_pool **out, const struct hs_pool_request *request)
{
    uint64_t start = now_ns(), lowest, highest, ioctls, ioctl_ns;
    struct hs_pool *pool = pool_new();
    int err;

    if (!pool)
        return -ENOMEM;
    pool->access = request->access;
    pool->face_flags = request->face_flags;
    pool->forced = request->kind;
    pool->pinner = request->pinner;
    pool->needs_pointer_known = request->needs_pointer_known;
    err = take_devices(pool, request);
    if (!err)
        err = hs_device_probe(pool->owner); /* once per device: not part of this pool's cost */
    if (err)
        goto no_ranges;
    hs_kfd_thread_cost(&ioctls, &ioctl_ns);
    err = hs_ranges_build(&pool->ranges, request->list, request->count, request->allow_overlap);
    if (err)
        goto no_ranges;
    hs_devices_common_aperture(&lowest, &highest);
    err = hs_window_reserve(&pool->window, pool->ranges.window_bytes,
                            hs_ranges_phase(&pool->ranges, HS_WINDOW_ALIGN), lowest, highest);
    if (err)
        goto no_window;
    pool->gpu_base = (uintptr_t)pool->window.base;
    pool->failed_run = SIZE_MAX;
    err = hs_backing_create(pool);
    if (err) {
        name_the_range(pool, request, err);
        goto no_backing;
    }

    /* With shared virtual memory the CPU sees an alias window at its device address. */
    if (pool->backing->kind == HS_BACKING_ALIAS && pool->gpu_base != (uintptr_t)pool->window.base)
        pool->host_base = (uintptr_t)pool->window.base;
    hs_ranges_seal(&pool->ranges);
    pool->create_ns = now_ns() - start;
    hs_kfd_thread_cost(&pool->ioctls, &pool->ioctl_ns);
    pool->ioctls -= ioctls;
    pool->ioctl_ns -= ioctl_ns;
    err = hs_registry_add(pool);
    if (err)
        goto no_registry;
    hs_log(
        HS_LOG_OPERATION,
        "register device=0x%llx ranges=%zu runs=%zu bytes=%llu backing=%s devices=%u ioctls=%llu "
        "ns=%llu reason=\"%s\"",
        (unsigned long long)hs_pool_device_address(pool), pool->ranges.given, pool->ranges.count,
        (unsigned long long)pool->ranges.bytes, pool->backing->name, pool->device_count,
        (unsigned long long)pool->ioctls, (unsigned long long)pool->create_ns, pool->reason);
    *out = pool;
    return 0;

no_registry:
    hs_ranges_unseal(&pool->ranges);
    pool->backing->destroy(pool);
no_backing:
    hs_window_release(&pool->window);
no_window:
    hs_ranges_destroy(&pool->ranges);
no_ranges:
    pool_delete(pool);
    hs_log(HS_LOG_ERROR, "register failed error=%s text=\"%s\"", hs_errno_name(err),
           hs_error_text());
    return err;
}

/* The pool is out of the registry's sight. On failure it is as before. */
static int take_apart(struct hs_pool *pool)
{
    uint64_t address = pool->gpu_base;
    int err = hs_kfd_check_process();

    if (!err)
        err = pool->backing->destroy(pool);
    if (err)
        return err;
    err = hs_window_release(&pool->window);
    if (err) { /* the kernel gets the list again */
        hs_ranges_unseal(&pool->ranges);
        pool->backing->create(pool);
        hs_ranges_seal(&pool->ranges);
    }
    if (err && pool->gpu_base != address) {
        /* The runtime that registers an alias window has put it elsewhere: the caller's pointer is
         * gone for good. Then only the addresses stay behind, reserved. */
        hs_log(HS_LOG_ERROR, "leaked window=%p bytes=%zu text=\"%s\"", pool->window.map,
               pool->window.map_bytes, hs_error_text());
        pool->backing->destroy(pool);
        pool->gpu_base = address; /* where the registry has it */
        err = 0;
    }
    return err;
}

int hs_pool_destroy(struct hs_pool *pool)
{
    int err = take_apart(pool);

    if (err) {
        hs_registry_cancel_removal(pool);
        hs_log(HS_LOG_ERROR, "unregister failed error=%s text=\"%s\"", hs_errno_name(err),
               hs_error_text());
        return err;
    }
    hs_log(HS_LOG_OPERATION, "unregister device=0x%llx",
           (unsigned long long)hs_pool_device_address(pool));
    hs_registry_end_removal(pool);
    hs_ranges_destroy(&pool->ranges);
    pool_delete(pool);
    return 0;
}

static uint32_t find_device(const struct hs_pool *pool, const struct hs_device *device)
{
    uint32_t i = 0;

    while (i < pool->device_count && pool->devices[i] != device)
        i++;
    return i;
}

static void add_device(struct hs_pool *pool, struct hs_device *device)
{
    pool->devices[pool->device_count] = device;
    pool->gpu_ids[pool->device_count++] = device->gpu_id;
}

/* Keeps the order of the others: the list is what the pool reports. */
static void drop_device(struct hs_pool *pool, const struct hs_device *device)
{
    uint32_t i = find_device(pool, device);

    for (pool->device_count--; i < pool->device_count; i++) {
        pool->devices[i] = pool->devices[i + 1];
        pool->gpu_ids[i] = pool->gpu_ids[i + 1];
    }
}

bool hs_pool_has_device(struct hs_pool *pool, const struct hs_device *device)
{
    bool has;

    pthread_mutex_lock(&pool->lock);
    has = find_device(pool, device) < pool->device_count;
    pthread_mutex_unlock(&pool->lock);
    return has;
}

/* One device, with the lock held; *done: it was changed. */
static int change_device(struct hs_pool *pool, struct hs_device *device, bool grant, bool *done)
{
    bool has = find_device(pool, device) < pool->device_count;
    int err = 0;

    *done = false;
    if (has == grant)
        return 0;
    if (grant && pool->device_count == HS_MAX_DEVICES)
        return hs_error(-ENXIO, "a pool can have %u devices", HS_MAX_DEVICES);
    err = grant ? pool->backing->grant(pool, device->gpu_id)
                : pool->backing->revoke(pool, device->gpu_id);
    if (err)
        return err;
    if (grant)
        add_device(pool, device);
    else
        drop_device(pool, device);
    *done = true;
    return 0;
}

static int change_devices(struct hs_pool *pool, struct hs_device *const *devices, size_t count,
                          bool grant)
{
    struct hs_device *changed[HS_MAX_DEVICES], *before[HS_MAX_DEVICES];
    size_t changes = 0, had;
    int err = hs_kfd_check_process();
    bool done;

    if (err)
        return err;
    if (count > HS_MAX_DEVICES)
        return hs_error(-ENXIO, "%zu devices: at most %u are possible", count, HS_MAX_DEVICES);
    pthread_mutex_lock(&pool->lock);
    had = pool->device_count;
    memcpy(before, pool->devices, had * sizeof(before[0]));
    for (size_t i = 0; i < count && !err; i++) {
        err = change_device(pool, devices[i], grant, &done);
        if (!err && done)
            changed[changes++] = devices[i];
    }
    if (err) {
        while (changes-- > 0)
            change_device(pool, changed[changes], !grant, &done);
        /* The undo appends: put the list's order back too, where the undo worked. */
        if (pool->device_count == had) {
            for (size_t i = 0; i < had; i++) {
                pool->devices[i] = before[i];
                pool->gpu_ids[i] = before[i]->gpu_id;
            }
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return err;
}

int hs_pool_grant(struct hs_pool *pool, struct hs_device *const *devices, size_t count)
{
    return change_devices(pool, devices, count, true);
}

int hs_pool_revoke(struct hs_pool *pool, struct hs_device *const *devices, size_t count)
{
    return change_devices(pool, devices, count, false);
}

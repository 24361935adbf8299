/* SPDX-License-Identifier: MIT */
/* Copies and fills (copy.h). Never dereferences a window address: behind it the process has
 * PROT_NONE. */
#include "copy.h"

#include <errno.h>
#include <hsa/hsa_ext_amd.h>
#include <string.h>

#include "device.h"
#include "error.h"
#include "pool.h"
#include "registry.h"
#include "translate.h"

#define BATCH 64 /* fragments looked up at a time */

/* Where an address that is in no window lies. Memory that ROCr does not know is the host's. */
static void classify_other(struct hs_side *side, uint64_t address)
{
    hsa_amd_pointer_info_t info = {.size = sizeof(info)};
    uint64_t agent_base, host_base;
    hsa_device_type_t type;

    side->place = HS_PLACE_HOST;
    side->host = (char *)(uintptr_t)address;
    if (hsa_amd_pointer_info(side->host, &info, NULL, NULL, NULL) != HSA_STATUS_SUCCESS)
        return;
    agent_base = (uintptr_t)info.agentBaseAddress;
    host_base = (uintptr_t)info.hostBaseAddress;
    if (info.type == HSA_EXT_POINTER_TYPE_LOCKED && address >= agent_base &&
        address - agent_base < info.sizeInBytes) {
        /* The device address of memory that was registered elsewhere. */
        side->host = (char *)(uintptr_t)(host_base + (address - agent_base));
        return;
    }
    if (info.type == HSA_EXT_POINTER_TYPE_HSA &&
        hsa_agent_get_info(info.agentOwner, HSA_AGENT_INFO_DEVICE, &type) == HSA_STATUS_SUCCESS &&
        type == HSA_DEVICE_TYPE_GPU) {
        side->place = HS_PLACE_GPU;
        side->device_address = address;
        side->gpu = hs_device_of_agent(info.agentOwner);
    }
}

static int classify(struct hs_side *side, const void *address, uint64_t bytes, const char *which)
{
    uint64_t at = (uintptr_t)address, start;
    struct hs_pool *pool = hs_registry_find(at);

    memset(side, 0, sizeof(*side));
    if (!pool) {
        classify_other(side, at);
        return 0;
    }
    start = hs_pool_device_address(pool);
    if (at < start || at - start > pool->ranges.bytes ||
        bytes > pool->ranges.bytes - (at - start)) {
        hs_error(-EINVAL, "%s: %llu bytes at %p leave the window of %llu bytes at 0x%llx", which,
                 (unsigned long long)bytes, address, (unsigned long long)pool->ranges.bytes,
                 (unsigned long long)start);
        hs_registry_release(pool);
        return -EINVAL;
    }
    side->place = HS_PLACE_WINDOW;
    side->pool = pool;
    side->offset = at - start;
    side->device_address = at;
    return 0;
}

static void release_side(struct hs_side *side)
{
    if (side->pool)
        hs_registry_release(side->pool);
    side->pool = NULL;
}

/* A GPU on one side: it copies, if it may access the window on the other. */
static int choose_engine(struct hs_copy *copy)
{
    struct hs_side *gpu = copy->to.place == HS_PLACE_GPU ? &copy->to : &copy->from;
    struct hs_side *window = copy->to.place == HS_PLACE_GPU ? &copy->from : &copy->to;

    if (gpu->place != HS_PLACE_GPU)
        return 0;
    if (!gpu->gpu || !hs_pool_has_device(window->pool, gpu->gpu))
        return hs_error(-EXDEV, "the device that owns 0x%llx has no access to the window",
                        (unsigned long long)gpu->device_address);
    if (hsa_signal_create(1, 0, NULL, &copy->signal) != HSA_STATUS_SUCCESS)
        return hs_error(-ENOMEM, "ROCr has no signal for the copy");
    copy->engine = gpu->gpu;
    return 0;
}

int hs_copy_prepare(struct hs_copy *copy, void *to, const void *from, uint64_t bytes)
{
    int err;

    memset(copy, 0, sizeof(*copy));
    copy->bytes = bytes;
    err = classify(&copy->to, to, bytes, "destination");
    if (!err)
        err = classify(&copy->from, from, bytes, "source");
    if (!err && copy->to.place != HS_PLACE_WINDOW && copy->from.place != HS_PLACE_WINDOW)
        err = hs_error(-ENOENT, "neither %p nor %p is in a window", to, from);
    if (!err)
        err = choose_engine(copy);
    if (err)
        hs_copy_drop(copy);
    return err;
}

int hs_fill_prepare(struct hs_copy *copy, void *to, unsigned char value, uint64_t bytes)
{
    int err;

    memset(copy, 0, sizeof(*copy));
    copy->bytes = bytes;
    copy->is_fill = true;
    copy->value = value;
    err = classify(&copy->to, to, bytes, "destination");
    if (!err && copy->to.place != HS_PLACE_WINDOW)
        err = hs_error(-ENOENT, "%p is in no window", to);
    if (err)
        hs_copy_drop(copy);
    return err;
}

void hs_copy_drop(struct hs_copy *copy)
{
    release_side(&copy->to);
    release_side(&copy->from);
    if (copy->signal.handle)
        hsa_signal_destroy(copy->signal);
    copy->signal.handle = 0;
}

/* A side as a stream of host fragments. */
struct stream {
    struct hs_side *side;
    uint64_t done, bytes;
    struct hs_host_range batch[BATCH];
    size_t filled, next;
    char *at; /* the rest of the current fragment */
    size_t left;
};

static void stream_start(struct stream *s, struct hs_side *side, uint64_t bytes)
{
    s->side = side;
    s->done = 0;
    s->bytes = bytes;
    s->filled = 0;
    s->next = 0;
    s->left = 0;
}

/* Makes sure that at and left describe something; bytes are left. */
static int stream_fill(struct stream *s)
{
    uint64_t covered;
    int err;

    if (s->left)
        return 0;
    if (s->side->place == HS_PLACE_HOST) {
        s->at = s->side->host;
        s->left = (size_t)s->bytes;
        return 0;
    }
    if (s->next == s->filled) {
        err = hs_translate_span(s->side->pool, s->side->offset + s->done, s->bytes - s->done,
                                s->batch, BATCH, &s->filled, &covered);
        if (err)
            return err;
        s->done += covered;
        s->next = 0;
    }
    s->at = s->batch[s->next].base;
    s->left = s->batch[s->next++].bytes;
    return 0;
}

static void stream_advance(struct stream *s, size_t bytes)
{
    s->at += bytes;
    s->left -= bytes;
}

static int copy_by_cpu(struct hs_copy *copy)
{
    struct stream to, from;
    uint64_t left = copy->bytes;
    int err = 0;

    stream_start(&to, &copy->to, left);
    stream_start(&from, &copy->from, left);
    while (left && !err) {
        size_t piece;

        err = stream_fill(&to);
        if (!err)
            err = stream_fill(&from);
        if (err)
            break;
        piece = to.left < from.left ? to.left : from.left;
        memmove(to.at, from.at, piece); /* two windows may share a page */
        stream_advance(&to, piece);
        stream_advance(&from, piece);
        left -= piece;
    }
    return err;
}

static int fill_by_cpu(struct hs_copy *copy)
{
    struct stream to;
    uint64_t left = copy->bytes;
    int err = 0;

    stream_start(&to, &copy->to, left);
    while (left && !err) {
        size_t piece;

        err = stream_fill(&to);
        if (err)
            break;
        piece = to.left;
        memset(to.at, copy->value, piece);
        stream_advance(&to, piece);
        left -= piece;
    }
    return err;
}

/* Raw addresses with a GPU agent on both sides: the CPU agent would make ROCr memcpy() on
 * PROT_NONE. */
static int copy_by_gpu(struct hs_copy *copy)
{
    hsa_agent_t agent = copy->engine->agent;
    const char *text = NULL;
    hsa_status_t status;

    status = hsa_amd_memory_async_copy((void *)(uintptr_t)copy->to.device_address, agent,
                                       (const void *)(uintptr_t)copy->from.device_address, agent,
                                       (size_t)copy->bytes, 0, NULL, copy->signal);
    if (status != HSA_STATUS_SUCCESS) {
        hsa_status_string(status, &text);
        return hs_error(-EIO, "ROCr refused the copy: %s", text ? text : "unknown status");
    }
    if (hsa_signal_wait_scacquire(copy->signal, HSA_SIGNAL_CONDITION_LT, 1, UINT64_MAX,
                                  HSA_WAIT_STATE_BLOCKED) < 0)
        return hs_error(-EIO, "the copy failed on the device");
    return 0;
}

int hs_copy_run(struct hs_copy *copy)
{
    if (!copy->bytes)
        return 0;
    if (copy->is_fill)
        return fill_by_cpu(copy);
    return copy->engine ? copy_by_gpu(copy) : copy_by_cpu(copy);
}

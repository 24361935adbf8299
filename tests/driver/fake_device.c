/* SPDX-License-Identifier: MIT */
/*
 * A device layer that executes nothing: page tables as a sorted array of pages, queues that only
 * exist. For tests of the driver layer, which see through fake_device.h what the driver asked of
 * it.
 */
#include "fake_device.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct fake_device fake;

struct page {
    uint64_t va;
    char *host;
    uint32_t flags;
};

struct sg_vm {
    struct page *pages; /* ascending */
    size_t count, capacity;
};

struct sg_device {
    struct sg_device_config config;
};

struct sg_queue {
    struct sg_queue_config config;
};

struct sg_vm *sg_vm_create(void)
{
    struct sg_vm *vm = calloc(1, sizeof(*vm));
    fake.vms[fake.vm_count++ % 16] = vm;
    return vm;
}

void sg_vm_destroy(struct sg_vm *vm)
{
    if (vm)
        free(vm->pages);
    free(vm);
}

/* Index of the first page at or after va. */
static size_t lower(const struct sg_vm *vm, uint64_t va)
{
    size_t low = 0, high = vm->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (vm->pages[middle].va < va)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int sg_vm_map(struct sg_vm *vm, uint64_t va, void *host, uint64_t bytes, uint32_t pte_flags)
{
    if (!bytes || (va | bytes | (uintptr_t)host) % SG_PAGE_BYTES || va + bytes > 1ull << SG_VA_BITS)
        return -EINVAL;
    size_t at = lower(vm, va), n = bytes / SG_PAGE_BYTES;
    if (at < vm->count && vm->pages[at].va < va + bytes)
        return -EEXIST;
    if (vm->count + n > vm->capacity) {
        vm->capacity = 2 * (vm->count + n);
        vm->pages = realloc(vm->pages, vm->capacity * sizeof(*vm->pages));
    }
    memmove(vm->pages + at + n, vm->pages + at, (vm->count - at) * sizeof(*vm->pages));
    for (size_t i = 0; i < n; i++)
        vm->pages[at + i] =
            (struct page){va + i * SG_PAGE_BYTES, (char *)host + i * SG_PAGE_BYTES, pte_flags};
    vm->count += n;
    return 0;
}

void sg_vm_unmap(struct sg_vm *vm, uint64_t va, uint64_t bytes)
{
    size_t from = lower(vm, va), to = lower(vm, va + bytes);
    memmove(vm->pages + from, vm->pages + to, (vm->count - to) * sizeof(*vm->pages));
    vm->count -= to - from;
}

void *sg_vm_translate(const struct sg_vm *vm, uint64_t va, uint32_t need, uint32_t *reason)
{
    size_t at = lower(vm, va & ~(uint64_t)(SG_PAGE_BYTES - 1));
    uint32_t why = SG_FAULT_NOT_PRESENT;
    if (at < vm->count && vm->pages[at].va <= va) {
        const struct page *page = &vm->pages[at];
        if ((page->flags & need) == need)
            return page->host + (va - page->va);
        why = SG_FAULT_READ_ONLY;
    }
    if (reason)
        *reason = why;
    return NULL;
}

uint64_t sg_vm_mapped_pages(const struct sg_vm *vm)
{
    return vm->count;
}

struct sg_device *sg_device_create(const struct sg_device_config *config)
{
    struct sg_device *device = calloc(1, sizeof(*device));
    device->config = *config;
    fake.devices[fake.device_count++ % 16] = device;
    return device;
}

void sg_device_destroy(struct sg_device *dev)
{
    free(dev);
}

void sg_device_pause(struct sg_device *dev)
{
    (void)dev;
    fake.paused++;
    fake.pauses++;
}

void sg_device_resume(struct sg_device *dev)
{
    (void)dev;
    fake.paused--;
}

void sg_device_after_fork_in_child(struct sg_device *dev)
{
    (void)dev;
}

uint64_t sg_device_clock(const struct sg_device *dev)
{
    struct timespec t;
    (void)dev;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (uint64_t)t.tv_sec * 100000000u + (uint64_t)t.tv_nsec / 10;
}

int sg_queue_create(struct sg_device *dev, const struct sg_queue_config *config,
                    struct sg_queue **queue)
{
    (void)dev;
    *queue = calloc(1, sizeof(**queue));
    (*queue)->config = *config;
    fake.last_queue = *config;
    fake.queues++;
    return 0;
}

int sg_queue_update(struct sg_queue *queue, const struct sg_queue_config *config)
{
    queue->config = *config;
    fake.last_queue = *config;
    return 0;
}

void sg_queue_destroy(struct sg_queue *queue)
{
    free(queue);
    fake.queues--;
}

void sg_device_stats(const struct sg_device *dev, struct sg_device_stats *out)
{
    (void)dev;
    memset(out, 0, sizeof(*out));
}

void fake_raise_event(uint32_t event_id)
{
    const struct sg_device_config *config = &fake.devices[0]->config;
    config->ops->event(config->driver, event_id);
}

void fake_raise_fault(const struct sg_memory_fault *fault)
{
    const struct sg_device_config *config = &fake.devices[0]->config;
    config->ops->memory_fault(config->driver, fault);
}

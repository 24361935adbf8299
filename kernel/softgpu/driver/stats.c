/* SPDX-License-Identifier: MIT */
/* Counters of the process, as a structure for the program and as JSON for people and scripts. */
#include "stats.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <softgpu/softgpu.h>

#include "process.h"

struct sgd_counters sgd_counters;

static void add_device(struct softgpu_stats *s, const struct sg_device *device)
{
    struct sg_device_stats d;
    sg_device_stats(device, &d);
    s->packets += d.packets;
    s->dispatches += d.dispatches;
    s->workgroups += d.workgroups;
    s->waves += d.waves;
    s->instructions += d.instructions;
    s->vector_instructions += d.vector_instructions;
    s->tlb_hits += d.tlb_hits;
    s->tlb_misses += d.tlb_misses;
    s->window_bytes_read += d.window_bytes_read;
    s->window_bytes_written += d.window_bytes_written;
    s->sdma_bytes += d.sdma_bytes;
    s->memory_faults += d.memory_faults;
}

void sgd_get_stats(struct softgpu_stats *s)
{
    memset(s, 0, sizeof(*s));
    s->size = sizeof(*s);
    for (int nr = 0; nr < 256; nr++) {
        s->ioctls[nr] = atomic_load(&sgd_counters.ioctls[nr]);
        s->ioctl_total += s->ioctls[nr];
    }
    s->invalidations = atomic_load(&sgd_counters.invalidations);
    s->profiler_side_effects = atomic_load(&sgd_counters.profiler_side_effects);
    struct sgd_process *p = sgd_process();
    if (!p)
        return;
    sgd_lock(p);
    s->live_buffers = p->buffer_count;
    s->live_userptr_buffers = p->userptr_buffers;
    s->live_userptr_ranges = p->userptr_ranges;
    s->live_userptr_bytes = p->userptr_bytes;
    s->live_vram_bytes = p->vram_bytes;
    s->live_gtt_bytes = p->gtt_bytes;
    s->open_queues = p->queue_count;
    for (uint32_t i = 0; i < p->gpu_count; i++) {
        if (p->gpus[i].vm)
            s->mapped_pages += sg_vm_mapped_pages(p->gpus[i].vm);
        add_device(s, p->gpus[i].device);
    }
    sgd_unlock(p);
    pthread_mutex_lock(&p->event_lock);
    s->open_events = p->event_count;
    pthread_mutex_unlock(&p->event_lock);
}

static void write_all(int fd, const char *text, size_t bytes)
{
    while (bytes) {
        ssize_t n = write(fd, text, bytes);
        if (n <= 0)
            return;
        text += n;
        bytes -= (size_t)n;
    }
}

void sgd_write_stats(int fd)
{
    struct softgpu_stats s;
    sgd_get_stats(&s);
    char text[16384];
    size_t used = 0;
#define PUT(...) used += (size_t)snprintf(text + used, sizeof(text) - used, __VA_ARGS__)
    PUT("{\n  \"pid\": %d,\n  \"kernel\": \"%s\",\n  \"arch\": \"%s\",\n  \"gpus\": %u,\n  "
        "\"ioctls\": {",
        getpid(), sgd_kernel_name(sgd_config()->kernel), sgd_config()->arch->name,
        sgd_config()->gpus);
    const char *separator = "";
    for (uint32_t nr = 0; nr < 256; nr++) {
        if (!s.ioctls[nr])
            continue;
        const char *name = sgd_ioctl_name(nr);
        PUT("%s\n    \"%s\": {\"nr\": %u, \"calls\": %llu}", separator, name ? name : "unknown", nr,
            (unsigned long long)s.ioctls[nr]);
        separator = ",";
    }
    PUT("\n  }");
#define FIELD(name) PUT(",\n  \"" #name "\": %llu", (unsigned long long)s.name)
    FIELD(ioctl_total);
    FIELD(live_buffers);
    FIELD(live_userptr_buffers);
    FIELD(live_userptr_ranges);
    FIELD(live_userptr_bytes);
    FIELD(live_vram_bytes);
    FIELD(live_gtt_bytes);
    FIELD(mapped_pages);
    FIELD(open_queues);
    FIELD(open_events);
    FIELD(invalidations);
    FIELD(profiler_side_effects);
    FIELD(packets);
    FIELD(dispatches);
    FIELD(workgroups);
    FIELD(waves);
    FIELD(instructions);
    FIELD(vector_instructions);
    FIELD(tlb_hits);
    FIELD(tlb_misses);
    FIELD(window_bytes_read);
    FIELD(window_bytes_written);
    FIELD(sdma_bytes);
    FIELD(memory_faults);
    PUT("\n}\n");
#undef FIELD
#undef PUT
    write_all(fd, text, used);
}

/* SPDX-License-Identifier: MIT */
/*
 * fake_shader [RENDER-NODE]: executes the queues that amdkfd loads on the fake GPU
 * (kernel/amdkfd/fake/amdgpu_fake_uapi.h) with softgpu's device layer. Goes to the background once
 * it is attached.
 *
 * Memory is what the driver's page tables map and nothing else: a VMID's address space is one
 * mapping of the device file. It is 47 bits large, as large as all that a process has by default:
 * it lies above, which needs a processor with five levels of page tables.
 */
#include "amdgpu_fake_uapi.h"
#include "device.h"
#include "vm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { COMPUTE_UNITS = 60, ENGINES = 4 };

#define VA_BYTES (UINT64_C(1) << AMDGPU_FAKE_VA_BITS)

/* What runs for one VMID. Made at its first queue, kept. */
struct process {
    uint32_t vmid;
    struct sg_vm *vm;
    struct sg_device *device;
};

struct queue {
    struct queue *next;
    uint64_t id;
    struct process *process;
    struct sg_queue *device_queue;
    uint32_t number; /* what the device layer calls it */
    bool suspended;
};

static int fake, drm;
static char *doorbells;
static uint64_t doorbell_bytes;
static struct process processes[AMDGPU_FAKE_VMIDS];
static struct queue *queues;
static uint32_t queues_made;

/* ---- what the device layer tells ---------------------------------------------------------------
 */

static void interrupt(const struct process *p, uint32_t kind, uint64_t value)
{
    struct amdgpu_fake_interrupt args = {
        .drm_fd = (uint32_t)drm, .vmid = p->vmid, .kind = kind, .value = value};
    if (ioctl(fake, AMDGPU_FAKE_INTERRUPT, &args))
        perror("fake_shader: interrupt");
}

static void on_event(void *driver, uint32_t event_id)
{
    interrupt(driver, AMDGPU_FAKE_END_OF_PIPE, event_id);
}

static void on_memory_fault(void *driver, const struct sg_memory_fault *fault)
{
    const struct process *p = driver;
    printf("fake_shader: VMID %u, fault at 0x%llx: %s\n", p->vmid, (unsigned long long)fault->va,
           fault->where);
    interrupt(p, AMDGPU_FAKE_VM_FAULT, fault->va);
}

static void on_stopped(void *driver, uint32_t queue_id, const char *why)
{
    const struct process *p = driver;
    printf("fake_shader: VMID %u, queue %u stopped: %s\n", p->vmid, queue_id, why);
}

static const struct sg_device_ops device_ops = {
    .event = on_event, .memory_fault = on_memory_fault, .stopped = on_stopped};

/* ---- requests ----------------------------------------------------------------------------------
 */

static int process_start(struct process *p, uint32_t vmid)
{
    const struct sg_device_config config = {.arch = sg_arch_find("gfx906"),
                                            .compute_units = COMPUTE_UNITS,
                                            .ops = &device_ops,
                                            .driver = p};
    uint64_t offset = (uint64_t)vmid << AMDGPU_FAKE_VA_BITS;
    void *base;

    if (p->device)
        return 0;
    p->vmid = vmid;
    /* VMIDs begin at 1, so these addresses are above what anybody gets who does not ask for it.
     */
    base = mmap((void *)(uintptr_t)offset, VA_BYTES, PROT_READ | PROT_WRITE,
                MAP_SHARED | MAP_FIXED_NOREPLACE, fake, (off_t)offset);
    if (base == MAP_FAILED)
        return -errno;
    p->vm = sg_vm_create_foreign(base, VA_BYTES);
    p->device = p->vm ? sg_device_create(&config) : NULL;
    return p->device ? 0 : -ENOMEM;
}

static struct queue **find(uint64_t id)
{
    struct queue **link = &queues;
    while (*link && (*link)->id != id)
        link = &(*link)->next;
    return link;
}

static void destroy(struct queue **link)
{
    struct queue *q = *link;
    if (!q)
        return;
    *link = q->next;
    sg_queue_destroy(q->device_queue);
    free(q);
}

static void release(uint32_t vmid)
{
    for (struct queue **link = &queues; *link;) {
        if ((*link)->process->vmid == vmid)
            destroy(link);
        else
            link = &(*link)->next;
    }
}

/* A bit per compute unit, which is number i / 4 of engine i % 4 (mqd_symmetrically_map_cu_mask). */
static void unit_mask(const struct amdgpu_fake_queue *from, uint32_t mask[2])
{
    memset(mask, 0, 2 * sizeof(mask[0]));
    for (unsigned i = 0; i < COMPUTE_UNITS; i++)
        mask[i / 32] |= (from->cu_mask[i % ENGINES] >> i / ENGINES & 1) << i % 32;
}

static struct sg_queue_config config_of(const struct amdgpu_fake_queue *from, struct sg_vm *vm,
                                        const uint32_t mask[2])
{
    static const enum sg_queue_type type[] = {[AMDGPU_FAKE_AQL] = SG_QUEUE_AQL,
                                              [AMDGPU_FAKE_PM4] = SG_QUEUE_PM4,
                                              [AMDGPU_FAKE_SDMA] = SG_QUEUE_SDMA};
    return (struct sg_queue_config){
        .type = type[from->type],
        .vm = vm,
        .ring_va = from->ring_va,
        .ring_bytes = from->ring_bytes,
        .read_ptr_va = from->read_ptr_va,
        .write_ptr_va = from->write_ptr_va,
        .doorbell = (volatile uint64_t *)(void *)(doorbells + from->doorbell),
        .trap_handler_va = from->trap_handler_va,
        .trap_memory_va = from->trap_memory_va,
        .lds_aperture = (uint64_t)(from->bases >> 16) << 48,
        .scratch_aperture = (uint64_t)(from->bases & 0xffff) << 48,
        .percent = 100,
        .cu_mask = mask,
        .cu_mask_bits = COMPUTE_UNITS,
    };
}

/* A queue that is created while its process is evicted may have packets before it is loaded. */
static void ring_missed(const struct sg_queue_config *config)
{
    struct sg_memory_fault fault;
    uint64_t written = 0;
    if (sg_vm_read(config->vm, config->write_ptr_va, &written, sizeof(written), &fault) && written)
        *config->doorbell = config->type == SG_QUEUE_AQL ? written - 1 : written;
}

static int load(const struct amdgpu_fake_queue *from)
{
    struct process *p = &processes[from->vmid];
    struct queue *q;
    uint32_t mask[2];
    int r = process_start(p, from->vmid);

    destroy(find(from->id));
    if (!r && (from->doorbell % 8 || from->doorbell + 8ull > doorbell_bytes))
        r = -EINVAL;
    if (r)
        return r;
    q = calloc(1, sizeof(*q));
    if (!q)
        return -ENOMEM;
    q->id = from->id;
    q->process = p;
    unit_mask(from, mask);
    struct sg_queue_config config = config_of(from, p->vm, mask);
    config.queue_id = q->number = ++queues_made;
    r = sg_queue_create(p->device, &config, &q->device_queue);
    if (r) {
        free(q);
        return r;
    }
    q->next = queues;
    queues = q;
    ring_missed(&config);
    return 0;
}

static int resume(const struct amdgpu_fake_queue *from)
{
    struct queue *q = *find(from->id);
    uint32_t mask[2];
    int r;

    if (!q)
        return load(from);
    unit_mask(from, mask);
    struct sg_queue_config config = config_of(from, q->process->vm, mask);
    config.queue_id = q->number;
    r = sg_queue_update(q->device_queue, &config);
    if (!r && q->suspended) {
        sg_queue_resume(q->device_queue);
        q->suspended = false;
    }
    return r;
}

static int serve(const struct amdgpu_fake_serve *args)
{
    struct queue *q = *find(args->queue.id);

    switch (args->request) {
    case AMDGPU_FAKE_LOAD:
        return load(&args->queue);
    case AMDGPU_FAKE_RESUME:
        return resume(&args->queue);
    case AMDGPU_FAKE_PREEMPT:
        if (q && !q->suspended) {
            sg_queue_suspend(q->device_queue);
            q->suspended = true;
        }
        return 0;
    case AMDGPU_FAKE_DESTROY:
        destroy(find(args->queue.id));
        return 0;
    case AMDGPU_FAKE_RELEASE:
        release(args->queue.vmid);
        return 0;
    }
    return -EINVAL;
}

static void fail(const char *what)
{
    fprintf(stderr, "fake_shader: %s: %s\n", what, strerror(errno));
    exit(1);
}

int main(int argc, char **argv)
{
    struct amdgpu_fake_serve args = {0};
    struct amdgpu_fake_attach attach = {0};

    fake = open("/dev/amdgpu_fake", O_RDWR | O_CLOEXEC);
    drm = open(argc > 1 ? argv[1] : "/dev/dri/renderD128", O_RDWR | O_CLOEXEC);
    if (fake == -1 || drm == -1)
        fail("no fake GPU");
    attach.drm_fd = args.drm_fd = (uint32_t)drm;
    if (ioctl(fake, AMDGPU_FAKE_ATTACH, &attach))
        fail("cannot attach");
    doorbell_bytes = attach.doorbell_bytes;
    doorbells = mmap(NULL, doorbell_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fake, 0);
    if (doorbells == MAP_FAILED)
        fail("cannot map the doorbells");
    if (daemon(1, 1))
        fail("cannot go to the background");
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (;;) {
        if (ioctl(fake, AMDGPU_FAKE_SERVE, &args) == 0)
            args.result = serve(&args);
        else if (errno != EINTR)
            fail("cannot serve");
    }
}

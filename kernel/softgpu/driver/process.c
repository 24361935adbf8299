/* SPDX-License-Identifier: MIT */
/*
 * The KFD process object: made at the first open of /dev/kfd, one per address space, gone in the
 * child of a fork. Owns the GPUs and the small per-process ioctls (versions, apertures, policies,
 * clocks).
 */
#include "render.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "raw.h"

static struct sgd_config the_config;
static const struct sgd_host_ops *host_ops;
static pthread_mutex_t open_lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic(struct sgd_process *) the_process;
static atomic_uint next_file_id = 1;
static uint16_t generation = 1;

void sgd_init(const struct sgd_config *config, const struct sgd_host_ops *host)
{
    the_config = *config;
    host_ops = host;
    for (uint32_t i = 0; i < config->fail_count; i++)
        sgd_fail_add(&config->fails[i]);
}

const struct sgd_config *sgd_config(void)
{
    return &the_config;
}

struct sgd_process *sgd_process(void)
{
    return atomic_load_explicit(&the_process, memory_order_acquire);
}

void sgd_protect_fd(int fd, bool protect)
{
    host_ops->protect_fd(fd, protect);
}

bool sgd_file_of_fd(int fd, struct sgd_file *file)
{
    return host_ops->file_of_fd(fd, file);
}

int sgd_new_fd(const struct sgd_file *file, int flags)
{
    return host_ops->new_fd(file, flags);
}

int sgd_gpu_index(uint32_t gpu_id)
{
    for (uint32_t i = 0; i < sgd_config()->gpus; i++)
        if (sgd_gpu_id(i) == gpu_id)
            return (int)i;
    return -1;
}

struct sgd_gpu *sgd_gpu_by_id(struct sgd_process *p, uint32_t gpu_id)
{
    int index = sgd_gpu_index(gpu_id);
    return index < 0 ? NULL : &p->gpus[index];
}

/* ---- the device layer's view of us
 * ---------------------------------------------------------------- */

static void on_event(void *driver, uint32_t event_id)
{
    struct sgd_gpu *gpu = driver;
    sgd_fence_interrupt();
    sgd_event_interrupt(gpu->process, event_id);
}

/* Behind each line that names a program counter: what stands there in the program. */
static void print_report(const char *text)
{
    flockfile(stderr); /* reports of several GPUs do not mix */
    while (*text) {
        size_t bytes = strcspn(text, "\n");
        const char *pc = strstr(text, "pc 0x");
        char where[1024] = "";
        fprintf(stderr, "%.*s\n", (int)bytes, text);
        if (pc && pc < text + bytes && host_ops->describe_pc)
            host_ops->describe_pc(strtoull(pc + 3, NULL, 16), where, sizeof(where));
        if (where[0])
            fprintf(stderr, "    in %s\n", where);
        text += bytes + (text[bytes] != '\0');
    }
    funlockfile(stderr);
}

static void on_memory_fault(void *driver, const struct sg_memory_fault *fault)
{
    struct sgd_gpu *gpu = driver;
    char text[512];
    snprintf(text, sizeof(text),
             "softgpu: GPU %u: memory fault: %s of 0x%llx%s%s%s by queue %u, pc 0x%llx%s%s",
             gpu->index, fault->write ? "write" : "read", (unsigned long long)fault->va,
             fault->reason & SG_FAULT_NOT_PRESENT ? ", not mapped" : "",
             fault->reason & SG_FAULT_READ_ONLY ? ", read-only" : "",
             fault->reason & SG_FAULT_NO_EXECUTE ? ", not executable" : "", fault->queue_id,
             (unsigned long long)fault->pc, fault->where[0] ? ": " : "", fault->where);
    print_report(text);
    sgd_event_memory_fault(gpu->process, gpu->gpu_id, fault);
}

static void on_stopped(void *driver, uint32_t queue_id, const char *why)
{
    const struct sgd_gpu *gpu = driver;
    size_t bytes = strlen(why) + 64;
    char *text = malloc(bytes);
    if (!text)
        return;
    snprintf(text, bytes, "softgpu: GPU %u: queue %u stops: %s", gpu->index, queue_id, why);
    print_report(text);
    free(text);
}

static const struct sg_device_ops device_ops = {
    .event = on_event, .memory_fault = on_memory_fault, .stopped = on_stopped};

/* ---- creation
 * ------------------------------------------------------------------------------------- */

static int gpu_init(struct sgd_process *p, uint32_t index)
{
    struct sgd_gpu *gpu = &p->gpus[index];
    gpu->process = p;
    gpu->index = index;
    gpu->gpu_id = sgd_gpu_id(index);
    gpu->vram.fd = -1;

    char name[32];
    snprintf(name, sizeof(name), "softgpu-vram%u", index);
    int err = sgd_arena_init(&gpu->vram, name, 4 * the_config.vram_bytes);
    if (err)
        return err;
    host_ops->protect_fd(gpu->vram.fd, true);
    err = sgd_arena_alloc(&p->gtt, SGD_DOORBELL_BYTES, SG_PAGE_BYTES, &gpu->doorbell_offset);
    if (!err)
        err = sgd_arena_alloc(&p->gtt, SG_PAGE_BYTES, SG_PAGE_BYTES, &gpu->mmio_offset);
    if (err)
        return err;
    gpu->doorbells = (uint64_t *)(void *)(p->gtt.base + gpu->doorbell_offset);

    const struct sg_device_config config = {.arch = the_config.arch,
                                            .compute_units = the_config.compute_units,
                                            .threads = the_config.threads,
                                            .watchdog_seconds = the_config.watchdog_seconds,
                                            .ops = &device_ops,
                                            .driver = gpu};
    gpu->device = sg_device_create(&config);
    return gpu->device ? 0 : -errno;
}

static void process_free(struct sgd_process *p)
{
    for (uint32_t i = 0; i < p->gpu_count; i++) {
        struct sgd_gpu *gpu = &p->gpus[i];
        if (gpu->device)
            sg_device_destroy(gpu->device);
        if (gpu->vram.fd >= 0)
            host_ops->protect_fd(gpu->vram.fd, false);
        sgd_arena_fini(&gpu->vram);
    }
    if (p->gtt.fd >= 0)
        host_ops->protect_fd(p->gtt.fd, false);
    sgd_arena_fini(&p->gtt);
    free(p);
}

static int process_create(struct sgd_process **out)
{
    struct sgd_process *p = calloc(1, sizeof(*p));
    if (!p)
        return -ENOMEM;
    pthread_mutex_init(&p->lock, NULL);
    p->generation = generation;
    /* amdgpu_amdkfd_gpuvm.c, amdgpu_amdkfd_gpuvm_init_mem_limits: 15/16 of RAM for all, half for
     * TTM. */
    uint64_t memory = sgd_system_memory_bytes(&the_config);
    p->system_limit = memory - (memory >> 4);
    p->ttm_limit = memory / 2;
    p->gtt.fd = -1;
    sgd_events_init(p);

    int err = sgd_arena_init(&p->gtt, "softgpu-gtt", 64ull << 30);
    if (err)
        goto fail;
    host_ops->protect_fd(p->gtt.fd, true);
    /* The kernel's own signal page exists whether or not user space brings one. */
    err = sgd_arena_alloc(&p->gtt, SGD_SIGNAL_EVENTS * 8, SG_PAGE_BYTES, &p->signal_page_offset);
    if (!err)
        err = sgd_ipc_init(p);
    for (uint32_t i = 0; i < the_config.gpus && !err; i++) {
        p->gpu_count = i + 1;
        err = gpu_init(p, i);
    }
    if (err)
        goto fail;
    *out = p;
    return 0;
fail:
    process_free(p);
    return err;
}

int sgd_process_get(struct sgd_process **out)
{
    int err = 0;
    if (!sgd_process()) {
        pthread_mutex_lock(&open_lock);
        struct sgd_process *p = NULL;
        if (!sgd_process() && !(err = process_create(&p)))
            atomic_store_explicit(&the_process, p, memory_order_release);
        pthread_mutex_unlock(&open_lock);
    }
    *out = sgd_process();
    return err;
}

void sgd_file_init(struct sgd_file *file, enum sgd_file_kind kind, uint32_t gpu)
{
    *file = (struct sgd_file){.kind = (uint8_t)kind,
                              .gpu = (uint8_t)gpu,
                              .process = generation,
                              .id = atomic_fetch_add(&next_file_id, 1)};
}

int sgd_open(enum sgd_file_kind kind, uint32_t gpu, struct sgd_file *file)
{
    struct sgd_process *p;
    int err = kind == SGD_FILE_KFD ? sgd_process_get(&p) : 0;
    if (!err)
        sgd_file_init(file, kind, gpu);
    return err;
}

/* ---- fork
 * ----------------------------------------------------------------------------------------- */

void sgd_before_fork(void)
{
    pthread_mutex_lock(&open_lock);
    struct sgd_process *p = sgd_process();
    if (p) {
        pthread_mutex_lock(&p->lock);
        pthread_mutex_lock(&p->event_lock);
    }
    sgd_watch_before_fork();
}

void sgd_after_fork_in_parent(void)
{
    sgd_watch_after_fork();
    struct sgd_process *p = sgd_process();
    if (p) {
        pthread_mutex_unlock(&p->event_lock);
        pthread_mutex_unlock(&p->lock);
    }
    pthread_mutex_unlock(&open_lock);
}

/*
 * The process object stays with the parent: kfd_chardev.c refuses the child's calls (EBADF), and an
 * open of its own makes a new one. What the object points to is not mapped here (MADV_DONTFORK), so
 * it is dropped as it is; only descriptors are real and closed.
 */
void sgd_after_fork_in_child(void)
{
    sgd_watch_after_fork();
    struct sgd_process *p = sgd_process();
    if (p) {
        sgd_close_imports(p);
        for (uint32_t i = 0; i < p->gpu_count; i++) {
            sg_device_after_fork_in_child(p->gpus[i].device);
            host_ops->protect_fd(p->gpus[i].vram.fd, false);
            syscall(SYS_close, p->gpus[i].vram.fd);
        }
        host_ops->protect_fd(p->gtt.fd, false);
        syscall(SYS_close, p->gtt.fd);
    }
    sgd_fence_after_fork();
    sgd_smi_after_fork_in_child();
    atomic_store_explicit(&the_process, NULL, memory_order_release);
    generation++;
    pthread_mutex_init(&open_lock, NULL);
}

/* ---- small ioctls
 * --------------------------------------------------------------------------------- */

uint32_t sgd_kfd_minor(void)
{
    static const uint32_t minors[] = {
        [SGD_KERNEL_BATCH] = 11,     [SGD_KERNEL_BATCH_FLAG] = 22, [SGD_KERNEL_STOCK] = 11,
        [SGD_KERNEL_STOCK_OLD] = 11, [SGD_KERNEL_PROFILER] = 23,
    };
    return minors[the_config.kernel];
}

int sgd_ioc_get_version(struct sgd_process *p, void *data)
{
    (void)p;
    struct kfd_ioctl_get_version_args *args = data;
    args->major_version = 1;
    args->minor_version = sgd_kfd_minor();
    return 0;
}

/*
 * The runtime tells a debugger where its list of loaded code is (kfd_chardev.c of Linux 6.5,
 * runtime_enable). No debugger can attach here, so there is nobody to tell.
 */
int sgd_ioc_runtime_enable(struct sgd_process *p, void *data)
{
    const struct { /* struct kfd_ioctl_runtime_enable_args */
        uint64_t r_debug;
        uint32_t mode_mask, capabilities_mask;
    } *args = data;
    bool enable = args->mode_mask & 1; /* KFD_RUNTIME_ENABLE_MODE_ENABLE_MASK */
    int err = 0;
    sgd_lock(p);
    if (enable && p->runtime_enabled)
        err = -EBUSY;
    else if (enable && p->queue_count)
        err = -EEXIST;
    else
        p->runtime_enabled = enable;
    sgd_unlock(p);
    return err;
}

/* kfd_flat_memory.c, kfd_init_apertures_v9: bases by convention, limits 4 GiB further. */
void sgd_fill_aperture(const struct sgd_gpu *gpu, struct kfd_process_device_apertures *aperture)
{
    const uint64_t four_gib = 1ull << 32;
    *aperture = (struct kfd_process_device_apertures){
        .lds_base = 1ull << 48,
        .lds_limit = (1ull << 48) + four_gib - 1,
        .scratch_base = 2ull << 48,
        .scratch_limit = (2ull << 48) + four_gib - 1,
        .gpuvm_base = 0x4000,
        .gpuvm_limit = (1ull << 47) - 1,
        .gpu_id = gpu->gpu_id,
    };
}

int sgd_ioc_get_process_apertures(struct sgd_process *p, void *data)
{
    struct kfd_ioctl_get_process_apertures_args *args = data;
    args->num_of_nodes = 0;
    for (uint32_t i = 0; i < p->gpu_count && i < NUM_OF_SUPPORTED_GPUS; i++)
        sgd_fill_aperture(&p->gpus[i], &args->process_apertures[args->num_of_nodes++]);
    return 0;
}

int sgd_ioc_get_process_apertures_new(struct sgd_process *p, void *data)
{
    struct kfd_ioctl_get_process_apertures_new_args *args = data;
    if (args->num_of_nodes == 0) {
        args->num_of_nodes = p->gpu_count;
        return 0;
    }
    if (args->num_of_nodes > p->gpu_count + 1) /* topology: one CPU node */
        return -EINVAL;
    struct kfd_process_device_apertures apertures[SGD_MAX_GPUS];
    uint32_t n = args->num_of_nodes < p->gpu_count ? args->num_of_nodes : p->gpu_count;
    for (uint32_t i = 0; i < n; i++)
        sgd_fill_aperture(&p->gpus[i], &apertures[i]);
    args->num_of_nodes = n;
    return sgd_copy_out((void *)(uintptr_t)args->kfd_process_device_apertures_ptr, apertures,
                        n * sizeof(apertures[0]));
}

/* kfd_process.c, kfd_bind_process_to_device: ENODEV until ACQUIRE_VM; some callers turn it into
 * ESRCH. */
int sgd_ioc_set_memory_policy(struct sgd_process *p, void *data)
{
    const struct kfd_ioctl_set_memory_policy_args *args = data;
    if (args->default_policy > KFD_IOC_CACHE_POLICY_NONCOHERENT ||
        args->alternate_policy > KFD_IOC_CACHE_POLICY_NONCOHERENT)
        return -EINVAL;
    struct sgd_gpu *gpu = sgd_gpu_by_id(p, args->gpu_id);
    if (!gpu)
        return -EINVAL;
    return gpu->vm ? 0 : -ESRCH; /* GFX9 takes the memory type from the page table, not from here */
}

int sgd_ioc_set_trap_handler(struct sgd_process *p, void *data)
{
    const struct kfd_ioctl_set_trap_handler_args *args = data;
    struct sgd_gpu *gpu = sgd_gpu_by_id(p, args->gpu_id);
    if (!gpu)
        return -EINVAL;
    if (!gpu->vm)
        return -ESRCH;
    sgd_lock(p);
    gpu->trap_handler_va = args->tba_addr;
    gpu->trap_memory_va = args->tma_addr;
    sgd_unlock(p);
    return 0;
}

int sgd_ioc_set_scratch_backing_va(struct sgd_process *p, void *data)
{
    const struct kfd_ioctl_set_scratch_backing_va_args *args = data;
    struct sgd_gpu *gpu = sgd_gpu_by_id(p, args->gpu_id);
    if (!gpu)
        return -EINVAL;
    if (!gpu->vm)
        return -ENODEV;
    sgd_lock(p);
    gpu->scratch_va = args->va_addr;
    sgd_unlock(p);
    return 0;
}

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int sgd_ioc_get_clock_counters(struct sgd_process *p, void *data)
{
    struct kfd_ioctl_get_clock_counters_args *args = data;
    struct sgd_gpu *gpu = sgd_gpu_by_id(p, args->gpu_id);
    args->gpu_clock_counter = gpu ? sg_device_clock(gpu->device) : 0;
    args->cpu_clock_counter = clock_ns(CLOCK_MONOTONIC_RAW);
    args->system_clock_counter = clock_ns(CLOCK_BOOTTIME);
    args->system_clock_freq = 1000000000;
    return 0;
}

/* Vega 20's GB_ADDR_CONFIG; GFX9 has no tile mode tables of its own, the driver reports zeros. */
int sgd_ioc_get_tile_config(struct sgd_process *p, void *data)
{
    struct kfd_ioctl_get_tile_config_args *args = data;
    if (!sgd_gpu_by_id(p, args->gpu_id))
        return -EINVAL;
    args->gb_addr_config = 0x26013042;
    args->num_banks = 0; /* not set from GFX9 on (amdgpu_amdkfd_gpuvm.c) */
    args->num_ranks = 0;
    static const uint32_t zeros[32];
    if (args->num_tile_configs > 32)
        args->num_tile_configs = 32;
    if (sgd_copy_out((void *)(uintptr_t)args->tile_config_ptr, zeros,
                     args->num_tile_configs * 4ull)) {
        args->num_tile_configs = 0;
        return -EFAULT;
    }
    if (args->num_macro_tile_configs > 16)
        args->num_macro_tile_configs = 16;
    if (sgd_copy_out((void *)(uintptr_t)args->macro_tile_config_ptr, zeros,
                     args->num_macro_tile_configs * 4ull)) {
        args->num_macro_tile_configs = 0;
        return -EFAULT;
    }
    return 0;
}

/*
 * The mode can be asked for (a negative value) and set to off, which it is. Turning it on is
 * refused as on a GPU that cannot replay page faults (kfd_process.c, kfd_process_xnack_mode). A
 * kernel without CONFIG_HSA_AMD_SVM would answer EPERM to everything; ROCr then complains about
 * each program's start.
 */
int sgd_ioc_set_xnack_mode(struct sgd_process *p, void *data)
{
    struct kfd_ioctl_set_xnack_mode_args *args = data;
    if (args->xnack_enabled < 0) {
        args->xnack_enabled = 0;
        return 0;
    }
    sgd_lock(p);
    int err = p->queue_count ? -EBUSY : args->xnack_enabled ? -EPERM : 0;
    sgd_unlock(p);
    return err;
}

int sgd_ioc_acquire_vm(struct sgd_process *p, void *data)
{
    const struct kfd_ioctl_acquire_vm_args *args = data;
    struct sgd_file file;
    if (!host_ops->file_of_fd((int)args->drm_fd, &file))
        return -EINVAL;
    struct sgd_gpu *gpu = sgd_gpu_by_id(p, args->gpu_id);
    if (!gpu)
        return -EINVAL;
    int err = 0;
    sgd_lock(p);
    if (gpu->drm_file.kind) {
        err = gpu->drm_file.id == file.id ? 0 : -EBUSY;
    } else if (file.kind != SGD_FILE_RENDER || file.gpu != gpu->index ||
               file.process != p->generation) {
        err = -EINVAL;
    } else {
        struct sgd_drm *drm;
        err = sgd_drm_get(p, &file, &drm);
        if (!err) {
            drm->kfd_owns = true;
            gpu->vm = drm->vm;
            gpu->drm_file = file;
        }
    }
    sgd_unlock(p);
    return err;
}

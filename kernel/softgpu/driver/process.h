/* SPDX-License-Identifier: MIT */
/*
 * Inside the driver layer: the KFD process, its GPUs, buffers, events and queues, and the handlers
 * of the ioctl table. One mutex (process->lock) covers buffers, queues and everything but events,
 * which have their own. Order: process->lock, then event_lock or the notifier's.
 */
#ifndef SGD_PROCESS_H
#define SGD_PROCESS_H

#include <linux/kfd_ioctl.h>
#include <pthread.h>

#include "arena.h"
#include "driver.h"
#include "itree.h"

enum {
    SGD_SIGNAL_EVENTS = KFD_SIGNAL_EVENT_LIMIT,
    SGD_DOORBELLS = 1024, /* per process and GPU, 8 bytes each: two pages */
    SGD_DOORBELL_BYTES = 8192,
    SGD_MAX_QUEUES_PER_GPU = 127, /* kfd_process_queue_manager.c, pqm_create_queue: HWS limit */
    SGD_MAX_QUEUES = 1024,
};

/* SGD_SHARED: VRAM or GTT of another process (ipc.c). */
enum sgd_backing { SGD_VRAM, SGD_GTT, SGD_USERPTR, SGD_DOORBELL, SGD_MMIO, SGD_SHARED };

/* Part of a userptr buffer: CPU memory at cpu.start lies at va_offset in the buffer. */
struct sgd_range {
    struct sgd_inode cpu; /* in process->cpu_ranges; owner: the buffer */
    uint64_t va_offset;
    bool invalid; /* some of its pages went away since ALLOC */
};

struct kfd_ioctl_userptr_range;

struct sgd_buffer {
    uint64_t handle;
    uint32_t gpu;   /* index of the GPU that it was allocated for */
    uint32_t flags; /* KFD_IOC_ALLOC_MEM_FLAGS_* */
    enum sgd_backing backing;
    uint64_t va, bytes;    /* bytes of memory; a doubly mapped AQL queue takes 2 * bytes of VA */
    struct sgd_bo *bo;     /* SGD_VRAM, SGD_GTT: its memory */
    uint64_t arena_offset; /* SGD_DOORBELL, SGD_MMIO: in the GTT; SGD_SHARED: in its file */
    uint32_t export_slot;  /* in the table of exports, plus 1; 0: not exported */
    int shared_fd;         /* SGD_SHARED */
    void *shared_host;
    struct sgd_range *ranges; /* USERPTR: in order of VA */
    uint32_t range_count;
    uint32_t mapped_gpus;        /* bit per GPU */
    struct sgd_inode file_node;  /* SGD_SHARED: in process->file_offsets, by mmap offset */
    struct sgd_inode va_nodes[]; /* per GPU, in gpu->va_buffers while mapped */
};

struct sgd_queue {
    uint32_t id;
    uint32_t doorbell; /* index */
    struct sgd_gpu *gpu;
    struct sg_queue *device_queue;
    struct sg_queue_config config;
    uint32_t cu_mask[32];
};

struct sgd_gpu {
    struct sgd_process *process;
    uint32_t index, gpu_id;
    struct sg_device *device;
    struct sg_vm *vm;         /* NULL until ACQUIRE_VM */
    struct sgd_file drm_file; /* the render node that owns the VM; kind 0: none yet */
    struct sgd_arena vram;
    uint64_t vram_used;
    struct sgd_itree va_buffers; /* owner: struct sgd_buffer */
    uint64_t *doorbells;         /* the process's two pages */
    uint64_t doorbell_offset;    /* in the GTT arena */
    uint64_t doorbell_bitmap[SGD_DOORBELLS / 64];
    uint64_t mmio_offset; /* remapped MMIO page, in the GTT arena */
    uint64_t trap_handler_va, trap_memory_va, scratch_va;
    uint32_t queue_count;
    uint32_t sdma_queues;
    bool gws_used;               /* by one of its queues */
    struct sgd_buffer **handles; /* by handle number; 0 is never used */
    uint32_t handle_capacity, handle_hint;
};

struct sgd_event {
    uint32_t id, type;
    bool auto_reset, signaled;
    uint64_t age; /* grows with every signal */
    struct sgd_waiter *waiters;
    struct kfd_hsa_memory_exception_data memory_exception;
    struct kfd_hsa_hw_exception_data hw_exception;
};

struct sgd_process {
    pthread_mutex_t lock;
    uint16_t generation;
    uint32_t gpu_count;
    struct sgd_gpu gpus[SGD_MAX_GPUS];
    struct sgd_arena gtt;
    uint64_t system_used, system_limit, ttm_limit,
        ttm_used;                /* amdgpu_amdkfd_gpuvm.c: kfd_mem_limit */
    uint64_t gem_gtt_used;       /* GTT of the render nodes */
    struct sgd_itree cpu_ranges; /* struct sgd_range.cpu of every userptr buffer */
    struct sgd_itree
        cpu_devices; /* mappings of our descriptors in the program: struct sgd_device_map */
    struct sgd_itree file_offsets; /* memory by mmap offset of the render nodes: struct sgd_bo, or
                                      the buffer of SGD_SHARED */
    struct sgd_queue *queues[SGD_MAX_QUEUES]; /* by id */
    uint32_t queue_count;
    struct sgd_drm *drms;       /* open render nodes that have been used */
    struct sgd_dmabuf *dmabufs; /* open dma-bufs */
    bool runtime_enabled;       /* RUNTIME_ENABLE */
    uint64_t exports_offset;    /* ipc.c: its table, in the GTT arena */
    uint64_t shared_offset;     /* mmap offsets given to imported buffers so far */
    uint64_t buffer_count, userptr_buffers, userptr_ranges, userptr_bytes, vram_bytes, gtt_bytes;

    pthread_mutex_t event_lock;
    struct sgd_event *signal_events[SGD_SIGNAL_EVENTS];
    struct sgd_event **other_events;
    uint32_t other_event_capacity;
    uint64_t *signal_page; /* NULL until the first signal event */
    uint64_t signal_mapped_bytes;
    uint64_t signal_handle;      /* buffer of the page, 0 if it is the kernel's own */
    uint64_t signal_page_offset; /* in the GTT arena, of the kernel's own */
    uint32_t signal_count, event_count;
};

/* The process object, or NULL before the first open of /dev/kfd. */
struct sgd_process *sgd_process(void);
struct sgd_gpu *sgd_gpu_by_id(struct sgd_process *p, uint32_t gpu_id);

/* ---- ioctl handlers: `data` is a kernel copy of the argument; return 0 or negative errno.
 * ---------- */

typedef int sgd_handler(struct sgd_process *p, void *data);

sgd_handler sgd_ioc_alloc_memory, sgd_ioc_free_memory, sgd_ioc_map_memory, sgd_ioc_unmap_memory,
    sgd_ioc_alloc_batch, sgd_ioc_available_memory, sgd_ioc_get_dmabuf_info, sgd_ioc_import_dmabuf,
    sgd_ioc_export_dmabuf;
sgd_handler sgd_ioc_create_event, sgd_ioc_destroy_event, sgd_ioc_set_event, sgd_ioc_reset_event,
    sgd_ioc_wait_events;
sgd_handler sgd_ioc_create_queue, sgd_ioc_destroy_queue, sgd_ioc_update_queue, sgd_ioc_set_cu_mask,
    sgd_ioc_get_queue_wave_state, sgd_ioc_alloc_queue_gws;
sgd_handler sgd_ioc_set_memory_policy, sgd_ioc_get_clock_counters, sgd_ioc_get_process_apertures,
    sgd_ioc_get_process_apertures_new, sgd_ioc_set_scratch_backing_va, sgd_ioc_get_tile_config,
    sgd_ioc_set_trap_handler, sgd_ioc_acquire_vm, sgd_ioc_set_xnack_mode, sgd_ioc_get_version,
    sgd_ioc_runtime_enable, sgd_ioc_smi_events;

/* ---- between the files of the driver
 * --------------------------------------------------------------- */

/* copy_from_user, copy_to_user: 0 or -EFAULT, never a signal. */
int sgd_copy_in(void *to, const void *from_program, size_t bytes);
int sgd_copy_out(void *to_program, const void *from, size_t bytes);

/* process->lock; notifier.c tells by it what is the driver's own. */
void sgd_lock(struct sgd_process *p);
void sgd_unlock(struct sgd_process *p);

/* notifier.c: its lock, around a fork. */
void sgd_watch_before_fork(void);
void sgd_watch_after_fork(void);

/* What the host layer does with descriptors (struct sgd_host_ops). */
void sgd_protect_fd(int fd, bool protect);
bool sgd_file_of_fd(int fd, struct sgd_file *file);
int sgd_new_fd(const struct sgd_file *file, int flags);
void sgd_file_init(struct sgd_file *file, enum sgd_file_kind kind, uint32_t gpu);

/* The process object, made if there is none. 0 or negative errno. */
int sgd_process_get(struct sgd_process **out);
/* cs.c: a device raised an interrupt; the child of a fork has no fences. */
void sgd_fence_interrupt(void);
void sgd_fence_after_fork(void);

/* Checks that the program's pages are there and writable, and faults them in. 0, -EFAULT, -EPERM,
 * -ENOMEM. */
int sgd_populate(uint64_t start, uint64_t bytes);

/* The aperture of a gfx9 GPU: kfd_flat_memory.c, kfd_init_apertures_v9. */
void sgd_fill_aperture(const struct sgd_gpu *gpu, struct kfd_process_device_apertures *aperture);

/* Of the imitated kernel's interface, 1.minor. */
uint32_t sgd_kfd_minor(void);

/* smi.c: what happens to the process, for those who watch it. Any thread, any lock but its own. */
void sgd_smi_vm_fault(struct sgd_process *p, uint32_t gpu_id);
void sgd_smi_eviction(struct sgd_process *p, bool restored);
void sgd_smi_after_fork_in_child(void);

/* memory.c */
struct sgd_buffer *sgd_buffer_by_handle(struct sgd_process *p, uint64_t handle);
/* Host address of a GTT or VRAM buffer, NULL for the others. */
void *sgd_buffer_host(struct sgd_process *p, const struct sgd_buffer *buffer);
int sgd_alloc_buffer(struct sgd_process *p, struct sgd_gpu *gpu, uint64_t va, uint64_t size,
                     uint32_t flags, const struct kfd_ioctl_userptr_range *ranges,
                     uint32_t range_count, struct sgd_buffer **out);
/* A buffer over memory that is mapped at `host` and lies at file_offset of fd: both are the
 * buffer's if this succeeds. Caller holds the lock. */
int sgd_import_buffer(struct sgd_process *p, struct sgd_gpu *gpu, uint64_t va, uint64_t bytes,
                      uint32_t flags, int fd, uint64_t file_offset, void *host,
                      struct sgd_buffer **out);
/* In the child of a fork: closes the descriptors of imported buffers. */
void sgd_close_imports(struct sgd_process *p);
/* A buffer over a dma-buf's memory. Caller holds the lock. */
int sgd_import_bo(struct sgd_process *p, struct sgd_gpu *gpu, uint64_t va, struct sgd_bo *bo,
                  struct sgd_buffer **out);
uint64_t sgd_buffer_mmap_offset(const struct sgd_buffer *buffer);

/* ipc.c */
sgd_handler sgd_ioc_ipc_import, sgd_ioc_ipc_export;
/* Takes the exports' table out of the GTT arena; before the first GPU is made. 0 or -ENOMEM. */
int sgd_ipc_init(struct sgd_process *p);
/* The buffer goes away: its share handle is void from now on. */
void sgd_ipc_unexport(struct sgd_process *p, struct sgd_buffer *buffer);
/* Gives back what sgd_ioc_ipc_import opened and mapped for the buffer. */
void sgd_ipc_detach(struct sgd_buffer *buffer);

/* events.c: from device threads */
void sgd_event_interrupt(struct sgd_process *p, uint32_t event_id);
void sgd_event_memory_fault(struct sgd_process *p, uint32_t gpu_id,
                            const struct sg_memory_fault *fault);
void sgd_events_init(struct sgd_process *p);
/* events.c: kernel-allocated page, mmap of KFD_MMAP_TYPE_EVENTS. Caller holds event_lock. */

#define SGD_MMAP_TYPE_SHIFT 62 /* kfd_priv.h: KFD_MMAP_TYPE_* and KFD_MMAP_GPU_ID */
#define SGD_MMAP_TYPE_DOORBELL (3ull << SGD_MMAP_TYPE_SHIFT)
#define SGD_MMAP_TYPE_EVENTS (2ull << SGD_MMAP_TYPE_SHIFT)
#define SGD_MMAP_TYPE_RESERVED (1ull << SGD_MMAP_TYPE_SHIFT)
#define SGD_MMAP_TYPE_MMIO (0ull << SGD_MMAP_TYPE_SHIFT)
#define SGD_MMAP_GPU_ID_SHIFT 46
#define SGD_HANDLE(gpu_id, number) ((uint64_t)(gpu_id) << 32 | (number))

static inline uint64_t sgd_page_up(uint64_t bytes)
{
    return (bytes + SG_PAGE_BYTES - 1) & ~(uint64_t)(SG_PAGE_BYTES - 1);
}

#endif

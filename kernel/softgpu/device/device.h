/* SPDX-License-Identifier: MIT */
/*
 * What the driver layer sees of the device layer: GPUs, their address spaces, their queues. The device
 * layer never calls libc functions that host/ interposes on behalf of the program, never issues ioctls,
 * and reaches the driver only through struct sg_device_ops.
 */
#ifndef SG_DEVICE_H
#define SG_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SG_PAGE_BYTES 4096u
#define SG_VA_BITS 48
#define SG_MAX_CUS 256
/* Compute units are spread over so many shader engines, as topology says: unit i is number i / 4 of engine i % 4. */
#define SG_SHADER_ENGINES 4

/* ---- GPU models -------------------------------------------------------------------------------- */

/* Constants of one GPU model: what topology tells user space and what the executor must know. */
struct sg_arch {
    const char *name;            /* "gfx906" */
    uint32_t gfx_target_version; /* 90006, as in the topology's node properties */
    uint32_t pci_device_id;      /* 26273 */
    const char *marketing_name;
    uint32_t wave_size;          /* lanes */
    uint32_t max_vgprs;          /* a wave's architectural VGPRs, 256; with AccVGPRs 512 */
    bool has_accvgpr;            /* gfx90a: unified VGPR file, MFMA */
    bool packed_work_item_ids;   /* gfx90a: v0 = x | y << 10 | z << 20 */
    uint32_t lds_bytes_per_cu;
    uint32_t simds_per_cu, waves_per_simd;
};
const struct sg_arch *sg_arch_find(const char *name); /* NULL if unknown */
const struct sg_arch *sg_arch_at(size_t index);       /* NULL past the last */

/* ---- address spaces ----------------------------------------------------------------------------- */

/* One GPU virtual address space: the page table of one process on one GPU, filled by the driver. */
struct sg_vm;

enum sg_pte_flags {
    SG_PTE_READ = 1u << 0,
    SG_PTE_WRITE = 1u << 1,
    SG_PTE_EXEC = 1u << 2,
    SG_PTE_SYSTEM = 1u << 3,   /* host memory, not VRAM */
    SG_PTE_UNCACHED = 1u << 4, /* MTYPE UC */
    SG_PTE_WINDOW = 1u << 5,   /* belongs to a batch or userptr buffer: bytes are counted in the statistics */
};

enum sg_fault_reason { /* bits of HSA memory_exception_data failure flags, as KFD reports them */
    SG_FAULT_NOT_PRESENT = 1u << 0,
    SG_FAULT_READ_ONLY = 1u << 1,
    SG_FAULT_NO_EXECUTE = 1u << 2,
};

struct sg_vm *sg_vm_create(void);
/*
 * One whose page table is somebody else's: address va of the first `bytes` is the host's base + va, if there is
 * anything, and an access that the host answers with SIGSEGV or SIGBUS is the GPU's fault. Multiples of
 * SG_PAGE_BYTES. Nothing can be mapped or unmapped here.
 */
struct sg_vm *sg_vm_create_foreign(void *base, uint64_t bytes);
void sg_vm_destroy(struct sg_vm *vm); /* NULL is allowed; all queues on it are gone */

/*
 * Map [va, va + bytes) to host memory at `host` with page granularity. Multiples of SG_PAGE_BYTES.
 * -EINVAL: misaligned, empty or outside of 48 bits, or a foreign address space; -EEXIST: a page is mapped already (nothing changed);
 * -ENOMEM. The tables are changed without waiting for the device: mapping what was unmapped needs no flush.
 */
int sg_vm_map(struct sg_vm *vm, uint64_t va, void *host, uint64_t bytes, uint32_t pte_flags);

/*
 * Unmap. Pages that are not mapped are ignored. On return no wave and no packet accesses the old pages:
 * their owner may unmap them from the process.
 */
void sg_vm_unmap(struct sg_vm *vm, uint64_t va, uint64_t bytes);

/* Host address of one byte, or NULL with *reason set (may be NULL). For the packet processors, tests, tools. */
void *sg_vm_translate(const struct sg_vm *vm, uint64_t va, uint32_t need_pte_flags, uint32_t *reason);

/* Pages mapped now. */
uint64_t sg_vm_mapped_pages(const struct sg_vm *vm);

/* ---- devices ------------------------------------------------------------------------------------ */

struct sg_device;
struct sg_queue;

struct sg_memory_fault {
    uint64_t va;       /* page address */
    uint32_t reason;   /* enum sg_fault_reason bits */
    bool write;
    uint64_t pc;       /* of the wave, 0 if the access was a packet processor's */
    uint32_t queue_id;
    char where[256];   /* for a person: instruction text or packet kind */
};

/* Called from device threads with no device lock held. */
struct sg_device_ops {
    /* An interrupt with an event id as context: end of packet, SDMA trap, s_sendmsg. 0: any signal event. */
    void (*event)(void *driver, uint32_t event_id);
    /* The queue that faulted is stopped for good; every queue of that address space is too. */
    void (*memory_fault)(void *driver, const struct sg_memory_fault *fault);
    /* A trap, an illegal instruction or the watchdog stopped a kernel: why, for a person. The queue error follows. */
    void (*stopped)(void *driver, uint32_t queue_id, const char *why);
};

struct sg_device_config {
    const struct sg_arch *arch;
    uint32_t compute_units;
    uint32_t threads;      /* host threads that execute waves; 0: one per online CPU */
    uint32_t watchdog_seconds; /* a kernel that runs longer is stopped like one that trapped; 0: never */
    const struct sg_device_ops *ops;
    void *driver;          /* passed back to ops */
};

/* Threads start at the first queue, not here. NULL with errno set on failure. */
struct sg_device *sg_device_create(const struct sg_device_config *config);
void sg_device_destroy(struct sg_device *dev);

/*
 * Pause: on return no wave and no packet of the device makes progress or touches memory, until the
 * matching resume. Nests. This is what eviction of a process's queues does. Never called from device threads.
 */
void sg_device_pause(struct sg_device *dev);
void sg_device_resume(struct sg_device *dev);

/*
 * The child of a fork has no device threads: forget everything without waiting, touch no device memory.
 */
void sg_device_after_fork_in_child(struct sg_device *dev);

uint64_t sg_device_clock(const struct sg_device *dev); /* GPU counter, 100 MHz, as timestamps in signals have it */
/* s_memtime (clock64()) counts engine clocks: 1700 MHz, as topology and the render node say. */
enum { SG_ENGINE_CLOCKS_PER_TICK = 17 };

/* ---- queues ------------------------------------------------------------------------------------- */

enum sg_queue_type { SG_QUEUE_AQL, SG_QUEUE_PM4, SG_QUEUE_SDMA };

struct sg_queue_config {
    enum sg_queue_type type;
    struct sg_vm *vm;
    uint32_t queue_id;          /* KFD queue id, unique in the process */
    uint64_t ring_va;           /* GPU VA; 0 with ring_bytes 0: a disabled queue */
    uint64_t ring_bytes;
    uint64_t read_ptr_va;       /* where rptr is reported; AQL: amd_queue_t + 0x80 */
    uint64_t write_ptr_va;      /* AQL: amd_queue_t + 0x38 */
    volatile uint64_t *doorbell;/* this queue's slot in the doorbell page */
    uint64_t eop_va, ctx_save_va;
    uint64_t trap_handler_va, trap_memory_va;  /* 0: none set */
    uint64_t scratch_va;        /* SET_SCRATCH_BACKING_VA */
    uint64_t lds_aperture, scratch_aperture;   /* bases of the shared and private apertures */
    uint32_t priority;          /* 0..15 as in KFD */
    uint32_t percent;           /* 0: inactive */
    const uint32_t *cu_mask;    /* bit i: compute unit i; NULL: all; copied */
    uint32_t cu_mask_bits;
    bool gws;                   /* may use the device's global wave sync */
};

/* -EINVAL, -ENOMEM. */
int sg_queue_create(struct sg_device *dev, const struct sg_queue_config *config, struct sg_queue **queue);
/* Change ring, percent, priority, CU mask (UPDATE_QUEUE, SET_CU_MASK); read and write positions stay. */
int sg_queue_update(struct sg_queue *queue, const struct sg_queue_config *config);
/*
 * Preemption. On return no wave and no packet of the queue makes progress or touches memory, until the resume: waves
 * keep their state. A suspended queue may be updated and destroyed. Not nested; never called from device threads.
 */
void sg_queue_suspend(struct sg_queue *queue);
void sg_queue_resume(struct sg_queue *queue);
/* Waits until the queue is idle or its waves are stopped at an instruction boundary, then forgets them. */
void sg_queue_destroy(struct sg_queue *queue);

/* ---- statistics --------------------------------------------------------------------------------- */

struct sg_device_stats {
    uint64_t packets, dispatches, workgroups, waves;
    uint64_t instructions;           /* wave instructions */
    uint64_t vector_instructions;
    uint64_t tlb_hits, tlb_misses;
    uint64_t window_bytes_read, window_bytes_written; /* through SG_PTE_WINDOW pages, by waves and SDMA */
    uint64_t sdma_bytes;
    uint64_t memory_faults;
};
void sg_device_stats(const struct sg_device *dev, struct sg_device_stats *out);

/* ---- what is not implemented -------------------------------------------------------------------- */

/* Stops the program: prints "softgpu: not implemented: ..." to standard error and aborts. Used by all layers. */
_Noreturn void sg_unimplemented(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A warning or a trace line, if the category is on: SG_LOG_PACKET, ... */
enum sg_log_category { SG_LOG_IOCTL = 1, SG_LOG_PACKET = 2, SG_LOG_WAVE = 4, SG_LOG_MEMORY = 8, SG_LOG_HOST = 16, SG_LOG_OPCODE = 32 };
extern uint32_t sg_log_mask;
void sg_log(enum sg_log_category category, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif

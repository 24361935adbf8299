/* SPDX-License-Identifier: MIT */
/*
 * What the host layer sees of the driver layer: the emulated amdkfd and amdgpu kernel drivers
 * behind /dev/kfd and /dev/dri/renderD*. The driver layer knows descriptors only as struct
 * sgd_file.
 */
#ifndef SGD_DRIVER_H
#define SGD_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../device/device.h"

enum { SGD_MAX_GPUS = 16, SGD_MAX_FAILS = 64, SGD_FIRST_RENDER_MINOR = 128 };

/* ---- configuration ------------------------------------------------------------------------------
 */

enum sgd_kernel {                        /* the imitated kernel, as --kernel= names it */
                  SGD_KERNEL_BATCH,      /* 6.1 with the batch ioctl at 0x28 */
                  SGD_KERNEL_BATCH_FLAG, /* the later encoding: a flag of ALLOC_MEMORY_OF_GPU */
                  SGD_KERNEL_STOCK,      /* 6.1.192: an unknown ioctl is ENOTTY */
                  SGD_KERNEL_STOCK_OLD,  /* before November 2025: an unknown ioctl is EINVAL */
                  SGD_KERNEL_PROFILER,   /* KFD interface 1.23: 0x28 is the profiler */
};

struct sgd_fail {
    uint32_t nr;        /* ioctl number */
    uint64_t remaining; /* calls until it fires; 0: unused */
    int err;            /* 0: the call is late and then as ever */
    uint32_t delay_ms;
};

struct sgd_config {
    enum sgd_kernel kernel;
    const struct sg_arch *arch;
    uint32_t gpus;
    uint64_t vram_bytes;   /* per GPU */
    uint64_t system_bytes; /* 0: what the machine has */
    bool ipc;              /* the kernel has the IPC ioctls of AMD's out-of-tree driver */
    uint32_t compute_units;
    uint32_t threads;          /* of the device layer; 0: one per online CPU */
    uint32_t watchdog_seconds; /* longest run time of a kernel; 0: any */
    const char *stats_path;    /* NULL: no report; "-": standard error */
    struct sgd_fail fails[SGD_MAX_FAILS];
    uint32_t fail_count;
};

/*
 * Reads the SOFTGPU_* environment variables that the launcher sets. On a bad value fills `error`
 * (for a person, without newline) and returns -EINVAL; *config then holds no usable values.
 */
int sgd_config_from_environment(struct sgd_config *config, char *error, size_t error_bytes);
const char *sgd_kernel_name(enum sgd_kernel kernel);
/* The number of an ioctl given as AMDKFD_IOC_X, X (any case), 0x16 or 22; -1 if unknown. */
int sgd_ioctl_number(const char *name);
/* The name without prefix, or NULL if no kernel we imitate has it. */
const char *sgd_ioctl_name(uint32_t nr);

/* What topology and DRM tell about GPU i. */
uint32_t sgd_gpu_id(uint32_t index);
int sgd_gpu_index(uint32_t gpu_id);            /* -1 if unknown */
uint32_t sgd_gpu_pci_location(uint32_t index); /* bus << 8 | device << 3 | function */
uint64_t sgd_system_memory_bytes(const struct sgd_config *config);

/* ---- life ---------------------------------------------------------------------------------------
 */

enum sgd_file_kind { SGD_FILE_KFD = 1, SGD_FILE_RENDER = 2, SGD_FILE_DMABUF = 3 };

struct sgd_file {     /* an open file description */
    uint8_t kind;     /* enum sgd_file_kind */
    uint8_t gpu;      /* not SGD_FILE_KFD: index of the GPU */
    uint16_t process; /* generation of the process that opened it: differs in the child of a fork */
    uint32_t id;      /* unique; descriptors made by dup share it */
};

/* What the driver needs from the host. */
struct sgd_host_ops {
    /* false: not a descriptor of ours (the driver then says EINVAL as the kernel does). */
    bool (*file_of_fd)(int fd, struct sgd_file *file);
    /* A descriptor that the program must not be able to close, or no longer so. */
    void (*protect_fd)(int fd, bool protect);
    /* A descriptor for an open file; close-on-exec if flags say O_CLOEXEC. Negative errno. */
    int (*new_fd)(const struct sgd_file *file, int flags);
    /* What stands at a GPU's program counter, for a person; empty: not known. May be NULL. */
    void (*describe_pc)(uint64_t pc, char *text, size_t bytes);
};

/* Once, before anything else. Keeps both pointers. */
void sgd_init(const struct sgd_config *config, const struct sgd_host_ops *host);
const struct sgd_config *sgd_config(void);
/* 0 or negative errno. Opening /dev/kfd makes the KFD process; there is one however often it is
 * opened. */
int sgd_open(enum sgd_file_kind kind, uint32_t gpu, struct sgd_file *file);
/* The last descriptor of an open file goes away. */
void sgd_file_closed(const struct sgd_file *file);
/* Around fork(): all driver locks are held between them. The child has no KFD process. */
void sgd_before_fork(void);
void sgd_after_fork_in_parent(void);
void sgd_after_fork_in_child(void);

/* ---- calls --------------------------------------------------------------------------------------
 */

/* Both return 0 or a positive result, or a negative errno. `arg` is an address of the program. */
long sgd_kfd_ioctl(const struct sgd_file *file, unsigned int cmd, void *arg);
long sgd_render_ioctl(const struct sgd_file *file, unsigned int cmd, void *arg);
long sgd_dmabuf_ioctl(unsigned int cmd);
/* mmap of a descriptor of ours. Returns MAP_FAILED with *err (positive errno). */
void *sgd_mmap(const struct sgd_file *file, void *addr, size_t len, int prot, int flags,
               off_t offset, int *err);

/* ---- the program changes its memory: the emulated MMU notifier
 * ----------------------------------- */

/*
 * Call begin before [addr, addr + len) is unmapped, replaced, moved or protected, and end after it.
 * While both run, no GPU accesses that memory. begin returns false at once, and end must not be
 * called, if the driver has no interest in the range. `gone`: device mappings (VRAM, doorbells) in
 * the range go away. `restore`: pages in the range that are there and writable are mapped to the
 * GPUs again.
 */
bool sgd_mm_begin(void *addr, size_t len, bool gone);
void sgd_mm_end(void *addr, size_t len, bool restore);
/* Whether begin would do something. Takes no lock that anybody holds for long: for callers that
 * hold locks of libc. */
bool sgd_mm_interests(const void *addr, size_t len);

/* ---- statistics ---------------------------------------------------------------------------------
 */

struct softgpu_stats;
void sgd_get_stats(struct softgpu_stats *stats); /* all but open_files */
int sgd_fail(uint32_t nr, uint64_t k, int err);
int sgd_fail_add(const struct sgd_fail *fail); /* -ENOSPC: too many are pending */
/* JSON into a descriptor. */
void sgd_write_stats(int fd);

#endif

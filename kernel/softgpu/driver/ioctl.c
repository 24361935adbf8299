/* SPDX-License-Identifier: MIT */
/*
 * The dispatch of ioctls on /dev/kfd: one table indexed by number, the imitated kernel's errno for
 * what it does not have, copies of the argument, counters, injected failures, the trace.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <hip_scatter/kfd_batch.h>

#include "ipc.h"
#include "process.h"
#include "stats.h"

enum { /* numbers that linux-libc-dev of Debian 12 does not have yet */
       NR_EXPORT_DMABUF = 0x24,
       NR_RUNTIME_ENABLE = 0x25,
       NR_DBG_TRAP = 0x26,
       NR_CREATE_PROCESS = 0x27,
       NR_BATCH_OR_PROFILER = 0x28,
};

#define ON(kernel) (1u << (kernel))
#define EVERY (ON(SGD_KERNEL_BATCH) | NEWER | ON(SGD_KERNEL_STOCK) | ON(SGD_KERNEL_STOCK_OLD))
#define NEWER (ON(SGD_KERNEL_BATCH_FLAG) | ON(SGD_KERNEL_PROFILER))

struct entry {
    uint16_t size; /* of the kernel's argument structure */
    bool in, out;
    uint8_t kernels;      /* bit per enum sgd_kernel that has it */
    sgd_handler *handler; /* NULL: exists there, but softgpu does not implement it */
};

/*
 * The profiler's argument begins with an op: 0 counts (and locks the counters), 1 samples the PC, 2
 * asks for the version. Only the last is free of side effects (facts: 0x28 is ambiguous).
 */
static int ioc_profiler(struct sgd_process *p, void *data)
{
    (void)p;
    uint32_t op = *(const uint32_t *)data;
    if (op <= 1)
        atomic_fetch_add(&sgd_counters.profiler_side_effects, 1);
    if (op == 1 || op == 2)
        sg_unimplemented("KFD profiler operation %u", op);
    return op == 0 ? 0 : -EINVAL;
}

static int ioc_batch_or_profiler(struct sgd_process *p, void *data)
{
    return sgd_config()->kernel == SGD_KERNEL_PROFILER ? ioc_profiler(p, data)
                                                       : sgd_ioc_alloc_batch(p, data);
}

/* What the deprecated debugger entries of 6.1 answer (kfd_chardev.c, kfd_ioctl_dbg_register and so
 * on). */
static int ioc_deprecated(struct sgd_process *p, void *data)
{
    (void)p;
    (void)data;
    return -EPERM;
}

/* kfd_chardev.c with CONFIG_HSA_AMD_SVM off, as Debian builds it. */
static int ioc_svm(struct sgd_process *p, void *data)
{
    (void)p;
    (void)data;
    return -EPERM;
}

#define E(nr, type, i, o, k, h) [_IOC_NR(AMDKFD_IOC_##nr)] = {sizeof(struct type), i, o, k, h}

static const struct entry table[256] = {
    E(GET_VERSION, kfd_ioctl_get_version_args, 0, 1, EVERY, sgd_ioc_get_version),
    E(CREATE_QUEUE, kfd_ioctl_create_queue_args, 1, 1, EVERY, sgd_ioc_create_queue),
    E(DESTROY_QUEUE, kfd_ioctl_destroy_queue_args, 1, 1, EVERY, sgd_ioc_destroy_queue),
    E(SET_MEMORY_POLICY, kfd_ioctl_set_memory_policy_args, 1, 0, EVERY, sgd_ioc_set_memory_policy),
    E(GET_CLOCK_COUNTERS, kfd_ioctl_get_clock_counters_args, 1, 1, EVERY,
      sgd_ioc_get_clock_counters),
    E(GET_PROCESS_APERTURES, kfd_ioctl_get_process_apertures_args, 0, 1, EVERY,
      sgd_ioc_get_process_apertures),
    E(UPDATE_QUEUE, kfd_ioctl_update_queue_args, 1, 0, EVERY, sgd_ioc_update_queue),
    E(CREATE_EVENT, kfd_ioctl_create_event_args, 1, 1, EVERY, sgd_ioc_create_event),
    E(DESTROY_EVENT, kfd_ioctl_destroy_event_args, 1, 0, EVERY, sgd_ioc_destroy_event),
    E(SET_EVENT, kfd_ioctl_set_event_args, 1, 0, EVERY, sgd_ioc_set_event),
    E(RESET_EVENT, kfd_ioctl_reset_event_args, 1, 0, EVERY, sgd_ioc_reset_event),
    E(WAIT_EVENTS, kfd_ioctl_wait_events_args, 1, 1, EVERY, sgd_ioc_wait_events),
    E(DBG_REGISTER_DEPRECATED, kfd_ioctl_dbg_register_args, 1, 0, EVERY, ioc_deprecated),
    E(DBG_UNREGISTER_DEPRECATED, kfd_ioctl_dbg_unregister_args, 1, 0, EVERY, ioc_deprecated),
    E(DBG_ADDRESS_WATCH_DEPRECATED, kfd_ioctl_dbg_address_watch_args, 1, 0, EVERY, ioc_deprecated),
    E(DBG_WAVE_CONTROL_DEPRECATED, kfd_ioctl_dbg_wave_control_args, 1, 0, EVERY, ioc_deprecated),
    E(SET_SCRATCH_BACKING_VA, kfd_ioctl_set_scratch_backing_va_args, 1, 1, EVERY,
      sgd_ioc_set_scratch_backing_va),
    E(GET_TILE_CONFIG, kfd_ioctl_get_tile_config_args, 1, 1, EVERY, sgd_ioc_get_tile_config),
    E(SET_TRAP_HANDLER, kfd_ioctl_set_trap_handler_args, 1, 0, EVERY, sgd_ioc_set_trap_handler),
    E(GET_PROCESS_APERTURES_NEW, kfd_ioctl_get_process_apertures_new_args, 1, 1, EVERY,
      sgd_ioc_get_process_apertures_new),
    E(ACQUIRE_VM, kfd_ioctl_acquire_vm_args, 1, 0, EVERY, sgd_ioc_acquire_vm),
    E(ALLOC_MEMORY_OF_GPU, kfd_ioctl_alloc_memory_of_gpu_args, 1, 1, EVERY, sgd_ioc_alloc_memory),
    E(FREE_MEMORY_OF_GPU, kfd_ioctl_free_memory_of_gpu_args, 1, 0, EVERY, sgd_ioc_free_memory),
    E(MAP_MEMORY_TO_GPU, kfd_ioctl_map_memory_to_gpu_args, 1, 1, EVERY, sgd_ioc_map_memory),
    E(UNMAP_MEMORY_FROM_GPU, kfd_ioctl_unmap_memory_from_gpu_args, 1, 1, EVERY,
      sgd_ioc_unmap_memory),
    E(SET_CU_MASK, kfd_ioctl_set_cu_mask_args, 1, 0, EVERY, sgd_ioc_set_cu_mask),
    E(GET_QUEUE_WAVE_STATE, kfd_ioctl_get_queue_wave_state_args, 1, 1, EVERY,
      sgd_ioc_get_queue_wave_state),
    E(GET_DMABUF_INFO, kfd_ioctl_get_dmabuf_info_args, 1, 1, EVERY, sgd_ioc_get_dmabuf_info),
    E(IMPORT_DMABUF, kfd_ioctl_import_dmabuf_args, 1, 1, EVERY, sgd_ioc_import_dmabuf),
    E(ALLOC_QUEUE_GWS, kfd_ioctl_alloc_queue_gws_args, 1, 1, EVERY, sgd_ioc_alloc_queue_gws),
    E(SMI_EVENTS, kfd_ioctl_smi_events_args, 1, 1, EVERY, sgd_ioc_smi_events),
    E(SVM, kfd_ioctl_svm_args, 1, 1, EVERY, ioc_svm),
    E(SET_XNACK_MODE, kfd_ioctl_set_xnack_mode_args, 1, 1, EVERY, sgd_ioc_set_xnack_mode),
    E(CRIU_OP, kfd_ioctl_criu_args, 1, 1, EVERY, NULL),
    E(AVAILABLE_MEMORY, kfd_ioctl_get_available_memory_args, 1, 1, EVERY, sgd_ioc_available_memory),
    [NR_EXPORT_DMABUF] = {16, 1, 1, NEWER, sgd_ioc_export_dmabuf},
    [NR_RUNTIME_ENABLE] = {16, 1, 1, NEWER, sgd_ioc_runtime_enable},
    [NR_DBG_TRAP] = {32, 1, 1, NEWER, NULL},
    [NR_CREATE_PROCESS] = {8, 1, 1, NEWER, NULL},
    [NR_BATCH_OR_PROFILER] = {sizeof(struct kfd_ioctl_alloc_memory_of_gpu_batch_args), 1, 1,
                              ON(SGD_KERNEL_BATCH) | ON(SGD_KERNEL_PROFILER),
                              ioc_batch_or_profiler},
    [SGD_NR_IPC_IMPORT_HANDLE] = {sizeof(struct sgd_ipc_import_args), 1, 1, EVERY,
                                  sgd_ioc_ipc_import},
    [SGD_NR_IPC_EXPORT_HANDLE] = {sizeof(struct sgd_ipc_export_args), 1, 1, EVERY,
                                  sgd_ioc_ipc_export},
};

/* What the imitated kernel says to a number that it does not have (kfd_chardev.c, kfd_ioctl). */
static int unknown_errno(enum sgd_kernel kernel, uint32_t nr)
{
    if (kernel == SGD_KERNEL_STOCK_OLD)
        return -EINVAL;
    /* A sparse table ends after its last entry; the numbers in the gap have no function. */
    return kernel == SGD_KERNEL_BATCH && nr > 0 && nr < NR_BATCH_OR_PROFILER ? -EINVAL : -ENOTTY;
}

/* ---- injected failures
 * ------------------------------------------------------------------------------ */

static pthread_mutex_t fail_lock = PTHREAD_MUTEX_INITIALIZER;
static struct sgd_fail fails[SGD_MAX_FAILS];
static atomic_uint fails_pending;

int sgd_fail_add(const struct sgd_fail *fail)
{
    int ret = -ENOSPC;
    pthread_mutex_lock(&fail_lock);
    for (int i = 0; i < SGD_MAX_FAILS && ret; i++)
        if (!fails[i].remaining) {
            fails[i] = *fail;
            atomic_fetch_add(&fails_pending, 1);
            ret = 0;
        }
    pthread_mutex_unlock(&fail_lock);
    return ret;
}

int sgd_fail(uint32_t nr, uint64_t k, int err)
{
    if (nr > 255 || err <= 0 || err > 4095)
        return -EINVAL;
    if (k)
        return sgd_fail_add(&(struct sgd_fail){.nr = nr, .remaining = k, .err = err});
    pthread_mutex_lock(&fail_lock);
    for (int i = 0; i < SGD_MAX_FAILS; i++)
        if (fails[i].remaining && fails[i].nr == nr) {
            fails[i].remaining = 0;
            atomic_fetch_sub(&fails_pending, 1);
        }
    pthread_mutex_unlock(&fail_lock);
    return 0;
}

static int injected(uint32_t nr)
{
    if (!atomic_load_explicit(&fails_pending, memory_order_relaxed))
        return 0;
    int err = 0;
    uint32_t delay_ms = 0;
    pthread_mutex_lock(&fail_lock);
    for (int i = 0; i < SGD_MAX_FAILS; i++)
        if (fails[i].remaining && fails[i].nr == nr && --fails[i].remaining == 0) {
            atomic_fetch_sub(&fails_pending, 1);
            err = fails[i].err ? -fails[i].err : err;
            delay_ms += fails[i].delay_ms;
        }
    pthread_mutex_unlock(&fail_lock);
    const struct timespec delay = {.tv_sec = delay_ms / 1000,
                                   .tv_nsec = (long)(delay_ms % 1000) * 1000000};
    if (delay_ms)
        nanosleep(&delay, NULL);
    return err;
}

/* ---- dispatch
 * ----------------------------------------------------------------------------------------- */

static long dispatch(const struct sgd_file *file, unsigned int cmd, void *arg)
{
    enum sgd_kernel kernel = sgd_config()->kernel;
    uint32_t nr = _IOC_NR(cmd);
    const struct entry *entry = &table[nr];
    bool out_of_tree = nr >= SGD_NR_IPC_IMPORT_HANDLE;
    if (!(entry->kernels & ON(kernel)) || (out_of_tree && !sgd_config()->ipc))
        return unknown_errno(kernel, nr);
    struct sgd_process *p = sgd_process();
    if (!p || file->process != p->generation)
        return -EBADF; /* the descriptor belongs to the parent of a fork */
    int err = injected(nr);
    if (err)
        return err;
    if (!entry->handler)
        sg_unimplemented("KFD ioctl %s (0x%02x)", sgd_ioctl_name(nr), nr);

    /* Type and size in the number are ignored: the caller's size is copied, zero-extended to ours.
     */
    uint32_t usize = _IOC_SIZE(cmd), size = usize > entry->size ? usize : entry->size;
    _Alignas(8) char small[512];
    char *data = small;
    if (size > sizeof(small) && !(data = malloc(size)))
        return -ENOMEM;
    memset(data, 0, size);
    if (entry->in)
        err = sgd_copy_in(data, arg, usize);
    if (!err) {
        err = entry->handler(p, data);
        if (entry->out && sgd_copy_out(arg, data, usize))
            err = -EFAULT;
    }
    if (data != small)
        free(data);
    return err;
}

long sgd_kfd_ioctl(const struct sgd_file *file, unsigned int cmd, void *arg)
{
    uint32_t nr = _IOC_NR(cmd);
    atomic_fetch_add_explicit(&sgd_counters.ioctls[nr], 1, memory_order_relaxed);
    long ret = dispatch(file, cmd, arg);
    if (sg_log_mask & SG_LOG_IOCTL) {
        const char *name = sgd_ioctl_name(nr);
        sg_log(SG_LOG_IOCTL, "kfd 0x%02x %s = %ld%s%s", nr, name ? name : "?", ret, ret ? " " : "",
               ret ? strerror((int)-ret) : "");
    }
    return ret;
}

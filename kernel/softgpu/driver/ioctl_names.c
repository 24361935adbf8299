/* SPDX-License-Identifier: MIT */
/* Names of the KFD ioctls, for messages and options. Apart from the table so that the launcher can
 * link it. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "driver.h"

static const char *const names[256] = {
    [0x01] = "GET_VERSION",
    [0x02] = "CREATE_QUEUE",
    [0x03] = "DESTROY_QUEUE",
    [0x04] = "SET_MEMORY_POLICY",
    [0x05] = "GET_CLOCK_COUNTERS",
    [0x06] = "GET_PROCESS_APERTURES",
    [0x07] = "UPDATE_QUEUE",
    [0x08] = "CREATE_EVENT",
    [0x09] = "DESTROY_EVENT",
    [0x0a] = "SET_EVENT",
    [0x0b] = "RESET_EVENT",
    [0x0c] = "WAIT_EVENTS",
    [0x0d] = "DBG_REGISTER_DEPRECATED",
    [0x0e] = "DBG_UNREGISTER_DEPRECATED",
    [0x0f] = "DBG_ADDRESS_WATCH_DEPRECATED",
    [0x10] = "DBG_WAVE_CONTROL_DEPRECATED",
    [0x11] = "SET_SCRATCH_BACKING_VA",
    [0x12] = "GET_TILE_CONFIG",
    [0x13] = "SET_TRAP_HANDLER",
    [0x14] = "GET_PROCESS_APERTURES_NEW",
    [0x15] = "ACQUIRE_VM",
    [0x16] = "ALLOC_MEMORY_OF_GPU",
    [0x17] = "FREE_MEMORY_OF_GPU",
    [0x18] = "MAP_MEMORY_TO_GPU",
    [0x19] = "UNMAP_MEMORY_FROM_GPU",
    [0x1a] = "SET_CU_MASK",
    [0x1b] = "GET_QUEUE_WAVE_STATE",
    [0x1c] = "GET_DMABUF_INFO",
    [0x1d] = "IMPORT_DMABUF",
    [0x1e] = "ALLOC_QUEUE_GWS",
    [0x1f] = "SMI_EVENTS",
    [0x20] = "SVM",
    [0x21] = "SET_XNACK_MODE",
    [0x22] = "CRIU_OP",
    [0x23] = "AVAILABLE_MEMORY",
    [0x24] = "EXPORT_DMABUF",
    [0x25] = "RUNTIME_ENABLE",
    [0x26] = "DBG_TRAP",
    [0x27] = "CREATE_PROCESS",
    [0x28] = "ALLOC_MEMORY_OF_GPU_BATCH", /* or PROFILER, depending on the kernel */
    [0x80] = "IPC_IMPORT_HANDLE",         /* from here on: out-of-tree kernels only */
    [0x81] = "IPC_EXPORT_HANDLE",
    [0x82] = "DBG_TRAP_OLD",
    [0x83] = "CROSS_MEMORY_COPY",
    [0x84] = "RLC_SPM",
};

const char *sgd_ioctl_name(uint32_t nr)
{
    return nr < 256 ? names[nr] : NULL;
}

int sgd_ioctl_number(const char *name)
{
    char *end;
    unsigned long value = strtoul(name, &end, 0);
    if (*name >= '0' && *name <= '9' && !*end)
        return value < 256 ? (int)value : -1;
    if (!strncasecmp(name, "AMDKFD_IOC_", 11))
        name += 11;
    for (int nr = 0; nr < 256; nr++)
        if (names[nr] && !strcasecmp(name, names[nr]))
            return nr;
    return -1;
}

/* SPDX-License-Identifier: MIT */
/* The IPC ioctls of AMD's out-of-tree driver (--ipc): numbers, arguments, and what memory.c calls.
 */
#ifndef SGD_IPC_H
#define SGD_IPC_H

#include <stdint.h>

enum { SGD_NR_IPC_IMPORT_HANDLE = 0x80, SGD_NR_IPC_EXPORT_HANDLE = 0x81 };

/* The layouts are libhsakmt's (its own copy of linux/kfd_ioctl.h); Linux has never had them. */
struct sgd_ipc_import_args {
    uint64_t handle; /* out */
    uint64_t va_addr;
    uint64_t mmap_offset; /* out */
    uint32_t share_handle[4];
    uint32_t gpu_id;
    uint32_t flags; /* out: what the exporter passed */
};

struct sgd_ipc_export_args {
    uint64_t handle;
    uint32_t share_handle[4]; /* out */
    uint32_t gpu_id;
    uint32_t flags; /* the exporter's HsaMemFlags, for the importer */
};

#endif

/* SPDX-License-Identifier: MIT */
/*
 * hip-scatter for programs that use ROCr without HIP: many non-contiguous ranges of host memory as
 * one contiguous GPU virtual address range, in place. The same library and the same windows as
 * hip_scatter.h; a window is named by the address that agents see. Link with -lhip_scatter; HIP
 * need not be loaded or installed.
 *
 * All calls are thread safe. Every call returns HSA_STATUS_SUCCESS or one of these; then
 * hsa_scatter_last_error_message() says in the calling thread what failed:
 * - HSA_STATUS_ERROR_INVALID_ARGUMENT: a null pointer, bad ranges or flags, a span that leaves its
 *   window, memory that is not mapped, not writable or not host memory
 * - HSA_STATUS_ERROR_INVALID_ALLOCATION: the address is in no window, or the memory cannot be
 *   registered again
 * - HSA_STATUS_ERROR_INVALID_AGENT: not a GPU agent, or the same one twice
 * - HSA_STATUS_ERROR_OUT_OF_RESOURCES: memory, address space, mappings, the kernel's limit
 * - HSA_STATUS_ERROR_NOT_INITIALIZED: no GPU, ROCr does not start, or called in a forked child
 * - HSA_STATUS_ERROR: this machine or this kind of window cannot do it, or the device failed
 */
#ifndef HIP_SCATTER_HSA_SCATTER_H
#define HIP_SCATTER_HSA_SCATTER_H

#include <stddef.h>
#include <stdint.h>

#include <hsa/hsa.h>

#if defined(__GNUC__)
#define HSA_SCATTER_API __attribute__((visibility("default")))
#else
#define HSA_SCATTER_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** One range of host memory. Has the layout of struct iovec. */
typedef struct hsa_scatter_range_s {
    void *base;  /**< first byte */
    size_t size; /**< bytes, not 0 */
} hsa_scatter_range_t;

/**
 * @name Registration flags
 * @{
 */
#define HSA_SCATTER_DEFAULT 0x0u
#define HSA_SCATTER_READ_ONLY 0x8u              /**< agents may only read; never alias */
#define HSA_SCATTER_ALLOW_ALIASING 0x10000u     /**< ranges may overlap */
#define HSA_SCATTER_COARSE_GRAINED 0x20000u     /**< agents may cache until a kernel ends */
#define HSA_SCATTER_POINTER_KNOWN 0x40000u      /**< ROCr must know the pointer: forces alias */
#define HSA_SCATTER_BACKING_BATCH 0x100000u     /**< force one buffer by the batch ioctl */
#define HSA_SCATTER_BACKING_PER_RANGE 0x200000u /**< force one buffer per range */
#define HSA_SCATTER_BACKING_ALIAS 0x300000u     /**< force shared mappings duplicated into one */
/** @} */

/** What a window is made of. */
typedef enum hsa_scatter_backing_e {
    HSA_SCATTER_KIND_BATCH = 1,
    HSA_SCATTER_KIND_PER_RANGE = 2,
    HSA_SCATTER_KIND_ALIAS = 3
} hsa_scatter_backing_t;

/**
 * @brief Makes scattered host memory visible to agents as one contiguous range, in place.
 * @param[in] ranges  copied; page multiples, except that the first may start and the last may end
 * inside a page. The memory must be mapped, writable and owned by the caller until it is
 * deregistered.
 * @param[in] count  entries in @p ranges, 1 .. 2^28
 * @param[in] agents  GPU agents, each once, the first one owns the buffer; null with @p num_agents
 * 0: all
 * @param[in] flags  HSA_SCATTER_* flags, or-ed
 * @param[out] agent_ptr  what agents see of the first byte of the first range
 * @see hsa_scatter_deregister
 */
HSA_SCATTER_API hsa_status_t hsa_scatter_register(const hsa_scatter_range_t *ranges, size_t count,
                                                  const hsa_agent_t *agents, uint32_t num_agents,
                                                  uint32_t flags, void **agent_ptr);

/**
 * @brief Takes a window away. The caller must have waited for what the agents do in it. The host
 * memory stays.
 * @param[in] agent_ptr  what hsa_scatter_register() gave
 */
HSA_SCATTER_API hsa_status_t hsa_scatter_deregister(void *agent_ptr);

/** @brief What went wrong in the calling thread's last failed call; "" if nothing. Valid until its
 * next call. */
HSA_SCATTER_API const char *hsa_scatter_last_error_message(void);

/** What hsa_scatter_get_info() tells. Set size before the call. */
typedef struct hsa_scatter_info_s {
    size_t size;            /**< in: sizeof(hsa_scatter_info_t); out: bytes that were filled in */
    void *agent_ptr;        /**< first byte, as agents see it */
    size_t bytes;           /**< sum of all ranges */
    size_t range_count;     /**< as given */
    size_t coalesced_count; /**< after neighbours in list order were joined */
    hsa_scatter_backing_t kind; /**< backing in use */
    uint32_t num_agents;        /**< with access now */
    const char *kind_name;      /**< "batch", "per-range", "alias" */
    const char *kind_reason;    /**< why this one; valid until the window is deregistered */
    void *host_window;          /**< alias: the CPU sees the window here too; else null */
    uint64_t ioctls;            /**< that registration took */
} hsa_scatter_info_t;

/** @brief Describes the window that an agent address lies in. */
HSA_SCATTER_API hsa_status_t hsa_scatter_get_info(const void *agent_ptr, hsa_scatter_info_t *info);

/** @brief Gives agents access to a window, all or nothing. Those that have it are left alone. */
HSA_SCATTER_API hsa_status_t hsa_scatter_grant(const void *agent_ptr, const hsa_agent_t *agents,
                                               uint32_t num_agents);

/**
 * @brief Takes access away from agents, all or nothing. The caller must have waited for what they
 * do in it. HSA_STATUS_ERROR for an alias window, which every agent sees.
 */
HSA_SCATTER_API hsa_status_t hsa_scatter_revoke(const void *agent_ptr, const hsa_agent_t *agents,
                                                uint32_t num_agents);

/** @brief The agent address of a registered host byte, or of an address at which the CPU sees a
 * window (hsa_scatter_info_t::host_window). HSA_STATUS_ERROR_INVALID_ALLOCATION: neither. */
HSA_SCATTER_API hsa_status_t hsa_scatter_host_to_agent(const void *host_ptr, void **agent_ptr);

/**
 * @brief The host ranges behind a span of a window, in order, laid out like struct iovec.
 * @param[out] ranges  room for @p room entries
 * @param[in] room  0: count only
 * @param[out] count  entries written; with room 0, entries that the span needs
 * @param[out] covered  bytes that they cover: go on at agent_ptr + *covered
 */
HSA_SCATTER_API hsa_status_t hsa_scatter_agent_to_host(const void *agent_ptr, size_t bytes,
                                                       hsa_scatter_range_t *ranges, size_t room,
                                                       size_t *count, size_t *covered);

/**
 * @brief Copies, with a window on at least one side and host or agent memory on the other. Returns
 * when it is done. Not ordered with any queue. HSA_STATUS_ERROR_INVALID_ALLOCATION: no window is
 * concerned.
 */
HSA_SCATTER_API hsa_status_t hsa_scatter_memory_copy(void *dst, const void *src, size_t bytes);

/** @brief Sets every byte of a span of a window. Returns when it is done. */
HSA_SCATTER_API hsa_status_t hsa_scatter_memory_fill(void *dst, uint8_t value, size_t bytes);

/**
 * @brief The same copy once a signal has reached 0, on a thread of ROCr's.
 * @param[in] dependency  waited for until it is 0; a zero handle: nothing
 * @param[in] completion  decremented by 1 when the copy is done, set to -1 if it failed. Must stay
 * valid.
 */
HSA_SCATTER_API hsa_status_t hsa_scatter_memory_async_copy(void *dst, const void *src, size_t bytes,
                                                           hsa_signal_t dependency,
                                                           hsa_signal_t completion);

/** @brief A device-contiguous block of a window; alignment: 0 or a power of two. The host memory
 * behind it: hsa_scatter_agent_to_host(). */
HSA_SCATTER_API hsa_status_t hsa_scatter_block_alloc(void *agent_ptr, size_t bytes,
                                                     size_t alignment, void **block);

/** @brief Gives a block back. */
HSA_SCATTER_API hsa_status_t hsa_scatter_block_free(void *block);

/** How one backing fares on an agent. */
typedef struct hsa_scatter_support_s {
    hsa_scatter_backing_t kind;
    uint32_t works; /**< 1 or 0 */
    char name[16];
    char why[256]; /**< why not, or what it needs */
} hsa_scatter_support_t;

/** What hsa_scatter_agent_capabilities() tells. Set size before the call. */
typedef struct hsa_scatter_capabilities_s {
    size_t size;          /**< in: sizeof(hsa_scatter_capabilities_t); out: bytes filled in */
    char name[64];        /**< of the agent: gfx906 */
    char pci_address[16]; /**< 0000:03:00.0 */
    uint32_t node;        /**< topology */
    uint32_t gpu_id;      /**< what the KFD calls it */
    uint32_t kfd_major;   /**< interface version of the kernel driver */
    uint32_t kfd_minor;   /**< ... */
    hsa_scatter_support_t backings[3]; /**< batch, alias, per-range: the order of the choice */
    uint64_t max_ranges;               /**< in one registration */
    uint64_t max_bytes;                /**< registered at once, by all processes together */
    uint64_t range_alignment;          /**< bytes */
    uint64_t window_alignment;         /**< bytes; modulo this a window lies as its largest range
                                          does (if that holds whole units), else it is a multiple */
    uint64_t lowest_address;           /**< that the agent can use for system memory */
    uint64_t highest_address;          /**< ... */
    uint64_t mappings_free;            /**< room for alias windows, in ranges */
} hsa_scatter_capabilities_t;

/** @brief What this machine can do for an agent, before anything is registered. */
HSA_SCATTER_API hsa_status_t
hsa_scatter_agent_capabilities(hsa_agent_t agent, hsa_scatter_capabilities_t *capabilities);

#ifdef __cplusplus
}
#endif

#endif

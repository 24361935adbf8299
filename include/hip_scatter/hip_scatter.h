/* SPDX-License-Identifier: MIT */
/*
 * hip-scatter: many non-contiguous ranges of host memory as one contiguous GPU virtual address
 * range, in place, without a copy. This is the C interface for HIP programs. Link with
 * -lhip_scatter.
 *
 * The GPU sees whole pages: what lies beside the first and the last byte in their pages is visible
 * too. Never give a window pointer to hipFree() or hipHostUnregister(): HIP does not own it.
 */
#ifndef HIP_SCATTER_HIP_SCATTER_H
#define HIP_SCATTER_HIP_SCATTER_H

#include <stddef.h>
#include <stdint.h>

#include <hip/hip_runtime_api.h>

#if defined(__GNUC__)
#define HIP_SCATTER_API __attribute__((visibility("default")))
#else
#define HIP_SCATTER_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** One range of host memory. Has the layout of struct iovec. */
typedef struct hipScatterRange {
    void *base;  /**< first byte */
    size_t size; /**< bytes, not 0 */
} hipScatterRange;

/**
 * @name Registration flags
 * The low bits have the values and the meaning of hipHostRegister()'s flags; every other bit that
 * is not named here is an error.
 * @{
 */
#define hipScatterRegisterDefault 0x0u  /**< accessible from the current device */
#define hipScatterRegisterPortable 0x1u /**< accessible from every device that HIP shows */
#define hipScatterRegisterMapped 0x2u   /**< accepted; registration always maps */
#define hipScatterRegisterReadOnly                                                                 \
    0x8u /**< kernels may only read: a store is a memory access fault; the host pages must be      \
            writable all the same; not with the alias backing */
#define hipScatterRegisterAllowAliasing                                                            \
    0x00010000u /**< host ranges may overlap: a page at two offsets */
#define hipScatterRegisterCoarseGrained                                                            \
    0x00020000u /**< the GPU may cache; host and kernel see each other's writes at kernel borders; \
                   no effect with the alias backing, which HIP registers fine-grained */
#define hipScatterRegisterHipMemoryCalls                                                           \
    0x00040000u /**< HIP's own memory calls must work on the pointer: forces the alias backing */
#define hipScatterRegisterBackingAuto 0x00000000u     /**< let the library choose */
#define hipScatterRegisterBackingBatch 0x00100000u    /**< force: one buffer by the batch ioctl */
#define hipScatterRegisterBackingPerRange 0x00200000u /**< force: one buffer per range */
#define hipScatterRegisterBackingAlias                                                             \
    0x00300000u /**< force: shared mappings duplicated into one */
#define hipScatterRegisterBackingMask 0x00f00000u
/** @} */

/** What a window is made of. */
typedef enum hipScatterBacking {
    hipScatterBackingKindBatch = 1,    /**< one buffer; two system calls whatever the count */
    hipScatterBackingKindPerRange = 2, /**< one buffer per range; works on every ROCm kernel */
    hipScatterBackingKindAlias = 3     /**< shared mappings duplicated with mremap() */
} hipScatterBacking;

/**
 * @brief Makes scattered host memory visible to the current device as one contiguous range, in
 * place.
 *
 * Entry i of @p ranges lies directly after entry i - 1 in the device's address range. Either
 * everything succeeds or the process is as before the call.
 *
 * @param[out] devPtr  the device address of the first byte of the first range
 * @param[in] ranges  the host memory; the array is copied. Base and size of every range must be
 * multiples of the page size, except that the first range may start, and the last may end, inside a
 * page. The memory must be mapped, writable and owned by the caller until it is unregistered.
 * @param[in] count  entries in @p ranges, 1 .. 2^28
 * @param[in] flags  hipScatterRegister* flags, or-ed
 *
 * @returns #hipSuccess;
 *     #hipErrorInvalidValue: a null pointer, no range, an empty or misaligned range, a sum of sizes
 * that overflows, ranges that overlap, unknown flags, memory that is not mapped, not writable or
 * not host memory; #hipErrorOutOfMemory: host memory, address space or the kernel's limit on
 * registered memory; #hipErrorHostMemoryAlreadyRegistered: the kernel has the pages in a shared
 * virtual memory range; #hipErrorNotSupported: a forced backing that this machine does not have;
 *     #hipErrorNoDevice, #hipErrorNotInitialized: no usable GPU, or called in a forked child;
 *     #hipErrorOperatingSystem: the kernel driver or HIP gave an error of another kind.
 *     hipScatterGetLastErrorMessage() then names the step and the index of the range to blame.
 *
 * Thread safe. The same memory may be registered any number of times; each time makes a new window.
 * The environment variable HIP_SCATTER_BACKING (auto, batch, per-range, alias) forces a backing
 * where the flags do not.
 * @see hipHostUnregisterScatter, hipScatterPoolCreate
 */
HIP_SCATTER_API hipError_t hipHostRegisterScatter(void **devPtr, const hipScatterRange *ranges,
                                                  size_t count, unsigned int flags);

/**
 * @brief Takes a window away from its devices. The host memory stays as it is.
 *
 * Waits until the work that was given to the window's devices has ended, as hipDeviceSynchronize()
 * does. (HIP 5.2.3's may return early where threads share a stream: docs/library.md, Process life.)
 *
 * @param[in] devPtr  what hipHostRegisterScatter() gave
 * @returns #hipSuccess;
 *     #hipErrorInvalidValue: a null pointer;
 *     #hipErrorHostMemoryNotRegistered: not, or no longer, the start of a window (interior pointers
 *     included);
 *     #hipErrorNotInitialized: called in a forked child;
 *     #hipErrorOperatingSystem, #hipErrorOutOfMemory, #hipErrorInvalidValue with the text of what
 *     HIP or the kernel driver refused. The window is then as before, and the call can be repeated.
 *
 * Thread safe; of two threads that unregister the same window one gets the error.
 * @see hipHostRegisterScatter
 */
HIP_SCATTER_API hipError_t hipHostUnregisterScatter(void *devPtr);

/**
 * @brief What went wrong in the calling thread's last failed call of this library. Ask directly
 * after the failure: a later call may leave another text, also when it succeeds on its second way.
 * @returns a text that names the step and, where one range is to blame, its index; "" if nothing
 * has failed yet. The text is the library's and is valid until the thread's next call.
 */
HIP_SCATTER_API const char *hipScatterGetLastErrorMessage(void);

/**
 * @name Pools
 * The explicit form of a registration. hipHostRegisterScatter() makes a pool too:
 * hipScatterPoolFromPointer() finds it.
 * @{
 */
typedef struct hipScatterPool_st *hipScatterPool_t;

/** What hipScatterPoolCreate() makes a pool from. Clear the struct, then set structSize. */
typedef struct hipScatterPoolProps {
    size_t structSize;             /**< sizeof(hipScatterPoolProps) */
    const hipScatterRange *ranges; /**< as for hipHostRegisterScatter() */
    size_t count;                  /**< entries in ranges */
    unsigned int flags;            /**< as for hipHostRegisterScatter() */
    int deviceCount;    /**< entries in devices; 0: the current device, or all with the flag
                           Portable, which a list overrides */
    const int *devices; /**< HIP ordinals, each once; the first one owns the buffer */
} hipScatterPoolProps;

/** What hipScatterPoolGetInfo() tells. Set structSize before the call. */
typedef struct hipScatterPoolInfo {
    size_t structSize;     /**< in: sizeof(hipScatterPoolInfo); out: bytes that were filled in */
    void *devPtr;          /**< device address of the first byte */
    size_t size;           /**< bytes, the sum of all ranges */
    size_t rangeCount;     /**< ranges as given */
    size_t coalescedCount; /**< ranges after neighbours in list order were joined */
    unsigned int flags;    /**< as given */
    hipScatterBacking backing; /**< in use */
    const char *backingName;   /**< "batch", "per-range", "alias" */
    const char
        *backingReason; /**< why this one and not another; valid until the pool is destroyed */
    int deviceCount;    /**< devices that have access now */
    uint64_t ioctls;    /**< ioctls that creation took */
    uint64_t ioctlNs;   /**< nanoseconds spent in them */
    uint64_t createNs;  /**< nanoseconds of the whole creation */
    void *hostWindow;   /**< alias backing: the CPU sees the first byte here too, and the others
                           after it; else null. The library's: not to be given to
                           hipHostUnregister() or munmap() */
} hipScatterPoolInfo;

/**
 * @brief Makes a pool: a window over @p props->ranges for a list of devices.
 * @param[out] pool  the new pool; the caller destroys it with hipScatterPoolDestroy()
 * @param[in] props  copied
 * @returns as hipHostRegisterScatter(), and #hipErrorInvalidDevice for an unknown or repeated
 * ordinal
 */
HIP_SCATTER_API hipError_t hipScatterPoolCreate(hipScatterPool_t *pool,
                                                const hipScatterPoolProps *props);

/**
 * @brief Destroys a pool and its window. Waits for the work of its devices first.
 * @returns #hipSuccess; #hipErrorInvalidValue: null; #hipErrorHostMemoryNotRegistered: no such
 * pool; and what hipHostUnregisterScatter() returns when HIP or the driver refuses: the pool is
 * then as before
 */
HIP_SCATTER_API hipError_t hipScatterPoolDestroy(hipScatterPool_t pool);

/**
 * @brief Describes a pool.
 * @param[in,out] info  structSize must be set; only that many bytes are written
 * @returns #hipSuccess; #hipErrorInvalidValue: null, or a structSize that is too small;
 *     #hipErrorHostMemoryNotRegistered: no such pool
 */
HIP_SCATTER_API hipError_t hipScatterPoolGetInfo(hipScatterPool_t pool, hipScatterPoolInfo *info);

/**
 * @brief Lists the HIP ordinals of the devices that have access to a pool, the owner first; -1
 * stands for one that HIP does not show (pools of hsa_scatter.h may have such).
 * @param[out] devices  room for *count ordinals; may be null to ask for the count
 * @param[in,out] count  in: room; out: devices of the pool
 * @returns #hipSuccess; #hipErrorInvalidValue: null, or too little room (as many as fit are
 * written)
 */
HIP_SCATTER_API hipError_t hipScatterPoolGetDevices(hipScatterPool_t pool, int *devices,
                                                    int *count);

/**
 * @brief Gives devices access to a pool. Those that have it already are left alone.
 * @param[in] devices  HIP ordinals
 * @param[in] count  entries in @p devices
 * @returns #hipSuccess; #hipErrorInvalidDevice: an unknown ordinal; #hipErrorInvalidValue: null;
 *     #hipErrorHostMemoryNotRegistered: no such pool; #hipErrorOutOfMemory,
 *     #hipErrorOperatingSystem: the driver refused. All or nothing.
 */
HIP_SCATTER_API hipError_t hipScatterPoolGrantAccess(hipScatterPool_t pool, const int *devices,
                                                     int count);

/**
 * @brief Takes access to a pool away from devices, the owner too if it is named. Waits for the work
 * of the pool's devices first. Those that have no access are left alone. A later access from such a
 * device faults.
 * @returns as hipScatterPoolGrantAccess(), and #hipErrorNotSupported for the alias backing, whose
 * windows are visible to every device
 */
HIP_SCATTER_API hipError_t hipScatterPoolRevokeAccess(hipScatterPool_t pool, const int *devices,
                                                      int count);

/**
 * @brief Finds the pool that a device pointer lies in.
 * @param[in] devPtr  any address inside of a window
 * @returns #hipSuccess; #hipErrorInvalidValue: null; #hipErrorHostMemoryNotRegistered: in no window
 */
HIP_SCATTER_API hipError_t hipScatterPoolFromPointer(hipScatterPool_t *pool, const void *devPtr);
/** @} */

/**
 * @name Blocks of a pool
 * A pool is a memory pool: device-contiguous blocks are taken from it and given back in any order,
 * in constant time. The bookkeeping lies outside of the pool; nothing is written into its memory.
 * Blocks share the window with everything else: the library does not keep a program from using
 * parts of it that it has not allocated.
 * @{
 */

/** How full a pool is. Set structSize before the call. */
typedef struct hipScatterPoolUsage {
    size_t structSize;       /**< in: sizeof(hipScatterPoolUsage); out: bytes that were filled in */
    uint64_t capacity;       /**< bytes that blocks can have: the pool's whole 256-byte units */
    uint64_t requested;      /**< bytes of all live blocks, as asked for */
    uint64_t allocated;      /**< bytes of all live blocks, rounded up to 256 */
    uint64_t peak;           /**< the most that allocated has been */
    uint64_t free;           /**< capacity - allocated */
    uint64_t largestFree;    /**< a request of so many bytes succeeds, at the default alignment */
    uint64_t blockCount;     /**< live blocks */
    uint64_t freeBlockCount; /**< free pieces between them */
    double fragmentation;    /**< external: 1 - largestFree / free; 0 if nothing is free */
} hipScatterPoolUsage;

/**
 * @brief Takes a device-contiguous block from a pool.
 * @param[in] pool  the pool
 * @param[out] devPtr  device address of the block, valid until it is freed or the pool is destroyed
 * @param[in] size  bytes, not 0; rounded up to 256 inside
 * @param[in] alignment  of the device address, in bytes: a power of two, or 0 for 256 (what
 * hipMalloc() gives). Less than 256 gives 256.
 * @returns #hipSuccess;
 *     #hipErrorInvalidValue: a null pointer, size 0, an alignment that is not a power of two;
 *     #hipErrorOutOfMemory: no free piece can hold the block (the message gives the figures), or no
 * host memory for the bookkeeping; #hipErrorHostMemoryNotRegistered: no such pool
 *
 * Thread safe. The memory is not cleared.
 * @see hipScatterPoolFree, hipScatterPoolGetBlockRanges
 */
HIP_SCATTER_API hipError_t hipScatterPoolMalloc(hipScatterPool_t pool, void **devPtr, size_t size,
                                                size_t alignment);

/**
 * @brief Gives a block back to its pool.
 *
 * At once, and without waiting for the device: the caller sees to it that no kernel or copy still
 * uses the block, as with any allocator on the host.
 *
 * @param[in] pool  the pool that the block was taken from
 * @param[in] devPtr  what hipScatterPoolMalloc() gave; null does nothing
 * @returns #hipSuccess;
 *     #hipErrorInvalidValue: not the start of a live block of this pool: freed already, inside of a
 * block, or foreign (the message says which); #hipErrorHostMemoryNotRegistered: no such pool
 *
 * Thread safe.
 */
HIP_SCATTER_API hipError_t hipScatterPoolFree(hipScatterPool_t pool, void *devPtr);

/**
 * @brief Tells the size of a block as it was asked for.
 * @param[in] pool  the pool
 * @param[in] devPtr  the start of a live block
 * @param[out] size  bytes
 * @returns as hipScatterPoolFree(); #hipErrorInvalidValue also for a null pointer. Thread safe.
 */
HIP_SCATTER_API hipError_t hipScatterPoolGetBlockSize(hipScatterPool_t pool, const void *devPtr,
                                                      size_t *size);

/**
 * @brief Lists the host memory behind a block, in the order in which the device sees it.
 *
 * The entries have the layout of struct iovec: preadv(), io_uring or a socket can fill what a
 * kernel will read.
 *
 * @param[in] pool  the pool
 * @param[in] devPtr  the start of a live block
 * @param[out] ranges  room for *count entries; may be null to ask for the count
 * @param[in,out] count  in: room; out: entries that the block has
 * @returns as hipScatterPoolFree(); #hipErrorInvalidValue also for a null pointer, and for too
 * little room (as many as fit are written). Thread safe.
 */
HIP_SCATTER_API hipError_t hipScatterPoolGetBlockRanges(hipScatterPool_t pool, const void *devPtr,
                                                        hipScatterRange *ranges, size_t *count);

/**
 * @brief Tells how full and how fragmented a pool is.
 * @param[in] pool  the pool
 * @param[in,out] usage  structSize must be set; only that many bytes are written
 * @returns #hipSuccess; #hipErrorInvalidValue: null, or a structSize that is too small;
 *     #hipErrorOutOfMemory: no host memory for the bookkeeping, which the first call makes;
 *     #hipErrorHostMemoryNotRegistered: no such pool. Thread safe.
 */
HIP_SCATTER_API hipError_t hipScatterPoolGetUsage(hipScatterPool_t pool,
                                                  hipScatterPoolUsage *usage);
/** @} */

/**
 * @name Translation
 * Any number of threads at once, without a lock. Interior pointers always work. The first
 * translation in a pool builds its index (about 20 ns and at most 8 bytes per range).
 * @{
 */

/**
 * @brief The device address of a host byte that is registered in some window.
 *
 * What hipHostGetDevicePointer() is for hipHostRegister(). If several windows contain the byte, it
 * is the one whose lowest host address is highest; use hipScatterPoolGetDevicePointer() to choose.
 * Where the CPU sees a window too (hipScatterPoolInfo::hostWindow), its addresses there are host
 * bytes like any.
 *
 * @param[out] devPtr  the device address
 * @param[in] hostPtr  any byte of a registered range
 * @param[in] flags  must be 0
 * @returns #hipSuccess; #hipErrorInvalidValue: null, not registered, or flags that are not 0;
 *     #hipErrorOutOfMemory: no memory for the index
 */
HIP_SCATTER_API hipError_t hipScatterGetDevicePointer(void **devPtr, const void *hostPtr,
                                                      unsigned int flags);

/**
 * @brief The device address of a host byte in one pool. With aliasing, the lowest one.
 * @returns #hipSuccess; #hipErrorInvalidValue: null, or the pool does not contain the byte;
 *     #hipErrorHostMemoryNotRegistered: no such pool; #hipErrorOutOfMemory: no memory for the index
 */
HIP_SCATTER_API hipError_t hipScatterPoolGetDevicePointer(hipScatterPool_t pool, void **devPtr,
                                                          const void *hostPtr);

/**
 * @brief The host ranges behind a span of a window, in order: what preadv(), io_uring or a socket
 * needs to fill the bytes that a kernel will read.
 *
 * @param[in] devPtr  any address in a window
 * @param[in] size  bytes; the span must not leave the window
 * @param[out] ranges  room for @p room entries, laid out like struct iovec; null only if @p room is
 * 0
 * @param[in] room  0: count only
 * @param[out] count  entries written; with room 0, entries that the span needs
 * @param[out] covered  bytes that those entries cover: less than @p size if there was too little
 * room, then go on at devPtr + *covered. May be null: then too little room is an error.
 * @returns #hipSuccess; #hipErrorInvalidValue: null, a span that leaves its window, or too little
 * room without
 *     @p covered; #hipErrorHostMemoryNotRegistered: devPtr is in no window
 */
HIP_SCATTER_API hipError_t hipScatterGetHostRanges(const void *devPtr, size_t size,
                                                   hipScatterRange *ranges, size_t room,
                                                   size_t *count, size_t *covered);

/** What hipScatterPointerGetAttributes() tells. Set structSize before the call. */
typedef struct hipScatterPointerAttributes {
    size_t structSize;         /**< in: sizeof(hipScatterPointerAttributes); out: bytes filled in */
    hipScatterPool_t pool;     /**< the pool that the byte belongs to */
    void *devicePointer;       /**< the byte's device address */
    void *hostPointer;         /**< the byte's host address, in the memory that was registered */
    size_t hostContiguous;     /**< bytes from here on that are contiguous in host memory too */
    size_t offset;             /**< of the byte in its window */
    void *windowStart;         /**< device address of the window's first byte */
    size_t windowSize;         /**< bytes */
    int isDevicePointer;       /**< the pointer that was asked about is a device address */
    int device;                /**< HIP ordinal of the owner; -1 if HIP does not show it: hidden by
                                  HIP_VISIBLE_DEVICES, or the window was made by hsa_scatter.h
                                  and there is no HIP */
    unsigned int flags;        /**< of the registration */
    hipScatterBacking backing; /**< of the window */
} hipScatterPointerAttributes;

/**
 * @brief What is known of any address in a window or in a registered host range, or at which the
 * CPU sees a window (hipScatterPoolInfo::hostWindow).
 * @returns #hipSuccess; #hipErrorInvalidValue: null, structSize too small, or an address of neither
 * kind (as hipPointerGetAttributes() answers)
 */
HIP_SCATTER_API hipError_t hipScatterPointerGetAttributes(hipScatterPointerAttributes *attributes,
                                                          const void *ptr);
/** @} */

/**
 * @name Copies and fills
 * HIP's own calls know a window pointer only with the alias backing. These know every window, on
 * either side, at any size and offset, and give everything else to HIP: a program can use them
 * throughout. A window's bytes are host memory: between windows and host memory the CPU copies,
 * between a window and device memory a GPU.
 * @{
 */

/**
 * @brief As hipMemcpy(): copies after the work of the null stream and returns when it is done.
 * @param[in] kind  checked to be one of HIP's; the addresses say what is what
 * @returns #hipSuccess; #hipErrorInvalidValue: null, or a span that leaves its window;
 *     #hipErrorInvalidMemcpyDirection; what hipMemcpy() says where no window is concerned;
 *     #hipErrorOperatingSystem: the device did not do it, or an earlier copy in a stream failed
 */
HIP_SCATTER_API hipError_t hipScatterMemcpy(void *dst, const void *src, size_t sizeBytes,
                                            hipMemcpyKind kind);

/**
 * @brief As hipMemcpyAsync(): copies in stream order. Host memory, pageable or pinned, must stay
 * valid until then.
 * @returns as hipScatterMemcpy(); #hipErrorNotSupported while the stream is being captured
 */
HIP_SCATTER_API hipError_t hipScatterMemcpyAsync(void *dst, const void *src, size_t sizeBytes,
                                                 hipMemcpyKind kind, hipStream_t stream);

/** @brief As hipMemset(), after the work of the null stream. @returns as hipScatterMemcpy() */
HIP_SCATTER_API hipError_t hipScatterMemset(void *dst, int value, size_t sizeBytes);

/** @brief As hipMemsetAsync(), in stream order. @returns as hipScatterMemcpyAsync() */
HIP_SCATTER_API hipError_t hipScatterMemsetAsync(void *dst, int value, size_t sizeBytes,
                                                 hipStream_t stream);
/** @} */

/**
 * @name Capabilities
 * @{
 */

/** How one backing fares on a device. */
typedef struct hipScatterBackingSupport {
    hipScatterBacking backing;
    int works; /**< 1 or 0 */
    char name[16];
    char why[256]; /**< why not, or what it needs */
} hipScatterBackingSupport;

/** What hipScatterGetDeviceCapabilities() tells. Set structSize before the call. */
typedef struct hipScatterDeviceCapabilities {
    size_t structSize; /**< in: sizeof(hipScatterDeviceCapabilities); out: bytes filled in */
    char name[64];     /**< of the device: gfx906 */
    char pciBusId[16]; /**< 0000:03:00.0 */
    uint32_t node;     /**< topology */
    uint32_t gpuId;    /**< what the KFD calls it */
    uint32_t kfdMajor; /**< interface version of the kernel driver */
    uint32_t kfdMinor; /**< ... */
    hipScatterBackingSupport backings[3]; /**< batch, alias, per-range: the order of the choice */
    uint64_t maxRanges;                   /**< in one registration */
    uint64_t maxBytes;        /**< registered at once, by all processes together; 0: unknown */
    uint64_t rangeAlignment;  /**< bytes */
    uint64_t windowAlignment; /**< bytes; modulo this a window lies as its largest range does (as
                                 far as the range holds whole units of it), else it is a multiple */
    uint64_t lowestAddress;   /**< that the device can use for system memory */
    uint64_t highestAddress;  /**< ... */
    uint64_t mappingsFree;    /**< room for alias windows, in ranges */
} hipScatterDeviceCapabilities;

/**
 * @brief What this machine can do for a device, before anything is registered. Asks the kernel
 * once; a kernel without the feature sees no side effect.
 * @param[in,out] capabilities  structSize must be set; only that many bytes are written
 * @param[in] device  HIP ordinal
 * @returns #hipSuccess; #hipErrorInvalidDevice: no such ordinal; #hipErrorInvalidValue: null, or a
 * structSize that is too small; #hipErrorNoDevice, #hipErrorNotInitialized. Thread safe.
 */
HIP_SCATTER_API hipError_t
hipScatterGetDeviceCapabilities(hipScatterDeviceCapabilities *capabilities, int device);
/** @} */

/** What the library has asked of the kernel since the process started. */
typedef struct hipScatterStats {
    size_t structSize;   /**< in: sizeof(hipScatterStats); out: bytes that were filled in */
    uint64_t ioctls;     /**< all of them */
    uint64_t allocBatch; /**< batch allocations, in either wire format */
    uint64_t alloc;      /**< ordinary allocations */
    uint64_t map;
    uint64_t unmap;
    uint64_t free;
    uint64_t probe;   /**< of all: issued to find out what the kernel can do, once per device */
    uint64_t retries; /**< repeated after EINTR or EAGAIN */
    uint64_t ioctlNs; /**< nanoseconds spent in ioctls */
} hipScatterStats;

/**
 * @brief Reads the process-wide counters.
 * @returns #hipSuccess; #hipErrorInvalidValue: null, or a structSize that is too small
 */
HIP_SCATTER_API hipError_t hipScatterGetStats(hipScatterStats *stats);

#ifdef __cplusplus
}
#endif

#endif

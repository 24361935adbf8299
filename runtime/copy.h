/* SPDX-License-Identifier: MIT */
/*
 * Copies and fills with a window on at least one side. A window's bytes are host memory, so between
 * windows and host memory the CPU copies, fragment by fragment; between a window and GPU memory a
 * GPU does, with hsa_amd_memory_async_copy(). Prepared in one step and run in another, maybe on
 * another thread.
 */
#ifndef HS_COPY_H
#define HS_COPY_H

#include <hsa/hsa.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct hs_pool;
struct hs_device;

enum hs_place {
    HS_PLACE_WINDOW,
    HS_PLACE_HOST,
    HS_PLACE_GPU,
};

struct hs_side {
    enum hs_place place;
    struct hs_pool *pool;    /* window: held */
    uint64_t offset;         /* window: from its first byte */
    uint64_t device_address; /* window and GPU */
    char *host;              /* host */
    struct hs_device *gpu;   /* GPU memory: whose */
};

struct hs_copy {
    struct hs_side to, from; /* a fill has no from */
    uint64_t bytes;
    bool is_fill;
    unsigned char value;
    struct hs_device *engine; /* who copies; null: the CPU */
    hsa_signal_t signal;      /* of the engine */
};

/*
 * Looks at both addresses and takes what the copy needs. -ENOENT: neither is in a window. -EINVAL:
 * it leaves a window. -EXDEV: GPU memory of a device that has no access to the window.
 */
int hs_copy_prepare(struct hs_copy *copy, void *to, const void *from, uint64_t bytes);
int hs_fill_prepare(struct hs_copy *copy, void *to, unsigned char value, uint64_t bytes);

/* Does it and returns when it is done. 0 or -EIO with a text. Makes no call into HIP. */
int hs_copy_run(struct hs_copy *copy);

/* Gives back what prepare took; after prepare succeeded, run or not. */
void hs_copy_drop(struct hs_copy *copy);

#ifdef __cplusplus
}
#endif

#endif

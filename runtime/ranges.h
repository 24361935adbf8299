/* SPDX-License-Identifier: MIT */
/*
 * The list of host ranges: checked, coalesced, summed; and which host page lies at which window
 * offset. Knows nothing of devices or kernels. Addresses are numbers here; nothing is dereferenced.
 */
#ifndef HS_RANGES_H
#define HS_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HS_PAGE_BYTES 4096u      /* x86-64; the KFD's unit too */
#define HS_MAX_RANGES (1u << 28) /* an overlap check packs page number and index into 64 bits */

/* The caller's range: hipScatterRange and struct iovec have this layout. */
struct hs_host_range {
    void *base;
    size_t bytes;
};

/*
 * One run of whole pages. Until hs_ranges_seal() the second member is the run's size, so that the
 * array is what the batch ioctl reads; afterwards it is the run's offset in the window, what
 * translation needs.
 */
struct hs_run {
    uint64_t cpu;
    union {
        uint64_t bytes;
        uint64_t offset;
    };
};

/* Lookups read so many runs at once, from one that exists on. */
#define HS_END_RUNS 3u

struct hs_ranges {
    void *block;           /* page aligned: 8 bytes for the flag encoding's header, then the runs */
    struct hs_run *runs;   /* count entries, and HS_END_RUNS that begin at the end once sealed */
    size_t count;          /* runs, after neighbours in list order were joined */
    size_t given;          /* ranges as given */
    uint64_t bytes;        /* sum of the given sizes */
    uint64_t window_bytes; /* sum of the runs, whole pages */
    uint64_t lowest, highest; /* first host page, and the end of the last one, by address */
    uint32_t head;            /* offset of the first byte in its page */
    bool sealed;
    bool aliased; /* overlap was allowed, and not looked for */
};

/* Checks the caller's list and builds the runs. -EINVAL or -ENOMEM with a text; nothing is kept
 * then. */
int hs_ranges_build(struct hs_ranges *r, const struct hs_host_range *list, size_t count,
                    bool allow_overlap);

/*
 * Where in a unit of so many bytes (a power of two) a window should start, so that the run which
 * holds the most whole, aligned units has them at whole, aligned window addresses too. 0 if none
 * of the first runs holds one. Lists that are not sealed only.
 */
uint64_t hs_ranges_phase(const struct hs_ranges *r, uint64_t unit);

/* Turns sizes into offsets, once the kernel has read the list. Cannot fail. */
void hs_ranges_seal(struct hs_ranges *r);

/* And back, for an undo that must hand the list to the kernel again. */
void hs_ranges_unseal(struct hs_ranges *r);

void hs_ranges_destroy(struct hs_ranges *r);

/* The size of run i, sealed or not. */
uint64_t hs_ranges_run_bytes(const struct hs_ranges *r, size_t i);

/* The run that a window offset (below window_bytes) lies in. Sealed lists only. */
size_t hs_ranges_find(const struct hs_ranges *r, uint64_t offset);

/* The caller's index of the first range in run i, found in the list that the runs were built from.
 */
size_t hs_ranges_given_index(const struct hs_ranges *r, const struct hs_host_range *list, size_t i);

#ifdef __cplusplus
}
#endif

#endif

/* SPDX-License-Identifier: MIT */
/*
 * A sub-allocator over a span of numbers (device addresses of a window): two-level segregated fit
 * (Masmano et al., TLSF, ECRTS 2004) with all bookkeeping outside of the managed span, which it
 * never touches. Knows nothing of pools or devices. Not thread safe: the owner locks.
 */
#ifndef HS_SUBALLOC_H
#define HS_SUBALLOC_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Unit of every block's start and size: what hipMalloc() aligns to, so kernels may rely on it here
 * too. */
#define HS_SUBALLOC_GRANULE 256u

struct hs_suballoc;

struct hs_suballoc_usage {
    uint64_t capacity_bytes;     /* whole granules of the span */
    uint64_t requested_bytes;    /* live blocks, as asked for */
    uint64_t allocated_bytes;    /* live blocks, whole granules */
    uint64_t peak_bytes;         /* the most that allocated_bytes has been */
    uint64_t free_bytes;         /* capacity - allocated */
    uint64_t largest_free_bytes; /* a request of this size succeeds, at the smallest alignment */
    uint64_t block_count;        /* live blocks */
    uint64_t free_count;         /* free blocks; 1 when nothing is fragmented */
};

/*
 * Manages the whole granules in [start, start + bytes), which may be none. -EINVAL: the span wraps
 * around; -ENOMEM.
 */
int hs_suballoc_create(struct hs_suballoc **sa, uint64_t start, uint64_t bytes);
void hs_suballoc_destroy(struct hs_suballoc *sa);

/*
 * Takes a block. alignment: a power of two, or 0 for the granule. -EINVAL: size 0 or a bad
 * alignment; -ENOSPC: no free block can hold it; -ENOMEM: no memory for the bookkeeping. Nothing
 * changes on failure.
 *
 * Constant time (amortised over the growth of the bookkeeping), except where only blocks of the
 * request's own size class are left: these are looked through, so that -ENOSPC always means that no
 * free block fits.
 */
int hs_suballoc_alloc(struct hs_suballoc *sa, uint64_t bytes, uint64_t alignment, uint64_t *start);

/* Why a number is not a live block. */
enum hs_suballoc_place {
    HS_SUBALLOC_LIVE,     /* it is the start of one */
    HS_SUBALLOC_INTERIOR, /* inside of one */
    HS_SUBALLOC_FREE, /* in the span, but nothing is allocated there: freed already, or never was */
    HS_SUBALLOC_FOREIGN, /* not in the span */
};

/* Gives a block back, in constant time. -ENOENT: not the start of a live block; nothing changes
 * then. */
int hs_suballoc_free(struct hs_suballoc *sa, uint64_t start);

/* The size of a live block as asked for. -ENOENT as for hs_suballoc_free(). Constant time. */
int hs_suballoc_size(const struct hs_suballoc *sa, uint64_t start, uint64_t *bytes);

/* What a number is. For error texts: walks all blocks. block: start of the live block it is in, if
 * any. */
enum hs_suballoc_place hs_suballoc_locate(const struct hs_suballoc *sa, uint64_t number,
                                          uint64_t *block);

/* Constant time but for largest_free_bytes, which looks through the highest size class in use. */
void hs_suballoc_get_usage(const struct hs_suballoc *sa, struct hs_suballoc_usage *usage);

/*
 * Walks the whole structure and compares it with itself: for tests. 0, or the negative number of
 * the first rule that is broken (suballoc.c names them).
 */
int hs_suballoc_check(const struct hs_suballoc *sa);

#ifdef __cplusplus
}
#endif

#endif

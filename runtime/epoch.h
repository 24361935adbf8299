/* SPDX-License-Identifier: MIT */
/*
 * Read sections: what a thread reads inside of one is not freed before it leaves. Entering and
 * leaving are two plain stores; who wants to free pays (membarrier). Sections do not nest and must
 * not block for long.
 */
#ifndef HS_EPOCH_H
#define HS_EPOCH_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a thread found last; registry.h fills and reads it. */
struct hs_epoch_found {
    uint64_t version, start, bytes;
    void *what;
};

/* One per thread: its sequence number is odd inside of a section. Two cache lines of its own. */
struct hs_epoch_slot {
    uint64_t sequence; /* atomic; written by its thread only */
    struct hs_epoch_found found[2];
    struct hs_epoch_slot *next;
    bool taken; /* atomic */
    char rest[47];
};

/* initial-exec: a plain load, also in a library that was loaded late; it is one word of the
 * reserve. */
extern __thread struct hs_epoch_slot *hs_epoch_self
    __attribute__((tls_model("initial-exec"), visibility("hidden")));
extern bool hs_epoch_readers_fence __attribute__((visibility("hidden"))); /* no membarrier */

struct hs_epoch_slot *
hs_epoch_enter_first(void); /* a thread's first section, and those without a slot */
void hs_epoch_exit_without_slot(void);
void hs_epoch_fence(void); /* out of line: gcc refuses the builtin in ThreadSanitizer builds */

/* The thread's slot, for hs_epoch_exit(); null if there was no memory for one. */
static inline struct hs_epoch_slot *hs_epoch_enter(void)
{
    struct hs_epoch_slot *slot = hs_epoch_self;

    if (__builtin_expect(!slot, 0))
        return hs_epoch_enter_first();
    __atomic_store_n(&slot->sequence, slot->sequence + 1, __ATOMIC_RELAXED);
    if (hs_epoch_readers_fence)
        hs_epoch_fence();
    else
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
    return slot;
}

static inline void hs_epoch_exit(struct hs_epoch_slot *slot)
{
    if (__builtin_expect(!slot, 0))
        hs_epoch_exit_without_slot();
    else
        __atomic_store_n(&slot->sequence, slot->sequence + 1, __ATOMIC_RELEASE);
}

/* Returns when every section that was entered before the call has been left. Not inside of a
 * section. */
void hs_epoch_wait(void);

#ifdef __cplusplus
}
#endif

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Decoded code: where a wave is, and how it gets to another place. Owned by the executor (code.c);
 * the branch instructions use the inline functions here and never compute wave->ip themselves.
 */
#ifndef SG_CODE_H
#define SG_CODE_H

#include "wave.h"

enum {
    SG_CODE_SLOTS = SG_PAGE_BYTES / 4,
    /* An instruction in the last dword can be 3 dwords long: wave->ip then points at one of these
     * slots, whose function moves the wave on to the same dword of the next page. */
    SG_CODE_SENTINELS = 3,
};

struct sg_code_page {
    struct sg_inst slots[SG_CODE_SLOTS + SG_CODE_SENTINELS];
    uint64_t va;               /* page address */
    struct sg_code *code;      /* the cache that it belongs to */
    struct sg_code_page *next; /* in its hash bucket */
    struct sg_code_page *retired_next;
    uint64_t checked_for; /* serial number of the dispatch for which `words` was compared */
    bool unreadable;      /* no code: every slot faults */
    bool crosses;         /* its last instruction goes on in the next page: tail is valid */
    uint32_t words[SG_CODE_SLOTS];    /* the bytes that the slots were (or will be) decoded from */
    uint32_t tail[SG_CODE_SENTINELS]; /* first dwords of the next page */
};

/* Program counter of an instruction of the page the wave is in; of wave->ip: the next
 * instruction's. */
static inline uint64_t sg_pc_of(const struct sg_wave *w, const struct sg_inst *inst)
{
    return w->page->va + (uint64_t)(inst - w->page->slots) * 4;
}

/*
 * Continue at any address. A page that cannot be executed makes the wave fault at its next
 * instruction. This and the functions below return SG_NEXT.
 */
enum sg_next sg_wave_jump(struct sg_wave *w, uint64_t pc);

/* Continue `dwords` behind (or, negative, before) the next instruction: s_branch and its kind. */
static inline enum sg_next sg_branch(struct sg_wave *w, int32_t dwords)
{
    int64_t slot = (w->ip - w->page->slots) + dwords;
    if (__builtin_expect(slot < 0 || slot >= SG_CODE_SLOTS, 0))
        return sg_wave_jump(w, w->page->va + (uint64_t)(slot * 4));
    w->ip = &w->page->slots[slot];
    return SG_NEXT;
}

/* The same two, not inline. */
uint64_t sg_wave_pc(const struct sg_wave *w);
enum sg_next sg_wave_branch(struct sg_wave *w, int32_t dwords);

#endif

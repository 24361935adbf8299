/* SPDX-License-Identifier: MIT */
/*
 * Decoded code of one address space, page by page, decoded instruction by instruction when first
 * executed. Code can be overwritten between dispatches: a page is compared with guest memory when
 * the first wave of a newer dispatch enters it. Pages are found without a lock, changed under the
 * cache's lock, and freed only when no wave is resident.
 */
#include "code.h"

#include "code_impl.h"
#include "vm_impl.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { BUCKETS = 1024 };

struct sg_code {
    const struct sg_vm *vm;
    const struct sg_isa *isa;
    pthread_mutex_t lock;
    _Atomic(struct sg_code_page *) bucket[BUCKETS];
    struct sg_code_page *retired, *spare;
    /* With --trace=opcode: forms of each opcode that were executed (log_opcode()). */
    uint8_t *seen;
};

static sg_op_fn decode_slot, next_page, fetch_fault;

static bool executable(const struct sg_vm *vm, uint64_t va, uint32_t *reason)
{
    return sg_vm_translate(vm, va, SG_PTE_EXEC, reason);
}

struct sg_code *sg_code_create(const struct sg_vm *vm, const struct sg_isa *isa)
{
    struct sg_code *code = calloc(1, sizeof(*code));
    if (!code)
        return NULL;
    code->vm = vm;
    code->isa = isa;
    if (sg_log_mask & SG_LOG_OPCODE)
        code->seen = calloc(sg_opcode_count, sizeof(*code->seen));
    pthread_mutex_init(&code->lock, NULL);
    return code;
}

static void free_retired(struct sg_code_page *page)
{
    while (page) {
        struct sg_code_page *next = page->retired_next;
        free(page);
        page = next;
    }
}

void sg_code_destroy(struct sg_code *code)
{
    if (!code)
        return;
    for (unsigned i = 0; i < BUCKETS; i++) {
        struct sg_code_page *page = atomic_load(&code->bucket[i]), *next;
        for (; page; page = next) {
            next = page->next;
            free(page);
        }
    }
    free_retired(code->retired);
    free_retired(code->spare);
    pthread_mutex_destroy(&code->lock);
    free(code->seen);
    free(code);
}

void sg_code_collect(struct sg_code *code)
{
    pthread_mutex_lock(&code->lock);
    while (code->retired) {
        struct sg_code_page *page = code->retired;
        code->retired = page->retired_next;
        page->retired_next = code->spare;
        code->spare = page;
    }
    pthread_mutex_unlock(&code->lock);
}

/* ---- pages --------------------------------------------------------------------------------------
 */

static _Atomic(struct sg_code_page *) *bucket_of(struct sg_code *code, uint64_t page_va)
{
    return &code->bucket[(page_va / SG_PAGE_BYTES * UINT64_C(0x9e3779b97f4a7c15)) >> 54];
}

static struct sg_code_page *find(struct sg_code *code, uint64_t page_va)
{
    struct sg_code_page *page =
        atomic_load_explicit(bucket_of(code, page_va), memory_order_acquire);
    while (page && page->va != page_va)
        page = __atomic_load_n(&page->next, __ATOMIC_ACQUIRE);
    return page;
}

/* Lock held. Waves and readers that are on the page stay there: its own link remains valid. */
static void retire(struct sg_code *code, struct sg_code_page *page)
{
    _Atomic(struct sg_code_page *) *bucket = bucket_of(code, page->va);
    struct sg_code_page *before = atomic_load(bucket);
    if (before == page) {
        atomic_store_explicit(bucket, page->next, memory_order_release);
    } else {
        while (before->next != page)
            before = before->next;
        __atomic_store_n(&before->next, page->next, __ATOMIC_RELEASE);
    }
    page->retired_next = code->retired;
    code->retired = page;
}

/* Lock held. The page as guest memory has it now. */
static struct sg_code_page *make_page(struct sg_code *code, uint64_t page_va)
{
    struct sg_code_page *page = code->spare;
    if (page)
        code->spare = page->retired_next;
    else if (!(page = aligned_alloc(64, (sizeof(*page) + 63) / 64 * 64)))
        sg_unimplemented("going on without memory");
    page->va = page_va;
    page->code = code;
    page->checked_for = 0;
    page->crosses = false;
    page->unreadable = !executable(code->vm, page_va, NULL) ||
                       !sg_vm_read(code->vm, page_va, page->words, sizeof(page->words), NULL);
    for (unsigned i = 0; i < SG_CODE_SLOTS + SG_CODE_SENTINELS; i++) {
        page->slots[i].dwords = 0;
        page->slots[i].encoding = SG_ENC_NONE;
        page->slots[i].fn = page->unreadable    ? fetch_fault
                            : i < SG_CODE_SLOTS ? decode_slot
                                                : next_page;
    }
    _Atomic(struct sg_code_page *) *bucket = bucket_of(code, page_va);
    page->next = atomic_load(bucket);
    atomic_store_explicit(bucket, page, memory_order_release);
    return page;
}

/* Lock held. Is the page still what guest memory holds? */
static bool unchanged(struct sg_code *code, struct sg_code_page *page)
{
    uint32_t now[SG_CODE_SLOTS];
    if (page->unreadable || !executable(code->vm, page->va, NULL) ||
        !sg_vm_read(code->vm, page->va, now, sizeof(now), NULL))
        return false;
    if (memcmp(now, page->words, sizeof(now)) != 0)
        return false;
    return !page->crosses ||
           (executable(code->vm, page->va + SG_PAGE_BYTES, NULL) &&
            sg_vm_read(code->vm, page->va + SG_PAGE_BYTES, now, sizeof(page->tail), NULL) &&
            memcmp(now, page->tail, sizeof(page->tail)) == 0);
}

/* The page for waves of dispatch `serial`. Pages without code are looked at again each time. */
static struct sg_code_page *get_page(struct sg_code *code, uint64_t page_va, uint64_t serial)
{
    struct sg_code_page *page = find(code, page_va);
    if (page && __atomic_load_n(&page->checked_for, __ATOMIC_ACQUIRE) >= serial)
        return page;
    pthread_mutex_lock(&code->lock);
    page = find(code, page_va);
    if (page && page->checked_for < serial && !unchanged(code, page)) {
        retire(code, page);
        page = NULL;
    }
    if (!page)
        page = make_page(code, page_va);
    if (!page->unreadable && page->checked_for < serial)
        __atomic_store_n(&page->checked_for, serial, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&code->lock);
    return page;
}

/* ---- where waves are ----------------------------------------------------------------------------
 */

void sg_code_start(struct sg_code *code, struct sg_wave *w, uint64_t pc)
{
    pc &= ~UINT64_C(3);
    w->page = get_page(code, pc & ~((uint64_t)SG_PAGE_BYTES - 1), w->group->dispatch->serial);
    w->ip = &w->page->slots[pc % SG_PAGE_BYTES / 4];
}

enum sg_next sg_wave_jump(struct sg_wave *w, uint64_t pc)
{
    if (pc - w->page->va < SG_PAGE_BYTES)
        w->ip = &w->page->slots[pc % SG_PAGE_BYTES / 4];
    else
        sg_code_start(w->page->code, w, pc);
    return SG_NEXT;
}

uint64_t sg_wave_pc(const struct sg_wave *w)
{
    return sg_pc_of(w, w->ip);
}

enum sg_next sg_wave_branch(struct sg_wave *w, int32_t dwords)
{
    return sg_branch(w, dwords);
}

/* ---- functions of slots that hold no decoded instruction
 * ------------------------------------------- */

/* They count as no instruction: the loop will count them by the slot's encoding. */
static enum sg_next again(struct sg_wave *w, const struct sg_inst *inst)
{
    w->instructions--;
    w->vector_instructions -= inst->encoding >= SG_ENC_VOP1;
    return SG_NEXT;
}

static enum sg_next next_page(struct sg_wave *w, const struct sg_inst *inst)
{
    sg_wave_jump(w, sg_pc_of(w, inst));
    return again(w, inst);
}

static enum sg_next fetch_fault(struct sg_wave *w, const struct sg_inst *inst)
{
    const struct sg_vm *vm = w->page->code->vm;
    uint32_t reason;
    w->ip = inst;
    if (executable(vm, w->page->va, &reason))
        reason = SG_FAULT_NOT_PRESENT; /* mapped, but the host's memory behind it is gone */
    w->fault = (struct sg_memory_fault){.va = w->page->va, .reason = reason};
    return SG_FAULT;
}

/*
 * s_waitcnt and s_nop do nothing here. Those behind an instruction that does not look at its own
 * address are stepped over with it.
 */
static void skip_waits(const struct sg_code_page *page, unsigned slot, struct sg_inst *inst)
{
    enum { S_NOP = 0xbf80, S_WAITCNT = 0xbf8c, SKIPPED_MAX = 4 };
    if (inst->encoding < SG_ENC_SMEM || inst->encoding > SG_ENC_MIMG)
        return;
    for (unsigned next = slot + inst->dwords, i = 0; next < SG_CODE_SLOTS && i < SKIPPED_MAX;
         next++, i++) {
        uint32_t high = page->words[next] >> 16;
        if (high != S_NOP && high != S_WAITCNT)
            break;
        inst->dwords++;
    }
}

/* Lock held. Decode, with the first dwords of the next page if needed. False: they cannot be
 * fetched. */
static bool decode_locked(struct sg_code_page *page, unsigned slot, struct sg_inst *out)
{
    struct sg_code *code = page->code;
    uint32_t words[3] = {0};
    unsigned here = SG_CODE_SLOTS - slot < 3 ? SG_CODE_SLOTS - slot : 3;
    memcpy(words, &page->words[slot], here * sizeof(words[0]));
    if (sg_decode(code->isa, words, here, out)) {
        skip_waits(page, slot, out);
        return true;
    }
    uint64_t next = page->va + SG_PAGE_BYTES;
    if (!page->crosses) {
        if (!executable(code->vm, next, NULL) ||
            !sg_vm_read(code->vm, next, page->tail, sizeof(page->tail), NULL))
            return false;
        page->crosses = true;
    }
    memcpy(&words[here], page->tail, (3 - here) * sizeof(words[0]));
    if (!sg_decode(code->isa, words, 3, out))
        sg_unimplemented("an instruction longer than 3 dwords at 0x%llx",
                         (unsigned long long)page->va + slot * 4);
    return true;
}

/* Lock held. Say that an opcode is executed for the first time, plain, with SDWA or with DPP. */
static void log_opcode(struct sg_code *code, const struct sg_inst *inst)
{
    const bool alu = inst->encoding >= SG_ENC_VOP1 && inst->encoding <= SG_ENC_VOPC;
    const unsigned form = alu && inst->alu.sdwa ? 1 : alu && inst->alu.dpp ? 2 : 0;
    static const char *const forms[] = {"", " SDWA", " DPP"};
    if (!code->seen || inst->encoding == SG_ENC_NONE || code->seen[inst->opcode] >> form & 1)
        return;
    code->seen[inst->opcode] |= (uint8_t)(1u << form);
    sg_log(SG_LOG_OPCODE, "opcode %s %s%s", sg_opcodes[inst->opcode].mnemonic,
           sg_encoding_name(inst->encoding), forms[form]);
}

static enum sg_next decode_slot(struct sg_wave *w, const struct sg_inst *inst)
{
    struct sg_code_page *page = (struct sg_code_page *)(uintptr_t)w->page;
    unsigned slot = (unsigned)(inst - page->slots);
    struct sg_inst *to = &page->slots[slot], decoded;
    bool ok = true;
    memset(&decoded, 0, sizeof(decoded));
    pthread_mutex_lock(&page->code->lock);
    if (to->fn == decode_slot && (ok = decode_locked(page, slot, &decoded))) {
        log_opcode(page->code, &decoded);
        /* Another thread may be reading fn and dwords of this slot just now, nothing else: fn comes
         * last. */
        const size_t split = offsetof(struct sg_inst, dwords);
        memcpy((char *)to + sizeof(to->fn), (char *)&decoded + sizeof(to->fn),
               split - sizeof(to->fn));
        memcpy((char *)to + split + 1, (char *)&decoded + split + 1, sizeof(decoded) - split - 1);
        __atomic_store_n(&to->dwords, decoded.dwords, __ATOMIC_RELAXED);
        __atomic_store_n(&to->fn, decoded.fn, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&page->code->lock);
    w->ip = inst; /* the loop may have seen the new length with the old function */
    if (ok)
        return again(w, inst);
    uint32_t reason = SG_FAULT_NOT_PRESENT;
    executable(page->code->vm, page->va + SG_PAGE_BYTES, &reason);
    w->fault = (struct sg_memory_fault){.va = page->va + SG_PAGE_BYTES,
                                        .reason = reason ? reason : SG_FAULT_NOT_PRESENT};
    return SG_FAULT;
}

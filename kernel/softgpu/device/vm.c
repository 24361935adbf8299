/* SPDX-License-Identifier: MIT */
/*
 * GPU page tables: four levels of 512 entries over 48 bits. Writers hold the address space's lock;
 * readers take none: entries are single atomic words and tables are freed only with the address
 * space. Also the readers' protocol of vm.h, which is process-wide.
 */
#include "vm.h"

#include "code_impl.h"
#include "vm_impl.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

enum { LEVEL_BITS = 9, TABLE_ENTRIES = 1 << LEVEL_BITS, PAGE_BITS = 12 };

struct table {
    _Atomic uint64_t entry[TABLE_ENTRIES]; /* address of the next table; in the last level: PTE */
};

struct sg_vm {
    struct table root;
    pthread_mutex_t lock; /* writers */
    _Atomic uint64_t generation, mapped_pages;
    uint64_t serial;
    struct sg_code *code;                 /* under lock */
    uint64_t foreign_base, foreign_bytes; /* sg_vm_create_foreign(); else 0 */
};

/* ---- readers ------------------------------------------------------------------------------------
 */

struct reader {
    _Atomic uint64_t turns; /* odd: inside */
    _Atomic bool used;      /* by a living thread */
    struct reader *next;
};

static _Atomic(struct reader *) readers; /* only ever grows; entries are reused */
static __thread struct reader *my_reader __attribute__((tls_model("initial-exec")));
static __thread unsigned my_depth __attribute__((tls_model("initial-exec")));
static pthread_key_t reader_key;
static pthread_once_t reader_once = PTHREAD_ONCE_INIT;

static void reader_release(void *pointer)
{
    struct reader *reader = pointer;
    atomic_store(&reader->used, false);
}

static void reader_key_create(void)
{
    pthread_key_create(&reader_key, reader_release);
}

static struct reader *reader_get(void)
{
    struct reader *reader;
    pthread_once(&reader_once, reader_key_create);
    for (reader = atomic_load(&readers); reader; reader = reader->next) {
        bool expected = false;
        if (atomic_compare_exchange_strong(&reader->used, &expected, true))
            break;
    }
    if (!reader) {
        reader = calloc(1, sizeof(*reader));
        if (!reader)
            sg_unimplemented("going on without memory");
        atomic_store(&reader->used, true);
        reader->next = atomic_load(&readers);
        while (!atomic_compare_exchange_weak(&readers, &reader->next, reader))
            ;
    }
    pthread_setspecific(reader_key, reader);
    my_reader = reader;
    return reader;
}

void sg_vm_enter(void)
{
    struct reader *reader = my_reader ? my_reader : reader_get();
    if (my_depth++ == 0) /* sequentially consistent: what is read inside is newer than this store */
        atomic_fetch_add(&reader->turns, 1);
}

void sg_vm_leave(void)
{
    if (--my_depth == 0) { /* nobody else writes it: no locked instruction */
        uint64_t turn = atomic_load_explicit(&my_reader->turns, memory_order_relaxed);
        atomic_store_explicit(&my_reader->turns, turn + 1, memory_order_release);
    }
}

unsigned sg_vm_depth(void)
{
    return my_depth;
}

/* Every reader that is inside now has left when this returns. */
static void wait_for_readers(void)
{
    for (struct reader *reader = atomic_load(&readers); reader; reader = reader->next) {
        uint64_t turn = atomic_load(&reader->turns);
        if (reader == my_reader || turn % 2 == 0)
            continue;
        for (unsigned tries = 0; atomic_load(&reader->turns) == turn; tries++) {
            struct timespec pause = {.tv_nsec = tries < 64 ? 5000 : 200000};
            if (tries < 4)
                sched_yield();
            else
                nanosleep(&pause, NULL);
        }
    }
}

void sg_vm_after_fork_in_child(void)
{
    for (struct reader *reader = atomic_load(&readers); reader; reader = reader->next) {
        if (reader == my_reader)
            continue;
        atomic_store(&reader->turns, 0);
        atomic_store(&reader->used, false);
    }
}

/* ---- tables -------------------------------------------------------------------------------------
 */

static unsigned index_at(uint64_t va, unsigned level)
{
    return (unsigned)(va >> (PAGE_BITS + LEVEL_BITS * level)) % TABLE_ENTRIES;
}

/* The last-level table of va. NULL: there is none. */
static struct table *leaf_of(const struct sg_vm *vm, uint64_t va)
{
    const struct table *table = &vm->root;
    for (unsigned level = 3; level > 0 && table; level--) {
        table = (struct table *)(uintptr_t)atomic_load_explicit(&table->entry[index_at(va, level)],
                                                                memory_order_acquire);
    }
    return (struct table *)(uintptr_t)table;
}

static struct table *leaf_make(struct sg_vm *vm, uint64_t va)
{
    struct table *table = &vm->root;
    for (unsigned level = 3; level > 0; level--) {
        _Atomic uint64_t *entry = &table->entry[index_at(va, level)];
        struct table *next = (struct table *)(uintptr_t)atomic_load(entry);
        if (!next) {
            next = calloc(1, sizeof(*next));
            if (!next)
                return NULL;
            atomic_store_explicit(entry, (uint64_t)(uintptr_t)next, memory_order_release);
        }
        table = next;
    }
    return table;
}

static void table_free(struct table *table, unsigned level)
{
    for (unsigned i = 0; level > 0 && i < TABLE_ENTRIES; i++) {
        struct table *next = (struct table *)(uintptr_t)atomic_load(&table->entry[i]);
        if (next) {
            table_free(next, level - 1);
            free(next);
        }
    }
}

struct sg_vm *sg_vm_create(void)
{
    static _Atomic uint64_t serials;
    struct sg_vm *vm = calloc(1, sizeof(*vm));
    if (!vm)
        return NULL;
    pthread_mutex_init(&vm->lock, NULL);
    vm->serial = atomic_fetch_add(&serials, 1) + 1;
    return vm;
}

struct sg_vm *sg_vm_create_foreign(void *base, uint64_t bytes)
{
    struct sg_vm *vm = sg_vm_create();
    if (vm) {
        vm->foreign_base = (uintptr_t)base;
        vm->foreign_bytes = bytes;
    }
    return vm;
}

void sg_vm_destroy(struct sg_vm *vm)
{
    if (!vm)
        return;
    wait_for_readers();
    sg_code_destroy(vm->code);
    table_free(&vm->root, 3);
    pthread_mutex_destroy(&vm->lock);
    free(vm);
}

/* Bytes from va to the end of what its last-level table covers, at most to end. */
static uint64_t span_end(uint64_t va, uint64_t end)
{
    uint64_t bytes = (uint64_t)SG_PAGE_BYTES * TABLE_ENTRIES;
    uint64_t table_end = (va & ~(bytes - 1)) + bytes;
    return table_end < end ? table_end : end;
}

/* Create the tables; -EEXIST if a page is mapped. */
static int prepare_range(struct sg_vm *vm, uint64_t va, uint64_t end)
{
    while (va < end) {
        struct table *leaf = leaf_make(vm, va);
        if (!leaf)
            return -ENOMEM;
        for (uint64_t stop = span_end(va, end); va < stop; va += SG_PAGE_BYTES) {
            if (atomic_load_explicit(&leaf->entry[index_at(va, 0)], memory_order_relaxed))
                return -EEXIST;
        }
    }
    return 0;
}

int sg_vm_map(struct sg_vm *vm, uint64_t va, void *host, uint64_t bytes, uint32_t pte_flags)
{
    uint64_t address = (uint64_t)(uintptr_t)host;
    if (vm->foreign_bytes || !bytes || (va | address | bytes) & (SG_PAGE_BYTES - 1) ||
        va >> SG_VA_BITS || bytes > (UINT64_C(1) << SG_VA_BITS) - va || pte_flags >= SG_PTE_PRESENT)
        return -EINVAL;
    uint64_t end = va + bytes;
    pthread_mutex_lock(&vm->lock);
    int error = prepare_range(vm, va, end);
    while (!error && va < end) {
        struct table *leaf = leaf_of(vm, va);
        for (uint64_t stop = span_end(va, end); va < stop; va += SG_PAGE_BYTES) {
            atomic_store_explicit(&leaf->entry[index_at(va, 0)],
                                  address | pte_flags | SG_PTE_PRESENT, memory_order_release);
            address += SG_PAGE_BYTES;
        }
    }
    if (!error)
        atomic_fetch_add(&vm->mapped_pages, bytes / SG_PAGE_BYTES);
    pthread_mutex_unlock(&vm->lock);
    return error;
}

/* End of the area around va that has no last-level table, at most `end`: a wide unmap steps over
 * it. */
static uint64_t hole_end(const struct sg_vm *vm, uint64_t va, uint64_t end)
{
    const struct table *table = &vm->root;
    unsigned level = 3;
    while (level > 1 && atomic_load(&table->entry[index_at(va, level)])) {
        table = (struct table *)(uintptr_t)atomic_load(&table->entry[index_at(va, level)]);
        level--;
    }
    uint64_t bytes = (uint64_t)SG_PAGE_BYTES << (LEVEL_BITS * level);
    uint64_t hole = (va & ~(bytes - 1)) + bytes;
    return hole < end ? hole : end;
}

void sg_vm_unmap(struct sg_vm *vm, uint64_t va, uint64_t bytes)
{
    uint64_t removed = 0;
    const uint64_t limit = UINT64_C(1) << SG_VA_BITS;
    if (va >= limit)
        return;
    uint64_t end = bytes < limit - va ? va + bytes : limit;
    pthread_mutex_lock(&vm->lock);
    while (va < end) {
        struct table *leaf = leaf_of(vm, va);
        uint64_t stop = leaf ? span_end(va, end) : hole_end(vm, va, end);
        for (; leaf && va < stop; va += SG_PAGE_BYTES)
            removed += atomic_exchange(&leaf->entry[index_at(va, 0)], 0) != 0;
        va = stop;
    }
    atomic_fetch_sub(&vm->mapped_pages, removed);
    atomic_fetch_add(&vm->generation, 1);
    pthread_mutex_unlock(&vm->lock);
    if (removed)
        wait_for_readers();
}

uint64_t sg_vm_pte(const struct sg_vm *vm, uint64_t va)
{
    if (va >> SG_VA_BITS)
        return 0;
    if (vm->foreign_bytes)
        return va < vm->foreign_bytes
                   ? (vm->foreign_base + (va & ~((uint64_t)SG_PAGE_BYTES - 1))) | SG_PTE_PRESENT |
                         SG_PTE_READ | SG_PTE_WRITE | SG_PTE_EXEC | SG_PTE_SYSTEM
                   : 0;
    const struct table *leaf = leaf_of(vm, va);
    return leaf ? atomic_load_explicit(&leaf->entry[index_at(va, 0)], memory_order_acquire) : 0;
}

uint32_t sg_pte_fault(uint64_t pte, uint32_t need)
{
    if (!(pte & SG_PTE_PRESENT) || (need & SG_PTE_READ & ~pte))
        return SG_FAULT_NOT_PRESENT;
    if (need & SG_PTE_WRITE & ~pte)
        return SG_FAULT_READ_ONLY;
    return need & SG_PTE_EXEC & ~pte ? SG_FAULT_NO_EXECUTE : 0;
}

void *sg_vm_translate(const struct sg_vm *vm, uint64_t va, uint32_t need_pte_flags,
                      uint32_t *reason)
{
    uint64_t pte = sg_vm_pte(vm, va);
    uint32_t why = sg_pte_fault(pte, need_pte_flags);
    if (reason)
        *reason = why;
    return why ? NULL : sg_pte_host(pte) + va % SG_PAGE_BYTES;
}

uint64_t sg_vm_mapped_pages(const struct sg_vm *vm)
{
    return atomic_load(&vm->mapped_pages);
}

uint64_t sg_vm_generation(const struct sg_vm *vm)
{
    return atomic_load(&vm->generation);
}

uint64_t sg_vm_serial(const struct sg_vm *vm)
{
    return vm->serial;
}

struct sg_code *sg_vm_code(struct sg_vm *vm, const struct sg_isa *isa)
{
    pthread_mutex_lock(&vm->lock);
    if (!vm->code)
        vm->code = sg_code_create(vm, isa);
    pthread_mutex_unlock(&vm->lock);
    return vm->code;
}

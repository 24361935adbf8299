/* SPDX-License-Identifier: MIT */
/*
 * The simplest address space with the interface of vm.c: a hash table of pages behind one lock,
 * every access byte by byte. Independent of the real one, so that either can be wrong alone.
 */
#include "vm.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

enum { SLOTS = 1 << 16 };

struct sg_vm {
    struct {
        uint64_t page; /* page number + 1; 0: never used */
        uint8_t *host; /* NULL: unmapped */
        uint32_t flags;
    } slot[SLOTS];
    uint64_t mapped;
};

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static _Thread_local unsigned depth;

void sg_vm_enter(void)
{
    if (depth++ == 0)
        pthread_rwlock_rdlock(&lock);
}

void sg_vm_leave(void)
{
    if (--depth == 0)
        pthread_rwlock_unlock(&lock);
}

struct sg_vm *sg_vm_create(void)
{
    return calloc(1, sizeof(struct sg_vm));
}

void sg_vm_destroy(struct sg_vm *vm)
{
    free(vm);
}

static size_t find(const struct sg_vm *vm, uint64_t va)
{
    uint64_t page = va / SG_PAGE_BYTES + 1;
    size_t i = (size_t)(page * 0x9e3779b97f4a7c15u >> 48);
    while (vm->slot[i].page != 0 && vm->slot[i].page != page)
        i = (i + 1) % SLOTS;
    return i;
}

int sg_vm_map(struct sg_vm *vm, uint64_t va, void *host, uint64_t bytes, uint32_t pte_flags)
{
    if (va % SG_PAGE_BYTES || bytes % SG_PAGE_BYTES ||
        vm->mapped + bytes / SG_PAGE_BYTES > SLOTS / 2)
        return -EINVAL;
    pthread_rwlock_wrlock(&lock);
    for (uint64_t at = 0; at < bytes; at += SG_PAGE_BYTES) {
        size_t i = find(vm, va + at);
        vm->slot[i].page = (va + at) / SG_PAGE_BYTES + 1;
        vm->slot[i].host = (uint8_t *)host + at;
        vm->slot[i].flags = pte_flags;
        vm->mapped++;
    }
    pthread_rwlock_unlock(&lock);
    return 0;
}

void sg_vm_unmap(struct sg_vm *vm, uint64_t va, uint64_t bytes)
{
    pthread_rwlock_wrlock(&lock);
    for (uint64_t at = 0; at < bytes; at += SG_PAGE_BYTES)
        vm->slot[find(vm, va + at)].host = NULL;
    pthread_rwlock_unlock(&lock);
}

void *sg_vm_translate(const struct sg_vm *vm, uint64_t va, uint32_t need, uint32_t *reason)
{
    size_t i = find(vm, va);
    uint32_t why = 0;
    if (!vm->slot[i].host)
        why = SG_FAULT_NOT_PRESENT;
    else if (need & ~vm->slot[i].flags)
        why = SG_FAULT_READ_ONLY;
    if (reason)
        *reason = why;
    return why ? NULL : vm->slot[i].host + va % SG_PAGE_BYTES;
}

/* One byte's address; entered. */
static uint8_t *byte(const struct sg_vm *vm, uint64_t va, bool write, struct sg_memory_fault *fault)
{
    uint32_t reason = 0;
    uint8_t *p = sg_vm_translate(vm, va, write ? SG_PTE_WRITE : SG_PTE_READ, &reason);
    if (!p && fault)
        *fault = (struct sg_memory_fault){
            .va = va & ~(uint64_t)(SG_PAGE_BYTES - 1), .reason = reason, .write = write};
    return p;
}

bool sg_vm_read(const struct sg_vm *vm, uint64_t va, void *to, size_t bytes,
                struct sg_memory_fault *fault)
{
    bool ok = true;
    sg_vm_enter();
    for (size_t i = 0; ok && i < bytes; i++) {
        const uint8_t *p = byte(vm, va + i, false, fault);
        ok = p != NULL;
        if (ok)
            ((uint8_t *)to)[i] = __atomic_load_n(p, __ATOMIC_RELAXED);
    }
    sg_vm_leave();
    return ok;
}

bool sg_vm_write(const struct sg_vm *vm, uint64_t va, const void *from, size_t bytes,
                 struct sg_memory_fault *fault)
{
    bool ok = true;
    sg_vm_enter();
    for (size_t i = 0; ok && i < bytes; i++) {
        uint8_t *p = byte(vm, va + i, true, fault);
        ok = p != NULL;
        if (ok)
            __atomic_store_n(p, ((const uint8_t *)from)[i], __ATOMIC_RELAXED);
    }
    sg_vm_leave();
    return ok;
}

bool sg_vm_copy(const struct sg_vm *vm, uint64_t to, uint64_t from, uint64_t bytes,
                struct sg_window_count *count, struct sg_memory_fault *fault)
{
    (void)count;
    bool ok = true;
    sg_vm_enter(); /* the lock once, not for every byte: a megabyte takes seconds under TSan else */
    for (uint64_t i = 0; ok && i < bytes; i++) {
        uint8_t value;
        ok =
            sg_vm_read(vm, from + i, &value, 1, fault) && sg_vm_write(vm, to + i, &value, 1, fault);
    }
    sg_vm_leave();
    return ok;
}

bool sg_vm_fill(const struct sg_vm *vm, uint64_t to, uint32_t pattern, unsigned unit,
                uint64_t bytes, struct sg_window_count *count, struct sg_memory_fault *fault)
{
    (void)count;
    bool ok = true;
    sg_vm_enter();
    for (uint64_t i = 0; ok && i < bytes; i++) {
        uint8_t value = (uint8_t)(pattern >> (i % unit * 8));
        ok = sg_vm_write(vm, to + i, &value, 1, fault);
    }
    sg_vm_leave();
    return ok;
}

/* SPDX-License-Identifier: MIT */
/*
 * One slot per thread that ever entered a section: an odd sequence number while it is inside
 * (epoch.h). The reader must not pay for a fence, so the writer makes all threads pass one:
 * membarrier(PRIVATE_EXPEDITED). Where the kernel has none, readers fence themselves. Slots are
 * reused, never freed.
 */
#include "epoch.h"

#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kfd.h"

struct slot {
    _Alignas(64) atomic_uint_fast64_t sequence;
    atomic_bool taken;
    struct slot *next;
};

static struct {
    pthread_once_t once;
    bool membarrier;
    bool key_made;
    pthread_key_t key;
    _Atomic(struct slot *) slots;
    atomic_uint_fast64_t without_slot; /* readers that found no memory for one */
} epoch = {.once = PTHREAD_ONCE_INIT};

/* initial-exec: a plain load, also in a library that was loaded late; it is one word of the
 * reserve. */
static __thread struct slot *self __attribute__((tls_model("initial-exec")));

static void thread_ends(void *slot)
{
    atomic_store_explicit(&((struct slot *)slot)->taken, false, memory_order_release);
}

static void init(void)
{
    epoch.membarrier =
        syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
    epoch.key_made = pthread_key_create(&epoch.key, thread_ends) == 0;
}

/* The library may be unloaded while threads live on: they must not call into it when they end. */
__attribute__((destructor)) static void fini(void)
{
    if (epoch.key_made)
        pthread_key_delete(epoch.key);
}

static struct slot *get_slot(void)
{
    struct slot *slot, *head;
    bool no;

    pthread_once(&epoch.once, init);
    for (slot = atomic_load(&epoch.slots); slot; slot = slot->next) {
        no = false;
        if (!atomic_load_explicit(&slot->taken, memory_order_relaxed) &&
            atomic_compare_exchange_strong(&slot->taken, &no, true))
            break;
    }
    if (!slot && epoch.key_made) {
        slot = aligned_alloc(64, sizeof(*slot));
        if (slot) {
            *slot = (struct slot){.taken = true};
            head = atomic_load(&epoch.slots);
            do
                slot->next = head;
            while (!atomic_compare_exchange_weak(&epoch.slots, &head, slot));
        }
    }
    if (slot && pthread_setspecific(epoch.key, slot)) {
        thread_ends(slot);
        slot = NULL;
    }
    self = slot;
    return slot;
}

void hs_epoch_enter(void)
{
    struct slot *slot = self ? self : get_slot();
    uint64_t sequence;

    if (!slot) {
        atomic_fetch_add(&epoch.without_slot, 1);
        return;
    }
    sequence = atomic_load_explicit(&slot->sequence, memory_order_relaxed);
    atomic_store_explicit(&slot->sequence, sequence + 1, memory_order_relaxed);
    if (epoch.membarrier)
        atomic_signal_fence(memory_order_seq_cst);
    else
        atomic_thread_fence(memory_order_seq_cst);
}

void hs_epoch_exit(void)
{
    struct slot *slot = self;

    if (!slot) {
        atomic_fetch_sub(&epoch.without_slot, 1);
        return;
    }
    atomic_store_explicit(&slot->sequence,
                          atomic_load_explicit(&slot->sequence, memory_order_relaxed) + 1,
                          memory_order_release);
}

void hs_epoch_wait(void)
{
    pthread_once(&epoch.once, init);
    if (hs_kfd_check_process()) /* the other threads, and their sections, stayed in the parent */
        return;
    if (epoch.membarrier)
        syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
    else
        atomic_thread_fence(memory_order_seq_cst);
    for (struct slot *slot = atomic_load(&epoch.slots); slot; slot = slot->next) {
        uint64_t seen = atomic_load_explicit(&slot->sequence, memory_order_acquire);

        while ((seen & 1) && atomic_load_explicit(&slot->sequence, memory_order_acquire) == seen)
            sched_yield();
    }
    while (atomic_load(&epoch.without_slot))
        sched_yield();
}

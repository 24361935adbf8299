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
#include <stddef.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kfd.h"

static struct {
    pthread_once_t once;
    bool key_made;
    pthread_key_t key;
    struct hs_epoch_slot *slots;       /* atomic */
    atomic_uint_fast64_t without_slot; /* readers that found no memory for one */
} epoch = {.once = PTHREAD_ONCE_INIT};

__thread struct hs_epoch_slot *hs_epoch_self;
bool hs_epoch_readers_fence;

_Static_assert(sizeof(struct hs_epoch_slot) == 128, "no two slots share a cache line");

static void thread_ends(void *slot)
{
    __atomic_store_n(&((struct hs_epoch_slot *)slot)->taken, false, __ATOMIC_RELEASE);
}

static void init(void)
{
    /* The key is never deleted: the library stays in the process (-z nodelete). */
    hs_epoch_readers_fence =
        syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) != 0;
    epoch.key_made = pthread_key_create(&epoch.key, thread_ends) == 0;
}

static struct hs_epoch_slot *get_slot(void)
{
    struct hs_epoch_slot *slot, *head;
    bool no;

    for (slot = __atomic_load_n(&epoch.slots, __ATOMIC_ACQUIRE); slot; slot = slot->next) {
        no = false;
        if (!__atomic_load_n(&slot->taken, __ATOMIC_RELAXED) &&
            __atomic_compare_exchange_n(&slot->taken, &no, true, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_RELAXED))
            break;
    }
    if (!slot && epoch.key_made) {
        slot = aligned_alloc(64, sizeof(*slot));
        if (slot) {
            *slot = (struct hs_epoch_slot){.taken = true};
            head = __atomic_load_n(&epoch.slots, __ATOMIC_RELAXED);
            do
                slot->next = head;
            while (!__atomic_compare_exchange_n(&epoch.slots, &head, slot, false, __ATOMIC_SEQ_CST,
                                                __ATOMIC_RELAXED));
        }
    }
    if (slot && pthread_setspecific(epoch.key, slot)) {
        thread_ends(slot);
        slot = NULL;
    }
    return slot;
}

struct hs_epoch_slot *hs_epoch_enter_first(void)
{
    pthread_once(&epoch.once, init);
    hs_epoch_self = get_slot();
    if (hs_epoch_self)
        return hs_epoch_enter();
    atomic_fetch_add(&epoch.without_slot, 1);
    return NULL;
}

void hs_epoch_fence(void)
{
    atomic_thread_fence(memory_order_seq_cst);
}

void hs_epoch_exit_without_slot(void)
{
    atomic_fetch_sub(&epoch.without_slot, 1);
}

void hs_epoch_wait(void)
{
    pthread_once(&epoch.once, init);
    if (hs_kfd_check_process()) /* the other threads, and their sections, stayed in the parent */
        return;
    if (hs_epoch_readers_fence)
        atomic_thread_fence(memory_order_seq_cst);
    else
        syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
    for (struct hs_epoch_slot *slot = __atomic_load_n(&epoch.slots, __ATOMIC_SEQ_CST); slot;
         slot = slot->next) {
        uint64_t seen = __atomic_load_n(&slot->sequence, __ATOMIC_ACQUIRE);

        while ((seen & 1) && __atomic_load_n(&slot->sequence, __ATOMIC_ACQUIRE) == seen)
            sched_yield();
    }
    while (atomic_load(&epoch.without_slot))
        sched_yield();
}

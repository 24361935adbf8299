/* SPDX-License-Identifier: MIT */
/*
 * An array of windows sorted by device address, under one lock (registry.h). Windows of live pools
 * never overlap; one that is being removed may overlap a new one, because its addresses are free
 * already.
 */
#include "registry.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>

#include "error.h"
#include "pool.h"
#include "sys.h"

struct entry {
    uint64_t start, end;
    struct hs_pool *pool;
    bool leaving;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct entry *entries;
static size_t count, room;

/* Index of the first entry that starts above address. */
static size_t upper_bound(uint64_t address)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (entries[middle].start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct entry *find_live(uint64_t address)
{
    size_t i = upper_bound(address);

    while (i > 0 && entries[i - 1].leaving)
        i--;
    return i > 0 && address < entries[i - 1].end ? &entries[i - 1] : NULL;
}

static struct entry *find_pool(const struct hs_pool *pool)
{
    size_t i = upper_bound(pool->gpu_base);

    while (entries[i - 1].pool != pool)
        i--;
    return &entries[i - 1];
}

static int make_room(void)
{
    size_t more = room ? 2 * room : 16;
    struct entry *bigger;

    if (count < room)
        return 0;
    bigger = hs_sys.alloc(more * sizeof(*bigger));
    if (!bigger)
        return hs_error(-ENOMEM, "no memory to remember the pool");
    if (count)
        memcpy(bigger, entries, count * sizeof(*entries));
    hs_sys.free(entries);
    entries = bigger;
    room = more;
    return 0;
}

int hs_registry_add(struct hs_pool *pool)
{
    size_t at;
    int err;

    pthread_mutex_lock(&lock);
    err = make_room();
    if (!err) {
        at = upper_bound(pool->gpu_base);
        memmove(&entries[at + 1], &entries[at], (count - at) * sizeof(*entries));
        entries[at] = (struct entry){.start = pool->gpu_base,
                                     .end = pool->gpu_base + pool->ranges.window_bytes,
                                     .pool = pool};
        count++;
    }
    pthread_mutex_unlock(&lock);
    return err;
}

struct hs_pool *hs_registry_find(uint64_t address)
{
    struct hs_pool *pool = NULL;
    struct entry *entry;

    pthread_mutex_lock(&lock);
    entry = find_live(address);
    if (entry) {
        pool = entry->pool;
        __atomic_fetch_add(&pool->users, 1, __ATOMIC_ACQUIRE);
    }
    pthread_mutex_unlock(&lock);
    return pool;
}

void hs_registry_release(struct hs_pool *pool)
{
    __atomic_fetch_sub(&pool->users, 1, __ATOMIC_RELEASE);
}

struct hs_pool *hs_registry_begin_removal(uint64_t address)
{
    struct hs_pool *pool = NULL;
    struct entry *entry;

    pthread_mutex_lock(&lock);
    entry = find_live(address);
    if (entry) {
        pool = entry->pool;
        entry->leaving = true;
    }
    pthread_mutex_unlock(&lock);
    while (pool && __atomic_load_n(&pool->users, __ATOMIC_ACQUIRE))
        sched_yield();
    return pool;
}

void hs_registry_end_removal(struct hs_pool *pool)
{
    struct entry *entry;

    pthread_mutex_lock(&lock);
    entry = find_pool(pool);
    memmove(entry, entry + 1, (size_t)(&entries[count] - (entry + 1)) * sizeof(*entries));
    if (--count == 0) {
        hs_sys.free(entries);
        entries = NULL;
        room = 0;
    }
    pthread_mutex_unlock(&lock);
}

void hs_registry_cancel_removal(struct hs_pool *pool)
{
    pthread_mutex_lock(&lock);
    find_pool(pool)->leaving = false;
    pthread_mutex_unlock(&lock);
}

size_t hs_registry_count(void)
{
    size_t live = 0;

    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < count; i++)
        live += !entries[i].leaving;
    pthread_mutex_unlock(&lock);
    return live;
}

/* SPDX-License-Identifier: MIT */
/*
 * A table of windows that is never changed in place but for one word per window, its state
 * (registry.h). Adding makes a new table; readers use whichever they found, inside of a read
 * section. Windows of live pools never overlap; one that is being removed may overlap a new one,
 * because its addresses are free already.
 */
#include "registry.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "epoch.h"
#include "error.h"
#include "pool.h"
#include "sys.h"

/* A pool's state in the table: its address; with LEAVING added, in removal; 0, gone. */
#define LEAVING ((uintptr_t)1)

struct entry {
    uint64_t start, end;         /* device */
    uint64_t host_low, host_end; /* lowest and highest host address of all its runs */
    atomic_uintptr_t state;
};

struct host_entry {
    uint64_t low, highest_end; /* of this entry and all before it */
    uint32_t entry;
};

struct table {
    size_t count;            /* entries by ascending start */
    struct host_entry *host; /* the same by ascending host_low */
    struct entry entries[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* writers */
static _Atomic(struct table *) current;
static size_t live, dead; /* entries of the current table, by writers */

static struct hs_pool *pool_of(const struct entry *entry)
{
    uintptr_t state = atomic_load_explicit(&entry->state, memory_order_acquire);

    return state & LEAVING ? NULL : (struct hs_pool *)state;
}

/* Index of the first entry that starts above address. */
static size_t upper_bound(const struct table *table, uint64_t address)
{
    const struct entry *base = table->entries;
    size_t left = table->count;

    while (left) {
        size_t half = left / 2;

        if (base[half].start <= address) {
            base += half + 1;
            left -= half + 1;
        } else {
            left = half;
        }
    }
    return (size_t)(base - table->entries);
}

/* The live entry whose window contains address; entries that are leaving are stepped over. */
static struct entry *find_live(struct table *table, uint64_t address)
{
    size_t i = table ? upper_bound(table, address) : 0;

    for (; i > 0; i--) {
        struct entry *entry = &table->entries[i - 1];

        if (pool_of(entry))
            return address < entry->end ? entry : NULL;
    }
    return NULL;
}

/* The entry of a pool that is leaving. By writers. */
static struct entry *find_leaving(const struct hs_pool *pool)
{
    struct table *table = atomic_load(&current);
    size_t i = upper_bound(table, pool->gpu_base);

    while (atomic_load(&table->entries[i - 1].state) != ((uintptr_t)pool | LEAVING))
        i--;
    return &table->entries[i - 1];
}

static struct table *table_new(size_t count)
{
    size_t bytes =
        sizeof(struct table) + count * (sizeof(struct entry) + sizeof(struct host_entry));
    struct table *table = hs_sys.alloc(bytes);

    if (!table) {
        hs_error(-ENOMEM, "no memory to remember %zu pools", count);
        return NULL;
    }
    table->count = 0;
    table->host = (struct host_entry *)&table->entries[count];
    return table;
}

static void copy_entry(struct table *to, const struct entry *from, uintptr_t state)
{
    struct entry *entry = &to->entries[to->count++];

    *entry = (struct entry){.start = from->start,
                            .end = from->end,
                            .host_low = from->host_low,
                            .host_end = from->host_end};
    atomic_init(&entry->state, state);
}

/* Where each entry of the old table went, so that the order by host address need not be sorted
 * again. */
static void fill_host(struct table *to, const struct table *from, const uint32_t *moved,
                      uint32_t added)
{
    uint64_t highest = 0;
    size_t filled = 0, left = from ? from->count : 0;
    bool placed = added == UINT32_MAX;

    for (size_t i = 0; i < left || !placed; i++) {
        uint32_t entry = i < left ? moved[from->host[i].entry] : UINT32_MAX;

        if (!placed && (i >= left || (entry != UINT32_MAX &&
                                      to->entries[entry].host_low > to->entries[added].host_low))) {
            highest = to->entries[added].host_end > highest ? to->entries[added].host_end : highest;
            to->host[filled++] = (struct host_entry){to->entries[added].host_low, highest, added};
            placed = true;
        }
        if (entry == UINT32_MAX)
            continue;
        highest = to->entries[entry].host_end > highest ? to->entries[entry].host_end : highest;
        to->host[filled++] = (struct host_entry){to->entries[entry].host_low, highest, entry};
    }
}

/* A new table without what is gone and with one more pool, unless that is null. By writers. */
static int rebuild(struct hs_pool *pool)
{
    struct table *old = atomic_load(&current), *table;
    size_t count = old ? old->count : 0, at = 0;
    uint32_t *moved = NULL, added = UINT32_MAX;
    struct entry mine = {0};

    table = table_new(count + 1);
    if (table && count)
        moved = hs_sys.alloc(count * sizeof(*moved));
    if (!table || (count && !moved)) {
        hs_sys.free(table);
        return hs_error(-ENOMEM, "no memory to remember %zu pools", count + 1);
    }
    if (pool) {
        mine.start = pool->gpu_base;
        mine.end = pool->gpu_base + pool->ranges.window_bytes;
        mine.host_low = pool->ranges.lowest;
        mine.host_end = pool->ranges.highest;
        at = old ? upper_bound(old, mine.start) : 0;
    }
    for (size_t i = 0; i <= count; i++) {
        uintptr_t state = i < count ? atomic_load(&old->entries[i].state) : 0;

        if (pool && i == at) {
            added = (uint32_t)table->count;
            copy_entry(table, &mine, (uintptr_t)pool);
        }
        if (i == count)
            break;
        moved[i] = state ? (uint32_t)table->count : UINT32_MAX;
        if (state)
            copy_entry(table, &old->entries[i], state);
    }
    fill_host(table, old, moved, added);
    atomic_store(&current, table);
    dead = 0;
    hs_epoch_wait();
    hs_sys.free(moved);
    hs_sys.free(old);
    return 0;
}

int hs_registry_add(struct hs_pool *pool)
{
    int err;

    pthread_mutex_lock(&lock);
    err = rebuild(pool);
    live += !err;
    pthread_mutex_unlock(&lock);
    return err;
}

struct hs_pool *hs_registry_peek(uint64_t address)
{
    struct entry *entry = find_live(atomic_load_explicit(&current, memory_order_acquire), address);

    return entry ? pool_of(entry) : NULL;
}

struct hs_pool *hs_registry_find(uint64_t address)
{
    struct hs_pool *pool;

    hs_epoch_enter();
    pool = hs_registry_peek(address);
    if (pool)
        hs_registry_hold(pool);
    hs_epoch_exit();
    return pool;
}

void hs_registry_hold(struct hs_pool *pool)
{
    __atomic_fetch_add(&pool->users, 1, __ATOMIC_ACQUIRE);
}

void hs_registry_release(struct hs_pool *pool)
{
    __atomic_fetch_sub(&pool->users, 1, __ATOMIC_RELEASE);
}

/* One past the last host entry that starts at or below address. */
static size_t host_upper_bound(const struct table *table, uint64_t address)
{
    size_t low = 0, high = table->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (table->host[middle].low <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct hs_pool *hs_registry_peek_host(uint64_t address, struct hs_registry_cursor *cursor)
{
    const struct table *table = cursor->table;

    if (!table) {
        table = atomic_load_explicit(&current, memory_order_acquire);
        if (!table)
            return NULL;
        cursor->table = table;
        cursor->position = host_upper_bound(table, address);
    }
    while (cursor->position > 0) {
        const struct host_entry *host = &table->host[--cursor->position];
        const struct entry *entry = &table->entries[host->entry];
        struct hs_pool *pool = pool_of(entry);

        if (host->highest_end <= address)
            break;
        if (pool && address < entry->host_end)
            return pool;
    }
    return NULL;
}

static void wait_for_users(const struct hs_pool *pool)
{
    const struct timespec nap = {.tv_nsec = 50000};

    for (unsigned i = 0; __atomic_load_n(&pool->users, __ATOMIC_ACQUIRE); i++) {
        if (i < 100)
            sched_yield();
        else
            nanosleep(&nap, NULL);
    }
}

struct hs_pool *hs_registry_begin_removal(uint64_t address)
{
    struct hs_pool *pool = NULL;
    struct entry *entry;

    pthread_mutex_lock(&lock);
    entry = find_live(atomic_load(&current), address);
    if (entry) {
        pool = pool_of(entry);
        atomic_store(&entry->state, (uintptr_t)pool | LEAVING);
        live--;
    }
    pthread_mutex_unlock(&lock);
    if (pool) {
        hs_epoch_wait();
        wait_for_users(pool);
    }
    return pool;
}

void hs_registry_end_removal(struct hs_pool *pool)
{
    struct table *old = NULL;

    pthread_mutex_lock(&lock);
    atomic_store(&find_leaving(pool)->state, 0);
    dead++;
    if (dead == atomic_load(&current)->count) {
        old = atomic_load(&current);
        atomic_store(&current, NULL);
        dead = 0;
        hs_epoch_wait();
        hs_sys.free(old);
    } else if (dead > live + 64) {
        rebuild(NULL); /* without memory the old table goes on serving */
    }
    pthread_mutex_unlock(&lock);
}

void hs_registry_cancel_removal(struct hs_pool *pool)
{
    pthread_mutex_lock(&lock);
    atomic_store(&find_leaving(pool)->state, (uintptr_t)pool);
    live++;
    pthread_mutex_unlock(&lock);
}

size_t hs_registry_count(void)
{
    size_t count;

    pthread_mutex_lock(&lock);
    count = live;
    pthread_mutex_unlock(&lock);
    return count;
}

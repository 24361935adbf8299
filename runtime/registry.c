/* SPDX-License-Identifier: MIT */
/*
 * The maps of the live pools (registry.h): by window, by the span of their host memory, and by the
 * address at which the CPU sees the window, for those that have one. A map is a sorted array of
 * sorted chunks; changing it replaces one chunk and the small array, and readers use whichever they
 * found, inside of a read section. Only a slot's state changes in place. Windows of live pools
 * never overlap; one that is being removed may overlap a new one, because its addresses are free
 * already. Host spans overlap as they like.
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

/* A pool's state in a slot: its address; with LEAVING added, in removal; 0, gone. */
#define LEAVING ((uintptr_t)1)

/* Adding copies one chunk and the array of all chunks: alike in size at some thousand pools. */
#define CHUNK_SLOTS 64u

struct slot {
    uint64_t start, end;
    uint64_t highest; /* end of this slot and of all before it in the chunk */
    atomic_uintptr_t state;
};

struct chunk {
    size_t count;
    struct slot slots[];
};

struct head {
    uint64_t start;   /* of the chunk's first slot */
    uint64_t end;     /* highest of the chunk's slots */
    uint64_t highest; /* end of this chunk and of all before it */
    struct chunk *chunk;
};

struct map {
    size_t count;
    struct head heads[];
};

#define MAPS (HS_BY_HOST_WINDOW + 1)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* writers */
static _Atomic(struct map *) maps[MAPS];
static size_t live;

uint64_t hs_registry_version = 1;

/* What one change of a map puts in and takes out. Not yet visible, or visible no more. */
struct change {
    struct map *map;
    struct chunk *chunks[2];
};

static struct hs_pool *pool_of(const struct slot *slot)
{
    uintptr_t state = atomic_load_explicit(&slot->state, memory_order_acquire);

    return state & LEAVING ? NULL : (struct hs_pool *)state;
}

/* How many of the things that begin with their start, in order, start at or below an address. */
static inline size_t starts_upto(const uint64_t *first, size_t bytes_each, size_t left,
                                 uint64_t address)
{
    const char *starts = (const char *)first;
    size_t low = 0;

    while (left) {
        size_t half = left / 2;
        bool below =
            *(const uint64_t *)(const void *)(starts + (low + half) * bytes_each) <= address;

        low += below ? half + 1 : 0;
        left = below ? left - half - 1 : half;
    }
    return low;
}

static size_t heads_upto(const struct map *map, uint64_t address)
{
    return starts_upto(&map->heads[0].start, sizeof(map->heads[0]), map->count, address);
}

static size_t slots_upto(const struct chunk *chunk, uint64_t address)
{
    return starts_upto(&chunk->slots[0].start, sizeof(chunk->slots[0]), chunk->count, address);
}

/* Steps down from the last slot that starts at or below an address, as long as one may reach it. */
static struct hs_pool *next_pool(struct hs_registry_cursor *cursor, uint64_t address)
{
    const struct map *map = cursor->map;

    for (;;) {
        const struct chunk *chunk = map->heads[cursor->head].chunk;

        while (cursor->slot > 0) {
            const struct slot *slot = &chunk->slots[--cursor->slot];
            struct hs_pool *pool;

            if (slot->highest <= address)
                break;
            pool = pool_of(slot);
            if (pool && address < slot->end)
                return pool;
        }
        if (!cursor->head || map->heads[--cursor->head].highest <= address) {
            cursor->head = 0;
            cursor->slot = 0;
            return NULL;
        }
        cursor->slot = map->heads[cursor->head].chunk->count;
    }
}

/* Whether no other slot reaches into the span of the one at a cursor. */
static bool is_alone(const struct hs_registry_cursor *at)
{
    const struct map *map = at->map;
    const struct chunk *chunk = map->heads[at->head].chunk;
    const struct slot *slot = &chunk->slots[at->slot];

    if ((at->head && map->heads[at->head - 1].highest > slot->start) ||
        (at->slot && slot[-1].highest > slot->start))
        return false;
    if (at->slot + 1 < chunk->count)
        return slot[1].start >= slot->end;
    return at->head + 1 == map->count || map->heads[at->head + 1].start >= slot->end;
}

/* version: from before the map was read. */
static void remember(int which, const struct hs_registry_cursor *at, struct hs_pool *pool,
                     uint64_t version)
{
    const struct map *map = at->map;
    const struct slot *slot = &map->heads[at->head].chunk->slots[at->slot];

    if (which <= HS_BY_HOST && hs_epoch_self && is_alone(at))
        hs_epoch_self->found[which] = (struct hs_epoch_found){
            .version = version, .start = slot->start, .bytes = slot->end - slot->start, pool};
}

static struct hs_pool *first_pool(int which, struct hs_registry_cursor *cursor, uint64_t address)
{
    uint64_t version = __atomic_load_n(&hs_registry_version, __ATOMIC_ACQUIRE);
    const struct map *map = atomic_load_explicit(&maps[which], memory_order_acquire);
    struct hs_pool *pool;

    cursor->map = map;
    cursor->head = map ? heads_upto(map, address) : 0;
    if (!cursor->head)
        return NULL;
    cursor->slot = slots_upto(map->heads[--cursor->head].chunk, address);
    pool = next_pool(cursor, address);
    if (pool)
        remember(which, cursor, pool, version);
    return pool;
}

struct hs_pool *hs_registry_peek(uint64_t address)
{
    struct hs_registry_cursor cursor;

    return first_pool(HS_BY_WINDOW, &cursor, address);
}

struct hs_pool *hs_registry_peek_host_window(uint64_t address)
{
    struct hs_registry_cursor cursor;

    return first_pool(HS_BY_HOST_WINDOW, &cursor, address);
}

struct hs_pool *hs_registry_peek_host(uint64_t address, struct hs_registry_cursor *cursor)
{
    if (!cursor->map)
        return first_pool(HS_BY_HOST, cursor, address);
    return next_pool(cursor, address);
}

static struct chunk *chunk_new(size_t count)
{
    struct chunk *chunk = hs_sys.alloc(sizeof(*chunk) + count * sizeof(struct slot));

    if (chunk)
        chunk->count = 0;
    return chunk;
}

static void push(struct chunk *chunk, uint64_t start, uint64_t end, uintptr_t state)
{
    uint64_t before = chunk->count ? chunk->slots[chunk->count - 1].highest : 0;
    struct slot *slot = &chunk->slots[chunk->count++];

    slot->start = start;
    slot->end = end;
    slot->highest = end > before ? end : before;
    atomic_init(&slot->state, state);
}

static void span_of(const struct hs_pool *pool, int which, uint64_t *start, uint64_t *end)
{
    if (which == HS_BY_HOST) {
        *start = pool->ranges.lowest;
        *end = pool->ranges.highest;
        return;
    }
    *start = which == HS_BY_WINDOW ? pool->gpu_base : pool->host_base;
    *end = *start + pool->ranges.window_bytes;
}

static bool belongs_in(const struct hs_pool *pool, int which)
{
    return which != HS_BY_HOST_WINDOW || pool->host_base;
}

static size_t count_present(const struct chunk *chunk)
{
    size_t count = 0;

    for (size_t i = 0; i < chunk->count; i++)
        count += atomic_load_explicit(&chunk->slots[i].state, memory_order_relaxed) != 0;
    return count;
}

static void free_change(struct change *change)
{
    hs_sys.free(change->chunks[0]);
    hs_sys.free(change->chunks[1]);
    hs_sys.free(change->map);
}

/* What is there of a chunk (or nothing, of null) and one more pool (unless null), in at most two.
 */
static int copy_slots(struct change *to, const struct chunk *from, int which,
                      const struct hs_pool *pool)
{
    size_t count = (from ? count_present(from) : 0) + !!pool, half, at = 0, done = 0;
    uint64_t start = 0, end = 0;

    if (pool) {
        span_of(pool, which, &start, &end);
        at = from ? slots_upto(from, start) : 0;
    }
    half = count > CHUNK_SLOTS ? count / 2 : count;
    for (size_t i = 0; i < 2 && (i ? count - half : half); i++) {
        to->chunks[i] = chunk_new(i ? count - half : half);
        if (!to->chunks[i])
            return -ENOMEM;
    }
    for (size_t i = 0; i <= (from ? from->count : 0); i++) {
        uintptr_t state = from && i < from->count ? atomic_load(&from->slots[i].state) : 0;

        if (pool && i == at)
            push(to->chunks[done++ >= half], start, end, (uintptr_t)pool);
        if (state)
            push(to->chunks[done++ >= half], from->slots[i].start, from->slots[i].end, state);
    }
    return 0;
}

/* Prepares a map in which the chunks of change stand for chunk number at, if that is one. Reads no
 * other chunk: at thousands of pools each would be a cache miss. */
static int copy_heads(struct change *change, const struct map *from, size_t at)
{
    size_t old = from ? from->count : 0, after = at < old ? old - at - 1 : 0;
    size_t added = (size_t) !!change->chunks[0] + !!change->chunks[1], count = at + added + after;
    struct head *heads;
    uint64_t highest = 0;

    if (!count)
        return 0;
    change->map = hs_sys.alloc(sizeof(*change->map) + count * sizeof(struct head));
    if (!change->map)
        return -ENOMEM;
    change->map->count = count;
    heads = change->map->heads;
    if (from && at) {
        memcpy(heads, from->heads, at * sizeof(*heads));
        highest = heads[at - 1].highest;
    }
    for (size_t k = 0; k < 2 && change->chunks[k]; k++) {
        struct chunk *chunk = change->chunks[k];

        heads[at + k] = (struct head){.start = chunk->slots[0].start,
                                      .end = chunk->slots[chunk->count - 1].highest,
                                      .chunk = chunk};
    }
    if (from && after)
        memcpy(&heads[at + added], &from->heads[at + 1], after * sizeof(*heads));
    for (size_t i = at; i < count; i++) {
        highest = heads[i].end > highest ? heads[i].end : highest;
        heads[i].highest = highest;
    }
    return 0;
}

/* Prepares the exchange of one chunk. -ENOMEM: nothing is prepared. */
static int prepare(struct change *change, int which, size_t at, const struct hs_pool *pool)
{
    const struct map *map = atomic_load(&maps[which]);
    const struct chunk *chunk = map && at < map->count ? map->heads[at].chunk : NULL;
    int err;

    memset(change, 0, sizeof(*change));
    err = copy_slots(change, chunk, which, pool);
    if (!err)
        err = copy_heads(change, map, at);
    if (err) {
        free_change(change);
        memset(change, 0, sizeof(*change));
    }
    return err;
}

/* Makes a change visible; change then holds what nobody finds any more, for free_change(). */
static void publish(struct change *change, int which, size_t at)
{
    struct map *old = atomic_load(&maps[which]);

    atomic_store(&maps[which], change->map);
    change->map = old;
    change->chunks[0] = old && at < old->count ? old->heads[at].chunk : NULL;
    change->chunks[1] = NULL;
}

/* The chunk that an address belongs to. */
static size_t chunk_for(int which, uint64_t address)
{
    const struct map *map = atomic_load(&maps[which]);
    size_t upto = map ? heads_upto(map, address) : 0;

    return upto ? upto - 1 : 0;
}

/* After a change, by writers: nobody trusts what was found before. */
static void new_version(void)
{
    __atomic_store_n(&hs_registry_version, hs_registry_version + 1, __ATOMIC_RELEASE);
}

int hs_registry_add(struct hs_pool *pool)
{
    struct change changes[MAPS] = {0};
    size_t at[MAPS];
    int err = 0;

    pthread_mutex_lock(&lock);
    for (int m = 0; m < MAPS && !err; m++) {
        uint64_t start, end;

        if (!belongs_in(pool, m))
            continue;
        span_of(pool, m, &start, &end);
        at[m] = chunk_for(m, start);
        err = prepare(&changes[m], m, at[m], pool);
    }
    if (!err) {
        for (int m = 0; m < MAPS; m++) {
            if (belongs_in(pool, m))
                publish(&changes[m], m, at[m]);
        }
        live++;
        new_version();
        hs_epoch_wait();
    }
    for (int m = 0; m < MAPS; m++)
        free_change(&changes[m]);
    if (err)
        hs_error(err, "no memory to remember %zu pools", live + 1);
    pthread_mutex_unlock(&lock);
    return err;
}

/* The slot of a pool in a map, which is there; at: its chunk. By writers. */
static struct slot *find_slot(int which, const struct hs_pool *pool, size_t *at)
{
    const struct map *map = atomic_load(&maps[which]);
    uint64_t start, end;
    size_t slot;

    span_of(pool, which, &start, &end);
    *at = chunk_for(which, start);
    slot = slots_upto(map->heads[*at].chunk, start);
    for (;;) {
        struct chunk *chunk = map->heads[*at].chunk;

        while (slot-- > 0) {
            if ((atomic_load(&chunk->slots[slot].state) & ~LEAVING) == (uintptr_t)pool)
                return &chunk->slots[slot];
        }
        slot = map->heads[--*at].chunk->count;
    }
}

static void set_state(const struct hs_pool *pool, uintptr_t state)
{
    size_t at;

    for (int m = 0; m < MAPS; m++) {
        if (belongs_in(pool, m))
            atomic_store(&find_slot(m, pool, &at)->state, state);
    }
}

struct hs_pool *hs_registry_find(uint64_t address)
{
    struct hs_epoch_slot *slot = hs_epoch_enter();
    struct hs_pool *pool = hs_registry_peek(address);

    if (pool)
        hs_registry_hold(pool);
    hs_epoch_exit(slot);
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
    struct hs_pool *pool;

    pthread_mutex_lock(&lock);
    pool = hs_registry_peek(address);
    if (pool) {
        set_state(pool, (uintptr_t)pool | LEAVING);
        new_version();
        live--;
    }
    pthread_mutex_unlock(&lock);
    if (pool) {
        hs_epoch_wait();
        wait_for_users(pool);
    }
    return pool;
}

/* Takes a pool's slots out where more than half of its chunk is gone; elsewhere the next pool that
 * is added to the chunk does. Without memory the old chunk goes on serving. */
void hs_registry_end_removal(struct hs_pool *pool)
{
    struct change changes[MAPS] = {0};
    bool changed = false;

    pthread_mutex_lock(&lock);
    for (int m = 0; m < MAPS; m++) {
        const struct chunk *chunk;
        size_t at;

        if (!belongs_in(pool, m))
            continue;
        atomic_store(&find_slot(m, pool, &at)->state, 0);
        chunk = atomic_load(&maps[m])->heads[at].chunk;
        if (count_present(chunk) * 2 < chunk->count && !prepare(&changes[m], m, at, NULL)) {
            publish(&changes[m], m, at);
            changed = true;
        }
    }
    if (changed)
        hs_epoch_wait();
    for (int m = 0; m < MAPS; m++)
        free_change(&changes[m]);
    pthread_mutex_unlock(&lock);
}

void hs_registry_cancel_removal(struct hs_pool *pool)
{
    pthread_mutex_lock(&lock);
    set_state(pool, (uintptr_t)pool);
    new_version();
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

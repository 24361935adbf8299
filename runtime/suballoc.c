/* SPDX-License-Identifier: MIT */
/*
 * Two-level segregated fit over numbers (suballoc.h). A block is a node in an array; nodes of one
 * span are linked in address order, free ones also in the list of their size class, live ones in a
 * hash table by start. All sizes in here are in granules. Touches nothing but its own memory.
 */
#include "suballoc.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "sys.h"

#define NIL UINT32_MAX
#define SL_BITS 5u /* 32 classes between two powers of two: a search overlooks at most 1/32 */
#define SL_COUNT (1u << SL_BITS)
#define FL_COUNT (64u - 8u - SL_BITS + 1u) /* a size has at most 64 - log2(granule) bits */
#define FIRST_CAPACITY 64u

struct node {
    uint64_t start;                /* granules from the span's start */
    uint64_t size;                 /* granules */
    uint64_t requested;            /* bytes; 0: the block is free */
    uint32_t prev_phys, next_phys; /* neighbours in address order */
    uint32_t prev, next; /* free: class list. Live: next is the hash chain. Unused: next */
};

struct hs_suballoc {
    uint64_t base; /* the span's first granule, as a number */
    uint64_t size; /* granules */
    uint64_t allocated, peak, requested;
    uint64_t block_count, free_count;
    struct node *nodes;
    uint32_t *buckets; /* capacity of them: a power of two */
    uint32_t capacity; /* nodes and buckets */
    uint32_t unused;   /* list of unused nodes */
    uint32_t unused_count;
    uint32_t first; /* lowest block, NIL if the span is empty */
    uint64_t fl_bitmap;
    uint32_t sl_bitmap[FL_COUNT];
    uint32_t heads[FL_COUNT][SL_COUNT];
};

struct size_class {
    uint32_t fl, sl;
};

/* The class whose members are all at least as large as its lower bound, and which size belongs to.
 */
static struct size_class class_of(uint64_t size)
{
    uint32_t log2;

    if (size < SL_COUNT)
        return (struct size_class){0, (uint32_t)size};
    log2 = 63u - (uint32_t)__builtin_clzll(size);
    return (struct size_class){log2 - SL_BITS + 1u,
                               (uint32_t)(size >> (log2 - SL_BITS)) & (SL_COUNT - 1u)};
}

/* The lowest class of which every member holds size. */
static struct size_class class_above(uint64_t size)
{
    if (size >= SL_COUNT)
        size += (1ull << (63u - (uint32_t)__builtin_clzll(size) - SL_BITS)) - 1u;
    return class_of(size);
}

/* Some block of class c or a higher one; NIL if there is none. */
static uint32_t find_free(const struct hs_suballoc *sa, struct size_class c)
{
    uint64_t fl_map;
    uint32_t sl_map;

    if (c.fl >= FL_COUNT)
        return NIL;
    sl_map = sa->sl_bitmap[c.fl] & (UINT32_MAX << c.sl);
    if (!sl_map) {
        fl_map = sa->fl_bitmap & (UINT64_MAX << c.fl << 1);
        if (!fl_map)
            return NIL;
        c.fl = (uint32_t)__builtin_ctzll(fl_map);
        sl_map = sa->sl_bitmap[c.fl];
    }
    return sa->heads[c.fl][__builtin_ctz(sl_map)];
}

static void list_insert(struct hs_suballoc *sa, uint32_t index)
{
    struct node *node = &sa->nodes[index];
    struct size_class c = class_of(node->size);
    uint32_t *head = &sa->heads[c.fl][c.sl];

    node->requested = 0;
    node->prev = NIL;
    node->next = *head;
    if (*head != NIL)
        sa->nodes[*head].prev = index;
    *head = index;
    sa->sl_bitmap[c.fl] |= 1u << c.sl;
    sa->fl_bitmap |= 1ull << c.fl;
    sa->free_count++;
}

static void list_remove(struct hs_suballoc *sa, uint32_t index)
{
    const struct node *node = &sa->nodes[index];
    struct size_class c = class_of(node->size);

    if (node->next != NIL)
        sa->nodes[node->next].prev = node->prev;
    if (node->prev != NIL) {
        sa->nodes[node->prev].next = node->next;
    } else {
        sa->heads[c.fl][c.sl] = node->next;
        if (node->next == NIL) {
            sa->sl_bitmap[c.fl] &= ~(1u << c.sl);
            if (!sa->sl_bitmap[c.fl])
                sa->fl_bitmap &= ~(1ull << c.fl);
        }
    }
    sa->free_count--;
}

static uint32_t *bucket_of(const struct hs_suballoc *sa, uint64_t start)
{
    /* Fibonacci hashing: the high bits of the product depend on every bit of the key. */
    uint32_t hash = (uint32_t)((start * 0x9e3779b97f4a7c15ull) >> 32);

    return &sa->buckets[hash & (sa->capacity - 1u)];
}

static void hash_insert(struct hs_suballoc *sa, uint32_t index)
{
    uint32_t *bucket = bucket_of(sa, sa->nodes[index].start);

    sa->nodes[index].next = *bucket;
    *bucket = index;
}

static void hash_remove(struct hs_suballoc *sa, uint32_t index)
{
    uint32_t *link = bucket_of(sa, sa->nodes[index].start);

    while (*link != index)
        link = &sa->nodes[*link].next;
    *link = sa->nodes[index].next;
}

/* The live block that starts at a number; NIL if none does. */
static uint32_t hash_find(const struct hs_suballoc *sa, uint64_t number)
{
    uint64_t start = (number - sa->base) / HS_SUBALLOC_GRANULE;
    uint32_t index;

    if (number < sa->base || number % HS_SUBALLOC_GRANULE || start >= sa->size)
        return NIL;
    for (index = *bucket_of(sa, start); index != NIL; index = sa->nodes[index].next)
        if (sa->nodes[index].start == start)
            break;
    return index;
}

/* Doubles the bookkeeping. -ENOMEM with nothing changed. */
static int grow(struct hs_suballoc *sa)
{
    uint32_t old = sa->capacity, capacity = old ? 2u * old : FIRST_CAPACITY;
    struct node *nodes;
    uint32_t *buckets;

    if (capacity > NIL / 2u)
        return -ENOMEM;
    nodes = hs_sys.alloc(capacity * sizeof(*nodes));
    buckets = hs_sys.alloc(capacity * sizeof(*buckets));
    if (!nodes || !buckets) {
        hs_sys.free(nodes);
        hs_sys.free(buckets);
        return -ENOMEM;
    }
    if (old)
        memcpy(nodes, sa->nodes, old * sizeof(*nodes));
    hs_sys.free(sa->nodes);
    hs_sys.free(sa->buckets);
    sa->nodes = nodes;
    sa->buckets = buckets;
    sa->capacity = capacity;

    memset(buckets, 0xff, capacity * sizeof(*buckets)); /* NIL */
    for (uint32_t i = old ? sa->first : NIL; i != NIL; i = nodes[i].next_phys)
        if (nodes[i].requested)
            hash_insert(sa, i);
    for (uint32_t i = capacity; i-- > old;) {
        nodes[i].next = sa->unused;
        sa->unused = i;
    }
    sa->unused_count += capacity - old;
    return 0;
}

static uint32_t node_take(struct hs_suballoc *sa)
{
    uint32_t index = sa->unused;

    sa->unused = sa->nodes[index].next;
    sa->unused_count--;
    return index;
}

static void node_give(struct hs_suballoc *sa, uint32_t index)
{
    sa->nodes[index].next = sa->unused;
    sa->unused = index;
    sa->unused_count++;
}

int hs_suballoc_create(struct hs_suballoc **result, uint64_t start, uint64_t bytes)
{
    uint64_t mask = HS_SUBALLOC_GRANULE - 1u, lead = -start & mask;
    struct hs_suballoc *sa;
    int err;

    if (start + bytes < start)
        return -EINVAL;
    sa = hs_sys.alloc(sizeof(*sa));
    if (!sa)
        return -ENOMEM;
    memset(sa, 0, sizeof(*sa));
    memset(sa->heads, 0xff, sizeof(sa->heads)); /* NIL */
    sa->unused = NIL;
    sa->first = NIL;
    sa->base = start + lead;
    sa->size = bytes > lead ? (bytes - lead) / HS_SUBALLOC_GRANULE : 0;
    err = grow(sa);
    if (err) {
        hs_sys.free(sa);
        return err;
    }
    if (sa->size) {
        sa->first = node_take(sa);
        sa->nodes[sa->first] =
            (struct node){.start = 0, .size = sa->size, .prev_phys = NIL, .next_phys = NIL};
        list_insert(sa, sa->first);
    }
    *result = sa;
    return 0;
}

void hs_suballoc_destroy(struct hs_suballoc *sa)
{
    if (!sa)
        return;
    hs_sys.free(sa->nodes);
    hs_sys.free(sa->buckets);
    hs_sys.free(sa);
}

/* Granules to skip so that a block that starts in this node is aligned (in bytes; a power of two).
 */
static uint64_t lead_in(const struct hs_suballoc *sa, const struct node *node, uint64_t alignment)
{
    uint64_t number = sa->base + node->start * HS_SUBALLOC_GRANULE;

    return (-number & (alignment - 1u)) / HS_SUBALLOC_GRANULE;
}

/*
 * A free block that holds size granules, aligned. First a block of which the class alone says that
 * it is large enough wherever it starts; failing that, one by one those that could be, from the
 * smallest class up.
 */
static uint32_t choose(const struct hs_suballoc *sa, uint64_t size, uint64_t alignment)
{
    uint64_t worst = size + alignment / HS_SUBALLOC_GRANULE - 1u;
    struct size_class c = class_of(size);
    uint32_t index;

    if (size > sa->size)
        return NIL;
    index = worst < size ? NIL : find_free(sa, class_above(worst));
    if (index != NIL)
        return index;
    for (; c.fl < FL_COUNT; c.fl++, c.sl = 0)
        for (uint32_t map = sa->sl_bitmap[c.fl] & (UINT32_MAX << c.sl); map; map &= map - 1u)
            for (index = sa->heads[c.fl][__builtin_ctz(map)]; index != NIL;
                 index = sa->nodes[index].next) {
                const struct node *node = &sa->nodes[index];
                uint64_t lead = lead_in(sa, node, alignment);

                if (lead <= node->size && node->size - lead >= size)
                    return index;
            }
    return NIL;
}

/* Cuts the first size granules off a block that is in no list; the rest becomes a new node. */
static uint32_t split(struct hs_suballoc *sa, uint32_t index, uint64_t size)
{
    uint32_t rest = node_take(sa);
    struct node *node = &sa->nodes[index];

    sa->nodes[rest] = (struct node){.start = node->start + size,
                                    .size = node->size - size,
                                    .prev_phys = index,
                                    .next_phys = node->next_phys};
    if (node->next_phys != NIL)
        sa->nodes[node->next_phys].prev_phys = rest;
    node->next_phys = rest;
    node->size = size;
    return rest;
}

int hs_suballoc_alloc(struct hs_suballoc *sa, uint64_t bytes, uint64_t alignment, uint64_t *start)
{
    uint64_t size = bytes / HS_SUBALLOC_GRANULE + (bytes % HS_SUBALLOC_GRANULE != 0), lead;
    uint32_t index;
    int err;

    if (!bytes || (alignment & (alignment - 1u)))
        return -EINVAL;
    if (alignment < HS_SUBALLOC_GRANULE)
        alignment = HS_SUBALLOC_GRANULE;
    index = choose(sa, size, alignment);
    if (index == NIL)
        return -ENOSPC;
    if (sa->unused_count < 2) { /* what precedes and what follows the block */
        err = grow(sa);
        if (err)
            return err;
    }

    list_remove(sa, index);
    lead = lead_in(sa, &sa->nodes[index], alignment);
    if (lead) {
        uint32_t aligned = split(sa, index, lead);

        list_insert(sa, index);
        index = aligned;
    }
    if (sa->nodes[index].size > size)
        list_insert(sa, split(sa, index, size));
    sa->nodes[index].requested = bytes;
    hash_insert(sa, index);

    sa->block_count++;
    sa->requested += bytes;
    sa->allocated += size;
    if (sa->allocated > sa->peak)
        sa->peak = sa->allocated;
    *start = sa->base + sa->nodes[index].start * HS_SUBALLOC_GRANULE;
    return 0;
}

/* Joins a block with the next one, which disappears. Neither is in a list. */
static void merge(struct hs_suballoc *sa, uint32_t index, uint32_t next)
{
    sa->nodes[index].size += sa->nodes[next].size;
    sa->nodes[index].next_phys = sa->nodes[next].next_phys;
    if (sa->nodes[next].next_phys != NIL)
        sa->nodes[sa->nodes[next].next_phys].prev_phys = index;
    node_give(sa, next);
}

int hs_suballoc_free(struct hs_suballoc *sa, uint64_t start)
{
    uint32_t index = hash_find(sa, start), prev, next;

    if (index == NIL)
        return -ENOENT;
    hash_remove(sa, index);
    sa->block_count--;
    sa->requested -= sa->nodes[index].requested;
    sa->allocated -= sa->nodes[index].size;

    prev = sa->nodes[index].prev_phys;
    next = sa->nodes[index].next_phys;
    if (next != NIL && !sa->nodes[next].requested) {
        list_remove(sa, next);
        merge(sa, index, next);
    }
    if (prev != NIL && !sa->nodes[prev].requested) {
        list_remove(sa, prev);
        merge(sa, prev, index);
        index = prev;
    }
    list_insert(sa, index);
    return 0;
}

int hs_suballoc_size(const struct hs_suballoc *sa, uint64_t start, uint64_t *bytes)
{
    uint32_t index = hash_find(sa, start);

    if (index == NIL)
        return -ENOENT;
    *bytes = sa->nodes[index].requested;
    return 0;
}

enum hs_suballoc_place hs_suballoc_locate(const struct hs_suballoc *sa, uint64_t number,
                                          uint64_t *block)
{
    uint64_t at = (number - sa->base) / HS_SUBALLOC_GRANULE;
    uint32_t index = sa->first;

    if (number < sa->base || at >= sa->size)
        return HS_SUBALLOC_FOREIGN;
    while (at - sa->nodes[index].start >= sa->nodes[index].size)
        index = sa->nodes[index].next_phys;
    if (!sa->nodes[index].requested)
        return HS_SUBALLOC_FREE;
    *block = sa->base + sa->nodes[index].start * HS_SUBALLOC_GRANULE;
    return number == *block ? HS_SUBALLOC_LIVE : HS_SUBALLOC_INTERIOR;
}

/* Granules. The highest class in use holds the largest block, but not necessarily as its first. */
static uint64_t largest_free(const struct hs_suballoc *sa)
{
    uint64_t largest = 0;
    uint32_t fl, sl, index;

    if (!sa->fl_bitmap)
        return 0;
    fl = 63u - (uint32_t)__builtin_clzll(sa->fl_bitmap);
    sl = 31u - (uint32_t)__builtin_clz(sa->sl_bitmap[fl]);
    for (index = sa->heads[fl][sl]; index != NIL; index = sa->nodes[index].next)
        if (sa->nodes[index].size > largest)
            largest = sa->nodes[index].size;
    return largest;
}

void hs_suballoc_get_usage(const struct hs_suballoc *sa, struct hs_suballoc_usage *usage)
{
    *usage = (struct hs_suballoc_usage){
        .capacity_bytes = sa->size * HS_SUBALLOC_GRANULE,
        .requested_bytes = sa->requested,
        .allocated_bytes = sa->allocated * HS_SUBALLOC_GRANULE,
        .peak_bytes = sa->peak * HS_SUBALLOC_GRANULE,
        .free_bytes = (sa->size - sa->allocated) * HS_SUBALLOC_GRANULE,
        .largest_free_bytes = largest_free(sa) * HS_SUBALLOC_GRANULE,
        .block_count = sa->block_count,
        .free_count = sa->free_count,
    };
}

/* Rules 6 to 8: every member of a class list is a free block of that class, and the bitmaps say so.
 */
static int check_lists(const struct hs_suballoc *sa)
{
    uint64_t listed = 0;

    for (uint32_t fl = 0; fl < FL_COUNT; fl++) {
        if (!sa->sl_bitmap[fl] != !(sa->fl_bitmap >> fl & 1u))
            return -6;
        for (uint32_t sl = 0; sl < SL_COUNT; sl++) {
            uint32_t previous = NIL;

            if ((sa->heads[fl][sl] == NIL) != !(sa->sl_bitmap[fl] >> sl & 1u))
                return -6;
            for (uint32_t i = sa->heads[fl][sl]; i != NIL; i = sa->nodes[i].next) {
                struct size_class c = class_of(sa->nodes[i].size);

                if (c.fl != fl || c.sl != sl || sa->nodes[i].requested ||
                    sa->nodes[i].prev != previous)
                    return -7;
                previous = i;
                listed++;
            }
        }
    }
    return listed == sa->free_count ? 0 : -8;
}

int hs_suballoc_check(const struct hs_suballoc *sa)
{
    uint64_t at = 0, allocated = 0, requested = 0, blocks = 0, free_blocks = 0;
    uint32_t previous = NIL;
    bool previous_free = false;

    for (uint32_t i = sa->first; i != NIL; previous = i, i = sa->nodes[i].next_phys) {
        const struct node *node = &sa->nodes[i];

        if (node->start != at || !node->size || node->prev_phys != previous)
            return -1; /* the blocks cover the span without gap or overlap */
        at += node->size;
        if (!node->requested && previous_free)
            return -2; /* free neighbours are always joined */
        previous_free = !node->requested;
        if (node->requested) {
            if (hash_find(sa, sa->base + node->start * HS_SUBALLOC_GRANULE) != i)
                return -3; /* every live block is found by its start */
            blocks++;
            allocated += node->size;
            requested += node->requested;
        } else {
            free_blocks++;
        }
    }
    if (at != sa->size || blocks + free_blocks + sa->unused_count != sa->capacity)
        return -4; /* no block and no node is lost */
    if (blocks != sa->block_count || free_blocks != sa->free_count || allocated != sa->allocated ||
        requested != sa->requested)
        return -5; /* the counters are right */
    return check_lists(sa);
}

/* SPDX-License-Identifier: MIT */
/*
 * Builds the two indexes of lookup.h, and the searches where the quick ones do not do.
 */
#include "lookup.h"

#include <errno.h>
#include <string.h>

#include "error.h"
#include "sort.h"
#include "sys.h"

/* What an index of a short list may take whatever its length. */
#define FREE_BYTES 4096u
#define LINE_BYTES 64u
#define PAGE_SHIFT 12
#define MAX_SHIFT 63u
#define BLOCK_NUMBERS 256u
#define BUCKET_NUMBERS 4u /* at least, where they are spread evenly */

/* Ascending numbers, wherever they are kept. */
struct numbers {
    size_t count;
    uint64_t end; /* above everything that will be asked for */
    const struct hs_ranges *r;
    const struct hs_host_index *index; /* null: window offsets */
};

static uint64_t piece_start(const struct hs_ranges *r, const struct hs_host_index *index, size_t i)
{
    if (index->starts)
        return index->starts[i];
    return r->runs[index->runs ? index->runs[i] : i].cpu;
}

static uint64_t number_at(const struct numbers *n, size_t i)
{
    return n->index ? piece_start(n->r, n->index, i) : n->r->runs[i * HS_GROUP_RUNS].offset;
}

/* One allocation: a structure that begins with the order, then blocks, buckets and keys. */
static struct hs_order *order_new(size_t head, size_t blocks, size_t buckets, size_t keys)
{
    size_t at = (head + LINE_BYTES - 1) / LINE_BYTES * LINE_BYTES;
    struct hs_order *order = hs_alloc_array(
        LINE_BYTES, at + blocks * sizeof(*order->blocks) + (buckets + 1) * sizeof(*order->first) +
                        (keys + HS_LINE_KEYS) * sizeof(*order->keys));

    if (!order)
        return NULL;
    order->blocks = (struct hs_block *)(void *)((char *)order + at);
    order->first = (uint32_t *)(void *)(order->blocks + blocks);
    order->keys = (int16_t *)(void *)(order->first + buckets + 1);
    /* Read together with the last bucket's, and left out. */
    memset(&order->keys[keys], 0, HS_LINE_KEYS * sizeof(*order->keys));
    return order;
}

/* The block of the numbers from one position to before another. */
static struct hs_block make_block(const struct numbers *n, uint64_t lowest, size_t from, size_t to)
{
    struct hs_block block = {.shift = PAGE_SHIFT, .key_shift = PAGE_SHIFT};

    if (from == to)
        return block;
    block.first = number_at(n, from) - lowest;
    block.extent = number_at(n, to - 1) - lowest - block.first;
    while (block.shift < MAX_SHIFT && block.extent >> block.shift > (to - from) / BUCKET_NUMBERS)
        block.shift++;
    if (block.shift > PAGE_SHIFT + 16)
        block.key_shift = (uint8_t)(block.shift - 16);
    return block;
}

/* Goes through the numbers block by block and fills the order, unless it is null. Returns the
 * number of buckets. */
static size_t fill(struct hs_order *order, const struct numbers *n, uint64_t lowest, unsigned shift)
{
    size_t buckets = 0, position = 0, filled = 0;

    for (uint64_t b = 0; b <= (n->end - 1 - lowest) >> shift; b++) {
        struct hs_block block;
        size_t next = position;

        while (next < n->count && (number_at(n, next) - lowest) >> shift == b)
            next++;
        block = make_block(n, lowest, position, next);
        block.bucket = (uint32_t)buckets;
        buckets += (size_t)(block.extent >> block.shift) + 1;
        if (order)
            order->blocks[b] = block;
        for (; order && position < next; position++) {
            uint64_t in = number_at(n, position) - lowest - block.first;

            order->keys[position] = (int16_t)((in >> block.key_shift) - HS_KEY_BIAS);
            while (filled <= block.bucket + (in >> block.shift))
                order->first[filled++] = (uint32_t)position;
        }
        position = next;
    }
    while (order && filled <= buckets)
        order->first[filled++] = (uint32_t)n->count;
    return buckets;
}

static void *order_build(const struct numbers *n, size_t head)
{
    uint64_t lowest = number_at(n, 0), last = n->end - 1 - lowest;
    unsigned shift = PAGE_SHIFT;
    struct hs_order *order;

    while (shift < MAX_SHIFT && last >> shift > n->count / BLOCK_NUMBERS)
        shift++;
    order = order_new(head, (size_t)(last >> shift) + 1, fill(NULL, n, lowest, shift), n->count);
    if (!order) {
        hs_error(-ENOMEM, "no memory for the index of %zu ranges", n->r->count);
        return NULL;
    }
    order->lowest = lowest;
    order->shift = shift;
    order->unit_shift = 0;
    fill(order, n, lowest, shift);
    return order;
}

/* The unit of which nearly every run is one (lookup.h); 0: there is none. */
static unsigned offset_unit_shift(const struct hs_ranges *r)
{
    uint64_t bits = 0;
    unsigned shift;

    for (size_t i = 1; i < r->count; i++)
        bits |= r->runs[i].offset;
    if (!bits)
        return 0;
    shift = (unsigned)__builtin_ctzll(bits);
    return ((r->window_bytes - 1) >> shift) + 1 - r->count <= HS_END_RUNS ? shift : 0;
}

struct hs_order *hs_offset_index_build(const struct hs_ranges *r)
{
    struct numbers offsets = {
        .count = (r->count + HS_GROUP_RUNS - 1) / HS_GROUP_RUNS, .end = r->window_bytes, .r = r};
    unsigned unit_shift = offset_unit_shift(r);
    struct hs_order *order;

    if (unit_shift) {
        order = hs_alloc_array(LINE_BYTES, sizeof(*order));
        if (order)
            *order = (struct hs_order){.unit_shift = unit_shift};
        else
            hs_error(-ENOMEM, "no memory for the index of %zu ranges", r->count);
        return order;
    }
    return order_build(&offsets, sizeof(struct hs_order));
}

static uint64_t run_end(const struct hs_ranges *r, size_t run)
{
    return r->runs[run].cpu + (r->runs[run + 1].offset - r->runs[run].offset);
}

/* Fills what sorting yields: runs, or null if they ascend anyway. */
static int sort_runs(const struct hs_ranges *r, struct hs_host_index *index)
{
    bool ascending = true;

    for (size_t i = 1; i < r->count; i++)
        ascending &= r->runs[i].cpu >= r->runs[i - 1].cpu;
    if (ascending)
        return 0;
    index->runs = hs_alloc_array(LINE_BYTES, r->count * sizeof(*index->runs));
    if (!index->runs)
        return -ENOMEM;
    return hs_sort_runs(r, r->lowest, r->highest, index->runs);
}

static bool overlaps(const struct hs_ranges *r, const struct hs_host_index *index)
{
    uint64_t highest = 0;

    for (size_t i = 0; i < r->count; i++) {
        size_t run = index->runs ? index->runs[i] : i;

        if (r->runs[run].cpu < highest)
            return true;
        highest = run_end(r, run);
    }
    return false;
}

/* A heap of run numbers with the lowest on top. */
struct heap {
    uint32_t *runs;
    size_t count;
};

static void heap_push(struct heap *heap, uint32_t run)
{
    size_t at = heap->count++;

    for (; at && heap->runs[(at - 1) / 2] > run; at = (at - 1) / 2)
        heap->runs[at] = heap->runs[(at - 1) / 2];
    heap->runs[at] = run;
}

static void heap_pop(struct heap *heap)
{
    uint32_t run = heap->runs[--heap->count];
    size_t at = 0, child;

    while ((child = 2 * at + 1) < heap->count) {
        child += child + 1 < heap->count && heap->runs[child + 1] < heap->runs[child];
        if (heap->runs[child] >= run)
            break;
        heap->runs[at] = heap->runs[child];
        at = child;
    }
    heap->runs[at] = run;
}

/*
 * Cuts overlapping memory into pieces: a walk up the addresses, in which the lowest of the runs
 * that hold the place owns it. Returns how many; starts and runs may be null.
 */
static size_t cut(const struct hs_ranges *r, const uint32_t *sorted, struct heap *heap,
                  uint64_t *starts, uint32_t *runs)
{
    size_t next = 0, count = 0, owner = SIZE_MAX;
    uint64_t at = 0;

    while (next < r->count || heap->count) {
        size_t first = next < r->count ? (sorted ? sorted[next] : next) : SIZE_MAX;

        if (!heap->count)
            at = r->runs[first].cpu;
        if (first != SIZE_MAX && r->runs[first].cpu == at) {
            heap_push(heap, (uint32_t)first);
            next++;
            continue;
        }
        if (run_end(r, heap->runs[0]) <= at) {
            heap_pop(heap);
            continue;
        }
        if (heap->runs[0] != owner) {
            owner = heap->runs[0];
            if (starts) {
                starts[count] = at;
                runs[count] = (uint32_t)owner;
            }
            count++;
        }
        at = run_end(r, owner);
        if (first != SIZE_MAX && r->runs[first].cpu < at)
            at = r->runs[first].cpu;
    }
    return count;
}

/* Replaces the runs by pieces. */
static int cut_runs(const struct hs_ranges *r, struct hs_host_index *index, size_t *count)
{
    struct heap heap = {.runs = hs_alloc_array(0, r->count * sizeof(*heap.runs))};
    uint32_t *sorted = index->runs;
    int err = heap.runs ? 0 : -ENOMEM;

    if (!err) {
        *count = cut(r, sorted, &heap, NULL, NULL);
        index->starts = hs_alloc_array(0, *count * sizeof(*index->starts));
        index->runs = hs_alloc_array(LINE_BYTES, *count * sizeof(*index->runs));
        if (index->starts && index->runs)
            cut(r, sorted, &heap, index->starts, index->runs);
        else
            err = -ENOMEM;
        hs_sys.free(sorted);
    }
    hs_sys.free(heap.runs);
    return err;
}

/* How many units there are. */
struct units {
    unsigned shift;
    uint64_t present, groups;
};

/* Whether units pay: 24 bytes a range are allowed in all, 16 are the runs, 1 is for the offsets. */
static bool units_pay(const struct hs_ranges *r, struct units *u)
{
    uint64_t all = 1ull << 62, room = FREE_BYTES + 7 * (uint64_t)r->count;

    for (size_t i = 0; i < r->count; i++)
        all |= (r->runs[i].cpu - r->lowest) | (r->runs[i + 1].offset - r->runs[i].offset);
    u->shift = (unsigned)__builtin_ctzll(all);
    u->present = r->window_bytes >> u->shift;
    u->groups = ((r->highest - r->lowest - 1) >> u->shift) / 64 + 1;
    return u->present <= UINT32_MAX && u->groups <= room / sizeof(struct hs_unit_group) &&
           u->present * sizeof(uint32_t) + u->groups * sizeof(struct hs_unit_group) <= room;
}

static void fill_units(const struct hs_ranges *r, const struct units *u,
                       struct hs_host_index *index)
{
    uint64_t before = 0;

    memset(index->groups, 0, u->groups * sizeof(*index->groups));
    for (size_t i = 0; i < r->count; i++) {
        uint64_t unit = (r->runs[i].cpu - r->lowest) >> u->shift;
        uint64_t end = unit + ((r->runs[i + 1].offset - r->runs[i].offset) >> u->shift);

        for (; unit < end; unit++)
            index->groups[unit / 64].bits |= 1ull << unit % 64;
    }
    for (uint64_t g = 0; g < u->groups; g++) {
        index->groups[g].before = before;
        before += hs_count_bits(index->groups[g].bits);
    }
    /* From last to first, so that of runs that overlap the one with the lowest offset stays. */
    for (size_t i = r->count; i-- > 0;) {
        uint64_t unit = (r->runs[i].cpu - r->lowest) >> u->shift;
        uint64_t from = r->runs[i].offset >> u->shift, to = r->runs[i + 1].offset >> u->shift;

        for (uint64_t k = to - from; k-- > 0;)
            index->offsets[hs_unit_position(index, unit + k)] = (uint32_t)(from + k);
    }
}

static struct hs_host_index *build_units(const struct hs_ranges *r, const struct units *u)
{
    struct hs_host_index *index = hs_sys.alloc(sizeof(*index));

    if (index) {
        memset(index, 0, sizeof(*index));
        index->order.lowest = r->lowest;
        index->unit_shift = u->shift;
        index->groups = hs_alloc_array(0, u->groups * sizeof(*index->groups));
        index->offsets = hs_alloc_array(0, u->present * sizeof(*index->offsets));
    }
    if (!index || !index->groups || !index->offsets) {
        hs_error(-ENOMEM, "no memory for the index of %zu ranges", r->count);
        hs_host_index_free(index);
        return NULL;
    }
    fill_units(r, u, index);
    return index;
}

static struct hs_host_index *build_order(const struct hs_ranges *r)
{
    struct hs_host_index arrays = {0}, *index = NULL;
    struct numbers starts = {.count = r->count, .end = r->highest, .r = r, .index = &arrays};
    int err = sort_runs(r, &arrays);

    if (!err && r->aliased && overlaps(r, &arrays))
        err = cut_runs(r, &arrays, &starts.count);
    if (err)
        hs_error(err, "no memory for the index of %zu ranges", r->count);
    else
        index = order_build(&starts, sizeof(*index));
    if (!index) {
        hs_sys.free(arrays.runs);
        hs_sys.free(arrays.starts);
        return NULL;
    }
    arrays.order = index->order;
    *index = arrays;
    return index;
}

struct hs_host_index *hs_host_index_build(const struct hs_ranges *r)
{
    struct units units;
    struct hs_host_index *index = units_pay(r, &units) ? build_units(r, &units) : build_order(r);

    if (index)
        index->span = r->highest - r->lowest;
    return index;
}

void hs_host_index_free(struct hs_host_index *index)
{
    if (index) {
        hs_sys.free(index->runs);
        hs_sys.free(index->starts);
        hs_sys.free(index->groups);
        hs_sys.free(index->offsets);
    }
    hs_sys.free(index);
}

size_t hs_lookup_offset(const struct hs_ranges *r, const struct hs_order *order, uint64_t offset)
{
    size_t run;

    if (order && hs_lookup_offset_quick(r, order, offset, &run))
        return run;
    return hs_ranges_find(r, offset);
}

/* The last piece before position that starts at or below an address; there is one. */
static size_t piece_before(const struct hs_ranges *r, const struct hs_host_index *index,
                           size_t position, uint64_t address)
{
    size_t high = position, low, step = 1; /* high starts above the address */

    for (; step < high && piece_start(r, index, high - step) > address; step *= 2)
        high -= step;
    low = step < high ? high - step : 0;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;

        if (piece_start(r, index, middle) > address)
            high = middle;
        else
            low = middle;
    }
    return low;
}

bool hs_lookup_host(const struct hs_ranges *r, const struct hs_host_index *index, uint64_t address,
                    uint64_t *offset)
{
    size_t position, run;

    if (address - index->order.lowest >= index->span)
        return false;
    if (index->groups)
        return hs_lookup_unit(index, address - index->order.lowest, offset);
    position = hs_order_find(&index->order, address, index->runs);
    if (piece_start(r, index, position) > address)
        position = piece_before(r, index, position, address);
    run = index->runs ? index->runs[position] : position;
    *offset = r->runs[run].offset + (address - r->runs[run].cpu);
    return *offset < r->runs[run + 1].offset;
}

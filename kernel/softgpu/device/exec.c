/* SPDX-License-Identifier: MIT */
/*
 * The executor: host threads that run the waves of all dispatches of a device. Each thread (worker)
 * holds some resident workgroups, as a share of the CUs would, and runs their waves in turns; it
 * takes another workgroup when one ends, or when all that it holds only wait for something. Does
 * not know packets or queues.
 *
 * Small dispatches are run by the thread that submits them, the helper: waking a worker costs more
 * than they do. What does not end within one short turn, or waits for something, the helper gives
 * up: any worker goes on with it (orphans), so that a kernel never holds up the submitting thread.
 *
 * Lock: sg_exec.lock, for the list of dispatches and the workers' sleeping. Callbacks (done,
 * events) are made with no lock, outside of sg_vm_enter(), and outside of what sg_exec_pause()
 * waits for.
 */
#include "exec_impl.h"

#include "guard.h"
#include "tlb.h"
#include "vm_impl.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    QUANTUM = 2048, /* instructions in one go */
    TURN_INSTRUCTIONS =
        16384, /* of one workgroup, before pause requests and unmaps are looked at again */
    SPIN_SHARE =
        64, /* one synchronising access in so many instructions: the wave may be spinning */
    WORKGROUPS_IN_A_ROW =
        64,               /* of one dispatch, before others of the same priority have their turn */
    BATCH_MAX = 16,       /* workgroups taken at a time, if one turn runs so many */
    PATIENCE_ROUNDS = 64, /* without an end of a workgroup, before another one is taken */
    SMALL_WAVES = 32,     /* dispatches of so many waves are the helper's */
    HELPER_QUANTUM = 1024,
    HELPER_INSTRUCTIONS = 4096, /* of one workgroup, before the helper gives it up */
    HELPER_GROUPS = 32,         /* before its thread looks at the queues again */
};

struct worker {
    _Alignas(64) struct sg_exec *exec;
    pthread_t thread;
    struct sg_tlb tlb;
    struct sg_resident **resident; /* in turn order */
    uint32_t resident_count, resident_capacity;
    struct sg_resident *spare;
    struct sg_dispatch_state *current; /* where the next workgroup comes from; may have ended */
    uint32_t version;                  /* of the list when current was chosen */
    uint32_t taken_in_a_row;
    uint32_t round, stalled_rounds, appetite;
    uint32_t quantum, turn;      /* instructions of a wave in one go, of a workgroup in one turn */
    uint64_t group_instructions; /* of the last workgroup that ended, 0: none of this dispatch */
    struct sg_dispatch_state *pending; /* workgroups of it are taken but not started */
    uint64_t pending_index, pending_end;
    uint64_t pending_ended; /* others of it that have ended here since, not reported yet */
    struct sg_wave *wave;   /* runs now: for the guard */
    struct sg_guard guard;
    /* Statistics: written by the worker only, read by anyone. */
    _Atomic uint64_t workgroups, waves, instructions, vector_instructions, tlb_hits, tlb_misses,
        window_read, window_written;
};

struct sg_exec {
    /* Looked at by every worker all the time, changed rarely: on a cache line of its own. */
    _Alignas(64) _Atomic uint32_t version; /* of the list of active dispatches and the orphans */
    _Atomic uint32_t attention; /* workers stop at the next boundary and look: pause or quit */
    uint32_t thread_count;
    struct worker *workers; /* one more than threads: the helper */
    struct sg_device *dev;
    const struct sg_isa *isa;
    _Alignas(64) pthread_mutex_t lock;
    pthread_cond_t work, resumed, quiet;
    struct sg_dispatch_state *active; /* by priority, then by age */
    struct sg_dispatch_state *idle;   /* to be reused */
    struct sg_resident *orphans;      /* the helper has given them up, or they are suspended */
    uint32_t busy; /* workers that are neither asleep, nor paused, nor in a callback */
    uint32_t sleeping;
    bool paused, quit, has_helper;
    pthread_t helper_thread; /* who calls sg_exec_assist() */
    uint32_t started;
    struct sg_scratch_pool *pools;
    _Atomic bool small_waits; /* for the helper */
    _Atomic uint64_t faults;
};

/* The worker that runs on the calling thread, all its life; NULL: it is no worker's thread. */
static __thread struct worker *self __attribute__((tls_model("initial-exec")));

static struct worker *helper_of(const struct sg_exec *exec)
{
    return &exec->workers[exec->thread_count];
}

/* The slots of one scratch memory: one per wave that uses it at a time. Under the executor's lock.
 */
struct sg_scratch_pool {
    uint64_t va, slot_bytes;
    uint32_t slots, users, waves;
    uint64_t *taken; /* bitmap */
    struct sg_scratch_pool *next;
};

static void add(_Atomic uint64_t *counter, uint64_t value)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + value,
                          memory_order_relaxed);
}

/* ---- scratch ------------------------------------------------------------------------------------
 */

static struct sg_scratch_pool *pool_get(struct sg_exec *exec, const struct sg_dispatch *d)
{
    struct sg_scratch_pool *pool = exec->pools;
    while (pool && !(pool->users && pool->va == d->scratch_va))
        pool = pool->next;
    if (pool) {
        pool->users++;
        return pool;
    }
    for (pool = exec->pools; pool && pool->users; pool = pool->next)
        ;
    if (!pool) {
        pool = calloc(1, sizeof(*pool));
        if (!pool)
            return NULL;
        pool->next = exec->pools;
        exec->pools = pool;
    }
    free(pool->taken);
    pool->taken = calloc(d->scratch_waves / 64 + 1, sizeof(*pool->taken));
    if (!pool->taken)
        return NULL;
    pool->va = d->scratch_va;
    pool->slot_bytes = d->scratch_bytes_per_wave;
    pool->slots = d->scratch_waves;
    pool->waves = 0;
    pool->users = 1;
    return pool;
}

/* Slots for a workgroup's waves: all or none. Waves of a dispatch with another slot size must be
 * gone. */
static bool pool_take(struct sg_scratch_pool *pool, const struct sg_dispatch *d,
                      struct sg_wave *waves, uint32_t count)
{
    if (pool->slot_bytes != d->scratch_bytes_per_wave || pool->slots != d->scratch_waves) {
        if (pool->waves)
            return false;
        uint64_t *taken = calloc(d->scratch_waves / 64 + 1, sizeof(*taken));
        if (!taken)
            return false;
        free(pool->taken);
        pool->taken = taken;
        pool->slot_bytes = d->scratch_bytes_per_wave;
        pool->slots = d->scratch_waves;
    }
    if (pool->slots - pool->waves < count)
        return false;
    for (uint32_t word = 0, i = 0; i < count; word++) {
        while (i < count && ~pool->taken[word]) {
            uint32_t bit = (uint32_t)__builtin_ctzll(~pool->taken[word]);
            pool->taken[word] |= UINT64_C(1) << bit;
            waves[i++].scratch_slot = word * 64 + bit;
        }
    }
    pool->waves += count;
    return true;
}

static void pool_give_back(struct sg_scratch_pool *pool, const struct sg_wave *waves,
                           uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        pool->taken[waves[i].scratch_slot / 64] &= ~(UINT64_C(1) << waves[i].scratch_slot % 64);
    pool->waves -= count;
}

/* ---- the end of a dispatch ----------------------------------------------------------------------
 */

/* Before and after calling out: sg_exec_pause() does not wait for a worker that is in a callback.
 */
static void call_begin(struct sg_exec *exec, struct worker *worker)
{
    if (!worker)
        return;
    pthread_mutex_lock(&exec->lock);
    if (--exec->busy == 0)
        pthread_cond_broadcast(&exec->quiet);
    pthread_mutex_unlock(&exec->lock);
}

static void call_end(struct sg_exec *exec, struct worker *worker)
{
    if (!worker)
        return;
    pthread_mutex_lock(&exec->lock);
    while (exec->paused)
        pthread_cond_wait(&exec->resumed, &exec->lock);
    exec->busy++;
    pthread_mutex_unlock(&exec->lock);
}

/* The last workgroup is gone. worker: the calling one, NULL for other threads. */
static void complete(struct sg_exec *exec, struct worker *worker, struct sg_dispatch_state *state)
{
    struct sg_dispatch *dispatch = state->dispatch;
    uint32_t stop = atomic_load(&state->stop);
    struct sg_memory_fault fault = state->fault;
    struct sg_dispatch_state **link = &exec->active;
    pthread_mutex_lock(&exec->lock);
    while (*link != state)
        link = &(*link)->next;
    *link = state->next;
    if (state->scratch)
        state->scratch->users--;
    state->next = exec->idle;
    exec->idle = state;
    if (!exec->active)
        sg_code_collect(state->code);
    pthread_mutex_unlock(&exec->lock);
    call_begin(exec, worker);
    dispatch->done(dispatch, stop ? (enum sg_dispatch_result)(stop - 1) : SG_DISPATCH_DONE, &fault);
    call_end(exec, worker);
}

static void finish(struct sg_exec *exec, struct worker *worker, struct sg_dispatch_state *state,
                   uint64_t groups)
{
    uint64_t total = state->total; /* the state is not ours any more after the addition */
    if (atomic_fetch_add(&state->finished, groups) + groups == total)
        complete(exec, worker, state);
}

static void tell_stopped(struct worker *worker, uint32_t queue_id, const char *why)
{
    const struct sg_device_config *config = &worker->exec->dev->config;
    call_begin(worker->exec, worker);
    config->ops->stopped(config->driver, queue_id, why);
    call_end(worker->exec, worker);
}

/* Hand out no more workgroups, let the resident ones be dropped. The first reason counts. */
static void stop_dispatch(struct sg_exec *exec, struct worker *worker,
                          struct sg_dispatch_state *state, enum sg_dispatch_result result,
                          const struct sg_memory_fault *fault)
{
    uint32_t expected = 0;
    /* The fault is only read after the last workgroup has finished, and the caller holds one or the
     * list. */
    if (!atomic_compare_exchange_strong(&state->stop, &expected, 1 + (uint32_t)result))
        return;
    if (fault)
        state->fault = *fault;
    if (result == SG_DISPATCH_TRAP || result == SG_DISPATCH_ILLEGAL) {
        char why[320];
        snprintf(why, sizeof(why), "pc 0x%llx: %s\n", (unsigned long long)fault->pc, fault->where);
        tell_stopped(worker, state->dispatch->queue_id, why);
    }
    int64_t left = atomic_exchange(&state->remaining, 0);
    if (left > 0)
        finish(exec, worker, state, (uint64_t)left);
}

/* ---- taking workgroups --------------------------------------------------------------------------
 */

static bool has_work(const struct sg_dispatch_state *state)
{
    return atomic_load_explicit(&state->remaining, memory_order_relaxed) > 0 &&
           !atomic_load_explicit(&state->suspended, memory_order_relaxed);
}

static uint32_t resident_of(const struct worker *worker, const struct sg_dispatch_state *state)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < worker->resident_count; i++)
        count += worker->resident[i]->state == state;
    return count;
}

/* Lock held. The first dispatch of the highest priority that has workgroups left; after `current`,
 * by turns. */
static struct sg_dispatch_state *choose(const struct sg_exec *exec,
                                        const struct sg_dispatch_state *current)
{
    struct sg_dispatch_state *first = NULL;
    bool behind = false;
    for (struct sg_dispatch_state *state = exec->active; state; state = state->next) {
        if (first && state->dispatch->priority != first->dispatch->priority)
            break;
        if (has_work(state)) {
            if (behind)
                return state;
            if (!first)
                first = state;
        }
        behind |= state == current;
    }
    return first;
}

/* Lock held. While resident workgroups only wait: the dispatch of which this worker holds the
 * fewest. */
static struct sg_dispatch_state *choose_scarcest(const struct worker *worker)
{
    struct sg_dispatch_state *best = NULL;
    uint32_t fewest = UINT32_MAX;
    for (struct sg_dispatch_state *state = worker->exec->active; state; state = state->next) {
        uint32_t count = has_work(state) ? resident_of(worker, state) : UINT32_MAX;
        if (count < fewest && count < state->resident_max) {
            fewest = count;
            best = state;
        }
    }
    return best;
}

/* Room for one more in the list of resident workgroups. */
static bool make_room(struct worker *worker)
{
    if (worker->resident_count < worker->resident_capacity)
        return true;
    uint32_t capacity = worker->resident_capacity ? worker->resident_capacity * 2 : 16;
    struct sg_resident **grown = realloc(worker->resident, capacity * sizeof(struct sg_resident *));
    if (!grown)
        return false;
    worker->resident = grown;
    worker->resident_capacity = capacity;
    return true;
}

static struct sg_resident *resident_get(struct worker *worker,
                                        const struct sg_dispatch_state *state)
{
    if (!make_room(worker))
        return NULL;
    struct sg_resident *resident = worker->spare;
    if (resident)
        worker->spare = resident->next;
    else
        resident = calloc(1, sizeof(*resident));
    if (resident && !sg_launch_reserve(resident, state)) {
        resident->next = worker->spare;
        worker->spare = resident;
        return NULL;
    }
    return resident;
}

/* Start the next workgroup that the worker has taken. False: it must wait for scratch memory. */
static bool start_pending(struct worker *worker)
{
    struct sg_dispatch_state *state = worker->pending;
    struct sg_resident *resident = resident_get(worker, state);
    if (!resident)
        sg_unimplemented("going on without memory");
    if (state->scratch) {
        pthread_mutex_lock(&worker->exec->lock);
        bool taken = pool_take(state->scratch, state->dispatch, resident->group.waves,
                               sg_launch_wave_count(state, worker->pending_index));
        pthread_mutex_unlock(&worker->exec->lock);
        if (!taken) {
            resident->next = worker->spare;
            worker->spare = resident;
            return false;
        }
    }
    sg_vm_enter();
    sg_launch_group(resident, state, worker->pending_index);
    sg_vm_leave();
    worker->resident[worker->resident_count++] = resident;
    if (++worker->pending_index == worker->pending_end) {
        uint64_t ended = worker->pending_ended;
        worker->pending = NULL;
        worker->pending_ended = 0;
        if (ended) /* never all: the one that was just started is still to come */
            finish(worker->exec, worker, state, ended);
    }
    return true;
}

/* The dispatch has been stopped: drop what is taken of it. */
static void drop_pending(struct worker *worker)
{
    struct sg_dispatch_state *state = worker->pending;
    uint64_t groups = worker->pending_end - worker->pending_index + worker->pending_ended;
    worker->pending = NULL;
    worker->pending_ended = 0;
    finish(worker->exec, worker, state, groups);
}

static bool is_suspended(const struct sg_dispatch_state *state)
{
    return atomic_load_explicit(&state->suspended, memory_order_relaxed) &&
           !atomic_load_explicit(&state->stop, memory_order_relaxed);
}

/*
 * Lock held. Where the first orphan that can go on is linked; the end of the list: there is none. A
 * worker takes it only if it has room for one more of its dispatch; NULL: any worker.
 */
static struct sg_resident **find_orphan(struct sg_exec *exec, const struct worker *worker,
                                        bool only_started)
{
    struct sg_resident **link = &exec->orphans, *orphan;
    for (; (orphan = *link); link = &orphan->next) {
        if ((only_started && !orphan->started) || is_suspended(orphan->state))
            continue;
        if (!worker || resident_of(worker, orphan->state) < orphan->state->resident_max)
            break;
    }
    return link;
}

/* Lock held. What the helper gave up goes on here. NULL: there is nothing. */
static struct sg_resident *pop_orphan(struct worker *worker, bool only_started)
{
    struct sg_resident **link = find_orphan(worker->exec, worker, only_started);
    struct sg_resident *orphan = *link;
    if (orphan)
        *link = orphan->next;
    return orphan;
}

static bool adopt(struct worker *worker, struct sg_resident *orphan)
{
    if (orphan->started) {
        if (!make_room(worker))
            sg_unimplemented("going on without memory");
        worker->resident[worker->resident_count++] = orphan;
        return true;
    }
    worker->pending = orphan->state;
    worker->pending_index = orphan->index;
    worker->pending_end = orphan->index + 1;
    orphan->next = worker->spare;
    worker->spare = orphan;
    return start_pending(worker);
}

/* What is pending may wait for scratch that an orphan has, and nobody else be there to run it. */
static bool adopt_started(struct worker *worker)
{
    pthread_mutex_lock(&worker->exec->lock);
    struct sg_resident *orphan = pop_orphan(worker, true);
    pthread_mutex_unlock(&worker->exec->lock);
    return orphan && adopt(worker, orphan);
}

/*
 * Take `count` workgroups of a dispatch, or fewer if there are not so many. Every worker that takes
 * one touches the same cache line: several at a time are cheaper, and neighbours use the same
 * pages. False: there are none.
 */
static bool grab(struct worker *worker, struct sg_dispatch_state *state, uint32_t count)
{
    int64_t left = atomic_fetch_sub(&state->remaining, count);
    if (left <= 0)
        return false;
    /* From here to finish() the state cannot end. */
    if (left < count)
        count = (uint32_t)left;
    worker->taken_in_a_row += count;
    worker->pending = state;
    worker->pending_index = state->total - (uint64_t)left;
    worker->pending_end = worker->pending_index + count;
    return true;
}

/* No more than one turn's work, or others would wait for it, and no more than a fair share. */
static uint32_t batch_of(const struct worker *worker, const struct sg_dispatch_state *state)
{
    int64_t left = atomic_load_explicit(&state->remaining, memory_order_relaxed);
    uint64_t share = left > 0 ? (uint64_t)left / (2 * worker->exec->thread_count) : 0;
    uint64_t batch = worker->group_instructions ? worker->turn / worker->group_instructions : 1;
    batch = batch < share ? batch : share;
    batch = batch < BATCH_MAX ? batch : BATCH_MAX;
    return batch ? (uint32_t)batch : 1;
}

/* Take workgroups and start one. `waiting`: what is resident only waits. False: nothing new runs.
 */
static bool take(struct worker *worker, bool waiting)
{
    struct sg_exec *exec = worker->exec;
    if (worker->pending)
        return start_pending(worker) || adopt_started(worker);
    uint32_t version = atomic_load_explicit(&exec->version, memory_order_acquire);
    struct sg_dispatch_state *state = worker->current;
    if (!waiting && state && version == worker->version &&
        worker->taken_in_a_row < WORKGROUPS_IN_A_ROW && has_work(state) &&
        grab(worker, state, batch_of(worker, state)))
        return start_pending(worker);
    do {
        pthread_mutex_lock(&exec->lock);
        version = atomic_load(&exec->version);
        struct sg_resident *orphan = pop_orphan(worker, false);
        if (!orphan)
            state = waiting ? choose_scarcest(worker) : choose(exec, worker->current);
        pthread_mutex_unlock(&exec->lock);
        if (orphan)
            return adopt(worker, orphan);
        if (!state)
            return false;
        if (version != worker->version || state != worker->current)
            worker->group_instructions = 0; /* perhaps of another kernel */
        worker->version = version;
        worker->taken_in_a_row = 0;
        worker->current = state;
    } while (!grab(worker, state, waiting ? 1 : batch_of(worker, state)));
    return start_pending(worker);
}

/* Slot `index` of the resident workgroups has ended or is dropped. */
static void retire(struct worker *worker, uint32_t index)
{
    struct sg_resident *resident = worker->resident[index];
    struct sg_dispatch_state *state = resident->state;
    worker->resident[index] = worker->resident[--worker->resident_count];
    resident->next = worker->spare;
    worker->spare = resident;
    if (state->scratch) {
        pthread_mutex_lock(&worker->exec->lock);
        pool_give_back(state->scratch, resident->group.waves, resident->group.wave_count);
        pthread_mutex_unlock(&worker->exec->lock);
    }
    uint64_t instructions = 0, vector_instructions = 0;
    for (uint32_t i = 0; i < resident->group.wave_count; i++) {
        instructions += resident->group.waves[i].instructions;
        vector_instructions += resident->group.waves[i].vector_instructions;
    }
    if (state == worker->current)
        worker->group_instructions = instructions;
    add(&worker->workgroups, 1);
    add(&worker->waves, resident->group.wave_count);
    add(&worker->instructions, instructions);
    add(&worker->vector_instructions, vector_instructions);
    atomic_store_explicit(&worker->tlb_hits, worker->tlb.hits, memory_order_relaxed);
    atomic_store_explicit(&worker->tlb_misses, worker->tlb.misses, memory_order_relaxed);
    atomic_store_explicit(&worker->window_read, worker->tlb.window_read, memory_order_relaxed);
    atomic_store_explicit(&worker->window_written, worker->tlb.window_written,
                          memory_order_relaxed);
    if (worker->pending == state)
        worker->pending_ended++; /* the dispatch does not end before the rest of it */
    else
        finish(worker->exec, worker, state, 1);
}

/* ---- running waves ------------------------------------------------------------------------------
 */

/* A value that the compiler knows nothing about: it cannot replace a branch by arithmetic. */
#define SG_OPAQUE(value) __asm__ volatile("" : "+r"(value))

/* The slot behind an instruction. Branches, which the host predicts, instead of arithmetic, which
 * it would wait for. */
static inline const struct sg_inst *behind(const struct sg_inst *inst)
{
    const unsigned dwords = __atomic_load_n(&inst->dwords, __ATOMIC_RELAXED);
    const struct sg_inst *after = inst + 1;
    if (dwords == 1)
        return after;
    after = inst + 2;
    SG_OPAQUE(after);
    if (dwords == 2)
        return after;
    after = inst + dwords;
    SG_OPAQUE(after);
    return after;
}

/*
 * The interpreter. SG_NEXT: the quantum is used up. Where to go on is in w->ip, but it is nearly
 * always the slot behind: the loop assumes that and checks, so that the host can start the next
 * instruction before this one has written w->ip.
 */
static enum sg_next interpret(struct sg_wave *w, uint32_t quantum)
{
    enum sg_next next = SG_NEXT;
    uint64_t vector = 0;
    uint32_t left = quantum;
    const struct sg_inst *inst = w->ip;
    while (left) {
        /* Another thread may decode the slot now: its fields are valid once fn is seen (code.c). */
        sg_op_fn *fn = __atomic_load_n(&inst->fn, __ATOMIC_ACQUIRE);
        const struct sg_inst *after = behind(inst);
        w->ip = after;
        w->current = inst;
        left--;
        next = fn(w, inst);
        vector += inst->encoding >= SG_ENC_VOP1;
        if (__builtin_expect(next != SG_NEXT, 0))
            break;
        const struct sg_inst *there = w->ip;
        inst = after;
        SG_OPAQUE(after); /* or `there` would be used where it is equal */
        if (there != after) {
            inst = there;
            SG_OPAQUE(inst); /* or a conditional move would wait for `there` */
        }
    }
    w->instructions += quantum - left;
    w->vector_instructions += vector;
    return next;
}

/* Where and what, for a person: also of traps and illegal instructions. */
static void describe_stop(struct sg_wave *w, enum sg_next next)
{
    struct sg_memory_fault *fault = &w->fault;
    const struct sg_inst *inst = w->current;
    char text[160];
    if (next != SG_FAULT)
        memset(fault, 0, sizeof(*fault));
    fault->pc = sg_pc_of(w, inst);
    fault->queue_id = w->group->dispatch->queue_id;
    if (!inst->dwords)
        snprintf(text, sizeof(text), "instruction fetch");
    else if (inst->encoding == SG_ENC_NONE)
        snprintf(text, sizeof(text), "illegal instruction 0x%08x", inst->imm);
    else
        sg_inst_text(inst, text, sizeof(text));
    snprintf(fault->where, sizeof(fault->where), "%s, workgroup (%u, %u, %u), wave %u", text,
             w->group->id[0], w->group->id[1], w->group->id[2], w->index_in_group);
    sg_log(SG_LOG_WAVE, "wave stopped at pc 0x%llx: %s", (unsigned long long)fault->pc,
           fault->where);
}

static enum sg_dispatch_result result_of(const struct sg_wave *w, enum sg_next next)
{
    if (next == SG_FAULT)
        return SG_DISPATCH_FAULT;
    return w->current->encoding == SG_ENC_SOPP ? SG_DISPATCH_TRAP : SG_DISPATCH_ILLEGAL;
}

enum turn { TURN_ENDED, TURN_PROGRESS, TURN_WAITING, TURN_STOPPED };

static void release_barrier(struct sg_resident *resident)
{
    if (!resident->at_barrier || resident->at_barrier != resident->running)
        return;
    for (uint32_t i = 0; i < resident->group.wave_count; i++) {
        if (resident->group.waves[i].run_state == SG_WAITS_AT_BARRIER)
            resident->group.waves[i].run_state = SG_RUN;
    }
    resident->at_barrier = 0;
}

/* One wave's go. Returns whether it did more than to wait; *stopped: the dispatch must end. */
static bool run_wave(struct sg_resident *resident, struct sg_wave *w, uint32_t quantum,
                     enum sg_next *next)
{
    w->sync_ops = 0;
    uint64_t before = w->instructions;
    *next = interpret(w, quantum);
    switch (*next) {
    case SG_NEXT:
        return w->sync_ops * SPIN_SHARE < w->instructions - before;
    case SG_YIELD:
        return false;
    case SG_BARRIER:
        w->run_state = SG_WAITS_AT_BARRIER;
        resident->at_barrier++;
        return true;
    case SG_END:
        w->run_state = SG_ENDED;
        resident->running--;
        return true;
    default:
        describe_stop(w, *next);
        return true;
    }
}

/* All waves of a workgroup, as long as they get on and the turn is not over. */
static enum turn run_waves(struct worker *worker, struct sg_resident *resident, enum sg_next *next)
{
    bool progress, any = false;
    uint64_t used = 0;
    do {
        progress = false;
        for (uint32_t i = 0; i < resident->group.wave_count; i++) {
            struct sg_wave *w = &resident->group.waves[i];
            if (w->run_state != SG_RUN)
                continue;
            w->tlb = &worker->tlb;
            worker->wave = w;
            uint64_t before = w->instructions;
            progress |= run_wave(resident, w, worker->quantum, next);
            used += w->instructions - before;
            if (*next == SG_FAULT || *next == SG_TRAP)
                return TURN_STOPPED;
            release_barrier(resident);
        }
        any |= progress;
        if (!resident->running)
            return TURN_ENDED;
    } while (progress && used < worker->turn &&
             !atomic_load_explicit(&worker->exec->attention, memory_order_relaxed));
    return any ? TURN_PROGRESS : TURN_WAITING;
}

static bool owns(struct sg_guard *guard, uintptr_t address)
{
    struct worker *worker = (void *)((char *)guard - offsetof(struct worker, guard));
    bool write;
    return sg_tlb_page_of_host(&worker->tlb, address, &write) != SG_TLB_NONE;
}

static enum turn run_turn(struct worker *worker, struct sg_resident *resident, enum sg_next *next)
{
    enum turn turn;
    sg_vm_enter();
    sg_tlb_begin(&worker->tlb, resident->state->dispatch->vm);
    worker->guard.owns = owns;
    if (sigsetjmp(worker->guard.env, 0) == 0) {
        sg_guard_push(&worker->guard);
        turn = run_waves(worker, resident, next);
        sg_guard_pop(&worker->guard);
    } else { /* the memory behind a mapped page is gone */
        bool write = false;
        uint64_t page = sg_tlb_page_of_host(&worker->tlb, worker->guard.address, &write);
        worker->wave->fault = (struct sg_memory_fault){.va = page, .reason = SG_FAULT_NOT_PRESENT};
        *next = SG_FAULT;
        describe_stop(worker->wave, SG_FAULT);
        turn = TURN_STOPPED;
    }
    sg_vm_leave();
    return turn;
}

enum sg_next sg_wave_interrupt(struct sg_wave *w, uint32_t event_id)
{
    if (w->message_count < sizeof(w->message) / sizeof(w->message[0]))
        w->message[w->message_count++] = event_id;
    else
        w->message[0] = 0; /* any event: none is lost */
    return SG_YIELD;
}

static void deliver_messages(struct worker *worker, struct sg_resident *resident)
{
    const struct sg_device_config *config = &worker->exec->dev->config;
    for (uint32_t i = 0; i < resident->group.wave_count; i++) {
        struct sg_wave *w = &resident->group.waves[i];
        if (!w->message_count)
            continue;
        call_begin(worker->exec, worker);
        for (uint32_t k = 0; k < w->message_count; k++)
            config->ops->event(config->driver, w->message[k]);
        w->message_count = 0;
        call_end(worker->exec, worker);
    }
}

/* ---- the watchdog -------------------------------------------------------------------------------
 */

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

/* The waves of a dispatch that are resident on this worker, a line each, as many as fit. */
static void describe_waves(struct worker *worker, const struct sg_dispatch_state *state, char *text,
                           size_t bytes)
{
    static const char *const doing[] = {
        [SG_RUN] = "", [SG_WAITS_AT_BARRIER] = ", at s_barrier", [SG_ENDED] = ""};
    size_t used = 0;
    text[0] = 0;
    for (uint32_t k = 0; k < worker->resident_count; k++) {
        const struct sg_workgroup *group = &worker->resident[k]->group;
        if (worker->resident[k]->state != state)
            continue;
        for (uint32_t i = 0; i < group->wave_count && used < bytes; i++) {
            struct sg_wave *w = &group->waves[i];
            char instruction[128] = "its start";
            if (w->run_state == SG_ENDED)
                continue;
            if (w->instructions)
                sg_inst_text(w->current, instruction, sizeof(instruction));
            used += (size_t)snprintf(
                text + used, bytes - used, "    workgroup (%u, %u, %u), wave %u: pc 0x%llx: %s%s\n",
                group->id[0], group->id[1], group->id[2], i,
                (unsigned long long)(w->instructions ? sg_pc_of(w, w->current)
                                                     : state->dispatch->code_va),
                instruction, doing[w->run_state]);
        }
    }
}

/* Has the workgroup's dispatch run for too long? Then it ends as if it had trapped. */
static void watch(struct worker *worker, struct sg_resident *resident)
{
    const struct sg_device_config *config = &worker->exec->dev->config;
    struct sg_dispatch_state *state = resident->state;
    uint32_t queue_id = state->dispatch->queue_id;
    char waves[2048], why[2304];
    if (now_ms() - state->started_ms < config->watchdog_seconds * UINT64_C(1000))
        return;
    describe_waves(worker, state, waves, sizeof(waves));
    uint32_t expected = 0;
    if (!atomic_compare_exchange_strong(&state->stop, &expected, 1 + (uint32_t)SG_DISPATCH_TRAP))
        return;
    memset(&state->fault, 0, sizeof(state->fault));
    int64_t left = atomic_exchange(&state->remaining, 0);
    snprintf(why, sizeof(why), "watchdog: a kernel runs for more than %u s; its waves%s:\n%s",
             config->watchdog_seconds, sizeof(waves) - strlen(waves) < 64 ? ", some of them" : "",
             waves);
    tell_stopped(worker, queue_id, why);
    if (left > 0) /* this worker still holds a workgroup of it */
        finish(worker->exec, worker, state, (uint64_t)left);
}

/* One turn of every resident workgroup. Returns whether any of them got on; *ended: one left. */
static bool run_round(struct worker *worker, bool *ended)
{
    struct sg_exec *exec = worker->exec;
    bool progress = false;
    for (uint32_t i = 0; i < worker->resident_count;) {
        struct sg_resident *resident = worker->resident[i];
        enum sg_next next = SG_NEXT;
        enum turn turn = TURN_STOPPED;
        if (is_suspended(resident->state)) {
            i++;
            continue;
        }
        if (!atomic_load_explicit(&resident->state->stop, memory_order_relaxed)) {
            turn = run_turn(worker, resident, &next);
            deliver_messages(worker, resident);
            if (exec->dev->config.watchdog_seconds && turn != TURN_STOPPED)
                watch(worker, resident);
            if (turn == TURN_STOPPED) {
                struct sg_wave *w = worker->wave;
                if (next == SG_FAULT)
                    atomic_fetch_add(&exec->faults, 1);
                stop_dispatch(exec, worker, resident->state, result_of(w, next), &w->fault);
            }
        }
        if (turn == TURN_ENDED || turn == TURN_STOPPED) {
            retire(worker, i);
            *ended = progress = true;
        } else {
            progress |= turn == TURN_PROGRESS;
            i++;
        }
        if (atomic_load_explicit(&exec->attention, memory_order_relaxed))
            break;
    }
    return progress;
}

/* ---- workers ------------------------------------------------------------------------------------
 */

/* Lock held. Can anything be done besides what is resident? */
static bool work_waits(struct sg_exec *exec)
{
    if (*find_orphan(exec, NULL, false))
        return true;
    for (const struct sg_dispatch_state *state = exec->active; state; state = state->next) {
        if (has_work(state))
            return true;
    }
    return false;
}

/* With nothing resident: until there is work. With something: until the pause is over. False: quit.
 */
static bool rest(struct worker *worker)
{
    struct sg_exec *exec = worker->exec;
    pthread_mutex_lock(&exec->lock);
    while (!exec->quit &&
           (exec->paused || (!worker->resident_count && !worker->pending && !work_waits(exec)))) {
        bool paused = exec->paused;
        if (--exec->busy == 0)
            pthread_cond_broadcast(&exec->quiet);
        if (paused) {
            pthread_cond_wait(&exec->resumed, &exec->lock);
        } else {
            exec->sleeping++;
            pthread_cond_wait(&exec->work, &exec->lock);
            exec->sleeping--;
        }
        exec->busy++;
    }
    bool go_on = !exec->quit;
    pthread_mutex_unlock(&exec->lock);
    return go_on;
}

/* Everything resident waits for other threads: let them run. */
static void back_off(struct worker *worker)
{
    worker->stalled_rounds++;
    if (worker->stalled_rounds < 500) {
        sched_yield();
    } else {
        struct timespec pause = {.tv_nsec = worker->stalled_rounds < 5000 ? 20000 : 200000};
        nanosleep(&pause, NULL);
    }
}

/* After a round: take further workgroups if those that are resident do not end by themselves. */
static void refill(struct worker *worker, bool progress, bool ended)
{
    if (ended) {
        worker->round = worker->appetite = 0;
        worker->stalled_rounds = 0;
    }
    if (progress) {
        worker->stalled_rounds = 0;
        if (worker->resident_count && ++worker->round % PATIENCE_ROUNDS == 0)
            take(worker, true);
        return;
    }
    /* Twice as many each time: a grid barrier needs all of them. */
    uint32_t wanted = worker->appetite = worker->appetite ? worker->appetite * 2 : 1;
    while (wanted && take(worker, true))
        wanted--;
    if (wanted) { /* not all: as many as possible are resident */
        worker->appetite = 1;
        back_off(worker);
    }
}

static void *worker_main(void *argument)
{
    struct worker *worker = argument;
    struct sg_exec *exec = worker->exec;
    self = worker;
    for (;;) {
        if (!worker->resident_count && !worker->pending && !atomic_load(&exec->attention))
            take(worker, false);
        if (atomic_load(&exec->attention) || (!worker->resident_count && !worker->pending)) {
            if (!rest(worker))
                break;
            continue;
        }
        if (worker->pending && atomic_load(&worker->pending->stop)) {
            drop_pending(worker);
            continue;
        }
        if (!worker->resident_count && !take(worker, false)) {
            back_off(worker);
            continue;
        }
        bool ended = false;
        bool progress = run_round(worker, &ended);
        if (!atomic_load_explicit(&exec->attention, memory_order_relaxed))
            refill(worker, progress, ended);
    }
    pthread_mutex_lock(&exec->lock);
    exec->busy--;
    pthread_mutex_unlock(&exec->lock);
    return NULL;
}

static void worker_init(struct worker *worker, struct sg_exec *exec)
{
    bool helper = worker == helper_of(exec);
    worker->exec = exec;
    worker->quantum = helper ? HELPER_QUANTUM : QUANTUM;
    worker->turn = helper ? HELPER_INSTRUCTIONS : TURN_INSTRUCTIONS;
    sg_tlb_init(&worker->tlb);
}

/* Lock held. Every signal but those that an access raises goes to the program's own threads. */
static int start_worker(struct sg_exec *exec)
{
    struct worker *worker = &exec->workers[exec->started];
    sigset_t all, before;
    sigfillset(&all);
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGFPE);
    sigdelset(&all, SIGILL);
    sigdelset(&all, SIGABRT);
    worker_init(worker, exec);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    exec->busy++;
    int error = pthread_create(&worker->thread, NULL, worker_main, worker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error) {
        exec->busy--;
        return -error;
    }
    exec->started++;
    return 0;
}

/* ---- the helper ---------------------------------------------------------------------------------
 */

/* Lock held. */
static void wake(struct sg_exec *exec, uint64_t workers)
{
    for (workers = workers < exec->sleeping ? workers : exec->sleeping; workers; workers--)
        pthread_cond_signal(&exec->work);
}

/* Take one workgroup of a small dispatch and start it. False: there is none, or it must wait. */
static bool take_small(struct worker *helper)
{
    struct sg_exec *exec = helper->exec;
    struct sg_dispatch_state *state;
    pthread_mutex_lock(&exec->lock);
    for (state = exec->active; state; state = state->next) {
        if (state->small && has_work(state) && grab(helper, state, 1))
            break;
    }
    pthread_mutex_unlock(&exec->lock);
    return state && start_pending(helper);
}

/* What the helper holds is the workers' from now on, and all that it has left of these dispatches.
 */
static void give_up(struct worker *helper)
{
    struct sg_exec *exec = helper->exec;
    struct sg_resident *orphan;
    uint64_t groups = 0;
    pthread_mutex_lock(&exec->lock);
    while (helper->resident_count || helper->pending) {
        if (helper->resident_count) {
            orphan = helper->resident[--helper->resident_count];
            orphan->started = true;
        } else { /* start_pending() left one, as it found no scratch */
            orphan = helper->spare;
            helper->spare = orphan->next;
            orphan->started = false;
            orphan->state = helper->pending;
            orphan->index = helper->pending_index;
            helper->pending = NULL;
        }
        orphan->state->small = false;
        groups += has_work(orphan->state) ? SMALL_WAVES : 1;
        orphan->next = exec->orphans;
        exec->orphans = orphan;
    }
    atomic_fetch_add(&exec->version, 1);
    wake(exec, groups);
    pthread_mutex_unlock(&exec->lock);
}

bool sg_exec_assist(struct sg_exec *exec)
{
    struct worker *helper = helper_of(exec);
    if (!exec->has_helper) { /* only this thread writes it */
        pthread_mutex_lock(&exec->lock);
        exec->helper_thread = pthread_self();
        exec->has_helper = true;
        pthread_mutex_unlock(&exec->lock);
    }
    if (!atomic_load_explicit(&exec->small_waits, memory_order_relaxed) ||
        !atomic_exchange(&exec->small_waits, false))
        return false;
    pthread_mutex_lock(&exec->lock);
    bool now = !exec->paused && !exec->quit;
    exec->busy += now;
    pthread_mutex_unlock(&exec->lock);
    if (!now) /* resuming wakes all workers */
        return false;
    bool more = true;
    for (unsigned groups = 0; more && groups < HELPER_GROUPS; groups++) {
        bool ended = false;
        more = take_small(helper);
        if (more)
            run_round(helper, &ended);
        if (helper->resident_count || helper->pending) {
            give_up(helper);
            more = true;
            break;
        }
    }
    if (more)
        atomic_store(&exec->small_waits, true);
    pthread_mutex_lock(&exec->lock);
    if (--exec->busy == 0)
        pthread_cond_broadcast(&exec->quiet);
    pthread_mutex_unlock(&exec->lock);
    return true;
}

/* ---- interface ----------------------------------------------------------------------------------
 */

static struct sg_dispatch_state *state_get(struct sg_exec *exec)
{
    pthread_mutex_lock(&exec->lock);
    struct sg_dispatch_state *state = exec->idle;
    if (state)
        exec->idle = state->next;
    pthread_mutex_unlock(&exec->lock);
    if (!state) {
        state = aligned_alloc(64, (sizeof(*state) + 63) / 64 * 64);
        if (state)
            memset(state, 0, sizeof(*state));
    }
    return state;
}

/* Lock held. */
static bool is_helper(const struct sg_exec *exec)
{
    return exec->has_helper && pthread_equal(exec->helper_thread, pthread_self());
}

/* Does the calling thread look for a workgroup next? A worker that submits is in a done(). */
static bool will_take(const struct sg_exec *exec)
{
    return self && self->exec == exec && !self->resident_count && !self->pending;
}

/* Lock held. */
static int enlist(struct sg_exec *exec, struct sg_dispatch_state *state)
{
    struct sg_dispatch_state **link = &exec->active;
    int error = 0;
    while (exec->started < exec->thread_count && exec->started < state->total && !error)
        error = start_worker(exec);
    if (!exec->started)
        return error;
    if (state->uses_scratch && !(state->scratch = pool_get(exec, state->dispatch)))
        return -ENOMEM;
    while (*link && (*link)->dispatch->priority >= state->dispatch->priority)
        link = &(*link)->next;
    state->next = *link;
    *link = state;
    state->started_ms = now_ms();
    atomic_store(&state->finished, 0);
    atomic_store(&state->stop, 0);
    atomic_store(&state->suspended, false);
    state->small = state->total <= SMALL_WAVES && state->total * state->group_waves <= SMALL_WAVES;
    atomic_store_explicit(&state->remaining, (int64_t)state->total, memory_order_release);
    atomic_fetch_add(&exec->version, 1);
    if (state->small && is_helper(exec))
        atomic_store(&exec->small_waits, true);
    else
        wake(exec, state->total - will_take(exec));
    return 0;
}

int sg_exec_submit(struct sg_exec *exec, struct sg_dispatch *dispatch)
{
    static _Atomic uint64_t serials;
    struct sg_dispatch_state *state = state_get(exec);
    if (!state)
        return -ENOMEM;
    state->dispatch = dispatch;
    state->scratch = NULL;
    state->code = sg_vm_code(dispatch->vm, exec->isa);
    dispatch->exec_state = state;
    dispatch->serial = atomic_fetch_add(&serials, 1) + 1;
    int error = state->code
                    ? sg_launch_prepare(state, exec->dev->config.compute_units, exec->thread_count)
                    : -ENOMEM;
    if (!error && state->uses_scratch && dispatch->scratch_waves < state->group_waves)
        error = -ENOMEM;
    if (!error)
        sg_guard_install();
    pthread_mutex_lock(&exec->lock);
    if (!error)
        error = enlist(exec, state);
    if (error) {
        state->next = exec->idle;
        exec->idle = state;
    }
    pthread_mutex_unlock(&exec->lock);
    return error;
}

/* Lock held. A dispatch of the queue that has not been stopped. */
static struct sg_dispatch_state *find_running(const struct sg_exec *exec, uint32_t queue_id)
{
    struct sg_dispatch_state *state = exec->active;
    while (state && (state->dispatch->queue_id != queue_id || atomic_load(&state->stop)))
        state = state->next;
    return state;
}

void sg_exec_cancel(struct sg_exec *exec, uint32_t queue_id)
{
    const uint32_t cancelled = 1 + (uint32_t)SG_DISPATCH_CANCELLED;
    for (;;) {
        pthread_mutex_lock(&exec->lock);
        struct sg_dispatch_state *state = find_running(exec, queue_id);
        uint32_t expected = 0;
        int64_t left = 0;
        /* Under the lock: once it is given up, a dispatch that ends by itself may be another one.
         */
        if (state && atomic_compare_exchange_strong(&state->stop, &expected, cancelled))
            left = atomic_exchange(&state->remaining, 0);
        if (exec->orphans) { /* no worker looks for those of suspended dispatches */
            atomic_fetch_add(&exec->version, 1);
            pthread_cond_broadcast(&exec->work);
        }
        pthread_mutex_unlock(&exec->lock);
        if (!state)
            return;
        if (left > 0) /* those keep the state alive */
            finish(exec, NULL, state, (uint64_t)left);
    }
}

/* Lock held, paused. What a worker has taken and not started keeps it from taking anything else. */
static void put_pending_aside(struct sg_exec *exec, struct worker *worker)
{
    struct sg_dispatch_state *state = worker->pending;
    for (uint64_t index = worker->pending_index; index < worker->pending_end; index++) {
        struct sg_resident *orphan = calloc(1, sizeof(*orphan));
        if (!orphan)
            sg_unimplemented("going on without memory");
        orphan->state = state;
        orphan->index = index;
        orphan->next = exec->orphans;
        exec->orphans = orphan;
    }
    atomic_fetch_add(&state->finished, worker->pending_ended); /* not all: these are to come */
    worker->pending = NULL;
    worker->pending_ended = 0;
}

void sg_exec_suspend(struct sg_exec *exec, uint32_t queue_id, bool suspended)
{
    pthread_mutex_lock(&exec->lock);
    for (uint32_t i = 0; suspended && i < exec->started; i++) {
        struct worker *worker = &exec->workers[i];
        if (worker->pending && worker->pending->dispatch->queue_id == queue_id)
            put_pending_aside(exec, worker);
    }
    for (struct sg_dispatch_state *state = exec->active; state; state = state->next) {
        if (state->dispatch->queue_id == queue_id)
            atomic_store(&state->suspended, suspended);
    }
    atomic_fetch_add(&exec->version, 1);
    pthread_mutex_unlock(&exec->lock);
}

/* Zeros, on cache lines of their own. `bytes` is a multiple of 64, as the types are aligned. */
static void *calloc_lines(size_t bytes)
{
    void *memory = aligned_alloc(64, bytes);
    return memory ? memset(memory, 0, bytes) : NULL;
}

struct sg_exec *sg_exec_create(struct sg_device *dev)
{
    struct sg_exec *exec = calloc_lines(sizeof(*exec));
    if (!exec)
        return NULL;
    exec->dev = dev;
    exec->isa = sg_isa_get(dev->config.arch);
    exec->thread_count = dev->config.threads;
    exec->workers = calloc_lines((exec->thread_count + 1) * sizeof(*exec->workers));
    if (!exec->workers) {
        free(exec);
        return NULL;
    }
    worker_init(helper_of(exec), exec);
    pthread_mutex_init(&exec->lock, NULL);
    pthread_cond_init(&exec->work, NULL);
    pthread_cond_init(&exec->resumed, NULL);
    pthread_cond_init(&exec->quiet, NULL);
    return exec;
}

static void free_residents(struct worker *worker)
{
    while (worker->spare) {
        struct sg_resident *resident = worker->spare;
        worker->spare = resident->next;
        free(resident->vgprs);
        free(resident->group.waves);
        free(resident->lds);
        free(resident);
    }
    free(worker->resident);
}

void sg_exec_destroy(struct sg_exec *exec)
{
    pthread_mutex_lock(&exec->lock);
    exec->quit = true;
    atomic_store(&exec->attention, 1);
    pthread_cond_broadcast(&exec->work);
    pthread_cond_broadcast(&exec->resumed);
    pthread_mutex_unlock(&exec->lock);
    for (uint32_t i = 0; i < exec->started; i++) {
        pthread_join(exec->workers[i].thread, NULL);
        free_residents(&exec->workers[i]);
    }
    free_residents(helper_of(exec));
    while (exec->idle) {
        struct sg_dispatch_state *state = exec->idle;
        exec->idle = state->next;
        free(state);
    }
    while (exec->pools) {
        struct sg_scratch_pool *pool = exec->pools;
        exec->pools = pool->next;
        free(pool->taken);
        free(pool);
    }
    pthread_cond_destroy(&exec->quiet);
    pthread_cond_destroy(&exec->resumed);
    pthread_cond_destroy(&exec->work);
    pthread_mutex_destroy(&exec->lock);
    free(exec->workers);
    free(exec);
}

void sg_exec_pause(struct sg_exec *exec)
{
    pthread_mutex_lock(&exec->lock);
    exec->paused = true;
    atomic_store(&exec->attention, 1);
    while (exec->busy)
        pthread_cond_wait(&exec->quiet, &exec->lock);
    pthread_mutex_unlock(&exec->lock);
}

void sg_exec_resume(struct sg_exec *exec)
{
    pthread_mutex_lock(&exec->lock);
    exec->paused = false;
    atomic_store(&exec->attention, exec->quit);
    pthread_cond_broadcast(&exec->resumed);
    pthread_cond_broadcast(&exec->work);
    pthread_mutex_unlock(&exec->lock);
}

void sg_exec_stats(struct sg_exec *exec, struct sg_device_stats *add_to)
{
    for (uint32_t i = 0; i <= exec->thread_count; i++) {
        struct worker *worker = &exec->workers[i];
        add_to->workgroups += atomic_load(&worker->workgroups);
        add_to->waves += atomic_load(&worker->waves);
        add_to->instructions += atomic_load(&worker->instructions);
        add_to->vector_instructions += atomic_load(&worker->vector_instructions);
        add_to->tlb_hits += atomic_load(&worker->tlb_hits);
        add_to->tlb_misses += atomic_load(&worker->tlb_misses);
        add_to->window_bytes_read += atomic_load(&worker->window_read);
        add_to->window_bytes_written += atomic_load(&worker->window_written);
    }
    add_to->memory_faults += atomic_load(&exec->faults);
}

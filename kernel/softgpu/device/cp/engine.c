/* SPDX-License-Identifier: MIT */
/*
 * The engine: one thread that looks at every queue's doorbell, the pause gate, and telling the
 * driver. Owns the list of queues; what a queue does with its packets is aql.c, pm4.c and sdma.c.
 *
 * A doorbell is plain memory, so it must be polled. The thread spins for a moment after work, then
 * naps for an eighth of the time since the last work, but no longer than 50 us until that is a
 * 256th of it: it is late by at most that much. Some 4 us of work for each nap are 8 % of a core at
 * worst, for a few milliseconds; an idle device costs a wake-up per millisecond.
 */
#include "cp.h"

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
    CP_SPIN_NS = 60 * 1000,      /* after work: the next doorbell is likely near */
    CP_SPIN_BUSY_NS = 10 * 1000, /* waves are running: leave the core to them */
    CP_NAP_MIN_NS = 10 * 1000,
    CP_NAP_MAX_NS = 1000 * 1000,
    CP_NAP_MEMORY_NS = 100 * 1000, /* some queue waits for a word that the host may write */
    CP_NAP_WAVES_NS = 200 * 1000,  /* waves are running, and go on with their queue by themselves */
    CP_NAP_EARLY_NS = 50 * 1000,
    CP_NAP_EARLY_SHARE = 8,
    CP_NAP_SHARE = 256,
};

static uint64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static long futex(_Atomic uint32_t *word, int op, uint32_t value, const struct timespec *timeout)
{
    return syscall(SYS_futex, word, op | FUTEX_PRIVATE_FLAG, value, timeout, NULL, 0);
}

/* ---- pause gate --------------------------------------------------------------------------------
 */

bool cp_gate_enter(struct sg_cp *cp)
{
    atomic_fetch_add(&cp->inside, 1);
    if (atomic_load(&cp->paused) == 0)
        return true;
    cp_gate_leave(cp);
    return false;
}

void cp_gate_leave(struct sg_cp *cp)
{
    if (atomic_fetch_sub(&cp->inside, 1) == 1 && atomic_load(&cp->paused) != 0)
        futex(&cp->inside, FUTEX_WAKE, INT32_MAX, NULL);
}

static void side_pause(void *state)
{
    struct sg_cp *cp = state;
    atomic_store(&cp->paused, 1);
    for (;;) {
        uint32_t inside = atomic_load(&cp->inside);
        if (inside == 0)
            return;
        futex(&cp->inside, FUTEX_WAIT, inside, NULL);
    }
}

static void side_resume(void *state)
{
    struct sg_cp *cp = state;
    atomic_store(&cp->paused, 0);
    cp_kick(cp);
}

/* ---- the thread --------------------------------------------------------------------------------
 */

void cp_kick(struct sg_cp *cp)
{
    if (atomic_exchange(&cp->sleeping, 0) != 0)
        futex(&cp->sleeping, FUTEX_WAKE, 1, NULL);
}

static void nap(struct sg_cp *cp, uint64_t ns)
{
    struct timespec timeout = {.tv_sec = 0, .tv_nsec = (long)ns};
    futex(&cp->sleeping, FUTEX_WAIT, 1, &timeout);
    atomic_store(&cp->sleeping, 0);
}

void cp_deliver(struct sg_cp *cp, const struct cp_report *report)
{
    const struct sg_device_config *config = &cp->dev->config;
    for (uint32_t i = 0; i < report->event_count; i++)
        config->ops->event(config->driver, report->events[i]);
    if (!report->faulted)
        return;
    config->ops->memory_fault(config->driver, &report->fault);
    pthread_mutex_lock(&cp->list_lock);
    cp->faulted_vm = report->vm;
    pthread_mutex_unlock(&cp->list_lock);
    cp_kick(cp);
}

void cp_queue_get(struct sg_queue *q)
{
    pthread_mutex_lock(&q->cp->list_lock);
    q->refs++;
    pthread_mutex_unlock(&q->cp->list_lock);
}

void cp_queue_put(struct sg_queue *q)
{
    struct sg_cp *cp = q->cp;
    pthread_mutex_lock(&cp->list_lock);
    if (--q->refs == 0 && q->destroying)
        pthread_cond_broadcast(&cp->released);
    pthread_mutex_unlock(&cp->list_lock);
}

static struct sg_queue *queue_at(struct sg_cp *cp, size_t index)
{
    struct sg_queue *q = NULL;
    pthread_mutex_lock(&cp->list_lock);
    if (index < cp->queue_count) {
        q = cp->queues[index];
        q->refs++;
    }
    pthread_mutex_unlock(&cp->list_lock);
    return q;
}

/* A fault stops all queues of its address space. Here, because cancelling waits for executor
 * threads and the fault may have been reported by one. */
static void halt_faulted(struct sg_cp *cp)
{
    struct sg_queue *q;
    pthread_mutex_lock(&cp->list_lock);
    struct sg_vm *vm = cp->faulted_vm;
    cp->faulted_vm = NULL;
    pthread_mutex_unlock(&cp->list_lock);
    for (size_t i = 0; vm && (q = queue_at(cp, i)) != NULL; i++) {
        pthread_mutex_lock(&q->lock);
        bool ours = q->config.vm == vm;
        q->halted = q->halted || ours;
        uint32_t queue_id = q->config.queue_id;
        pthread_mutex_unlock(&q->lock);
        if (ours)
            sg_exec_cancel(cp->dev->exec, queue_id);
        cp_queue_put(q);
    }
}

/* One step of every queue, those of higher priority first (the list is in that order). */
static enum cp_progress scan(struct sg_cp *cp)
{
    enum cp_progress most = CP_IDLE;
    struct sg_queue *q;
    halt_faulted(cp);
    for (size_t i = 0; (q = queue_at(cp, i)) != NULL; i++) {
        struct cp_report report = {.event_count = 0};
        if (cp_gate_enter(cp)) {
            pthread_mutex_lock(&q->lock);
            enum cp_progress progress = cp_queue_step(q, &report);
            pthread_mutex_unlock(&q->lock);
            cp_gate_leave(cp);
            most = progress > most ? progress : most;
        }
        cp_queue_put(q);
        cp_deliver(cp, &report);
    }
    return most;
}

static uint64_t nap_length(enum cp_progress progress, uint64_t idle_ns)
{
    static const uint64_t longest[] = {[CP_IDLE] = CP_NAP_MAX_NS,
                                       [CP_WAIT_WAVES] = CP_NAP_WAVES_NS,
                                       [CP_WAIT_MEMORY] = CP_NAP_MEMORY_NS};
    uint64_t late = idle_ns / CP_NAP_SHARE;
    uint64_t most = late > CP_NAP_EARLY_NS ? late : CP_NAP_EARLY_NS;
    if (progress == CP_WAIT_WAVES || most > longest[progress])
        most = longest[progress];
    uint64_t length = idle_ns / CP_NAP_EARLY_SHARE;
    length = length < most ? length : most;
    return length > CP_NAP_MIN_NS ? length : CP_NAP_MIN_NS;
}

static void *engine_main(void *state)
{
    struct sg_cp *cp = state;
    uint64_t last_work = now_ns();
    unsigned rounds = 0;
    pthread_setname_np(pthread_self(), "softgpu-cp");
    prctl(PR_SET_TIMERSLACK, 1000UL, 0, 0, 0);
    while (!atomic_load(&cp->stop)) {
        enum cp_progress progress = scan(cp);
        if (sg_exec_assist(cp->dev->exec))
            progress = CP_MORE;
        uint64_t now = now_ns();
        uint64_t idle = now - last_work;
        if (progress == CP_MORE) {
            last_work = now;
            continue;
        }
        if (idle < (uint64_t)(progress == CP_WAIT_WAVES ? CP_SPIN_BUSY_NS : CP_SPIN_NS)) {
            if (++rounds % 8 == 0)
                sched_yield();
            else
                __builtin_ia32_pause();
            continue;
        }
        /* Announce the sleep, look once more, sleep: a kick in between is not lost. */
        atomic_store(&cp->sleeping, 1);
        if (scan(cp) == CP_MORE || sg_exec_assist(cp->dev->exec)) {
            atomic_store(&cp->sleeping, 0);
            last_work = now_ns();
            continue;
        }
        nap(cp, nap_length(progress, idle));
    }
    return NULL;
}

/* Faults of the thread itself stay deliverable: host memory that a page names may be gone. */
static int start_thread(struct sg_cp *cp)
{
    sigset_t all, old;
    sigfillset(&all);
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGILL);
    sigdelset(&all, SIGFPE);
    sigdelset(&all, SIGABRT);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int error = pthread_create(&cp->thread, NULL, engine_main, cp);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    cp->thread_runs = error == 0;
    return -error;
}

/* ---- life --------------------------------------------------------------------------------------
 */

static void side_destroy(void *state)
{
    struct sg_cp *cp = state;
    atomic_store(&cp->stop, 1);
    cp_kick(cp);
    if (cp->thread_runs)
        pthread_join(cp->thread, NULL);
    free(cp->queues);
    pthread_cond_destroy(&cp->released);
    pthread_mutex_destroy(&cp->list_lock);
    free(cp);
}

static void side_after_fork(void *state)
{
    /* The thread is gone and may have held any lock: what it used is left to the child's end. */
    struct sg_cp *cp = state;
    cp->thread_runs = false;
    cp->queue_count = 0;
}

static const struct sg_queue_side cp_side = {
    .pause = side_pause,
    .resume = side_resume,
    .destroy = side_destroy,
    .after_fork_in_child = side_after_fork,
};

static struct sg_cp *engine_create(struct sg_device *dev)
{
    struct sg_cp *cp = calloc(1, sizeof(*cp));
    if (!cp)
        return NULL;
    cp->dev = dev;
    pthread_mutex_init(&cp->list_lock, NULL);
    pthread_cond_init(&cp->released, NULL);
    int error = start_thread(cp);
    if (error) {
        side_destroy(cp);
        errno = -error;
        return NULL;
    }
    sg_device_attach_queues(dev, &cp_side, cp);
    return cp;
}

struct sg_cp *cp_engine(struct sg_device *dev)
{
    static pthread_mutex_t creation = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&creation);
    if (!dev->cp)
        dev->cp = engine_create(dev);
    struct sg_cp *cp = dev->cp;
    pthread_mutex_unlock(&creation);
    return cp;
}

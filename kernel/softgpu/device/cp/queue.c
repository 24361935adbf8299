/* SPDX-License-Identifier: MIT */
/*
 * Queues as the driver creates, changes and destroys them (device.h), and the step that the engine
 * takes on each. Packets: aql.c, pm4.c, sdma.c.
 */
#include "cp.h"

#include "guard.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Where the doorbell slot of a new queue stands: AQL rings packet index 0, so it cannot be 0. */
static uint64_t silent_doorbell(const struct sg_queue *q)
{
    return q->config.type == SG_QUEUE_AQL ? UINT64_MAX : 0;
}

static int check_config(const struct sg_queue_config *config)
{
    uint64_t unit = config->type == SG_QUEUE_AQL ? 64 : 4;
    if (!config->vm || !config->doorbell)
        return -EINVAL;
    if (config->ring_bytes % unit != 0 || (config->ring_va == 0) != (config->ring_bytes == 0))
        return -EINVAL;
    if (config->ring_bytes & (config->ring_bytes - 1))
        return -EINVAL;
    return 0;
}

/* As kfd_mqd_manager.c, mqd_symmetrically_map_cu_mask: a bit per compute unit, those that the mask
 * does not name are off. */
static void adopt_mask(struct sg_queue *q, const struct sg_queue_config *config)
{
    uint32_t units = q->cp->dev->config.compute_units;
    bool all = !config->cu_mask || !config->cu_mask_bits;
    memset(q->cu_mask, 0, sizeof(q->cu_mask));
    q->no_cu = true;
    for (uint32_t i = 0; i < units && (all || i < config->cu_mask_bits); i++) {
        if (!all && !(config->cu_mask[i / 32] >> i % 32 & 1))
            continue;
        q->cu_mask[i / 32] |= 1u << i % 32;
        q->no_cu = false;
    }
}

static int adopt_config(struct sg_queue *q, const struct sg_queue_config *config)
{
    int error = check_config(config);
    if (error)
        return error;
    adopt_mask(q, config);
    q->config = *config;
    q->config.cu_mask = NULL;
    return 0;
}

/* The list is kept in order of priority; equal ones in order of creation. */
static int list_insert(struct sg_cp *cp, struct sg_queue *q, uint32_t priority)
{
    int error = 0;
    pthread_mutex_lock(&cp->list_lock);
    q->list_priority = priority;
    if (cp->queue_count == cp->queue_capacity) {
        size_t capacity = cp->queue_capacity ? 2 * cp->queue_capacity : 16;
        struct sg_queue **grown = realloc(cp->queues, capacity * sizeof(*grown));
        if (grown) {
            cp->queues = grown;
            cp->queue_capacity = capacity;
        } else {
            error = -ENOMEM;
        }
    }
    if (!error) {
        size_t at = cp->queue_count++;
        for (; at > 0 && cp->queues[at - 1]->list_priority < priority; at--)
            cp->queues[at] = cp->queues[at - 1];
        cp->queues[at] = q;
    }
    pthread_mutex_unlock(&cp->list_lock);
    return error;
}

static void list_remove(struct sg_cp *cp, struct sg_queue *q)
{
    pthread_mutex_lock(&cp->list_lock);
    for (size_t i = 0; i < cp->queue_count; i++) {
        if (cp->queues[i] != q)
            continue;
        memmove(&cp->queues[i], &cp->queues[i + 1],
                (cp->queue_count - i - 1) * sizeof(struct sg_queue *));
        cp->queue_count--;
        break;
    }
    pthread_mutex_unlock(&cp->list_lock);
}

static void queue_free(struct sg_queue *q)
{
    pthread_mutex_destroy(&q->lock);
    free(q);
}

int sg_queue_create(struct sg_device *dev, const struct sg_queue_config *config,
                    struct sg_queue **queue)
{
    struct sg_cp *cp = cp_engine(dev);
    struct sg_queue *q = calloc(1, sizeof(*q));
    if (!cp || !q) {
        free(q);
        return -ENOMEM;
    }
    sg_guard_install();
    pthread_mutex_init(&q->lock, NULL);
    q->cp = cp;
    int error = adopt_config(q, config);
    if (!error) {
        q->doorbell = silent_doorbell(q);
        __atomic_store_n(q->config.doorbell, q->doorbell, __ATOMIC_RELAXED);
        error = list_insert(cp, q, config->priority);
    }
    if (error) {
        queue_free(q);
        return error;
    }
    sg_log(SG_LOG_PACKET, "queue %u: created, type %d, ring 0x%llx + 0x%llx", config->queue_id,
           (int)config->type, (unsigned long long)config->ring_va,
           (unsigned long long)config->ring_bytes);
    *queue = q;
    cp_kick(cp);
    return 0;
}

int sg_queue_update(struct sg_queue *q, const struct sg_queue_config *config)
{
    struct sg_cp *cp = q->cp;
    pthread_mutex_lock(&q->lock);
    bool reorder = config->priority != q->config.priority;
    int error = adopt_config(q, config);
    pthread_mutex_unlock(&q->lock);
    if (!error && reorder) {
        list_remove(cp, q); /* leaves capacity for one: the insertion cannot fail */
        error = list_insert(cp, q, config->priority);
    }
    cp_kick(cp);
    return error;
}

static void set_suspended(struct sg_queue *q, bool suspended)
{
    struct sg_device *dev = q->cp->dev;
    sg_device_pause(dev);
    pthread_mutex_lock(&q->lock);
    q->suspended = suspended;
    pthread_mutex_unlock(&q->lock);
    sg_exec_suspend(dev->exec, q->config.queue_id, suspended);
    sg_device_resume(dev);
}

void sg_queue_suspend(struct sg_queue *q)
{
    set_suspended(q, true);
}

void sg_queue_resume(struct sg_queue *q)
{
    set_suspended(q, false);
    cp_kick(q->cp);
}

/* Completions that were held back by a pause are dropped with the queue. */
static void drop_deferred(struct sg_queue *q)
{
    unsigned dropped = 0;
    pthread_mutex_lock(&q->lock);
    for (unsigned i = 0; i < CP_SLOTS; i++) {
        if (q->slots[i].state != CP_SLOT_DEFERRED)
            continue;
        q->slots[i].state = CP_SLOT_FREE;
        q->in_flight--;
        dropped++;
    }
    q->deferred = false;
    pthread_mutex_unlock(&q->lock);
    while (dropped--)
        cp_queue_put(q);
}

void sg_queue_destroy(struct sg_queue *q)
{
    struct sg_cp *cp = q->cp;
    if (!cp->thread_runs) /* a fork's child: the queue belongs to its parent */
        return;
    list_remove(cp, q);
    pthread_mutex_lock(&q->lock);
    pthread_mutex_lock(&cp->list_lock);
    q->destroying = true; /* read under either lock */
    pthread_mutex_unlock(&cp->list_lock);
    pthread_mutex_unlock(&q->lock);
    sg_exec_cancel(cp->dev->exec, q->config.queue_id);
    drop_deferred(q);
    pthread_mutex_lock(&cp->list_lock);
    while (q->refs != 0)
        pthread_cond_wait(&cp->released, &cp->list_lock);
    pthread_mutex_unlock(&cp->list_lock);
    sg_log(SG_LOG_PACKET, "queue %u: destroyed", q->config.queue_id);
    queue_free(q);
}

void cp_read_doorbell(struct sg_queue *q)
{
    uint64_t rung = __atomic_load_n(q->config.doorbell, __ATOMIC_ACQUIRE);
    if (rung == q->doorbell)
        return;
    q->doorbell = rung;
    if (q->config.type != SG_QUEUE_AQL) {
        if ((int64_t)(rung - q->limit) > 0)
            q->limit = rung;
        return;
    }
    /* Several producers ring in any order, and an earlier ring may have been overwritten by a lower
     * one before it was seen: the write index knows. */
    struct sg_memory_fault fault;
    uint64_t write_index = 0;
    if (cp_load64(q->config.vm, q->config.write_ptr_va, &write_index, &fault) &&
        (int64_t)(write_index - q->limit) > 0)
        q->limit = write_index;
    if ((int64_t)(rung + 1 - q->limit) > 0)
        q->limit = rung + 1;
}

enum cp_progress cp_queue_step(struct sg_queue *q, struct cp_report *report)
{
    if (q->suspended)
        return CP_IDLE;
    if (q->deferred)
        cp_finish_deferred(q, report);
    if (!cp_queue_active(q))
        return CP_IDLE;
    switch (q->config.type) {
    case SG_QUEUE_AQL:
        return cp_aql_step(q, report);
    case SG_QUEUE_SDMA:
        return cp_sdma_step(q, report);
    case SG_QUEUE_PM4:
        return cp_pm4_step(q, report);
    }
    return CP_IDLE;
}

/* ---- faults ------------------------------------------------------------------------------------
 */

void cp_count(_Atomic uint64_t *counter, uint64_t by)
{
    atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}

void cp_fault(struct sg_queue *q, const struct sg_memory_fault *fault, const char *what,
              struct cp_report *report)
{
    q->halted = true;
    report->faulted = true;
    report->vm = q->config.vm;
    report->fault = *fault;
    report->fault.queue_id = q->config.queue_id;
    if (what) {
        size_t length = strnlen(what, sizeof(report->fault.where) - 1);
        memcpy(report->fault.where, what, length);
        report->fault.where[length] = 0;
    }
    cp_count(&q->cp->dev->counters.memory_faults, 1);
    sg_log(SG_LOG_PACKET, "queue %u: memory fault at 0x%llx, %s", q->config.queue_id,
           (unsigned long long)fault->va, report->fault.where);
}

/* SPDX-License-Identifier: MIT */
/*
 * Chooses the backing of a pool (backing.h). A backing that fails for a reason which another one
 * does not have is followed by the next; a bad argument, which would fail everywhere, never is.
 */
#include "backing.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "log.h"

const char *hs_backing_name(enum hs_backing_kind kind)
{
    switch (kind) {
    case HS_BACKING_BATCH:
        return "batch";
    case HS_BACKING_PER_RANGE:
        return "per-range";
    case HS_BACKING_ALIAS:
        return "alias";
    case HS_BACKING_AUTO:
        break;
    }
    return "auto";
}

/* HIP_SCATTER_BACKING, where the caller has not forced one. */
static int forced_kind(const struct hs_pool *pool, enum hs_backing_kind *kind, const char **by)
{
    const char *value = getenv("HIP_SCATTER_BACKING");

    *kind = pool->forced;
    *by = "asked for by the caller";
    if (pool->needs_pointer_known) {
        if (pool->forced != HS_BACKING_AUTO && pool->forced != HS_BACKING_ALIAS)
            return hs_error(
                -EINVAL,
                "a window that works with HIP's memory calls needs the alias backing, but %s "
                "was asked for",
                hs_backing_name(pool->forced));
        *kind = HS_BACKING_ALIAS;
        *by = "needed by HIP's memory calls";
        return 0;
    }
    if (pool->forced != HS_BACKING_AUTO || !value || !*value)
        return 0;
    *by = "asked for by HIP_SCATTER_BACKING";
    for (int k = HS_BACKING_AUTO; k <= HS_BACKING_ALIAS; k++) {
        if (!strcmp(value, hs_backing_name((enum hs_backing_kind)k))) {
            *kind = (enum hs_backing_kind)k;
            return 0;
        }
    }
    return hs_error(-EINVAL, "HIP_SCATTER_BACKING=%.40s: must be auto, batch, per-range or alias",
                    value);
}

__attribute__((format(printf, 2, 3))) static void add_reason(struct hs_pool *pool,
                                                             const char *format, ...)
{
    size_t used = strlen(pool->reason);
    va_list args;

    if (used && used + 3 < sizeof(pool->reason))
        used += (size_t)snprintf(pool->reason + used, sizeof(pool->reason) - used, "; ");
    va_start(args, format);
    vsnprintf(pool->reason + used, sizeof(pool->reason) - used, format, args);
    va_end(args);
}

/* Whether another backing could do what this error stopped. */
static bool other_backing_may_work(int err)
{
    switch (err) {
    case -EOPNOTSUPP:
    case -ENOTTY:
    case -EINVAL: /* e.g. a kernel with an upper bound for the list */
    case -E2BIG:
    case -EAGAIN: /* one notifier over the whole span, starved by invalidations in its gaps */
        return true;
    default:
        return false;
    }
}

static int create_with(struct hs_pool *pool, const struct hs_backing *backing)
{
    int err = backing->create(pool);

    if (!err)
        pool->backing = backing;
    return err;
}

static int create_forced(struct hs_pool *pool, enum hs_backing_kind kind, const char *by)
{
    int err;

    switch (kind) {
    case HS_BACKING_BATCH:
        add_reason(pool, "batch: %s (%s)", by, pool->owner->wire_why);
        if (pool->owner->wire == HS_WIRE_NONE)
            return hs_error(-EOPNOTSUPP, "the batch backing was %s, but this kernel has none: %s",
                            by, pool->owner->wire_why);
        return create_with(pool, &hs_backing_batch);
    case HS_BACKING_PER_RANGE:
        add_reason(pool, "per-range: %s", by);
        return create_with(pool, &hs_backing_per_range);
    default:
        add_reason(pool, "alias: %s", by);
        err = create_with(pool, &hs_backing_alias);
        if (err)
            hs_error_prefix("the alias backing");
        return err;
    }
}

/* Tries a backing on the way to the next one. True: that is settled, with *result. */
static bool try_backing(struct hs_pool *pool, const struct hs_backing *backing, const char *why,
                        int *result)
{
    *result = create_with(pool, backing);
    if (!*result) {
        add_reason(pool, "%s: %s", backing->name, why);
        return true;
    }
    if (!other_backing_may_work(*result))
        return true;
    add_reason(pool, "not %s: %.160s", backing->name, hs_error_text());
    hs_log(HS_LOG_DECISION, "fallback from=%s error=%s text=\"%s\"", backing->name,
           hs_errno_name(*result), hs_error_text());
    pool->failed_run = SIZE_MAX;
    return false;
}

int hs_backing_create(struct hs_pool *pool)
{
    enum hs_backing_kind kind;
    const char *by;
    int err = forced_kind(pool, &kind, &by);

    if (err)
        return err;
    if (kind != HS_BACKING_AUTO)
        return create_forced(pool, kind, by);

    if (pool->owner->wire == HS_WIRE_NONE)
        add_reason(pool, "not batch: the kernel has none (%s)", pool->owner->wire_why);
    else if (try_backing(pool, &hs_backing_batch, pool->owner->wire_why, &err))
        return err;
    if (pool->ranges.count < HS_ALIAS_BREAK_EVEN)
        add_reason(pool, "not alias: pays from %u ranges on", HS_ALIAS_BREAK_EVEN);
    else if (try_backing(pool, &hs_backing_alias, "shared memory, seen at a second address", &err))
        return err;
    err = create_with(pool, &hs_backing_per_range);
    if (!err)
        add_reason(pool, "per-range: works on every kernel");
    return err;
}

/* SPDX-License-Identifier: MIT */
/*
 * The HIP face of copy.h: the same calls as HIP's, with windows allowed on either side. What
 * concerns no window goes to HIP. In a stream a copy runs from a host callback, which HIP orders
 * like any other operation.
 */
#include <errno.h>
#include <stdatomic.h>

#include "copy.h"
#include "error.h"
#include "hip_face.h"
#include "hip_lib.h"
#include "log.h"
#include "pool.h"
#include "sys.h"
#include "translate.h"

/* Set by a copy that failed in a stream, where nobody could be told; the next call tells. */
static atomic_int failed_in_stream;

static int take_failure(void)
{
    int err = atomic_load_explicit(&failed_in_stream, memory_order_relaxed);

    if (!err || !(err = atomic_exchange(&failed_in_stream, 0)))
        return 0;
    return hs_error(-EIO, "an earlier copy or fill in a stream failed (%s)", hs_errno_name(err));
}

/*
 * GPU memory of a device that cannot access the window: HIP copies from and to the host fragments,
 * one by one, in order.
 */
static int copy_by_fragments(void *to, const void *from, size_t bytes, hipStream_t stream,
                             int async)
{
    struct hs_host_range fragment;
    uint64_t covered;
    size_t count;
    int err = 0;

    while (bytes && !err) {
        int to_window = !hs_translate_to_host((uintptr_t)to, bytes, &fragment, 1, &count, &covered);

        if (!to_window)
            err = hs_translate_to_host((uintptr_t)from, bytes, &fragment, 1, &count, &covered);
        if (err)
            break;
        err = hs_hip_memcpy(to_window ? fragment.base : to, to_window ? from : fragment.base,
                            (size_t)covered, stream, async);
        to = (char *)to + covered;
        from = (const char *)from + covered;
        bytes -= (size_t)covered;
    }
    return err;
}

static void run_in_stream(void *data)
{
    struct hs_copy *copy = data;
    int err = hs_copy_run(copy);

    if (err) {
        hs_log(HS_LOG_ERROR, "copy failed in a stream: %s", hs_error_text());
        atomic_store(&failed_in_stream, err);
    }
    hs_copy_drop(copy);
    hs_sys.free(copy);
}

/* Hands a prepared copy to a stream, or drops it. */
static int enqueue(const struct hs_copy *prepared, hipStream_t stream)
{
    struct hs_copy *copy = hs_sys.alloc(sizeof(*copy)), dropped = *prepared;
    int err;

    if (!copy) {
        hs_copy_drop(&dropped);
        return hs_error(-ENOMEM, "no memory for a copy in a stream");
    }
    *copy = *prepared;
    err = hs_hip_call_in_stream(stream, run_in_stream, copy);
    if (err) {
        hs_copy_drop(copy);
        hs_sys.free(copy);
    }
    return err;
}

/* A synchronous call: after what the null stream waits for, as hipMemcpy() is. */
static int run_now(struct hs_copy *copy)
{
    int err = hs_hip_wait_null_stream();

    if (!err)
        err = hs_copy_run(copy);
    hs_copy_drop(copy);
    return err;
}

static int copy_any(void *to, const void *from, size_t bytes, hipMemcpyKind kind,
                    hipStream_t stream, int async)
{
    struct hs_copy copy;
    int err;

    if ((int)kind < hipMemcpyHostToHost || (int)kind > hipMemcpyDefault)
        return hs_error(-EDOM, "hipMemcpyKind %d does not exist", (int)kind);
    if (!bytes)
        return 0;
    if (!to || !from)
        return hs_error(-EINVAL, "the %s is null", to ? "source" : "destination");
    err = hs_hip_init();
    if (!err)
        err = take_failure();
    if (err)
        return err;
    err = hs_copy_prepare(&copy, to, from, bytes);
    if (err == -ENOENT)
        return hs_hip_memcpy(to, from, bytes, stream, async);
    if (err == -EXDEV) {
        err = async ? 0 : hs_hip_wait_null_stream();
        return err ? err : copy_by_fragments(to, from, bytes, stream, async);
    }
    if (err)
        return err;
    return async ? enqueue(&copy, stream) : run_now(&copy);
}

static int fill_any(void *to, int value, size_t bytes, hipStream_t stream, int async)
{
    struct hs_copy copy;
    int err;

    if (!bytes)
        return 0;
    if (!to)
        return hs_error(-EINVAL, "the destination is null");
    err = hs_hip_init();
    if (!err)
        err = take_failure();
    if (err)
        return err;
    err = hs_fill_prepare(&copy, to, (unsigned char)value, bytes);
    if (err == -ENOENT)
        return hs_hip_memset(to, value, bytes, stream, async);
    if (err)
        return err;
    return async ? enqueue(&copy, stream) : run_now(&copy);
}

hipError_t hipScatterMemcpy(void *dst, const void *src, size_t sizeBytes, hipMemcpyKind kind)
{
    return hs_hip_error(copy_any(dst, src, sizeBytes, kind, NULL, 0));
}

hipError_t hipScatterMemcpyAsync(void *dst, const void *src, size_t sizeBytes, hipMemcpyKind kind,
                                 hipStream_t stream)
{
    return hs_hip_error(copy_any(dst, src, sizeBytes, kind, stream, 1));
}

hipError_t hipScatterMemset(void *dst, int value, size_t sizeBytes)
{
    return hs_hip_error(fill_any(dst, value, sizeBytes, NULL, 0));
}

hipError_t hipScatterMemsetAsync(void *dst, int value, size_t sizeBytes, hipStream_t stream)
{
    return hs_hip_error(fill_any(dst, value, sizeBytes, stream, 1));
}

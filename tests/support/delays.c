// SPDX-License-Identifier: MIT
/*
 * Preset delays: the compiler calls these hooks at the entry and exit of our C functions, and now
 * and then they sleep. So threads meet in orders that they hardly ever meet in otherwise, and a
 * test that looks a moment too early fails here rather than once in a thousand runs.
 *
 * A thread sleeps for half of its time at most; what hands each call from thread to thread takes
 * up to a hundred times as long all the same. The delays are random and cannot be replayed: what
 * the other threads do meanwhile cannot either.
 */
#include <errno.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MEAN_CALLS 64u
#define SHORT_NS 400000u /* up to */
#define LONG_NS 8000000u /* up to; one in 50 */
#define UNINSTRUMENTED __attribute__((no_instrument_function))
#define ONE_OF_MANY __attribute__((weak)) /* object libraries and what links them have it */

struct delays {
    uint64_t random, start_ns, slept_ns;
    uint32_t calls_left;
};

static _Thread_local struct delays mine;

ONE_OF_MANY void __cyg_profile_func_enter(void *function, void *caller);
ONE_OF_MANY void __cyg_profile_func_exit(void *function, void *caller);

static UNINSTRUMENTED uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* xorshift64 */
static UNINSTRUMENTED uint32_t random_below(struct delays *d, uint32_t limit)
{
    d->random ^= d->random << 13;
    d->random ^= d->random >> 7;
    d->random ^= d->random << 17;
    return (uint32_t)(d->random >> 32) % limit;
}

static UNINSTRUMENTED void delay(struct delays *d)
{
    const uint64_t now = now_ns();
    struct timespec t = {0};

    if (!d->random) {
        d->start_ns = now;
        d->random = (now ^ (uintptr_t)d) * UINT64_C(0x9e3779b97f4a7c15) | 1;
    }
    d->calls_left = random_below(d, 2 * MEAN_CALLS);
    if (2 * d->slept_ns > now - d->start_ns + LONG_NS)
        return;
    t.tv_nsec = random_below(d, random_below(d, 50) ? SHORT_NS : LONG_NS);
    syscall(SYS_nanosleep, &t, NULL); /* neither a cancellation point nor intercepted */
    d->slept_ns += now_ns() - now;
}

static inline UNINSTRUMENTED void hook(void)
{
    const int error = errno;

    if (mine.calls_left)
        mine.calls_left--;
    else
        delay(&mine);
    errno = error;
}

UNINSTRUMENTED void __cyg_profile_func_enter(void *function, void *caller)
{
    (void)function;
    (void)caller;
    hook();
}

UNINSTRUMENTED void __cyg_profile_func_exit(void *function, void *caller)
{
    (void)function;
    (void)caller;
    hook();
}

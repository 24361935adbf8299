/* SPDX-License-Identifier: MIT */
/*
 * Turns a SIGSEGV or SIGBUS of a device thread's access to guest memory into a return value: the
 * program may unmap its memory or truncate a mapped file while the GPU uses it. Owned by guard.c.
 */
#ifndef SG_GUARD_H
#define SG_GUARD_H

#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>

struct sg_guard {
    sigjmp_buf env;
    /* Runs in the signal handler: is the address one that the guarded code accesses for the GPU? If
     * not, the signal is passed on: it is a bug of ours and must not look like the program's. */
    bool (*owns)(struct sg_guard *guard, uintptr_t address);
    uintptr_t address;      /* of the access, after sigsetjmp() returned non-zero */
    struct sg_guard *outer; /* guards nest */
};

/* Installs the handlers, in front of the program's; again if the program replaced them since.
 * Thread-safe. */
void sg_guard_install(void);

/* Between the two, on the calling thread: if (sigsetjmp(guard.env, 0)) { the access failed; popped
 * already } */
void sg_guard_push(struct sg_guard *guard);
void sg_guard_pop(struct sg_guard *guard);

#endif

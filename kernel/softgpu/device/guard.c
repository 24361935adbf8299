/* SPDX-License-Identifier: MIT */
/*
 * The SIGSEGV and SIGBUS handlers of the process, chained to those that the program installed
 * before us. Touches no device state; everything it needs is in the calling thread's guard.
 */
#include "guard.h"

#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>

/* Read by the signal handler: the model avoids an allocation at the first access of a thread. */
static __thread struct sg_guard *innermost __attribute__((tls_model("initial-exec")));
static __thread int chained __attribute__((tls_model("initial-exec")));

static const int guarded_signals[] = {SIGSEGV, SIGBUS};
enum { GUARDED = sizeof(guarded_signals) / sizeof(guarded_signals[0]) };

static pthread_mutex_t install_lock = PTHREAD_MUTEX_INITIALIZER;
static struct sigaction previous[GUARDED];

static void default_action(int number)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigaction(number, &action, NULL);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    raise(number);
}

/* Not a device access: what the program would have got without us. */
static void pass_on(int number, siginfo_t *info, void *context)
{
    const struct sigaction *next = &previous[number == SIGBUS];
    /* `chained`: the program's handler called ours, which it found installed before its own. */
    if (next->sa_handler == SIG_DFL || next->sa_handler == SIG_IGN || chained) {
        default_action(number);
        return;
    }
    chained++;
    if (next->sa_flags & SA_SIGINFO)
        next->sa_sigaction(number, info, context);
    else
        next->sa_handler(number);
    chained--;
}

static void handle(int number, siginfo_t *info, void *context)
{
    struct sg_guard *guard = innermost;
    uintptr_t address = (uintptr_t)info->si_addr;
    if (!guard || info->si_code <= 0 || !guard->owns(guard, address)) {
        pass_on(number, info, context);
        return;
    }
    guard->address = address;
    innermost = guard->outer;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    pthread_sigmask(SIG_UNBLOCK, &set,
                    NULL); /* siglongjmp() restores no mask: sigsetjmp(env, 0) is cheap */
    siglongjmp(guard->env, 1);
}

void sg_guard_install(void)
{
    pthread_mutex_lock(&install_lock);
    for (int i = 0; i < GUARDED; i++) {
        struct sigaction now;
        sigaction(guarded_signals[i], NULL, &now);
        if ((now.sa_flags & SA_SIGINFO) && now.sa_sigaction == handle)
            continue;
        previous[i] = now;
        struct sigaction ours = {.sa_sigaction = handle,
                                 .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
        sigaction(guarded_signals[i], &ours, NULL);
    }
    pthread_mutex_unlock(&install_lock);
}

void sg_guard_push(struct sg_guard *guard)
{
    guard->outer = innermost;
    innermost = guard;
}

void sg_guard_pop(struct sg_guard *guard)
{
    innermost = guard->outer;
}

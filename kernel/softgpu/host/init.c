/* SPDX-License-Identifier: MIT */
/*
 * Start and end of the host layer in a process: finds the real functions, reads the configuration,
 * arranges for forks, writes the statistics. Everything is lazy: another library's constructor may
 * call us first.
 */
#include "host.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <softgpu/softgpu.h>

struct sgh_real sgh_real;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static atomic_bool ready;
static atomic_flag stats_written = ATOMIC_FLAG_INIT;

static void find(void *slot, const char *name)
{
    void *function = dlsym(RTLD_NEXT, name);
    memcpy(slot, &function, sizeof(function));
}

static void find_real(void)
{
#define FIND(name) find(&sgh_real.name, #name)
    FIND(open);
    FIND(openat);
    FIND(close);
    FIND(dup);
    FIND(dup2);
    FIND(dup3);
    FIND(fcntl);
    FIND(ioctl);
    FIND(fopen);
    FIND(opendir);
    FIND(readdir);
    FIND(closedir);
    FIND(rewinddir);
    FIND(dirfd);
    FIND(access);
    FIND(faccessat);
    FIND(readlink);
    FIND(stat);
    FIND(lstat);
    FIND(fstat);
    FIND(fstatat);
    FIND(statx);
    FIND(shmdt);
#undef FIND
}

static void start(void)
{
    static struct sgd_config config;
    char error[512] = "bad configuration";
    find_real();
    if (sgd_config_from_environment(&config, error, sizeof(error))) {
        fprintf(stderr, "softgpu: %s\n", error);
        _exit(2);
    }
    sgd_init(&config, &sgh_driver_ops);
    pthread_atfork(sgd_before_fork, sgd_after_fork_in_parent, sgd_after_fork_in_child);
    atomic_store_explicit(&ready, true, memory_order_release);
}

void sgh_ready(void)
{
    if (!atomic_load_explicit(&ready, memory_order_acquire))
        pthread_once(&once, start);
}

__attribute__((constructor)) static void on_load(void)
{
    sgh_ready();
#ifndef SGH_SANITIZED /* a sanitizer's own allocator does not call libc, and its checks do not run \
                         in libc's calls at a thread's end */
    sgh_redirect_libc();
#endif
}

/* Of processes that used the GPU, at their end: by exit, by _exit, or by abort after a memory
 * fault. */
static void write_stats(void)
{
    const char *path = atomic_load(&ready) ? sgd_config()->stats_path : NULL;
    struct softgpu_stats stats;
    if (!path || !*path || atomic_flag_test_and_set(&stats_written))
        return;
    sgd_get_stats(&stats);
    if (!stats.ioctl_total)
        return;
    if (!strcmp(path, "-")) {
        sgd_write_stats(STDERR_FILENO);
        return;
    }
    int fd = sgh_real.open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) {
        fprintf(stderr, "softgpu: cannot write statistics to %s: %s\n", path, strerror(errno));
        return;
    }
    sgd_write_stats(fd);
    sgh_real.close(fd);
}

__attribute__((destructor)) static void on_exit_of_program(void)
{
    write_stats();
}

SGH_EXPORT _Noreturn void abort(void)
{
    void (*real_abort)(void);
    write_stats();
    find(&real_abort, "abort");
    real_abort();
    __builtin_unreachable();
}

SGH_EXPORT int softgpu_get_stats(struct softgpu_stats *stats)
{
    struct softgpu_stats all;
    if (!stats || stats->size < sizeof(stats->size))
        return -EINVAL;
    sgd_get_stats(&all);
    all.open_files = sgh_fd_count();
    uint64_t bytes = stats->size < sizeof(all) ? stats->size : sizeof(all);
    all.size = bytes;
    memcpy(stats, &all, bytes);
    return 0;
}

SGH_EXPORT int softgpu_fail(unsigned int nr, unsigned int k, int err)
{
    sgh_ready();
    return sgd_fail(nr, k, err);
}

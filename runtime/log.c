/* SPDX-License-Identifier: MIT */
/* Writes the log (log.h). A line is one write(), so that threads and processes do not mix within
 * lines. */
#include "log.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int hs_log_threshold;
static int log_fd = STDERR_FILENO;

__attribute__((constructor)) static void open_log(void)
{
    const char *level = getenv("HIP_SCATTER_LOG_LEVEL"), *file = getenv("HIP_SCATTER_LOG_FILE");

    if (!level || !*level)
        return;
    hs_log_threshold = atoi(level);
    if (hs_log_threshold > 0 && file && *file) {
        int fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

        if (fd >= 0)
            log_fd = fd;
    }
}

__attribute__((destructor)) static void close_log(void)
{
    if (log_fd != STDERR_FILENO)
        close(log_fd);
    log_fd = STDERR_FILENO;
}

void hs_log_write(int level, const char *format, ...)
{
    char line[1024];
    struct timespec t;
    va_list args;
    int used;

    clock_gettime(CLOCK_MONOTONIC, &t);
    used = snprintf(line, sizeof(line), "hip_scatter:%d pid=%d tid=%d t=%lld.%06ld ", level,
                    (int)getpid(), (int)gettid(), (long long)t.tv_sec, t.tv_nsec / 1000);
    va_start(args, format);
    used += vsnprintf(line + used, sizeof(line) - (size_t)used - 1, format, args);
    va_end(args);
    if (used > (int)sizeof(line) - 2)
        used = (int)sizeof(line) - 2;
    line[used++] = '\n';
    if (write(log_fd, line, (size_t)used) < 0)
        return; /* nowhere to say it */
}

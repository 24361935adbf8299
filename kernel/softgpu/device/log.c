/* SPDX-License-Identifier: MIT */
/*
 * Messages of all softgpu layers: what is not implemented, and the trace. Writes to descriptor 2
 * with one write per message, so that lines of several threads do not mix; allocates nothing.
 */
#include "device.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

uint32_t sg_log_mask;

static void emit(const char *prefix, const char *format, va_list args)
{
    char line[1024];
    int used = snprintf(line, sizeof(line), "softgpu: %s", prefix);
    int more = vsnprintf(line + used, sizeof(line) - (size_t)used - 1, format, args);
    size_t length = (size_t)used + (more > 0 ? (size_t)more : 0);
    if (length > sizeof(line) - 2)
        length = sizeof(line) - 2;
    line[length++] = '\n';
    ssize_t ignored = write(STDERR_FILENO, line, length);
    (void)ignored;
}

void sg_unimplemented(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    emit("not implemented: ", format, args);
    va_end(args);
    abort();
}

void sg_log(enum sg_log_category category, const char *format, ...)
{
    if (!(sg_log_mask & (uint32_t)category))
        return;
    va_list args;
    va_start(args, format);
    emit("", format, args);
    va_end(args);
}

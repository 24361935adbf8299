/* SPDX-License-Identifier: MIT */
/* The last-error text of each thread (error.h). Allocates nothing: a text must be sayable without
 * memory. */
#include "error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char error_text[512];

int hs_error(int err, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(error_text, sizeof(error_text), format, args);
    va_end(args);
    return err;
}

void hs_error_prefix(const char *prefix)
{
    char old[sizeof(error_text)];

    memcpy(old, error_text, sizeof(old));
    snprintf(error_text, sizeof(error_text), "%s: %.400s", prefix, old);
}

const char *hs_error_text(void)
{
    return error_text;
}

const char *hs_errno_name(int err)
{
    const char *name = strerrorname_np(err < 0 ? -err : err);

    return name ? name : "unknown errno";
}

/* SPDX-License-Identifier: MIT */
/*
 * Finds, after the kernel has refused a list, the range that it cannot have liked, so that the
 * error text can name it. Reads the process's memory map; changes nothing. Only for the error path:
 * it may take its time.
 */
#ifndef HS_BLAME_H
#define HS_BLAME_H

#include <stdbool.h>
#include <stddef.h>

#include "ranges.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * True if a range is to blame: *index is the first such, and the error text says what is wrong with
 * it. False leaves the text as it was.
 */
bool hs_blame(const struct hs_host_range *list, size_t count, size_t *index);

#ifdef __cplusplus
}
#endif

#endif

/* SPDX-License-Identifier: MIT */
/* The order of runs by host address. Reads the runs' addresses only, sealed or not. */
#ifndef HS_SORT_H
#define HS_SORT_H

#include <stdint.h>

#include "ranges.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Fills order[count] with the runs' indexes by ascending address; runs at one address keep their
 * order. All addresses lie in [lowest, highest). -ENOMEM or -EINVAL with a text.
 */
int hs_sort_runs(const struct hs_ranges *r, uint64_t lowest, uint64_t highest, uint32_t *order);

/*
 * Whether two runs of an unsealed list share a page: *addr is such a page, or 0. Reads the list
 * once, in order. -ENOMEM with a text; -ERANGE without one: a run is too large for the span, use
 * hs_sort_runs().
 */
int hs_sort_find_overlap(const struct hs_ranges *r, uint64_t *addr);

#ifdef __cplusplus
}
#endif

#endif

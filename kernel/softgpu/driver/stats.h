/* SPDX-License-Identifier: MIT */
/* Counters that are not part of the process object: they survive nothing but are there before it.
 */
#ifndef SGD_STATS_H
#define SGD_STATS_H

#include <stdatomic.h>
#include <stdint.h>

struct sgd_counters {
    atomic_uint_fast64_t ioctls[256];
    atomic_uint_fast64_t invalidations;
    atomic_uint_fast64_t profiler_side_effects;
};
extern struct sgd_counters sgd_counters;

#endif

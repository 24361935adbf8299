/* SPDX-License-Identifier: MIT */
/*
 * Global wave sync: the 64 barrier and semaphore counters that all waves of one process on one GPU
 * share (Vega ISA document, "DS_GWS_*"). Instructions: gws.c.
 */
#ifndef SG_GWS_H
#define SG_GWS_H

#include <stdatomic.h>
#include <stdint.h>

enum { SG_GWS_RESOURCES = 64 };

/* One resource. Low half: the signed counter. High half: how often a barrier opened here. */
struct sg_gws {
    _Atomic uint64_t resource[SG_GWS_RESOURCES];
};

#endif

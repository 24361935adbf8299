/* SPDX-License-Identifier: MIT */
/*
 * Hardware registers of a wave as s_getreg and s_setreg see them. Owned by sreg.c.
 */
#ifndef SG_SREG_H
#define SG_SREG_H

#include "../wave.h"

/* simm16: register id in bits 0..5, first bit in 6..10, number of bits less one in 11..15. */
uint32_t sg_getreg(const struct sg_wave *w, const struct sg_inst *inst, uint16_t simm16);
void sg_setreg(struct sg_wave *w, const struct sg_inst *inst, uint16_t simm16, uint32_t value);

#endif

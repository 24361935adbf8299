/* SPDX-License-Identifier: MIT */
/*
 * Image instructions (MIMG): what is implemented of them. Owned by ops_image.c; the decoder calls
 * it.
 */
#ifndef SG_IMAGE_H
#define SG_IMAGE_H

#include "inst.h"

/* Fills inst from the two dwords of a MIMG instruction. False: not implemented, inst is unchanged.
 */
bool sg_image_decode(struct sg_inst *inst, const uint32_t words[2]);

/* The name of an opcode that the opcode table does not have, because its registers vary; or NULL.
 */
const char *sg_image_name(unsigned opcode);

#endif

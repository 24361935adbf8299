/* SPDX-License-Identifier: MIT */
/*
 * Read sections: what a thread reads inside of one is not freed before it leaves. Entering and
 * leaving are two plain stores; who wants to free pays (membarrier). Sections do not nest and must
 * not block for long.
 */
#ifndef HS_EPOCH_H
#define HS_EPOCH_H

#ifdef __cplusplus
extern "C" {
#endif

void hs_epoch_enter(void);
void hs_epoch_exit(void);

/* Returns when every section that was entered before the call has been left. Not inside of a
 * section. */
void hs_epoch_wait(void);

#ifdef __cplusplus
}
#endif

#endif

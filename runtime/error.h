/* SPDX-License-Identifier: MIT */
/*
 * The last-error text of each thread. Internal functions return 0 or a negative errno and say here,
 * once and where it is known, what failed. The faces translate the number.
 */
#ifndef HS_ERROR_H
#define HS_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

/* Sets the calling thread's text; returns err, so that "return hs_error(-EINVAL, ...)" reads well.
 */
__attribute__((format(printf, 2, 3))) int hs_error(int err, const char *format, ...);

/* Puts a prefix before the calling thread's text, "step: ". */
void hs_error_prefix(const char *prefix);

const char *hs_error_text(void);

/* ENOTTY for -ENOTTY or ENOTTY; thread safe, never null. */
const char *hs_errno_name(int err);

#ifdef __cplusplus
}
#endif

#endif

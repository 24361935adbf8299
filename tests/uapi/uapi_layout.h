/* SPDX-License-Identifier: MIT */
/*
 * One function per compiled variant of uapi_layout.c: the request number as that variant sees it. A
 * variant that was not compiled is a link error, so that none can drop out unnoticed.
 */
#ifndef UAPI_LAYOUT_H
#define UAPI_LAYOUT_H

#ifdef __cplusplus
extern "C" {
#endif

unsigned long uapi_c_alone(void);
unsigned long uapi_c_before(void);
unsigned long uapi_c_after(void);
unsigned long uapi_cxx_alone(void);
unsigned long uapi_cxx_before(void);
unsigned long uapi_cxx_after(void);

#ifdef __cplusplus
}
#endif
#endif

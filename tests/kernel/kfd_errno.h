/* SPDX-License-Identifier: MIT */
/*
 * Between kfd_errno.c (cases for any machine) and kfd_errno_gpu.c (cases that need a GPU).
 */
#ifndef TESTS_KERNEL_KFD_ERRNO_H
#define TESTS_KERNEL_KFD_ERRNO_H

#include "kfd.h"

/* Run the cases on gpu; report is called once for each, with the name of the errno. */
void kfd_errno_with_gpu(int fd, const struct kfd_gpu *gpu,
                        void (*report)(const char *name, const char *value));

#endif

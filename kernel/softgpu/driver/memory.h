/* SPDX-License-Identifier: MIT */
/* Between memory.c (buffers) and notifier.c (what the program does to registered memory). */
#ifndef SGD_MEMORY_H
#define SGD_MEMORY_H

#include "process.h"

struct kfd_ioctl_userptr_range;

uint32_t sgd_pte_flags(const struct sgd_buffer *buffer);
int sgd_copy_ranges(uint64_t user, uint32_t count, uint64_t total,
                    struct kfd_ioctl_userptr_range **out, uint32_t *out_count);
/* For process->cpu_ranges and cpu_devices, which the notifier reads without the process lock. */
void sgd_watch_insert(struct sgd_itree *tree, struct sgd_inode *node);
void sgd_watch_remove(struct sgd_itree *tree, struct sgd_inode *node);
/* Map those pages of [start, end) that are present and writable at va and following. */
void sgd_map_present(struct sgd_gpu *gpu, const struct sgd_buffer *buffer, uint64_t va,
                     uint64_t start, uint64_t end);

#endif

// SPDX-License-Identifier: MIT
/*
 * kfd_effects.h by the fake GPU of the guest.
 */
#include "kfd_effects.h"

#include <errno.h>

#include "fake.h"

static int fake, render;

int engine_open(int fd, int drm, const struct kfd_gpu *gpu)
{
    (void)fd;
    (void)gpu;
    render = drm;
    fake = fake_open();
    return fake == -1 ? -errno : 0;
}

enum engine_answer engine_read(uint64_t va, uint64_t *word)
{
    int r;

    if (fake_wait_restored(fake, render) < 0)
        return ENGINE_STOPPED;
    r = fake_read(fake, render, va, word, sizeof(*word), NULL);
    return r == 0 ? ENGINE_READ : r == -EFAULT ? ENGINE_FAULT : ENGINE_BROKEN;
}

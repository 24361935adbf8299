// SPDX-License-Identifier: MIT
/*
 * Access to the fake GPU and to pagemap (fake.h). Owns no state.
 */
#include "fake.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "kfd.h"

int fake_open(void)
{
    return open("/dev/amdgpu_fake", O_RDWR | O_CLOEXEC);
}

int fake_walk(int fake, int drm, uint64_t va, struct amdgpu_fake_walk *walk)
{
    *walk = (struct amdgpu_fake_walk){.drm_fd = (uint32_t)drm, .va = va};
    return kfd_call(fake, AMDGPU_FAKE_WALK, walk);
}

static int copy(int fake, struct amdgpu_fake_copy args, uint64_t *fault)
{
    int r = kfd_call(fake, AMDGPU_FAKE_COPY, &args);

    if (fault)
        *fault = args.fault_va;
    return r;
}

int fake_read(int fake, int drm, uint64_t va, void *buffer, uint64_t size, uint64_t *fault)
{
    return copy(fake,
                (struct amdgpu_fake_copy){
                    .drm_fd = (uint32_t)drm, .va = va, .buffer = (uintptr_t)buffer, .size = size},
                fault);
}

int fake_write(int fake, int drm, uint64_t va, const void *buffer, uint64_t size, uint64_t *fault)
{
    return copy(fake,
                (struct amdgpu_fake_copy){.drm_fd = (uint32_t)drm,
                                          .write = 1,
                                          .va = va,
                                          .buffer = (uintptr_t)buffer,
                                          .size = size},
                fault);
}

int fake_state(int fake, int drm, struct amdgpu_fake_state *state)
{
    *state = (struct amdgpu_fake_state){.drm_fd = (uint32_t)drm};
    return kfd_call(fake, AMDGPU_FAKE_STATE, state);
}

int fake_dma_start(int fake, int drm, uint64_t va, uint64_t pages, uint64_t magic)
{
    struct amdgpu_fake_dma args = {.drm_fd = (uint32_t)drm,
                                   .action = AMDGPU_FAKE_DMA_START,
                                   .va = va,
                                   .pages = pages,
                                   .magic = magic};

    return kfd_call(fake, AMDGPU_FAKE_DMA, &args);
}

int fake_dma_stop(int fake, int drm, struct amdgpu_fake_dma *seen)
{
    *seen = (struct amdgpu_fake_dma){.drm_fd = (uint32_t)drm, .action = AMDGPU_FAKE_DMA_STOP};
    return kfd_call(fake, AMDGPU_FAKE_DMA, seen);
}

int fake_dma_look(int fake, int drm, struct amdgpu_fake_dma *seen)
{
    *seen = (struct amdgpu_fake_dma){.drm_fd = (uint32_t)drm, .action = AMDGPU_FAKE_DMA_LOOK};
    return kfd_call(fake, AMDGPU_FAKE_DMA, seen);
}

bool fake_dma_wait(int fake, int drm, uint64_t reads)
{
    struct amdgpu_fake_dma seen;
    uint64_t start = 0, now;

    for (int ms = 0; ms < 20000; ms++) {
        if (fake_dma_look(fake, drm, &seen))
            return false;
        now = seen.accesses + seen.faults + seen.foreign +
              1; /* a read that an IOMMU stops is foreign */
        if (!start)
            start = now;
        if (now - start >= reads)
            return true;
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    return false;
}

int fake_wait_restored(int fake, int drm)
{
    struct amdgpu_fake_state state;

    for (int ms = 0; ms < 20000; ms++) {
        if (fake_state(fake, drm, &state) == 0 && !state.evicted)
            return ms;
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    return -1;
}

uint64_t pagemap_physical(const void *p)
{
    uint64_t entry = 0;
    int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    ssize_t n;

    if (fd == -1)
        return 0;
    n = pread(fd, &entry, sizeof(entry), (off_t)((uintptr_t)p / KFD_PAGE * sizeof(entry)));
    close(fd);
    if (n != sizeof(entry) || !(entry >> 63))
        return 0;
    return (entry & ((1ull << 55) - 1)) * KFD_PAGE;
}

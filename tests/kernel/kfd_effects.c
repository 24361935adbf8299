// SPDX-License-Identifier: MIT
/*
 * kfd_effects FILE: what the GPU sees after the program changed registered memory, compared with
 * FILE; without FILE it is printed. Each case is a process of its own: two ranges of two pages, as
 * two single buffers or as one batch; the first range changes; a word of both ranges is read.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kfd_effects.h"

#define WINDOW 0x7000000000ull
#define RANGE_BYTES (2 * KFD_PAGE)
#define OLD 0x6f6c640000000000ull
#define NEW 0x6e65770000000000ull

struct effect {
    int file;       /* memory of range 0 */
    char *range[2]; /* range 0 is shared file memory, 1 private */
};

static void write_words(char *p, uint64_t value)
{
    for (uint64_t at = 0; at < RANGE_BYTES; at += KFD_PAGE)
        *(volatile uint64_t *)(void *)(p + at) = value;
}

static bool private_again(struct effect *e)
{
    return mmap(e->range[0], RANGE_BYTES, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == e->range[0];
}

static bool change_nothing(struct effect *e)
{
    (void)e;
    return true;
}

static bool change_write(struct effect *e)
{
    write_words(e->range[0], NEW);
    return true;
}

static bool change_punch(struct effect *e)
{
    return madvise(e->range[0], RANGE_BYTES, MADV_REMOVE) == 0;
}

static bool change_punch_write(struct effect *e)
{
    return change_punch(e) && change_write(e);
}

static bool change_munmap(struct effect *e)
{
    return munmap(e->range[0], RANGE_BYTES) == 0;
}

/* Something new in one call: the old memory is never missing. */
static bool change_replace(struct effect *e)
{
    if (!private_again(e))
        return false;
    write_words(e->range[0], NEW);
    return true;
}

static bool change_mremap(struct effect *e)
{
    return mremap(e->range[0], RANGE_BYTES, RANGE_BYTES, MREMAP_MAYMOVE | MREMAP_FIXED,
                  e->range[0] + 16 * RANGE_BYTES) != MAP_FAILED;
}

static bool change_truncate(struct effect *e)
{
    return ftruncate(e->file, 0) == 0;
}

static bool change_read_only(struct effect *e)
{
    return mprotect(e->range[0], RANGE_BYTES, PROT_READ) == 0;
}

static bool change_read_only_and_back(struct effect *e)
{
    return change_read_only(e) && mprotect(e->range[0], RANGE_BYTES, PROT_READ | PROT_WRITE) == 0 &&
           change_write(e);
}

/* Private memory, a child that keeps the old page, and a write of the parent's. */
static bool change_fork(struct effect *e)
{
    int hold[2];
    pid_t child;

    if (pipe(hold))
        return false;
    child = fork();
    if (child == 0) {
        char byte;

        close(hold[1]);
        _exit(read(hold[0], &byte, 1) != 0);
    }
    write_words(e->range[1], NEW);
    close(hold[1]);
    return child > 0 && waitpid(child, NULL, 0) == child;
}

static const struct change {
    const char *name;
    bool (*run)(struct effect *);
} changes[] = {
    {"nothing", change_nothing},     {"write", change_write},
    {"punch", change_punch},         {"punch-write", change_punch_write},
    {"replace", change_replace},     {"munmap", change_munmap},
    {"mremap", change_mremap},       {"truncate", change_truncate},
    {"read-only", change_read_only}, {"read-only-and-back", change_read_only_and_back},
    {"fork-write", change_fork},
};

static const char *look(uint64_t va)
{
    uint64_t word = 0;

    switch (engine_read(va, &word)) {
    case ENGINE_READ:
        return word == OLD ? "old" : word == NEW ? "new" : word == 0 ? "zero" : "foreign";
    case ENGINE_FAULT:
        return "fault";
    case ENGINE_STOPPED:
        return "stopped";
    default:
        return "broken";
    }
}

/* Both ranges at WINDOW, mapped. 0 or a negative errno. */
static int make(int fd, const struct kfd_gpu *gpu, struct effect *e, bool batch)
{
    struct kfd_ioctl_userptr_range ranges[2];
    char *area = mmap(NULL, 64 * RANGE_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t handle;
    int r = 0;

    e->file = memfd_create("kfd_effects", MFD_CLOEXEC);
    if (area == MAP_FAILED || ftruncate(e->file, RANGE_BYTES))
        return -1;
    for (int i = 0; i < 2; i++) {
        e->range[i] =
            mmap(area + (1 - i) * 8 * RANGE_BYTES, RANGE_BYTES, PROT_READ | PROT_WRITE,
                 (i ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED) | MAP_FIXED, i ? -1 : e->file, 0);
        if (e->range[i] == MAP_FAILED)
            return -1;
        write_words(e->range[i], OLD);
        ranges[i] = (struct kfd_ioctl_userptr_range){(uintptr_t)e->range[i], RANGE_BYTES};
    }
    if (batch) {
        r = kfd_alloc_batch(fd, gpu->gpu_id, WINDOW, ranges, 2, &handle);
        return r ? r : kfd_map(fd, handle, &gpu->gpu_id, 1);
    }
    for (int i = 0; i < 2 && !r; i++) {
        r = kfd_alloc_userptr(fd, gpu->gpu_id, WINDOW + (uint64_t)i * RANGE_BYTES, e->range[i],
                              RANGE_BYTES, &handle);
        r = r ? r : kfd_map(fd, handle, &gpu->gpu_id, 1);
    }
    return r;
}

/* In a process that nothing else needs: the two ranges after the change, as text to out. */
static void run_case(const struct change *change, bool batch, bool second, int out)
{
    int fd = open("/dev/kfd", O_RDWR | O_CLOEXEC), drm, r;
    const char *seen = "failed";
    struct kfd_gpu gpu;
    struct effect e;

    if (fd == -1 || !kfd_find_gpus(&gpu, 1))
        _exit(1);
    drm = kfd_acquire_vm(fd, &gpu);
    r = drm < 0 ? drm : engine_open(fd, drm, &gpu);
    r = r ? r : make(fd, &gpu, &e, batch);
    if (r)
        seen = kfd_errno_name(r);
    else if (change->run(&e))
        seen = look(WINDOW + (second ? RANGE_BYTES : 0));
    if (write(out, seen, strlen(seen)) < 0)
        _exit(1);
    _exit(0);
}

/* A fault stops a queue, so every look has a process of its own. */
static void observe(const struct change *change, bool batch, bool second, char text[32])
{
    int out[2], status = 0;
    ssize_t n;
    pid_t child;

    strcpy(text, "died");
    if (pipe(out))
        return;
    child = fork();
    if (child == 0)
        run_case(change, batch, second, out[1]);
    close(out[1]);
    n = read(out[0], text, 31);
    if (n > 0)
        text[n] = '\0';
    close(out[0]);
    if (child < 0 || waitpid(child, &status, 0) != child || status)
        strcpy(text, "died");
}

int main(int argc, char **argv)
{
    FILE *expected = argc == 2 ? fopen(argv[1], "re") : NULL;
    int wrong = 0;

    if (argc > 2 || (argc == 2 && !expected)) {
        fprintf(stderr, "usage: kfd_effects [FILE]\n");
        return 2;
    }
    for (size_t c = 0; c < sizeof(changes) / sizeof(changes[0]); c++) {
        for (int batch = 0; batch < 2; batch++) {
            char first[32], second[32], line[128], want[128] = "nothing\n";

            observe(&changes[c], batch, false, first);
            observe(&changes[c], batch, true, second);
            snprintf(line, sizeof(line), "%s %s: %s, %s\n", changes[c].name,
                     batch ? "batch" : "single", first, second);
            if (expected && (!fgets(want, sizeof(want), expected) || strcmp(line, want) != 0)) {
                printf("FAIL expected %s", want);
                wrong++;
            }
            fputs(line, stdout);
            fflush(stdout);
        }
    }
    if (expected)
        fclose(expected);
    return wrong != 0;
}

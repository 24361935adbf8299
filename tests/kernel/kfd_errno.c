// SPDX-License-Identifier: MIT
/*
 * kfd_errno [EXPECTED]: what the memory ioctls answer, case by case, one line `name errno` each.
 * With a file of such lines, also compares: a difference, a missing or an extra case is a failure.
 * The same program runs in the guest (the real driver) and under softgpu, so their answers can be
 * compared line by line. Cases that need a GPU are left out on a machine without one.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kfd.h"
#include "kfd_errno.h"

#define UNKNOWN_GPU 0xdeadu
#define WINDOW 0x7000000000ull

struct line {
    char name[48];
    char value[24];
};

static struct line lines[128];
static size_t line_count;
static struct kfd_gpu gpu; /* gpu_id 0: none */

static void report(const char *name, const char *value)
{
    if (line_count == sizeof(lines) / sizeof(lines[0])) {
        fprintf(stderr, "more cases than room for them\n");
        exit(1);
    }
    snprintf(lines[line_count].name, sizeof(lines[0].name), "%s", name);
    snprintf(lines[line_count].value, sizeof(lines[0].value), "%s", value);
    line_count++;
    printf("%s %s\n", name, value);
}

static void report_call(const char *name, int fd, unsigned long request, void *args)
{
    report(name, kfd_errno_name(kfd_call(fd, request, args)));
}

static void version(int fd)
{
    struct kfd_ioctl_get_version_args args = {0};
    char text[24];
    int r = kfd_call(fd, AMDKFD_IOC_GET_VERSION, &args);

    snprintf(text, sizeof(text), "%u.%u", args.major_version, args.minor_version);
    report("version", r ? kfd_errno_name(r) : text);
}

/* Numbers that no kernel of this age has. */
static void unknown_numbers(int fd)
{
    uint64_t words[8] = {0};

    report_call("number-0x24", fd, _IOWR('K', 0x24, words), words);
    report_call("number-0x27", fd, _IOWR('K', 0x27, words), words);
    report_call("number-0x29", fd, _IOWR('K', 0x29, words), words);
    report_call("number-0x00", fd, _IOWR('K', 0x00, words), words);
}

static void batch_without_gpu(int fd)
{
    const unsigned long batch = AMDKFD_IOC_ALLOC_MEMORY_OF_GPU_BATCH;
    struct kfd_ioctl_userptr_range range = {.size = KFD_PAGE};
    struct kfd_ioctl_alloc_memory_of_gpu_batch_args args = {0};
    void *page = mmap(NULL, KFD_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    report_call("batch-zeroed", fd, batch, &args);
    report_call("batch-null", fd, batch, NULL);
    report_call("batch-bad-pointer", fd, batch, (void *)8);
    range.start = (uintptr_t)page;
    args = (struct kfd_ioctl_alloc_memory_of_gpu_batch_args){
        .va_addr = WINDOW | 0xfffff000,
        .total_size = KFD_PAGE,
        .ranges_ptr = (uintptr_t)&range,
        .num_ranges = 1,
        .gpu_id = UNKNOWN_GPU,
    };
    report_call("batch-probe", fd, batch, &args);
    args.flags = KFD_USERPTR_FLAGS;
    report_call("batch-unknown-gpu", fd, batch, &args);
    munmap(page, KFD_PAGE);
}

static void alloc_without_gpu(int fd)
{
    struct kfd_ioctl_alloc_memory_of_gpu_args alloc = {
        .gpu_id = UNKNOWN_GPU, .flags = KFD_USERPTR_FLAGS, .mmap_offset = 0x10000};
    struct kfd_ioctl_acquire_vm_args acquire = {.gpu_id = UNKNOWN_GPU, .drm_fd = (uint32_t)fd};
    const uint32_t ids[1] = {UNKNOWN_GPU};
    const uint64_t handle = (uint64_t)UNKNOWN_GPU << 32;

    report_call("alloc-size-0", fd, AMDKFD_IOC_ALLOC_MEMORY_OF_GPU, &alloc);
    alloc.size = KFD_PAGE;
    report_call("alloc-unknown-gpu", fd, AMDKFD_IOC_ALLOC_MEMORY_OF_GPU, &alloc);
    report("free-unknown", kfd_errno_name(kfd_free(fd, handle)));
    report("map-unknown", kfd_errno_name(kfd_map(fd, handle, ids, 1)));
    report("map-no-devices", kfd_errno_name(kfd_map(fd, handle, ids, 0)));
    report("unmap-unknown", kfd_errno_name(kfd_unmap(fd, handle, ids, 1)));
    report("unmap-no-devices", kfd_errno_name(kfd_unmap(fd, handle, ids, 0)));
    report_call("acquire-vm-unknown", fd, AMDKFD_IOC_ACQUIRE_VM, &acquire);
}

/* KFD descriptors belong to the process that opened them. */
static void forked(int fd)
{
    struct kfd_ioctl_get_version_args args = {0};
    int status = 0;
    pid_t pid = fork();

    if (pid == 0)
        _exit(-kfd_call(fd, AMDKFD_IOC_GET_VERSION, &args));
    if (pid == -1 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
        report("fork-version", "?");
    else
        report("fork-version", kfd_errno_name(WEXITSTATUS(status)));
}

static int compare(const char *path)
{
    FILE *file = fopen(path, "re");
    struct line want;
    size_t n = 0;
    int failures = 0;

    if (!file) {
        perror(path);
        return 1;
    }
    while (fscanf(file, "%47s %23s", want.name, want.value) == 2) {
        const struct line *got = n < line_count ? &lines[n] : NULL;

        n++;
        if (got && !strcmp(got->name, want.name) && !strcmp(got->value, want.value))
            continue;
        printf("FAIL %s: expected %s, got %s %s\n", want.name, want.value,
               got ? got->name : "no case", got ? got->value : "");
        failures++;
    }
    fclose(file);
    if (n != line_count) {
        printf("FAIL %zu cases, expected %zu\n", line_count, n);
        failures++;
    }
    return failures;
}

int main(int argc, char **argv)
{
    int fd = open("/dev/kfd", O_RDWR | O_CLOEXEC);

    if (fd == -1) {
        perror("/dev/kfd");
        return 1;
    }
    version(fd);
    unknown_numbers(fd);
    batch_without_gpu(fd);
    alloc_without_gpu(fd);
    forked(fd);
    if (kfd_find_gpus(&gpu, 1))
        kfd_errno_with_gpu(fd, &gpu, report);
    return argc > 1 && compare(argv[1]) ? 1 : 0;
}

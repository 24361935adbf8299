/* SPDX-License-Identifier: MIT */
/*
 * Uses an installed hip-scatter: registers four pages that lie apart as one range, takes a block
 * from the pool and fills it through its host ranges. Prints "consumer: ok".
 */
#include <hip_scatter/hip_scatter.h>

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE 4096u

static int failed(const char *step)
{
    fprintf(stderr, "consumer: %s: %s\n", step, hipScatterGetLastErrorMessage());
    return 1;
}

int main(void)
{
    unsigned char *memory =
        mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    hipScatterRange ranges[4], parts[4];
    hipScatterPoolInfo info;
    hipScatterPool_t pool;
    size_t count = 4;
    void *window, *block;
    int devices;

    /* A program that calls nothing of HIP's own may lose it to the linker's --as-needed. */
    if (memory == MAP_FAILED || hipGetDeviceCount(&devices) != hipSuccess || devices < 1)
        return failed("hipGetDeviceCount");
    for (size_t i = 0; i < 4; i++)
        ranges[i] = (hipScatterRange){.base = memory + (6 - 2 * i) * PAGE, .size = PAGE};
    if (hipHostRegisterScatter(&window, ranges, 4, hipScatterRegisterDefault) != hipSuccess)
        return failed("hipHostRegisterScatter");
    memset(&info, 0, sizeof(info));
    info.structSize = sizeof(info);
    if (hipScatterPoolFromPointer(&pool, window) != hipSuccess ||
        hipScatterPoolGetInfo(pool, &info) != hipSuccess)
        return failed("hipScatterPoolGetInfo");
    if (info.size != 4 * PAGE || info.rangeCount != 4 || info.devPtr != window)
        return failed("info");
    if (hipScatterPoolMalloc(pool, &block, 2 * PAGE + 256, PAGE) != hipSuccess ||
        hipScatterPoolGetBlockRanges(pool, block, parts, &count) != hipSuccess)
        return failed("hipScatterPoolMalloc");
    for (size_t i = 0; i < count; i++)
        memset(parts[i].base, 42, parts[i].size);
    if (count != 3 || memory[6 * PAGE] != 42 || memory[2 * PAGE + 255] != 42 ||
        memory[2 * PAGE + 256] != 0)
        return failed("block ranges");
    if (hipHostUnregisterScatter(window) != hipSuccess)
        return failed("hipHostUnregisterScatter");
    printf("consumer: ok (%s)\n", info.backingName);
    return 0;
}

// SPDX-License-Identifier: MIT
/*
 * library_rocr stock|patched: the distribution's unmodified ROCr and libhip_scatter on the real
 * amdkfd (fake GPU). Every backing registers scattered memory; what the library says is checked
 * against the page tables that the kernel wrote, through the render node that ROCr itself opened.
 *
 * library_rocr costs: what the backings cost there, for the break-even of alias and per-range. In a
 * guest whose clock counts instructions (run-guest) these are 2 ns each.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <hip_scatter/hsa_scatter.h>
#include <hsa/hsa.h>

#include "fake.h"
#include "kfd.h"

#define RANGES 24u
#define PAGES 3u

static int failures;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            printf("FAIL %s:%d: %s (%s)\n", "library_rocr.c", __LINE__, #condition,                \
                   hsa_scatter_last_error_message());                                              \
            failures++;                                                                            \
        }                                                                                          \
    } while (0)

static hsa_status_t first_gpu(hsa_agent_t agent, void *data)
{
    hsa_device_type_t type;

    if (hsa_agent_get_info(agent, HSA_AGENT_INFO_DEVICE, &type) == HSA_STATUS_SUCCESS &&
        type == HSA_DEVICE_TYPE_GPU) {
        *(hsa_agent_t *)data = agent;
        return HSA_STATUS_INFO_BREAK;
    }
    return HSA_STATUS_SUCCESS;
}

/* ROCr's own descriptor of the render node: its address space is the one that is mapped. */
static int rocr_render_node(void)
{
    DIR *dir = opendir("/proc/self/fd");
    struct dirent *entry;
    int found = -1;

    while (dir && found == -1 && (entry = readdir(dir))) {
        char path[300], target[64];
        ssize_t n;

        snprintf(path, sizeof(path), "/proc/self/fd/%s", entry->d_name);
        n = readlink(path, target, sizeof(target) - 1);
        target[n > 0 ? n : 0] = '\0';
        if (strncmp(target, "/dev/dri/renderD", 16) == 0)
            found = atoi(entry->d_name);
    }
    if (dir)
        closedir(dir);
    return found;
}

struct layout {
    char *base;
    hsa_scatter_range_t ranges[RANGES];
};

static void layout_make(struct layout *l)
{
    const size_t stride = (PAGES + 2) * KFD_PAGE;

    l->base =
        mmap(NULL, RANGES * stride, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(l->base != MAP_FAILED);
    for (uint32_t i = 0; i < RANGES; i++) {
        char *p = l->base + (i * 7 + 5) % RANGES * stride;

        memset(p, (int)i, PAGES * KFD_PAGE);
        l->ranges[i] = (hsa_scatter_range_t){p, PAGES * KFD_PAGE};
    }
}

/* Pages of the window that translate to what pagemap shows. */
static uint32_t right_pages(const struct layout *l, int fake, int drm, const char *window)
{
    uint32_t right = 0;

    for (uint32_t i = 0; i < RANGES * PAGES; i++) {
        const char *host = (char *)l->ranges[i / PAGES].base + i % PAGES * KFD_PAGE;
        struct amdgpu_fake_walk walk;

        right += fake_walk(fake, drm, (uintptr_t)window + i * KFD_PAGE, &walk) == 0 &&
                 (walk.entry & AMDGPU_FAKE_VALID) && walk.offset == pagemap_physical(host);
    }
    return right;
}

/* Device writes arrive in the ranges, in list order. */
static void check_data(const struct layout *l, int fake, int drm, const char *window)
{
    static unsigned char buffer[RANGES * PAGES * KFD_PAGE];

    for (size_t i = 0; i < sizeof(buffer); i++)
        buffer[i] = (unsigned char)(i * 11 + i / KFD_PAGE);
    CHECK(fake_write(fake, drm, (uintptr_t)window, buffer, sizeof(buffer), NULL) == 0);
    for (uint32_t i = 0; i < RANGES; i++)
        CHECK(memcmp(l->ranges[i].base, buffer + i * PAGES * KFD_PAGE, PAGES * KFD_PAGE) == 0);
}

/* kind 0: the call must fail. */
static void backing(const char *name, uint32_t flags, int kind, hsa_agent_t agent, int fake)
{
    hsa_scatter_info_t info = {.size = sizeof(info)};
    void *window = NULL;
    struct layout l;
    hsa_status_t status;
    int drm;

    layout_make(&l);
    status = hsa_scatter_register(l.ranges, RANGES, &agent, 1, flags, &window);
    if (!kind) {
        CHECK(status != HSA_STATUS_SUCCESS);
        printf("| library, %-9s | refused: %s |\n", name, hsa_scatter_last_error_message());
    } else {
        CHECK(status == HSA_STATUS_SUCCESS);
    }
    if (status == HSA_STATUS_SUCCESS) {
        drm = rocr_render_node();
        CHECK(hsa_scatter_get_info(window, &info) == HSA_STATUS_SUCCESS && (int)info.kind == kind);
        CHECK(right_pages(&l, fake, drm, window) == RANGES * PAGES);
        check_data(&l, fake, drm, window);
        printf("| library, %-9s | %s, %lu ioctls, %u of %u pages as pagemap says: %s |\n", name,
               info.kind_name, (unsigned long)info.ioctls, right_pages(&l, fake, drm, window),
               RANGES * PAGES, info.kind_reason);
        CHECK(hsa_scatter_deregister(window) == HSA_STATUS_SUCCESS);
        CHECK(right_pages(&l, fake, drm, window) == 0);
    }
    munmap(l.base, RANGES * (PAGES + 2) * KFD_PAGE);
}

/* ---- costs ---- */

static double now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

struct cost {
    double create_us, both_us; /* both: and deregister */
};

/* The best of three. */
static struct cost cost_of(const hsa_scatter_range_t *ranges, uint32_t runs, uint32_t flags,
                           hsa_agent_t agent)
{
    struct cost best = {1e18, 1e18};

    for (int i = 0; i < 3; i++) {
        void *window = NULL;
        double start = now_us(), created, gone;

        CHECK(hsa_scatter_register(ranges, runs, &agent, 1, flags, &window) == HSA_STATUS_SUCCESS);
        created = now_us();
        CHECK(hsa_scatter_deregister(window) == HSA_STATUS_SUCCESS);
        gone = now_us();
        if (created - start < best.create_us)
            best.create_us = created - start;
        if (gone - start < best.both_us)
            best.both_us = gone - start;
    }
    return best;
}

/* Shared memory that is present, every second block of it a run. */
static void costs_of_runs(uint32_t runs, uint32_t pages, hsa_agent_t agent)
{
    const size_t block = pages * KFD_PAGE, bytes = 2 * runs * block;
    hsa_scatter_range_t *ranges = calloc(runs, sizeof(*ranges));
    char *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct cost per_range, alias;

    CHECK(ranges && base != MAP_FAILED);
    if (ranges && base != MAP_FAILED) {
        memset(base, 1, bytes);
        for (uint32_t i = 0; i < runs; i++)
            ranges[i] = (hsa_scatter_range_t){base + 2 * i * block, block};
        per_range = cost_of(ranges, runs, HSA_SCATTER_BACKING_PER_RANGE, agent);
        alias = cost_of(ranges, runs, HSA_SCATTER_BACKING_ALIAS, agent);
        printf("| %u runs of %u pages, us | %.0f | %.0f | %.0f | %.0f |\n", runs, pages,
               per_range.create_us, alias.create_us, per_range.both_us, alias.both_us);
        munmap(base, bytes);
    }
    free(ranges);
}

static void costs(hsa_agent_t agent)
{
    static const uint32_t pages[] = {1, 4, 16, 64};

    printf("| | register: per-range | alias | and deregister: per-range | alias |\n");
    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
        for (uint32_t runs = 1; runs <= (i ? 256 : 4096); runs *= 2)
            costs_of_runs(runs, pages[i], agent);
}

int main(int argc, char **argv)
{
    hsa_scatter_capabilities_t can = {.size = sizeof(can)};
    hsa_agent_t agent = {0};
    int patched = argc > 1 && strcmp(argv[1], "patched") == 0, fake = fake_open();

    CHECK(fake != -1);
    CHECK(hsa_init() == HSA_STATUS_SUCCESS);
    CHECK(hsa_iterate_agents(first_gpu, &agent) == HSA_STATUS_INFO_BREAK);
    if (failures)
        return 1;
    if (argc > 1 && strcmp(argv[1], "costs") == 0) {
        costs(agent);
        return failures != 0;
    }
    CHECK(hsa_scatter_agent_capabilities(agent, &can) == HSA_STATUS_SUCCESS);
    for (int i = 0; i < 3; i++)
        printf("| library can, %s | %s: %s, %s |\n", can.name, can.backings[i].name,
               can.backings[i].works ? "works" : "does not work", can.backings[i].why);
    CHECK((int)can.backings[0].works == patched);
    backing("automatic", HSA_SCATTER_DEFAULT,
            patched ? HSA_SCATTER_KIND_BATCH : HSA_SCATTER_KIND_PER_RANGE, agent, fake);
    backing("batch", HSA_SCATTER_BACKING_BATCH, patched ? HSA_SCATTER_KIND_BATCH : 0, agent, fake);
    backing("per-range", HSA_SCATTER_BACKING_PER_RANGE, HSA_SCATTER_KIND_PER_RANGE, agent, fake);
    backing("alias", HSA_SCATTER_BACKING_ALIAS, HSA_SCATTER_KIND_ALIAS, agent, fake);
    hsa_shut_down();
    return failures != 0;
}

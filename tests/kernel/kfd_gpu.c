// SPDX-License-Identifier: MIT
/*
 * kfd_gpu stock|patched [CASES]: the memory path of the real amdkfd on the fake GPU, judged by page
 * table entries. Owns the set-up and the checks; the cases are in kfd_gpu_*.c.
 */
#include "kfd_gpu.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

void check(struct test *t, bool ok, const char *file, int line, const char *text)
{
    if (ok)
        return;
    t->failures++;
    printf("FAIL %s:%d: %s\n", strrchr(file, '/') ? strrchr(file, '/') + 1 : file, line, text);
}

void *pages_new(struct test *t, uint64_t bytes)
{
    char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    CHECK(t, p != MAP_FAILED);
    if (p == MAP_FAILED)
        return NULL;
    for (uint64_t i = 0; i < bytes; i += KFD_PAGE)
        p[i] = (char)(i / KFD_PAGE);
    return p;
}

unsigned long pages_move(char *base, unsigned long pages, int node)
{
    void *page[NODE_PAGES];
    int nodes[NODE_PAGES], status[NODE_PAGES];
    unsigned long there = 0;

    for (unsigned long i = 0; i < pages; i++) {
        page[i] = base + i * KFD_PAGE;
        nodes[i] = node;
    }
    if (syscall(SYS_move_pages, 0, pages, page, nodes, status, MPOL_MF_MOVE) < 0)
        return 0;
    for (unsigned long i = 0; i < pages; i++)
        there += status[i] == node;
    return there;
}

uint64_t window_bytes(const struct window *w)
{
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < w->count; i++)
        bytes += w->ranges[i].size;
    return bytes;
}

uint64_t window_va(const struct window *w)
{
    return w->va ? w->va : WINDOW;
}

void window_alloc(struct test *t, struct window *w, bool batch)
{
    uint64_t va = window_va(w);
    int r;

    w->handle_count = 0;
    if (batch) {
        r = kfd_alloc_batch(t->fd, t->gpu.gpu_id, va, w->ranges, w->count, &w->handles[0]);
        CHECK(t, r == 0);
        w->handle_count = r == 0;
    } else {
        for (uint32_t i = 0; i < w->count; i++) {
            r = kfd_alloc_userptr(t->fd, t->gpu.gpu_id, va, (void *)(uintptr_t)w->ranges[i].start,
                                  w->ranges[i].size, &w->handles[i]);
            CHECK(t, r == 0);
            if (r)
                break;
            w->handle_count++;
            va += w->ranges[i].size;
        }
    }
}

void window_make(struct test *t, struct window *w, bool batch)
{
    window_alloc(t, w, batch);
    for (uint32_t i = 0; i < w->handle_count; i++)
        CHECK(t, kfd_map(t->fd, w->handles[i], &t->gpu.gpu_id, 1) == 0);
    CHECK(t, fake_wait_restored(t->fake, t->drm) >= 0);
}

void window_drop(struct test *t, struct window *w)
{
    for (uint32_t i = 0; i < w->handle_count; i++) {
        CHECK(t, kfd_unmap(t->fd, w->handles[i], &t->gpu.gpu_id, 1) == 0);
        CHECK(t, kfd_free(t->fd, w->handles[i]) == 0);
    }
    w->handle_count = 0;
    window_check(t, w, false);
}

bool is_mapped(struct test *t, uint64_t va)
{
    struct amdgpu_fake_walk walk;

    return fake_walk(t->fake, t->drm, va, &walk) == 0 && (walk.entry & AMDGPU_FAKE_VALID);
}

/* One page: right physical address, system memory, read and write. */
static bool translates_to(struct test *t, uint64_t va, const void *page)
{
    const uint64_t need =
        AMDGPU_FAKE_VALID | AMDGPU_FAKE_SYSTEM | AMDGPU_FAKE_READABLE | AMDGPU_FAKE_WRITEABLE;
    uint64_t physical = pagemap_physical(page);
    struct amdgpu_fake_walk walk;

    return fake_walk(t->fake, t->drm, va, &walk) == 0 && (walk.entry & need) == need && physical &&
           walk.memory == physical;
}

void window_check(struct test *t, const struct window *w, bool mapped)
{
    uint64_t va = window_va(w), wrong = 0, first = 0;

    for (uint32_t i = 0; i < w->count; i++) {
        for (uint64_t at = 0; at < w->ranges[i].size; at += KFD_PAGE, va += KFD_PAGE) {
            bool ok = mapped ? translates_to(t, va, (char *)(uintptr_t)w->ranges[i].start + at)
                             : !is_mapped(t, va);

            if (!ok && !wrong++)
                first = va;
        }
    }
    if (wrong)
        printf("FAIL %lu of %lu pages %s, the first at %#lx\n", (unsigned long)wrong,
               (unsigned long)(window_bytes(w) / KFD_PAGE),
               mapped ? "do not match pagemap" : "are still mapped", (unsigned long)first);
    CHECK(t, wrong == 0);
    CHECK(t, !is_mapped(t, window_va(w) - KFD_PAGE));
    CHECK(t, !is_mapped(t, va));
}

void window_check_second(struct test *t, const struct window *w, bool mapped)
{
    struct test second = *t;

    second.drm = t->second_drm;
    window_check(&second, w, mapped);
    t->failures = second.failures;
}

void window_check_data(struct test *t, const struct window *w, unsigned int seed)
{
    uint64_t bytes = window_bytes(w), at = 0, wrong = 0;
    unsigned char *buffer = malloc(bytes);

    CHECK(t, buffer != NULL);
    if (!buffer)
        return;
    for (uint32_t i = 0; i < w->count; at += w->ranges[i++].size)
        for (uint64_t k = 0; k < w->ranges[i].size; k += 64)
            ((unsigned char *)(uintptr_t)w->ranges[i].start)[k] =
                (unsigned char)(seed + (at + k) / 64);
    CHECK(t, fake_read(t->fake, t->drm, window_va(w), buffer, bytes, NULL) == 0);
    for (uint64_t k = 0; k < bytes; k += 64)
        wrong += buffer[k] != (unsigned char)(seed + k / 64);
    CHECK(t, wrong == 0);

    for (uint64_t k = 0; k < bytes; k++)
        buffer[k] = (unsigned char)(seed + k * 7);
    CHECK(t, fake_write(t->fake, t->drm, window_va(w), buffer, bytes, NULL) == 0);
    at = 0;
    for (uint32_t i = 0; i < w->count; at += w->ranges[i++].size)
        wrong += memcmp((void *)(uintptr_t)w->ranges[i].start, buffer + at, w->ranges[i].size) != 0;
    CHECK(t, wrong == 0);
    free(buffer);
}

void queue_new(struct test *t, struct queue *q)
{
    struct kfd_ioctl_create_queue_args args = {
        .ring_size = KFD_PAGE,
        .gpu_id = t->gpu.gpu_id,
        .queue_type = KFD_IOC_QUEUE_TYPE_SDMA,
        .queue_percentage = KFD_MAX_QUEUE_PERCENTAGE,
        .queue_priority = 7,
    };

    q->memory = pages_new(t, 2 * KFD_PAGE);
    for (int i = 0; i < 2; i++) {
        char *page = q->memory + i * KFD_PAGE;

        CHECK(t, kfd_alloc_userptr(t->fd, t->gpu.gpu_id, (uintptr_t)page, page, KFD_PAGE,
                                   &q->handles[i]) == 0);
        CHECK(t, kfd_map(t->fd, q->handles[i], &t->gpu.gpu_id, 1) == 0);
    }
    args.ring_base_address = (uintptr_t)q->memory;
    args.write_pointer_address = (uintptr_t)q->memory + KFD_PAGE;
    args.read_pointer_address = args.write_pointer_address + 64;
    CHECK(t, kfd_call(t->fd, AMDKFD_IOC_CREATE_QUEUE, &args) == 0);
    q->id = args.queue_id;
}

void queue_drop(struct test *t, struct queue *q)
{
    struct kfd_ioctl_destroy_queue_args args = {.queue_id = q->id};

    CHECK(t, kfd_call(t->fd, AMDKFD_IOC_DESTROY_QUEUE, &args) == 0);
    for (int i = 0; i < 2; i++) {
        CHECK(t, kfd_unmap(t->fd, q->handles[i], &t->gpu.gpu_id, 1) == 0);
        CHECK(t, kfd_free(t->fd, q->handles[i]) == 0);
    }
    munmap(q->memory, 2 * KFD_PAGE);
}

bool queues_come_back(struct test *t, const struct amdgpu_fake_state *before)
{
    struct amdgpu_fake_state now = {0};

    for (int ms = 0; ms < 5000; ms++) {
        if (fake_state(t->fake, t->drm, &now) == 0 && now.loads > before->loads &&
            now.queues == before->queues)
            return true;
        usleep(1000);
    }
    printf("FAIL queues %u of %u, loads %llu after %llu\n", now.queues, before->queues, now.loads,
           before->loads);
    return false;
}

void accounting(char text[ACCOUNTING])
{
    int fd = open("/sys/kernel/debug/kfd/mem_limit", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd == -1 ? -1 : read(fd, text, ACCOUNTING - 1);

    text[n > 0 ? n : 0] = '\0';
    if (fd != -1)
        close(fd);
}

/* Up to ten seconds: a dead process is taken down by a worker. */
bool accounting_back(const char before[ACCOUNTING])
{
    char now[ACCOUNTING];

    for (int ms = 0; ms < 10000; ms++) {
        accounting(now);
        if (*before && strcmp(now, before) == 0)
            return true;
        usleep(1000);
    }
    printf("FAIL accounting before:\n%safter:\n%s", before, now);
    return false;
}

static bool can_run(const struct test *t, unsigned int needs)
{
    return (t->batch || !(needs & NEEDS_BATCH)) &&
           (t->second_drm != -1 || !(needs & NEEDS_TWO_GPUS)) && (t->svm || !(needs & NEEDS_SVM)) &&
           (!(needs & NEEDS_TWO_NODES) || access("/sys/devices/system/node/node1", F_OK) == 0) &&
           (!(needs & NEEDS_FAULTS) ||
            access("/sys/module/amdgpu/parameters/fake_restore_fail", F_OK) == 0);
}

static void run_cases(struct test *t, const struct test_case *cases, int *failed)
{
    for (const struct test_case *c = cases; c->name; c++) {
        if (!can_run(t, c->needs) || strncmp(c->name, t->only, strlen(t->only)))
            continue;
        t->failures = 0;
        c->run(t);
        printf("%s gpu/%s\n", t->failures ? "not ok" : "ok", c->name);
        fflush(stdout);
        *failed += t->failures != 0;
    }
}

/* Without SVM the ioctl is refused whatever is asked (EPERM), with it because the range is empty.
 */
static bool has_svm(int fd)
{
    struct kfd_ioctl_svm_args args = {.op = KFD_IOCTL_SVM_OP_GET_ATTR};

    return kfd_call(fd, AMDKFD_IOC_SVM, &args) == -EINVAL;
}

/* A VM on every GPU: KFD's queue manager without HWS restores queues on each of them. */
static int acquire_all(struct test *t)
{
    struct kfd_gpu gpus[2];
    size_t count = kfd_find_gpus(gpus, 2);

    t->second_drm = -1;
    if (t->fd == -1 || t->fake == -1 || count < 1 || count > 2) {
        fprintf(stderr, "kfd %d, fake %d, %zu GPUs\n", t->fd, t->fake, count);
        return -ENODEV;
    }
    t->gpu = gpus[0];
    t->drm = kfd_acquire_vm(t->fd, &t->gpu);
    if (count == 2) {
        t->second = gpus[1];
        t->second_drm = kfd_acquire_vm(t->fd, &t->second);
        if (t->second_drm < 0)
            return t->second_drm;
    }
    return t->drm < 0 ? t->drm : 0;
}

int main(int argc, char **argv)
{
    struct test t = {.fd = open("/dev/kfd", O_RDWR | O_CLOEXEC), .fake = fake_open()};
    int failed = 0, r;

    if (argc < 2 || argc > 3 || (strcmp(argv[1], "stock") && strcmp(argv[1], "patched"))) {
        fprintf(stderr, "usage: kfd_gpu stock|patched [CASES, by how their names begin]\n");
        return 2;
    }
    t.svm = has_svm(t.fd);
    t.only = argc == 3 ? argv[2] : "";
    t.batch = strcmp(argv[1], "patched") == 0;
    r = acquire_all(&t);
    if (r) {
        fprintf(stderr, "no GPU: %s\n", kfd_errno_name(r));
        return 1;
    }
    run_cases(&t, map_cases, &failed);
    run_cases(&t, change_cases, &failed);
    run_cases(&t, life_cases, &failed);
    run_cases(&t, live_cases, &failed);
    run_cases(&t, memory_cases, &failed);
    run_cases(&t, threads_cases, &failed);
    run_cases(&t, gpus_cases, &failed);
    if (*t.only) /* seconds of a processor */
        run_cases(&t, numa_cases, &failed);
    run_cases(&t, faults_cases, &failed);
    return failed != 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * Runs generated kernels (random_kernels.py) on the GPU and on the CPU and compares all that they
 * wrote:
 *
 *     random_runner KERNELS.so CODE_OBJECT [FIRST]
 *
 * One line per kernel on standard output. On the CPU the threads of a workgroup are fibers that run
 * until they wait for each other. Exits with 0 if all agree, 1 if not, 2 if something else failed.
 * RANDOM_RUNNER_SPOIL=SEED changes one bit of what the GPU computed for that seed, to try reports.
 */
#include "random_runner.h"

#include <hip/hip_runtime_api.h>

#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { THREADS_MAX = 256, WAVE = 64, WAVES_MAX = THREADS_MAX / WAVE, STACK_BYTES = 256 << 10 };
enum { GROUPS_MAX = 4, TOTAL_MAX = THREADS_MAX * GROUPS_MAX, DIFFERENCES_SHOWN = 6 };

/* Fibers. */

enum state { READY, WAITS, ENDED };

struct fiber {
    struct runner_thread thread;
    enum state state;
    uint32_t wave;
    void *stack_pointer;
};

struct meeting {
    uint32_t arrived, turn;
    uint32_t values[2][WAVE]; /* of this turn and the one before */
};

static struct fiber fibers[THREADS_MAX];
static struct meeting meetings[WAVES_MAX][RUNNER_LEVELS];
static uint32_t fiber_count, at_barrier;
static struct fiber *running;
static void *main_stack_pointer;
static uint8_t *stacks;
static const struct runner_kernel *kernel;
static const void *kernel_arguments;
static uint8_t dynamic_lds[64 << 10];

const struct runner_thread *runner_self;
uint8_t *runner_dynamic_lds = dynamic_lds;

/* Keeps the registers that a function must keep on the stack, and goes on on another stack. */
void switch_stack(void **save, void *to);
__asm__(".text\n"
        ".globl switch_stack\n"
        "switch_stack:\n"
        "    push %rbp\n    push %rbx\n    push %r12\n    push %r13\n    push %r14\n    push %r15\n"
        "    mov %rsp, (%rdi)\n"
        "    mov %rsi, %rsp\n"
        "    pop %r15\n    pop %r14\n    pop %r13\n    pop %r12\n    pop %rbx\n    pop %rbp\n"
        "    ret\n");

static void fail(const char *what)
{
    fflush(stdout);
    fprintf(stderr, "random_runner: seed %s: %s\n", kernel ? kernel->seed_text : "-", what);
    exit(2);
}

/* The next fiber that can run, in turn; the main program if all have ended. */
static void go_on(void **save)
{
    uint32_t first = running ? (uint32_t)(running - fibers) + 1 : 0;
    bool waiting = false;
    for (uint32_t i = 0; i < fiber_count; i++) {
        struct fiber *next = &fibers[(first + i) % fiber_count];
        if (next->state == READY) {
            running = next;
            runner_self = &next->thread;
            switch_stack(save, next->stack_pointer);
            return;
        }
        waiting |= next->state == WAITS;
    }
    if (waiting)
        fail("the threads wait for each other in different places (a mistake of the generator)");
    running = NULL;
    switch_stack(save, main_stack_pointer);
}

static void fiber_main(void)
{
    kernel->call(kernel_arguments);
    running->state = ENDED;
    go_on(&running->stack_pointer);
    abort();
}

static void wait_here(void)
{
    running->state = WAITS;
    go_on(&running->stack_pointer);
}

void runner_barrier(void)
{
    if (++at_barrier < fiber_count) {
        wait_here();
        return;
    }
    at_barrier = 0;
    for (uint32_t i = 0; i < fiber_count; i++)
        fibers[i].state = READY;
}

const uint32_t *runner_share(uint32_t level, uint64_t lanes, uint32_t value)
{
    const uint32_t wave = running->wave;
    struct meeting *meeting = &meetings[wave][level];
    uint32_t *values = meeting->values[meeting->turn & 1];
    if (meeting->arrived == 0)
        memset(values, 0, sizeof(meeting->values[0]));
    values[running->thread.lane] = value;
    if (++meeting->arrived < (uint32_t)__builtin_popcountll(lanes)) {
        wait_here();
        return values;
    }
    meeting->arrived = 0;
    meeting->turn++;
    for (uint32_t i = wave * WAVE; i < fiber_count && i < (wave + 1) * WAVE; i++)
        if (lanes >> fibers[i].thread.lane & 1)
            fibers[i].state = READY;
    return values;
}

static void run_group(uint32_t group)
{
    fiber_count = kernel->x * kernel->y * kernel->z;
    at_barrier = 0;
    memset(meetings, 0, sizeof(meetings));
    for (uint32_t i = 0; i < fiber_count; i++) {
        struct fiber *f = &fibers[i];
        uint32_t in_wave = fiber_count - i / WAVE * WAVE;
        f->thread =
            (struct runner_thread){i % kernel->x,
                                   i / kernel->x % kernel->y,
                                   i / kernel->x / kernel->y,
                                   group,
                                   i % WAVE,
                                   in_wave >= WAVE ? ~UINT64_C(0) : (UINT64_C(1) << in_wave) - 1,
                                   kernel->x,
                                   kernel->groups};
        f->wave = i / WAVE;
        f->state = READY;
        /* As if fiber_main had been called: the stack is 8 bytes off a multiple of 16. */
        void **top = (void **)(void *)(stacks + (size_t)(i + 1) * STACK_BYTES) - 2;
        *top = (void *)(uintptr_t)fiber_main;
        f->stack_pointer = top - 6;
    }
    running = NULL;
    go_on(&main_stack_pointer);
}

/* Both sides. */

struct memory {
    uint64_t out[TOTAL_MAX], global[RUNNER_GLOBALS];
    uint8_t mem[TOTAL_MAX * RUNNER_BYTES_PER_THREAD];
};
static struct memory initial, host, device;
static struct {
    uint32_t in[TOTAL_MAX];
    uint64_t in64[TOTAL_MAX];
} inputs;
static uint8_t arguments[RUNNER_ARGUMENT_BYTES_MAX];

static uint64_t next_random(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t x = *state;
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

/* What a kernel finds; small and special values among it. */
static void fill(uint64_t seed)
{
    uint64_t state = seed;
    for (uint32_t i = 0; i < TOTAL_MAX; i++) {
        uint64_t a = next_random(&state), b = next_random(&state);
        inputs.in[i] = i % 9 == 0 ? (uint32_t)a & 15 : (uint32_t)a;
        inputs.in64[i] = i % 7 == 0 ? b & UINT64_C(0x807fffff80000001) : i % 11 == 0 ? b >> 48 : b;
        initial.out[i] = UINT64_C(0xeeeeeeeeeeeeeeee);
    }
    for (size_t i = 0; i < sizeof(initial.mem); i += sizeof(uint64_t)) {
        uint64_t v = next_random(&state);
        memcpy(&initial.mem[i], &v, sizeof(v));
    }
    for (size_t i = 0; i < sizeof(arguments); i += sizeof(uint64_t)) {
        uint64_t v = next_random(&state);
        memcpy(&arguments[i], &v, sizeof(v));
    }
}

static void set_buffers(const void *in, struct memory *m)
{
    const __typeof__(inputs) *from = in;
    struct runner_buffers buffers = {from->in, from->in64, m->out, m->global, m->mem};
    memcpy(arguments, &buffers, sizeof(buffers));
}

static void run_on_host(void)
{
    host = initial;
    set_buffers(&inputs, &host);
    kernel_arguments = arguments;
    for (uint32_t group = 0; group < kernel->groups; group++)
        run_group(group);
}

static void check(hipError_t status, const char *what)
{
    if (status != hipSuccess) {
        char text[200];
        snprintf(text, sizeof(text), "%s: %s", what, hipGetErrorString(status));
        fail(text);
    }
}

static void run_on_device(hipModule_t module, void *device_inputs, struct memory *device_memory)
{
    hipFunction_t function;
    char name[64];
    snprintf(name, sizeof(name), "seed%s", kernel->seed_text);
    check(hipModuleGetFunction(&function, module, name), "hipModuleGetFunction");
    check(hipMemcpy(device_inputs, &inputs, sizeof(inputs), hipMemcpyHostToDevice), "hipMemcpy");
    check(hipMemcpy(device_memory, &initial, sizeof(initial), hipMemcpyHostToDevice), "hipMemcpy");
    set_buffers(device_inputs, device_memory);
    size_t bytes = kernel->argument_bytes;
    void *extra[] = {HIP_LAUNCH_PARAM_BUFFER_POINTER, arguments, HIP_LAUNCH_PARAM_BUFFER_SIZE,
                     &bytes, HIP_LAUNCH_PARAM_END};
    check(hipModuleLaunchKernel(function, kernel->groups, 1, 1, kernel->x, kernel->y, kernel->z,
                                kernel->dynamic_lds_bytes, NULL, NULL, extra),
          "hipModuleLaunchKernel");
    check(hipDeviceSynchronize(), "hipDeviceSynchronize");
    check(hipMemcpy(&device, device_memory, sizeof(device), hipMemcpyDeviceToHost), "hipMemcpy");
}

static uint32_t differences;

static void differ(const char *where, uint32_t index, uint64_t gpu, uint64_t cpu)
{
    if (differences++ < DIFFERENCES_SHOWN)
        printf("    %s %u: GPU %016llx, CPU %016llx\n", where, index, (unsigned long long)gpu,
               (unsigned long long)cpu);
}

static bool compare(void)
{
    const uint32_t total = kernel->x * kernel->y * kernel->z * kernel->groups;
    const char *spoil = getenv("RANDOM_RUNNER_SPOIL");
    if (spoil && strcmp(spoil, kernel->seed_text) == 0)
        device.out[0] ^= 1;
    differences = 0;
    for (uint32_t i = 0; i < TOTAL_MAX; i++)
        if (device.out[i] != host.out[i])
            differ(i < total ? "result of thread" : "written behind the results, thread", i,
                   device.out[i], host.out[i]);
    for (uint32_t i = 0; i < RUNNER_GLOBALS; i++)
        if (device.global[i] != host.global[i])
            differ("global counter", i, device.global[i], host.global[i]);
    for (uint32_t i = 0; i < sizeof(host.mem); i++)
        if (device.mem[i] != host.mem[i])
            differ("memory, byte", i, device.mem[i], host.mem[i]);
    printf("seed %s: %u threads, %u differences\n", kernel->seed_text, total, differences);
    fflush(stdout);
    return differences == 0;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: random_runner KERNELS.so CODE_OBJECT [FIRST]\n");
        return 2;
    }
    void *library = dlopen(argv[1], RTLD_NOW);
    if (!library)
        fail(dlerror());
    const struct runner_kernel *kernels = dlsym(library, "runner_kernels");
    const uint32_t *count = dlsym(library, "runner_kernel_count");
    if (!kernels || !count)
        fail("the library has no kernels");
    stacks = mmap(NULL, (size_t)THREADS_MAX * STACK_BYTES, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (stacks == MAP_FAILED)
        fail("no memory for stacks");
    hipModule_t module;
    void *device_inputs, *device_memory;
    check(hipModuleLoad(&module, argv[2]), "hipModuleLoad");
    check(hipMalloc(&device_inputs, sizeof(inputs)), "hipMalloc");
    check(hipMalloc(&device_memory, sizeof(struct memory)), "hipMalloc");
    bool agree = true;
    for (uint32_t i = argc > 3 ? (uint32_t)atoi(argv[3]) : 0; i < *count; i++) {
        kernel = &kernels[i];
        fill(kernel->seed);
        run_on_host();
        run_on_device(module, device_inputs, device_memory);
        agree &= compare();
    }
    kernel = NULL;
    check(hipFree(device_inputs), "hipFree");
    check(hipFree(device_memory), "hipFree");
    check(hipModuleUnload(module), "hipModuleUnload");
    return agree ? 0 : 1;
}

/* SPDX-License-Identifier: MIT */
/*
 * How fast softgpu executes: three kernels, counted in wave64 vector instructions per second and
 * core by softgpu's own counters, beside a native run of the same source on the CPU (the host half
 * of this file, clang -O3, one thread per core). The bodies are shared: what a barrier separates
 * on the GPU is two functions here, and a loop over the work-items of a workgroup on the CPU.
 * What the machine itself gains from one thread to all is told beside our scaling: of the native
 * run, and of integer arithmetic in registers, which only the cores limit.
 *
 * bench_softgpu [--json] [--seconds S] [--kernel NAME]
 */
#include <hip/hip_runtime.h>
#include <softgpu/softgpu.h>

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <thread>
#include <vector>

namespace
{

constexpr unsigned TILE = 16, GROUP = 256, DIGEST_WORDS = 64, MATRIX = 256, ITEMS = 1u << 21;

/* ---- the kernels' bodies: device and host -------------------------------------------------- */

__host__ __device__ inline void saxpy_item(float *y, const float *x, float a, unsigned n,
                                           unsigned i)
{
    if (i < n)
        y[i] = __builtin_fmaf(a, x[i], y[i]);
}

/* A 64-bit digest of the words that one work-item has of its workgroup's block. */
__host__ __device__ inline void checksum_item(uint64_t *out, const uint32_t *words, unsigned group,
                                              unsigned item)
{
    const uint32_t *block = words + (size_t)group * GROUP * DIGEST_WORDS;
    uint64_t digest = 0xcbf29ce484222325u;
    for (unsigned k = 0; k < DIGEST_WORDS; k++)
        digest = (digest ^ block[k * GROUP + item]) * 0x100000001b3u;
    out[(size_t)group * GROUP + item] = digest;
}

struct Tiles {
    float a[TILE][TILE], b[TILE][TILE];
};

__host__ __device__ inline void matmul_load(Tiles &tiles, const float *a, const float *b,
                                            unsigned gx, unsigned gy, unsigned x, unsigned y,
                                            unsigned step)
{
    tiles.a[y][x] = a[(gy * TILE + y) * MATRIX + step * TILE + x];
    tiles.b[y][x] = b[(step * TILE + y) * MATRIX + gx * TILE + x];
}

__host__ __device__ inline float matmul_multiply(const Tiles &tiles, float sum, unsigned x,
                                                 unsigned y)
{
    for (unsigned k = 0; k < TILE; k++)
        sum += tiles.a[y][k] * tiles.b[k][x];
    return sum;
}

/* ---- on the GPU ---------------------------------------------------------------------------- */

__global__ void saxpy(float *y, const float *x, float a, unsigned n)
{
    saxpy_item(y, x, a, n, blockIdx.x * blockDim.x + threadIdx.x);
}

__global__ void checksum(uint64_t *out, const uint32_t *words)
{
    checksum_item(out, words, blockIdx.x, threadIdx.x);
}

__global__ void matmul(float *c, const float *a, const float *b)
{
    __shared__ Tiles tiles;
    const unsigned x = threadIdx.x, y = threadIdx.y;
    float sum = 0;
    for (unsigned step = 0; step < MATRIX / TILE; step++) {
        matmul_load(tiles, a, b, blockIdx.x, blockIdx.y, x, y, step);
        __syncthreads();
        sum = matmul_multiply(tiles, sum, x, y);
        __syncthreads();
    }
    c[(blockIdx.y * TILE + y) * MATRIX + blockIdx.x * TILE + x] = sum;
}

/* ---- on the CPU: workgroups [first, last) -------------------------------------------------- */

void saxpy_native(float *y, const float *x, float a, unsigned n, unsigned first, unsigned last)
{
    for (unsigned i = first * GROUP; i < last * GROUP; i++)
        saxpy_item(y, x, a, n, i);
}

void checksum_native(uint64_t *out, const uint32_t *words, unsigned first, unsigned last)
{
    for (unsigned group = first; group < last; group++)
        for (unsigned item = 0; item < GROUP; item++)
            checksum_item(out, words, group, item);
}

void matmul_native(float *c, const float *a, const float *b, unsigned first, unsigned last)
{
    for (unsigned group = first; group < last; group++) {
        const unsigned gx = group % (MATRIX / TILE), gy = group / (MATRIX / TILE);
        float sum[TILE][TILE] = {};
        Tiles tiles;
        for (unsigned step = 0; step < MATRIX / TILE; step++) {
            for (unsigned y = 0; y < TILE; y++)
                for (unsigned x = 0; x < TILE; x++)
                    matmul_load(tiles, a, b, gx, gy, x, y, step);
            for (unsigned y = 0; y < TILE; y++)
                for (unsigned x = 0; x < TILE; x++)
                    sum[y][x] = matmul_multiply(tiles, sum[y][x], x, y);
        }
        for (unsigned y = 0; y < TILE; y++)
            for (unsigned x = 0; x < TILE; x++)
                c[(gy * TILE + y) * MATRIX + gx * TILE + x] = sum[y][x];
    }
}

/* ---- data ---------------------------------------------------------------------------------- */

void must(hipError_t error, const char *what)
{
    if (error == hipSuccess)
        return;
    fprintf(stderr, "bench_softgpu: %s: %s\n", what, hipGetErrorString(error));
    exit(1);
}

/* The same bytes twice: for the GPU in its own memory, for the CPU on the heap. */
struct Buffer {
    std::vector<uint32_t> host;
    void *device = nullptr;

    Buffer(size_t words, unsigned limit) : host(words)
    {
        uint32_t state = 12345;
        for (auto &word : host) {
            state = state * 1664525u + 1013904223u;
            const float value = (float)(state >> 16 & (limit - 1)); /* small integers: exact sums */
            memcpy(&word, &value, sizeof(word));
        }
        must(hipMalloc(&device, words * 4), "hipMalloc");
        upload();
    }
    ~Buffer()
    {
        (void)hipFree(device);
    }
    Buffer(const Buffer &) = delete;
    Buffer &operator=(const Buffer &) = delete;

    void upload()
    {
        must(hipMemcpy(device, host.data(), host.size() * 4, hipMemcpyHostToDevice), "hipMemcpy");
    }
    bool same() const
    {
        std::vector<uint32_t> back(host.size());
        must(hipMemcpy(back.data(), device, back.size() * 4, hipMemcpyDeviceToHost), "hipMemcpy");
        return back == host;
    }
    template <typename T> T *on_gpu()
    {
        return static_cast<T *>(device);
    }
    template <typename T> T *on_cpu()
    {
        return reinterpret_cast<T *>(host.data());
    }
};

/* ---- measuring ----------------------------------------------------------------------------- */

double now(clockid_t clock)
{
    timespec t{};
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

struct Times {
    double wall, cpu;
};

/* Rounds until `seconds` are over. The best one: what others do on the machine only adds. */
template <typename Round> Times measure(double seconds, Round round)
{
    round(); /* pages, decoded code, clocks */
    Times best = {1e9, 1e9};
    for (const double end = now(CLOCK_MONOTONIC) + seconds; now(CLOCK_MONOTONIC) < end;) {
        const double wall = now(CLOCK_MONOTONIC), cpu = now(CLOCK_PROCESS_CPUTIME_ID);
        round();
        best.wall = std::min(best.wall, now(CLOCK_MONOTONIC) - wall);
        best.cpu = std::min(best.cpu, now(CLOCK_PROCESS_CPUTIME_ID) - cpu);
    }
    return best;
}

template <typename Part> void on_threads(unsigned threads, unsigned groups, Part part)
{
    std::vector<std::thread> all;
    for (unsigned t = 0; t < threads; t++)
        all.emplace_back(part, (uint64_t)groups * t / threads,
                         (uint64_t)groups * (t + 1) / threads);
    for (auto &thread : all)
        thread.join();
}

uint64_t vector_instructions()
{
    static const auto get = (softgpu_get_stats_fn)dlsym(RTLD_DEFAULT, "softgpu_get_stats");
    softgpu_stats stats{};
    stats.size = sizeof(stats);
    return get && !get(&stats) ? stats.vector_instructions : 0;
}

struct Result {
    double gpu_wall, gpu_cpu, native_wall, native_cpu, instructions;
    double bytes; /* of all buffers: what a round moves at least */
    int same;
};

template <typename Gpu, typename Native>
Result compare(double seconds, unsigned threads, unsigned groups, size_t bytes, Gpu gpu,
               Native native, Buffer &result)
{
    gpu();
    must(hipDeviceSynchronize(), "hipDeviceSynchronize");
    on_threads(threads, groups, native);
    const int same = result.same();
    const uint64_t before = vector_instructions();
    gpu();
    must(hipDeviceSynchronize(), "hipDeviceSynchronize");
    const double instructions = (double)(vector_instructions() - before);
    const Times g = measure(seconds, [&] {
        gpu();
        must(hipDeviceSynchronize(), "hipDeviceSynchronize");
    });
    const Times n = measure(seconds, [&] { on_threads(threads, groups, native); });
    return {g.wall, g.cpu, n.wall, n.cpu, instructions, (double)bytes, same};
}

Result run_saxpy(double seconds, unsigned threads)
{
    Buffer y(ITEMS, 64), x(ITEMS, 64);
    const unsigned groups = ITEMS / GROUP;
    return compare(
        seconds, threads, groups, (size_t)12 * ITEMS, /* y is read and written */
        [&] { saxpy<<<groups, GROUP>>>(y.on_gpu<float>(), x.on_gpu<float>(), 2.0f, ITEMS); },
        [&](unsigned first, unsigned last) {
            saxpy_native(y.on_cpu<float>(), x.on_cpu<float>(), 2.0f, ITEMS, first, last);
        },
        y);
}

Result run_checksum(double seconds, unsigned threads)
{
    const unsigned groups = 512;
    Buffer out(2 * groups * GROUP, 2), words(groups * GROUP * DIGEST_WORDS, 65536);
    return compare(
        seconds, threads, groups, 4 * (out.host.size() + words.host.size()),
        [&] { checksum<<<groups, GROUP>>>(out.on_gpu<uint64_t>(), words.on_gpu<uint32_t>()); },
        [&](unsigned first, unsigned last) {
            checksum_native(out.on_cpu<uint64_t>(), words.on_cpu<uint32_t>(), first, last);
        },
        out);
}

Result run_matmul(double seconds, unsigned threads)
{
    Buffer a(MATRIX * MATRIX, 8), b(MATRIX * MATRIX, 8), c(MATRIX * MATRIX, 2);
    const unsigned side = MATRIX / TILE;
    return compare(
        seconds, threads, side * side, 4 * (a.host.size() + b.host.size() + c.host.size()),
        [&] {
            matmul<<<dim3(side, side), dim3(TILE, TILE)>>>(c.on_gpu<float>(), a.on_gpu<float>(),
                                                           b.on_gpu<float>());
        },
        [&](unsigned first, unsigned last) {
            matmul_native(c.on_cpu<float>(), a.on_cpu<float>(), b.on_cpu<float>(), first, last);
        },
        c);
}

const struct {
    const char *name;
    Result (*run)(double seconds, unsigned threads);
} kernels[] = {{"saxpy", run_saxpy}, {"checksum", run_checksum}, {"matmul", run_matmul}};

/* ---- the machine ---------------------------------------------------------------------------- */

/* Independent chains, as many as two threads of one core could not both keep busy. */
void arithmetic(uint64_t *out)
{
    uint64_t chain[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    for (unsigned i = 0; i < 1000000; i++)
        for (uint64_t &x : chain) {
            x = (x ^ x >> 7) + i;
            asm volatile("" : "+r"(x)); /* one at a time: scalar units, no vectors */
        }
    for (uint64_t x : chain)
        *out += x;
}

/* How much more all threads get done than one. */
double machine_scaling(double seconds, unsigned threads)
{
    std::vector<uint64_t> out(8 * threads); /* a cache line each */
    const auto part = [&](unsigned first, unsigned last) {
        for (unsigned i = first; i < last; i++)
            arithmetic(&out[8 * i]);
    };
    const Times one = measure(seconds, [&] { on_threads(1, 1, part); });
    const Times all = measure(seconds, [&] { on_threads(threads, threads, part); });
    return threads * one.wall / all.wall;
}

/* ---- one process per number of threads: softgpu makes its threads at the start -------------- */

Result run_in_child(const char *kernel, double seconds, unsigned threads)
{
    char self[4096] = "", line[8192];
    Result r{};
    if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
        exit(1);
    snprintf(line, sizeof(line), "SOFTGPU_THREADS=%u exec '%s' --child %s %g %u", threads, self,
             kernel, seconds, threads);
    FILE *child = popen(line, "r");
    const int fields =
        !child ? 0
               : fscanf(child, "%lg %lg %lg %lg %lg %lg %d", &r.gpu_wall, &r.gpu_cpu,
                        &r.native_wall, &r.native_cpu, &r.instructions, &r.bytes, &r.same);
    if (fields != 7 || pclose(child) != 0) {
        fprintf(stderr, "bench_softgpu: the run of %s failed\n", kernel);
        exit(1);
    }
    return r;
}

int child_main(char **argument)
{
    for (const auto &kernel : kernels) {
        if (strcmp(kernel.name, argument[0]) != 0)
            continue;
        const Result r = kernel.run(atof(argument[1]), (unsigned)atoi(argument[2]));
        printf("%g %g %g %g %.0f %.0f %d\n", r.gpu_wall, r.gpu_cpu, r.native_wall, r.native_cpu,
               r.instructions, r.bytes, r.same);
        fflush(stdout);
        return 0;
    }
    return 2;
}

/* ---- report -------------------------------------------------------------------------------- */

void report(const char *name, const Result &one, const Result &all, unsigned cores, bool json)
{
    const double per_core = all.instructions / all.gpu_wall / cores / 1e6;
    const double per_cpu = all.instructions / all.gpu_cpu / 1e6;
    const double single = one.instructions / one.gpu_wall / 1e6;
    const double scaling = one.gpu_wall / all.gpu_wall;
    const double native_scaling = one.native_wall / all.native_wall;
    const double slower = all.gpu_wall / all.native_wall;
    const double slower_cpu = all.gpu_cpu / all.native_cpu;
    const double moved = all.bytes / all.gpu_wall / 1e9, native = all.bytes / all.native_wall / 1e9;
    if (json) {
        printf("  {\"kernel\": \"%s\", \"cores\": %u, \"vector_instructions\": %.0f,\n"
               "   \"minstr_per_s_and_core\": %.2f, \"minstr_per_cpu_s\": %.2f,\n"
               "   \"minstr_per_s_one_core\": %.2f, \"scaling\": %.2f, \"native_scaling\": %.2f,\n"
               "   \"seconds\": %.6f, \"native_seconds\": %.6f, \"times_native\": %.1f,\n"
               "   \"gb_per_s\": %.2f, \"native_gb_per_s\": %.2f,\n"
               "   \"times_native_cpu\": %.1f, \"same_result\": %s}",
               name, cores, all.instructions, per_core, per_cpu, single, scaling, native_scaling,
               all.gpu_wall, all.native_wall, slower, moved, native, slower_cpu,
               one.same && all.same ? "true" : "false");
    } else {
        printf("%-9s %10.1f %10.1f %10.1f %8.2f %8.2f %9.3f %9.3f %8.1f %7.1f %7.1f %7s\n", name,
               per_core, per_cpu, single, scaling, native_scaling, 1e3 * all.gpu_wall,
               1e3 * all.native_wall, slower, moved, native,
               one.same && all.same ? "same" : "DIFFER");
    }
}

} // namespace

int main(int argc, char **argv)
{
    const char *only = nullptr;
    double seconds = 1;
    bool json = false, differ = false, first = true;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--child") && i + 3 < argc)
            return child_main(argv + i + 1);
        if (!strcmp(argv[i], "--json"))
            json = true;
        else if (!strcmp(argv[i], "--seconds") && i + 1 < argc)
            seconds = atof(argv[++i]);
        else if (!strcmp(argv[i], "--kernel") && i + 1 < argc)
            only = argv[++i];
        else {
            fprintf(stderr, "usage: bench_softgpu [--json] [--seconds S] [--kernel NAME]\n");
            return 2;
        }
    }
    const unsigned cores = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
    const double machine = cores > 1 ? machine_scaling(seconds / 2, cores) : 1;
    double load = 0;
    (void)getloadavg(&load, 1);
    if (json)
        printf("{\"load\": %.2f, \"machine_scaling\": %.2f, \"results\": [\n", load, machine);
    else
        printf(
            "load %.1f, %u cores; integer arithmetic scales %.2f from one thread to all\n"
            "million wave64 vector instructions per second and core (all cores at work), per CPU "
            "second, with one core;\nfrom one to all cores: ours, the native run's; time of a "
            "round; GB/s of the buffers at least\n"
            "%-9s %10s %10s %10s %8s %8s %9s %9s %8s %7s %7s\n",
            load, cores, machine, "kernel", "s and core", "CPU second", "one core", "scaling",
            "native", "ms", "native", "x native", "GB/s", "native");
    for (const auto &kernel : kernels) {
        if (only && strcmp(only, kernel.name))
            continue;
        const Result one = run_in_child(kernel.name, seconds, 1);
        const Result all = cores > 1 ? run_in_child(kernel.name, seconds, cores) : one;
        if (json && !first)
            printf(",\n");
        first = false;
        report(kernel.name, one, all, cores, json);
        differ |= !one.same || !all.same;
    }
    if (json)
        printf("\n]}\n");
    return differ;
}

// SPDX-License-Identifier: MIT
// What softgpu adds around the kernels: launch plus synchronise of an empty one, how independent
// workgroups share the cores, and what it costs to start. Run by `./dev bench launch`.
//
// bench_launch [--json] [--launches N]   under softgpu: launches and scaling
// bench_launch --startup LAUNCHER        by itself: starts this program and /bin/true
#include <hip/hip_runtime.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <spawn.h>
#include <string>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <vector>

extern char **environ;

namespace
{

bool json;

__global__ void empty() {}

// Arithmetic only: about 6 vector instructions per turn.
__global__ void spin(uint32_t turns, uint32_t *out)
{
    uint32_t x = threadIdx.x;
    for (uint32_t i = 0; i < turns; i++)
        x = (x ^ (x >> 7)) * 2654435761u + i;
    out[blockIdx.x * blockDim.x + threadIdx.x] = x;
}

void must(hipError_t result, const char *what)
{
    if (result == hipSuccess)
        return;
    std::fprintf(stderr, "bench_launch: %s: %s\n", what, hipGetErrorString(result));
    std::exit(1);
}

double now_us()
{
    timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return double(t.tv_sec) * 1e6 + double(t.tv_nsec) / 1e3;
}

void report(const char *name, std::vector<double> us)
{
    std::sort(us.begin(), us.end());
    const double best = us.front(), median = us[us.size() / 2], late = us[us.size() * 9 / 10];
    std::printf(json ? "{\"name\": \"%s\", \"best_us\": %.1f, \"median_us\": %.1f, "
                       "\"p90_us\": %.1f, \"runs\": %zu}\n"
                     : "%-40s best %9.1f us, median %9.1f us, 90%% below %9.1f us (%zu runs)\n",
                name, best, median, late, us.size());
}

template <class F> std::vector<double> measure(size_t runs, F &&what)
{
    std::vector<double> us(runs);
    for (double &one : us) {
        const double start = now_us();
        what();
        one = now_us() - start;
    }
    return us;
}

void launches(size_t runs)
{
    empty<<<1, 64>>>();
    must(hipDeviceSynchronize(), "first kernel");
    report("launch + synchronise", measure(runs, [] {
               empty<<<1, 64>>>();
               must(hipDeviceSynchronize(), "empty kernel");
           }));
    report("64 launches + synchronise, each", [&] {
        std::vector<double> us = measure(runs / 64 + 1, [] {
            for (int i = 0; i < 64; i++)
                empty<<<1, 64>>>();
            must(hipDeviceSynchronize(), "empty kernels");
        });
        for (double &one : us)
            one /= 64;
        return us;
    }());
    std::vector<double> late(std::min<size_t>(runs / 20 + 1, 50));
    for (double &one : late) {
        usleep(20000);
        const double start = now_us();
        empty<<<1, 64>>>();
        must(hipDeviceSynchronize(), "empty kernel");
        one = now_us() - start;
    }
    report("launch + synchronise after 20 ms", late);
}

void scaling(size_t groups)
{
    uint32_t *out = nullptr;
    must(hipMalloc(&out, groups * 64 * sizeof(uint32_t)), "hipMalloc");
    std::string name = std::to_string(groups) + " workgroups of 40,000 turns";
    report(name.c_str(), measure(9, [&] {
               spin<<<static_cast<uint32_t>(groups), 64>>>(40000, out);
               must(hipDeviceSynchronize(), "spin");
           }));
    must(hipFree(out), "hipFree");
}

double start_and_wait(std::vector<const char *> arguments)
{
    arguments.push_back(nullptr);
    pid_t pid;
    int status = 0;
    const double start = now_us();
    if (posix_spawnp(&pid, arguments[0], nullptr, nullptr,
                     const_cast<char *const *>(arguments.data()), environ) != 0 ||
        waitpid(pid, &status, 0) != pid || status != 0) {
        std::fprintf(stderr, "bench_launch: cannot run %s\n", arguments[0]);
        std::exit(1);
    }
    return now_us() - start;
}

void startup(const char *launcher)
{
    char self[4096] = "";
    if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
        std::exit(1);
    report("true", measure(30, [] { start_and_wait({"true"}); }));
    report("softgpu true", measure(30, [&] { start_and_wait({launcher, "true"}); }));
    report("softgpu, hipInit and no kernel", measure(10, [&] {
               start_and_wait({launcher, self, "--init"});
           }));
    report("softgpu, one empty kernel", measure(10, [&] {
               start_and_wait({launcher, self, "--one"});
           }));
}

} // namespace

int main(int argc, char **argv)
{
    size_t runs = 2000;
    for (int i = 1; i < argc; i++) {
        if (!std::strcmp(argv[i], "--json")) {
            json = true;
        } else if (!std::strcmp(argv[i], "--launches") && i + 1 < argc) {
            runs = std::max(1l, std::atol(argv[++i]));
        } else if (!std::strcmp(argv[i], "--startup") && i + 1 < argc) {
            startup(argv[i + 1]);
            return 0;
        } else if (!std::strcmp(argv[i], "--init")) {
            must(hipInit(0), "hipInit");
            return 0;
        } else if (!std::strcmp(argv[i], "--one")) {
            empty<<<1, 64>>>();
            must(hipDeviceSynchronize(), "empty kernel");
            return 0;
        } else {
            std::fprintf(stderr,
                         "usage: bench_launch [--json] [--launches N] [--startup SOFTGPU]\n");
            return 2;
        }
    }
    launches(runs);
    for (size_t groups : {1, 2, 4, 8, 16})
        scaling(groups);
    return 0;
}

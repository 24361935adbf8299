// SPDX-License-Identifier: MIT
// From how many runs on an alias window costs less than one buffer per run, on whatever device this
// runs on: the number that HS_ALIAS_BREAK_EVEN (runtime/backing.h) should be. Both backings in
// turn over the same shared memory; time of the calls, best of many. Run by `./dev bench backing`.
//
// bench_backing [--repeat R] [--most RUNS] [--json]
#include <hip/hip_runtime_api.h>
#include <hip_scatter/hip_scatter.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <vector>

namespace
{

constexpr size_t page = 4096;
unsigned repeat_count = 15;
bool json;

[[noreturn]] void die(const char *what)
{
    std::fprintf(stderr, "bench_backing: %s: %s\n", what, hipScatterGetLastErrorMessage());
    std::exit(1);
}

double now_us()
{
    timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return double(t.tv_sec) * 1e6 + double(t.tv_nsec) / 1e3;
}

// Shared memory whose every second block is a run.
class Runs
{
  public:
    Runs(size_t runs, size_t pages) : bytes_(2 * runs * pages * page)
    {
        int fd = memfd_create("bench_backing", MFD_CLOEXEC);
        if (fd < 0 || ftruncate(fd, off_t(bytes_)) != 0)
            die("memfd");
        void *memory = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (memory == MAP_FAILED)
            die("mmap");
        close(fd);
        memory_ = static_cast<char *>(memory);
        std::memset(memory_, 1, bytes_);
        for (size_t i = 0; i < runs; i++)
            list_.push_back({memory_ + 2 * i * pages * page, pages * page});
    }
    ~Runs()
    {
        munmap(memory_, bytes_);
    }
    Runs(const Runs &) = delete;
    Runs &operator=(const Runs &) = delete;

    const std::vector<hipScatterRange> &list() const
    {
        return list_;
    }

  private:
    size_t bytes_;
    char *memory_;
    std::vector<hipScatterRange> list_;
};

struct Cost {
    double create = 1e18, both = 1e18; // us; both: with unregistering
};

struct Pair {
    Cost per_range, alias;
};

Cost once(const Runs &runs, unsigned flags)
{
    void *window;
    double start = now_us();
    if (hipHostRegisterScatter(&window, runs.list().data(), runs.list().size(), flags) !=
        hipSuccess)
        die("hipHostRegisterScatter");
    double created = now_us();
    if (hipHostUnregisterScatter(window) != hipSuccess)
        die("hipHostUnregisterScatter");
    return {created - start, now_us() - start};
}

void keep_best(Cost &best, const Cost &one)
{
    best.create = std::min(best.create, one.create);
    best.both = std::min(best.both, one.both);
}

Pair measure(size_t count, size_t pages)
{
    Runs runs(count, pages);
    Pair best;
    for (unsigned r = 0; r < repeat_count; r++) {
        keep_best(best.per_range, once(runs, hipScatterRegisterBackingPerRange));
        keep_best(best.alias, once(runs, hipScatterRegisterBackingAlias));
    }
    return best;
}

// The least count that alias wins at, if it loses at low and wins at high.
size_t bisect(size_t low, size_t high, size_t pages, double Cost::*cost)
{
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        Pair pair = measure(middle, pages);
        (pair.alias.*cost < pair.per_range.*cost ? high : low) = middle;
    }
    return high;
}

void report(const char *name, const std::vector<size_t> &counts, const std::vector<Pair> &pairs,
            size_t pages, double Cost::*cost)
{
    size_t wins = counts.size(); // from here on in every row
    while (wins > 0 && pairs[wins - 1].alias.*cost < pairs[wins - 1].per_range.*cost)
        wins--;
    size_t from = wins == counts.size() ? 0
                  : wins == 0           ? counts[0]
                                        : bisect(counts[wins - 1], counts[wins], pages, cost);
    if (json) {
        std::printf("{\"name\": \"%s\", \"pages_per_run\": %zu, \"alias_from_runs\": %zu}\n", name,
                    pages, from);
        return;
    }
    std::printf("%s, us:\n%12s", name, "runs");
    for (size_t count : counts)
        std::printf("%9zu", count);
    std::printf("\n%12s", "per-range");
    for (const Pair &pair : pairs)
        std::printf("%9.0f", pair.per_range.*cost);
    std::printf("\n%12s", "alias");
    for (const Pair &pair : pairs)
        std::printf("%9.0f", pair.alias.*cost);
    if (from != 0)
        std::printf("\n  alias costs less from %zu runs on\n", from);
    else
        std::printf("\n  alias never costs less up to %zu runs\n", counts.back());
}

} // namespace

int main(int argc, char **argv)
{
    size_t most = 256;

    for (int i = 1; i < argc; i++) {
        if (!std::strcmp(argv[i], "--json")) {
            json = true;
        } else if (!std::strcmp(argv[i], "--repeat") && i + 1 < argc) {
            repeat_count = unsigned(std::strtoul(argv[++i], nullptr, 0));
        } else if (!std::strcmp(argv[i], "--most") && i + 1 < argc) {
            most = std::strtoul(argv[++i], nullptr, 0);
        } else {
            std::fprintf(stderr, "usage: bench_backing [--repeat R] [--most RUNS] [--json]\n");
            return 2;
        }
    }
    if (repeat_count == 0 || most == 0)
        return 2;

    std::vector<size_t> counts;
    for (size_t count = 1; count <= most; count *= 2)
        counts.push_back(count);
    measure(1, 1); // what is done once in a process
    for (size_t pages : {1, 16, 64}) {
        std::vector<Pair> pairs;
        for (size_t count : counts)
            pairs.push_back(measure(count, pages));
        if (!json)
            std::printf("Runs of %zu pages, best of %u.\n", pages, repeat_count);
        report("register", counts, pairs, pages, &Cost::create);
        report("register and unregister", counts, pairs, pages, &Cost::both);
    }
    return 0;
}

// SPDX-License-Identifier: MIT
// scatter_digest: reads files into hundreds of separately allocated, shuffled host fragments,
// registers them as one GPU array, computes block digests and a byte histogram on the GPU, compares
// with the CPU; then transforms the data in place on the GPU and lets the CPU verify every original
// fragment. Copy from register_fragments() and unregister(): the rest is what your program has
// anyway.
#include <hip/hip_runtime.h>
#include <hip_scatter/hip_scatter.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <filesystem>
#include <getopt.h>
#include <random>
#include <string>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <vector>

namespace
{

constexpr size_t page_bytes = 4096;
constexpr size_t block_bytes = 64 * 1024; // one digest each
constexpr unsigned threads = 256;

void check(hipError_t status, const char *what)
{
    if (status == hipSuccess)
        return;
    std::fprintf(stderr, "scatter_digest: %s: %s: %s\n", what, hipGetErrorName(status),
                 hipScatterGetLastErrorMessage());
    std::exit(1);
}

double now_ms()
{
    return std::chrono::duration<double, std::milli>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

// ---- what GPU and CPU compute
// ---------------------------------------------------------------------------

// Depends on value and position, so that a page in the wrong place is noticed. (The finaliser of
// MurmurHash3, a public-domain design.)
__host__ __device__ inline uint64_t mix(uint32_t value, uint64_t position)
{
    uint64_t h = position * 0x9e3779b97f4a7c15u ^ value;
    h = (h ^ (h >> 33)) * 0xff51afd7ed558ccdu;
    h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53u;
    return h ^ (h >> 33);
}

__host__ __device__ inline uint8_t transformed(uint8_t byte, uint64_t position)
{
    return static_cast<uint8_t>(byte ^ (mix(0x5ca77e12u, position / 4) >> (8 * (position % 4))));
}

// The digest of a block is a sum, so that the threads may add up their parts in any order.
__global__ void digest_blocks(const uint8_t *data, size_t bytes, unsigned long long *digests)
{
    const size_t begin = blockIdx.x * block_bytes;
    const size_t end = begin + block_bytes < bytes ? begin + block_bytes : bytes;
    uint64_t sum = 0;
    for (size_t at = begin + 4 * threadIdx.x; at < end; at += 4 * blockDim.x) {
        uint32_t word = 0;
        if (at + 4 <= end)
            word = *reinterpret_cast<const uint32_t *>(data + at);
        else
            for (size_t i = at; i < end; i++)
                word |= static_cast<uint32_t>(data[i]) << (8 * (i - at));
        sum += mix(word, at);
    }
    atomicAdd(&digests[blockIdx.x], static_cast<unsigned long long>(sum));
}

__global__ void count_bytes(const uint8_t *data, size_t bytes, unsigned long long *histogram)
{
    __shared__ unsigned counts[256];
    counts[threadIdx.x] = 0;
    __syncthreads();
    const size_t stride = static_cast<size_t>(gridDim.x) * blockDim.x;
    for (size_t at = blockIdx.x * static_cast<size_t>(blockDim.x) + threadIdx.x; at * 4 < bytes;
         at += stride) {
        if (at * 4 + 4 <= bytes) {
            const uint32_t word = reinterpret_cast<const uint32_t *>(data)[at];
            for (int shift = 0; shift < 32; shift += 8)
                atomicAdd(&counts[(word >> shift) & 255], 1u);
        } else {
            for (size_t i = at * 4; i < bytes; i++)
                atomicAdd(&counts[data[i]], 1u);
        }
    }
    __syncthreads();
    atomicAdd(&histogram[threadIdx.x], static_cast<unsigned long long>(counts[threadIdx.x]));
}

__global__ void transform_in_place(uint8_t *data, size_t bytes)
{
    const size_t stride = static_cast<size_t>(gridDim.x) * blockDim.x;
    for (size_t at = blockIdx.x * static_cast<size_t>(blockDim.x) + threadIdx.x; at * 4 < bytes;
         at += stride) {
        if (at * 4 + 4 <= bytes)
            reinterpret_cast<uint32_t *>(data)[at] ^= static_cast<uint32_t>(mix(0x5ca77e12u, at));
        else
            for (size_t i = at * 4; i < bytes; i++)
                data[i] = transformed(data[i], i);
    }
}

// ---- options
// --------------------------------------------------------------------------------------------

struct Options {
    size_t fragments = 600;
    size_t fragment_bytes = 64 * 1024;
    unsigned backing_flag = hipScatterRegisterBackingAuto;
    std::string backing = "auto";
    uint64_t seed = 0;
    std::vector<std::string> files;
};

void print_help()
{
    std::puts("usage: scatter_digest [options] [FILE...]\n"
              "Reads files into scattered host fragments, lets the GPU see them as one array, and "
              "verifies.\n"
              "Without FILE: real files of this machine, as many as fill the fragments.\n"
              "  --fragments N         number of fragments (600; more if the files need more)\n"
              "  --fragment-size SIZE  the largest fragment; sizes vary from one page up to it "
              "(64K; suffix K, M)\n"
              "  --backing NAME        auto, batch, per-range or alias (auto)\n"
              "  --seed N              replay one layout\n"
              "  --help\n"
              "Exit status: 0 verified, 1 not verified or not possible here, 2 bad options.");
}

[[noreturn]] void bad_option(const std::string &text)
{
    std::fprintf(stderr, "scatter_digest: %s (--help explains)\n", text.c_str());
    std::exit(2);
}

size_t parse_number(const char *text, const char *option, bool with_suffix)
{
    char *end = nullptr;
    errno = 0;
    unsigned long long value = std::strtoull(text, &end, 10);
    unsigned shift = 0;
    if (with_suffix && (*end == 'K' || *end == 'M'))
        shift = *end++ == 'K' ? 10 : 20;
    if (errno != 0 || end == text || *end != '\0' || *text == '-' || value > (SIZE_MAX >> 24))
        bad_option(std::string(option) + ": not a number: '" + text + "'");
    return static_cast<size_t>(value) << shift;
}

Options parse_options(int argc, char **argv)
{
    static const option long_options[] = {{"fragments", required_argument, nullptr, 'n'},
                                          {"fragment-size", required_argument, nullptr, 's'},
                                          {"backing", required_argument, nullptr, 'b'},
                                          {"seed", required_argument, nullptr, 'r'},
                                          {"help", no_argument, nullptr, 'h'},
                                          {}};
    Options options;
    options.seed = std::random_device()();
    for (int c; (c = getopt_long(argc, argv, "", long_options, nullptr)) != -1;) {
        switch (c) {
        case 'n':
            options.fragments = parse_number(optarg, "--fragments", false);
            break;
        case 's':
            options.fragment_bytes = parse_number(optarg, "--fragment-size", true);
            break;
        case 'b':
            options.backing = optarg;
            break;
        case 'r':
            options.seed = parse_number(optarg, "--seed", false);
            break;
        case 'h':
            print_help();
            std::exit(0);
        default:
            std::exit(2); // getopt has said why
        }
    }
    if (options.fragments == 0 ||
        options.fragments > 60000) // each costs two of Linux' 65530 mappings at most
        bad_option("--fragments: 1 to 60000");
    if (options.fragment_bytes < page_bytes || options.fragment_bytes % page_bytes != 0)
        bad_option("--fragment-size: a multiple of 4096, not 0");
    if (options.backing == "batch")
        options.backing_flag = hipScatterRegisterBackingBatch;
    else if (options.backing == "per-range")
        options.backing_flag = hipScatterRegisterBackingPerRange;
    else if (options.backing == "alias")
        options.backing_flag = hipScatterRegisterBackingAlias;
    else if (options.backing != "auto")
        bad_option("--backing: auto, batch, per-range or alias, not '" + options.backing + "'");
    options.files.assign(argv + optind, argv + argc);
    return options;
}

// ---- the data
// -------------------------------------------------------------------------------------------

// Programs and libraries of this machine, enough to fill `bytes`.
std::vector<std::string> files_of_this_machine(size_t bytes)
{
    namespace fs = std::filesystem;
    std::vector<std::string> files;
    for (const char *folder : {"/usr/bin", "/usr/lib/x86_64-linux-gnu", "/usr/share/doc"}) {
        std::error_code error;
        for (fs::recursive_directory_iterator
                 it(folder, fs::directory_options::skip_permission_denied, error),
             end;
             !error && it != end; it.increment(error)) {
            std::error_code ignored;
            if (it->is_symlink(ignored) || !it->is_regular_file(ignored) ||
                access(it->path().c_str(), R_OK) != 0)
                continue;
            const size_t size = it->file_size(ignored);
            if (ignored || size == 0 || size > 4 * 1024 * 1024)
                continue;
            files.push_back(it->path());
            if (size >= bytes)
                return files;
            bytes -= size;
        }
    }
    return files;
}

std::vector<uint8_t> read_files(const std::vector<std::string> &files, size_t limit)
{
    std::vector<uint8_t> content;
    for (const std::string &name : files) {
        const int fd = open(name.c_str(), O_RDONLY | O_CLOEXEC);
        ssize_t got = fd < 0 ? -1 : 0;
        std::vector<uint8_t> buffer(1 << 20);
        while (fd >= 0 && content.size() < limit &&
               (got = read(fd, buffer.data(), buffer.size())) > 0)
            content.insert(content.end(), buffer.begin(),
                           buffer.begin() + std::min<size_t>(got, limit - content.size()));
        if (got < 0) {
            std::fprintf(stderr, "scatter_digest: %s: %s\n", name.c_str(), std::strerror(errno));
            std::exit(1);
        }
        close(fd);
    }
    return content;
}

// Fragment sizes in pages: they add up to `pages`, each has at least one and at most `largest`.
std::vector<size_t> cut(size_t pages, size_t fragments, size_t largest, std::mt19937_64 &random)
{
    fragments = std::min(std::max(fragments, (pages + largest - 1) / largest), pages);
    std::vector<size_t> sizes(fragments, 1);
    for (size_t left = pages - fragments; left > 0;) {
        size_t &size = sizes[random() % fragments];
        const size_t more = std::min<size_t>({left, largest - size, random() % 8});
        size += more;
        left -= more;
    }
    return sizes;
}

// Allocates every fragment on its own, in an order that has nothing to do with their order in the
// array, with a gap behind each, and fills them.
std::vector<hipScatterRange> scatter(const std::vector<uint8_t> &content, const Options &options)
{
    std::mt19937_64 random(options.seed);
    const std::vector<size_t> pages =
        cut((content.size() + page_bytes - 1) / page_bytes, options.fragments,
            options.fragment_bytes / page_bytes, random);
    std::vector<size_t> order(pages.size());
    for (size_t i = 0; i < order.size(); i++)
        order[i] = i;
    std::shuffle(order.begin(), order.end(), random);

    std::vector<hipScatterRange> ranges(pages.size());
    for (size_t i : order) {
        const size_t size = pages[i] * page_bytes, gap = page_bytes;
        void *memory =
            mmap(nullptr, size + gap, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED || munmap(static_cast<char *>(memory) + size, gap) != 0) {
            std::perror("scatter_digest: mmap");
            std::exit(1);
        }
        ranges[i] = {memory, size};
    }
    size_t at = 0;
    for (hipScatterRange &range : ranges) {
        range.size =
            std::min(range.size, content.size() - at); // only the last one may end inside of a page
        std::memcpy(range.base, content.data() + at, range.size);
        at += range.size;
    }
    return ranges;
}

// ---- registration: the part to copy
// ---------------------------------------------------------------------

struct Window {
    uint8_t *data = nullptr; // device pointer to the first byte of the first range
    hipScatterPoolInfo info{};
    std::string reason;
    uint64_t ioctls = 0;
    double ms = 0;
};

uint64_t ioctls_so_far()
{
    hipScatterStats stats{};
    stats.structSize = sizeof stats;
    check(hipScatterGetStats(&stats), "hipScatterGetStats");
    return stats.ioctls - stats.probe;
}

Window register_fragments(const std::vector<hipScatterRange> &ranges, unsigned flags)
{
    Window window;
    const uint64_t before = ioctls_so_far();
    const double start = now_ms();
    void *pointer = nullptr;
    check(hipHostRegisterScatter(&pointer, ranges.data(), ranges.size(), flags),
          "hipHostRegisterScatter");
    window.ms = now_ms() - start;
    window.ioctls = ioctls_so_far() - before;
    window.data = static_cast<uint8_t *>(pointer);

    hipScatterPool_t pool = nullptr;
    window.info.structSize = sizeof window.info;
    check(hipScatterPoolFromPointer(&pool, pointer), "hipScatterPoolFromPointer");
    check(hipScatterPoolGetInfo(pool, &window.info), "hipScatterPoolGetInfo");
    window.reason = window.info.backingReason;
    return window;
}

// Returns milliseconds; adds the ioctls to *ioctls.
double unregister(const Window &window, uint64_t *ioctls)
{
    const uint64_t before = ioctls_so_far();
    const double start = now_ms();
    check(hipHostUnregisterScatter(window.data), "hipHostUnregisterScatter");
    *ioctls = ioctls_so_far() - before;
    return now_ms() - start;
}

// ---- GPU against CPU
// ------------------------------------------------------------------------------------

struct Results {
    double digest_ms = 0, histogram_ms = 0, transform_ms = 0;
    size_t blocks = 0, blocks_right = 0, counts_right = 0, fragments_right = 0;
};

size_t count_equal(const std::vector<uint64_t> &a, const std::vector<uint64_t> &b)
{
    size_t equal = 0;
    for (size_t i = 0; i < a.size(); i++)
        equal += a[i] == b[i];
    return equal;
}

void read_and_compare(const Window &window, const std::vector<uint8_t> &content, Results *results)
{
    const size_t bytes = content.size(), blocks = (bytes + block_bytes - 1) / block_bytes;
    unsigned long long *device = nullptr; // digests, then the histogram
    check(hipMalloc(reinterpret_cast<void **>(&device), (blocks + 256) * 8), "hipMalloc");
    check(hipMemset(device, 0, (blocks + 256) * 8), "hipMemset");
    check(hipDeviceSynchronize(), "hipDeviceSynchronize");

    double start = now_ms();
    digest_blocks<<<blocks, threads>>>(window.data, bytes, device);
    check(hipGetLastError(), "digest_blocks");
    check(hipDeviceSynchronize(), "digest_blocks");
    results->digest_ms = now_ms() - start;

    start = now_ms();
    count_bytes<<<64, threads>>>(window.data, bytes, device + blocks);
    check(hipGetLastError(), "count_bytes");
    check(hipDeviceSynchronize(), "count_bytes");
    results->histogram_ms = now_ms() - start;

    std::vector<uint64_t> digests(blocks), histogram(256);
    check(hipMemcpy(digests.data(), device, blocks * 8, hipMemcpyDeviceToHost), "hipMemcpy");
    check(hipMemcpy(histogram.data(), device + blocks, 256 * 8, hipMemcpyDeviceToHost),
          "hipMemcpy");
    check(hipFree(device), "hipFree");

    std::vector<uint64_t> cpu_digests(blocks), cpu_histogram(256);
    for (size_t at = 0; at < bytes; at += 4) {
        uint32_t word = 0;
        std::memcpy(&word, &content[at], std::min<size_t>(4, bytes - at));
        cpu_digests[at / block_bytes] += mix(word, at);
    }
    for (uint8_t byte : content)
        cpu_histogram[byte]++;
    results->blocks = blocks;
    results->blocks_right = count_equal(digests, cpu_digests);
    results->counts_right = count_equal(histogram, cpu_histogram);
}

void transform_and_compare(const Window &window, const std::vector<uint8_t> &content,
                           const std::vector<hipScatterRange> &ranges, Results *results)
{
    const double start = now_ms();
    transform_in_place<<<64, threads>>>(window.data, content.size());
    check(hipGetLastError(), "transform_in_place");
    check(hipDeviceSynchronize(), "transform_in_place");
    results->transform_ms = now_ms() - start;

    size_t at = 0;
    for (const hipScatterRange &range : ranges) {
        const uint8_t *bytes = static_cast<const uint8_t *>(range.base);
        size_t wrong = 0;
        for (size_t i = 0; i < range.size; i++)
            wrong += bytes[i] != transformed(content[at + i], at + i);
        results->fragments_right += wrong == 0;
        at += range.size;
    }
}

// ---- the table
// ------------------------------------------------------------------------------------------

std::string kernel_name()
{
    // Under softgpu its functions are in the process, and SOFTGPU_KERNEL names what it imitates.
    if (dlsym(RTLD_DEFAULT, "softgpu_get_stats") != nullptr) {
        const char *name = std::getenv("SOFTGPU_KERNEL");
        return std::string("imitated by softgpu: ") + (name != nullptr ? name : "batch");
    }
    utsname names{};
    uname(&names);
    return std::string("real: Linux ") + names.release;
}

void print_row(const char *name, const std::string &text)
{
    std::printf("  %-10s  %s\n", name, text.c_str());
}

__attribute__((format(printf, 1, 2))) std::string format(const char *pattern, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, pattern);
    std::vsnprintf(text, sizeof text, pattern, arguments);
    va_end(arguments);
    return text;
}

} // namespace

int main(int argc, char **argv)
{
    Options options = parse_options(argc, argv);
    size_t limit = SIZE_MAX;
    if (options.files.empty()) {
        // Sizes are spread evenly, so half of the largest on average; an odd end shows a range that
        // ends in a page.
        limit = options.fragments * ((options.fragment_bytes + page_bytes) / 2) - 1235;
        options.files = files_of_this_machine(limit);
    }
    const std::vector<uint8_t> content = read_files(options.files, limit);
    if (content.empty())
        bad_option("the files are empty");
    const std::vector<hipScatterRange> ranges = scatter(content, options);

    hipDeviceProp_t properties;
    int device = 0;
    if (hipGetDeviceCount(&device) != hipSuccess || device == 0) {
        std::fprintf(
            stderr,
            "scatter_digest: no GPU that HIP can use; under softgpu there is one: softgpu %s\n",
            argv[0]);
        return 1;
    }
    check(hipGetDevice(&device), "hipGetDevice");
    check(hipGetDeviceProperties(&properties, device), "hipGetDeviceProperties");

    Results results;
    const Window window = register_fragments(ranges, options.backing_flag);
    read_and_compare(window, content, &results);
    transform_and_compare(window, content, ranges, &results);
    uint64_t unregister_ioctls = 0;
    const double unregister_ms = unregister(window, &unregister_ioctls);

    const bool verified = results.blocks_right == results.blocks && results.counts_right == 256 &&
                          results.fragments_right == ranges.size();
    std::printf("scatter_digest --backing %s\n", options.backing.c_str());
    print_row("device", format("%s (%s)", properties.name, properties.gcnArchName));
    print_row("kernel", kernel_name());
    print_row("backing", window.reason.rfind(window.info.backingName, 0) == 0
                             ? window.reason
                             : format("%s: %s", window.info.backingName, window.reason.c_str()));
    print_row("input", format("%zu file(s), %zu bytes", options.files.size(), content.size()));
    print_row("ranges",
              format("%zu, shuffled, with gaps (seed %llu); %zu after coalescing", ranges.size(),
                     static_cast<unsigned long long>(options.seed), window.info.coalescedCount));
    print_row("ioctls", format("%llu to register, %llu to unregister",
                               static_cast<unsigned long long>(window.ioctls),
                               static_cast<unsigned long long>(unregister_ioctls)));
    print_row("times, ms",
              format("register %.3f, digests %.1f, histogram %.1f, transform %.1f, unregister %.3f",
                     window.ms, results.digest_ms, results.histogram_ms, results.transform_ms,
                     unregister_ms));
    print_row("GPU = CPU",
              format("%zu of %zu block digests, %zu of 256 histogram counts, %zu of %zu fragments "
                     "after the transform in place",
                     results.blocks_right, results.blocks, results.counts_right,
                     results.fragments_right, ranges.size()));
    print_row("result", verified ? "verified" : "NOT VERIFIED");
    return verified ? 0 : 1;
}

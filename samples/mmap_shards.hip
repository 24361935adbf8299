// SPDX-License-Identifier: MIT
// mmap_shards: a data set in several files, mapped (not read) and seen by the kernel as one array.
// What the kernel writes is in the files: the page cache is the array.
#include <hip/hip_runtime.h>
#include <hip_scatter/hip_scatter.h>

#include <cctype>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

static void check(hipError_t status, const char *what)
{
    if (status == hipSuccess)
        return;
    std::fprintf(stderr, "mmap_shards: %s: %s: %s\n", what, hipGetErrorName(status),
                 hipScatterGetLastErrorMessage());
    std::exit(1);
}

static void check_system(bool ok, const char *what)
{
    if (ok)
        return;
    std::perror(what);
    std::exit(1);
}

// Upper-cases ASCII letters in place; counts what it changed. Words of text may lie across shards:
// it does not matter.
__global__ void upper_case(char *text, size_t bytes, unsigned long long *changed)
{
    const size_t stride = static_cast<size_t>(gridDim.x) * blockDim.x;
    unsigned long long mine = 0;
    for (size_t i = blockIdx.x * static_cast<size_t>(blockDim.x) + threadIdx.x; i < bytes;
         i += stride)
        if (text[i] >= 'a' && text[i] <= 'z') {
            text[i] = static_cast<char>(text[i] - 'a' + 'A');
            mine++;
        }
    atomicAdd(changed, mine);
}

int main()
{
    // Shards of different sizes; all but the last are whole pages, as a writer of shards can easily
    // see to.
    const size_t sizes[] = {40 * 4096, 4096, 130 * 4096, 12345};
    const std::string sentence = "The quick brown fox jumps over the lazy dog. ";
    std::vector<FILE *> files;
    std::vector<hipScatterRange> ranges;
    size_t at = 0, letters = 0;
    for (size_t size : sizes) {
        FILE *file = std::tmpfile();
        check_system(file != nullptr, "tmpfile");
        for (size_t i = 0; i < size; i++, at++) {
            const char c = sentence[at % sentence.size()];
            letters += c >= 'a' && c <= 'z';
            check_system(std::fputc(c, file) != EOF, "fputc");
        }
        check_system(std::fflush(file) == 0, "fflush");
        // MAP_SHARED: the mapping is the file's pages. MAP_PRIVATE would work too, on a copy.
        void *memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file), 0);
        check_system(memory != MAP_FAILED, "mmap");
        files.push_back(file);
        ranges.push_back({memory, size});
    }

    void *text = nullptr;
    unsigned long long *changed = nullptr;
    check(hipHostRegisterScatter(&text, ranges.data(), ranges.size(), hipScatterRegisterDefault),
          "hipHostRegisterScatter");
    check(hipHostMalloc(reinterpret_cast<void **>(&changed), sizeof *changed, 0), "hipHostMalloc");
    *changed = 0;
    upper_case<<<32, 256>>>(static_cast<char *>(text), at, changed);
    check(hipDeviceSynchronize(), "upper_case");
    check(hipHostUnregisterScatter(text), "hipHostUnregisterScatter");

    // Read the files, not the mappings.
    size_t wrong = *changed != letters;
    at = 0;
    for (size_t f = 0; f < files.size(); f++) {
        std::vector<char> content(sizes[f]);
        check_system(pread(fileno(files[f]), content.data(), sizes[f], 0) ==
                         static_cast<ssize_t>(sizes[f]),
                     "pread");
        for (char c : content)
            wrong += c != std::toupper(sentence[at++ % sentence.size()]);
        munmap(ranges[f].base, ranges[f].size);
        std::fclose(files[f]);
    }
    std::printf("mmap_shards: %zu files, %zu bytes, %llu letters changed, %zu wrong: %s\n",
                files.size(), at, *changed, wrong, wrong == 0 ? "verified" : "NOT VERIFIED");
    check(hipHostFree(changed), "hipHostFree");
    return wrong == 0 ? 0 : 1;
}

// SPDX-License-Identifier: MIT
// What HIP's own calls do with a window pointer, per backing: really called, each in a process of
// its own, because some of them crash. The table is docs/hip-calls.md; HS_WRITE_TABLE=<file> writes
// it anew.
#include "kernels/window_kernels.hpp"
#include "machine.hpp"

#include <csignal>
#include <cstring>
#include <fstream>
#include <sstream>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace hs_test;

namespace
{

constexpr size_t bytes = 8 * 4096;

struct Subject {
    uint8_t *window; // device pointer
    uint8_t *pages;  // fragment i of the window is page 2 * (7 - i)
    uint8_t *pageable, *pinned, *vram;
    uint8_t first() const
    {
        return pages[14 * 4096];
    }
};

std::string verdict(hipError_t status, bool done)
{
    if (status != hipSuccess)
        return hipGetErrorName(status);
    return done ? "works" : "success, but wrong data";
}

// Makes the call, then looks whether it has done its work: hipSuccess alone is not "works".
#define VERDICT(call, done)                                                                        \
    [&] {                                                                                          \
        const hipError_t status_ = (call);                                                         \
        return verdict(status_, status_ == hipSuccess && (done));                                  \
    }()

using Call = std::string (*)(const Subject &);
struct Row {
    const char *name;
    Call call;
};

hipError_t sync(hipError_t status)
{
    return status == hipSuccess ? hipDeviceSynchronize() : status;
}

const Row rows[] = {
    {"kernel argument",
     [](const Subject &s) {
         uint8_t value = 0;
         return VERDICT(hs_kernels::load_byte(s.window, &value), value == 7);
     }},
    {"hipMemcpy, window to pageable memory",
     [](const Subject &s) {
         return VERDICT(hipMemcpy(s.pageable, s.window, bytes, hipMemcpyDeviceToHost),
                        s.pageable[0] == 7);
     }},
    {"hipMemcpy, pageable memory to window",
     [](const Subject &s) {
         return VERDICT(sync(hipMemcpy(s.window, s.pageable, bytes, hipMemcpyHostToDevice)),
                        s.first() == 1);
     }},
    {"hipMemcpy, window to pinned memory",
     [](const Subject &s) {
         return VERDICT(hipMemcpy(s.pinned, s.window, bytes, hipMemcpyDefault), s.pinned[0] == 7);
     }},
    {"hipMemcpy, window to device memory",
     [](const Subject &s) {
         const hipError_t status =
             sync(hipMemcpy(s.vram, s.window, bytes, hipMemcpyDeviceToDevice));
         (void)hipMemcpy(s.pinned, s.vram, bytes, hipMemcpyDeviceToHost);
         return VERDICT(status, s.pinned[0] == 7);
     }},
    {"hipMemcpyAsync, window to pageable memory",
     [](const Subject &s) {
         return VERDICT(
             sync(hipMemcpyAsync(s.pageable, s.window, bytes, hipMemcpyDeviceToHost, nullptr)),
             s.pageable[0] == 7);
     }},
    {"hipMemcpy2D, window to pageable memory",
     [](const Subject &s) {
         return VERDICT(
             hipMemcpy2D(s.pageable, 4096, s.window, 4096, 4096, 8, hipMemcpyDeviceToHost),
             s.pageable[0] == 7);
     }},
    {"hipMemset",
     [](const Subject &s) { return VERDICT(sync(hipMemset(s.window, 9, bytes)), s.first() == 9); }},
    {"hipMemsetAsync",
     [](const Subject &s) {
         return VERDICT(sync(hipMemsetAsync(s.window, 9, bytes, nullptr)), s.first() == 9);
     }},
    {"hipPointerGetAttributes",
     [](const Subject &s) {
         hipPointerAttribute_t attributes{};
         return VERDICT(hipPointerGetAttributes(&attributes, s.window), true);
     }},
    {"hipHostGetDevicePointer",
     [](const Subject &s) {
         void *device = nullptr;
         return VERDICT(hipHostGetDevicePointer(&device, s.window, 0), device != nullptr);
     }},
    {"hipFree", [](const Subject &s) { return VERDICT(hipFree(s.window), true); }},
    {"hipHostUnregister",
     [](const Subject &s) { return VERDICT(hipHostUnregister(s.window), true); }},
    {"hipScatterMemcpy, window to pageable memory",
     [](const Subject &s) {
         return VERDICT(hipScatterMemcpy(s.pageable, s.window, bytes, hipMemcpyDefault),
                        s.pageable[0] == 7);
     }},
    {"hipScatterMemset",
     [](const Subject &s) {
         return VERDICT(hipScatterMemset(s.window, 9, bytes), s.first() == 9);
     }},
};

const Backing columns[] = {
    batch_backing,
    per_range_backing,
    {"alias", hipScatterRegisterBackingAlias, hipScatterBackingKindAlias},
};

// One cell, from a process of its own.
std::string cell(size_t row, size_t column)
{
    char path[512] = "";
    REQUIRE(readlink("/proc/self/exe", path, sizeof path - 1) > 0);
    setenv("HS_ROW", std::to_string(row).c_str(), 1);
    setenv("HS_COLUMN", std::to_string(column).c_str(), 1);
    const std::string command = std::string("'") + path + "' 'makes one HIP call' 2>/dev/null";
    FILE *output = popen(command.c_str(), "r");
    REQUIRE(output != nullptr);
    std::string result;
    char line[512];
    while (std::fgets(line, sizeof line, output) != nullptr) {
        if (std::strncmp(line, "RESULT ", 7) == 0)
            result = std::string(line + 7, std::strcspn(line + 7, "\n"));
    }
    const int status = pclose(output);
    const int signal = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status) - 128;
    if (result.empty() && signal > 0)
        result = std::string("SIG") + sigabbrev_np(signal);
    return result.empty() ? "no answer" : result;
}

} // namespace

TEST_CASE("makes one HIP call", "[.][hidden]")
{
    const Row &row = rows[std::atoi(std::getenv("HS_ROW"))];
    const Backing &backing = columns[std::atoi(std::getenv("HS_COLUMN"))];
    Subject s{};
    s.pages = static_cast<uint8_t *>(
        mmap(nullptr, 2 * bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    std::memset(s.pages, 7, 2 * bytes);
    std::vector<hipScatterRange> ranges;
    for (size_t i = 8; i-- > 0;)
        ranges.push_back({s.pages + 2 * i * 4096, 4096});
    std::vector<uint8_t> pageable(bytes, 1);
    s.pageable = pageable.data();
    REQUIRE_HIP(hipHostMalloc(reinterpret_cast<void **>(&s.pinned), bytes, hipHostMallocDefault));
    REQUIRE_HIP(hipMalloc(reinterpret_cast<void **>(&s.vram), bytes));
    const Window window(ranges, backing.flag);
    s.window = window.data();
    std::printf("RESULT %s\n", row.call(s).c_str());
    std::fflush(stdout);
    _exit(0); // what the call has broken need not be cleaned up
}

TEST_CASE("docs/hip-calls.md says what HIP's calls do with a window pointer")
{
    if (kernel() == Kernel::real)
        skip("the table is for Debian's HIP on the imitated kernel with the batch ioctl");
    std::ostringstream table;
    table << "# HIP calls on a window pointer\n\n"
             "Generated by tests/gpu/lib_hip_calls.cpp, which makes each call in a process of its "
             "own, with\n"
             "Debian 12's HIP 5.2.3. SIGSEGV and SIGABRT: the process dies. hipScatterMemcpy() and "
             "its family\n"
             "work with every backing. Never call hipFree() or hipHostUnregister() on a window.\n\n"
             "| call |";
    for (const Backing &backing : columns)
        table << " " << backing.name << " |";
    table << "\n|---|---|---|---|\n";
    for (size_t row = 0; row < std::size(rows); row++) {
        table << "| " << rows[row].name << " |";
        for (size_t column = 0; column < std::size(columns); column++)
            table << " " << cell(row, column) << " |";
        table << "\n";
    }
    if (const char *file = std::getenv("HS_WRITE_TABLE"))
        std::ofstream(file) << table.str();
    std::ifstream committed(HS_TABLE_FILE);
    std::ostringstream expected;
    expected << committed.rdbuf();
    CHECK(table.str() == expected.str());
}

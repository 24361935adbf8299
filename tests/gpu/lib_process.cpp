// SPDX-License-Identifier: MIT
// The life of the process around windows: threads, fork, exec, exit without unregistering, HIP
// reset, first use.
#include "kernels/window_kernels.hpp"
#include "machine.hpp"
#include "scatter_memory.hpp"

#include <atomic>
#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <spawn.h>
#include <sys/wait.h>
#include <thread>

using namespace hs_test;

extern char **environ;

namespace
{

// Runs one hidden test case of this program in a process of its own; its exit status.
int run_self(const char *test_case)
{
    char program[] = "/proc/self/exe", name[128];
    std::snprintf(name, sizeof name, "%s", test_case);
    char *arguments[] = {program, name, nullptr};
    pid_t child = 0;
    int status = -1;
    REQUIRE(posix_spawn(&child, program, nullptr, nullptr, arguments, environ) == 0);
    REQUIRE(waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

size_t open_descriptors(pid_t pid)
{
    size_t count = 0;
    for (int fd = 0; fd < 256; fd++)
        count += access(("/proc/" + std::to_string(pid) + "/fd/" + std::to_string(fd)).c_str(),
                        F_OK) == 0;
    return count;
}

bool maps_contain(const void *address)
{
    std::ifstream maps("/proc/self/maps");
    std::string line;
    const auto wanted = reinterpret_cast<uintptr_t>(address);
    while (std::getline(maps, line)) {
        uintptr_t start = 0, end = 0;
        if (std::sscanf(line.c_str(), "%lx-%lx", &start, &end) == 2 && wanted >= start &&
            wanted < end)
            return true;
    }
    return false;
}

} // namespace

TEST_CASE("registration is the first thing that a program does")
{
    // Nothing has called HIP in this process: ctest runs every case in one of its own.
    HS_RANDOM(random);
    const Fragments memory({1, 2}, random);
    write_pattern(memory.ranges(), 1);
    const Window window(memory.ranges(), hipScatterRegisterDefault);
    uint64_t sum = 0;
    REQUIRE_HIP(hs_kernels::checksum(window.data(), window.bytes(), &sum));
    CHECK(sum == cpu_checksum(memory.ranges()));
}

TEST_CASE("a forked child gets a clear error, has no window, and the parent goes on")
{
    HS_RANDOM(random);
    const SharedFragments memory({1, 2, 1}, random);
    for (const Backing &backing : every_backing()) {
        INFO("backing " << backing.name);
        write_pattern(memory.ranges(), 1);
        const Window window(memory.ranges(), backing.flag);
        // What the library has reserved: with alias the device address is the runtime's matter.
        const void *seen = window.info().hostWindow;
        if (seen == nullptr)
            seen = window.data();
        uint64_t sum = 0;
        REQUIRE_HIP(hs_kernels::checksum(window.data(), window.bytes(), &sum));

        const pid_t child = fork();
        if (child == 0) {
            void *pointer = nullptr;
            int wrong = 0;
            wrong |= hipHostRegisterScatter(&pointer, memory.ranges().data(), 3, 0) !=
                     hipErrorNotInitialized;
            wrong |= (std::strstr(hipScatterGetLastErrorMessage(), "forked child") == nullptr) << 1;
            wrong |= (hipHostUnregisterScatter(window.data()) != hipErrorNotInitialized) << 2;
            wrong |= static_cast<int>(maps_contain(seen)) << 3;
            _exit(wrong);
        }
        int status = -1;
        REQUIRE(waitpid(child, &status, 0) == child);
        CHECK(WIFEXITED(status));
        CHECK(WEXITSTATUS(status) == 0);

        write_pattern(memory.ranges(), 2);
        REQUIRE_HIP(hs_kernels::checksum(window.data(), window.bytes(), &sum));
        CHECK(sum == cpu_checksum(memory.ranges()));
    }
}

TEST_CASE("after a fork the GPU follows the parent's pages, which are copied on write")
{
    HS_RANDOM(random);
    const Fragments memory({1, 2, 1}, random);
    for (const Backing &backing : backings()) {
        INFO("backing " << backing.name);
        write_pattern(memory.ranges(), 1);
        const Window window(memory.ranges(), backing.flag);
        uint64_t sum = 0;
        REQUIRE_HIP(hs_kernels::checksum(window.data(), window.bytes(), &sum));
        const pid_t child = fork();
        if (child == 0) {
            pause();
            _exit(0);
        }
        write_pattern(memory.ranges(), 2);
        REQUIRE_HIP(hs_kernels::checksum(window.data(), window.bytes(), &sum));
        CHECK(sum == cpu_checksum(memory.ranges()));
        kill(child, SIGKILL);
        REQUIRE(waitpid(child, nullptr, 0) == child);
    }
}

TEST_CASE("nothing of the library survives exec")
{
    HS_RANDOM(random);
    const Fragments memory({1, 2}, random);
    const Window window(memory.ranges(), hipScatterRegisterDefault);
    size_t inherited = 0;
    for (int fd = 3; fd < 256; fd++) {
        char path[64], target[64] = "";
        std::snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        if (readlink(path, target, sizeof target - 1) > 0 && std::strstr(target, "kfd") != nullptr)
            inherited += !(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    }
    CHECK(inherited == 0);
    CHECK(open_descriptors(getpid()) > 3);
    CHECK(run_self("registration is the first thing that a program does") == 0);
}

TEST_CASE("exits without unregistering", "[.][hidden]")
{
    static char pages[3][8192] __attribute__((aligned(4096)));
    const hipScatterRange ranges[] = {{pages[2], 8192}, {pages[0], 8192}};
    void *pointer = nullptr;
    uint64_t sum = 0;
    REQUIRE_HIP(hipHostRegisterScatter(&pointer, ranges, 2, 0));
    REQUIRE_HIP(hs_kernels::checksum(pointer, 16384, &sum));
    CHECK(sum == 0);
}

TEST_CASE("a program may exit without unregistering")
{
    CHECK(run_self("exits without unregistering") == 0);
}

TEST_CASE("a device reset leaves windows alone")
{
    HS_RANDOM(random);
    const Fragments memory({1, 2}, random);
    write_pattern(memory.ranges(), 1);
    Window window(memory.ranges(), hipScatterRegisterDefault);
    uint64_t sum = 0;

    REQUIRE_HIP(hipDeviceReset());
    REQUIRE_HIP(hs_kernels::checksum(window.data(), window.bytes(), &sum));
    CHECK(sum == cpu_checksum(memory.ranges()));
    window.unregister();
}

TEST_CASE("threads register, translate, copy and unregister at once")
{
    constexpr int threads = 8;
    std::atomic<int> wrong{0}, rounds{0};
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(2);
    std::vector<std::thread> pack;
    for (int t = 0; t < threads; t++)
        pack.emplace_back([&, t] {
            std::mt19937_64 random(static_cast<uint64_t>(t));
            const Fragments memory({1, 3, 2, 1}, random);
            std::vector<uint8_t> back(memory.bytes());
            do {
                void *pointer = nullptr, *again = nullptr;
                write_pattern(memory.ranges(), random());
                wrong +=
                    hipHostRegisterScatter(&pointer, memory.ranges().data(), 4, 0) != hipSuccess;
                wrong +=
                    hipScatterGetDevicePointer(&again, memory.ranges()[0].base, 0) != hipSuccess;
                wrong += again != pointer;
                wrong += hipScatterMemcpy(back.data(), pointer, back.size(), hipMemcpyDefault) !=
                         hipSuccess;
                wrong += std::memcmp(back.data(), memory.ranges()[0].base, page_bytes) != 0;
                wrong += hipHostUnregisterScatter(pointer) != hipSuccess;
                rounds++;
            } while (std::chrono::steady_clock::now() < until);
        });
    for (auto &thread : pack)
        thread.join();
    CHECK(wrong == 0);
    CHECK(rounds >= threads);
}

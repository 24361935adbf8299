// SPDX-License-Identifier: MIT
// Kernels that stop by themselves or are stopped: what a program sees of a trap, an illegal
// instruction, an access outside of the address space or to freed memory, a kernel without end.
// Each case runs its kernel in a child, because ROCm ends the process.
#include <catch2/catch.hpp>

#include "kernels/sync_kernels.hpp"
#include "machine.hpp"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <malloc.h>
#include <pthread.h>
#include <string>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace
{

struct outcome {
    int signal = 0, status = 0;
    std::string errors; // standard error
    uint32_t progress =
        0; // of run(stop): 1: before the stop, 2: behind it; else what the body says
};

// Two words that host and device share. Of a child: ends it if there are none.
uint32_t *shared_words()
{
    uint32_t *word = nullptr;
    if (hipHostMalloc(reinterpret_cast<void **>(&word), 8, hipHostMallocCoherent) != hipSuccess)
        _exit(3);
    word[0] = word[1] = 0;
    return word;
}

// Runs the body in a child, which ends with the body's return value as its status; the body writes
// progress to its argument.
outcome run(const std::function<int(int)> &body)
{
    int out[2], errors[2];
    REQUIRE(pipe(out) == 0);
    REQUIRE(pipe(errors) == 0);
    pid_t pid = fork(); // before any HIP call of this process
    REQUIRE(pid >= 0);
    if (pid == 0) {
        signal(SIGABRT, SIG_DFL); // not Catch2's report
        dup2(errors[1], 1);
        dup2(errors[1], 2);
        _exit(body(out[1]));
    }
    close(out[1]);
    close(errors[1]);
    outcome o;
    char buffer[4096];
    for (ssize_t n; (n = read(errors[0], buffer, sizeof(buffer))) > 0;)
        o.errors.append(buffer, static_cast<size_t>(n));
    if (read(out[0], &o.progress, 4) != 4)
        o.progress = 0;
    int status = 0;
    REQUIRE(waitpid(pid, &status, 0) == pid);
    o.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    o.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    close(out[0]);
    close(errors[0]);
    INFO(o.errors);
    return o;
}

outcome run(stop how)
{
    return run([=](int out) {
        if (how == stop::endless || how == stop::halted || how == stop::debug_trap)
            alarm(60); // nothing else ends them if the watchdog does not
        uint32_t *word = shared_words();
        hipError_t result = launch_stop(how, word);
        if (write(out, &word[0], 4) != 4)
            return 4;
        return result == hipSuccess ? 0 : 5;
    });
}

// Ways in which libc unmaps memory by itself.
enum class way { free, realloc, thread_end, heap_end };
constexpr size_t block_bytes = 64u << 20; // more than libc keeps of free blocks and stacks
constexpr uint32_t before = 0x600d, after = 0xbad;

struct registered {
    uint32_t *host, *device;
};

constexpr size_t part_words = 4096;

bool register_part(uint32_t *host, registered *r)
{
    std::fill_n(host, part_words, before);
    r->host = host;
    return hipHostRegister(host, part_words * sizeof(*host), hipHostRegisterDefault) ==
               hipSuccess &&
           hipHostGetDevicePointer(reinterpret_cast<void **>(&r->device), host, 0) == hipSuccess;
}

void *register_frame(void *r)
{
    alignas(4096) uint32_t frame[part_words];
    return register_part(frame, static_cast<registered *>(r)) ? r : nullptr;
}

// A part of the stack of a thread that has ended.
bool stack_of_ended_thread(registered *r)
{
    pthread_t thread;
    pthread_attr_t attributes;
    void *result = nullptr;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, block_bytes);
    return !pthread_create(&thread, &attributes, register_frame, r) &&
           !pthread_join(thread, &result) && result;
}

// A part of a block that is given back.
bool block_given_back(way how, uint32_t *word, registered *r)
{
    if (how == way::heap_end) { // room for what HIP allocates, so that the block stays the last one
        mallopt(M_MMAP_THRESHOLD, block_bytes / 2);
        mallopt(M_TRIM_THRESHOLD, block_bytes);
        free(malloc(block_bytes / 4));
    }
    void *block = how == way::heap_end ? sbrk(block_bytes) : malloc(block_bytes);
    auto second_page = (reinterpret_cast<uintptr_t>(block) + 4096) / 4096 * 4096;
    if (!register_part(reinterpret_cast<uint32_t *>(second_page), r) ||
        launch_load(r->device, word) != hipSuccess || *word != before)
        return false;
    // Something behind the block, so that realloc cannot grow it in place.
    mmap(reinterpret_cast<void *>(second_page + block_bytes), 4096, PROT_NONE,
         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (how == way::realloc)
        return realloc(block, 4 * block_bytes) != nullptr;
    if (how == way::free)
        free(block);
    else if (sbrk(0) == static_cast<char *>(block) + block_bytes)
        sbrk(-static_cast<intptr_t>(block_bytes));
    else
        return false;
    return true;
}

// Something else in the place of memory that was given back. False: it was not given back.
bool take_place(way how, uint32_t *host)
{
    if (how == way::heap_end) {
        if (sbrk(0) > static_cast<void *>(host))
            return false;
        sbrk(block_bytes);
    } else if (mmap(host, part_words * sizeof(*host), PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != host) {
        return false;
    }
    std::fill_n(host, part_words, after);
    return true;
}

// Registers memory, lets libc give it back, puts something else there, and lets a kernel read it:
// what it read is the progress.
outcome read_given_back(way how)
{
    return run([=](int out) {
        alarm(60); // Linux leaves the queues stopped for as long as it cannot restore the memory
        uint32_t *word = shared_words();
        registered r = {};
        if (launch_load(word, word) != hipSuccess) // HIP has allocated nearly all that it will
            return 6;
        if (!(how == way::thread_end ? stack_of_ended_thread(&r) : block_given_back(how, word, &r)))
            return 6;
        if (!take_place(how, r.host) && how != way::heap_end)
            return 7; // softgpu lets libc keep its heap
        *word = 0;
        hipError_t result = launch_load(r.device, word);
        if (write(out, word, 4) != 4)
            return 4;
        return result == hipSuccess ? 0 : 5;
    });
}

// Neither Linux nor ROCm has a watchdog for kernels, and neither says where a wave stopped.
void needs_softgpu()
{
    if (hs_test::kernel() == hs_test::Kernel::real)
        hs_test::skip("a report of softgpu's own");
}

bool contains(const outcome &o, const char *text)
{
    UNSCOPED_INFO(o.errors);
    return o.errors.find(text) != std::string::npos;
}

} // namespace

TEST_CASE("__builtin_trap is HSA_STATUS_ERROR_EXCEPTION")
{
    outcome o = run(stop::trap);
    CHECK(o.signal == SIGABRT);
    CHECK(contains(o, "HSA_STATUS_ERROR_EXCEPTION"));
}

TEST_CASE("where a wave trapped is said")
{
    needs_softgpu();
    CHECK(contains(run(stop::trap), ": s_trap 0x2"));
}

TEST_CASE("a report names the function and the source line")
{
    needs_softgpu();
    outcome o = run(GENERATE(stop::trap, stop::wild_store));
    CHECK(contains(o, "    in stop_kernel(stop, unsigned int volatile*), "));
    CHECK(contains(o, "sync_kernels.hip:"));
}

TEST_CASE("an illegal instruction is HSA_STATUS_ERROR_ILLEGAL_INSTRUCTION")
{
    outcome o = run(stop::illegal);
    CHECK(o.signal == SIGABRT);
    CHECK(contains(o, "HSA_STATUS_ERROR_ILLEGAL_INSTRUCTION"));
}

TEST_CASE("a store to an unmapped address is a memory access fault")
{
    outcome o = run(stop::wild_store);
    CHECK(o.signal == SIGABRT);
    CHECK(contains(o, "Memory access fault by GPU"));
    CHECK(contains(o, "0x700000000000"));
}

TEST_CASE("a store between the halves of the address space is an aperture violation")
{
    outcome o = run(stop::aperture);
    CHECK(o.signal == SIGABRT);
    CHECK(contains(o, "HSA_STATUS_ERROR_MEMORY_APERTURE_VIOLATION"));
}

TEST_CASE("s_setkill ends the wave, and the kernel completes")
{
    outcome o = run(stop::killed);
    CHECK(o.status == 0);
    CHECK(o.progress == 1);
}

TEST_CASE("the watchdog stops a kernel without end and says where it is")
{
    needs_softgpu();
    outcome o = run(stop::endless);
    CHECK(o.signal == SIGABRT);
    CHECK(contains(o, "watchdog"));
    CHECK(contains(o, "workgroup (0, 0, 0), wave 0: pc 0x"));
    CHECK(contains(o, "HSA_STATUS_ERROR_EXCEPTION"));
}

TEST_CASE("a halted wave stays where it is until the watchdog finds it")
{
    needs_softgpu();
    outcome o = run(GENERATE(stop::halted, stop::debug_trap));
    CHECK(o.signal == SIGABRT);
    CHECK(contains(o, "halts wave 0"));
    CHECK(contains(o, "watchdog"));
}

TEST_CASE("a kernel never reads what stands where libc gave registered memory back")
{
    outcome o = read_given_back(GENERATE(way::free, way::realloc, way::thread_end, way::heap_end));
    INFO(o.errors);
    CHECK(o.status < 6);
    CHECK(o.progress != after);
}

// Linux 6.1 may still reach the old pages (docs/softgpu.md).
TEST_CASE("a read of registered memory that libc unmapped is a memory fault on softgpu")
{
    needs_softgpu();
    outcome o = read_given_back(GENERATE(way::free, way::realloc, way::thread_end));
    CHECK(o.signal == SIGABRT);
    CHECK(contains(o, "Memory access fault by GPU"));
}

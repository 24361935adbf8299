// SPDX-License-Identifier: MIT
// Kernels that stop by themselves or are stopped: what a program sees of a trap, an illegal
// instruction, an access outside of the address space, a kernel without end. Each case runs its
// kernel in a child, because ROCm ends the process.
#include <catch2/catch.hpp>

#include "kernels/sync_kernels.hpp"
#include "machine.hpp"

#include <csignal>
#include <cstdlib>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

namespace
{

struct outcome {
    int signal = 0, status = 0;
    std::string errors;    // standard error
    uint32_t progress = 0; // 1: before the stop, 2: behind it
};

[[noreturn]] void child(stop how, int out, int errors)
{
    signal(SIGABRT, SIG_DFL); // not Catch2's report
    dup2(errors, 1);
    dup2(errors, 2);
    if (how == stop::endless || how == stop::halted || how == stop::debug_trap)
        alarm(60); // nothing else ends them if the watchdog does not
    uint32_t *word = nullptr;
    if (hipHostMalloc(reinterpret_cast<void **>(&word), 8, hipHostMallocCoherent) != hipSuccess)
        _exit(3);
    word[0] = word[1] = 0;
    hipError_t result = launch_stop(how, word);
    if (write(out, &word[0], 4) != 4)
        _exit(4);
    _exit(result == hipSuccess ? 0 : 5);
}

outcome run(stop how)
{
    int out[2], errors[2];
    REQUIRE(pipe(out) == 0);
    REQUIRE(pipe(errors) == 0);
    pid_t pid = fork(); // before any HIP call of this process
    REQUIRE(pid >= 0);
    if (pid == 0)
        child(how, out[1], errors[1]);
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

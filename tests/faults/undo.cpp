// SPDX-License-Identifier: MIT
// Exact undo: whichever call fails, the process is as before, and the same operation then succeeds.
// The k-th call of the library fails, for every k until there is none, with each error that the
// kernel can give.
#include "../gpu/kernels/window_kernels.hpp"
#include "fault_table.hpp"
#include "machine.hpp"
#include "process_state.hpp"
#include "scatter_memory.hpp"

#include <spawn.h>
#include <sys/wait.h>

using namespace hs_test;

extern char **environ;

namespace
{

// What amdkfd's memory ioctls return (kfd_chardev.c, amdgpu_amdkfd_gpuvm.c), and what a stranger's
// kernel might.
constexpr int ioctl_errors[] = {EINVAL, ENOMEM, EFAULT,     EPERM,  ENODEV, EBUSY,
                                ESRCH,  ENOTTY, EADDRINUSE, ENOSPC, E2BIG,  EOPNOTSUPP};

struct Variant {
    const char *name;
    unsigned flags;
};

std::vector<Variant> variants()
{
    std::vector<Variant> list = {{"auto", 0}};
    for (const Backing &backing : backings())
        list.push_back({backing.name, backing.flag});
    int devices = 0;
    REQUIRE_HIP(hipGetDeviceCount(&devices));
    if (devices > 1)
        for (const Backing &backing : backings())
            list.push_back({"portable", backing.flag | hipScatterRegisterPortable});
    return list;
}

// Queues, pools and blit kernels come into being at their first use: not in the middle of a
// comparison.
void warm_up(const Fragments &memory, unsigned flags)
{
    for (int round = 0; round < 2; round++) {
        Window window(memory.ranges(), flags);
        uint64_t sum = 0;
        REQUIRE_HIP(hs_kernels::checksum(window.data(), window.bytes(), &sum));
        window.unregister();
    }
}

void print_total(const FaultTable &faults)
{
    std::printf("faults injected: %llu\n", static_cast<unsigned long long>(faults.total()));
}

} // namespace

TEST_CASE("a failed registration leaves nothing")
{
    HS_RANDOM(random);
    const Fragments memory({1, 2, 1, 3, 1}, random);
    FaultTable faults;
    for (const Variant &variant : variants()) {
        warm_up(memory, variant.flags);
        const ProcessState before = ProcessState::now();
        const int64_t live = faults.live_allocations();
        for (int error : ioctl_errors) {
            unsigned k = 0;
            for (bool more = true; more;) {
                void *pointer = nullptr;
                faults.arm(++k, error);
                const hipError_t status = hipHostRegisterScatter(
                    &pointer, memory.ranges().data(), memory.ranges().size(), variant.flags);
                faults.disarm();
                const std::string message = hipScatterGetLastErrorMessage();
                more = faults.delivered();
                INFO(variant.name << ", call " << k << (more ? " (" + faults.victim() + ")" : "")
                                  << " fails with " << strerrorname_np(error) << ": "
                                  << hipGetErrorName(status) << ": " << message);
                if (!more)
                    REQUIRE(status == hipSuccess);
                if (status == hipSuccess)
                    REQUIRE_HIP(
                        hipHostUnregisterScatter(pointer)); // another backing, or an optional call
                else
                    REQUIRE(!message.empty());
                REQUIRE(faults.live_allocations() == live);
                REQUIRE_STATE_UNCHANGED(before);
                REQUIRE(k < 1000);
            }
        }
    }
    print_total(faults);
    REQUIRE(faults.total() > 100);
}

TEST_CASE("a failed unregistration leaves the window as it was and can be repeated")
{
    HS_RANDOM(random);
    const Fragments memory({1, 2, 1, 3, 1}, random);
    FaultTable faults;
    for (const Variant &variant : variants()) {
        warm_up(memory, variant.flags);
        const ProcessState before = ProcessState::now();
        const int64_t live = faults.live_allocations();
        for (int error : ioctl_errors) {
            unsigned k = 0;
            for (bool more = true; more;) {
                void *pointer = nullptr;
                REQUIRE_HIP(hipHostRegisterScatter(&pointer, memory.ranges().data(),
                                                   memory.ranges().size(), variant.flags));
                faults.arm(++k, error);
                const hipError_t status = hipHostUnregisterScatter(pointer);
                faults.disarm();
                more = faults.delivered();
                INFO(variant.name << ", call " << k << (more ? " (" + faults.victim() + ")" : "")
                                  << " fails with " << strerrorname_np(error) << ": "
                                  << hipGetErrorName(status) << ": "
                                  << hipScatterGetLastErrorMessage());
                if (!more)
                    REQUIRE(status == hipSuccess);
                if (status != hipSuccess) {
                    // Still a window: the GPU reads it, and the second attempt works.
                    uint64_t sum = 0;
                    write_pattern(memory.ranges(), k);
                    REQUIRE_HIP(hs_kernels::checksum(pointer, memory.bytes(), &sum));
                    REQUIRE(sum == cpu_checksum(memory.ranges()));
                    REQUIRE_HIP(hipHostUnregisterScatter(pointer));
                }
                REQUIRE(faults.live_allocations() == live);
                REQUIRE_STATE_UNCHANGED(before);
                REQUIRE(k < 1000);
            }
        }
    }
    print_total(faults);
    REQUIRE(faults.total() > 20);
}

TEST_CASE("interrupted calls are repeated and the caller never notices")
{
    HS_RANDOM(random);
    const Fragments memory({1, 2, 1}, random);
    FaultTable faults;
    for (const Variant &variant : variants()) {
        Window(memory.ranges(), variant.flags).unregister();
        for (int error : {EINTR, EAGAIN}) {
            unsigned k = 0;
            for (bool more = true; more;) {
                INFO(variant.name << ", ioctl " << k + 1 << " three times "
                                  << strerrorname_np(error));
                faults.arm(++k, error, true, 3);
                Window window(memory.ranges(), variant.flags);
                window.unregister();
                faults.disarm();
                more = faults.delivered();
                REQUIRE(k < 1000);
            }
        }
    }
    print_total(faults);
    REQUIRE(faults.total() > 10);
}

// ---- several devices
// -----------------------------------------------------------------------------------------

namespace
{

struct Pool {
    Pool(const Fragments &memory, unsigned flags, const std::vector<int> &devices)
    {
        props.structSize = sizeof props;
        props.ranges = memory.ranges().data();
        props.count = memory.ranges().size();
        props.flags = flags;
        props.deviceCount = static_cast<int>(devices.size());
        props.devices = devices.data();
        status = hipScatterPoolCreate(&handle, &props);
    }
    ~Pool()
    {
        if (handle != nullptr)
            (void)hipScatterPoolDestroy(handle);
    }
    Pool(const Pool &) = delete;
    Pool &operator=(const Pool &) = delete;
    std::vector<int> devices() const
    {
        return pool_devices(handle);
    }
    hipScatterPoolProps props{};
    hipScatterPool_t handle = nullptr;
    hipError_t status;
};

void need_two_devices()
{
    int count = 0;
    REQUIRE_HIP(hipGetDeviceCount(&count));
    if (count < 2 && kernel() == Kernel::real)
        skip("needs two GPUs");
    REQUIRE(count == 2);
}

} // namespace

TEST_CASE("a pool for a list of devices that fails to come into being leaves nothing")
{
    need_two_devices();
    HS_RANDOM(random);
    const Fragments memory({1, 2, 1}, random);
    FaultTable faults;
    const std::vector<int> wanted = {1, 0};
    for (const Backing &backing : backings()) {
        warm_up(memory, backing.flag | hipScatterRegisterPortable);
        REQUIRE(Pool(memory, backing.flag, wanted).status == hipSuccess); // probes device 1
        const ProcessState before = ProcessState::now();
        const int64_t live = faults.live_allocations();
        for (int error : ioctl_errors) {
            unsigned k = 0;
            for (bool more = true; more;) {
                std::string said;
                {
                    faults.arm(++k, error);
                    const Pool pool(memory, backing.flag, wanted);
                    faults.disarm();
                    more = faults.delivered();
                    said = std::string(hipGetErrorName(pool.status)) + ": " +
                           hipScatterGetLastErrorMessage();
                    REQUIRE((pool.status == hipSuccess) == (pool.handle != nullptr));
                    if (pool.status == hipSuccess)
                        REQUIRE(pool.devices() == wanted);
                    else
                        REQUIRE(more);
                }
                INFO(backing.name << ", call " << k << (more ? " (" + faults.victim() + ")" : "")
                                  << " fails with " << strerrorname_np(error) << ": " << said);
                REQUIRE(faults.live_allocations() == live);
                REQUIRE_STATE_UNCHANGED(before);
                REQUIRE(k < 1000);
            }
        }
    }
    print_total(faults);
    REQUIRE(faults.total() > 50);
}

TEST_CASE("granting and revoking that fail leave the pool's devices as they were")
{
    need_two_devices();
    HS_RANDOM(random);
    const Fragments memory({1, 2, 1}, random);
    FaultTable faults;
    const int other = 1;
    for (const Backing &backing : backings()) {
        warm_up(memory, backing.flag | hipScatterRegisterPortable);
        for (const bool grant : {true, false}) {
            const Pool pool(memory, backing.flag,
                            grant ? std::vector<int>{0} : std::vector<int>{0, 1});
            REQUIRE(pool.status == hipSuccess);
            const std::vector<int> had = pool.devices();
            const ProcessState before = ProcessState::now();
            const int64_t live = faults.live_allocations();
            for (int error : ioctl_errors) {
                unsigned k = 0;
                for (bool more = true; more;) {
                    faults.arm(++k, error);
                    const hipError_t status =
                        grant ? hipScatterPoolGrantAccess(pool.handle, &other, 1)
                              : hipScatterPoolRevokeAccess(pool.handle, &other, 1);
                    faults.disarm();
                    more = faults.delivered();
                    INFO(backing.name << (grant ? ", grant" : ", revoke") << ", call " << k
                                      << " fails with " << strerrorname_np(error) << ": "
                                      << hipScatterGetLastErrorMessage());
                    REQUIRE((status == hipSuccess) == !more);
                    if (!more) // once more, the other way round
                        REQUIRE_HIP(grant ? hipScatterPoolRevokeAccess(pool.handle, &other, 1)
                                          : hipScatterPoolGrantAccess(pool.handle, &other, 1));
                    REQUIRE(pool.devices() == had);
                    REQUIRE(faults.live_allocations() == live);
                    REQUIRE_STATE_UNCHANGED(before);
                    REQUIRE(k < 1000);
                }
            }
        }
    }
    print_total(faults);
    REQUIRE(faults.total() >= 2 * std::size(ioctl_errors));
}

// ---- the very first registration of a process also opens, asks and probes: one process for each k
// -----------------

TEST_CASE("child: the k-th call of the first registration fails", "[.child]")
{
    const char *text = std::getenv("HS_CHILD");
    REQUIRE(text != nullptr);
    const unsigned k = static_cast<unsigned>(std::atoi(text));
    HS_RANDOM(random);
    const Fragments memory({1, 2}, random);
    int device = 0;
    REQUIRE_HIP(hipGetDevice(&device));
    FaultTable faults;
    void *pointer = nullptr;
    faults.arm(k, ENOMEM);
    const hipError_t status =
        hipHostRegisterScatter(&pointer, memory.ranges().data(), memory.ranges().size(), 0);
    faults.disarm();
    if (!faults.delivered()) {
        REQUIRE(status == hipSuccess);
        std::printf("child: no call left\n");
    }
    INFO("call " << k << " (" << faults.victim() << "): " << hipGetErrorName(status) << ": "
                 << hipScatterGetLastErrorMessage());
    if (status == hipSuccess)
        REQUIRE_HIP(hipHostUnregisterScatter(pointer));
    // Nothing that failed once is remembered as missing.
    Window window(memory.ranges(), 0);
    const char *wanted = has_batch() ? "batch" : "per-range";
    REQUIRE(std::string(window.info().backingName) == wanted);
    write_pattern(memory.ranges(), k);
    uint64_t sum = 0;
    REQUIRE_HIP(hs_kernels::checksum(window.data(), window.bytes(), &sum));
    REQUIRE(sum == cpu_checksum(memory.ranges()));
    window.unregister();
}

TEST_CASE("a failure during the first registration is not remembered")
{
    unsigned k = 0;
    for (bool more = true; more;) {
        std::string variable = "HS_CHILD=" + std::to_string(++k), program = "/proc/self/exe",
                    name = "child: the k-th call of the first registration fails", output;
        std::vector<char *> environment;
        for (char **e = environ; *e != nullptr; e++)
            environment.push_back(*e);
        environment.push_back(variable.data());
        environment.push_back(nullptr);
        int ends[2];
        REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
        posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
        char *arguments[] = {program.data(), name.data(), nullptr};
        pid_t child = 0;
        REQUIRE(posix_spawn(&child, program.c_str(), &actions, nullptr, arguments,
                            environment.data()) == 0);
        posix_spawn_file_actions_destroy(&actions);
        close(ends[1]);
        char buffer[4096];
        for (ssize_t got; (got = read(ends[0], buffer, sizeof buffer)) > 0;)
            output.append(buffer, static_cast<size_t>(got));
        close(ends[0]);
        int status = 0;
        REQUIRE(waitpid(child, &status, 0) == child);
        INFO("k = " << k << "\n" << output);
        REQUIRE(WIFEXITED(status));
        REQUIRE(WEXITSTATUS(status) == 0);
        more = output.find("child: no call left") == std::string::npos;
        REQUIRE(k < 200);
    }
    std::printf("faults injected: %u\n", k - 1);
    REQUIRE(k > 5);
}

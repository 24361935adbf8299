// SPDX-License-Identifier: MIT
// The loop of all fault tests: one operation, and its k-th call fails, for every k until none is
// left, an ioctl with each error that the kernel can give. After each failure the process is as it
// was before the operation, which then succeeds. For programs with and without HIP.
#pragma once

#include "fault_table.hpp"
#include "process_state.hpp"
#include "registry.h"

#include <functional>
#include <string>

namespace hs_test
{

// What amdkfd's memory ioctls return (kfd_chardev.c, amdgpu_amdkfd_gpuvm.c), and what a stranger's
// kernel might.
constexpr int ioctl_errors[] = {ENOMEM, EINVAL, EFAULT,     EPERM,  ENODEV, EBUSY,
                                ESRCH,  ENOTTY, EADDRINUSE, ENOSPC, E2BIG,  EOPNOTSUPP};

// What an operation said, and the text that goes with a failure.
struct Outcome {
    bool ok;
    std::string status, text;
};

struct Operation {
    std::string name;
    std::function<Outcome()> run;
    // Makes what run() needs. Nothing fails meanwhile, and neither in the functions below.
    std::function<void()> prepare = [] {};
    // After a success: checks the result, and takes back what run() and prepare() made.
    std::function<void()> check_and_end = [] {};
    // After a failure: checks that what prepare() made still does its work.
    std::function<void()> check_untouched = [] {};
};

class FaultLoop
{
  public:
    // more_state: what else must be as before, in words.
    explicit FaultLoop(std::function<std::string()> more_state = [] { return ""; })
        : more_state_(std::move(more_state))
    {
    }
    ~FaultLoop()
    {
        std::printf("faults injected: %llu, into %u operations\n",
                    static_cast<unsigned long long>(table_.total()), operations_);
    }
    FaultTable &table()
    {
        return table_;
    }

    // least: so many of the operation's calls can fail, or the test has lost its object.
    void fail_every_call(const Operation &operation, unsigned least)
    {
        INFO(operation.name);
        operations_++;
        // Queues, pools and blit kernels come into being at their first use: not in the middle of a
        // comparison.
        for (int round = 0; round < 2; round++)
            without_fault(operation);
        before_ = ProcessState::now();
        more_before_ = more_state_();
        live_ = table_.live_allocations();
        pools_ = hs_registry_count();

        unsigned call = 0;
        while (once(operation, {.call = ++call})) {
            REQUIRE(call < 1000);
            if (table_.victim_request() == 0)
                continue;
            const uint32_t devices = table_.victim_devices();
            for (const int error : ioctl_errors)
                if (error != ENOMEM)
                    REQUIRE(once(operation, {.call = call, .error = error}));
            for (uint32_t some = 1; some < devices; some++)
                REQUIRE(once(operation, {.call = call, .error = EINVAL, .partly = some}));
            for (const int error : {EINTR, EAGAIN})
                interrupted(operation, {.call = call, .error = error, .times = 3});
        }
        INFO(call - 1 << " calls can fail");
        REQUIRE(call > least);
    }

  private:
    static void without_fault(const Operation &operation)
    {
        operation.prepare();
        operation.check_untouched();
        const Outcome outcome = operation.run();
        INFO(outcome.status << ": " << outcome.text);
        REQUIRE(outcome.ok);
        operation.check_and_end();
    }
    FaultLoop(const FaultLoop &) = delete;
    FaultLoop &operator=(const FaultLoop &) = delete;

    Outcome run_armed(const Operation &operation, const Fault &fault)
    {
        table_.arm(fault);
        Outcome outcome = operation.run();
        table_.disarm();
        return outcome;
    }

    static std::string describe(const FaultTable &table, const Fault &fault, const Outcome &outcome)
    {
        return "call " + std::to_string(fault.call) + " (" + table.victim() + ") fails with " +
               strerrorname_np(fault.error) +
               (fault.partly > 0 ? " after " + std::to_string(fault.partly) + " devices" : "") +
               ": " + outcome.status + ": " + outcome.text;
    }

    void require_as_before() const
    {
        REQUIRE(table_.live_allocations() == live_);
        REQUIRE(hs_registry_count() == pools_);
        REQUIRE_STATE_UNCHANGED(before_);
        REQUIRE(more_state_() == more_before_);
    }

    // False: there was no such call.
    bool once(const Operation &operation, const Fault &fault)
    {
        operation.prepare();
        const ProcessState prepared = ProcessState::now();
        const int64_t live = table_.live_allocations();
        const size_t pools = hs_registry_count();
        const Outcome outcome = run_armed(operation, fault);
        const bool delivered = table_.delivered();
        INFO(describe(table_, fault, outcome));
        if (!outcome.ok) {
            REQUIRE(delivered);
            REQUIRE(!outcome.text.empty());
            REQUIRE(table_.live_allocations() == live);
            REQUIRE(hs_registry_count() == pools);
            REQUIRE_STATE_UNCHANGED(prepared);
            REQUIRE(more_state_() == more_before_);
            operation.check_untouched();
            const Outcome again = operation.run();
            INFO("once more: " << again.status << ": " << again.text);
            REQUIRE(again.ok);
        }
        operation.check_and_end();
        require_as_before();
        return delivered;
    }

    // The caller never notices.
    void interrupted(const Operation &operation, const Fault &fault)
    {
        operation.prepare();
        const Outcome outcome = run_armed(operation, fault);
        INFO(describe(table_, fault, outcome));
        REQUIRE(table_.delivered());
        REQUIRE(outcome.ok);
        operation.check_and_end();
        require_as_before();
    }

    FaultTable table_;
    std::function<std::string()> more_state_;
    ProcessState before_;
    std::string more_before_;
    int64_t live_ = 0;
    size_t pools_ = 0;
    unsigned operations_ = 0;
};

} // namespace hs_test

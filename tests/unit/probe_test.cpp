// SPDX-License-Identifier: MIT
// The probe finds the wire format that a kernel has, believes no errno, and leaves nothing behind.
#include <hs_test.hpp>
#include <string>

#include "error.h"
#include "fake_kfd.hpp"

namespace
{

constexpr unsigned batch_number = _IOC_NR(AMDKFD_IOC_ALLOC_MEMORY_OF_GPU_BATCH);

struct Answer {
    explicit Answer(FakeKfd &kfd)
    {
        FakeKfd::State before = kfd.state();
        char text[256] = "";
        err = hs_kfd_probe_batch(100, &wire, text, sizeof(text));
        why = text;
        clean = kfd.state() == before;
    }
    hs_wire wire = HS_WIRE_NONE;
    int err;
    std::string why;
    bool clean;
};

} // namespace

TEST_CASE("a batch kernel is recognised by a page that it registers")
{
    FakeKfd kfd(FakeKernel::batch);
    Answer answer(kfd);

    CHECK(answer.err == 0);
    CHECK(answer.wire == HS_WIRE_IOCTL);
    CHECK(answer.clean);
}

TEST_CASE("stock kernels have no batch backing, and the reason names the errno")
{
    FakeKfd recent(FakeKernel::stock);
    Answer answer(recent);
    CHECK(answer.err == 0);
    CHECK(answer.wire == HS_WIRE_NONE);
    CHECK(answer.clean);
    CHECK_THAT(answer.why, Catch::Contains("ENOTTY"));
}

TEST_CASE("old stock kernels answer EINVAL")
{
    FakeKfd old(FakeKernel::stock_old);
    Answer answer(old);
    CHECK(answer.err == 0);
    CHECK(answer.wire == HS_WIRE_NONE);
    CHECK(answer.clean);
    CHECK_THAT(answer.why, Catch::Contains("EINVAL"));
}

TEST_CASE("0x28 is never issued where it is the profiler")
{
    FakeKfd kfd(FakeKernel::profiler);
    Answer answer(kfd);

    CHECK(answer.err == 0);
    CHECK(answer.wire == HS_WIRE_NONE);
    CHECK(answer.clean);
    CHECK(kfd.count(batch_number) == 0);
    CHECK_THAT(answer.why, Catch::Contains("profiler"));
}

TEST_CASE("the flag encoding is recognised, on either side of version 1.23")
{
    FakeKfd kfd(FakeKernel::batch_flag);
    kfd.minor = GENERATE(11, 23, 30);
    Answer answer(kfd);

    CHECK(answer.err == 0);
    CHECK(answer.wire == HS_WIRE_FLAG);
    CHECK(answer.clean);
    CHECK(kfd.count(batch_number) == (kfd.minor < 23 ? 1 : 0));
}

TEST_CASE("EOPNOTSUPP alone proves nothing")
{
    FakeKfd kfd(FakeKernel::stock);
    kfd.refuse_probe_batch = true;
    Answer answer(kfd);

    CHECK(answer.err == 0);
    CHECK(answer.wire == HS_WIRE_NONE);
}

TEST_CASE("the first probe call would be harmless to any owner of the number")
{
    FakeKfd kfd(FakeKernel::stock);
    static uint64_t va;
    static uint32_t flags;
    static int (*inner)(int, unsigned long, void *);
    inner = hs_sys.ioctl;
    hs_sys.ioctl = [](int fd, unsigned long request, void *arg) {
        if (_IOC_NR(request) == batch_number) {
            va = static_cast<kfd_ioctl_alloc_memory_of_gpu_batch_args *>(arg)->va_addr;
            flags = static_cast<kfd_ioctl_alloc_memory_of_gpu_batch_args *>(arg)->flags;
        }
        return inner(fd, request, arg);
    };
    Answer answer(kfd);

    REQUIRE(kfd.count(batch_number) == 1);
    CHECK(static_cast<uint32_t>(va) >= 4096);
    CHECK(flags == 0);
}

TEST_CASE("a device is probed once")
{
    FakeKfd kfd(FakeKernel::batch);

    REQUIRE(hs_device_probe(hs_device_at(0)) == 0);
    size_t calls = kfd.log.size();
    REQUIRE(hs_device_probe(hs_device_at(0)) == 0);
    CHECK(kfd.log.size() == calls);
}

TEST_CASE("a probe that fails at any call leaves nothing behind")
{
    FakeKernel kernel = GENERATE(FakeKernel::batch, FakeKernel::batch_flag, FakeKernel::stock);
    uint64_t injected = 0;

    for (uint64_t k = 1;; k++) {
        FakeKfd kfd(kernel);
        FakeKfd::State before = kfd.state();
        hs_wire wire;
        char why[256];

        kfd.fail_call(k);
        hs_kfd_probe_batch(100, &wire, why, sizeof(why));
        if (!kfd.failed)
            break;
        injected++;
        kfd.fail_call(0);
        INFO("call " << k);
        // What a failing FREE or munmap left, the next probe gives back first.
        CHECK(kfd.state().buffers.size() <= before.buffers.size() + 1);
        CHECK(hs_kfd_probe_batch(100, &wire, why, sizeof(why)) == 0);
        CHECK(wire == (kernel == FakeKernel::batch        ? HS_WIRE_IOCTL
                       : kernel == FakeKernel::batch_flag ? HS_WIRE_FLAG
                                                          : HS_WIRE_NONE));
        CHECK(kfd.state() == before);
    }
    CHECK(injected >= 5);
}

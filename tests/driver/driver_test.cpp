// SPDX-License-Identifier: MIT
// Dispatch: numbers, versions, errno per imitated kernel, order of calls, forks, injected failures.
#include <catch2/catch.hpp>

#include <sys/wait.h>

#include "kfd.hpp"

static long raw(unsigned nr, void *arg, unsigned size = 48)
{
    return sgd_kfd_ioctl(&Kfd::file, _IOC(_IOC_READ | _IOC_WRITE, 'K', nr, size), arg);
}

TEST_CASE("every imitated kernel tells its interface version")
{
    const struct {
        sgd_kernel kernel;
        uint32_t minor;
    } kernels[] = {{SGD_KERNEL_BATCH, 11},
                   {SGD_KERNEL_BATCH_FLAG, 22},
                   {SGD_KERNEL_STOCK, 11},
                   {SGD_KERNEL_STOCK_OLD, 11},
                   {SGD_KERNEL_PROFILER, 23}};
    for (const auto &k : kernels) {
        Kfd kfd(k.kernel);
        kfd_ioctl_get_version_args args = {};
        REQUIRE(kfd.call(AMDKFD_IOC_GET_VERSION, &args) == 0);
        CHECK(args.major_version == 1);
        CHECK(args.minor_version == k.minor);
    }
}

TEST_CASE("an unknown number gets the imitated kernel's errno")
{
    char arg[64] = {};
    SECTION("batch: a gap in the table is EINVAL, past its end ENOTTY")
    {
        Kfd kfd(SGD_KERNEL_BATCH);
        CHECK(raw(0x24, arg) == -EINVAL);
        CHECK(raw(0x27, arg) == -EINVAL);
        CHECK(raw(0x29, arg) == -ENOTTY);
        CHECK(raw(0x82, arg) == -ENOTTY);
    }
    SECTION("stock")
    {
        Kfd kfd(SGD_KERNEL_STOCK);
        CHECK(raw(0x28, arg) == -ENOTTY);
        CHECK(raw(0x24, arg) == -ENOTTY);
    }
    SECTION("stock-old")
    {
        Kfd kfd(SGD_KERNEL_STOCK_OLD);
        CHECK(raw(0x28, arg) == -EINVAL);
    }
    SECTION("batch-flag has no 0x28")
    {
        Kfd kfd(SGD_KERNEL_BATCH_FLAG);
        CHECK(raw(0x28, arg) == -ENOTTY);
    }
}

TEST_CASE("a shorter argument is zero-extended, a bad pointer is EFAULT")
{
    Kfd kfd;
    struct {
        uint64_t va, size;
    } head = {0x100000, 0};
    CHECK(raw(0x16, &head, sizeof(head)) == -EINVAL); // size 0
    CHECK(raw(0x16, nullptr, 40) == -EFAULT);
    Pages hole(1, PROT_NONE);
    CHECK(raw(0x16, hole.at(0), 40) == -EFAULT);
}

TEST_CASE("on the profiler kernel a 0x28 call with an effect is recorded, a harmless one is not")
{
    Kfd kfd(SGD_KERNEL_PROFILER);
    uint64_t before = Kfd::stats().profiler_side_effects;
    uint32_t op[12] = {0x7f000000};
    CHECK(raw(0x28, op) == -EINVAL);
    CHECK(Kfd::stats().profiler_side_effects == before);
    op[0] = 0;
    CHECK(raw(0x28, op) == 0);
    CHECK(Kfd::stats().profiler_side_effects == before + 1);
}

TEST_CASE("ACQUIRE_VM again: the same file is fine, another is EBUSY, a bad one EINVAL")
{
    Kfd kfd;
    CHECK(kfd.acquire(0, 1000) == 0);
    CHECK(kfd.acquire(0, 1002) == -EBUSY);
    CHECK(kfd.acquire(0, 77) == -EINVAL);
    CHECK(kfd.acquire(1, 1001) == 0);
}

TEST_CASE("apertures: the count on request, not more nodes than the topology has")
{
    Kfd kfd;
    kfd_process_device_apertures apertures[8] = {};
    kfd_ioctl_get_process_apertures_new_args args = {};
    REQUIRE(kfd.call(AMDKFD_IOC_GET_PROCESS_APERTURES_NEW, &args) == 0);
    CHECK(args.num_of_nodes == 2);
    args.kfd_process_device_apertures_ptr = reinterpret_cast<uintptr_t>(apertures);
    args.num_of_nodes = 4;
    CHECK(kfd.call(AMDKFD_IOC_GET_PROCESS_APERTURES_NEW, &args) == -EINVAL);
    args.num_of_nodes = 3; // libhsakmt passes the number of nodes, the CPU's included
    REQUIRE(kfd.call(AMDKFD_IOC_GET_PROCESS_APERTURES_NEW, &args) == 0);
    CHECK(args.num_of_nodes == 2);
    CHECK(apertures[1].gpu_id == sgd_gpu_id(1));
    CHECK(apertures[0].gpuvm_limit == (1ull << 47) - 1);
}

TEST_CASE("a forked child gets EBADF from the parent's descriptor")
{
    Kfd kfd;
    sgd_before_fork();
    pid_t child = fork();
    if (child == 0) {
        sgd_after_fork_in_child();
        kfd_ioctl_get_version_args args = {};
        _exit(kfd.call(AMDKFD_IOC_GET_VERSION, &args) == -EBADF ? 0 : 1);
    }
    sgd_after_fork_in_parent();
    int status = -1;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(status == 0);
    kfd_ioctl_get_version_args args = {};
    CHECK(kfd.call(AMDKFD_IOC_GET_VERSION, &args) == 0);
}

TEST_CASE("an injected failure hits the k-th call once")
{
    Kfd kfd;
    kfd_ioctl_get_version_args args = {};
    REQUIRE(sgd_fail(1, 2, EINTR) == 0);
    CHECK(kfd.call(AMDKFD_IOC_GET_VERSION, &args) == 0);
    CHECK(kfd.call(AMDKFD_IOC_GET_VERSION, &args) == -EINTR);
    CHECK(kfd.call(AMDKFD_IOC_GET_VERSION, &args) == 0);
    REQUIRE(sgd_fail(1, 1, EINTR) == 0);
    REQUIRE(sgd_fail(1, 0, EINTR) == 0); // forget it
    CHECK(kfd.call(AMDKFD_IOC_GET_VERSION, &args) == 0);
    CHECK(sgd_fail(256, 1, EINTR) == -EINVAL);
    CHECK(sgd_fail(1, 1, 0) == -EINVAL);
}

TEST_CASE("ioctl names and numbers")
{
    CHECK(sgd_ioctl_number("ALLOC_MEMORY_OF_GPU") == 0x16);
    CHECK(sgd_ioctl_number("amdkfd_ioc_map_memory_to_gpu") == 0x18);
    CHECK(sgd_ioctl_number("0x28") == 0x28);
    CHECK(sgd_ioctl_number("40") == 40);
    CHECK(sgd_ioctl_number("NO_SUCH") == -1);
    CHECK(sgd_ioctl_number("256") == -1);
}

static kfd_ioctl_create_queue_args aql_queue()
{
    kfd_ioctl_create_queue_args args = {};
    args.ring_base_address = 0x10000;
    args.ring_size = 4096;
    args.read_pointer_address = 0x20080;
    args.write_pointer_address = 0x20038;
    args.queue_type = KFD_IOC_QUEUE_TYPE_COMPUTE_AQL;
    args.queue_percentage = 100;
    args.queue_priority = 7;
    args.gpu_id = sgd_gpu_id(0);
    return args;
}

TEST_CASE("CREATE_QUEUE refuses what Linux refuses")
{
    Kfd kfd;
    auto args = aql_queue();
    int before = fake.queues;
    SECTION("percentage")
    {
        args.queue_percentage = 101;
        CHECK(kfd.call(AMDKFD_IOC_CREATE_QUEUE, &args) == -EINVAL);
    }
    SECTION("priority")
    {
        args.queue_priority = 16;
        CHECK(kfd.call(AMDKFD_IOC_CREATE_QUEUE, &args) == -EINVAL);
    }
    SECTION("ring size")
    {
        args.ring_size = 4097;
        CHECK(kfd.call(AMDKFD_IOC_CREATE_QUEUE, &args) == -EINVAL);
    }
    SECTION("kernel address")
    {
        args.ring_base_address = ~0ull << 47;
        CHECK(kfd.call(AMDKFD_IOC_CREATE_QUEUE, &args) == -EFAULT);
    }
    SECTION("type")
    {
        args.queue_type = 77;
        CHECK(kfd.call(AMDKFD_IOC_CREATE_QUEUE, &args) == -524);
    }
    SECTION("GPU")
    {
        args.gpu_id = 1;
        CHECK(kfd.call(AMDKFD_IOC_CREATE_QUEUE, &args) == -EINVAL);
    }
    CHECK(fake.queues == before);
}

TEST_CASE("a queue has a doorbell of its own, that the program can map, until it is destroyed")
{
    Kfd kfd;
    auto one = aql_queue(), two = aql_queue();
    REQUIRE(kfd.call(AMDKFD_IOC_CREATE_QUEUE, &one) == 0);
    REQUIRE(kfd.call(AMDKFD_IOC_CREATE_QUEUE, &two) == 0);
    CHECK(one.queue_id != two.queue_id);
    CHECK(one.doorbell_offset != two.doorbell_offset);
    CHECK(*fake.last_queue.doorbell == UINT64_MAX);

    int err = 0;
    auto offset = static_cast<off_t>(two.doorbell_offset & ~0x1fffull);
    CHECK(sgd_mmap(&Kfd::file, nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, offset, &err) ==
          MAP_FAILED);
    CHECK(err == EINVAL); // the whole frame or nothing
    auto *doorbells = static_cast<volatile uint64_t *>(
        sgd_mmap(&Kfd::file, nullptr, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, offset, &err));
    REQUIRE(doorbells != MAP_FAILED);
    doorbells[(two.doorbell_offset & 0x1fff) / 8] = 5;
    CHECK(*fake.last_queue.doorbell == 5);

    kfd_ioctl_destroy_queue_args destroy = {one.queue_id, 0};
    CHECK(kfd.call(AMDKFD_IOC_DESTROY_QUEUE, &destroy) == 0);
    CHECK(kfd.call(AMDKFD_IOC_DESTROY_QUEUE, &destroy) == -EINVAL);
    destroy.queue_id = two.queue_id;
    CHECK(kfd.call(AMDKFD_IOC_DESTROY_QUEUE, &destroy) == 0);
    if (sgd_mm_begin(const_cast<uint64_t *>(doorbells), 8192, true))
        sgd_mm_end(const_cast<uint64_t *>(doorbells), 8192, false);
    munmap(const_cast<uint64_t *>(doorbells), 8192);
}

TEST_CASE("UPDATE_QUEUE and SET_CU_MASK reach the device, an unknown queue is EFAULT")
{
    Kfd kfd;
    auto queue = aql_queue();
    REQUIRE(kfd.call(AMDKFD_IOC_CREATE_QUEUE, &queue) == 0);
    kfd_ioctl_update_queue_args update = {};
    update.queue_id = queue.queue_id;
    update.ring_size = 1024;
    update.queue_priority = 3;
    REQUIRE(kfd.call(AMDKFD_IOC_UPDATE_QUEUE, &update) == 0); // no ring: disabled
    CHECK(fake.last_queue.ring_bytes == 0);
    CHECK(fake.last_queue.priority == 3);

    uint32_t mask[2] = {0xf0, 0x1};
    kfd_ioctl_set_cu_mask_args cu = {};
    cu.queue_id = queue.queue_id;
    cu.cu_mask_ptr = reinterpret_cast<uintptr_t>(mask);
    cu.num_cu_mask = 33;
    CHECK(kfd.call(AMDKFD_IOC_SET_CU_MASK, &cu) == -EINVAL);
    cu.num_cu_mask = 64;
    REQUIRE(kfd.call(AMDKFD_IOC_SET_CU_MASK, &cu) == 0);
    CHECK(fake.last_queue.cu_mask_bits == 64);
    CHECK(fake.last_queue.cu_mask[0] == 0xf0);

    kfd_ioctl_destroy_queue_args destroy = {queue.queue_id, 0};
    REQUIRE(kfd.call(AMDKFD_IOC_DESTROY_QUEUE, &destroy) == 0);
    CHECK(kfd.call(AMDKFD_IOC_UPDATE_QUEUE, &update) == -EFAULT);
    CHECK(kfd.call(AMDKFD_IOC_SET_CU_MASK, &cu) == -EFAULT);
}

TEST_CASE("global wave sync: all or nothing, for one queue of a process and GPU")
{
    Kfd kfd;
    auto create = [&] {
        kfd_ioctl_create_queue_args args = {};
        args.gpu_id = sgd_gpu_id(0);
        const uint64_t va = 0x7e0000000000;
        args.ring_base_address = va;
        args.ring_size = 4096;
        args.read_pointer_address = va + 0x2000;
        args.write_pointer_address = va + 0x2008;
        args.queue_type = KFD_IOC_QUEUE_TYPE_COMPUTE_AQL;
        args.queue_percentage = 100;
        args.queue_priority = 7;
        REQUIRE(kfd.call(AMDKFD_IOC_CREATE_QUEUE, &args) == 0);
        return args.queue_id;
    };
    auto gws = [&](uint32_t queue, uint32_t number) {
        kfd_ioctl_alloc_queue_gws_args args = {};
        args.queue_id = queue;
        args.num_gws = number;
        args.first_gws = 7;
        long err = kfd.call(AMDKFD_IOC_ALLOC_QUEUE_GWS, &args);
        if (err == 0)
            CHECK(args.first_gws == 0);
        return err;
    };
    auto destroy = [&](uint32_t queue) {
        kfd_ioctl_destroy_queue_args args = {};
        args.queue_id = queue;
        REQUIRE(kfd.call(AMDKFD_IOC_DESTROY_QUEUE, &args) == 0);
    };
    const uint32_t first = create(), second = create();
    CHECK(gws(999, 1) == -EINVAL);
    CHECK(gws(first, 0) == -EINVAL); // has none to give back
    CHECK(gws(first, 1) == 0);
    CHECK(fake.last_queue.gws);
    CHECK(gws(second, 64) == -EBUSY);
    CHECK(gws(first, 64) == -EBUSY);
    CHECK(gws(first, 0) == 0);
    CHECK_FALSE(fake.last_queue.gws);
    CHECK(gws(second, 64) == 0);
    destroy(second); // gives it back
    CHECK(gws(first, 1) == 0);
    destroy(first);
}

// SPDX-License-Identifier: MIT
// Host memory that vanishes behind a mapped page: the guards around accesses by packet processors.
#include "exec_internals.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

static const uint64_t BASE = 0x7ead00000000;

TEST_CASE("memory that the host takes away becomes a fault, not a crash")
{
    sg_vm *vm = sg_vm_create();
    int fd = memfd_create("mem_vm", 0);
    REQUIRE(ftruncate(fd, 8192) == 0);
    void *host = mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    REQUIRE(host != MAP_FAILED);
    REQUIRE(sg_vm_map(vm, BASE, host, 8192, SG_PTE_READ | SG_PTE_WRITE) == 0);
    sg_guard_install();
    sg_memory_fault fault = {};
    uint8_t byte = 1;
    REQUIRE(sg_vm_write(vm, BASE + 4096, &byte, 1, &fault));
    REQUIRE(ftruncate(fd, 4096) == 0);
    for (int twice = 0; twice < 2; twice++) {
        CHECK_FALSE(sg_vm_read(vm, BASE + 4096 + 10, &byte, 1, &fault));
        CHECK(fault.va == BASE + 4096);
        CHECK(fault.reason == SG_FAULT_NOT_PRESENT);
        CHECK_FALSE(fault.write);
    }
    CHECK_FALSE(sg_vm_write(vm, BASE + 4090, "0123456789", 10, &fault));
    CHECK(fault.va == BASE + 4096);
    CHECK(fault.write);
    CHECK(sg_vm_read(vm, BASE, &byte, 1, &fault));
    munmap(host, 8192);
    CHECK_FALSE(sg_vm_read(vm, BASE, &byte, 1, &fault));
    sg_vm_unmap(vm, BASE, 8192);
    close(fd);
    sg_vm_destroy(vm);
}

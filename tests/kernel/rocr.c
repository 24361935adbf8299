// SPDX-License-Identifier: MIT
/*
 * Running kernels through ROCr (rocr.h). Owns no state beyond the caller's struct.
 */
#include "rocr.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hsa/hsa_ext_amd.h>

enum { QUEUE_PACKETS = 64 };

static void must(hsa_status_t status, const char *what)
{
    const char *text = "?";

    if (status == HSA_STATUS_SUCCESS || status == HSA_STATUS_INFO_BREAK)
        return;
    hsa_status_string(status, &text);
    printf("FAIL %s: %s\n", what, text);
    exit(1);
}

static hsa_status_t choose_agent(hsa_agent_t agent, void *data)
{
    struct rocr *r = data;
    hsa_device_type_t type;

    must(hsa_agent_get_info(agent, HSA_AGENT_INFO_DEVICE, &type), "device type");
    if (type == HSA_DEVICE_TYPE_GPU && !r->gpu.handle)
        r->gpu = agent;
    if (type == HSA_DEVICE_TYPE_CPU && !r->cpu.handle)
        r->cpu = agent;
    return HSA_STATUS_SUCCESS;
}

static hsa_status_t choose_kernarg(hsa_amd_memory_pool_t pool, void *data)
{
    uint32_t flags = 0;

    must(hsa_amd_memory_pool_get_info(pool, HSA_AMD_MEMORY_POOL_INFO_GLOBAL_FLAGS, &flags),
         "pool flags");
    if (!(flags & HSA_AMD_MEMORY_POOL_GLOBAL_FLAG_KERNARG_INIT))
        return HSA_STATUS_SUCCESS;
    *(hsa_amd_memory_pool_t *)data = pool;
    return HSA_STATUS_INFO_BREAK;
}

static void load(struct rocr *r, const char *file)
{
    hsa_code_object_reader_t reader;
    int fd = open(file, O_RDONLY | O_CLOEXEC);

    if (fd == -1) {
        perror(file);
        exit(1);
    }
    must(hsa_code_object_reader_create_from_file(fd, &reader), "code object");
    must(hsa_executable_create_alt(HSA_PROFILE_FULL, HSA_DEFAULT_FLOAT_ROUNDING_MODE_DEFAULT, NULL,
                                   &r->executable),
         "executable");
    must(hsa_executable_load_agent_code_object(r->executable, r->gpu, reader, NULL, NULL), "load");
    must(hsa_executable_freeze(r->executable, NULL), "freeze");
    hsa_code_object_reader_destroy(reader);
    close(fd);
}

void rocr_start(struct rocr *r, const char *code_object)
{
    hsa_amd_memory_pool_t pool = {0};

    memset(r, 0, sizeof(*r));
    must(hsa_init(), "hsa_init");
    must(hsa_iterate_agents(choose_agent, r), "agents");
    if (!r->gpu.handle || !r->cpu.handle) {
        printf("FAIL no GPU agent\n");
        exit(1);
    }
    must(hsa_amd_agent_iterate_memory_pools(r->cpu, choose_kernarg, &pool), "pools");
    must(hsa_amd_memory_pool_allocate(pool, 8192, 0, &r->kernarg), "kernarg memory");
    must(hsa_amd_agents_allow_access(1, &r->gpu, NULL, r->kernarg), "kernarg access");
    r->shared = (char *)r->kernarg + 4096;
    memset(r->shared, 0, 4096);
    must(hsa_queue_create(r->gpu, QUEUE_PACKETS, HSA_QUEUE_TYPE_SINGLE, NULL, NULL, UINT32_MAX,
                          UINT32_MAX, &r->queue),
         "queue");
    load(r, code_object);
}

void rocr_stop(struct rocr *r)
{
    hsa_executable_destroy(r->executable);
    must(hsa_queue_destroy(r->queue), "queue destruction");
    hsa_amd_memory_pool_free(r->kernarg);
    must(hsa_shut_down(), "hsa_shut_down");
}

static uint64_t symbol_value(hsa_executable_symbol_t symbol, hsa_executable_symbol_info_t what)
{
    uint64_t value = 0; /* the shorter ones are uint32_t */

    must(hsa_executable_symbol_get_info(symbol, what, &value), "symbol");
    return value;
}

hsa_signal_t rocr_launch(struct rocr *r, const char *kernel, const void *args, size_t bytes,
                         uint32_t groups, uint16_t group)
{
    uint64_t index = hsa_queue_add_write_index_relaxed(r->queue, 1);
    hsa_kernel_dispatch_packet_t *packet =
        (hsa_kernel_dispatch_packet_t *)r->queue->base_address + index % r->queue->size;
    const uint16_t header = HSA_PACKET_TYPE_KERNEL_DISPATCH << HSA_PACKET_HEADER_TYPE |
                            HSA_FENCE_SCOPE_SYSTEM << HSA_PACKET_HEADER_SCACQUIRE_FENCE_SCOPE |
                            HSA_FENCE_SCOPE_SYSTEM << HSA_PACKET_HEADER_SCRELEASE_FENCE_SCOPE;
    const uint16_t setup = 1 << HSA_KERNEL_DISPATCH_PACKET_SETUP_DIMENSIONS;
    hsa_executable_symbol_t symbol;
    hsa_signal_t signal;
    char name[64];

    snprintf(name, sizeof(name), "%s.kd", kernel);
    must(hsa_executable_get_symbol_by_name(r->executable, name, &r->gpu, &symbol), name);
    must(hsa_signal_create(1, 0, NULL, &signal), "signal");
    memset(r->kernarg, 0, 4096);
    memcpy(r->kernarg, args, bytes);
    memset((char *)packet + sizeof(uint32_t), 0, sizeof(*packet) - sizeof(uint32_t));
    packet->workgroup_size_x = group;
    packet->workgroup_size_y = packet->workgroup_size_z = 1;
    packet->grid_size_x = groups * group;
    packet->grid_size_y = packet->grid_size_z = 1;
    packet->group_segment_size =
        (uint32_t)symbol_value(symbol, HSA_EXECUTABLE_SYMBOL_INFO_KERNEL_GROUP_SEGMENT_SIZE);
    packet->private_segment_size =
        (uint32_t)symbol_value(symbol, HSA_EXECUTABLE_SYMBOL_INFO_KERNEL_PRIVATE_SEGMENT_SIZE);
    packet->kernel_object = symbol_value(symbol, HSA_EXECUTABLE_SYMBOL_INFO_KERNEL_OBJECT);
    packet->kernarg_address = r->kernarg;
    packet->completion_signal = signal;
    __atomic_store_n((uint32_t *)packet, header | (uint32_t)setup << 16, __ATOMIC_RELEASE);
    hsa_signal_store_screlease(r->queue->doorbell_signal, (hsa_signal_value_t)index);
    return signal;
}

int rocr_finish(hsa_signal_t signal, unsigned seconds)
{
    uint64_t frequency = 0;
    hsa_signal_value_t left;

    must(hsa_system_get_info(HSA_SYSTEM_INFO_TIMESTAMP_FREQUENCY, &frequency), "frequency");
    left = hsa_signal_wait_scacquire(signal, HSA_SIGNAL_CONDITION_LT, 1, frequency * seconds,
                                     HSA_WAIT_STATE_BLOCKED);
    hsa_signal_destroy(signal);
    return left < 1 ? 0 : -1;
}

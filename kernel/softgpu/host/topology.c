/* SPDX-License-Identifier: MIT */
/*
 * The KFD topology as sysfs shows it: one CPU node, then one node per GPU, memory banks, caches,
 * links. Names and formats follow kfd_topology.c of Linux 6.1 (plain decimal). Values:
 * facts/softgpu-bringup.md.
 */
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "host.h"

typedef void adder(const char *path, const char *content);

enum {
    VENDOR_AMD = 0x1002,
    /* kfd_topology.h, HSA_CAP_* */
    CAP_QUEUE_SIZE_POW2 = 0x8,
    CAP_QUEUE_SIZE_32BIT = 0x10,
    CAP_WATCH_POINTS_SUPPORTED = 0x80,
    CAP_WATCH_POINTS_SHIFT = 8,
    CAP_DOORBELL_TYPE_2 = 2 << 12,
    HEAP_SYSTEM = 0,
    HEAP_FB_PUBLIC = 1,
    LINK_PCIE = 2,
    LINK_XGMI = 11,
    CACHE_DATA = 1, /* HSA_CACHE_TYPE_* */
    CACHE_CPU = 4,
    CACHE_GPU = 8,
    GWS_RESOURCES = 64, /* gfx_v9_0.c: adev->gds.gws_size */
    /* MEC firmware: kfd_device.c, kfd_gws_init, wants 0x1b3 for GC 9.4.0 before it offers GWS. */
    MEC_FIRMWARE = 435,
};

__attribute__((format(printf, 3, 4))) static void put(adder *add, const char *content,
                                                      const char *format, ...)
{
    char path[256] = SGH_KFD_ROOT "/topology/";
    size_t n = strlen(path);
    va_list args;
    va_start(args, format);
    vsnprintf(path + n, sizeof(path) - n, format, args);
    va_end(args);
    add(path, content);
}

static void memory_bank(adder *add, uint32_t node, uint32_t heap, uint64_t bytes, uint32_t width,
                        uint32_t mhz)
{
    char text[256];
    snprintf(text, sizeof(text),
             "heap_type %u\nsize_in_bytes %llu\nflags 0\nwidth %u\nmem_clk_max %u\n", heap,
             (unsigned long long)bytes, width, mhz);
    put(add, NULL, "nodes/%u/mem_banks", node);
    put(add, NULL, "nodes/%u/mem_banks/0", node);
    put(add, text, "nodes/%u/mem_banks/0/properties", node);
}

static void cache(adder *add, uint32_t node, uint32_t level, uint32_t kib, uint32_t type)
{
    char text[512];
    snprintf(text, sizeof(text),
             "processor_id_low 0\nlevel %u\nsize %u\ncache_line_size 64\ncache_lines_per_tag 1\n"
             "association 16\nlatency 0\ntype %u\nsibling_map 1\n",
             level, kib, CACHE_DATA | type);
    put(add, NULL, "nodes/%u/caches/%u", node, level - 1);
    put(add, text, "nodes/%u/caches/%u/properties", node, level - 1);
}

static void link_to(adder *add, uint32_t node, uint32_t index, uint32_t to)
{
    bool xgmi = node && to;
    char text[512];
    snprintf(
        text, sizeof(text),
        "type %u\nversion_major 0\nversion_minor 0\nnode_from %u\nnode_to %u\nweight "
        "%u\nmin_latency 0\n"
        "max_latency 0\nmin_bandwidth 0\nmax_bandwidth 0\nrecommended_transfer_size 0\nflags 1\n",
        xgmi ? LINK_XGMI : LINK_PCIE, node, to, xgmi ? 15u : 20u);
    put(add, NULL, "nodes/%u/io_links/%u", node, index);
    put(add, text, "nodes/%u/io_links/%u/properties", node, index);
}

static uint32_t cpu_cache_kib(int name, uint32_t otherwise)
{
    long bytes = sysconf(name);
    return bytes >= 1024 ? (uint32_t)(bytes / 1024) : otherwise;
}

static void cpu_node(adder *add, const struct sgd_config *config)
{
    char text[1024];
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    snprintf(
        text, sizeof(text),
        "cpu_cores_count %ld\nsimd_count 0\nmem_banks_count 1\ncaches_count 3\nio_links_count %u\n"
        "p2p_links_count 0\ncpu_core_id_base 0\nsimd_id_base 0\nmax_waves_per_simd "
        "0\nlds_size_in_kb 0\n"
        "gds_size_in_kb 0\nnum_gws 0\nwave_front_size 0\narray_count 0\nsimd_arrays_per_engine 0\n"
        "cu_per_simd_array 0\nsimd_per_cu 0\nmax_slots_scratch_cu 0\ngfx_target_version "
        "0\nvendor_id 0\n"
        "device_id 0\nlocation_id 0\ndomain 0\ndrm_render_minor 0\nhive_id 0\nnum_sdma_engines 0\n"
        "num_sdma_xgmi_engines 0\nnum_sdma_queues_per_engine 0\nnum_cp_queues 0\n"
        "max_engine_clk_ccompute 2400\n",
        cores > 0 ? cores : 1, config->gpus);
    put(add, NULL, "nodes/0");
    put(add, "0\n", "nodes/0/gpu_id");
    put(add, "CPU\n", "nodes/0/name");
    put(add, text, "nodes/0/properties");
    memory_bank(add, 0, HEAP_SYSTEM, sgd_system_memory_bytes(config), 64, 3200);
    /* Linux lists none for a CPU node and libhsakmt then wants /sys/devices/system/cpu/cpu0/cache,
     * which many virtual machines lack: so we list them. */
    put(add, NULL, "nodes/0/caches");
    cache(add, 0, 1, cpu_cache_kib(_SC_LEVEL1_DCACHE_SIZE, 32), CACHE_CPU);
    cache(add, 0, 2, cpu_cache_kib(_SC_LEVEL2_CACHE_SIZE, 512), CACHE_CPU);
    cache(add, 0, 3, cpu_cache_kib(_SC_LEVEL3_CACHE_SIZE, 16384), CACHE_CPU);
    put(add, NULL, "nodes/0/io_links");
    for (uint32_t i = 0; i < config->gpus; i++)
        link_to(add, 0, i, 1 + i);
}

static void gpu_properties(const struct sgd_config *config, uint32_t gpu, char *text, size_t bytes)
{
    const struct sg_arch *arch = config->arch;
    uint32_t capability = CAP_QUEUE_SIZE_POW2 | CAP_QUEUE_SIZE_32BIT | CAP_WATCH_POINTS_SUPPORTED |
                          2u << CAP_WATCH_POINTS_SHIFT | CAP_DOORBELL_TYPE_2;
    snprintf(
        text, bytes,
        "cpu_cores_count 0\nsimd_count %u\nmem_banks_count 1\ncaches_count 2\nio_links_count %u\n"
        "p2p_links_count 0\ncpu_core_id_base 0\nsimd_id_base %u\nmax_waves_per_simd %u\n"
        "lds_size_in_kb %u\ngds_size_in_kb 0\nnum_gws %u\nwave_front_size %u\narray_count %u\n"
        "simd_arrays_per_engine 1\ncu_per_simd_array %u\nsimd_per_cu %u\nmax_slots_scratch_cu 32\n"
        "gfx_target_version %u\nvendor_id %u\ndevice_id %u\nlocation_id %u\ndomain 0\n"
        "drm_render_minor %u\nhive_id %llu\nnum_sdma_engines 2\nnum_sdma_xgmi_engines 0\n"
        "num_sdma_queues_per_engine 8\nnum_cp_queues 24\nmax_engine_clk_fcompute 1700\n"
        "local_mem_size 0\nfw_version %u\ncapability %u\ndebug_prop 0\nsdma_fw_version 145\n"
        "unique_id %llu\nmax_engine_clk_ccompute 2400\n",
        config->compute_units * arch->simds_per_cu, config->gpus, 0x80001000u + 0x1000u * gpu,
        arch->waves_per_simd, arch->lds_bytes_per_cu / 1024, GWS_RESOURCES, arch->wave_size,
        SG_SHADER_ENGINES, (config->compute_units + SG_SHADER_ENGINES - 1) / SG_SHADER_ENGINES,
        arch->simds_per_cu, arch->gfx_target_version, VENDOR_AMD, arch->pci_device_id,
        sgd_gpu_pci_location(gpu), SGD_FIRST_RENDER_MINOR + gpu,
        config->gpus > 1 ? 0x50f76b0a11ce0001ull : 0ull, MEC_FIRMWARE, capability,
        0x50f7000000000000ull + gpu + 1);
}

static void gpu_node(adder *add, const struct sgd_config *config, uint32_t gpu)
{
    uint32_t node = 1 + gpu, links = 0;
    char text[2048];
    put(add, NULL, "nodes/%u", node);
    snprintf(text, sizeof(text), "%u\n", sgd_gpu_id(gpu));
    put(add, text, "nodes/%u/gpu_id", node);
    snprintf(text, sizeof(text), "%s\n", config->arch->has_accvgpr ? "aldebaran" : "vega20");
    put(add, text, "nodes/%u/name", node);
    gpu_properties(config, gpu, text, sizeof(text));
    put(add, text, "nodes/%u/properties", node);
    memory_bank(add, node, HEAP_FB_PUBLIC, config->vram_bytes, 4096, 1000);
    put(add, NULL, "nodes/%u/caches", node);
    cache(add, node, 1, 16, CACHE_GPU);
    cache(add, node, 2, config->arch->has_accvgpr ? 8192 : 4096, CACHE_GPU);
    put(add, NULL, "nodes/%u/io_links", node);
    link_to(add, node, links++, 0);
    for (uint32_t other = 0; other < config->gpus; other++)
        if (other != gpu)
            link_to(add, node, links++, 1 + other);
}

void sgh_topology(adder *add)
{
    const struct sgd_config *config = sgd_config();
    add("/sys/class/kfd", NULL);
    add(SGH_KFD_CLASS, NULL); /* for the listing of its parent; found under SGH_KFD_ROOT */
    add("/sys/devices/virtual/kfd", NULL);
    add(SGH_KFD_ROOT, NULL);
    add(SGH_KFD_ROOT "/dev", "235:0\n");
    put(add, "2\n", "generation_id");
    put(add, "platform_oem 0\nplatform_id 0\nplatform_rev 0\n", "system_properties");
    add(SGH_KFD_ROOT "/topology", NULL);
    put(add, NULL, "nodes");
    cpu_node(add, config);
    for (uint32_t i = 0; i < config->gpus; i++)
        gpu_node(add, config, i);
}

/* SPDX-License-Identifier: MIT */
/*
 * The GPU models that can be imitated. Owns the constants, nothing else. A model is listed only
 * when the decoder and the executor know its instruction set.
 */
#include "device.h"

#include <string.h>

static const struct sg_arch arch_table[] = {
    {
        .name = "gfx906",
        .gfx_target_version = 90006,
        .pci_device_id = 0x66a1,
        .marketing_name = "AMD Radeon Instinct MI50 (softgpu)",
        .wave_size = 64,
        .max_vgprs = 256,
        .lds_bytes_per_cu = 64 * 1024,
        .simds_per_cu = 4,
        .waves_per_simd = 10,
    },
    {
        .name = "gfx90a",
        .gfx_target_version = 90010,
        .pci_device_id = 0x740f,
        .marketing_name = "AMD Instinct MI210 (softgpu)",
        .wave_size = 64,
        .max_vgprs = 512,
        .has_accvgpr = true,
        .packed_work_item_ids = true,
        .lds_bytes_per_cu = 64 * 1024,
        .simds_per_cu = 4,
        .waves_per_simd = 8,
    },
};

const struct sg_arch *sg_arch_at(size_t index)
{
    return index < sizeof(arch_table) / sizeof(arch_table[0]) ? &arch_table[index] : NULL;
}

const struct sg_arch *sg_arch_find(const char *name)
{
    const struct sg_arch *arch;
    for (size_t i = 0; (arch = sg_arch_at(i)); i++) {
        if (strcmp(arch->name, name) == 0)
            return arch;
    }
    return NULL;
}

/* SPDX-License-Identifier: MIT */
/*
 * ioctls on a render node (/dev/dri/renderD*): the dispatch, and what libdrm_amdgpu asks about the
 * device. Buffers are gem.c's, command submission is cs.c's.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <amdgpu_drm.h>
#include <drm.h>
#include <linux/dma-buf.h>

#include "render.h"

enum { AI_FAMILY_REV_VEGA20 = 0x28, AI_FAMILY_REV_MI200 = 0x3c }; /* external_rev, soc15.c */

static int get_version(void *arg)
{
    struct drm_version v;
    static const char name[] = "amdgpu", date[] = "20150101", desc[] = "AMD GPU";
    int err = sgd_copy_in(&v, arg, sizeof(v));
    if (err)
        return err;
    /* drm_ioctl.c, drm_copy_field: as much of each string as fits, and its full length. */
    const struct {
        char *to;
        size_t room;
        const char *from;
        size_t bytes;
    } fields[] = {{v.name, v.name_len, name, sizeof(name) - 1},
                  {v.date, v.date_len, date, sizeof(date) - 1},
                  {v.desc, v.desc_len, desc, sizeof(desc) - 1}};
    for (int i = 0; i < 3 && !err; i++)
        if (fields[i].to && fields[i].room)
            err = sgd_copy_out(fields[i].to, fields[i].from,
                               fields[i].room < fields[i].bytes ? fields[i].room : fields[i].bytes);
    if (err)
        return err;
    v.version_major = 3;
    v.version_minor = 49; /* Linux 6.1 */
    v.version_patchlevel = 0;
    v.name_len = sizeof(name) - 1;
    v.date_len = sizeof(date) - 1;
    v.desc_len = sizeof(desc) - 1;
    return sgd_copy_out(arg, &v, sizeof(v));
}

static int get_client(void *arg)
{
    struct drm_client client;
    int err = sgd_copy_in(&client, arg, sizeof(client));
    if (err)
        return err;
    if (client.idx != 0)
        return -EINVAL;
    client.auth = 1; /* a render node needs no authentication */
    client.pid = (unsigned long)getpid();
    client.uid = client.magic = client.iocs = 0;
    return sgd_copy_out(arg, &client, sizeof(client));
}

static void device_info(const struct sgd_config *config, struct drm_amdgpu_info_device *info)
{
    const struct sg_arch *arch = config->arch;
    uint32_t per_array = (config->compute_units + 3) / 4;
    *info = (struct drm_amdgpu_info_device){
        .device_id = arch->pci_device_id,
        .chip_rev = 1,
        .external_rev = arch->has_accvgpr ? AI_FAMILY_REV_MI200 : AI_FAMILY_REV_VEGA20,
        .pci_rev = 0,
        .family = AMDGPU_FAMILY_AI,
        .num_shader_engines = 4,
        .num_shader_arrays_per_engine = 1,
        .gpu_counter_freq = 100000, /* kHz */
        .max_engine_clock = 1700000,
        .max_memory_clock = 1000000,
        .cu_active_number = config->compute_units,
        .enabled_rb_pipes_mask = 0xffff,
        .num_rb_pipes = 16,
        .num_hw_gfx_contexts = 8,
        .virtual_address_offset = 0x200000,
        .virtual_address_max = 0x800000000000,
        .virtual_address_alignment = SG_PAGE_BYTES,
        .pte_fragment_size = 2u << 20,
        .gart_page_size = SG_PAGE_BYTES,
        .ce_ram_size = 0x8000,
        .vram_type = AMDGPU_VRAM_TYPE_HBM,
        .vram_bit_width = 4096,
        .wave_front_size = arch->wave_size,
        .num_shader_visible_vgprs = 256,
        .num_cu_per_sh = per_array,
        .num_tcc_blocks = 16,
        .gs_vgt_table_depth = 32,
        .gs_prim_buffer_depth = 1792,
        .max_gs_waves_per_vgt = 32,
        .high_va_offset = 0xffff800000000000,
        .high_va_max = 0xffffffffffe00000,
    };
    for (uint32_t cu = 0; cu < config->compute_units; cu++)
        info->cu_bitmap[cu % 4][0] |= 1u << cu / 4 % 32;
}

static void memory_info(uint32_t gpu, struct drm_amdgpu_memory_info *info)
{
    struct sgd_process *p = sgd_process();
    uint64_t vram = sgd_config()->vram_bytes, gtt = sgd_system_memory_bytes(sgd_config()) / 2;
    uint64_t used = p ? p->gpus[gpu].vram_used : 0,
             gtt_used = p ? p->ttm_used + p->gem_gtt_used : 0;
    *info = (struct drm_amdgpu_memory_info){
        .vram = {vram, vram - used, used, vram / 4 * 3},
        .cpu_accessible_vram = {vram, vram - used, used, vram / 4 * 3},
        .gtt = {gtt, gtt - gtt_used, gtt_used, gtt / 4 * 3},
    };
}

static void hw_ip_info(uint32_t type, struct drm_amdgpu_info_hw_ip *info)
{
    static const uint32_t rings[SGD_IPS] = {
        [AMDGPU_HW_IP_GFX] = 1, [AMDGPU_HW_IP_COMPUTE] = 4, [AMDGPU_HW_IP_DMA] = 2};
    memset(info, 0, sizeof(*info));
    if (type >= SGD_IPS) /* no video engines */
        return;
    info->hw_ip_version_major = type == AMDGPU_HW_IP_DMA ? 4 : 9;
    info->ib_start_alignment = type == AMDGPU_HW_IP_DMA ? 256 : 32;
    info->ib_size_alignment = type == AMDGPU_HW_IP_DMA ? 4 : 32;
    info->available_rings = (1u << rings[type]) - 1;
}

/* What libdrm_amdgpu and ROCm's tools ask. The answer is truncated to the caller's size, as in
 * amdgpu_kms.c. */
static int amdgpu_info(uint32_t gpu, void *arg)
{
    struct drm_amdgpu_info query;
    int err = sgd_copy_in(&query, arg, sizeof(query));
    if (err)
        return err;
    union {
        struct drm_amdgpu_info_device device;
        struct drm_amdgpu_memory_info memory;
        struct drm_amdgpu_info_vram_gtt vram_gtt;
        struct drm_amdgpu_info_firmware firmware;
        struct drm_amdgpu_info_hw_ip hw_ip;
        uint32_t registers[128];
        uint32_t number;
        uint64_t number64;
    } answer;
    memset(&answer, 0, sizeof(answer));
    size_t bytes;
    switch (query.query) {
    case AMDGPU_INFO_ACCEL_WORKING:
        answer.number = 1;
        bytes = sizeof(answer.number);
        break;
    case AMDGPU_INFO_DEV_INFO:
        device_info(sgd_config(), &answer.device);
        bytes = sizeof(answer.device);
        break;
    case AMDGPU_INFO_READ_MMR_REG: /* tiling registers of the graphics part: zeros */
        if (query.read_mmr_reg.count > 128)
            return -EINVAL;
        bytes = query.read_mmr_reg.count * sizeof(uint32_t);
        break;
    case AMDGPU_INFO_MEMORY:
        memory_info(gpu, &answer.memory);
        bytes = sizeof(answer.memory);
        break;
    case AMDGPU_INFO_VRAM_GTT:
        answer.vram_gtt.vram_size = answer.vram_gtt.vram_cpu_accessible_size =
            sgd_config()->vram_bytes;
        answer.vram_gtt.gtt_size = sgd_system_memory_bytes(sgd_config()) / 2;
        bytes = sizeof(answer.vram_gtt);
        break;
    case AMDGPU_INFO_VRAM_USAGE:
    case AMDGPU_INFO_VIS_VRAM_USAGE:
        answer.number64 = sgd_process() ? sgd_process()->gpus[gpu].vram_used : 0;
        bytes = sizeof(answer.number64);
        break;
    case AMDGPU_INFO_GTT_USAGE:
        answer.number64 = sgd_process() ? sgd_process()->ttm_used + sgd_process()->gem_gtt_used : 0;
        bytes = sizeof(answer.number64);
        break;
    case AMDGPU_INFO_HW_IP_INFO:
        hw_ip_info(query.query_hw_ip.type, &answer.hw_ip);
        bytes = sizeof(answer.hw_ip);
        break;
    case AMDGPU_INFO_HW_IP_COUNT:
        answer.number = query.query_hw_ip.type < SGD_IPS;
        bytes = sizeof(answer.number);
        break;
    case AMDGPU_INFO_RAS_ENABLED_FEATURES: /* no block can inject or count errors */
        bytes = sizeof(answer.number64);
        break;
    case AMDGPU_INFO_FW_VERSION:
        answer.firmware.ver = 1;
        bytes = sizeof(answer.firmware);
        break;
    default:
        sg_unimplemented("DRM_AMDGPU_INFO query 0x%02x", query.query);
    }
    if (query.return_size < bytes)
        bytes = query.return_size;
    return sgd_copy_out((void *)(uintptr_t)query.return_pointer, &answer, bytes);
}

/* drm_ioctl.c: DRM_CAP_PRIME both ways, no synchronisation objects, nothing of display. */
static int get_cap(void *arg)
{
    struct drm_get_cap cap;
    int err = sgd_copy_in(&cap, arg, sizeof(cap));
    if (err)
        return err;
    switch (cap.capability) {
    case DRM_CAP_TIMESTAMP_MONOTONIC:
        cap.value = 1;
        break;
    case DRM_CAP_PRIME:
        cap.value = DRM_PRIME_CAP_IMPORT | DRM_PRIME_CAP_EXPORT;
        break;
    case DRM_CAP_SYNCOBJ:
    case DRM_CAP_SYNCOBJ_TIMELINE:
        cap.value = 0;
        break;
    default:
        return -EOPNOTSUPP; /* what only a device with displays is asked */
    }
    return sgd_copy_out(arg, &cap, sizeof(cap));
}

struct drm_entry {
    uint16_t size;
    bool out;
    sgd_drm_handler *handler; /* with the lock held */
    sgd_drm_waiter *waiter;   /* without */
};

#define E(nr, type, o, h) [_IOC_NR(nr)] = {sizeof(type), o, h, NULL}
#define W(nr, type, w) [_IOC_NR(nr)] = {sizeof(type), true, NULL, w}

static const struct drm_entry drm_table[256] = {
    E(DRM_IOCTL_GEM_CLOSE, struct drm_gem_close, 0, sgd_gem_close),
    E(DRM_IOCTL_PRIME_HANDLE_TO_FD, struct drm_prime_handle, 1, sgd_prime_export),
    E(DRM_IOCTL_PRIME_FD_TO_HANDLE, struct drm_prime_handle, 1, sgd_prime_import),
    E(DRM_IOCTL_AMDGPU_GEM_CREATE, union drm_amdgpu_gem_create, 1, sgd_gem_create),
    E(DRM_IOCTL_AMDGPU_GEM_MMAP, union drm_amdgpu_gem_mmap, 1, sgd_gem_mmap),
    E(DRM_IOCTL_AMDGPU_GEM_METADATA, struct drm_amdgpu_gem_metadata, 1, sgd_gem_metadata),
    E(DRM_IOCTL_AMDGPU_GEM_OP, struct drm_amdgpu_gem_op, 1, sgd_gem_op),
    E(DRM_IOCTL_AMDGPU_GEM_VA, struct drm_amdgpu_gem_va, 0, sgd_gem_va),
    E(DRM_IOCTL_AMDGPU_CTX, union drm_amdgpu_ctx, 1, sgd_cs_context),
    E(DRM_IOCTL_AMDGPU_BO_LIST, union drm_amdgpu_bo_list, 1, sgd_cs_list),
    E(DRM_IOCTL_AMDGPU_CS, union drm_amdgpu_cs, 1, sgd_cs_submit),
    W(DRM_IOCTL_AMDGPU_GEM_WAIT_IDLE, union drm_amdgpu_gem_wait_idle, sgd_gem_wait_idle),
    W(DRM_IOCTL_AMDGPU_WAIT_CS, union drm_amdgpu_wait_cs, sgd_cs_wait),
};

/* drm_ioctl.c, drm_ioctl: the caller's size, zero-extended; copied back even if the call fails. */
static int call(const struct drm_entry *entry, const struct sgd_file *file, unsigned int cmd,
                void *arg)
{
    struct sgd_process *p;
    int err = sgd_process_get(&p);
    if (err)
        return err;
    _Alignas(8) char data[512] = {0};
    size_t bytes = _IOC_SIZE(cmd) < entry->size ? _IOC_SIZE(cmd) : entry->size;
    if (sgd_copy_in(data, arg, bytes))
        return -EFAULT;
    if (entry->waiter) {
        err = entry->waiter(p, file, data);
    } else {
        struct sgd_drm *drm;
        sgd_lock(p);
        err = sgd_drm_get(p, file, &drm);
        if (!err)
            err = entry->handler(p, drm, data);
        sgd_unlock(p);
    }
    if (entry->out && sgd_copy_out(arg, data, bytes))
        err = -EFAULT;
    return err;
}

static long dispatch(const struct sgd_file *file, unsigned int cmd, void *arg)
{
    uint32_t nr = _IOC_NR(cmd);
    if (_IOC_TYPE(cmd) != DRM_IOCTL_BASE)
        return -ENOTTY;
    if (drm_table[nr].size)
        return call(&drm_table[nr], file, cmd, arg);
    switch (nr) {
    case _IOC_NR(DRM_IOCTL_VERSION):
        return get_version(arg);
    case _IOC_NR(DRM_IOCTL_GET_CLIENT):
        return get_client(arg);
    case _IOC_NR(DRM_IOCTL_GET_CAP):
        return get_cap(arg);
    case _IOC_NR(DRM_IOCTL_GEM_FLINK):
    case _IOC_NR(DRM_IOCTL_GEM_OPEN):
        return -EACCES; /* names are for primary nodes */
    case _IOC_NR(DRM_IOCTL_AMDGPU_INFO):
        return amdgpu_info(file->gpu, arg);
    default:
        if (nr < DRM_COMMAND_BASE)
            sg_unimplemented("DRM ioctl 0x%02x on a render node", nr);
        sg_unimplemented("amdgpu DRM ioctl DRM_COMMAND_BASE + 0x%02x", nr - DRM_COMMAND_BASE);
    }
}

long sgd_render_ioctl(const struct sgd_file *file, unsigned int cmd, void *arg)
{
    long ret = dispatch(file, cmd, arg);
    sg_log(SG_LOG_IOCTL, "renderD%u 0x%02x = %ld%s%s", SGD_FIRST_RENDER_MINOR + file->gpu,
           _IOC_NR(cmd), ret, ret ? " " : "", ret ? strerror((int)-ret) : "");
    return ret;
}

/* dma-buf.c, dma_buf_ioctl: the caches of emulated memory are always in step. */
long sgd_dmabuf_ioctl(unsigned int cmd)
{
    return cmd == DMA_BUF_IOCTL_SYNC ? 0 : -ENOTTY;
}

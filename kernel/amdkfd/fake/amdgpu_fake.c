// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The fake GPU: bring-up and teardown of amdgpu on a QEMU ivshmem function, as a Vega 20 without
 * engines.
 *
 * BAR 2 of the function is RAM: its last 2 MiB are the doorbells, the rest is VRAM. Real and
 * unmodified above it: TTM and its managers, amdgpu_vm with page tables written by the CPU, the
 * GFX9 entry formats, KFD with its queue manager without HWS, MMU notifiers, evict and restore.
 * Stubs: what would touch registers. For tests only. Load with vm_update_mode=3 sched_policy=2; the
 * device is bound through new_id.
 */
#include <linux/dma-mapping.h>
#include <linux/iommu.h>
#include <linux/pci.h>

#include <drm/drm_drv.h>

#include "amd_pcie.h"
#include "amdgpu.h"
#include "amdgpu_amdkfd.h"
#include "amdgpu_fake.h"
#include "amdgpu_fake_compat.h"
#include "amdgpu_fake_dev.h"
#include "amdgpu_reset.h"
#include "kfd_priv.h"
#include "soc15.h"

#define IVSHMEM_VENDOR 0x1af4
#define IVSHMEM_DEVICE 0x1110
#define DOORBELL_BYTES (2ULL << 20)
#define GART_BYTES (64ULL << 20)

bool amdgpu_fake_is(const struct amdgpu_device *adev)
{
	return adev->pdev->vendor == IVSHMEM_VENDOR && adev->pdev->device == IVSHMEM_DEVICE;
}

/* Chip functions. */

static int fake_read_register(struct amdgpu_device *adev, u32 se_num, u32 sh_num, u32 reg_offset,
			      u32 *value)
{
	*value = 0; /* libdrm asks for GB_ADDR_CONFIG and the like */
	return 0;
}

static u32 fake_get_xclk(struct amdgpu_device *adev)
{
	return 10000; /* 100 MHz in units of 10 kHz */
}

static void fake_flush_hdp(struct amdgpu_device *adev, struct amdgpu_ring *ring) {}

static bool fake_false(struct amdgpu_device *adev)
{
	return false;
}

static FAKE_BACO fake_no_baco(struct amdgpu_device *adev)
{
	return 0;
}

static const struct amdgpu_asic_funcs fake_asic_funcs = {
	.read_register = fake_read_register,
	.get_xclk = fake_get_xclk,
	.flush_hdp = fake_flush_hdp,
	.invalidate_hdp = fake_flush_hdp,
	.init_doorbell_index = vega20_doorbell_index_init,
	.supports_baco = fake_no_baco,
	.need_full_reset = fake_false,
	.need_reset_on_init = fake_false,
};

static uint64_t fake_clock_counter(struct amdgpu_device *adev)
{
	return ktime_get_ns() / 10; /* 100 MHz */
}

static const struct amdgpu_gfx_funcs fake_gfx_funcs = {
	.get_gpu_clock_counter = fake_clock_counter,
};

/* Memory controller: gmc_v9_0's functions, but no register is written to flush a TLB. */

static void fake_flush_gpu_tlb(struct amdgpu_device *adev, uint32_t vmid, uint32_t vmhub,
			       uint32_t flush_type)
{
	amdgpu_fake_count_flush(adev, vmid, 0);
}

static FAKE_PASID_FLUSH fake_flush_gpu_tlb_pasid(struct amdgpu_device *adev, uint16_t pasid,
						 uint32_t flush_type, bool all_hub FAKE_INST)
{
	amdgpu_fake_count_flush(adev, 0, pasid);
	return FAKE_PASID_FLUSH_RETURN;
}

static struct amdgpu_gmc_funcs fake_gmc_funcs;

/*
 * What gmc_v9_0_early_init has announced to RAS, which nobody initialises here; amdgpu_ras_fini
 * would free it. An entry's link is its first member (struct amdgpu_ras_block_list).
 */
static void forget_ras(struct amdgpu_device *adev)
{
	while (!list_empty(&adev->ras_list)) {
		struct list_head *entry = adev->ras_list.next;

		list_del(entry);
		kfree(entry);
	}
}

static int fake_gmc_init(struct amdgpu_device *adev)
{
	struct amdgpu_gmc *gmc = &adev->gmc;
	int r;

	r = fake_compat_gmc_early_init(adev); /* sets functions, touches no register */
	forget_ras(adev);
	if (r)
		return r;
	fake_gmc_funcs = *gmc->gmc_funcs;
	fake_gmc_funcs.flush_gpu_tlb = fake_flush_gpu_tlb;
	fake_gmc_funcs.flush_gpu_tlb_pasid = fake_flush_gpu_tlb_pasid;
	gmc->gmc_funcs = &fake_gmc_funcs;
	gmc->xgmi.supported = false;

	spin_lock_init(&gmc->invalidate_lock);
	gmc->vram_width = 4096;
	gmc->vram_type = AMDGPU_VRAM_TYPE_HBM;
	gmc->mc_mask = 0xffffffffffffULL;
	gmc->noretry = true;
	gmc->aper_base = pci_resource_start(adev->pdev, 2);
	gmc->aper_size = pci_resource_len(adev->pdev, 2);
	if (gmc->aper_size <= 2 * DOORBELL_BYTES)
		return -ENODEV;
	gmc->aper_size -= DOORBELL_BYTES;
	gmc->mc_vram_size = gmc->real_vram_size = gmc->visible_vram_size = gmc->aper_size;
	gmc->gart_size = GART_BYTES;
	amdgpu_gmc_vram_location(adev, gmc, 0);
	fake_compat_gmc(adev);
	amdgpu_gmc_agp_location(adev, gmc);
	adev->vm_manager.vram_base_offset = 0;

	amdgpu_vm_adjust_size(adev, 256 * 1024, 9, 3, 48);
	return dma_set_mask_and_coherent(adev->dev, DMA_BIT_MASK(44));
}

static int fake_memory_init(struct amdgpu_device *adev)
{
	int r;

	adev->gds.gds_size = 0x10000;
	adev->gds.gws_size = 64;
	adev->gds.oa_size = 16;
	r = amdgpu_bo_init(adev);
	if (r)
		return r;
	r = amdgpu_gart_init(adev);
	if (r)
		return r;
	adev->gart.table_size = adev->gart.num_gpu_pages * 8;
	adev->gart.gart_pte_flags = FAKE_PTE_UNCACHED | AMDGPU_PTE_EXECUTABLE;
	r = amdgpu_gart_table_vram_alloc(adev);
	if (r)
		return r;
	amdgpu_gtt_mgr_recover(&adev->mman.gtt_mgr);
	adev->vm_manager.first_kfd_vmid = 8;
	amdgpu_vm_manager_init(adev);
	return fake_compat_memory_init(adev);
}

/*
 * What topology and the queue manager want to know about a chip: a Vega 20 with 60 compute units.
 */
static void fake_gfx_init(struct amdgpu_device *adev)
{
	struct amdgpu_gfx *gfx = &adev->gfx;

	gfx->funcs = &fake_gfx_funcs;
	gfx->mec.num_mec = 2;
	gfx->mec.num_pipe_per_mec = 4;
	gfx->mec.num_queue_per_pipe = 8;
	gfx->config.max_shader_engines = 4;
	gfx->config.max_sh_per_se = 1;
	gfx->config.max_cu_per_sh = 16;
	gfx->config.max_backends_per_se = 4;
	gfx->cu_info.number = 60;
	gfx->cu_info.simd_per_cu = 4;
	gfx->cu_info.max_waves_per_simd = 10;
	gfx->cu_info.wave_front_size = 64;
	gfx->cu_info.max_scratch_slots_per_cu = 32;
	gfx->cu_info.lds_size = 64;
	adev->sdma.num_instances = 2;
	adev->pm.pcie_gen_mask = AMDGPU_DEFAULT_PCIE_GEN_MASK;
	adev->pm.pcie_mlw_mask = AMDGPU_DEFAULT_PCIE_MLW_MASK;
	adev->clock.default_sclk = 100000;
	adev->clock.default_mclk = 100000;

	adev->doorbell.base = pci_resource_start(adev->pdev, 2) + adev->gmc.aper_size;
	adev->doorbell.size = DOORBELL_BYTES;
	amdgpu_asic_init_doorbell_index(adev);
	fake_compat_gfx(adev);
}

int amdgpu_fake_init(struct amdgpu_device *adev)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(adev->dev);
	int r;

	adev->asic_type = CHIP_VEGA20;
	adev->family = AMDGPU_FAMILY_AI;
	adev->ip_versions[GC_HWIP][0] = IP_VERSION(9, 4, 0);
	adev->ip_versions[MMHUB_HWIP][0] = IP_VERSION(9, 4, 0);
	adev->ip_versions[SDMA0_HWIP][0] = IP_VERSION(4, 2, 0);
	adev->ip_versions[SDMA1_HWIP][0] = IP_VERSION(4, 2, 0);
	adev->asic_funcs = &fake_asic_funcs;
	r = fake_compat_no_display(adev_to_drm(adev));
	if (r)
		return r;
	adev->ram_is_direct_mapped = !domain || domain->type == IOMMU_DOMAIN_IDENTITY;
	adev->reset_domain = amdgpu_reset_create_reset_domain(SINGLE_DEVICE, "amdgpu-fake-reset");
	if (!adev->reset_domain)
		return -ENOMEM;

	r = fake_gmc_init(adev);
	if (r)
		return r;
	fake_gfx_init(adev);
	r = fake_memory_init(adev);
	if (r)
		return r;
	adev->accel_working = true;
	adev->mm_stats.log2_max_MBps = 3;
	r = amdgpu_fake_dev_add(adev);
	if (r)
		return r;
	amdgpu_amdkfd_device_probe(adev);
	if (adev->kfd.dev)
		adev->kfd.dev->kfd2kgd = amdgpu_fake_kfd2kgd();
	amdgpu_amdkfd_device_init(adev);
	if (!adev->kfd.init_complete)
		dev_err(adev->dev, "KFD did not accept the fake GPU\n");
	return 0;
}

void amdgpu_fake_fini_hw(struct amdgpu_device *adev)
{
	amdgpu_acpi_fini(adev);
	adev->shutdown = true;
	amdgpu_amdkfd_suspend(adev, false);
	amdgpu_fake_dev_remove(adev);
	fake_compat_flush_ttm(adev);
	ttm_device_clear_dma_mappings(&adev->mman.bdev);
	amdgpu_gart_dummy_page_fini(adev);
	/* amdgpu_bo_fini does not, once the device is unplugged. */
	arch_phys_wc_del(adev->gmc.vram_mtrr);
	arch_io_free_memtype_wc(adev->gmc.aper_base, adev->gmc.aper_size);
}

void amdgpu_fake_fini_sw(struct amdgpu_device *adev)
{
	/* Not while the device has managed resources: one is inside of it (svm_migrate_init). */
	amdgpu_amdkfd_device_fini_sw(adev);
	amdgpu_gem_force_release(adev);
	amdgpu_vm_manager_fini(adev);
	fake_compat_memory_fini(adev);
	amdgpu_gart_table_vram_free(adev);
	amdgpu_bo_fini(adev);
	adev->accel_working = false;
	dma_fence_put(rcu_dereference_protected(adev->gang_submit, true));
	amdgpu_reset_put_reset_domain(adev->reset_domain);
	adev->reset_domain = NULL;
}

int amdgpu_fake_fill(struct amdgpu_bo *bo, u32 pattern, struct dma_fence **fence)
{
	struct amdgpu_device *adev = amdgpu_ttm_adev(bo->tbo.bdev);
	struct amdgpu_res_cursor cursor;
	u64 i;

	amdgpu_res_first(bo->tbo.resource, 0, amdgpu_bo_size(bo), &cursor);
	while (cursor.remaining) {
		u32 __iomem *p = adev->mman.aper_base_kaddr + cursor.start;

		for (i = 0; i < cursor.size / sizeof(*p); i++)
			writel(pattern, &p[i]);
		amdgpu_res_next(&cursor, cursor.size);
	}
	if (fence)
		*fence = dma_fence_get_stub();
	return 0;
}

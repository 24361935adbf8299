# SPDX-License-Identifier: GPL-2.0 OR MIT
# Test only: appended to amdgpu's Makefile. Leaves out the engines of chips that the fake GPU never has: more than half
# of the objects. thin-link puts a trap in place of everything that they would have brought.
thin-out := gfx_v%.o imu_v%.o sdma_v%.o mes_v%.o uvd_%.o vce_%.o vcn_%.o jpeg_%.o vpe_%.o umsch_mm_%.o psp_v%.o \
	mmhub_v%.o gfxhub_v%.o umc_v%.o nbio_v%.o nbif_v%.o df_v%.o athub_v%.o smuio_v%.o hdp_v%.o lsdma_v%.o mca_v%.o \
	iceland_ih.o tonga_ih.o cz_ih.o vega10_ih.o vega20_ih.o navi10_ih.o ih_v%.o \
	gmc_v6_0.o gmc_v7_0.o gmc_v8_0.o gmc_v10_0.o gmc_v11_0.o gmc_v12_0.o dce_v%.o \
	vi.o nv.o soc15.o soc21.o soc24.o emu_soc.o mxgpu_%.o aldebaran.o aldebaran_reg_init.o aqua_vanjaram.o \
	arct_reg_init.o sienna_cichlid.o smu_v%.o cyan_skillfish_reg_init.o vega10_reg_init.o isp_v%.o \
	amdgpu_uvd.o amdgpu_vce.o amdgpu_vcn.o amdgpu_jpeg.o amdgpu_vpe.o amdgpu_umsch_mm.o amdgpu_benchmark.o \
	atombios_crtc.o atombios_dp.o atombios_encoders.o atombios_i2c.o amdgpu_connectors.o amdgpu_encoders.o \
	amdgpu_amdkfd_gfx_v%.o amdgpu_amdkfd_arcturus.o amdgpu_amdkfd_aldebaran.o amdgpu_amdkfd_gc_9_4_3.o \
	../pm/powerplay/% ../pm/swsmu/% ../pm/legacy-dpm/%
amdgpu-y := $(filter-out $(thin-out),$(amdgpu-y))

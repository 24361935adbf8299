/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Included before every source of a reduced build: takes back what the kernel's configuration says
 * about parts of amdgpu that the batch ioctl has nothing to do with (display, the oldest chips,
 * audio).
 */
#undef CONFIG_DRM_AMD_DC
#undef CONFIG_DRM_AMD_DC_DCN
#undef CONFIG_DRM_AMD_DC_FP
#undef CONFIG_DRM_AMD_DC_HDCP
#undef CONFIG_DRM_AMD_DC_SI
#undef CONFIG_DRM_AMDGPU_SI
#undef CONFIG_DRM_AMDGPU_CIK
#undef CONFIG_DRM_AMD_ACP

/* SPDX-License-Identifier: MIT */
/*
 * /dev/amdgpu_fake: what a test may ask the fake GPU. A GPU address space is named by the render
 * node's file descriptor that it belongs to.
 */
#ifndef AMDGPU_FAKE_UAPI_H_
#define AMDGPU_FAKE_UAPI_H_

#include <linux/ioctl.h>
#include <linux/types.h>

/*
 * One translation. level: 0 page table entry, 1..3 an entry further up (huge page, or nothing
 * mapped below).
 */
struct amdgpu_fake_walk {
	__u32 drm_fd; /* in */
	__u32 level;  /* out */
	__u64 va;     /* in */
	__u64 entry;  /* out: as found in memory */
	__u64 offset; /* out: of the VRAM or bus address that va translates to */
	__u64 memory; /* out: the CPU's physical address behind a bus address (IOMMU), 0 for VRAM */
};

/*
 * DMA by the device between user memory and GPU virtual memory. EFAULT and fault_va: no or no such
 * access. EAGAIN: the process is evicted, so that no queue of it may run; what is left is in the
 * arguments.
 */
struct amdgpu_fake_copy {
	__u32 drm_fd;	/* in */
	__u32 write;	/* in: 1 to write GPU virtual memory */
	__u64 va;	/* in */
	__u64 buffer;	/* in: user address */
	__u64 size;	/* in: bytes */
	__u64 fault_va; /* out */
};

struct amdgpu_fake_state {
	__u32 drm_fd;  /* in */
	__u32 evicted; /* out: userptr evictions that are not restored yet */
	__u32 queues;  /* out: queues loaded now, on all devices */
	__u32 pad;
	__u64 loads;	  /* out: queue loads since the start */
	__u64 flushes;	  /* out: TLB flushes since the start */
	__u64 vram_bytes; /* out */
};

/*
 * A DMA engine that reads the first word of every page of a window over and over, while a queue is
 * loaded. It has a TLB that only the driver's flushes empty. The word of page i may be magic + i or
 * 0 (a new page). One for each open file; stops when that is closed.
 */
struct amdgpu_fake_dma {
	__u32 drm_fd; /* in */
	__u32 action; /* in: AMDGPU_FAKE_DMA_* */
	__u64 va;     /* in, start, like the next two */
	__u64 pages;  /* up to AMDGPU_FAKE_DMA_PAGES */
	__u64 magic;
	__u64 accesses; /* out, stop and look, like what follows */
	__u64 hits;	/* of them through the TLB */
	__u64 faults;	/* nothing was mapped, so nothing was read */
	__u64 freed;	/* read from a page that nobody owns */
	__u64 foreign;	/* read something that is not the window's */
};

#define AMDGPU_FAKE_DMA_STOP 0 /* and learn what it saw */
#define AMDGPU_FAKE_DMA_START 1
#define AMDGPU_FAKE_DMA_LOOK 2 /* what it saw so far; EINVAL if there is none */
#define AMDGPU_FAKE_DMA_PAGES 4096

#define AMDGPU_FAKE_WALK _IOWR('F', 1, struct amdgpu_fake_walk)
#define AMDGPU_FAKE_COPY _IOWR('F', 2, struct amdgpu_fake_copy)
#define AMDGPU_FAKE_STATE _IOWR('F', 3, struct amdgpu_fake_state)
#define AMDGPU_FAKE_DMA _IOWR('F', 4, struct amdgpu_fake_dma)

/* Bits of an entry (GFX9; AMDGPU_PTE_* and AMDGPU_PDE_PTE in the driver's amdgpu_vm.h). */
#define AMDGPU_FAKE_VALID (1ull << 0)
#define AMDGPU_FAKE_SYSTEM (1ull << 1)
#define AMDGPU_FAKE_READABLE (1ull << 5)
#define AMDGPU_FAKE_WRITEABLE (1ull << 6)
#define AMDGPU_FAKE_ADDRESS 0x0000fffffffff000ull

#endif

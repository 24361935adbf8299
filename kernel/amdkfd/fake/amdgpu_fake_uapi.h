/* SPDX-License-Identifier: MIT */
/*
 * /dev/amdgpu_fake: what a test may ask the fake GPU. A GPU address space is named by the render
 * node's file descriptor that it belongs to. At the end: what a process needs that executes what
 * the queues hold.
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
	__u64 stopped_ns; /* out: how long no queue was loaded, up to the last load */
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

/*
 * The shader engine: a process that executes the queues which KFD loads. It is told of each change
 * and answers when it has followed: the driver waits for that, as it does for hardware. One at a
 * time, on one device, from before the first queue is loaded until the file is closed.
 *
 * It maps parts of this file, MAP_SHARED: from 0 on the doorbells; from vmid << AMDGPU_FAKE_VA_BITS
 * on what that VMID's page tables map, by GPU virtual address. The process's own page tables are
 * the TLB: filled by walks when an address is first touched, emptied when the driver flushes. What
 * is not mapped, or not for writing, is SIGBUS.
 */
#define AMDGPU_FAKE_VA_BITS 47
#define AMDGPU_FAKE_VMIDS 16

struct amdgpu_fake_attach {
	__u32 drm_fd; /* in */
	__u32 pad;
	__u64 doorbell_bytes; /* out */
};

enum amdgpu_fake_request {
	AMDGPU_FAKE_LOAD,    /* run this new queue; one that had its id is gone */
	AMDGPU_FAKE_RESUME,  /* go on with one that was preempted; it may have changed */
	AMDGPU_FAKE_PREEMPT, /* on the answer it accesses nothing; its waves keep their state */
	AMDGPU_FAKE_DESTROY, /* the same, and forget it */
	AMDGPU_FAKE_RELEASE, /* forget all queues of queue.vmid, none of which runs */
};

enum amdgpu_fake_queue_type { AMDGPU_FAKE_AQL, AMDGPU_FAKE_PM4, AMDGPU_FAKE_SDMA };

/* A queue, as its descriptor (MQD) and the registers of its VMID have it. */
struct amdgpu_fake_queue {
	__u64 id; /* the same until it is destroyed; the rest is set for LOAD and RESUME */
	__u32 type;
	__u32 vmid;
	__u64 ring_va, ring_bytes, read_ptr_va, write_ptr_va;
	__u32 doorbell;	  /* byte offset */
	__u32 cu_mask[4]; /* of each shader engine */
	__u32 bases;	  /* SH_MEM_BASES: bits 63..48 of private, shared aperture */
	__u64 trap_handler_va, trap_memory_va;
};

/* Answer the request before, if any, and wait for the next. EINTR: a signal, no request yet. */
struct amdgpu_fake_serve {
	__u32 drm_fd; /* in */
	__s32 result; /* in: 0 or a negative errno */
	__u32 request;
	__u32 pad;
	struct amdgpu_fake_queue queue; /* out */
};

enum amdgpu_fake_interrupt_kind {
	AMDGPU_FAKE_END_OF_PIPE, /* value: the event's id, 0 if not known */
	AMDGPU_FAKE_VM_FAULT,	 /* value: the address */
};

/* An entry of the interrupt ring, for KFD. */
struct amdgpu_fake_interrupt {
	__u32 drm_fd; /* in */
	__u32 vmid;   /* in */
	__u32 kind;   /* in */
	__u32 pad;
	__u64 value; /* in */
};

#define AMDGPU_FAKE_WALK _IOWR('F', 1, struct amdgpu_fake_walk)
#define AMDGPU_FAKE_COPY _IOWR('F', 2, struct amdgpu_fake_copy)
#define AMDGPU_FAKE_STATE _IOWR('F', 3, struct amdgpu_fake_state)
#define AMDGPU_FAKE_DMA _IOWR('F', 4, struct amdgpu_fake_dma)
#define AMDGPU_FAKE_ATTACH _IOWR('F', 5, struct amdgpu_fake_attach)
#define AMDGPU_FAKE_SERVE _IOWR('F', 6, struct amdgpu_fake_serve)
#define AMDGPU_FAKE_INTERRUPT _IOWR('F', 7, struct amdgpu_fake_interrupt)

/* Bits of an entry (GFX9; AMDGPU_PTE_* and AMDGPU_PDE_PTE in the driver's amdgpu_vm.h). */
#define AMDGPU_FAKE_VALID (1ull << 0)
#define AMDGPU_FAKE_SYSTEM (1ull << 1)
#define AMDGPU_FAKE_READABLE (1ull << 5)
#define AMDGPU_FAKE_WRITEABLE (1ull << 6)
#define AMDGPU_FAKE_ADDRESS 0x0000fffffffff000ull

#endif

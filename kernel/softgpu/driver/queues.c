/* SPDX-License-Identifier: MIT */
/*
 * User-mode queues: CREATE, UPDATE and DESTROY_QUEUE, CU masks, doorbell slots. Checks follow
 * kfd_chardev.c, set_queue_properties_from_user, and kfd_process_queue_manager.c of Linux 6.1.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "process.h"

enum {
    MIN_RING_BYTES = 1024,    /* KFD_MIN_QUEUE_RING_SIZE */
    SDMA_QUEUES_PER_GPU = 16, /* as topology tells: 2 engines with 8 queues each */
    MAX_CU_MASK_BITS = 1024,
    KERNEL_ENOTSUPP = 524, /* not a user-space errno, but what the kernel returns */
};

/* access_ok: the address range lies in the user half. */
static bool user_address(uint64_t va)
{
    return va < (1ull << 47) - SG_PAGE_BYTES;
}

static int check_ring(uint32_t percent, uint32_t priority, uint64_t ring, uint64_t *bytes)
{
    if (percent > KFD_MAX_QUEUE_PERCENTAGE || priority > KFD_MAX_QUEUE_PRIORITY)
        return -EINVAL;
    if (ring && !user_address(ring))
        return -EFAULT;
    if (*bytes & (*bytes - 1))
        return -EINVAL;
    if (*bytes < MIN_RING_BYTES)
        *bytes = MIN_RING_BYTES;
    return 0;
}

/* A ring without an address is a disabled queue. */
static void set_ring(struct sg_queue_config *config, uint64_t ring, uint64_t bytes,
                     uint32_t percent, uint32_t priority)
{
    config->ring_va = ring;
    config->ring_bytes = ring ? bytes : 0;
    config->percent = percent;
    config->priority = priority;
}

static int queue_type(uint32_t kfd_type, enum sg_queue_type *type)
{
    switch (kfd_type) {
    case KFD_IOC_QUEUE_TYPE_COMPUTE:
        *type = SG_QUEUE_PM4;
        return 0;
    case KFD_IOC_QUEUE_TYPE_COMPUTE_AQL:
        *type = SG_QUEUE_AQL;
        return 0;
    case KFD_IOC_QUEUE_TYPE_SDMA:
    case KFD_IOC_QUEUE_TYPE_SDMA_XGMI:
        *type = SG_QUEUE_SDMA;
        return 0;
    default:
        return -KERNEL_ENOTSUPP;
    }
}

static int doorbell_alloc(struct sgd_gpu *gpu, uint32_t *index)
{
    for (uint32_t i = 0; i < SGD_DOORBELLS / 64; i++)
        if (~gpu->doorbell_bitmap[i]) {
            uint32_t bit = (uint32_t)__builtin_ctzll(~gpu->doorbell_bitmap[i]);
            gpu->doorbell_bitmap[i] |= 1ull << bit;
            *index = i * 64 + bit;
            return 0;
        }
    return -EBUSY;
}

static void doorbell_free(struct sgd_gpu *gpu, uint32_t index)
{
    gpu->doorbell_bitmap[index / 64] &= ~(1ull << (index % 64));
}

static struct sgd_queue *queue_by_id(struct sgd_process *p, uint32_t id)
{
    return id < SGD_MAX_QUEUES ? p->queues[id] : NULL;
}

static int create(struct sgd_process *p, struct kfd_ioctl_create_queue_args *args,
                  enum sg_queue_type type)
{
    struct sgd_gpu *gpu = sgd_gpu_by_id(p, args->gpu_id);
    if (!gpu)
        return -EINVAL;
    if (!gpu->vm)
        return -ESRCH;
    if (gpu->queue_count >= SGD_MAX_QUEUES_PER_GPU)
        return -ENOSPC;
    if (type == SG_QUEUE_SDMA && gpu->sdma_queues >= SDMA_QUEUES_PER_GPU)
        return -ENOMEM;
    uint32_t id = 0;
    while (id < SGD_MAX_QUEUES && p->queues[id])
        id++;
    if (id == SGD_MAX_QUEUES)
        return -ENOMEM;
    struct sgd_queue *queue = calloc(1, sizeof(*queue));
    if (!queue)
        return -ENOMEM;
    queue->id = id;
    queue->gpu = gpu;
    int err = doorbell_alloc(gpu, &queue->doorbell);
    if (err)
        goto fail;
    queue->config = (struct sg_queue_config){
        .type = type,
        .vm = gpu->vm,
        .queue_id = id,
        .read_ptr_va = args->read_pointer_address,
        .write_ptr_va = args->write_pointer_address,
        .doorbell = &gpu->doorbells[queue->doorbell],
        .eop_va = args->eop_buffer_address,
        .ctx_save_va = args->ctx_save_restore_address,
        .trap_handler_va = gpu->trap_handler_va,
        .trap_memory_va = gpu->trap_memory_va,
        .scratch_va = gpu->scratch_va,
    };
    struct kfd_process_device_apertures aperture;
    sgd_fill_aperture(gpu, &aperture);
    queue->config.lds_aperture = aperture.lds_base;
    queue->config.scratch_aperture = aperture.scratch_base;
    set_ring(&queue->config, args->ring_base_address, args->ring_size, args->queue_percentage,
             args->queue_priority);
    /* An AQL doorbell holds the index of the last packet: none yet. The others hold a write
     * pointer. */
    gpu->doorbells[queue->doorbell] = type == SG_QUEUE_AQL ? UINT64_MAX : 0;

    err = sg_queue_create(gpu->device, &queue->config, &queue->device_queue);
    if (err)
        goto fail_doorbell;
    p->queues[id] = queue;
    p->queue_count++;
    gpu->queue_count++;
    gpu->sdma_queues += type == SG_QUEUE_SDMA;
    args->queue_id = id;
    args->doorbell_offset = SGD_MMAP_TYPE_DOORBELL |
                            (uint64_t)gpu->gpu_id << SGD_MMAP_GPU_ID_SHIFT | queue->doorbell * 8ull;
    return 0;
fail_doorbell:
    doorbell_free(gpu, queue->doorbell);
fail:
    free(queue);
    return err;
}

int sgd_ioc_create_queue(struct sgd_process *p, void *data)
{
    struct kfd_ioctl_create_queue_args *args = data;
    uint64_t bytes = args->ring_size;
    int err =
        check_ring(args->queue_percentage, args->queue_priority, args->ring_base_address, &bytes);
    if (err)
        return err;
    args->ring_size = (uint32_t)bytes;
    if (!user_address(args->read_pointer_address) || !user_address(args->write_pointer_address) ||
        !user_address(args->eop_buffer_address) || !user_address(args->ctx_save_restore_address))
        return -EFAULT;
    enum sg_queue_type type;
    err = queue_type(args->queue_type, &type);
    if (err)
        return err;
    sgd_lock(p);
    err = create(p, args, type);
    sgd_unlock(p);
    return err;
}

int sgd_ioc_destroy_queue(struct sgd_process *p, void *data)
{
    const struct kfd_ioctl_destroy_queue_args *args = data;
    sgd_lock(p);
    struct sgd_queue *queue = queue_by_id(p, args->queue_id);
    if (queue) {
        struct sgd_gpu *gpu = queue->gpu;
        sg_queue_destroy(queue->device_queue);
        doorbell_free(gpu, queue->doorbell);
        p->queues[queue->id] = NULL;
        p->queue_count--;
        gpu->queue_count--;
        gpu->sdma_queues -= queue->config.type == SG_QUEUE_SDMA;
        gpu->gws_used &= !queue->config.gws; /* pqm_destroy_queue gives it back */
    }
    sgd_unlock(p);
    free(queue);
    return queue ? 0 : -EINVAL;
}

int sgd_ioc_update_queue(struct sgd_process *p, void *data)
{
    const struct kfd_ioctl_update_queue_args *args = data;
    uint64_t bytes = args->ring_size;
    int err =
        check_ring(args->queue_percentage, args->queue_priority, args->ring_base_address, &bytes);
    if (err)
        return err;
    sgd_lock(p);
    struct sgd_queue *queue = queue_by_id(p, args->queue_id);
    if (!queue) {
        err = -EFAULT;
    } else {
        set_ring(&queue->config, args->ring_base_address, bytes, args->queue_percentage,
                 args->queue_priority);
        err = sg_queue_update(queue->device_queue, &queue->config);
    }
    sgd_unlock(p);
    return err;
}

int sgd_ioc_set_cu_mask(struct sgd_process *p, void *data)
{
    const struct kfd_ioctl_set_cu_mask_args *args = data;
    uint32_t bits = args->num_cu_mask, mask[MAX_CU_MASK_BITS / 32];
    if (bits % 32 || !bits)
        return -EINVAL;
    if (bits > MAX_CU_MASK_BITS)
        bits = MAX_CU_MASK_BITS;
    int err = sgd_copy_in(mask, (void *)(uintptr_t)args->cu_mask_ptr, bits / 8);
    if (err)
        return err;
    sgd_lock(p);
    struct sgd_queue *queue = queue_by_id(p, args->queue_id);
    if (!queue) {
        err = -EFAULT;
    } else {
        memcpy(queue->cu_mask, mask, bits / 8);
        queue->config.cu_mask = queue->cu_mask;
        queue->config.cu_mask_bits = bits;
        err = sg_queue_update(queue->device_queue, &queue->config);
    }
    sgd_unlock(p);
    return err;
}

/* Without context save and restore (CWSR), which topology does not advertise, there is no wave
 * state. */
int sgd_ioc_get_queue_wave_state(struct sgd_process *p, void *data)
{
    const struct kfd_ioctl_get_queue_wave_state_args *args = data;
    sgd_lock(p);
    int err = queue_by_id(p, args->queue_id) ? -EINVAL : -EFAULT;
    sgd_unlock(p);
    return err;
}

/*
 * kfd_chardev.c, kfd_ioctl_alloc_queue_gws, and kfd_process_queue_manager.c, pqm_set_gws: all of
 * the device's resources or none, for one queue of a process and GPU.
 */
int sgd_ioc_alloc_queue_gws(struct sgd_process *p, void *data)
{
    struct kfd_ioctl_alloc_queue_gws_args *args = data;
    sgd_lock(p);
    struct sgd_queue *queue = queue_by_id(p, args->queue_id);
    bool wanted = args->num_gws != 0;
    int err = 0;
    if (!queue || (!wanted && !queue->gpu->gws_used)) {
        err = -EINVAL;
    } else if (wanted && queue->gpu->gws_used) {
        err = -EBUSY;
    } else {
        queue->config.gws = queue->gpu->gws_used = wanted;
        err = sg_queue_update(queue->device_queue, &queue->config);
    }
    if (queue)
        args->first_gws = 0;
    sgd_unlock(p);
    return err;
}

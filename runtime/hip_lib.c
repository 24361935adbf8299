/* SPDX-License-Identifier: MIT */
/*
 * Finds HIP and matches its ordinals with the device table by PCI address (hip_lib.h): the
 * *_VISIBLE_DEVICES variables renumber and hide devices in HIP and in ROCr differently, so an index
 * means nothing.
 */
#include "hip_lib.h"

#include <dlfcn.h>
#include <errno.h>
#include <hip/hip_runtime_api.h>
#include <hsa/hsa_ext_amd.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "error.h"
#include "log.h"
#include "pool.h"
#include "sys.h"

#define SHORT_WAIT 50 /* times an event is asked before it pays to sleep */

static struct {
    pthread_mutex_t lock;
    atomic_bool ready;
    hipError_t (*get_device_count)(int *count);
    hipError_t (*get_device)(int *ordinal);
    hipError_t (*set_device)(int ordinal);
    hipError_t (*get_pci_bus_id)(char *text, int bytes, int ordinal);
    hipError_t (*synchronize)(void);
    const char *(*error_name)(hipError_t error);
    hipError_t (*host_register)(void *base, size_t bytes, unsigned int flags);
    hipError_t (*host_unregister)(void *base);
    hipError_t (*host_get_device_pointer)(void **device, void *host, unsigned int flags);
    hipError_t (*memory_copy)(void *to, const void *from, size_t bytes, hipMemcpyKind kind);
    hipError_t (*memory_copy_async)(void *to, const void *from, size_t bytes, hipMemcpyKind kind,
                                    hipStream_t stream);
    hipError_t (*memory_set)(void *to, int value, size_t bytes);
    hipError_t (*memory_set_async)(void *to, int value, size_t bytes, hipStream_t stream);
    hipError_t (*stream_synchronize)(hipStream_t stream);
    hipError_t (*event_create)(hipEvent_t *event, unsigned int flags);
    hipError_t (*event_record)(hipEvent_t event, hipStream_t stream);
    hipError_t (*event_query)(hipEvent_t event);
    hipError_t (*event_destroy)(hipEvent_t event);
    hipError_t (*stream_is_capturing)(hipStream_t stream, hipStreamCaptureStatus *status);
    hipError_t (*launch_host_func)(hipStream_t stream, hipHostFn_t f, void *data);
    hipError_t (*stream_add_callback)(hipStream_t stream, hipStreamCallback_t f, void *data,
                                      unsigned int flags);
    int count;
    struct hs_device *devices[HS_MAX_DEVICES]; /* by ordinal */
} hip = {.lock = PTHREAD_MUTEX_INITIALIZER};

#define TEXT_OF(value) #value
#define LIBRARY_OF(major) "libamdhip64.so." TEXT_OF(major)

/*
 * A HIP that is not in the global scope: loaded into a scope of its own (a plug-in's), or not at
 * all, because the program names no HIP function itself and the linker dropped the library
 * (--as-needed). Who calls the HIP face wants HIP: then load the version that this library was
 * built for. Kept for the life of the process.
 */
static void *open_library(void)
{
    static const char *const libraries[] = {"libamdhip64.so.7", "libamdhip64.so.6",
                                            "libamdhip64.so.5"};
    void *library = NULL;

    for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]) && !library; i++)
        library = dlopen(libraries[i], RTLD_LAZY | RTLD_NOLOAD);
    return library ? library : dlopen(LIBRARY_OF(HIP_VERSION_MAJOR), RTLD_LAZY);
}

static void *find_symbol(const char *name)
{
    static void *library;
    void *symbol = dlsym(RTLD_DEFAULT, name);

    if (symbol)
        return symbol;
    if (!library) /* guarded by hip.lock */
        library = open_library();
    return library ? dlsym(library, name) : NULL;
}

static int find_functions(void)
{
    *(void **)&hip.get_device_count = find_symbol("hipGetDeviceCount");
    *(void **)&hip.get_device = find_symbol("hipGetDevice");
    *(void **)&hip.set_device = find_symbol("hipSetDevice");
    *(void **)&hip.get_pci_bus_id = find_symbol("hipDeviceGetPCIBusId");
    *(void **)&hip.synchronize = find_symbol("hipDeviceSynchronize");
    *(void **)&hip.error_name = find_symbol("hipGetErrorName");
    *(void **)&hip.host_register = find_symbol("hipHostRegister");
    *(void **)&hip.host_unregister = find_symbol("hipHostUnregister");
    *(void **)&hip.host_get_device_pointer = find_symbol("hipHostGetDevicePointer");
    *(void **)&hip.memory_copy = find_symbol("hipMemcpy");
    *(void **)&hip.memory_copy_async = find_symbol("hipMemcpyAsync");
    *(void **)&hip.memory_set = find_symbol("hipMemset");
    *(void **)&hip.memory_set_async = find_symbol("hipMemsetAsync");
    *(void **)&hip.stream_synchronize = find_symbol("hipStreamSynchronize");
    *(void **)&hip.event_create = find_symbol("hipEventCreateWithFlags");
    *(void **)&hip.event_record = find_symbol("hipEventRecord");
    *(void **)&hip.event_query = find_symbol("hipEventQuery");
    *(void **)&hip.event_destroy = find_symbol("hipEventDestroy");
    *(void **)&hip.stream_is_capturing = find_symbol("hipStreamIsCapturing");
    /* The newer one only where it is: Debian's 5.2.3 does not export it. */
    *(void **)&hip.launch_host_func = find_symbol("hipLaunchHostFunc");
    *(void **)&hip.stream_add_callback = find_symbol("hipStreamAddCallback");
    if (!hip.stream_is_capturing || !hip.get_device_count || !hip.get_device || !hip.set_device ||
        !hip.get_pci_bus_id || !hip.synchronize || !hip.error_name || !hip.host_register ||
        !hip.host_unregister || !hip.host_get_device_pointer || !hip.memory_copy ||
        !hip.memory_copy_async || !hip.memory_set || !hip.memory_set_async ||
        !hip.stream_synchronize || !hip.event_create || !hip.event_record || !hip.event_query ||
        !hip.event_destroy || !hip.stream_add_callback)
        return hs_error(-ENODEV, "there is no HIP in the process, and %s cannot be loaded",
                        LIBRARY_OF(HIP_VERSION_MAJOR));
    return 0;
}

static int match_device(int ordinal)
{
    unsigned domain, bus, slot, other[3], nth = 0;
    char text[64];
    hipError_t status = hip.get_pci_bus_id(text, sizeof(text), ordinal);

    if (status != hipSuccess)
        return hs_error(-ENODEV, "hipDeviceGetPCIBusId gave %s for device %d",
                        hip.error_name(status), ordinal);
    if (sscanf(text, "%x:%x:%x", &domain, &bus, &slot) != 3)
        return hs_error(-ENODEV, "device %d has no PCI address: %s", ordinal, text);
    /* Partitions of one card share the address: HIP and ROCr list them in the same order. */
    for (int i = 0; i < ordinal; i++) {
        if (hip.get_pci_bus_id(text, sizeof(text), i) == hipSuccess &&
            sscanf(text, "%x:%x:%x", &other[0], &other[1], &other[2]) == 3)
            nth += other[0] == domain && other[1] == bus && other[2] == slot;
    }
    hip.devices[ordinal] = hs_device_at_pci(domain, bus, slot, nth);
    if (!hip.devices[ordinal])
        return hs_error(-ENODEV, "ROCr does not show HIP's device %d (%04x:%02x:%02x)", ordinal,
                        domain, bus, slot);
    return 0;
}

static int init_locked(void)
{
    hipError_t status;
    int err = find_functions();

    if (err)
        return err;
    status = hip.get_device_count(&hip.count); /* initialises HIP, and ROCr through it */
    if (status != hipSuccess)
        return hs_error(-ENODEV, "hipGetDeviceCount gave %s", hip.error_name(status));
    if (hip.count > HS_MAX_DEVICES)
        hip.count = HS_MAX_DEVICES;
    err = hs_devices_init();
    for (int i = 0; i < hip.count && !err; i++)
        err = match_device(i);
    return err;
}

int hs_hip_init(void)
{
    int err = hs_kfd_check_process();

    if (err || atomic_load_explicit(&hip.ready, memory_order_acquire))
        return err;
    pthread_mutex_lock(&hip.lock);
    if (!atomic_load(&hip.ready)) {
        err = init_locked();
        if (!err)
            atomic_store_explicit(&hip.ready, true, memory_order_release);
    }
    pthread_mutex_unlock(&hip.lock);
    return err;
}

int hs_hip_device_count(void)
{
    return hip.count;
}

int hs_hip_current(int *ordinal)
{
    hipError_t status = hip.get_device(ordinal);

    if (status != hipSuccess)
        return hs_error(-ENODEV, "hipGetDevice gave %s", hip.error_name(status));
    return 0;
}

int hs_hip_device(int ordinal, struct hs_device **device)
{
    if (ordinal < 0 || ordinal >= hip.count)
        return hs_error(-ENXIO, "device %d does not exist: HIP shows %d", ordinal, hip.count);
    *device = hip.devices[ordinal];
    return 0;
}

int hs_hip_ordinal(const struct hs_device *device)
{
    if (hs_hip_init()) /* the pool was made through the ROCr face, and there is no HIP */
        return -1;
    for (int i = 0; i < hip.count; i++) {
        if (hip.devices[i] == device)
            return i;
    }
    return -1;
}

int hs_hip_wait(struct hs_pool *pool)
{
    int before, err;
    hipError_t status = hipSuccess;

    if (!atomic_load(&hip.ready))
        return 0; /* made through the ROCr face: its caller orders its own queues */
    err = hs_kfd_check_process();
    if (err)
        return err;
    err = hs_hip_current(&before);
    if (err)
        return err;
    pthread_mutex_lock(&pool->lock);
    for (uint32_t i = 0; i < pool->device_count && status == hipSuccess; i++) {
        int ordinal = hs_hip_ordinal(pool->devices[i]);

        if (ordinal < 0) /* hidden from HIP: nothing that HIP has given it */
            continue;
        status = hip.set_device(ordinal);
        if (status == hipSuccess)
            status = hip.synchronize();
    }
    pthread_mutex_unlock(&pool->lock);
    /* The caller's device must not change behind its back: try twice before giving up. */
    if (hip.set_device(before) != hipSuccess) {
        hipError_t again = hip.set_device(before);

        status = status == hipSuccess ? again : status;
    }
    if (status != hipSuccess)
        return hs_error(-EIO, "waiting for the window's devices: %s", hip.error_name(status));
    return 0;
}

/* HIP's answer as ours, with the name of the call. */
static int from_hip(hipError_t status, const char *call)
{
    int err;

    switch (status) {
    case hipSuccess:
        return 0;
    case hipErrorInvalidValue:
        err = -EINVAL;
        break;
    case hipErrorOutOfMemory:
        err = -ENOMEM;
        break;
    case hipErrorHostMemoryAlreadyRegistered:
        err = -EADDRINUSE;
        break;
    case hipErrorNotSupported:
    case hipErrorStreamCaptureUnsupported:
        err = -EOPNOTSUPP;
        break;
    default:
        err = -EIO;
        break;
    }
    return hs_error(err, "%s gave %s", call, hip.error_name(status));
}

static int pin(void *cpu, size_t bytes, uint64_t *device)
{
    void *address;
    int err =
        from_hip(hip.host_register(cpu, bytes, hipHostRegisterPortable | hipHostRegisterMapped),
                 "hipHostRegister");

    if (err)
        return err;
    err = from_hip(hip.host_get_device_pointer(&address, cpu, 0), "hipHostGetDevicePointer");
    if (err) {
        hip.host_unregister(cpu);
        return err;
    }
    *device = (uintptr_t)address;
    return 0;
}

/*
 * HIP has forgotten a registration, by hipDeviceReset() (clr, Device::Reset()) or because the
 * program has unregistered the window itself. Debian's 5.2.3 forgets at a reset without giving back
 * what ROCr holds, so that is done here.
 */
static int unpin_forgotten(void *cpu)
{
    hsa_amd_pointer_info_t info = {.size = sizeof(info)};

    hs_log(HS_LOG_DECISION, "hip forgot the registration of cpu=%p", cpu);
    if (hsa_amd_pointer_info(cpu, &info, NULL, NULL, NULL) != HSA_STATUS_SUCCESS ||
        info.type != HSA_EXT_POINTER_TYPE_LOCKED || info.hostBaseAddress != cpu)
        return 0;
    if (hsa_amd_memory_unlock(cpu) != HSA_STATUS_SUCCESS)
        return hs_error(-EIO, "hsa_amd_memory_unlock failed after HIP forgot the registration");
    return 0;
}

static int unpin(void *cpu)
{
    hipError_t status = hip.host_unregister(cpu);

    if (status == hipErrorHostMemoryNotRegistered)
        return unpin_forgotten(cpu);
    return from_hip(status, "hipHostUnregister");
}

const struct hs_pinner hs_hip_pinner = {.name = "hipHostRegister", .pin = pin, .unpin = unpin};

int hs_hip_memcpy(void *to, const void *from, size_t bytes, void *stream, int async)
{
    if (async)
        return from_hip(hip.memory_copy_async(to, from, bytes, hipMemcpyDefault, stream),
                        "hipMemcpyAsync");
    return from_hip(hip.memory_copy(to, from, bytes, hipMemcpyDefault), "hipMemcpy");
}

int hs_hip_memset(void *to, int value, size_t bytes, void *stream, int async)
{
    if (async)
        return from_hip(hip.memory_set_async(to, value, bytes, stream), "hipMemsetAsync");
    return from_hip(hip.memory_set(to, value, bytes), "hipMemset");
}

/* Asks, and sleeps in between. */
static hipError_t wait_event(hipEvent_t event)
{
    struct timespec pause = {.tv_nsec = 20000};
    hipError_t status;

    for (int asked = 0; (status = hip.event_query(event)) == hipErrorNotReady; asked++) {
        if (asked < SHORT_WAIT) {
            sched_yield();
            continue;
        }
        nanosleep(&pause, NULL);
        if (pause.tv_nsec < 1000000)
            pause.tv_nsec *= 2;
    }
    return status;
}

/*
 * The null stream is waited for, and then an event in it is asked: HIP 5.2.3 may return early from
 * the first. Its streams remember their last command for whoever waits, and who has waited makes
 * the stream forget it, also a later one that another thread has put there meanwhile; that thread
 * then does not wait at all (repaired in ROCm/clr 9e74f1c7f and 6b956f762, July and August 2022).
 * An event is not forgotten. It is asked, not waited for: ROCr 5.2.3 would not notice a memory
 * fault while two threads wait for one signal (Signal::WaitAny), and hang.
 */
int hs_hip_wait_null_stream(void)
{
    hipEvent_t event = NULL;
    hipError_t status = hip.stream_synchronize(NULL);

    if (status == hipSuccess)
        status = hip.event_create(&event, hipEventDisableTiming);
    if (status == hipSuccess) {
        status = hip.event_record(event, NULL);
        if (status == hipSuccess)
            status = wait_event(event);
        (void)hip.event_destroy(event); /* refuses only what is no event */
    }
    return from_hip(status, "waiting for the null stream");
}

/* What hipStreamAddCallback() calls has another signature. */
struct callback {
    void (*f)(void *data);
    void *data;
};

static void run_callback(hipStream_t stream, hipError_t status, void *data)
{
    struct callback callback = *(struct callback *)data;

    (void)stream;
    (void)status;
    hs_sys.free(data);
    callback.f(callback.data);
}

int hs_hip_call_in_stream(void *stream, void (*f)(void *data), void *data)
{
    hipStreamCaptureStatus capture = hipStreamCaptureStatusNone;
    struct callback *callback;
    int err = 0;

    /* HIP 5.2.3 would take a callback and call it at once, not when the graph is launched. */
    if (stream)
        err = from_hip(hip.stream_is_capturing(stream, &capture), "hipStreamIsCapturing");
    if (err)
        return err;
    if (capture != hipStreamCaptureStatusNone)
        return hs_error(-EOPNOTSUPP, "the stream is being captured: copies and fills of windows "
                                     "cannot be part of a graph");
    if (hip.launch_host_func)
        return from_hip(hip.launch_host_func(stream, f, data), "hipLaunchHostFunc");
    callback = hs_sys.alloc(sizeof(*callback));
    if (!callback)
        return hs_error(-ENOMEM, "no memory for a stream callback");
    *callback = (struct callback){.f = f, .data = data};
    err = from_hip(hip.stream_add_callback(stream, run_callback, callback, 0),
                   "hipStreamAddCallback");
    if (err)
        hs_sys.free(callback);
    return err;
}

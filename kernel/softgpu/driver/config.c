/* SPDX-License-Identifier: MIT */
/*
 * The configuration as the launcher passes it in SOFTGPU_* environment variables, and the
 * identities that follow from it. Also used by the launcher itself to check its options before it
 * starts the program.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/sysinfo.h>

#include "driver.h"

static const char *const kernel_names[] = {
    [SGD_KERNEL_BATCH] = "batch",       [SGD_KERNEL_BATCH_FLAG] = "batch-flag",
    [SGD_KERNEL_STOCK] = "stock",       [SGD_KERNEL_STOCK_OLD] = "stock-old",
    [SGD_KERNEL_PROFILER] = "profiler",
};

const char *sgd_kernel_name(enum sgd_kernel kernel)
{
    return kernel_names[kernel];
}

static int parse_kernel(struct sgd_config *config, const char *text, char *error, size_t bytes)
{
    for (size_t i = 0; i < sizeof(kernel_names) / sizeof(kernel_names[0]); i++)
        if (!strcmp(text, kernel_names[i])) {
            config->kernel = (enum sgd_kernel)i;
            return 0;
        }
    snprintf(error, bytes, "unknown kernel '%s': batch, batch-flag, stock, stock-old or profiler",
             text);
    return -EINVAL;
}

static int parse_number(const char *what, const char *text, uint64_t min, uint64_t max,
                        uint64_t *out, char *error, size_t bytes)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 0);
    if (*text < '0' || *text > '9' || *end || errno || value < min || value > max) {
        snprintf(error, bytes, "%s must be a number from %llu to %llu, not '%s'", what,
                 (unsigned long long)min, (unsigned long long)max, text);
        return -EINVAL;
    }
    *out = value;
    return 0;
}

/* 16G, 512M, 65536K or plain bytes. */
static int parse_size(const char *what, const char *text, uint64_t *out, char *error, size_t bytes)
{
    const uint64_t min = 64ull << 20, max = 1ull << 40;
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 0);
    int shift = 0;
    bool bad = *text < '0' || *text > '9' || errno;
    if (*end) {
        const char *units = "KMGT", *unit = strchr(units, *end & ~0x20);
        bad = bad || !unit;
        shift = unit ? 10 * (int)(unit - units + 1) : 0;
        const char *rest = end + 1;
        bad = bad || (*rest && strcmp(rest, "iB") != 0 && strcmp(rest, "B") != 0);
    }
    if (!bad && value <= max >> shift && (value << shift) >= min) {
        *out = (value << shift) & ~(uint64_t)((2u << 20) - 1);
        return 0;
    }
    snprintf(error, bytes, "%s must be from 64M to 1T, for example 16G, not '%s'", what, text);
    return -EINVAL;
}

static int parse_arch(struct sgd_config *config, const char *text, char *error, size_t bytes)
{
    config->arch = sg_arch_find(text);
    if (config->arch)
        return 0;
    int used = snprintf(error, bytes, "unknown GPU architecture '%s':", text);
    const struct sg_arch *arch;
    for (size_t i = 0; (arch = sg_arch_at(i)) && used > 0 && (size_t)used < bytes; i++)
        used += snprintf(error + used, bytes - (size_t)used, " %s", arch->name);
    return -EINVAL;
}

/* The errors that a KFD ioctl can plausibly return. */
static const struct {
    const char *name;
    int value;
} errnos[] = {
    {"EPERM", EPERM},   {"ENOENT", ENOENT},         {"ESRCH", ESRCH},           {"EINTR", EINTR},
    {"EIO", EIO},       {"EBADF", EBADF},           {"EAGAIN", EAGAIN},         {"ENOMEM", ENOMEM},
    {"EACCES", EACCES}, {"EFAULT", EFAULT},         {"EBUSY", EBUSY},           {"ENODEV", ENODEV},
    {"EINVAL", EINVAL}, {"ENOTTY", ENOTTY},         {"ENOSPC", ENOSPC},         {"ENOSYS", ENOSYS},
    {"ETIME", ETIME},   {"EADDRINUSE", EADDRINUSE}, {"EOPNOTSUPP", EOPNOTSUPP},
};

static int parse_errno(const char *text)
{
    for (size_t i = 0; i < sizeof(errnos) / sizeof(errnos[0]); i++)
        if (!strcasecmp(text, errnos[i].name))
            return errnos[i].value;
    char *end;
    long value = strtol(text, &end, 10);
    return *text && !*end && value > 0 && value < 4096 ? (int)value : -1;
}

/* ERRNO, or DELAY=MILLISECONDS up to ten minutes. */
static bool parse_effect(const char *text, struct sgd_fail *fail)
{
    if (strncasecmp(text, "delay=", 6) != 0) {
        fail->err = parse_errno(text);
        return fail->err > 0;
    }
    char *end;
    unsigned long value = strtoul(text + 6, &end, 10);
    fail->delay_ms = (uint32_t)value;
    return text[6] >= '0' && text[6] <= '9' && !*end && value > 0 && value <= 600000;
}

/* IOCTL:K:EFFECT, several separated by commas. */
static int parse_fails(struct sgd_config *config, const char *text, char *error, size_t bytes)
{
    char *copy = strdup(text), *save = NULL;
    int err = copy ? 0 : -ENOMEM;
    for (char *item = copy ? strtok_r(copy, ",", &save) : NULL; item && !err;
         item = strtok_r(NULL, ",", &save)) {
        char original[128];
        snprintf(original, sizeof(original), "%s", item);
        char *k = strchr(item, ':'), *e = k ? strchr(k + 1, ':') : NULL;
        char *end = NULL;
        int nr = -1;
        unsigned long long call = 0;
        struct sgd_fail fail = {.nr = 0};
        bool good = false;
        if (e) {
            *k = *e = '\0';
            nr = sgd_ioctl_number(item);
            call = strtoull(k + 1, &end, 10);
            good = parse_effect(e + 1, &fail);
        }
        if (nr < 0 || call == 0 || !end || *end || !good) {
            snprintf(error, bytes,
                     "'%s' is not IOCTL:K:ERRNO or IOCTL:K:delay=MS, for example "
                     "MAP_MEMORY_TO_GPU:3:ENOMEM",
                     original);
            err = -EINVAL;
        } else if (config->fail_count == SGD_MAX_FAILS) {
            snprintf(error, bytes, "more than %d failures", SGD_MAX_FAILS);
            err = -EINVAL;
        } else {
            fail.nr = (uint32_t)nr;
            fail.remaining = call;
            config->fails[config->fail_count++] = fail;
        }
    }
    free(copy);
    return err;
}

static int parse_trace(const char *text, char *error, size_t bytes)
{
    static const struct {
        const char *name;
        uint32_t mask;
    } categories[] = {{"ioctl", SG_LOG_IOCTL}, {"packet", SG_LOG_PACKET},
                      {"wave", SG_LOG_WAVE},   {"memory", SG_LOG_MEMORY},
                      {"host", SG_LOG_HOST},   {"opcode", SG_LOG_OPCODE}};
    char *copy = strdup(text), *save = NULL;
    int err = copy ? 0 : -ENOMEM;
    uint32_t mask = 0;
    for (char *item = copy ? strtok_r(copy, ",", &save) : NULL; item && !err;
         item = strtok_r(NULL, ",", &save)) {
        size_t i = 0, n = sizeof(categories) / sizeof(categories[0]);
        while (i < n && strcmp(item, categories[i].name) != 0)
            i++;
        if (i == n) {
            snprintf(error, bytes,
                     "unknown trace category '%s': ioctl, packet, wave, memory, host, opcode",
                     item);
            err = -EINVAL;
        } else {
            mask |= categories[i].mask;
        }
    }
    free(copy);
    if (!err)
        sg_log_mask = mask;
    return err;
}

int sgd_config_from_environment(struct sgd_config *config, char *error, size_t bytes)
{
    *config = (struct sgd_config){
        .kernel = SGD_KERNEL_BATCH, .gpus = 1, .vram_bytes = 16ull << 30, .compute_units = 8};
    const char *text;
    uint64_t value = 0;
    int err = parse_arch(config, (text = getenv("SOFTGPU_ARCH")) ? text : "gfx906", error, bytes);
    if (!err && (text = getenv("SOFTGPU_KERNEL")))
        err = parse_kernel(config, text, error, bytes);
    if (!err && (text = getenv("SOFTGPU_VRAM")))
        err = parse_size("the size of VRAM", text, &config->vram_bytes, error, bytes);
    if (!err && (text = getenv("SOFTGPU_SYSMEM")))
        err = parse_size("the size of system memory", text, &config->system_bytes, error, bytes);
    if (!err && (text = getenv("SOFTGPU_GPUS"))) {
        err = parse_number("the number of GPUs", text, 1, SGD_MAX_GPUS, &value, error, bytes);
        config->gpus = (uint32_t)value;
    }
    if (!err && (text = getenv("SOFTGPU_CUS"))) {
        err = parse_number("the number of compute units", text, 1, 256, &value, error, bytes);
        config->compute_units = (uint32_t)value;
    }
    if (!err && (text = getenv("SOFTGPU_THREADS"))) {
        err = parse_number("the number of threads", text, 0, 1024, &value, error, bytes);
        config->threads = (uint32_t)value;
    }
    if (!err && (text = getenv("SOFTGPU_WATCHDOG"))) {
        err = parse_number("the watchdog's seconds", text, 0, 1000000, &value, error, bytes);
        config->watchdog_seconds = (uint32_t)value;
    }
    if (!err && (text = getenv("SOFTGPU_FAIL")))
        err = parse_fails(config, text, error, bytes);
    if (!err && (text = getenv("SOFTGPU_TRACE")))
        err = parse_trace(text, error, bytes);
    config->ipc = (text = getenv("SOFTGPU_IPC")) && *text;
    config->stats_path = getenv("SOFTGPU_STATS");
    return err;
}

/* The kernel's ids are 16-bit hashes of the card (kfd_topology.c, kfd_generate_gpu_id); ours are as
 * opaque. */
uint32_t sgd_gpu_id(uint32_t index)
{
    return 0x5a31u + index * 0x0b2du;
}

uint32_t sgd_gpu_pci_location(uint32_t index)
{
    return (3 + 4 * index) << 8; /* 03:00.0, 07:00.0, ... */
}

uint64_t sgd_system_memory_bytes(const struct sgd_config *config)
{
    if (config->system_bytes)
        return config->system_bytes;
    struct sysinfo info;
    if (sysinfo(&info))
        return 16ull << 30;
    return (uint64_t)info.totalram * info.mem_unit;
}

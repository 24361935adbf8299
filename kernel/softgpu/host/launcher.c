/* SPDX-License-Identifier: MIT */
/*
 * softgpu: runs a program on the software GPU. Checks the options, passes them on as SOFTGPU_*
 * variables, puts libsoftgpu.so into LD_PRELOAD and becomes the program.
 */
#include <errno.h>
#include <getopt.h>
#include <libgen.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <unistd.h>

#include "../driver/driver.h"

enum { EXIT_USAGE = 2, EXIT_CANNOT_RUN = 126, EXIT_NOT_FOUND = 127 };

static const char usage_text[] =
    "usage: softgpu [options] program [arguments...]\n"
    "\n"
    "Runs an unmodified ROCm program on an emulated amdgpu driver and a software GPU. No GPU, no "
    "root, no\n"
    "kernel module needed. Programs that the program starts run on it too.\n"
    "\n"
    "  --kernel=KIND      imitated kernel: batch (default; 0x28 is the batch ioctl), batch-flag "
    "(the later\n"
    "                     flag encoding), stock (0x28: ENOTTY), stock-old (0x28: EINVAL),\n"
    "                     profiler (KFD 1.23: 0x28 is the profiler)\n"
    "  --gpus=N           number of GPUs, 1 to 16 (default 1)\n"
    "  --arch=NAME        GPU model (default gfx906); see below\n"
    "  --vram=SIZE        memory of each GPU, for example 512M or 32G (default 16G; used only as "
    "touched)\n"
    "  --sysmem=SIZE      memory of the machine as the driver sees it: its limits and the CPU "
    "node's "
    "bank\n"
    "                     (default: what the machine has)\n"
    "  --ipc              add the ioctls of AMD's out-of-tree driver that share buffers between "
    "processes\n"
    "  --cus=N            compute units of each GPU, 1 to 256 (default 8)\n"
    "  --threads=N        host threads that execute waves (default: one per online CPU)\n"
    "  --watchdog=SECONDS stop a kernel that runs longer, say where its waves are, raise the "
    "queue's "
    "error\n"
    "                     (default 0: never, as Linux)\n"
    "  --fail=IOCTL:K:ERRNO, --fail=IOCTL:K:delay=MILLISECONDS\n"
    "                     the K-th call of that KFD ioctl fails, or is late; for example "
    "MAP_MEMORY_TO_GPU:3:ENOMEM\n"
    "                     or 0x16:1:EINTR; repeatable, or several separated by commas\n"
    "  --trace[=WHAT]     print to standard error, several separated by commas (default "
    "ioctl,packet):\n"
    "                     ioctl, packet, wave (that stops), memory (mapped, unmapped, changed by "
    "the program),\n"
    "                     host (pretended files that are opened), opcode (at its first "
    "execution)\n"
    "  --stats[=FILE]     counters as JSON when the program ends, to FILE or to standard error\n"
    "  --version          print the version and exit\n"
    "  --help             print this text and exit\n"
    "\n"
    "GPU models:";

static void print_usage(FILE *out)
{
    fputs(usage_text, out);
    const struct sg_arch *arch;
    for (size_t i = 0; (arch = sg_arch_at(i)); i++)
        fprintf(out, "%s %s", i ? "," : "", arch->name);
    fputs(".\nsoftgpu exits with the program's status; 2: bad options; 126, 127: the program "
          "cannot be run.\n",
          out);
}

static void set(const char *name, const char *value)
{
    if (setenv(name, value, 1)) {
        perror("softgpu: setenv");
        exit(EXIT_CANNOT_RUN);
    }
}

/* --fail may come several times: one comma-separated variable. */
static void append(const char *name, const char *value)
{
    const char *old = getenv(name);
    if (!old || !*old) {
        set(name, value);
        return;
    }
    size_t bytes = strlen(old) + strlen(value) + 2;
    char *both = malloc(bytes);
    if (!both) {
        perror("softgpu");
        exit(EXIT_CANNOT_RUN);
    }
    snprintf(both, bytes, "%s,%s", old, value);
    set(name, both);
    free(both);
}

/* A relative path would mean another file to a program that changes its directory. */
static void set_stats(const char *path)
{
    if (!path || !strcmp(path, "-")) {
        set("SOFTGPU_STATS", "-");
    } else if (*path == '/') {
        set("SOFTGPU_STATS", path);
    } else {
        char cwd[PATH_MAX], full[2 * PATH_MAX];
        if (!getcwd(cwd, sizeof(cwd))) {
            perror("softgpu: getcwd");
            exit(EXIT_CANNOT_RUN);
        }
        snprintf(full, sizeof(full), "%s/%s", cwd, path);
        set("SOFTGPU_STATS", full);
    }
}

static void parse(int argc, char **argv)
{
    static const struct option options[] = {
        {"kernel", required_argument, NULL, 'k'},
        {"gpus", required_argument, NULL, 'g'},
        {"arch", required_argument, NULL, 'a'},
        {"vram", required_argument, NULL, 'm'},
        {"sysmem", required_argument, NULL, 'y'},
        {"cus", required_argument, NULL, 'c'},
        {"threads", required_argument, NULL, 'j'},
        {"watchdog", required_argument, NULL, 'w'},
        {"fail", required_argument, NULL, 'f'},
        {"trace", optional_argument, NULL, 't'},
        {"stats", optional_argument, NULL, 's'},
        {"ipc", no_argument, NULL, 'i'},
        {"version", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int option;
    while ((option = getopt_long(argc, argv, "+h", options, NULL)) != -1) {
        const char *value = optarg ? optarg : ""; /* of the options that have one */
        switch (option) {
        case 'k':
            set("SOFTGPU_KERNEL", value);
            break;
        case 'g':
            set("SOFTGPU_GPUS", value);
            break;
        case 'a':
            set("SOFTGPU_ARCH", value);
            break;
        case 'm':
            set("SOFTGPU_VRAM", value);
            break;
        case 'i':
            set("SOFTGPU_IPC", "1");
            break;
        case 'y':
            set("SOFTGPU_SYSMEM", value);
            break;
        case 'c':
            set("SOFTGPU_CUS", value);
            break;
        case 'j':
            set("SOFTGPU_THREADS", value);
            break;
        case 'w':
            set("SOFTGPU_WATCHDOG", value);
            break;
        case 'f':
            append("SOFTGPU_FAIL", value);
            break;
        case 't':
            append("SOFTGPU_TRACE", optarg ? optarg : "ioctl,packet");
            break;
        case 's':
            set_stats(optarg);
            break;
        case 'v':
            printf("softgpu %s\n", SOFTGPU_VERSION);
            exit(0);
        case 'h':
            print_usage(stdout);
            exit(0);
        default: /* getopt has printed what is wrong */
            fputs("Try 'softgpu --help'.\n", stderr);
            exit(EXIT_USAGE);
        }
    }
}

/* Beside this program (build tree) or in ../lib/hip_scatter (installed). */
static void find_library(char *path, size_t bytes)
{
    static const char *const places[] = {"libsoftgpu.so", "../lib/hip_scatter/libsoftgpu.so"};
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (n < 0) {
        perror("softgpu: /proc/self/exe");
        exit(EXIT_CANNOT_RUN);
    }
    self[n] = '\0';
    const char *folder = dirname(self);
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        char candidate[2 * PATH_MAX];
        snprintf(candidate, sizeof(candidate), "%s/%s", folder, places[i]);
        char real[PATH_MAX];
        if (realpath(candidate, real)) {
            if (strpbrk(real, ": ")) {
                fprintf(stderr,
                        "softgpu: %s: LD_PRELOAD cannot hold a path with a space or colon\n", real);
                exit(EXIT_CANNOT_RUN);
            }
            snprintf(path, bytes, "%s", real);
            return;
        }
    }
    fprintf(stderr,
            "softgpu: libsoftgpu.so is neither beside %s/softgpu nor in ../lib/hip_scatter\n",
            folder);
    exit(EXIT_CANNOT_RUN);
}

struct runtimes { /* sanitizer runtimes that this build of softgpu needs */
    char paths[2 * PATH_MAX];
    bool thread;
};

static int note_runtime(struct dl_phdr_info *info, size_t size, void *context)
{
    (void)size;
    struct runtimes *runtimes = context;
    const char *name = strrchr(info->dlpi_name, '/');
    if (!name || (strncmp(name, "/libasan.so", 11) != 0 && strncmp(name, "/libtsan.so", 11) != 0))
        return 0;
    runtimes->thread = name[4] == 't';
    snprintf(runtimes->paths, sizeof(runtimes->paths), "%s:", info->dlpi_name);
    return 0;
}

static void default_to(const char *name, const char *value)
{
    setenv(name, value, 0);
}

/* A sanitizer's runtime must be the first of all libraries, or it refuses to start. */
static void set_preload(const char *library)
{
    struct runtimes runtimes = {.paths = ""};
    dl_iterate_phdr(note_runtime, &runtimes);
    const char *old = getenv("LD_PRELOAD");
    char value[8 * PATH_MAX];
    snprintf(value, sizeof(value), "%s%s%s%s", runtimes.paths, library, old && *old ? ":" : "",
             old ? old : "");
    set("LD_PRELOAD", value);
    if (!runtimes.paths[0])
        return;
    /* ROCm is not ours and not instrumented: what it leaks or synchronises by itself is not a
     * finding. */
    if (runtimes.thread) {
        default_to("TSAN_OPTIONS", "ignore_noninstrumented_modules=1:report_signal_unsafe=0");
        /* gcc 12's runtime does not start with more than 28 random bits in addresses. */
        int now = personality(0xffffffff);
        if (now != -1)
            personality((unsigned long)now | ADDR_NO_RANDOMIZE);
    } else {
        default_to("ASAN_OPTIONS", "detect_leaks=0:verify_asan_link_order=0");
    }
}

int main(int argc, char **argv)
{
    char error[512] = "", library[PATH_MAX];
    struct sgd_config config;
    parse(argc, argv);
    if (sgd_config_from_environment(&config, error, sizeof(error))) {
        fprintf(stderr, "softgpu: %s\nTry 'softgpu --help'.\n", error);
        return EXIT_USAGE;
    }
    if (optind >= argc) {
        fputs("softgpu: no program given\nTry 'softgpu --help'.\n", stderr);
        return EXIT_USAGE;
    }
    find_library(library, sizeof(library));
    set_preload(library);
    execvp(argv[optind], &argv[optind]);
    int err = errno;
    fprintf(stderr, "softgpu: %s: %s\n", argv[optind], strerror(err));
    return err == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN;
}

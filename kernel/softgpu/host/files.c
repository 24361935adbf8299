/* SPDX-License-Identifier: MIT */
/*
 * The files that softgpu pretends exist: device nodes, the KFD topology in sysfs, the list of
 * modules. Contents are made once and served from memory files; directories are lists of names.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "host.h"

enum { DRM_MAJOR = 226, KFD_MAJOR = 235, MAX_PATH = 256 };

static const struct sgh_node none = {.kind = SGH_NONE};
static const struct sgh_node absent = {.kind = SGH_ABSENT};

static struct sgh_node *nodes;
static size_t node_count, node_capacity;
static pthread_once_t built = PTHREAD_ONCE_INIT;

static struct sgh_node *append(const char *path, enum sgh_kind kind)
{
    if (node_count == node_capacity) {
        node_capacity = node_capacity ? 2 * node_capacity : 64;
        nodes = realloc(nodes, node_capacity * sizeof(*nodes));
        if (!nodes)
            abort();
    }
    struct sgh_node *node = &nodes[node_count++];
    *node = (struct sgh_node){.kind = kind, .path = strdup(path)};
    if (!node->path)
        abort();
    return node;
}

static void add(const char *path, const char *content)
{
    struct sgh_node *node = append(path, content ? SGH_FILE : SGH_DIR);
    if (content) {
        node->content = strdup(content);
        if (!node->content)
            abort();
        node->content_bytes = strlen(content);
    }
}

/* lsmod's line; the rest of the list is the real one. */
static void add_modules(void)
{
    static const char first[] = "amdgpu 9900032 0 - Live 0x0000000000000000\n";
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    FILE *in = sgh_real.fopen("/proc/modules", "re");
    if (!out)
        abort();
    fputs(first, out);
    char line[512];
    while (in && fgets(line, sizeof(line), in))
        if (strncmp(line, "amdgpu ", 7) != 0)
            fputs(line, out);
    if (in)
        fclose(in);
    fclose(out);
    add("/proc/modules", text);
    free(text);
}

static void build(void)
{
    sgh_ready();
    append("/dev/kfd", SGH_KFD);
    add("/dev/dri", NULL);
    for (uint32_t i = 0; i < sgd_config()->gpus; i++) {
        char path[64];
        snprintf(path, sizeof(path), "/dev/dri/renderD%u", SGD_FIRST_RENDER_MINOR + i);
        append(path, SGH_RENDER)->gpu = i;
    }
    /* The folder itself does not exist: kmod's lsmod then takes the size from /proc/modules. */
    add("/sys/module/amdgpu/initstate", "live\n");
    add("/sys/module/amdgpu/holders", NULL);
    add_modules();
    sgh_topology(add);
}

/* Empty and "." components vanish, ".." takes one back; the class directory is a link to the
 * device. */
static bool canonical(const char *path, char *out)
{
    size_t n = 0;
    for (const char *part = path; *part;) {
        part += strspn(part, "/");
        size_t bytes = strcspn(part, "/");
        if (bytes == 2 && part[0] == '.' && part[1] == '.') {
            while (n && out[--n] != '/')
                ;
        } else if (bytes && !(bytes == 1 && *part == '.')) {
            if (n + bytes + 2 > MAX_PATH)
                return false;
            out[n++] = '/';
            memcpy(out + n, part, bytes);
            n += bytes;
        }
        part += bytes;
    }
    out[n] = '\0';
    size_t class_bytes = strlen(SGH_KFD_CLASS);
    if (!strncmp(out, SGH_KFD_CLASS, class_bytes) &&
        (!out[class_bytes] || out[class_bytes] == '/')) {
        char rest[MAX_PATH];
        strcpy(rest, out + class_bytes);
        if (strlen(rest) + sizeof(SGH_KFD_ROOT) > MAX_PATH)
            return false;
        strcpy(out, SGH_KFD_ROOT);
        strcat(out, rest);
    }
    return true;
}

static bool under(const char *path, const char *folder)
{
    size_t n = strlen(folder);
    return !strncmp(path, folder, n) && (!path[n] || path[n] == '/');
}

const struct sgh_node *sgh_find(const char *path)
{
    /* Nearly every path leaves here. */
    if (!path || path[0] != '/' || (path[1] != 'd' && path[1] != 's' && path[1] != 'p'))
        return &none;
    if (strncmp(path, "/dev/", 5) != 0 && strncmp(path, "/sys/", 5) != 0 &&
        strncmp(path, "/proc/m", 7) != 0)
        return &none;
    char name[MAX_PATH];
    if (!canonical(path, name))
        return &none;
    bool ours = under(name, "/sys/devices/virtual/kfd") || under(name, "/sys/class/kfd") ||
                !strncmp(name, "/sys/dev/char/226:", 18) || !strncmp(name, "/dev/dri/", 9);
    if (!ours && strcmp(name, "/dev/kfd") != 0 && strcmp(name, "/dev/dri") != 0 &&
        strcmp(name, "/proc/modules") != 0 && !under(name, "/sys/module/amdgpu"))
        return &none;
    pthread_once(&built, build);
    for (size_t i = 0; i < node_count; i++)
        if (!strcmp(nodes[i].path, name))
            return &nodes[i];
    return &absent;
}

const struct sgh_node *sgh_child(const struct sgh_node *dir, size_t index)
{
    size_t n = strlen(dir->path);
    for (size_t i = 0; i < node_count; i++) {
        const char *path = nodes[i].path;
        if (!strncmp(path, dir->path, n) && path[n] == '/' && !strchr(path + n + 1, '/') &&
            index-- == 0)
            return &nodes[i];
    }
    return NULL;
}

static int open_content(const struct sgh_node *node, int flags)
{
    int fd = (int)syscall(SYS_memfd_create, "sysfs", flags & O_CLOEXEC ? 1u : 0u);
    if (fd < 0)
        return -1;
    for (size_t done = 0; done < node->content_bytes;) {
        ssize_t n = write(fd, node->content + done, node->content_bytes - done);
        if (n <= 0) {
            syscall(SYS_close, fd);
            errno = EIO;
            return -1;
        }
        done += (size_t)n;
    }
    lseek(fd, 0, SEEK_SET);
    return fd;
}

int sgh_open_node(const struct sgh_node *node, int flags)
{
    struct sgd_file file;
    sg_log(SG_LOG_HOST, "open %s", node->path ? node->path : "what does not exist here");
    int err;
    switch (node->kind) {
    case SGH_KFD:
    case SGH_RENDER:
        err = sgd_open(node->kind == SGH_KFD ? SGD_FILE_KFD : SGD_FILE_RENDER, node->gpu, &file);
        if (!err)
            return sgh_fd_new(&file, flags);
        errno = -err;
        return -1;
    case SGH_FILE:
        if ((flags & O_ACCMODE) == O_RDONLY && !(flags & O_DIRECTORY))
            return open_content(node, flags);
        errno = flags & O_DIRECTORY ? ENOTDIR : EACCES;
        return -1;
    case SGH_DIR:
        /* opendir is served; a descriptor of a pretended directory is not. */
        sg_unimplemented("open(\"%s\") as a directory: use opendir", node->path);
    default:
        errno = ENOENT;
        return -1;
    }
}

static void fill(struct stat *st, mode_t mode, dev_t rdev, off_t size)
{
    memset(st, 0, sizeof(*st));
    st->st_mode = mode;
    st->st_rdev = rdev;
    st->st_size = size;
    st->st_nlink = 1;
    st->st_blksize = 4096;
    st->st_ino = 1 + (ino_t)rdev;
}

void sgh_stat_file(const struct sgd_file *file, struct stat *st)
{
    if (file->kind == SGD_FILE_KFD)
        fill(st, S_IFCHR | 0666, makedev(KFD_MAJOR, 0), 0);
    else
        fill(st, S_IFCHR | 0666, makedev(DRM_MAJOR, SGD_FIRST_RENDER_MINOR + file->gpu), 0);
}

void sgh_stat_node(const struct sgh_node *node, struct stat *st)
{
    if (node->kind == SGH_DIR) {
        fill(st, S_IFDIR | 0555, 0, 0);
    } else if (node->kind == SGH_FILE) {
        fill(st, S_IFREG | 0444, 0, 4096);
    } else {
        struct sgd_file file = {.kind = node->kind == SGH_KFD ? SGD_FILE_KFD : SGD_FILE_RENDER,
                                .gpu = (uint8_t)node->gpu};
        sgh_stat_file(&file, st);
    }
}

/* SPDX-License-Identifier: MIT */
/*
 * Which descriptors are ours. One word per descriptor number, read without a lock by every
 * interposed call. Behind each number stands a memfd, so that the number is really taken.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host.h"

enum { FDS = 65536, INTERNAL = 255 };

static _Atomic uint64_t table[FDS]; /* struct sgd_file; 0: not ours */

static uint64_t pack(const struct sgd_file *file)
{
    uint64_t word;
    _Static_assert(sizeof(*file) == sizeof(word), "one word");
    memcpy(&word, file, sizeof(word));
    return word;
}

static uint64_t get(int fd)
{
    return fd >= 0 && fd < FDS ? atomic_load_explicit(&table[fd], memory_order_acquire) : 0;
}

static void set(int fd, uint64_t word)
{
    if (fd >= 0 && fd < FDS)
        atomic_store_explicit(&table[fd], word, memory_order_release);
}

int sgh_fd_new(const struct sgd_file *file, int flags)
{
    static const char *const names[] = {
        [SGD_FILE_KFD] = "kfd", [SGD_FILE_RENDER] = "renderD", [SGD_FILE_DMABUF] = "dmabuf"};
    int fd = (int)syscall(SYS_memfd_create, names[file->kind],
                          flags & O_CLOEXEC ? 1u /* MFD_CLOEXEC */ : 0u);
    if (fd >= FDS) {
        syscall(SYS_close, fd);
        errno = EMFILE;
        return -1;
    }
    if (fd >= 0)
        set(fd, pack(file));
    return fd;
}

bool sgh_fd_get(int fd, struct sgd_file *file)
{
    uint64_t word = get(fd);
    if (!word)
        return false;
    memcpy(file, &word, sizeof(*file));
    return file->kind != INTERNAL;
}

bool sgh_fd_internal(int fd)
{
    struct sgd_file file;
    uint64_t word = get(fd);
    memcpy(&file, &word, sizeof(file));
    return file.kind == INTERNAL;
}

void sgh_fd_copied(int from, int to)
{
    uint64_t word = sgh_fd_internal(from) ? 0 : get(from);
    if (word != get(to))
        sgh_fd_closed(to);
    if (word)
        set(to, word);
}

void sgh_fd_closed(int fd)
{
    struct sgd_file file;
    uint64_t word = get(fd);
    if (!word)
        return;
    memcpy(&file, &word, sizeof(file));
    set(fd, 0);
    if (file.kind != SGD_FILE_RENDER && file.kind != SGD_FILE_DMABUF)
        return;
    for (int other = 0; other < FDS; other++)
        if (get(other) == word)
            return;
    sgd_file_closed(&file);
}

void sgh_fd_range_closed(unsigned int first, unsigned int last)
{
    for (unsigned int fd = first; fd < FDS && fd <= last; fd++)
        if (!sgh_fd_internal((int)fd))
            sgh_fd_closed((int)fd);
}

int sgh_fd_next_internal(int from)
{
    for (int fd = from; fd >= 0 && fd < FDS; fd++)
        if (sgh_fd_internal(fd))
            return fd;
    return -1;
}

uint64_t sgh_fd_count(void)
{
    uint64_t count = 0;
    for (int fd = 0; fd < FDS; fd++)
        count += get(fd) && !sgh_fd_internal(fd);
    return count;
}

static void protect(int fd, bool on)
{
    set(fd, on ? pack(&(struct sgd_file){.kind = INTERNAL}) : 0);
}

static int new_fd(const struct sgd_file *file, int flags)
{
    int fd = sgh_fd_new(file, flags);
    return fd < 0 ? -errno : fd;
}

const struct sgd_host_ops sgh_driver_ops = {.file_of_fd = sgh_fd_get,
                                            .protect_fd = protect,
                                            .new_fd = new_fd,
                                            .describe_pc = sgh_describe_pc};

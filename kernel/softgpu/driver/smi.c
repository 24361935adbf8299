/* SPDX-License-Identifier: MIT */
/*
 * SMI events: a descriptor on which a monitoring program writes the mask of events that it wants
 * and reads a line of text for each. One end of a socket pair is the program's, so read, write,
 * poll and close work on it as they are. Texts follow kfd_smi_events.c of Linux 6.1. Delivered are
 * memory faults and the stops of queues for changes of registered memory; nothing else of the list
 * happens here.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "process.h"
#include "raw.h"

struct client {
    struct client *next;
    int fd; /* our end */
    uint32_t gpu_id;
    uint64_t mask;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* innermost */
static struct client *clients;
static atomic_bool watched; /* there are clients */

static void client_close(struct client **link)
{
    struct client *c = *link;
    *link = c->next;
    sgd_protect_fd(c->fd, false);
    syscall(SYS_close, c->fd);
    free(c);
}

/* Takes in what the program wrote. False: it has closed its end. */
static bool client_update(struct client *c)
{
    uint64_t mask;
    ssize_t n;
    while ((n = recv(c->fd, &mask, sizeof(mask), MSG_DONTWAIT)) == (ssize_t)sizeof(mask))
        c->mask = mask;
    return n < 0 && (errno == EAGAIN || errno == EINTR);
}

static __attribute__((format(printf, 3, 4))) void add(uint32_t gpu_id, uint32_t event,
                                                      const char *format, ...)
{
    char text[KFD_SMI_EVENT_MSG_SIZE];
    int used = snprintf(text, sizeof(text), "%x ", event);
    va_list args;
    va_start(args, format);
    used += vsnprintf(text + used, sizeof(text) - (size_t)used, format, args);
    va_end(args);
    pthread_mutex_lock(&lock);
    for (struct client **link = &clients; *link;) {
        struct client *c = *link;
        if (!client_update(c)) {
            client_close(link);
            continue;
        }
        if (c->gpu_id == gpu_id && c->mask & KFD_SMI_EVENT_MASK_FROM_INDEX(event))
            send(c->fd, text, (size_t)used,
                 MSG_DONTWAIT | MSG_NOSIGNAL); /* full: the event is lost */
        link = &c->next;
    }
    atomic_store(&watched, clients != NULL);
    pthread_mutex_unlock(&lock);
}

void sgd_smi_vm_fault(struct sgd_process *p, uint32_t gpu_id)
{
    (void)p;
    if (!atomic_load_explicit(&watched, memory_order_relaxed))
        return;
    char name[17] = "";
    FILE *comm = fopen("/proc/self/comm", "re");
    if (comm) {
        if (!fgets(name, sizeof(name), comm))
            name[0] = '\0';
        fclose(comm);
    }
    for (char *c = name; *c; c++)
        if (*c == '\n')
            *c = '\0';
    add(gpu_id, KFD_SMI_EVENT_VMFAULT, "%x:%s\n", (unsigned int)getpid(), name);
}

void sgd_smi_eviction(struct sgd_process *p, bool restored)
{
    enum { TRIGGER_USERPTR = 1 };
    if (!atomic_load_explicit(&watched, memory_order_relaxed))
        return;
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    long long now = (long long)t.tv_sec * 1000000000 + t.tv_nsec;
    for (uint32_t i = 0; i < p->gpu_count; i++)
        if (restored)
            add(p->gpus[i].gpu_id, KFD_SMI_EVENT_QUEUE_RESTORE, "%lld -%d %x\n", now, getpid(),
                p->gpus[i].gpu_id);
        else
            add(p->gpus[i].gpu_id, KFD_SMI_EVENT_QUEUE_EVICTION, "%lld -%d %x %d\n", now, getpid(),
                p->gpus[i].gpu_id, TRIGGER_USERPTR);
}

void sgd_smi_after_fork_in_child(void)
{
    pthread_mutex_init(&lock, NULL);
    while (clients)
        client_close(&clients);
    atomic_store(&watched, false);
}

int sgd_ioc_smi_events(struct sgd_process *p, void *data)
{
    struct kfd_ioctl_smi_events_args *args = data;
    if (!sgd_gpu_by_id(p, args->gpuid))
        return -EINVAL;
    struct client *c = calloc(1, sizeof(*c));
    int ends[2];
    if (!c)
        return -ENOMEM;
    /* The program's end never waits: without an event a read is EAGAIN, as on Linux. */
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends)) {
        free(c);
        return -EMFILE;
    }
    *c = (struct client){.fd = sgd_raw_move_fd(ends[1]), .gpu_id = args->gpuid};
    sgd_protect_fd(c->fd, true);
    pthread_mutex_lock(&lock);
    c->next = clients;
    clients = c;
    atomic_store(&watched, true);
    pthread_mutex_unlock(&lock);
    args->anon_fd = (uint32_t)ends[0];
    return 0;
}

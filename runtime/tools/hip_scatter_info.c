/* SPDX-License-Identifier: MIT */
/*
 * hip-scatter-info: what this machine can do, for a person or as JSON (--json). Uses only the
 * public interface, and no HIP. Exit status: 0; 1 no usable GPU; 2 wrong usage.
 */
#include <hip_scatter/hsa_scatter.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define MAX_AGENTS 64

struct agents {
    hsa_agent_t gpus[MAX_AGENTS];
    size_t count;
};

static hsa_status_t add_gpu(hsa_agent_t agent, void *data)
{
    struct agents *agents = data;
    hsa_device_type_t type;
    hsa_status_t status = hsa_agent_get_info(agent, HSA_AGENT_INFO_DEVICE, &type);

    if (status == HSA_STATUS_SUCCESS && type == HSA_DEVICE_TYPE_GPU && agents->count < MAX_AGENTS)
        agents->gpus[agents->count++] = agent;
    return status;
}

/* A string as JSON wants it. */
static void print_json_string(const char *text)
{
    putchar('"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            printf("\\%c", *text);
        else if ((unsigned char)*text < 0x20)
            printf("\\u%04x", (unsigned)(unsigned char)*text);
        else
            putchar(*text);
    }
    putchar('"');
}

static void print_json(const hsa_scatter_capabilities_t *c, bool first)
{
    printf("%s\n    {\"name\": ", first ? "" : ",");
    print_json_string(c->name);
    printf(", \"pci\": ");
    print_json_string(c->pci_address);
    printf(", \"node\": %u, \"gpu_id\": %u, \"kfd\": \"%u.%u\",\n     \"backings\": [", c->node,
           c->gpu_id, c->kfd_major, c->kfd_minor);
    for (int i = 0; i < 3; i++) {
        printf("%s\n       {\"name\": ", i ? "," : "");
        print_json_string(c->backings[i].name);
        printf(", \"works\": %s, \"why\": ", c->backings[i].works ? "true" : "false");
        print_json_string(c->backings[i].why);
        putchar('}');
    }
    printf("],\n     \"max_ranges\": %llu, \"max_bytes\": %llu, \"range_alignment\": %llu, "
           "\"window_alignment\": %llu,\n     \"lowest_address\": %llu, \"highest_address\": %llu, "
           "\"mappings_free\": %llu}",
           (unsigned long long)c->max_ranges, (unsigned long long)c->max_bytes,
           (unsigned long long)c->range_alignment, (unsigned long long)c->window_alignment,
           (unsigned long long)c->lowest_address, (unsigned long long)c->highest_address,
           (unsigned long long)c->mappings_free);
}

static void print_text(const hsa_scatter_capabilities_t *c)
{
    printf("%s at %s (node %u, gpu_id %u), KFD %u.%u\n", c->name, c->pci_address, c->node,
           c->gpu_id, c->kfd_major, c->kfd_minor);
    for (int i = 0; i < 3; i++)
        printf("  %-10s %-4s %s\n", c->backings[i].name, c->backings[i].works ? "yes" : "no",
               c->backings[i].why);
    printf("  limits     %llu ranges, %.1f GiB registered in all; ranges in pages of %llu bytes\n",
           (unsigned long long)c->max_ranges, (double)c->max_bytes / (1 << 30),
           (unsigned long long)c->range_alignment);
    printf("  addresses  0x%llx .. 0x%llx, windows placed in units of %llu KiB\n",
           (unsigned long long)c->lowest_address, (unsigned long long)c->highest_address,
           (unsigned long long)c->window_alignment >> 10);
}

static int fail(bool json, const char *what, const char *why)
{
    if (json) {
        printf("{\"error\": ");
        print_json_string(why);
        printf(", \"devices\": []}\n");
    }
    fprintf(stderr, "hip-scatter-info: %s: %s\n", what, why);
    return 1;
}

int main(int argc, char **argv)
{
    static hsa_scatter_capabilities_t all[MAX_AGENTS];
    bool json = argc == 2 && !strcmp(argv[1], "--json");
    struct agents agents = {.count = 0};
    hsa_status_t status;
    const char *text = "unknown status";

    if (argc > 1 && !json) {
        bool help = argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"));

        fprintf(help ? stdout : stderr,
                "usage: hip-scatter-info [--json]\n"
                "Prints what hip-scatter can do with each GPU, and why not.\n");
        return help ? 0 : 2;
    }
    status = hsa_init();
    if (status == HSA_STATUS_SUCCESS)
        status = hsa_iterate_agents(add_gpu, &agents);
    if (status != HSA_STATUS_SUCCESS) {
        hsa_status_string(status, &text);
        return fail(json, "ROCr does not start", text);
    }
    if (!agents.count)
        return fail(json, "no device", "ROCr shows no GPU");
    /* All questions before the first answer: half a JSON document is none. */
    for (size_t i = 0; i < agents.count; i++) {
        all[i].size = sizeof(all[i]);
        if (hsa_scatter_agent_capabilities(agents.gpus[i], &all[i]) != HSA_STATUS_SUCCESS)
            return fail(json, "device", hsa_scatter_last_error_message());
    }
    if (json)
        printf("{\"devices\": [");
    for (size_t i = 0; i < agents.count; i++) {
        if (json)
            print_json(&all[i], i == 0);
        else
            print_text(&all[i]);
    }
    if (json)
        printf("\n]}\n");
    return 0;
}

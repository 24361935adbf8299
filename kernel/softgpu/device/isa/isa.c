/* SPDX-License-Identifier: MIT */
/*
 * The process's instruction-set tables, one per GPU model, made at first use and never freed; and
 * the choice among the vector ALU's variants by what the CPU can do. Owns that state and its lock,
 * nothing else.
 */
#include "isa.h"

#include <pthread.h>

enum { MODELS_MAX = 16 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    const struct sg_arch *arch;
    struct sg_isa *isa;
} known[MODELS_MAX];

extern const struct sg_op_set *const sg_vector_sets_v2[], *const sg_vector_sets_v3[],
                                                              *const sg_vector_sets_v4[];

const struct sg_op_set *const *sg_vector_variant(unsigned variant, const char **name)
{
    static const char *const names[SG_SIMD_VARIANTS] = {"x86-64-v2", "AVX2", "AVX-512"};
    const struct sg_op_set *const *sets[SG_SIMD_VARIANTS] = {sg_vector_sets_v2, sg_vector_sets_v3,
                                                             sg_vector_sets_v4};

    if (name)
        *name = names[variant];
    if (variant >= 1 && !(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                          __builtin_cpu_supports("bmi2")))
        return NULL;
    if (variant >= 2 && !(__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                          __builtin_cpu_supports("avx512dq") &&
                          __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512cd")))
        return NULL;
    return sets[variant];
}

const struct sg_op_set *const *sg_ops_vector(void)
{
    const struct sg_op_set *const *sets = NULL;

    for (unsigned variant = SG_SIMD_VARIANTS; !sets && variant-- > 0;)
        sets = sg_vector_variant(variant, NULL);
    return sets;
}

static struct sg_isa *create(const struct sg_arch *arch)
{
    const struct sg_op_set *sets[64];
    size_t count = 0;

    sets[count++] = &sg_ops_scalar;
    sets[count++] = &sg_ops_smem;
    sets[count++] = &sg_ops_flat;
    sets[count++] = &sg_ops_buffer;
    sets[count++] = &sg_ops_typed;
    sets[count++] = &sg_ops_ds;
    sets[count++] = &sg_ops_gws;
    for (const struct sg_op_set *const *vector = sg_ops_vector(); *vector; vector++)
        sets[count++] = *vector;
    sets[count] = NULL;
    return sg_isa_create(arch, sets);
}

const struct sg_isa *sg_isa_get(const struct sg_arch *arch)
{
    const struct sg_isa *isa = NULL;

    pthread_mutex_lock(&lock);
    for (unsigned i = 0; i < MODELS_MAX && !isa; i++) {
        if (!known[i].arch) {
            known[i].arch = arch;
            known[i].isa = create(arch);
        }
        if (known[i].arch == arch)
            isa = known[i].isa;
    }
    pthread_mutex_unlock(&lock);
    if (!isa)
        sg_unimplemented("no instruction set tables for %s: no memory", arch->name);
    return isa;
}

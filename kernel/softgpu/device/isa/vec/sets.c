/* SPDX-License-Identifier: MIT */
/*
 * The op sets of one variant of the vector ALU.
 */
#include "vec.h"

extern const struct sg_op_set SG_V(sg_vec_int), SG_V(sg_vec_float), SG_V(sg_vec_cvt),
    SG_V(sg_vec_cmp), SG_V(sg_vec_lane), SG_V(sg_vec_f16), SG_V(sg_vec_packed_ops),
    SG_V(sg_vec_matrix);

extern const struct sg_op_set *const SG_V(sg_vector_sets)[];
const struct sg_op_set *const SG_V(sg_vector_sets)[] = {
    &SG_V(sg_vec_int),        &SG_V(sg_vec_float),  &SG_V(sg_vec_cvt),
    &SG_V(sg_vec_cmp),        &SG_V(sg_vec_lane),   &SG_V(sg_vec_f16),
    &SG_V(sg_vec_packed_ops), &SG_V(sg_vec_matrix), NULL,
};

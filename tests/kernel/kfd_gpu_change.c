// SPDX-License-Identifier: MIT
/*
 * Cases: the application changes memory that is mapped to the GPU, and what the page tables say
 * afterwards.
 */
#include "kfd_gpu.h"
const struct test_case change_cases[] = {{NULL, NULL, false}};

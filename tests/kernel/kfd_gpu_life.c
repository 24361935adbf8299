// SPDX-License-Identifier: MIT
#include "kfd_gpu.h"
const struct test_case life_cases[] = {{NULL, NULL, false}};

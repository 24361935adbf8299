// SPDX-License-Identifier: MIT
// The device layer's C headers as the instruction-set tests see them. Owns nothing.
#ifndef HS_TESTS_ISA_DEVICE_HPP
#define HS_TESTS_ISA_DEVICE_HPP

#define _Noreturn [[noreturn]]
#define _Alignas alignas
#define _Static_assert static_assert
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow" // a function with the name of a struct
extern "C" {
#include "isa/isa.h"
#include "wave.h"
}
#pragma GCC diagnostic pop
#undef _Static_assert
#undef _Alignas
#undef _Noreturn

#endif

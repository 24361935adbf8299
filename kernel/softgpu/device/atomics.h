/* SPDX-License-Identifier: MIT */
/*
 * What the read-modify-write instructions compute, and how it is done atomically on host memory.
 * Shared by FLAT, MUBUF, SMEM (memory) and DS (LDS, where only one host thread is at work).
 */
#ifndef SG_ATOMICS_H
#define SG_ATOMICS_H

#include "racy.h"

#include <stdbool.h>

enum sg_rmw {
    SG_RMW_SWAP,
    SG_RMW_CMPSWAP,
    SG_RMW_ADD,
    SG_RMW_SUB,
    SG_RMW_RSUB,
    SG_RMW_SMIN,
    SG_RMW_UMIN,
    SG_RMW_SMAX,
    SG_RMW_UMAX,
    SG_RMW_AND,
    SG_RMW_OR,
    SG_RMW_XOR,
    SG_RMW_INC,
    SG_RMW_DEC,
    SG_RMW_WRAP,
    SG_RMW_MSKOR,
    SG_RMW_FCMPSWAP,
    SG_RMW_FADD,
    SG_RMW_FMIN,
    SG_RMW_FMAX,
    SG_RMW_PK_ADD_F16,
};

static inline float sg_as_f32(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static inline uint32_t sg_from_f32(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

static inline double sg_as_f64(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static inline uint64_t sg_from_f64(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

uint32_t sg_pk_add_f16(uint32_t a, uint32_t b); /* ops_flat.c */

/*
 * Float atomics by integers, so that NaNs and zeros come out the same whatever the compiler makes
 * of them: a sum's NaN is the first NaN operand, quieted, or the positive default; for minimum and
 * maximum a number wins over a NaN, and -0 is below +0, as in V_MIN_F32.
 */
static inline bool sg_is_nan(uint64_t value, uint64_t infinity, uint64_t sign)
{
    return (value & ~sign) > infinity;
}

static inline uint64_t sg_float_nan(uint64_t old, uint64_t data, uint64_t infinity, uint64_t sign,
                                    uint64_t quiet)
{
    return sg_is_nan(old, infinity, sign)    ? old | quiet
           : sg_is_nan(data, infinity, sign) ? data | quiet
                                             : infinity | quiet;
}

static inline uint64_t sg_float_min_max(uint64_t old, uint64_t data, bool max, uint64_t infinity,
                                        uint64_t sign, uint64_t quiet)
{
    int64_t p = data & sign ? -1 - (int64_t)(data & ~sign) : (int64_t)data;
    int64_t q = old & sign ? -1 - (int64_t)(old & ~sign) : (int64_t)old;

    if (sg_is_nan(data, infinity, sign))
        return sg_is_nan(old, infinity, sign) ? old | quiet : old;
    if (sg_is_nan(old, infinity, sign))
        return data;
    return (max ? p > q : p < q) ? data : old;
}

#define SG_F32 0x7f800000u, 0x80000000u, 0x00400000u
#define SG_F64 0x7ff0000000000000u, 0x8000000000000000u, 0x0008000000000000u

static inline uint32_t sg_add_f32(uint32_t old, uint32_t data)
{
    float sum = sg_as_f32(old) + sg_as_f32(data);
    return sum != sum ? (uint32_t)sg_float_nan(old, data, SG_F32) : sg_from_f32(sum);
}

static inline uint64_t sg_add_f64(uint64_t old, uint64_t data)
{
    double sum = sg_as_f64(old) + sg_as_f64(data);
    return sum != sum ? sg_float_nan(old, data, SG_F64) : sg_from_f64(sum);
}

/* The new value. data2: what cmpswap compares with, wrap subtracts, mskor ors. */
static inline __attribute__((always_inline)) uint32_t sg_rmw32(enum sg_rmw op, uint32_t old,
                                                               uint32_t data, uint32_t data2)
{
    switch (op) {
    case SG_RMW_SWAP:
        return data;
    case SG_RMW_CMPSWAP:
        return old == data2 ? data : old;
    case SG_RMW_ADD:
        return old + data;
    case SG_RMW_SUB:
        return old - data;
    case SG_RMW_RSUB:
        return data - old;
    case SG_RMW_SMIN:
        return (int32_t)data < (int32_t)old ? data : old;
    case SG_RMW_UMIN:
        return data < old ? data : old;
    case SG_RMW_SMAX:
        return (int32_t)data > (int32_t)old ? data : old;
    case SG_RMW_UMAX:
        return data > old ? data : old;
    case SG_RMW_AND:
        return old & data;
    case SG_RMW_OR:
        return old | data;
    case SG_RMW_XOR:
        return old ^ data;
    case SG_RMW_INC:
        return old >= data ? 0 : old + 1;
    case SG_RMW_DEC:
        return old == 0 || old > data ? data : old - 1;
    case SG_RMW_WRAP:
        return old >= data ? old - data : old + data2;
    case SG_RMW_MSKOR:
        return (old & ~data) | data2;
    case SG_RMW_FCMPSWAP:
        return sg_as_f32(old) == sg_as_f32(data2) ? data : old;
    case SG_RMW_FADD:
        return sg_add_f32(old, data);
    case SG_RMW_FMIN:
        return (uint32_t)sg_float_min_max(old, data, false, SG_F32);
    case SG_RMW_FMAX:
        return (uint32_t)sg_float_min_max(old, data, true, SG_F32);
    case SG_RMW_PK_ADD_F16:
        return sg_pk_add_f16(old, data);
    }
    return old;
}

static inline __attribute__((always_inline)) uint64_t sg_rmw64(enum sg_rmw op, uint64_t old,
                                                               uint64_t data, uint64_t data2)
{
    switch (op) {
    case SG_RMW_SWAP:
        return data;
    case SG_RMW_CMPSWAP:
        return old == data2 ? data : old;
    case SG_RMW_ADD:
        return old + data;
    case SG_RMW_SUB:
        return old - data;
    case SG_RMW_RSUB:
        return data - old;
    case SG_RMW_SMIN:
        return (int64_t)data < (int64_t)old ? data : old;
    case SG_RMW_UMIN:
        return data < old ? data : old;
    case SG_RMW_SMAX:
        return (int64_t)data > (int64_t)old ? data : old;
    case SG_RMW_UMAX:
        return data > old ? data : old;
    case SG_RMW_AND:
        return old & data;
    case SG_RMW_OR:
        return old | data;
    case SG_RMW_XOR:
        return old ^ data;
    case SG_RMW_INC:
        return old >= data ? 0 : old + 1;
    case SG_RMW_DEC:
        return old == 0 || old > data ? data : old - 1;
    case SG_RMW_MSKOR:
        return (old & ~data) | data2;
    case SG_RMW_FCMPSWAP:
        return sg_as_f64(old) == sg_as_f64(data2) ? data : old;
    case SG_RMW_FADD:
        return sg_add_f64(old, data);
    case SG_RMW_FMIN:
        return sg_float_min_max(old, data, false, SG_F64);
    case SG_RMW_FMAX:
        return sg_float_min_max(old, data, true, SG_F64);
    case SG_RMW_WRAP:
    case SG_RMW_PK_ADD_F16:
        break; /* 32 bits only */
    }
    return old;
}

/* Atomically, on aligned host memory. Returns the value before. */
static inline __attribute__((always_inline)) uint32_t sg_atomic32(enum sg_rmw op, void *host,
                                                                  uint32_t data, uint32_t data2)
{
    sg_u32a *p = host;
    switch (op) {
    case SG_RMW_SWAP:
        return __atomic_exchange_n(p, data, __ATOMIC_SEQ_CST);
    case SG_RMW_ADD:
        return __atomic_fetch_add(p, data, __ATOMIC_SEQ_CST);
    case SG_RMW_SUB:
        return __atomic_fetch_sub(p, data, __ATOMIC_SEQ_CST);
    default:
        break;
    }
    uint32_t old = __atomic_load_n(p, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(p, &old, sg_rmw32(op, old, data, data2), false,
                                        __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        ;
    return old;
}

static inline __attribute__((always_inline)) uint64_t sg_atomic64(enum sg_rmw op, void *host,
                                                                  uint64_t data, uint64_t data2)
{
    sg_u64a *p = host;
    switch (op) {
    case SG_RMW_SWAP:
        return __atomic_exchange_n(p, data, __ATOMIC_SEQ_CST);
    case SG_RMW_ADD:
        return __atomic_fetch_add(p, data, __ATOMIC_SEQ_CST);
    case SG_RMW_SUB:
        return __atomic_fetch_sub(p, data, __ATOMIC_SEQ_CST);
    default:
        break;
    }
    uint64_t old = __atomic_load_n(p, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(p, &old, sg_rmw64(op, old, data, data2), false,
                                        __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        ;
    return old;
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Conversion of texels between memory and registers; see texel.h. Formats that are not implemented
 * stop the program when their value is asked for.
 */
#include "texel.h"

#include "device.h"

#include <math.h>
#include <string.h>

/* Components and bits of each, by DATA_FORMAT; 0: not implemented. */
static const uint8_t components[64] = {
    [1] = 1, [2] = 1, [3] = 2, [4] = 1, [5] = 2, [10] = 4, [11] = 2, [12] = 4, [13] = 3, [14] = 4};
static const uint8_t component_bits[64] = {[1] = 8,  [2] = 16,  [3] = 8,   [4] = 32,  [5] = 16,
                                           [10] = 8, [11] = 32, [12] = 16, [13] = 32, [14] = 32};

struct sg_texel sg_texel_format(unsigned data_format, unsigned number_format, unsigned select)
{
    struct sg_texel t = {
        .number_format = number_format,
        .count = components[data_format & 63],
        .bits = component_bits[data_format & 63],
    };
    t.bytes = t.count * t.bits / 8;
    for (unsigned i = 0; i < 4; i++)
        t.select[i] = select >> (3 * i) & 7;
    return t;
}

bool sg_texel_is_integer(const struct sg_texel *t)
{
    return t->number_format == SG_NUM_UINT || t->number_format == SG_NUM_SINT;
}

static uint32_t float_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

static float bits_float(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static uint32_t largest(unsigned bits)
{
    return bits >= 32 ? UINT32_MAX : (1u << bits) - 1;
}

/* The sRGB transfer function of IEC 61966-2-1, from the stored value to the linear one. */
static float linear_of_srgb(float value)
{
    return value <= 0.04045f ? value / 12.92f : powf((value + 0.055f) / 1.055f, 2.4f);
}

/* Component `index` of memory as the register holds it. */
static uint32_t from_memory(const struct sg_texel *t, uint32_t raw, unsigned index)
{
    int32_t sraw = (int32_t)(raw << (32 - t->bits)) >> (32 - t->bits);
    float limit = (float)largest(t->bits), slimit = (float)largest(t->bits - 1);
    switch (t->number_format) {
    case SG_NUM_UNORM:
        return float_bits((float)raw / limit);
    case SG_NUM_SNORM:
        return float_bits(fmaxf((float)sraw / slimit, -1.0f));
    case SG_NUM_USCALED:
        return float_bits((float)raw);
    case SG_NUM_SSCALED:
        return float_bits((float)sraw);
    case SG_NUM_UINT:
        return raw;
    case SG_NUM_SINT:
        return (uint32_t)sraw;
    case SG_NUM_SRGB:
        if (t->bits == 8 && t->count == 4)
            return float_bits(index == 3 ? (float)raw / limit : linear_of_srgb((float)raw / limit));
        break;
    case SG_NUM_FLOAT:
        if (t->bits == 16) {
            uint16_t half_bits = (uint16_t)raw;
            _Float16 half;
            memcpy(&half, &half_bits, sizeof(half));
            return float_bits((float)half);
        }
        if (t->bits == 32)
            return raw;
        break;
    default:
        break;
    }
    sg_unimplemented("texels with number format %u of %u bits", t->number_format, t->bits);
}

/* And back; values outside of the format's range become its nearest. */
static uint32_t to_memory(const struct sg_texel *t, uint32_t value)
{
    uint32_t limit = largest(t->bits);
    int32_t high = (int32_t)largest(t->bits - 1), low = -high - 1;
    float f = bits_float(value);
    switch (t->number_format) {
    case SG_NUM_UNORM:
        return (uint32_t)rint(fmin(fmax((double)f, 0.0), 1.0) * limit);
    case SG_NUM_SNORM:
        return (uint32_t)(int32_t)rint(fmin(fmax((double)f, -1.0), 1.0) * high) & limit;
    case SG_NUM_USCALED:
        return (uint32_t)fmin(fmax((double)f, 0.0), limit);
    case SG_NUM_SSCALED:
        return (uint32_t)(int32_t)fmin(fmax((double)f, low), high) & limit;
    case SG_NUM_UINT:
        return value > limit ? limit : value;
    case SG_NUM_SINT: {
        int32_t s = (int32_t)value;
        return (uint32_t)(s < low ? low : s > high ? high : s) & limit;
    }
    case SG_NUM_FLOAT:
        if (t->bits == 16) {
            _Float16 half = (_Float16)f;
            uint16_t half_bits;
            memcpy(&half_bits, &half, sizeof(half_bits));
            return half_bits;
        }
        if (t->bits == 32)
            return value;
        break;
    default:
        break;
    }
    sg_unimplemented("texels with number format %u of %u bits", t->number_format, t->bits);
}

uint32_t sg_texel_get(const struct sg_texel *t, const uint8_t *bytes, unsigned index)
{
    uint32_t raw = 0;
    memcpy(&raw, bytes + index * t->bits / 8, t->bits / 8);
    return from_memory(t, raw, index);
}

uint32_t sg_texel_load(const struct sg_texel *t, const uint8_t *bytes, unsigned i)
{
    unsigned select = t->select[i];
    if (select >= 4 && select - 4 < t->count)
        return sg_texel_get(t, bytes, select - 4);
    if (select == 1) /* one, of the format's kind */
        return sg_texel_is_integer(t) ? 1 : float_bits(1.0f);
    return 0;
}

void sg_texel_store(const struct sg_texel *t, const uint32_t value[4], uint8_t bytes[16])
{
    memset(bytes, 0, 16);
    for (unsigned i = 0; i < 4; i++) {
        unsigned component = t->select[i] - 4; /* huge for the constants 0 and 1 */
        if (component >= t->count)
            continue;
        uint32_t raw = to_memory(t, value[i]);
        memcpy(bytes + component * t->bits / 8, &raw, t->bits / 8);
    }
}

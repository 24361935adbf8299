/* SPDX-License-Identifier: MIT */
/*
 * Inline constants (Vega ISA document, table "Scalar Operands": codes 128..208 integers, 240..248
 * floats) and the special scalar sources. Owns no state.
 */
#include "operand.h"

/* clang-format off */
const uint32_t sg_inline32[128] = {
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0x0000000a, 0x0000000b, 0x0000000c, 0x0000000d, 0x0000000e,
    0x0000000f, 0x00000010, 0x00000011, 0x00000012, 0x00000013, 0x00000014, 0x00000015,
    0x00000016, 0x00000017, 0x00000018, 0x00000019, 0x0000001a, 0x0000001b, 0x0000001c,
    0x0000001d, 0x0000001e, 0x0000001f, 0x00000020, 0x00000021, 0x00000022, 0x00000023,
    0x00000024, 0x00000025, 0x00000026, 0x00000027, 0x00000028, 0x00000029, 0x0000002a,
    0x0000002b, 0x0000002c, 0x0000002d, 0x0000002e, 0x0000002f, 0x00000030, 0x00000031,
    0x00000032, 0x00000033, 0x00000034, 0x00000035, 0x00000036, 0x00000037, 0x00000038,
    0x00000039, 0x0000003a, 0x0000003b, 0x0000003c, 0x0000003d, 0x0000003e, 0x0000003f,
    0x00000040, 0xffffffff, 0xfffffffe, 0xfffffffd, 0xfffffffc, 0xfffffffb, 0xfffffffa,
    0xfffffff9, 0xfffffff8, 0xfffffff7, 0xfffffff6, 0xfffffff5, 0xfffffff4, 0xfffffff3,
    0xfffffff2, 0xfffffff1, 0xfffffff0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x3f000000, 0xbf000000, 0x3f800000, 0xbf800000,
    0x40000000, 0xc0000000, 0x40800000, 0xc0800000, 0x3e22f983, 0, 0, 0, 0, 0, 0, 0,
};
const uint16_t sg_inline16[128] = {
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0x000a, 0x000b, 0x000c, 0x000d, 0x000e, 0x000f, 0x0010, 0x0011,
    0x0012, 0x0013, 0x0014, 0x0015, 0x0016, 0x0017, 0x0018, 0x0019, 0x001a, 0x001b, 0x001c,
    0x001d, 0x001e, 0x001f, 0x0020, 0x0021, 0x0022, 0x0023, 0x0024, 0x0025, 0x0026, 0x0027,
    0x0028, 0x0029, 0x002a, 0x002b, 0x002c, 0x002d, 0x002e, 0x002f, 0x0030, 0x0031, 0x0032,
    0x0033, 0x0034, 0x0035, 0x0036, 0x0037, 0x0038, 0x0039, 0x003a, 0x003b, 0x003c, 0x003d,
    0x003e, 0x003f, 0x0040, 0xffff, 0xfffe, 0xfffd, 0xfffc, 0xfffb, 0xfffa, 0xfff9, 0xfff8,
    0xfff7, 0xfff6, 0xfff5, 0xfff4, 0xfff3, 0xfff2, 0xfff1, 0xfff0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x3800, 0xb800, 0x3c00, 0xbc00,
    0x4000, 0xc000, 0x4400, 0xc400, 0x3118, 0, 0, 0, 0, 0, 0, 0,
};
const uint64_t sg_inline64[128] = {
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0x000000000000000au, 0x000000000000000bu, 0x000000000000000cu,
    0x000000000000000du, 0x000000000000000eu, 0x000000000000000fu, 0x0000000000000010u,
    0x0000000000000011u, 0x0000000000000012u, 0x0000000000000013u, 0x0000000000000014u,
    0x0000000000000015u, 0x0000000000000016u, 0x0000000000000017u, 0x0000000000000018u,
    0x0000000000000019u, 0x000000000000001au, 0x000000000000001bu, 0x000000000000001cu,
    0x000000000000001du, 0x000000000000001eu, 0x000000000000001fu, 0x0000000000000020u,
    0x0000000000000021u, 0x0000000000000022u, 0x0000000000000023u, 0x0000000000000024u,
    0x0000000000000025u, 0x0000000000000026u, 0x0000000000000027u, 0x0000000000000028u,
    0x0000000000000029u, 0x000000000000002au, 0x000000000000002bu, 0x000000000000002cu,
    0x000000000000002du, 0x000000000000002eu, 0x000000000000002fu, 0x0000000000000030u,
    0x0000000000000031u, 0x0000000000000032u, 0x0000000000000033u, 0x0000000000000034u,
    0x0000000000000035u, 0x0000000000000036u, 0x0000000000000037u, 0x0000000000000038u,
    0x0000000000000039u, 0x000000000000003au, 0x000000000000003bu, 0x000000000000003cu,
    0x000000000000003du, 0x000000000000003eu, 0x000000000000003fu, 0x0000000000000040u,
    0xffffffffffffffffu, 0xfffffffffffffffeu, 0xfffffffffffffffdu, 0xfffffffffffffffcu,
    0xfffffffffffffffbu, 0xfffffffffffffffau, 0xfffffffffffffff9u, 0xfffffffffffffff8u,
    0xfffffffffffffff7u, 0xfffffffffffffff6u, 0xfffffffffffffff5u, 0xfffffffffffffff4u,
    0xfffffffffffffff3u, 0xfffffffffffffff2u, 0xfffffffffffffff1u, 0xfffffffffffffff0u, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0x3fe0000000000000u, 0xbfe0000000000000u, 0x3ff0000000000000u, 0xbff0000000000000u,
    0x4000000000000000u, 0xc000000000000000u, 0x4010000000000000u, 0xc010000000000000u,
    0x3fc45f306dc9c882u, 0, 0, 0, 0, 0, 0, 0,
};
/* clang-format on */

/*
 * Apertures are 4 GiB long. As a 32-bit source their high half is read: sg_scalar32() takes that
 * from here. For the status sources of 1 bit both halves would be the same bit, so they stand in
 * the low half alone.
 */
uint64_t sg_special_source(const struct sg_wave *w, const struct sg_inst *inst, unsigned code)
{
    const struct sg_dispatch *dispatch = w->group->dispatch;
    char text[128];

    switch (code) {
    case SG_SRC_SHARED_BASE:
        return dispatch->lds_aperture;
    case SG_SRC_SHARED_LIMIT:
        return dispatch->lds_aperture + 0xffffffffu;
    case SG_SRC_PRIVATE_BASE:
        return dispatch->scratch_aperture;
    case SG_SRC_PRIVATE_LIMIT:
        return dispatch->scratch_aperture + 0xffffffffu;
    case SG_SRC_VCCZ:
        return sg_vcc(w) == 0;
    case SG_SRC_EXECZ:
        return sg_exec(w) == 0;
    case SG_SRC_SCC:
        return w->scc;
    default:
        sg_unimplemented("scalar source %u of %s", code, sg_inst_text(inst, text, sizeof(text)));
    }
}

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Generates optable.c: one row per opcode and encoding of gfx906 and gfx90a, asked from LLVM's disassembler.

Every opcode number of every encoding is disassembled with distinct registers in every field; the text gives the
mnemonic, the width of each operand and which of them exist. Only facts (numbers, names, widths) are kept.
Usage: gen_optable.py > optable.c"""
import re
import sys

from llvm_disasm import Disassembler

ARCHS = (("gfx906", "G906"), ("gfx90a", "G90A"))

# Field values: distinct, aligned for the widest operand. VGPR numbers for v*, SGPR numbers for s*.
VDST, V0, V1, V2 = 32, 64, 96, 128
SDST, S0, S1, S2 = 16, 36, 48, 60
SDST3B = 0  # the VOP3B sdst field stays zero: bits of modifiers in VOP3A


def vop3(op, dst, src, acc=0, vop3p=False):
    packed = vop3p and op < 0x40
    head = (0xD3800000 | op << 16 | packed << 14) if vop3p else (0xD0000000 | op << 16)
    tail = src[0] | src[1] << 9 | src[2] << 18 | (3 << 27 if packed else acc << 27)
    return [head | dst, tail]


def candidates(encoding, op):
    """Bit patterns that may be opcode `op` of an encoding; the first that LLVM accepts counts."""
    v = [256 + V0, 256 + V1, 256 + V2]
    if encoding == "SOP2":
        if op < 96:
            yield [0x80000000 | op << 23 | SDST << 16 | S1 << 8 | S0, 0, 0]
            yield [0x80000000 | op << 23 | S1 << 8 | S0, 0, 0]
    elif encoding == "SOPK":
        if op < 29:
            yield [0xB0000000 | op << 23 | SDST << 16 | 0x0004, 0x1234, 0]
            yield [0xB0000000 | op << 23 | SDST << 16 | 0x0801, 0x1234, 0]
    elif encoding == "SOP1":
        yield [0xBE800000 | SDST << 16 | op << 8 | S0, 0, 0]
    elif encoding == "SOPC":
        yield [0xBF000000 | op << 16 | S1 << 8 | S0, 0, 0]
    elif encoding == "SOPP":
        yield [0xBF800000 | op << 16, 0, 0]
    elif encoding == "SMEM":
        yield [0xC0000000 | op << 18 | 1 << 17 | SDST << 6 | S0 // 2, 0, 0]
        yield [0xC0000000 | op << 18 | SDST << 6, 0, 0]
        yield [0xC0000000 | op << 18, 0, 0]
    elif encoding == "VOP1":
        yield [0x7E000000 | VDST << 17 | op << 9 | v[0], 0, 0]
        yield [0x7E000000 | VDST << 17 | op << 9 | S0, 0, 0]
    elif encoding == "VOP2":
        if op < 62:
            yield [op << 25 | VDST << 17 | V1 << 9 | v[0], 0, 0]
            yield [op << 25 | VDST << 17 | V1 << 9 | S0, 0, 0]
    elif encoding == "VOPC":
        yield [0x7C000000 | op << 17 | V1 << 9 | v[0], 0, 0]
    elif encoding == "VOP3":
        if op < 0x380:
            yield vop3(op, VDST, v) + [0]
            yield vop3(op, VDST, [v[0], v[1], S2]) + [0]
            yield vop3(op, VDST, [v[0], v[1], 0]) + [0]
            yield vop3(op, VDST, [v[0], 0, 0]) + [0]
            yield vop3(op, VDST, [v[0], S1, 0]) + [0]
            yield vop3(op, VDST, [S0, S1, 0]) + [0]
    elif encoding == "VOP3P":
        yield vop3(op, VDST, v, vop3p=True) + [0]
        yield vop3(op, VDST, [v[0], v[1], 0], vop3p=True) + [0]
        yield vop3(op, VDST, [v[0], 0, 0], vop3p=True) + [0]
    elif encoding == "VINTRP":
        if op < 4:
            yield [0xD4000000 | VDST << 18 | op << 16 | V0, 0, 0]
    elif encoding == "DS":
        for fields in range(15, -1, -1):  # unused fields must be zero
            tail = sum(f for k, f in enumerate((V2 << 16, V1 << 8, VDST << 24, V0)) if fields >> k & 1)
            yield [0xD8000000 | op << 17, tail, 0]
            yield [0xD8000000 | op << 17 | 1 << 16, tail, 0]
    elif encoding in ("FLAT", "SCRATCH", "GLOBAL"):
        segment = {"FLAT": 0, "SCRATCH": 1, "GLOBAL": 2}[encoding]
        saddr = 0 if encoding == "FLAT" else 0x7F
        for data in (V1 << 8 | VDST << 24, V1 << 8, VDST << 24):
            for glc in (1, 0):
                yield [0xDC000000 | op << 18 | segment << 14 | glc << 16, V0 | data | saddr << 16, 0]
    elif encoding == "MUBUF":
        yield [0xE0000000 | op << 18 | 1 << 12, V0 | V1 << 8 | (S0 // 4) << 16 | 0x80 << 24, 0]
        yield [0xE0000000 | op << 18 | 1 << 16, (S0 // 4) << 16 | 0x80 << 24, 0]
        yield [0xE0000000 | op << 18, 0, 0]
    elif encoding == "MTBUF":
        if op < 16:
            yield [0xE8000000 | op << 15 | 1 << 19, V0 | V1 << 8 | (S0 // 4) << 16 | 0x80 << 24, 0]
    elif encoding == "MIMG":
        if op < 128:
            for mask in (0xF, 1, 3):
                yield [0xF0000000 | op << 18 | mask << 8 | 1 << 12,
                       V0 | V1 << 8 | (S0 // 4) << 16 | (S1 // 4) << 21, 0]
    elif encoding == "EXP":
        if op == 0:
            yield [0xC4000000 | 0xF, 0, 0]


SPACE = {"SOP2": 96, "SOPK": 29, "SOP1": 256, "SOPC": 128, "SOPP": 128, "SMEM": 256, "VOP1": 256, "VOP2": 62,
         "VOPC": 256, "VOP3": 0x380, "VOP3P": 128, "VINTRP": 4, "DS": 256, "FLAT": 128, "SCRATCH": 128,
         "GLOBAL": 128, "MUBUF": 128, "MTBUF": 16, "MIMG": 128, "EXP": 1}


def operand(text):
    """(kind, number, dwords) of a register operand, or None."""
    text = text.strip().split(" ")[0]
    match = re.fullmatch(r"([vsa])(\d+)", text)
    if match:
        return match[1], int(match[2]), 1
    match = re.fullmatch(r"([vsa])\[(\d+):(\d+)\]", text)
    if match:
        return match[1], int(match[2]), int(match[3]) - int(match[2]) + 1
    if text == "vcc":
        return "c", 106, 2
    return None


def shape(encoding, words, length, text):
    """Widths of destination and sources in dwords, and flags."""
    rest = text.split(" ", 1)[1] if " " in text else ""
    operands = [o for o in map(operand, rest.split(",")) if o]
    dst, src, flags = 0, [0, 0, 0], set()
    if encoding.startswith("VOP"):
        third = {S0: 0, S1: 1, S2: 2}
        for kind, number, dwords in operands:
            if kind in "va" and number == VDST and not dst:
                dst = dwords
            elif kind in "va" and number in (V0, V1, V2):
                src[(V0, V1, V2).index(number)] = dwords
            elif kind == "s" and number == SDST3B and encoding == "VOP3":
                flags.add("SDST")
            elif kind == "s" and number in third:
                src[third[number]] = dwords
            elif kind == "s" and number == VDST:
                dst = dwords
                flags.add("SCALAR_DST")
            elif kind == "c":
                first = rest.split(",").index(" vcc" if " vcc" in rest.split(",") else "vcc")
                flags.add("VCC_DST" if first <= 1 else "VCC_SRC")
                if rest.count("vcc") > 1:
                    flags.add("VCC_SRC")
        if any(kind == "a" for kind, _, _ in operands):
            flags.add("ACC")
    elif encoding.startswith("SOP"):
        for kind, number, dwords in operands:
            if number == SDST:
                dst = dwords
            elif number in (S0, S1):
                src[(S0, S1).index(number)] = dwords
    elif encoding == "SMEM":
        for kind, number, dwords in operands:
            if number == SDST:
                dst = dwords
            elif number == S0:
                src[0] = dwords
    else:
        for kind, number, dwords in operands:
            if kind in "va" and number == VDST:
                dst = dwords
            elif kind in "va" and number in (V0, V1, V2):
                src[(V0, V1, V2).index(number)] = dwords
    if encoding in ("SOPK", "VOP2") and length == 2:
        flags.add("LITERAL")
    return dst, src, flags


def mnemonic(text):
    return re.sub(r"(_e32|_e64|_sdwa|_dpp)$", "", text.split(" ")[0])


def modified_forms(disassemble, encoding, op, name):
    """Which of SDWA and DPP an opcode has."""
    flags = set()
    if encoding not in ("VOP1", "VOP2", "VOPC"):
        return flags
    base = {"VOP1": 0x7E000000 | op << 9 | VDST << 17, "VOP2": op << 25 | V1 << 9 | VDST << 17,
            "VOPC": 0x7C000000 | op << 17 | V1 << 9}[encoding]
    sdwa = V0 | 6 << 16 | (0 if encoding == "VOP1" else 6 << 24) | (0 if encoding == "VOPC" else 6 << 8)
    for flag, code, word in (("SDWA", 249, sdwa), ("DPP", 250, V0 | 0xFF << 24 | 0xE4 << 8)):
        length, text = disassemble(base | code, word, 0)
        if length == 2 and mnemonic(text) == name:
            flags.add(flag)
    return flags


def main():
    rows = {}
    for cpu, arch in ARCHS:
        disassemble = Disassembler(cpu)
        for encoding, count in SPACE.items():
            for op in range(count):
                for words in candidates(encoding, op):
                    length, text = disassemble(*words)
                    if length == 0 or text.startswith("."):
                        continue
                    name = mnemonic(text)
                    dst, src, flags = shape(encoding, words, length, text)
                    flags |= modified_forms(disassemble, encoding, op, name)
                    key = (encoding, op, name, dst, tuple(src), tuple(sorted(flags)))
                    rows.setdefault(key, set()).add(arch)
                    break
    order = list(SPACE)
    print("/* SPDX-License-Identifier: MIT */")
    print("/*\n * Generated by tools/gen_optable.py from LLVM 15's disassembler; do not edit. One row per opcode")
    print(" * and encoding: mnemonic, encoding, number, models, dwords of destination and sources, flags.\n */")
    print('#include "../inst.h"\n')
    print("/* clang-format off */")
    print("enum { G906 = SG_OP_GFX906, G90A = SG_OP_GFX90A };")
    print("const struct sg_opcode sg_opcodes[] = {")
    for key in sorted(rows, key=lambda k: (order.index(k[0]), k[1], k[2])):
        encoding, op, name, dst, src, flags = key
        models = " | ".join(sorted(rows[key]))
        bits = " | ".join("SG_OPF_" + f for f in flags) or "0"
        print('    {"%s", SG_ENC_%s, 0x%03x, %s, %d, {%d, %d, %d}, %s},'
              % (name, encoding, op, models, dst, src[0], src[1], src[2], bits))
    print("};")
    print("const size_t sg_opcode_count = sizeof(sg_opcodes) / sizeof(sg_opcodes[0]);")
    sys.stderr.write("%d rows\n" % len(rows))


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: MIT
"""The text of random kernels: a seed makes one kernel with its helper functions, always the same one.

Written in the words of random_kernels.h. Only what C (or the description of an instruction) defines to the bit:
integers wrap, shifts and indices are masked, NaN bits never reach an integer, threads meet in barriers and lane
operations only where all of them, or all that a mask names, come by."""
import random
import re

# C type: (bits, signed)
INTS = {"u8": (8, False), "i8": (8, True), "u16": (16, False), "i16": (16, True),
        "u32": (32, False), "i32": (32, True), "u64": (64, False), "i64": (64, True)}
FLOATS = ("float", "double", "half")
TYPES = tuple(INTS) + FLOATS

# What a kernel is mostly about: weights of the types, and of the statements other than assignments.
THEMES = {
    "integers": ({"u32": 5, "i32": 4, "u16": 1, "u8": 1, "u64": 1}, {}),
    "narrow": ({"u8": 3, "i8": 3, "u16": 3, "i16": 3, "u32": 2}, {"memory": 3, "lds": 2}),
    "wide": ({"u64": 5, "i64": 5, "u32": 2, "i32": 1}, {"memory": 2}),
    "floats": ({"float": 6, "i32": 1, "u32": 2, "half": 1, "double": 1}, {}),
    "doubles": ({"double": 6, "i64": 1, "u32": 2, "float": 2}, {}),
    "halves": ({"half": 6, "i16": 2, "u16": 2, "u32": 3}, {"pairs": 4}),
    "control": ({"u32": 4, "i32": 2, "i16": 1, "u64": 1, "float": 1}, {"if": 4, "for": 4, "while": 4, "switch": 4, "call": 2}),
    "calls": ({"u32": 4, "u64": 2, "float": 1, "i8": 1}, {"call": 8, "struct": 4, "pointer": 4}),
    "memory": ({"u32": 4, "u64": 2, "u8": 2, "i16": 2, "float": 1}, {"memory": 6, "lds": 6, "array": 3, "table": 3, "struct": 2}),
    "threads": ({"u32": 4, "u64": 2, "i32": 1}, {"group": 12}),
    "uniform": ({"u32": 5, "i32": 4, "u64": 3, "i64": 2}, {"uniform": 10, "table": 2, "group": 2}),
    "mixed": ({t: 2 for t in TYPES}, {"group": 3}),
}
STATEMENTS = {"declare": 4, "assign": 4, "if": 2, "for": 1, "while": 1, "switch": 1, "array": 1, "call": 1, "struct": 1,
              "pointer": 1, "memory": 1, "lds": 1, "table": 1, "pairs": 1, "acc": 1, "group": 3, "uniform": 2}


def weighted(rng, weights):
    return rng.choices(list(weights), list(weights.values()))[0]


class Source:
    """What the functions of one kernel share."""

    def __init__(self, seed, dropped=()):
        self.rng = random.Random(seed)
        self.dropped = frozenset(dropped)
        self.statements = 0
        types, extra = THEMES[weighted(self.rng, {name: 2 if name == "mixed" else 1 for name in THEMES})]
        self.types = types
        self.weights = {name: weight + extra.get(name, 0) for name, weight in STATEMENTS.items()}
        self.fields = []  # of struct Pack
        self.table_type, self.table_size = "u32", 16


class Function:
    """The body of one function: variables of a few types, then statements until the budget of operators is spent."""

    def __init__(self, source, callees, budget, kernel=None):
        self.source, self.rng, self.callees, self.budget = source, source.rng, callees, budget
        self.kernel = kernel  # of a kernel: its shape, and all the group statements are allowed
        self.lines, self.indent, self.counter = [], 1, 0
        self.variables = {t: [] for t in TYPES}
        self.uniform = []  # u32 expressions that are the same in all threads
        self.arrays = []
        self.fixed = set()
        kinds = {weighted(self.rng, source.types) for _ in range(4)} | {"u32"}
        self.kinds = sorted(kinds)

    def emit(self, text):
        self.lines.append("    " * self.indent + text)

    def fresh(self, prefix="t"):
        self.counter += 1
        return "%s%d" % (prefix, self.counter)

    # ---- expressions

    def kind(self):
        return self.rng.choice(self.kinds)

    def int_kind(self):
        return self.rng.choice([k for k in self.kinds if k in INTS])

    def literal(self, kind):
        r = self.rng
        if kind in FLOATS:
            value = r.choice(["0.0", "1.0", "-1.0", "0.5", "3.0", "1e-3", "-7.25", "0.1"] +
                             (["65536.0", "1e30", "1e-38"] if kind != "half" else ["1024.0", "6e-6"]))
            return {"float": "%sf", "double": "%s", "half": "(half)%sf"}[kind] % value
        bits, _ = INTS[kind]
        value = r.choice([0, 1, 2, 3, 7, 16, 31, 32, 64, 127, 255, 0x7fff, 0xffff, 0x12345678, r.getrandbits(bits)])
        return "(%s)0x%x%s" % (kind, value & ((1 << bits) - 1), "ull" if bits == 64 else "u")

    def leaf(self, kind):
        if self.variables[kind] and self.rng.random() < 0.85:
            return self.rng.choice(self.variables[kind])
        if kind not in self.kinds or self.rng.random() < 0.3:
            others = [k for k in self.kinds if self.variables[k]]
            if others:
                other = self.rng.choice(others)
                return self.converted(kind, other, self.rng.choice(self.variables[other]))
        return self.literal(kind)

    def converted(self, kind, other, text):
        if kind == other:
            return text
        if other in FLOATS and kind in INTS:
            return "(%s)%s(%s)" % (kind, self.rng.choice(["to_int", "bits_of"]), text)
        if kind == "half":  # exact before it is rounded once
            return "(half)(float)(i16)%s" % text if other in INTS else "(half)%s" % text
        return "(%s)%s" % (kind, text)

    def expression(self, kind, depth=0):
        r = self.rng
        self.budget -= 1
        if depth > 2 or (depth and (self.budget < 0 or r.random() < 0.15 * depth)):
            return self.leaf(kind)
        if kind == "half":
            return self.half_expression(depth)
        if kind in FLOATS:
            return self.float_expression(kind, depth)
        return self.int_expression(kind, depth)

    def int_expression(self, kind, depth):
        r = self.rng
        bits, signed = INTS[kind]
        u = "u64" if bits == 64 else "u32"
        e = lambda k=kind: self.expression(k, depth + 1)
        a = lambda: "(%s)%s" % (u, e())
        choice = r.randrange(25)
        if choice == 24:  # put together from parts, as SDWA does
            part = r.choice([8, 16])
            pick = lambda: "((%s) & 0x%x)" % ("%s %s %s" % (e("u32"), r.choice("+-*^&|"), self.leaf("u32")), (1 << part) - 1)
            return "(%s)(%s | %s << %d)" % (kind, pick(), pick(), part)
        if choice < 8:
            return "(%s)(%s %s %s)" % (kind, a(), r.choice("+-*&|^+-*"), a())
        if choice < 10:
            return "(%s)(%s >> (%s & %d))" % (kind, e() if signed or r.random() < 0.5 else a(), e("u32"), bits - 1)
        if choice == 10:
            return "(%s)(%s << (%s & %d))" % (kind, a(), e("u32"), bits - 1)
        if choice == 11:
            self.budget -= 2 if bits < 64 else 12  # the GPU has no division
            if r.random() < 0.25 and bits < 64:
                return "(%s)((%s & 0xffffff) %s ((%s & 0xffff) + 1))" % (kind, a(), r.choice("/%"), a())
            return "(%s)%s(%s, %s)" % (kind, r.choice(["quotient", "rest"]), a(), a())
        if choice == 12 and signed and bits == 32:
            self.budget -= 2
            return "(i32)((%s >> 1) %s ((%s & 0xffff) + 3))" % (e(), r.choice("/%"), e())
        if choice == 13:
            return "(%s)%s" % (kind, r.choice([
                "__builtin_popcountll((u64)%s)", "__builtin_clzll((u64)%s | 1)", "__builtin_ctzll((u64)%s | 1ull << 63)",
                "__builtin_popcount((u32)%s)", "__builtin_clz((u32)%s | 1)", "__builtin_ctz((u32)%s | 1u << 31)",
                "__builtin_ffs((i32)%s)"]) % e(self.int_kind()))
        if choice == 14:
            return "(%s)(wide_mad(%s, %s, %s) >> %d)" % (kind, e("u32"), e("u32"), e("u64"), r.choice([0, 16, 32]))
        if choice == 15:
            return "(%s)((i64)%s * %s >> %d)" % (kind, e("i32"), e("i32"), r.choice([0, 16, 32]))
        if choice == 16:
            floats = [k for k in self.kinds if k in FLOATS]
            return self.converted(kind, floats[0], e(floats[0])) if floats else e()
        if choice == 17:
            return "(%s)%s" % (kind, r.choice(["__builtin_bswap%d(%%s)" % (64 if bits == 64 else 32),
                                               "__builtin_bitreverse32((u32)%s)", "mix((u32)%s)"]) % a())
        if choice == 18:
            return "(%s)(%s ? %s : %s)" % (kind, self.condition(depth + 1), e(), e())
        if choice == 19:
            return "(%s)__builtin_elementwise_%s(%s, %s)" % (kind, r.choice(["min", "max"]), e(), e())
        if choice == 20:
            n, w = r.randrange(8, 64), "u64" if bits == 64 else "u32"
            return "(%s)%s" % (kind, "__builtin_rotateleft%s(%s, %d)" % (w[1:], a(), n % int(w[1:])))
        if choice == 21:
            return "(%s)%s(%s, %s)" % (kind, r.choice(["add_limited", "sub_limited"]), e("u32"), e("u32"))
        if choice == 22:
            name, count = r.choice([("field", 3), ("signed_field", 3), ("permuted", 3), ("aligned_bits", 3), ("aligned_bytes", 3),
                                    ("sad8", 3), ("sad16", 3), ("lerp", 3), ("dot_unsigned", 3), ("dot_signed", 3),
                                    ("dot_nibbles", 3), ("dot_pairs", 3), ("pack_saturated", 2), ("add_pairs", 2),
                                    ("sub_pairs", 2), ("mad_pairs", 3), ("shift_pairs", 2), ("max_pairs", 2)])
            return "(%s)%s(%s)" % (kind, name, ", ".join(e("u32") for _ in range(count)))
        return "(%s)%s" % (kind, e(self.int_kind()))

    def float_expression(self, kind, depth):
        r = self.rng
        f = "f" if kind == "float" else ""
        a = lambda: self.expression(kind, depth + 1)
        choice = r.randrange(22)
        if choice < 7:
            operator = r.choice("+-*+-*/")
            self.budget -= 8 if operator == "/" else 0
            return "(%s %s %s)" % (a(), operator, a())
        if choice < 10:
            return "fused(%s, %s, %s)" % (a(), a(), a())
        if choice == 10:
            self.budget -= 8
            return "root(%s)" % a()
        if choice == 11:
            return "%s_of(%s, %s)" % (r.choice(["min", "max"]), a(), a())
        if choice == 12:
            return "__builtin_%s%s(%s)" % (r.choice(["floor", "ceil", "trunc", "rint", "fabs"]), f, a())
        if choice == 13:
            return "scaled(%s, (int)(%s & 63) - 32)" % (a(), self.expression("u32", depth + 1))
        if choice == 14:
            other = self.kind()
            return self.converted(kind, other, self.expression(other, depth + 1))
        if choice == 15:
            return "%s_from((u64)%s)" % (kind, self.expression("u32" if kind == "float" else "u64", depth + 1))
        if choice == 16:
            return "(%s ? %s : %s)" % (self.condition(depth + 1), a(), a())
        if choice == 17:
            return "(- %s)" % a()
        if choice == 18:
            return "with_sign(%s, %s)" % (a(), a())
        if choice == 19:
            return "%s(%s)" % (r.choice(["fraction", "mantissa", "(%s)exponent" % kind]), a())
        if kind == "float":
            if choice == 20:
                return "median(%s, %s, %s)" % (a(), a(), a())
            return "(float)(%s >> %d & 255)" % (self.expression("u32", depth + 1), r.choice([0, 8, 16, 24]))
        return "(double)%s" % self.expression(r.choice(["i32", "u32", "float"]), depth + 1)

    def half_expression(self, depth):
        r = self.rng
        a = lambda: self.expression("half", depth + 1)
        choice = r.randrange(10)
        if choice < 5:
            return "half_%s(%s, %s)" % (r.choice(["add", "sub", "mul", "min"]), a(), a())
        if choice < 7:
            return "half_fma(%s, %s, %s)" % (a(), a(), a())
        if choice == 7:
            return "(- %s)" % a()
        if choice == 8:
            other = self.kind()
            return self.converted("half", other, self.expression(other, depth + 1))
        return "half_from((u64)%s)" % self.expression("u32", depth + 1)

    def condition(self, depth=0):
        r = self.rng
        kind = self.kind()
        if kind == "float" and r.random() < 0.2:
            return "is_class(%s, 0x%x)" % (self.expression(kind, depth + 1), r.getrandbits(10))
        text = "(%s %s %s)" % (self.expression(kind, depth + 1), r.choice(["<", "<=", ">", ">=", "==", "!="]),
                               self.expression(kind, depth + 1))
        if r.random() < 0.2 and depth < 2:
            return "(%s %s %s)" % (text, r.choice(["&&", "||"]), self.condition(depth + 1))
        return text

    # ---- statements

    def declare(self, kind, value):
        name = self.fresh()
        self.emit("%s %s = %s;" % (kind, name, value))
        self.variables[kind].append(name)

    def block(self, depth, count):
        """Statements in braces; what they declare is forgotten behind them."""
        saved = {t: list(v) for t, v in self.variables.items()}, list(self.arrays)
        self.indent += 1
        for _ in range(count):
            self.statement(depth + 1)
        self.indent -= 1
        self.variables, self.arrays = saved

    def statement(self, depth=0):
        """One statement. A dropped one (see shrink) leaves its variables behind, with the value zero."""
        self.source.statements += 1
        number = self.source.statements
        mark = len(self.lines)
        before = {t: len(v) for t, v in self.variables.items()}
        arrays = len(self.arrays)
        weights = self.source.weights
        if depth > 2 or self.budget < 0:
            name = "assign"
        else:
            name = weighted(self.rng, weights)
        if name in ("group", "uniform") and not (self.kernel and depth == 0):
            name = "assign"
        getattr(self, "do_" + name)(depth)
        if number in self.source.dropped:
            del self.lines[mark:]
            for kind, names in self.variables.items():
                for n in names[before[kind]:]:
                    self.emit("%s %s = 0;" % (kind, n))
            for kind, n, size in self.arrays[arrays:]:
                self.emit("%s %s[%d] = {};" % (kind, n, size))

    def do_declare(self, _):
        kind = self.kind()
        self.declare(kind, self.expression(kind))

    def do_assign(self, _):
        kind = self.kind()
        names = [n for n in self.variables[kind] if n not in self.fixed]
        if not names:
            return self.do_acc(_)
        self.emit("%s = %s;" % (self.rng.choice(names), self.expression(kind)))

    def do_acc(self, _):
        kind = self.kind()
        value = self.expression(kind)
        self.emit("s->acc = (s->acc << 7 | s->acc >> 57) ^ %s;" % ("bits_of(%s)" % value if kind in FLOATS else "(u64)%s" % value))

    def do_if(self, depth):
        r = self.rng
        self.emit("if (%s) {" % self.condition())
        self.block(depth, r.randrange(1, 3))
        if r.random() < 0.5:
            self.emit("} else {")
            self.block(depth, r.randrange(1, 3))
        self.emit("}")

    def do_for(self, depth):
        r = self.rng
        name, mark = self.fresh("k"), len(self.lines)
        self.emit("for (u32 %s = 0; %s < (%s & %d) && s->fuel; %s++) {"
                  % (name, name, self.expression("u32", 1), r.choice([3, 7, 15]), name))
        self.emit("    s->fuel--;")
        self.variables["u32"].append(name)
        self.fixed.add(name)
        self.block(depth, r.randrange(1, 3))
        if r.random() < 0.3:
            self.emit("    if (%s) %s;" % (self.condition(1), r.choice(["break", "continue"])))
        self.variables["u32"].remove(name)
        self.emit("}")
        self.settle(mark)

    def do_while(self, depth):
        """A loop that lanes leave at different times, in the middle."""
        r = self.rng
        label, mark = self.fresh("out"), len(self.lines)
        self.emit("do {")
        self.emit("    if (s->fuel < 2) break;")
        self.emit("    s->fuel -= 2;")
        self.block(depth, 1)
        if r.random() < 0.4:
            self.emit("    if (%s) goto %s;" % (self.condition(1), label))
        elif r.random() < 0.5:
            self.emit("    if (%s) continue;" % self.condition(1))
        self.block(depth, 1)
        self.emit("} while (%s);" % self.condition(1))
        self.emit("s->acc += 0x51ed270b;")
        self.emit("%s: s->acc ^= 5;" % label)
        self.settle(mark)

    def settle(self, mark):
        """Behind a loop that begins at line `mark`: see settle() in random_kernels.h."""
        changed = {m[1] for m in (re.match(r"\s*(t\d+) = ", line) for line in self.lines[mark:]) if m}
        for names in self.variables.values():
            for n in names:
                if n in changed:
                    self.emit("settle(%s);" % n)

    def do_switch(self, depth):
        r = self.rng
        cases = r.choice([3, 7])
        self.emit("switch (%s & %d) {" % (self.expression("u32", 1), cases))
        for case in sorted(r.sample(range(cases + 1), 3)):
            self.emit("case %d: {" % case)
            self.block(depth, 1)
            self.emit("}")
            if r.random() < 0.7:
                self.emit("    break;")
        self.emit("default: s->acc += 0x9e3779b9u;")
        self.emit("}")

    def do_array(self, _):
        # No arrays of bytes: LLVM 15 inserts into small byte vectors with a 16-bit mask and overwrites the
        # next element (SIISelLowering, lowerINSERT_VECTOR_ELT).
        r = self.rng
        if self.arrays and r.random() < 0.6:
            kind, name, size = r.choice(self.arrays)
            self.emit("%s[%s & %d] = %s;" % (name, self.expression("u32", 2), size - 1, self.expression(kind, 1)))
            self.declare(kind, "%s[%s & %d]" % (name, self.expression("u32", 2), size - 1))
            return
        kinds = [k for k in self.kinds if k not in ("u8", "i8", "half")]
        kind, size = r.choice(kinds), r.choice([4, 8, 16])
        name = self.fresh("a")
        self.emit("%s %s[%d] = {%s};" % (kind, name, size, ", ".join(self.leaf(kind) for _ in range(min(size, 5)))))
        self.arrays.append((kind, name, size))

    def do_call(self, _):
        if not self.callees:
            return self.do_acc(_)
        self.emit("if (s->fuel > 3) { s->fuel -= 4; s->acc ^= %s(%s, %s, s); }"
                  % (self.rng.choice(self.callees), self.expression("u32", 1), self.expression("u64", 1)))

    def do_pointer(self, _):
        """A call through a pointer, the same one in all lanes or not."""
        if len(self.callees) < 2:
            return self.do_call(_)
        a, b = self.rng.sample(self.callees, 2)
        name = self.fresh("call")
        self.emit("u64 (*%s)(u32, u64, State *) = %s ? %s : %s;" % (name, self.condition(1), a, b))
        self.emit("if (s->fuel > 3) { s->fuel -= 4; s->acc += %s(%s, %s, s); }"
                  % (name, self.expression("u32", 1), self.expression("u64", 1)))

    def do_struct(self, _):
        if not self.kernel:
            return self.do_acc(_)
        name = self.fresh("p")
        kind, field = self.rng.choice(self.source.fields)
        self.emit("Pack %s = changed(pack, %s);" % (name, self.expression("u32", 1)))
        self.declare(kind, "%s_of(%s.%s)" % (kind, name, field) if kind == "float" else "%s.%s" % (name, field))
        self.emit("s->acc ^= folded(%s);" % name)

    def do_memory(self, _):
        """Bytes of the thread's own in memory or LDS; also through a pointer to either."""
        if not self.kernel:
            return self.do_array(_)
        r = self.rng
        place = r.choice(["m", "m", "m", "lm", "(%s ? m : lm)" % self.condition(2)])
        for _ in range(r.randrange(1, 3)):
            kind = r.choice([k for k in self.kinds if k != "half"])
            size = {"float": 4, "double": 8}.get(kind) or INTS[kind][0] // 8
            if r.random() < 0.3:
                where, how = "%s + (%s & %d)" % (place, self.expression("u32", 2), 31 - size), ""
            else:
                where, how = "%s + %d" % (place, r.randrange(32 // size) * size), "_aligned"
            if r.random() < 0.5:
                value = self.expression(kind, 1)
                if kind in FLOATS:  # no NaN, whose bits would be seen
                    value = "%s_of(%s)" % (kind, value)
                self.emit("store%s<%s>(%s, %s);" % (how, kind, where, value))
            elif kind in FLOATS:
                self.declare(kind, "%s_from(load%s<%s>(%s))" % (kind, how, "u32" if size == 4 else "u64", where))
            else:
                self.declare(kind, "load%s<%s>(%s)" % (how, kind, where))
        if r.random() < 0.25:
            kind = r.choice(["u32x2", "u32x4", "u32x4"])
            self.emit("store_aligned<%s>(%s, load_aligned<%s>(%s) + %s);"
                      % (kind, r.choice(["m + 32", "lm", "lm + 16"]), kind, r.choice(["m", "m + 16", "m + 48", "lm", "lm + 16"]),
                         self.expression("u32", 2)))

    def do_lds(self, _):
        """An atomic on a word of the thread's own: what it returns does not depend on the others."""
        if not self.kernel:
            return self.do_acc(_)
        r = self.rng
        kind = r.choice(["u32", "i32", "u64", "i64", "u32"])
        at = r.randrange(0, 32, 8)
        where = "(%s *)(%s + %d)" % (kind, r.choice(["m", "lm", "lm"]), at)
        names = ["add", "sub", "and", "or", "xor", "min", "max", "swap"] + (["wrap_inc", "wrap_dec"] if kind[0] == "u" else [])
        value = self.expression(kind, 1)
        if r.random() < 0.15:
            text = "atomic_cas(%s, %s, %s)" % (where, "*" + where if r.random() < 0.6 else self.expression(kind, 2), value)
        else:
            text = "atomic_%s(%s, %s)" % (r.choice(names), where, value)
        if r.random() < 0.3:
            self.emit(text + ";")
        else:
            self.emit("s->acc += (u64)%s;" % text)

    def do_table(self, _):
        self.declare(self.source.table_type, "table[%s & %d]" % (self.expression("u32", 1), self.source.table_size - 1))
        if self.source.table_type not in self.kinds:
            self.emit("s->acc ^= %s;" % self.variables[self.source.table_type][-1])

    def do_pairs(self, _):
        r = self.rng
        if "float" in self.kinds and r.random() < 0.7:
            self.emit("s->acc += float_pairs(%s);" % ", ".join(self.expression("float", 1) for _ in range(4)))
        elif r.random() < 0.3:
            self.emit("s->acc += pack_rtz(%s, %s);" % (self.expression("float", 1), self.expression("float", 1)))
        elif r.random() < 0.3:
            self.emit("s->acc ^= carries(%s, %s);" % (self.expression("u64", 1), self.expression("u64", 1)))
        else:
            self.emit("s->acc += fma_pairs(%s);" % ", ".join(self.expression("u32", 1) for _ in range(3)))

    def do_uniform(self, depth):
        """Arithmetic, and a branch, on values that all threads share: the scalar unit."""
        threads, self.variables = self.variables, {t: [] for t in TYPES}
        kinds, self.kinds = self.kinds, ["i32", "i64", "u32", "u64"]
        for name in self.uniform:
            self.variables["u32"].append(name)
        self.variables["u64"].append("q1")
        self.fixed.update(self.uniform + ["q1"])
        self.emit("{")
        self.indent += 1
        for _ in range(self.rng.randrange(1, 3)):
            kind = self.kind()
            self.declare(kind, self.expression(kind))
        if self.rng.random() < 0.6:
            self.emit("if (%s) {" % self.condition())
            self.do_assign(depth)
            self.emit("}")
        if self.rng.random() < 0.4:
            name = self.fresh("k")
            self.emit("for (u32 %s = 0; %s < (%s & 7); %s++) {" % (name, name, self.expression("u32", 1), name))
            self.do_assign(depth)
            self.emit("}")
        for kind in self.kinds:
            names = [n for n in self.variables[kind] if n not in self.fixed]
            if names:
                self.emit("s->acc += (u64)%s;" % names[-1])
        self.indent -= 1
        self.emit("}")
        self.variables, self.kinds = threads, kinds

    # ---- statements of the whole workgroup; v is s->acc

    def do_group(self, depth):
        r = self.rng
        if depth == 0 and r.random() < 0.2:
            self.emit("for (u32 round = 0; round < %s; round++) {" % r.choice(["2", "3", "(n & 1) + 1", "(group_x() & 1) + 1"]))
            self.indent += 1
            for _ in range(2):
                self.group_step()
            self.emit("v += round;")
            self.indent -= 1
            self.emit("}")
        else:
            self.group_step()

    def group_step(self):
        r = self.rng
        steps = ["lds_permutation", "lds_counters", "global_counters", "reduction", "tickets", "ballot", "first_lane",
                 "branch", "bytes", "dynamic", "float_sums", "wave"]
        if self.kernel["full"]:
            steps += ["shuffle", "dpp", "dpp", "swizzle", "push", "read_lane", "scan", "butterfly"]
        getattr(self, "step_" + r.choice(steps))(r.randrange(256))

    def step_lds_permutation(self, c):
        k = self.rng.choice([1, 3, 5, 7, 11])  # coprime to N: N has the factors 2, 3 and 13
        k = 1 if self.kernel["n"] % k == 0 else k
        self.emit("barrier(); lds[t] = v; barrier(); v ^= lds[(t * %d + %d) %% N] * 3;" % (k, c))

    def step_lds_counters(self, c):
        op, init = self.rng.choice([("add", "0"), ("xor", "0"), ("or", "0"), ("and", "~0u"), ("max", "0"), ("min", "~0u")])
        kind = self.rng.choice(["u32", "u32", "u64"])
        array = "counters" if kind == "u32" else "lds"
        self.emit("barrier(); if (t < 16) %s[t] = (%s)%s; barrier();" % (array, kind, init))
        self.emit("atomic_%s(&%s[v >> %d & 15], (%s)v); barrier(); v += %s[t & 15];" % (op, array, c % 32, kind, array))

    def step_global_counters(self, c):
        self.emit("atomic_add(&global[v % 61], v >> 8); atomic_max((u32 *)&global[64 + v % 13], (u32)v);")
        self.emit(self.rng.choice(["atomic_min((i32 *)&global[80 + v % 5], (i32)(v >> 3));", "atomic_xor(&global[86 + v % 4], v);",
                                   "atomic_or((u32 *)&global[90 + v % 3], (u32)v >> 20);", "atomic_sub(&global[93], v & 0xff);"]))

    def step_float_sums(self, c):
        """Sums of small whole numbers: exact, so their order does not matter. In memory by loops of compare and swap."""
        self.emit("barrier(); if (t < 16) ((float *)counters)[t] = 0.f; barrier();")
        self.emit("atomic_add((float *)&counters[v & 15], (float)(u32)(v >> %d & 0xfff)); barrier();" % (c % 52))
        self.emit("v += (u64)((float *)counters)[t & 15] << %d;" % (c % 30))
        if self.rng.random() < 0.3:
            self.emit("atomic_add((%s *)&global[94 + (v & 1)], (%s)(u32)(v & 0xff));" % ((self.rng.choice(["float", "u32"]),) * 2))

    def step_wave(self, c):
        """Through LDS to a neighbour in the wave, without a barrier of the workgroup."""
        self.emit("barrier(); lds[t] = v; wave_barrier(); v = v * 3 + lds[(t ^ %d) < N ? t ^ %d : t]; wave_barrier();" % ((c % 64,) * 2))

    def step_reduction(self, c):
        self.emit("barrier(); lds[t] = v; barrier();")
        self.emit("for (u32 d = P / 2; d; d /= 2) { if (t < d) lds[t] = lds[t] * 5 + lds[t + d]; barrier(); }")
        self.emit("v ^= lds[%d];" % (c % 4))

    def step_tickets(self, c):
        """Numbers given out by an atomic: who gets which is open, all of them are the same set."""
        self.emit("barrier(); if (t == 0) counters[%d] = 0; lds[t] = 0; barrier();" % (c % 16))
        self.emit("if (v >> %d & 1) lds[atomic_add(&counters[%d], 1u)] = 1; barrier();" % (c % 64, c % 16))
        self.emit("v += lds[t] << %d; v ^= counters[%d];" % (c % 40, c % 16))

    def step_ballot(self, c):
        self.emit("v ^= ballot(0, all(), (u32)(v >> %d & 1));" % (c % 64))
        if self.rng.random() < 0.5:
            self.emit("v += mbcnt(v, (u32)v & 7);")

    def step_first_lane(self, c):
        self.emit("v += first_lane(0, all(), (u32)(v >> %d));" % (c % 33))

    def step_branch(self, c):
        """Lane operations in a branch that some lanes take."""
        self.emit("{ u64 taken = ballot(0, all(), (u32)(v >> %d) %% 3 != 0);" % (c % 33))
        self.emit("if ((u32)(v >> %d) %% 3 != 0) v += ballot(1, taken, (u32)(v >> %d & 1)) ^ first_lane(1, taken, (u32)v);" % (c % 33, c % 7))
        if self.rng.random() < 0.5:
            self.emit("else v ^= first_lane(2, all() & ~taken, (u32)(v >> 7));")
        self.emit("}")

    def step_bytes(self, c):
        """Neighbouring bytes or shorts written by different threads, read together."""
        kind = self.rng.choice(["u8", "u16", "i16"])
        n = 8 // (INTS[kind][0] // 8)
        self.emit("barrier(); ((%s *)lds)[t] = (%s)(v >> %d); barrier(); v ^= lds[t / %d %% %d] * 5 + (u64)((%s *)lds)[(t + %d) %% N];"
                  % (kind, kind, c % 57, n, max(self.kernel["n"] // n, 1), kind, c))

    def step_dynamic(self, c):
        self.emit("barrier(); ((u32 *)dynamic_lds())[t ^ %d] = (u32)v; barrier(); v = v * 3 + ((u32 *)dynamic_lds())[(t + %d) %% %d];"
                  % (c % 4 if self.kernel["n"] % 4 == 0 else 0, c, self.kernel["n"]))

    def step_shuffle(self, c):
        self.emit(self.rng.choice(["v += shuffle((u32)v, lane + %d);", "v ^= shuffle_wide(v, lane ^ %d);",
                                   "v += shuffle((u32)(v * 7), (u32)(v >> 9) + %d);"]) % c)

    def step_butterfly(self, c):
        self.emit("for (u32 d = 32; d; d /= 2) v += shuffle_wide(v >> %d, lane ^ d);" % (c % 9))

    def step_dpp(self, c):
        r = self.rng
        control = r.choice([r.randrange(256), 0x100 + r.randrange(1, 16), 0x110 + r.randrange(1, 16), 0x120 + r.randrange(1, 16),
                            r.choice([0x130, 0x134, 0x138, 0x13c]), r.choice([0x140, 0x141]), r.choice([0x142, 0x143])])
        rows, banks = (15, 15) if r.random() < 0.6 else (r.randrange(16), r.randrange(16))
        old, zero = r.choice([("0", "true"), ("0", "false"), ("(u32)(v >> 11)", "false"), ("(u32)v", "false")])
        use = r.choice(["v += %s;", "v = (v & ~0xffffffffull) | (u32)((u32)v + %s);", "v ^= (u64)%s << 9;"])
        self.emit(use % ("dpp<0x%x, %d, %d, %s>(%s, (u32)(v >> %d))" % (control, rows, banks, zero, old, c % 33)))

    def step_swizzle(self, c):
        r = self.rng
        pattern = 0x8000 | c if r.random() < 0.3 else r.randrange(0x8000)
        self.emit("v += swizzle<0x%x>((u32)v);" % pattern)

    def step_push(self, c):
        self.emit("v ^= push((u32)v, lane * %d + %d);" % (c | 1, c))

    def step_read_lane(self, c):
        self.emit("v += read_lane((u32)v, %s);" % self.rng.choice(["%d" % (c % 64), "n & 63", "first_lane(0, all(), (u32)v) & 63"]))

    def step_scan(self, c):
        self.emit("for (u32 d = 1; d < 64; d *= 2) { u32 o = shuffle((u32)v, lane - d); if (lane >= d) v += o; }")

    # ---- whole functions

    def fold(self):
        """What is left in the variables, into s->acc."""
        for kind, names in self.variables.items():
            for n in names[-2:]:
                if n not in self.fixed:
                    self.emit("s->acc = s->acc * 31 + %s;" % ("bits_of(%s)" % n if kind in FLOATS else "(u64)%s" % n))

    def start(self, x, y):
        """A variable or two of each type, made from two expressions, a u32 and a u64."""
        for kind in self.kinds + self.kinds[:2]:
            value = self.rng.choice(["mix(%s)" % x, "(%s >> 3)" % x, x] if kind in INTS and INTS[kind][0] <= 32 else ["(%s * 0x9e3779b97f4a7c15ull)" % y, y])
            if kind in FLOATS:
                value = self.rng.choice(["%s_from(%s)" % (kind, y), "(%s)%s" % (kind, {"half": "(float)(i16)", "float": "(i32)", "double": "0.3 * (i32)"}[kind] + x)])
            self.declare(kind, "(%s)%s" % (kind, value) if kind in INTS else value)

    def fill(self):
        while self.budget > 0:
            self.statement()


def struct_pack(source):
    """A struct that the kernel is given by value, and functions that take and return it."""
    r = source.rng
    kinds = [r.choice(["u8", "i8", "u16", "i32", "u32", "u64", "float", "i64"]) for _ in range(r.randrange(2, 7))]
    source.fields = [(kind, "f%d" % i) for i, kind in enumerate(kinds)]
    noinline = lambda: r.choice(["FN", "NOINLINE"])
    text = "struct Pack {\n%s};\n" % "".join("    %s %s;\n" % f for f in source.fields)
    change = "".join("    p.%s = %s;\n" % (n, "float_of(p.%s) * 0.5f + (float)(x & 255)" % n if k == "float" else "(%s)(p.%s + x * %d)" % (k, n, i + 1))
                     for i, (k, n) in enumerate(source.fields) if r.random() < 0.6)
    fold = "".join("    a = a * 31 + %s;\n" % ("bits_of(p.%s)" % n if k == "float" else "(u64)p.%s" % n) for k, n in source.fields)
    text += "%s Pack changed(Pack p, u32 x)\n{\n    (void)x;\n%s    return p;\n}\n" % (noinline(), change)
    text += "%s u64 folded(Pack p)\n{\n    u64 a = 1;\n%s    return a;\n}\n" % (noinline(), fold)
    return text


def helper(source, name, callees):
    f = Function(source, callees, source.rng.randrange(6, 18))
    f.start("x", "y")
    f.variables["u32"].append("x")
    f.fill()
    f.fold()
    return "%s u64 %s(u32 x, u64 y, State *s)\n{\n    (void)x, (void)y;\n%s\n    return s->acc;\n}\n" % (
        source.rng.choice(["FN", "NOINLINE"]), name, "\n".join(f.lines))


def recursive(callee):
    return """NOINLINE u64 recursive(u32 x, u64 y, State *s)
{
    if (s->fuel < 8 || (x & 15) < 3)
        return y ^ x;
    s->fuel -= 8;
    u64 a = recursive(mix(x) >> 1, y * 3 + x, s);
    return s->acc += a ^ %s;
}
""" % ("%s(x, a, s)" % callee if callee else "a << 3 ^ y")


SHAPES = [(64, 1, 1), (64, 1, 1), (128, 1, 1), (256, 1, 1), (16, 4, 1), (8, 8, 2), (4, 4, 4), (32, 4, 1),
          (96, 1, 1), (13, 3, 1), (100, 1, 1), (33, 2, 1), (17, 1, 1)]  # 16 at least: see step_lds_counters


def kernel(source, seed, callees):
    r = source.rng
    x, y, z = r.choice(SHAPES)
    n = x * y * z
    power = 1
    while power * 2 <= n:
        power *= 2
    shape = {"n": n, "full": n % 64 == 0}
    extra = [("u8", "q0"), ("u64", "q1"), ("i32", "q2"), ("u16", "q3")]
    r.shuffle(extra)
    extra.insert(r.randrange(5), ("Pack", "pack"))
    f = Function(source, callees, r.randrange(20, 52), shape)
    f.uniform = ["(u32)q0", "(u32)q2", "(u32)q3", "group_x()", "n"]
    f.start("x", "y")
    f.fill()
    f.fold()
    body = "\n".join(f.lines)
    uses = lambda word: re.search(r"\b%s\b" % word, body)
    setup, end = [], []
    if uses("lds"):
        setup += ["LDS u64 lds[N];", "lds[t] = y;"]
    if uses("counters"):
        setup += ["LDS u32 counters[16];", "if (t < 16)", "    counters[t] = 0;"]
    if uses("lm"):
        setup += ["alignas(16) LDS u64 lds_bytes[N * 4];", "u8 *lm = (u8 *)&lds_bytes[t * 4];", "for (u32 k = 0; k < 4; k++)",
                  "    lds_bytes[t * 4 + k] = y * (k + 3);"]
        end += ["for (u32 k = 0; k < 4; k++)", "    v = v * 33 ^ lds_bytes[t * 4 + k];"]
    if uses("dynamic_lds"):
        setup += ["((u32 *)dynamic_lds())[t] = x;"]
    if setup:
        setup += ["barrier();"]
    names = {"seed": seed, "x": x, "y": y, "z": z, "n": n, "power": power, "groups": r.choice([1, 1, 2, 4]), "lds": n * 4 + 16,
             "parameters": "".join(", %s %s" % p for p in extra), "fields": "".join(" %s %s;" % p for p in extra),
             "values": "".join(", a->%s" % n for _, n in extra), "body": body,
             "setup": "".join("    %s\n" % line for line in setup), "end": "".join("    %s\n" % line for line in end)}
    return """enum : u32 { X = %(x)d, Y = %(y)d, N = %(n)d, P = %(power)d };
KERNEL void seed%(seed)d(const u32 *in, const u64 *in64, u64 *out, u64 *global, u8 *mem%(parameters)s)
{
    const u32 t = thread_x() + X * (thread_y() + Y * thread_z()), i = group_x() * N + t, n = grid_size_x(), lane = lane_id();
    const u32 x = in[i];
    const u64 y = in64[i];
    u8 *m = mem + i * 64;
    State state = {y, 120}, *s = &state;
    u64 &v = state.acc;
    (void)lane, (void)global, (void)m, (void)x, (void)n, (void)q0, (void)q1, (void)q2, (void)q3, (void)pack;
%(setup)s%(body)s
%(end)s    out[i] = v;
}
#if !ON_GPU
struct Arguments { runner_buffers b;%(fields)s };
static void call(const void *arguments)
{
    const Arguments *a = (const Arguments *)arguments;
    seed%(seed)d(a->b.in, a->b.in64, a->b.out, a->b.global, a->b.mem%(values)s);
}
static const runner_kernel description = RUNNER_KERNEL(%(seed)d, X, Y, %(z)d, %(groups)d, %(lds)d, Arguments, call);
#endif
""" % names


def generate(seed, dropped=()):
    """(text of one seed: a namespace with a kernel and its description, number of its statements)"""
    source = Source(seed, dropped)
    r = source.rng
    source.table_type = r.choice(["u32", "u16", "u64", "u8"])
    bits = INTS[source.table_type][0]
    parts = ["namespace n%d {" % seed, "TABLE %s table[%d] = {%s};" % (
        source.table_type, source.table_size, ", ".join("0x%xu%s" % (r.getrandbits(bits), "ll" if bits == 64 else "") for _ in range(source.table_size)))]
    parts.append(struct_pack(source))
    callees = []
    for h in range(r.choice([0, 1, 1, 2])):
        parts.append(helper(source, "helper%d" % h, list(callees)))
        callees.append("helper%d" % h)
    if r.random() < 0.4:
        parts.append(recursive(callees[0] if callees else None))
        callees.append("recursive")
    parts.append(kernel(source, seed, callees))
    parts.append("} // namespace\n")
    return "\n".join(parts), source.statements


def program(seeds, dropped=()):
    """The source of a program of all these seeds."""
    names = ", ".join("n%d::description" % seed for seed in seeds)
    return ('#include "random_kernels.h"\n\n' + "\n".join(generate(seed, dropped)[0] for seed in seeds) +
            "#if !ON_GPU\nextern const runner_kernel runner_kernels[] = {%s};\nextern const u32 runner_kernel_count = %d;\n#endif\n"
            % (names, len(seeds)))

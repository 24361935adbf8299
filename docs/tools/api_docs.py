#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The API reference from its one source, the doxygen comments of the public headers.

    api_docs.py --man DIR HEADER...        DIR/man3/<function>.3 for every function, and DIR/man3/<header>.3
    api_docs.py --markdown FILE HEADER...  one page; FILE - is standard output
    api_docs.py --check HEADER...          exit 1 if a function lacks a description or a parameter's text

Knows the style of include/hip_scatter/*.h and nothing else; what it does not understand is an error.
"""
import os
import re
import sys

COMMENT = re.compile(r"/\*\*(?!<)(.*?)\*/", re.S)


class Function:
    def __init__(self, header, group, declaration, doc):
        self.header, self.group = header, group
        self.declaration = re.sub(r"\s+", " ", declaration).strip()
        self.name = re.search(r"(\w+)\s*\(", self.declaration).group(1)
        inside = self.declaration[self.declaration.index("(") + 1:self.declaration.rindex(")")]
        self.parameters = [] if inside.strip() == "void" else [p.strip() for p in inside.split(",")]
        self.parse(doc)

    def parse(self, doc):
        self.brief, self.text, self.params, self.returns, self.see = "", [], [], [], []
        for tag, body in split_tags(doc):
            if tag == "brief":
                paragraphs = to_paragraphs(body)
                self.brief, self.text = paragraphs[0], paragraphs[1:]
            elif tag == "":
                self.text += to_paragraphs(body)
            elif tag.startswith("param"):
                direction = re.match(r"param\[(\w+(?:,\w+)?)\]", tag).group(1)
                name, _, text = body.strip().partition(" ")
                paragraphs = to_paragraphs(text)
                self.params.append((name, direction, paragraphs[0]))
                self.text += paragraphs[1:]
            elif tag == "returns":
                paragraphs = to_paragraphs(body)
                self.returns = [r.strip() for r in re.split(r";\s+(?=#)", paragraphs[0])]
                self.text += paragraphs[1:]
            elif tag == "see":
                self.see += re.findall(r"\w+", body)
            else:
                sys.exit(f"{self.header}: {self.name}: unknown tag @{tag}")

    def parameter_names(self):
        return [re.search(r"(\w+)\s*(?:\[\d*\])?$", p).group(1) for p in self.parameters]


class Struct:
    def __init__(self, header, name, definition, brief):
        self.header, self.name, self.brief = header, name, brief
        self.definition = definition


class Group:
    def __init__(self, name, text):
        self.name, self.text = name, text
        self.flags = []  # (name, value, text)


class Header:
    def __init__(self, path):
        self.path, self.name = path, "hip_scatter/" + os.path.basename(path)
        self.functions, self.structs, self.groups = [], [], [Group("Registration", [])]
        with open(path, encoding="utf-8") as file:
            text = file.read()
        opening = re.search(r"/\*\n(.*?)\*/", text, re.S).group(1)
        lines = [re.sub(r"^ \* ?", "", line) for line in opening.splitlines()]
        prose = "\n".join(lines)
        self.text = to_paragraphs(re.split(r"^- ", prose, maxsplit=1, flags=re.M)[0])
        self.statuses = [" ".join(s.split()) for s in re.split(r"^- ", prose, flags=re.M)[1:]]
        if self.statuses:  # the last item ends at its paragraph's end
            self.statuses[-1], *rest = re.split(r"(?<=failed)\s(?=\w)", self.statuses[-1], maxsplit=1)
            self.text += rest
        self.read(text)

    def read(self, text):
        for match in COMMENT.finditer(text):
            doc = "\n".join(re.sub(r"^\s*\* ?", "", line) for line in match.group(1).splitlines())
            after = text[match.end():]
            if doc.strip() == "@}":
                self.groups.append(Group("", []))
                continue
            name = re.search(r"@name (.*)", doc)
            if name:
                body = doc[name.end():].replace("@{", "")
                self.groups.append(Group(name.group(1).strip(), to_paragraphs(body)))
                self.read_flags(after)
                continue
            function = re.match(r"\s*H\w+_SCATTER_API\s+([^;{]*\))\s*;", after)
            struct = re.match(r"\s*(typedef (?:struct|enum) \w+ \{.*?\} (\w+);)", after, re.S)
            if function:
                self.functions.append(Function(self.name, self.groups[-1], function.group(1), doc))
            elif struct:
                self.structs.append(Struct(self.name, struct.group(2), struct.group(1), " ".join(doc.split())))
            else:
                sys.exit(f"{self.path}: no declaration after: {doc.strip()[:60]}")

    def read_flags(self, after):
        end = after.find("/** @}")
        body = after[:end].replace("\\\n", " ")
        for name, value, text in re.findall(r"#define (\w+)\s+(\w+)(?:\s*/\*\*<(.*?)\*/)?", body, re.S):
            self.groups[-1].flags.append((name, value, " ".join(text.replace("*/", "").split())))


def split_tags(doc):
    doc = re.sub(r"@p\s+", "", doc)  # a parameter's name in running text
    parts = re.split(r"(?:^|(?<=\s))@(param\[[\w,]+\]|\w+)\s", "\n" + doc + "\n")
    if parts[0].strip():
        yield "", parts[0]
    yield from zip(parts[1::2], parts[2::2])


def to_paragraphs(text):
    return [" ".join(p.split()) for p in re.split(r"\n\s*\n", text) if p.strip()]


def load(paths):
    headers = []
    for path in paths:
        headers.append(Header(path))
    return headers


# --- Markdown ---

def md(text):
    return re.sub(r"#(\w+)", r"`\1`", text)


def markdown(headers):
    out = ["# API reference", "",
           "Generated from the headers by `docs/tools/api_docs.py`; the same text is in the man pages "
           "(`man hipHostRegisterScatter`). The C++ face, `hip_scatter/hip_scatter.hpp`, is documented in the header.",
           ""]
    for header in headers:
        out += [f"## `<{header.name}>`", ""]
        for paragraph in header.text:
            out += [md(paragraph), ""]
        out += [f"* `{s.split(':')[0]}`:{s.partition(':')[2]}" for s in header.statuses]
        out += [""] if header.statuses else []
        out += ["| function | |", "|---|---|"]
        out += [f"| [`{f.name}`](#{f.name.lower()}) | {md(f.brief)} |" for f in header.functions] + [""]
        seen = []
        for group in header.groups:
            if group.flags:
                out += [f"### {group.name}", ""] + [p + "\n" for p in group.text]
                out += ["| flag | value | |", "|---|---|---|"]
                out += [f"| `{n}` | `{v.rstrip('u')}` | {t} |" for n, v, t in group.flags] + [""]
        for function in header.functions:
            if function.group.name and function.group not in seen and not function.group.flags:
                out += [f"### {function.group.name}", ""] + [md(p) + "\n" for p in function.group.text]
            seen.append(function.group)
            out += [f"#### {function.name}", "", "```c", wrap_declaration(function), "```", "", md(function.brief), ""]
            out += [md(p) + "\n" for p in function.text]
            out += [f"* `{n}` [{d}]: {md(t)}" for n, d, t in function.params]
            out += [""] if function.params else []
            if function.returns:
                out += ["Returns " + md("; ".join(function.returns)), ""]
        out += ["### Types", ""]
        for struct in header.structs:
            out += [f"#### {struct.name}", "", md(struct.brief), "", "```c", struct.definition, "```", ""]
    return "\n".join(out).rstrip() + "\n"


def wrap_declaration(function):
    head = function.declaration[:function.declaration.index("(") + 1]
    lines, line = [], head
    for i, parameter in enumerate(function.parameters or ["void"]):
        text = parameter + (", " if i + 1 < len(function.parameters) else ");")
        if len(line) + len(text) > 92 and line != head:
            lines.append(line.rstrip())
            line = " " * 4
        line += text
    return "\n".join(lines + [line])


# --- man ---

def roff(text):
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    text = re.sub(r"#(\w+)", r"\\fB\1\\fP", text)
    text = re.sub(r"\b(hip\w+|hsa_\w+)\(\)", r"\\fB\1\\fP()", text)
    return "\\&" + text if text.startswith(".") else text


def man_page(function, header):
    out = [f'.TH "{function.name}" 3 "" "hip\\-scatter" "hip\\-scatter library"', ".SH NAME",
           f"{function.name} \\- {roff(first_sentence(function.brief))}", ".SH SYNOPSIS", ".nf",
           f".B #include <{header.name}>", ".PP"]
    out += [".B " + roff(line) if not line.startswith(" ") else ".B \\ \\ \\ \\ " + roff(line.strip())
            for line in wrap_declaration(function).splitlines()]
    out += [".PP", "Link with \\fI\\-lhip_scatter\\fP.", ".fi", ".SH DESCRIPTION", roff(function.brief)]
    for paragraph in function.text:
        out += [".PP", roff(paragraph)]
    if function.params:
        out += [".SH PARAMETERS"]
        for name, direction, text in function.params:
            out += [".TP", f"\\fI{name}\\fP ({direction.replace(',', ', ')})", roff(text)]
    out += [".SH RETURN VALUE"]
    if function.returns:
        for item in function.returns:
            out += [roff(item), ".br"]
        out.pop()
    elif header.statuses:
        for item in header.statuses:
            out += [".TP", "\\fB" + item.split(":")[0] + "\\fP", roff(item.partition(":")[2].strip())]
    else:
        out += [roff(function.brief)]
    for struct in header.structs:
        if re.search(r"\b" + struct.name + r"\b", function.declaration):
            out += [f'.SH "{struct.name.upper()}"', roff(struct.brief), ".PP", ".nf"]
            out += [roff(line) if line.strip() else "" for line in struct.definition.splitlines()] + [".fi"]
    see = sorted(set(function.see) | {page_of(header)})
    out += [".SH SEE ALSO", ", ".join(f"\\fB{s}\\fP(3)" for s in see)]
    return "\n".join(out) + "\n"


def first_sentence(text):
    return re.split(r"(?<=[^.])\.(?:\s|$)", text)[0].rstrip(".")


def page_of(header):
    return os.path.basename(header.name)


def overview_page(header):
    name = page_of(header)
    out = [f'.TH "{name}" 3 "" "hip\\-scatter" "hip\\-scatter library"', ".SH NAME",
           f"{name} \\- scattered host memory as one contiguous GPU address range", ".SH SYNOPSIS",
           f".B #include <{header.name}>", ".SH DESCRIPTION"]
    for paragraph in header.text:
        out += [roff(paragraph), ".PP"]
    for item in header.statuses:
        out += [".TP", "\\fB" + item.split(":")[0] + "\\fP", roff(item.partition(":")[2].strip())]
    for group in header.groups:
        if group.flags:
            out += [f".SH {group.name.upper()}"] + [roff(p) for p in group.text]
            for flag, value, text in group.flags:
                out += [".TP", f"\\fB{flag}\\fP ({value.rstrip('u')})", roff(text)]
    out += [".SH FUNCTIONS"]
    for function in header.functions:
        out += [".TP", f"\\fB{function.name}\\fP(3)", roff(function.brief)]
    return "\n".join(out) + "\n"


def check(headers):
    problems = []
    for header in headers:
        for function in header.functions:
            if not function.brief:
                problems.append(f"{function.name}: no @brief")
            documented = {name for name, _, _ in function.params}
            for name in documented - set(function.parameter_names()):
                problems.append(f"{function.name}: @param {name} is no parameter")
            for other in function.see:
                if not any(other == f.name for h in headers for f in h.functions):
                    problems.append(f"{function.name}: @see {other}: no such function")
            if not function.returns and not header.statuses and "char" not in function.declaration:
                problems.append(f"{function.name}: no @returns")
    for problem in problems:
        print(problem)
    print(f"{sum(len(h.functions) for h in headers)} functions, {len(problems)} problems")
    return 1 if problems else 0


def main():
    mode, *arguments = sys.argv[1:]
    if mode == "--check":
        return check(load(arguments))
    target, *paths = arguments
    headers = load(paths)
    if mode == "--markdown":
        text = markdown(headers)
        if target == "-":
            sys.stdout.write(text)
        else:
            with open(target, "w", encoding="utf-8") as file:
                file.write(text)
        return 0
    if mode == "--man":
        folder = os.path.join(target, "man3")
        os.makedirs(folder, exist_ok=True)
        for header in headers:
            with open(os.path.join(folder, page_of(header) + ".3"), "w", encoding="utf-8") as file:
                file.write(overview_page(header))
            for function in header.functions:
                with open(os.path.join(folder, function.name + ".3"), "w", encoding="utf-8") as file:
                    file.write(man_page(function, header))
        return 0
    sys.exit(__doc__)


if __name__ == "__main__":
    sys.exit(main())

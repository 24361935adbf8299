#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Random HIP kernels whose results are compared, bit by bit, between GPU and CPU.

    random_kernels.py run --seeds 1..5000 [--build build/default] [--native]
    random_kernels.py shrink --seeds 4711 --levels=-O3 --arch gfx906
    random_kernels.py generate SEED...

A seed is one kernel with its helper functions (random_text.py). Most of a compiler run is starting it, so `run` puts
many seeds into one source (--batch): hipcc makes a code object of it, clang a shared object for the CPU, and the runner
runs every kernel on both. What a seed's text is depends on nothing else: a failing one prints the command that builds
and runs it alone. `shrink` drops statements of a failing kernel for as long as it fails, and prints what is left.
--deal gives each seed one of the levels and GPUs in turn; else each seed is built for all of them."""
import argparse
import concurrent.futures
import itertools
import os
import re
import subprocess
import sys
import tempfile

import random_text

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.join(os.path.dirname(os.path.dirname(HERE)), "build", "default")
FLAGS = ["-std=c++20", "-ffp-contract=off", "-fwrapv", "-fno-strict-aliasing", "-w", "-I" + HERE]


class Build:
    """Programs of some seeds for one level and one GPU."""

    def __init__(self, arguments, level, arch, folder):
        self.arguments, self.level, self.arch, self.folder = arguments, level, arch, folder
        self.opcodes = set()

    def compile(self, seeds, dropped=()):
        """The paths of the two objects, None and what the compiler says if there are none."""
        stem = os.path.join(self.folder, "seeds%d_%d%s.%s" % (seeds[0], seeds[-1], self.level, self.arch))
        source, device, host = stem + ".cpp", stem + ".hsaco", stem + ".so"
        with open(source, "w", encoding="ascii") as f:
            f.write(random_text.program(seeds, dropped))
        a = self.arguments
        gpu = [a.hipcc, "--genco", "--offload-arch=" + self.arch, self.level, "-nogpuinc", *FLAGS, "-x", "hip", source, "-o", device]
        # The CPU's side is the same for all levels: its results are defined, and this is the quickest.
        cpu = [a.clang, "-O0", *FLAGS, "-x", "c++", "-shared", "-fPIC", source, "-o", host, "-lm"]
        for command in gpu, cpu:
            try:
                done = subprocess.run(command, capture_output=True, text=True, timeout=a.timeout)
            except subprocess.TimeoutExpired:
                return None, "%s: more than %d s" % (command[0], a.timeout)
            if done.returncode:
                return None, done.stderr[-3000:]
        return (host, device), ""

    def execute(self, host, device, seeds):
        """{seed: what differs} of the seeds that fail; goes on behind a kernel that ends the runner."""
        a = self.arguments
        launcher = [] if a.native else [os.path.join(a.build, "softgpu"), "--arch=" + self.arch, "--watchdog=60"]
        runner = os.path.join(a.build, "tests", "fuzz", "random_runner")
        if launcher and a.opcodes:
            launcher.append("--trace=opcode")
        failures, first = {}, 0
        while first < len(seeds):
            why = ""
            try:
                done = subprocess.run(launcher + [runner, host, device, str(first)], capture_output=True, text=True,
                                      timeout=a.timeout)
                out, err, status = done.stdout, done.stderr, done.returncode
            except subprocess.TimeoutExpired as expired:
                out, err, status = (expired.stdout or b"").decode(), (expired.stderr or b"").decode(), "timeout"
            self.opcodes.update(re.findall(r"^softgpu: opcode (.+)$", err, re.M))
            for line in out.splitlines():
                match = re.match(r"seed (\d+): \d+ threads, (\d+) differences", line)
                if not match:
                    why += line + "\n"
                    continue
                if match[2] != "0":
                    failures[int(match[1])] = why + line
                why, first = "", seeds.index(int(match[1])) + 1
            if first < len(seeds):  # the runner ended in the middle
                rest = "\n".join(line for line in err.splitlines() if not line.startswith("softgpu: opcode "))
                failures[seeds[first]] = "%sended with %s\n%s" % (why, status, rest[-2000:])
                first += 1
            elif status not in (0, 1):
                failures[seeds[-1]] = "the runner ended with %s behind the last kernel\n%s" % (status, err[-2000:])
        return failures

    def run(self, seeds):
        """{seed: what is wrong}. A batch that does not compile is divided until it is known for which seed."""
        objects, why = self.compile(seeds)
        if objects:
            failures = self.execute(*objects, seeds)
            if not failures and not self.arguments.keep:
                for path in os.listdir(self.folder):
                    if path.startswith("seeds%d_%d%s.%s." % (seeds[0], seeds[-1], self.level, self.arch)):
                        os.unlink(os.path.join(self.folder, path))
            return failures
        if len(seeds) == 1:
            return {seeds[0]: "does not compile\n" + why}
        middle = len(seeds) // 2
        return {**self.run(seeds[:middle]), **self.run(seeds[middle:])}

    def replay(self, seed):
        a = self.arguments
        build = "" if a.build == BUILD else " --build " + a.build
        return "%s run --seeds %d --levels=%s --arch %s%s%s" % (
            os.path.relpath(__file__), seed, self.level, self.arch, build, " --native" if a.native else "")


def run(arguments, folder):
    combinations = list(itertools.product(arguments.levels.split(","), arguments.arch.split(",")))
    jobs = []
    for k, (level, arch) in enumerate(combinations):
        seeds = arguments.seeds[k::len(combinations)] if arguments.deal else arguments.seeds
        build = Build(arguments, level, arch, folder)
        jobs += [(build, seeds[at:at + arguments.batch]) for at in range(0, len(seeds), arguments.batch)]
    bad = 0
    opcodes = set()
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for (build, seeds), failures in zip(jobs, pool.map(lambda job: job[0].run(job[1]), jobs)):
            print("%s %s, seeds %d to %d: %d of %d kernels agree" % (build.level, build.arch, seeds[0], seeds[-1],
                                                                     len(seeds) - len(failures), len(seeds)))
            for seed, why in failures.items():
                print("seed %d at %s on %s fails:\n%s\nreplay: %s" % (seed, build.level, build.arch, why.strip(), build.replay(seed)))
            sys.stdout.flush()
            bad += len(failures)
            opcodes |= build.opcodes
    if arguments.opcodes:
        with open(arguments.opcodes, "w", encoding="ascii") as f:
            f.writelines(name + "\n" for name in sorted(opcodes))
        print("%d opcodes executed" % len(opcodes))
    if bad:
        print("%d kernels fail; the sources of their batches are in %s" % (bad, folder))
    return bad


def shrink(arguments, folder):
    """Drop runs of statements, halving their length, for as long as something still differs."""
    (seed,), level, arch = arguments.seeds, arguments.levels, arguments.arch
    build = Build(arguments, level, arch, folder)

    def fails(dropped):
        objects, _ = build.compile([seed], dropped)
        return bool(objects) and bool(build.execute(*objects, [seed]))

    if not fails(()):
        print("seed %d does not fail at %s on %s" % (seed, level, arch))
        return 1
    statements = random_text.generate(seed)[1]
    dropped = set()
    length = statements
    while length:
        for first in range(1, statements + 1, length):
            tried = dropped | set(range(first, min(first + length, statements + 1)))
            if tried != dropped and fails(tried):
                dropped = tried
        length //= 2
    print(random_text.program([seed], dropped))
    objects, _ = build.compile([seed], dropped)
    print("/* %d of %d statements are left.\n%s */" % (statements - len(dropped), statements, build.execute(*objects, [seed])[seed]))
    return 0


def seed_list(text):
    if ".." in text:
        first, last = map(int, text.split(".."))
        return list(range(first, last + 1))
    return list(map(int, text.split(",")))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("generate").add_argument("seed", type=int, nargs="+")
    for name in "run", "shrink":
        p = commands.add_parser(name)
        p.add_argument("--seeds", type=seed_list, required=name == "shrink", default=seed_list("1..100"),
                       help="first..last, or a comma-separated list; shrink: one")
        p.add_argument("--levels", default="-O0,-O1,-O3,-Os" if name == "run" else "-O3")
        p.add_argument("--arch", default="gfx906,gfx90a" if name == "run" else "gfx906",
                       help="comma-separated list; with --native, what the machine has")
        p.add_argument("--deal", action="store_true", help="each seed for one of the levels and GPUs, in turn")
        p.add_argument("--hipcc", default="hipcc")
        p.add_argument("--clang", default="clang++-15", help="for the CPU's side")
        p.add_argument("--build", default=BUILD, help="build folder, with softgpu and random_runner (default: %(default)s)")
        p.add_argument("--native", action="store_true", help="on the machine's GPU instead of softgpu")
        p.add_argument("--batch", type=int, default=250, help="seeds in one program")
        p.add_argument("--jobs", type=int, default=1, help="programs at a time")
        p.add_argument("--timeout", type=int, default=600, help="seconds for a compiler run and for a program")
        p.add_argument("--keep", default="", help="folder for sources and objects, which are then kept")
        p.add_argument("--opcodes", default="", help="file for the names of the opcodes that softgpu executed")
    arguments = parser.parse_args()
    if arguments.command == "generate":
        sys.stdout.write(random_text.program(arguments.seed))
        return 0
    folder = arguments.keep or tempfile.mkdtemp(prefix="random_kernels.")
    os.makedirs(folder, exist_ok=True)
    status = (run if arguments.command == "run" else shrink)(arguments, folder)
    if not arguments.keep and not os.listdir(folder):
        os.rmdir(folder)
    return status != 0


if __name__ == "__main__":
    sys.exit(main())

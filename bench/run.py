#!/usr/bin/env python3
"""Measures what gateways cost: sluice, nginx, haproxy and a tus server before the same discarding store.

    bench/run.py                            everything (about an hour); writes docs/benchmarks.md
    bench/run.py --only small,slow200       these workloads; prints
    bench/run.py --quick --only ten         shorter, one round, for development; prints

Builds what it needs. A rival that is not installed is skipped; the tus server is installed from npm.
Python's standard library only.
"""

import argparse
import json
import os
import pathlib
import random
import resource
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field, replace

import procstat
import programs
import report
from workloads import WORKLOADS

ROOT = programs.ROOT
TARGETS = ("direct", "nginx", "nginx-1m", "nginx-disk", "haproxy", "tus", "sluice")
PATTERN_SIZE = (1 << 20) + 4093


@dataclass
class Bench:
    """Programs and conditions, the same for every run."""

    sluice: str
    sink: str
    blast: str
    crowd: str
    directory: str
    pattern: bytes
    pattern_file: str
    threads: int
    gateway_cpus: set
    other_cpus: set
    settings: list           # of sluice, KEY=VALUE
    shrink: int = 1          # sizes and times are divided by it
    connections: int = 12_000


@dataclass
class Report:
    commits: list
    disk_counter: bool
    load: list                                      # averages of the machine, at the beginning and the end
    workloads: list = field(default_factory=list)   # those that have results
    results: dict = field(default_factory=dict)     # {workload: {row: [values of a run, ...]}}
    failures: dict = field(default_factory=dict)    # {workload: {row: why}}
    skipped: dict = field(default_factory=dict)     # {gateway: why}


def say(text):
    print(text, file=sys.stderr, flush=True)


def measure(bench, workload, variants, rounds, into):
    """Round by round, everybody in turn: what disturbs the machine for a while disturbs all of them."""
    results = into.results[workload.name] = {v.name: [] for v in variants}
    failures = into.failures[workload.name] = {}
    into.workloads.append(workload)
    if not workload.pinned:
        bench = replace(bench, gateway_cpus=set(), other_cpus=set())
    for serial in range(rounds):
        for variant in variants:
            try:
                values = workload.run(bench, variant)
            except (programs.Broken, OSError, subprocess.SubprocessError) as error:
                failures[variant.name] = " ".join(str(error).replace("|", "/").split())[:120]
                say(f"  {workload.name} {serial + 1} {variant.name}: FAILED: {error}")
                continue
            results[variant.name].append(values)
            shown = ", ".join(f"{c.title} {report.cell(c, [values])}" for c in workload.columns
                              if values.get(c.key) is not None)
            say(f"  {workload.name} {serial + 1} {variant.name}: {shown}")


def build_programs():
    """Brings build/release up to date; the benchmark never measures yesterday's program."""
    subprocess.run(["cmake", "--preset", "release", "-DSLUICE_BENCH=ON"], cwd=ROOT, check=True,
                   stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", "build/release", "--parallel", str(os.cpu_count()),
                    "--target", "sluice", "sluice_sink", "sluice_blast", "sluice_crowd"], cwd=ROOT, check=True,
                   stdout=sys.stderr)
    return ROOT / "build/release"


def chosen(text, known, parser):
    names = text.split(",")
    unknown = set(names) - set(known)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(known)}")
    return names


def parse(argv):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(WORKLOADS), metavar="WORKLOADS",
                        help="which, by commas (default: %(default)s)")
    parser.add_argument("--targets", default=",".join(TARGETS),
                        help="which gateways, by commas (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="a quarter of the size and time, one round")
    parser.add_argument("--rounds", type=int, help="runs of each (default: each workload's own number)")
    parser.add_argument("--build", help="use the programs in this build directory as they are "
                        "(default: build into build/release first)")
    parser.add_argument("--no-pin", action="store_true",
                        help="no processor of its own for the gateway; a thread per processor")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE",
                        help="a setting of sluice that is not its default; may be repeated")
    parser.add_argument("--json", help="also write the values of all runs into this file")
    parser.add_argument("--join", help="complete the report with the values in this file, of an earlier run "
                        "with other workloads; the report names the commits of both")
    parser.add_argument("--output", help="write the report there; '-': print only (default: docs/benchmarks.md, "
                        "if everything is measured in full)")
    options = parser.parse_args(argv)
    options.only = chosen(options.only, WORKLOADS, parser)
    options.targets = chosen(options.targets, TARGETS, parser)
    if options.output is None:
        full = (set(options.only) == set(WORKLOADS) and set(options.targets) == set(TARGETS)
                and not options.quick)
        options.output = str(ROOT / "docs/benchmarks.md") if full else "-"
    return options


def prepare(options, build, directory):
    cpus = sorted(os.sched_getaffinity(0))
    pin = not options.no_pin and len(cpus) > 1
    pattern = random.Random(1).randbytes(PATTERN_SIZE)
    pattern_file = pathlib.Path(directory) / "pattern"
    pattern_file.write_bytes(pattern)
    return Bench(sluice=str(build / "apps/sluice/sluice"), sink=str(build / "bench/sluice_sink"),
                 blast=str(build / "bench/sluice_blast"), crowd=str(build / "bench/sluice_crowd"),
                 directory=directory, pattern=pattern, pattern_file=str(pattern_file),
                 threads=1 if pin else len(cpus), gateway_cpus={cpus[0]} if pin else set(),
                 other_cpus=set(cpus[1:]) if pin else set(), settings=options.set,
                 shrink=4 if options.quick else 1)


def able(variants, options, skipped):
    """Those that were asked for and can run; says once why another cannot."""
    found = []
    for variant in variants:
        name = variant.kind.name
        if name not in options.targets:
            continue
        if name not in skipped:
            why = variant.kind.missing()
            if why is None:
                found.append(variant)
                continue
            skipped[name] = why
            say(f"skipped: {name}: {why}")
    return found


def interrupted(_number, _frame):
    raise KeyboardInterrupt


def main(argv):
    options = parse(argv)
    signal.signal(signal.SIGTERM, interrupted)
    build = pathlib.Path(options.build).resolve() if options.build else build_programs()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as directory:
        bench = prepare(options, build, directory)
        for path in (bench.sluice, bench.sink, bench.blast, bench.crowd):
            if not os.access(path, os.X_OK):
                say(f"{path} is missing: build with -DSLUICE_BENCH=ON")
                return 2
        found = Report(commits=[report.commit()], disk_counter=procstat.disk_counter_works(directory),
                       load=[os.getloadavg()[0]])
        try:
            for name in options.only:
                workload = WORKLOADS[name]
                say(workload.title)
                variants = able(workload.variants, options, found.skipped)
                rounds = options.rounds or (1 if options.quick else workload.rounds)
                measure(bench, workload, variants, rounds, found)
        except KeyboardInterrupt:
            say("interrupted; what was measured so far:")
        found.load.append(os.getloadavg()[0])
        if options.join:
            join(found, json.loads(pathlib.Path(options.join).read_text(encoding="utf-8")))
        finish(found, bench, options)
    broken = [w for w, rows in found.failures.items() if "sluice" in rows]
    return 1 if broken else 0


def join(found, earlier):
    found.commits = sorted({*found.commits, *earlier["commits"]})
    found.load += earlier["load"]
    found.skipped.update(earlier["skipped"])
    for name, rows in earlier["results"].items():
        if name not in found.results:
            found.results[name] = rows
            found.failures[name] = earlier["failures"][name]
    found.workloads = [w for w in WORKLOADS.values() if w.name in found.results]


def finish(found, bench, options):
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(
            {"commits": found.commits, "load": found.load, "results": found.results,
             "failures": found.failures, "skipped": found.skipped}, indent=1), encoding="utf-8")
    if options.output != "-":
        pathlib.Path(options.output).write_text(report.document(found, bench), encoding="utf-8")
    for workload in found.workloads:
        print(f"\n{workload.title}\n"
              f"{report.table(workload, found.results[workload.name], found.failures[workload.name], False)}")
    print(f"\n{report.aligned(report.target_rows(found.results))}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

#!/usr/bin/env python3
"""Measures what gateways cost per byte: sluice, nginx and haproxy before the same discarding store.

Builds what it needs; nginx and haproxy must be installed. Writes docs/benchmarks.md unless told
otherwise. Python's standard library only.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

import procstat
import programs
import report

ROOT = pathlib.Path(__file__).resolve().parent.parent


@dataclass
class Run:
    gigabytes: float  # 10^9 bytes
    seconds: float
    cpu_s: float
    peak_rss: int
    disk_bytes: int


@dataclass
class Bench:
    sluice: str
    sink: str
    blast: str
    directory: str
    rounds: int
    threads: int
    gateway_cpus: set
    other_cpus: set
    settings: list  # of sluice, KEY=VALUE
    load: list      # load averages of the machine, at the beginning and at the end


def one_run(bench, sink, kind, size, parallel, serial):
    gateway = kind(bench, sink.port)
    try:
        time.sleep(0.3)  # start-up work is over
        stored = sink.stats()["object_bytes"]
        before = procstat.usage(gateway.process.pid) if gateway.process else procstat.Usage()
        seconds = programs.blast(bench, gateway, f"{kind.name}-{serial}", size, parallel)
        time.sleep(0.2)  # what is done behind the answer is part of the price
        after = procstat.usage(gateway.process.pid) if gateway.process else procstat.Usage()
        gained = sink.stats()["object_bytes"] - stored
        if gained != size * parallel:
            raise programs.Broken(f"{kind.name}: the store gained {gained} of {size * parallel} bytes")
        return Run(size * parallel / 1e9, seconds, after.cpu_s - before.cpu_s, after.peak_rss,
                   after.disk_bytes - before.disk_bytes)
    finally:
        gateway.close()


def measure(bench, targets, size, parallel):
    results = {name: [] for name in targets}
    sink = programs.Sink(bench.sink, bench.other_cpus)
    try:
        for serial in range(bench.rounds):
            for name in targets:
                run = one_run(bench, sink, programs.GATEWAYS[name], size, parallel, serial)
                results[name].append(run)
                print(f"  round {serial + 1} {name:10} {run.seconds:7.3f} s  cpu {run.cpu_s:6.2f} s"
                      f"  rss {run.peak_rss >> 20} MiB", file=sys.stderr, flush=True)
    finally:
        sink.close()
    return results


def build_programs():
    """Brings build/release up to date; the benchmark never measures yesterday's program."""
    subprocess.run(["cmake", "--preset", "release", "-DSLUICE_BENCH=ON"], cwd=ROOT, check=True,
                   stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", "build/release", "--parallel", str(os.cpu_count()),
                    "--target", "sluice", "sluice_sink", "sluice_blast", "sluice_crowd"], cwd=ROOT, check=True,
                   stdout=sys.stderr)
    return ROOT / "build/release"


def parse(argv):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", help="use the programs in this build directory as they are "
                        "(default: build into build/release first)")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each (default 5)")
    parser.add_argument("--targets", default=",".join(programs.GATEWAYS),
                        help="which, by commas (default: %(default)s)")
    parser.add_argument("--scale", type=float, default=1.0, help="size of the uploads, for a try")
    parser.add_argument("--no-pin", action="store_true",
                        help="no processor of its own for the gateway; a thread per processor")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE",
                        help="a setting of sluice that is not its default; may be repeated")
    parser.add_argument("--output", default=str(ROOT / "docs/benchmarks.md"),
                        help="'-': print only")
    options = parser.parse_args(argv)
    options.targets = options.targets.split(",")
    unknown = set(options.targets) - set(programs.GATEWAYS)
    if unknown:
        parser.error(f"unknown targets: {', '.join(sorted(unknown))}")
    return options


def main(argv):
    options = parse(argv)
    build = pathlib.Path(options.build).resolve() if options.build else build_programs()
    cpus = sorted(os.sched_getaffinity(0))
    pin = not options.no_pin and len(cpus) > 1
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as directory:
        bench = Bench(sluice=str(build / "apps/sluice/sluice"), sink=str(build / "bench/sluice_sink"),
                      blast=str(build / "bench/sluice_blast"), directory=directory,
                      rounds=options.rounds, threads=1 if pin else len(cpus),
                      gateway_cpus={cpus[0]} if pin else set(),
                      other_cpus=set(cpus[1:]) if pin else set(), settings=options.set,
                      load=[os.getloadavg()[0]])
        needed = [bench.sink, bench.blast] + ([bench.sluice] if "sluice" in options.targets else [])
        for path in needed:
            if not os.access(path, os.X_OK):
                print(f"{path} is missing: build with -DSLUICE_BENCH=ON", file=sys.stderr)
                return 2
        disk_counter = procstat.disk_counter_works(directory)
        gib, mib = 2**30, 2**20
        plan = [("One upload of 1 GiB", int(gib * options.scale), 1),
                ("Four uploads of 512 MiB at once", int(512 * mib * options.scale), 4)]
        workloads = {}
        try:
            for title, size, parallel in plan:
                print(title, file=sys.stderr, flush=True)
                workloads[title] = measure(bench, options.targets, size, parallel)
        except programs.Broken as error:
            print(f"broken: {error}", file=sys.stderr)
            return 1
        bench.load.append(os.getloadavg()[0])
        for title, results in workloads.items():
            print(f"\n{title}\n{report.table(results, False)}")
        if options.output != "-":
            if options.scale != 1.0:
                print("not written: the uploads were scaled", file=sys.stderr)
            else:
                pathlib.Path(options.output).write_text(
                    report.document(workloads, bench, disk_counter), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

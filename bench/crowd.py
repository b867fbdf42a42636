#!/usr/bin/env python3
"""A crowd of slow clients beside a few fast ones, all through one gateway: memory, and what is left for the fast.

    bench/crowd.py                                  2,000 slow clients at 25 KB/s, 10 fast ones, 60 s
    bench/crowd.py --slow 9000 --slow-rate 6000     as many as descriptors allow
    bench/crowd.py --targets sluice --set memory_budget=16MiB --slow 200

One in ten slow clients drops once and returns. After the paced time everybody sends the rest as fast as
it goes; whoever fails, or one sample whose SHA-256 in the store is not that of the file, makes the run
worth nothing. Needs build/release with SLUICE_BENCH=ON (bench/run.py builds it).
"""

import argparse
import json
import os
import pathlib
import random
import resource
import subprocess
import sys
import tempfile
import time
import types

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from programs import Broken, NginxTuned, Nginx, Sink, Sluice  # noqa: E402
from procstat import Peak, resident, usage  # noqa: E402
from workloads.crowds import KEPT_EVERY, content_sha  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[1]
MIB = 1 << 20
PATTERN_SIZE = 1 * MIB + 4093


def check_samples(sink, options, pattern):
    wanted = [(f"kept-slow-{n}", n, options.slow_bytes) for n in range(0, options.slow, KEPT_EVERY)]
    if options.fast:
        wanted.append(("kept-fast-0-0", 0, options.fast_bytes))
    for name, number, size in wanted:
        if sink.sha256(name) != content_sha(pattern, number, size):
            raise Broken(f"{name}: the store has other bytes")
    return len(wanted)


def run(bench, kind, options, pattern):
    sink = Sink(bench.sink, bench.other_cpus,
                ("--keep", ".sluice/parked/", "--keep", "kept-", "--keep", "bench/kept-"))
    gateway = None
    try:
        gateway = kind(bench, sink.port)
        time.sleep(0.3)
        before = usage(gateway.process.pid)
        peak = Peak(lambda: resident(gateway.process.pid))
        command = [bench.crowd, "--port", str(gateway.port), "--path", gateway.path,
                   "--pattern", bench.pattern, "--slow", str(options.slow), "--slow-bytes",
                   str(options.slow_bytes), "--slow-rate", str(options.slow_rate), "--fast",
                   str(options.fast), "--fast-bytes", str(options.fast_bytes), "--seconds",
                   str(options.seconds), "--drop", str(options.drop)]
        if kind is not Sluice:
            command += ["--plain", "1"]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False,
                              timeout=options.seconds + 600)
        most = peak.stop()
        after = usage(gateway.process.pid)
        if not done.stdout:
            raise Broken(f"the crowd ended with {done.returncode}")
        result = json.loads(done.stdout)
        result["target"] = kind.name
        result["peak_rss"] = most
        result["cpu_s"] = after.cpu_s - before.cpu_s
        result["parked_left"] = sum(1 for key in sink.keys() if key.startswith(".sluice/"))
        if done.returncode == 0:
            result["samples"] = check_samples(sink, options, pattern)
        return result
    finally:
        if gateway is not None:
            gateway.close()
        sink.close()


def table(results):
    print("| gateway | peak RSS | fast, MB/s | slow, MB/s | CPU s/GB | failed | sent twice | drops |"
          " other breaks | finish, s | samples equal |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for r in results:
        print(f"| {r['target']} | {r['peak_rss'] >> 20} MiB | {r['fast_paced'] / 1e6 / r['paced_seconds']:.0f} |"
              f" {r['slow_paced'] / 1e6 / r['paced_seconds']:.1f} | {r['cpu_s'] * 1e9 / r['sent']:.2f} |"
              f" {r['failed']} | {100 * r['sent_twice'] / r['sent']:.2f} % | {r['drops']} | {r['breaks']} |"
              f" {r['finish_seconds']:.0f} | {r.get('samples', 'not looked at')} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=str(ROOT / "build/release"))
    parser.add_argument("--targets", default="nginx,sluice", help="of nginx, nginx-1m, sluice")
    parser.add_argument("--slow", type=int, default=2000)
    parser.add_argument("--slow-rate", type=int, default=25_000, help="bytes per second of each")
    parser.add_argument("--slow-bytes", type=int, default=10 * MIB)
    parser.add_argument("--fast", type=int, default=10)
    parser.add_argument("--fast-bytes", type=int, default=256 * MIB)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--drop", type=int, default=100, help="slow clients that drop, per mille")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    kinds = {k.name: k for k in (Nginx, NginxTuned, Sluice)}
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    build = pathlib.Path(options.build)
    results, good = [], True
    with tempfile.TemporaryDirectory(prefix="sluice-crowd-") as directory:
        pattern = random.Random(1).randbytes(PATTERN_SIZE)
        pattern_file = pathlib.Path(directory) / "pattern"
        pattern_file.write_bytes(pattern)
        settings = options.set
        if not any(s.startswith("memory_budget=") for s in settings):
            settings = ["memory_budget=400MiB", *settings]
        bench = types.SimpleNamespace(
            sluice=str(build / "apps/sluice/sluice"), sink=str(build / "bench/sluice_sink"),
            crowd=str(build / "bench/sluice_crowd"), directory=directory, pattern=str(pattern_file),
            threads=len(os.sched_getaffinity(0)), gateway_cpus=set(), other_cpus=set(),
            settings=settings, connections=2 * (options.slow + options.fast) + 200)
        for name in options.targets.split(","):
            result = run(bench, kinds[name], options, pattern)
            print(json.dumps(result), file=sys.stderr, flush=True)
            results.append(result)
            good = good and (result["failed"] == 0 or name != "sluice")
    table(results)
    return 0 if good else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Broken as error:
        print(f"broken: {error}", file=sys.stderr)
        sys.exit(1)

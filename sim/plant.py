#!/usr/bin/python3
"""Proves that the simulator can fail: each patch in sim/plants puts one bug into a copy of the
sources, and sluice_sim must find it within a number of schedules.

    plant.py [--schedules N] [NAME...]    default: 10,000, all patches

The copy lives in build/plants and is built with the release preset; ccache makes that cheap. Exit
code 1 if a bug is not found, if a patch does not apply, or if the unplanted copy is found guilty.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
PLANTS = ROOT / "sim" / "plants"
COPY = ROOT / "build" / "plants"
CONTENTS = ["CMakeLists.txt", "CMakePresets.json", "cmake", "src", "apps", "sim"]


def run(command, **options):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, **options)


def must(command, **options):
    done = run(command, **options)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}:\n{done.stdout[-4000:]}")


def refresh():
    """The copy again equal to the sources; what is equal stays as it is, so that only what changed
    is rebuilt."""
    wanted = {}
    for name in CONTENTS:
        top = ROOT / name
        for path in [top] if top.is_file() else top.rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                wanted[path.relative_to(ROOT)] = path
    for name in CONTENTS:
        top = COPY / name
        for path in [top] if top.is_file() else top.rglob("*"):
            if path.is_file() and path.relative_to(COPY) not in wanted:
                path.unlink()
    for relative, path in wanted.items():
        target = COPY / relative
        content = path.read_bytes()
        if not target.exists() or target.read_bytes() != content:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)


def build():
    if not (COPY / "build/release/build.ninja").exists():
        must(["cmake", "--preset", "release", "-DSLUICE_TESTS=OFF"], cwd=COPY,
             env={**os.environ, "CCACHE_BASEDIR": str(COPY)})
    must(["cmake", "--build", "build/release", "--parallel", str(os.cpu_count() or 2),
          "--target", "sluice_sim"], cwd=COPY)


def simulate(schedules):
    """(schedules until a promise broke or None, what broke)"""
    done = run([COPY / "build/release/sim/sluice_sim", "--seeds", str(schedules), "--twice", "0"])
    found = re.search(r"^seed (\d+), schedule (\d+): (.*)$", done.stdout, re.M)
    if found:
        return int(found.group(2)), found.group(3)
    died = re.search(r"died in seed (\d+)", done.stdout)
    if died:
        return int(died.group(1)), "the program's own check: " + done.stdout.splitlines()[0]
    if done.returncode != 0:
        sys.exit(f"sluice_sim ended with {done.returncode}:\n{done.stdout[-2000:]}")
    return None, ""


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--schedules", type=int, default=10_000)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    patches = [p for p in sorted(PLANTS.glob("*.patch"))
               if not options.names or p.stem in options.names]
    if not patches:
        sys.exit("no plant of that name")
    missed = 0
    for patch in patches:
        started = time.monotonic()
        refresh()
        must(["patch", "-p1", "--no-backup-if-mismatch", "--fuzz=2", "-i", patch], cwd=COPY)
        build()
        schedules, what = simulate(options.schedules)
        took = time.monotonic() - started
        if schedules is None:
            print(f"MISSED {patch.stem}: not found in {options.schedules} schedules ({took:.0f} s)",
                  flush=True)
            missed += 1
        else:
            print(f"found  {patch.stem}: schedule {schedules}: {what} ({took:.0f} s)", flush=True)
    print(f"{len(patches) - missed} of {len(patches)} planted bugs found")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

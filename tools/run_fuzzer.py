#!/usr/bin/python3
"""Runs one fuzzer on its corpus for a while.

    run_fuzzer.py PROGRAM SECONDS

What it finds that is new and good is thrown away; an input that breaks something is kept beside the
program, and the command to repeat it is printed.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    seconds = int(sys.argv[2])
    corpus = ROOT / "fuzz/corpus" / program.name.removeprefix("fuzz_")
    if not list(corpus.iterdir()):
        print(f"{corpus} is empty")
        return 1
    with tempfile.TemporaryDirectory(prefix="sluice-fuzz-") as found:
        done = subprocess.run(
            [program, f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=1024",
             "-max_len=8192", f"-artifact_prefix={program}-", found, corpus],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            check=False)
    print(done.stdout[-20_000:])
    if done.returncode:
        for path in re.findall(r"written to (\S+)", done.stdout):
            print(f"again: {program} {path}")
        return 1
    runs = re.search(r"Done (\d+) runs", done.stdout)
    if not runs or int(runs[1]) < 100:
        print("it hardly ran")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
"""Runs the suites of this folder, or those named, one after the other; each uses all cores itself.

    run.py [SUITE...]     e.g. run.py cuts kill9

Prints one line per suite with its time; exit code 1 if one failed.
"""

import pathlib
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
# The quick ones first: they say sooner what is wrong.
ORDER = ["put308_rows", "forms", "google", "http_front", "auth", "tls", "operation", "store_faults", "crowd", "no_disk",
         "kill9", "cuts", "sizes"]


def main():
    suites = sys.argv[1:] or ORDER
    failed = []
    for suite in suites:
        started = time.monotonic()
        code = subprocess.run([sys.executable, "-m", "unittest", f"e2e.test_{suite}"],
                              cwd=HERE.parent, check=False).returncode
        print(f"== {suite}: {'ok' if code == 0 else 'FAILED'} "
              f"in {time.monotonic() - started:.0f} s", flush=True)
        if code:
            failed.append(suite)
    print("failed: " + ", ".join(failed) if failed else "all suites passed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

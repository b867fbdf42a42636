#!/usr/bin/python3
"""Runs a program with a fresh S3 server whose address is in SLUICE_TEST_S3, and ends both.

    with_s3.py PROGRAM [ARGUMENT...]

With SLUICE_TEST_S3 set already, only runs the program: somebody's own server is to be tested.
"""

import os
import pathlib
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests"))
from e2e.real_s3 import RealS3  # noqa: E402


def terminated(*_):
    raise SystemExit(1)  # so that the server is ended


def main():
    if "SLUICE_TEST_S3" in os.environ:
        return subprocess.run(sys.argv[1:], check=False).returncode
    signal.signal(signal.SIGTERM, terminated)
    store = RealS3()
    try:
        print(f"server version {store.version}", flush=True)
        env = {**os.environ,
               "SLUICE_TEST_S3": ",".join([store.endpoint, store.bucket,
                                           store.env["AWS_ACCESS_KEY_ID"],
                                           store.env["AWS_SECRET_ACCESS_KEY"],
                                           store.server.preset]),
               "SLUICE_TEST_S3_LACKS": store.server.lacks}
        return subprocess.run(sys.argv[1:], env=env, check=False).returncode
    finally:
        store.stop()


if __name__ == "__main__":
    code = main()
    # A signal of the program is told on, not turned into a number.
    if code < 0:
        os.kill(os.getpid(), -code)
    sys.exit(code)

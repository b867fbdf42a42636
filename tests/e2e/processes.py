"""Processes started by tests: each is ended by its own pid, also when a test is interrupted."""

import atexit
import os
import signal
import subprocess
import threading

_lock = threading.Lock()
_running = {}


def start(command, **options):
    process = subprocess.Popen(command, stdin=options.pop("stdin", subprocess.DEVNULL), **options)
    with _lock:
        _running[process.pid] = process
    return process


def forget(process):
    with _lock:
        _running.pop(process.pid, None)


def kill(process):
    """SIGKILL, and wait until it is really gone."""
    if process.poll() is None:
        process.kill()
    process.wait()
    forget(process)


def children(pid):
    """Direct children of a process."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(word) for word in file.read().split()]
    except FileNotFoundError:
        return []


@atexit.register
def _kill_all():
    for process in list(_running.values()):
        if process.poll() is None:
            for child in children(process.pid):
                try:
                    os.kill(child, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            process.kill()
            process.wait()


def _terminated(*_):
    raise SystemExit(1)  # so that atexit and finally run


if threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGTERM, _terminated)

"""What a process and its children have used, from /proc. Linux only."""

import os
import threading
from dataclasses import dataclass

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Usage:
    cpu_s: float = 0.0        # user + system, all threads
    peak_rss: int = 0         # bytes, VmHWM; sum over processes, so an upper bound for several
    disk_bytes: int = 0       # caused to be written to block devices (/proc/PID/io write_bytes)


def family(pid):
    """The process and its living descendants."""
    found, todo = [], [pid]
    while todo:
        one = todo.pop()
        found.append(one)
        try:
            for task in os.listdir(f"/proc/{one}/task"):
                with open(f"/proc/{one}/task/{task}/children", encoding="ascii") as f:
                    todo += [int(child) for child in f.read().split()]
        except FileNotFoundError:
            pass
    return found


def usage(pid):
    total = Usage()
    for one in family(pid):
        with open(f"/proc/{one}/stat", encoding="utf-8", errors="replace") as f:
            fields = f.read().rpartition(")")[2].split()
        total.cpu_s += (int(fields[11]) + int(fields[12])) / TICKS
        with open(f"/proc/{one}/status", encoding="utf-8", errors="replace") as f:
            for line in f:
                if line.startswith("VmHWM:"):
                    total.peak_rss += int(line.split()[1]) * 1024
        with open(f"/proc/{one}/io", encoding="ascii") as f:
            for line in f:
                if line.startswith("write_bytes:"):
                    total.disk_bytes += int(line.split()[1])
    return total


def disk_counter_works(directory):
    """True if bytes written to a file in `directory` show up in write_bytes (not on tmpfs)."""
    before = usage(os.getpid()).disk_bytes
    path = os.path.join(directory, "probe")
    with open(path, "wb") as f:
        f.write(b"x" * (4 << 20))
        f.flush()
        os.fsync(f.fileno())
    after = usage(os.getpid()).disk_bytes
    os.unlink(path)
    return after - before >= 4 << 20


def resident(pid):
    """Bytes in memory now, of the process and its descendants."""
    total = 0
    for one in family(pid):
        with open(f"/proc/{one}/statm", encoding="ascii") as f:
            total += int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return total


class Peak(threading.Thread):
    """Largest value of what `sample` returns, while the thread lives."""

    def __init__(self, sample):
        super().__init__(daemon=True)
        self.sample = sample
        self.most = 0
        self.ended = threading.Event()
        self.start()

    def run(self):
        while not self.ended.wait(0.1):
            try:
                self.most = max(self.most, self.sample())
            except OSError:
                continue

    def stop(self):
        self.ended.set()
        self.join()
        return self.most

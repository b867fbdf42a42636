"""Many clients that trickle."""

import hashlib
import json
import subprocess

from programs import Broken, pinned
from workloads.base import CPU_PER_GIB, DISK, EVERYBODY, GIB, PEAK, Column, Meter, Workload, stage

KEPT_EVERY = 50  # as in crowd/main.cc


def content_sha(pattern, number, size):
    """SHA-256 of file `number`, as crowd/upload.h makes it."""
    begin = 7919 * number % len(pattern)
    turned = pattern[begin:] + pattern[:begin]
    sha = hashlib.sha256()
    while size > 0:
        sha.update(turned[:size])
        size -= min(size, len(turned))
    return sha.hexdigest()


class Crowd(Workload):
    columns = (CPU_PER_GIB, Column("x nginx", "x nginx"), PEAK, DISK,
               Column("pace kept %", "pace", 0, 100), Column("store requests each", "requests_each", 1))
    variants = EVERYBODY

    def __init__(self, name, clients, rate, seconds, segment, rounds):
        self.name, self.clients, self.rate, self.rounds = name, clients, rate, rounds
        self.seconds, self.segment = seconds, segment
        self.title = f"{clients:,} clients of {rate // 1024} KiB/s, {seconds} s"
        self.note = (f"Every client sends {segment:,} bytes at a time. SHA-256 of every {KEPT_EVERY}th file is compared. "
                     '"pace kept": what of the demanded rate went through in that time.')

    def run(self, bench, variant):
        seconds = max(5, self.seconds // bench.shrink)
        size = self.rate * seconds
        with stage(bench, variant) as (sink, gateway):
            meter = Meter(sink, gateway)
            command = [bench.crowd, "--port", str(gateway.port), "--path", gateway.path, "--pattern",
                       bench.pattern_file, "--slow", str(self.clients), "--slow-bytes", str(size),
                       "--slow-rate", str(self.rate), "--segment", str(self.segment), "--fast", "0",
                       "--seconds", str(seconds), "--drop", "0",
                       *{"put": ("--plain", "1"), "tus": ("--tus", "1")}.get(gateway.dialect, ())]
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                  check=False, timeout=seconds + 600, preexec_fn=pinned(bench.other_cpus))
            if done.returncode != 0:
                raise Broken(f"the crowd ended with {done.returncode}: {done.stdout[-500:]} {done.stderr[-500:]}")
            result = json.loads(done.stdout)
            values = meter.stop(size * self.clients)
            for number in range(0, self.clients, KEPT_EVERY):
                if sink.sha256(f"kept-slow-{number}") != content_sha(bench.pattern, number, size):
                    raise Broken(f"kept-slow-{number}: the store has other bytes")
        # Clients come within the first 5 s, and may still be sending for as long after the end.
        values["pace"] = result["slow_paced"] / (self.rate * self.clients * max(seconds - 2.5, 1))
        values["requests_each"] = values["store_requests"] / self.clients
        values["sent_twice"] = result["sent_twice"]
        values["gib"] = size * self.clients / GIB
        return values


CROWDS = (Crowd("slow200", 200, 50 * 1024, 60, 1448, 2),
          Crowd("slow2000", 2000, 50 * 1024, 60, 4 * 1448, 1),
          Crowd("trickle", 4000, 4 * 1024, 40, 1448, 1))

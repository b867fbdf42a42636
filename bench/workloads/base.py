"""What all workloads have in common: a fresh store and gateway for every run, and what is counted."""

import contextlib
import dataclasses
import time

import procstat
from programs import Broken, Direct, Haproxy, Nginx, NginxToDisk, NginxTuned, Sink, Sluice
from rival_tus import Tus

MIB, GIB = 1 << 20, 1 << 30
# What gateways put aside and read again, and what the run compares, has to be there with its bytes.
KEEP = ("--keep", "kept-", "--keep", ".sluice/parked/", "--keep-suffix", ".info", "--keep-suffix", ".part")


@dataclasses.dataclass(frozen=True)
class Variant:
    """A row of a table: a program, and how it is set or used."""

    kind: type
    label: str = ""
    settings: tuple = ()
    client: object = None  # means something to the workload only

    @property
    def name(self):
        return self.label or self.kind.name


@dataclasses.dataclass(frozen=True)
class Column:
    title: str
    key: str       # of a run's values
    digits: int = 1
    scale: float = 1.0
    spread: bool = False  # also the smallest and the largest


class Workload:
    name = "?"
    title = "?"
    note = ""       # for the report: what happens, what the columns mean
    rounds = 3
    pinned = True   # the gateway has a processor of its own; False where time is measured, not its CPU time
    columns = ()
    variants = ()

    def run(self, bench, variant):
        """One run, as {key: value}."""
        raise NotImplementedError


DIRECT, NGINX, NGINX_1M, NGINX_DISK = map(Variant, (Direct, Nginx, NginxTuned, NginxToDisk))
HAPROXY, TUS, SLUICE = map(Variant, (Haproxy, Tus, Sluice))
EVERYBODY = (NGINX, NGINX_1M, HAPROXY, TUS, SLUICE)

CPU_PER_GIB = Column("CPU s/GiB", "cpu_per_gib", 3, spread=True)
PEAK = Column("peak RSS MiB", "peak_rss", 0, 1 / MIB)
DISK = Column("to disk MiB", "disk_bytes", 1, 1 / MIB)


@contextlib.contextmanager
def stage(bench, variant, *sink_arguments):
    """A sink and a gateway that have just started."""
    sink = Sink(bench.sink, bench.other_cpus, (*KEEP, *sink_arguments))
    gateway = None
    try:
        gateway = variant.kind(
            dataclasses.replace(bench, settings=[*bench.settings, *variant.settings]), sink.port)
        time.sleep(0.3)  # start-up work is over
        yield sink, gateway
    finally:
        try:
            if gateway is not None:
                gateway.close()
        finally:
            sink.close()


class Meter:
    """What the gateway uses from here on."""

    def __init__(self, sink, gateway):
        self.sink, self.gateway = sink, gateway
        self.requests = sink.stats()["requests"]
        self.before = self.usage()

    def usage(self):
        process = self.gateway.process
        return procstat.usage(process.pid) if process else procstat.Usage()

    def stop(self, payload):
        """Values of a run that carried `payload` bytes."""
        time.sleep(0.2)  # what is done behind the answer is part of the price
        after = self.usage()
        cpu = after.cpu_s - self.before.cpu_s
        return {"cpu_s": cpu, "cpu_per_gib": cpu / payload * GIB, "peak_rss": after.peak_rss,
                "disk_bytes": after.disk_bytes - self.before.disk_bytes,
                "store_requests": self.sink.stats()["requests"] - self.requests - 1}


def check_stored(sink, gateway, count, size):
    """A run in which the store did not get every byte is an error, not a figure."""
    sizes = [s for key, s in sink.objects().items()
             if not key.startswith(".sluice/") and not key.endswith(gateway.beside or ("\0",))]
    if len(sizes) != count or any(s != size for s in sizes):
        raise Broken(f"the store has {len(sizes)} objects of {count}, {sum(sizes)} bytes of {size * count}")

"""Large uploads, as fast as they go."""

from programs import blast
from workloads.base import (CPU_PER_GIB, DIRECT, DISK, EVERYBODY, GIB, MIB, NGINX_DISK, PEAK, Column,
                            Meter, Workload, check_stored, stage)


class Bulk(Workload):
    note = ('"to disk" is what the gateway caused to be written to block devices. The store got exactly the '
            "bytes that were sent.")
    columns = (CPU_PER_GIB, Column("x nginx", "x nginx"), Column("x nginx-1m", "x nginx-1m"),
               Column("GiB/s", "gib_per_s", 2), PEAK, DISK,
               Column("store requests", "store_requests", 0))

    def __init__(self, name, title, size, parallel, rounds, more=()):
        self.name, self.title, self.size, self.parallel = name, title, size, parallel
        self.rounds = rounds
        self.variants = (DIRECT, *EVERYBODY, *more)

    def run(self, bench, variant):
        size = self.size // bench.shrink
        with stage(bench, variant) as (sink, gateway):
            meter = Meter(sink, gateway)
            seconds = blast(bench, gateway, "u", size, self.parallel)
            values = meter.stop(size * self.parallel)
            check_stored(sink, gateway, self.parallel, size)
        values["gib_per_s"] = size * self.parallel / GIB / seconds
        return values


BULK = (Bulk("one", "One upload of 1 GiB", GIB, 1, 5, (NGINX_DISK,)),
        Bulk("four", "Four uploads of 512 MiB at once", 512 * MIB, 4, 3),
        Bulk("ten", "Ten uploads of 256 MiB at once", 256 * MIB, 10, 3))

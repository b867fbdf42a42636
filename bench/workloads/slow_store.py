"""Stores that are slower than the clients."""

from procstat import Peak, resident
from programs import Sluice, blast
from swarm import swarm
from workloads.base import (DISK, EVERYBODY, MIB, NGINX_1M, PEAK, TUS, Column, Meter, Variant, Workload,
                            check_stored, stage)

PART = 8 * MIB


class Held(Workload):
    name = "held"
    title = "Four uploads of 64 MiB to a store of 2 MiB/s per connection"
    note = ('"held": growth of the resident memory for each upload, at its most. "in blocks": what sluice says it holds '
            "(`sluice_buffer_bytes`).")
    rounds = 1
    pinned = False
    columns = (Column("held MiB each", "held", 1, 1 / MIB), Column("in blocks MiB each", "blocks", 1, 1 / MIB),
               DISK, Column("MiB/s in all", "mib_per_s"))
    variants = EVERYBODY
    count = 4
    size = 64 * MIB

    def run(self, bench, variant):
        size = self.size // bench.shrink
        with stage(bench, variant, "--rate", str(2 * MIB)) as (sink, gateway):
            meter = Meter(sink, gateway)
            before = resident(gateway.process.pid)
            memory = Peak(lambda: resident(gateway.process.pid))
            blocks = Peak(lambda: gateway.metric("sluice_buffer_bytes")) if variant.kind is Sluice else None
            seconds = blast(bench, gateway, "u", size, self.count)
            values = meter.stop(size * self.count)
            values["held"] = (memory.stop() - before) / self.count
            if blocks is not None:
                values["blocks"] = blocks.stop() / self.count
            check_stored(sink, gateway, self.count, size)
        values["mib_per_s"] = size * self.count / MIB / seconds
        return values


class FarStore(Workload):
    """`client` of a variant: None, one bare upload; else (connections, bytes of a piece)."""

    name = "line"
    title = "One upload of 256 MiB to a store of 80 ms and 40 MB/s per connection"
    note = ('One part in flight of 8 MiB can carry 29 MB/s. The first and the last parts and the completion are in the '
            "time.")
    rounds = 2
    pinned = False
    columns = (Column("MB/s", "mb_per_s", 0, spread=True), PEAK, Column("store requests", "store_requests", 0))
    variants = (NGINX_1M, TUS,
                Variant(Sluice, "sluice, 1 connection, 1 part in flight", ("parts_in_flight=1",)),
                Variant(Sluice, "sluice, 1 connection, 4 parts in flight (default)"),
                Variant(Sluice, "sluice, 1 connection, 8 parts in flight", ("parts_in_flight=8",)),
                Variant(Sluice, "sluice, swarm: 8 connections, a part each", (), (8, PART)),
                Variant(Sluice, "sluice, swarm: 8 connections, pieces of 5 MB", (), (8, 5_000_001)))
    size = 256 * MIB

    def run(self, bench, variant):
        size = self.size // bench.shrink
        with stage(bench, variant, "--latency", "80", "--rate", "40000000") as (sink, gateway):
            meter = Meter(sink, gateway)
            if variant.client is None:
                seconds = blast(bench, gateway, "u", size, 1)
            else:
                seconds = swarm(gateway, "u", size, *variant.client)
            values = meter.stop(size)
            check_stored(sink, gateway, 1, size)
        values["mb_per_s"] = size / 1e6 / seconds
        return values


SLOW_STORE = (Held(), FarStore())

"""Small uploads: what each costs beside its bytes."""

from programs import blast
from workloads.base import (DIRECT, EVERYBODY, PEAK, Column, Meter, Workload, check_stored, stage)

SIZE = 10 * 1024


class Small(Workload):
    name = "small"
    title = "1,000 uploads of 10 KiB by 16 clients"
    note = ("Connections are kept open; one request for each upload (tus: creation with upload). Sluice's state of "
            "each upload is durable before it is acknowledged.")
    rounds = 5
    columns = (Column("CPU ms each", "cpu_ms", 3, spread=True), Column("uploads/s", "per_s", 0),
               Column("store requests each", "requests_each", 2),
               Column("to disk KiB each", "disk_each", 1, 1 / 1024), PEAK)
    variants = (DIRECT, *EVERYBODY)
    count = 1000

    def run(self, bench, variant):
        with stage(bench, variant) as (sink, gateway):
            meter = Meter(sink, gateway)
            seconds = blast(bench, gateway, "u", SIZE, 16, "--total", str(self.count))
            values = meter.stop(SIZE * self.count)
            check_stored(sink, gateway, self.count, SIZE)
        values["cpu_ms"] = values["cpu_s"] * 1000 / self.count
        values["per_s"] = self.count / seconds
        values["requests_each"] = values["store_requests"] / self.count
        values["disk_each"] = values["disk_bytes"] / self.count
        return values


SMALL = (Small(),)

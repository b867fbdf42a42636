"""Clients that have begun and send nothing: what each costs in memory."""

import time

import procstat
from http_line import Line
from programs import Sluice
from workloads.base import EVERYBODY, MIB, Column, Workload, stage

PAGE = 4096


class Idle(Workload):
    name = "idle"
    title = "2,000 uploads that nobody sends to"
    note = ('Growth of the resident memory for each: after the head of the request, and after the first 1,448 bytes of '
            'a 3 MiB body. "beside blocks": without the page of a block that these bytes fill.')
    rounds = 3
    columns = (Column("KiB after the head", "head", 1, 1 / 1024),
               Column("KiB after 1,448 bytes", "first", 1, 1 / 1024),
               Column("beside blocks", "beside", 1, 1 / 1024))
    variants = EVERYBODY
    count = 2000

    def run(self, bench, variant):
        with stage(bench, variant) as (_, gateway):
            pid = gateway.process.pid
            lines = []
            try:
                before = procstat.resident(pid)
                for number in range(self.count):
                    line = Line(gateway.port)
                    lines.append(line)
                    line.send(self.head(gateway, f"idle-{number}"))
                head = settled(pid) - before
                for line in lines:
                    line.send(b"x" * 1448)
                first = settled(pid) - before
            finally:
                for line in lines:
                    line.reset()
        values = {"head": head / self.count, "first": first / self.count}
        if variant.kind is Sluice:
            values["beside"] = max(values["head"], values["first"] - PAGE)
        return values

    @staticmethod
    def head(gateway, name):
        size = 3 * MIB
        if gateway.dialect == "tus":
            return (f"POST {gateway.path.rstrip('/')} HTTP/1.1\r\nHost: a\r\nTus-Resumable: 1.0.0\r\n"
                    f"Upload-Length: {size}\r\nContent-Length: {size}\r\nX-Bench-Name: {name}\r\n"
                    "Content-Type: application/offset+octet-stream\r\n\r\n").encode()
        return (f"PUT {gateway.path}{name} HTTP/1.1\r\nHost: a\r\n"
                f"Content-Length: {size}\r\n\r\n").encode()


def settled(pid):
    """Resident memory when it has not grown for a second."""
    last, since = 0, time.monotonic()
    while time.monotonic() - since < 1:
        now = procstat.resident(pid)
        if now > last:
            last, since = now, time.monotonic()
        time.sleep(0.1)
    return last


IDLE = (Idle(),)

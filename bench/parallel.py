#!/usr/bin/env python3
"""One upload to a slow store: how well do parts in flight, and many connections, fill the line?

    bench/parallel.py                                  80 ms and 40 MB/s per connection, 512 MiB
    bench/parallel.py --latency 20 --rate 100 --size 2048

The store is the sink, whose every connection has that latency and rate; so what one store connection
can carry is known, and with K parts in flight K times that. Printed is the time of whole uploads, each
with a fresh gateway. Needs build/release with SLUICE_BENCH=ON (bench/run.py builds it).
"""

import argparse
import pathlib
import queue
import socket
import statistics
import sys
import tempfile
import threading
import time
import types

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from programs import Broken, Sink, Sluice, blast  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[1]
MIB = 1 << 20
PART = 8 * MIB
ZEROES = memoryview(bytes(1 * MIB))


def read_head(sock):
    """Status and fields of an answer without a body worth reading."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(65536)
        if not more:
            raise Broken(f"no answer: {data!r}")
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    fields = {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in lines[1:])}
    left = int(fields.get("content-length", 0)) - len(body)
    while left > 0:
        left -= len(sock.recv(left))
    return int(lines[0].split()[1]), fields


def swarm(gateway, name, size, connections, piece):
    """Seconds for one upload by many connections, in pieces of that size, in order."""
    pieces = queue.Queue()
    for begin in range(0, size, piece):
        pieces.put((begin, min(size, begin + piece)))
    answers, failures = [], []

    def work():
        try:
            with socket.create_connection(("127.0.0.1", gateway.port)) as sock:
                while True:
                    try:
                        begin, end = pieces.get_nowait()
                    except queue.Empty:
                        return
                    sock.sendall(
                        f"PUT {gateway.path}{name} HTTP/1.1\r\nHost: bench\r\n"
                        f"X-Upload-Parallel: 1\r\nContent-Length: {end - begin}\r\n"
                        f"Content-Range: bytes {begin}-{end - 1}/{size}\r\n\r\n".encode())
                    left = end - begin
                    while left:
                        left -= sock.send(ZEROES[:left])
                    status, _ = read_head(sock)
                    if status not in (200, 308):
                        raise Broken(f"status {status}")
                    answers.append(status)
        except (Broken, OSError) as error:
            failures.append(error)

    started = time.monotonic()
    threads = [threading.Thread(target=work) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - started
    if failures or 200 not in answers:
        raise Broken(f"{failures[:1]} {answers[-3:]}")
    return seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--latency", type=int, default=80, help="of a store request, ms")
    parser.add_argument("--rate", type=int, default=40, help="of a store connection, MB/s")
    parser.add_argument("--size", type=int, default=512, help="of the object, MiB")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--build", default=str(ROOT / "build/release"))
    options = parser.parse_args()
    size, build = options.size * MIB, pathlib.Path(options.build)
    one = PART / (options.latency / 1000 + PART / (options.rate * 1e6)) / 1e6

    cases = [  # name, parts in flight, connections (0: one bare PUT), piece
        ("1 connection", 1, 0, size),
        ("8 connections, a part each", 1, 8, PART),
        ("1 connection", 4, 0, size),
        ("8 connections, a part each", 4, 8, PART),
        ("8 connections, pieces of 5 MB", 4, 8, 5_000_001),
        ("8 connections, pieces of 50 MB", 4, 8, 50_000_001),
        ("1 connection", 8, 0, size),
        ("8 connections, a part each", 8, 8, PART),
    ]
    print(f"{options.size} MiB; the store: {options.latency} ms and {options.rate} MB/s per "
          f"connection, so {one:.0f} MB/s for each part in flight; median of {options.rounds}\n")
    print("| client | parts_in_flight | MB/s | of the line | parts sent | other objects |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="sluice-parallel-") as directory:
        for name, in_flight, connections, piece in cases:
            speeds = []
            for number in range(options.rounds):
                bench = types.SimpleNamespace(
                    directory=directory, sluice=str(build / "apps/sluice/sluice"),
                    blast=str(build / "bench/sluice_blast"), gateway_cpus=None, other_cpus=None,
                    threads=2, settings=[f"parts_in_flight={in_flight}"])
                sink = Sink(str(build / "bench/sluice_sink"), None,
                            ["--latency", str(options.latency),
                             "--rate", str(options.rate * 1_000_000)])
                gateway = None
                try:
                    gateway = Sluice(bench, sink.port)
                    if connections:
                        seconds = swarm(gateway, f"u{number}", size, connections, piece)
                    else:
                        seconds = blast(bench, gateway, f"u{number}", size, 1)
                    stats = sink.stats()
                finally:
                    if gateway is not None:
                        gateway.close()
                    sink.close()
                speeds.append(size / seconds / 1e6)
            speed = statistics.median(speeds)
            parts = stats.get("upload_part", stats.get("parts", "?"))
            puts = stats.get("put_object", stats.get("puts", "?"))
            print(f"| {name} | {in_flight} | {speed:.0f} | {speed / one / in_flight:.0%} | {parts} | "
                  f"{puts} |", flush=True)


if __name__ == "__main__":
    main()

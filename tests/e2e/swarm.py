"""Many connections that upload one object together, as a good client does it: pieces in any order,
cut lines, repetitions; what is missing in the end is read from the upload's state.

Fails the test when an acknowledged range is not in a later map.
"""

import queue
import random
import re
import threading
import time

from e2e.http_raw import Broken, Connection
from e2e.resumable import PIECE, Lost, target


def parse_ranges(value):
    """"bytes=0-9,20-29" or ["0-9", "20-29"] → [(0, 10), (20, 30)], ends exclusive."""
    if not value:
        return []
    items = value.removeprefix("bytes=").split(",") if isinstance(value, str) else value
    pairs = [re.fullmatch(r"(\d+)-(\d+)", item).groups() for item in items]
    return [(int(a), int(b) + 1) for a, b in pairs]


def missing(ranges, size):
    holes, at = [], 0
    for begin, end in ranges:
        if at < begin:
            holes.append((at, begin))
        at = end
    if at < size:
        holes.append((at, size))
    return holes


def covers(ranges, wanted):
    return any(a <= wanted[0] and wanted[1] <= b for a, b in ranges)


def uneven_pieces(size, typical, seed):
    """[0, size) in pieces of about that length, no border where one would like it, shuffled."""
    chance = random.Random(seed)
    pieces, at = [], 0
    while at < size:
        end = min(size, at + chance.randrange(typical // 2, typical * 3 // 2) | 1)
        pieces.append((at, end))
        at = end
    chance.shuffle(pieces)
    return pieces


class SwarmUpload:
    """`ports`: of the gateways. `cut`: share of the requests whose line breaks somewhere."""

    def __init__(self, port, name, data, connections, typical=4 << 20, cut=0.0, seed=0,
                 deadline=600):
        self.port = port
        self.target = target(name)
        self.data = data
        self.connections = connections
        self.cut = cut
        self.deadline = time.monotonic() + deadline
        self.pieces = queue.Queue()
        for piece in uneven_pieces(data.size, typical, seed):
            self.pieces.put(piece)
        self.random = random.Random(seed + 1)
        self.lock = threading.Lock()
        self.requests = self.cuts = self.refusals = self.sent = 0
        self.told = []       # the largest map seen
        self.results = []    # final answers
        self.failures = []
        self.seconds = 0.0

    def run(self):
        """Everything; returns the final answer."""
        started = time.monotonic()
        while True:
            threads = [threading.Thread(target=self._work) for _ in range(self.connections)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            if self.failures:
                raise self.failures[0]
            answer = self._query()
            if answer.status == 200:
                self.seconds = time.monotonic() - started
                return answer
            if answer.status == 308:
                for hole in missing(self.map(), self.data.size):
                    self.pieces.put(hole)
            else:
                time.sleep(0.2)
            if time.monotonic() > self.deadline:
                raise Lost(f"not finished in time: {answer!r}")

    def map(self):
        """Everything durable, from the state, which has it in full."""
        with Connection(self.port) as connection:
            return parse_ranges(connection.request("GET", self.target).json()["ranges"])

    def _query(self):
        with Connection(self.port, timeout=120) as connection:
            return connection.request("PUT", self.target, [
                ("Content-Length", "0"), ("Content-Range", f"bytes */{self.data.size}")])

    def _work(self):
        connection = None
        try:
            while True:
                try:
                    piece = self.pieces.get_nowait()
                except queue.Empty:
                    return
                if time.monotonic() > self.deadline:
                    raise Lost("not finished in time")
                with self.lock:
                    cut_at = None
                    if self.random.random() < self.cut:
                        cut_at = self.random.randrange(piece[1] - piece[0])
                    told = list(self.told)
                try:
                    if connection is None:
                        connection = Connection(self.port, timeout=120)
                    answer = self._send(connection, piece, cut_at)
                except (OSError, Broken):
                    answer = None
                if answer is None or answer.closes or answer.status >= 400:
                    connection.close()
                    connection = None
                self._judge(piece, answer, told)
        except BaseException as error:  # for run(), on the main thread
            self.failures.append(error)
        finally:
            if connection is not None:
                connection.close()

    def _send(self, connection, piece, cut_at):
        begin, end = piece
        with self.lock:
            self.requests += 1
        connection.send_head("PUT", self.target, [
            ("X-Upload-Parallel", "1"), ("Content-Length", str(end - begin)),
            ("Content-Range", f"bytes {begin}-{end - 1}/{self.data.size}")])
        stop = end if cut_at is None else begin + cut_at
        sent = 0
        try:
            for view in self.data.views(begin, stop):
                for at in range(0, len(view), PIECE):
                    connection.send(view[at:at + PIECE])
                    sent += len(view[at:at + PIECE])
        finally:
            with self.lock:
                self.sent += sent
        if cut_at is not None:
            with self.lock:
                self.cuts += 1
            connection.reset()
            raise Broken("cut on purpose")
        return connection.read_response()

    def _judge(self, piece, answer, told):
        if answer is None:
            # An answer that came before the body had ended may be lost with the connection.
            answer = self._query()
            if answer.status != 200:
                self.pieces.put(piece)
                return
        if answer.status == 200:
            with self.lock:
                self.results.append(answer)
            return
        if answer.status == 308:
            ranges = parse_ranges(answer.get("x-upload-ranges"))
            if answer.get("x-upload-ranges-truncated") is None:
                for known in told:
                    if not covers(ranges, known):
                        raise Lost(f"{known} was acknowledged, now there is {ranges}")
                with self.lock:
                    self.told = ranges
                if not covers(ranges, piece):
                    self.pieces.put(piece)
            return
        if answer.status in (408, 409, 429) or (answer.status >= 500 and answer.status != 502):
            with self.lock:
                self.refusals += 1
            time.sleep(min(float(answer.get("retry-after") or 0), 2.0) + 0.05)
            self.pieces.put(piece)
            return
        raise Lost(f"{piece}: {answer!r}")

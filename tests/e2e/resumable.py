"""A client of the 308 protocol that does what a good client does, and watches the server's word.

It asks how much is stored, continues behind the end of Range, and fails the test when an
acknowledged offset ever goes down, when the server knows nothing of acknowledged bytes, or when a
result has the wrong size.
"""

import random
import time
import urllib.parse

from e2e.http_raw import Broken, Connection

PIECE = 256 << 10


class Lost(AssertionError):
    """The server broke a promise."""


class Stats:
    def __init__(self):
        self.requests = 0
        self.sent = 0        # body bytes, retries included
        self.breaks = 0      # connections that broke
        self.refusals = 0    # 5xx
        self.seen = []       # acknowledged offsets, in order


def target(name, prefix="/upload/"):
    return prefix + urllib.parse.quote(name, safe="/")


class ResumableUpload:
    """`connect()` gives a new Connection (perhaps through a fault proxy). It may raise OSError."""

    def __init__(self, connect, name, data, headers=(), prefix="/upload/", deadline=120,
                 patience=2.0, chunk=None, announce_total=True, seed=0, on_break=None, resume=False):
        self.connect = connect
        self.name = name
        self.data = data
        self.headers = list(headers)
        self.target = target(name, prefix)
        self.deadline = time.monotonic() + deadline
        self.patience = patience  # longest pause between tries, seconds
        self.chunk = chunk        # bytes of one request; None: all that is missing
        self.announce_total = announce_total
        self.on_break = on_break  # called after each broken connection
        self.resume = resume      # asks before it sends: somebody has begun
        self.stats = Stats()
        self.acknowledged = 0
        self._random = random.Random(seed)

    def run(self):
        """Uploads everything; returns the final Response."""
        begin = 0
        answer = self._ask() if self.resume else None
        while True:
            if answer is None:
                answer = self._send(begin)
            if answer is None:
                answer = self._ask()
            if answer.status == 200:
                self._check_result(answer)
                return answer
            begin = answer.stored if answer.status == 308 else 0
            answer = None

    # One data request. Returns a Response that says how it goes on (200 or 308), or None: ask.
    def _send(self, begin):
        self._check_time()
        size = len(self.data)
        end = size if self.chunk is None else min(size, begin + self.chunk)
        total = str(size) if self.announce_total or end == size else "*"
        headers = self.headers + [("Content-Length", str(end - begin))]
        if size:
            headers.append(("Content-Range", f"bytes {begin}-{end - 1}/{total}"))
        self.stats.requests += 1
        connection = None
        try:
            connection = self.connect()
            connection.send_head("PUT", self.target, headers)
            try:
                for view in self.data.views(begin, end):
                    for at in range(0, len(view), PIECE):
                        connection.send(view[at:at + PIECE])
                        self.stats.sent += len(view[at:at + PIECE])
            except OSError:
                pass  # an answer may still be there
            answer = connection.read_response()
        except (OSError, Broken):
            self._broken()
            return None
        finally:
            if connection is not None:
                connection.close()
        return self._judge(answer)

    def _ask(self):
        """Queries until there is an answer that says how it goes on."""
        pause = 0.02
        while True:
            self._check_time()
            self.stats.requests += 1
            total = str(len(self.data)) if self.announce_total else "*"
            try:
                connection = self.connect()
                try:
                    answer = connection.request("PUT", self.target, self.headers + [
                        ("Content-Length", "0"), ("Content-Range", f"bytes */{total}")])
                finally:
                    connection.close()
                answer = self._judge(answer)
                if answer is not None:
                    return answer
            except (OSError, Broken):
                self._broken()
            time.sleep(self._random.uniform(0, pause))
            pause = min(pause * 2, self.patience)

    def _judge(self, answer):
        if answer.status == 308:
            self.stats.seen.append(answer.stored)
            if answer.stored < self.acknowledged:
                raise Lost(f"{self.name}: acknowledged {self.acknowledged}, now {answer.stored}")
            if answer.stored > len(self.data):
                raise Lost(f"{self.name}: {answer.stored} of {len(self.data)} bytes stored")
            self.acknowledged = answer.stored
            return answer
        if answer.status == 200:
            return answer
        if answer.status == 404 and self.acknowledged == 0:
            return answer  # nothing was ever acknowledged: begin again
        # 502 is the one 5xx that says it is over (docs/protocols/put308.md).
        if answer.status in (408, 409, 429) or (answer.status >= 500 and answer.status != 502):
            self.stats.refusals += 1
            wait = answer.get("retry-after")
            if answer.status in (429, 503) and wait is None:
                raise Lost(f"{self.name}: {answer.status} without Retry-After: {answer!r}")
            time.sleep(min(float(wait or 0), self.patience))
            return None
        raise Lost(f"{self.name}: acknowledged {self.acknowledged}, then {answer!r}")

    def _broken(self):
        self.stats.breaks += 1
        if self.on_break is not None:
            self.on_break()

    def _check_result(self, answer):
        size = answer.json()["size"]
        if size != str(len(self.data)):
            raise Lost(f"{self.name}: result says {size!r}, sent {len(self.data)}")

    def _check_time(self):
        if time.monotonic() > self.deadline:
            raise Lost(f"{self.name}: not finished in time; requests {self.stats.requests}, "
                       f"breaks {self.stats.breaks}, refusals {self.stats.refusals}, "
                       f"acknowledged {self.acknowledged} of {len(self.data)}, "
                       f"offsets {self.stats.seen[-5:]}")


def put_resumable(port, name, data, **options):
    """Returns the finished ResumableUpload."""
    timeout = options.pop("timeout", 30)
    upload = ResumableUpload(lambda: Connection(port, timeout=timeout), name, data, **options)
    upload.result = upload.run()
    return upload

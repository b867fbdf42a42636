"""A client that is cut off in the middle of an upload, asks how much arrived and goes on, in the gateway's
dialect. Where nothing is remembered it begins again."""

import time

from http_line import Line
from programs import Broken

COME_AGAIN = (408, 409, 423, 429, 500, 503)  # before the gateway has understood that the line broke
PATIENCE = 120


class ResumingClient:
    def __init__(self, gateway, name, content):
        self.gateway = gateway
        self.target = gateway.path + name
        self.name = name
        self.content = memoryview(content)
        self.size = len(content)
        self.line = None
        self.tries = 0  # of asking and resuming, together
        self.reached = None  # when a question first found somebody

    def begin(self, count):
        """Announces everything and sends `count` bytes of it."""
        if self.gateway.dialect == "tus":
            self.line = Line(self.gateway.port)
            self.line.send(self.head("POST", self.gateway.path.rstrip("/"), 0,
                                     f"Upload-Length: {self.size}\r\nX-Bench-Name: {self.name}\r\n"))
            status, _ = self.line.final_answer()
            if status != 201:
                raise Broken(f"creation: status {status}")
            self.line.close()
        self.line = Line(self.gateway.port)
        self.line.send(self.data_head(0))
        self.line.send(self.content[:count])

    def reset(self):
        self.line.reset()

    def ask(self):
        """The offset, as soon as the gateway tells it."""
        return self.insist(self.ask_once)

    def resume(self, offset):
        """Returns when the gateway wants the bytes from `offset` on."""
        self.insist(lambda: self.resume_once(offset))

    def finish(self, offset):
        self.line.send(self.content[offset:])
        status, _ = self.line.final_answer()
        self.line.close()
        if status not in (200, 201, 204):
            raise Broken(f"the rest: status {status}")

    def insist(self, act):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            self.tries += 1
            try:
                result = act()
                if result is not None:
                    return result
            except ConnectionError:  # it is not there yet
                pass
            time.sleep(0.002)
        raise Broken("asked in vain")

    def ask_once(self):
        dialect = self.gateway.dialect
        line = Line(self.gateway.port)
        self.reached = self.reached or time.monotonic()
        try:
            if dialect == "put":
                return 0
            if dialect == "tus":
                line.send(self.head("HEAD", self.target, 0))
            else:
                line.send(self.head("PUT", self.target, 0, f"Content-Range: bytes */{self.size}\r\n"))
            status, fields = line.final_answer(body=dialect != "tus")
        finally:
            line.close()
        if status in COME_AGAIN:
            return None
        if dialect == "tus" and status == 200:
            return int(fields["upload-offset"])
        if dialect == "put308" and status == 308:
            return int(fields["range"].rpartition("-")[2]) + 1 if "range" in fields else 0
        if status == 404:
            return 0
        raise Broken(f"the question: status {status}")

    def resume_once(self, offset):
        self.line = Line(self.gateway.port)
        self.line.send(self.data_head(offset, "Expect: 100-continue\r\n"))
        status, _ = self.line.answer()
        if status == 100:
            return True
        self.line.close()
        if status not in COME_AGAIN:
            raise Broken(f"the resuming request: status {status}")
        return None

    def data_head(self, offset, more=""):
        if self.gateway.dialect == "tus":
            more += f"Upload-Offset: {offset}\r\nContent-Type: application/offset+octet-stream\r\n"
            return self.head("PATCH", self.target, self.size - offset, more)
        if self.gateway.dialect == "put308":
            more += f"Content-Range: bytes {offset}-{self.size - 1}/{self.size}\r\n"
        return self.head("PUT", self.target, self.size - offset, more)

    def head(self, method, target, length, more=""):
        tus = "Tus-Resumable: 1.0.0\r\n" if self.gateway.dialect == "tus" else ""
        return (f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n"
                f"{tus}{more}\r\n").encode()

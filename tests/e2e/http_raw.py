"""An HTTP/1.1 client on a bare socket: it sends exactly what it is told and hides nothing."""

import json
import re
import socket
import ssl
import struct


class Broken(Exception):
    """The connection ended or broke before a whole answer was there."""


class Response:
    def __init__(self, status, reason, headers, body=b"", interim=(), interim_heads=()):
        self.status = status
        self.reason = reason
        self.headers = headers  # list of (lower-case name, value)
        self.body = body
        self.interim = list(interim)  # statuses of 1xx answers before it
        self.interim_heads = list(interim_heads)  # their fields: dicts with lower-case names
        if status == 308 or self.get("x-http-status-code-override") == "308":
            self._check_308()

    def get(self, name, default=None):
        for n, v in self.headers:
            if n == name.lower():
                return v
        return default

    def all(self, name):
        return [v for n, v in self.headers if n == name.lower()]

    def json(self):
        return json.loads(self.body)

    @property
    def stored(self):
        """Bytes acknowledged by a 308: the end of its Range, plus one."""
        found = self.get("range")
        return 0 if found is None else int(found.rpartition("-")[2]) + 1

    @property
    def closes(self):
        return (self.get("connection") or "").lower() == "close"

    def _check_308(self):
        """R-25, R-63, R-64: holds for every 308 of every suite."""
        assert self.get("location") is None, "Location on a 308 makes clients send it elsewhere"
        ranges = self.all("range")
        assert len(ranges) <= 1, ranges
        for value in ranges:
            assert re.fullmatch(r"bytes=0-\d+", value), f"Range: {value}"
        assert "no-store" in (self.get("cache-control") or ""), "a 308 must not be cached"
        # An answer to HEAD may leave it out.
        assert self.get("content-length") in ("0", None), "a 308 has no body"

    def __repr__(self):
        return f"<{self.status} {dict(self.headers)} {self.body[:300]!r}>"


class Connection:
    """Unbuffered sending, buffered receiving."""

    def __init__(self, port, host="127.0.0.1", timeout=60, tls=None, server_hostname="localhost",
                 send_buffer=None):
        self.sock = socket.socket()
        if send_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
        self.sock.settimeout(timeout)
        try:
            self.sock.connect((host, port))
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls is not None:
                self.sock = tls.wrap_socket(self.sock, server_hostname=server_hostname)
        except BaseException:
            self.sock.close()
            raise
        self.buffer = bytearray()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # --- sending

    def send(self, data):
        self.sock.sendall(data)

    def send_head(self, method, target, headers=(), host="127.0.0.1"):
        items = headers.items() if isinstance(headers, dict) else headers
        lines = [f"{method} {target} HTTP/1.1", f"Host: {host}"]
        lines += [f"{n}: {v}" for n, v in items]
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))

    def send_chunk(self, data):
        self.send(f"{len(data):x}\r\n".encode() + bytes(data) + b"\r\n")

    def end_chunks(self):
        self.send(b"0\r\n\r\n")

    def half_close(self):
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self):
        self.sock.close()

    # --- receiving

    def _fill(self):
        try:
            data = self.sock.recv(256 << 10)
        except (TimeoutError, ConnectionError, ssl.SSLError) as error:
            raise Broken(f"{type(error).__name__}: {error}; {len(self.buffer)} bytes so far: "
                         f"{bytes(self.buffer[:200])!r}") from None
        if not data:
            raise Broken(f"end of stream; {bytes(self.buffer[:200])!r}")
        self.buffer += data

    def _line(self):
        while (end := self.buffer.find(b"\r\n")) < 0:
            self._fill()
        line = bytes(self.buffer[:end])
        del self.buffer[:end + 2]
        return line

    def _take(self, size):
        while len(self.buffer) < size:
            self._fill()
        data = bytes(self.buffer[:size])
        del self.buffer[:size]
        return data

    def read_head(self):
        """(status, reason, headers) of the next head, 1xx included."""
        line = self._line().decode("latin-1")
        match = re.fullmatch(r"HTTP/1\.1 (\d{3}) ?(.*)", line)
        if not match:
            raise Broken(f"not a status line: {line!r}")
        headers = []
        while item := self._line().decode("latin-1"):
            name, _, value = item.partition(":")
            headers.append((name.lower(), value.strip()))
        return int(match.group(1)), match.group(2), headers

    def read_response(self, to_head=False):
        interim = []
        interim_heads = []
        while True:
            status, reason, headers = self.read_head()
            if status >= 200:
                break
            interim.append(status)
            interim_heads.append(dict(headers))
        found = dict(headers)
        body = b""
        if to_head or status in (204, 304):
            pass
        elif found.get("transfer-encoding", "").lower() == "chunked":
            while size := int(self._line().split(b";")[0], 16):
                body += self._take(size)
                self._take(2)
            while self._line():
                pass
        elif "content-length" in found:
            body = self._take(int(found["content-length"]))
        else:
            body = self.read_rest()
        return Response(status, reason, headers, body, interim, interim_heads)

    def read_rest(self):
        """Everything until the peer ends the stream."""
        try:
            while True:
                self._fill()
        except Broken:
            data = bytes(self.buffer)
            self.buffer.clear()
            return data

    def is_closed(self, within=5.0):
        """True if the peer ends the connection in that time without sending anything."""
        self.sock.settimeout(within)
        try:
            return self.sock.recv(1) == b""
        except TimeoutError:
            return False
        except ConnectionError:
            return True

    def request(self, method, target, headers=(), body=None):
        items = list(headers.items() if isinstance(headers, dict) else headers)
        names = [n.lower() for n, _ in items]
        if body is not None and "content-length" not in names and "transfer-encoding" not in names:
            items.append(("Content-Length", str(len(body))))
        self.send_head(method, target, items)
        if body:
            self.send(body)
        return self.read_response(to_head=method == "HEAD")


def request(port, method, target, headers=(), body=None, timeout=60, **more):
    """One request on a connection of its own."""
    with Connection(port, timeout=timeout, **more) as connection:
        return connection.request(method, target, headers, body)

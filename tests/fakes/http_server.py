"""A small strict HTTP/1.1 server side for the fakes: heads, bodies, answers. One connection, one
thread; no framework, so that every byte and every reset is under control.
"""

import email.utils
import http.client
import socket
import struct
import time


class Closed(Exception):
    """The connection is over (for whatever reason)."""


class Malformed(Exception):
    """The peer does not speak HTTP as it should."""


class Request:
    def __init__(self, method, target, version, headers):
        self.method = method
        self.target = target
        self.version = version
        self.headers = headers  # list of (lower-case name, value), in order
        self.path, _, self.query = target.partition("?")

    def get(self, name, default=None):
        for n, v in self.headers:
            if n == name:
                return v
        return default

    @property
    def dict(self):
        return dict(self.headers)


class Connection:
    RECEIVE = 1 << 20

    def __init__(self, sock, timeout=60):
        self.sock = sock
        self.buffer = bytearray()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.set_timeout(timeout)

    def set_timeout(self, seconds):
        # The kernel's own limits: the socket stays blocking, so MSG_WAITALL works and one call
        # may fetch a whole megabyte.
        value = struct.pack("ll", int(seconds), int(seconds % 1 * 1e6))
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, value)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, value)

    # --- receiving

    def read_request(self):
        """The next request head, or None at a clean end between requests."""
        while True:
            end = self.buffer.find(b"\r\n\r\n")
            if end >= 0:
                break
            if len(self.buffer) > 64 << 10:
                raise Malformed("head too long")
            try:
                data = self.sock.recv(64 << 10)
            except OSError as error:
                raise Closed(str(error)) from None
            if not data:
                if self.buffer:
                    raise Closed("cut in the head")
                return None
            self.buffer += data
        head = bytes(self.buffer[:end])
        del self.buffer[:end + 4]
        lines = head.split(b"\r\n")
        first = lines[0].split(b" ")
        if len(first) != 3 or first[2] not in (b"HTTP/1.1", b"HTTP/1.0"):
            raise Malformed("bad request line")
        headers = []
        for line in lines[1:]:
            name, colon, value = line.partition(b":")
            if not colon or not name or name != name.strip() or b"\n" in line or b"\r" in line:
                raise Malformed(f"bad header line {line[:60]!r}")
            headers.append((name.decode("ascii").lower(), value.strip().decode("latin-1")))
        request = Request(first[0].decode("ascii"), first[1].decode("ascii"),
                          first[2].decode("ascii"), headers)
        if request.version == "HTTP/1.1" and sum(n == "host" for n, _ in headers) != 1:
            raise Malformed("exactly one Host is needed")
        lengths = [v for n, v in headers if n == "content-length"]
        if len(lengths) > 1 or (lengths and not lengths[0].isdigit()):
            raise Malformed("bad Content-Length")
        if lengths and request.get("transfer-encoding"):
            raise Malformed("Content-Length beside Transfer-Encoding")
        return request

    def read_into(self, view, rate=0):
        """Fills the view. Raises Closed with the number of bytes got in .args[1]."""
        position = min(len(self.buffer), len(view))
        view[:position] = self.buffer[:position]
        del self.buffer[:position]
        started = time.monotonic()
        while position < len(view):
            step = self.RECEIVE if not rate else max(1, min(self.RECEIVE, rate // 20))
            try:
                got = self.sock.recv_into(view[position:position + step], 0, socket.MSG_WAITALL)
            except OSError as error:
                raise Closed(str(error), position) from None
            if got == 0:
                raise Closed("cut in the body", position)
            position += got
            if rate:
                ahead = position / rate - (time.monotonic() - started)
                if ahead > 0:
                    time.sleep(ahead)

    # --- sending

    def send(self, data):
        try:
            self.sock.sendall(data)
        except OSError as error:
            raise Closed(str(error)) from None

    def send_continue(self):
        self.send(b"HTTP/1.1 100 Continue\r\n\r\n")

    def send_head(self, status, headers, now=None):
        reason = http.client.responses.get(status, "Unknown")
        lines = [f"HTTP/1.1 {status} {reason}", f"Date: {email.utils.formatdate(now, usegmt=True)}"]
        lines += [f"{n}: {v}" for n, v in headers]
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))

    # --- ending

    def close(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()

    def reset(self):
        try:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            pass
        self.sock.close()

    def kill(self):
        """From another thread: the owner's calls fail at once."""
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

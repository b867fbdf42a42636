"""One client connection that says exactly what it is told to, and reads answers one by one."""

import socket
import struct

from programs import Broken


class Line:
    def __init__(self, port):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=120)
        if self.sock.getsockname() == self.sock.getpeername():  # nobody listens, and we got that port
            self.sock.close()
            raise ConnectionRefusedError
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def send(self, data):
        self.sock.sendall(data)

    def answer(self):
        """Status and fields (names in small letters) of the next answer, interim ones included."""
        while b"\r\n\r\n" not in self.buffer:
            self.more()
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        fields = {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in lines[1:])}
        return int(lines[0].split()[1]), fields

    def final_answer(self, body=True):
        """`body`: False after HEAD, whose answer has none."""
        status = 100
        while status < 200:
            status, fields = self.answer()
        left = int(fields.get("content-length", 0)) if body else 0
        while len(self.buffer) < left:
            self.more()
        self.buffer = self.buffer[left:]
        return status, fields

    def more(self):
        data = self.sock.recv(65536)
        if not data:
            raise Broken("the connection ended without an answer")
        self.buffer += data

    def close(self):
        self.sock.close()

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

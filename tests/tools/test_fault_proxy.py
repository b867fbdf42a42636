"""The fault proxy: exact counts, real resets, real ends."""

import pathlib
import socket
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from tools.fault_proxy import FaultProxy  # noqa: E402


class Sink:
    """Accepts connections, keeps what arrives and how each ended; answers `reply` at once."""

    def __init__(self, reply=b""):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.target = self.listener.getsockname()
        self.reply = reply
        self.got = []
        self.ends = []
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        data = bytearray()
        with sock:
            try:
                sock.sendall(self.reply)
                while part := sock.recv(1 << 20):
                    data += part
                end = "fin"
            except ConnectionResetError:
                end = "rst"
        self.got.append(bytes(data))
        self.ends.append(end)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class ProxyTest(unittest.TestCase):
    def start(self, *plan, reply=b""):
        self.sink = Sink(reply)
        self.addCleanup(self.sink.close)
        self.proxy = FaultProxy(self.sink.target, [list(plan)] if plan else [])
        self.addCleanup(self.proxy.close)
        sock = socket.create_connection(("127.0.0.1", self.proxy.port), 5)
        self.addCleanup(sock.close)
        return sock

    def wait_end(self):
        end = time.monotonic() + 5
        while not self.sink.ends and time.monotonic() < end:
            time.sleep(0.01)
        return self.sink.ends[0], len(self.sink.got[0])

    def push(self, sock, size=3 << 20):
        try:
            sock.sendall(b"x" * size)
        except OSError:
            pass

    def test_pass_both_ways(self):
        sock = self.start(reply=b"hello")
        self.push(sock)
        sock.shutdown(socket.SHUT_WR)
        self.assertEqual(sock.recv(100), b"hello")
        self.assertEqual(self.wait_end(), ("fin", 3 << 20))
        self.assertEqual(sock.recv(100), b"")

    def test_reset_at_exact_byte(self):
        sock = self.start({"at": 1_234_567, "do": "rst"})
        started = time.monotonic()
        self.push(sock)
        with self.assertRaises(ConnectionResetError):
            sock.recv(1)
            sock.recv(1)
        self.assertLess(time.monotonic() - started, 1)
        end, size = self.wait_end()
        self.assertEqual(end, "rst")
        # A reset may overtake bytes that its receiver has not read yet.
        self.assertLessEqual(size, 1_234_567)

    def test_end_at_exact_byte(self):
        sock = self.start({"at": 1_234_567, "do": "fin"})
        self.push(sock)
        self.assertEqual(self.wait_end(), ("fin", 1_234_567))

    def test_one_sided_reset(self):
        sock = self.start({"at": 1000, "do": "rst", "side": "client"})
        self.push(sock)
        self.assertEqual(self.wait_end(), ("fin", 1000))
        with self.assertRaises(OSError):
            for _ in range(3):
                sock.send(b"x")
                time.sleep(0.05)

    def test_cut_in_the_answer(self):
        sock = self.start({"dir": "down", "at": 3, "do": "fin"}, reply=b"hello")
        self.assertEqual((sock.recv(100), sock.recv(100)), (b"hel", b""))

    def test_stall_then_reset(self):
        sock = self.start({"at": 1000, "do": "stall", "seconds": 0.5})
        started = time.monotonic()
        sock.sendall(b"x" * 2000)
        with self.assertRaises(ConnectionResetError):
            sock.recv(1)
        self.assertAlmostEqual(time.monotonic() - started, 0.5, delta=0.3)
        self.assertEqual(self.wait_end()[0], "rst")

    def test_stall_ends_with_the_client(self):
        sock = self.start({"at": 1000, "do": "stall"})
        sock.sendall(b"x" * 2000)
        time.sleep(0.2)
        sock.close()
        self.assertEqual(self.wait_end()[0], "rst")

    def test_rate_and_pause(self):
        sock = self.start({"at": 0, "do": "rate", "rate": 1 << 20},
                          {"at": 1 << 19, "do": "pause", "seconds": 0.5})
        started = time.monotonic()
        self.push(sock, 1 << 20)
        sock.shutdown(socket.SHUT_WR)
        self.assertEqual(self.wait_end(), ("fin", 1 << 20))
        self.assertGreater(time.monotonic() - started, 0.9)

    def test_refuse_and_cut_all(self):
        # The reset may be there before connect() returns.
        with self.assertRaises(ConnectionResetError):
            self.start({"do": "refuse"}).recv(1)
        second = socket.create_connection(("127.0.0.1", self.proxy.port), 5)
        second.sendall(b"x")
        time.sleep(0.2)
        self.assertGreaterEqual(self.proxy.cut_all(), 1)
        with self.assertRaises(ConnectionResetError):
            second.recv(1)


if __name__ == "__main__":
    unittest.main()

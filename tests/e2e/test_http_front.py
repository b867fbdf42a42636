"""The HTTP front over raw sockets (G10): ambiguous messages, slow clients, pipelines, Expect, early
refusals. What one client does wrong costs no other client anything.
"""

import pathlib
import socket
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from e2e.harness import Broken, Data, DirStore, E2ETest, Gateway, MIB, sha256, target  # noqa: E402


class Front(E2ETest):
    @classmethod
    def setUpClass(cls):
        cls.store = DirStore()
        cls.addClassCleanup(cls.store.stop)
        directory = tempfile.TemporaryDirectory(prefix="sluice-front-")
        cls.addClassCleanup(directory.cleanup)
        cls.gw = Gateway(cls.store, directory.name, sets={
            "http.header_timeout": "1s", "http.idle_timeout": "2s", "http.body_timeout": "2s",
            "linger": "200ms", "max_size": "256MiB"})
        cls.addClassCleanup(cls.gw.stop)
        cls.gw.start()

    def setUp(self):
        self.name = self.id().rpartition(".")[2]

    def tearDown(self):
        self.assertIsNone(self.gw.process.poll(), self.gw.log_text()[-3000:])
        self.assertEqual(self.gw.put("still-alive", b"yes").status, 200)

    def raw(self, data, timeout=10):
        connection = self.gw.connect(timeout=timeout)
        self.addCleanup(connection.close)
        connection.send(data)
        return connection

    # --- smuggling

    def test_ambiguous_messages(self):
        """Each is refused, the connection ends, and what stood behind it is not a request."""
        smuggled = (b"PUT /upload/smuggled HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx")
        n = self.name.encode()
        cases = {
            "length and chunked": b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "two lengths": b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nx",
            "equal lengths": b"Content-Length: 1\r\nContent-Length: 1\r\n\r\nx",
            "length list": b"Content-Length: 1, 1\r\n\r\nx",
            "signed length": b"Content-Length: +1\r\n\r\nx",
            "hex length": b"Content-Length: 0x1\r\n\r\nx",
            "negative length": b"Content-Length: -1\r\n\r\nx",
            "huge length": b"Content-Length: 99999999999999999999999\r\n\r\nx",
            "empty length": b"Content-Length:\r\n\r\nx",
            "chunked twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"
                             b"0\r\n\r\n",
            "chunked, identity": b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
            "gzip, chunked": b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            "xchunked": b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
            "blank before colon": b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
            "folding": b"X-A: 1\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "bare LF": b"X-A: 1\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "bare CR": b"X-A: 1\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "NUL": b"X-A: \0\r\nContent-Length: 1\r\n\r\nx",
            "no name": b": x\r\nContent-Length: 1\r\n\r\nx",
            "second host": b"Host: b\r\nContent-Length: 1\r\n\r\nx",
        }
        for what, rest in cases.items():
            with self.subTest(what=what):
                connection = self.raw(b"PUT /upload/" + n + b" HTTP/1.1\r\nHost: a\r\n" + rest +
                                      smuggled)
                try:
                    answer = connection.read_response()
                except Broken:
                    continue  # closed without a word: also a refusal
                self.assertTrue(400 <= answer.status < 600, answer)
                self.assertTrue(answer.closes, answer)
                self.assertEqual(connection.read_rest(), b"", "something behind it was answered")
        time.sleep(0.2)
        self.assertFalse(self.store.exists("smuggled"))
        self.assertFalse(self.store.exists(self.name))

    def test_malformed_request_lines(self):
        for line in (b"PUT /upload/x\r\n\r\n", b"PUT  /upload/x HTTP/1.1\r\nHost: a\r\n\r\n",
                     b"PUT /upload/x HTTP/1.1 \r\nHost: a\r\n\r\n", b"PUT /upload/x HTTP/2.0\r\n"
                     b"Host: a\r\n\r\n", b"PUT /upload/x HTTP/1.1\r\n\r\n",
                     b"P\x00T /upload/x HTTP/1.1\r\nHost: a\r\n\r\n", b"\x16\x03\x01\x02\x00\x01",
                     b"PUT /upload/\x80 HTTP/1.1\r\nHost: a\r\n\r\n", b"GET\r\n\r\n",
                     b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"):
            with self.subTest(line=line):
                connection = self.raw(line)
                connection.half_close()
                try:
                    answer = connection.read_response()
                    self.assertIn(answer.status, (400, 404, 501, 505), answer)
                    self.assertTrue(answer.closes, answer)
                except Broken:
                    pass

    def test_chunked_framing(self):
        head = f"PUT {target(self.name)} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        for body in (b"g\r\nx\r\n0\r\n\r\n", b"1\r\nxy\r\n0\r\n\r\n", b"1\nx\n0\n\n",
                     b"0x1\r\nx\r\n0\r\n\r\n", b"-1\r\nx\r\n0\r\n\r\n", b" 1\r\nx\r\n0\r\n\r\n",
                     b"10000000000000000\r\nx\r\n", b"\r\n1\r\nx\r\n0\r\n\r\n",
                     b"1;" + b"e" * 10000 + b"\r\nx\r\n0\r\n\r\n"):
            with self.subTest(body=body[:20]):
                connection = self.raw(head.encode() + body)
                connection.half_close()
                try:
                    answer = connection.read_response()
                    self.assertIn(answer.status, (400, 413), answer)
                    self.assertTrue(answer.closes)
                except Broken:
                    pass
                self.assertFalse(self.store.exists(self.name))
        connection = self.raw(head.encode() + b"5;ext=\"a;b\"\r\nhello\r\n0006\r\n world\r\n"
                              b"000\r\nTrailer: 1\r\n\r\n")
        self.assertEqual(connection.read_response().status, 200)
        self.assertEqual(self.store.sha256(self.name), sha256(b"hello world"))

    # --- limits

    def test_too_large_head(self):
        connection = self.raw(b"PUT /upload/x HTTP/1.1\r\nHost: a\r\nX-A: " + b"a" * 40000)
        self.assertEqual(connection.read_response().status, 431)
        connection = self.raw(b"PUT /upload/x HTTP/1.1\r\nHost: a\r\n" +
                              b"".join(b"X-%d: 1\r\n" % i for i in range(3000)) + b"\r\n")
        self.assertEqual(connection.read_response().status, 431)
        connection = self.raw(b"PUT /upload/" + b"a" * 40000)
        self.assertIn(connection.read_response().status, (414, 431))

    def test_slow_head(self):
        """Slowloris: a head that dribbles is cut off at its time limit, not at its pauses."""
        started = time.monotonic()
        connection = self.raw(b"PUT /upload/x HTTP/1.1\r\nHost: a\r\n")
        try:
            while time.monotonic() - started < 6:
                connection.send(b"X-A: 1\r\n")
                time.sleep(0.2)
        except OSError:
            pass
        self.assertLess(time.monotonic() - started, 4)

    def test_idle_connection(self):
        connection = self.gw.connect(timeout=8)
        self.assertTrue(connection.is_closed(8))
        kept = self.gw.connect()
        self.assertEqual(kept.request("PUT", target("idle"), (), b"x").status, 200)
        self.assertTrue(kept.is_closed(8))

    def test_silent_body(self):
        """A body without progress ends; what came is kept and can be continued."""
        connection = self.gw.connect(timeout=15)
        connection.send_head("PUT", target(self.name), {"Content-Length": "20",
                                                        "Content-Range": "bytes 0-19/20"})
        connection.send(b"0123456789")
        try:
            answer = connection.read_response()
            self.assertEqual(answer.status, 408, answer)
            self.assertTrue(answer.closes)
        except Broken:
            pass
        answer = self.gw.query(self.name, "20")
        self.assertEqual((answer.status, answer.stored), (308, 10))

    def test_slow_body_is_fine(self):
        with self.gw.connect() as connection:
            connection.send_head("PUT", target(self.name), {"Content-Length": "8"})
            for _ in range(8):
                connection.send(b"x")
                time.sleep(0.5)  # together longer than body_timeout
            self.assertEqual(connection.read_response().status, 200)

    def test_many_idle_connections(self):
        idle = []
        for _ in range(800):
            idle.append(self.gw.connect())
            idle[-1].send(b"PUT /up")
        started = time.monotonic()
        self.assertEqual(self.gw.put(self.name, b"x" * MIB).status, 200)
        self.assertLess(time.monotonic() - started, 2)
        for connection in idle:
            connection.close()

    # --- connections

    def test_byte_by_byte(self):
        message = (f"PUT {target(self.name)} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"
                   "hello").encode()
        with self.gw.connect() as connection:
            for at in range(len(message)):
                connection.send(message[at:at + 1])
            self.assertEqual(connection.read_response().status, 200)

    def test_keep_alive_and_pipelining(self):
        one = "PUT /upload/{0} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nbody{0}"
        query = ("PUT /upload/{0} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n"
                 "Content-Range: bytes */*\r\n\r\n")
        with self.gw.connect() as connection:
            connection.send("".join(one.format(i) + query.format(i) for i in range(9)).encode())
            for i in range(9):
                for _ in range(2):
                    answer = connection.read_response()
                    self.assertEqual((answer.status, answer.json()["name"]), (200, str(i)))
        for i in range(9):
            self.assertEqual(self.store.sha256(str(i)), sha256(f"body{i}".encode()))

    def test_half_close_after_the_request(self):
        with self.gw.connect() as connection:
            connection.send_head("PUT", target(self.name), {"Content-Length": "5"})
            connection.send(b"hello")
            connection.half_close()
            self.assertEqual(connection.read_response().status, 200)

    def test_connection_close(self):
        with self.gw.connect() as connection:
            answer = connection.request("PUT", target(self.name), {"Connection": "close"}, b"x")
            self.assertEqual(answer.status, 200)
            self.assertTrue(answer.closes)
            self.assertTrue(connection.is_closed())

    def test_http_1_0(self):
        connection = self.raw(f"PUT {target(self.name)} HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello"
                              .encode())
        self.assertEqual(connection.read_response().status, 200)
        self.assertTrue(connection.is_closed())

    def test_absolute_target(self):
        connection = self.raw(f"PUT http://127.0.0.1:{self.gw.port}{target(self.name)} HTTP/1.1\r\n"
                              "Host: other\r\nContent-Length: 5\r\n\r\nhello".encode())
        self.assertEqual(connection.read_response().status, 200)

    # --- Expect

    def test_expect_continue(self):
        with self.gw.connect() as connection:
            connection.send_head("PUT", target(self.name), {"Content-Length": "5",
                                                            "Expect": "100-continue"})
            self.assertEqual(connection.read_head()[0], 100)
            connection.send(b"hello")
            self.assertEqual(connection.read_response().status, 200)

    def test_expect_that_does_not_wait(self):
        with self.gw.connect() as connection:
            connection.send_head("PUT", target(self.name), {"Content-Length": "5",
                                                            "Expect": "100-continue"})
            connection.send(b"hello")
            answer = connection.read_response()
            self.assertEqual(answer.status, 200)

    def test_expect_refused_without_body(self):
        """The client learns that nothing is to be sent, and the next request is understood."""
        with self.gw.connect() as connection:
            connection.send_head("PUT", target(self.name), {
                "Content-Length": "5", "Expect": "100-continue", "Content-Range": "bytes 9-0/1"})
            answer = connection.read_response()
            self.assertEqual((answer.status, answer.interim), (400, []))

    def test_unknown_expectation(self):
        answer = self.gw.put(self.name, b"x", [("Expect", "the-unexpected")])
        self.assertEqual(answer.status, 417, answer)

    # --- early refusals

    def test_early_refusal_is_seen(self):
        """The client is still sending when it is refused: it must get the answer, not a reset, and
        the gateway must not swallow the whole body."""
        started = time.monotonic()
        with self.gw.connect(send_buffer=64 << 10) as connection:
            connection.send_head("PUT", target(self.name), {"Content-Length": str(200 * MIB),
                                                            "Content-Range": "bytes 5-1/2"})
            sent = 0
            try:
                while sent < 200 * MIB:
                    connection.send(b"x" * 65536)
                    sent += 65536
                    if sent == 8 * 65536:
                        time.sleep(0.05)
            except OSError:
                pass
            try:
                answer = connection.read_response()
                self.assertEqual(answer.status, 400, answer)
            except Broken as broken:
                self.fail(f"the refusal was lost after {sent} bytes: {broken}")
        self.assertLess(sent, 64 * MIB)
        self.assertLess(time.monotonic() - started, 10)

    def test_refusal_keeps_the_connection_when_the_body_is_small(self):
        with self.gw.connect() as connection:
            answer = connection.request("PUT", target(self.name),
                                        {"Content-Range": "bytes 9-0/1"}, b"x" * 100)
            self.assertEqual(answer.status, 400)
            if not answer.closes:
                self.assertEqual(connection.request("PUT", target(self.name), (), b"x").status, 200)

    def test_query_with_a_body(self):
        answer = self.gw.put(self.name, b"unexpected", [("Content-Range", "bytes */*")])
        self.assertTrue(400 <= answer.status < 500, answer)

    # --- the rest

    def test_problem_documents(self):
        answer = self.gw.put(self.name, b"x", [("Content-Range", "nonsense")])
        self.assertEqual(answer.get("content-type"), "application/problem+json")
        problem = answer.json()
        self.assertEqual(problem["status"], 400)
        self.assertTrue(problem["type"] and problem["title"] and problem["instance"])

    def test_request_id(self):
        answer = self.gw.put(self.name, b"x", [("X-Request-Id", "abc-123")])
        self.assertEqual(answer.get("x-request-id"), "abc-123")
        self.assertTrue(self.gw.put(self.name, b"x").get("x-request-id"))
        hostile = self.gw.put(self.name, b"x", [("X-Request-Id", "a b\"<" + "x" * 500)])
        self.assertNotIn("<", hostile.get("x-request-id") or "")

    def test_reset_storms(self):
        """Hundreds of broken requests leave nothing behind: no descriptor, no object."""
        before = self.gw.open_files()
        data = Data("storm", MIB)
        for turn in range(200):
            connection = self.gw.connect()
            connection.send_head("PUT", target(f"storm-{turn % 5}"), {
                "Content-Length": str(data.size),
                "Content-Range": f"bytes 0-{data.size - 1}/{data.size}"})
            connection.send(data.bytes(0, (turn * 7919) % data.size))
            connection.reset()
        end = time.monotonic() + 10
        while self.gw.open_files() > before + 10 and time.monotonic() < end:
            time.sleep(0.1)
        self.assertLessEqual(self.gw.open_files(), before + 10)

    def test_unreachable_from_outside(self):
        """Listening on 127.0.0.1 means that."""
        with self.assertRaises(OSError):
            socket.create_connection(("127.0.0.2", self.gw.port), 1).close()


if __name__ == "__main__":
    unittest.main()

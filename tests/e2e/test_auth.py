"""The authorization callback in forward mode: rows R-15 to R-21, and what its answer may decide."""

import pathlib
import socket
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from e2e.harness import (  # noqa: E402
    AuthStub, Connection, Data, E2ETest, MIB, target, wait_until)


class Auth(E2ETest):
    def setUp(self):
        self.stub = AuthStub()
        self.addCleanup(self.stub.close)
        self.store = self.fake_store()
        self.gw = self.gateway(self.store, auth_url=self.stub.url,
                               sets={"auth_timeout": "700ms", "linger": "200ms"})
        self.mark = self.store.fake.mark()

    def no_store_request(self):
        self.assertEqual(self.store.fake.requests(self.mark), [])

    def seen(self, name):
        """What the application was shown in the header `name`, request by request."""
        return [headers.get(name.lower()) for _, _, headers, _ in self.stub.requests]

    def test_R15_authorization_is_forwarded_unchanged(self):
        for value in ("Bearer abc.def-ghi_~+/=", 'Digest username="a b", realm="é"', "Basic eA=="):
            self.assertEqual(self.gw.put("a", b"x", [("Authorization", value)]).status, 200)
            self.assertEqual(self.seen("authorization")[-1], value)
        self.assertEqual(self.gw.put("a", b"x").status, 200)
        self.assertIsNone(self.seen("authorization")[-1])

    def test_forwarded_facts(self):
        self.gw.put("dir/a b.mp4", b"0123456789", [
            ("Content-Range", "bytes 0-9/20"), ("Content-Type", "video/mp4"),
            ("Cookie", "session=1"), ("X-Not-Listed", "1"),
            ("X-Upload-Subject", "forged"), ("X-Forwarded-For", "203.0.113.9")])
        method, _, headers, body = self.stub.requests[-1]
        self.assertEqual(body, b"")
        self.assertEqual(headers.get("cookie"), "session=1")
        self.assertNotIn("x-not-listed", headers)
        self.assertNotEqual(headers.get("x-upload-subject"), "forged")
        self.assertEqual(headers.get("x-upload-length"), "20")
        self.assertEqual(headers.get("x-upload-content-type"), "video/mp4")
        self.assertEqual(headers.get("x-forwarded-method"), "PUT")
        self.assertIn("/upload/dir/a%20b.mp4", (headers.get("x-original-uri") or "") +
                      (headers.get("x-forwarded-uri") or ""))
        self.assertIn("127.0.0.1", headers.get("x-forwarded-for"))
        self.assertIn(method, ("GET", "POST"))

    def test_R16_any_2xx_allows(self):
        for status in (200, 201, 204):
            self.stub.answer(status, body=b"" if status == 204 else b"ok")
            self.assertEqual(self.gw.put(f"ok-{status}", b"x").status, 200)

    def test_R17_other_answers_are_mirrored(self):
        for status, headers in ((401, [("WWW-Authenticate", 'Bearer realm="up"')]), (403, []),
                                (404, []), (429, [("Retry-After", "7")])):
            with self.subTest(status=status):
                self.stub.answer(status, headers + [("Content-Type", "text/plain"),
                                                    ("X-Internal", "1")], b"why not")
                answer = self.gw.put("denied", b"x")
                self.assertEqual(answer.status, status, answer)
                for name, value in headers:
                    self.assertEqual(answer.get(name), value)
                self.assertIsNone(answer.get("x-internal"))
                self.assertIn(b"why not", answer.body)
        self.no_store_request()

    def test_R17_large_body_is_refused_early(self):
        """The client need not send 64 MiB to learn that it may not."""
        self.stub.answer(403)
        with self.gw.connect() as connection:
            connection.send_head("PUT", target("denied"), {"Content-Length": str(64 * MIB)})
            answer = connection.read_response()
            self.assertEqual(answer.status, 403, answer)
        self.no_store_request()

    def test_R18_callback_unreachable(self):
        self.stub.close()
        answer = self.gw.put("a", b"x")
        self.assertEqual(answer.status, 503, answer)
        self.assertTrue(answer.get("retry-after").isdigit())
        self.no_store_request()

    def test_R18_callback_too_slow(self):
        self.stub.answer(200, delay=10)
        started = time.monotonic()
        answer = self.gw.put("a", b"x")
        self.assertEqual(answer.status, 503, answer)
        self.assertTrue(answer.get("retry-after").isdigit())
        self.assertLess(time.monotonic() - started, 5)
        self.no_store_request()

    def test_R18_callback_breaks(self):
        """A server that accepts and says nonsense, or nothing: never permission."""
        for nonsense in (b"", b"HTTP/1.1 200", b"\x16\x03\x01", b"SSH-2.0-x\r\n\r\n"):
            with self.subTest(nonsense=nonsense):
                listener = socket.create_server(("127.0.0.1", 0))
                gateway = self.gateway(self.store, sets={"auth_timeout": "500ms"}, auth_url=(
                    f"http://127.0.0.1:{listener.getsockname()[1]}/"))
                with Connection(gateway.port) as connection:
                    connection.send_head("PUT", target("a"), {"Content-Length": "1"})
                    connection.send(b"x")
                    listener.settimeout(3)
                    try:
                        while True:
                            sock, _ = listener.accept()
                            sock.sendall(nonsense)
                            sock.close()
                            listener.settimeout(0.7)
                    except TimeoutError:
                        pass
                    answer = connection.read_response()
                self.assertEqual(answer.status, 503, answer)
                listener.close()
        self.no_store_request()

    def test_R18_5xx(self):
        for status in (500, 502, 503):
            self.stub.answer(status, body=b"internal detail")
            answer = self.gw.put("a", b"x")
            self.assertEqual(answer.status, 503, answer)
            self.assertTrue(answer.get("retry-after").isdigit())
            self.assertNotIn(b"internal detail", answer.body)
        self.no_store_request()

    def test_R19_nothing_is_read_before_permission(self):
        self.stub.answer(403, delay=0.5)
        with self.gw.connect() as connection:
            connection.send_head("PUT", target("a"), {"Content-Length": "1000000",
                                                      "Expect": "100-continue"})
            answer = connection.read_response()
            self.assertEqual((answer.status, answer.interim), (403, []))
            if not answer.closes:
                self.stub.answer(200)
                self.assertEqual(connection.request("PUT", target("b"), (), b"x").status, 200)
                return
            self.assertTrue(connection.is_closed())
        self.no_store_request()

    def test_R19_continue_after_permission(self):
        self.stub.answer(200, delay=0.3)
        with self.gw.connect() as connection:
            started = time.monotonic()
            connection.send_head("PUT", target("a"), {"Content-Length": "4",
                                                      "Expect": "100-continue"})
            self.assertEqual(connection.read_head()[0], 100)
            self.assertGreater(time.monotonic() - started, 0.25)
            connection.send(b"data")
            self.assertEqual(connection.read_response().status, 200)

    def test_R20_redirects_are_not_followed(self):
        with AuthStub() as other:
            for status in (301, 302, 303, 307, 308):
                self.stub.answer(status, [("Location", other.url)])
                answer = self.gw.put("a", b"x")
                self.assertIn(answer.status, (502, 503), answer)
                self.assertIsNone(answer.get("location"))
            self.assertEqual(other.requests, [])
        self.no_store_request()

    def test_R21_each_request_is_authorised(self):
        self.assertEqual(self.gw.put("a", b"0123456789", [("Content-Range", "bytes 0-9/20")]).status,
                         308)
        self.assertEqual(self.gw.query("a", "20").status, 308)
        self.stub.answer(401, [("WWW-Authenticate", "Bearer")])
        self.assertEqual(self.gw.query("a", "20").status, 401)
        for method in ("HEAD", "GET", "DELETE"):
            self.assertEqual(self.gw.request(method, target("a")).status, 401, method)
        self.stub.answer(200)
        self.assertEqual(self.gw.query("a", "20").stored, 10)

    # --- what an allowing answer may decide

    def test_key(self):
        self.stub.answer(200, [("X-Upload-Key", "u/42/8kQ.mp4")])
        data = Data("key", 9 * MIB)
        self.assertEqual(self.gw.put("a.mp4", data.bytes()).status, 200)
        self.assert_stored(self.store, "u/42/8kQ.mp4", data)
        self.assertFalse(self.store.exists("a.mp4"))

    def test_subject_is_part_of_the_identity(self):
        """Ruling 1: subject + name; the credential itself may rotate."""
        def put(subject, token, body, content_range):
            self.stub.answer(200, [("X-Upload-Subject", subject),
                                   ("X-Upload-Key", f"{subject}/same.bin")])
            return self.gw.put("same.bin", body, [("Content-Range", content_range),
                                                  ("Authorization", f"Bearer {token}")])

        self.assertEqual(put("alice", "1", b"aaaaaaaaaa", "bytes 0-9/15").stored, 10)
        self.assertEqual(put("bob", "2", b"bbb", "bytes 0-2/5").stored, 3)
        self.assertEqual(put("alice", "3", b"AAAAA", "bytes 10-14/15").status, 200)
        self.assertEqual(put("bob", "2", b"BB", "bytes 3-4/5").status, 200)
        self.assert_stored(self.store, "alice/same.bin", b"aaaaaaaaaaAAAAA")
        self.assert_stored(self.store, "bob/same.bin", b"bbbBB")

    def test_size_limit_by_header(self):
        self.stub.answer(200, [("X-Upload-Max-Size", "1000")])
        self.assertEqual(self.gw.put("fits", b"x" * 1000).status, 200)
        mark = self.store.fake.mark()
        self.assertEqual(self.gw.put("big", b"x" * 1001).status, 413)
        self.assertEqual(self.gw.put("big", b"x", [("Content-Range", "bytes 0-0/1001")]).status, 413)
        self.assertEqual(self.store.fake.requests(mark), [])
        with self.gw.connect() as connection:
            connection.send_head("PUT", target("big"), {"Transfer-Encoding": "chunked"})
            connection.send_chunk(b"x" * 600)
            connection.send_chunk(b"x" * 600)
            connection.end_chunks()
            self.assertEqual(connection.read_response().status, 413)
        self.assertFalse(self.store.exists("big"))

    def test_callback_down_while_an_upload_runs(self):
        data = Data("running", 20 * MIB)
        with self.gw.connect() as connection:
            connection.send_head("PUT", target("running"), {"Content-Length": str(data.size)})
            connection.send(data.bytes(0, 5 * MIB))
            wait_until(lambda: self.stub.requests, what="the callback")
            self.stub.close()
            connection.send(data.bytes(5 * MIB))
            self.assertEqual(connection.read_response().status, 200)
        self.assert_stored(self.store, "running", data)

    def test_preflight_needs_no_permission(self):
        gateway = self.gateway(self.store, auth_url=self.stub.url,
                               sets={"cors.origins": "https://app.example"})
        self.stub.clear()
        answer = gateway.request("OPTIONS", target("a"), {
            "Origin": "https://app.example", "Access-Control-Request-Method": "PUT",
            "Content-Length": "0"})
        self.assertIn(answer.status, (200, 204))
        self.assertEqual(self.stub.requests, [])

    def test_bad_request_is_not_worth_a_call(self):
        self.stub.clear()
        self.assertEqual(self.gw.put("a", b"x", [("Content-Range", "bytes 9-0/1")]).status, 400)
        self.assertEqual(self.stub.requests, [])


if __name__ == "__main__":
    unittest.main()

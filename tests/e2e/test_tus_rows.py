"""The rows of tus 1.0 on the wire, against the directory store and against the strict fake S3. The
content of what arrived is compared by its hash.

Rows of checksum (T-59 to T-70) and concatenation (T-77 to T-94) are not here: the gateway does not
announce these extensions and refuses their fields. The real client is in test_tus_clients.py.
"""

import concurrent.futures
import email.utils
import pathlib
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from e2e.harness import (  # noqa: E402
    AuthStub, Broken, Connection, Data, DirStore, E2ETest, FakeStore, KIB, MIB, OneGateway, run_sweep,
    sha256, wait_clean, wait_until)
from e2e.tus import STREAM, Tus, metadata  # noqa: E402

ORIGIN = "https://app.example"
EXTENSIONS = "creation,creation-with-upload,creation-defer-length,expiration,termination"
SIZE_MAX = 64 * MIB


class Rows(OneGateway):
    sets = {"cors.origins": ORIGIN, "linger": "500ms", "max_size": str(SIZE_MAX),
            "http.body_timeout": "4s"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tus = Tus(cls.gw.port)

    # --- expectations

    def expect(self, answer, status, offset=None):
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(answer.get("tus-resumable"), "1.0.0", "T-01")
        said = answer.get("upload-offset")
        if status == 409:
            self.assertIsNotNone(said, "TP-03")
        elif status >= 400:
            self.assertIsNone(said, "TP-03")
        if status >= 400:
            self.assertIsNone(answer.get("location"), "TP-04")
            if answer.body:
                self.assertEqual(answer.get("content-type"), "text/plain; charset=utf-8")
                self.assertRegex(answer.body.decode(), r"\AERR_[A-Z_]+: .+\n\Z")
        if offset is not None:
            self.assertEqual(said, str(offset), answer)
        return answer

    def expect_stored(self, path, data):
        name = path.rpartition("/")[2]
        self.assertEqual(self.store.size(name), len(data))
        self.assertEqual(self.store.sha256(name),
                         data.sha256() if isinstance(data, Data) else sha256(data))

    def expect_gone(self, path):
        for answer in (self.tus.head(path), self.tus.patch(path, 0, b"x"), self.tus.delete(path)):
            self.expect(answer, 404)

    # --- core

    def test_T02_T04_version(self):
        path = self.tus.begin(10)
        for version in (None, "0.2.2", "2.0.0"):
            field = ("Tus-Resumable", version)
            for answer in (self.tus.patch(path, 0, b"0123456789", field), self.tus.head(path, field),
                           self.tus.delete(path, field), self.tus.create(10, field)):
                self.expect(answer, 412)
                self.assertEqual(answer.get("tus-version"), "1.0.0")
        self.assertEqual(self.tus.offset(path), 0)

    def test_T05_T08_options(self):
        for target in ("/files/", "/files", "/files/abc"):
            for version in (None, "1.0.0", "9.9.9"):
                answer = self.tus.ask("OPTIONS", target, ("Tus-Resumable", version))
                self.expect(answer, 200)
                self.assertEqual(answer.get("tus-version"), "1.0.0")
                self.assertEqual(answer.get("tus-extension"), EXTENSIONS)
                self.assertEqual(answer.get("tus-max-size"), str(SIZE_MAX))
                self.assertEqual(answer.get("content-length"), "0")

    def test_T09_numbers(self):
        path = self.tus.begin(10)
        for bad in ("-1", "1.5", "abc", "", "0x10", "1" * 20, "+1"):
            self.expect(self.tus.create(bad), 400)
            self.expect(self.tus.patch(path, bad, b"x"), 400)
            self.expect(self.tus.patch(path, 0, b"x", ("Upload-Length", bad)), 400)
        self.expect(self.tus.ask("PATCH", path, ("Content-Type", STREAM), body=b"x"), 400)
        self.assertEqual(self.tus.offset(path), 0)

    def test_T10_method_override(self):
        path = self.tus.begin(5)
        override = "X-HTTP-Method-Override"
        answer = self.tus.ask("POST", path, (override, "PATCH"), ("Upload-Offset", "0"),
                              ("Content-Type", STREAM), body=b"hel")
        self.expect(answer, 204, 3)
        answer = self.tus.ask("GET", path, (override, "HEAD"))
        self.expect(answer, 200, 3)
        self.expect(self.tus.ask("POST", path, (override, "DELETE"), ("Content-Length", "0")), 204)
        self.expect_gone(path)

    def test_T11_T15_head(self):
        path = self.tus.begin(10)
        for offset in (0, 4, 10):
            answer = self.expect(self.tus.head(path), 200, offset)
            self.assertEqual(answer.get("upload-length"), "10")
            self.assertIsNone(answer.get("upload-defer-length"))
            self.assertIn("no-store", answer.get("cache-control"))
            self.assertEqual(answer.get("upload-expires") is None, offset == 10)
            if offset < 10:
                self.tus.patch(path, offset, b"0123456789"[offset:4 if offset == 0 else 10])
        self.expect_stored(path, b"0123456789")
        answer = self.expect(self.tus.head("/files/unknown"), 404)

    def test_T17_media_type(self):
        path = self.tus.begin(10)
        for kind in (None, "text/plain", "application/octet-stream"):
            answer = self.tus.ask("PATCH", path, ("Upload-Offset", "0"), ("Content-Type", kind),
                                  body=b"x")
            self.expect(answer, 415)
        self.assertEqual(self.tus.offset(path), 0)

    def test_T18_T21_offsets(self):
        path = self.tus.begin(20)
        self.expect(self.tus.patch(path, 0, b"012"), 204, 3)
        self.expect(self.tus.patch(path, 3, b"3456789"), 204, 10)
        for offset in (11, 9, 0):
            self.expect(self.tus.patch(path, offset, b"xx"), 409, 10)
        self.expect(self.tus.head(path), 200, 10)
        self.expect(self.tus.patch("/files/unknown", 0, b"x"), 404)
        self.expect(self.tus.patch(path, 10, b"abcdefghij"), 204, 20)
        self.expect_stored(path, b"0123456789abcdefghij")

    def test_T22_silence(self):
        path = self.tus.begin(10)
        with self.tus.open_patch(path, 0, ("Content-Length", "10")) as connection:
            connection.send(b"01234")
            try:
                answer = connection.read_response()
                self.assertEqual(answer.status, 503, answer)
            except Broken:
                pass
            self.assertTrue(connection.is_closed())
        self.assertEqual(self.tus.offset(path), 5)

    def test_T23_cut(self):
        data = Data("T-23", 10 * MIB)
        path = self.tus.begin(data.size)
        connection = self.tus.open_patch(path, 0, ("Content-Length", str(data.size)))
        connection.send(data.bytes(0, 6 * MIB))
        time.sleep(0.1)
        connection.reset()  # the kernel throws away what it has not sent
        # A question that overtakes the news of the reset hears what was recorded before (ruling 4).
        wait_until(lambda: self.tus.offset(path) > 0, 1, what="the gateway to notice the cut")
        offset = self.tus.offset(path)
        self.assertTrue(0 < offset <= 6 * MIB, offset)
        self.expect(self.tus.patch(path, offset, data.bytes(offset)), 204, data.size)
        self.expect_stored(path, data)

    def test_T24_many_small_ones(self):
        data = Data("T-24", 300).bytes()
        path = self.tus.begin(len(data))
        with Connection(self.gw.port) as connection:
            for at in range(len(data)):
                answer = connection.request("PATCH", path, self.tus.fields(
                    ("Upload-Offset", str(at)), ("Content-Type", STREAM)), data[at:at + 1])
                self.expect(answer, 204, at + 1)
        self.expect_stored(path, data)

    def test_T25_chunked(self):
        data = Data("T-25", 3 * MIB + 5).bytes()
        path = self.tus.begin(len(data))
        with self.tus.open_patch(path, 0, ("Transfer-Encoding", "chunked")) as connection:
            for at in range(0, len(data), 700 * KIB):
                connection.send_chunk(data[at:at + 700 * KIB])
            connection.end_chunks()
            self.expect(connection.read_response(), 204, len(data))
            # What tus-java-client sends at the end.
            connection.send_head("PATCH", path, self.tus.fields(
                ("Upload-Offset", str(len(data))), ("Content-Type", STREAM),
                ("Transfer-Encoding", "chunked")))
            connection.end_chunks()
            self.expect(connection.read_response(), 204, len(data))  # T-26, TP-06
        self.expect_stored(path, data)

    def test_T26_complete(self):
        path = self.tus.begin(5)
        self.expect(self.tus.patch(path, 0, b"hello"), 204, 5)
        self.expect(self.tus.patch(path, 5, b""), 204, 5)
        self.expect(self.tus.patch(path, 5, b"x"), 413)
        self.expect(self.tus.patch(path, 0, b"hello"), 409, 5)
        self.expect_stored(path, b"hello")

    def test_T27_too_much(self):
        path = self.tus.begin(10)
        self.expect(self.tus.patch(path, 0, b"0123456789a"), 413)
        self.assertEqual(self.tus.offset(path), 0)
        with self.tus.open_patch(path, 0, ("Transfer-Encoding", "chunked")) as connection:
            connection.send_chunk(b"0123456789a")
            connection.end_chunks()
            self.expect(connection.read_response(), 413)
        self.assertEqual(self.tus.offset(path), 0)
        self.assertFalse(self.store.exists(path.rpartition("/")[2]))

    # --- creation

    def test_T28_T31_creation(self):
        for prefix in ("/files/", "/files"):
            answer = self.expect(Tus(self.gw.port, prefix).create(10), 201)
            self.assertRegex(answer.get("location"), r"\Ahttp://127\.0\.0\.1/files/[\w-]{22}\Z")
            self.assertIsNotNone(answer.get("upload-expires"))  # T-55
            self.expect(self.tus.head(self.tus.path(answer)), 200, 0)
            self.expect(self.tus.head(self.tus.path(answer) + "/"), 200, 0)  # TP-14

    def test_T32_T33_length_or_defer(self):
        self.expect(self.tus.create(), 400)
        self.expect(self.tus.create(10, ("Upload-Defer-Length", "1")), 400)
        for value in ("0", "2", "true"):
            self.expect(self.tus.create(None, ("Upload-Defer-Length", value)), 400)

    def test_T34_T37_deferred(self):
        path = self.tus.begin()
        for at in (0, 5):
            answer = self.expect(self.tus.head(path), 200, at)
            self.assertEqual(answer.get("upload-defer-length"), "1")
            self.assertIsNone(answer.get("upload-length"))
            if at == 0:
                self.tus.patch(path, 0, b"01234")
        self.expect(self.tus.patch(path, 5, b"", ("Upload-Length", "3")), 400)  # T-37
        self.expect(self.tus.patch(path, 5, b"", ("Upload-Length", str(SIZE_MAX + 1))), 413)
        self.expect(self.tus.patch(path, 5, b"56", ("Upload-Length", "12")), 204, 7)
        self.expect(self.tus.patch(path, 7, b"7", ("Upload-Length", "13")), 400)  # T-36
        answer = self.expect(self.tus.head(path), 200, 7)
        self.assertEqual(answer.get("upload-length"), "12")
        self.assertIsNone(answer.get("upload-defer-length"))
        self.expect(self.tus.patch(path, 7, b"789ab"), 204, 12)
        self.expect_stored(path, b"0123456789ab")

    def test_T35_empty_last(self):
        data = Data("T-35", 9 * MIB).bytes()
        path = self.tus.begin()
        self.expect(self.tus.patch(path, 0, data), 204, len(data))
        self.expect(self.tus.patch(path, len(data), b"", ("Upload-Length", str(len(data)))), 204,
                    len(data))
        self.expect_stored(path, data)

    def test_T36_not_deferred(self):
        path = self.tus.begin(10)
        self.expect(self.tus.patch(path, 0, b"01", ("Upload-Length", "11")), 400)
        self.assertEqual(self.tus.head(path).get("upload-length"), "10")

    def test_T39_empty(self):
        answer = self.expect(self.tus.create(0), 201)
        path = self.tus.path(answer)
        self.assertEqual(self.expect(self.tus.head(path), 200, 0).get("upload-length"), "0")
        self.expect_stored(path, b"")
        self.expect(self.tus.patch(path, 0, b""), 204, 0)

    def test_T40_too_large(self):
        self.expect(self.tus.create(SIZE_MAX + 1), 413)
        path = self.tus.begin()
        with self.tus.open_patch(path, 0, ("Transfer-Encoding", "chunked")) as connection:
            piece = bytes(8 * MIB)
            try:
                for _ in range(9):
                    connection.send_chunk(piece)
                connection.end_chunks()
            except OSError:
                pass
            self.expect(connection.read_response(), 413)
        self.expect(self.tus.delete(path), 204)

    def test_T41_T43_metadata(self):
        for value in ("b ,a dA==,is_private", "filename w6l0w6k=, filetype dmlkZW8vbXA0", "a", "a "):
            path = self.tus.begin(3, ("Upload-Metadata", value))
            self.assertEqual(self.tus.head(path).get("upload-metadata"), value.strip())
            self.expect(self.tus.patch(path, 0, b"abc"), 204, 3)
            self.assertEqual(self.tus.head(path).get("upload-metadata"), value.strip())
        path = self.tus.begin(3, ("Upload-Metadata", ""))
        self.assertIsNone(self.tus.head(path).get("upload-metadata"))

    def test_T42_bad_metadata(self):
        for value in (",a dA==", "a b c", "a dGVzdA==,a dGVzdA==", "a !!!", "a dGVzdA"):
            self.expect(self.tus.create(3, ("Upload-Metadata", value)), 400)
        self.expect(self.tus.create(3, ("Upload-Metadata", "a " + "A" * 8192)), 431)  # TP-18

    def test_T44_values_are_not_trusted(self):
        evil = metadata(filename=b"../../etc/passwd", filetype=b"x/y\r\nSet-Cookie: a=b",
                        name=b"x\r\nSet-Cookie: a=b")
        answer = self.expect(self.tus.create(3, ("Upload-Metadata", evil)), 201)
        self.assertIsNone(answer.get("set-cookie"))
        path = self.tus.path(answer)
        answer = self.expect(self.tus.patch(path, 0, b"abc"), 204, 3)
        self.assertIsNone(answer.get("set-cookie"))
        self.expect_stored(path, b"abc")

    # --- creation with upload

    def test_T46_T50_creation_with_upload(self):
        answer = self.expect(self.tus.create(100, body=bytes(40)), 201, 40)
        path = self.tus.path(answer)
        self.expect(self.tus.patch(path, 40, bytes(60)), 204, 100)
        self.expect_stored(path, bytes(100))
        answer = self.expect(self.tus.create(5, body=b"hello"), 201, 5)  # T-47
        self.expect_stored(self.tus.path(answer), b"hello")
        self.expect(self.tus.create(100, ("Content-Type", "text/plain"), body=b"x"), 415)  # T-48
        self.expect(self.tus.create(10, ("Content-Type", "application/json")), 201)  # T-49
        self.expect(self.tus.create(3, body=b"hello"), 413)  # T-50

    def test_T51_expect(self):
        for fields, status in ((("Upload-Length", "x"), 400),
                               (("Upload-Length", str(SIZE_MAX + 1)), 413)):
            with Connection(self.gw.port) as connection:
                connection.send_head("POST", "/files/", self.tus.fields(
                    fields, ("Content-Type", STREAM), ("Content-Length", "5"),
                    ("Expect", "100-continue")))
                answer = connection.read_response()
                self.expect(answer, status)
                self.assertEqual(answer.interim, [])
        with Connection(self.gw.port) as connection:
            connection.send_head("POST", "/files/", self.tus.fields(
                ("Upload-Length", "5"), ("Content-Type", STREAM), ("Content-Length", "5"),
                ("Expect", "100-continue")))
            self.assertEqual(connection.read_head()[0], 100)
            connection.send(b"hello")
            self.expect(connection.read_response(), 201, 5)

    def test_T52_cut_creation(self):
        connection = Connection(self.gw.port)
        connection.send_head("POST", "/files/", self.tus.fields(
            ("Upload-Length", "100"), ("Content-Type", STREAM), ("Content-Length", "100")))
        connection.send(bytes(50))
        time.sleep(0.1)
        connection.reset()

    # --- expiration

    def test_T53_T56_expiration(self):
        path = self.tus.begin(10)
        answer = self.expect(self.tus.patch(path, 0, b"01234"), 204, 5)
        when = answer.get("upload-expires")
        self.assertRegex(when, r"\A\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\Z")
        left = email.utils.parsedate_to_datetime(when).timestamp() - time.time()
        self.assertAlmostEqual(left, 7 * 86400, delta=60)
        answer = self.expect(self.tus.patch(path, 5, b"56789"), 204, 10)
        self.assertIsNone(answer.get("upload-expires"))

    # --- termination

    def test_T72_T75_termination(self):
        data = Data("T-72", 9 * MIB).bytes()
        path = self.tus.begin(20 * MIB)
        self.expect(self.tus.patch(path, 0, data), 204, len(data))
        self.expect(self.tus.delete(path), 204)
        self.expect_gone(path)
        self.expect(self.tus.delete("/files/unknown"), 404)
        done = self.tus.begin(5)
        self.expect(self.tus.patch(done, 0, b"hello"), 204, 5)
        self.expect(self.tus.delete(done), 204)
        self.expect_gone(done)
        self.expect_stored(done, b"hello")  # TP-15: the object stays
        name = path.rpartition("/")[2]
        self.assertFalse(self.store.exists(name))

    def test_T76_delete_while_writing(self):
        path = self.tus.begin(20 * MIB)
        with self.tus.open_patch(path, 0, ("Content-Length", str(20 * MIB))) as connection:
            connection.send(bytes(9 * MIB))
            time.sleep(0.1)
            began = time.monotonic()
            self.expect(self.tus.delete(path), 204)
            self.assertLess(time.monotonic() - began, 6)
            try:
                self.assertGreaterEqual(connection.read_response().status, 400)
            except Broken:
                pass
        self.expect_gone(path)

    # --- concurrency

    def test_T95_parallel(self):
        path = self.tus.begin(1000)
        bodies = [bytes([65 + n]) * 1000 for n in range(20)]
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(lambda b: self.tus.patch(path, 0, b), bodies))
        statuses = [a.status for a in answers]
        self.assertEqual(statuses.count(204), 1, statuses)
        self.assertTrue(set(statuses) <= {204, 409, 423}, statuses)
        self.expect_stored(path, bodies[statuses.index(204)])

    def test_T96_stalled_writer(self):
        """TP-08: the newer request goes on at once; the older one is told (TP-07)."""
        path = self.tus.begin(10)
        with self.tus.open_patch(path, 0, ("Content-Length", "10")) as connection:
            connection.send(b"01234")
            time.sleep(0.2)
            began = time.monotonic()
            offset = self.tus.offset(path)
            answer = self.tus.patch(path, offset, b"0123456789"[offset:])
            self.assertLess(time.monotonic() - began, 3)
            self.expect(answer, 204, 10)
            try:
                self.assertIn(connection.read_response().status, (204, 423))
            except Broken:
                pass
        self.expect_stored(path, b"0123456789")

    # --- others

    def test_G11_any_protocol_continues(self):
        """The same upload under /files/ and /upload/."""
        data = Data("G-11", 12 * MIB).bytes()
        path = self.tus.begin(len(data))
        name = path.rpartition("/")[2]
        self.expect(self.tus.patch(path, 0, data[:5 * MIB]), 204, 5 * MIB)
        answer = self.gw.query(name, len(data))
        self.assertEqual((answer.status, answer.stored), (308, 5 * MIB))
        answer = self.gw.put(name, data[5 * MIB:], [
            ("Content-Range", f"bytes {5 * MIB}-{len(data) - 1}/{len(data)}")])
        self.assertEqual(answer.status, 200, answer)
        self.expect(self.tus.head(path), 200, len(data))
        self.expect_stored(path, data)
        answer = self.gw.put("g11-" + self.store.kind, data[:7], [("Content-Range", "bytes 0-6/10")])
        self.assertEqual(answer.status, 308)
        other = "/files/g11-" + self.store.kind
        self.expect(self.tus.patch(other, 7, data[7:10]), 204, 10)
        self.expect_stored(other, data[:10])

    def test_not_announced(self):
        self.expect(self.tus.create(None, ("Upload-Concat", "partial"), ("Upload-Length", "3")), 501)
        self.expect(self.tus.create(3, ("Upload-Checksum", "sha1 AAAA")), 501)
        path = self.tus.begin(3)
        self.expect(self.tus.patch(path, 0, b"abc", ("Upload-Checksum", "sha1 AAAA")), 501)
        self.assertEqual(self.tus.offset(path), 0)

    def test_methods(self):
        path = self.tus.begin(3)
        for method, target in (("GET", path), ("PUT", path), ("POST", path), ("PATCH", "/files/"),
                               ("DELETE", "/files/"), ("GET", "/files/")):
            answer = self.expect(self.tus.ask(method, target, ("Content-Length", "0")), 405)
            self.assertIn("PATCH", answer.get("allow"))

    def test_cors(self):
        answer = self.tus.ask("OPTIONS", "/files/", ("Tus-Resumable", None), ("Origin", ORIGIN),
                              ("Access-Control-Request-Method", "PATCH"),
                              ("Access-Control-Request-Headers", "tus-resumable,upload-offset"))
        self.assertEqual(answer.status, 204)
        self.assertIn("PATCH", answer.get("access-control-allow-methods"))
        self.assertEqual(answer.get("access-control-allow-headers"), "tus-resumable,upload-offset")
        path = self.tus.begin(3)
        for answer in (self.tus.create(3, ("Origin", ORIGIN)),
                       self.tus.patch(path, 2, b"c", ("Origin", ORIGIN)),
                       self.tus.head("/files/unknown", ("Origin", ORIGIN))):
            self.assertEqual(answer.get("access-control-allow-origin"), ORIGIN)
            for name in ("Location", "Upload-Offset", "Upload-Length", "Upload-Expires"):
                self.assertIn(name, answer.get("access-control-expose-headers"))


class DirectoryRows(Rows, unittest.TestCase):
    @classmethod
    def make_store(cls):
        return DirStore()


class FakeS3Rows(Rows, unittest.TestCase):
    @classmethod
    def make_store(cls):
        return FakeStore()

    def test_T26_one_completion(self):
        path = self.tus.begin(5)
        for _ in range(3):
            self.tus.patch(path, 0, b"hello")
            self.tus.patch(path, 5, b"")
        self.assertEqual(self.store.writes(path.rpartition("/")[2]), 1)

    def test_filetype_is_the_object_s(self):
        path = self.tus.begin(5, ("Upload-Metadata", metadata(
            filetype=b"video/mp4", filename=b"movie.mp4")))
        self.expect(self.tus.patch(path, 0, b"hello"), 204, 5)
        headers = {k.lower(): v for k, v in self.store.headers(path.rpartition("/")[2]).items()}
        self.assertEqual(headers["content-type"], "video/mp4")
        self.assertEqual(headers["x-amz-meta-filename"], "movie.mp4")


class Alone(E2ETest):
    """Rows that need a gateway of their own."""

    def test_T57_T58_expired(self):
        store = self.fake_store()
        gateway = self.gateway(store, sets={"expire_after": "1h"})
        tus = Tus(gateway.port)
        path, done = tus.begin(20 * MIB), tus.begin(5)
        self.assertEqual(tus.patch(path, 0, bytes(9 * MIB)).status, 204)
        self.assertEqual(tus.patch(done, 0, b"hello").status, 204)
        gateway.stop()
        with self.subTest("the sweeper removes it"):
            import sqlite3
            with sqlite3.connect(gateway.state_file) as database:
                database.execute("UPDATE uploads SET touched_at = touched_at - 7200000")
            swept = run_sweep(store, gateway.state_file, expire_after="1h")
            self.assertEqual(swept.returncode, 0, swept)
        gateway.start()
        self.assertEqual(Tus(gateway.port).head(path).status, 404)
        self.assertEqual(Tus(gateway.port).patch(path, 9 * MIB, b"x").status, 404)
        self.assertEqual(store.sha256(done.rpartition("/")[2]), sha256(b"hello"))
        wait_clean(store)

    def test_restart(self):
        """T-97 for processes that follow each other: nothing depends on one of them."""
        store = self.dir_store()
        gateway = self.gateway(store)
        tus = Tus(gateway.port)
        data = Data("T-97", 12 * MIB).bytes()
        path = tus.begin(len(data), ("Upload-Metadata", "b ,a dA=="))
        empty = tus.begin()
        self.assertEqual(tus.patch(path, 0, data[:5 * MIB]).status, 204)
        gateway.kill9()
        gateway.start()
        tus = Tus(gateway.port)
        answer = tus.head(path)
        self.assertEqual(answer.get("upload-offset"), str(5 * MIB))
        self.assertEqual(answer.get("upload-length"), str(len(data)))
        self.assertEqual(answer.get("upload-metadata"), "b ,a dA==")
        self.assertEqual(tus.head(empty).get("upload-defer-length"), "1")
        self.assertEqual(tus.patch(path, 5 * MIB, data[5 * MIB:]).status, 204)
        self.assert_stored(store, path.rpartition("/")[2], data)

    def test_forwarded(self):
        """TP-01."""
        behind = [("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "up.example:8443")]
        for sets, start in (({}, "http://127.0.0.1/files/"),
                            ({"http.forwarded": "true"}, "https://up.example:8443/files/")):
            gateway = self.gateway(self.dir_store(), sets=sets)
            answer = Tus(gateway.port).create(3, *behind)
            self.assertTrue(answer.get("location").startswith(start), answer)
            gateway.stop()

    def test_the_application_decides(self):
        stub = AuthStub()
        self.addCleanup(stub.close)
        gateway = self.gateway(self.dir_store(), auth_url=stub.url)
        tus = Tus(gateway.port)
        path = tus.begin(5)
        self.assertEqual(len(stub.requests), 1)
        stub.answer(403, [("Content-Type", "text/plain")], b"not you\n")
        for answer in (tus.patch(path, 0, b"hello"), tus.head(path), tus.create(5)):
            self.assertEqual(answer.status, 403, answer)
            self.assertEqual(answer.get("tus-resumable"), "1.0.0")
            self.assertIsNone(answer.get("location"))
            self.assertIn(answer.body, (b"not you\n", b""))


if __name__ == "__main__":
    unittest.main()

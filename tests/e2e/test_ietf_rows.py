"""The rows of the IETF digest on the wire, against the directory store and against the strict fake S3,
in every interop version where it matters. The content of what arrived is compared by its hash.
"""

import concurrent.futures
import pathlib
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from e2e.harness import (  # noqa: E402
    AuthStub, Broken, Connection, Data, DirStore, E2ETest, FakeStore, MIB, OneGateway, sha256,
    wait_until)
from e2e.ietf import ALL, IANA, Ietf, PARTIAL, VERSION, limits  # noqa: E402
from e2e.tus import Tus  # noqa: E402

ORIGIN = "https://app.example"
SIZE_MAX = 64 * MIB


class Rows(OneGateway):
    sets = {"cors.origins": ORIGIN, "linger": "500ms", "max_size": str(SIZE_MAX),
            "part_size": "5MiB", "http.body_timeout": "2s"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ietf = Ietf(cls.gw.port)

    # --- expectations

    def expect(self, answer, status, flag=None, offset=None, ietf=None):
        """`flag`: what Upload-Complete says. What holds for every answer is checked here."""
        ietf = ietf or self.ietf
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(ietf.said_complete(answer), flag, answer)
        version = None if ietf.version is None else str(ietf.version)
        self.assertEqual(answer.get(VERSION), version, "P-09")
        self.assertIn("no-store", answer.get("cache-control"), "R-47")
        self.assertNotIn(status, (301, 302, 303), "R-35, R-48, R-68")
        if answer.get("upload-limit"):
            limits(answer.get("upload-limit"))
        if status in (400, 413) and flag is not None:
            self.assertIn("upload-limit", dict(answer.headers), "P-19")
        if offset is not None:
            self.assertEqual(answer.get("upload-offset"), str(offset), answer)
        return answer

    def expect_problem(self, answer, status, slug, flag=False, ietf=None):
        self.expect(answer, status, flag, ietf=ietf)
        self.assertEqual(answer.json()["type"], IANA + slug, answer)
        return answer

    def expect_stored(self, path, data, name=None):
        name = name or path.rpartition("/")[2]
        self.assertEqual(self.store.size(name), len(data))
        self.assertEqual(self.store.sha256(name),
                         data.sha256() if isinstance(data, Data) else sha256(data))

    def expect_gone(self, path, ietf=None):
        ietf = ietf or self.ietf
        for answer in (ietf.head(path), ietf.patch(path, 0, False, b"x"), ietf.delete(path)):
            self.assertIn(answer.status, (404,) if ietf.old(3, 6) else (404, 410), answer)
            self.assertIsNone(ietf.said_complete(answer))

    def expect_cut(self, connection):
        """P-11: the superseded request ends without an answer."""
        with self.assertRaises(Broken):
            connection.read_response()

    # --- every version: D rows

    def test_D_every_version(self):
        data = Data("ietf-D", 60).bytes()
        for version in ALL:
            with self.subTest(version=version):
                ietf = Ietf(self.gw.port, version)
                old = ietf.old(3, 6)
                answer = self.expect(ietf.create(False, body=data[:25]), 201, False, 25, ietf)
                path = ietf.path(answer.get("location"))
                lifetime = "expires" if version == 6 else "max-age"  # D-11
                found = limits(answer.get("upload-limit"))
                self.assertEqual(found["max-size"], SIZE_MAX)
                self.assertAlmostEqual(found[lifetime], 7 * 86400, delta=60)
                self.expect(ietf.patch(path, 25, False, data[25:35]), 201 if old else 204, False,
                            35, ietf)  # D-02, D-03
                for flag in (True, False):
                    for offset in (0, 34, 36):
                        answer = self.expect_problem(
                            ietf.patch(path, offset, flag, b"x"), 409, "mismatching-upload-offset",
                            ietf=ietf)
                        self.assertEqual(answer.get("upload-offset"), "35")
                        self.assertEqual(answer.json()["expected-offset"], 35)
                        self.assertEqual(answer.json()["provided-offset"], offset)
                for method in ("HEAD", "GET"):
                    answer = self.expect(ietf.head(path, method=method), 204, False, 35, ietf)
                    self.assertIsNone(answer.get("upload-length"))
                    self.assertIsNone(answer.get("content-length"))
                answer = self.expect(ietf.patch(path, 35, True, data[35:]), 201 if old else 200, True,
                                     60, ietf)
                self.assertEqual(answer.json()["size"], "60")
                answer = self.expect(ietf.head(path), 204, True, 60, ietf)
                self.assertEqual(answer.get("upload-length"), "60")
                self.expect_stored(path, data)

    def test_D_one_request(self):
        for version in ALL:
            ietf = Ietf(self.gw.port, version)
            answer = ietf.create(True, body=b"hello")
            self.expect(answer, 201 if ietf.old(3, 6) else 200, True, 5, ietf)
            self.expect_stored(ietf.path(answer.get("location")), b"hello")
            answer = ietf.create(True)
            self.expect(answer, 201 if ietf.old(3, 6) else 200, True, 0, ietf)
            self.expect_stored(ietf.path(answer.get("location")), b"")

    def test_D_versions_continue_each_other(self):
        data = Data("ietf-mixed", len(ALL) * 7).bytes()
        path = self.ietf.begin()
        for n, version in enumerate(ALL):
            ietf = Ietf(self.gw.port, version)
            last = n == len(ALL) - 1
            status = 200 if last else 201 if ietf.old(3, 6) else 204
            self.expect(ietf.patch(path, n * 7, last, data[n * 7:n * 7 + 7]), status, last,
                        n * 7 + 7, ietf)
        self.expect_stored(path, data)

    def test_P16_empty_files(self):
        for version in ALL:
            ietf = Ietf(self.gw.port, version)
            answer = ietf.create(False, ("Upload-Length", "0"))
            ends = version in (5, 6)
            self.expect(answer, 201, ends, 0, ietf)
            path = ietf.path(answer.get("location"))
            self.expect(ietf.head(path), 204, ends, 0, ietf)
            if not ends:
                self.expect(ietf.patch(path, 0, True), 201 if ietf.old(3, 6) else 200, True, 0, ietf)
            self.expect_stored(path, b"")

    def test_P02_P03_old_appends(self):
        for version in ALL:
            ietf = Ietf(self.gw.port, version)
            path = ietf.begin()
            answer = ietf.ask("PATCH", path, ("Upload-Offset", "0"), ietf.complete(False),
                              ("Content-Type", "application/octet-stream"), body=b"abc")
            if version in (3, 4, 5):
                self.expect(answer, 201, False, 3, ietf)  # D-08
            else:
                self.expect(answer, 415, False, ietf=ietf)
                self.assertEqual(answer.get("accept-patch"), PARTIAL)
                self.expect(ietf.patch(path, 0, False, b"abc"), 201 if ietf.old(3, 6) else 204,
                            False, 3, ietf)
            answer = ietf.patch(path, 3, None, b"def")
            if ietf.old(3, 6):
                self.expect(answer, 201, True, 6, ietf)
                self.expect_stored(path, b"abcdef")
            else:
                self.expect(answer, 400, False, ietf=ietf)
                self.expect(ietf.head(path), 204, False, 3, ietf)

    # --- fields that do not count

    def test_R06_P01_offsets(self):
        path = self.ietf.begin()
        for bad in ("abc", "-1", "5.0", '"5"', "+0", "0x0", "1e0", "", "0 0", "0, 0",
                    "1000000000000000", "0;", "\x80", None):
            self.expect(self.ietf.patch(path, bad, False, b"x"), 400, False)
        with Connection(self.gw.port) as connection:
            fields = self.ietf.patch_fields(0, False, ("Content-Length", "1"))
            connection.send_head("PATCH", path, [*fields, ("Upload-Offset", "0")])
            self.expect(connection.read_response(), 400, False)
        self.expect(self.ietf.head(path), 204, False, 0)
        self.expect(self.ietf.patch(path, "000;x=1", False, b"x"), 204, False, 1)

    def test_R07_complete(self):
        for bad in ("true", "1", "?2", '"?1"', "?1, ?0", "", "(?1)", "?1;"):
            answer = self.ietf.ask("POST", "/files/", ("Upload-Complete", bad), body=b"x")
            self.assertEqual(answer.status, 400, answer)
            self.assertEqual(answer.interim, [])
            self.assertIsNone(answer.get("location"))
            # Of a name it is an ordinary upload (P-23).
            name = f"r07-{self.store.kind}"
            answer = self.ietf.ask("PUT", "/upload/" + name, ("Upload-Complete", bad), body=b"hello")
            self.assertEqual((answer.status, answer.interim), (200, []), answer)
            self.assertIsNone(answer.get("location"))
            self.expect_stored(None, b"hello", name)

    def test_R14_length(self):
        for bad in ("-5", "x", "5.0", '"5"', "1000000000000000"):
            path = self.ietf.begin(bad)
            self.assertIsNone(self.ietf.head(path).get("upload-length"))

    def test_P05_fields_of_queries(self):
        path = self.ietf.begin(10)
        for field in ("Upload-Offset", "Upload-Complete", "Upload-Incomplete", "Upload-Length"):
            for method in ("HEAD", "GET", "DELETE"):
                self.expect(self.ietf.ask(method, path, (field, "0")), 400)
        self.expect(self.ietf.head(path), 204, False, 0)

    def test_R73_versions(self):
        """No 104 without a version that we speak, and the request is served all the same."""
        for version in (None, "2", "11", "99", "abc", "6, 6", "-6", "6.0"):
            answer = self.ietf.ask("POST", "/files/", (VERSION, version), ("Upload-Complete", "?1"),
                                   body=b"hello")
            self.assertEqual((answer.status, answer.interim), (200, []), version)
            self.assertEqual(answer.get("upload-complete"), "?1")
            self.assertIsNone(answer.get(VERSION))  # P-06
        with Connection(self.gw.port) as connection:
            connection.send_head("POST", "/files/", [
                (VERSION, "6"), (VERSION, "6"), ("Upload-Complete", "?1"), ("Content-Length", "5")])
            connection.send(b"hello")
            answer = connection.read_response()
            self.assertEqual((answer.status, answer.interim), (200, []))

    # --- lengths

    def test_R11_one_request(self):
        for flag, length in ((True, 11), (True, 9), (False, 9)):
            answer = self.ietf.create(flag, ("Upload-Length", str(length)), body=b"0123456789")
            self.expect_problem(answer, 400, "inconsistent-upload-length")
            self.assertEqual(answer.interim, [])
            self.assertIsNone(answer.get("location"))

    def test_R12_R32_R59_across_requests(self):
        path = self.ietf.begin(20)
        self.assertEqual(self.ietf.head(path).get("upload-length"), "20")
        answer = self.ietf.patch(path, 0, False, b"01234", ("Upload-Length", "21"))
        self.expect_problem(answer, 400, "inconsistent-upload-length")
        answer = self.ietf.patch(path, 0, True, b"01234")
        self.expect_problem(answer, 400, "inconsistent-upload-length")
        answer = self.expect(self.ietf.head(path), 204, False, 0)
        self.assertEqual(answer.get("upload-length"), "20")
        path = self.ietf.begin()
        self.expect(self.ietf.patch(path, 0, False, b"01", ("Upload-Length", "30")), 204, False, 2)
        self.assertEqual(self.ietf.head(path).get("upload-length"), "30")

    def test_R13_chunked_end(self):
        path = self.ietf.begin(20)
        with self.ietf.open_patch(path, 0, True, ("Transfer-Encoding", "chunked")) as connection:
            connection.send_chunk(b"01234")
            connection.end_chunks()
            self.expect_problem(connection.read_response(), 400, "inconsistent-upload-length")
        self.expect(self.ietf.head(path), 204, False, 5)
        self.assertFalse(self.store.exists(path.rpartition("/")[2]))

    def test_R15_the_length_is_not_the_end(self):
        for version in ALL:
            ietf = Ietf(self.gw.port, version)
            path = ietf.begin(10)
            ends = version in (5, 6)  # the versions of tus-js-client, which does not always say it
            self.expect(ietf.patch(path, 0, False, b"0123456789"), 201 if ietf.old(3, 6) else 204,
                        ends, 10, ietf)
            self.assertEqual(self.store.exists(path.rpartition("/")[2]), ends)
            self.expect(ietf.head(path), 204, ends, 10, ietf)
            self.expect(ietf.patch(path, 10, True), 201 if ietf.old(3, 6) else 200, True, 10, ietf)
            self.expect_stored(path, b"0123456789")

    def test_R60_R61_too_much(self):
        for version in (None, 6, 7, 10):
            ietf = Ietf(self.gw.port, version)
            for chunked in (False, True):
                path = ietf.begin(10)
                if chunked:
                    with ietf.open_patch(path, 0, False, ("Transfer-Encoding", "chunked")) as line:
                        line.send_chunk(b"0123456789a")
                        line.end_chunks()
                        answer = line.read_response()
                else:
                    answer = ietf.patch(path, 0, False, b"0123456789a")
                self.expect_problem(answer, 400, "inconsistent-upload-length", ietf=ietf)
                if version == 6:  # D-11
                    self.assertEqual(ietf.head(path).status, 204)
                else:
                    self.expect_gone(path, ietf)
                self.assertFalse(self.store.exists(path.rpartition("/")[2]))

    # --- limits and OPTIONS

    def test_R17_R19_options(self):
        for target in ("/files/", "/files", "/files/r.x", "/upload/a", "*"):
            for version in ("10", None):
                answer = self.ietf.ask("OPTIONS", target, (VERSION, version))
                self.assertIn(answer.status, (200, 204), answer)
                self.assertEqual(limits(answer.get("upload-limit"))["max-size"], SIZE_MAX)
                self.assertEqual(answer.get("accept-patch"), PARTIAL)  # D-14
        answer = self.ietf.ask("OPTIONS", "/files/")
        self.assertEqual(answer.get("tus-version"), "1.0.0")  # P-18
        methods = answer.get("allow").split(", ")
        self.assertEqual(len(methods), len(set(methods)))
        self.assertTrue({"POST", "PATCH", "HEAD", "DELETE", "OPTIONS"} <= set(methods), methods)

    def test_cors(self):
        answer = self.ietf.ask("OPTIONS", "/files/", (VERSION, None), ("Origin", ORIGIN),
                               ("Access-Control-Request-Method", "PATCH"),
                               ("Access-Control-Request-Headers", "upload-offset,upload-complete"))
        self.assertEqual(answer.status, 204)
        self.assertIn("PATCH", answer.get("access-control-allow-methods"))
        self.assertIn("upload-limit", dict(answer.headers))
        path = self.ietf.begin(3)
        answer = self.ietf.patch(path, 1, True, b"x", ("Origin", ORIGIN))
        self.assertEqual((answer.status, answer.get("access-control-allow-origin")), (409, ORIGIN))
        for name in ("Upload-Complete", "Upload-Incomplete", "Upload-Limit", VERSION):
            self.assertIn(name, answer.get("access-control-expose-headers"))

    def test_R22_R25_too_large(self):
        too_much = str(SIZE_MAX + 1)
        self.expect(self.ietf.create(False, ("Upload-Length", too_much)), 413, False)
        path = self.ietf.begin()
        self.expect(self.ietf.patch(path, 0, False, b"", ("Upload-Length", too_much)), 413, False)
        self.expect(self.ietf.patch(path, SIZE_MAX, False, b"x"), 413, False)
        with self.ietf.open_patch(path, 0, False, ("Transfer-Encoding", "chunked")) as connection:
            try:
                for _ in range(9):
                    connection.send_chunk(bytes(8 * MIB))
                connection.end_chunks()
            except OSError:
                pass
            self.expect(connection.read_response(), 413, False)
        self.expect(self.ietf.delete(path), 204)

    # --- creation

    def test_R01_R81_R82_addresses(self):
        paths = {self.ietf.begin() for _ in range(200)}
        self.assertEqual(len(paths), 200)
        for path in paths:
            self.assertRegex(path, r"\A/files/r\.[\w-]{22}\Z")

    def test_R27_names(self):
        for method in ("PUT", "POST", "PATCH"):
            name = f"r27-{method}-{self.store.kind}/a b"
            target = "/upload/" + name.replace(" ", "%20")
            data = Data(name, 7 * MIB).bytes()
            answer = self.expect(self.ietf.create(False, ("Content-Type", "image/png"),
                                                  body=data[:MIB], method=method, path=target),
                                 201, False, MIB)
            path = self.ietf.path(answer.get("location"))
            self.assertTrue(path.startswith("/files/r."))
            # What the append says of its own content changes nothing.
            self.expect(self.ietf.patch(path, MIB, True, data[MIB:]), 200, True, len(data))
            self.expect_stored(None, data, name)
            if self.store.kind == "fake":
                self.assertEqual(self.store.headers(name)["content-type"], "image/png")
        answer = self.ietf.create(True, body=b"once more", method="PUT", path=target)
        self.expect(answer, 200, True, 9)
        self.expect_stored(None, b"once more", name)

    def test_R28_R33_R74_announcement(self):
        for version in ALL[1:]:
            ietf = Ietf(self.gw.port, version)
            with ietf.open_post(False, ("Content-Length", "5")) as connection:
                status, _, headers = connection.read_head()  # before the body
                said = dict(headers)
                self.assertEqual(status, 104)
                self.assertEqual(said[VERSION.lower()], str(version))
                self.assertNotIn("upload-offset", said)
                limits(said["upload-limit"])
                connection.send(b"hello")
                answer = self.expect(connection.read_response(), 201, False, 5, ietf)
                self.assertEqual(answer.get("location"), said["location"])

    def test_R29_the_announced_address_works(self):
        data = Data("R-29", 6 * MIB).bytes()
        connection = self.ietf.open_post(True, ("Content-Length", str(len(data))))
        path = self.ietf.path(dict(connection.read_head()[2])["location"])
        connection.send(data[:4 * MIB])
        time.sleep(0.1)
        connection.reset()
        answer = self.ietf.head(path)
        offset = int(answer.get("upload-offset"))
        self.expect(answer, 204, False)
        self.assertTrue(0 < offset <= 4 * MIB, offset)
        self.assertEqual(answer.get("upload-length"), str(len(data)))
        self.expect(self.ietf.patch(path, offset, True, data[offset:]), 200, True, len(data))
        self.expect_stored(path, data)

    def test_R72_expect(self):
        with self.ietf.open_post(True, ("Content-Length", "5"),
                                 ("Expect", "100-continue")) as connection:
            self.assertEqual({connection.read_head()[0], connection.read_head()[0]}, {100, 104})
            connection.send(b"hello")
            self.expect(connection.read_response(), 200, True, 5)
        path = self.ietf.begin()
        with self.ietf.open_patch(path, 0, True, ("Content-Length", "5"),
                                  ("Expect", "100-continue")) as connection:
            self.assertEqual(connection.read_head()[0], 100)
            connection.send(b"hello")
            self.expect(connection.read_response(), 200, True, 5)
        with self.ietf.open_patch(path, 3, True, ("Content-Length", "5"),
                                  ("Expect", "100-continue")) as connection:
            answer = connection.read_response()
            self.assertEqual((answer.status, answer.interim), (409, []))

    def test_R75_http10(self):
        with Connection(self.gw.port) as connection:
            connection.send(f"POST /files/ HTTP/1.0\r\nHost: h\r\n{VERSION}: 10\r\n"
                            "Upload-Complete: ?1\r\nContent-Length: 5\r\n\r\nhello".encode())
            answer = connection.read_response()
            self.assertEqual((answer.status, answer.interim), (200, []))

    def test_R37_R52_cuts_complete_nothing(self):
        data = Data("R-37", 8 * MIB).bytes()
        for how in ("rst", "fin", "chunks"):
            framing = ("Transfer-Encoding", "chunked") if how == "chunks" else (
                "Content-Length", str(len(data)))
            path = self.ietf.begin()
            connection = self.ietf.open_patch(path, 0, True, framing)
            if how == "chunks":
                connection.send_chunk(data[:6 * MIB])
            else:
                connection.send(data[:6 * MIB])
            time.sleep(0.1)
            if how == "rst":
                connection.reset()
            else:
                connection.half_close()
                self.expect_cut(connection)
                connection.close()
            answer = self.ietf.head(path)
            offset = int(answer.get("upload-offset"))
            self.expect(answer, 204, False)
            self.assertTrue(0 < offset <= 6 * MIB, offset)
            if how != "rst":
                self.assertEqual(offset, 6 * MIB)
            self.expect(self.ietf.patch(path, offset, True, data[offset:]), 200, True, len(data))
            self.expect_stored(path, data)

    def test_R83_R44_descriptions(self):
        for value in ('inline; filename="../../x"', "attachment; filename*=UTF-8''a%0d%0ab"):
            answer = self.ietf.create(True, ("Content-Disposition", value), body=b"x")
            self.expect(answer, 200, True, 1)
            self.expect_stored(self.ietf.path(answer.get("location")), b"x")
        answer = self.ietf.create(True, ("Content-Disposition", "inline; filename=\xe4"), body=b"x")
        self.expect(answer, 400, False)

    def test_digests(self):
        """R-88, R-90 are not met: what cannot be verified is refused. R-91."""
        digest = "sha-256=:hNiYd/DUBB77a/kaFvAkjy/Vc+avBcGflr7bn4gveII=:"
        for name in ("Content-Digest", "Repr-Digest"):
            self.expect(self.ietf.create(True, (name, digest), body=b"0123456789"), 501, False)
            answer = self.ietf.create(True, (name, "foo=:AA==:"), body=b"0123456789")
            self.expect(answer, 200, True, 10)
        path = self.ietf.begin()
        self.expect(self.ietf.patch(path, 0, True, b"0123456789", ("Content-Digest", digest)), 501,
                    False)
        self.expect(self.ietf.head(path), 204, False, 0)

    # --- progress

    def test_R62_R63_P13_progress(self):
        data = Data("R-62", 40 * MIB).bytes()
        for flag in (True, False):
            if flag:
                connection = self.ietf.open_post(True, ("Content-Length", str(len(data))))
            else:
                # A first request of 40 MiB would be planned as one part.
                path = self.ietf.begin()
                self.expect(self.ietf.patch(path, 0, False, data[:100]), 204, False, 100)
                connection = self.ietf.open_patch(path, 100, False,
                                                  ("Content-Length", str(len(data) - 100)))
            began = time.monotonic()
            for at in range(0 if flag else 100, len(data), 5 * MIB):
                connection.send(data[at:at + 5 * MIB])
                time.sleep(0.5)
            answer = connection.read_response()
            took = time.monotonic() - began
            connection.close()
            self.expect(answer, 200 if flag else 204, flag, len(data))
            heads = list(answer.interim_heads)
            self.assertEqual(set(answer.interim), {104})
            if flag:
                path = self.ietf.path(heads.pop(0)["location"])
            offsets = [int(head["upload-offset"]) for head in heads]
            self.assertGreaterEqual(len(offsets), 2, offsets)
            self.assertLessEqual(len(offsets), took + 1)
            self.assertEqual(offsets, sorted(set(offsets)))
            for head in heads:
                self.assertEqual(set(head), {"upload-offset", VERSION.lower()})
            self.assertLessEqual(offsets[-1], len(data))
            if not flag:
                self.expect(self.ietf.patch(path, len(data), True), 200, True, len(data))
            self.expect_stored(path, data)

    # --- concurrency

    def test_R70_R71_head_while_writing(self):
        """HEAD ends a request that hangs; its offset is good for the next append."""
        data = Data("R-70", 12 * MIB).bytes()
        for sent in (5, 3 * MIB, 7 * MIB):
            path = self.ietf.begin()
            with self.ietf.open_patch(path, 0, True, ("Content-Length", str(len(data)))) as hanging:
                hanging.send(data[:sent])
                time.sleep(1.5)  # few bytes are read a second later (16 KiB at once)
                began = time.monotonic()
                answer = self.ietf.head(path)
                self.assertLess(time.monotonic() - began, 3)
                self.expect(answer, 204, False, sent)
                self.expect_cut(hanging)
            self.expect(self.ietf.patch(path, sent, True, data[sent:]), 200, True, len(data))
            self.expect_stored(path, data)

    def test_R71_append_while_writing(self):
        """The newer append takes over at the acknowledged offset while the older one hangs."""
        data = Data("R-71", 9 * MIB).bytes()
        path = self.ietf.begin()
        self.expect(self.ietf.patch(path, 0, False, data[:100]), 204, False, 100)
        with self.ietf.open_patch(path, 100, True,
                                  ("Content-Length", str(len(data) - 100))) as hanging:
            hanging.send(data[100:2 * MIB])
            time.sleep(0.2)
            began = time.monotonic()
            self.expect(self.ietf.patch(path, 100, True, data[100:]), 200, True, len(data))
            self.assertLess(time.monotonic() - began, 5)
            self.expect_cut(hanging)
        self.expect_stored(path, data)

    def test_R67_delete_while_writing(self):
        path = self.ietf.begin()
        with self.ietf.open_patch(path, 0, True, ("Content-Length", str(20 * MIB))) as hanging:
            hanging.send(bytes(9 * MIB))
            time.sleep(0.2)
            self.expect(self.ietf.delete(path), 204)
            try:
                self.assertGreaterEqual(hanging.read_response().status, 400)
            except Broken:
                pass
        self.expect_gone(path)
        self.assertFalse(self.store.exists(path.rpartition("/")[2]))

    def test_R69_many_at_one_offset(self):
        for _ in range(5):
            path = self.ietf.begin(100_000)
            bodies = [bytes([65 + n]) * 100_000 for n in range(20)]

            def send(body):
                try:
                    return self.ietf.patch(path, 0, True, body).status
                except (Broken, OSError):
                    return 0  # P-11

            with concurrent.futures.ThreadPoolExecutor(20) as pool:
                statuses = list(pool.map(send, bodies))
            self.assertTrue(set(statuses) <= {0, 200, 400, 409}, statuses)
            answer = self.ietf.head(path)
            self.expect(answer, 204, True, 100_000)
            self.assertEqual(statuses.count(200), 1, statuses)
            self.expect_stored(path, bodies[statuses.index(200)])

    def test_G9_replays(self):
        """A whole request that comes again within milliseconds, as HTTP libraries do it."""
        data = Data("G-9", 300_000).bytes()
        for pause in (0, 0.001, 0.003, 0.01):
            path = self.ietf.begin()
            self.ietf.patch(path, 0, False, data[:1000])
            first = self.ietf.open_patch(path, 1000, True, ("Content-Length", str(len(data) - 1000)))
            first.send(data[1000:])
            time.sleep(pause)
            first.reset()
            try:
                answer = self.ietf.patch(path, 1000, True, data[1000:])
                self.assertIn(answer.status, (200, 409), answer)
                self.assertEqual(answer.get("upload-complete"), "?1" if answer.status == 200 else "?0")
            except Broken:
                pass
            offset = self.ietf.offset(path)
            if self.ietf.said_complete(self.ietf.head(path)) is False:
                self.ietf.patch(path, offset, True, data[offset:])
            # The lost answer once more.
            self.expect(self.ietf.patch(path, len(data), True), 200, True, len(data))
            self.expect_stored(path, data)

    # --- the end

    def test_R64_P07_appends_to_a_complete_one(self):
        for version in ALL:
            ietf = Ietf(self.gw.port, version)
            old = ietf.old(3, 6)
            path = ietf.path(ietf.create(True, body=b"0123456789").get("location"))
            for _ in range(2):
                answer = self.expect(ietf.patch(path, 10, True), 201 if old else 200, True, 10, ietf)
                self.assertEqual(answer.json()["size"], "10")
            named = version in (6, 7)
            slug = "completed-upload" if named else "inconsistent-upload-length"
            self.expect_problem(ietf.patch(path, 10, False, b"x"), 400, slug, ietf=ietf)
            if version in (5, 6):
                self.expect(ietf.patch(path, 10, False), 201, True, 10, ietf)
            else:
                status = 400 if named else 404 if old else 410
                self.expect(ietf.patch(path, 10, False), status, False, 10, ietf)
            for flag in (True, False):
                self.expect_problem(ietf.patch(path, 5, flag, b"x"), 409, "mismatching-upload-offset",
                                    ietf=ietf)
            self.expect(ietf.head(path), 204, True, 10, ietf)
            self.expect_stored(path, b"0123456789")
            self.expect(ietf.delete(path), 204, ietf=ietf)
            self.expect_gone(path, ietf)
            self.expect_stored(path, b"0123456789")

    def test_R66_P04_unknown(self):
        for version in ALL:
            ietf = Ietf(self.gw.port, version)
            for name in ("r.unknown", "unknown" if version else "r.other", "r.%2F", "r.a//b"):
                self.expect_gone("/files/" + name, ietf)
            path = ietf.begin(10)
            self.expect(ietf.delete(path), 204, ietf=ietf)
            self.expect_gone(path, ietf)

    def test_methods(self):
        path = self.ietf.begin(3)
        for method, target, allowed in (("PUT", path, "PATCH"), ("POST", path, "PATCH"),
                                        ("DELETE", "/files/", "POST"), ("GET", "/files/", "POST")):
            answer = self.expect(self.ietf.ask(method, target, ("Content-Length", "0")), 405)
            self.assertIn(allowed, answer.get("allow"))

    def test_P21_one_connection(self):
        data = Data("P-21", 1000).bytes()
        with Connection(self.gw.port) as connection:
            answer = connection.request("POST", "/files/", self.ietf.fields(
                self.ietf.complete(False), ("Content-Length", "0")))
            path = self.ietf.path(answer.get("location"))
            for at in range(0, 1000, 50):
                answer = connection.request("PATCH", path, self.ietf.patch_fields(at, at == 950),
                                            data[at:at + 50])
                self.assertEqual(answer.get("upload-offset"), str(at + 50))
        self.expect_stored(path, data)

    def test_G11_any_protocol_continues(self):
        data = Data("ietf-G11", 12 * MIB).bytes()
        tus = Tus(self.gw.port)
        path = self.ietf.begin(len(data))
        self.expect(self.ietf.patch(path, 0, False, data[:5 * MIB]), 204, False, 5 * MIB)
        self.assertEqual(tus.offset(path), 5 * MIB)
        self.assertEqual(tus.patch(path, 5 * MIB, data[5 * MIB:]).status, 204)
        self.expect(self.ietf.head(path), 204, True, len(data))
        self.expect_stored(path, data)
        path = tus.begin(len(data))
        self.assertEqual(tus.patch(path, 0, data[:MIB]).status, 204)
        self.expect(self.ietf.head(path), 204, False, MIB)
        self.expect(self.ietf.patch(path, MIB, True, data[MIB:]), 200, True, len(data))
        self.expect_stored(path, data)


class OnDirectory(Rows, E2ETest):
    @classmethod
    def make_store(cls):
        return DirStore()


class OnFakeS3(Rows, E2ETest):
    @classmethod
    def make_store(cls):
        return FakeStore()


class Others(E2ETest):
    def test_R05_progress_survives_a_kill(self):
        """What a 104 said is there after SIGKILL."""
        store = self.fake_store()
        gateway = self.gateway(store, sets={"part_size": "5MiB"})
        data = Data("R-05", 60 * MIB).bytes()
        ietf = Ietf(gateway.port)
        connection = ietf.open_post(True, ("Content-Length", str(len(data))))
        path = ietf.path(dict(connection.read_head()[2])["location"])
        for at in range(0, 30 * MIB, 5 * MIB):
            connection.send(data[at:at + 5 * MIB])
            time.sleep(0.5)
        status, _, headers = connection.read_head()
        while connection.buffer.count(b"\r\n\r\n"):
            status, _, headers = connection.read_head()
        self.assertEqual(status, 104)
        said = int(dict(headers)["upload-offset"])
        self.assertGreater(said, 0)
        gateway.kill9()
        connection.close()
        gateway.start()
        offset = ietf.offset(path)
        self.assertGreaterEqual(offset, said)
        answer = ietf.patch(path, offset, True, data[offset:])
        self.assertEqual((answer.status, answer.get("upload-complete")), (200, "?1"), answer)
        self.assert_stored(store, path.rpartition("/")[2], data)

    def test_interim_answers_can_be_switched_off(self):
        gateway = self.gateway(self.dir_store(), sets={"http.interim": "false"})
        answer = Ietf(gateway.port).create(True, body=b"hello")
        self.assertEqual((answer.status, answer.interim), (200, []))

    def test_R04_lost_uploads(self):
        """The parts vanish from the store: the upload is gone, no lower offset is ever said."""
        store = self.fake_store()
        gateway = self.gateway(store, sets={"part_size": "5MiB"})
        ietf = Ietf(gateway.port)
        path = ietf.begin()
        self.assertEqual(ietf.patch(path, 0, False, bytes(11 * MIB)).status, 204)
        uploads = store.fake.open_uploads()
        self.assertEqual(len(uploads), 1)
        store.fake.abort(uploads[0]["id"])
        answer = ietf.patch(path, 11 * MIB, True, bytes(11 * MIB))
        self.assertNotEqual(answer.get("upload-complete"), "?1", answer)
        wait_until(lambda: ietf.head(path).status == 410, 20, what="the upload is known to be lost")
        for answer in (ietf.head(path), ietf.patch(path, 0, False, b"x"), ietf.delete(path)):
            self.assertEqual(answer.status, 410, answer)
            self.assertIsNone(answer.get("upload-offset"))

    def test_authorization(self):
        """Section 6: of a creation a refusal is final, of an append it is not. R-80."""
        with AuthStub() as stub:
            gateway = self.gateway(self.dir_store(), auth_url=stub.url)
            ietf = Ietf(gateway.port)
            path = ietf.begin()
            with ietf.open_patch(path, 0, True, ("Content-Length", "10")) as running:
                running.send(b"01234")
                time.sleep(0.2)
                for status in (401, 403, 404):
                    stub.answer(status)
                    answer = ietf.create(True, body=b"x")
                    self.assertEqual((answer.status, answer.get("upload-complete"), answer.interim),
                                     (status, "?1", []), answer)
                    answer = ietf.patch(path, 0, True, b"x")
                    self.assertEqual((answer.status, answer.get("upload-complete")), (status, "?0"))
                    for answer in (ietf.head(path), ietf.delete(path)):
                        self.assertEqual((answer.status, answer.get("upload-complete")),
                                         (status, None))
                stub.answer(200)
                running.send(b"56789")  # nobody has disturbed it
                answer = running.read_response()
                self.assertEqual((answer.status, answer.get("upload-complete")), (200, "?1"), answer)

    def test_store_faults(self):
        """A store that fails is the transfer's trouble: ?0, and the upload goes on."""
        store = self.fake_store()
        gateway = self.gateway(store, sets={"complete_wait": "2s", "part_size": "5MiB"})
        ietf = Ietf(gateway.port)
        data = Data("ietf-faults", 12 * MIB).bytes()
        path = ietf.begin()
        store.fake.fault("CompleteMultipartUpload", count=0, do="answer", status=500,
                         code="InternalError")
        try:
            answer = ietf.patch(path, 0, True, data)
            self.assertEqual((answer.status, answer.get("upload-complete")), (503, "?0"), answer)
        except Broken:
            pass
        answer = ietf.head(path)
        self.assertNotEqual(answer.get("upload-complete"), "?1", answer)
        store.fake.clear_faults()
        wait_until(lambda: ietf.head(path).get("upload-complete") == "?1", 30, what="completion")
        answer = ietf.patch(path, len(data), True)
        self.assertEqual((answer.status, answer.get("upload-complete")), (200, "?1"), answer)
        self.assert_stored(store, path.rpartition("/")[2], data)


if __name__ == "__main__":
    unittest.main()

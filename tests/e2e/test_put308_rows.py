"""The rows of the 308 protocol on the wire, in its name form, against the directory store and
against the strict fake S3. A row that cannot be seen on one of them says so.

Rows of the session form (R-08 to R-14, R-32, R-52, R-55 as written, R-57, R-58) and of HTTP/2 are
not here. R-15 to R-21 are in test_auth.py. R-63 and R-64 are checked on every 308 of every suite, in
http_raw.Response.
"""

import json
import pathlib
import re
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from e2e.harness import (  # noqa: E402
    Broken, Connection, Data, DirStore, E2ETest, FakeStore, KIB, MIB, OneGateway, put_resumable,
    sha256, target, wait_clean, wait_until)
from fakes.crc import header_value  # noqa: E402

ORIGIN = "https://app.example"


class Rows(OneGateway):
    sets = {"route": "/upload/=default,/vimeo/=vimeo", "cors.origins": ORIGIN, "linger": "500ms"}

    def setUp(self):
        self.name = f"{self.id().rpartition('.')[2]}.bin"

    # --- requests

    def put(self, body, content_range=None, name=None, headers=(), method="PUT", prefix="/upload/",
            length=None):
        items = list(headers)
        if content_range is not None:
            items.append(("Content-Range", content_range))
        if length is not None:
            items.append(("Content-Length", str(length)))
        return self.gw.request(method, target(name or self.name, prefix), items, body)

    def query(self, total="*", name=None, method="PUT", prefix="/upload/"):
        return self.gw.request(method, target(name or self.name, prefix), [
            ("Content-Length", "0"), ("Content-Range", f"bytes */{total}")])

    def store_ten_of(self, total, name=None):
        """Ten bytes b"0123456789" stored, not finished."""
        answer = self.put(b"0123456789", f"bytes 0-9/{total}", name)
        self.expect_308(answer, 10)

    def send_chunked(self, connection, pieces, content_range=None, end=True):
        headers = [("Transfer-Encoding", "chunked")]
        if content_range:
            headers.append(("Content-Range", content_range))
        connection.send_head("PUT", target(self.name), headers)
        for piece in pieces:
            connection.send_chunk(piece)
        if end:
            connection.end_chunks()

    # --- expectations

    def expect_308(self, answer, stored):
        self.assertEqual(answer.status, 308, answer)
        self.assertEqual(answer.stored, stored, answer)
        if stored == 0:
            self.assertIsNone(answer.get("range"))

    def expect_200(self, answer, size):
        self.assertEqual(answer.status, 200, answer)
        self.assertTrue(answer.get("content-type").startswith("application/json"), answer)
        self.assertEqual(answer.json()["size"], str(size))

    def expect_problem(self, answer, *statuses):
        self.assertIn(answer.status, statuses, answer)
        self.assertEqual(answer.get("content-type"), "application/problem+json", answer)
        self.assertEqual(answer.json()["status"], answer.status)
        for field in ("type", "title"):
            self.assertTrue(answer.json()[field])

    def expect_stored(self, data, name=None):
        name = name or self.name
        self.assertEqual(self.store.size(name), len(data))
        self.assertEqual(self.store.sha256(name),
                         data.sha256() if isinstance(data, Data) else sha256(data))

    # --- 5.1 Starting

    def test_R01_one_request(self):
        data = Data("R-01", 7340032)
        answer = self.put(data.bytes())
        self.expect_200(answer, 7340032)
        self.assertEqual(answer.json()["name"], self.name)
        self.expect_stored(data)

    def test_R01_curl(self):
        """curl -T simply works: with Expect, from a pipe, with the name taken from the file."""
        data = Data("curl", 20 * MIB + 7)
        source = pathlib.Path(self.gw.directory) / "curl source.bin"
        source.write_bytes(data.bytes())
        url = f"http://127.0.0.1:{self.gw.port}/upload/"
        for arguments, name, stdin in (
                (["-T", str(source), url + "curl-1.bin"], "curl-1.bin", None),
                (["-T", str(source), url], "curl source.bin", None),
                (["-T", "-", url + "curl-2.bin"], "curl-2.bin", source),
                (["-T", str(source), "-H", "Expect: 100-continue", url + "curl-3.bin"],
                 "curl-3.bin", None)):
            with self.subTest(arguments=arguments[1:]):
                done = subprocess.run(
                    ["curl", "-sS", "--noproxy", "*", "-w", "\n%{http_code}", *arguments],
                    input=stdin.read_bytes() if stdin else b"", capture_output=True, timeout=60)
                self.assertEqual((done.returncode, done.stderr), (0, b""))
                body, _, status = done.stdout.rpartition(b"\n")
                self.assertEqual((status, json.loads(body)["size"]), (b"200", str(data.size)))
                self.expect_stored(data, name)

    def test_R02_content_type(self):
        if self.store.kind == "dir":
            self.skipTest("a plain file has no content type")
        answer = self.put(b"x" * 1000, headers=[("Content-Type", "video/mp4")])
        self.expect_200(answer, 1000)
        self.assertEqual(self.store.headers(self.name)["content-type"], "video/mp4")
        big = Data("R-02", 9 * MIB)
        self.expect_200(self.put(big.bytes(), name="R02-big",
                                 headers=[("Content-Type", "video/mp4")]), big.size)
        self.assertEqual(self.store.headers("R02-big")["content-type"], "video/mp4")
        for request in self.store.fake.requests():
            self.assertNotIn("x-amz-acl", request["headers"])

    def test_R03_chunked(self):
        data = Data("R-03", 11 * MIB)
        with self.gw.connect() as connection:
            self.send_chunked(connection, data.views())
            self.expect_200(connection.read_response(), data.size)
        self.expect_stored(data)

    def test_R04_empty(self):
        self.expect_200(self.put(b""), 0)
        self.expect_stored(b"")
        if self.store.kind == "fake":
            operations = {r["op"] for r in self.store.fake.requests() if r["key"] == self.name}
            self.assertIn("PutObject", operations)
            self.assertNotIn("CreateMultipartUpload", operations)

    def test_R05_wrong_method(self):
        for method in ("PATCH", "PROPFIND", "MKCOL"):
            answer = self.gw.request(method, target(self.name), [("Content-Length", "0")])
            self.expect_problem(answer, 405)
            self.assertIn("PUT", answer.get("allow"))

    def test_R06_bad_names(self):
        mark = self.store.fake.mark() if self.store.kind == "fake" else 0
        before = self.store.names()
        for path in ("a%2Fb", "a%2fb", "..", "../x", "a/../b", "%2e%2e/x", "a/%2E%2E/b", "a%00b",
                     "", "n" * 1025, "%C3%A9" * 513, "a%zzb", "a%", "a//b", "a/", "%FF", "a%0Ab",
                     ".sluice/x", "./x"):
            with self.subTest(path=path[:20]):
                answer = self.gw.request("PUT", f"/upload/{path}", [], b"x")
                self.expect_problem(answer, 400)
        if self.store.kind == "fake":
            self.assertEqual(self.store.fake.requests(mark), [])
        self.assertEqual(self.store.names(), before)

    def test_R06_query_is_not_part_of_the_name(self):
        answer = self.gw.request("PUT", target(self.name) + "?token=1&name=other", [], b"abc")
        self.expect_200(answer, 3)
        self.expect_stored(b"abc")

    def test_R06_names_that_are_fine(self):
        for name in ("deep/down/file.bin", "spaces and +plus", "é世界.bin", "a..b", "50% #1?.bin",
                     "~tilde_under-dash", "n" * 200):
            with self.subTest(name=name):
                self.expect_200(self.put(b"abc", name=name), 3)
                self.expect_stored(b"abc", name)

    def test_R07_content_range_starts(self):
        self.expect_308(self.put(b"0123456789", "bytes 0-9/20"), 10)
        self.expect_200(self.put(b"abcdefghij", "bytes 10-19/20"), 20)
        self.expect_stored(b"0123456789abcdefghij")

    # --- 5.3 Data, query, finish

    def test_R22_overlap_is_skipped(self):
        self.store_ten_of(20)
        self.expect_308(self.put(b"56789abcde", "bytes 5-14/20"), 15)
        self.expect_200(self.put(b"fghij", "bytes 15-19/20"), 20)
        self.expect_stored(b"0123456789abcdefghij")

    def test_R23_old_data(self):
        self.store_ten_of(20)
        self.expect_308(self.put(b"XXXXXXXXXX", "bytes 0-9/20"), 10)
        self.expect_200(self.put(b"abcdefghij", "bytes 10-19/20"), 20)
        self.expect_stored(b"0123456789abcdefghij")

    def test_R24_chunks_of_256_KiB(self):
        data = Data("R-24", 100 * 256 * KIB)
        with self.gw.connect() as connection:
            for at in range(0, data.size, 256 * KIB):
                end = at + 256 * KIB
                total = data.size if end == data.size else "*"
                answer = connection.request("PUT", target(self.name), [
                    ("Content-Range", f"bytes {at}-{end - 1}/{total}")], data.bytes(at, end))
                if end < data.size:
                    self.expect_308(answer, end)
        self.expect_200(answer, data.size)
        self.expect_stored(data)

    def test_R24_chunks_of_one_byte(self):
        body = bytes(range(50))
        with self.gw.connect() as connection:
            for at in range(50):
                answer = connection.request("PUT", target(self.name), [
                    ("Content-Range", f"bytes {at}-{at}/50")], body[at:at + 1])
                if at < 49:
                    self.expect_308(answer, at + 1)
        self.expect_200(answer, 50)
        self.expect_stored(body)
        wait_clean(self.store_without_others())

    def store_without_others(self):
        """leftovers() of this test's upload only: other tests leave unfinished ones on purpose."""
        name, store = self.name, self.store

        class Only:
            @staticmethod
            def leftovers():
                return [l for l in store.leftovers() if name in l]

        return Only

    def test_R25_query(self):
        self.store_ten_of(20)
        for total in ("20", "*"):
            for method in ("PUT", "POST"):
                with self.subTest(total=total, method=method):
                    answer = self.query(total, method=method)
                    self.expect_308(answer, 10)
                    self.assertEqual(answer.get("content-length"), "0")
                    self.assertIsNone(answer.get("location"))

    def test_R25_head(self):
        self.store_ten_of(20)
        answer = self.gw.request("HEAD", target(self.name))
        self.assertEqual((answer.status, answer.stored), (308, 10))

    def test_R26_nothing_stored(self):
        """The name form has no sessions: an upload without a byte may also be unknown."""
        with self.gw.connect() as connection:
            connection.send_head("PUT", target(self.name), {"Content-Length": "10",
                                                            "Content-Range": "bytes 0-9/20"})
            time.sleep(0.3)
            answer = self.query()
            self.assertIn(answer.status, (308, 404))
            self.assertIsNone(answer.get("range"))
        self.assertEqual(self.query(name="R26-never-seen").status, 404)

    def test_R26_begun_without_data(self):
        answer = self.put(b"", headers=[("X-Upload-Content-Length", "20")])
        self.expect_308(answer, 0)
        self.expect_308(self.query(), 0)
        self.expect_200(self.put(b"0123456789abcdefghij", "bytes 0-19/20"), 20)
        self.expect_stored(b"0123456789abcdefghij")

    def test_R28_total_becomes_known(self):
        self.expect_308(self.put(b"0123456789", "bytes 0-9/*"), 10)
        self.expect_200(self.put(b"abcde", "bytes 10-14/15"), 15)
        self.expect_stored(b"0123456789abcde")

    def test_R29_finish_by_query(self):
        self.expect_308(self.put(b"0123456789", "bytes 0-9/*"), 10)
        self.expect_308(self.put(b"abcde", "bytes 10-14/*"), 15)
        self.expect_200(self.query("15"), 15)
        self.expect_stored(b"0123456789abcde")

    def test_R30_finish_with_too_much(self):
        self.expect_308(self.put(b"0123456789", "bytes 0-9/*"), 10)
        self.expect_308(self.query("20"), 10)
        self.assertFalse(self.store.exists(self.name))

    def test_R31_finish_with_too_little(self):
        self.expect_308(self.put(b"0123456789", "bytes 0-9/*"), 10)
        self.expect_308(self.query("5"), 10)
        self.expect_308(self.query("*"), 10)
        self.expect_200(self.put(b"abcde", "bytes 10-14/15"), 15)

    def test_R33_open_ended_stream(self):
        data = Data("R-33", 600_000)
        with self.gw.connect() as connection:
            self.send_chunked(connection, data.views(), "bytes 0-*/*")
            self.expect_200(connection.read_response(), 600_000)
        self.expect_stored(data)

    def test_R33_continued(self):
        self.store_ten_of("*")
        with self.gw.connect() as connection:
            self.send_chunked(connection, [b"abcde"], "bytes 10-*/*")
            self.expect_200(connection.read_response(), 15)
        self.expect_stored(b"0123456789abcde")

    def test_R34_cut_stream_does_not_finish(self):
        for how in ("close", "reset"):
            with self.subTest(how=how):
                self.name = f"R34-{how}"
                connection = self.gw.connect()
                self.send_chunked(connection, [b"x" * 300_000], "bytes 0-*/*", end=False)
                time.sleep(0.2)
                getattr(connection, how)()
                answer = wait_until(lambda: (a := self.query()).status == 308 and a, what="308")
                self.assertLessEqual(answer.stored, 300_000)
                self.assertFalse(self.store.exists(self.name))

    def test_R34_bare_chunked_put_that_is_cut(self):
        connection = self.gw.connect()
        self.send_chunked(connection, [b"x" * 300_000], end=False)
        time.sleep(0.2)
        connection.close()
        answer = wait_until(lambda: (a := self.query()).status == 308 and a, what="308")
        self.assertLessEqual(answer.stored, 300_000)
        self.assertFalse(self.store.exists(self.name))

    def test_R35_short_body_does_not_finish(self):
        with self.gw.connect() as connection:
            connection.send_head("PUT", target(self.name), {"Content-Length": "20",
                                                            "Content-Range": "bytes 0-19/20"})
            connection.send(b"0123456789ab")
            connection.half_close()
            time.sleep(0.2)
        answer = wait_until(lambda: (a := self.query("20")).status == 308 and a, what="308")
        self.assertLessEqual(answer.stored, 12)
        self.assertFalse(self.store.exists(self.name))
        self.expect_200(self.put(b"0123456789abcdefghij"[answer.stored:],
                                 f"bytes {answer.stored}-19/20"), 20)
        self.expect_stored(b"0123456789abcdefghij")

    def test_R36_R37_no_308(self):
        no_308 = ("X-GUploader-No-308", "yes")
        answer = self.put(b"0123456789", "bytes 0-9/20", method="POST",
                          headers=[no_308, ("Content-Type", "")])
        self.assertEqual((answer.status, answer.get("x-http-status-code-override")), (200, "308"))
        self.assertEqual(answer.get("range"), "bytes=0-9")
        for value in ("no", ""):
            answer = self.put(b"a", "bytes 10-10/20", headers=[("X-GUploader-No-308", value)])
            self.assertEqual(answer.status, 308)
        answer = self.put(b"bcdefghij", "bytes 11-19/20", headers=[no_308])
        self.expect_200(answer, 20)
        self.assertIsNone(answer.get("x-http-status-code-override"))

    def test_R38_whole_object(self):
        data = Data("R-38", 900_000)
        self.expect_200(self.put(data.bytes(), method="POST"), 900_000)
        self.expect_stored(data)

    def test_R39_bare_put_starts_over(self):
        self.store_ten_of(20)
        self.expect_200(self.put(b"NEW!"), 4)
        self.expect_stored(b"NEW!")
        self.expect_200(self.query(), 4)
        wait_clean(self.store_without_others())

    def test_R39_bare_put_after_the_end_replaces(self):
        self.expect_200(self.put(b"old object"), 10)
        self.expect_200(self.put(b"new"), 3)
        self.expect_stored(b"new")

    def test_R40_gap(self):
        self.store_ten_of(20)
        self.expect_308(self.put(b"fghij", "bytes 15-19/20"), 10)
        self.expect_308(self.query("20"), 10)
        self.expect_200(self.put(b"abcdefghij", "bytes 10-19/20"), 20)
        self.expect_stored(b"0123456789abcdefghij")

    def test_R40_data_without_an_upload(self):
        self.expect_problem(self.put(b"fghij", "bytes 15-19/20"), 404)

    def test_R41_total_changes(self):
        self.store_ten_of(20)
        self.expect_problem(self.put(b"abcdefghij", "bytes 10-19/30"), 400)
        self.expect_308(self.query("20"), 10)

    def test_R42_exclusive_end(self):
        self.expect_200(self.put(b"0123456789abcdefghij", "bytes 0-20/20"), 20)
        self.expect_stored(b"0123456789abcdefghij")

    def test_R43_exclusive_end_of_the_seed(self):
        data = Data("R-43", 12582912)
        self.expect_308(self.put(data.bytes(0, 6291456), "bytes 0-6291456/12582912"), 6291456)
        self.expect_200(self.put(data.bytes(6291456), "bytes 6291456-12582912/12582912"), 12582912)
        self.expect_stored(data)

    def test_R44_colon(self):
        self.expect_200(self.put(b"0123456789abcdefghij", "bytes: 0-20/20"), 20)
        self.expect_stored(b"0123456789abcdefghij")

    def test_R45_length_header_too_large(self):
        self.store_ten_of(20)
        with self.gw.connect(timeout=10) as connection:
            connection.send_head("PUT", target(self.name), {"Content-Length": "20",
                                                            "Content-Range": "bytes 10-20/20"})
            connection.send(b"abcdefghij")
            answer = connection.read_response()
            self.expect_200(answer, 20)
            self.assertTrue(answer.closes)
        self.expect_stored(b"0123456789abcdefghij")

    def test_R46_vimeo_route(self):
        body = b"0123456789abcdefghij"
        # Counting style: no byte is spelled bytes=0-0 here, and twenty are bytes=0-20.
        answer = self.put(body[:10], "bytes 0-9/20", prefix="/vimeo/")
        self.assertEqual((answer.status, answer.get("range")), (308, "bytes=0-10"))
        answer = self.put(body[10:], "bytes 10-20/20", prefix="/vimeo/")
        self.assertEqual(answer.status, 200, answer)
        for _ in range(2):
            answer = self.query(prefix="/vimeo/")
            self.assertEqual((answer.status, answer.get("range")), (308, "bytes=0-20"))

    def test_R47_too_many_bytes(self):
        self.expect_problem(self.put(b"0123456789ab", "bytes 0-9/10"), 400)
        self.assertEqual(self.query().status, 404)

    def test_R47_too_many_chunked_bytes(self):
        with self.gw.connect() as connection:
            self.send_chunked(connection, [b"0123456789ab"], "bytes 0-9/10")
            self.expect_problem(connection.read_response(), 400)
        self.assertFalse(self.store.exists(self.name))
        answer = self.query()
        self.assertIn(answer.status, (308, 404), answer)
        if answer.status == 308:
            self.assertLessEqual(answer.stored, 10)

    def test_R48_malformed_content_range(self):
        self.store_ten_of(20)
        for value in ("bytes 9-0/10", "bytes 0-9/5", "bytes -5/10", "bytes 0-9", "items 0-1/2",
                      "bytes 0-1,4-5/9", "bytes 0-99999999999999999999/99999999999999999999",
                      "bytes 10-19/20x", "bytes", "", "bytes */", "bytes 0x0-9/20",
                      "bytes 18446744073709551616-18446744073709551617/*"):
            with self.subTest(value=value):
                self.expect_problem(self.put(b"x" * 10, value), 400)
        with self.subTest(value="two fields"):
            answer = self.put(b"abcdefghij", headers=[("Content-Range", "bytes 10-19/20"),
                                                      ("Content-Range", "bytes 10-19/20")])
            self.expect_problem(answer, 400)
        self.expect_308(self.query(), 10)

    def test_R49_unit_missing(self):
        self.expect_308(self.put(b"0123456789", "0-9/20"), 10)

    def test_R50_data_after_the_end(self):
        first = self.put(b"0123456789")
        self.expect_200(first, 10)
        answer = self.put(b"X" * 262134, "bytes 10-262143/*")
        self.expect_200(answer, 10)
        self.assertEqual(answer.json(), first.json())
        self.expect_stored(b"0123456789")

    def test_R50_data_from_zero_begins_anew(self):
        self.expect_200(self.put(b"0123456789"), 10)
        self.expect_308(self.put(b"abc", "bytes 0-2/6"), 3)
        self.expect_stored(b"0123456789")  # until the new one is whole
        self.expect_200(self.put(b"def", "bytes 3-5/6"), 6)
        self.expect_stored(b"abcdef")

    def test_R51_query_after_the_end(self):
        first = self.put(b"0123456789")
        for total in ("*", "10"):
            answer = self.query(total)
            self.expect_200(answer, 10)
            self.assertEqual(answer.json(), first.json())

    def test_R53_two_writers(self):
        data = Data("R-53", 20 * MIB)
        with self.gw.connect() as slow:
            slow.send_head("PUT", target(self.name), {
                "Content-Length": str(data.size),
                "Content-Range": f"bytes 0-{data.size - 1}/{data.size}"})
            slow.send(data.bytes(0, 9 * MIB + 12345))
            stored = wait_until(lambda: (a := self.query(data.size)).status == 308 and
                                a.stored > 0 and a, what="a stored part").stored
            answer = self.put(data.bytes(stored), f"bytes {stored}-{data.size - 1}/{data.size}")
            self.expect_200(answer, data.size)
            try:
                slow.send(data.bytes(9 * MIB + 12345))
                old = slow.read_response()
                self.assertIn(old.status, (200, 409, 308), old)
                self.assertTrue(old.closes, old)
            except (OSError, Broken):
                pass
        self.expect_stored(data)

    def test_R53_the_same_bytes_twice_at_once(self):
        """A browser's silent replay: both copies of one request run, the object is right."""
        data = Data("replay", 12 * MIB)
        headers = {"Content-Length": str(data.size),
                   "Content-Range": f"bytes 0-{data.size - 1}/{data.size}"}
        with self.gw.connect() as first, self.gw.connect() as second:
            first.send_head("PUT", target(self.name), headers)
            first.send(data.bytes(0, 5 * MIB))
            second.send_head("PUT", target(self.name), headers)
            second.send(data.bytes())
            self.expect_200(second.read_response(), data.size)
        self.expect_stored(data)

    def test_R54_lost_final_answer(self):
        data = Data("R-54", 10 * MIB)
        connection = self.gw.connect()
        connection.send_head("PUT", target(self.name), {
            "Content-Length": str(data.size),
            "Content-Range": f"bytes 0-{data.size - 1}/{data.size}"})
        connection.send(data.bytes())
        connection.half_close()
        time.sleep(0.05)
        connection.close()
        put_resumable(self.gw.port, self.name, data, deadline=30, resume=True)
        self.expect_stored(data)
        if self.store.kind == "fake":
            self.assertEqual(self.store.writes(self.name), 1)

    def test_R55_cancel(self):
        """C12: the name form answers 204, the session form 499."""
        data = Data("R-55", 9 * MIB)
        self.expect_308(self.put(data.bytes(0, 8 * MIB + 100),
                                 f"bytes 0-{8 * MIB + 99}/{data.size}"), 8 * MIB + 100)
        answer = self.gw.request("DELETE", target(self.name))
        self.assertEqual(answer.status, 204, answer)
        self.assertIn(self.query().status, (404, 410))
        answer = self.put(b"x", f"bytes {8 * MIB + 100}-{8 * MIB + 100}/{data.size}")
        self.assertIn(answer.status, (404, 410))
        self.assertIn(self.gw.request("DELETE", target(self.name)).status, (404, 410))
        wait_clean(self.store_without_others())
        self.expect_200(self.put(b"again"), 5)

    def test_R56_cancel_after_the_end(self):
        self.expect_200(self.put(b"0123456789"), 10)
        answer = self.gw.request("DELETE", target(self.name))
        self.assertIn(answer.status, (404, 409), answer)
        self.expect_stored(b"0123456789")

    def test_R61_name_that_begins_another(self):
        self.store_ten_of(20, "v.mp4")
        self.expect_308(self.put(b"01234", "bytes 0-4/20", "v.mp4.bak"), 5)
        self.expect_308(self.query("20", "v.mp4"), 10)
        self.expect_308(self.query("20", "v.mp4.bak"), 5)
        self.assertEqual(self.query("20", "v.mp").status, 404)

    def test_R62_no_static_files(self):
        for path in ("/config/app.yaml", "/../etc/passwd", "/etc/passwd", "/", "/upload",
                     "/state.db"):
            with self.subTest(path=path):
                answer = self.gw.request("GET", path)
                self.assertIn(answer.status, (400, 404), answer)
                self.assertNotIn(b"root:", answer.body)

    def test_R63_R64_no_308_misleads(self):
        self.store_ten_of(20)
        answer = self.query()
        self.assertIsNone(answer.get("location"))
        self.assertTrue(re.fullmatch(r"bytes=0-\d+", answer.get("range")))
        self.assertIn("no-store", answer.get("cache-control"))

    def test_R65_cors(self):
        answer = self.gw.request("OPTIONS", target(self.name), {
            "Origin": ORIGIN, "Access-Control-Request-Method": "PUT",
            "Access-Control-Request-Headers": "content-range,x-upload-content-length,authorization",
            "Content-Length": "0"})
        self.assertIn(answer.status, (200, 204), answer)
        self.assertEqual(answer.get("access-control-allow-origin"), ORIGIN)
        self.assertIn("PUT", answer.get("access-control-allow-methods"))
        allowed = answer.get("access-control-allow-headers").lower().replace(" ", "").split(",")
        for name in ("content-range", "x-upload-content-length", "authorization"):
            self.assertIn(name, allowed)
        for answer in (self.put(b"0123456789", "bytes 0-9/20", headers=[("Origin", ORIGIN)]),
                       self.put(b"abcdefghij", "bytes 10-19/20", headers=[("Origin", ORIGIN)]),
                       self.put(b"x", "bytes 9-0/1", headers=[("Origin", ORIGIN)])):
            self.assertEqual(answer.get("access-control-allow-origin"), ORIGIN, answer)
            exposed = answer.get("access-control-expose-headers").lower()
            for name in ("Range", "Location", "ETag", "Retry-After"):
                self.assertIn(name.lower(), exposed)
            self.assertIn("origin", (answer.get("vary") or "").lower())

    def test_R65_foreign_origin(self):
        answer = self.gw.request("OPTIONS", target(self.name), {
            "Origin": "https://evil.example", "Access-Control-Request-Method": "PUT",
            "Content-Length": "0"})
        self.assertIsNone(answer.get("access-control-allow-origin"), answer)

    def test_R68_other_protocols_are_refused(self):
        for method, path, headers in (
                ("POST", "/upload/a?uploadType=resumable", []),
                ("POST", "/upload/a", [("X-Goog-Upload-Protocol", "resumable"),
                                       ("X-Goog-Upload-Command", "start")]),
                ("POST", "/upload/a", [("x-goog-resumable", "start")]),
                ("PUT", "/upload/a", [("If-Match", '"x"')]),
                ("PUT", "/upload/a", [("If-None-Match", "*")])):
            self.expect_problem(self.gw.request(method, path, headers, b""), 501)
        self.assertFalse(self.store.exists("a"))

    def test_result_body(self):
        """Checksums in the result are right or absent."""
        for size in (0, 10, 9 * MIB):
            data = Data("result", size)
            result = self.put(data.bytes()).json()
            self.assertEqual((result["size"], result["name"]), (str(size), self.name))
            for algorithm in ("crc32c", "crc64nvme"):
                if algorithm in result:
                    self.assertEqual(result[algorithm],
                                     header_value(algorithm, [bytearray(data.bytes())]))

    def test_checksum_over_many_requests(self):
        """The result's checksum is that of the whole, however it arrived."""
        data = Data("many", 11 * MIB + 5)
        upload = put_resumable(self.gw.port, self.name, data, chunk=1_234_567)
        result = upload.result.json()
        for algorithm in ("crc32c", "crc64nvme"):
            if algorithm in result:
                self.assertEqual(result[algorithm],
                                 header_value(algorithm, [bytearray(data.bytes())]))
        self.expect_stored(data)

    def test_state(self):
        """GET: for people; changes nothing."""
        self.store_ten_of(20)
        for _ in range(2):
            state = self.gw.request("GET", target(self.name)).json()
            self.assertEqual((state["state"], state["offset"], state["total"]), ("open", "10", "20"))
        self.expect_200(self.put(b"abcdefghij", "bytes 10-19/20"), 20)
        self.assertEqual(self.gw.request("GET", target(self.name)).json()["state"], "complete")

    def test_documented_commands(self):
        """docs/protocols/put308.md, "In five lines"."""
        data = Data("documented", 10485760)
        file = pathlib.Path(self.gw.directory) / "movie.mp4"
        file.write_bytes(data.bytes())
        self.expect_308(self.put(data.bytes(0, 6291456), "bytes 0-6291455/10485760"), 6291456)
        url = f"http://127.0.0.1:{self.gw.port}{target(self.name)}"
        asked = subprocess.run(
            ["curl", "-sSi", "--noproxy", "*", "-X", "PUT", "-H", "Content-Length: 0", "-H",
             "Content-Range: bytes */*", url], capture_output=True, text=True, timeout=30).stdout
        self.assertIn("308 Resume Incomplete", asked)
        self.assertIn("range: bytes=0-6291455", asked.lower())
        done = subprocess.run(
            f"tail -c +6291457 '{file}' | curl -sS --noproxy '*' -T - -H 'Transfer-Encoding:' "
            "-H 'Content-Length: 4194304' -H 'Content-Range: bytes 6291456-10485759/10485760' "
            f"{url}", shell=True, capture_output=True, text=True, timeout=30)
        self.assertEqual(json.loads(done.stdout)["size"], "10485760", done)
        self.expect_stored(data)

    def test_wrong_order_of_many_small_requests(self):
        """G9: anything may come twice and late; the acknowledged prefix only grows."""
        data = Data("replays", 3 * MIB)
        step, stored = 300_000, 0
        for turn in range(40):
            begin = max(0, stored - (turn * 7919) % step)
            end = min(data.size, begin + step)
            answer = self.put(data.bytes(begin, end), f"bytes {begin}-{end - 1}/{data.size}")
            if answer.status == 200:
                break
            self.assertGreaterEqual(answer.stored, stored)
            stored = answer.stored
        self.expect_200(answer, data.size)
        self.expect_stored(data)


class DirectoryRows(Rows, E2ETest):
    @classmethod
    def make_store(cls):
        return DirStore()


class FakeS3Rows(Rows, E2ETest):
    @classmethod
    def make_store(cls):
        return FakeStore()


class OwnGateway(E2ETest):
    """Rows that need a gateway of their own."""

    def test_R27_the_promise_survives_a_crash(self):
        for store in (self.dir_store(), self.fake_store()):
            with self.subTest(store=store.kind):
                gateway = self.gateway(store)
                data = Data("R-27", 20 * MIB)
                end = 11 * MIB + 4321
                answer = gateway.put("r27", data.bytes(0, end),
                                     [("Content-Range", f"bytes 0-{end - 1}/{data.size}")])
                self.assertEqual((answer.status, answer.stored), (308, end))
                gateway.kill9()
                gateway.start()
                answer = gateway.query("r27", data.size)
                self.assertEqual((answer.status, answer.stored), (308, end))
                answer = gateway.put("r27", data.bytes(end), [
                    ("Content-Range", f"bytes {end}-{data.size - 1}/{data.size}")])
                self.assertEqual(answer.status, 200, answer)
                self.assert_stored(store, "r27", data)

    def test_R59_overload(self):
        gateway = self.gateway(self.dir_store(), sets={"http.connections_max": "4"})
        held = [gateway.connect() for _ in range(4)]
        for connection in held:
            connection.send(b"PUT /upload/x HTTP/1.1\r\n")
        time.sleep(0.3)
        answer = gateway.put("y", b"x")
        self.assertIn(answer.status, (429, 503), answer)
        self.assertTrue(answer.get("retry-after").isdigit(), answer)
        for connection in held:
            connection.close()
        self.assertEqual(wait_until(lambda: (a := gateway.put("y", b"x")).status == 200 and a,
                                    what="room again").status, 200)

    def test_R60_store_is_down(self):
        store = self.fake_store()
        gateway = self.gateway(store, sets={"retry.attempts_max": "3", "retry.base": "20ms",
                                            "retry.throttled_base": "20ms", "linger": "200ms"})
        data = Data("R-60", 30 * MIB)
        self.assertEqual(gateway.put("down", data.bytes(0, 10 * MIB), [
            ("Content-Range", f"bytes 0-{10 * MIB - 1}/{data.size}")]).stored, 10 * MIB)
        store.fake.fault("*", count=0, do="answer", status=500, code="InternalError")
        with gateway.connect() as connection:
            connection.send_head("PUT", target("down"), {
                "Content-Length": str(20 * MIB),
                "Content-Range": f"bytes {10 * MIB}-{data.size - 1}/{data.size}"})
            try:
                connection.send(data.bytes(10 * MIB))
            except OSError:
                pass
            answer = connection.read_response()
        self.assertEqual(answer.status, 503, answer)
        self.assertTrue(answer.get("retry-after").isdigit(), answer)
        # With the last byte here, "come back" is as good as the range; it must name the range too.
        answer = gateway.query("down", data.size)
        self.assertIn(answer.status, (308, 503), answer)
        self.assertGreaterEqual(answer.stored, 10 * MIB)
        store.fake.clear_faults()
        put_resumable(gateway.port, "down", data, deadline=60, resume=True)
        self.assert_stored(store, "down", data)

    def test_R60_query_while_the_store_is_away(self):
        """Bytes in memory cannot become durable now: the query says what is durable, soon."""
        store = self.fake_store()
        gateway = self.gateway(store, sets={"linger": "200ms"})
        data = Data("R-60q", 30 * MIB)
        gateway.put("away", data.bytes(0, 10 * MIB), [
            ("Content-Range", f"bytes 0-{10 * MIB - 1}/{data.size}")])
        fault = store.fake.fault("*", count=0, do="answer", status=503, code="SlowDown")
        connection = gateway.connect()
        connection.send_head("PUT", target("away"), {
            "Content-Length": str(20 * MIB),
            "Content-Range": f"bytes {10 * MIB}-{data.size - 1}/{data.size}"})
        connection.send(data.bytes(10 * MIB, 13 * MIB))
        time.sleep(0.3)
        connection.reset()
        started = time.monotonic()
        try:
            answer = gateway.query("away", data.size, timeout=30)
            self.assertEqual(answer.status, 308, answer)
            self.assertGreaterEqual(answer.stored, 10 * MIB)
            self.assertLess(time.monotonic() - started, 10)
            self.assertGreater(store.fake.fired(fault), 0)
        finally:
            store.fake.clear_faults()
        put_resumable(gateway.port, "away", data, deadline=60, resume=True)
        self.assert_stored(store, "away", data)

    def test_name_and_key_prefix(self):
        """s3://BUCKET/PREFIX puts everything below the prefix."""
        store = self.fake_store(prefix="tenant/one/")
        gateway = self.gateway(store)
        data = Data("prefix", 9 * MIB)
        self.assertEqual(gateway.put("a/b.bin", data.bytes()).status, 200)
        self.assert_stored(store, "a/b.bin", data)
        self.assertTrue(all(k.startswith("tenant/one/") for k in store.fake.keys()))

    def test_body_larger_than_the_limit(self):
        """R-11's sister in the name form: refused before the body, nothing created."""
        store = self.fake_store()
        gateway = self.gateway(store, sets={"max_size": "1MiB"})
        mark = store.fake.mark()
        with gateway.connect() as connection:
            connection.send_head("PUT", target("big"), {"Content-Length": str(MIB + 1)})
            self.assertEqual(connection.read_response().status, 413)
        answer = gateway.put("big", b"x" * 10, [("Content-Range", f"bytes 0-9/{MIB + 1}")])
        self.assertEqual(answer.status, 413, answer)
        self.assertEqual(store.fake.requests(mark), [])
        with Connection(gateway.port) as connection:
            connection.send_head("PUT", target("big"), {"Transfer-Encoding": "chunked"})
            try:
                for _ in range(40):
                    connection.send_chunk(b"x" * 65536)
                connection.end_chunks()
            except OSError:
                pass
            self.assertEqual(connection.read_response().status, 413)
        self.assertFalse(store.exists("big"))
        self.assertEqual(gateway.put("fits", b"x" * MIB).status, 200)


if __name__ == "__main__":
    unittest.main()

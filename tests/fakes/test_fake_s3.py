"""The fake store itself: a test of strictness is worth what its judge is worth.

Judged by s3_probe.py (which real stores are measured with), by the aws program, and by hand-made
requests. Covers the store's side of S-01, S-04, S-05, S-08 to S-20, S-23, S-25 to S-28.
"""

import hashlib
import http.client
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from fakes import crc, sigv4  # noqa: E402
from fakes.fake_s3_client import FakeS3  # noqa: E402
from fakes.s3_requests import S3  # noqa: E402

MIB = 1 << 20
PROBE = pathlib.Path(__file__).resolve().parents[1] / "tools" / "s3_probe.py"

# What the gateway has no use for and the fake refuses on purpose.
NOT_IMPLEMENTED = (
    "CopyObject", "presigned PUT and GET", "streaming", "browser form upload", "UploadPartCopy",
    "ListMultipartUploads: prefix", "GET ?partNumber", "aws-chunked", "lifecycle rule", "CORS rule",
    "x-amz-tagging", "versioning", "virtual-host",
)


class Vectors(unittest.TestCase):
    """S-01 and S-05: published and recomputed values."""

    ACCESS, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    DATE, SCOPE = "20130524T000000Z", "20130524/us-east-1/s3/aws4_request"

    def signature(self, method, path, query, headers, payload_hash):
        host = [("host", "examplebucket.s3.amazonaws.com"), ("x-amz-date", self.DATE),
                ("x-amz-content-sha256", payload_hash)]
        headers = sorted(host + headers)
        canonical = sigv4.canonical_request(method, path, query, headers, [n for n, _ in headers],
                                            payload_hash)
        return sigv4.signature(self.SECRET, self.DATE, self.SCOPE, canonical)

    def test_signatures(self):
        self.assertEqual(
            self.signature("GET", "/test.txt", "", [("range", "bytes=0-9")], sigv4.EMPTY_SHA256),
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")
        self.assertEqual(
            self.signature("PUT", "/test$file.text", "",
                           [("date", "Fri, 24 May 2013 00:00:00 GMT"),
                            ("x-amz-storage-class", "REDUCED_REDUNDANCY")],
                           hashlib.sha256(b"Welcome to Amazon S3.").hexdigest()),
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd")
        self.assertEqual(
            self.signature("GET", "/", "max-keys=2&prefix=J", [], sigv4.EMPTY_SHA256),
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7")

    def test_checksums(self):
        self.assertEqual(crc.header_value("crc32", [b"123456789"]), "y/Q5Jg==")
        self.assertEqual(crc.header_value("crc32c", [b"1234", bytearray(b"56789")]), "4waSgw==")
        self.assertEqual(crc.header_value("crc64nvme", [b"123456789"]), "rosUhgp5mIg=")
        parts = [b"a" * 5242880, b"b" * 100]
        self.assertEqual(crc.header_value("crc32c", parts), "DCOCuQ==")
        self.assertEqual(crc.header_value("crc64nvme", parts), "tx17Vl1XIXU=")


class FakeTest(unittest.TestCase):
    def setUp(self):
        self.fake = FakeS3()
        self.addCleanup(self.fake.stop)
        self.s3 = S3(self.fake.endpoint, self.fake.access, self.fake.secret, "uploads")

    def refused(self, reply, status, code):
        self.assertEqual((reply.status, reply.text("Code")), (status, code), reply.body)

    def two_parts(self, key="k"):
        upload = self.s3.create(key)
        first = b"a" * (5 * MIB)
        return upload, [(1, self.s3.part(key, upload, 1, first).headers["etag"]),
                        (2, self.s3.part(key, upload, 2, b"tail").headers["etag"])], first + b"tail"


class Conformance(FakeTest):
    def test_probe(self):
        with tempfile.NamedTemporaryFile(suffix=".json") as report:
            done = subprocess.run(
                [sys.executable, str(PROBE), self.fake.endpoint, self.fake.access,
                 self.fake.secret, "--bucket", "probe", "--json", report.name],
                capture_output=True, text=True, timeout=120)
        lines = [l for l in done.stdout.splitlines() if l[:4] in ("ok  ", "DIFF", "FAIL")]
        self.assertGreater(len(lines), 60, done.stdout + done.stderr)
        bad = [l for l in lines if not l.startswith("ok") and
               not any(name in l for name in NOT_IMPLEMENTED)]
        self.assertEqual(bad, [])
        self.assertGreaterEqual(sum(l.startswith("ok") for l in lines), 48)

    def test_aws_program(self):
        env = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "AWS_EC2_METADATA_DISABLED": "true",
               "AWS_ACCESS_KEY_ID": self.fake.access, "AWS_SECRET_ACCESS_KEY": self.fake.secret,
               "AWS_DEFAULT_REGION": "us-east-1"}
        with tempfile.TemporaryDirectory() as directory:
            source = os.path.join(directory, "source")
            data = os.urandom(MIB) * 20
            with open(source, "wb") as file:
                file.write(data)
            base = ["/usr/bin/aws", "--endpoint-url", self.fake.endpoint, "s3", "cp", "--quiet"]
            subprocess.run(base + [source, "s3://uploads/dir/é +%.bin"], env=env, check=True,
                           timeout=60)
            stored = self.fake.object("dir/é +%.bin")
            self.assertEqual(stored["sha256"], hashlib.sha256(data).hexdigest())
            self.assertEqual(stored["parts"], 3)
            subprocess.run(base + ["s3://uploads/dir/é +%.bin", source + ".back"], env=env,
                           check=True, timeout=60)
            with open(source + ".back", "rb") as file:
                self.assertEqual(hashlib.sha256(file.read()).hexdigest(), stored["sha256"])


class Signatures(FakeTest):
    """S-03, S-04, S-13: what must be signed, and when."""

    def test_header_that_is_not_signed(self):
        reply = self.s3.call("PUT", "k", body=b"x", extra_unsigned={"x-amz-meta-a": "1"})
        self.refused(reply, 403, "AccessDenied")

    def test_altered_signed_header(self):
        reply = self.s3.call("PUT", "k", body=b"x", headers={"x-amz-meta-a": "1"},
                             extra_unsigned={"x-amz-meta-a": "2"})
        self.refused(reply, 403, "SignatureDoesNotMatch")
        self.assertEqual(self.fake.keys(), [])

    def test_session_token(self):
        with FakeS3(token="session") as fake:
            without = S3(fake.endpoint, fake.access, fake.secret, "uploads")
            self.refused(without.call("PUT", "k", body=b"x"), 400, "InvalidToken")
            unsigned = without.call("PUT", "k", body=b"x",
                                    extra_unsigned={"x-amz-security-token": "session"})
            self.refused(unsigned, 403, "AccessDenied")
            right = S3(fake.endpoint, fake.access, fake.secret, "uploads", token="session")
            self.assertEqual(right.call("PUT", "k", body=b"x").status, 200)

    def test_clock_offset(self):
        self.fake.switch(clock_offset=3600)
        self.refused(self.s3.call("GET", "k"), 403, "RequestTimeTooSkewed")
        self.assertEqual(self.s3.call("PUT", "k", body=b"x", now=time.time() + 3600).status, 200)

    def test_wrong_region(self):
        other = S3(self.fake.endpoint, self.fake.access, self.fake.secret, "uploads", "eu-west-1")
        reply = other.call("GET", "k")
        self.refused(reply, 400, "AuthorizationHeaderMalformed")
        self.assertEqual(reply.text("Region"), "us-east-1")

    def test_body_hash(self):
        right = hashlib.sha256(b"body").hexdigest()
        self.assertEqual(self.s3.call("PUT", "k", body=b"body", payload_hash=right).status, 200)
        self.refused(self.s3.call("PUT", "k", body=b"bodY", payload_hash=right), 400,
                     "XAmzContentSHA256Mismatch")

    def test_length_required(self):
        self.refused(self.s3.call("PUT", "k", length=False), 411, "MissingContentLength")


class Multipart(FakeTest):
    """S-07, S-23, S-25, S-28 and the deviations of real stores."""

    def test_round_trip(self):
        upload, parts, data = self.two_parts()
        self.assertEqual(self.s3.complete("k", upload, parts).status, 200)
        self.assertEqual(self.s3.call("GET", "k").body, data)
        part = self.s3.call("GET", "k", headers={"range": "bytes=5242878-5242881"})
        self.assertEqual((part.status, part.body), (206, b"aata"))

    def test_second_complete(self):
        upload, parts, _ = self.two_parts()
        self.s3.complete("k", upload, parts)
        self.refused(self.s3.complete("k", upload, parts), 404, "NoSuchUpload")
        self.fake.switch(second_complete="ok")
        self.assertEqual(self.s3.complete("k", upload, parts).status, 200)

    def test_refused_lists(self):
        upload, parts, _ = self.two_parts()
        small = self.s3.part("k", upload, 3, b"more").headers["etag"]
        cases = [(parts[::-1], "InvalidPartOrder"), ([parts[0], parts[0]], "InvalidPartOrder"),
                 (parts + [(4, small)], "InvalidPart"), ([(1, '"' + "0" * 32 + '"')], "InvalidPart"),
                 ([(1, parts[0][1].strip('"'))], "InvalidPart"), ([], "MalformedXML"),
                 (parts + [(3, small)], "EntityTooSmall")]
        for wanted, code in cases:
            with self.subTest(code=code, parts=len(wanted)):
                self.refused(self.s3.complete("k", upload, wanted), 400, code)
        self.fake.switch(omitted_part="InvalidPart")
        self.refused(self.s3.complete("k", upload, parts), 400, "InvalidPart")
        self.assertEqual(self.fake.keys(), [])

    def test_equal_parts(self):
        self.fake.switch(equal_parts=True)
        upload = self.s3.create("k")
        parts = [(n, self.s3.part("k", upload, n, b"x" * size).headers["etag"])
                 for n, size in ((1, 5 * MIB), (2, 6 * MIB), (3, 1))]
        self.refused(self.s3.complete("k", upload, parts), 400, "InvalidPart")
        self.refused(self.s3.complete("k", upload, parts[:2]), 400, "InvalidPart")

    def test_whole_object_size_and_checksum(self):
        data = [b"a" * 5242880, b"b" * 100]
        upload = self.s3.create("k", **{"x-amz-checksum-algorithm": "CRC64NVME",
                                        "x-amz-checksum-type": "FULL_OBJECT"})
        parts = []
        for number, body in enumerate(data, 1):
            value = crc.header_value("crc64nvme", [body])
            wrong = self.s3.part("k", upload, number, body,
                                 headers={"x-amz-checksum-crc64nvme": "AAAAAAAAAAA="})
            self.refused(wrong, 400, "BadDigest")
            reply = self.s3.part("k", upload, number, body,
                                 headers={"x-amz-checksum-crc64nvme": value})
            parts.append((number, reply.headers["etag"]))
        for headers, code in (({"x-amz-mp-object-size": "5242979"}, "InvalidRequest"),
                              ({"x-amz-checksum-crc64nvme": "AAAAAAAAAAA="}, "BadDigest"),
                              ({"x-amz-checksum-type": "COMPOSITE"}, "BadDigest")):
            self.refused(self.s3.complete("k", upload, parts, headers=headers), 400, code)
        done = self.s3.complete("k", upload, parts, headers={
            "x-amz-mp-object-size": "5242980", "x-amz-checksum-crc64nvme": "tx17Vl1XIXU=",
            "x-amz-checksum-type": "FULL_OBJECT"})
        self.assertEqual(done.status, 200, done.body)
        head = self.s3.call("HEAD", "k", headers={"x-amz-checksum-mode": "ENABLED"})
        self.assertEqual(head.headers["x-amz-checksum-crc64nvme"], "tx17Vl1XIXU=")

    def test_metadata_belongs_to_creation(self):
        upload = self.s3.create("k", **{"x-amz-meta-token": "t", "content-type": "video/mp4"})
        reply = self.s3.part("k", upload, 1, b"x", headers={"x-amz-meta-token": "t"})
        self.refused(reply, 400, "InvalidArgument")
        etag = self.s3.part("k", upload, 1, b"x").headers["etag"]
        self.s3.complete("k", upload, [(1, etag)])
        head = self.s3.call("HEAD", "k")
        self.assertEqual((head.headers["x-amz-meta-token"], head.headers["content-type"]),
                         ("t", "video/mp4"))

    def test_part_in_flight_survives_abort(self):
        self.fake.switch(abort_keeps_inflight=True)
        self.fake.fault("UploadPart", delay_body=1.0)
        upload = self.s3.create("k")
        sender = threading.Thread(target=self.s3.part, args=("k", upload, 1, b"x" * MIB))
        sender.start()
        time.sleep(0.4)
        self.assertEqual(self.s3.call("DELETE", "k", f"uploadId={upload}").status, 204)
        sender.join()
        self.assertIn(b"<PartNumber>1<", self.s3.call("GET", "k", f"uploadId={upload}").body)
        self.assertEqual(self.s3.call("DELETE", "k", f"uploadId={upload}").status, 204)
        self.refused(self.s3.call("GET", "k", f"uploadId={upload}"), 404, "NoSuchUpload")

    def test_conditions(self):
        self.s3.call("PUT", "k", body=b"old")
        upload, parts, _ = self.two_parts()
        reply = self.s3.complete("k", upload, parts, headers={"if-none-match": "*"})
        self.refused(reply, 412, "PreconditionFailed")

    def test_pages(self):
        self.fake.switch(page_max=2)
        for n in range(5):
            self.s3.call("PUT", f"p/{n}", body=b"x")
        uploads = sorted(self.s3.create("u") for _ in range(3))
        keys, token = [], ""
        while True:
            page = self.s3.call("GET", None, f"list-type=2&prefix=p%2F{token}")
            keys += [part.split(b"<")[0].decode() for part in page.body.split(b"<Key>")[1:]]
            if page.text("IsTruncated") == "false":
                break
            token = f"&continuation-token={page.text('NextContinuationToken')}"
        self.assertEqual(keys, [f"p/{n}" for n in range(5)])
        page = self.s3.call("GET", None, "uploads=")
        last = self.s3.call("GET", None, f"key-marker=u&upload-id-marker="
                            f"{page.text('NextUploadIdMarker')}&uploads=")
        self.assertEqual(last.text("UploadId"), uploads[2])
        upload = self.s3.create("v")
        for n in range(1, 6):
            self.s3.part("v", upload, n, b"x")
        page = self.s3.call("GET", "v", f"max-parts=3&part-number-marker=2&uploadId={upload}")
        self.assertEqual((page.text("NextPartNumberMarker"), page.text("IsTruncated"),
                          page.text("MaxParts")), ("4", "true", "2"))


class Faults(FakeTest):
    """S-08 to S-20: the misbehaviour is what was asked for."""

    def test_answers_and_counts(self):
        fault = self.fake.fault("PutObject", nth=2, count=2, do="answer", status=503,
                                code="SlowDown")
        codes = [self.s3.call("PUT", f"k{n}", body=b"x").status for n in range(5)]
        self.assertEqual(codes, [200, 503, 503, 200, 200])
        self.assertEqual(self.fake.fired(fault), 2)
        self.assertEqual(self.fake.keys(), ["k0", "k3", "k4"])

    def test_effect_then_failure(self):
        self.fake.fault("PutObject", at="done", do="answer", status=500)
        self.assertEqual(self.s3.call("PUT", "k", body=b"x").status, 500)
        self.assertEqual(self.fake.object("k")["size"], 1)
        self.fake.fault("PutObject", at="done", do="rst")
        with self.assertRaises(OSError):
            self.s3.call("PUT", "k2", body=b"x")
        self.assertEqual(self.fake.object("k2")["size"], 1)

    def test_close_in_the_middle(self):
        for do in ("rst", "close"):
            self.fake.fault("PutObject", at="mid", mid_bytes=1000, do=do)
            with self.assertRaises((OSError, http.client.HTTPException)):
                self.s3.call("PUT", "k", body=b"x" * (8 * MIB))
        self.assertEqual(self.fake.keys(), [])
        self.assertEqual(self.fake.requests(op="PutObject")[-1]["size"], 1000)

    def test_answer_cut_short(self):
        upload, parts, _ = self.two_parts()
        self.fake.fault("CompleteMultipartUpload", cut_answer=20)
        with self.assertRaises((OSError, http.client.HTTPException)):
            self.s3.complete("k", upload, parts)
        self.assertEqual(self.fake.keys(), ["k"])

    def test_slow_completion(self):
        for result, effect, stored in (("ok", True, True), ("error", True, False),
                                       ("cut", True, True), ("cut", False, False),
                                       ("empty", True, True)):
            with self.subTest(result=result, effect=effect):
                key = f"{result}{effect}"
                upload, parts, _ = self.two_parts(key)
                self.fake.fault("CompleteMultipartUpload", white_space=0.6, result=result,
                                inside=True, effect=effect, code="InternalError")
                started = time.monotonic()
                try:
                    reply = self.s3.complete(key, upload, parts)
                    self.assertEqual(reply.status, 200)
                    self.assertIn({"ok": b"<ETag>", "error": b"<Error>"}.get(result, b""),
                                  reply.body)
                    if result == "empty":
                        self.assertEqual(reply.body.strip(), b"")
                except http.client.IncompleteRead:
                    self.assertEqual(result, "cut")
                self.assertGreater(time.monotonic() - started, 0.5)
                self.assertEqual(key in self.fake.keys(), stored)

    def test_lifecycle_abort(self):
        upload, parts, _ = self.two_parts()
        self.fake.fault("CompleteMultipartUpload", lifecycle_abort=True)
        self.refused(self.s3.complete("k", upload, parts), 404, "NoSuchUpload")

    def test_corruption_is_noticed(self):
        self.fake.fault("PutObject", corrupt=True)
        value = crc.header_value("crc32c", [b"x" * 100])
        reply = self.s3.call("PUT", "k", body=b"x" * 100, headers={"x-amz-checksum-crc32c": value})
        self.refused(reply, 400, "BadDigest")

    def test_wrong_etag(self):
        self.fake.fault("UploadPart", wrong_etag=True)
        upload = self.s3.create("k")
        self.assertEqual(self.s3.part("k", upload, 1, b"x").headers["etag"], '"' + "f" * 32 + '"')

    def test_modes(self):
        self.fake.mode("refuse")
        with self.assertRaises(ConnectionRefusedError):
            self.s3.call("GET", "k")
        self.fake.mode("reset")
        with self.assertRaises((OSError, http.client.HTTPException)):
            self.s3.call("GET", "k")
        self.fake.mode("up")
        self.refused(self.s3.call("GET", "k"), 404, "NoSuchKey")

    def test_rate(self):
        self.fake.switch(rate=2 * MIB)
        started = time.monotonic()
        self.s3.call("PUT", "k", body=b"x" * (2 * MIB))
        self.assertAlmostEqual(time.monotonic() - started, 1.0, delta=0.3)


class Http(FakeTest):
    def raw(self, head):
        with socket.create_connection(("127.0.0.1", self.fake.port), 5) as sock:
            sock.sendall(head)
            return sock.recv(4096)

    def test_malformed(self):
        for head in (b"PUT /uploads/k HTTP/1.1\r\n\r\n", b"GET /\r\n\r\n",
                     b"PUT /u/k HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n"
                     b"\r\nx",
                     b"PUT /u/k HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
                     b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"):
            self.assertIn(b" 400 ", self.raw(head).split(b"\r\n")[0])


if __name__ == "__main__":
    unittest.main()

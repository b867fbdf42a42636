#!/usr/bin/env python3
"""A strict S3 server in memory that misbehaves on demand.

    fake_s3.py [--bucket NAME] [--access KEY --secret KEY [--token T]] [--min-part BYTES]
               [--set SWITCH=JSON]... [--stdin-guard]

Listens on two free ports of 127.0.0.1 and prints one line of JSON: {"port": ..., "control": ...,
"pid": ...}. The first port speaks S3 (path style, SigV4 in headers), the second takes the commands
in fake_s3_client.py. Stricter than real stores: see sigv4.py and s3_state.py; the switches there
loosen or twist it to what real stores do. Ends on SIGTERM, or, with --stdin-guard, when its
standard input ends, so that it cannot outlive a killed test.
"""

import argparse
import http.server
import json
import os
import pathlib
import re
import signal
import socket
import struct
import sys
import threading
import time
import urllib.parse
import xml.etree.ElementTree as ElementTree
from xml.sax.saxutils import escape

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from fakes import crc, sigv4  # noqa: E402
from fakes.http_server import Closed, Connection, Malformed  # noqa: E402
from fakes.s3_errors import S3Error  # noqa: E402
from fakes.s3_faults import Faults  # noqa: E402
from fakes.s3_state import Store  # noqa: E402

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
KEPT_HEADERS = ("content-type", "cache-control", "content-disposition", "content-encoding",
                "content-language", "expires", "x-amz-storage-class", "x-amz-tagging", "x-amz-acl",
                "x-amz-server-side-encryption")
CREATION_ONLY = ("cache-control", "content-disposition", "content-encoding", "content-language",
                 "expires", "x-amz-storage-class", "x-amz-tagging", "x-amz-acl")
XML_BODY_MAX = 2 << 20


def xml_time(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(seconds))


def element(name, value):
    return f"<{name}>{escape(str(value))}</{name}>"


def document(root, body):
    return (f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{NAMESPACE}">{body}</{root}>'
            ).encode()


def classify(method, bucket, key, query):
    """The operation's name, after S3's own."""
    if not bucket:
        return "ListBuckets" if method == "GET" else "Unknown"
    if not key:
        if method == "POST" and "delete" in query:
            return "DeleteObjects"
        if method == "GET":
            if "uploads" in query:
                return "ListMultipartUploads"
            if "location" in query:
                return "GetBucketLocation"
            return "ListObjectsV2" if query.get("list-type") == "2" else "ListObjects"
        return {"HEAD": "HeadBucket", "PUT": "CreateBucket", "DELETE": "DeleteBucket"}.get(
            method, "Unknown")
    if "uploadId" in query:
        return {"PUT": "UploadPart", "POST": "CompleteMultipartUpload",
                "DELETE": "AbortMultipartUpload", "GET": "ListParts"}.get(method, "Unknown")
    if method == "POST" and "uploads" in query:
        return "CreateMultipartUpload"
    return {"PUT": "PutObject", "GET": "GetObject", "HEAD": "HeadObject",
            "DELETE": "DeleteObject"}.get(method, "Unknown")


class Answer:
    def __init__(self, status=200, headers=(), body=b"", pieces=None, length=None):
        self.status = status
        self.headers = list(headers)
        self.body = body
        self.pieces = pieces  # iterable of buffers in place of body, `length` bytes together
        self.length = len(body) if length is None else length


class Finished(Exception):
    """The fault has dealt with the connection: nothing more to answer."""

    def __init__(self, keep_alive=False):
        super().__init__()
        self.keep_alive = keep_alive


class Server:
    def __init__(self, credentials, region="us-east-1"):
        self.store = Store()
        self.store.switches.region = region
        self.faults = Faults()
        self.credentials = credentials
        self.log = []
        self.log_lock = threading.Lock()
        self.connections = set()
        self.connection_count = 0
        self.listener = None
        self.port = 0
        self.mode = "up"  # "refuse": nobody listens; "reset": accepted and reset; "stall": silence

    # --- listening

    def listen(self):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(512)
        self.port = listener.getsockname()[1]
        self.listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def set_mode(self, mode):
        """"up", "refuse", "reset" or "stall"; live connections are dropped unless it is "up"."""
        self.mode = mode
        if mode == "refuse" and self.listener is not None:
            listener, self.listener = self.listener, None
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        if mode != "up":
            self.drop_connections()
        if mode != "refuse" and self.listener is None:
            self.listen()

    def drop_connections(self):
        for connection in list(self.connections):
            connection.kill()

    def _accept(self, listener):
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            if self.mode == "reset":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                sock.close()
                continue
            self.connection_count += 1
            threading.Thread(target=self._serve, args=(sock, self.connection_count),
                             daemon=True).start()

    def _serve(self, sock, number):
        connection = Connection(sock)
        self.connections.add(connection)
        try:
            while self.mode != "stall":
                request = connection.read_request()
                if request is None or not Exchange(self, connection, request, number).run():
                    break
            while self.mode == "stall":
                time.sleep(0.1)
        except Malformed as problem:
            with self.log_lock:
                self.log.append({"seq": len(self.log) + 1, "op": "Malformed", "time": time.time(),
                                 "status": 400, "code": str(problem), "headers": {}, "size": 0,
                                 "connection": number, "key": None, "part": None})
            try:
                connection.send_head(400, [("Content-Length", "0"), ("Connection", "close")])
            except Closed:
                pass
        except Closed:
            pass
        finally:
            self.connections.discard(connection)
            connection.close()

    def now(self):
        return time.time() + self.store.switches.clock_offset


class Exchange:
    """One request and its answer."""

    def __init__(self, server, connection, request, connection_number):
        self.server = server
        self.store = server.store
        self.connection = connection
        self.request = request
        path = urllib.parse.unquote_to_bytes(request.path).decode("utf-8", "surrogateescape")
        self.bucket, _, self.key = path.lstrip("/").partition("/") if path.startswith("/") \
            else ("", "", "")
        self.query = {urllib.parse.unquote(n): urllib.parse.unquote(v)
                      for n, v in sigv4.split_query(request.query)}
        self.op = classify(request.method, self.bucket, self.key, self.query)
        number = self.query.get("partNumber", "")
        self.part = int(number) if number.isdigit() else None
        self.length = int(request.get("content-length", "0"))
        self.body = None
        self.payload_hash = None
        self.upload = None       # while a part is received
        self.fault = None
        self.keep_alive = request.version == "HTTP/1.1" and \
            request.get("connection", "").lower() != "close"
        self.record = {
            "time": time.time(), "op": self.op, "method": request.method, "bucket": self.bucket,
            "key": self.key or None, "part": self.part, "upload_id": self.query.get("uploadId"),
            "query": request.query, "headers": request.dict, "length": self.length, "size": 0,
            "status": None, "code": None, "fault": None, "connection": connection_number,
        }

    def run(self):
        """True: the connection can take another request."""
        with self.server.log_lock:
            self.record["seq"] = len(self.server.log) + 1
            self.server.log.append(self.record)
        started = time.monotonic()
        try:
            try:
                answer = self._run()
            except S3Error as error:
                answer = self._error_answer(error)
            self._send(answer)
            return self.keep_alive
        except Finished as finished:
            return finished.keep_alive
        finally:
            self.record["seconds"] = time.monotonic() - started
            if self.upload is not None:
                self.store.end_part(self.bucket, self.upload)

    def _run(self):
        self._check_head()
        self.fault = self.server.faults.match(self.op, self.part, self.key)
        if self.fault is not None:
            self.record["fault"] = self.fault.id
            if self.fault.get("lifecycle_abort"):
                self._lifecycle_abort()
        self._pause("delay_head")
        self._misbehave("head")
        handler = getattr(self, f"_{self.op}", None)
        if handler is None:
            raise S3Error("NotImplemented", f"{self.op} is not implemented here")
        if self.op == "UploadPart":
            if self.part is None:
                raise S3Error("InvalidArgument", "partNumber is not a number")
            self.upload = self.store.begin_part(self.bucket, self.key, self.query["uploadId"],
                                                self.part)
        self._read_body()
        self._pause("delay_body")
        self._misbehave("body")
        if self.op == "CompleteMultipartUpload" and self.fault is not None and \
                (self.fault.get("white_space") or self.fault.get("result")):
            self._slow_complete()
        answer = handler()
        self._pause("delay_answer")
        self._misbehave("done")
        self._twist_etag(answer)
        return answer

    # --- reading

    def _check_head(self):
        request = self.request
        if self.op == "Unknown":
            raise S3Error("MethodNotAllowed", "The specified method is not allowed")
        try:
            _, self.payload_hash = sigv4.verify(
                request.method, request.path, request.query, request.headers,
                self.server.credentials, self.store.switches.region, self.server.now())
        except S3Error:
            self._refuse_body()
            raise
        if self.payload_hash == sigv4.UNSIGNED and not self.store.switches.unsigned_payload:
            self._refuse_body()
            raise S3Error("InvalidRequest", "UNSIGNED-PAYLOAD is not allowed here")
        if request.get("transfer-encoding") is not None or (
                request.method in ("PUT", "POST") and request.get("content-length") is None):
            self.keep_alive = False
            raise S3Error("MissingContentLength", "You must provide the Content-Length HTTP header")
        names = [n for n, _ in request.headers]
        if any(names.count(n) > 1 for n in names if n.startswith("x-amz-")):
            self._refuse_body()
            raise S3Error("InvalidArgument", "an x-amz- header was sent twice")
        if request.get("x-amz-copy-source") is not None or (
                request.method in ("GET", "HEAD") and self.part is not None):
            raise S3Error("NotImplemented", "copies and reads of one part are not implemented here")
        if self.op == "UploadPart":
            stray = [n for n in names if n in CREATION_ONLY or n.startswith("x-amz-meta-")]
            if stray:
                self._refuse_body()
                raise S3Error("InvalidArgument", f"{stray[0]} belongs to the creation, not to a part")
        if self.op not in ("UploadPart", "PutObject") and self.length > XML_BODY_MAX:
            self.keep_alive = False
            raise S3Error("MalformedXML", "The body is too large")

    def _refuse_body(self):
        """An error before the body: a client that did not wait for 100 has sent it already."""
        if self.length:
            self.keep_alive = False

    def _rate(self):
        if self.fault is not None and self.fault.get("rate"):
            return int(self.fault.get("rate"))
        return int(self.store.switches.rate)

    def _read_body(self):
        if self.request.get("expect", "").lower() == "100-continue" and self.length:
            self.connection.send_continue()
        body = bytearray(self.length)
        view = memoryview(body)
        try:
            if self.fault is not None and self.fault.get("at") == "mid":
                middle = min(int(self.fault.get("mid_bytes", self.length // 2)), self.length)
                self.connection.read_into(view[:middle], self._rate())
                self.record["size"] = middle
                self._misbehave("mid")
                self.connection.read_into(view[middle:], self._rate())
            else:
                self.connection.read_into(view, self._rate())
        except Closed as closed:
            if len(closed.args) > 1:
                self.record["size"] += closed.args[1]
            self.record["code"] = "cut"
            raise
        self.record["size"] = self.length
        if self.fault is not None and self.fault.get("corrupt") and self.length:
            body[self.length // 2] ^= 0x20
        self.body = body
        if self.payload_hash != sigv4.UNSIGNED:
            blob_hash = crc.digest("sha256", [body]).hex()
            if blob_hash != self.payload_hash:
                raise S3Error("XAmzContentSHA256Mismatch",
                              "The provided 'x-amz-content-sha256' header does not match what was "
                              "computed.")

    def _sums(self):
        sums = {}
        for name, value in self.request.headers:
            if name == "content-md5":
                sums["md5"] = value
            algorithm = name.removeprefix("x-amz-checksum-")
            if name.startswith("x-amz-checksum-") and algorithm not in ("type", "algorithm",
                                                                        "mode"):
                if algorithm not in crc.ALGORITHMS:
                    raise S3Error("InvalidRequest", f"unknown checksum {algorithm}")
                sums[algorithm] = value
        return sums

    def _conditions(self):
        return {n: v for n, v in self.request.headers if n in ("if-match", "if-none-match")}

    def _object_headers(self):
        return {n: v for n, v in self.request.headers
                if n in KEPT_HEADERS or n.startswith("x-amz-meta-")}

    # --- faults

    def _pause(self, field):
        if self.fault is not None and self.fault.get(field):
            time.sleep(float(self.fault.get(field)))

    def _misbehave(self, stage):
        fault = self.fault
        if fault is None or fault.get("do", "pass") == "pass" or fault.get("at", "body") != stage:
            return
        do = fault.get("do")
        if do == "answer":
            status = int(fault.get("status", 503))
            code = fault.get("code", "ServiceUnavailable" if status == 503 else "InternalError")
            if stage in ("head", "mid"):
                self._refuse_body()
            if fault.get("body") is not None:
                answer = Answer(status, [], fault.get("body").encode())
                self.record["code"] = code
            else:
                answer = self._error_answer(S3Error(code, fault.get("message", "injected"), status))
            answer.headers += list((fault.get("headers") or {}).items())
            self._send(answer)
            raise Finished(self.keep_alive)
        self.record["code"] = f"injected {do}"
        if do == "stall":
            time.sleep(float(fault.get("stall", 3600)))
            self.connection.close()
        elif do == "rst":
            self.connection.reset()
        elif do == "close":
            self.connection.close()
        else:
            raise S3Error("InternalError", f"the fault's do={do} is unknown")
        raise Finished()

    def _lifecycle_abort(self):
        try:
            self.store.abort(self.bucket, self.query.get("uploadId", ""))
        except S3Error:
            pass

    def _twist_etag(self, answer):
        if self.fault is None or "wrong_etag" not in self.fault.rule:
            return
        wrong = self.fault.get("wrong_etag")
        etag = '"' + "f" * 32 + '"' if wrong is True else wrong
        answer.headers = [(n, etag if n == "ETag" else v) for n, v in answer.headers]
        if answer.body:
            answer.body = re.sub(rb"<ETag>[^<]*</ETag>", element("ETag", etag).encode(),
                                 answer.body)
            answer.length = len(answer.body)

    def _slow_complete(self):
        """200 first, the outcome later: S3's way of a long completion."""
        fault, connection = self.fault, self.connection
        result = fault.get("result", "ok")
        outcome = b""
        if result == "ok" or (result in ("cut", "empty") and fault.get("effect", True)):
            try:
                outcome = self._CompleteMultipartUpload().body
            except S3Error as error:
                outcome = error.xml(self.request.path)
                self.record["code"] = error.code
        elif result == "error":
            code = fault.get("code", "InternalError")
            outcome = S3Error(code, fault.get("message", "injected")).xml(self.request.path)
            self.record["code"] = code
        declaration, _, rest = outcome.partition(b"\n")
        self.record["status"] = 200
        connection.send_head(200, [("Content-Type", "application/xml"),
                                   ("Transfer-Encoding", "chunked"), ("x-amz-request-id", "slow")],
                             self.server.now())
        if fault.get("inside") and result in ("ok", "error"):
            self._chunk(declaration + b"\n")
            outcome = rest
        end = time.monotonic() + float(fault.get("white_space", 0))
        while time.monotonic() < end:
            self._chunk(b"  \r\n")
            time.sleep(min(0.25, max(0.0, end - time.monotonic())))
        if result == "cut":
            self.record["code"] = "injected cut"
            connection.close()
            raise Finished()
        self._chunk(outcome if result != "empty" else b"")
        connection.send(b"0\r\n\r\n")
        raise Finished(self.keep_alive)

    def _chunk(self, data):
        if data:
            self.connection.send(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    # --- answering

    def _error_answer(self, error):
        self.record["code"] = error.code
        headers = [("Content-Type", "application/xml")]
        if error.code in ("PermanentRedirect", "AuthorizationHeaderMalformed"):
            headers.append(("x-amz-bucket-region", self.store.switches.region or "us-east-1"))
        return Answer(error.status, headers, error.xml(self.request.path, str(self.record["seq"])))

    def _send(self, answer):
        self.record["status"] = answer.status
        headers = [("Server", "fake-s3"), ("x-amz-request-id", f"{self.record['seq']:016X}")]
        headers += answer.headers
        if answer.status != 204:
            headers.append(("Content-Length", str(answer.length)))
        if not self.keep_alive:
            headers.append(("Connection", "close"))
        self.connection.send_head(answer.status, headers, self.server.now())
        if self.fault is not None and self.fault.get("cut_answer") is not None:
            self.connection.send(answer.body[:int(self.fault.get("cut_answer"))])
            time.sleep(0.05)  # a reset at once would overtake what was just sent
            self.connection.reset()
            raise Closed("injected cut")
        if self.request.method != "HEAD" and answer.status != 204:
            if answer.pieces is not None:
                for piece in answer.pieces:
                    self.connection.send(piece)
            elif answer.body:
                self.connection.send(answer.body)
        if not self.keep_alive:
            self._drain()

    def _drain(self):
        """Lets a client that is still sending see the answer before the connection goes."""
        sock = self.connection.sock
        try:
            sock.shutdown(socket.SHUT_WR)
            self.connection.set_timeout(1)
            left = 8 << 20
            while left > 0 and (got := len(sock.recv(256 << 10))):
                left -= got
        except OSError:
            pass

    # --- buckets

    def _ListBuckets(self):
        names = "".join(f"<Bucket>{element('Name', n)}"
                        f"{element('CreationDate', xml_time(0))}</Bucket>"
                        for n in sorted(self.store.buckets))
        return Answer(body=document("ListAllMyBucketsResult", f"<Buckets>{names}</Buckets>"))

    def _CreateBucket(self):
        self.store.create_bucket(self.bucket)
        return Answer(headers=[("Location", f"/{self.bucket}")])

    def _HeadBucket(self):
        self.store.bucket(self.bucket)
        return Answer(headers=[("x-amz-bucket-region", self.store.switches.region or "us-east-1")])

    def _GetBucketLocation(self):
        self.store.bucket(self.bucket)
        return Answer(body=document("LocationConstraint", ""))

    # --- objects

    def _PutObject(self):
        item = self.store.put_object(self.bucket, self.key, [self.body], self._object_headers(),
                                     self._sums(), self._conditions())
        return Answer(headers=[("ETag", item.etag)] + self._checksum_headers(item))

    @staticmethod
    def _checksum_headers(item):
        if item.checksum is None:
            return []
        algorithm, value, kind = item.checksum
        return [(f"x-amz-checksum-{algorithm}", value), ("x-amz-checksum-type", kind)]

    def _object_answer(self):
        item = self.store.object(self.bucket, self.key)
        headers = [("ETag", item.etag), ("Accept-Ranges", "bytes"),
                   ("Last-Modified", time.strftime("%a, %d %b %Y %H:%M:%S GMT",
                                                   time.gmtime(item.modified)))]
        headers += [(n, v) for n, v in item.headers.items() if n != "x-amz-acl"]
        if "content-type" not in item.headers:
            headers.append(("Content-Type", "binary/octet-stream"))
        wanted = self.request.get("range")
        if self.request.get("x-amz-checksum-mode", "").upper() == "ENABLED" and wanted is None:
            headers += self._checksum_headers(item)
        size = item.blob.size
        begin, end, status = 0, size, 200
        if wanted is not None:
            match = re.fullmatch(r"bytes=(\d*)-(\d*)", wanted)
            if match and any(match.groups()):
                first, last = match.groups()
                if first == "":
                    begin, end = max(0, size - int(last)), size
                else:
                    begin, end = int(first), min(size, int(last) + 1 if last else size)
                if begin >= size or begin >= end:
                    raise S3Error("InvalidRange", "The requested range is not satisfiable")
                status = 206
                headers.append(("Content-Range", f"bytes {begin}-{end - 1}/{size}"))
        return Answer(status, headers, pieces=item.blob.slices(begin, end), length=end - begin)

    def _GetObject(self):
        return self._object_answer()

    def _HeadObject(self):
        try:
            return self._object_answer()
        except S3Error as error:
            self.record["code"] = error.code
            return Answer(error.status)  # HEAD errors have no body

    def _DeleteObject(self):
        self.store.delete_object(self.bucket, self.key)
        return Answer(204)

    def _DeleteObjects(self):
        self._require_body_sum()
        root = self._xml()
        done = ""
        for item in root.iter("Object"):
            key = item.findtext("Key")
            self.store.delete_object(self.bucket, key)
            done += f"<Deleted>{element('Key', key)}</Deleted>"
        return Answer(body=document("DeleteResult", done))

    def _require_body_sum(self):
        sums = self._sums()
        if not sums:
            raise S3Error("InvalidRequest", "Missing required header: Content-MD5")
        for algorithm, value in sums.items():
            if crc.header_value(algorithm, [self.body]) != value:
                raise S3Error("BadDigest", f"The {algorithm} you specified did not match")

    def _page_max(self, name):
        text = self.query.get(name, "1000")
        if not text.isdigit():
            raise S3Error("InvalidArgument", f"{name} is not a number")
        return min(int(text), self.store.switches.page_max)

    def _key_text(self, key):
        if self.query.get("encoding-type") == "url":
            return sigv4.encode(key, keep_slash=True)
        return key

    def _ListObjectsV2(self):
        prefix, delimiter = self.query.get("prefix", ""), self.query.get("delimiter", "")
        limit = self._page_max("max-keys")
        after = self.query.get("start-after", "")
        if "continuation-token" in self.query:
            after = bytes.fromhex(self.query["continuation-token"]).decode()
        with self.store.lock:
            objects = sorted(self.store.bucket(self.bucket).objects.items())
        entries = []  # (sort key, xml)
        seen = set()
        for key, item in objects:
            if not key.startswith(prefix):
                continue
            cut = key.find(delimiter, len(prefix)) if delimiter else -1
            if cut >= 0:
                common = key[:cut + len(delimiter)]
                if common not in seen and common > after:
                    seen.add(common)
                    entries.append((common, f"<CommonPrefixes>"
                                            f"{element('Prefix', self._key_text(common))}"
                                            f"</CommonPrefixes>"))
            elif key > after:
                entries.append((key, "<Contents>" + element("Key", self._key_text(key)) +
                                element("LastModified", xml_time(item.modified)) +
                                element("ETag", item.etag) + element("Size", item.blob.size) +
                                element("StorageClass", "STANDARD") + "</Contents>"))
        page, rest = entries[:limit], entries[limit:]
        body = (element("Name", self.bucket) + element("Prefix", self._key_text(prefix)) +
                element("MaxKeys", limit) + element("KeyCount", len(page)) +
                element("IsTruncated", "true" if rest else "false"))
        if "encoding-type" in self.query:
            body += element("EncodingType", "url")
        if rest:
            body += element("NextContinuationToken", (page[-1][0] if page else after).encode().hex())
        return Answer(body=document("ListBucketResult", body + "".join(x for _, x in page)))

    # --- multipart

    def _CreateMultipartUpload(self):
        if self.length:
            raise S3Error("InvalidRequest", "CreateMultipartUpload has no body")
        algorithm = self.request.get("x-amz-checksum-algorithm")
        upload = self.store.create_multipart(
            self.bucket, self.key, self._object_headers(),
            algorithm.lower() if algorithm else None, self.request.get("x-amz-checksum-type"))
        self.record["upload_id"] = upload.id
        headers = []
        if upload.algorithm:
            headers = [("x-amz-checksum-algorithm", upload.algorithm.upper()),
                       ("x-amz-checksum-type", upload.checksum_type)]
        return Answer(headers=headers, body=document(
            "InitiateMultipartUploadResult", element("Bucket", self.bucket) +
            element("Key", self.key) + element("UploadId", upload.id)))

    def _UploadPart(self):
        part = self.store.put_part(self.bucket, self.upload, self.part, [self.body], self._sums())
        headers = [("ETag", part.etag)]
        if part.checksum:
            headers.append((f"x-amz-checksum-{part.checksum[0]}", part.checksum[1]))
        return Answer(headers=headers)

    def _xml(self):
        try:
            root = ElementTree.fromstring(bytes(self.body))
        except ElementTree.ParseError:
            raise S3Error("MalformedXML", "The XML is not well-formed") from None
        for item in root.iter():
            item.tag = item.tag.rpartition("}")[2]
        return root

    def _CompleteMultipartUpload(self):
        root = self._xml()
        self.record["body"] = bytes(self.body).decode("utf-8", "replace")
        if root.tag != "CompleteMultipartUpload":
            raise S3Error("MalformedXML", "The root element is wrong")
        wanted = []
        for item in root:
            number, etag = item.findtext("PartNumber"), item.findtext("ETag")
            if item.tag != "Part" or number is None or not number.isdigit() or not etag:
                raise S3Error("MalformedXML", "a Part needs PartNumber and ETag")
            if not re.fullmatch(r'"[^"]+"', etag):
                raise S3Error("InvalidPart", "the quotes belong to the ETag")
            sums = {child.tag.removeprefix("Checksum").lower(): child.text for child in item
                    if child.tag.startswith("Checksum")}
            wanted.append((int(number), etag, sums))
        size = self.request.get("x-amz-mp-object-size")
        item = self.store.complete(
            self.bucket, self.key, self.query["uploadId"], wanted, self._sums(),
            self.request.get("x-amz-checksum-type"), int(size) if size is not None else None,
            self._conditions())
        body = (element("Location", f"http://127.0.0.1/{self.bucket}/{self.key}") +
                element("Bucket", self.bucket) + element("Key", self.key) +
                element("ETag", "" if self.store.switches.empty_complete_etag else item.etag))
        if item.checksum:
            algorithm, value, kind = item.checksum
            body += element(f"Checksum{algorithm.upper()}", value) + element("ChecksumType", kind)
        return Answer(body=document("CompleteMultipartUploadResult", body))

    def _AbortMultipartUpload(self):
        self.store.abort(self.bucket, self.query["uploadId"], self.key)
        return Answer(204)

    def _ListParts(self):
        parts = self.store.list_parts(self.bucket, self.key, self.query["uploadId"])
        limit = self._page_max("max-parts")
        marker = int(self.query.get("part-number-marker") or 0)
        rest = [(n, p) for n, p in parts if n > marker]
        page = rest[:limit]
        body = (element("Bucket", self.bucket) + element("Key", self.key) +
                element("UploadId", self.query["uploadId"]) +
                element("PartNumberMarker", marker) +
                element("NextPartNumberMarker", page[-1][0] if page else 0) +
                element("MaxParts", limit) +
                element("IsTruncated", "true" if len(rest) > len(page) else "false"))
        for number, part in page:
            body += ("<Part>" + element("PartNumber", number) +
                     element("LastModified", xml_time(part.modified)) +
                     element("ETag", part.etag) + element("Size", part.blob.size))
            if part.checksum:
                body += element(f"Checksum{part.checksum[0].upper()}", part.checksum[1])
            body += "</Part>"
        return Answer(body=document("ListPartsResult", body))

    def _ListMultipartUploads(self):
        prefix, limit = self.query.get("prefix", ""), self._page_max("max-uploads")
        if self.query.get("delimiter"):
            raise S3Error("NotImplemented", "ListMultipartUploads knows no delimiter here")
        marker = (self.query.get("key-marker", ""), self.query.get("upload-id-marker", ""))
        with self.store.lock:
            uploads = sorted((u.key, u.id, u.initiated)
                             for u in self.store.bucket(self.bucket).uploads.values())
        if marker[1]:
            rest = [u for u in uploads if (u[0], u[1]) > marker]
        else:
            rest = [u for u in uploads if not marker[0] or u[0] > marker[0]]
        rest = [u for u in rest if u[0].startswith(prefix)]
        page = rest[:limit]
        body = (element("Bucket", self.bucket) +
                element("KeyMarker", self._key_text(marker[0])) +
                element("UploadIdMarker", marker[1]) +
                element("Prefix", self._key_text(prefix)) + element("MaxUploads", limit) +
                element("IsTruncated", "true" if len(rest) > len(page) else "false"))
        if len(rest) > len(page):
            last = page[-1] if page else (marker[0], marker[1])
            body += (element("NextKeyMarker", self._key_text(last[0])) +
                     element("NextUploadIdMarker", last[1]))
        if "encoding-type" in self.query:
            body += element("EncodingType", "url")
        for key, upload_id, initiated in page:
            body += ("<Upload>" + element("Key", self._key_text(key)) +
                     element("UploadId", upload_id) +
                     element("Initiated", xml_time(initiated)) + "</Upload>")
        return Answer(body=document("ListMultipartUploadsResult", body))


class Control(http.server.BaseHTTPRequestHandler):
    """POST /COMMAND with a JSON object; answers JSON. See fake_s3_client.py."""

    protocol_version = "HTTP/1.1"
    server_ref = None

    def log_message(self, *_):
        pass

    def do_POST(self):
        argument = json.loads(self.rfile.read(int(self.headers.get("Content-Length", "0"))) or "{}")
        try:
            status, result = 200, self._command(self.path.strip("/"), argument)
        except (KeyError, S3Error, ValueError) as problem:
            status, result = 400, {"error": str(problem)}
        body = json.dumps(result).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _command(self, name, argument):
        server = self.server_ref
        store = server.store
        if name == "fault":
            return {"id": server.faults.add(argument).id}
        if name == "faults":
            return server.faults.describe()
        if name == "clear_faults":
            server.faults.clear()
        elif name == "switch":
            store.switches.update(argument)
        elif name == "mode":
            server.set_mode(argument["mode"])
        elif name == "drop_connections":
            server.drop_connections()
        elif name == "credentials":
            server.credentials = argument
        elif name == "requests":
            with server.log_lock:
                return server.log[argument.get("since", 0):]
        elif name == "request_count":
            with server.log_lock:
                return len(server.log)
        elif name == "state":
            return store.summary()
        elif name == "object":
            item = store.object(argument["bucket"], argument["key"])
            return {"size": item.blob.size, "sha256": item.blob.hex("sha256"), "etag": item.etag,
                    "headers": item.headers, "parts": item.parts}
        elif name == "put_object":
            data = bytes.fromhex(argument["hex"])
            store.put_object(argument["bucket"], argument["key"], [data],
                             argument.get("headers", {}), {}, {})
        elif name == "delete_object":
            store.delete_object(argument["bucket"], argument["key"])
        elif name == "create_multipart":
            upload = store.create_multipart(argument["bucket"], argument["key"],
                                            argument.get("headers", {}), None, None)
            upload.initiated -= argument.get("age", 0)
            return {"id": upload.id}
        elif name == "abort":
            store.abort(argument["bucket"], argument["upload_id"])
        elif name == "age_uploads":
            with store.lock:
                for upload in store.bucket(argument["bucket"]).uploads.values():
                    upload.initiated -= argument["seconds"]
        elif name == "connections":
            return {"open": len(server.connections), "total": server.connection_count}
        else:
            raise KeyError(f"no such command: {name}")
        return {}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--bucket", action="append", default=[])
    parser.add_argument("--access", default="testaccess")
    parser.add_argument("--secret", default="testsecret0123456789")
    parser.add_argument("--token")
    parser.add_argument("--min-part", type=int, default=5 << 20)
    parser.add_argument("--set", action="append", default=[], metavar="SWITCH=JSON")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--stdin-guard", action="store_true")
    args = parser.parse_args()

    server = Server({args.access: {"secret": args.secret, "token": args.token}})
    server.store.switches.part_min = args.min_part
    for item in args.set:
        name, _, value = item.partition("=")
        server.store.switches.update({name: json.loads(value)})
    for bucket in args.bucket or ["uploads"]:
        server.store.create_bucket(bucket)
    server.port = args.port
    server.listen()
    Control.server_ref = server
    control = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Control)
    control.daemon_threads = True
    threading.Thread(target=control.serve_forever, daemon=True).start()
    print(json.dumps({"port": server.port, "control": control.server_address[1],
                      "pid": os.getpid()}), flush=True)

    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    if args.stdin_guard:
        while sys.stdin.buffer.read(1):
            pass
        os._exit(0)
    while True:
        signal.pause()


if __name__ == "__main__":
    main()

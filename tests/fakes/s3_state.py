"""What the fake store holds, and the rules of multipart uploads. No HTTP here.

Every method may be called from any thread. Bytes are kept as lists of buffers that are never
changed after they were stored, so readers need no lock.
"""

import base64
import hashlib
import itertools
import os
import threading
import time

from fakes import crc
from fakes.s3_errors import S3Error

MIB = 1 << 20
METADATA_MAX = 2048
KEY_MAX = 1024
PARTS_MAX = 10_000


class Switches:
    """Behaviour that differs between real stores. Changed over the control port."""

    def __init__(self):
        self.part_min = 5 * MIB           # every part but the last
        self.part_max = 5 << 30
        self.object_max = 5 << 40
        self.equal_parts = False          # R2: all parts but the last equal, the last not larger
        self.omitted_part = "ok"          # "InvalidPart": Ceph refuses a list without a sent part
        self.second_complete = "NoSuchUpload"  # or "ok": answers 200 again
        self.complete_of_aborted = "NoSuchUpload"  # or "InternalError": Ceph
        self.list_parts_of_aborted = "NoSuchUpload"  # or "NoSuchKey": Ceph
        self.conditional = True           # If-None-Match and If-Match on PUT and Complete
        self.checksums = "verify"         # "ignore": as Ceph 16; "refuse": 400 for any of them
        self.etag = "md5"                 # "opaque": no hash of the content (SSE-KMS), fast
        self.empty_complete_etag = False  # Ceph 16.2: an empty ETag in the Complete answer
        self.page_max = 1000              # entries of one listing page
        self.abort_keeps_inflight = False  # a part in flight survives an abort (S-23)
        self.region = "us-east-1"         # the only one accepted; None: any
        self.clock_offset = 0.0           # the store's clock minus the real one, seconds
        self.unsigned_payload = True      # False: UNSIGNED-PAYLOAD is refused
        self.rate = 0                     # bytes per second and connection when reading; 0: free

    def update(self, values):
        for name, value in values.items():
            if not hasattr(self, name):
                raise KeyError(f"no such switch: {name}")
            setattr(self, name, value)


class Blob:
    """Immutable bytes in pieces, with lazily computed digests."""

    def __init__(self, pieces):
        self.pieces = [p for p in pieces if len(p)]
        self.size = sum(len(p) for p in self.pieces)
        self._digests = {}

    def digest(self, algorithm):
        if algorithm not in self._digests:
            self._digests[algorithm] = crc.digest(algorithm, self.pieces)
        return self._digests[algorithm]

    def hex(self, algorithm):
        return self.digest(algorithm).hex()

    def b64(self, algorithm):
        return base64.b64encode(self.digest(algorithm)).decode()

    def slices(self, begin, end):
        """Views of the bytes [begin, end)."""
        position = 0
        for piece in self.pieces:
            a, b = max(begin - position, 0), min(end - position, len(piece))
            if a < b:
                yield memoryview(piece)[a:b]
            position += len(piece)


class Object:
    def __init__(self, blob, etag, headers, checksum=None, parts=0, upload_id=None):
        self.blob = blob
        self.etag = etag          # with quotes
        self.headers = headers    # content headers and metadata, lower-case names
        self.checksum = checksum  # (algorithm, base64 value, type) or None
        self.parts = parts
        self.upload_id = upload_id
        self.modified = time.time()


class Part:
    def __init__(self, blob, etag, checksum):
        self.blob = blob
        self.etag = etag
        self.checksum = checksum  # (algorithm, base64) or None
        self.modified = time.time()


class Upload:
    def __init__(self, key, headers, algorithm, checksum_type):
        self.id = os.urandom(16).hex()
        self.key = key
        self.headers = headers
        self.algorithm = algorithm
        self.checksum_type = checksum_type
        self.initiated = time.time()
        self.parts = {}
        self.inflight = 0
        self.aborted = False


class Bucket:
    def __init__(self):
        self.objects = {}
        self.uploads = {}   # id -> Upload
        self.finished = {}  # id -> ("completed", key, etag) or ("aborted", key, None)
        self.writes = {}    # key -> how many times an object became visible under it


def check_key(key):
    if len(key.encode("utf-8", "surrogateescape")) > KEY_MAX:
        raise S3Error("KeyTooLongError", "Your key is too long")


def check_metadata(headers):
    size = sum(len(n) - len("x-amz-meta-") + len(v) for n, v in headers.items()
               if n.startswith("x-amz-meta-"))
    if size > METADATA_MAX:
        raise S3Error("MetadataTooLarge", "Your metadata headers exceed the allowed size")


class Store:
    def __init__(self):
        self.lock = threading.RLock()
        self.buckets = {}
        self.switches = Switches()
        self._opaque = itertools.count(1)

    # --- buckets

    def bucket(self, name):
        try:
            return self.buckets[name]
        except KeyError:
            raise S3Error("NoSuchBucket", "The specified bucket does not exist") from None

    def create_bucket(self, name):
        with self.lock:
            self.buckets.setdefault(name, Bucket())

    # --- whole objects

    def _etag(self, blob):
        if self.switches.etag == "md5":
            return f'"{blob.hex("md5")}"'
        return f'"{next(self._opaque):032x}"'

    def _check_sums(self, blob, sums):
        """`sums`: {algorithm: base64} from headers, "md5" included. Returns the one to keep."""
        kept = None
        for algorithm, value in sums.items():
            if algorithm != "md5":
                if self.switches.checksums == "ignore":
                    continue
                if self.switches.checksums == "refuse":
                    raise S3Error("InvalidRequest", "x-amz-checksum-* is not supported here")
                kept = (algorithm, value)
            try:
                raw = base64.b64decode(value, validate=True)
            except ValueError:
                raise S3Error("InvalidDigest", f"the {algorithm} value is not base64") from None
            if raw != blob.digest(algorithm):
                raise S3Error("BadDigest", f"The {algorithm} you specified did not match")
        if len([a for a in sums if a != "md5"]) > 1:
            raise S3Error("InvalidRequest", "Expecting a single x-amz-checksum- header")
        return kept

    def _check_conditions(self, bucket, key, conditions):
        if not conditions or not self.switches.conditional:
            return
        present = bucket.objects.get(key)
        if conditions.get("if-none-match") == "*" and present is not None:
            raise S3Error("PreconditionFailed", "At least one of the pre-conditions did not hold")
        match = conditions.get("if-match")
        if match is not None:
            if present is None:
                raise S3Error("NoSuchKey", "The specified key does not exist.")
            if match not in ("*", present.etag):
                raise S3Error("PreconditionFailed", "At least one of the pre-conditions did not hold")

    def put_object(self, bucket_name, key, pieces, headers, sums, conditions):
        check_key(key)
        check_metadata(headers)
        blob = Blob(pieces)
        if blob.size > self.switches.part_max:
            raise S3Error("EntityTooLarge", "Your proposed upload exceeds the maximum size")
        kept = self._check_sums(blob, sums)
        checksum = (*kept, "FULL_OBJECT") if kept else None
        item = Object(blob, self._etag(blob), headers, checksum)
        with self.lock:
            bucket = self.bucket(bucket_name)
            self._check_conditions(bucket, key, conditions)
            bucket.objects[key] = item
            bucket.writes[key] = bucket.writes.get(key, 0) + 1
        return item

    def object(self, bucket_name, key):
        with self.lock:
            bucket = self.bucket(bucket_name)
            if key not in bucket.objects:
                raise S3Error("NoSuchKey", "The specified key does not exist.")
            return bucket.objects[key]

    def delete_object(self, bucket_name, key):
        with self.lock:
            self.bucket(bucket_name).objects.pop(key, None)

    # --- multipart

    def create_multipart(self, bucket_name, key, headers, algorithm, checksum_type):
        check_key(key)
        check_metadata(headers)
        if self.switches.checksums == "ignore":
            algorithm = checksum_type = None
        elif self.switches.checksums == "refuse" and (algorithm or checksum_type):
            raise S3Error("InvalidRequest", "x-amz-checksum-* is not supported here")
        if algorithm is not None and algorithm not in crc.ALGORITHMS:
            raise S3Error("InvalidRequest", f"unknown checksum algorithm {algorithm}")
        if checksum_type is not None and algorithm is None:
            raise S3Error("InvalidRequest", "x-amz-checksum-type without x-amz-checksum-algorithm")
        if algorithm is not None and checksum_type is None:
            checksum_type = "FULL_OBJECT" if algorithm == "crc64nvme" else "COMPOSITE"
        if checksum_type == "COMPOSITE" and algorithm == "crc64nvme":
            raise S3Error("InvalidRequest", "CRC64NVME knows FULL_OBJECT only")
        if checksum_type == "FULL_OBJECT" and algorithm in crc.HASHES:
            raise S3Error("InvalidRequest", f"{algorithm} knows COMPOSITE only")
        upload = Upload(key, headers, algorithm, checksum_type)
        with self.lock:
            self.bucket(bucket_name).uploads[upload.id] = upload
        return upload

    def upload(self, bucket, key, upload_id):
        upload = bucket.uploads.get(upload_id)
        if upload is None or upload.key != key or (upload.aborted and not upload.parts):
            raise S3Error("NoSuchUpload", "The specified upload does not exist. The upload ID may "
                          "be invalid, or the upload may have been aborted or completed.")
        return upload

    def begin_part(self, bucket_name, key, upload_id, number):
        """Before the body is read. Call end_part() in any case afterwards."""
        if not 1 <= number <= PARTS_MAX:
            raise S3Error("InvalidArgument", "Part number must be between 1 and 10000")
        with self.lock:
            upload = self.upload(self.bucket(bucket_name), key, upload_id)
            upload.inflight += 1
            return upload

    def end_part(self, bucket_name, upload):
        with self.lock:
            upload.inflight -= 1

    def put_part(self, bucket_name, upload, number, pieces, sums):
        blob = Blob(pieces)
        if blob.size > self.switches.part_max:
            raise S3Error("EntityTooLarge", "Your proposed upload exceeds the maximum size")
        kept = self._check_sums(blob, sums)
        if kept and upload.algorithm and kept[0] != upload.algorithm:
            raise S3Error("InvalidRequest", f"Checksum Type mismatch occurred, expected checksum "
                          f"Type: {upload.algorithm}, actual checksum Type: {kept[0]}")
        part = Part(blob, self._etag(blob), kept)
        with self.lock:
            bucket = self.bucket(bucket_name)
            if upload.id not in bucket.uploads:
                raise S3Error("NoSuchUpload", "The upload was aborted or completed meanwhile")
            upload.parts[number] = part
        return part

    def list_parts(self, bucket_name, key, upload_id):
        with self.lock:
            bucket = self.bucket(bucket_name)
            if upload_id in bucket.finished and bucket.finished[upload_id][0] == "aborted" \
                    and upload_id not in bucket.uploads:
                code = self.switches.list_parts_of_aborted
                raise S3Error(code, "The specified upload does not exist")
            upload = self.upload(bucket, key, upload_id)
            return sorted(upload.parts.items())

    def abort(self, bucket_name, upload_id, key=None):
        with self.lock:
            bucket = self.bucket(bucket_name)
            upload = bucket.uploads.get(upload_id)
            if upload is None or (key is not None and upload.key != key):
                raise S3Error("NoSuchUpload", "The specified upload does not exist.")
            if upload.aborted and not upload.parts and not upload.inflight:
                del bucket.uploads[upload_id]
                raise S3Error("NoSuchUpload", "The specified upload does not exist.")
            upload.parts.clear()
            upload.aborted = True
            bucket.finished[upload_id] = ("aborted", upload.key, None)
            if not (self.switches.abort_keeps_inflight and upload.inflight):
                del bucket.uploads[upload_id]

    def complete(self, bucket_name, key, upload_id, wanted, sums, checksum_type, size, conditions):
        """`wanted`: list of (number, etag, {algorithm: base64}). Returns the Object."""
        with self.lock:
            bucket = self.bucket(bucket_name)
            finished = bucket.finished.get(upload_id)
            if upload_id not in bucket.uploads and finished is not None:
                kind, old_key, etag = finished
                if kind == "completed" and self.switches.second_complete == "ok" \
                        and old_key == key and key in bucket.objects:
                    return bucket.objects[key]
                if kind == "aborted" and self.switches.complete_of_aborted != "NoSuchUpload":
                    raise S3Error(self.switches.complete_of_aborted, "internal error")
            upload = self.upload(bucket, key, upload_id)
            self._check_list(upload, wanted)
            parts = [upload.parts[number] for number, _, _ in wanted]
            blob = Blob([piece for part in parts for piece in part.blob.pieces])
            self._check_conditions(bucket, key, conditions)
            snapshot = dict(upload.parts)
        # Digests may take a while: outside the lock.
        if size is not None and size != blob.size:
            raise S3Error("InvalidRequest", f"x-amz-mp-object-size is {size}, the parts have "
                          f"{blob.size} bytes")
        checksum = self._whole_checksum(upload, parts, blob, sums, checksum_type)
        if self.switches.etag == "md5":
            joined = b"".join(part.blob.digest("md5") for part in parts)
            etag = f'"{hashlib.md5(joined).hexdigest()}-{len(parts)}"'
        else:
            etag = f'"{next(self._opaque):032x}-{len(parts)}"'
        with self.lock:
            if upload.id not in bucket.uploads or any(
                    upload.parts.get(n) is not snapshot[n] for n, _, _ in wanted):
                raise S3Error("OperationAborted", "the upload changed meanwhile", status=409)
            self._check_conditions(bucket, key, conditions)
            item = Object(blob, etag, upload.headers, checksum, len(parts), upload.id)
            del bucket.uploads[upload.id]
            bucket.finished[upload.id] = ("completed", key, etag)
            bucket.objects[key] = item
            bucket.writes[key] = bucket.writes.get(key, 0) + 1
        return item

    def _check_list(self, upload, wanted):
        if not wanted:
            raise S3Error("MalformedXML", "The part list is empty")
        numbers = [number for number, _, _ in wanted]
        if numbers != sorted(set(numbers)):
            raise S3Error("InvalidPartOrder", "The list of parts was not in ascending order.")
        if upload.algorithm and numbers != list(range(1, len(numbers) + 1)):
            raise S3Error("InvalidPartOrder", "With checksums, parts are numbered from 1 without "
                          "gaps")
        for number, etag, sums in wanted:
            part = upload.parts.get(number)
            if part is None or part.etag.strip('"') != etag.strip('"'):
                raise S3Error("InvalidPart", "One or more of the specified parts could not be "
                              f"found: part {number}")
            for algorithm, value in sums.items():
                if base64.b64encode(part.blob.digest(algorithm)).decode() != value:
                    raise S3Error("InvalidPart", f"the checksum of part {number} does not match")
            if upload.checksum_type == "COMPOSITE" and upload.algorithm not in sums:
                raise S3Error("InvalidRequest", "The upload was created using a checksum. The "
                              f"complete request must include the checksum for part {number}")
        if self.switches.omitted_part == "InvalidPart" and set(upload.parts) - set(numbers):
            raise S3Error("InvalidPart", "parts were sent and left out of the list")
        sizes = [upload.parts[n].blob.size for n in numbers]
        if any(size < self.switches.part_min for size in sizes[:-1]):
            raise S3Error("EntityTooSmall", "Your proposed upload is smaller than the minimum "
                          "allowed size")
        if self.switches.equal_parts and sizes:
            if any(size != sizes[0] for size in sizes[:-1]) or sizes[-1] > sizes[0]:
                raise S3Error("InvalidPart", "All non-trailing parts must have the same length.")
        if sum(sizes) > self.switches.object_max:
            raise S3Error("EntityTooLarge", "The object would be too large")

    def _whole_checksum(self, upload, parts, blob, sums, checksum_type):
        if self.switches.checksums != "verify":
            return None
        if checksum_type is not None and checksum_type != upload.checksum_type:
            raise S3Error("BadDigest", "the checksum type differs from the one at creation")
        for algorithm, value in sums.items():
            if algorithm == "md5":
                continue  # belongs to the XML body
            if upload.checksum_type == "COMPOSITE":
                expected = self._composite(upload.algorithm, parts).split("-")[0]
                value = value.split("-")[0]
            else:
                expected = blob.b64(algorithm)
            if value != expected:
                raise S3Error("BadDigest", f"The {algorithm} you specified did not match the "
                              "calculated checksum")
        if upload.algorithm is None:
            for algorithm, value in sums.items():
                if algorithm != "md5":
                    return (algorithm, value, "FULL_OBJECT")
            return None
        if upload.checksum_type == "COMPOSITE":
            return (upload.algorithm, self._composite(upload.algorithm, parts), "COMPOSITE")
        return (upload.algorithm, blob.b64(upload.algorithm), "FULL_OBJECT")

    @staticmethod
    def _composite(algorithm, parts):
        joined = b"".join(part.blob.digest(algorithm) for part in parts)
        return f"{crc.header_value(algorithm, [joined])}-{len(parts)}"

    # --- for the control port

    def summary(self):
        with self.lock:
            return {name: {
                "objects": {key: {"size": o.blob.size, "etag": o.etag, "headers": o.headers,
                                  "parts": o.parts, "writes": b.writes.get(key, 0)}
                            for key, o in b.objects.items()},
                "writes": dict(b.writes),
                "uploads": [{"id": u.id, "key": u.key, "headers": u.headers,
                             "initiated": u.initiated, "aborted": u.aborted,
                             "parts": {str(n): p.blob.size for n, p in sorted(u.parts.items())}}
                            for u in b.uploads.values()],
                "finished": {i: list(f) for i, f in b.finished.items()},
            } for name, b in self.buckets.items()}

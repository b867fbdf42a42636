"""Google's own clients against the running gateway: @google-cloud/storage for Node, the Python API
client, and rclone, which carries Google's Go client; also over lines that break. What arrived is
compared by its hash. Rows of the google-308 digest by hand where no client shows them.
"""

import base64
import json
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from e2e import node_clients  # noqa: E402
from e2e.harness import (Data, E2ETest, KIB, MIB, clean_environment, request,  # noqa: E402
                         wait_clean)

BUCKET = "bkt"
COLLECTION = f"/upload/storage/v1/b/{BUCKET}/o"


class GoogleTest(E2ETest):
    def serve(self, store, **sets):
        return self.gateway(store, sets={"google.bucket": BUCKET, **sets})

    def file(self, seed, size):
        data = Data(seed, size)
        path = self.temporary() / "data.bin"
        with open(path, "wb") as file:
            for view in data.views():
                file.write(view)
        return data, path

    def bad_line(self, port, *at):
        """Resets the first lines after so many bytes from the client."""
        return self.proxy(port, *([{"dir": "up", "at": n, "do": "rst"}] for n in at))


class Node(GoogleTest):
    def upload(self, store, size, cuts=(), **options):
        gateway = self.serve(store)
        port = self.bad_line(gateway.port, *cuts).port if cuts else gateway.port
        data, path = self.file(f"node-{size}", size)
        done = node_clients.run("google_client.mjs", {
            "endpoint": f"http://127.0.0.1:{port}", "bucket": BUCKET, "name": "dir/a b.bin",
            "file": str(path), "options": {"contentType": "video/mp4", **options}})
        self.assert_stored(store, "dir/a b.bin", data)
        wait_clean(store)
        metadata = done["metadata"]
        self.assertEqual(metadata["name"], "dir/a b.bin")
        self.assertEqual(metadata["bucket"], BUCKET)
        self.assertEqual(int(metadata["size"]), size)
        self.assertEqual(metadata["contentType"], "video/mp4")
        return metadata

    def test_multipart(self):
        metadata = self.upload(self.dir_store(), 3 * MIB + 1, resumable=False)
        self.assertIn("crc32c", metadata)

    def test_open_ended(self):
        self.upload(self.dir_store(), 20 * MIB + 3, resumable=True)

    def test_chunks(self):
        self.upload(self.fake_store(), 9 * MIB + 5, resumable=True, chunkSize=2 * MIB)

    def test_empty(self):
        self.upload(self.dir_store(), 0, resumable=True)

    def test_bad_lines(self):
        """Cuts inside chunks: it asks, and goes on where the store is."""
        self.upload(self.dir_store(), 20 * MIB, cuts=(3 * MIB, 2 * MIB + 77, 5 * MIB),
                    resumable=True, chunkSize=4 * MIB)


class Rclone(GoogleTest):
    def upload(self, store, size, cuts=()):
        gateway = self.serve(store)
        port = self.bad_line(gateway.port, *cuts).port if cuts else gateway.port
        data, path = self.file(f"rclone-{size}", size)
        done = subprocess.run(
            ["rclone", "copyto", str(path), f":gcs:{BUCKET}/dir/r.bin", "--config", "/dev/null",
             "--gcs-endpoint", f"http://127.0.0.1:{port}/", "--gcs-anonymous",
             "--gcs-bucket-policy-only", "--gcs-no-check-bucket", "--retries", "5",
             "--low-level-retries", "20"],
            env=clean_environment(), capture_output=True, text=True, timeout=170, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assert_stored(store, "dir/r.bin", data)

    def test_multipart(self):
        self.upload(self.dir_store(), 5 * MIB + 1)

    def test_resumable(self):  # 16 MiB chunks by POST
        self.upload(self.fake_store(), 40 * MIB + 1)

    def test_bad_lines(self):
        self.upload(self.dir_store(), 40 * MIB, cuts=(10 * MIB, 5 * MIB + 3))


# The Python client learns methods from a document; this is what it needs of storage's.
def discovery(port):
    return json.dumps({
        "kind": "discovery#restDescription", "name": "storage", "version": "v1",
        "rootUrl": f"http://127.0.0.1:{port}/", "servicePath": "storage/v1/",
        "baseUrl": f"http://127.0.0.1:{port}/storage/v1/", "batchPath": "batch",
        "schemas": {"Object": {"id": "Object", "type": "object", "properties": {}}},
        "resources": {"objects": {"methods": {"insert": {
            "id": "storage.objects.insert", "path": "b/{bucket}/o", "httpMethod": "POST",
            "parameters": {
                "bucket": {"type": "string", "required": True, "location": "path"},
                "name": {"type": "string", "location": "query"}},
            "parameterOrder": ["bucket"], "request": {"$ref": "Object"},
            "response": {"$ref": "Object"}, "supportsMediaUpload": True,
            "mediaUpload": {"accept": ["*/*"], "protocols": {
                "simple": {"multipart": True, "path": "/upload/storage/v1/b/{bucket}/o"},
                "resumable": {"multipart": True,
                              "path": "/upload/storage/v1/b/{bucket}/o"}}}}}}}})


class Python(GoogleTest):
    def upload(self, store, size, cuts=(), body=None, **media):
        from googleapiclient import discovery as api  # python3-googleapi
        from googleapiclient.http import MediaFileUpload, build_http
        gateway = self.serve(store)
        port = self.bad_line(gateway.port, *cuts).port if cuts else gateway.port
        data, path = self.file(f"python-{size}", size)
        service = api.build_from_document(discovery(port), http=build_http())
        call = service.objects().insert(
            bucket=BUCKET, body={"name": "p.bin", **(body or {})},
            media_body=MediaFileUpload(str(path), mimetype="application/x-test", **media))
        if not media.get("resumable"):
            done = call.execute()
        else:
            done, errors = None, 0
            while done is None:
                try:
                    _, done = call.next_chunk()
                except OSError:
                    errors += 1
                    self.assertLess(errors, 20)
            self.assertGreaterEqual(errors, len(cuts))
        self.assert_stored(store, "p.bin", data)
        self.assertEqual(done["size"], str(size))
        self.assertEqual(done["contentType"], "application/x-test")

    def test_multipart(self):
        """Its lines end with a bare LF."""
        self.upload(self.dir_store(), 3 * MIB + 1, body={"metadata": {"k": "v"}})

    def test_resumable(self):
        self.upload(self.fake_store(), 5 * MIB + 1, resumable=True)

    def test_chunks(self):
        self.upload(self.dir_store(), 3 * MIB + 1, resumable=True, chunksize=256 * KIB)

    def test_bad_lines(self):
        self.upload(self.dir_store(), 20 * MIB, cuts=(3 * MIB, 6 * MIB + 11), resumable=True,
                    chunksize=5 * MIB)


class Rows(GoogleTest):
    def setUp(self):
        self.store = self.dir_store()
        self.served = self.serve(self.store)

    def ask(self, method, path, body=b"", **headers):
        named = [(k.replace("_", "-"), v) for k, v in headers.items()]
        return request(self.served.port, method, path, named, body)

    def start(self, name, **headers):
        answer = self.ask("POST", f"{COLLECTION}?uploadType=resumable&name={name}", **headers)
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(answer.get("content-length"), "0")
        location = answer.get("location")
        self.assertTrue(location.startswith("http://127.0.0.1" + COLLECTION), location)
        return location.removeprefix("http://127.0.0.1")

    def test_life_of_a_session(self):
        session = self.start("a.bin", X_Upload_Content_Type="video/mp4")
        answer = self.ask("PUT", session, Content_Range="bytes */*")
        self.assertEqual((answer.status, answer.get("range")), (308, None))
        answer = self.ask("PUT", session, b"0123456789", Content_Range="bytes 0-9/*")
        self.assertEqual((answer.status, answer.stored), (308, 10))
        for method in ("PUT", "POST"):
            answer = self.ask(method, session, Content_Range="bytes */*")
            self.assertEqual((answer.status, answer.stored), (308, 10))
        answer = self.ask("POST", session, b"5678901234", Content_Range="bytes 5-14/15",
                          X_GUploader_No_308="yes")
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.json()["size"], "15")
        self.assert_stored(self.store, "a.bin", b"012345678901234")
        first = answer.json()
        for range_, body in (("bytes */*", b""), ("bytes 15-19/20", b"xxxxx")):
            answer = self.ask("PUT", session, body, Content_Range=range_)
            self.assertEqual((answer.status, answer.json()), (200, first))
        self.assertEqual(self.ask("DELETE", session).status, 409)

    def test_total_of_the_start_holds(self):
        session = self.start("a.bin", X_Upload_Content_Length="20")
        answer = self.ask("PUT", session, b"0123456789", Content_Range="bytes 0-9/21")
        self.assertEqual(answer.status, 400)
        answer = self.ask("POST", f"{COLLECTION}?uploadType=resumable&name=b",
                          X_Upload_Content_Length=str(1 << 62))
        self.assertEqual(answer.status, 413)

    def test_cancel(self):
        session = self.start("a.bin")
        self.ask("PUT", session, b"0123456789", Content_Range="bytes 0-9/20")
        answer = self.ask("DELETE", session)
        self.assertEqual((answer.status, answer.get("content-length")), (499, "0"))
        self.assertEqual(self.ask("PUT", session, Content_Range="bytes */*").status, 410)
        self.assertEqual(self.ask("PUT", session + "A", Content_Range="bytes */*").status, 404)
        wait_clean(self.store)

    def test_whole_object(self):
        session = self.start("a.bin")
        self.assertEqual(self.ask("PUT", session, b"x" * 900_000).status, 200)
        self.assert_stored(self.store, "a.bin", b"x" * 900_000)
        session = self.start("b.bin")
        self.ask("PUT", session, b"0123456789", Content_Range="bytes 0-9/*")
        answer = self.ask("PUT", session, b"four")
        self.assertEqual((answer.status, answer.json()["size"]), (200, "4"))
        self.assert_stored(self.store, "b.bin", b"four")
        session = self.start("c.bin")
        answer = self.ask("PUT", session, Content_Range="bytes */0")
        self.assertEqual((answer.status, answer.json()["size"]), (200, "0"))
        wait_clean(self.store)

    def test_wrong_checksum(self):  # R-52, in one request
        wrong = base64.b64encode(b"abcd").decode()
        for path in (f"{COLLECTION}?uploadType=media&name=m", self.start("m")):
            method = "POST" if "media" in path else "PUT"
            answer = self.ask(method, path, b"hello", X_Goog_Hash=f"crc32c={wrong}")
            self.assertEqual(answer.status, 400, answer)
            self.assertFalse(self.store.exists("m"))
        answer = self.ask("PUT", self.start("m"), b"hello", X_Goog_Hash="crc32c=mnG7TA==")
        self.assertEqual((answer.status, answer.json()["crc32c"]), (200, "mnG7TA=="))
        wait_clean(self.store)

    def test_sessions_without_a_bucket(self):
        answer = self.ask("POST", "/upload?uploadType=resumable&name=a.bin", b'{"name":"b.bin"}')
        self.assertEqual(answer.status, 400)
        answer = self.ask("POST", "/upload?uploadType=resumable", b'{"name":"b.bin"}')
        session = answer.get("location").removeprefix("http://127.0.0.1")
        self.assertTrue(session.startswith("/upload?"), session)
        self.assertEqual(self.ask("PUT", session, b"hi", Content_Range="bytes 0-1/2").status, 200)
        self.assert_stored(self.store, "b.bin", b"hi")
        answer = self.ask("POST", "/upload?uploadType=resumable&name=a",
                          X_Goog_Upload_Protocol="resumable")
        self.assertEqual(answer.status, 501)

    def test_survives_a_kill(self):
        session = self.start("a.bin")
        self.ask("PUT", session, b"0123456789", Content_Range="bytes 0-9/*")
        self.served.kill9()
        self.served.start()
        answer = self.ask("PUT", session, Content_Range="bytes */*")
        self.assertEqual((answer.status, answer.stored), (308, 10))
        answer = self.ask("PUT", session, b"abcde", Content_Range="bytes 10-14/15")
        self.assertEqual((answer.status, answer.json()["name"]), (200, "a.bin"))


if __name__ == "__main__":
    unittest.main()

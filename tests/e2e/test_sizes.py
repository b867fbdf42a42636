"""S-35 and S-06: sizes around every border on a real S3 server, read back by the aws program. Known and unknown length; content, type and metadata right; nothing else left behind.
"""

import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from e2e.harness import (  # noqa: E402
    Data, E2ETest, Gateway, MIB, RealS3, put_resumable, target, wait_clean)

SIZES = [0, 1, 5 * MIB - 1, 5 * MIB, 8 * MIB, 8 * MIB + 1, 64 * MIB, 1024 * MIB]
PREFIX = "objects/"


class Sizes(E2ETest):
    @classmethod
    def setUpClass(cls):
        cls.store = RealS3(prefix=PREFIX)
        cls.addClassCleanup(cls.store.stop)
        directory = tempfile.TemporaryDirectory(prefix="sluice-sizes-")
        cls.addClassCleanup(directory.cleanup)
        cls.gw = Gateway(cls.store, directory.name)
        cls.addClassCleanup(cls.gw.stop)
        cls.gw.start()
        print(f"server version {cls.store.version}", file=sys.stderr)

    def headers(self, size):
        return [("Content-Type", "video/mp4"), ("Cache-Control", "max-age=60"),
                ("Content-Disposition", 'attachment; filename="a b.mp4"'),
                ("X-Upload-Metadata-Album", f"number {size}")]

    def check(self, name, data):
        head = self.store.head(name)
        self.assertEqual(head["ContentLength"], data.size)
        self.assertEqual(head["ContentType"], "video/mp4")
        self.assertEqual(head["CacheControl"], "max-age=60")
        self.assertEqual(head["ContentDisposition"], 'attachment; filename="a b.mp4"')
        self.assertEqual(head["Metadata"]["album"], f"number {data.size}")
        self.assertEqual(self.store.sha256(name), data.sha256())
        wait_clean(self.store)

    def test_known_length(self):
        for size in SIZES:
            with self.subTest(size=size):
                data, name = Data(f"known {size}", size), f"known/{size}.mp4"
                with self.gw.connect(timeout=120) as connection:
                    connection.send_head("PUT", target(name), self.headers(size) +
                                         [("Content-Length", str(size))])
                    for view in data.views():
                        connection.send(view)
                    answer = connection.read_response()
                self.assertEqual(answer.status, 200, answer)
                self.assertEqual(answer.json()["size"], str(size))
                self.check(name, data)

    def test_unknown_length(self):
        for size in SIZES:
            with self.subTest(size=size):
                data, name = Data(f"unknown {size}", size), f"unknown/{size}.mp4"
                with self.gw.connect(timeout=120) as connection:
                    connection.send_head("PUT", target(name), self.headers(size) +
                                         [("Transfer-Encoding", "chunked")])
                    for view in data.views():
                        connection.send_chunk(view)
                    connection.end_chunks()
                    answer = connection.read_response()
                self.assertEqual(answer.status, 200, answer)
                self.assertEqual(answer.json()["size"], str(size))
                self.check(name, data)

    def test_in_chunks_of_odd_sizes(self):
        """Tails are parked and taken up again."""
        for size, chunk in ((20 * MIB + 3, 3 * MIB + 1), (5 * MIB + 1, 700_001)):
            with self.subTest(size=size, chunk=chunk):
                data, name = Data(f"chunks {size}", size), f"chunks/{size}.mp4"
                upload = put_resumable(self.gw.port, name, data, chunk=chunk,
                                       headers=self.headers(size))
                self.assertEqual(upload.stats.breaks, 0)
                self.check(name, data)

    def test_names(self):
        """S-02: names that need encoding arrive unchanged."""
        for name in ("a b+c%41.bin", "é/世界.bin", "~t!$&'()*,;=:@.bin", "q?x#y.bin"):
            with self.subTest(name=name):
                data = Data(name, 9 * MIB)
                answer = self.gw.put(name, data.bytes())
                self.assertEqual(answer.status, 200, answer)
                self.assertIn(PREFIX + name, self.store.keys())
                self.assertEqual(self.store.sha256(name), data.sha256())

    def test_cancel_leaves_nothing(self):
        data = Data("cancel", 20 * MIB)
        end = 17 * MIB
        answer = self.gw.put("cancelled.bin", data.bytes(0, end),
                             [("Content-Range", f"bytes 0-{end - 1}/{data.size}")])
        self.assertEqual((answer.status, answer.stored), (308, end))
        self.assertNotEqual(self.store.leftovers(), [])
        answer = self.gw.request("DELETE", target("cancelled.bin"))
        self.assertEqual(answer.status, 204, answer)
        wait_clean(self.store)
        self.assertFalse(self.store.exists("cancelled.bin"))


if __name__ == "__main__":
    unittest.main()

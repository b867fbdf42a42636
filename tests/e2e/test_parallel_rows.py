"""Rows R-69 to R-75: many ranges of one upload at once, against the directory store and the strict
fake S3. R-71 as ruled: misaligned ranges are merged, not refused.
"""

import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from e2e.harness import (  # noqa: E402
    Data, DirStore, E2ETest, FakeStore, Gateway, MIB, put_resumable, target, wait_clean)
from e2e.swarm import SwarmUpload, parse_ranges  # noqa: E402

PARALLEL = ("X-Upload-Parallel", "1")
P = 8 * MIB
ROOT = pathlib.Path(__file__).resolve().parents[2]


class Rows:
    """Mixed into one class per store."""

    @classmethod
    def setUpClass(cls):
        cls.store = cls.make_store()
        cls.addClassCleanup(cls.store.stop)
        directory = tempfile.TemporaryDirectory(prefix="sluice-parallel-")
        cls.addClassCleanup(directory.cleanup)
        cls.gw = Gateway(cls.store, directory.name, sets={"linger": "500ms"})
        cls.addClassCleanup(cls.gw.stop)
        cls.gw.start()

    def setUp(self):
        self.name = f"{self.id().rpartition('.')[2]}.bin"

    def send(self, data, begin, end, gateway=None, headers=(PARALLEL,), **options):
        return (gateway or self.gw).put(self.name, data.bytes(begin, end), [
            *headers, ("Content-Range", f"bytes {begin}-{end - 1}/{data.size}")], **options)

    def expect_308(self, answer, *ranges):
        self.assertEqual(answer.status, 308, answer)
        self.assertEqual(parse_ranges(answer.get("x-upload-ranges")), list(ranges), answer)
        first = next((end for begin, end in ranges if begin == 0), 0)
        self.assertEqual(answer.stored, first, answer)
        self.assertEqual(answer.get("x-upload-parallel"), "1")

    def expect_done(self, answer, data):
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(answer.json()["size"], str(data.size))
        self.assert_stored(self.store, self.name, data)
        wait_clean(self.store)

    def test_R69_R70_parts_out_of_order(self):
        data = Data("R-69", 3 * P)
        answer = self.send(data, 2 * P, 3 * P)
        self.expect_308(answer, (2 * P, 3 * P))
        self.assertEqual(answer.get("x-upload-part-size"), str(P))
        self.expect_308(self.send(data, 0, P), (0, P), (2 * P, 3 * P))
        self.expect_308(self.gw.query(self.name, data.size), (0, P), (2 * P, 3 * P))
        state = self.gw.request("GET", target(self.name)).json()
        self.assertEqual(parse_ranges(state["ranges"]), [(0, P), (2 * P, 3 * P)])
        self.assertIs(state["parallel"], True)
        self.expect_done(self.send(data, P, 2 * P), data)

    def test_R69_started_first(self):
        """The start request says what will come, and how large parts are; it begins anew."""
        data = Data("started", 20 * MIB)
        for _ in range(2):
            answer = self.gw.put(self.name, b"", [
                PARALLEL, ("X-Upload-Content-Length", str(data.size))])
            self.expect_308(answer)
            self.assertEqual(answer.get("x-upload-part-size"), str(P))
            # The upload is parallel now, whether later requests say so or not.
            self.expect_308(self.send(data, 5 * MIB, 7 * MIB, headers=()), (5 * MIB, 7 * MIB))
        self.send(data, 0, 6 * MIB)
        self.expect_done(self.send(data, 7 * MIB, data.size, headers=()), data)

    def test_R69_a_small_one(self):
        data = Data("small", 100_001)
        self.expect_308(self.send(data, 70_000, 100_001), (70_000, 100_001))
        self.expect_308(self.send(data, 1, 30_000), (1, 30_000), (70_000, 100_001))
        self.expect_308(self.send(data, 29_000, 70_001), (1, 100_001))
        self.expect_done(self.send(data, 0, 1), data)

    def test_R71_misaligned_ranges_are_merged(self):
        data = Data("R-71", 2 * P + 12345)
        self.expect_308(self.send(data, P + 1, 2 * P + 7), (P + 1, 2 * P + 7))
        self.expect_308(self.send(data, 3, 1000), (3, 1000), (P + 1, 2 * P + 7))
        self.expect_308(self.send(data, 500, P - 9), (3, P - 9), (P + 1, 2 * P + 7))
        self.expect_308(self.send(data, P - 20, 2 * P), (3, 2 * P + 7))
        self.expect_308(self.send(data, 2 * P, data.size), (3, data.size))
        self.expect_done(self.send(data, 0, 3), data)

    def test_R71_without_the_mode_a_gap_stores_nothing(self):
        size = 30_000  # answered before the body is read; it must fit the socket
        data = Data("linear", 3 * size)
        self.assertEqual(self.send(data, size, 2 * size, headers=()).status, 404)
        answer = self.send(data, 0, size, headers=())
        self.assertEqual((answer.status, answer.stored), (308, size))
        for headers in ((), (PARALLEL,)):  # asked for too late
            answer = self.send(data, 2 * size, 3 * size, headers=headers)
            self.assertEqual((answer.status, answer.stored), (308, size))
            self.assertIsNone(answer.get("x-upload-ranges"))
            self.assertIsNone(answer.get("x-upload-parallel"))
        self.assertEqual(self.gw.request("DELETE", target(self.name)).status, 204)

    def test_R71_the_total_must_be_known(self):
        for headers, body in (([("Content-Range", "bytes 0-9/*")], b"0123456789"),
                              ([("Transfer-Encoding", "chunked")], b"0\r\n\r\n")):
            answer = self.gw.put(self.name, body, [PARALLEL, *headers])
            self.assertEqual(answer.status, 411, answer)
            self.assertEqual(answer.json()["type"], "/problems/length-required")
            self.assertIn("X-Upload-Parallel", answer.json()["detail"])
        self.assertEqual(self.gw.query(self.name).status, 404)

    def test_R72_sixteen_connections(self):
        for run in range(3):
            self.name = f"R72-{run}.bin"
            data = Data(self.name, 20 * MIB + run)
            swarm = SwarmUpload(self.gw.port, self.name, data, 16, typical=900_000, cut=0.15,
                                seed=run)
            self.expect_done(swarm.run(), data)
            self.assertGreater(swarm.cuts, 0)

    def test_R74_a_sequential_client(self):
        """It knows nothing of the mode; Range grows as it expects."""
        data = Data("R-74", 3 * P)
        self.gw.put(self.name, b"", [PARALLEL, ("X-Upload-Content-Length", str(data.size))])
        upload = put_resumable(self.gw.port, self.name, data, chunk=P)
        self.assertEqual(upload.stats.seen, [P, 2 * P])
        self.expect_done(upload.result, data)

    def test_R75_both_finish_at_once(self):
        for run in range(5):
            self.name = f"R75-{run}.bin"
            data = Data(self.name, 2 * P)
            mark = self.store.fake.mark() if self.store.kind == "fake" else None
            connections = [self.gw.connect() for _ in range(2)]
            for i, connection in enumerate(connections):
                connection.send_head("PUT", target(self.name), [
                    PARALLEL, ("Content-Length", str(P)),
                    ("Content-Range", f"bytes {i * P}-{(i + 1) * P - 1}/{data.size}")])
                connection.send(data.bytes(i * P, (i + 1) * P - 1))
            barrier = threading.Barrier(2)
            answers = [None, None]

            def last_byte(i):
                barrier.wait()
                connections[i].send(data.bytes((i + 1) * P - 1, (i + 1) * P))
                answers[i] = connections[i].read_response()
                connections[i].close()

            threads = [threading.Thread(target=last_byte, args=(i,)) for i in range(2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            statuses = sorted(answer.status for answer in answers)
            self.assertIn(statuses, ([200, 200], [200, 308]), answers)
            self.expect_done(self.gw.query(self.name), data)
            if mark is not None:
                self.assertEqual(
                    len(self.store.fake.requests(mark, "CompleteMultipartUpload")), 1)
                self.assertEqual(self.store.writes(self.name), 1)

    def test_R75_late_ranges_get_the_result(self):
        data = Data("late", P + 5)
        self.send(data, P, data.size)
        first = self.send(data, 0, P)
        self.expect_done(first, data)
        for begin, end in ((0, 30_000), (3, 100)):
            again = self.send(data, begin, end)
            self.assertEqual((again.status, again.body), (200, first.body))
        self.assertEqual(self.gw.query(self.name).body, first.body)

    def test_documented_commands(self):
        """The commands of README.md and docs/protocols/put308.md, as printed."""
        data = Data("curls", 20 * MIB)
        for page, file, url in (
                ("README.md", "film.bin", "http://127.0.0.1:8080/upload/both.bin"),
                ("docs/protocols/put308.md", "movie.mp4",
                 "http://127.0.0.1:8080/upload/movie.mp4")):
            with self.subTest(page=page):
                self.name = f"{file}-{self.store.kind}"
                (pathlib.Path(self.gw.directory) / file).write_bytes(data.bytes())
                blocks = re.findall(r"^```\w*\n(.*?)^```", (ROOT / page).read_text(), re.M | re.S)
                [script] = [b for b in blocks if "X-Upload-Parallel" in b]
                self.assertIn(url, script)
                script = f"size={data.size}\n" + script.replace(
                    url, f"http://127.0.0.1:{self.gw.port}{target(self.name)}")
                done = subprocess.run(["bash", "-c", script], cwd=self.gw.directory, env={
                    "PATH": "/usr/bin:/bin"}, capture_output=True, text=True, timeout=60)
                self.assertEqual(done.returncode, 0, done)
                self.expect_done(self.gw.query(self.name), data)


class DirectoryRows(Rows, E2ETest):
    @classmethod
    def make_store(cls):
        return DirStore()


class FakeS3Rows(Rows, E2ETest):
    @classmethod
    def make_store(cls):
        return FakeStore()

    def test_no_part_twice(self):
        """Disjoint ranges at any alignment: each part is sent once, each byte is read once."""
        data = Data("once", 5 * P + 99)
        mark = self.store.fake.mark()
        before = self.discarded()
        swarm = SwarmUpload(self.gw.port, self.name, data, 8, typical=3 * MIB, seed=4)
        self.expect_done(swarm.run(), data)
        parts = [r["part"] for r in self.store.fake.requests(mark, "UploadPart")]
        self.assertEqual(sorted(parts), list(range(1, 7)))
        self.assertEqual(len(self.store.fake.requests(mark, "CompleteMultipartUpload")), 1)
        self.assertEqual(self.store.writes(self.name), 1)
        self.assertEqual(self.discarded() - before, 0)

    def test_what_is_there_is_discarded_and_counted(self):
        data = Data("discard", 3 * P)
        self.send(data, P, 2 * P)
        before, mark = self.discarded(), self.store.fake.mark()
        self.expect_308(self.send(data, P, 2 * P), (P, 2 * P))
        self.assertEqual(self.discarded() - before, P)
        self.assertEqual(self.store.fake.requests(mark), [])

    def discarded(self):
        return sum(v for k, v in self.gw.metrics().items()
                   if k.startswith("sluice_upload_discarded_bytes_total"))


class OwnGateway(E2ETest):
    def test_R73_another_process_for_every_part(self):
        """SQLite belongs to one process at a time: they take turns, the last one by kill -9."""
        for store in (self.dir_store(), self.fake_store()):
            with self.subTest(store=store.kind):
                gateway = self.gateway(store)
                data = Data("R-73", 4 * P + 1000)
                told = set()
                for turn, begin in enumerate((2 * P + 500, 0, P, 3 * P + 500)):
                    answer = gateway.put("r73", data.bytes(begin, begin + P), [
                        PARALLEL, ("Content-Range", f"bytes {begin}-{begin + P - 1}/{data.size}")])
                    self.assertEqual(answer.status, 308, answer)
                    told.update(range(begin, begin + P, 500))
                    if turn % 2 == 0:
                        gateway.restart()
                    else:
                        gateway.kill9()
                        gateway.start()
                    ranges = parse_ranges(gateway.query("r73").get("x-upload-ranges"))
                    for at in told:
                        self.assertTrue(any(a <= at < b for a, b in ranges), (at, ranges))
                for begin, end in ((2 * P, 2 * P + 500), (4 * P + 500, data.size)):
                    answer = gateway.put("r73", data.bytes(begin, end), [
                        PARALLEL, ("Content-Range", f"bytes {begin}-{end - 1}/{data.size}")])
                self.assertEqual(answer.status, 200, answer)
                self.assert_stored(store, "r73", data)
                wait_clean(store)

    def test_R72_with_little_memory(self):
        """24 connections, most in parts of their own, and memory for two parts."""
        store = self.fake_store()
        gateway = self.gateway(store, sets={
            "memory_budget": "10MiB", "part_size": "5MiB", "parts_in_flight": "1"})
        data = Data("crowded", 24 * 5 * MIB)
        swarm = SwarmUpload(gateway.port, "crowded", data, 24, typical=4 * MIB, cut=0.05, seed=9,
                            deadline=240)
        answer = swarm.run()
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(store.sha256("crowded"), data.sha256())
        self.assertEqual(store.writes("crowded"), 1)
        wait_clean(store)

    def test_R72_the_store_fails_now_and_then(self):
        store = self.fake_store()
        gateway = self.gateway(store, sets={"retry.attempts_max": "2", "retry.base": "20ms",
                                            "retry.throttled_base": "20ms"})
        for op, nth in (("UploadPart", 3), ("PutObject", 2), ("CompleteMultipartUpload", 1)):
            store.fake.fault(op, nth=nth, count=3, do="answer", status=500, code="InternalError")
        data = Data("trouble", 6 * P + 1)
        swarm = SwarmUpload(gateway.port, "trouble", data, 8, typical=2 * MIB, seed=2)
        self.assertEqual(swarm.run().status, 200)
        self.assert_stored(store, "trouble", data)
        self.assertEqual(store.writes("trouble"), 1)
        wait_clean(store)


if __name__ == "__main__":
    unittest.main()

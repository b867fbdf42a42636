"""SIGKILL at random moments (G1, G4, R-27, S-22): SLUICE_KILLS runs (200), half on the directory
store, half on the fake S3, a third of them inside the completion. After each kill the gateway is
started again and the client goes on. No acknowledged byte may be lost, no success may come without
the object, no object may appear twice.

The seed of a run is its number under SLUICE_SEED; SLUICE_ONLY=17 repeats one.
"""

import json
import multiprocessing
import os
import pathlib
import random
import shutil
import sys
import tempfile
import threading
import time
import traceback
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from e2e.harness import (  # noqa: E402
    Connection, Data, DirStore, FakeStore, Gateway, MIB, ResumableUpload, sweep, wait_clean, workers)

COUNT = int(os.environ.get("SLUICE_KILLS", "200"))
SEED = os.environ.get("SLUICE_SEED", "1")
ONLY = os.environ.get("SLUICE_ONLY")


class Run:
    """One upload and one or two kills."""

    def __init__(self, number, gateway, store):
        self.number = number
        self.gateway = gateway
        self.store = store
        self.rng = random.Random(f"{SEED}/kill/{number}")
        size = self.rng.randrange(8 * MIB + 1, 28 * MIB)
        self.data = Data(f"{SEED}/kill/{number}", size)
        self.name = f"kill/{number}.bin"
        self.moment = self.rng.choice(["bytes", "time", "completion"])
        self.upload = ResumableUpload(
            lambda: Connection(gateway.port, timeout=20), self.name, self.data,
            chunk=self.rng.choice([None, None, 8 * MIB, self.rng.randrange(MIB, 9 * MIB)]),
            deadline=60, patience=0.2, seed=number)
        self.error = None

    def _client(self):
        try:
            self.upload.run()
            # Success was said: the object must be there now, not later.
            assert self.store.size(self.name) == self.data.size
        except BaseException:
            self.error = traceback.format_exc()

    def _wait_for_moment(self, client, fault):
        if self.moment == "bytes":
            # In the second half of the cases a kill counts from the last one, as a client resumes.
            goal = self.upload.stats.sent + self.rng.randrange(0, self.data.size)
            while client.is_alive() and self.upload.stats.sent < goal:
                time.sleep(0.0005)
            time.sleep(self.rng.uniform(0, 0.01))
        elif self.moment == "time" or fault is None:
            client.join(self.rng.uniform(0, 0.4))
        else:
            while client.is_alive() and not self.store.fake.fired(fault):
                time.sleep(0.005)
            client.join(self.rng.uniform(0, 0.35))

    def run(self):
        fault = None
        if self.store.kind == "fake" and self.moment == "completion":
            fault = self.store.fake.fault(
                "CompleteMultipartUpload", key=self.name,
                **{self.rng.choice(["delay_body", "delay_answer"]): 0.3})
        client = threading.Thread(target=self._client, daemon=True)
        client.start()
        for _ in range(self.rng.choice([1, 1, 2])):
            self._wait_for_moment(client, fault)
            if not client.is_alive():
                break
            self.gateway.kill9()
            time.sleep(self.rng.uniform(0, 0.05))
            self.gateway.start()
        client.join(90)
        assert not client.is_alive(), "the client did not end"
        if self.error:
            raise AssertionError(self.error)
        assert self.store.sha256(self.name) == self.data.sha256(), "wrong content"
        answer = self.gateway.query(self.name)
        assert answer.status == 200 and answer.json()["size"] == str(self.data.size), answer
        if self.store.kind == "fake":
            writes = self.store.writes(self.name)
            assert writes == 1, f"the object appeared {writes} times"
            self.store.fake.delete_object(self.name)
        else:
            (self.store.path / self.name).unlink()


def crew_member(kind, numbers, results):
    """Own store, own gateway: a kill must not hit the neighbour's run."""
    store = DirStore() if kind == "dir" else FakeStore(etag="opaque")
    directory = tempfile.mkdtemp(prefix="sluice-kill-")
    gateway = Gateway(store, directory, sets={"linger": "200ms", "retry.base": "20ms"})
    kills = 0
    try:
        gateway.start()
        for number in numbers:
            starts = gateway.starts
            try:
                Run(number, gateway, store).run()
                results.put((number, gateway.starts - starts, None))
            except BaseException:
                results.put((number, gateway.starts - starts, traceback.format_exc() +
                             gateway.log_text()[-2000:]))
                if gateway.process.poll() is not None:
                    gateway.start()
            kills += gateway.starts - starts
        problem = None
        try:
            gateway.stop()
            sweep(gateway, store)
            wait_clean(store, 0)
        except BaseException:
            problem = traceback.format_exc()
        results.put(("end", kills, problem))
    except BaseException:
        results.put(("end", kills, traceback.format_exc()))
    finally:
        if gateway.process and gateway.process.poll() is None:
            gateway.kill9()
        store.stop()
        shutil.rmtree(directory, ignore_errors=True)


class Kill9(unittest.TestCase):
    def run_all(self, kind):
        numbers = [n for n in range(COUNT) if n % 2 == (0 if kind == "dir" else 1)]
        if ONLY is not None:
            numbers = [n for n in numbers if n == int(ONLY)]
        if not numbers:
            self.skipTest("nothing to do")
        context = multiprocessing.get_context("fork")
        results = context.Queue()
        crew_size = min(len(numbers), 2 * workers())
        crew = [context.Process(target=crew_member, args=(kind, numbers[i::crew_size], results))
                for i in range(crew_size)]
        started = time.monotonic()
        for member in crew:
            member.start()
        ended, done, kills, failures = 0, 0, 0, []
        while ended < crew_size:
            number, starts, error = results.get(timeout=180)
            if number == "end":
                ended += 1
            else:
                done += 1
                kills += starts
            if error:
                failures.append(f"run {number} (SLUICE_SEED={SEED} SLUICE_ONLY={number}):\n{error}")
        for member in crew:
            member.join(20)
        print(f"kill -9 on {kind}, seed {SEED}: " + json.dumps({
            "runs": done, "kills": kills, "seconds": round(time.monotonic() - started, 1)}),
            file=sys.stderr)
        self.assertEqual(failures, [], "\n".join(failures[:5]))
        self.assertEqual(done, len(numbers))
        self.assertGreater(kills, len(numbers) // 2, "most uploads were over before the kill")

    def test_directory(self):
        self.run_all("dir")

    def test_fake_s3(self):
        self.run_all("fake")


if __name__ == "__main__":
    unittest.main()

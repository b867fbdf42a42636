"""Lines that break at random bytes: SLUICE_CUTS uploads (300) of 20 to 64 MiB, each cut several
times by reset, end of stream or stall, resumed by a client that watches every acknowledged offset.

Half go to the directory store, half to the fake S3. The seed of each upload is its number under
SLUICE_SEED (printed), so one of them can be run again alone: SLUICE_ONLY=17.
"""

import json
import multiprocessing
import os
import pathlib
import random
import sys
import time
import traceback
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from e2e.harness import (  # noqa: E402
    Data, DirStore, E2ETest, FakeStore, FaultProxy, Gateway, Connection, MIB, ResumableUpload,
    sweep, wait_clean, workers)

COUNT = int(os.environ.get("SLUICE_CUTS", "300"))
SEED = os.environ.get("SLUICE_SEED", "1")
ONLY = os.environ.get("SLUICE_ONLY")


def plan_for(number):
    """What upload `number` is and how its lines break."""
    rng = random.Random(f"{SEED}/{number}")
    size = rng.randrange(20 * MIB, 64 * MIB)
    plans = []
    for _ in range(rng.randrange(1, 5)):
        how = rng.choice(["rst", "rst", "fin", "fin", "half", "stall", "rst-client", "answer"])
        at = rng.randrange(1, size // 2)
        if how == "stall":
            plans.append([{"at": at, "do": "stall", "seconds": rng.uniform(0.1, 0.6)}])
        elif how == "rst-client":
            plans.append([{"at": at, "do": "rst", "side": rng.choice(["client", "server"])}])
        elif how == "answer":
            plans.append([{"dir": "down", "at": rng.randrange(0, 300),
                           "do": rng.choice(["rst", "fin"])}])
        elif how == "half":
            # The gateway sees the end of the body, the client gets whatever it answers.
            plans.append([{"at": at, "do": "half"}])
        else:
            plans.append([{"at": at, "do": how}])
        if rng.random() < 0.3:
            plans.append([{"at": rng.randrange(0, 200), "do": "rst"}])  # the query breaks, too
    chunk = rng.choice([None, None, None, 8 * MIB, rng.randrange(1 * MIB, 12 * MIB)])
    return rng, size, plans, chunk, rng.random() < 0.8


def one_upload(number, port):
    """Runs upload `number`; returns (name, sha256, size, stats). Raises on a broken promise."""
    rng, size, plans, chunk, announce = plan_for(number)
    data = Data(f"{SEED}/{number}", size)
    name = f"cuts/{number}.bin"
    with FaultProxy(("127.0.0.1", port), plans) as proxy:
        upload = ResumableUpload(lambda: Connection(proxy.port, timeout=20), name, data,
                                 chunk=chunk, announce_total=announce, deadline=90,
                                 patience=0.5, seed=number)
        upload.run()
    return name, data.sha256(), size, vars(upload.stats)


def worker(port, queue, results):
    while (number := queue.get()) is not None:
        started = time.monotonic()
        try:
            results.put((number, one_upload(number, port), time.monotonic() - started, None))
        except BaseException:
            results.put((number, None, time.monotonic() - started, traceback.format_exc()))


class Cuts(E2ETest):
    def run_uploads(self, store, numbers):
        gateway = Gateway(store, self.temporary(),
                          sets={"linger": "300ms", "http.body_timeout": "5s"})
        gateway.start()
        self.addCleanup(gateway.stop)
        context = multiprocessing.get_context("fork")
        queue, results = context.Queue(), context.Queue()
        for number in numbers:
            queue.put(number)
        crew = [context.Process(target=worker, args=(gateway.port, queue, results), daemon=True)
                for _ in range(2 * workers())]
        for member in crew:
            queue.put(None)
            member.start()
        failures, totals = [], {"uploads": 0, "bytes": 0, "sent": 0, "breaks": 0, "refusals": 0,
                                "requests": 0}
        started = time.monotonic()
        for _ in numbers:
            number, outcome, seconds, error = results.get(timeout=120)
            if error is None:
                name, digest, size, stats = outcome
                try:
                    self.assertEqual(store.size(name), size)
                    self.assertEqual(store.sha256(name), digest)
                    if store.kind == "fake":
                        self.assertEqual(store.writes(name), 1)
                        store.fake.delete_object(name)  # keeps the fake small
                    else:
                        os.unlink(store.path / name)
                except AssertionError:
                    error = traceback.format_exc()
                totals["uploads"] += 1
                totals["bytes"] += size
                for key in ("sent", "breaks", "refusals", "requests"):
                    totals[key] += stats[key]
            if error is not None:
                failures.append(f"upload {number} (SLUICE_SEED={SEED} SLUICE_ONLY={number}, "
                                f"{seconds:.1f} s):\n{error}")
        for member in crew:
            member.join(10)
        totals["seconds"] = round(time.monotonic() - started, 1)
        totals["vm_hwm_mib"] = gateway.status("VmHWM") >> 20
        print(f"cuts on {store.kind}, seed {SEED}: {json.dumps(totals)}", file=sys.stderr)
        self.assertEqual(failures, [], "\n".join(failures[:5]))
        self.assertGreater(totals["breaks"], len(numbers) // 2, "the lines were hardly cut")
        wait_clean(store)
        gateway.stop()

    def numbers(self, odd):
        if ONLY is not None:
            return [int(ONLY)] if int(ONLY) % 2 == odd else []
        return [n for n in range(COUNT) if n % 2 == odd]

    def test_directory(self):
        numbers = self.numbers(0)
        if numbers:
            store = DirStore()
            self.addCleanup(store.stop)
            self.run_uploads(store, numbers)

    def test_fake_s3(self):
        numbers = self.numbers(1)
        if numbers:
            store = FakeStore(etag="opaque")
            self.addCleanup(store.stop)
            self.run_uploads(store, numbers)


class StoreLine(E2ETest):
    """The line between gateway and store breaks: the client must not notice, except by time."""

    def test_upstream_cuts(self):
        rng = random.Random(f"{SEED}/upstream")
        store = self.fake_store(etag="opaque")
        # Each connection to the store dies after a few megabytes.
        plans = [[{"at": rng.randrange(1000, 30 * MIB), "do": rng.choice(["rst", "fin"])}]
                 for _ in range(12)]
        plans += [[{"dir": "down", "at": rng.randrange(0, 900), "do": rng.choice(["rst", "fin"])}]
                  for _ in range(6)]
        rng.shuffle(plans)
        proxy = self.proxy(store.fake.port, *plans)
        gateway = self.gateway(store.through(proxy.port), sets={
            "retry.base": "20ms", "retry.attempts_max": "10"})
        for number in range(6):
            data = Data(f"{SEED}/upstream/{number}", rng.randrange(20 * MIB, 50 * MIB))
            upload = ResumableUpload(lambda: Connection(gateway.port), f"up/{number}", data,
                                     deadline=60)
            upload.run()
            self.assert_stored(store, f"up/{number}", data)
            self.assertEqual(store.writes(f"up/{number}"), 1)
        gateway.stop()
        # A creation whose answer was lost leaves a multipart upload that only the store knows. No
        # more of them than connections that broke before an answer.
        orphans = store.leftovers()
        self.assertTrue(all(name.startswith("multipart ") for name in orphans), orphans)
        self.assertLessEqual(len(orphans), 6)
        sweep(gateway, store)
        self.assertEqual(store.leftovers(), [])


if __name__ == "__main__":
    unittest.main()

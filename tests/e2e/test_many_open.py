"""Uploads that nobody sends to cost no memory (G8): very many open ones in the state database, and the
gateway starts, sweeps and serves as if there were none.

SLUICE_OPEN says how many (100,000). The rows are copies of two uploads that a gateway has begun.
"""

import os
import random
import sqlite3
import sys
import time
import unittest

import pathlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from e2e.harness import Data, E2ETest, KIB, MIB  # noqa: E402

OPEN = int(os.environ.get("SLUICE_OPEN", "100000"))
SIZE = 20 * MIB
STORED = 11 * MIB  # a part and a parked segment


def columns(database, table):
    return [row[1] for row in database.execute(f"PRAGMA table_info({table})")]


def multiply(path, times):
    """Copies of upload "template", each with its part, parked segment and claim, called open/N."""
    with sqlite3.connect(path) as database:
        (origin,) = database.execute("SELECT upload FROM aliases WHERE name = 'template'").fetchone()
        database.execute("CREATE TEMP TABLE copies(n INTEGER PRIMARY KEY)")
        database.execute(
            "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < ?) "
            "INSERT INTO copies SELECT n FROM c", (times,))
        own = {"n": "1000 + c.n", "id": "'copy' || printf('%018d', c.n)", "name": "'open/' || c.n",
               "object_key": "'open/' || c.n", "multipart": "o.multipart || '-' || c.n"}
        wanted = columns(database, "uploads")
        database.execute(
            f"INSERT INTO uploads({', '.join(wanted)}) SELECT "
            f"{', '.join(own.get(name, 'o.' + name) for name in wanted)} "
            "FROM uploads o, copies c WHERE o.n = ?", (origin,))
        for table in ("parts", "parked", "claims"):
            wanted = columns(database, table)
            values = ", ".join("1000 + c.n" if name == "upload" else "o." + name for name in wanted)
            database.execute(f"INSERT INTO {table}({', '.join(wanted)}) SELECT {values} "
                             f"FROM {table} o, copies c WHERE o.upload = ?", (origin,))
        database.execute("INSERT INTO aliases(subject, name, upload) "
                         "SELECT '', 'open/' || n, 1000 + n FROM copies")
    database.close()


class ManyOpen(E2ETest):
    def test_start_and_serve(self):
        store = self.fake_store()
        gateway = self.gateway(store)
        before = gateway.status("VmRSS")
        data = Data("template", SIZE)
        for name in ("template", "real"):
            answer = gateway.put(name, data.bytes(0, STORED),
                                 [("Content-Range", f"bytes 0-{STORED - 1}/{SIZE}")])
            self.assertEqual((answer.status, answer.stored), (308, STORED))
        gateway.stop()
        multiply(gateway.state_file, OPEN)

        started = time.monotonic()
        gateway.start()
        self.assertEqual(gateway.admin("/readyz").status, 200)
        ready = time.monotonic() - started
        rng = random.Random("many")
        asked = min(OPEN, 5000)
        started = time.monotonic()
        for number in rng.sample(range(1, OPEN + 1), asked):
            answer = gateway.query(f"open/{number}", SIZE)
            self.assertEqual((answer.status, answer.stored), (308, STORED), number)
        asking = time.monotonic() - started
        answer = gateway.put("real", data.bytes(STORED, SIZE),
                             [("Content-Range", f"bytes {STORED}-{SIZE - 1}/{SIZE}")])
        self.assertEqual(answer.status, 200, answer)
        self.assert_stored(store, "real", data)
        peak = gateway.status("VmHWM")
        print(f"many open: {OPEN} uploads in a state file of {gateway.state_file.stat().st_size >> 20} "
              f"MiB, ready in {ready:.2f} s, {asked} queries in {asking:.1f} s, "
              f"VmHWM {peak >> 20} MiB", file=sys.stderr)
        if not gateway.sanitized:
            self.assertLess(peak, 512 * MIB)
            self.assertLess(peak - before, max(OPEN * KIB, 96 * MIB))


if __name__ == "__main__":
    unittest.main()

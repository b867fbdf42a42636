"""1 GiB by 1, 8 and 64 connections at once on a real S3 server, Ceph RGW, read back by the aws
program: uneven ranges in random order, every tenth request cut. One object, completed once, and no
part sent twice beyond the repetitions of failed requests.
"""

import pathlib
import re
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from e2e.harness import Data, E2ETest, Gateway, MIB, RealS3, wait_clean  # noqa: E402
from e2e.swarm import SwarmUpload  # noqa: E402

SIZE = 1024 * MIB
PART = 8 * MIB


class SwarmOnCeph(E2ETest):
    @classmethod
    def setUpClass(cls):
        cls.store = RealS3(prefix="swarm/")
        cls.addClassCleanup(cls.store.stop)
        directory = tempfile.TemporaryDirectory(prefix="sluice-swarm-")
        cls.addClassCleanup(directory.cleanup)
        cls.gw = Gateway(cls.store, directory.name)
        cls.addClassCleanup(cls.gw.stop)
        cls.gw.start()
        cls.data = Data("swarm", SIZE)

    def count(self, name, **labels):
        """The sum of a metric's series that have these labels."""
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        return sum(value for series, value in self.gw.metrics().items()
                   if re.match(rf"{name}(\{{|$)", series) and all(w in series for w in wanted))

    def numbers(self):
        return {
            "parts sent": self.count("sluice_store_requests_total", op="UploadPart"),
            "parts repeated": self.count("sluice_store_retries_total", op="UploadPart"),
            "completions": self.count("sluice_store_requests_total", op="CompleteMultipartUpload"),
            "completed": self.count("sluice_uploads_finished_total", outcome="completed"),
            "parked": self.count("sluice_upload_parked_bytes_total"),
            "discarded": self.count("sluice_upload_discarded_bytes_total"),
            "received": self.count("sluice_upload_received_bytes_total"),
        }

    def upload(self, connections):
        before, name = self.numbers(), f"by-{connections}.bin"
        swarm = SwarmUpload(self.gw.port, name, self.data, connections, typical=6 * MIB, cut=0.1,
                            seed=connections)
        answer = swarm.run()
        self.assertEqual(answer.json()["size"], str(SIZE))
        did = {key: value - before[key] for key, value in self.numbers().items()}
        print(f"{connections} connections: {swarm.seconds:.1f} s, {swarm.requests} requests, "
              f"{swarm.cuts} cut, {swarm.refusals} refused, " +
              ", ".join(f"{key} {value / MIB:.0f} MiB" if value > 10_000 else f"{key} {value:.0f}"
                        for key, value in did.items()), file=sys.stderr)
        self.assertGreater(swarm.cuts, 5)
        self.assertEqual(did["parts sent"] - did["parts repeated"], SIZE // PART)
        self.assertEqual((did["completions"], did["completed"]), (1, 1))
        self.assertEqual(self.store.size(name), SIZE)
        self.assertEqual(self.store.sha256(name), self.data.sha256())
        wait_clean(self.store)
        self.store.aws("delete-object", "--bucket", self.store.bucket, "--key",
                       self.store.prefix + name)

    def test_1(self):
        self.upload(1)

    def test_8(self):
        self.upload(8)

    def test_64(self):
        self.upload(64)


if __name__ == "__main__":
    unittest.main()

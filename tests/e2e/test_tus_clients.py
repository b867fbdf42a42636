"""tus-js-client, the client most users of tus have, against the running gateway: whole files, chunks,
deferred length, creation with upload, termination, and resumption over lines that break and a gateway
that is killed. What arrived is compared by its hash.
"""

import pathlib
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from e2e import node_clients  # noqa: E402
from e2e.harness import MIB, RealS3, wait_clean, wait_until  # noqa: E402
from e2e.tus import Tus  # noqa: E402


class ClientTest(node_clients.TusJsTest):
    def upload(self, store, seed, size, **options):
        gateway = self.gateway(store)
        data, path = self.file(seed, size)
        done = node_clients.run("tus_client.mjs", self.job(gateway.port, path, size, **options))
        name = done["url"].rpartition("/")[2]
        self.assert_stored(store, name, data)
        wait_clean(store)
        return gateway, name


class Clients(ClientTest):
    def test_one_request(self):
        self.upload(self.dir_store(), "tus-one", 33 * MIB + 7, chunkSize=64 * MIB)

    def test_chunks(self):
        """5 MiB chunks are legal parts: each is one, and nothing is parked."""
        store = self.fake_store()
        gateway, _ = self.upload(store, "tus-chunks", 32 * MIB + 1, chunkSize=5 * MIB)
        self.assertEqual(gateway.metrics()["sluice_upload_parks_total"], 0)

    def test_odd_chunks(self):
        self.upload(self.fake_store(), "tus-odd", 20 * MIB + 1, chunkSize=3 * MIB + 17)

    def test_deferred_length(self):
        self.upload(self.dir_store(), "tus-deferred", 20 * MIB + 3, chunkSize=5 * MIB,
                    uploadLengthDeferred=True)

    def test_creation_with_upload(self):
        self.upload(self.dir_store(), "tus-cwu", 12 * MIB, chunkSize=5 * MIB,
                    uploadDataDuringCreation=True)

    def test_method_override(self):
        self.upload(self.dir_store(), "tus-override", 12 * MIB, chunkSize=5 * MIB,
                    overridePatchMethod=True)

    def test_empty(self):
        self.upload(self.dir_store(), "tus-empty", 0, chunkSize=MIB)

    def test_terminate(self):
        store = self.fake_store()
        gateway = self.gateway(store)
        data, path = self.file("tus-terminate", 40 * MIB)
        job = self.job(gateway.port, path, data.size, chunkSize=5 * MIB)
        job["abortAfter"] = 12 * MIB
        done = node_clients.run("tus_client.mjs", job)
        self.assertTrue(done["terminated"])
        name = done["url"].rpartition("/")[2]
        self.assertEqual(Tus(gateway.port).head("/files/" + name).status, 404)
        self.assertFalse(store.exists(name))
        wait_clean(store)

    def test_cuts(self):
        """The line breaks again and again: mostly in the data, once in an answer."""
        store = self.fake_store()
        gateway = self.gateway(store, sets={"linger": "300ms"})
        data, path = self.file("tus-cuts", 48 * MIB + 5)
        plans = [[{"at": at, "do": how}] for at, how in (
            (6 * MIB, "rst"), (9 * MIB + 1, "fin"), (200, "rst"), (2 * MIB, "rst"), (3 * MIB, "fin"),
            (MIB, "rst"), (4 * MIB, "fin"), (5 * MIB + 7, "rst"), (2 * MIB, "fin"), (3 * MIB, "rst"))]
        plans.append([{"dir": "down", "at": 40, "do": "rst"}])
        proxy = self.proxy(gateway.port, *plans)
        done = node_clients.run("tus_client.mjs", self.job(proxy.port, path, data.size,
                                                          chunkSize=64 * MIB))
        self.assertGreaterEqual(done["errors"], 5, done)
        name = done["url"].rpartition("/")[2]
        self.assert_stored(store, name, data)
        self.assertEqual(store.writes(name), 1)
        wait_clean(store)

    def test_kill9(self):
        """The gateway dies in the middle and comes back."""
        store = self.dir_store()
        gateway = self.gateway(store)
        data, path = self.file("tus-kill", 48 * MIB)
        proxy = self.proxy(gateway.port, [{"at": 0, "do": "rate", "rate": 24 * MIB}],
                           then=[{"at": 0, "do": "rate", "rate": 24 * MIB}])
        client = node_clients.start("tus_client.mjs", self.job(proxy.port, path, data.size,
                                                              chunkSize=64 * MIB))
        wait_until(lambda: gateway.received() > 12 * MIB, 30, what="a quarter of the file")
        gateway.kill9()
        time.sleep(0.3)
        gateway.start()
        done = node_clients.finish(client)
        self.assertGreaterEqual(done["errors"], 1, done)
        name = done["url"].rpartition("/")[2]
        self.assert_stored(store, name, data)


class RealServer(ClientTest):
    """On a real S3 server."""

    def test_real_s3(self):
        store = RealS3()
        self.addCleanup(store.stop)
        gateway = self.gateway(store)
        for number, options in enumerate(({"chunkSize": 5 * MIB}, {"chunkSize": 64 * MIB},
                                          {"chunkSize": 6 * MIB, "uploadLengthDeferred": True})):
            data, path = self.file(f"tus-real-{number}", 17 * MIB + number)
            plans = [[{"at": 3 * MIB, "do": "rst"}], [{"at": 7 * MIB, "do": "fin"}]]
            proxy = self.proxy(gateway.port, *plans)
            done = node_clients.run("tus_client.mjs", self.job(proxy.port, path, data.size, **options))
            self.assert_stored(store, done["url"].rpartition("/")[2], data)
        wait_clean(store)


if __name__ == "__main__":
    unittest.main()

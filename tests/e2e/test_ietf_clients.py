"""tus-js-client in its two IETF modes against the running gateway: `ietf-draft-03` (interop version 5)
and `ietf-draft-05` (6). What arrived is compared by its hash.
"""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from e2e import node_clients  # noqa: E402
from e2e.harness import MIB, wait_clean  # noqa: E402

PROTOCOLS = ("ietf-draft-03", "ietf-draft-05")


class Clients(node_clients.TusJsTest):
    def upload(self, store, seed, size, **options):
        gateway = self.gateway(store)
        for protocol in PROTOCOLS:
            with self.subTest(protocol=protocol):
                data, path = self.file(f"{seed}-{protocol}", size)
                done = node_clients.run("tus_client.mjs", self.job(gateway.port, path, size,
                                                                   protocol=protocol, **options))
                name = done["url"].rpartition("/")[2]
                self.assertTrue(name.startswith("r."), "it did not speak the IETF protocol")
                self.assert_stored(store, name, data)
                wait_clean(store)

    def test_one_request(self):
        self.upload(self.dir_store(), "ietf-one", 33 * MIB + 7, chunkSize=64 * MIB)

    def test_chunks(self):
        self.upload(self.fake_store(), "ietf-chunks", 32 * MIB + 1, chunkSize=5 * MIB)

    def test_odd_chunks(self):
        self.upload(self.fake_store(), "ietf-odd", 20 * MIB + 1, chunkSize=3 * MIB + 17)

    def test_creation_with_upload(self):
        self.upload(self.dir_store(), "ietf-cwu", 12 * MIB, chunkSize=5 * MIB,
                    uploadDataDuringCreation=True)

    def test_small_creation_with_upload(self):
        self.upload(self.dir_store(), "ietf-small", 1000, uploadDataDuringCreation=True)

    def test_empty(self):
        self.upload(self.dir_store(), "ietf-empty", 0, chunkSize=MIB)

    def test_cuts(self):
        """The line breaks again and again: mostly in the data, once in an answer."""
        store = self.fake_store()
        gateway = self.gateway(store, sets={"linger": "300ms"})
        for protocol in PROTOCOLS:
            data, path = self.file(f"ietf-cuts-{protocol}", 40 * MIB + 5)
            plans = [[{"at": at, "do": how}] for at, how in (
                (6 * MIB, "rst"), (9 * MIB + 1, "fin"), (200, "rst"), (2 * MIB, "rst"),
                (3 * MIB, "fin"), (MIB, "rst"), (4 * MIB, "fin"), (5 * MIB + 7, "rst"))]
            plans.append([{"dir": "down", "at": 40, "do": "rst"}])
            proxy = self.proxy(gateway.port, *plans)
            done = node_clients.run("tus_client.mjs", self.job(
                proxy.port, path, data.size, protocol=protocol, chunkSize=64 * MIB))
            self.assertGreaterEqual(done["errors"], 5, done)
            name = done["url"].rpartition("/")[2]
            self.assert_stored(store, name, data)
            self.assertEqual(store.writes(name), 1)
        wait_clean(store)


if __name__ == "__main__":
    unittest.main()

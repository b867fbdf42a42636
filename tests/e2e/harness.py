"""Everything a test of the whole gateway needs, in one import.

Run a suite with: python3 -m unittest tests/e2e/test_NAME.py (from the repository's root), or all
with tests/e2e/run.py. The gateway is found as gateway.py says.
"""

import os
import pathlib
import shutil
import tempfile
import unittest

from e2e import processes
from e2e.auth_stub import AuthStub
from e2e.data import BLOCK, Data, sha256_of_file
from e2e.gateway import Gateway, clean_environment, program, run_sweep, sweep
from e2e.http_raw import Broken, Connection, Response, request
from e2e.real_s3 import RealS3
from e2e.resumable import Lost, ResumableUpload, put_resumable, target
from e2e.stores import Aws, DirStore, FakeStore, sha256, wait_clean, wait_until
from tools.fault_proxy import FaultProxy

__all__ = ["AuthStub", "Aws", "BLOCK", "Broken", "Connection", "Data", "DirStore",
           "E2ETest", "FakeStore", "FaultProxy", "Gateway", "KIB", "Lost", "MIB", "OneGateway", "RealS3",
           "Response", "ResumableUpload", "clean_environment", "processes", "program", "put_resumable",
           "request", "run_sweep", "sha256", "sha256_of_file", "sweep", "target", "wait_clean",
           "wait_until", "workers"]

KIB = 1 << 10
MIB = 1 << 20


def workers():
    """Parallel workers of the long suites."""
    return int(os.environ.get("SLUICE_WORKERS", os.cpu_count() or 2))


class OneGateway:
    """Mixed into one class per store: a gateway for all tests of the class, and its store."""

    sets = {}  # the gateway's settings

    @classmethod
    def make_store(cls):
        raise NotImplementedError

    @classmethod
    def setUpClass(cls):
        cls.store = cls.make_store()
        cls.addClassCleanup(cls.store.stop)
        directory = tempfile.TemporaryDirectory(prefix="sluice-e2e-")
        cls.addClassCleanup(directory.cleanup)
        cls.gw = Gateway(cls.store, directory.name, sets=cls.sets)
        cls.addClassCleanup(cls.gw.stop)
        cls.gw.start()

    def tearDown(self):
        self.assertIsNone(self.gw.process.poll(), "the gateway died:\n" +
                          self.gw.log_text()[-3000:])


class E2ETest(unittest.TestCase):
    """Temporary directories, gateways and stores that end with the test."""

    maxDiff = None

    def temporary(self):
        path = pathlib.Path(tempfile.mkdtemp(prefix="sluice-e2e-"))
        self.addCleanup(shutil.rmtree, path, ignore_errors=True)
        return path

    def fake_store(self, **options):
        store = FakeStore(**options)
        self.addCleanup(store.stop)
        return store

    def dir_store(self):
        store = DirStore()
        self.addCleanup(store.stop)
        return store

    def gateway(self, store, start=True, **options):
        gateway = Gateway(store, self.temporary(), **options)
        self.addCleanup(gateway.stop)
        return gateway.start() if start else gateway

    def proxy(self, port, *plans, then=()):
        proxy = FaultProxy(("127.0.0.1", port), plans, then)
        self.addCleanup(proxy.close)
        return proxy

    def assert_stored(self, store, name, data):
        """The object is there, whole and right."""
        expected = data.sha256() if isinstance(data, Data) else sha256(data)
        self.assertEqual(store.size(name), len(data), f"{name}: size")
        self.assertEqual(store.sha256(name), expected, f"{name}: content")

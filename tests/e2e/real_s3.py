"""S3 servers nobody of this project wrote, started for a test run. SLUICE_TEST_SERVER names the one
to take; the default is what Debian itself has and every run of the tests uses. The others come from a
newer Debian, into trees that are kept in the user's cache directory.
"""

import dataclasses
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from e2e.data import sha256_of_file
from e2e.stores import Aws, TOOLS, free_port_block, s3_url

CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "sluice"


@dataclasses.dataclass(frozen=True)
class Server:
    script: str
    environment: dict
    version_key: str  # in what the script prints: of the running server
    version: str      # must match
    preset: str
    lacks: str        # what it is known not to do; words of tests/s3/real_store_test.cc


SERVERS = {
    "ceph-16.2": Server("ceph-rgw.sh", {"CEPH_STORE": "memstore", "CEPH_SIZE_GB": "12"},
                        "CEPH_VERSION", r"16\.2\.", "ceph", "checksums,completion"),
    "ceph-20.2": Server("ceph-rgw.sh", {"CEPH_STORE": "memstore", "CEPH_SIZE_GB": "12",
                                        "CEPH_SUITE": "forky", "CEPH_ROOT": str(CACHE / "ceph")},
                        "CEPH_VERSION", r"20\.2\.", "ceph", "completion"),
    "swift-2.38": Server("swift-s3.sh", {"SWIFT_SUITE": "forky", "SWIFT_ROOT": str(CACHE / "swift")},
                         "SWIFT_VERSION", r"2\.38\.", "generic", "checksums,forgetting"),
}
DEFAULT = "ceph-16.2"


class RealS3:
    kind = "s3"
    sets = {}

    def __init__(self, prefix=""):
        name = os.environ.get("SLUICE_TEST_SERVER", DEFAULT)
        self.server = SERVERS[name]
        self.script = str(TOOLS / self.server.script)
        self.directory = tempfile.mkdtemp(prefix=f"sluice-{name}-")
        environment = {k: v for k, v in os.environ.items()
                       if not k.startswith(("CEPH_", "SWIFT_", "S3_"))}
        CACHE.mkdir(parents=True, exist_ok=True)
        try:
            done = subprocess.run(["bash", self.script, "start", self.directory,
                                   str(free_port_block(10))],
                                  env={**environment, **self.server.environment},
                                  stdout=subprocess.PIPE, text=True, timeout=900, check=True)
            facts = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
            self.version = facts[self.server.version_key]
            # Another version answers just as politely and behaves otherwise.
            if not re.match(self.server.version, self.version):
                raise RuntimeError(f"{name} is wanted, {self.version} is running")
        except BaseException:
            self.stop()
            raise
        self.bucket = facts["S3_BUCKET"]
        self.endpoint = facts["S3_ENDPOINT"]
        self.prefix = prefix
        self.env = {"AWS_ACCESS_KEY_ID": facts["S3_ACCESS_KEY"],
                    "AWS_SECRET_ACCESS_KEY": facts["S3_SECRET_KEY"]}
        self.url = s3_url(self.bucket, self.endpoint, prefix.rstrip("/"), self.server.preset)
        self.aws = Aws(self.endpoint, facts["S3_ACCESS_KEY"], facts["S3_SECRET_KEY"])

    def stop(self):
        subprocess.run(["bash", self.script, "wipe", self.directory], check=False,
                       stdout=subprocess.DEVNULL, timeout=120)
        shutil.rmtree(self.directory, ignore_errors=True)

    def head(self, name):
        return self.aws("head-object", "--bucket", self.bucket, "--key", self.prefix + name)

    def sha256(self, name):
        with tempfile.TemporaryDirectory(prefix="sluice-read-") as directory:
            path = os.path.join(directory, "object")
            self.aws("get-object", "--bucket", self.bucket, "--key", self.prefix + name, path)
            return sha256_of_file(path)

    def size(self, name):
        return self.head(name)["ContentLength"]

    def keys(self):
        listed = self.aws("list-objects-v2", "--bucket", self.bucket)
        return [o["Key"] for o in listed.get("Contents", [])]

    def exists(self, name):
        return self.prefix + name in self.keys()

    def leftovers(self):
        uploads = self.aws("list-multipart-uploads", "--bucket", self.bucket)
        return ([f"multipart {u['Key']}" for u in uploads.get("Uploads", [])] +
                [k for k in self.keys() if k.startswith(self.prefix + ".")])

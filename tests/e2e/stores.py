"""Where the gateway stores, and how a test reads it back without the gateway.

Each store has: url, sets, env (for the gateway), sha256(name), size(name), exists(name),
headers(name), leftovers() (what is there beside finished objects), stop().
"""

import hashlib
import json
import os
import pathlib
import random
import shutil
import socket
import subprocess
import tempfile
import time

from e2e.data import sha256_of_file
from fakes.fake_s3_client import FakeS3

TOOLS = pathlib.Path(__file__).resolve().parents[1] / "tools"


def s3_url(bucket, endpoint, prefix="", preset="generic", region="us-east-1"):
    place = f"{bucket}/{prefix}" if prefix else bucket
    return f"s3://{place}?endpoint={endpoint}&region={region}&preset={preset}"


class DirStore:
    kind = "dir"
    sets = {}
    env = {}

    def __init__(self, directory=None):
        self._temporary = directory is None
        self.path = pathlib.Path(directory or tempfile.mkdtemp(prefix="sluice-dir-"))
        self.url = f"file://{self.path}"

    def stop(self):
        if self._temporary:
            shutil.rmtree(self.path, ignore_errors=True)

    def sha256(self, name):
        return sha256_of_file(self.path / name)

    def size(self, name):
        return (self.path / name).stat().st_size

    def exists(self, name):
        return (self.path / name).is_file()

    def names(self):
        return sorted(str(p.relative_to(self.path)) for p in self.path.rglob("*")
                      if p.is_file() and not self._internal(p))

    def _internal(self, path):
        return any(part.startswith(".") for part in path.relative_to(self.path).parts)

    def leftovers(self):
        """Files in hidden places."""
        return sorted(str(p.relative_to(self.path)) for p in self.path.rglob("*")
                      if p.is_file() and self._internal(p))


class FakeStore:
    kind = "fake"
    sets = {}

    def __init__(self, prefix="", preset="generic", env=None, **options):
        self.fake = FakeS3(**options)
        self.prefix = prefix
        self.url = s3_url(self.fake.bucket, self.fake.endpoint, prefix.rstrip("/"), preset)
        self.env = {"AWS_ACCESS_KEY_ID": self.fake.access,
                    "AWS_SECRET_ACCESS_KEY": self.fake.secret}
        if self.fake.token:
            self.env["AWS_SESSION_TOKEN"] = self.fake.token
        self.env.update(env or {})

    def through(self, port):
        """The same store, reached through a proxy on that port."""
        return Rerouted(self, self.url.replace(f":{self.fake.port}", f":{port}"))

    def stop(self):
        self.fake.stop()

    def sha256(self, name):
        return self.fake.object(self.prefix + name)["sha256"]

    def size(self, name):
        return self.fake.object(self.prefix + name)["size"]

    def headers(self, name):
        return self.fake.object(self.prefix + name)["headers"]

    def writes(self, name):
        """How many times an object became visible under that name."""
        return self.fake.state()["writes"].get(self.prefix + name, 0)

    def exists(self, name):
        return self.prefix + name in self.fake.keys()

    def names(self):
        return [k.removeprefix(self.prefix) for k in self.fake.keys()
                if not k.startswith(self.prefix + ".")]

    def leftovers(self):
        return ([f"multipart {u['key']}" for u in self.fake.open_uploads()] +
                [k for k in self.fake.keys() if k.startswith(self.prefix + ".")])


class Rerouted:
    """A store whose gateway takes another way to it than the test."""

    def __init__(self, store, url):
        self._store = store
        self.url = url

    def __getattr__(self, name):
        return getattr(self._store, name)


def free_port_block(count):
    """First of `count` consecutive free ports of 127.0.0.1."""
    for _ in range(200):
        first = random.randrange(20_000, 32_000 - count)
        sockets = []
        try:
            for port in range(first, first + count):
                sock = socket.socket()
                sockets.append(sock)
                sock.bind(("127.0.0.1", port))
            return first
        except OSError:
            continue
        finally:
            for sock in sockets:
                sock.close()
    raise RuntimeError("no block of free ports")


class Aws:
    """The aws program: an S3 client nobody of this project wrote."""

    def __init__(self, endpoint, access, secret, region="us-east-1"):
        self.endpoint = endpoint
        self.env = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "AWS_ACCESS_KEY_ID": access,
                    "AWS_SECRET_ACCESS_KEY": secret, "AWS_DEFAULT_REGION": region,
                    "AWS_EC2_METADATA_DISABLED": "true", "AWS_PAGER": ""}

    def __call__(self, *words, check=True):
        program = "/usr/bin/aws" if os.path.exists("/usr/bin/aws") else shutil.which("aws")
        done = subprocess.run([program, "--endpoint-url", self.endpoint, "--output", "json",
                               "s3api", *words], env=self.env, capture_output=True, text=True,
                              timeout=300)
        if check and done.returncode:
            raise AssertionError(f"aws {' '.join(words)}: {done.stderr}")
        return json.loads(done.stdout) if done.stdout.strip() else {}


def wait_until(condition, timeout=10.0, every=0.05, what="the condition"):
    """Returns the condition's first true value."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come true in {timeout} s")
        time.sleep(every)


def wait_clean(store, timeout=10.0):
    """Nothing but objects is left; removal of temporary objects may trail the answer."""
    end = time.monotonic() + timeout
    while left := store.leftovers():
        if time.monotonic() > end:
            raise AssertionError(f"left in the store: {left}")
        time.sleep(0.05)


def sha256(data):
    return hashlib.sha256(data).hexdigest()

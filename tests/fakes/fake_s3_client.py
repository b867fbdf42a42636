"""Starts the fake store as a process of its own and speaks to its control port.

A process, not a thread, so that the fake's work and the test's do not share one interpreter lock.
"""

import http.client
import json
import pathlib
import subprocess
import sys

PROGRAM = pathlib.Path(__file__).with_name("fake_s3.py")


class FakeS3:
    """One running fake. Use as a context manager or call stop()."""

    def __init__(self, bucket="uploads", access="testaccess", secret="testsecret0123456789",
                 token=None, min_part=5 << 20, **switches):
        self.bucket, self.access, self.secret, self.token = bucket, access, secret, token
        command = [sys.executable, str(PROGRAM), "--stdin-guard", "--bucket", bucket,
                   "--access", access, "--secret", secret, "--min-part", str(min_part)]
        if token:
            command += ["--token", token]
        for name, value in switches.items():
            command += ["--set", f"{name}={json.dumps(value)}"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("the fake store did not start")
        ports = json.loads(line)
        self.port, self.control_port = ports["port"], ports["control"]
        self.endpoint = f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.process.terminate()
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(10)

    def command(self, name, **argument):
        connection = http.client.HTTPConnection("127.0.0.1", self.control_port, timeout=120)
        try:
            connection.request("POST", f"/{name}", json.dumps(argument))
            response = connection.getresponse()
            result = json.loads(response.read())
        finally:
            connection.close()
        if response.status != 200:
            raise KeyError(result["error"])
        return result

    # --- faults and switches

    def fault(self, op="*", **rule):
        """Adds a rule (s3_faults.py); returns its id."""
        return self.command("fault", op=op, **rule)["id"]

    def fired(self, fault_id):
        return next(f["fired"] for f in self.command("faults") if f["id"] == fault_id)

    def clear_faults(self):
        self.command("clear_faults")

    def switch(self, **values):
        self.command("switch", **values)

    def mode(self, mode):
        self.command("mode", mode=mode)

    def drop_connections(self):
        self.command("drop_connections")

    # --- what happened

    def mark(self):
        """A position in the log, for requests(since)."""
        return self.command("request_count")

    def requests(self, since=0, op=None):
        records = self.command("requests", since=since)
        return [r for r in records if op is None or r["op"] == op]

    # --- what is stored

    def state(self):
        return self.command("state")[self.bucket]

    def object(self, key):
        """size, sha256, etag, headers, parts; KeyError if there is none."""
        return self.command("object", bucket=self.bucket, key=key)

    def keys(self):
        return sorted(self.state()["objects"])

    def open_uploads(self):
        return self.state()["uploads"]

    def put_object(self, key, data, **headers):
        self.command("put_object", bucket=self.bucket, key=key, hex=data.hex(), headers=headers)

    def delete_object(self, key):
        self.command("delete_object", bucket=self.bucket, key=key)

    def create_multipart(self, key, age=0):
        return self.command("create_multipart", bucket=self.bucket, key=key, age=age)["id"]

    def abort(self, upload_id):
        """As a lifecycle rule or an operator would."""
        self.command("abort", bucket=self.bucket, upload_id=upload_id)

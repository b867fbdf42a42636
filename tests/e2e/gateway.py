"""The gateway under test as a process.

The program is $SLUICE_BIN, or what `make build` leaves below build/. Its ports are free ones at the first start and the same ones after a
restart, as clients expect.
"""

import json
import os
import pathlib
import re
import signal
import subprocess
import time

from e2e import processes
from e2e.http_raw import Connection, request

ROOT = pathlib.Path(__file__).resolve().parents[2]


def program():
    chosen = os.environ.get("SLUICE_BIN")
    if chosen:
        return chosen
    for pattern in ("build/release/apps/sluice/sluice", "build/sluice", "build/apps/sluice/sluice"):
        path = ROOT / pattern
        if path.is_file() and os.access(path, os.X_OK):
            return str(path)
    raise RuntimeError("no gateway program: build it, or set SLUICE_BIN")


def clean_environment(**more):
    """The test's environment without anything that could reach into the gateway."""
    env = {k: v for k, v in os.environ.items()
           if not k.startswith(("AWS_", "SLUICE_")) and k.lower() not in (
               "http_proxy", "https_proxy", "all_proxy", "no_proxy", "ssl_cert_file")}
    env["AWS_EC2_METADATA_DISABLED"] = "true"
    env.update(more)
    return env


class Gateway:
    """`store`: one of stores.py. `sets`: configuration keys. `directory`: state and logs."""

    def __init__(self, store, directory, sets=None, auth_url=None, args=(), env=None, prefix=(),
                 config=None):
        self.store = store
        self.directory = pathlib.Path(directory)
        self.sets = dict(sets or {})
        self.auth_url = auth_url
        self.args = list(args)
        self.env = dict(env or {})
        self.prefix = list(prefix)  # of the command: a tracer
        self.config = config
        self.port = 0
        self.admin_port = 0
        self.process = None
        self.starts = 0
        self.state_file = self.directory / "state.db"

    def command(self):
        command = self.prefix + [program(), "serve"]
        if self.config is not None:
            command += ["--config", str(self.config)]
        command += ["--listen", f"127.0.0.1:{self.port}",
                    "--admin-listen", f"127.0.0.1:{self.admin_port}",
                    "--store", self.store.url, "--state", f"sqlite://{self.state_file}"]
        if self.auth_url is None:
            command += ["--auth", "none"]
        else:
            command += ["--auth", "forward", "--auth-url", self.auth_url]
        for key, value in {**self.store.sets, **self.sets}.items():
            command += ["--set", f"{key}={value}"]
        return command + self.args

    @property
    def log_path(self):
        return self.directory / f"gateway-{self.starts}.log"

    def start(self, timeout=60):
        self.starts += 1
        with open(self.log_path, "wb") as log:
            self.process = processes.start(
                self.command(), stdout=log, stderr=log,
                env=clean_environment(**{**self.store.env, **self.env}))
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if self._find_ports():
                return self
            if self.process.poll() is not None:
                raise AssertionError(f"the gateway ended with {self.process.returncode}:\n"
                                     f"{self.log_text()[-3000:]}")
            time.sleep(0.005)
        raise AssertionError(f"the gateway does not listen:\n{self.log_text()[-3000:]}")

    def _find_ports(self):
        for line in self.log_text().splitlines():
            if "listening" not in line:
                continue
            ports = []
            if line.startswith("{"):
                fields = json.loads(line)
                ports = [str(fields.get(k, "")).rpartition(":")[2] for k in ("listen", "admin")]
            else:
                match = re.match(r"listening on \S*?:(\d+)/? admin \S*?:(\d+)/?$", line)
                ports = list(match.groups()) if match else []
            if len(ports) == 2 and all(p.isdigit() for p in ports):
                self.port, self.admin_port = map(int, ports)
                return True
        return False

    @property
    def pid(self):
        """Of the gateway itself, also when it runs under a tracer."""
        if self.prefix:
            for child in processes.children(self.process.pid):
                return child
        return self.process.pid

    # --- ending

    def kill9(self):
        processes.kill(self.process)

    def signal(self, number=signal.SIGTERM):
        os.kill(self.pid, number)

    def wait(self, timeout=40):
        code = self.process.wait(timeout)
        processes.forget(self.process)
        return code

    def stop(self):
        """An orderly end. Fails unless it is one."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
            try:
                code = self.wait()
            except Exception:
                self.process.send_signal(signal.SIGABRT)
                time.sleep(0.5)
                self.kill9()
                raise AssertionError(f"the gateway does not end on SIGTERM:\n"
                                     f"{self.log_text()[-3000:]}") from None
        else:
            code = self.wait()
            if code == -signal.SIGKILL:
                return  # by the test
        self.check_log()
        assert code == 0, f"the gateway ended with {code}:\n{self.log_text()[-3000:]}"

    def check_log(self):
        """No sanitizer report and no failed check in any log so far."""
        for path in self.directory.glob("gateway-*.log"):
            text = path.read_text(errors="replace")
            for sign in ("AddressSanitizer", "ThreadSanitizer", "LeakSanitizer", "runtime error:",
                         "check failed", "terminate called"):
                at = text.find(sign)
                assert at < 0, f"{path.name}: {text[max(0, at - 200):at + 3000]}"

    def restart(self):
        self.stop()
        return self.start()

    # --- looking in

    def log_text(self):
        try:
            return self.log_path.read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def log_lines(self):
        return [json.loads(line) for line in self.log_text().splitlines() if line.startswith("{")]

    def status(self, field):
        """A line of /proc/PID/status, in bytes where it is a size."""
        with open(f"/proc/{self.pid}/status") as file:
            for line in file:
                name, _, value = line.partition(":")
                if name == field:
                    words = value.split()
                    return int(words[0]) * (1024 if words[-1] == "kB" else 1)
        raise KeyError(field)

    @property
    def sanitized(self):
        """Built with a sanitizer, whose shadow memory is terabytes: sizes say nothing then."""
        return self.status("VmSize") > 1 << 40

    def open_files(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def connect(self, **options):
        return Connection(self.port, **options)

    def request(self, method, target, headers=(), body=None, **options):
        return request(self.port, method, target, headers, body, **options)

    def put(self, name, body, headers=(), **options):
        from e2e.resumable import target
        return self.request("PUT", target(name), headers, body, **options)

    def query(self, name, total="*", headers=(), **options):
        from e2e.resumable import target
        items = list(headers) + [("Content-Length", "0"), ("Content-Range", f"bytes */{total}")]
        return self.request("PUT", target(name), items, **options)

    def admin(self, path, **options):
        return request(self.admin_port, "GET", path, **options)

    def metrics(self):
        """{name{labels}: value} of the admin listener's /metrics."""
        values = {}
        for line in self.admin("/metrics").body.decode().splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                values[name] = float(value)
        return values

    def received(self):
        """Body bytes read since the start; those of running requests are counted a little later."""
        return sum(v for k, v in self.metrics().items()
                   if k.startswith("sluice_upload_received_bytes_total"))

    def unread(self):
        """Bytes that clients have sent and that still lie in the kernel, on either side."""
        waiting = 0
        with open("/proc/net/tcp") as file:
            for line in list(file)[1:]:
                fields = line.split()
                local, remote = (int(a.rpartition(":")[2], 16) for a in fields[1:3])
                sending, receiving = (int(q, 16) for q in fields[4].split(":"))
                if fields[3] == "01" and local == self.port:
                    waiting += receiving
                if fields[3] == "01" and remote == self.port:
                    waiting += sending
        return waiting


def run_sweep(store, state, *words, **sets):
    """The command `sluice sweep`, to its end."""
    return subprocess.run(
        [program(), "sweep", "--store", store.url, "--state", f"sqlite://{state}",
         *(w for k, v in sets.items() for w in ("--set", f"{k}={v}")), *words],
        capture_output=True, text=True, timeout=60, env=clean_environment(**store.env))


def sweep(gateway, store):
    """What a lost answer or a killed process left in the store without a record: an orphan, which
    nobody can know by name. So it is the sweeper's, which here owns the whole store. The gateway
    must have stopped."""
    time.sleep(1.2)
    if store.kind == "dir":
        # Half-written files are removed at a start once they are old enough to be nobody's.
        long_ago = time.time() - 7 * 86400
        for path in (store.path / ".sluice/local/tmp").iterdir():
            os.utime(path, (long_ago, long_ago))
    done = run_sweep(store, gateway.state_file, **{"sweep.exclusive": "true", "sweep.grace": "1s"})
    assert done.returncode == 0, done

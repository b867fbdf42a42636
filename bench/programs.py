"""The programs of the benchmark: sink, client and the gateways under test, on loopback."""

import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.request

import procstat

ROOT = pathlib.Path(__file__).resolve().parent.parent


class Broken(Exception):
    """A program did not do its part; the run is worth nothing."""


def pinned(cpus):
    return (lambda: os.sched_setaffinity(0, cpus)) if cpus else None


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for_port(port, process, seconds=15):
    """Until somebody else listens there: a socket that is given that very port connects to itself."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            raise Broken(f"{process.args[0]} ended with status {process.returncode}")
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0 and s.getsockname() != s.getpeername():
                return
        time.sleep(0.02)
    raise Broken(f"{process.args[0]} does not listen")


def stop(process):
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            kill(process)


def kill(process):
    """SIGKILL to the process and its workers, and wait until it is gone."""
    if process.poll() is not None:
        return  # its number may belong to somebody else by now
    for pid in procstat.family(process.pid):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    process.wait()


class Sink:
    def __init__(self, binary, cpus, arguments=()):
        self.process = subprocess.Popen([binary, *arguments], stdout=subprocess.PIPE, text=True,
                                        preexec_fn=pinned(cpus))
        line = self.process.stdout.readline()
        if not line.startswith("listening on "):
            raise Broken("the sink does not listen")
        self.port = int(line.rpartition(":")[2])

    def stats(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/stats", timeout=10) as r:
            return json.load(r)

    def objects(self):
        """Key and size of each."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/bench?list-type=2", timeout=60) as r:
            found = re.findall("<Key>(.*?)</Key>.*?<Size>(.*?)</Size>", r.read().decode())
        return {key: int(size) for key, size in found}

    def keys(self):
        return list(self.objects())

    def sha256(self, key):
        """Of an object whose bytes were kept."""
        sha = hashlib.sha256()
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/bench/{key}", timeout=60) as r:
            while block := r.read(1 << 20):
                sha.update(block)
        return sha.hexdigest()

    def close(self):
        stop(self.process)
        self.process.stdout.close()


class Gateway:
    """One program under test. `path` is where the client sends to, `dialect` how: "put" (nothing is
    remembered), "put308" or "tus"."""

    name = "?"
    path = "/bench/"
    dialect = "put"
    beside = ()  # endings of objects that are the gateway's own

    def __init__(self, bench, sink_port):
        self.bench = bench
        self.sink_port = sink_port
        self.port = free_port()
        self.directory = os.path.join(bench.directory, f"{self.name}-{self.port}")
        os.makedirs(self.directory)
        self.log = open(os.path.join(self.directory, "log"), "w+", encoding="utf-8")
        self.start()

    def start(self, wait=True):
        """Also again, after kill(): on the same port, with what it left behind."""
        try:
            self.process = subprocess.Popen(self.command(self.sink_port), stdout=self.log,
                                            stderr=self.log, cwd=self.directory,
                                            env={**os.environ, **self.environment()},
                                            preexec_fn=pinned(self.bench.gateway_cpus))
            if wait:
                wait_for_port(self.port, self.process)
        except Broken as error:
            raise Broken(f"{error}: {self.last_words()}") from None

    def kill(self):
        kill(self.process)

    def last_words(self):
        self.log.seek(0)
        return self.log.read()[-2000:]

    @classmethod
    def missing(cls):
        """Why it cannot run here; None if it can."""
        return None if shutil.which(cls.name) else f"{cls.name} is not installed"

    def command(self, sink_port):
        raise NotImplementedError

    def environment(self):
        return {}

    def write(self, name, text):
        path = os.path.join(self.directory, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def close(self):
        kill(self.process)  # everything is measured; a kind end would wait for clients that are gone
        self.log.close()
        shutil.rmtree(self.directory, ignore_errors=True)


class Nginx(Gateway):
    name = "nginx"
    buffering = "off"

    @classmethod
    def missing(cls):
        return None if shutil.which("nginx") else "nginx is not installed"

    extra = ""

    def command(self, sink_port):
        path = self.write("nginx.conf", f"""
daemon off;
user root;
worker_processes {self.bench.threads};
pid {self.directory}/pid;
error_log stderr warn;
worker_rlimit_nofile {getattr(self.bench, "connections", 1024) + 100};
events {{ worker_connections {getattr(self.bench, "connections", 1024)}; }}
http {{
  access_log off;
  client_body_temp_path {self.directory}/body;
  proxy_temp_path {self.directory}/proxy;
  fastcgi_temp_path {self.directory}/f;
  uwsgi_temp_path {self.directory}/u;
  scgi_temp_path {self.directory}/s;
  client_max_body_size 0;
  {self.extra}
  upstream sink {{ server 127.0.0.1:{sink_port}; keepalive 16; }}
  server {{
    listen 127.0.0.1:{self.port} backlog=4096;
    location / {{
      proxy_pass http://sink;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_request_buffering {self.buffering};
      proxy_read_timeout 600s;
    }}
  }}
}}
""")
        return ["nginx", "-p", self.directory, "-e", "stderr", "-c", path]


class NginxTuned(Nginx):
    name = "nginx-1m"
    extra = "client_body_buffer_size 1m;"


class NginxToDisk(Nginx):
    name = "nginx-disk"
    buffering = "on"


class Haproxy(Gateway):
    name = "haproxy"

    def command(self, sink_port):
        path = self.write("haproxy.cfg", f"""
global
  nbthread {self.bench.threads}
defaults
  mode http
  timeout connect 10s
  timeout client 600s
  timeout server 600s
listen front
  bind 127.0.0.1:{self.port}
  server sink 127.0.0.1:{sink_port}
""")
        return ["haproxy", "-db", "-q", "-f", path]


class Sluice(Gateway):
    name = "sluice"
    path = "/upload/"
    dialect = "put308"

    @classmethod
    def missing(cls):
        return None

    def command(self, sink_port):
        self.admin_port = free_port()
        store = (f"s3://bench?endpoint=http://127.0.0.1:{sink_port}"
                 "&region=us-east-1&path_style=true")
        command = [self.bench.sluice, "serve", "--listen", f"127.0.0.1:{self.port}",
                   "--admin-listen", f"127.0.0.1:{self.admin_port}", "--store", store,
                   "--state", f"sqlite:///{self.directory}/state.db", "--auth", "none",
                   "--log-level", "warn", "--set", f"threads={self.bench.threads}"]
        for setting in self.bench.settings:
            command += ["--set", setting]
        return command

    def environment(self):
        return {"SLUICE_S3_ACCESS_KEY": "bench", "SLUICE_S3_SECRET_KEY": "bench-secret"}

    def metric(self, name):
        """Of one sample without labels."""
        url = f"http://127.0.0.1:{self.admin_port}/metrics"
        with urllib.request.urlopen(url, timeout=10) as r:
            return float(re.search(rf"^{name} (\S+)$", r.read().decode(), re.M).group(1))


class Direct:
    """No gateway at all: what client and sink can do."""

    name = "direct"
    path = "/bench/"
    dialect = "put"
    beside = ()

    @classmethod
    def missing(cls):
        return None

    def __init__(self, _bench, sink_port):
        self.port = sink_port
        self.process = None

    def close(self):
        pass


def blast(bench, gateway, name, size, parallel, *more):
    """Seconds for `parallel` uploads of `size` bytes each, or what `more` makes of it."""
    command = [bench.blast, "--port", str(gateway.port), "--path", gateway.path + name,
               "--bytes", str(size), "--parallel", str(parallel), *more]
    if gateway.dialect == "tus":
        command += ["--tus", "1"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=900, preexec_fn=pinned(bench.other_cpus), check=False)
    if done.returncode != 0:
        raise Broken(f"{gateway.name}: {done.stdout[-200:]} {done.stderr[:1000]}")
    return json.loads(done.stdout)["seconds"]

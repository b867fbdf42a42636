"""The programs of the benchmark: sink, client and the gateways under test, on loopback."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.request


class Broken(Exception):
    """A program did not do its part; the run is worth nothing."""


def pinned(cpus):
    return (lambda: os.sched_setaffinity(0, cpus)) if cpus else None


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for_port(port, process, seconds=15):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            raise Broken(f"{process.args[0]} ended with status {process.returncode}")
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise Broken(f"{process.args[0]} does not listen")


def stop(process, how=signal.SIGTERM):
    if process.poll() is None:
        process.send_signal(how)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
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

    def keys(self):
        """Of all objects."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/bench?list-type=2", timeout=60) as r:
            return re.findall("<Key>(.*?)</Key>", r.read().decode())

    def close(self):
        stop(self.process)
        self.process.stdout.close()


class Gateway:
    """One program under test. `path` is where the client PUTs to."""

    name = "?"
    path = "/bench/"

    def __init__(self, bench, sink_port):
        self.bench = bench
        self.port = free_port()
        self.directory = os.path.join(bench.directory, f"{self.name}-{self.port}")
        os.makedirs(self.directory)
        self.log = open(os.path.join(self.directory, "log"), "w+", encoding="utf-8")
        try:
            self.process = subprocess.Popen(self.command(sink_port), stdout=self.log,
                                            stderr=self.log, cwd=self.directory,
                                            env={**os.environ, **self.environment()},
                                            preexec_fn=pinned(bench.gateway_cpus))
            wait_for_port(self.port, self.process)
        except Broken as error:
            self.log.seek(0)
            raise Broken(f"{error}: {self.log.read()[-2000:]}") from None

    def command(self, sink_port):
        raise NotImplementedError

    def environment(self):
        return {}

    def write(self, name, text):
        path = os.path.join(self.directory, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    stop_signal = signal.SIGTERM

    def close(self):
        stop(self.process, self.stop_signal)
        self.log.close()
        shutil.rmtree(self.directory, ignore_errors=True)


class Nginx(Gateway):
    name = "nginx"
    buffering = "off"
    extra = ""
    stop_signal = signal.SIGQUIT

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
    listen 127.0.0.1:{self.port};
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
    stop_signal = signal.SIGTERM

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

    def command(self, sink_port):
        store = (f"s3://bench?endpoint=http://127.0.0.1:{sink_port}"
                 "&region=us-east-1&path_style=true")
        command = [self.bench.sluice, "serve", "--listen", f"127.0.0.1:{self.port}",
                   "--admin-listen", "127.0.0.1:0", "--store", store,
                   "--state", f"sqlite:///{self.directory}/state.db", "--auth", "none",
                   "--log-level", "warn", "--set", f"threads={self.bench.threads}"]
        for setting in self.bench.settings:
            command += ["--set", setting]
        return command

    def environment(self):
        return {"SLUICE_S3_ACCESS_KEY": "bench", "SLUICE_S3_SECRET_KEY": "bench-secret"}


class Direct:
    """No gateway at all: what client and sink can do."""

    name = "direct"
    path = "/bench/"

    def __init__(self, _bench, sink_port):
        self.port = sink_port
        self.process = None

    def close(self):
        pass


GATEWAYS = {g.name: g for g in (Direct, Nginx, NginxTuned, NginxToDisk, Haproxy, Sluice)}


def blast(bench, gateway, name, size, parallel):
    """Seconds for `parallel` PUTs of `size` bytes each."""
    done = subprocess.run([bench.blast, "--port", str(gateway.port), "--path", gateway.path + name,
                           "--bytes", str(size), "--parallel", str(parallel)],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=900,
                          preexec_fn=pinned(bench.other_cpus), check=False)
    if done.returncode != 0:
        raise Broken(f"{gateway.name}: {done.stdout} {done.stderr[:1000]}")
    return json.loads(done.stdout)["seconds"]

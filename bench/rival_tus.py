"""@tus/server with @tus/s3-store, from npm: installed once below build/, at the versions in bench/tus/."""

import functools
import os
import shutil
import subprocess

from programs import ROOT, Gateway

SOURCE = ROOT / "bench/tus"
HOME = ROOT / "build/bench-tus"
OLDEST_NODE = (20, 19)  # what @tus/server asks for; Debian 12's own is older


@functools.cache
def install():
    """Why there is no tus server; None if there is one."""
    if not shutil.which("node") or not shutil.which("npm"):
        return "node or npm is not installed"
    version = subprocess.run(["node", "-p", "process.versions.node"], stdout=subprocess.PIPE, text=True,
                             check=False).stdout.strip()
    if tuple(map(int, version.split(".")[:2] or [0])) < OLDEST_NODE:
        return f"node {version} is too old: {OLDEST_NODE[0]}.{OLDEST_NODE[1]} is needed"
    HOME.mkdir(parents=True, exist_ok=True)
    lock = "package-lock.json"
    current = (HOME / lock).exists() and (HOME / lock).read_bytes() == (SOURCE / lock).read_bytes()
    for name in ("package.json", lock, "server.mjs"):
        shutil.copy(SOURCE / name, HOME / name)
    if current and (HOME / "node_modules/.package-lock.json").exists():
        return None
    done = subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=HOME,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode == 0:
        return None
    (HOME / lock).unlink()  # or the next run would take half an installation for a whole one
    return f"npm could not install it: {done.stdout.strip()[-200:]}"


class Tus(Gateway):
    name = "tus"
    path = "/files/"
    dialect = "tus"
    beside = (".info", ".part")

    @classmethod
    def missing(cls):
        return install()

    def command(self, sink_port):
        return ["node", str(HOME / "server.mjs"), str(self.port), str(sink_port)]

    def environment(self):
        # Its parts pass through temporary files, which have to be where writes are counted.
        os.makedirs(f"{self.directory}/tmp", exist_ok=True)
        return {"NODE_ENV": "production", "TMPDIR": f"{self.directory}/tmp", "NODE_NO_WARNINGS": "1"}

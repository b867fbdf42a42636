"""What we hand to people works: the commands that `make run` prints, the files in examples/."""

import pathlib
import re
import shutil
import socket
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from e2e.harness import (  # noqa: E402
    Connection, Data, E2ETest, MIB, clean_environment, processes, program, target, wait_until)
from e2e.http_raw import request  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


class Started(E2ETest):
    def start(self, command, port=None, **options):
        log = open(self.temporary() / "log", "w+")
        self.addCleanup(log.close)
        process = processes.start(list(map(str, command)), stdout=log, stderr=log,
                                  env=clean_environment(**options.pop("env", {})), **options)

        def end():
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    pass
            processes.kill(process)
        self.addCleanup(end)

        def text():
            log.flush()
            return pathlib.Path(log.name).read_text(errors="replace")
        if port is not None:
            wait_until(lambda: accepts(port) or process.poll() is not None, 20, what="the port")
            self.assertIsNone(process.poll(), text())
        process.text = text
        return process


class MakeRun(Started):
    def test_the_printed_commands_work(self):
        """Upload, break, query, resume, compare: exactly as printed, in bash."""
        directory, port, admin = self.temporary(), free_port(), free_port()
        started = self.start([ROOT / "tools/run.sh"], port, env={
            "ADDRESS": f"127.0.0.1:{port}", "ADMIN": f"127.0.0.1:{admin}",
            "DIRECTORY": str(directory), "SLUICE_BIN": program()})
        text = started.text()
        script = text[text.index("  # A file"):text.index("Metrics:")]
        script = script.replace("/tmp/film.bin", f"{directory}/film.bin")
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=120,
                              env=clean_environment(), check=False)
        self.assertEqual(done.returncode, 0, done)
        self.assertTrue(done.stdout.endswith("same\n"), done.stdout)
        self.assertIn("308", done.stdout)
        # The line broke in the middle, and what was continued was more than nothing.
        stored = re.search(r"[Rr]ange: bytes=0-(\d+)", done.stdout)
        self.assertIsNotNone(stored, done.stdout)
        self.assertTrue(8 * MIB <= int(stored[1]) + 1 < 64 * MIB, stored[0])
        self.assertEqual((directory / "film.bin").read_bytes(),
                         (directory / "sluice-data/objects/first.bin").read_bytes())
        self.assertEqual(request(admin, "GET", "/metrics").status, 200)


class AuthApp(Started):
    def test_the_application(self):
        app = self.start([sys.executable, EXAMPLES / "auth-app/app.py", "0"])
        wait_until(lambda: "http://" in app.text(), 10, what="the application")
        url = re.search(r"http://\S+", app.text())[0]
        store = self.dir_store()
        gateway = self.gateway(store, auth_url=url)
        refused = gateway.put("a.txt", b"hello")
        self.assertEqual((refused.status, refused.get("www-authenticate")), (401, "Bearer"))
        accepted = gateway.put("a.txt", b"hello", [("Authorization", "Bearer let-me-in")])
        self.assertEqual(accepted.status, 200, accepted)
        self.assert_stored(store, "user-42/a.txt", b"hello")
        large = gateway.request("PUT", target("b"), [("Authorization", "Bearer let-me-in"),
                                                     ("Content-Length", str(2 << 30)),
                                                     ("Expect", "100-continue")])
        self.assertEqual(large.status, 413, large)


class Files(Started):
    def test_configuration(self):
        done = subprocess.run([program(), "check", "--config", EXAMPLES / "sluice.toml"],
                              capture_output=True, text=True, env=clean_environment(), timeout=20,
                              check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done)
        self.assertEqual(done.stdout, "configuration: ok\n")

    @unittest.skipUnless(shutil.which("systemd-analyze"), "needs systemd-analyze")
    def test_unit_file(self):
        unit = self.temporary() / "sluice.service"
        text = (EXAMPLES / "systemd/sluice.service").read_text()
        unit.write_text(text.replace("/usr/bin/sluice", program()))
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit],
                              capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        rated = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=20",
                                unit], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(rated.returncode, 0, rated.stdout[-2000:])


class Proxies(Started):
    """A proxy that is set up as we say passes bytes on while they come in."""

    def through(self, gateway, port):
        data = Data("through a proxy", 20 * MIB)
        with Connection(port, timeout=20) as connection:
            connection.send_head("PUT", target("proxied"), {
                "Content-Length": str(data.size),
                "Content-Range": f"bytes 0-{data.size - 1}/{data.size}"})
            connection.send(data.bytes(0, 12 * MIB))
            wait_until(lambda: gateway.query("proxied", data.size).stored >= 8 * MIB, 20,
                       what="bytes behind the proxy before the body has ended")
        answer = request(port, "PUT", target("proxied"), [
            ("Content-Length", "0"), ("Content-Range", f"bytes */{data.size}")])
        self.assertEqual(answer.status, 308, answer)
        self.assertGreaterEqual(answer.stored, 8 * MIB)
        begin = answer.stored
        answer = request(port, "PUT", target("proxied"), [
            ("Content-Range", f"bytes {begin}-{data.size - 1}/{data.size}")], data.bytes(begin))
        self.assertEqual(answer.status, 200, answer)
        self.assert_stored(gateway.store, "proxied", data)

    @unittest.skipUnless(shutil.which("nginx"), "needs nginx")
    def test_nginx(self):
        gateway = self.gateway(self.dir_store())
        port, directory = free_port(), self.temporary()
        recipe = (EXAMPLES / "nginx/sluice.conf").read_text()
        recipe = recipe.replace("127.0.0.1:8080", f"127.0.0.1:{gateway.port}")
        recipe = recipe.replace("listen 80;", f"listen 127.0.0.1:{port};")
        temporaries = "".join(f"{name}_temp_path {directory}/{name};" for name in (
            "client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (directory / "nginx.conf").write_text(
            f"daemon off; master_process off; pid {directory}/pid; error_log stderr warn;\n"
            f"events {{}} http {{ access_log off; {temporaries}\n{recipe}\n}}\n")
        nginx = self.start(["nginx", "-p", directory, "-e", "stderr", "-c", directory / "nginx.conf"],
                           port)
        self.through(gateway, port)
        self.assertNotIn("buffered to a temporary file", nginx.text())

    @unittest.skipUnless(shutil.which("haproxy"), "needs haproxy")
    def test_haproxy(self):
        gateway = self.gateway(self.dir_store())
        port, directory = free_port(), self.temporary()
        recipe = (EXAMPLES / "haproxy/haproxy.cfg").read_text()
        recipe = recipe.replace("127.0.0.1:8080", f"127.0.0.1:{gateway.port}")
        recipe = recipe.replace("bind :80", f"bind 127.0.0.1:{port}")
        recipe = recipe.replace("port 9090", f"port {gateway.admin_port}")
        (directory / "haproxy.cfg").write_text(recipe)
        self.start(["haproxy", "-db", "-f", directory / "haproxy.cfg"], port)
        time.sleep(0.1)
        self.through(gateway, port)


if __name__ == "__main__":
    unittest.main()

"""TLS on the front: certificate, refusals, reload."""

import pathlib
import signal
import ssl
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from e2e.harness import (  # noqa: E402
    Broken, Connection, Data, E2ETest, MIB, ResumableUpload, target, wait_until)


class Certificates:
    """A small authority of the test's own."""

    def __init__(self, directory):
        self.directory = directory
        self.authority = directory / "ca.pem"
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                      "-nodes", "-days", "2", "-subj", "/CN=test authority", "-keyout", "ca.key",
                      "-out", "ca.pem")

    def _openssl(self, *words):
        subprocess.run(["openssl", *words], cwd=self.directory, check=True, capture_output=True)

    def issue(self, name, serial):
        """Writes server.pem and server.key (replacing them as a deployment would)."""
        (self.directory / "extensions").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        self._openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                      "-subj", f"/CN={name}", "-keyout", "new.key", "-out", "new.csr")
        self._openssl("x509", "-req", "-in", "new.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                      "-set_serial", str(serial), "-days", "2", "-extfile", "extensions", "-out",
                      "new.pem")
        (self.directory / "new.key").chmod(0o600)
        (self.directory / "new.key").rename(self.directory / "server.key")
        (self.directory / "new.pem").rename(self.directory / "server.pem")

    def context(self):
        return ssl.create_default_context(cafile=str(self.authority))


class Tls(E2ETest):
    def setUp(self):
        directory = self.temporary()
        self.certificates = Certificates(directory)
        self.certificates.issue("first", 1001)
        self.store = self.dir_store()
        self.gw = self.gateway(self.store, sets={
            "tls.certificate": str(directory / "server.pem"),
            "tls.key": str(directory / "server.key"), "linger": "200ms"})

    def connect(self, **options):
        return Connection(self.gw.port, tls=self.certificates.context(), timeout=20, **options)

    def serial(self):
        with self.connect() as connection:
            return int(connection.sock.getpeercert()["serialNumber"], 16)

    def test_curl(self):
        data = Data("tls", 30 * MIB)
        source = self.temporary() / "source"
        source.write_bytes(data.bytes())
        done = subprocess.run(
            ["curl", "-sS", "--noproxy", "*", "--cacert", str(self.certificates.authority), "-T",
             str(source), f"https://localhost:{self.gw.port}/upload/curl.bin", "--resolve",
             f"localhost:{self.gw.port}:127.0.0.1", "-w", "%{http_code}", "-o", "/dev/null"],
            capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stdout), (0, "200"), done.stderr)
        self.assert_stored(self.store, "curl.bin", data)

    def test_resumed_over_tls(self):
        data = Data("tls resumed", 20 * MIB)
        end = 9 * MIB + 1
        with self.connect() as connection:
            answer = connection.request("PUT", target("r"), {
                "Content-Range": f"bytes 0-{end - 1}/{data.size}"}, data.bytes(0, end))
            self.assertEqual((answer.status, answer.stored), (308, end))
            answer = connection.request("PUT", target("r"), {
                "Content-Range": f"bytes {end}-{data.size - 1}/{data.size}"}, data.bytes(end))
            self.assertEqual(answer.status, 200)
        self.assert_stored(self.store, "r", data)

    def test_cut_lines(self):
        data = Data("tls cut", 24 * MIB)
        proxy = self.proxy(self.gw.port, [{"at": 3 * MIB + 7, "do": "rst"}],
                           [{"at": 9 * MIB, "do": "fin"}], [{"at": 100, "do": "fin"}],
                           [{"at": 5 * MIB, "do": "stall", "seconds": 0.3}])
        context = self.certificates.context()
        ResumableUpload(lambda: Connection(proxy.port, tls=context, timeout=20), "cut", data,
                        deadline=60, patience=0.3).run()
        self.assert_stored(self.store, "cut", data)

    def test_truncation_is_not_an_end(self):
        """A stream that ends without close_notify, or with it, before the last chunk: unfinished."""
        for tidy in (False, True):
            with self.subTest(tidy=tidy):
                name = f"truncated-{tidy}"
                connection = self.connect()
                connection.send_head("PUT", target(name), {"Transfer-Encoding": "chunked"})
                connection.send_chunk(b"x" * 100_000)
                time.sleep(0.2)
                if tidy:
                    connection.sock.settimeout(2)
                    try:
                        connection.sock.unwrap()
                    except (OSError, ssl.SSLError):
                        pass
                connection.close()
                time.sleep(0.5)
                self.assertFalse(self.store.exists(name))

    def test_plain_http_is_refused(self):
        with Connection(self.gw.port, timeout=10) as connection:
            connection.send_head("PUT", target("plain"), {"Content-Length": "1"})
            try:
                connection.send(b"x")
                answer = connection.read_response()
                self.assertEqual(answer.status, 400, answer)
            except (OSError, Broken):
                pass
        self.assertFalse(self.store.exists("plain"))
        self.assertEqual(self.serial(), 1001)

    def test_old_versions_are_refused(self):
        context = self.certificates.context()
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        with self.assertRaises((ssl.SSLError, OSError)):
            Connection(self.gw.port, tls=context, timeout=10)
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = self.certificates.context()
            context.minimum_version = context.maximum_version = version
            with Connection(self.gw.port, tls=context, timeout=10) as connection:
                self.assertEqual(connection.request("PUT", target("v"), (), b"x").status, 200)

    def test_silent_handshake_costs_nothing(self):
        silent = [Connection(self.gw.port) for _ in range(50)]
        self.assertEqual(self.serial(), 1001)
        for connection in silent:
            connection.close()

    def test_reload(self):
        data = Data("reload", 20 * MIB)
        with self.connect() as running:
            running.send_head("PUT", target("running"), {"Content-Length": str(data.size)})
            running.send(data.bytes(0, 5 * MIB))
            self.certificates.issue("second", 2002)
            self.gw.signal(signal.SIGHUP)
            wait_until(lambda: self.serial() == 2002, 5, what="the new certificate")
            running.send(data.bytes(5 * MIB))
            self.assertEqual(running.read_response().status, 200)
        self.assert_stored(self.store, "running", data)

    def test_broken_reload_keeps_the_old_certificate(self):
        (self.certificates.directory / "server.pem").write_text("not a certificate")
        self.gw.signal(signal.SIGHUP)
        time.sleep(0.5)
        self.assertIsNone(self.gw.process.poll())
        self.assertEqual(self.serial(), 1001)
        self.assertTrue([l for l in self.gw.log_lines() if l["level"] in ("error", "warn")],
                        "the failed reload was not reported")


if __name__ == "__main__":
    unittest.main()

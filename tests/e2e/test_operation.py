"""Running it: drain, signals, health, metrics, logs, exit codes, configuration errors, the sweep."""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from e2e.harness import (  # noqa: E402
    AuthStub, Broken, Connection, Data, E2ETest, MIB, ResumableUpload, clean_environment, program,
    run_sweep, target, wait_clean, wait_until)


class Drain(E2ETest):
    """SIGTERM: nothing that was received is lost, clients are told to come back."""

    def writers(self, gateway, data, count, sent):
        """`count` uploads that have sent `sent` bytes each and are silent now."""
        connections = []
        for number in range(count):
            connection = gateway.connect(timeout=20)
            self.addCleanup(connection.close)
            connection.send_head("PUT", target(f"drain-{number}"), {
                "Content-Length": str(data.size),
                "Content-Range": f"bytes 0-{data.size - 1}/{data.size}"})
            connection.send(data.bytes(0, sent + number))
            connections.append(connection)
        return connections

    def test_tails_are_parked(self):
        for store in (self.fake_store(), self.dir_store()):
            with self.subTest(store=store.kind):
                gateway = self.gateway(store, sets={"drain_timeout": "1s", "linger": "60s"})
                data, sent = Data("drain", 20 * MIB), 9 * MIB + 100
                connections = self.writers(gateway, data, 5, sent)
                # What the gateway has received is what must not be lost.
                wait_until(lambda: gateway.unread() == 0, 20, what="reception")
                time.sleep(0.3)
                self.assertEqual(gateway.unread(), 0)
                started = time.monotonic()
                gateway.signal(signal.SIGTERM)
                for connection in connections:
                    try:
                        answer = connection.read_response()
                    except Broken:
                        self.fail("a bare end of the connection makes browsers replay blindly")
                    self.assertEqual(answer.status, 503, answer)
                    self.assertTrue(answer.get("retry-after").isdigit(), answer)
                    self.assertTrue(answer.closes)
                self.assertEqual(gateway.wait(20), 0, gateway.log_text()[-2000:])
                self.assertLess(time.monotonic() - started, 10)
                gateway.start()
                for number in range(5):
                    answer = gateway.query(f"drain-{number}", data.size)
                    self.assertEqual((answer.status, answer.stored), (308, sent + number))
                    answer = gateway.put(f"drain-{number}", data.bytes(answer.stored), [
                        ("Content-Range",
                         f"bytes {answer.stored}-{data.size - 1}/{data.size}")])
                    self.assertEqual(answer.status, 200, answer)
                    self.assert_stored(store, f"drain-{number}", data)
                wait_clean(store)

    def test_uploads_in_flight_may_end(self):
        gateway = self.gateway(self.dir_store(), sets={"drain_timeout": "20s"})
        data = Data("in flight", 12 * MIB)
        with gateway.connect() as connection:
            connection.send_head("PUT", target("ends"), {"Content-Length": str(data.size)})
            connection.send(data.bytes(0, 5 * MIB))
            time.sleep(0.2)
            gateway.signal(signal.SIGTERM)
            wait_until(lambda: self.refused(gateway), 10, what="no new connections")
            connection.send(data.bytes(5 * MIB))
            answer = connection.read_response()
            self.assertEqual(answer.status, 200, answer)
            self.assertTrue(answer.closes, "a draining gateway keeps no connection")
        self.assertEqual(gateway.wait(20), 0)
        self.assert_stored(gateway.store, "ends", data)

    @staticmethod
    def refused(gateway):
        """New work is not taken any more, in one way or another."""
        try:
            return gateway.put("new", b"x", timeout=2).status == 503
        except (OSError, Broken):
            return True

    def test_readyz_says_draining(self):
        gateway = self.gateway(self.dir_store(), sets={"drain_timeout": "20s"})
        connection = gateway.connect()
        connection.send_head("PUT", target("held"), {"Content-Length": "1000"})
        connection.send(b"x")
        time.sleep(0.2)
        self.assertEqual(gateway.admin("/readyz").status, 200)
        gateway.signal(signal.SIGTERM)
        wait_until(lambda: gateway.admin("/readyz").status == 503, 5, what="readyz 503")
        self.assertEqual(gateway.admin("/livez").status, 200)
        connection.close()
        self.assertEqual(gateway.wait(20), 0)

    def test_second_signal_ends_at_once(self):
        store = self.fake_store()
        gateway = self.gateway(store, sets={"drain_timeout": "60s"})
        connection = gateway.connect()
        connection.send_head("PUT", target("held"), {"Content-Length": str(20 * MIB)})
        connection.send(b"x" * MIB)
        time.sleep(0.2)
        store.fake.mode("stall")
        gateway.signal(signal.SIGTERM)
        time.sleep(0.5)
        self.assertIsNone(gateway.process.poll(), "a drain waits for its uploads")
        started = time.monotonic()
        gateway.signal(signal.SIGTERM)
        gateway.wait(5)
        self.assertLess(time.monotonic() - started, 2)
        connection.close()
        gateway.process = None

    def test_client_survives_restarts(self):
        """An honest client through five restarts: no fault, no byte twice acknowledged."""
        store = self.fake_store(etag="opaque")
        gateway = self.gateway(store, sets={"drain_timeout": "100ms"})
        data = Data("restarts", 60 * MIB)
        proxy_rate = [{"at": 0, "do": "rate", "rate": 15 * MIB}]
        proxy = self.proxy(gateway.port, then=proxy_rate)
        upload = ResumableUpload(lambda: Connection(proxy.port, timeout=20), "restarts", data,
                                 deadline=60, patience=0.3)
        failure = []

        def client():
            try:
                upload.run()
            except BaseException as error:
                failure.append(error)

        thread = threading.Thread(target=client)
        thread.start()
        for _ in range(5):
            time.sleep(0.6)
            if not thread.is_alive():
                break
            gateway.restart()
        thread.join(60)
        self.assertEqual(failure, [])
        self.assert_stored(store, "restarts", data)
        self.assertEqual(store.writes("restarts"), 1)
        # What was received was kept: nothing but what was on the way had to be sent twice.
        self.assertLess(upload.stats.sent, data.size + 6 * 8 * MIB)

    def test_idle_gateway_ends_quickly(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            gateway = self.gateway(self.dir_store())
            idle = gateway.connect()
            started = time.monotonic()
            gateway.signal(number)
            self.assertEqual(gateway.wait(10), 0)
            self.assertLess(time.monotonic() - started, 3)
            idle.close()


class Observation(E2ETest):
    def exercise(self, gateway):
        data = Data("exercise", 9 * MIB)
        gateway.put("a", data.bytes(0, 100), [("Content-Range", f"bytes 0-99/{data.size}")])
        gateway.query("a")
        gateway.put("a", data.bytes(100), [
            ("Content-Range", f"bytes 100-{data.size - 1}/{data.size}")])
        gateway.put("b", b"x", [("Content-Range", "bytes 9-0/1")])
        gateway.request("DELETE", target("c"))
        gateway.request("GET", "/nothing")

    def test_health(self):
        gateway = self.gateway(self.dir_store())
        for path in ("/livez", "/readyz", "/healthz"):
            self.assertEqual(gateway.admin(path).status, 200, path)
        self.assertEqual(gateway.admin("/nothing").status, 404)
        for path in ("/metrics", "/livez"):
            self.assertEqual(gateway.request("GET", path).status, 404, "on the public port")

    def test_ready_although_the_store_is_away(self):
        store = self.fake_store()
        gateway = self.gateway(store)
        store.fake.mode("refuse")
        self.assertEqual(gateway.admin("/readyz").status, 200)

    def test_metrics(self):
        gateway = self.gateway(self.fake_store())
        self.exercise(gateway)
        answer = gateway.admin("/metrics")
        self.assertEqual(answer.status, 200)
        self.assertTrue(answer.get("content-type").startswith("text/plain"))
        done = subprocess.run(["promtool", "check", "metrics"], input=answer.body,
                              capture_output=True, timeout=30)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, b""))
        text = answer.body.decode()
        for name in ("sluice_build_info", "sluice_http_requests_total",
                     "sluice_upload_received_bytes_total", "sluice_uploads_finished_total",
                     "process_resident_memory_bytes", "process_open_fds"):
            self.assertIn(name, text)
        for secret in ("exercise", "/upload/"):
            self.assertNotIn(secret, text)
        # Each byte is counted once: the ingest-against-durable alert compares the two.
        self.assertEqual(gateway.received(), 9 * MIB + 1)  # and one of a refused request

    def test_one_line_per_request(self):
        gateway = self.gateway(self.dir_store())
        answer = gateway.put("logged", b"x", [("X-Request-Id", "find-me-1")])
        self.assertEqual(answer.status, 200)
        lines = wait_until(lambda: [l for l in gateway.log_lines()
                                    if l.get("request_id") == "find-me-1"], what="the line")
        self.assertEqual(len([l for l in lines if l.get("status") == 200]), 1, lines)
        line = next(l for l in lines if l.get("status") == 200)
        self.assertEqual(line["method"], "PUT")
        self.assertIn("level", line)
        self.assertRegex(line["ts"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")

    def test_log_injection(self):
        gateway = self.gateway(self.dir_store())
        name = "evil%0A%7B%22msg%22%3A%22forged%22%7D%1B[31m"
        gateway.request("PUT", f"/upload/{name}", [("User-Agent", "a\tb")], b"x")
        gateway.request("PUT", "/upload/x", [("X-Request-Id", '"},{"msg":"forged')], b"x")
        gateway.stop()
        for line in gateway.log_text().splitlines():
            if line.startswith("{"):
                self.assertNotEqual(json.loads(line).get("msg"), "forged")
            self.assertNotIn("\x1b", line)

    def test_no_secret_in_any_output(self):
        """Planted canaries in every place where a secret may stand, at the chattiest level."""
        store = self.fake_store(secret="CANARYstoresecret0123456789", token="CANARYsessiontoken")
        with AuthStub() as stub:
            stub.answer(200, [("X-Upload-Subject", "someone"), ("Set-Cookie", "CANARYsetcookie=1"),
                              ("X-App-Secret", "CANARYanswer")], b"CANARYauthbody")
            gateway = self.gateway(store, auth_url=stub.url + "?key=CANARYauthurl",
                                   sets={"log_level": "debug", "linger": "100ms",
                                         "retry.base": "10ms", "retry.attempts_max": "2"})
            headers = [("Authorization", "Bearer CANARYbearer"), ("Cookie", "s=CANARYcookie")]
            data = Data("canary", 12 * MIB)
            end = 9 * MIB
            gateway.put("s", data.bytes(0, end), headers + [
                ("Content-Range", f"bytes 0-{end - 1}/{data.size}")])
            gateway.query("s", headers=headers)
            gateway.request("PUT", target("s") + "?upload_token=CANARYquery", headers + [
                ("Content-Range", f"bytes {end}-{data.size - 1}/{data.size}")], data.bytes(end))
            stub.answer(500, (), b"CANARYfailure")
            answers = [gateway.put("t", b"x", headers)]
            stub.answer(200)
            store.fake.fault("*", count=0, do="answer", status=403, code="AccessDenied",
                             message="CANARYstoremessage")
            answers.append(gateway.put("u", b"x", headers))
            answers.append(gateway.admin("/metrics"))
            gateway.stop()
        # The gateway's URL of the application is configuration, not a secret of a client, but a
        # query in it often is one.
        text = gateway.log_text()
        self.assertGreater(len(gateway.log_lines()), 5, "the log is empty: nothing was proved")
        found = set(re.findall(r"CANARY\w+", text))
        self.assertEqual(found, set())
        for answer in answers:
            self.assertEqual(re.findall(rb"CANARY\w+", answer.body), [], answer)
        shown = subprocess.run([program(), "check", "--show", "--store", store.url, "--state",
                                "sqlite:x", "--auth", "none", "--set",
                                "s3.secret_key=CANARYflag"], capture_output=True, text=True,
                               env=clean_environment(SLUICE_S3_SESSION_TOKEN="CANARYenv"),
                               timeout=20)
        self.assertEqual(re.findall(r"CANARY\w+", shown.stdout + shown.stderr), [])


class CommandLine(E2ETest):
    """Exit codes and complaints."""

    def run_program(self, *words, env=None, timeout=20, cwd=None):
        return subprocess.run([program(), *map(str, words)], capture_output=True, text=True,
                              env=clean_environment(**(env or {})), timeout=timeout,
                              cwd=cwd or self.temporary(), stdin=subprocess.DEVNULL)

    def config(self, text):
        path = self.temporary() / "sluice.toml"
        path.write_text(text)
        return path

    def test_help_and_version(self):
        for words in (["--help"], ["serve", "--help"], ["check", "--help"], ["sweep", "--help"]):
            done = self.run_program(*words)
            self.assertEqual((done.returncode, done.stderr), (0, ""), words)
            self.assertIn("--", done.stdout)
        done = self.run_program("version")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"\d+\.\d+\.\d+")
        version = json.loads(self.run_program("version", "--json").stdout)
        self.assertIn("version", version)

    def test_2_usage(self):
        for words in ([], ["no-such-command"], ["serve", "--no-such-flag"],
                      ["serve", "--set", "no-equals-sign"]):
            done = self.run_program(*words)
            self.assertEqual(done.returncode, 2, words)
            self.assertNotEqual(done.stderr, "")

    def test_3_bad_configuration(self):
        path = self.config('listen = "127.0.0.1:0"\nauth = "none"\nstore = "file:data"\n'
                           'prat_size = "8MiB"\n\n[http]\nidle_timeout = "soon"\n'
                           'part_size = 3\n')
        for command in ("serve", "check"):
            done = self.run_program(command, "--config", path)
            self.assertEqual(done.returncode, 3, done)
            text = done.stderr + done.stdout
            self.assertRegex(text, re.escape(str(path)) + r":4:1: error: .*part_size")
            self.assertRegex(text, re.escape(str(path)) + r":7:\d+: error: .*idle_timeout")
            self.assertRegex(text, re.escape(str(path)) + r":8:\d+: error: ")

    def test_3_syntax_error(self):
        path = self.config('listen = "127.0.0.1:0"\nauth = none\n')
        done = self.run_program("serve", "--config", path)
        self.assertEqual(done.returncode, 3)
        self.assertRegex(done.stderr, re.escape(str(path)) + r":2:\d+: error: ")

    def test_3_authorization_must_be_chosen(self):
        done = self.run_program("serve", "--listen", "127.0.0.1:0")
        self.assertEqual(done.returncode, 3)
        self.assertIn("auth", done.stderr)
        done = self.run_program("serve", "--listen", "0.0.0.0:0", "--auth", "none")
        self.assertEqual(done.returncode, 3, "nobody may fill a store from outside by default")

    def test_3_missing_file(self):
        done = self.run_program("serve", "--config", "/nonexistent/sluice.toml")
        self.assertEqual(done.returncode, 3)

    def test_precedence(self):
        path = self.config('auth = "none"\npart_size = "16MiB"\nlinger = "3s"\nmax_size = "1GiB"\n')
        done = self.run_program("check", "--show", "--config", path, "--set", "max_size=3GiB",
                                env={"SLUICE_LINGER": "7s", "SLUICE_MAX_SIZE": "2GiB"})
        shown = {m[1]: (m[2], m[3]) for m in
                 re.finditer(r"^(\S+) += (.*?)  \((.*)\)$", done.stdout, re.MULTILINE)}
        self.assertEqual(shown["part_size"][0], "16MiB")
        self.assertIn("sluice.toml:2", shown["part_size"][1])
        self.assertEqual(shown["linger"], ("7s", "SLUICE_LINGER"))
        self.assertEqual(shown["max_size"][0], "3GiB")
        self.assertEqual(shown["parts_in_flight"][1], "default")

    def test_4_cannot_listen(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            for words in (["--listen", f"127.0.0.1:{port}", "--admin-listen", "127.0.0.1:0"],
                          ["--listen", "127.0.0.1:0", "--admin-listen", f"127.0.0.1:{port}"]):
                done = self.run_program("serve", *words, "--auth", "none", "--store", "file:data",
                                        "--state", "sqlite:state.db")
                self.assertEqual(done.returncode, 4, done)
                self.assertIn(str(port), done.stderr)

    def test_5_state_cannot_be_used(self):
        for state in ("/nonexistent/dir/state.db", "/dev/null", "/"):
            done = self.run_program("serve", "--listen", "127.0.0.1:0", "--admin-listen",
                                    "127.0.0.1:0", "--auth", "none", "--store", "file:data",
                                    "--state", f"sqlite://{state}")
            self.assertIn(done.returncode, (3, 5), done)
            self.assertNotEqual(done.stderr, "")
        garbage = self.temporary() / "garbage.db"
        garbage.write_bytes(b"this is not a database " * 1000)
        done = self.run_program("serve", "--listen", "127.0.0.1:0", "--admin-listen",
                                "127.0.0.1:0", "--auth", "none", "--store", "file:data",
                                "--state", f"sqlite://{garbage}")
        self.assertEqual(done.returncode, 5, done)
        self.assertTrue(garbage.read_bytes().startswith(b"this is not"), "somebody's file is kept")

    def test_two_processes_on_one_state_file(self):
        gateway = self.gateway(self.dir_store())
        done = self.run_program("serve", "--listen", "127.0.0.1:0", "--admin-listen",
                                "127.0.0.1:0", "--auth", "none", "--store", "file:data",
                                "--state", f"sqlite://{gateway.state_file}")
        self.assertEqual(done.returncode, 5, done)
        self.assertEqual(gateway.put("a", b"x").status, 200)

    def test_check_online(self):
        store = self.fake_store()
        state = self.temporary() / "state.db"
        words = ["check", "--online", "--auth", "none", "--store", store.url, "--state",
                 f"sqlite://{state}"]
        done = self.run_program(*words, env=store.env)
        self.assertEqual(done.returncode, 0, done)
        self.assertEqual((store.fake.keys(), store.fake.open_uploads()), ([], []))
        wrong = {**store.env, "AWS_SECRET_ACCESS_KEY": "CANARYwrong"}
        done = self.run_program(*words, env=wrong)
        self.assertEqual(done.returncode, 5, done)
        self.assertNotIn("CANARY", done.stdout + done.stderr)
        missing = [w.replace("//uploads", "//nosuchbucket") for w in words]
        done = self.run_program(*missing, env=store.env)
        self.assertEqual(done.returncode, 5, done)


class Sweep(E2ETest):
    """Expired uploads and orphans, as a command of its own and by the serving process."""

    def sweep(self, store, state, *words, **sets):
        return run_sweep(store, state, *words,
                         **{"expire_after": "1s", "sweep.grace": "1s", **sets})

    def prepare(self, store):
        """One finished, one unfinished upload; the gateway is stopped."""
        gateway = self.gateway(store, sets={"linger": "50ms"})
        data = Data("sweep", 20 * MIB)
        self.assertEqual(gateway.put("finished", b"done").status, 200)
        end = 9 * MIB
        self.assertEqual(gateway.put("unfinished", data.bytes(0, end), [
            ("Content-Range", f"bytes 0-{end - 1}/{data.size}")]).stored, end)
        gateway.stop()
        self.assertNotEqual(store.leftovers(), [])
        return gateway, data, end

    def check_dry_run(self, store, gateway):
        time.sleep(1.5)
        before = store.leftovers()
        done = self.sweep(store, gateway.state_file, "--dry-run")
        self.assertEqual(done.returncode, 0, done)
        self.assertIn("unfinished", done.stdout)
        self.assertEqual(store.leftovers(), before)

    def test_dry_run_changes_nothing(self):
        for store in (self.fake_store(), self.dir_store()):
            with self.subTest(store=store.kind):
                gateway, data, end = self.prepare(store)
                self.check_dry_run(store, gateway)
                gateway.start()
                answer = gateway.query("unfinished", data.size)
                self.assertEqual((answer.status, answer.stored), (308, end))

    def test_dry_run_beside_a_running_server(self):
        for store in (self.fake_store(), self.dir_store()):
            with self.subTest(store=store.kind):
                gateway, data, end = self.prepare(store)
                gateway.start()
                self.check_dry_run(store, gateway)
                # To remove something is the running server's own business.
                self.assertEqual(self.sweep(store, gateway.state_file).returncode, 5)
                answer = gateway.query("unfinished", data.size)
                self.assertEqual((answer.status, answer.stored), (308, end))

    def test_expired_uploads_are_removed(self):
        for store in (self.fake_store(), self.dir_store()):
            with self.subTest(store=store.kind):
                gateway, data, _ = self.prepare(store)
                time.sleep(1.5)
                done = self.sweep(store, gateway.state_file)
                self.assertEqual(done.returncode, 0, done)
                wait_clean(store)
                self.assertTrue(store.exists("finished"))
                gateway.start()
                self.assertEqual(gateway.query("unfinished", data.size).status, 410)
                self.assertEqual(gateway.query("finished").status, 200)

    def test_young_uploads_are_kept(self):
        store = self.fake_store()
        gateway, data, end = self.prepare(store)
        done = self.sweep(store, gateway.state_file, expire_after="1h")
        self.assertEqual(done.returncode, 0, done)
        gateway.start()
        self.assertEqual(gateway.query("unfinished", data.size).stored, end)

    def test_S33_orphans(self):
        """Unknown and old: reported, and removed only where the prefix is declared ours alone."""
        store = self.fake_store(prefix="ours/")
        gateway, data, end = self.prepare(store)
        fake = store.fake
        old = fake.create_multipart("ours/orphan-old", age=90_000)
        young = fake.create_multipart("ours/orphan-young")
        foreign = fake.create_multipart("theirs/upload", age=90_000)
        sets = {"expire_after": "1h", "sweep.grace": "1h"}
        done = self.sweep(store, gateway.state_file, **sets)
        self.assertEqual(done.returncode, 0, done)
        self.assertIn("orphan-old", done.stdout)
        self.assertNotIn("theirs", done.stdout)
        ids = {u["id"] for u in fake.open_uploads()}
        self.assertTrue({old, young, foreign} <= ids, "only reported")
        done = self.sweep(store, gateway.state_file, **sets, **{"sweep.exclusive": "true"})
        self.assertEqual(done.returncode, 0, done)
        ids = {u["id"] for u in fake.open_uploads()}
        self.assertNotIn(old, ids)
        self.assertTrue({young, foreign} <= ids)
        gateway.start()
        self.assertEqual(gateway.query("unfinished", data.size).stored, end)

    def test_serving_process_sweeps(self):
        store = self.fake_store()
        gateway = self.gateway(store, sets={"linger": "50ms", "expire_after": "2s",
                                            "sweep.interval": "1s"})
        data = Data("expire", 20 * MIB)
        end = 9 * MIB
        self.assertEqual(gateway.put("dies", data.bytes(0, end), [
            ("Content-Range", f"bytes 0-{end - 1}/{data.size}")]).stored, end)
        wait_until(lambda: not store.leftovers(), 15, what="the sweep")
        self.assertEqual(gateway.query("dies", data.size).status, 410)

    def test_running_uploads_never_expire(self):
        """A client that sends for longer than expire_after."""
        store = self.fake_store()
        gateway = self.gateway(store, sets={"expire_after": "2s", "sweep.interval": "1s",
                                            "part_size": "5MiB"})
        data = Data("slow", 26 * MIB)
        with gateway.connect() as connection:
            connection.send_head("PUT", target("slow"), {
                "Content-Length": str(data.size),
                "Content-Range": f"bytes 0-{data.size - 1}/{data.size}"})
            for begin in range(0, data.size, 2 * MIB):
                connection.send(data.bytes(begin, begin + 2 * MIB))
                time.sleep(0.4)
            self.assertEqual(connection.read_response().status, 200)
        self.assert_stored(store, "slow", data)


class Permissions(E2ETest):
    @unittest.skipUnless(os.geteuid() == 0 and shutil.which("setpriv"), "needs root to change user")
    def test_directory_that_may_not_be_written(self):
        directory = self.temporary()
        directory.chmod(0o755)
        forbidden = directory / "store"
        forbidden.mkdir(mode=0o555)
        state = directory / "state"
        state.mkdir()
        os.chown(state, 65534, 65534)
        done = subprocess.run(
            ["setpriv", "--reuid=65534", "--clear-groups", program(), "serve", "--listen",
             "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--auth", "none", "--store",
             f"file://{forbidden}", "--state", f"sqlite://{state}/state.db"],
            capture_output=True, text=True, timeout=20, env=clean_environment(), cwd="/")
        self.assertEqual(done.returncode, 5, done)
        self.assertIn("store", done.stderr)


if __name__ == "__main__":
    unittest.main()

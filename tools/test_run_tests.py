"""The test runner cannot take a suite that crashed, hung or did not run for a success."""

import pathlib
import stat
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import run_tests  # noqa: E402

GOOD_JSON = """{"testsuites": [{"name": "A", "testsuite": [
  {"name": "one", "status": "RUN", "result": "COMPLETED"},
  {"name": "two", "status": "RUN", "result": "SKIPPED"},
  {"name": "off", "status": "NOTRUN", "result": "SUPPRESSED"}]}]}"""
BAD_JSON = """{"testsuites": [{"name": "A", "testsuite": [
  {"name": "one", "status": "RUN", "result": "COMPLETED", "failures": [{"failure": "x"}]}]}]}"""


class RunTests(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="sluice-runner-")
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)
        before = run_tests.LOGS
        run_tests.LOGS = self.directory / "logs"
        self.addCleanup(setattr, run_tests, "LOGS", before)

    def unit(self, script):
        """A suite whose program is this shell script; $out is where results belong."""
        path = self.directory / "program"
        path.write_text('#!/bin/sh\nout=${1#--gtest_output=json:}\n' + script + "\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        suite = run_tests.Unit("unit/x", path)
        suite.timeout = 5
        return suite.run()

    def python(self, text):
        (self.directory / "mod.py").write_text("import os, unittest\n" + text)
        suite = run_tests.Python("e2e/x", self.directory, "mod")
        suite.timeout = 20
        return suite.run()

    def test_a_good_unit_program(self):
        suite = self.unit(f"cat >$out <<'E'\n{GOOD_JSON}\nE")
        self.assertEqual((suite.passed, suite.failed, suite.skipped), (1, [], ["A.two"]))

    def test_unit_programs_that_must_fail(self):
        for name, script in [
                ("failed test", f"cat >$out <<'E'\n{BAD_JSON}\nE\nexit 1"),
                ("failed test, exit 0", f"cat >$out <<'E'\n{BAD_JSON}\nE"),
                ("crash before results", "kill -SEGV $$"),
                ("crash after results", f"cat >$out <<'E'\n{GOOD_JSON}\nE\nkill -SEGV $$"),
                ("leak found at exit", f"cat >$out <<'E'\n{GOOD_JSON}\nE\nexit 23"),
                ("exit 0 without results", "exit 0"),
                ("no test at all", "echo '{\"testsuites\": []}' >$out"),
                ("cut results", "echo '{\"testsuites\": [' >$out"),
                ("strange results", "echo '[1]' >$out")]:
            with self.subTest(name):
                self.assertTrue(self.unit(script).failed)

    def test_a_program_that_hangs_is_ended_and_fails(self):
        suite = run_tests.Unit("unit/x", self.directory / "sleeper")
        suite.program.write_text("#!/bin/sh\nsleep 60 & echo $! >" + str(self.directory / "pid") +
                                 "\nwait\n")
        suite.program.chmod(0o700)
        suite.timeout = 0.5
        suite.run()
        self.assertIn("did not end in 0.5 s", suite.failed[0])
        child = (self.directory / "pid").read_text().strip()
        end = time.monotonic() + 5
        while self.alive(child) and time.monotonic() < end:
            time.sleep(0.01)
        self.assertFalse(self.alive(child))

    @staticmethod
    def alive(pid):
        try:
            text = pathlib.Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return False
        return text.rsplit(")", 1)[1].split()[0] != "Z"

    def test_an_interrupted_run_leaves_nothing_behind(self):
        script = self.directory / "slow"
        pid = self.directory / "pid"
        script.write_text(f"#!/bin/sh\nsleep 60 & echo $! >{pid}\nwait\n")
        script.chmod(0o700)
        code = ("import run_tests, pathlib, signal, sys\n"
                f"run_tests.LOGS = pathlib.Path({str(self.directory)!r})\n"
                "signal.signal(signal.SIGTERM, run_tests.interrupted)\n"
                f"run_tests.run_all([run_tests.Check('x', [{str(script)!r}])], 1)\n")
        runner = subprocess.Popen([sys.executable, "-c", code], cwd=run_tests.TOOLS,
                                  stdout=subprocess.PIPE, text=True)
        end = time.monotonic() + 10
        while not (pid.exists() and pid.read_text()) and time.monotonic() < end:
            time.sleep(0.01)
        runner.terminate()
        out, _ = runner.communicate(timeout=20)
        self.assertEqual((runner.returncode, out), (130, "interrupted by SIGTERM\n"))
        child = pid.read_text().strip()
        end = time.monotonic() + 5
        while self.alive(child) and time.monotonic() < end:
            time.sleep(0.01)
        self.assertFalse(self.alive(child))

    def test_a_program_that_is_not_there_fails(self):
        self.assertTrue(run_tests.Unit("unit/x", self.directory / "absent").run().failed)

    def test_a_good_python_module(self):
        suite = self.python("class T(unittest.TestCase):\n"
                            "  def test_a(self): pass\n"
                            "  def test_b(self): self.skipTest('x')\n")
        self.assertEqual((suite.passed, suite.failed, len(suite.skipped)), (1, [], 1))

    def test_sub_tests_count_once(self):
        suite = self.python("class T(unittest.TestCase):\n"
                            "  def test_a(self):\n"
                            "    for i in range(3):\n"
                            "      with self.subTest(i=i): self.assertEqual(i, 0)\n")
        self.assertEqual((suite.passed, suite.failed), (0, ["mod.T.test_a"]))

    def test_python_modules_that_must_fail(self):
        for name, text in [
                ("failure", "class T(unittest.TestCase):\n  def test_a(self): self.fail()\n"),
                ("error", "class T(unittest.TestCase):\n  def test_a(self): 1 / 0\n"),
                ("import", "import no_such_module\n"),
                ("syntax", "def (\n"),
                ("empty", ""),
                ("set up", "class T(unittest.TestCase):\n  @classmethod\n"
                           "  def setUpClass(cls): 1 / 0\n  def test_a(self): pass\n"),
                ("tear down", "class T(unittest.TestCase):\n  @classmethod\n"
                              "  def tearDownClass(cls): 1 / 0\n  def test_a(self): pass\n"),
                ("clean up", "class T(unittest.TestCase):\n"
                             "  def test_a(self): self.addCleanup(lambda: 1 / 0)\n"),
                ("early exit", "class T(unittest.TestCase):\n  def test_a(self): os._exit(0)\n"),
                ("system exit", "class T(unittest.TestCase):\n"
                                "  def test_a(self): raise SystemExit(0)\n"),
                ("unexpected success", "class T(unittest.TestCase):\n  @unittest.expectedFailure\n"
                                       "  def test_a(self): pass\n"),
                ("crash", "class T(unittest.TestCase):\n  def test_a(self): os.abort()\n")]:
            with self.subTest(name):
                self.assertTrue(self.python(text).failed)

    def test_checks_fail_by_exit_code(self):
        self.assertEqual(run_tests.Check("check/x", ["true"]).run().passed, 1)
        self.assertTrue(run_tests.Check("check/x", ["false"]).run().failed)

    def test_the_last_line_counts_everything_that_failed(self):
        good = run_tests.Check("check/a", ["true"]).run()
        bad = run_tests.Missing("unit/build", "not built")
        import contextlib
        import io
        for suites, last, code in [([good], "1 passed, 0 failed", 0),
                                   ([good, bad], "1 passed, 1 failed", 1),
                                   ([], "0 passed, 1 failed", 1)]:
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                self.assertEqual(run_tests.summary(suites), code)
            self.assertEqual(out.getvalue().splitlines()[-1], last)


if __name__ == "__main__":
    unittest.main()

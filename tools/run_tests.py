#!/usr/bin/python3
"""Builds and runs every test; the last line is "N passed, N failed".

    run_tests.py                    everything: builds, checks, unit tests, end-to-end suites
    run_tests.py --only REGEX       suites whose name matches (see --list)
    run_tests.py --skip REGEX       all others
    run_tests.py --thorough         also end to end with AddressSanitizer
    run_tests.py --servers A,B      what needs a real S3 server, on each of these (tests/e2e/real_s3.py)
    run_tests.py --fuzz-seconds N   for each fuzzer (20)
    run_tests.py --no-build         with what is built already
    run_tests.py --list             names of the suites
    run_tests.py --jobs N           compilers and unit tests at once (default: one per core)

A suite that crashes, hangs, does not build, ends early or holds no test counts as a failure. The
output of each suite is kept in build/test-logs; that of a failed one is printed at the end.
"""

import argparse
import concurrent.futures
import copy
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
TOOLS = ROOT / "tools"
BUILD = ROOT / "build"
LOGS = BUILD / "test-logs"
PYTHON = "/usr/bin/python3"

UNIT_TIMEOUT = 600
SUITE_TIMEOUT = 1800
BUILD_TIMEOUT = 3600
LINES_SHOWN = 60

# Modules with threads or with work that crosses threads: run under ThreadSanitizer as well.
TSAN_MODULES = ["base", "net", "fetch_net", "statedb", "engine_world"]
# Test programs that need a real S3 server.
REAL_STORE = {"s3_real"}
# End-to-end suites that need one.
REAL_STORE_E2E = {"sizes", "swarm", "tus_clients"}
# The quick end-to-end suites first: they say sooner what is wrong.
E2E_ORDER = ["put308_rows", "tus_rows", "http_front", "auth", "tls", "operation", "store_faults", "examples"]
# Suites that are run a second time with the sanitized program: g++ 12 is known to miscompile
# coroutines, and only AddressSanitizer sees it.
E2E_SANITIZED = ["put308_rows", "tus_rows", "http_front", "auth", "operation"]

# Simulated schedules: always the same, so that a failure is the change's. About a minute.
SIM_SCHEDULES = 20_000

# Kinds of suites that are run only when asked for: they double the time.
THOROUGH = ("asan-e2e/",)

SANITIZERS = {
    "ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1:check_initialization_order=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "TSAN_OPTIONS": "second_deadlock_stack=1",
}


RUNNING = set()  # processes of execute()


class Suite:
    """Something that is run and counted. `run` fills passed, failed, skipped."""

    def __init__(self, name):
        self.name = name
        self.passed = 0
        self.skipped = []
        self.failed = []  # names or sentences
        self.seconds = 0.0

    @property
    def log(self):
        return LOGS / (self.name.replace("/", "-") + ".log")

    def command(self, results):
        raise NotImplementedError

    def count(self, results, code):
        raise NotImplementedError

    cwd = ROOT
    env = {}
    timeout = SUITE_TIMEOUT

    def run(self):
        results = self.log.with_suffix(".results")
        results.unlink(missing_ok=True)
        started = time.monotonic()
        code, trouble = execute(self.command(results), self.log, self.cwd, self.env, self.timeout)
        self.seconds = time.monotonic() - started
        if trouble:
            self.failed.append(trouble)
        try:
            self.count(results, code)
        except (OSError, ValueError, KeyError, TypeError) as error:
            self.failed.append(f"no readable results: {error}")
        if code != 0 and not self.failed:
            self.failed.append(f"ended with {describe(code)} although no test failed")
        if self.passed == 0 and not self.failed and not self.skipped:
            self.failed.append("no test was run")
        return self


class Unit(Suite):
    """A GoogleTest program, counted test by test."""

    def __init__(self, name, program):
        super().__init__(name)
        self.program = program
        self.env = SANITIZERS
        self.timeout = UNIT_TIMEOUT

    def command(self, results):
        return [str(self.program), f"--gtest_output=json:{results}", "--gtest_color=no"]

    def count(self, results, code):
        if not results.exists():
            self.failed.append(f"ended with {describe(code)} before it wrote its results")
            return
        report = json.loads(results.read_text())
        for group in report["testsuites"]:
            for test in group["testsuite"]:
                name = f"{group['name']}.{test['name']}"
                if test.get("failures"):
                    self.failed.append(name)
                elif test.get("result") == "SKIPPED":
                    self.skipped.append(name)
                elif test.get("result") == "COMPLETED":
                    self.passed += 1
        if code != 0 and not self.failed:
            self.failed.append(f"ended with {describe(code)} after its tests")


class RealStore(Unit):
    """A GoogleTest program that talks to an S3 server, which is started for it."""

    def command(self, results):
        return [PYTHON, str(TOOLS / "with_s3.py"), *super().command(results)]


class Python(Suite):
    """A unittest module, counted test by test."""

    def __init__(self, name, cwd, module):
        super().__init__(name)
        self.cwd = cwd
        self.module = module
        self.env = {**SANITIZERS, "PYTHONDONTWRITEBYTECODE": "1"}

    def command(self, results):
        return [PYTHON, str(TOOLS / "unittest_worker.py"), self.module, str(results)]

    def count(self, results, code):
        ended = False
        for line in results.read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            ended = ended or "end" in entry
            outcome = entry.get("outcome")
            if outcome == "passed":
                self.passed += 1
            elif outcome == "failed":
                self.failed.append(entry["test"])
            elif outcome == "skipped":
                self.skipped.append(entry["test"])
        if not ended:
            self.failed.append(f"ended with {describe(code)} before its last test")


class Check(Suite):
    """A program that is one test: its exit code."""

    def __init__(self, name, command):
        super().__init__(name)
        self._command = command

    def command(self, results):
        return self._command

    def count(self, results, code):
        if code == 0:
            self.passed = 1
        else:
            self.failed.append(f"ended with {describe(code)}")


class Missing(Suite):
    """Stands for tests that could not be run."""

    def __init__(self, name, why):
        super().__init__(name)
        self.failed.append(why)

    def run(self):
        return self


def describe(code):
    if code is None:
        return "no exit code"
    if code < 0:
        try:
            return signal.Signals(-code).name
        except ValueError:
            return f"signal {-code}"
    return f"exit code {code}"


def execute(command, log, cwd, env, timeout):
    """(exit code or None, None or what went wrong). Output goes to the file `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "wb") as out:
        try:
            # A session of its own: on a time-out everything it started ends with it.
            process = subprocess.Popen(command, cwd=cwd, stdout=out, stderr=subprocess.STDOUT,
                                       stdin=subprocess.DEVNULL, start_new_session=True,
                                       env={**os.environ, **env})
        except OSError as error:
            return None, f"cannot start {command[0]}: {error}"
        RUNNING.add(process)
        try:
            return process.wait(timeout), None
        except subprocess.TimeoutExpired:
            end([process])
            return process.wait(), f"did not end in {timeout} s"
        finally:
            RUNNING.discard(process)


def end(processes):
    """First kindly, so that a suite can end what it started elsewhere; then the whole session."""
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            pass
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def interrupted(number, _):
    """SIGINT or SIGTERM: nothing that was started is left behind."""
    end(list(RUNNING))
    print(f"interrupted by {signal.Signals(number).name}", flush=True)
    os._exit(130)  # threads still wait for their suites


# --- building

def build(preset, targets, jobs, options=()):
    """None, or what failed."""
    log = LOGS / f"build-{preset}.log"
    started = time.monotonic()
    print(f"building {preset} ...", flush=True)
    for step in (["cmake", "--preset", preset, *options],
                 ["cmake", "--build", str(BUILD / preset), "--parallel", str(jobs), "--target",
                  *targets]):
        code, trouble = execute(step, log, ROOT, {}, BUILD_TIMEOUT)
        if trouble or code != 0:
            print(f"FAIL build {preset}", flush=True)
            return trouble or f"{step[0]} {step[1]} ended with {describe(code)}"
    print(f"ok   build {preset}  {time.monotonic() - started:.0f} s", flush=True)
    return None


def unit_programs(preset):
    """{name: program} as registered with CTest: one that is registered and absent is an error."""
    listed = subprocess.run(["ctest", "--test-dir", str(BUILD / preset), "--show-only=json-v1"],
                            capture_output=True, text=True, check=True).stdout
    programs = {}
    for test in json.loads(listed)["tests"]:
        command = test.get("command", [])
        # Tests written in Python are registered for CTest's users too; they are run below.
        if not command or "python" in pathlib.Path(command[0]).name:
            if not command:
                programs[test["name"]] = pathlib.Path("missing")
            continue
        programs[test["name"]] = pathlib.Path(command[0])
    return programs


def unit_suites(preset, prefix, trouble, only=None):
    if trouble:
        log = LOGS / f"build-{preset}.log"
        missing = Missing(f"{prefix}/build", f"not built: {trouble}")
        shutil.copyfile(log, missing.log)
        return [missing]
    try:
        programs = unit_programs(preset)
    except (subprocess.CalledProcessError, OSError, ValueError, KeyError) as error:
        return [Missing(f"{prefix}/list", f"the list of tests is not readable: {error}")]
    if not programs:
        return [Missing(f"{prefix}/list", "no unit test is registered")]
    if only is not None:
        absent = [name for name in only if name not in programs]
        suites = [Missing(f"{prefix}/{name}", "is not registered") for name in absent]
        programs = {n: p for n, p in programs.items() if n in only}
    else:
        suites = []
    return suites + [Unit(f"{prefix}/{name}", program) for name, program in sorted(programs.items())
                     if name not in REAL_STORE]


def real_store_suites(preset, trouble):
    suites = []
    for name in sorted(REAL_STORE):
        program = None if trouble else unit_programs(preset).get(name)
        if program is None:
            suites.append(Missing(f"stores/{name}", trouble or "is not registered"))
        else:
            suites.append(RealStore(f"stores/{name}", program))
    return suites


def python_suites(trouble, sanitized_trouble=None):
    suites = []
    for path in sorted((ROOT / "tools").glob("test_*.py")):
        suites.append(Python(f"tools/{path.stem[5:]}", TOOLS, path.stem))
    tests = ROOT / "tests"
    e2e = []
    for path in sorted(tests.glob("*/test_*.py")):
        name = f"{path.parent.name}/{path.stem[5:]}"
        module = f"{path.parent.name}.{path.stem}"
        if path.parent.name != "e2e":
            suites.append(Python(f"tests-{name}", tests, module))
        elif trouble:
            e2e.append(Missing(name, f"the program is not built: {trouble}"))
        else:
            suite = Python(name, tests, module)
            suite.env = {**suite.env, "SLUICE_BIN": str(BUILD / "sluice")}
            e2e.append(suite)
    if not e2e:
        e2e.append(Missing("e2e", "no end-to-end suite was found"))

    for name in E2E_SANITIZED:
        if sanitized_trouble:
            e2e.append(Missing(f"asan-e2e/{name}", f"the program is not built: {sanitized_trouble}"))
            continue
        suite = Python(f"asan-e2e/{name}", tests, f"e2e.test_{name}")
        suite.env = {**suite.env, "SLUICE_BIN": str(BUILD / "asan/apps/sluice/sluice")}
        e2e.append(suite)

    def place(suite):
        name = suite.name.split("/")[-1]
        return (E2E_ORDER.index(name) if name in E2E_ORDER else len(E2E_ORDER), name)
    return suites, sorted(e2e, key=place)


def fuzz_names():
    return sorted(p.stem for p in (ROOT / "fuzz").glob("*.cc"))


def fuzz_suites(trouble, seconds):
    if trouble:
        return [Missing("fuzz/build", f"not built: {trouble}")]
    return [Check(f"fuzz/{name}", [PYTHON, str(TOOLS / "run_fuzzer.py"),
                                   str(BUILD / "fuzz/fuzz" / f"fuzz_{name}"), str(seconds)])
            for name in fuzz_names()]


def on_each_server(suites, servers):
    """Suites that need a real S3 server, once for each of the servers; the others as they are."""
    expanded = []
    for suite in suites:
        kind, name = suite.name.split("/", 1)
        real = kind == "stores" or (kind == "e2e" and name in REAL_STORE_E2E)
        if not servers or not real or isinstance(suite, Missing):
            expanded.append(suite)
            continue
        for server in servers:
            one = copy.copy(suite)
            one.name = f"{suite.name}@{server}"
            one.skipped, one.failed = [], []
            one.env = {**suite.env, "SLUICE_TEST_SERVER": server}
            expanded.append(one)
    return expanded


def check_suites():
    return [Check("check/layers", [PYTHON, str(TOOLS / "check_layers.py")]),
            Check("check/coawait", [PYTHON, str(TOOLS / "check_coawait.py")])]


def simulation_suites(trouble):
    """Schedules for a minute, from a start that nobody ran before; and known bugs, to be found."""
    if trouble:
        return [Missing("sim/schedules", f"sluice_sim is not built: {trouble}")]
    program = BUILD / "release/sim/sluice_sim"
    return [Check("sim/regressions",
                  [str(program), "--regressions", str(ROOT / "sim/regressions.txt")]),
            Check("sim/schedules",
                  [str(program), "--seeds", str(SIM_SCHEDULES)]),
            Check("sim/plants", [PYTHON, str(ROOT / "sim/plant.py")])]


# --- running

def report(suite):
    word = "FAIL" if suite.failed else "ok  "
    parts = [f"{suite.passed} passed"]
    if suite.failed:
        parts.append(f"{len(suite.failed)} failed")
    if suite.skipped:
        parts.append(f"{len(suite.skipped)} skipped")
    print(f"{word} {suite.name:32} {', '.join(parts)}  {suite.seconds:.1f} s", flush=True)


def run_all(suites, jobs):
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for future in concurrent.futures.as_completed([pool.submit(s.run) for s in suites]):
            report(future.result())


def summary(suites):
    """Prints what failed, then the last line; returns the exit code."""
    for suite in suites:
        if not suite.failed:
            continue
        print(f"\n===== {suite.name}", flush=True)
        if suite.log.exists():
            lines = suite.log.read_text(errors="replace").splitlines()
            if len(lines) > LINES_SHOWN:
                print(f"[... {len(lines) - LINES_SHOWN} lines in "
                      f"{suite.log.relative_to(ROOT)}]")
            print("\n".join(lines[-LINES_SHOWN:]))
    skipped = [(s.name, name) for s in suites for name in s.skipped]
    if skipped:
        print("\nskipped:")
        for suite, name in skipped:
            print(f"  {suite}: {name}")
    failed = [(s.name, name) for s in suites for name in s.failed]
    if failed:
        print("\nfailed:")
        for suite, name in failed:
            print(f"  {suite}: {name}")
    passed = sum(s.passed for s in suites)
    if not suites:
        print("no suite was selected")
        failed.append(("", ""))
    print(f"{passed} passed, {len(failed)} failed", flush=True)
    return 1 if failed or passed == 0 else 0


def publish_program():
    """build/sluice: the release program, for people and for the suites."""
    link = BUILD / "sluice"
    link.unlink(missing_ok=True)
    link.symlink_to(pathlib.Path("release") / "apps" / "sluice" / "sluice")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", type=re.compile)
    parser.add_argument("--skip", type=re.compile)
    parser.add_argument("--thorough", action="store_true")
    parser.add_argument("--servers", type=lambda text: text.split(","), default=[])
    parser.add_argument("--fuzz-seconds", type=int, default=20)
    parser.add_argument("--no-build", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 2)
    options = parser.parse_args()

    def left_for_thorough(name):
        return not options.thorough and options.only is None and name.startswith(THOROUGH)

    def wanted(name):
        return (not left_for_thorough(name) and
                (options.only is None or options.only.search(name)) and
                (options.skip is None or not options.skip.search(name)))

    def kind_wanted(prefix):
        """Whether any suite with this prefix can be wanted: spares needless builds."""
        if options.only is None:
            return not left_for_thorough(prefix)
        return any(options.only.search(n) for n in names if n.startswith(prefix))

    modules = sorted(p.name for p in (ROOT / "src").iterdir() if list(p.rglob("*_test.cc")))
    for listing in sorted((ROOT / "tests").rglob("CMakeLists.txt")) + [
            ROOT / "apps/sluice/CMakeLists.txt", ROOT / "sim/CMakeLists.txt"]:
        modules += re.findall(r"add_test\(NAME (\w+) ", listing.read_text())
    plain, e2e = python_suites(None)
    names = ([f"unit/{m}" for m in modules if m not in REAL_STORE] +
             [f"tsan/{m}" for m in TSAN_MODULES] +
             [f"stores/{name}" for name in sorted(REAL_STORE)] +
             [f"fuzz/{name}" for name in fuzz_names()] +
             [s.name for s in check_suites() + plain + simulation_suites(None) + e2e])
    if options.list:
        print("\n".join(n for n in names if wanted(n)))
        return 0

    LOGS.mkdir(parents=True, exist_ok=True)
    trouble = {}
    if not options.no_build:
        if kind_wanted("e2e/") or kind_wanted("sim/"):
            trouble["release"] = build("release", ["sluice", "sluice_sim"], options.jobs,
                                       ["-DSLUICE_TESTS=OFF"])
            if not trouble["release"]:
                publish_program()
        if any(kind_wanted(kind) for kind in ("unit/", "stores/", "asan-e2e/")):
            trouble["asan"] = build("asan", ["all"], options.jobs)
        if kind_wanted("fuzz/"):
            trouble["fuzz"] = build("fuzz", ["fuzzers"], options.jobs)
        if kind_wanted("tsan/"):
            trouble["tsan"] = build("tsan", [f"{m}_test" for m in TSAN_MODULES], options.jobs)

    done = []
    plain, e2e = python_suites(trouble.get("release"), trouble.get("asan"))
    quick = check_suites()
    if kind_wanted("unit/"):
        quick += unit_suites("asan", "unit", trouble.get("asan"))
    if kind_wanted("tsan/"):
        quick += unit_suites("tsan", "tsan", trouble.get("tsan"), TSAN_MODULES)
    if kind_wanted("fuzz/"):
        quick += fuzz_suites(trouble.get("fuzz"), options.fuzz_seconds)
    if kind_wanted("sim/"):
        plain += simulation_suites(trouble.get("release"))
    if kind_wanted("stores/"):
        plain += real_store_suites("asan", trouble.get("asan"))
    plain = on_each_server(plain, options.servers)
    e2e = on_each_server(e2e, options.servers)
    for group, jobs in ((quick, options.jobs), (plain + e2e, 1)):
        # Suites in Python use all cores themselves and watch the clock.
        group = [s for s in group if wanted(s.name) or isinstance(s, Missing)]
        run_all(group, jobs)
        done += group
    return summary(done)


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupted)
    sys.exit(main())

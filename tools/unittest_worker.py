#!/usr/bin/env python3
"""Runs one unittest module and writes what happened to each test, one JSON object a line.

    unittest_worker.py MODULE RESULTS

The last line is {"end": true}: without it the module did not run to its end, whatever the exit
code says. run_tests.py reads the results.
"""

import json
import sys
import time
import unittest


class Result(unittest.TextTestResult):
    """Each test counts once, however many of its sub-tests fail."""

    results = None  # open file

    def startTest(self, test):
        super().startTest(test)
        self._outcome = "passed"
        self._started = time.monotonic()

    def stopTest(self, test):
        super().stopTest(test)
        self._write(test.id(), self._outcome, time.monotonic() - self._started)

    def _write(self, name, outcome, seconds=0.0):
        self.results.write(json.dumps({"test": name, "outcome": outcome,
                                       "seconds": round(seconds, 3)}) + "\n")
        self.results.flush()

    def _failed(self, test):
        # setUpClass and setUpModule fail outside any test: then no test of theirs is started.
        if isinstance(test, unittest.TestCase):
            self._outcome = "failed"
        else:
            self._write(str(test), "failed")

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._failed(test)

    def addError(self, test, err):
        super().addError(test, err)
        self._failed(test)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._outcome = "failed"

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self._outcome = "failed"

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        if isinstance(test, unittest.TestCase):
            if self._outcome == "passed":
                self._outcome = "skipped"
        else:
            self._write(f"{test}: {reason}", "skipped")


def main():
    module, path = sys.argv[1:]
    sys.path.insert(0, ".")
    with open(path, "w", encoding="utf-8") as results:
        Result.results = results
        suite = unittest.defaultTestLoader.loadTestsFromName(module)
        runner = unittest.TextTestRunner(resultclass=Result, verbosity=2)
        outcome = runner.run(suite)
        results.write(json.dumps({"end": True}) + "\n")
    return 0 if outcome.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())

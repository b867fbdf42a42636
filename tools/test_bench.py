"""The benchmark's verdicts come from the figures, and what was not measured is not called met."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "bench"))
import report  # noqa: E402
import run  # noqa: E402
import targets  # noqa: E402
from workloads import WORKLOADS  # noqa: E402


def words(results):
    return {v.text: v.word for v in targets.verdicts(results)}


def bulk(sluice, nginx, tuned):
    return {"ten": {name: [{"cpu_per_gib": v}] for name, v in
                    (("sluice", sluice), ("nginx", nginx), ("nginx-1m", tuned))}}


class Verdicts(unittest.TestCase):
    DEFAULT = "10 at once: CPU per GiB beside nginx as it comes"
    TUNED = "10 at once: CPU per GiB beside nginx with a buffer of 1m"

    def test_nothing_measured(self):
        self.assertEqual({"not measured"}, set(words({}).values()))

    def test_met_and_not_met(self):
        found = words(bulk(sluice=0.9, nginx=2.0, tuned=0.4))
        self.assertEqual("met", found[self.DEFAULT])
        self.assertEqual("**not met**", found[self.TUNED])

    def test_without_the_rival_there_is_no_ratio(self):
        results = bulk(0.9, 2.0, 0.4)
        results["ten"]["nginx"] = []
        self.assertEqual("not measured", words(results)[self.DEFAULT])

    def test_the_median_counts(self):
        results = {"small": {"sluice": [{"cpu_ms": v} for v in (0.1, 0.2, 9.0)]}}
        self.assertEqual("met", words(results)["an upload of 10 KiB: CPU, with durable state"])


class Report(unittest.TestCase):
    def test_table_with_a_failed_rival(self):
        text = report.table(WORKLOADS["ten"], bulk(1.0, 2.0, 0.5)["ten"] | {"tus": []},
                            {"tus": "it fell"}, True)
        self.assertIn("| **sluice** | 1.000 | 0.50 | 2.00 | – |", text)
        self.assertIn("failed: it fell | – |", text)

    def test_only_a_whole_run_is_written(self):
        self.assertTrue(run.parse([]).output.endswith("docs/benchmarks.md"))
        for arguments in (["--quick"], ["--only", "small"], ["--targets", "sluice"]):
            self.assertEqual("-", run.parse(arguments).output)


if __name__ == "__main__":
    unittest.main()

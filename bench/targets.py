"""What sluice has set itself, and whether the figures of this run say so."""

import statistics
from dataclasses import dataclass

MIB = 1 << 20
PART = 8 * MIB
PARTS_IN_FLIGHT = 4       # the default
TUSD_S_PER_GIB = 2.4      # known from elsewhere: tusd itself is not measured here


@dataclass(frozen=True)
class Verdict:
    text: str
    limit: str
    measured: str
    met: object  # True, False; None: not measured

    @property
    def word(self):
        return {True: "met", False: "**not met**", None: "not measured"}[self.met]


def figure(results, workload, row, key):
    """Median over the rounds; None if there is none."""
    runs = results.get(workload, {}).get(row, [])
    values = [run[key] for run in runs if key in run]
    return statistics.median(values) if values else None


class Figures:
    def __init__(self, results):
        self.results = results
        self.verdicts = []

    def most(self, text, limit, workload, key, scale=1.0, unit="", digits=2):
        """Sluice's own figure is at most `limit`."""
        value = figure(self.results, workload, "sluice", key)
        self.add(text, limit, value if value is None else value * scale, unit, digits)

    def ratio(self, text, limit, workload, rival):
        """Sluice's CPU time for a byte is at most `limit` times the rival's."""
        own = figure(self.results, workload, "sluice", "cpu_per_gib")
        other = figure(self.results, workload, rival, "cpu_per_gib")
        self.add(text, limit, own / other if own is not None and other else None, " x", 2)

    def add(self, text, limit, value, unit, digits):
        met = None if value is None else value <= limit
        measured = "–" if value is None else f"{value:.{digits}f}{unit}"
        self.verdicts.append(Verdict(text, f"≤ {limit:g}{unit}", measured, met))


def verdicts(results):
    """results: {workload: {row: [values of a run, ...]}}."""
    f = Figures(results)
    cpu = "CPU per GiB beside"
    f.ratio(f"1 upload: {cpu} nginx with a buffer of 1m", 1.35, "one", "nginx-1m")
    f.ratio(f"1 upload: {cpu} nginx as it comes", 0.7, "one", "nginx")
    f.most("1 upload: a fifth of tusd, CPU per GiB", TUSD_S_PER_GIB / 5, "one", "cpu_per_gib", 1, " s")
    f.ratio(f"10 at once: {cpu} nginx with a buffer of 1m", 1.9, "ten", "nginx-1m")
    f.ratio(f"10 at once: {cpu} nginx as it comes", 0.8, "ten", "nginx")
    f.ratio(f"4,000 trickling clients: {cpu} nginx as it comes", 0.25, "trickle", "nginx")
    f.most("an upload of 10 KiB: store requests", 1, "small", "requests_each")
    f.most("an upload of 10 KiB: CPU, with durable state", 0.25, "small", "cpu_ms", 1, " ms", 3)
    f.most("an upload that nobody sends to: memory beside its blocks", 8, "idle", "beside", 1 / 1024, " KiB", 1)
    f.most("after `kill -9`: lost at most the parts in flight", PARTS_IN_FLIGHT * PART / MIB, "kill", "lost",
           1 / MIB, " MiB", 1)
    f.most("slow store: held at most the parts in flight and one more, each", (PARTS_IN_FLIGHT + 1) * PART / MIB,
           "held", "blocks", 1 / MIB, " MiB", 1)
    f.most("client's reset, fast store: offset known", 50, "reset", "known_ms", 1, " ms", 1)
    f.most("client's reset, fast store: resuming request accepted", 50, "reset", "accepted_ms", 1, " ms", 1)
    f.most("client's reset, slow store: offset known in the time of a part", 4000, "reset-slow", "known_ms", 1, " ms", 0)
    f.most("client's reset, slow store: resuming request accepted", 4000, "reset-slow", "accepted_ms", 1, " ms", 0)
    return f.verdicts

"""Tables for people: text on the terminal, Markdown in docs/benchmarks.md."""

import json
import os
import platform
import statistics
import subprocess
import textwrap

from programs import ROOT
from targets import figure, verdicts

WORDS = {
    "direct": "client straight to the sink",
    "nginx": "nginx, `proxy_request_buffering off`",
    "nginx-1m": "nginx, the same, `client_body_buffer_size 1m`",
    "nginx-disk": "nginx, request buffering on (its default)",
    "haproxy": "haproxy, `mode http`",
    "tus": "`@tus/server` with `@tus/s3-store`",
    "sluice": "**sluice**",
}


def first_line(command):
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              check=False)
        return done.stdout.splitlines()[0].strip()
    except (OSError, IndexError):
        return "unknown"


def machine():
    """What the figures were measured on. Never the name of the host."""
    model = "unknown"
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        for line in f:
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    with open("/proc/meminfo", encoding="utf-8") as f:
        memory = int(f.readline().split()[1]) >> 20
    system = "unknown"
    with open("/etc/os-release", encoding="utf-8") as f:
        for line in f:
            if line.startswith("PRETTY_NAME="):
                system = line.partition("=")[2].strip().strip('"')
    return {
        "cpu": f"{os.cpu_count()} x {model}",
        "memory": f"{memory} GiB",
        "system": f"{system}, Linux {platform.release()}, {platform.machine()}",
    }


def versions(sluice):
    with open(ROOT / "bench/tus/package.json", encoding="utf-8") as f:
        tus = json.load(f)["dependencies"]
    return {
        "nginx": first_line(["nginx", "-v"]).partition("nginx/")[2] or "not installed",
        "haproxy": first_line(["haproxy", "-v"]).partition("version ")[2].split(" ")[0] or "not installed",
        "tus": ", ".join(f"`{name}` {tus[name]}" for name in sorted(tus, reverse=True))
               + f"; node {first_line(['node', '--version'])}",
        "sluice": first_line([sluice, "version"]),
    }


def commit():
    changed = subprocess.run(["git", "status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs"], cwd=ROOT,
                             stdout=subprocess.PIPE, text=True, check=False).stdout
    name = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], cwd=ROOT, stdout=subprocess.PIPE,
                          text=True, check=False).stdout.strip() or "unknown"
    return name + (", with changes" if changed else "")


def with_ratios(results):
    """Adds to every run of one workload what its CPU time is beside the medians of both nginx."""
    for anchor in ("nginx", "nginx-1m"):
        cost = figure({"w": results}, "w", anchor, "cpu_per_gib")
        for runs in results.values():
            for run in runs:
                if cost and run.get("cpu_per_gib"):
                    run[f"x {anchor}"] = run["cpu_per_gib"] / cost


def cell(column, runs):
    values = [run[column.key] * column.scale for run in runs if run.get(column.key) is not None]
    if not values:
        return "–"
    digits = 2 if column.title.startswith("x ") else column.digits
    text = f"{statistics.median(values):.{digits}f}"
    if column.spread and len(values) > 1:
        text += f" ({min(values):.{digits}f}–{max(values):.{digits}f})"
    return text


def table(workload, results, failures, markdown):
    """results: {row: [values of a run, ...]} of one workload; failures: {row: why}."""
    with_ratios(results)
    rows = [["gateway"] + [column.title for column in workload.columns]]
    for name, runs in results.items():
        label = WORDS.get(name, name) if markdown else name
        cells = [cell(column, runs) for column in workload.columns]
        if name == "direct":  # there is no gateway whose time or memory it could be
            cells = [c if column.title in RATES else "–" for c, column in zip(cells, workload.columns)]
        if name in failures:
            label += f" – failed{' in some rounds' if runs else ''}: {failures[name]}"
        rows.append([label] + cells)
    if markdown:
        lines = ["| " + " | ".join(row) + " |" for row in rows]
        return "\n".join([lines[0], "|" + "---|" * len(rows[0])] + lines[1:])
    return aligned(rows)


RATES = ("GiB/s", "uploads/s")


def aligned(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip() for row in rows)


def target_rows(results):
    return [["target", "limit", "measured", ""]] + [
        [v.text, v.limit, v.measured, v.word] for v in verdicts(results)]


def store_room(results):
    """How much faster the store is than the fastest gateway; nothing if it was not measured."""
    texts = []
    for workload, key, what in (("one", "gib_per_s", "one upload"), ("ten", "gib_per_s", "ten at once"),
                                ("small", "per_s", "small uploads")):
        rows = results.get(workload, {})
        speeds = {row: figure(results, workload, row, key) for row in rows}
        direct = speeds.pop("direct", None)
        others = [s for s in speeds.values() if s]
        if direct and others:
            texts.append(f"{what} {direct / max(others):.1f} times")
    return "; ".join(texts)


def paragraph(text):
    return textwrap.fill(" ".join(text.split()), 118, break_long_words=False, break_on_hyphens=False) + "\n"


def caution(report):
    """What has to be read first, if others used the machine or there is only one round."""
    words = []
    if max(report.load) > 2 * os.cpu_count():
        words.append(f"others used the machine as well (load average up to {max(report.load):.0f} on {os.cpu_count()} "
                     "processors), so that times are far too long and CPU seconds too high")
    rounds = [len(runs) for rows in report.results.values() for runs in rows.values() if runs]
    if rounds and min(rounds) < 2:
        words.append("some workloads ran one round only")
    return paragraph(f"**Provisional:** {'; '.join(words)}.") + "\n" if words else ""


def document(report, bench):
    """report: see run.Report."""
    where, what = machine(), versions(bench.sluice)
    pinning = ("The gateway has one thread and one processor of its own, client and sink share the "
               "other; where breaks and slow stores are measured, nothing is pinned." if bench.gateway_cpus else
               f"Nothing is pinned; every gateway has {bench.threads} threads.")
    counter = ("" if report.disk_counter else
               "**The kernel does not count writes to the file system used here; \"to disk\" says nothing.**")
    targets = target_rows(report.results)
    lines = ["| " + " | ".join(row) + " |" for row in targets]
    room = store_room(report.results)
    runs = len(report.load) // 2
    together = "in one run" if runs == 1 else f"in {runs} runs"
    text = f"""# Benchmarks

<!-- Written by `bench/run.py`; do not edit. -->

{paragraph(f"What a gateway costs: the same bytes from the same clients to the same store, through different programs, {together}.")}
| | |
|---|---|
| commit | {"; ".join(report.commits)} |
| processor | {where["cpu"]} |
| memory | {where["memory"]} |
| system | {where["system"]} |
| nginx | {what["nginx"]} |
| haproxy | {what["haproxy"]} |
| tus | {what["tus"]} |
| sluice | {what["sluice"]} |
| sluice's settings | {", ".join(f"`{s}`" for s in bench.settings) or "defaults"} |
| load average | {min(report.load):.1f} to {max(report.load):.1f} |

{caution(report)}## Targets

{lines[0]}
|---|---|---|---|
{chr(10).join(lines[1:])}

## How

"""
    text += paragraph(f"""Client, gateway and store talk over loopback TCP. The clients send from memory; the store
        (`sluice_sink`) speaks S3 and drops the bytes inside the kernel, so that the gateway is what is measured.
        {f"Without a gateway: {room} as fast as the fastest of them." if room else ""} {pinning} Every run has a
        freshly started gateway and a fresh store; the programs take turns, round by round. Figures are medians over the
        rounds, with the smallest and largest value in parentheses. CPU seconds are user and system time of the
        gateway's processes, workers included, from `/proc/PID/stat`; peak RSS is `VmHWM`; "to disk" is `write_bytes`
        of `/proc/PID/io`. A run in which the store did not hold exactly what was sent counts as failed. {counter}""")
    text += "\n" + paragraph("""nginx and haproxy pass one PUT on and forget each byte at once: if the connection to the
        store breaks, the client begins again. The tus server keeps every part in a temporary file. Sluice sends parts of
        8 MiB, keeps them in memory until the store has confirmed them, checksums every byte (CRC-64/NVME) and writes its
        state to SQLite before it acknowledges. On loopback the sender is charged for the receiver's work, and
        processors differ: compare within a table only. A load average well above three means that others used the
        machine: times suffer much, CPU seconds somewhat. "x nginx" is CPU per GiB relative to nginx with its default
        buffer, "x nginx-1m" relative to nginx with the buffer that makes it cheapest.""")
    for workload in report.workloads:
        results = report.results[workload.name]
        rounds = max((len(runs) for runs in results.values()), default=0)
        text += (f"\n## {workload.title}\n\n{paragraph(f'{workload.note} Rounds: {rounds}.')}\n"
                 f"{table(workload, results, report.failures[workload.name], True)}\n")
    if report.skipped:
        text += "\n## Skipped\n\n" + "".join(f"* {name}: {why}\n" for name, why in report.skipped.items())
    text += """
## Again

`make bench`, or `bench/run.py --only small,kill`; `bench/run.py --help` tells the rest.
"""
    return text

"""Tables for people: text on the terminal, Markdown in docs/benchmarks.md."""

import os
import platform
import statistics
import subprocess

WORDS = {
    "direct": "client straight to the sink",
    "nginx": "nginx, `proxy_request_buffering off`",
    "nginx-1m": "nginx, the same, `client_body_buffer_size 1m`",
    "nginx-disk": "nginx, request buffering on (its default)",
    "haproxy": "haproxy, `mode http`",
    "sluice": "**sluice** (multipart, retained until durable, CRC-64/NVME)",
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
    return {
        "nginx": first_line(["nginx", "-v"]).partition("nginx/")[2],
        "haproxy": first_line(["haproxy", "-v"]).split("version ")[-1].split()[0],
        "sluice": first_line([sluice, "version"]) if sluice else "",
    }


def median(values):
    return statistics.median(values)


def spread(values, digits):
    return f"{median(values):.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"


def mib(count):
    return f"{count / 2**20:.1f}"


def per_gb(runs):
    return [run.cpu_s / run.gigabytes for run in runs]


def table(results, markdown):
    """results: {gateway: [Run, ...]} of one workload."""
    head = ["gateway", "CPU s/GB", "x nginx", "x nginx-1m", "GB/s", "peak RSS MiB", "to disk MiB"]
    rows = []
    for name, runs in results.items():
        label = WORDS[name] if markdown else name
        speed = spread([run.gigabytes / run.seconds for run in runs], 2)
        if name == "direct":
            rows.append([label, "–", "–", "–", speed, "–", "–"])
            continue
        cost = per_gb(runs)
        row = [label, spread(cost, 3)]
        for anchor in ("nginx", "nginx-1m"):
            if anchor in results:
                row.append(f"{median(cost) / median(per_gb(results[anchor])):.2f}")
            else:
                row.append("–")
        row += [speed, mib(median([run.peak_rss for run in runs])),
                mib(median([run.disk_bytes for run in runs]))]
        rows.append(row)
    if markdown:
        lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
        return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])
    widths = [max(len(row[i]) for row in [head] + rows) for i in range(len(head))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
                     for row in [head] + rows)


def document(workloads, bench, disk_counter):
    """workloads: {title: results}."""
    where = machine()
    what = versions(bench.sluice)
    pinning = ("The gateway has one thread and one processor of its own; client and sink share the "
               "other." if bench.gateway_cpus else
               f"Nothing is pinned; every gateway has {bench.threads} threads.")
    counter = ("" if disk_counter else
               "\n**The kernel does not count writes to the file system used here; the last column "
               "says nothing.**\n")
    text = f"""# Benchmarks

<!-- Written by `bench/run.py`; do not edit. -->

What a gateway costs: the same bytes from the same client to the same store, through different programs.

| | |
|---|---|
| processor | {where["cpu"]} |
| memory | {where["memory"]} |
| system | {where["system"]} |
| nginx | {what["nginx"]} |
| haproxy | {what["haproxy"]} |
| sluice | {what["sluice"]} |
| sluice's settings | {", ".join(f"`{s}`" for s in bench.settings) or "defaults"} |
| load average | {bench.load[0]:.1f} at the beginning, {bench.load[-1]:.1f} at the end |
| runs | {bench.rounds} of each, interleaved; every run with a freshly started gateway |

**Method.** Client, gateway and store talk over loopback TCP. The client (`sluice_blast`) sends from memory by PUT; the
store (`sluice_sink`) speaks S3 and drops the bytes inside the kernel, so that the gateway is what is measured. {pinning}
CPU seconds are user and system time of the gateway's processes, workers included, from `/proc/PID/stat`, per 10^9
bytes; peak RSS is `VmHWM`; "to disk" is `write_bytes` of `/proc/PID/io`. Medians, with the smallest and largest value
in parentheses. Every run was counted only if the store held exactly the bytes that were sent.
{counter}
**Reading it.** nginx and haproxy pass one PUT on and forget each byte at once: if the connection to the store breaks,
the client begins again. Sluice sends parts of 8 MiB, keeps them until the store has confirmed them, checksums every
byte and writes its state to SQLite before it acknowledges. On loopback the sender is charged for the receiver's
work, and processors differ: compare within a table only. A load average well above the two or three processes of the
benchmark means that others used the machine: throughput suffers much, CPU seconds somewhat. "x nginx" is the cost relative to nginx with its default
buffer, "x nginx-1m" relative to nginx with the buffer that made it cheapest.
"""
    for title, results in workloads.items():
        text += f"\n## {title}\n\n{table(results, True)}\n"
    text += """
## Again

`make bench`, with nginx and haproxy installed. `bench/run.py --help` tells the rest.
"""
    return text

#!/usr/bin/env python3
"""Checks that includes point only where docs/architecture.md allows, and that the layers which
run in tests under a virtual clock never ask the machine for time, randomness or environment.

The table "Modules and layers" in docs/architecture.md is the rule; this script reads it, so that
document and code cannot drift apart. Prints file:line: problem; exits 1 if there is one.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]

# Beside the table: a module of which others may see these headers only.
WINDOWS = {("http", "engine"): {"engine/upload_service.h", "engine/body_source.h",
                                "engine/options.h"}}
# Pure modules: no tasks, so no Asio.
PURE = {"core", "protocols", "wire"}
NO_THREADS = {"engine", "core", "protocols", "wire", "http", "hooks", "cleaner"}

NONDETERMINISM = [
    (r"\b(?:system|steady|high_resolution)_clock\s*::\s*now\b", "use the Clock port"),
    (r"\b(?:time\s*\(\s*(?:nullptr|NULL|0)\s*\)|clock_gettime\b|gettimeofday\b)", "use the Clock port"),
    (r"\b(?:s?rand|rand_r|random|arc4random|getrandom|RAND_bytes)\s*\(", "use the Random port"),
    (r"\brandom_device\b", "use the Random port"),
    (r"\buniform_\w+_distribution\b", "differs between standard libraries: use the Random port"),
    (r"\bstd\s*::\s*shuffle\b", "differs between standard libraries: use the Random port"),
    (r"\b(?:secure_)?getenv\s*\(", "take it as an option"),
]
EXCEPTIONS = {
    # Where the real world is handed in, as a struct that tests replace.
    ("src/stores/s3/credential_sources.cc", "getenv("),
    # Compared with the times that the file system wrote.
    ("src/stores/local/tree.cc", "time(nullptr)"),
}
# Beside *_test.cc: what only tests include.
TEST_SUPPORT = re.compile(r"_test\.cc$|_world\.h$|/testing/|test_support\.h$")
THREADS = (r"\bstd\s*::\s*(?:j?thread|async)\b(?!\s*::)", "threads belong to net and gateway")


def read_table(text):
    """{module: (layer, {modules it may include} or None for all)} from the document."""
    rules = {}
    for line in text.splitlines():
        cells = [c.strip() for c in line.strip().strip("|").split("|")]
        if len(cells) < 4 or not re.fullmatch(r"L\d", cells[0]):
            continue
        module = cells[1].strip("`")
        allowed = cells[3]
        if allowed == "everything":
            names = None
        elif "options.h" in allowed:
            names = {"*/options.h"}
        else:
            names = set(re.findall(r"[a-z]+", allowed.replace("–", "")))
        rules[module] = (int(cells[0][1:]), names)
    return rules


def code_only(text):
    """The text with comments and literals blanked, lines kept."""
    pattern = re.compile(
        r'//[^\n]*|/\*.*?\*/|R"([^()\\ ]{0,16})\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'',
        re.S)

    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))
    # Digit separators are no quotes.
    return pattern.sub(blank, re.sub(r"(?<=[0-9a-fA-F])'(?=[0-9a-fA-F])", "_", text))


def check_file(path, text, rules):
    """Problems of one file; `path` is relative to the root, for example src/core/x.cc."""
    problems = []
    parts = pathlib.PurePosixPath(path).parts
    module = "apps" if parts[0] == "apps" else parts[1]
    if module == "apps":
        layer, allowed = 6, {"gateway", "config"}
    elif module in rules:
        layer, allowed = rules[module]
    else:
        return [(path, 1, f"module {module} is not in the table of docs/architecture.md")]
    is_test = TEST_SUPPORT.search(path) is not None

    for number, line in enumerate(text.splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*(["<])([^">]+)[">]', line)
        if not match:
            continue
        header = match.group(2)
        target = header.split("/")[0]
        if module in PURE and (header.startswith("boost/asio") or header == "base/task.h"):
            problems.append((path, number, f"{module} is pure and may not include {header}"))
        if match.group(1) == "<" or target not in rules or target == module or target == "base":
            if target == "base" and layer == 0 and module != "base":
                problems.append((path, number, f"{module} may not include {header}"))
            continue
        if allowed is None or target in allowed:
            window = WINDOWS.get((module, target))
            if window is not None and header not in window and not is_test:
                problems.append((path, number, f"{module} may include only "
                                               f"{', '.join(sorted(window))} of {target}"))
            if rules[target][0] > layer:
                problems.append((path, number, f"{header} is in a higher layer"))
            continue
        if "*/options.h" in allowed and (header.endswith("/options.h") or
                                         target in ("ports", "wire", "core")):
            continue
        problems.append((path, number, f"{module} may not include {header}"))

    if layer <= 3 and not is_test and module != "apps":
        code = code_only(text)
        forbidden = NONDETERMINISM + ([THREADS] if module in NO_THREADS else [])
        for pattern, mend in forbidden:
            for match in re.finditer(pattern, code):
                if (path, match.group(0).strip()) in EXCEPTIONS:
                    continue
                number = code.count("\n", 0, match.start()) + 1
                problems.append((path, number, f"{match.group(0).strip()} is forbidden here: {mend}"))
    return problems


def main():
    rules = read_table((ROOT / "docs/architecture.md").read_text())
    if len(rules) < 10:
        print("docs/architecture.md: the table of modules was not found")
        return 1
    files = [p for top in ("src", "apps") for p in sorted((ROOT / top).rglob("*"))
             if p.suffix in (".h", ".cc")]
    problems = [problem for p in files
                for problem in check_file(p.relative_to(ROOT).as_posix(),
                                          p.read_text(encoding="utf-8"), rules)]
    for path, number, what in problems:
        print(f"{path}:{number}: {what}")
    print(f"check_layers: {len(files)} files, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

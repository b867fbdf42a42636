#!/usr/bin/env python3
"""Checks that every co_await stands in a statement that g++ 12 compiles rightly.

g++ 12 destroys temporaries twice in several forms of co_await expressions (braced aggregates,
lambdas, ?:, conditions). Instead of hunting those, this script accepts the forms that are known to
be right and refuses everything else:

    co_await CALL;                  co_return co_await CALL;
    [TYPE] NAME = co_await CALL;    static_cast<void>(co_await CALL);
    SLUICE_CO_TRY(DECL, co_await CALL);   SLUICE_CO_TRY_OK(co_await CALL);

where CALL holds no brace, no lambda, no ?: (but between two literals), and no second co_await. Prints file:line: problem;
exits 1 if there is one.
"""

import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from check_layers import code_only  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[1]
FOLDERS = ("src", "apps", "tests", "sim", "bench")

CLOSES = {")": "(", "]": "[", "}": "{"}
# What may stand before the statement proper: labels and heads of if, for, while without braces.
PREFIX = r"(?:(?:case\b[^;]*?|default|public|private|protected)\s*:(?!:)\s*|else\s+|do\s+)*"
BINDING = r"(?:[\w:<>,&*\s\[\].-]*?[\w\]]\s*=\s*)?"
FORMS = [
    re.compile(PREFIX + BINDING + r"co_await\s+(?P<call>.+)$", re.S),
    re.compile(PREFIX + r"static_cast<void>\(\s*co_await\s+(?P<call>.+)\)$", re.S),
    re.compile(PREFIX + r"co_return\s+co_await\s+(?P<call>.+)$", re.S),
    re.compile(PREFIX + r"SLUICE_CO_TRY\(\s*[\w:<>,&*\s\[\].]+?,\s*co_await\s+(?P<call>.+)\)$", re.S),
    re.compile(PREFIX + r"SLUICE_CO_TRY_OK\(\s*co_await\s+(?P<call>.+)\)$", re.S),
]


def statement_around(code, at):
    """(text, ends properly) of the statement that holds position `at`."""
    depth = 0
    begin = 0
    for i in range(at - 1, -1, -1):
        c = code[i]
        if c in ")]":
            depth += 1
        elif c in "([":
            depth -= 1  # may go below 0: the co_await stands inside parentheses
        elif c in ";{}" and depth <= 0:
            begin = i + 1
            break
    depth = 0
    for i in range(at, len(code)):
        c = code[i]
        if c in "([{":
            depth += 1
        elif c in ")]":
            depth -= 1
        elif c == "}":
            depth -= 1
            if depth < -3 or (depth < 0 and code.find("(", begin, at) < 0):
                return code[begin:i], False
        elif c == ";" and depth <= 0:
            return code[begin:i], True
    return code[begin:], False


def strip_heads(text):
    """Without leading `if (…)`, `for (…)`, `while (…)` that do not hold the co_await."""
    while True:
        text = text.strip()
        match = re.match(r"(?:else\s+)?(?:if(?:\s+constexpr)?|for|while)\s*\(", text)
        if not match:
            return text
        depth = 0
        for i in range(match.end() - 1, len(text)):
            depth += {"(": 1, ")": -1}.get(text[i], 0)
            if depth == 0:
                break
        if "co_await" in text[:i + 1]:
            return text
        text = text[i + 1:]


def fault_of(code, at):
    """None, or what is wrong with the co_await at this position."""
    text, ended = statement_around(code, at)
    if not ended:
        return "co_await inside a braced expression or an unfinished statement"
    text = strip_heads(text)
    if re.match(r"(?:else\s+)?(?:if|for|while|switch)\b", text):
        return "co_await inside a condition: bind it to a variable first"
    if text.count("co_await") > 1:
        return "two co_await in one statement"
    for form in FORMS:
        match = form.fullmatch(text)
        if not match:
            continue
        call = match.group("call")
        if "{" in call:
            return "braces in a co_await statement: name the value first"
        # Literals are blank here. A choice between two of them makes no object (tried with g++ 12).
        if "?" in re.sub(r"\?\s+:\s+(?=[,)])", "", call):
            return "?: in a co_await statement: name the value first"
        if re.search(r"(?:^|[(,=]|return)\s*\[", call):
            return "lambda in a co_await statement: name it first"
        depth = 0
        for c in call:
            depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(c, 0)
            if depth < 0:
                return "co_await inside an expression: bind it to a variable first"
        if depth == 0 and re.search(r"[)\w\]]$", call.strip()):
            return None
    return "not one of the accepted forms of a co_await statement"


def check_text(text):
    """[(line, what, statement)] of one file."""
    code = code_only(text)
    problems = []
    for match in re.finditer(r"\bco_await\b", code):
        what = fault_of(code, match.start())
        if what:
            statement = " ".join(statement_around(code, match.start())[0].split())
            problems.append((code.count("\n", 0, match.start()) + 1, what, statement[-110:]))
    return problems


def main(arguments):
    names = [pathlib.Path(a) for a in arguments] or [
        p for top in FOLDERS for p in sorted((ROOT / top).rglob("*")) if p.suffix in (".h", ".cc")]
    count = statements = 0
    for path in names:
        text = path.read_text(encoding="utf-8")
        statements += len(re.findall(r"\bco_await\b", code_only(text)))
        for line, what, statement in check_text(text):
            shown = path.relative_to(ROOT) if path.is_absolute() else path
            print(f"{shown}:{line}: {what}: {statement}")
            count += 1
    print(f"check_coawait: {len(names)} files, {statements} co_await, {count} problems")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Rules that make the fake store misbehave on purpose.

A rule is a JSON object. What it matches:
    op          operation name ("UploadPart", "CompleteMultipartUpload", ...), "*" for all
    part        part number              key / key_prefix   object key
    nth         fire from the nth match on (1)
    count       how many times (1; 0: for ever)
    seconds     only during that time after the first match (0: no limit)
What it does (all fields optional):
    delay_head, delay_body, delay_answer   seconds: before the body is read, before the effect,
                                           after it
    rate        bytes per second while the body is read
    corrupt     true: one byte of the body is flipped on arrival
    lifecycle_abort  true: the multipart upload vanishes first, as by a bucket's lifecycle rule
    wrong_etag  true: the answer shows an ETag that is not the recorded one; "": an empty one
    cut_answer  n: of the answer, whatever it is, only the head and n bytes of the body are sent,
                then the connection is reset
    at          where `do` happens: "head" (before the body), "mid" (after mid_bytes, default half),
                "body" (after it, before the effect; the default), "done" (after the effect)
    do          "answer" (status, code, message, headers, body), "close" (orderly), "rst", "stall"
                (silence for `stall` seconds, then close), "pass" (nothing, the default)
CompleteMultipartUpload only, all with status 200 sent first:
    white_space   seconds of blanks before the outcome
    inside        true: the blanks come after the XML declaration, not before it
    result        "ok", "error" (<Error> with code), "cut" (end of connection without XML),
                  "empty" (clean end without XML)
    effect        false: "cut" and "empty" do not assemble the object ("error" never does)
"""

import itertools
import threading
import time

FIELDS = {
    "op", "part", "key", "key_prefix", "nth", "count", "seconds", "delay_head", "delay_body",
    "delay_answer", "rate", "corrupt", "lifecycle_abort", "wrong_etag", "cut_answer", "at", "mid_bytes", "do",
    "status", "code", "message", "headers", "body", "stall", "white_space", "inside", "result",
    "effect",
}


class Fault:
    _ids = itertools.count(1)

    def __init__(self, rule):
        unknown = set(rule) - FIELDS
        if unknown:
            raise KeyError(f"unknown fields in a fault: {sorted(unknown)}")
        self.rule = dict(rule)
        self.id = next(self._ids)
        self.seen = 0
        self.fired = 0
        self.first = None

    def get(self, name, default=None):
        return self.rule.get(name, default)

    def matches(self, op, part, key):
        rule = self.rule
        if rule.get("op", "*") not in ("*", op):
            return False
        if "part" in rule and rule["part"] != part:
            return False
        if "key" in rule and rule["key"] != key:
            return False
        return "key_prefix" not in rule or (key or "").startswith(rule["key_prefix"])

    def fire(self):
        """A match happened: does it count?"""
        self.seen += 1
        count, seconds = self.get("count", 1), self.get("seconds", 0)
        if self.seen < self.get("nth", 1) or (count and self.fired >= count and not seconds):
            return False
        now = time.monotonic()
        if self.first is None:
            self.first = now
        if seconds and now - self.first > seconds:
            return False
        self.fired += 1
        return True

    def describe(self):
        return {"id": self.id, "rule": self.rule, "seen": self.seen, "fired": self.fired}


class Faults:
    def __init__(self):
        self._lock = threading.Lock()
        self._faults = []

    def add(self, rule):
        fault = Fault(rule)
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self):
        with self._lock:
            self._faults.clear()

    def describe(self):
        with self._lock:
            return [fault.describe() for fault in self._faults]

    def match(self, op, part, key):
        """The first rule that fires for this request, or None."""
        with self._lock:
            for fault in self._faults:
                if fault.matches(op, part, key) and fault.fire():
                    return fault
        return None

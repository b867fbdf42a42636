"""A line or a gateway that breaks after 100 MiB: what is lost, and how long nobody knows."""

import hashlib
import time

from programs import Broken
from resuming import ResumingClient
from workloads.base import MIB, NGINX_1M, SLUICE, TUS, Column, Workload, check_stored, stage

SENT = 100 * MIB
SIZE = 144 * MIB


class Break(Workload):
    columns = (Column("lost, sent again MiB", "lost", 1, 1 / MIB, True),
               Column("reachable ms", "reached_ms", 1), Column("offset known ms", "known_ms", 1, spread=True),
               Column("resuming request accepted ms", "accepted_ms", 1, spread=True),
               Column("questions", "tries", 0))
    pinned = False
    sink_arguments = ()
    ending = ('The client sends "Expect: 100-continue" and takes 100 for acceptance. nginx remembers nothing: "known" is '
              "when it can be reached. Then the rest follows. SHA-256 of the object is compared in a run of its own, after 28 MiB.")

    def __init__(self):
        self.verified = set()

    def run(self, bench, variant):
        # A store that keeps bytes is several times slower: they are compared by themselves, and once.
        if variant.name not in self.verified:
            self.once(bench, variant, "kept-broken", 28 * MIB, 44 * MIB)
            self.verified.add(variant.name)
        return self.once(bench, variant, "broken", SENT, SIZE)

    def once(self, bench, variant, name, sent, size):
        content = (bench.pattern * (size // len(bench.pattern) + 1))[:size]
        with stage(bench, variant, *self.sink_arguments) as (sink, gateway):
            client = ResumingClient(gateway, name, content)
            client.begin(sent)
            started = self.cut(gateway, client)
            offset = client.ask()
            known = time.monotonic()
            client.resume(offset)
            accepted = time.monotonic()
            client.finish(offset)
            check_stored(sink, gateway, 1, size)
            if name.startswith("kept-") and sink.sha256(name) != hashlib.sha256(content).hexdigest():
                raise Broken("the store has other bytes")
        return {"lost": sent - offset, "tries": client.tries, "known_ms": (known - started) * 1000,
                "reached_ms": (client.reached - started) * 1000,
                "accepted_ms": (accepted - started) * 1000}

    def cut(self, gateway, client):
        """Returns when the time begins."""
        raise NotImplementedError


class Kill(Break):
    name = "kill"
    title = "`kill -9` of the gateway after 100 MiB"
    note = "Times are from the start of the new process. " + Break.ending
    variants = (NGINX_1M, TUS, SLUICE)

    def cut(self, gateway, client):
        gateway.kill()
        client.reset()
        started = time.monotonic()
        gateway.start(wait=False)
        return started


class Reset(Break):
    name = "reset"
    title = "Reset by the client after 100 MiB"
    note = "Times are from the reset. " + Break.ending
    variants = (NGINX_1M, TUS, SLUICE)

    def cut(self, gateway, client):
        client.reset()
        return time.monotonic()


class ResetSlow(Reset):
    name = "reset-slow"
    title = "Reset by the client before a store of 2 MiB/s per connection"
    note = "A part of 8 MiB takes this store 4 s."
    rounds = 2
    sink_arguments = ("--rate", str(2 * MIB))
    variants = (TUS, SLUICE)


BREAKS = (Kill(), Reset(), ResetSlow())

#!/usr/bin/env python3
"""A TCP proxy that breaks lines at exact byte counts.

Between client and gateway it is a bad mobile line; between gateway and store it is a bad data
centre. Used as a class (FaultProxy) or by hand:

    fault_proxy.py HOST:PORT [--plan JSON]... [--then JSON]

prints {"port": ...} and runs until its standard input ends. Each accepted connection takes the
next plan; when there are none left, `then` (default: pass everything).

A plan is a list of steps, each a JSON object:
    dir     "up" (client to server) or "down"
    at      bytes seen in that direction when the step is taken: exactly so many have been passed on
    do      "rst"    reset towards both sides (`side`: "client" or "server" for one only; the other
                     side then sees an orderly end)
            "fin"    orderly end: what was sent is delivered, then end of stream in both directions
            "half"   end of stream in this direction only; the other goes on
            "stall"  nothing passes any more in either direction, for `seconds` (default: for ever;
                     it ends when the client closes), then reset
            "pause"  this direction waits `seconds`, then goes on
            "rate"   this direction is limited to `rate` bytes per second from here on (0: free)
Steps of one direction are taken in order of `at`. A plan of {"do": "refuse"} resets the connection
as soon as it is accepted.
"""

import argparse
import json
import select
import socket
import struct
import sys
import threading
import time

CHUNK = 256 << 10


class _Direction:
    """Bytes on their way from `source` to `sink`."""

    def __init__(self, name, source, sink, plan):
        self.name = name
        self.source = source
        self.sink = sink
        self.steps = sorted((s for s in plan if s.get("dir", "up") == name), key=lambda s: s["at"])
        self.buffer = bytearray(CHUNK)
        self.pending = memoryview(b"")
        self.passed = 0      # bytes the sink has taken
        self.ended = False   # the source's end of stream was passed on
        self.not_before = 0.0  # pauses and rates: nothing is read until then
        self.rate, self.rate_since, self.rate_base = 0, 0.0, 0

    def room(self):
        """Bytes that may be read now: never past the next step."""
        room = CHUNK
        if self.steps:
            room = min(room, self.steps[0]["at"] - self.passed)
        if self.rate:
            room = max(1, min(room, self.rate // 20))
        return room

    def throttle(self):
        if self.rate:
            due = self.rate_since + (self.passed - self.rate_base) / self.rate
            self.not_before = max(self.not_before, due)


class _Line:
    """One proxied connection. One thread, so that a reset is really sent when it is due: a socket
    that another thread waits on would linger in the kernel until that wait ends."""

    def __init__(self, proxy, client, plan):
        self.proxy = proxy
        self.client = client
        self.server = None
        self.plan = plan
        self.directions = []
        self.over = False
        self.cut = False      # set by another thread: reset as soon as possible
        self.cut_at = None
        self._wake, self._waker = socket.socketpair()

    def passed(self, direction):
        return sum(d.passed for d in self.directions if d.name == direction)

    def request_cut(self):
        self.cut = True
        try:
            self._waker.send(b"x")
        except OSError:
            pass

    def run(self):
        try:
            if any(step["do"] == "refuse" for step in self.plan):
                self._reset(self.client)
                return
            try:
                self.server = socket.create_connection(self.proxy.target, 10)
            except OSError:
                self._reset(self.client)
                return
            for sock in (self.client, self.server):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.setblocking(False)
            self.directions = [_Direction("up", self.client, self.server, self.plan),
                               _Direction("down", self.server, self.client, self.plan)]
            while not self.over:
                self._turn()
        except OSError:
            self.break_line({"do": "rst"})  # one side broke the line: so do we, towards the other
        finally:
            self.over = True
            for sock in (self.client, self.server, self._wake, self._waker):
                if sock is not None:
                    sock.close()

    @staticmethod
    def _reset(sock):
        # Linger 0 and no shutdown() before: the peer gets a reset, not an end of stream.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()

    def _turn(self):
        """Waits for something to do and does it."""
        if self.cut:
            self.break_line({"do": "rst"})
            return
        now = time.monotonic()
        poll, timeout, watched = select.poll(), None, {}
        poll.register(self._wake, select.POLLIN)
        for direction in self.directions:
            if not direction.pending:
                self._take_steps(direction)
                if self.over:
                    return
            if direction.pending:
                watched[direction.sink.fileno()] = watched.get(direction.sink.fileno(), 0) | \
                    select.POLLOUT
            elif direction.ended:
                continue
            elif direction.not_before > now:
                wait = direction.not_before - now
                timeout = wait if timeout is None else min(timeout, wait)
            else:
                watched[direction.source.fileno()] = watched.get(
                    direction.source.fileno(), 0) | select.POLLIN
        if all(d.ended for d in self.directions):
            self.over = True
            return
        for descriptor, events in watched.items():
            poll.register(descriptor, events)
        ready = dict(poll.poll(None if timeout is None else max(1, int(timeout * 1000))))
        for direction in self.directions:
            if direction.pending:
                if ready.get(direction.sink.fileno(), 0):
                    self._write(direction)
            elif ready.get(direction.source.fileno(), 0) and not direction.ended and \
                    direction.not_before <= time.monotonic():
                self._read(direction)

    def _read(self, direction):
        try:
            got = direction.source.recv_into(direction.buffer, direction.room())
        except BlockingIOError:
            return
        if got == 0:
            direction.ended = True
            self._shut(direction.sink, socket.SHUT_WR)
            return
        direction.pending = memoryview(direction.buffer)[:got]
        self._write(direction)

    def _write(self, direction):
        try:
            sent = direction.sink.send(direction.pending)
        except BlockingIOError:
            return
        direction.pending = direction.pending[sent:]
        direction.passed += sent
        direction.throttle()

    def _take_steps(self, direction):
        while direction.steps and direction.passed >= direction.steps[0]["at"]:
            step = direction.steps.pop(0)
            if step["do"] == "rate":
                direction.rate, direction.rate_base = step["rate"], direction.passed
                direction.rate_since = time.monotonic()
            elif step["do"] == "pause":
                direction.not_before = time.monotonic() + step["seconds"]
                return
            elif step["do"] == "half":
                direction.ended = True
                self._shut(direction.sink, socket.SHUT_WR)
                return
            else:
                self.cut_at = (direction.name, step["at"], step["do"])
                self.break_line(step)
                return

    @staticmethod
    def _shut(sock, how):
        try:
            sock.shutdown(how)
        except OSError:
            pass

    def break_line(self, step):
        if self.over:
            return
        self.over = True
        do, side = step["do"], step.get("side", "both")
        if do == "stall":
            self._stall(step.get("seconds"))
        elif do == "fin":
            # Bytes that the peers sent and we did not read would turn close() into a reset.
            for sock in (self.client, self.server):
                self._shut(sock, socket.SHUT_WR)
            self._swallow(1.0)
            return
        elif do != "rst":
            raise ValueError(f"unknown step {step}")
        for name, sock in (("client", self.client), ("server", self.server)):
            if sock is None or sock.fileno() == -1:
                continue
            if side in ("both", name):
                self._reset(sock)
            else:
                self._shut(sock, socket.SHUT_WR)

    def _swallow(self, seconds):
        end = time.monotonic() + seconds
        live = [self.client, self.server]
        while live and time.monotonic() < end:
            for sock in select.select(live, [], [], max(0.0, end - time.monotonic()))[0]:
                try:
                    if sock.recv(CHUNK):
                        continue
                except OSError:
                    pass
                live.remove(sock)

    def _stall(self, seconds):
        """Nothing passes. Ends after `seconds`, when the client closes, or with the proxy."""
        end = None if seconds is None else time.monotonic() + seconds
        while (end is None or time.monotonic() < end) and not self.cut and not self.proxy.closed:
            poll = select.poll()
            # The client's bytes stay unread, so its window fills up: only its end is looked for.
            poll.register(self.client, select.POLLRDHUP)
            poll.register(self._wake, select.POLLIN)
            wait = 200 if end is None else min(200, max(1, int((end - time.monotonic()) * 1000)))
            if any(fd == self.client.fileno() for fd, _ in poll.poll(wait)):
                return


class FaultProxy:
    """Listens on a free port of 127.0.0.1 and forwards to `target` (host, port)."""

    def __init__(self, target, plans=(), then=()):
        self.target = target
        self.plans = list(plans)
        self.then = list(then)
        self.lines = []
        self.closed = False
        self.mode = "up"  # "refuse": accepted and reset
        self._lock = threading.Lock()
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(256)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def add_plan(self, *steps):
        with self._lock:
            self.plans.append(list(steps))

    def cut_all(self):
        """Resets every live line, now; new ones are accepted."""
        with self._lock:
            lines, self.lines = self.lines, []
        for line in lines:
            line.request_cut()
        return len(lines)

    def bytes_passed(self, direction="up"):
        with self._lock:
            return sum(line.passed(direction) for line in self.lines)

    def close(self):
        self.closed = True
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
        self._listener.close()
        self.cut_all()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                plan = self.plans.pop(0) if self.plans else self.then
                if self.mode == "refuse":
                    plan = [{"do": "refuse"}]
                line = _Line(self, client, plan)
                self.lines = [l for l in self.lines if not l.over] + [line]
            threading.Thread(target=line.run, daemon=True).start()


def main():
    parser = argparse.ArgumentParser(description="TCP proxy that breaks lines at byte counts")
    parser.add_argument("target")
    parser.add_argument("--plan", action="append", default=[], type=json.loads)
    parser.add_argument("--then", default=[], type=json.loads)
    args = parser.parse_args()
    host, _, port = args.target.rpartition(":")
    proxy = FaultProxy((host, int(port)), args.plan, args.then)
    print(json.dumps({"port": proxy.port}), flush=True)
    while sys.stdin.buffer.read(1):
        pass
    proxy.close()


if __name__ == "__main__":
    main()

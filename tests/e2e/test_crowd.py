"""Many clients at once: bounded memory with hundreds of slow ones (G8, S-32), and several clients
that fight over one name (G7)."""

import os
import pathlib
import random
import select
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from e2e.harness import (  # noqa: E402
    Connection, Data, E2ETest, KIB, MIB, ResumableUpload, put_resumable, target, wait_clean)

CROWD = int(os.environ.get("SLUICE_CROWD", "300"))


class SlowClient:
    """One upload that sends a piece whenever it is its turn and there is room."""

    def __init__(self, port, number, size):
        self.data = Data(f"crowd {number}", size)
        self.name = f"crowd/{number}"
        self.connection = Connection(port, timeout=90)
        self.connection.send_head("PUT", target(self.name), {
            "Content-Length": str(size), "Content-Range": f"bytes 0-{size - 1}/{size}"})
        self.connection.sock.setblocking(False)
        self.sent = 0
        self.pending = memoryview(b"")

    @property
    def done(self):
        return self.sent == self.data.size

    def turn(self, piece):
        """Sends up to `piece` bytes; less when the gateway does not read."""
        if not self.pending:
            self.pending = memoryview(self.data.bytes(self.sent, self.sent + piece))
        try:
            count = self.connection.sock.send(self.pending)
        except BlockingIOError:
            return
        self.pending = self.pending[count:]
        self.sent += count

    def answer(self):
        self.connection.sock.settimeout(90)
        try:
            return self.connection.read_response()
        finally:
            self.connection.close()


class Crowd(E2ETest):
    def test_many_slow_clients_in_little_memory(self):
        """Together they send many times the budget, all at the same time, nobody is refused."""
        store = self.fake_store(etag="opaque")
        gateway = self.gateway(store, sets={"memory_budget": "64MiB", "part_size": "8MiB"})
        rng = random.Random("crowd")
        before = gateway.status("VmHWM")
        clients = [SlowClient(gateway.port, n, rng.randrange(2 * MIB, 4 * MIB))
                   for n in range(CROWD)]
        started = time.monotonic()
        busy = list(clients)
        while busy:
            self.assertLess(time.monotonic() - started, 120, f"{len(busy)} clients are stuck")
            _, writable, _ = select.select([], [c.connection.sock for c in busy], [], 1)
            ready = set(writable)
            for client in busy:
                if client.connection.sock in ready:
                    client.turn(128 * KIB)
            busy = [c for c in busy if not c.done]
            time.sleep(0.02)
        for client in clients:
            answer = client.answer()
            self.assertEqual(answer.status, 200, answer)
        grown = gateway.status("VmHWM") - before
        total = sum(c.data.size for c in clients)
        print(f"crowd: {CROWD} clients, {total >> 20} MiB through a budget of 64 MiB in "
              f"{time.monotonic() - started:.1f} s, memory grew by {grown >> 20} MiB",
              file=sys.stderr)
        self.assertGreater(total, 10 * 64 * MIB * CROWD // 300)
        for client in clients:
            self.assert_stored(store, client.name, client.data)
        # Budget, 64 KiB per connection and what the program itself needs at work.
        if not gateway.sanitized:
            self.assertLess(grown, 64 * MIB + CROWD * 64 * KIB + 64 * MIB)
        wait_clean(store)

    def test_fast_clients_beside_slow_ones(self):
        """Slow uploads that hold the budget do not starve a fast one."""
        store = self.fake_store(etag="opaque")
        gateway = self.gateway(store, sets={"memory_budget": "64MiB", "part_size": "8MiB"})
        slow = [SlowClient(gateway.port, n, 7 * MIB) for n in range(40)]
        for client in slow:
            while client.sent < 3 * MIB:
                before = client.sent
                client.turn(256 * KIB)
                if client.sent == before:
                    time.sleep(0.002)
        data = Data("fast", 100 * MIB)
        started = time.monotonic()
        put_resumable(gateway.port, "fast", data, deadline=60)
        print(f"crowd: 100 MiB beside 40 half uploads in {time.monotonic() - started:.1f} s",
              file=sys.stderr)
        self.assert_stored(store, "fast", data)
        for client in slow:
            while not client.done:
                before = client.sent
                client.turn(256 * KIB)
                if client.sent == before:
                    time.sleep(0.002)
        for client in slow:
            self.assertEqual(client.answer().status, 200)
            self.assert_stored(store, client.name, client.data)

    def test_clients_that_fight_over_one_name(self):
        """The same file from several devices: each is thrown out by the next, the object is right,
        and it ends."""
        for store in (self.fake_store(), self.dir_store()):
            with self.subTest(store=store.kind):
                gateway = self.gateway(store, sets={"linger": "200ms"})
                data = Data("fight", 30 * MIB)
                failures = []

                def client(seed, gateway=gateway, data=data, failures=failures):
                    rng = random.Random(seed)
                    try:
                        time.sleep(rng.uniform(0, 0.3))
                        ResumableUpload(lambda: Connection(gateway.port, timeout=30), "fight", data,
                                        deadline=90, patience=0.5, seed=seed,
                                        chunk=rng.choice([None, 4 * MIB, 9 * MIB])).run()
                    except BaseException as error:
                        failures.append(repr(error))

                threads = [threading.Thread(target=client, args=(seed,)) for seed in range(5)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join(100)
                self.assertEqual(failures, [])
                self.assert_stored(store, "fight", data)


if __name__ == "__main__":
    unittest.main()

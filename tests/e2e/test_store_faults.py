"""Faults of the store, seen from the client.

TenRows: the faults that existing servers fail (each corrupts, loses or invents an upload there).
StoreRows: rows S-07 to S-28 and S-34 of the S3 digest that can be seen from outside.
"""

import pathlib
import re
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from e2e.harness import (  # noqa: E402
    Broken, Connection, Data, E2ETest, FakeStore, KIB, MIB, ResumableUpload, put_resumable, target,
    wait_clean, wait_until)

PART = 5 * MIB
SIZE = 40 * MIB + 12345
FAST = {"part_size": "5MiB", "retry.base": "10ms", "retry.throttled_base": "20ms",
        "retry.cap": "200ms", "retry.attempts_max": "3", "linger": "300ms"}


class FaultTest(E2ETest):
    name = "video.bin"

    def start(self, sets=None, store=None, **switches):
        self.store = store or self.fake_store(**switches)
        self.fake = self.store.fake
        self.gw = self.gateway(self.store, sets={**FAST, **(sets or {})})

    def upload(self, data, name=None, **options):
        options.setdefault("deadline", 60)
        options.setdefault("patience", 0.3)
        return put_resumable(self.gw.port, name or self.name, data, **options)

    def put_range(self, data, begin, end, name=None):
        """One request with these bytes; the Response, or None if the line broke."""
        with Connection(self.gw.port, timeout=40) as connection:
            connection.send_head("PUT", target(name or self.name), {
                "Content-Length": str(end - begin),
                "Content-Range": f"bytes {begin}-{end - 1}/{data.size}"})
            try:
                for view in data.views(begin, end):
                    connection.send(view)
            except OSError:
                pass
            try:
                return connection.read_response()
            except Broken:
                return None

    def check(self, data, name=None, writes=1):
        name = name or self.name
        self.assert_stored(self.store, name, data)
        self.assertEqual(self.store.writes(name), writes)
        wait_clean(self.store)

    def parts_sent(self, number, since=0):
        return [r for r in self.fake.requests(since, "UploadPart") if r["part"] == number]

    def completions(self):
        return self.fake.requests(op="CompleteMultipartUpload")


class TenRows(FaultTest):
    def test_row01_one_part_fails_while_later_ones_succeed(self):
        self.start()
        data = Data("row 1", SIZE)
        self.fake.fault("UploadPart", part=3, count=3, do="answer", status=500,
                        code="InternalError")
        answer = self.put_range(data, 0, SIZE)
        self.assertTrue(answer is None or answer.status == 503, answer)
        # What the gateway still holds may finish the upload now; then the query says so.
        answer = wait_until(lambda: (a := self.gw.query(self.name, SIZE)).status in (200, 308) and a,
                            what="an answer")
        stored = SIZE if answer.status == 200 else answer.stored
        self.assertEqual(answer.status == 200, self.store.writes(self.name) == 1)
        if answer.status != 200:
            upload = self.upload(data)
            self.assertGreaterEqual(min(upload.stats.seen, default=stored), 0)
        self.check(data)

    def test_row01_offset_stops_at_the_hole(self):
        """Part 3 never succeeds: nothing behind it may ever be acknowledged."""
        self.start()
        data = Data("row 1b", SIZE)
        self.fake.fault("UploadPart", part=3, count=0, do="answer", status=500,
                        code="InternalError")
        highest = 0
        for _ in range(4):
            self.put_range(data, highest, SIZE)
            # 503 is right, too: every byte is here, only the store does not take them.
            answer = self.gw.query(self.name, SIZE)
            self.assertIn(answer.status, (308, 503), answer)
            self.assertIsNotNone(answer.get("range"), answer)
            self.assertGreaterEqual(answer.stored, highest)
            highest = answer.stored
            # Bytes of part 3 itself may be durable as parked segments, but no more than that.
            self.assertLessEqual(highest, 3 * PART)
        self.fake.clear_faults()
        self.upload(data, resume=True)
        self.check(data)

    def test_row02_tail_and_new_bytes_fail_together(self):
        self.start()
        data = Data("row 2", SIZE)
        end = 4 * PART + 3 * MIB
        answer = self.put_range(data, 0, end)
        self.assertEqual((answer.status, answer.stored), (308, end))
        # The part made of the tail and of new bytes fails for good, what follows is new tail.
        self.fake.fault("UploadPart", part=5, count=3, do="answer", status=500)
        answer = self.put_range(data, end, end + 4 * MIB)
        if answer is not None and answer.status == 308:
            self.assertGreaterEqual(answer.stored, end)
        self.assertGreaterEqual(wait_until(
            lambda: (a := self.gw.query(self.name, SIZE)).status == 308 and a).stored, end)
        upload = self.upload(data, resume=True)
        self.assertTrue(all(o >= end for o in upload.stats.seen), upload.stats.seen)
        self.check(data)

    def test_row03_completion_fails(self):
        self.start({"complete_wait": "2s"})
        data = Data("row 3", SIZE)
        self.fake.fault("CompleteMultipartUpload", count=0, do="answer", status=500,
                        code="InternalError")
        answer = self.put_range(data, 0, SIZE)
        self.assertTrue(answer is None or answer.status == 503, answer)
        for _ in range(3):
            answer = self.gw.query(self.name, SIZE)
            self.assertNotEqual(answer.status, 200, "success without an object")
            if answer.status == 308:
                self.assertLess(answer.stored, SIZE, "a client takes this for the end")
            time.sleep(0.2)
        self.assertFalse(self.store.exists(self.name))
        self.fake.clear_faults()
        wait_until(lambda: self.gw.query(self.name, SIZE).status == 200, 30, what="completion")
        self.check(data)

    def test_row04_answer_of_the_completion_lost(self):
        for do in ({"do": "answer", "status": 500}, {"do": "close"}, {"do": "rst"}):
            with self.subTest(**do):
                self.start()
                data = Data("row 4", SIZE)
                self.fake.fault("CompleteMultipartUpload", at="done", **do)
                self.upload(data)
                self.check(data)

    def test_row05_lifecycle_rule_aborts(self):
        self.start()
        data = Data("row 5", SIZE)
        end = 4 * PART + MIB
        self.assertEqual(self.put_range(data, 0, end).stored, end)
        for upload in self.fake.open_uploads():
            self.fake.abort(upload["id"])
        answer = self.put_range(data, end, SIZE)
        if answer is not None and answer.status != 410:
            self.assertGreaterEqual(answer.status, 500, answer)
        answer = wait_until(lambda: (a := self.gw.query(self.name, SIZE)).status != 503 and a,
                            what="an answer")
        self.assertEqual(answer.status, 410, answer)
        self.assertFalse(self.store.exists(self.name))
        # The client starts again, and that works.
        answer = self.put_range(data, 0, SIZE)
        self.assertEqual(answer.status, 200, answer)
        self.check(data)

    def test_row05_lifecycle_rule_aborts_at_the_end(self):
        self.start()
        data = Data("row 5b", SIZE)
        self.fake.fault("CompleteMultipartUpload", lifecycle_abort=True, count=0)
        answer = self.put_range(data, 0, SIZE)
        self.assertTrue(answer is None or answer.status in (410, 502, 503), answer)
        answer = wait_until(lambda: (a := self.gw.query(self.name, SIZE)).status != 503 and a,
                            what="an answer")
        self.assertEqual(answer.status, 410, answer)
        self.assertFalse(self.store.exists(self.name))

    def test_row06_kill_with_parts_in_flight_out_of_order(self):
        self.start()
        data = Data("row 6", SIZE)
        for part in (2, 3):
            self.fake.fault("UploadPart", part=part, delay_body=30)
        sender = threading.Thread(target=self.put_range, args=(data, 0, SIZE), daemon=True)
        sender.start()
        wait_until(lambda: any(r["status"] == 200 for r in self.parts_sent(4)), what="part 4")
        self.gw.kill9()
        sender.join(10)
        self.fake.clear_faults()
        self.gw.start()
        answer = self.gw.query(self.name, SIZE)
        if answer.status == 308:
            self.assertLessEqual(answer.stored, 2 * PART)
        self.upload(data, resume=True)
        self.check(data)

    def test_row07_kill_during_a_resumed_upload(self):
        self.start()
        data = Data("row 7", SIZE)
        end = 2 * PART + 777
        self.assertEqual(self.put_range(data, 0, end).stored, end)
        self.fake.fault("UploadPart", part=4, delay_body=30)
        sender = threading.Thread(target=self.put_range, args=(data, end, SIZE), daemon=True)
        sender.start()
        wait_until(lambda: any(r["status"] == 200 for r in self.parts_sent(5)), what="part 5")
        self.gw.kill9()
        sender.join(10)
        self.fake.clear_faults()
        self.gw.start()
        answer = self.gw.query(self.name, SIZE)
        self.assertEqual(answer.status, 308, answer)
        self.assertTrue(end <= answer.stored <= 3 * PART, answer)
        self.upload(data, resume=True)
        self.check(data)

    def test_row08_unknown_length(self):
        self.start()
        for size in (3_000_000, 12_000_000):
            data = Data("row 8", size)
            with self.gw.connect() as connection:
                connection.send_head("PUT", target(f"chunked-{size}"),
                                     {"Transfer-Encoding": "chunked"})
                for view in data.views():
                    connection.send_chunk(view)
                connection.end_chunks()
                answer = connection.read_response()
            self.assertEqual((answer.status, answer.json()["size"]), (200, str(size)))
            self.check(data, f"chunked-{size}")

    def test_row09_readers_do_not_disturb(self):
        self.start()
        data = Data("row 9", SIZE)
        with self.gw.connect() as writer:
            writer.send_head("PUT", target(self.name), {
                "Content-Length": str(SIZE), "Content-Range": f"bytes 0-{SIZE - 1}/{SIZE}"})
            offsets = []
            wait_until(lambda: self.gw.query(self.name).status == 308, what="the upload")
            for begin in range(0, SIZE, 2 * MIB):
                writer.send(data.bytes(begin, begin + 2 * MIB))
                for method in ("PUT", "HEAD"):
                    started = time.monotonic()
                    if method == "PUT":
                        answer = self.gw.query(self.name, "*")
                    else:
                        answer = self.gw.request("HEAD", target(self.name))
                    if begin + 2 * MIB < SIZE:
                        self.assertLess(time.monotonic() - started, 3)
                        self.assertEqual(answer.status, 308, answer)
                        offsets.append(answer.stored)
            self.assertEqual(writer.read_response().status, 200)
        self.assertEqual(offsets, sorted(offsets))
        self.check(data)
        # One request of the client, so one multipart upload and every part sent once.
        for number in range(1, 10):
            self.assertEqual(len(self.parts_sent(number)), 1)

    def test_row10_store_stalls(self):
        """A fast client in front of a silent store: bounded memory, then it goes on."""
        self.start({"memory_budget": "64MiB", "part_size": "8MiB"}, etag="opaque")
        before = self.gw.status("VmRSS")
        data = Data("row 10", 400 * MIB)
        self.fake.fault("UploadPart", nth=3, count=1, delay_head=6)
        self.fake.fault("UploadPart", nth=3, count=30, delay_head=3)
        sent = threading.Event()
        result = []

        def send():
            result.append(self.put_range(data, 0, data.size))
            sent.set()

        threading.Thread(target=send, daemon=True).start()
        self.assertFalse(sent.wait(1.5))
        self.assertTrue(sent.wait(90))
        self.assertEqual(result[0].status, 200, result[0])
        if not self.gw.sanitized:
            self.assertLess(self.gw.status("VmHWM") - before, (64 + 64) * MIB)
        self.check(data)


class StoreRows(FaultTest):
    def test_S07_equal_parts(self):
        store = FakeStore(preset="r2", env={}, equal_parts=True, region=None)
        self.addCleanup(store.stop)
        self.start(store=store)
        for size in (PART, 2 * PART, 3 * PART + 1):
            self.upload(Data("S-07", size), f"known-{size}")
            self.assert_stored(store, f"known-{size}", Data("S-07", size))
        data = Data("S-07", 50 * MIB)
        with self.gw.connect() as connection:
            connection.send_head("PUT", target("unknown"), {"Transfer-Encoding": "chunked"})
            for view in data.views():
                connection.send_chunk(view)
            connection.end_chunks()
            self.assertEqual(connection.read_response().status, 200)
        self.check(data, "unknown")
        chunky = Data("S-07c", 23 * MIB + 5)
        self.upload(chunky, "chunky", chunk=3 * MIB + 1)
        self.check(chunky, "chunky")

    def test_S08_part_retry(self):
        self.start()
        data = Data("S-08", SIZE)
        self.fake.fault("UploadPart", part=2, count=2, do="answer", status=503,
                        code="ServiceUnavailable")
        answer = self.put_range(data, 0, SIZE)
        self.assertEqual(answer.status, 200, answer)
        tries = self.parts_sent(2)
        self.assertEqual([r["status"] for r in tries], [503, 503, 200])
        self.assertEqual({r["size"] for r in tries}, {PART})
        self.check(data)

    def test_S09_request_timeout(self):
        self.start({"parts_in_flight": "1"})  # so that the next call is the repetition
        data = Data("S-09", SIZE)
        self.fake.fault("UploadPart", part=2, do="answer", status=400, code="RequestTimeout")
        self.assertEqual(self.put_range(data, 0, SIZE).status, 200)
        tries = self.parts_sent(2)
        self.assertEqual([r["status"] for r in tries], [400, 200])
        self.assertNotEqual(tries[0]["connection"], tries[1]["connection"])
        self.check(data)

    def test_S10_reset_in_the_middle_of_a_part(self):
        for do in ("rst", "close"):
            with self.subTest(do=do):
                self.start()
                data = Data("S-10", SIZE)
                self.fake.fault("UploadPart", part=2, at="mid", do=do)
                self.fake.fault("UploadPart", part=4, at="head", do=do)
                self.fake.fault("UploadPart", part=5, at="done", do=do)
                self.assertEqual(self.put_range(data, 0, SIZE).status, 200)
                numbers = re.findall(r"<PartNumber>(\d+)<", self.completions()[-1]["body"])
                self.assertEqual(numbers, [str(n) for n in range(1, 10)])
                self.check(data)

    def test_S11_access_denied(self):
        self.start()
        data = Data("S-11", SIZE)
        self.fake.fault("*", count=0, do="answer", status=403, code="AccessDenied",
                        message="secret-looking-text")
        answer = self.put_range(data, 0, SIZE)
        self.assertTrue(500 <= answer.status < 600, answer)
        self.assertNotIn(b"secret-looking-text", answer.body)
        self.assertNotIn(self.fake.secret.encode(), answer.body)
        creates = self.fake.requests(op="CreateMultipartUpload")
        # Once for each part that was on its way, at most.
        self.assertLessEqual(len(creates), 4, "a permanent error is not repeated")
        self.assertNotIn(self.fake.secret, self.gw.log_text())

    def test_S12_credentials_change(self):
        """Temporary credentials from a shared file are replaced while the gateway runs."""
        path = self.temporary() / "credentials"

        def write(token):
            path.write_text("[default]\naws_access_key_id = rotating\n"
                            f"aws_secret_access_key = rotatingsecret\naws_session_token = {token}\n")
            path.chmod(0o600)
            self.fake.command("credentials", rotating={"secret": "rotatingsecret", "token": token})

        store = self.fake_store()
        self.fake = store.fake
        write("first")
        store.env = {"AWS_SHARED_CREDENTIALS_FILE": str(path)}
        self.start(store=store)
        data = Data("S-12", 9 * MIB)
        self.upload(data, "before")
        write("second")
        answer = self.put_range(data, 0, data.size, "after")
        self.assertEqual(answer.status, 200, answer)
        self.assert_stored(store, "after", data)

    def test_S13_clock_skew(self):
        self.start(clock_offset=3600)
        data = Data("S-13", SIZE)
        self.assertEqual(self.put_range(data, 0, SIZE).status, 200)
        skewed = [r for r in self.fake.requests() if r["code"] == "RequestTimeTooSkewed"]
        self.assertLess(len(skewed), 10, "the offset is learnt once, not each time")
        self.assertGreater(len(skewed), 0)
        self.check(data)

    def test_S14_other_region(self):
        self.start({"threads": "1"}, region="eu-west-1")  # each thread learns for itself
        data = Data("S-14", SIZE)
        self.assertEqual(self.put_range(data, 0, SIZE).status, 200)
        mark = self.fake.mark()
        self.upload(data, "second")
        self.assertEqual([r["code"] for r in self.fake.requests(mark)
                          if r["code"] == "AuthorizationHeaderMalformed"], [], "remembered")
        self.assert_stored(self.store, self.name, data)

    def test_S15_white_space(self):
        for inside in (False, True):
            with self.subTest(inside=inside):
                self.start()
                data = Data("S-15", SIZE)
                self.fake.fault("CompleteMultipartUpload", white_space=5, inside=inside)
                self.assertEqual(self.put_range(data, 0, SIZE).status, 200)
                self.assertEqual(len(self.completions()), 1)
                self.check(data)

    def test_S16_error_behind_200(self):
        self.start()
        data = Data("S-16", SIZE)
        self.fake.fault("CompleteMultipartUpload", result="error", code="InternalError",
                        white_space=0.3)
        self.assertEqual(self.put_range(data, 0, SIZE).status, 200)
        self.assertEqual(len(self.completions()), 2)
        self.check(data)

    def test_S17_200_without_xml(self):
        for result, effect in (("cut", True), ("cut", False), ("empty", True), ("empty", False)):
            with self.subTest(result=result, effect=effect):
                self.start()
                data = Data("S-17", SIZE)
                self.fake.fault("CompleteMultipartUpload", result=result, effect=effect,
                                white_space=0.3)
                self.upload(data)
                self.check(data)

    def test_S18_second_completion_says_no_such_upload(self):
        self.start()
        data = Data("S-18", SIZE)
        self.fake.fault("CompleteMultipartUpload", at="done", do="rst")
        self.assertEqual(self.put_range(data, 0, SIZE).status, 200)
        self.check(data)

    def test_S18_answers_that_arrive_in_pieces(self):
        """The completion worked, its answer and the next one were lost in the middle."""
        for cut in (0, 25, 60):
            with self.subTest(cut=cut):
                self.start()
                data = Data("S-18b", SIZE)
                self.fake.fault("CompleteMultipartUpload", cut_answer=cut)
                self.fake.fault("CompleteMultipartUpload", cut_answer=cut)
                answer = self.put_range(data, 0, SIZE)
                self.assertEqual(answer.status, 200, answer)
                self.check(data)

    def test_S18_404_without_a_body(self):
        """A proxy in front of the store replaced the error document."""
        self.start()
        data = Data("S-18d", SIZE)
        self.fake.fault("CompleteMultipartUpload", at="done", do="rst")
        self.fake.fault("CompleteMultipartUpload", do="answer", status=404, body="")
        answer = self.put_range(data, 0, SIZE)
        self.assertEqual(answer.status, 200, answer)
        self.check(data)

    def test_error_documents_that_arrive_in_pieces(self):
        """A refusal whose text is lost says less than a refusal: it is asked again."""
        self.start()
        data = Data("cut errors", SIZE)
        for number in range(1, 6):
            self.fake.fault("UploadPart", part=number, at="body", do="answer", status=400,
                            code="RequestTimeout", cut_answer=30)
        self.fake.fault("CreateMultipartUpload", cut_answer=40)
        answer = self.put_range(data, 0, SIZE)
        self.assertEqual(answer.status, 200, answer)
        self.assert_stored(self.store, self.name, data)

    def test_S18_second_completion_says_200(self):
        self.start(second_complete="ok", empty_complete_etag=True, omitted_part="InvalidPart",
                   complete_of_aborted="InternalError", list_parts_of_aborted="NoSuchKey")
        data = Data("S-18c", SIZE)
        self.fake.fault("CompleteMultipartUpload", at="done", do="rst")
        answer = self.put_range(data, 0, SIZE)
        self.assertEqual(answer.status, 200)
        self.check(data)

    def test_S19_foreign_object_under_the_name(self):
        """Our upload vanished and somebody else's object stands there: never call that success."""
        self.start()
        data = Data("S-19", SIZE)
        self.fake.put_object(self.name, b"foreign")
        self.fake.fault("CompleteMultipartUpload", lifecycle_abort=True, count=0)
        answer = self.put_range(data, 0, SIZE)
        self.assertTrue(answer is None or answer.status in (410, 502, 503), answer)
        answer = wait_until(lambda: (a := self.gw.query(self.name, SIZE)).status != 503 and a)
        self.assertEqual(answer.status, 410, answer)
        self.assertEqual(self.store.size(self.name), 7)

    def test_S21_conflict_at_completion(self):
        self.start()
        data = Data("S-21", SIZE)
        self.fake.fault("CompleteMultipartUpload", count=0, do="answer", status=409,
                        code="ConditionalRequestConflict")
        answer = self.put_range(data, 0, SIZE)
        self.assertTrue(answer is None or answer.status >= 400, answer)
        wait_until(lambda: self.gw.query(self.name, SIZE).status in (410, 502), what="failed")
        self.assertFalse(self.store.exists(self.name))
        wait_clean(self.store)

    def test_S22_crash_in_completing(self):
        for when in ("delay_body", "delay_answer"):
            with self.subTest(when=when):
                self.start()
                data = Data("S-22", SIZE)
                fault = self.fake.fault("CompleteMultipartUpload", **{when: 1.0})
                sender = threading.Thread(target=self.put_range, args=(data, 0, SIZE), daemon=True)
                sender.start()
                wait_until(lambda: self.fake.fired(fault), 20, what="the completion")
                time.sleep(0.3)
                self.gw.kill9()
                sender.join(10)
                self.gw.start()
                answer = wait_until(
                    lambda: (a := self.gw.query(self.name, SIZE)).status != 503 and a, 30)
                self.assertEqual(answer.status, 200, answer)
                self.check(data)

    def test_S22_restart_finishes_without_a_client(self):
        """Nobody asks: the new process completes by itself."""
        self.start()
        data = Data("S-22b", SIZE)
        fault = self.fake.fault("CompleteMultipartUpload", do="stall", stall=60)
        sender = threading.Thread(target=self.put_range, args=(data, 0, SIZE), daemon=True)
        sender.start()
        wait_until(lambda: self.fake.fired(fault), 20, what="the completion")
        self.gw.kill9()
        sender.join(10)
        self.gw.start()
        wait_until(lambda: self.store.exists(self.name), 20, what="the object")
        self.check(data)

    def test_S23_abort_race(self):
        self.start(abort_keeps_inflight=True)
        data = Data("S-23", SIZE)
        fault = self.fake.fault("UploadPart", part=2, delay_body=1.5)
        sender = threading.Thread(target=self.put_range, args=(data, 0, SIZE), daemon=True)
        sender.start()
        wait_until(lambda: self.fake.fired(fault), what="part 2 in flight")
        answer = self.gw.request("DELETE", target(self.name))
        self.assertEqual(answer.status, 204, answer)
        sender.join(20)
        wait_clean(self.store, 15)

    def test_S24_pages_of_parts(self):
        """The store refuses the list once although it is right: the gateway looks, page by page."""
        self.start(page_max=3)
        data = Data("S-24", SIZE)
        self.fake.fault("CompleteMultipartUpload", do="answer", status=400, code="InvalidPart")
        answer = self.put_range(data, 0, SIZE)
        self.assertEqual(answer.status, 200, answer)
        self.assertGreaterEqual(len(self.fake.requests(op="ListParts")), 3)
        self.check(data)

    def test_S24_wrong_etag_in_the_answer(self):
        """The answer to a part carried a wrong ETag; the listing shows another one. Without a
        checksum in the listing nobody can know whose bytes they are: success with the right object,
        or an honest end, and then a new attempt that works."""
        self.start()
        data = Data("S-24b", SIZE)
        self.fake.fault("UploadPart", part=3, wrong_etag=True)
        answer = self.put_range(data, 0, SIZE)
        if answer.status != 200:
            self.assertEqual(answer.status, 502, answer)
            self.assertFalse(self.store.exists(self.name))
            self.assertEqual(self.put_range(data, 0, SIZE).status, 200)
        self.check(data)

    def test_S25_size_and_checksum_at_completion(self):
        store = FakeStore(preset="aws&path_style=true")
        self.addCleanup(store.stop)
        self.start(store=store)
        data = Data("S-25", SIZE)
        self.assertEqual(self.put_range(data, 0, SIZE).status, 200)
        headers = self.completions()[-1]["headers"]
        self.assertEqual(headers["x-amz-mp-object-size"], str(SIZE))
        self.assertEqual(headers["x-amz-checksum-type"], "FULL_OBJECT")
        self.assertIn("x-amz-checksum-crc64nvme", headers)
        for part in self.fake.requests(op="UploadPart"):
            self.assertIn("x-amz-checksum-crc64nvme", part["headers"])
        self.check(data)

    def test_S26_bytes_change_on_the_way(self):
        store = FakeStore(preset="aws&path_style=true")
        self.addCleanup(store.stop)
        self.start(store=store)
        data = Data("S-26", SIZE)
        self.fake.fault("UploadPart", part=2, corrupt=True)
        self.assertEqual(self.put_range(data, 0, SIZE).status, 200)
        self.assertEqual([r["code"] for r in self.parts_sent(2)], ["BadDigest", None])
        self.check(data)
        self.fake.fault("UploadPart", part=2, corrupt=True, count=0)
        mark = self.fake.mark()
        answer = self.put_range(data, 0, SIZE, "never")
        self.assertTrue(answer is None or answer.status >= 500, answer)
        self.assertLessEqual(len(self.parts_sent(2, mark)), 5, "not for ever")
        self.assertFalse(self.store.exists("never"))

    def test_S27_S28_headers(self):
        self.start()
        data = Data("S-27", SIZE)
        answer = self.gw.put(self.name, data.bytes(), [
            ("Content-Type", "video/mp4"), ("X-Upload-Metadata-Album", "7")])
        self.assertEqual(answer.status, 200)
        for request in self.fake.requests():
            headers = request["headers"]
            self.assertNotIn("x-amz-acl", headers)
            self.assertNotIn("x-amz-sdk-checksum-algorithm", headers)
            if request["op"] == "UploadPart":
                self.assertEqual([h for h in headers if h.startswith("x-amz-meta-")], [])
        create = self.fake.requests(op="CreateMultipartUpload")[0]["headers"]
        self.assertEqual((create["content-type"], create["x-amz-meta-album"]), ("video/mp4", "7"))
        self.check(data)

    def test_S34_throttling(self):
        self.start({"retry.attempts_max": "8", "retry.throttled_base": "300ms",
                    "retry.cap": "3s"})
        uploads = []
        self.fake.fault("UploadPart", nth=5, count=0, seconds=5, do="answer", status=503,
                        code="SlowDown")
        for number in range(4):
            data = Data(f"S-34/{number}", SIZE)
            upload = ResumableUpload(lambda: Connection(self.gw.port, timeout=60), f"s34/{number}",
                                     data, deadline=90)
            thread = threading.Thread(target=upload.run)
            thread.start()
            uploads.append((upload, thread))
        for upload, thread in uploads:
            thread.join(100)
            self.assert_stored(self.store, upload.name, upload.data)
        wait_clean(self.store)

    def test_parking_fails(self):
        """What could not be parked is not acknowledged."""
        self.start()
        data = Data("park", 20 * MIB)
        self.fake.fault("PutObject", key_prefix=".", count=0, do="answer", status=500)
        answer = self.put_range(data, 0, MIB)
        self.assertTrue(answer is None or answer.status == 503, answer)
        answer = self.gw.query(self.name, data.size)
        self.assertTrue(answer.status in (404, 503) or answer.stored == 0, answer)
        self.fake.clear_faults()
        self.upload(data, chunk=3 * MIB)
        self.check(data)

    def test_parked_object_cannot_be_read(self):
        """A parked tail is read back for its part: a failure there is retried, nothing is lost."""
        self.start()
        data = Data("parked", 20 * MIB)
        self.assertEqual(self.put_range(data, 0, 7 * MIB).stored, 7 * MIB)
        self.gw.restart()  # nothing of it is in memory any more
        self.fake.fault("GetObject", count=2, do="answer", status=500)
        self.fake.fault("GetObject", nth=3, count=1, at="done", do="rst")
        self.upload(data)
        self.check(data)

    def test_small_upload_outcome_unknown(self):
        self.start()
        data = Data("small", 100 * KIB)
        self.fake.fault("PutObject", key=self.name, at="done", do="rst")
        answer = self.put_range(data, 0, data.size)
        self.assertEqual(answer.status, 200, answer)
        self.assert_stored(self.store, self.name, data)

    def test_store_restarts_in_the_middle(self):
        self.start({"retry.attempts_max": "8", "retry.base": "50ms"})
        data = Data("restart", SIZE)
        self.fake.fault("UploadPart", part=3, delay_head=0.5)
        sender = []
        thread = threading.Thread(target=lambda: sender.append(self.upload(data)))
        thread.start()
        wait_until(lambda: self.parts_sent(3), what="part 3")
        self.fake.mode("refuse")
        time.sleep(1)
        self.fake.mode("up")
        thread.join(60)
        self.assertEqual(len(sender), 1)
        self.check(data)

    def test_client_vanishes_and_nothing_is_sent_for_nobody(self):
        """The tail of a client that never returns is parked once, then there is silence."""
        self.start()
        data = Data("gone", 20 * MIB)
        connection = self.gw.connect()
        connection.send_head("PUT", target(self.name), {
            "Content-Length": str(data.size),
            "Content-Range": f"bytes 0-{data.size - 1}/{data.size}"})
        connection.send(data.bytes(0, 7 * MIB))
        time.sleep(0.3)
        connection.reset()
        answer = wait_until(lambda: (a := self.gw.query(self.name)).stored == 7 * MIB and a, 10)
        self.assertEqual(answer.status, 308)
        time.sleep(0.5)
        mark = self.fake.mark()
        time.sleep(1.5)
        self.assertEqual(self.fake.requests(mark), [])


if __name__ == "__main__":
    unittest.main()

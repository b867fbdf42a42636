"""One upload, many protocols (G11): begun in one, asked for in a second, finished in a third, in every
combination. The content of what arrived is compared by its hash.
"""

import itertools
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from e2e.harness import Data, DirStore, E2ETest, FakeStore, MIB, OneGateway  # noqa: E402
from e2e.http_raw import request  # noqa: E402
from e2e.ietf import Ietf  # noqa: E402
from e2e.tus import Tus  # noqa: E402

SIZE = 7 * MIB + 333
FIRST = 3 * MIB + 17


class TusSpeaker:
    def __init__(self, port):
        self.tus = Tus(port)

    def begin(self, _name, data):
        path = self.tus.begin(SIZE)
        answer = self.tus.patch(path, 0, data.bytes(0, FIRST))
        assert answer.status == 204, answer
        return path.rpartition("/")[2]

    def offset(self, name):
        return self.tus.offset("/files/" + name)

    def finish(self, name, data, offset):
        answer = self.tus.patch("/files/" + name, offset, data.bytes(offset))
        assert answer.status == 204, answer
        assert answer.get("upload-offset") == str(SIZE), answer

    def says_complete(self, name):
        answer = self.tus.head("/files/" + name)
        return (answer.status == 200 and answer.get("upload-offset") == str(SIZE)
                and answer.get("upload-length") == str(SIZE))


class IetfSpeaker:
    def __init__(self, port, version):
        self.ietf = Ietf(port, version)

    def begin(self, _name, data):
        path = self.ietf.begin(SIZE)
        answer = self.ietf.patch(path, 0, False, data.bytes(0, FIRST))
        assert answer.status // 100 == 2, answer
        return path.rpartition("/")[2]

    def offset(self, name):
        answer = self.ietf.head("/files/" + name)
        assert answer.status // 100 == 2, answer
        assert self.ietf.said_complete(answer) is False, answer
        return int(answer.get("upload-offset"))

    def finish(self, name, data, offset):
        answer = self.ietf.patch("/files/" + name, offset, True, data.bytes(offset))
        assert answer.status // 100 == 2, answer
        assert self.ietf.said_complete(answer) is not False, answer

    def says_complete(self, name):
        answer = self.ietf.head("/files/" + name)
        return answer.status // 100 == 2 and self.ietf.said_complete(answer) is True


class Put308Speaker:
    def __init__(self, port):
        self.port = port

    def put(self, name, content_range, body):
        return request(self.port, "PUT", "/upload/" + name, [("Content-Range", content_range)], body)

    def begin(self, name, data):
        answer = self.put(name, f"bytes 0-{FIRST - 1}/{SIZE}", data.bytes(0, FIRST))
        assert answer.status == 308, answer
        return name

    def offset(self, name):
        answer = self.put(name, "bytes */*", b"")
        assert answer.status == 308, answer
        return answer.stored

    def finish(self, name, data, offset):
        answer = self.put(name, f"bytes {offset}-{SIZE - 1}/{SIZE}", data.bytes(offset))
        assert answer.status in (200, 201), answer

    def says_complete(self, name):
        return self.put(name, f"bytes */{SIZE}", b"").status in (200, 201)


class Mixed(OneGateway):
    sets = {"part_size": "5MiB", "linger": "300ms"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.speakers = {
            "put308": Put308Speaker(cls.gw.port),
            "tus": TusSpeaker(cls.gw.port),
            # The final form has no field of its own in a HEAD: it is known by the address that the
            # upload was given, so it cannot ask for what another protocol began.
            "ietf-10": IetfSpeaker(cls.gw.port, 10),
            "ietf-3": IetfSpeaker(cls.gw.port, 3),
        }

    def test_every_combination(self):
        for begins, asks, ends in itertools.product(self.speakers, repeat=3):
            with self.subTest(begins=begins, asks=asks, ends=ends):
                data = Data(f"{begins}-{asks}-{ends}", SIZE)
                name = self.speakers[begins].begin(f"mixed-{begins}-{asks}-{ends}.bin", data)
                offset = self.speakers[asks].offset(name)
                self.assertEqual(offset, FIRST)
                self.speakers[ends].finish(name, data, offset)
                self.assertEqual(self.store.size(name), SIZE)
                self.assertEqual(self.store.sha256(name), data.sha256())
                for word, speaker in self.speakers.items():
                    self.assertTrue(speaker.says_complete(name), f"{word} asks at the end")


class MixedIntoDirectory(Mixed, E2ETest):
    @classmethod
    def make_store(cls):
        return DirStore()


class MixedIntoS3(Mixed, E2ETest):
    @classmethod
    def make_store(cls):
        return FakeStore()


if __name__ == "__main__":
    unittest.main()

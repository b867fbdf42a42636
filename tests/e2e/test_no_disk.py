"""No upload byte on the gateway's disk, and bounded memory (G8): 1 GiB to the S3 store under strace.

Every write of the process is attributed to a path. Only the state database and the log may be
written, a little, and no stretch of the payload may be found in them. Needs strace and the right to
trace a child.
"""

import os
import pathlib
import re
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from e2e.harness import Data, E2ETest, MIB, target  # noqa: E402

SIZE = int(os.environ.get("SLUICE_NO_DISK_MIB", "1024")) * MIB
CALLS = ("write,pwrite64,writev,pwritev,pwritev2,open,openat,openat2,creat,sendfile,"
         "copy_file_range,splice,ftruncate,fallocate,memfd_create")
WRITE = re.compile(r"\b(write|pwrite64|writev|pwritev2?|sendfile|copy_file_range|splice)"
                   r"\((\d+)<(.*?)>(.*)= (\d+)$")
OPEN = re.compile(r"\b(open|openat|openat2|creat)\((.*)\) = \d+<(.*?)>")
WRITING = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|O_TMPFILE|creat")


class NoDisk(E2ETest):
    def test_one_gibibyte(self):
        directory = self.temporary()
        trace = directory / "trace"
        store = self.fake_store(etag="opaque")
        gateway = self.gateway(store, prefix=[
            "strace", "-f", "-y", "-qq", "-s", "64", "-e", f"trace={CALLS}", "-e", "signal=none",
            "--seccomp-bpf", "-o", str(trace)])
        data = Data("no disk", SIZE)
        with gateway.connect(timeout=120) as connection:
            connection.send_head("PUT", target("big.bin"), {"Content-Length": str(SIZE)})
            for view in data.views():
                connection.send(view)
            answer = connection.read_response()
        self.assertEqual(answer.status, 200, answer)
        # A second one that is cut and resumed: parking goes to the store, too.
        half = SIZE // 16 + 12345
        answer = gateway.put("cut.bin", data.bytes(0, half),
                             [("Content-Range", f"bytes 0-{half - 1}/{SIZE // 8}")])
        self.assertEqual((answer.status, answer.stored), (308, half))
        high_water, sanitized = gateway.status("VmHWM"), gateway.sanitized
        gateway.stop()
        self.assert_stored(store, "big.bin", data)

        written, opened, calls = {}, set(), 0
        for line in trace.read_text(errors="replace").splitlines():
            calls += 1
            if match := WRITE.search(line):
                _, _, path, arguments, count = match.groups()
                if path.startswith("/") and not path.startswith("/dev/"):
                    path = path.removesuffix("(deleted)")
                    written[path] = written.get(path, 0) + int(count)
                    self.assertNotIn("memfd", path)
            if (match := OPEN.search(line)) and WRITING.search(match.group(2) + match.group(1)):
                opened.add(match.group(3).removesuffix("(deleted)"))
        self.assertGreater(calls, 100, "the trace is empty: nothing was proved")
        total = sum(written.values())
        print(f"no disk: {SIZE >> 20} MiB sent, {total} bytes written to files "
              f"{ {pathlib.Path(p).name: n for p, n in written.items()} }, "
              f"VmHWM {high_water >> 20} MiB", file=sys.stderr)
        own = (str(gateway.state_file), str(gateway.log_path), "/dev/", "/proc/")
        for path in set(written) | opened:
            self.assertTrue(path.startswith(own), f"written or opened for writing: {path}")
        # Each part is one small transaction, about 10 KiB of database log for 8 MiB of upload.
        self.assertLess(total, SIZE // 512 + (256 << 10))
        self.assertLess(written.get(str(gateway.log_path), 0), 64 << 10)
        # "write" may also be done through a mapping: look at what is left on the disk.
        samples = [data.bytes(at, at + 32) for at in range(1000, MIB, 32 << 10)]
        for path in gateway.directory.iterdir():
            text = path.read_bytes()
            for sample in samples:
                self.assertEqual(text.find(sample), -1, f"payload in {path.name}")
        if not sanitized:
            self.assertLess(high_water, 128 * MIB)


if __name__ == "__main__":
    unittest.main()

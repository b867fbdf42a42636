"""HTML forms and bodies without a name, as curl sends them: several files and fields, large files,
keys and redirects, lines that are cut. What arrived is compared by its hash.
"""

import json
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from e2e.harness import (Connection, Data, E2ETest, MIB, clean_environment, request,  # noqa: E402
                         wait_clean, wait_until)


class FormTest(E2ETest):
    def file(self, name, size):
        data = Data(name, size)
        path = self.temporary() / name
        with open(path, "wb") as file:
            for view in data.views():
                file.write(view)
        return data, path

    def curl(self, port, *words, path="/upload"):
        """(status, headers, body)."""
        done = subprocess.run(
            ["curl", "-sS", "--max-time", "120", "-o", "-", "-D", "/dev/stderr",
             f"http://127.0.0.1:{port}{path}", *words],
            env=clean_environment(), capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = done.stderr.strip().splitlines()
        heads = [i for i, line in enumerate(lines) if line.startswith("HTTP/")]
        status = int(lines[heads[-1]].split()[1])
        headers = {k.lower(): v.strip() for k, _, v in
                   (line.partition(":") for line in lines[heads[-1] + 1:])}
        return status, headers, done.stdout


class Forms(FormTest):
    def check_files_and_fields(self, store):
        gateway = self.gateway(store)
        one, path_one = self.file("one.bin", 3 * MIB + 17)
        two, path_two = self.file("two.bin", 0)
        big, path_big = self.file("big.bin", 70 * MIB + 1)
        status, _, body = self.curl(
            gateway.port, "-F", "before=1", "-F", f"a=@{path_one};type=image/png", "-F",
            f"b=@{path_two}", "-F", "between=x", "-F", f"c=@{path_big}", "-F", "after=2")
        self.assertEqual(status, 201, body)
        uploads = json.loads(body)["uploads"]
        self.assertEqual([(u["field"], u["filename"]) for u in uploads],
                         [("a", "one.bin"), ("b", "two.bin"), ("c", "big.bin")])
        for upload, data in zip(uploads, (one, two, big)):
            self.assertEqual(upload["size"], str(len(data)))
            self.assert_stored(store, upload["name"], data)
            state = request(gateway.port, "GET",
                            upload["location"].partition(str(gateway.port))[2])
            self.assertEqual(state.json()["state"], "complete")
        wait_clean(store)
        return uploads

    def test_files_and_fields(self):
        self.check_files_and_fields(self.dir_store())

    def test_on_s3(self):
        store = self.fake_store()
        uploads = self.check_files_and_fields(store)
        types = [store.headers(u["name"]).get("content-type") for u in uploads]
        self.assertEqual(types[0], "image/png")

    def test_keys(self):
        store = self.dir_store()
        gateway = self.gateway(store)
        one, path = self.file("a b.bin", 1000)
        status, _, body = self.curl(gateway.port, "-F", "key=in/${filename}", "-F",
                                    f"f=@{path}", "-F", "key=last", "-F", f"f=@{path}",
                                    path="/upload/")
        self.assertEqual(status, 201, body)
        self.assertEqual([u["key"] for u in json.loads(body)["uploads"]], ["in/a b.bin", "last"])
        self.assert_stored(store, "in/a b.bin", one)
        self.assert_stored(store, "last", one)

    def test_redirect(self):
        store = self.dir_store()
        gateway = self.gateway(store, sets={"form.redirects": "https://app.example/done/"})
        _, path = self.file("a.bin", 10)
        status, headers, _ = self.curl(gateway.port, "-F", f"f=@{path}", "-F",
                                       "redirect_to=https://app.example/done/1")
        self.assertEqual((status, headers["location"]), (303, "https://app.example/done/1"))
        status, _, body = self.curl(gateway.port, "-F", f"f=@{path}", "-F",
                                    "redirect_to=https://evil.example/done/1")
        self.assertEqual(status, 400)
        self.assertEqual(len(json.loads(body)["stored"]), 1)

    def test_a_refused_file_names_what_was_stored(self):
        store = self.dir_store()
        gateway = self.gateway(store, sets={"max_size": "1MiB"})
        small, path_small = self.file("small.bin", 1000)
        _, path_large = self.file("large.bin", 3 * MIB)
        status, _, body = self.curl(gateway.port, "-F", f"a=@{path_small}", "-F",
                                    f"b=@{path_large}")
        self.assertEqual(status, 413, body)
        stored = json.loads(body)["stored"]
        self.assertEqual(len(stored), 1)
        self.assert_stored(store, stored[0]["name"], small)
        wait_clean(store)
        self.assertEqual(store.names(), [stored[0]["name"]])

    def test_raw_body(self):
        store = self.dir_store()
        gateway = self.gateway(store)
        data, path = self.file("a.bin", 9 * MIB + 1)
        for words in (("-H", "Content-Type: video/mp4"), ("-H", "Transfer-Encoding: chunked")):
            status, headers, body = self.curl(gateway.port, "--data-binary", f"@{path}", *words)
            self.assertEqual(status, 201, body)
            name = json.loads(body)["name"]
            self.assertTrue(headers["location"].endswith("/upload/" + name))
            self.assert_stored(store, name, data)
        wait_clean(store)


class Cuts(FormTest):
    """A line that is cut leaves no object and nothing else."""

    def cut(self, store, sent, chunked=False):
        gateway = self.gateway(store)
        head = ("POST /upload HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/form-data; "
                "boundary=B\r\n")
        head += "Transfer-Encoding: chunked\r\n\r\n" if chunked else "Content-Length: 99999999\r\n\r\n"
        if chunked:
            sent = b"%x\r\n%s\r\n" % (len(sent), sent)
        connection = Connection(gateway.port)
        connection.send(head.encode() + sent)
        # All of it has been received before the line goes.
        wait_until(lambda: gateway.metrics()["sluice_upload_received_bytes_total"] >= min(len(sent), MIB)
                   if len(sent) > MIB else True, what="the bytes' arrival")
        connection.close()
        wait_until(lambda: "client-gone" in gateway.log_text(), what="the end of the request")
        wait_clean(store)
        self.assertEqual(store.names(), [])

    PART = (b"--B\r\nContent-Disposition: form-data; name=f; filename=x\r\n"
            b"Content-Type: text/plain\r\n\r\n")

    def test_inside_a_file(self):
        for store in (self.dir_store(), self.fake_store()):
            self.cut(store, self.PART + b"x" * (20 * MIB))

    def test_inside_the_boundary(self):
        self.cut(self.dir_store(), self.PART + b"hello\r\n--B")
        self.cut(self.dir_store(), self.PART + b"hello\r\n", chunked=True)

    def test_inside_a_head(self):
        self.cut(self.dir_store(), self.PART[:40])

    def test_a_body_that_ends_without_its_boundary(self):
        store = self.dir_store()
        gateway = self.gateway(store)
        answer = request(gateway.port, "POST", "/upload",
                         [("Content-Type", "multipart/form-data; boundary=B")],
                         self.PART + b"hello\r\n")
        self.assertEqual(answer.status, 400, answer)
        wait_clean(store)
        self.assertEqual(store.names(), [])


if __name__ == "__main__":
    unittest.main()

"""tus 1.0 on a bare socket: requests with the fields that every one has, nothing hidden."""

import base64

from e2e.http_raw import Connection, request

STREAM = "application/offset+octet-stream"
VERSION = ("Tus-Resumable", "1.0.0")
FILES = "/files/"


def metadata(**pairs):
    return ",".join(f"{k} {base64.b64encode(v).decode()}" if v else k for k, v in pairs.items())


class Tus:
    """Requests to one gateway. Fields given as None are left out."""

    def __init__(self, port, prefix=FILES):
        self.port = port
        self.prefix = prefix

    def fields(self, *more):
        items = [VERSION, *more]
        last = {name.lower(): value for name, value in items}
        names = {name.lower(): name for name, _ in items}
        return [(names[n], v) for n, v in last.items() if v is not None]

    def ask(self, method, path, *more, body=None):
        return request(self.port, method, path, self.fields(*more), body)

    def create(self, length=None, *more, body=None):
        items = [("Upload-Length", str(length))] if length is not None else []
        if body is None:
            return self.ask("POST", self.prefix, *items, ("Content-Length", "0"), *more)
        return self.ask("POST", self.prefix, *items, ("Content-Type", STREAM), *more, body=body)

    def begin(self, length=None, *more):
        """The path of a new upload."""
        items = more if length is not None else (("Upload-Defer-Length", "1"), *more)
        answer = self.create(length, *items)
        assert answer.status == 201, answer
        return self.path(answer)

    @staticmethod
    def path(answer):
        return "/" + answer.get("location").split("://", 1)[1].split("/", 1)[1]

    def head(self, path, *more):
        return self.ask("HEAD", path, *more)

    def offset(self, path):
        answer = self.head(path)
        assert answer.status == 200, answer
        return int(answer.get("upload-offset"))

    def patch(self, path, offset, body, *more):
        return self.ask("PATCH", path, ("Upload-Offset", str(offset)), ("Content-Type", STREAM),
                        *more, body=body)

    def delete(self, path, *more):
        return self.ask("DELETE", path, *more)

    def open_patch(self, path, offset, *more):
        """A connection on which the head of a PATCH has been sent."""
        connection = Connection(self.port)
        connection.send_head("PATCH", path, self.fields(
            ("Upload-Offset", str(offset)), ("Content-Type", STREAM), *more))
        return connection

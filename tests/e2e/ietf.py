"""IETF resumable uploads on a bare socket, in the words of one interop version."""

from e2e.http_raw import Connection, request

PARTIAL = "application/partial-upload"
VERSION = "Upload-Draft-Interop-Version"
FILES = "/files/"
ALL = (None, 3, 4, 5, 6, 7, 8, 9, 10)  # None: the final form, which says no version
IANA = "https://iana.org/assignments/http-problem-types#"


class Ietf:
    """Requests to one gateway. Fields given as None are left out."""

    def __init__(self, port, version=10):
        self.port = port
        self.version = version

    def old(self, low, high):
        return self.version is not None and low <= self.version <= high

    def complete(self, flag):
        """The field that says whether the content is all; None: no field."""
        if flag is None:
            return ("Upload-Complete", None)
        if self.version == 3:
            return ("Upload-Incomplete", "?0" if flag else "?1")
        return ("Upload-Complete", "?1" if flag else "?0")

    def said_complete(self, answer):
        """What an answer says, as a flag; None: nothing."""
        if self.version == 3:
            said = answer.get("upload-incomplete")
            return None if said is None else said == "?0"
        said = answer.get("upload-complete")
        return None if said is None else said == "?1"

    def fields(self, *more):
        items = [(VERSION, None if self.version is None else str(self.version)), *more]
        last = {name.lower(): value for name, value in items}
        names = {name.lower(): name for name, _ in items}
        return [(names[n], v) for n, v in last.items() if v is not None]

    def ask(self, method, path, *more, body=None, timeout=60):
        return request(self.port, method, path, self.fields(*more), body, timeout)

    def create(self, flag, *more, body=b"", method="POST", path=FILES):
        return self.ask(method, path, self.complete(flag), *more, body=body)

    def begin(self, length=None, *more):
        """The path of a new upload without content."""
        items = () if length is None else (("Upload-Length", str(length)),)
        answer = self.create(False, *items, *more)
        assert answer.status == 201, answer
        return self.path(answer.get("location"))

    @staticmethod
    def path(location):
        return "/" + location.split("://", 1)[1].split("/", 1)[1]

    def head(self, path, *more, method="HEAD", timeout=60):
        return self.ask(method, path, *more, timeout=timeout)

    def offset(self, path):
        answer = self.head(path)
        assert answer.status == 204, answer
        return int(answer.get("upload-offset"))

    def patch_fields(self, offset, flag, *more):
        return self.fields(("Upload-Offset", None if offset is None else str(offset)),
                           self.complete(flag), ("Content-Type", PARTIAL), *more)

    def patch(self, path, offset, flag, body=b"", *more):
        return request(self.port, "PATCH", path, self.patch_fields(offset, flag, *more), body)

    def delete(self, path, *more):
        return self.ask("DELETE", path, *more)

    def open(self, method, path, fields):
        """A connection on which a head has been sent."""
        connection = Connection(self.port)
        connection.send_head(method, path, fields)
        return connection

    def open_patch(self, path, offset, flag, *more):
        return self.open("PATCH", path, self.patch_fields(offset, flag, *more))

    def open_post(self, flag, *more, path=FILES):
        return self.open("POST", path, self.fields(self.complete(flag), *more))


def limits(text):
    """Upload-Limit as a dict of integers (R-26)."""
    found = {}
    for item in text.split(","):
        key, _, value = item.strip().partition("=")
        found[key] = int(value)
    assert found, text
    return found

"""A minimal signing S3 client, for tests of the fake and for looking into stores."""

import http.client
import urllib.parse

from fakes import sigv4


class Reply:
    def __init__(self, response, body):
        self.status = response.status
        self.headers = {n.lower(): v for n, v in response.getheaders()}
        self.body = body

    def text(self, tag):
        """The first element of that name, without a parser: answers here are small and known."""
        begin = self.body.find(f"<{tag}>".encode())
        end = self.body.find(f"</{tag}>".encode())
        return self.body[begin + len(tag) + 2:end].decode() if 0 <= begin < end else None


class S3:
    def __init__(self, endpoint, access, secret, bucket, region="us-east-1", token=None):
        self.netloc = urllib.parse.urlsplit(endpoint).netloc
        self.access, self.secret, self.bucket = access, secret, bucket
        self.region, self.token = region, token

    def call(self, method, key=None, query="", body=b"", headers=None, payload_hash=None,
             drop=(), secret=None, now=None, length=True, extra_unsigned=None):
        """One request on its own connection. `drop`: header names removed after signing."""
        path = f"/{self.bucket}" if key is None else f"/{self.bucket}/{sigv4.encode(key, True)}"
        if payload_hash is None:
            payload_hash = sigv4.UNSIGNED
        signed = sigv4.sign(method, path, query, {"host": self.netloc, **(headers or {})},
                            payload_hash, self.access, secret or self.secret, self.region,
                            self.token, now)
        signed.update(extra_unsigned or {})
        for name in drop:
            signed.pop(name)
        connection = http.client.HTTPConnection(self.netloc, timeout=60)
        try:
            connection.putrequest(method, path + (f"?{query}" if query else ""), skip_host=True,
                                  skip_accept_encoding=True)
            for name, value in signed.items():
                connection.putheader(name, value)
            if length and (body or method in ("PUT", "POST")):
                connection.putheader("content-length", str(len(body)))
            connection.endheaders()
            if body:
                connection.send(body)
            response = connection.getresponse()
            return Reply(response, response.read())
        finally:
            connection.close()

    def create(self, key, **headers):
        return self.call("POST", key, "uploads=", headers=headers).text("UploadId")

    def part(self, key, upload_id, number, body, **more):
        return self.call("PUT", key, f"partNumber={number}&uploadId={upload_id}", body, **more)

    def complete(self, key, upload_id, parts, **more):
        """`parts`: (number, etag) or (number, etag, xml of checksums)."""
        body = "".join(f"<Part><PartNumber>{p[0]}</PartNumber><ETag>{p[1]}</ETag>"
                       f"{p[2] if len(p) > 2 else ''}</Part>" for p in parts)
        return self.call("POST", key, f"uploadId={upload_id}",
                         f"<CompleteMultipartUpload>{body}</CompleteMultipartUpload>".encode(),
                         **more)

#!/usr/bin/env python3
"""The smallest application that decides who may upload: everybody with the right token, 1 GiB each.

    app.py [PORT]      then: sluice serve --auth forward --auth-url http://127.0.0.1:PORT/authorize
"""

import http.server
import sys

TOKENS = {"Bearer let-me-in": "user-42"}


class Authorize(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        user = TOKENS.get(self.headers.get("Authorization", ""))
        self.send_response(200 if user else 401)
        if user:
            # The object's key is ours to choose, whatever the client calls its upload.
            self.send_header("X-Upload-Key", f"{user}/{self.headers['X-Upload-Name']}")
            self.send_header("X-Upload-Subject", user)
            self.send_header("X-Upload-Max-Size", str(1 << 30))
        else:
            self.send_header("WWW-Authenticate", "Bearer")
        self.send_header("Content-Length", "0")
        self.end_headers()


port = int(sys.argv[1]) if len(sys.argv) > 1 else 8081
server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Authorize)
print(f"answering on http://127.0.0.1:{server.server_port}/authorize", flush=True)
server.serve_forever()

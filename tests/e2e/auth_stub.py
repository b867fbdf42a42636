"""The application that is asked before each upload: records what it is shown, answers a script."""

import socket
import threading
import time

from fakes.http_server import Closed, Connection, Malformed


class AuthStub:
    """`answer(status, headers, body, delay)` sets the answer for all that follow; `then(...)`
    queues one for the next request only. `stall` seconds: silence instead of an answer."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/authorize"
        self.requests = []  # (method, target, headers as dict with lower-case names, body)
        self._standing = (200, (), b"", 0.0)
        self._queue = []
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._listener.close()

    def answer(self, status, headers=(), body=b"", delay=0.0):
        with self._lock:
            self._queue.clear()
            self._standing = (status, headers, body, delay)

    def then(self, status, headers=(), body=b"", delay=0.0):
        with self._lock:
            self._queue.append((status, headers, body, delay))

    def clear(self):
        with self._lock:
            self.requests.clear()

    def _accept(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(Connection(sock),), daemon=True).start()

    def _serve(self, connection):
        try:
            while (request := connection.read_request()) is not None:
                body = bytearray(int(request.get("content-length", "0")))
                connection.read_into(memoryview(body))
                with self._lock:
                    self.requests.append((request.method, request.target, request.dict,
                                          bytes(body)))
                    status, headers, answer, delay = self._queue.pop(0) if self._queue \
                        else self._standing
                if delay:
                    time.sleep(delay)
                connection.send_head(status, [*headers, ("Content-Length", str(len(answer)))])
                connection.send(answer)
        except (Closed, Malformed):
            pass
        finally:
            connection.close()

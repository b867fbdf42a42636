"""One upload by many connections at once, in pieces, in order."""

import queue
import threading
import time

from http_line import Line
from programs import Broken

ZEROES = memoryview(bytes(1 << 20))


def swarm(gateway, name, size, connections, piece):
    """Seconds for it all."""
    pieces = queue.Queue()
    for begin in range(0, size, piece):
        pieces.put((begin, min(size, begin + piece)))
    answers, failures = [], []

    def work():
        try:
            line = Line(gateway.port)
            try:
                while True:
                    send_piece(line, *pieces.get_nowait())
            except queue.Empty:
                line.close()
        except (Broken, OSError) as error:
            failures.append(error)

    def send_piece(line, begin, end):
        line.send(f"PUT {gateway.path}{name} HTTP/1.1\r\nHost: bench\r\nX-Upload-Parallel: 1\r\n"
                  f"Content-Length: {end - begin}\r\n"
                  f"Content-Range: bytes {begin}-{end - 1}/{size}\r\n\r\n".encode())
        left = end - begin
        while left:
            left -= line.sock.send(ZEROES[:left])
        status, _ = line.final_answer()
        if status not in (200, 308):
            raise Broken(f"status {status}")
        answers.append(status)

    started = time.monotonic()
    threads = [threading.Thread(target=work) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - started
    if failures or 200 not in answers:
        raise Broken(f"{failures[:1]} {answers[-3:]}")
    return seconds

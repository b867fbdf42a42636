"""Upload bodies: any size, made at memory speed from a seed, every 64 KiB marked with its offset.

The marks make misplaced, repeated and missing stretches visible to a hash; the base block is
pseudo-random, so nothing compresses and nothing repeats within a mebibyte.
"""

import hashlib
import struct

BLOCK = 1 << 20
MARK_EVERY = 64 << 10


class Data:
    def __init__(self, seed, size):
        self.seed = seed
        self.size = size
        self._base = hashlib.shake_128(f"sluice {seed}".encode()).digest(BLOCK)
        self._sha256 = None

    def __len__(self):
        return self.size

    def __repr__(self):
        return f"Data(seed={self.seed!r}, size={self.size})"

    @property
    def pattern(self):
        """32 bytes that stand in every whole block: what to look for where no byte may be."""
        return self._base[1000:1032]

    def _block(self, index):
        block = bytearray(self._base)
        for at in range(0, BLOCK, MARK_EVERY):
            struct.pack_into(">Q", block, at, index * BLOCK + at)
        return memoryview(block)

    def views(self, begin=0, end=None):
        """The bytes [begin, end) in pieces of at most a mebibyte."""
        end = self.size if end is None else min(end, self.size)
        while begin < end:
            index, inside = divmod(begin, BLOCK)
            take = min(BLOCK - inside, end - begin)
            yield self._block(index)[inside:inside + take]
            begin += take

    def bytes(self, begin=0, end=None):
        return b"".join(self.views(begin, end))

    def sha256(self):
        if self._sha256 is None:
            state = hashlib.sha256()
            for view in self.views():
                state.update(view)
            self._sha256 = state.hexdigest()
        return self._sha256


def sha256_of_file(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

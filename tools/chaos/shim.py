"""A wall clock that steps and a disk that cannot be read, for the gateway alone: shim.c before its
libc."""
import shutil
import struct
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("shim.c")
NANOS = 1_000_000_000


class Shim:
    """Compiled for the run; acts on what is started with `environment()`."""

    def __init__(self, folder):
        self._library, self._words = folder / "shim.so", folder / "shim.words"
        subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", str(self._library), str(SOURCE)],
                       check=True)
        self._words.write_bytes(struct.pack("<qq", 0, 0))

    @staticmethod
    def is_possible():
        return shutil.which("cc") is not None

    def environment(self):
        return {"LD_PRELOAD": str(self._library.resolve()),
                "CHAOS_SHIM": str(self._words.resolve())}

    def set_clock(self, secs_ahead):
        """Puts the wall clock so far from where it belongs."""
        self._write(0, int(secs_ahead * NANOS))

    def fail_reads(self, fail):
        self._write(1, int(fail))

    def _write(self, index, word):
        with open(self._words, "r+b") as words:
            words.seek(8 * index)
            words.write(struct.pack("<q", word))

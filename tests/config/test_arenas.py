"""Threads of a web worker take their memory from a common stock."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from config.arenas import MOST_ARENAS, share_memory_between_threads

# In a process of its own: the number of arenas never falls again. malloc_info(3) lists them.
_COUNT = """
import ctypes, sys, threading
from config.arenas import share_memory_between_threads
if sys.argv[2] == "shared":
    assert share_memory_between_threads()
together, kept = threading.Barrier(12), []
def take():
    together.wait()
    kept.append([bytes(60_000) for _ in range(50)])
threads = [threading.Thread(target=take) for _ in range(12)]
for thread in threads: thread.start()
for thread in threads: thread.join()
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
stream = ctypes.c_void_p(libc.fopen(sys.argv[1].encode(), b"w"))
libc.malloc_info(0, stream)
libc.fclose(stream)
print(open(sys.argv[1]).read().count("<heap nr="))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="this C library keeps no stocks of memory by thread")
def test_many_threads_share_few_arenas(tmp_path: object) -> None:
    def arenas(how: str) -> int:
        return int(subprocess.run([sys.executable, "-c", _COUNT, f"{tmp_path}/{how}", how], capture_output=True, text=True, check=True, timeout=60).stdout)

    assert arenas("alone") > MOST_ARENAS
    assert arenas("shared") <= MOST_ARENAS


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert not share_memory_between_threads()

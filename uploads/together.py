"""Calls of one kind, made at the same time, go to the database as one: one round trip, one plan, one commit for all of them.

A function that asks the database for one upload names another that asks for many: `@together(take_leases)`. `uploads.threads.database`
then collects: what is called while a batch is under way waits, and goes together as the next. Nobody waits for company, so a call alone
is as quick as before; the busier the server, the larger its batches, and the fewer its commits. Each call is answered only after the
transaction that did its work is committed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

from django.db import Error, connection

P = ParamSpec("P")
T = TypeVar("T")

MOST_TOGETHER = 64
MOST_AT_ONCE = 4  # batches of one kind under way, once the first takes longer than this:
IMPATIENT_SECONDS = 0.03  # one that waits for somebody's lock must not hold everybody up


@dataclass(frozen=True, slots=True)
class Call:
    """One call of many, and the request it is made for."""

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    request_id: str


Many = Callable[[Sequence[Call]], Sequence[Any]]  # one result, or the exception to raise, for each call in order
_MANY: dict[Callable[..., Any], Many] = {}


def together(many: Many) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Declare that calls of a function may go as one call of `many`, which does all of them or, by raising, none."""

    def declare(one: Callable[P, T]) -> Callable[P, T]:
        _MANY[one] = many
        return one

    return declare


def many_of(function: Callable[..., Any]) -> Many | None:
    return _MANY.get(function)


def answers(many: Many, calls: Sequence[Call]) -> list[Any]:
    """Make the calls together. Where that fails, make them one by one, so that a fault only hits the call it belongs to.

    Not when the connection broke: nobody knows then whether the transaction was committed, and each caller must decide for itself.
    """
    try:
        return list(many(calls))
    except Exception as failure:  # noqa: BLE001 - it becomes the answer, and is raised where the call was made
        broken = isinstance(failure, Error) and (connection.connection is None or connection.connection.closed)
        if len(calls) == 1 or broken:
            return [failure] * len(calls)
    return [answers(many, [call])[0] for call in calls]


class Gatherer:
    """The batches of one kind of call, for one event loop.

    Args:
        run: answers some calls; called in a thread of `executor`.
    """

    def __init__(self, run: Callable[[Sequence[Call]], list[Any]], executor: Executor) -> None:
        self.loop = asyncio.get_running_loop()
        self._run, self._executor = run, executor
        self._waiting: list[tuple[Call, asyncio.Future[Any]]] = []
        self._under_way = 0
        self._due: asyncio.Handle | None = None

    def ask(self, call: Call) -> asyncio.Future[Any]:
        answer: asyncio.Future[Any] = self.loop.create_future()
        self._waiting.append((call, answer))
        self._plan()
        return answer

    def _plan(self) -> None:
        if self._due is not None or not self._waiting or self._under_way >= MOST_AT_ONCE:
            return
        if self._under_way:
            self._due = self.loop.call_later(IMPATIENT_SECONDS, self._begin)
        else:
            self._due = self.loop.call_soon(self._begin)  # after whatever else this turn of the loop brings

    def _begin(self) -> None:
        self._due = None
        batch, self._waiting = self._waiting[:MOST_TOGETHER], self._waiting[MOST_TOGETHER:]
        if batch:
            self._under_way += 1
            self._submit(batch)
        self._plan()

    def _submit(self, batch: list[tuple[Call, asyncio.Future[Any]]]) -> None:
        try:
            self._executor.submit(self._answer, batch)
        except RuntimeError as failure:  # the pool is shut down: the process ends, and whoever waits must hear it
            self._tell(batch, [failure] * len(batch))

    def _answer(self, batch: list[tuple[Call, asyncio.Future[Any]]]) -> None:
        results: list[Any]
        try:
            results = self._run([call for call, _answer in batch])
        except BaseException as failure:  # noqa: BLE001 - raised where the calls were made: an answer that never comes would hold a request for ever
            results = [failure] * len(batch)
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self._tell, batch, results)

    def _tell(self, batch: list[tuple[Call, asyncio.Future[Any]]], results: list[Any]) -> None:
        self._under_way -= 1
        for (_call, answer), result in zip(batch, results, strict=True):
            if answer.done():
                continue  # canceled meanwhile
            if isinstance(result, BaseException):
                answer.set_exception(result)
            else:
                answer.set_result(result)
        if self._due is not None and not self._under_way:
            self._due.cancel()  # what waits need not be patient any longer
            self._due = None
        self._plan()

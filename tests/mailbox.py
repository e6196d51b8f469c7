"""A real mail server on a free port, which may refuse, put off, hang up, or be away for a while."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes
from types import TracebackType
from typing import Any

from aiosmtpd.smtp import SMTP


@dataclass
class Mailbox:
    """`with Mailbox() as server`: what it took is in `taken`; `rcpt` and `data` answer for it when set."""

    taken: list[tuple[list[str], Any]] = field(default_factory=list)
    rcpt: Callable[[str], str] = lambda address: "250 OK"
    data: Callable[[], str] = lambda: "250 OK"
    hang_up_after_data: bool = False
    port: int = 0

    def __enter__(self) -> Mailbox:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
        asyncio.run_coroutine_threadsafe(self._end_all(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)
        self._loop.close()

    def open(self) -> None:
        """Answer; after `close`, on the same port as before."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = int(self._listener.getsockname()[1])
        self._server = asyncio.run_coroutine_threadsafe(self._serve(), self._loop).result(30)

    def close(self) -> None:
        """Be away: whoever connects is refused."""
        self._loop.call_soon_threadsafe(self._server.close)
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0), self._loop).result(30)

    async def _serve(self) -> asyncio.Server:
        return await self._loop.create_server(lambda: SMTP(self, hostname="mail.test", loop=self._loop), sock=self._listener)

    async def _end_all(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        answer = self.rcpt(address)
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        answer = self.data()
        if answer.startswith("250"):
            self.taken.append((list(envelope.rcpt_tos), message_from_bytes(envelope.content)))
        if self.hang_up_after_data:
            self.hang_up_after_data = False
            server.transport.abort()
        return answer
